/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/ikev2/responder/internal.h"
#include "common/ikev2/session/fragments.h"
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/sk.h"
#include "tests/lib/ikeclient.h"

/*
 * Authentic messages with any content at a gateway: what a peer that knows its secret may send.
 * Input: an even number of octets of script, 0xff, then a chain of payloads. Each pair of the
 * script is one step: a request or a response of any exchange with the chain, in one message or in
 * fragments (RFC 7383), or a request with a part of it; or something that the gateway does by
 * itself, or time that passes. Fragments come in order or not, twice with another content,
 * overlapping, one short, or begun anew in more pieces. It must not crash nor leak, whatever
 * becomes of the SA, and Child SAs and what is kept of incomplete messages stay bounded.
 */
#define MAX_INPUT 2048
#define ALICE     "alice.example"
#define PSK       "correct horse battery"

struct place {
	struct rng_seeded seed;
	struct rng rng;
	struct policy_connection connection;
	struct policy *policy;
	struct responder *r;
	struct ikeclient c;
	struct path path;
	uint64_t now;
	uint64_t child, spi;
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

/* The last message that was sent, if out is not NULL. */
static size_t drain(struct place *p, uint8_t *out, size_t cap)
{
	struct action a;
	size_t len = 0;

	while (responder_next_action(p->r, &a)) {
		if (a.type == ACTION_CHILD_ADD) {
			p->child = a.child_id;
			responder_child_result(p->r, p->now, a.child_id, 0);
		} else if (a.type == ACTION_SEND && out != NULL && a.message.len <= cap) {
			memcpy(out, a.message.ptr, a.message.len);
			len = a.message.len;
		} else if (a.type == ACTION_PEER_UP || a.type == ACTION_PEER_CHANGED) {
			p->spi = a.peer.spi;
		}
	}
	return len;
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
		.dpd_ms = 60000,
		.fragment_size = FRAGMENT_SIZE_MIN,
	};
	struct policy_peer alice = { .id = fqdn(ALICE),
				     .psk = { (const uint8_t *)PSK, sizeof(PSK) - 1 },
				     .connection = &p->connection };
	uint8_t out[IKECLIENT_MESSAGE_MAX];
	size_t len;

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
	p->r = responder_new(&conf, p->policy, crypto, &p->rng, NULL);
	require(p->policy != NULL && p->r != NULL);
	require(endpoint_parse("192.0.2.21:4500", &p->path.local) == 0);
	require(endpoint_parse("192.0.2.101:4500", &p->path.remote) == 0);
	ikeclient_init(&p->c, crypto, &p->rng, "aes256gcm16-prfsha256-x25519", "aes256gcm16", ALICE,
		       PSK);
	p->c.with_fragmentation = true;
	responder_datagram(p->r, p->now, &p->path, ikeclient_init_request(&p->c));
	len = drain(p, out, sizeof(out));
	require(ikeclient_take_init(&p->c, (struct bytes){ out, len }) == 0);
	responder_datagram(p->r, p->now, &p->path, ikeclient_auth_request(&p->c));
	len = drain(p, out, sizeof(out));
	require(ikeclient_take_auth(&p->c, (struct bytes){ out, len }) == 0);
}

static void tear_down(struct place *p)
{
	/* Nothing is kept for long of what never gets complete. */
	p->now += REASSEMBLY_MS;
	responder_expire(p->r, p->now);
	require(p->r->core.fragment_octets == 0);
	responder_free(p->r);
	policy_free(p->policy);
	ikeclient_free(&p->c);
}

/* ---- steps ---- */

static const uint8_t exchanges[] = { EXCHANGE_CREATE_CHILD_SA, EXCHANGE_INFORMATIONAL,
				     EXCHANGE_IKE_AUTH, 43 };

/* Under the message ID that is due, so that it is taken. */
static void give(struct place *p, uint8_t exchange, bool is_response, uint8_t first,
		 struct bytes inner)
{
	const struct ike_sa *sa = ike_sa_find(&p->r->core, p->c.spi_r);
	struct wr w = wr_init(p->c.plain, sizeof(p->c.plain));
	struct payload_writer chain = { .w = &w, .first = first };

	if (sa == NULL || inner.len > sizeof(p->c.plain))
		return;
	wr_bytes(&w, inner);
	responder_datagram(p->r, p->now, &p->path,
			   ikeclient_seal_chain(&p->c, exchange, is_response,
						is_response ? sa->tx_next - 1 : sa->rx_next,
						&chain));
	drain(p, NULL, 0);
}

/* ---- fragments ---- */

#define PIECES_MAX 8

/* How a message is cut, and what becomes of the pieces on their way. */
struct cut {
	uint8_t exchange;
	bool is_response;
	uint32_t mid;
	uint8_t first;
	struct bytes chain;
	uint16_t total;
	bool is_backwards, is_doubled, is_short, is_begun_anew, is_overlapping;
};

static struct bytes piece_of(const struct cut *c, uint16_t number)
{
	size_t size = c->chain.len / c->total + 1, at = (number - 1u) * size;
	size_t end = at + size + (c->is_overlapping ? number : 0);

	if (at > c->chain.len)
		at = c->chain.len;
	if (end > c->chain.len)
		end = c->chain.len;
	return (struct bytes){ c->chain.ptr + at, end - at };
}

