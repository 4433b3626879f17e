/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ikeclient.h"

/*
 * Resumption at a gateway (RFC 5723), as a stranger and as the ticket's owner may try it. Input:
 * one octet of choices, then by its two lowest bits
 *
 *   0  an IKE_SESSION_RESUME message, all of it
 *   1  what is done to a good ticket: pairs of place and octet, then it is shown
 *   2  the payloads of the IKE_AUTH behind a good ticket, sealed with the right keys
 *   3  a chain for an IKE_SESSION_RESUME message, header made right
 *
 * It must not crash nor leak. A stranger makes no SA and gets no answer but TICKET_NACK, COOKIE or
 * an error; a ticket that was touched opens nothing.
 */
#define ALICE     "alice.example"
#define PSK       "correct horse battery"
#define UNIX_S    1764072000u
#define MAX_INPUT 2048

enum choice {
	CHOICE_MESSAGE,
	CHOICE_TICKET,
	CHOICE_AUTH,
	CHOICE_CHAIN,
};

struct place {
	struct rng_seeded seed;
	struct rng rng;
	struct policy_connection connection;
	struct policy *policy;
	struct ticket_office *office;
	struct responder *r;
	struct ikeclient c;
	struct path path;
	uint64_t now;
	uint8_t out[IKECLIENT_MESSAGE_MAX];
};

static struct crypto *crypto;

static void require(bool is_right)
{
	if (!is_right)
		abort();
}

static struct ts_list prefix_of(const char *text)
{
	struct ip_prefix prefix;

	require(ip_prefix_parse(text, &prefix) == 0);
	return (struct ts_list){ 1, { ts_from_prefix(&prefix) } };
}

static struct id_body fqdn(const char *name)
{
	return (struct id_body){ ID_FQDN, { (const uint8_t *)name, strlen(name) } };
}

/* The last message that was sent. */
static struct bytes give(struct place *p, struct bytes message)
{
	struct action a;
	size_t len = 0;

	responder_datagram(p->r, p->now, &p->path, message);
	while (responder_next_action(p->r, &a)) {
		if (a.type == ACTION_CHILD_ADD) {
			responder_child_result(p->r, p->now, a.child_id, 0);
		} else if (a.type == ACTION_SEND && a.message.len <= sizeof(p->out)) {
			memcpy(p->out, a.message.ptr, a.message.len);
			len = a.message.len;
		}
	}
	return (struct bytes){ p->out, len };
}

static void make_office(struct place *p)
{
	const struct ticket_office_conf conf = { .lifetime_s = 3600, .used_max = 10 };
	const struct ticket_key key = { .id = 1,
					.secret = { 7 },
					.not_before_s = UNIX_S,
					.not_after_s = UNIX_S + 9000,
					.may_issue = true };
	struct ticket_ring ring = { .n = 0 };

	p->office = ticket_office_new(&conf);
	require(p->office != NULL && ticket_ring_add(&ring, &key) == 0);
	ticket_office_set_ring(p->office, &ring);
}

static void set_up(struct place *p)
{
	struct responder_conf conf = {
		.member = 7,
		.shards = 1,
		.id = fqdn("gw.example"),
		.n_suites = 1,
		.half_open_max = 10,
		.cookie_above = 10,
		.half_open_timeout_ms = 30000,
		.fragment_size = FRAGMENT_SIZE_MIN,
		.allow_short_auth = true,
		.delete_voids_ticket = true,
	};
	struct policy_peer alice = { .id = fqdn(ALICE),
				     .psk = { (const uint8_t *)PSK, sizeof(PSK) - 1 },
				     .connection = &p->connection };

	memset(p, 0, sizeof(*p));
	p->seed.state = 4;
	p->rng = rng_seeded(&p->seed);
	p->connection.name = "sites";
	p->connection.n_suites = 1;
	p->connection.local = prefix_of("10.1.0.0/25");
	p->connection.remote = prefix_of("10.1.0.128/25");
	require(esp_suite_parse("aes256gcm16", &p->connection.suites[0]) == 0);
	require(ike_suite_parse("aes256gcm16-prfsha256-x25519", &conf.suites[0]) == 0);
	p->policy = policy_new(&alice, 1);
	make_office(p);
	conf.tickets = p->office;
	p->r = responder_new(&conf, p->policy, crypto, &p->rng, NULL);
	require(p->policy != NULL && p->r != NULL);
	responder_set_time(p->r, 0, UNIX_S);
	require(endpoint_parse("192.0.2.21:4500", &p->path.local) == 0);
	require(endpoint_parse("192.0.2.101:4500", &p->path.remote) == 0);
	ikeclient_init(&p->c, crypto, &p->rng, "aes256gcm16-prfsha256-x25519", "aes256gcm16", ALICE,
		       PSK);
	p->c.with_ticket_request = true;
	require(ikeclient_take_init(&p->c, give(p, ikeclient_init_request(&p->c))) == 0);
	require(ikeclient_take_auth(&p->c, give(p, ikeclient_auth_request(&p->c))) == 0);
	require(p->c.ticket_len > 0);
}

