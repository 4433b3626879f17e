/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/fragments.h"
#include "tests/lib/ike_pair.h"
#include "tests/lib/ike_world.h"

/*
 * Fragmentation (RFC 7383): between two real ends, and fragments written by hand. That it works on
 * a bad link is in test_pair_sim.c.
 */
#define SIZE 576

/* ---- two ends ---- */

/* Messages that need several fragments. */
static void make_long(struct ike_pair *p)
{
	for (size_t k = 1; k < POLICY_MAX_SUITES; k++) {
		p->rconf.suites[k] = p->rconf.suites[0];
		p->iconf.suites[k] = p->iconf.suites[0];
		for (int side = 0; side < 2; side++)
			p->connection[side].suites[k] = p->connection[side].suites[0];
	}
	p->rconf.n_suites = p->iconf.n_suites = POLICY_MAX_SUITES;
	p->connection[0].n_suites = p->connection[1].n_suites = POLICY_MAX_SUITES;
}

/* Only if both say so; and it is inherited by the IKE SA that replaces one. */
static void test_negotiated(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		struct ike_pair p;

		pair_start(&p, 1);
		make_long(&p);
		p.rconf.fragment_size = k & 1 ? SIZE : 0;
		p.iconf.fragment_size = k & 2 ? SIZE : 0;
		pair_establish(&p);
		for (int op = OP_REKEY_CHILD; op <= OP_CREATE_CHILD; op++) {
			for (int side = 0; side < 2; side++) {
				assert_true(pair_do(&p, (enum pair_side)side, (enum pair_op)op));
				pair_run(&p, 30000);
				pair_check(&p);
			}
		}
		for (int side = 0; side < 2; side++) {
			size_t datagram = p.end[side].longest + 20 + 8 + 4;

			assert_int_equal(
			    pair_core(&p, (enum pair_side)side)->counters[COUNT_FRAGMENT] > 0,
			    k == 3);
			assert_int_equal(datagram <= SIZE, k == 3);
			assert_int_equal(pair_core(&p, (enum pair_side)side)->fragment_octets, 0);
		}
		pair_stop(&p);
	}
}

/* Each datagram is as long as it may be, but the last; and the same again when it is repeated. */
static void test_repeated(void **state)
{
	struct ike_pair p;
	uint64_t asked;
	int sent;

	(void)state;
	pair_start(&p, 2);
	make_long(&p);
	p.rconf.fragment_size = p.iconf.fragment_size = SIZE;
	pair_establish(&p);
	assert_int_equal(p.end[INITIATOR].longest, SIZE - 20 - 8 - 4);
	/* The answer is lost twice: two fragments of each request, one answer to both. */
	p.link.n_ike = 0;
	p.link.drop_nth = 3;
	sent = p.end[RESPONDER].n_sent;
	asked = responder_counter(p.r, COUNT_RETRANSMIT);
	assert_true(pair_do(&p, INITIATOR, OP_REKEY_IKE));
	pair_run(&p, 1500);
	assert_int_equal(responder_counter(p.r, COUNT_RETRANSMIT) - asked, 1);
	pair_run(&p, 30000);
	pair_check(&p);
	assert_int_equal(p.end[RESPONDER].n_sent - sent, 3); /* twice, and that of the Delete */
	pair_stop(&p);
}

/* ---- by hand ---- */

static uint8_t sealed[IKECLIENT_MESSAGE_MAX];

static void start(struct world *w)
{
	world_start(w);
	w->conf.fragment_size = SIZE;
	world_restart(w);
	w->c.with_fragmentation = true;
	world_init(w);
}

static struct bytes fragment_of(struct world *w, uint32_t mid, uint16_t number, uint16_t total,
				uint8_t first, struct bytes content)
{
	struct wr wr = wr_init(sealed, sizeof(sealed));
	struct ike_header h = {
		.spi_i = w->c.spi_i,
		.spi_r = w->c.spi_r,
		.version = IKE_VERSION,
		.exchange = mid == 1 ? EXCHANGE_IKE_AUTH : EXCHANGE_INFORMATIONAL,
		.flags = IKE_FLAG_INITIATOR,
		.message_id = mid,
	};
	struct fragment f = { { number, total }, first, content };
	struct bytes out;

	skf_seal(&wr, w->crypto, w->c.suite.encr, key_bytes(&w->c.keys.ei), w->c.next_iv++, &h, &f);
	assert_int_equal(wr_finish(&wr, &out), 0);
	return out;
}

