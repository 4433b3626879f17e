/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/sk.h"
#include "tests/lib/ike_pair.h"

/*
 * How the initiator comes to an IKE SA, or does not: against the real responder, and against
 * answers written by hand.
 */
static const struct bytes nothing = { NULL, 0 };

static void open_and_connect(struct ike_pair *p, uint64_t ms)
{
	pair_open(p);
	pair_connect(p);
	pair_run(p, ms);
}

static void check_up(struct ike_pair *p)
{
	assert_int_equal(p->end[INITIATOR].n_up, 1);
	assert_int_equal(p->end[INITIATOR].n_failed, 0);
	pair_run(p, 30000);
	pair_check(p);
}

static void check_failed(struct ike_pair *p, enum ike_reason reason, uint16_t notify)
{
	assert_int_equal(p->end[INITIATOR].n_up, 0);
	assert_int_equal(p->end[INITIATOR].n_failed, 1);
	assert_int_equal(p->end[INITIATOR].reason, reason);
	assert_int_equal(p->end[INITIATOR].notify, notify);
	pair_run(p, 200000);
	assert_int_equal(p->end[INITIATOR].n_failed, 1);
	assert_int_equal(pair_count_sas(p, INITIATOR), 0);
	assert_int_equal(HASH_COUNT(p->i->core.by_child), 0);
	assert_int_equal(initiator_next_expiry(p->i), UINT64_MAX);
}

static void test_cookie_and_group(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		struct ike_pair p;

		pair_start(&p, 1);
		p.rconf.cookie_above = k & 1 ? 0 : 100;
		if (k & 2) {
			p.iconf.suites[1] = p.iconf.suites[0];
			p.iconf.n_suites = 2;
			assert_int_equal(
			    ike_suite_parse("aes256gcm16-prfsha256-ecp256", &p.iconf.suites[0]), 0);
		}
		open_and_connect(&p, 200);
		check_up(&p);
		assert_int_equal(responder_counter(p.r, COUNT_INVALID_KE), k >> 1);
		assert_int_equal(responder_counter(p.r, COUNT_COOKIE) > 0, k & 1);
		pair_stop(&p);
	}
}

/* Unauthenticated as it is, an error ends the attempt only if nothing better comes. */
static void test_refused(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 2);
	assert_int_equal(ike_suite_parse("aes128gcm16-prfsha256-x25519", &p.iconf.suites[0]), 0);
	open_and_connect(&p, 4000);
	assert_int_equal(p.end[INITIATOR].n_failed, 0);
	pair_run(&p, 2000);
	check_failed(&p, REASON_REFUSED, NOTIFY_NO_PROPOSAL_CHOSEN);
	pair_stop(&p);
}

static void test_wrong_secret(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 3);
	open_and_connect(&p, 0);
	p.gateway.psk = (struct bytes){ (const uint8_t *)"wrong", 5 };
	pair_run(&p, 1000);
	check_failed(&p, REASON_REFUSED, NOTIFY_AUTHENTICATION_FAILED);
	pair_stop(&p);
}

/* It has the key, but is somebody else: told so by a Delete. */
static void test_wrong_gateway(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 4);
	p.gateway.id.data.len--;
	open_and_connect(&p, 1000);
	assert_int_equal(p.end[RESPONDER].n_up, 1);
	assert_int_equal(p.end[RESPONDER].n_down, 1);
	assert_int_equal(p.end[RESPONDER].reason, REASON_DELETED);
	check_failed(&p, REASON_UNTRUSTED, 0);
	pair_stop(&p);
	/* Nobody in particular is fine too. */
	pair_start(&p, 4);
	p.gateway.id.data.len = 0;
	open_and_connect(&p, 1000);
	check_up(&p);
	pair_stop(&p);
}

static void test_no_answer(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 5);
	p.link.loss_ppm = 1000000;
	open_and_connect(&p, 110000);
	assert_int_equal(p.end[INITIATOR].n_sent, 6);
	check_failed(&p, REASON_DEAD, 0);
	pair_stop(&p);
	pair_start(&p, 5);
	p.link.loss_ppm = 1000000;
	p.iconf.setup_timeout_ms = 10000;
	open_and_connect(&p, 10000);
	assert_int_equal(p.end[INITIATOR].n_sent, 4);
	check_failed(&p, REASON_DEAD, 0);
	pair_stop(&p);
}

