/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/ownership_script.h"

/* Orders to claim and to release. Disk, keeper, the end, notices, and being alone: elsewhere. */

enum {
	HOME = SCRIPT_HOME,
	OTHER = SCRIPT_OTHER,
	WATCHED = SCRIPT_WATCHED,
	UNKNOWN = 9
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

static void assert_record(const struct ownership_state *state, size_t index, uint64_t epoch,
			  bool is_ours)
{
	struct ip ip = script_ip(index);

	assert_true(ip_is_equal(&state->records[index].ip, &ip));
	assert_int_equal(state->records[index].epoch, epoch);
	assert_int_equal(state->records[index].is_ours, is_ours);
}

/* ---- claim ----------------------------------------------------------------- */

static void test_claim(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_expect(s, "persist1"); /* and the keeper hears nothing yet */
	assert_record(&s->asked, HOME, 100, true);
	assert_record(&s->asked, OTHER, 0, false);
	assert_int_equal(s->asked.max_epoch, 100);
	assert_false(ownership_may_hold_any(s->o));
	script_persisted(s, 1, 0);
	script_expect(s, "add0");
	assert_true(ownership_may_hold_any(s->o));
	assert_false(ownership_is_held(s->o, HOME));
	assert_int_equal(ownership_epoch(s->o, HOME), 0);
	script_added(s, HOME);
	script_expect(s, "claimed0 id7 e100; notice0 e100; changed");
	assert_true(ownership_is_held(s->o, HOME));
	assert_int_equal(ownership_epoch(s->o, HOME), 100);
	assert_int_equal(ownership_max_epoch(s->o), 100);
}

static void test_claim_with_force(void **state)
{
	struct script *s = *state;

	script_force(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_expect(s, "persist1; add0!");
}

static void test_the_same_order_again(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_expect(s, "persist1");
	script_claim(s, HOME, 7, 100);
	script_expect(s, "");
	script_persisted(s, 1, 0);
	script_expect(s, "add0");
	script_claim(s, HOME, 8, 100); /* under another id: this one is answered */
	script_expect(s, "");
	script_added(s, HOME);
	script_expect(s, "claimed0 id8 e100; notice0 e100; changed");
	script_claim(s, HOME, 8, 100);
	script_expect(s, "claimed0 id8 e100");
	script_claim(s, HOME, 9, 100);
	script_expect(s, "claimed0 id9 e100");
	script_removed(s, HOME, 0); /* nobody asked: not believed */
	assert_true(ownership_is_held(s->o, HOME));
}

static void test_the_same_order_with_force(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_expect(s, "persist1; add0");
	script_force(s, HOME, 7, 100);
	script_expect(s, "");
	script_refused(s, HOME, MSG_REFUSED_IN_USE);
	script_expect(s, "add0!");
	script_refused(s, HOME, MSG_REFUSED_FAILED);
	script_expect(s, "refused id7 e100 max100 failed");
}

static void test_keeper_refuses(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_expect(s, "persist1; add0");
	script_refused(s, HOME, MSG_REFUSED_IN_USE);
	script_expect(s, "refused id7 e100 max100 in-use");
	script_wait(s, OWNERSHIP_LAZY_MS - 1);
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "persist2");
	assert_record(&s->asked, HOME, 100, false); /* somebody else will get it */
	assert_false(ownership_may_hold_any(s->o));
	script_persisted(s, 2, 0);
	/* The same order may come again. */
	script_claim(s, HOME, 7, 100);
	script_persisted(s, 3, 0);
	script_expect(s, "persist3; add0");
	script_refused(s, HOME, NULL);
	script_expect(s, "refused id7 e100 max100 failed");
}

static void test_newer_claim_while_recording(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_expect(s, "persist1");
	script_claim(s, HOME, 8, 101);
	script_expect(s, "refused id7 e100 max101 superseded");
	script_persisted(s, 1, 0); /* covers the older one only */
	script_expect(s, "persist2");
	script_persisted(s, 2, 0);
	script_added(s, HOME);
	script_expect(s, "add0; claimed0 id8 e101; notice0 e101; changed");
}

static void test_newer_claim_while_adding(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_expect(s, "persist1; add0");
	script_claim(s, HOME, 8, 101);
	script_expect(s, "persist2; refused id7 e100 max101 superseded");
	/* The disk first ... */
	script_persisted(s, 2, 0);
	script_expect(s, "");
	script_added(s, HOME);
	script_expect(s, "claimed0 id8 e101; notice0 e101; changed");
	/* ... or the keeper: until the disk has it, it is held under the older one. */
	script_claim(s, OTHER, 9, 102);
	script_persisted(s, 3, 0);
	script_claim(s, OTHER, 10, 103);
	script_expect(s, "persist3; add1; persist4; refused id9 e102 max103 superseded");
	script_added(s, OTHER);
	script_expect(s, "notice1 e102; changed");
	assert_int_equal(ownership_epoch(s->o, OTHER), 102);
	script_persisted(s, 4, 0);
	script_expect(s, "claimed1 id10 e103; notice1 e103; changed");
}

/* What the keeper refused was the older claim: the newer one, perhaps with force, is asked. */
static void test_older_claim_is_refused_by_the_keeper(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_force(s, HOME, 8, 101);
	script_expect(s, "persist1; add0; persist2; refused id7 e100 max101 superseded");
	script_refused(s, HOME, MSG_REFUSED_IN_USE);
	script_expect(s, "");
	script_persisted(s, 2, 0);
	script_expect(s, "add0!");
	script_added(s, HOME);
	script_expect(s, "claimed0 id8 e101; notice0 e101; changed");
}

static void test_newer_claim_while_held(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_claim(s, HOME, 8, 101);
	script_expect(s, "persist2");
	assert_int_equal(ownership_epoch(s->o, HOME), 100);
	script_persisted(s, 2, 0);
	script_expect(s, "claimed0 id8 e101; notice0 e101; changed");
	assert_int_equal(ownership_epoch(s->o, HOME), 101);
}

static void test_newer_claim_while_releasing(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_release(s, HOME, 8, 101);
	script_persisted(s, 2, 0);
	script_expect(s, "persist2; remove0; changed");
	script_claim(s, HOME, 9, 102);
	script_persisted(s, 3, 0);
	script_expect(s, "persist3"); /* not added before it was removed */
	script_removed(s, HOME, 0);
	script_expect(s, "released0 id8 e102; add0");
	script_added(s, HOME);
	script_expect(s, "claimed0 id9 e102; notice0 e102; changed");
}

static void test_stale_claims(void **state)
{
	struct script *s = *state;

	script_hold(s, OTHER, 200);
	script_hold(s, HOME, 100); /* lower than 200, but of another address */
	script_claim(s, OTHER, 7, 199);
	script_expect(s, "refused id7 e199 max200 stale-epoch");
	script_release(s, OTHER, 8, 201);
	script_removed(s, OTHER, 0);
	script_persisted(s, 3, 0);
	script_expect(s, "persist3; remove1; changed; released1 id8 e201");
	script_claim(s, OTHER, 9, 200); /* late */
	script_expect(s, "refused id9 e200 max201 stale-epoch");
	script_claim(s, OTHER, 9, 201); /* the epoch of a release is none of a claim */
	script_expect(s, "refused id9 e201 max201 stale-epoch");
	script_claim(s, OTHER, 9, 202);
	script_expect(s, "persist4");
}

static void test_unknown_address(void **state)
{
	struct script *s = *state;

	script_claim(s, UNKNOWN, 7, 100);
	script_expect(s, "refused id7 e100 max100 not-configured");
	script_release(s, UNKNOWN, 8, 90);
	script_expect(s, "released? id8 e90");
	script_wait(s, OWNERSHIP_LAZY_MS);
	script_expect(s, "persist1");
	assert_int_equal(s->asked.max_epoch, 100);
}

/* ---- release --------------------------------------------------------------- */

static void test_release_what_is_held(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_release(s, HOME, 8, 101);
	script_expect(s, "persist2; remove0; changed");
	assert_record(&s->asked, HOME, 101, false);
	assert_false(ownership_is_held(s->o, HOME));
	assert_true(ownership_may_hold_any(s->o));
	script_removed(s, HOME, 0);
	script_expect(s, ""); /* not before the disk has it */
	script_persisted(s, 2, 0);
	script_expect(s, "released0 id8 e101");
	/* Again. */
	script_release(s, HOME, 9, 101);
	script_expect(s, "released0 id9 e101");
	/* A disk that fails does not bring it back. */
	script_hold(s, OTHER, 102);
	script_release(s, OTHER, 10, 103);
	script_persisted(s, 4, ERR_IO);
	script_expect(s, "persist4; remove1; changed; [what is claimed cannot be recorded]");
	script_removed(s, OTHER, 0);
	script_expect(s, "released1 id10 e103");
}

static void test_release_what_is_not_held(void **state)
{
	struct script *s = *state;

	script_release(s, HOME, 7, 100);
	script_expect(s, "persist1");
	script_persisted(s, 1, 0);
	script_expect(s, "released0 id7 e100");
	script_release(s, HOME, 8, 50); /* an older one: it is not held all the same */
	script_expect(s, "released0 id8 e100");
}

static void test_release_while_recording(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_release(s, HOME, 8, 101);
	script_expect(s, "persist1; refused id7 e100 max101 superseded");
	script_persisted(s, 1, 0);
	script_persisted(s, 2, 0);
	script_expect(s, "persist2; released0 id8 e101");
	assert_record(&s->disk, HOME, 101, false);
}

static void test_release_while_adding(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_release(s, HOME, 8, 101);
	script_persisted(s, 2, 0);
	script_expect(s, "persist1; add0; persist2; remove0");
	script_added(s, HOME); /* it was on its way */
	script_expect(s, "");
	script_removed(s, HOME, 0);
	script_expect(s, "refused id7 e100 max101 superseded; released0 id8 e101");
	assert_false(ownership_may_hold_any(s->o));
}

static void test_release_while_releasing(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_release(s, HOME, 8, 101);
	script_persisted(s, 2, 0);
	script_release(s, HOME, 9, 102);
	script_expect(s, "persist2; remove0; changed; persist3");
	script_removed(s, HOME, 0);
	script_persisted(s, 3, 0);
	script_expect(s, "released0 id9 e102");
}

static void test_stale_release(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_release(s, HOME, 7, 99);
	script_expect(s, "refused id7 e99 max100 stale-epoch");
	script_claim(s, HOME, 8, 110);
	script_release(s, HOME, 9, 105); /* newer than what is held, older than what comes */
	script_expect(s, "persist2; refused id9 e105 max110 stale-epoch");
	script_release(s, HOME, 10, 110);
	script_removed(s, HOME, 0);
	script_persisted(s, 2, 0);
	script_expect(s, "remove0; changed; refused id8 e110 max110 superseded; persist3");
	script_persisted(s, 3, 0);
	script_expect(s, "released0 id10 e110");
}

/* The kernel's lifetime takes it away: until then nobody is told that it is gone. */
static void test_removal_fails(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_release(s, HOME, 8, 101);
	script_persisted(s, 2, 0);
	script_removed(s, HOME, ERR_IO);
	script_expect(s, "persist2; remove0; changed");
	assert_int_equal(ownership_next_expiry(s->o), s->now_ms + 4200);
	script_wait(s, 4199);
	script_expect(s, "");
	assert_true(ownership_may_hold_any(s->o));
	script_wait(s, 1);
	script_expect(s, "released0 id8 e101");
	assert_false(ownership_may_hold_any(s->o));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_claim),
		CASE(test_claim_with_force),
		CASE(test_the_same_order_again),
		CASE(test_the_same_order_with_force),
		CASE(test_keeper_refuses),
		CASE(test_newer_claim_while_recording),
		CASE(test_newer_claim_while_adding),
		CASE(test_older_claim_is_refused_by_the_keeper),
		CASE(test_newer_claim_while_held),
		CASE(test_newer_claim_while_releasing),
		CASE(test_stale_claims),
		CASE(test_unknown_address),
		CASE(test_release_what_is_held),
		CASE(test_release_what_is_not_held),
		CASE(test_release_while_recording),
		CASE(test_release_while_adding),
		CASE(test_release_while_releasing),
		CASE(test_stale_release),
		CASE(test_removal_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