/* The nth of total pieces of IKE_AUTH. */
static struct bytes piece(struct world *w, struct bytes chain, uint8_t first, uint16_t number,
			  uint16_t total)
{
	size_t size = (chain.len + total - 1) / total, at = size * (number - 1u);

	return fragment_of(
	    w, 1, number, total, first,
	    (struct bytes){ chain.ptr + at, chain.len - at < size ? chain.len - at : size });
}

static struct bytes auth_chain(struct world *w, uint8_t *copy, uint8_t *first)
{
	struct bytes chain = ikeclient_auth_chain(&w->c, first);

	memcpy(copy, chain.ptr, chain.len);
	w->c.next_id = 2;
	return (struct bytes){ copy, chain.len };
}

static size_t kept(const struct world *w)
{
	return w->r->core.fragment_octets;
}

/* In any order, some twice; forged ones change nothing. */
static void test_order(void **state)
{
	static const uint16_t orders[][6] = {
		{ 1, 2, 3, 4 }, { 4, 3, 2, 1 }, { 2, 2, 4, 1, 1, 3 }, { 3, 1, 3, 4, 4, 2 }
	};
	(void)state;
	for (size_t k = 0; k < 4; k++) {
		struct world w;
		uint8_t copy[IKECLIENT_MESSAGE_MAX], first;
		struct bytes chain;

		start(&w);
		chain = auth_chain(&w, copy, &first);
		for (size_t i = 0; i < 6 && orders[k][i] != 0; i++) {
			struct bytes m = piece(&w, chain, first, orders[k][i], 4);

			assert_int_equal(w.n_up, 0);
			sealed[m.len - 1] ^= 1;
			world_give(&w, m);
			assert_int_equal(w.n_sent, 0);
			sealed[m.len - 1] ^= 1;
			world_give(&w, m);
		}
		assert_int_equal(w.n_up, 1);
		assert_int_equal(ikeclient_take_auth(&w.c, (struct bytes){ w.sent, w.sent_len }),
				 0);
		assert_int_equal(kept(&w), 0);
		/* The answer again for fragment 1, not for the others. */
		assert_int_equal(world_give(&w, piece(&w, chain, first, 2, 4)).len, 0);
		assert_true(world_give(&w, piece(&w, chain, first, 1, 4)).len > 0);
		assert_int_equal(kept(&w), 0);
		world_stop(&w);
	}
}

/* RFC 7383, 2.6.1: cut anew into more pieces, the old ones are for nothing; into fewer, the new. */
static void test_other_total(void **state)
{
	struct world w;
	uint8_t copy[IKECLIENT_MESSAGE_MAX], first;
	struct bytes chain;

	(void)state;
	start(&w);
	chain = auth_chain(&w, copy, &first);
	world_give(&w, piece(&w, chain, first, 1, 3));
	world_give(&w, piece(&w, chain, first, 2, 3));
	world_give(&w, piece(&w, chain, first, 3, 4));
	assert_true(kept(&w) < chain.len / 3);
	world_give(&w, piece(&w, chain, first, 3, 3));
	assert_int_equal(w.n_up, 0);
	for (uint16_t k = 1; k <= 4; k++)
		world_give(&w, piece(&w, chain, first, k, 4));
	assert_int_equal(w.n_up, 1);
	world_stop(&w);
}

/* The whole message came as well, and was first. */
static void test_whole_message_wins(void **state)
{
	struct world w;
	uint8_t copy[IKECLIENT_MESSAGE_MAX], first;
	struct bytes chain;

	(void)state;
	start(&w);
	chain = auth_chain(&w, copy, &first);
	world_give(&w, piece(&w, chain, first, 1, 2));
	assert_true(kept(&w) > 0);
	world_give(&w, ikeclient_seal(&w.c, EXCHANGE_IKE_AUTH, 1, first, chain));
	assert_int_equal(w.n_up, 1);
	assert_int_equal(kept(&w), 0);
	world_give(&w, piece(&w, chain, first, 2, 2));
	assert_int_equal(kept(&w), 0);
	assert_int_equal(responder_count_established(w.r), 1);
	world_stop(&w);
}