static void tear_down(struct place *p)
{
	responder_free(p->r);
	policy_free(p->policy);
	ticket_office_free(p->office);
	ikeclient_free(&p->c);
}

/* Any message: IKE_SESSION_RESUME if it has a header. */
static void show_message(struct place *p, struct bytes input)
{
	uint8_t message[MAX_INPUT + IKE_HEADER_SIZE];

	memcpy(message, input.ptr, input.len);
	if (input.len > 18)
		message[18] = EXCHANGE_IKE_SESSION_RESUME;
	give(p, (struct bytes){ message, input.len });
	require(responder_count_half_open(p->r) == 0);
}

static void show_ticket(struct place *p, struct bytes input)
{
	uint8_t good[TICKET_MAX_SIZE];
	bool is_touched;
	int err;

	memcpy(good, p->c.ticket, sizeof(good));
	for (size_t i = 0; i + 2 < input.len; i += 3) {
		size_t place = (size_t)(input.ptr[i] << 8 | input.ptr[i + 1]) % p->c.ticket_len;

		p->c.ticket[place] ^= input.ptr[i + 2];
	}
	is_touched = memcmp(good, p->c.ticket, p->c.ticket_len) != 0;
	err = ikeclient_take_resume(&p->c, give(p, ikeclient_resume_request(&p->c)));
	require(err == (is_touched ? ERR_BAD_STATE : 0));
	require(!is_touched || p->c.notify == NOTIFY_TICKET_NACK);
	require(responder_count_half_open(p->r) == (is_touched ? 0 : 1));
}

static void send_auth(struct place *p, uint8_t first, struct bytes chain)
{
	require(ikeclient_take_resume(&p->c, give(p, ikeclient_resume_request(&p->c))) == 0);
	give(p, ikeclient_seal(&p->c, EXCHANGE_IKE_AUTH, p->c.next_id++, first, chain));
}

static void show_chain(struct place *p, uint8_t first, struct bytes chain)
{
	uint8_t buf[MAX_INPUT + IKE_HEADER_SIZE];
	struct wr w = wr_init(buf, sizeof(buf));
	struct ike_header h = { .spi_i = 9,
				.version = IKE_VERSION,
				.exchange = EXCHANGE_IKE_SESSION_RESUME,
				.flags = IKE_FLAG_INITIATOR };
	struct payload_writer p2 = message_open(&w, &h);
	struct bytes message;

	wr_bytes(&w, chain);
	message_close(&p2);
	require(wr_finish(&w, &message) == 0);
	buf[16] = first;
	give(p, message);
	require(responder_count_half_open(p->r) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct place p;
	struct bytes rest = { input + 1, size - 1 };
	uint8_t first;

	if (size < 1 || size > MAX_INPUT)
		return 0;
	if (crypto == NULL)
		crypto = crypto_new();
	first = size > 1 ? (uint8_t)(PAYLOAD_SA + (input[0] >> 2) % 21) : 0;
	set_up(&p);
	switch ((enum choice)(input[0] & 3)) {
	case CHOICE_MESSAGE:
		show_message(&p, rest);
		break;
	case CHOICE_TICKET:
		show_ticket(&p, rest);
		break;
	case CHOICE_AUTH:
		send_auth(&p, first, rest);
		break;
	case CHOICE_CHAIN:
		show_chain(&p, first, rest);
		break;
	}
	tear_down(&p);
	return 0;
}
