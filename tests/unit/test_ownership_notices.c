/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/ownership_script.h"

/* Claim notices, sent and received. This member is number 5: 4 is lower, 6 is higher. */

enum {
	HOME = SCRIPT_HOME,
	OTHER = SCRIPT_OTHER,
	WATCHED = SCRIPT_WATCHED,
	UNKNOWN = 9
};
enum {
	LOWER = 4,
	HIGHER = 6
};

static int set_up(void **state)
{
	static struct script s;

	s = (struct script){ .now_ms = 0 };
	script_begin(&s);
	script_welcome(&s, 0);
	script_expect(&s, "");
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	script_end(*state);
	return 0;
}

/* ---- ours ------------------------------------------------------------------ */

static void expect_series(struct script *s, const uint32_t *at_ms, size_t n, const char *notice)
{
	uint64_t start_ms = s->now_ms;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ownership_next_expiry(s->o), start_ms + at_ms[i]);
		script_wait(s, start_ms + at_ms[i] - 1 - s->now_ms);
		script_expect(s, "");
		script_wait(s, 1);
		script_expect(s, notice);
	}
}

static void test_series(void **state)
{
	static const uint32_t at_ms[] = { 100, 500, 2000, 3000, 4000, 5000 };
	struct script *s = *state;

	script_hold(s, HOME, 100); /* that at 0 came with the claim: test_ownership.c */
	expect_series(s, at_ms, 6, "notice0 e100");
	/* Anew with a newer claim. */
	script_claim(s, HOME, 7, 101);
	script_persisted(s, 2, 0);
	script_expect(s, "persist2; claimed0 id7 e101; notice0 e101; changed");
	expect_series(s, at_ms, 4, "notice0 e101");
	script_release(s, HOME, 8, 102);
	script_expect(s, "persist3; remove0; changed");
	assert_true(ownership_next_expiry(s->o) == UINT64_MAX);
	script_wait(s, 5000);
	script_expect(s, "");
}

/* What a busy or sleeping host has missed is not made up for. */
static void test_missed(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_wait(s, 600);
	script_expect(s, "notice0 e100");
	assert_int_equal(ownership_next_expiry(s->o), s->now_ms + 1400);
	script_wait(s, 3600000);
	script_expect(s, "notice0 e100");
	assert_int_equal(ownership_next_expiry(s->o), s->now_ms + OWNERSHIP_NOTICE_MS);
}

static void test_no_notices_of_watched(void **state)
{
	struct script *s = *state;

	script_hold(s, WATCHED, 100);
	assert_true(ownership_next_expiry(s->o) == UINT64_MAX);
	script_notice(s, WATCHED, LOWER, 99);
	script_expect(s, "");
}

/* ---- of others, held here -------------------------------------------------- */

static void test_newer(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_notice(s, HOME, LOWER, 101);
	script_expect(s, "persist2; remove0; [yielded 192.0.2.21]; changed");
	assert_int_equal(s->asked.records[HOME].epoch, 101);
	assert_false(s->asked.records[HOME].is_ours);
	assert_false(ownership_is_held(s->o, HOME));
	script_notice(s, HOME, LOWER, 101); /* it repeats itself */
	script_removed(s, HOME, 0);
	script_expect(s, "");
	script_persisted(s, 2, 0);
	script_expect(s, "released0 id0 e101");
	script_claim(s, HOME, 7, 100);
	script_expect(s, "refused id7 e100 max101 stale-epoch");
	script_claim(s, HOME, 7, 102);
	script_expect(s, "persist3");
}

static void test_yields_although_the_disk_fails(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_notice(s, HOME, LOWER, 101);
	script_removed(s, HOME, 0);
	script_persisted(s, 2, ERR_IO);
	script_expect(s, "persist2; remove0; [yielded 192.0.2.21]; changed; "
			 "[what is claimed cannot be recorded]; released0 id0 e101");
}