/* The Child SA is refused, the IKE SA lives; its data plane refuses, and the peer is told. */
static void test_child_refused(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 6);
	p.connection[INITIATOR].local.items[0].range.first.octets[0] = 11;
	p.connection[INITIATOR].local.items[0].range.last.octets[0] = 11;
	open_and_connect(&p, 1000);
	assert_int_equal(p.end[INITIATOR].n_up, 1);
	assert_int_equal(p.end[INITIATOR].peer.n_children, 0);
	assert_int_equal(initiator_counter(p.i, COUNT_CHILD_FAILED), 1);
	check_up(&p);
	pair_stop(&p);
	pair_start(&p, 6);
	p.end[INITIATOR].data_plane_err = ERR_LIMIT;
	open_and_connect(&p, 1000);
	check_up(&p);
	assert_int_equal(p.end[RESPONDER].n_children, 0);
	assert_int_equal(p.end[RESPONDER].peer.n_children, 0);
	pair_stop(&p);
}

static void test_childless(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 7);
	p.iconf.childless = true;
	open_and_connect(&p, 1000);
	check_up(&p);
	assert_int_equal(p.end[RESPONDER].n_children, 0);
	assert_true(pair_do(&p, INITIATOR, OP_CREATE_CHILD));
	pair_run(&p, 1000);
	pair_check(&p);
	assert_int_equal(p.end[RESPONDER].n_children, 1);
	pair_stop(&p);
}

/* A gateway that says that it is behind a NAT: on to 4500, for good. */
static void test_encapsulation(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 8);
	p.rconf.force_encap = true;
	open_and_connect(&p, 1000);
	check_up(&p);
	assert_int_equal(p.end[RESPONDER].children[0].remote.port, 4500);
	assert_true(pair_do(&p, RESPONDER, OP_REKEY_IKE));
	pair_run(&p, 100);
	assert_true(pair_do(&p, INITIATOR, OP_REKEY_CHILD));
	pair_run(&p, 30000);
	pair_check(&p);
	assert_int_equal(p.end[INITIATOR].children[0].local.port, 4500);
	pair_stop(&p);
}

static void test_initial_contact(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct ike_pair p;

		pair_start(&p, 9);
		p.iconf.initial_contact = k != 0;
		open_and_connect(&p, 1000);
		pair_connect(&p);
		pair_run(&p, 1000);
		assert_int_equal(p.end[INITIATOR].n_up, 2);
		assert_int_equal(p.end[RESPONDER].n_down, k);
		pair_stop(&p);
	}
}

/* ---- redirects ---- */

/* What the initiator sent last, and what it says about itself. */
struct heard {
	uint8_t message[PAIR_PACKET_MAX];
	struct path path;
	struct ike_header h;
	struct payload_list list;
	struct bytes ni;
	bool has_support;
	struct gateway from; /* type 0: none */
	uint8_t from_octets[16];
	enum ike_reason failed; /* if PEER_FAILED came */
	bool has_failed;
};

static bool hear(struct ike_pair *p, struct heard *out)
{
	struct action a;
	bool is_sent = false;
	uint8_t critical;

	memset(out, 0, sizeof(*out));
	while (initiator_next_action(p->i, &a)) {
		if (a.type == ACTION_PEER_FAILED) {
			out->has_failed = true;
			out->failed = a.reason;
			assert_int_equal(a.peer.ref, 1);
		}
		if (a.type != ACTION_SEND)
			continue;
		is_sent = true;
		memcpy(out->message, a.message.ptr, a.message.len);
		out->path = a.path;
		assert_int_equal(
		    ike_header_decode((struct bytes){ out->message, a.message.len }, &out->h), 0);
		assert_int_equal(
		    payload_list_decode(out->h.next_payload,
					(struct bytes){ out->message + 28, a.message.len - 28 },
					&out->list, &critical),
		    0);
	}
	for (size_t k = 0; k < out->list.n; k++) {
		struct notify n;

		if (out->list.items[k].type == PAYLOAD_NONCE)
			out->ni = out->list.items[k].body;
		if (out->list.items[k].type != PAYLOAD_NOTIFY ||
		    notify_decode(out->list.items[k].body, &n) != 0)
			continue;
		out->has_support |= n.type == NOTIFY_REDIRECT_SUPPORTED;
		if (n.type == NOTIFY_REDIRECTED_FROM)
			assert_int_equal(redirect_decode(n.data, nothing, &out->from), 0);
	}
	return is_sent;
}

static void put_redirect(struct payload_writer *chain, const struct gateway *gw, struct bytes ni)
{
	struct notify n = { .type = NOTIFY_REDIRECT };

	payload_open(chain, PAYLOAD_NOTIFY);
	notify_encode(chain->w, &n);
	redirect_encode(chain->w, gw, ni);
	payload_close(chain);
}

/* HDR(SPIr 0), N(REDIRECT) */
static void give_redirect(struct ike_pair *p, const struct heard *h, const struct gateway *gw,
			  struct bytes ni)
{
	uint8_t buf[512];
	struct wr w = wr_init(buf, sizeof(buf));
	struct ike_header reply = {
		.spi_i = h->h.spi_i,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	struct path path = h->path;
	struct payload_writer chain = message_open(&w, &reply);
	struct bytes message;

