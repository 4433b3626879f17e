/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/ike_pair.h"

/*
 * Responder and initiator, the real ones, over a link that keeps what it gets: each thing that an
 * established SA can do, from either end, under traffic of which no packet may be lost.
 */
#define SETTLE_MS 400000

static void test_set_up(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 1);
	pair_establish(&p);
	pair_check(&p);
	assert_string_equal(p.end[RESPONDER].peer.identity, "alice.example");
	assert_string_equal(p.end[INITIATOR].peer.identity, "gw.example");
	assert_int_equal(p.end[INITIATOR].peer.ref, 1);
	assert_int_equal(p.end[RESPONDER].n_children, 1);
	pair_stop(&p);
}

/* Each thing, from each end, ten times in a row: all is as before, and no packet is lost. */
static void check_repeated(enum pair_op op, enum pair_side side, size_t children)
{
	struct ike_pair p;

	pair_start(&p, 2);
	p.traffic_ms = 3;
	pair_establish(&p);
	for (int k = 0; k < 10; k++) {
		assert_true(pair_do(&p, side, op));
		pair_run(&p, 15000);
		pair_check(&p);
		assert_int_equal(p.end[RESPONDER].n_children, children == 1 ? 1 : k + 2);
	}
	pair_run(&p, SETTLE_MS);
	pair_check(&p);
	assert_int_equal(p.end[INITIATOR].peer.ref, 1);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(p.end[k].esp_homeless, 0);
		assert_true(p.end[k].esp_received > 10000);
		assert_int_equal(p.end[k].n_up, 1);
		assert_int_equal(p.end[k].n_down, 0);
		/* The newest is what carries the traffic. */
		assert_true(p.end[k].children[p.end[k].n_children - 1].packets_out > 1000);
	}
	pair_stop(&p);
}

static void test_rekeys(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		check_repeated(OP_REKEY_CHILD, (enum pair_side)side, 1);
		check_repeated(OP_REKEY_IKE, (enum pair_side)side, 1);
		check_repeated(OP_CREATE_CHILD, (enum pair_side)side, 11);
	}
}

/* ---- rekeying by itself ---- */

/* By time, at each end: with jitter, so not in step; and the old one is gone each time. */
static void test_rekeying_by_time(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct ike_pair p;
		const struct ike_core *c;

		pair_start(&p, 3);
		p.traffic_ms = 50;
		p.connection[side].rekey_child_ms = 60000;
		p.rconf.rekey_ike_ms = side == RESPONDER ? 200000 : 0;
		p.iconf.rekey_ike_ms = side == INITIATOR ? 200000 : 0;
		pair_establish(&p);
		pair_run(&p, 3600000);
		c = pair_core(&p, (enum pair_side)side);
		assert_in_range(c->counters[COUNT_CHILD_REKEYED], 60, 70);
		assert_in_range(c->counters[COUNT_IKE_REKEYED], 18, 21);
		assert_int_equal(c->counters[COUNT_EXPIRED] + c->counters[COUNT_REKEY_FAILED], 0);
		assert_int_equal(pair_count_established(&p, RESPONDER), 1);
		assert_int_equal(p.end[0].esp_homeless + p.end[1].esp_homeless, 0);
		assert_int_equal(p.end[0].n_down + p.end[1].n_down, 0);
		assert_true(p.end[RESPONDER].peer.since_ms < 2000); /* it is the same peer */
		pair_stop(&p);
	}
}

struct usage_case {
	uint64_t octets, packets; /* configured */
	struct esp_stats stats;
	bool is_rekeyed;
};

static void test_rekeying_by_traffic(void **state)
{
	static const struct usage_case cases[] = {
		/* The limits are less up to a tenth at random, as times are. */
		{ 1000, 0, { .octets_in = 899, .octets_out = 899 }, false },
		{ 1000, 0, { .octets_in = 1000 }, true },
		{ 1000, 0, { .octets_out = 1000 }, true },
		{ 0, 50, { .packets_in = 44, .seq_out = 44, .octets_in = 1u << 31 }, false },
		{ 0, 50, { .packets_in = 50 }, true },
		{ 0, 50, { .seq_out = 50 }, true },
		/* Numbers end with 2^32 - 1, whatever is configured. */
		{ 0, 0, { .seq_out = 1u << 31 }, false },
		{ 0, 0, { .seq_out = 0xc0000000 }, true },
		{ 0, 0, { .packets_in = 0xc0000000 }, true },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct ike_pair p;
		uint64_t id;

		pair_start(&p, 4);
		p.traffic_ms = 10;
		p.connection[RESPONDER].rekey_octets = cases[k].octets;
		p.connection[RESPONDER].rekey_packets = cases[k].packets;
		pair_establish(&p);
		id = p.end[RESPONDER].children[0].id;
		/* Said again and again, it is rekeyed once. */
		for (int n = 0; n < 10; n++) {
			responder_child_usage(p.r, p.now, id, &cases[k].stats);
			pair_run(&p, 15);
		}
		responder_child_usage(p.r, p.now, 4711, &cases[k].stats);
		pair_run(&p, 20000);
		pair_check(&p);
		assert_int_equal(responder_counter(p.r, COUNT_CHILD_REKEYED), cases[k].is_rekeyed);
		assert_int_equal(p.end[RESPONDER].children[0].id != id, cases[k].is_rekeyed);
		pair_stop(&p);
	}
}

