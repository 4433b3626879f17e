/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/ikev2/initiator/internal.h"
#include "common/ikev2/responder/responder.h"
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/sk.h"
#include "common/ikev2/ticket/office.h"

/*
 * What may be said to an initiator with an IKE SA, a ticket and a QCD token (RFC 5723, 6290, 5685,
 * 6311). Input: one octet of choices, then a chain of payloads; by the two lowest bits it is
 *
 *   0  in clear, the answer to IKE_SESSION_RESUME
 *   1  in clear, the answer to a liveness check
 *   2  protected, an INFORMATIONAL request with message ID 0
 *   3  protected, the answer to IKE_AUTH of a resumed IKE SA, with the keys of its ticket
 *
 * It must not crash nor leak. Who has no keys changes nothing of the IKE SA that is there.
 */
#define ALICE     "alice.example"
#define PSK       "correct horse battery"
#define UNIX_S    1764072000u
#define MAX_INPUT 2048
#define ROUNDS    20

enum choice {
	CHOICE_RESUME,
	CHOICE_CLEAR,
	CHOICE_REQUEST,
	CHOICE_AUTH,
};

struct place {
	struct rng_seeded seed;
	struct rng rng;
	struct policy_connection connection[2];
	struct policy_peer gateway;
	struct policy *policy;
	struct ticket_office *office;
	struct responder *r;
	struct initiator *i;
	struct path path;
	uint64_t now;
	struct resumption ticket;
	uint64_t spi; /* of the IKE SA that is there */
	bool is_deaf; /* the gateway hears nothing */
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

static struct path turned(const struct path *path)
{
	return (struct path){ path->remote, path->local };
}

static bool drain_gateway(struct place *p)
{
	struct action a;
	bool is_any = false;

	while (responder_next_action(p->r, &a)) {
		struct path path = turned(&a.path);

		is_any = true;
		if (a.type == ACTION_CHILD_ADD)
			responder_child_result(p->r, p->now, a.child_id, 0);
		else if (a.type == ACTION_SEND)
			initiator_datagram(p->i, p->now, &path, a.message);
	}
	return is_any;
}

static bool drain_initiator(struct place *p)
{
	struct action a;
	bool is_any = false;

	while (initiator_next_action(p->i, &a)) {
		struct path path = turned(&a.path);

		is_any = true;
		if (a.type == ACTION_CHILD_ADD)
			initiator_child_result(p->i, p->now, a.child_id, 0);
		else if (a.type == ACTION_SEND && !p->is_deaf)
			responder_datagram(p->r, p->now, &path, a.message);
		else if (a.type == ACTION_TICKET)
			p->ticket = *a.resumption;
		else if (a.type == ACTION_PEER_UP)
			p->spi = a.peer.spi;
	}
	return is_any;
}

static void drain(struct place *p)
{
	for (int k = 0; k < ROUNDS; k++) {
		bool is_any = drain_initiator(p);

		if (!drain_gateway(p) && !is_any)
			return;
	}
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

static void make_ends(struct place *p)
{
	const struct qcd_secrets secrets = { .n = 1, .secrets = { { 5 } } };
	struct responder_conf rconf = {
		.member = 7,
		.shards = 1,
		.id = fqdn("gw.example"),
		.n_suites = 1,
		.half_open_max = 10,
		.cookie_above = 10,
		.half_open_timeout_ms = 30000,
		.tickets = p->office,
	};
	struct initiator_conf iconf = {
		.id = fqdn(ALICE),
		.n_suites = 1,
		.setup_timeout_ms = 20000,
		.follow_redirects = true,
		.want_ticket = true,
		.message_id_sync = true,
	};

	require(ike_suite_parse("aes256gcm16-prfsha256-x25519", &rconf.suites[0]) == 0);
	iconf.suites[0] = rconf.suites[0];
	p->r = responder_new(&rconf, p->policy, crypto, &p->rng, NULL);
	p->i = initiator_new(&iconf, crypto, &p->rng, NULL);
	require(p->r != NULL && p->i != NULL);
	responder_set_time(p->r, p->now, UNIX_S);
	require(responder_set_qcd(p->r, 7, &secrets) == 0);
}

static void set_up(struct place *p)
{
	const struct bytes psk = { (const uint8_t *)PSK, sizeof(PSK) - 1 };
	struct policy_peer alice = { .id = fqdn(ALICE),
				     .psk = psk,
				     .connection = &p->connection[0] };

	memset(p, 0, sizeof(*p));
	p->now = 1000;
	p->seed.state = 4;
	p->rng = rng_seeded(&p->seed);
	for (int k = 0; k < 2; k++) {
		p->connection[k].name = "sites";
		p->connection[k].n_suites = 1;
		require(esp_suite_parse("aes256gcm16", &p->connection[k].suites[0]) == 0);
	}
	p->connection[0].local = p->connection[1].remote = prefix_of("10.1.0.0/25");
	p->connection[0].remote = p->connection[1].local = prefix_of("10.1.0.128/25");
	p->gateway = (struct policy_peer){ .id = fqdn("gw.example"),
					   .psk = psk,
					   .connection = &p->connection[1] };
	p->policy = policy_new(&alice, 1);
	require(p->policy != NULL);
	make_office(p);
	make_ends(p);
	require(endpoint_parse("192.0.2.101:4500", &p->path.local) == 0);
	require(endpoint_parse("192.0.2.21:4500", &p->path.remote) == 0);
	require(initiator_connect(p->i, p->now, &p->gateway, &p->path, 1) == 0);
	drain(p);
	require(initiator_count_established(p->i) == 1 && p->ticket.ticket_len > 0);
	p->is_deaf = true;
}

static void tear_down(struct place *p)
{
	/* Whatever was begun comes to its end. */
	for (int k = 0; k < ROUNDS; k++) {
		p->now += 5000;
		initiator_expire(p->i, p->now);
		drain(p);
	}
	responder_free(p->r);
	initiator_free(p->i);
	policy_free(p->policy);
	ticket_office_free(p->office);
	resumption_wipe(&p->ticket);
}

static struct bytes message_of(const struct ike_header *h, uint8_t first, struct bytes chain,
			       uint8_t *buf, size_t cap)
{
	struct wr w = wr_init(buf, cap);
	struct payload_writer writer = message_open(&w, h);
	struct bytes message;

	wr_bytes(&w, chain);
	message_close(&writer);
	require(wr_finish(&w, &message) == 0);
	buf[16] = first;
	return message;
}

static struct ike_sa *show_ticket(struct place *p)
{
	struct ike_sa *sa;

	require(initiator_resume(p->i, p->now, &p->gateway, &p->path, 2, &p->ticket) == 0);
	for (sa = p->i->core.by_spi; sa->state != SA_INIT_SENT; sa = sa->hh_spi.next)
		;
	return sa;
}

static void answer_resume(struct place *p, bool with_spi, uint8_t first, struct bytes chain)
{
	uint8_t buf[MAX_INPUT + IKE_HEADER_SIZE];
	const struct ike_header h = { .spi_i = show_ticket(p)->spi_i,
				      .spi_r = with_spi ? 9 : 0,
				      .version = IKE_VERSION,
				      .exchange = EXCHANGE_IKE_SESSION_RESUME,
				      .flags = IKE_FLAG_RESPONSE };

	drain(p);
	initiator_datagram(p->i, p->now, &p->path, message_of(&h, first, chain, buf, sizeof(buf)));
	drain(p);
	require(initiator_count_established(p->i) == 1);
}

static bool contains(struct bytes all, struct bytes part)
{
	for (size_t k = 0; k + part.len <= all.len; k++) {
		if (memcmp(all.ptr + k, part.ptr, part.len) == 0)
			return true;
	}
	return false;
}

static void answer_probe(struct place *p, uint8_t first, struct bytes chain)
{
	uint8_t buf[MAX_INPUT + IKE_HEADER_SIZE];
	const struct ike_sa *sa = ike_sa_find(&p->i->core, p->spi);
	const struct kept *kept = kept_of(sa);
	bool is_right = contains(chain, (struct bytes){ kept->token, kept->token_len });
	const struct ike_header h = { .spi_i = sa->spi_i,
				      .spi_r = sa->spi_r,
				      .version = IKE_VERSION,
				      .exchange = EXCHANGE_INFORMATIONAL,
				      .flags = IKE_FLAG_RESPONSE,
				      .message_id = sa->tx_next };

	require(kept->token_len == 32);
	require(initiator_probe(p->i, p->now, p->spi));
	drain(p);
	initiator_datagram(p->i, p->now, &p->path, message_of(&h, first, chain, buf, sizeof(buf)));
	drain(p);
	require(is_right || initiator_count_established(p->i) == 1);
}

static void say_protected(struct place *p, const struct ike_sa *sa, uint8_t exchange, uint8_t flags,
			  uint32_t mid, uint8_t first, struct bytes chain)
{
	uint8_t buf[MAX_INPUT + 200];
	struct wr w = wr_init(buf, sizeof(buf));
	const struct ike_header h = { .spi_i = sa->spi_i,
				      .spi_r = sa->spi_r,
				      .version = IKE_VERSION,
				      .exchange = exchange,
				      .flags = flags,
				      .message_id = mid };
	struct bytes message;

	sk_seal(&w, crypto, sa->suite.encr, key_bytes(&sa->keys.er), 1ull << 60, &h, first, chain);
	if (wr_finish(&w, &message) != 0)
		return; /* a chain that says that it is empty and is not */
	initiator_datagram(p->i, p->now, &p->path, message);
	drain(p);
}

static void ask(struct place *p, bool is_outstanding, uint8_t first, struct bytes chain)
{
	struct ike_sa *sa = ike_sa_find(&p->i->core, p->spi);

	sa->has_mid_sync = true;
	if (is_outstanding)
		require(initiator_probe(p->i, p->now, p->spi));
	drain(p);
	say_protected(p, sa, EXCHANGE_INFORMATIONAL, 0, 0, first, chain);
}

static void answer_auth(struct place *p, uint8_t first, struct bytes chain)
{
	uint8_t buf[256];
	struct ike_sa *sa = show_ticket(p);
	const struct ike_header h = { .spi_i = sa->spi_i,
				      .spi_r = 9,
				      .version = IKE_VERSION,
				      .exchange = EXCHANGE_IKE_SESSION_RESUME,
				      .flags = IKE_FLAG_RESPONSE };
	static const uint8_t nonce[4 + 32] = { 0, 0, 0, 36, 3 };

	drain(p);
	initiator_datagram(p->i, p->now, &p->path,
			   message_of(&h, PAYLOAD_NONCE, (struct bytes){ nonce, sizeof(nonce) },
				      buf, sizeof(buf)));
	drain(p);
	require(sa->state == SA_AUTH_SENT);
	say_protected(p, sa, EXCHANGE_IKE_AUTH, IKE_FLAG_RESPONSE, 1, first, chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct place p;
	struct bytes rest = { input + 1, size - 1 };
	uint8_t first;
	bool bit;

	if (size < 1 || size > MAX_INPUT)
		return 0;
	if (crypto == NULL)
		crypto = crypto_new();
	first = size > 1 ? (uint8_t)(PAYLOAD_SA + (input[0] >> 3) % 21) : 0;
	bit = (input[0] & 4) != 0;
	set_up(&p);
	switch ((enum choice)(input[0] & 3)) {
	case CHOICE_RESUME:
		answer_resume(&p, bit, first, rest);
		break;
	case CHOICE_CLEAR:
		answer_probe(&p, first, rest);
		break;
	case CHOICE_REQUEST:
		ask(&p, bit, first, rest);
		break;
	case CHOICE_AUTH:
		answer_auth(&p, first, rest);
		break;
	}
	tear_down(&p);
	return 0;
}