static void test_equal(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_notice(s, HOME, LOWER, 100);
	script_expect(s, "notice0 e100 to 192.0.2.14");
	script_notice(s, HOME, SCRIPT_SELF, 500); /* its own, or forged by a member: nobody's */
	script_expect(s, "");
	script_notice(s, HOME, HIGHER, 100);
	script_expect(s, "persist2; remove0; [yielded 192.0.2.21]; changed");
	script_removed(s, HOME, 0);
	script_persisted(s, 2, 0);
	script_expect(s, "released0 id0 e100");
	script_claim(s, HOME, 7, 100); /* it is the other's */
	script_expect(s, "refused id7 e100 max100 stale-epoch");
}

static void test_older_is_answered(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_hold(s, OTHER, 90);
	script_notice(s, HOME, HIGHER, 99);
	script_expect(s, "notice0 e100 to 192.0.2.16");
	script_notice(s, HOME, HIGHER, 98); /* at most one each 100 ms to each for an address */
	script_expect(s, "");
	script_notice(s, HOME, LOWER, 99);
	script_expect(s, "notice0 e100 to 192.0.2.14");
	script_notice(s, OTHER, LOWER, 89);
	script_expect(s, "notice1 e90 to 192.0.2.14");
	script_wait(s, OWNERSHIP_REPLY_GAP_MS - 1);
	script_notice(s, HOME, LOWER, 99);
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "notice0 e100; notice1 e90"); /* those of the series */
	script_notice(s, HOME, LOWER, 99);
	script_expect(s, "notice0 e100 to 192.0.2.14");
	assert_true(ownership_is_held(s->o, HOME));
}

/* ---- of others, on the way here -------------------------------------------- */

static void test_while_recording(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_notice(s, HOME, LOWER, 99);
	script_notice(s, HOME, LOWER, 100);
	script_expect(s, "persist1"); /* older than what comes; nothing is held that could answer */
	script_notice(s, HOME, LOWER, 101);
	script_expect(s, "refused id7 e100 max101 superseded");
	script_persisted(s, 1, 0);
	script_expect(s, "persist2");
	assert_false(s->asked.records[HOME].is_ours);
	script_persisted(s, 2, 0);
	script_expect(s, "");
	assert_false(ownership_may_hold_any(s->o));
}

static void test_while_adding(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_notice(s, HOME, HIGHER, 100);
	script_expect(s, "persist1; add0; persist2; remove0");
	script_added(s, HOME);
	script_removed(s, HOME, 0);
	script_expect(s, "refused id7 e100 max100 superseded");
}

/* Between what is held and what is claimed: the claim is the newer one, if it comes to be. */
static void test_while_a_newer_claim_is_recorded(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_claim(s, HOME, 7, 110);
	script_notice(s, HOME, LOWER, 105);
	script_expect(s, "persist2");
	script_persisted(s, 2, ERR_IO);
	script_expect(s, "[what is claimed cannot be recorded]; refused id7 e110 max110 failed");
	script_notice(s, HOME, LOWER, 105);
	script_expect(s, "persist3; remove0; [yielded 192.0.2.21]; changed");
	assert_int_equal(s->asked.records[HOME].epoch, 110);
	assert_false(s->asked.records[HOME].is_ours);
	script_removed(s, HOME, 0);
	script_persisted(s, 3, 0);
	script_expect(s, "released0 id0 e110");
}

static void test_while_releasing(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_release(s, HOME, 7, 101);
	script_expect(s, "persist2; remove0; changed");
	script_notice(s, HOME, LOWER, 99); /* what is let go of is not defended */
	script_expect(s, "");
	script_notice(s, HOME, LOWER, 102);
	script_persisted(s, 2, 0);
	script_removed(s, HOME, 0);
	script_expect(s, "released0 id7 e102");
}

/* ---- of others, not here --------------------------------------------------- */