/* Two ends with the same limit seldom reach it at once: between nine tenths of it and all. */
static void test_limits_differ(void **state)
{
	uint64_t low = UINT64_MAX, high = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct ike_pair p;
		const struct child *child;

		pair_start(&p, seed);
		p.connection[RESPONDER].rekey_octets = 1000000;
		p.connection[RESPONDER].rekey_packets = 1000;
		pair_establish(&p);
		child = pair_core(&p, RESPONDER)->by_child;
		assert_in_range(child->rekey_octets, 900000, 1000000);
		assert_in_range(child->rekey_packets, 900, 1000);
		low = child->rekey_octets < low ? child->rekey_octets : low;
		high = child->rekey_octets > high ? child->rekey_octets : high;
		pair_stop(&p);
	}
	assert_true(high - low > 50000);
}

/* The peer refuses: asked again now and then, and deleted when the time is over. */
static void test_not_rekeyed_in_time(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 5);
	p.connection[RESPONDER].rekey_child_ms = 600000;
	pair_establish(&p);
	assert_int_equal(esp_suite_parse("aes128gcm16", &p.connection[INITIATOR].suites[0]), 0);
	pair_run(&p, 650000);
	assert_true(responder_counter(p.r, COUNT_REKEY_FAILED) >= 1);
	assert_int_equal(p.end[RESPONDER].n_children, 1);
	pair_run(&p, 20000);
	assert_int_equal(responder_counter(p.r, COUNT_EXPIRED), 1);
	assert_int_equal(p.end[RESPONDER].n_children + p.end[INITIATOR].n_children, 0);
	assert_int_equal(p.end[INITIATOR].peer.n_children, 0);
	pair_check(&p);
	pair_stop(&p);
}

static void test_ike_not_rekeyed_in_time(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 6);
	p.rconf.rekey_ike_ms = 600000;
	pair_establish(&p);
	assert_int_equal(ike_suite_parse("aes128gcm16-prfsha256-x25519", &p.i->core.conf.suites[0]),
			 0);
	pair_run(&p, 700000);
	assert_true(responder_counter(p.r, COUNT_REKEY_FAILED) >= 1);
	assert_int_equal(responder_counter(p.r, COUNT_EXPIRED), 1);
	assert_int_equal(p.end[RESPONDER].reason, REASON_EXPIRED);
	assert_int_equal(p.end[INITIATOR].reason, REASON_DELETED);
	pair_check(&p);
	assert_int_equal(pair_count_sas(&p, RESPONDER), 0);
	pair_stop(&p);
}

/* The time is over while the peer's answer is still on its way: the new IKE SA stays. */
static void test_ike_rekeyed_at_the_last_moment(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 8);
	p.rconf.rekey_ike_ms = 30000;
	pair_establish(&p);
	p.link.delay_min_ms = p.link.delay_max_ms = 3100;
	while (responder_counter(p.r, COUNT_IKE_REKEYED) == 0)
		pair_run(&p, 100);
	assert_int_equal(responder_counter(p.r, COUNT_EXPIRED), 1);
	pair_run(&p, 20000);
	assert_int_equal(pair_count_established(&p, RESPONDER), 1);
	pair_check(&p);
	pair_stop(&p);
}