static void give_piece(struct place *p, const struct cut *c, uint16_t number, struct bytes content)
{
	struct wr w = wr_init(p->c.buf, sizeof(p->c.buf));
	struct ike_header h = {
		.spi_i = p->c.spi_i,
		.spi_r = p->c.spi_r,
		.version = IKE_VERSION,
		.exchange = c->exchange,
		.flags = (uint8_t)(IKE_FLAG_INITIATOR | (c->is_response ? IKE_FLAG_RESPONSE : 0)),
		.message_id = c->mid,
	};
	struct fragment f = { { number, c->total }, c->first, content };
	struct bytes message;

	skf_seal(&w, crypto, p->c.suite.encr, key_bytes(&p->c.keys.ei), p->c.next_iv++, &h, &f);
	require(wr_finish(&w, &message) == 0);
	responder_datagram(p->r, p->now, &p->path, message);
	drain(p, NULL, 0);
}

static void give_pieces(struct place *p, const struct cut *c)
{
	struct cut more = *c;

	for (uint16_t k = 0; k + c->is_short < c->total; k++) {
		uint16_t number = c->is_backwards ? c->total - k : k + 1;

		if (c->is_begun_anew && k == c->total / 2) {
			more.is_begun_anew = false;
			more.total++;
			give_pieces(p, &more);
			continue;
		}
		give_piece(p, c, number, piece_of(c, number));
		if (c->is_doubled)
			give_piece(p, c, number, (struct bytes){ c->chain.ptr, 1 });
	}
}

static void give_cut(struct place *p, uint8_t exchange, bool is_response, uint8_t first,
		     struct bytes chain, uint8_t arg)
{
	const struct ike_sa *sa = ike_sa_find(&p->r->core, p->c.spi_r);
	uint8_t how = arg / (PIECES_MAX + 1);
	struct cut c = {
		.exchange = exchange,
		.is_response = is_response,
		.first = first,
		.chain = chain,
		.total = arg % (PIECES_MAX + 1),
		.is_backwards = how & 1,
		.is_doubled = how & 2,
		.is_short = how & 4,
		.is_begun_anew = how & 8,
		.is_overlapping = how & 16,
	};
	uint64_t taken = p->r->core.counters[COUNT_FRAGMENT];

	if (sa == NULL || chain.len > IKECLIENT_MESSAGE_MAX / 2)
		return;
	c.mid = is_response ? sa->tx_next - 1 : sa->rx_next;
	give_pieces(p, &c);
	/* In whatever order: of a message whose pieces were all taken none is kept. */
	sa = ike_sa_find(&p->r->core, p->c.spi_r);
	if (how % 16 < 2 && p->r->core.counters[COUNT_FRAGMENT] == taken + c.total)
		require(sa == NULL || sa->reassembly[is_response] == NULL);
}

static void act(struct place *p, uint8_t what)
{
	switch (what % 6) {
	case 0:
		responder_rekey_child(p->r, p->now, p->child);
		break;
	case 1:
		responder_rekey_ike(p->r, p->now, p->spi);
		break;
	case 2:
		responder_delete_child(p->r, p->now, p->child);
		break;
	case 3:
		responder_delete_ike(p->r, p->now, p->spi);
		break;
	case 4:
		responder_child_heard(p->r, p->now, p->child, NULL);
		break;
	default:
		p->now += 1ull << (what / 6 % 20);
		responder_expire(p->r, p->now);
	}
	drain(p, NULL, 0);
}

static void step(struct place *p, uint8_t op, uint8_t arg, struct bytes chain)
{
	size_t cut = chain.len > 0 ? arg % (chain.len + 1) : 0;

	if (op % 4 == 3) {
		act(p, arg);
	} else {
		uint8_t exchange = exchanges[op / 4 % 4], first = (uint8_t)(33 + op / 16 % 16);

		/* Whole, or from some octet on. */
		if (op % 4 == 2)
			chain = (struct bytes){ chain.ptr + cut, chain.len - cut };
		if (op % 4 != 2 && arg % (PIECES_MAX + 1) > 0 && chain.len > 0)
			give_cut(p, exchange, op % 4 == 1, first, chain, arg);
		else
			give(p, exchange, op % 4 == 1, chain.len > 0 ? first : PAYLOAD_NONE, chain);
	}
	require(p->r->core.fragment_octets <= 2 * REASSEMBLY_MAX);
	require(HASH_COUNT(p->r->core.by_child) <= CHILDREN_ALL_MAX);
	require(HASH_CNT(hh_spi, p->r->core.by_spi) < 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = 0;
	struct bytes chain;
	struct place p;

	if (crypto == NULL)
		crypto = crypto_new();
	require(crypto != NULL);
	if (size > MAX_INPUT)
		return 0;
	while (n + 1 < size && n < 32 && data[n] != 0xff)
		n += 2;
	if (n + 1 >= size)
		return 0;
	chain = (struct bytes){ data + n + 1, size - n - 1 };
	set_up(&p);
	for (size_t i = 0; i < n; i += 2)
		step(&p, data[i], data[i + 1], chain);
	tear_down(&p);
	return 0;
}