	put_redirect(&chain, gw, ni);
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &message), 0);
	initiator_datagram(p->i, p->now, &path, message);
}

static const uint8_t there[4] = { 192, 0, 2, 22 };

static void test_redirect(void **state)
{
	static const uint8_t wrong[32] = { 1 };
	struct gateway gw = { GATEWAY_IPV4, { there, 4 } };
	struct ike_pair p;
	struct heard first, second;

	(void)state;
	pair_start(&p, 10);
	pair_open(&p);
	assert_int_equal(initiator_connect(p.i, p.now, &p.gateway, &p.path, 1), 0);
	assert_true(hear(&p, &first));
	assert_true(first.has_support);
	assert_int_equal(first.from.type, 0);
	/* Who does not know the nonce is nobody. */
	give_redirect(&p, &first, &gw, (struct bytes){ wrong, 32 });
	assert_false(hear(&p, &second));
	give_redirect(&p, &first, &gw, first.ni);
	assert_true(hear(&p, &second));
	assert_memory_equal(second.path.remote.ip.octets, there, 4);
	assert_int_equal(second.path.remote.port, 500);
	assert_true(second.h.spi_i != first.h.spi_i);
	assert_false(bytes_is_equal(second.ni, first.ni));
	assert_true(bytes_is_equal(second.from.id, ip_bytes(&p.path.remote.ip)));
	assert_int_equal(initiator_count_half_open(p.i), 1);
	assert_int_equal(initiator_counter(p.i, COUNT_FOLLOWED), 1);
	/* The answer to the first is nobody's now. */
	give_redirect(&p, &first, &gw, first.ni);
	assert_false(hear(&p, &second));
	pair_stop(&p);
}

/* RFC 5685, 5: round in circles, but not for ever. */
static void test_redirect_limit(void **state)
{
	struct gateway gw = { GATEWAY_IPV4, { there, 4 } };
	struct ike_pair p;
	struct heard h;

	(void)state;
	pair_start(&p, 11);
	pair_open(&p);
	assert_int_equal(initiator_connect(p.i, p.now, &p.gateway, &p.path, 1), 0);
	for (int k = 0; k < INITIATOR_REDIRECTS; k++) {
		assert_true(hear(&p, &h));
		give_redirect(&p, &h, &gw, h.ni);
	}
	assert_true(hear(&p, &h));
	assert_false(h.has_failed);
	give_redirect(&p, &h, &gw, h.ni);
	assert_false(hear(&p, &h));
	assert_true(h.has_failed);
	assert_int_equal(h.failed, REASON_REDIRECTS);
	assert_int_equal(pair_count_sas(&p, INITIATOR), 0);
	pair_stop(&p);
}

/* To a name: for somebody to resolve. Not wanted at all: as if nothing had come. */
static void test_redirect_not_followed(void **state)
{
	struct gateway gw = { GATEWAY_FQDN, { (const uint8_t *)"gw2.example", 11 } };
	struct ike_pair p;
	struct heard h;

	(void)state;
	for (int k = 0; k < 2; k++) {
		pair_start(&p, 12);
		p.iconf.follow_redirects = k == 0;
		pair_open(&p);
		assert_int_equal(initiator_connect(p.i, p.now, &p.gateway, &p.path, 1), 0);
		assert_true(hear(&p, &h));
		assert_int_equal(h.has_support, k == 0);
		give_redirect(&p, &h, &gw, h.ni);
		assert_false(hear(&p, &h));
		assert_int_equal(h.has_failed, k == 0);
		assert_int_equal(initiator_count_half_open(p.i), k);
		pair_stop(&p);
	}
}