/* What is never completed goes; what is too much is not kept; nobody who did not ask sends any. */
static void test_limits(void **state)
{
	static const uint8_t octets[2000];
	struct world w;
	uint64_t dropped;

	(void)state;
	start(&w);
	world_give(&w, fragment_of(&w, 1, 1, FRAGMENTS_MAX + 1, 35, (struct bytes){ octets, 100 }));
	assert_int_equal(kept(&w), 0);
	for (uint16_t k = 1; k <= FRAGMENTS_MAX; k++)
		world_give(&w, fragment_of(&w, 1, k, FRAGMENTS_MAX, 35,
					   (struct bytes){ octets, sizeof(octets) }));
	assert_in_range(kept(&w), REASSEMBLY_MAX - sizeof(octets), REASSEMBLY_MAX);
	dropped = world_counter(&w, COUNT_DROP_FRAGMENT);
	assert_int_equal(responder_next_expiry(w.r), w.now + REASSEMBLY_MS);
	world_expire(&w, REASSEMBLY_MS);
	assert_int_equal(kept(&w), 0);
	assert_int_equal(world_counter(&w, COUNT_DROP_FRAGMENT), dropped + 1);
	assert_int_equal(responder_count_half_open(w.r), 1);
	/* Of another message than the one that is due: nothing. */
	world_give(&w, fragment_of(&w, 0, 1, 2, 41, (struct bytes){ octets, 100 }));
	world_give(&w, fragment_of(&w, 2, 1, 2, 41, (struct bytes){ octets, 100 }));
	assert_int_equal(kept(&w), 0);
	world_stop(&w);
	/* Not negotiated. */
	world_start(&w);
	world_init(&w);
	world_give(&w, fragment_of(&w, 1, 1, 2, 35, (struct bytes){ octets, 100 }));
	assert_int_equal(kept(&w), 0);
	assert_int_equal(world_counter(&w, COUNT_FRAGMENT), 0);
	world_stop(&w);
}

/* Many strangers with a piece each: memory is bounded, and who is quick is served. */
static void test_flood(void **state)
{
	static const uint8_t octets[3000];
	struct world w;
	uint8_t copy[IKECLIENT_MESSAGE_MAX], first;
	struct bytes chain;

	(void)state;
	start(&w);
	w.conf.half_open_max = w.conf.cookie_above = 1000;
	world_restart(&w);
	for (int k = 0; k < 100; k++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		w.c.with_fragmentation = true;
		world_init(&w);
		for (uint16_t n = 1; n <= 10; n++)
			world_give(&w, fragment_of(&w, 1, n, 11, 35,
						   (struct bytes){ octets, sizeof(octets) }));
		assert_true(kept(&w) <= REASSEMBLY_ALL_MAX);
		w.now++;
	}
	world_new_client(&w, ALICE, ALICE_PSK);
	w.c.with_fragmentation = true;
	world_init(&w);
	chain = auth_chain(&w, copy, &first);
	for (uint16_t k = 1; k <= 3; k++)
		world_give(&w, piece(&w, chain, first, k, 3));
	assert_int_equal(w.n_up, 1);
	world_expire(&w, REASSEMBLY_MS);
	assert_int_equal(kept(&w), 0);
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(responder_count_half_open(w.r), 0);
	world_stop(&w);
}

/* All authentic, but what they are together cannot be read: as if it had come in one piece. */
static void test_malformed(void **state)
{
	static const uint8_t cut[] = { 0, 0, 0, 200, 1 };
	struct world w;

	(void)state;
	start(&w);
	world_give(&w, fragment_of(&w, 1, 1, 2, PAYLOAD_NOTIFY, (struct bytes){ cut, 3 }));
	assert_int_equal(w.n_sent, 0);
	world_give(&w, fragment_of(&w, 1, 2, 2, 0, (struct bytes){ cut + 3, 2 }));
	assert_int_equal(w.n_sent, 1);
	assert_int_equal(world_counter(&w, COUNT_SYNTAX), 1);
	assert_int_equal(kept(&w), 0);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiated),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_other_total),
		cmocka_unit_test(test_whole_message_wins),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
