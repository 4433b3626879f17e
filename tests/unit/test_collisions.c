/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/collision.h"
#include "tests/lib/ike_pair.h"

/*
 * Both ends want something at nearly the same time (RFC 7296, 2.8.1, 2.8.2, 2.25): every pair of
 * wishes, with every order in which requests and responses can cross, and with each of the messages
 * lost once. However it goes, both ends agree in the end.
 */
#define TRAFFIC_MS 30000
#define SETTLE_MS  400000
#define DROP_MAX   10

/* When the second end begins, after the first; one way takes 10 ms. */
static const uint64_t offsets[] = { 0, 5, 9, 10, 11, 15, 19, 20, 21, 25, 30, 31, 40, 45 };

/* What both may find at the end: Child SAs, IKE SAs. */
struct outcome {
	size_t children_min, children_max;
	size_t ikes;
};

static struct outcome outcome_of(enum pair_op a, enum pair_op b)
{
	struct outcome o = { 1, 1, 1 };

	if (a == OP_DELETE_IKE || b == OP_DELETE_IKE)
		return (struct outcome){ 0, 0, 0 };
	o.children_max += (size_t)(a == OP_CREATE_CHILD) + (size_t)(b == OP_CREATE_CHILD);
	/* Of something that the other end has replaced meanwhile a Delete may come to nothing. */
	if (a == OP_DELETE_CHILD || b == OP_DELETE_CHILD)
		o.children_min = 0;
	else
		o.children_min = o.children_max;
	/* A new Child SA may be refused while the IKE SA is rekeyed; it is not asked for again. */
	if (a == OP_REKEY_IKE && b == OP_CREATE_CHILD)
		o.children_min--;
	if (b == OP_REKEY_IKE && a == OP_CREATE_CHILD)
		o.children_min--;
	return o;
}

static struct wishes {
	enum pair_op ops[2];
	enum pair_side first;
	uint64_t offset_ms;
	int drop;
} now_tried; /* what to say when a check fails */

static int say_last(void **state)
{
	(void)state;
	print_message("last: member %s, peer %s, %s first by %d ms, message %d lost\n",
		      pair_op_name(now_tried.ops[RESPONDER]),
		      pair_op_name(now_tried.ops[INITIATOR]),
		      now_tried.first == RESPONDER ? "member" : "peer", (int)now_tried.offset_ms,
		      now_tried.drop);
	return 0;
}

static void run(struct ike_pair *p, const struct wishes *w, uint64_t traffic_ms)
{
	enum pair_side second = w->first == RESPONDER ? INITIATOR : RESPONDER;

	now_tried = *w;
	pair_start(p, (uint64_t)w->ops[0] * 1000 + (uint64_t)w->ops[1] * 100 + (uint64_t)w->drop);
	p->traffic_ms = traffic_ms;
	pair_establish(p);
	pair_run(p, 100);
	p->link.n_ike = 0;
	p->link.drop_nth = w->drop;
	assert_true(pair_do(p, w->first, w->ops[w->first]));
	pair_run(p, w->offset_ms);
	pair_do(p, second, w->ops[second]);
	pair_run(p, TRAFFIC_MS);
	p->traffic_ms = 0;
	pair_run(p, SETTLE_MS);
	pair_check(p);
}

static void check_outcome(struct ike_pair *p, const struct wishes *w)
{
	struct outcome want = outcome_of(w->ops[0], w->ops[1]);

	assert_int_equal(pair_count_established(p, RESPONDER), want.ikes);
	assert_in_range(p->end[RESPONDER].n_children, want.children_min, want.children_max);
}

#define FOR_EACH(var, from, to) for (int var = (from); var < (int)(to); var++)

static void test_every_pair_in_every_order(void **state)
{
	uint64_t collisions = 0;

	(void)state;
	FOR_EACH(a, OP_REKEY_CHILD, OP_COUNT)
	FOR_EACH(b, OP_REKEY_CHILD, OP_COUNT)
	FOR_EACH(first, 0, 2)
	FOR_EACH(k, 0, sizeof(offsets) / sizeof(offsets[0]))
	FOR_EACH(drop, 0, DROP_MAX + 1)
	{
		const struct wishes w = { { (enum pair_op)a, (enum pair_op)b },
					  (enum pair_side)first,
					  offsets[k],
					  drop };
		struct ike_pair p;

		run(&p, &w, 0);
		check_outcome(&p, &w);
		collisions += responder_counter(p.r, COUNT_COLLISION);
		pair_stop(&p);
	}
	/* The table is about something. */
	assert_true(collisions > 100);
}

/* Whatever message is lost while both rekey, no packet arrives where there is no SA for it. */
static void test_no_packet_is_lost(void **state)
{
	(void)state;
	FOR_EACH(a, OP_REKEY_CHILD, OP_CREATE_CHILD)
	FOR_EACH(b, OP_REKEY_CHILD, OP_CREATE_CHILD)
	FOR_EACH(k, 0, sizeof(offsets) / sizeof(offsets[0]))
	FOR_EACH(drop, 0, 7)
	{
		const struct wishes w = { { (enum pair_op)a, (enum pair_op)b },
					  (enum pair_side)((a + b + k) % 2),
					  offsets[k],
					  drop };
		struct ike_pair p;

		run(&p, &w, 2);
		check_outcome(&p, &w);
		for (int side = 0; side < 2; side++) {
			assert_true(p.end[side].esp_received > 10000);
			assert_int_equal(p.end[side].esp_homeless, 0);
		}
		pair_stop(&p);
	}
}

/* ---- the rule itself ---- */

static struct bytes octets(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void test_lowest_nonce(void **state)
{
	static const struct {
		const char *ni, *nr, *other_ni, *other_nr;
		bool is_lost;
	} cases[] = {
		{ "aaa", "zzz", "bbb", "ccc", true },      { "zzz", "aaa", "bbb", "ccc", true },
		{ "bbb", "ccc", "aaa", "zzz", false },     { "bbb", "ccc", "zzz", "aaa", false },
		{ "aa", "z", "aaa", "z", true }, /* a beginning of the other is lower */
		{ "aaa", "z", "aa", "z", false },          { "\x7f", "\xff", "\x80", "\xff", true },
		{ "\xff", "\xfe", "\x80", "\x81", false },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct lowest other;

		lowest_set(&other, octets(cases[k].other_ni), octets(cases[k].other_nr));
		assert_int_equal(
		    collision_is_lost(octets(cases[k].ni), octets(cases[k].nr), &other),
		    cases[k].is_lost);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lowest_nonce),
		cmocka_unit_test_teardown(test_every_pair_in_every_order, say_last),
		cmocka_unit_test_teardown(test_no_packet_is_lost, say_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