/* The responder's IKE_AUTH response with a REDIRECT instead of a Child SA (RFC 5685, 6). */
static struct bytes auth_with_redirect(struct ike_pair *p, struct ike_sa *sa, uint8_t *buf,
				       size_t cap)
{
	const struct gateway gw = { GATEWAY_IPV4, { there, 4 } };
	const struct attempt *a = attempt_of(sa);
	uint8_t inner_buf[512], id_buf[64], data[PRF_MAX_SIZE];
	struct wr iw = wr_init(inner_buf, sizeof(inner_buf)), w = wr_init(buf, cap);
	struct wr idw = wr_init(id_buf, sizeof(id_buf));
	struct payload_writer chain = chain_open(&iw);
	struct auth_body auth = { AUTH_SHARED_KEY, { data, prf_size(sa->suite.prf->id) } };
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_AUTH,
		.flags = IKE_FLAG_RESPONSE,
		.message_id = 1,
	};
	struct bytes id, inner, message;

	id_encode(&idw, &p->gateway.id);
	assert_int_equal(wr_finish(&idw, &id), 0);
	assert_int_equal(auth_psk_compute(p->crypto, sa->suite.prf->id, p->gateway.psk,
					  (struct bytes){ a->response.ptr, a->response.len },
					  (struct bytes){ a->ni, sizeof(a->ni) },
					  key_bytes(&sa->keys.pr), id, data),
			 0);
	payload_put(&chain, PAYLOAD_IDR, id);
	payload_open(&chain, PAYLOAD_AUTH);
	auth_encode(&iw, &auth);
	payload_close(&chain);
	put_redirect(&chain, &gw, nothing);
	assert_int_equal(wr_finish(&iw, &inner), 0);
	sk_seal(&w, p->crypto, sa->suite.encr, key_bytes(&sa->keys.er), 77, &h, chain.first, inner);
	assert_int_equal(wr_finish(&w, &message), 0);
	return message;
}

static void test_redirect_in_auth(void **state)
{
	struct ike_pair p;
	struct ike_sa *sa;
	uint8_t buf[1024];
	struct path path;
	struct action a;
	int n_init = 0, n_delete = 0;

	(void)state;
	pair_start(&p, 13);
	open_and_connect(&p, 25); /* IKE_AUTH is under way */
	sa = p.i->core.by_spi;
	assert_int_equal(sa->state, SA_AUTH_SENT);
	path = sa->path;
	initiator_datagram(p.i, p.now, &path, auth_with_redirect(&p, sa, buf, sizeof(buf)));
	while (initiator_next_action(p.i, &a)) {
		assert_int_equal(a.type, ACTION_SEND);
		n_init += a.message.ptr[18] == EXCHANGE_IKE_SA_INIT &&
			  memcmp(a.path.remote.ip.octets, there, 4) == 0;
		n_delete += a.message.ptr[18] == EXCHANGE_INFORMATIONAL;
	}
	assert_int_equal(n_init, 1);
	assert_int_equal(n_delete, 1);
	assert_int_equal(sa->state, SA_CLOSING);
	assert_int_equal(p.end[INITIATOR].n_failed, 0);
	pair_stop(&p);
}

/* A response that is authentic and cannot be read ends the attempt. */
static void test_malformed_auth(void **state)
{
	struct ike_pair p;
	struct ike_sa *sa;
	uint8_t buf[256];
	struct wr w = wr_init(buf, sizeof(buf));
	struct path path;
	struct bytes message;
	static const uint8_t cut[] = { 0, 0, 0, 200, 1 };
	struct ike_header h = { .version = IKE_VERSION,
				.exchange = EXCHANGE_IKE_AUTH,
				.flags = IKE_FLAG_RESPONSE,
				.message_id = 1 };

	(void)state;
	pair_start(&p, 14);
	open_and_connect(&p, 25);
	sa = p.i->core.by_spi;
	path = sa->path;
	h.spi_i = sa->spi_i;
	h.spi_r = sa->spi_r;
	sk_seal(&w, p.crypto, sa->suite.encr, key_bytes(&sa->keys.er), 77, &h, PAYLOAD_NOTIFY,
		(struct bytes){ cut, sizeof(cut) });
	assert_int_equal(wr_finish(&w, &message), 0);
	initiator_datagram(p.i, p.now, &path, message);
	pair_run(&p, 100);
	assert_int_equal(p.end[INITIATOR].n_failed, 1);
	assert_int_equal(p.end[INITIATOR].reason, REASON_SYNTAX);
	pair_run(&p, 100000);
	assert_int_equal(pair_count_sas(&p, INITIATOR) + pair_count_sas(&p, RESPONDER), 0);
	pair_stop(&p);
}

static void test_nonsense_configuration(void **state)
{
	struct ike_pair p;
	struct initiator_conf bad;

	(void)state;
	pair_start(&p, 15);
	pair_open(&p);
	bad = p.iconf;
	bad.n_suites = 0;
	assert_null(initiator_new(&bad, p.crypto, &p.rng[0], NULL));
	bad = p.iconf;
	bad.setup_timeout_ms = 0;
	assert_null(initiator_new(&bad, p.crypto, &p.rng[0], NULL));
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookie_and_group),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_wrong_secret),
		cmocka_unit_test(test_wrong_gateway),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_child_refused),
		cmocka_unit_test(test_childless),
		cmocka_unit_test(test_encapsulation),
		cmocka_unit_test(test_initial_contact),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_redirect_limit),
		cmocka_unit_test(test_redirect_not_followed),
		cmocka_unit_test(test_redirect_in_auth),
		cmocka_unit_test(test_malformed_auth),
		cmocka_unit_test(test_nonsense_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