static void test_not_held_is_remembered(void **state)
{
	struct script *s = *state;

	script_notice(s, OTHER, LOWER, 100);
	script_wait(s, OWNERSHIP_LAZY_MS - 1);
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "persist1");
	assert_int_equal(s->asked.records[OTHER].epoch, 100);
	assert_false(s->asked.records[OTHER].is_ours);
	/* However many come: one write at a time, and none if nothing is new. */
	script_notice(s, OTHER, LOWER, 100);
	script_notice(s, HOME, LOWER, 101);
	script_notice(s, SCRIPT_HOME6, HIGHER, 102);
	script_notice(s, UNKNOWN, HIGHER, 103);
	script_wait(s, OWNERSHIP_LAZY_MS);
	script_expect(s, "");
	script_persisted(s, 1, 0);
	script_expect(s, "persist2");
	assert_int_equal(s->asked.records[SCRIPT_HOME6].epoch, 102);
	assert_int_equal(s->asked.max_epoch, 103);
	script_persisted(s, 2, 0);
	script_notice(s, OTHER, LOWER, 100);
	script_notice(s, OTHER, HIGHER, 99);
	script_notice(s, UNKNOWN, HIGHER, 103);
	script_wait(s, OWNERSHIP_LAZY_MS);
	script_expect(s, "");
	script_claim(s, OTHER, 7, 99);
	script_expect(s, "refused id7 e99 max103 stale-epoch");
	/* The same epoch twice: of two members the higher one is right. */
	script_claim(s, SCRIPT_HOME6, 8, 102);
	script_expect(s, "refused id8 e102 max103 stale-epoch");
	script_claim(s, OTHER, 9, 100);
	script_expect(s, "persist3");
	script_notice(s, HOME, HIGHER, 101); /* after the lower one, above */
	script_notice(s, HOME, LOWER, 101);
	script_claim(s, HOME, 10, 101);
	script_expect(s, "refused id10 e101 max103 stale-epoch");
}

/* What nobody waits for is written with what somebody waits for. */
static void test_written_with_an_order(void **state)
{
	struct script *s = *state;

	script_notice(s, OTHER, LOWER, 100);
	script_expect(s, "");
	script_claim(s, HOME, 7, 101);
	script_expect(s, "persist1");
	assert_int_equal(s->asked.records[OTHER].epoch, 100);
	script_persisted(s, 1, 0);
	script_refused(s, HOME, MSG_REFUSED_IN_USE);
	script_notice(s, OTHER, LOWER, 102);
	script_expect(s, "add0; refused id7 e101 max101 in-use");
	script_release(s, OTHER, 8, 102);
	script_expect(s, "persist2");
	script_persisted(s, 2, 0);
	script_wait(s, OWNERSHIP_LAZY_MS);
	script_expect(s, "released1 id8 e102");
}

static void test_nonsense(void **state)
{
	struct script *s = *state;
	struct endpoint from = { script_ip(OTHER), MESH_PORT };
	struct mesh_msg m = { .type = MESH_ANSWER, .number = LOWER, .address = script_ip(HOME) };

	script_hold(s, HOME, 100);
	m.epoch = 200;
	ownership_notice(s->o, s->now_ms, &m, &from);
	script_notice(s, HOME, LOWER, 0);
	script_notice(s, HOME, LOWER, MSG_INT_MAX + 1);
	script_expect(s, "");
	assert_int_equal(ownership_max_epoch(s->o), 100);
	/* One that would leave none for orders to come. */
	script_notice(s, HOME, LOWER, MSG_INT_MAX);
	script_notice(s, HOME, LOWER, MSG_EPOCH_USUAL + 101 + MSG_EPOCH_LEAP);
	script_expect(s, "");
	assert_int_equal(ownership_max_epoch(s->o), 100);
	script_notice(s, HOME, LOWER, MSG_EPOCH_USUAL);
	script_expect(s, "persist2; remove0; [yielded 192.0.2.21]; changed");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_series),
		CASE(test_missed),
		CASE(test_no_notices_of_watched),
		CASE(test_newer),
		CASE(test_yields_although_the_disk_fails),
		CASE(test_equal),
		CASE(test_older_is_answered),
		CASE(test_while_recording),
		CASE(test_while_adding),
		CASE(test_while_a_newer_claim_is_recorded),
		CASE(test_while_releasing),
		CASE(test_not_held_is_remembered),
		CASE(test_written_with_an_order),
		CASE(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