/* Refused once, it is asked again before the time is over, however short that is. */
static void test_refused_once(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct ike_pair p;
		struct esp_suite esp;
		struct ike_suite ike;

		pair_start(&p, 10);
		p.connection[RESPONDER].rekey_child_ms = k == 0 ? 20000 : 0;
		p.rconf.rekey_ike_ms = k == 0 ? 0 : 20000;
		pair_establish(&p);
		esp = p.connection[INITIATOR].suites[0];
		ike = p.i->core.conf.suites[0];
		assert_int_equal(esp_suite_parse("aes128gcm16", &p.connection[INITIATOR].suites[0]),
				 0);
		assert_int_equal(
		    ike_suite_parse("aes128gcm16-prfsha256-x25519", &p.i->core.conf.suites[0]), 0);
		while (responder_counter(p.r, COUNT_REKEY_FAILED) == 0)
			pair_run(&p, 10);
		p.connection[INITIATOR].suites[0] = esp;
		p.i->core.conf.suites[0] = ike;
		pair_run(&p, 4000);
		assert_int_equal(responder_counter(p.r, COUNT_CHILD_REKEYED) +
				     responder_counter(p.r, COUNT_IKE_REKEYED),
				 1);
		assert_int_equal(responder_counter(p.r, COUNT_EXPIRED), 0);
		pair_stop(&p);
	}
}

/* The peer prefers another group than the one that we begin with: once more with that. */
static void test_other_group(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct ike_pair p;
		struct policy_connection *asks, *answers;

		pair_start(&p, 7);
		asks = &p.connection[side];
		answers = &p.connection[!side];
		asks->n_suites = 2;
		assert_int_equal(esp_suite_parse("aes256gcm16-ecp256", &asks->suites[0]), 0);
		assert_int_equal(esp_suite_parse("aes256gcm16-x25519", &asks->suites[1]), 0);
		assert_int_equal(esp_suite_parse("aes256gcm16-x25519", &answers->suites[0]), 0);
		p.rconf.n_suites = p.iconf.n_suites = 2;
		assert_int_equal(
		    ike_suite_parse("aes256gcm16-prfsha256-ecp256", &p.rconf.suites[1]), 0);
		p.iconf.suites[1] = p.rconf.suites[0];
		p.iconf.suites[0] = p.rconf.suites[1];
		pair_establish(&p);
		assert_true(pair_do(&p, (enum pair_side)side, OP_REKEY_CHILD));
		pair_run(&p, 20000);
		assert_int_equal(pair_core(&p, (enum pair_side)side)->counters[COUNT_CHILD_REKEYED],
				 1);
		assert_true(pair_do(&p, (enum pair_side)side, OP_REKEY_IKE));
		pair_run(&p, 20000);
		assert_int_equal(pair_core(&p, (enum pair_side)side)->counters[COUNT_IKE_REKEYED],
				 1);
		pair_check(&p);
		pair_stop(&p);
	}
}

/* Our end has lost a Child SA: CHILD_SA_NOT_FOUND, and a new one is made (RFC 7296, 2.25.1). */
static void test_child_sa_not_found(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct ike_pair p;
		struct ike_core *other;

		pair_start(&p, 8);
		pair_establish(&p);
		other = pair_core(&p, side == RESPONDER ? INITIATOR : RESPONDER);
		child_remove(other, other->by_child);
		assert_true(pair_do(&p, (enum pair_side)side, OP_REKEY_CHILD));
		pair_run(&p, 20000);
		pair_check(&p);
		assert_int_equal(p.end[side].n_children, 1);
		pair_stop(&p);
	}
}

/* ---- liveness ---- */

static void test_liveness(void **state)
{
	struct ike_pair p;
	int sent;

	(void)state;
	pair_start(&p, 9);
	p.rconf.dpd_ms = 30000;
	p.traffic_ms = 1000;
	pair_establish(&p);
	sent = p.end[RESPONDER].n_sent;
	pair_run(&p, 600000);
	assert_int_equal(p.end[RESPONDER].n_sent, sent); /* packets are enough */
	p.traffic_ms = 0;
	pair_run(&p, 300000);
	assert_in_range(p.end[RESPONDER].n_sent - sent, 9, 10);
	pair_check(&p);
	p.link.loss_ppm = 1000000;
	pair_run(&p, 300000);
	assert_int_equal(p.end[RESPONDER].n_down, 1);
	assert_int_equal(p.end[RESPONDER].reason, REASON_DEAD);
	assert_int_equal(pair_count_sas(&p, RESPONDER), 0);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_up),
		cmocka_unit_test(test_rekeys),
		cmocka_unit_test(test_rekeying_by_time),
		cmocka_unit_test(test_rekeying_by_traffic),
		cmocka_unit_test(test_limits_differ),
		cmocka_unit_test(test_not_rekeyed_in_time),
		cmocka_unit_test(test_ike_not_rekeyed_in_time),
		cmocka_unit_test(test_ike_rekeyed_at_the_last_moment),
		cmocka_unit_test(test_refused_once),
		cmocka_unit_test(test_other_group),
		cmocka_unit_test(test_child_sa_not_found),
		cmocka_unit_test(test_liveness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
