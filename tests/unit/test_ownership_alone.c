/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/ownership_script.h"

/* Without a director: at the start, later, and when it comes back. */

enum {
	HOME = SCRIPT_HOME,
	OTHER = SCRIPT_OTHER,
	WATCHED = SCRIPT_WATCHED
};

/* On the disk: the home address is ours, the other one is not, of the watched one nothing. */
static int set_up(void **state)
{
	static struct script s;

	s = (struct script){ .disk = { .max_epoch = 120, .n = 2 } };
	s.disk.records[0] = (struct ownership_record){ script_ip(HOME), 100, true };
	s.disk.records[1] = (struct ownership_record){ script_ip(OTHER), 110, false };
	script_begin(&s);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	script_end(*state);
	return 0;
}

static void begin_alone(struct script *s)
{
	ownership_begin_alone(s->o, s->now_ms, SCRIPT_SELF);
}

static void disconnect(struct script *s)
{
	ownership_disconnected(s->o, s->now_ms);
}

static void be_alone(struct script *s)
{
	begin_alone(s);
	script_wait(s, OWNERSHIP_ALONE_MS);
	script_expect(s, "add0");
}

/* ---- at the start ---------------------------------------------------------- */

static void test_takes_what_it_owns(void **state)
{
	struct script *s = *state;

	script_wait(s, 100000);
	script_expect(s, ""); /* not before it is told that it is alone */
	begin_alone(s);
	assert_int_equal(ownership_next_expiry(s->o), s->now_ms + OWNERSHIP_ALONE_MS);
	script_wait(s, OWNERSHIP_ALONE_MS - 1);
	begin_alone(s); /* again: the wait goes on */
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "add0"); /* with the keeper's probe; not what is another's */
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e100; changed");
	assert_int_equal(ownership_epoch(s->o, HOME), 100);
}

static void test_director_comes_in_time(void **state)
{
	struct script *s = *state;

	begin_alone(s);
	script_wait(s, OWNERSHIP_ALONE_MS - 1);
	script_welcome(s, 120);
	assert_true(ownership_next_expiry(s->o) == UINT64_MAX);
	begin_alone(s);
	script_wait(s, 100000);
	script_expect(s, "");
}

static void test_refusals_are_retried(void **state)
{
	static const uint32_t gaps_ms[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
	struct script *s = *state;

	be_alone(s);
	for (size_t i = 0; i < sizeof(gaps_ms) / sizeof(gaps_ms[0]); i++) {
		script_refused(s, HOME, MSG_REFUSED_IN_USE);
		script_wait(s, gaps_ms[i] - 1);
		script_expect(s, "");
		script_wait(s, 1);
		script_expect(s, "add0"); /* never with force */
	}
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e100; changed");
	/* The next time it begins with the shortest. */
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_expect(s, "[lost 192.0.2.21]; changed");
	script_wait(s, OWNERSHIP_RETRY_MS - 1);
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "add0");
}

static void test_hears_of_a_newer_claim(void **state)
{
	struct script *s = *state;

	begin_alone(s);
	script_wait(s, 1000);
	script_notice(s, HOME, 2, 130);
	script_wait(s, 100000);
	script_expect(s, "persist1"); /* it is not ours any more */
	assert_false(s->asked.records[HOME].is_ours);
}

static void test_hears_of_it_while_adding(void **state)
{
	struct script *s = *state;

	be_alone(s);
	script_notice(s, HOME, 2, 130);
	script_expect(s, "persist1; remove0");
	script_added(s, HOME);
	script_removed(s, HOME, 0);
	script_persisted(s, 1, 0);
	script_wait(s, 100000);
	script_expect(s, "");
	assert_false(ownership_may_hold_any(s->o));
}

/* An older claim of another member does not make it somebody else's; the probe finds out. */
static void test_hears_of_an_older_claim(void **state)
{
	struct script *s = *state;

	begin_alone(s);
	script_notice(s, HOME, 9, 99);
	script_wait(s, OWNERSHIP_ALONE_MS);
	script_expect(s, "add0");
}

static void test_not_able(void **state)
{
	struct script *s = *state;

	be_alone(s);
	ownership_able(s->o, s->now_ms, false, "eth1 is down");
	script_refused(s, HOME, MSG_REFUSED_FAILED);
	script_removed(s, HOME, 0);
	script_expect(s, "[not able]; remove0");
	script_wait(s, 100000);
	script_expect(s, "");
	ownership_able(s->o, s->now_ms, true, "eth1 is up");
	script_wait(s, 0);
	script_expect(s, "[able again]; add0");
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e100; changed");
	ownership_able(s->o, s->now_ms, false, "eth1 is down");
	script_removed(s, HOME, 0);
	script_expect(s, "[not able]; remove0; changed"); /* nobody to be told */
}

static void test_stop(void **state)
{
	struct script *s = *state;

	be_alone(s);
	ownership_stop(s->o, s->now_ms, "told to");
	script_removed(s, HOME, 0);
	script_expect(s, "remove0");
	assert_false(ownership_may_hold_any(s->o));
	begin_alone(s);
	script_wait(s, 100000);
	script_expect(s, "");
	assert_int_equal(ownership_next_expiry(s->o), UINT64_MAX);
}

/* From a file of before there were epochs: held under none, said to nobody, yielded to anybody. */
static void test_without_an_epoch(void **state)
{
	struct script *s = *state;

	script_end(s);
	s->disk.records[0].epoch = 0;
	script_begin(s);
	be_alone(s);
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; changed");
	assert_true(ownership_is_held(s->o, HOME));
	assert_int_equal(ownership_epoch(s->o, HOME), 0);
	assert_true(ownership_next_expiry(s->o) == UINT64_MAX);
	script_notice(s, HOME, 2, 1);
	script_expect(s, "persist1; remove0; [yielded 192.0.2.21]; changed");
}

/* ---- the director is lost -------------------------------------------------- */

static void test_keeps_what_it_holds(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_hold(s, OTHER, 130);
	disconnect(s);
	script_wait(s, OWNERSHIP_ALONE_MS - 1);
	script_expect(s, "notice1 e130");
	script_wait(s, 1);
	script_expect(s, "add0"); /* ours, though the director had not ordered it */
	assert_true(ownership_is_held(s->o, OTHER));
}

static void test_orders_under_way_go_on(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_claim(s, OTHER, 7, 130);
	script_expect(s, "persist1");
	script_claim(s, SCRIPT_HOME6, 8, 131);
	disconnect(s);
	script_persisted(s, 1, 0);
	script_expect(s, "persist2; add1");
	script_added(s, OTHER);
	script_expect(s, "notice1 e130; changed"); /* the answer is for nobody */
	script_persisted(s, 2, ERR_IO);
	script_expect(s, "[what is claimed cannot be recorded]");
	script_welcome(s, 140);
	script_claim(s, OTHER, 1, 130);
	script_expect(s, "claimed1 id1 e130");
}

static void test_release_under_way(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_hold(s, OTHER, 130);
	script_release(s, OTHER, 7, 131);
	disconnect(s);
	script_removed(s, OTHER, 0);
	script_persisted(s, 2, 0);
	script_expect(s, "persist2; remove1; changed");
	script_wait(s, OWNERSHIP_ALONE_MS);
	script_expect(s, "add0"); /* what was released is not ours */
}

static void test_lost_alone(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_hold(s, HOME, 130);
	disconnect(s);
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_expect(s, "[lost 192.0.2.21]; changed");
	script_wait(s, OWNERSHIP_ALONE_MS - 1);
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "add0");
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e130; changed");
}

/* What is let go of after the hello, which says that it is held, and before the welcome. */
static void test_lost_between_hello_and_welcome(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_hold(s, HOME, 130);
	disconnect(s);
	ownership_hello(s->o);
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_expect(s, "[lost 192.0.2.21]; changed");
	script_welcome(s, 130);
	script_expect(s, "released0 id0 e130");
	script_welcome(s, 130);
	script_expect(s, "");
}

/* The second hello says it; and what is held again by then was never given up. */
static void test_hello_says_what_is_held(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_hold(s, HOME, 130);
	disconnect(s);
	ownership_hello(s->o);
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_expect(s, "[lost 192.0.2.21]; changed");
	ownership_hello(s->o);
	script_welcome(s, 130);
	script_expect(s, "");
	script_hold(s, HOME, 140);
	disconnect(s);
	ownership_hello(s->o);
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_wait(s, OWNERSHIP_ALONE_MS);
	script_expect(s, "[lost 192.0.2.21]; add0; changed");
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e140; changed");
	script_welcome(s, 140);
	script_expect(s, "");
	ownership_able(s->o, s->now_ms, false, "eth1 is down");
	script_removed(s, HOME, 0);
	script_expect(s, "[not able]; remove0; released0 id0 e140; changed");
}

/* A host that slept listens to the others first: they may have what it had. */
static void test_dropped_alone(void **state)
{
	struct script *s = *state;

	be_alone(s);
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e100; changed");
	s->now_ms += 20000;
	ownership_keeper_dropped(s->o, s->now_ms, "suspended");
	script_expect(s, "[dropped all addresses]; changed");
	script_wait(s, 2 * OWNERSHIP_NOTICE_MS - 1);
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "add0");
	/* Dropped while it is being added: the question is out of date. */
	ownership_keeper_dropped(s->o, s->now_ms, "suspended");
	script_expect(s, "[dropped all addresses]; remove0");
	script_added(s, HOME);
	script_removed(s, HOME, 0);
	script_notice(s, HOME, 2, 150);
	script_wait(s, 100000);
	script_expect(s, "persist1"); /* it has heard, and lets it be */
}

/* A claim that the disk refused, and that this member had under an older epoch: not before it is
 * on the disk.
 */
static void test_alone_only_what_is_on_the_disk(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_hold(s, HOME, 130);
	script_claim(s, HOME, 7, 131);
	script_persisted(s, 2, ERR_IO);
	script_expect(s, "persist2; [what is claimed cannot be recorded]; "
			 "refused id7 e131 max131 failed");
	disconnect(s);
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_expect(s, "[lost 192.0.2.21]; changed");
	script_wait(s, OWNERSHIP_ALONE_MS);
	script_expect(s, "persist3");
	script_persisted(s, 3, ERR_IO);
	script_wait(s, 2 * OWNERSHIP_RETRY_MS);
	script_expect(s, "persist4");
	script_persisted(s, 4, 0);
	script_expect(s, "add0");
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e131; changed");
}

/* ---- the director is back -------------------------------------------------- */

static void test_order_for_what_is_held(void **state)
{
	struct script *s = *state;

	be_alone(s);
	script_added(s, HOME);
	script_expect(s, "[took 192.0.2.21]; notice0 e100; changed");
	script_welcome(s, 120);
	script_expect(s, "");
	assert_true(ownership_is_held(s->o, HOME));
	script_claim(s, HOME, 1, 121);
	script_persisted(s, 1, 0);
	script_expect(s, "persist1; claimed0 id1 e121; notice0 e121; changed");
	script_release(s, HOME, 2, 122);
	script_persisted(s, 2, 0);
	script_removed(s, HOME, 0);
	script_expect(s, "persist2; remove0; changed; released0 id2 e122");
}

/* Our hello did not name it: from now on it is the director that says who takes it. */
static void test_welcome_while_adding(void **state)
{
	struct script *s = *state;

	be_alone(s);
	script_welcome(s, 120);
	script_expect(s, "remove0");
	script_claim(s, HOME, 1, 121);
	script_persisted(s, 1, 0);
	script_expect(s, "persist1");
	script_added(s, HOME);
	script_removed(s, HOME, 0);
	script_expect(s, "add0");
	script_added(s, HOME);
	script_expect(s, "claimed0 id1 e121; notice0 e121; changed");
}

static void test_welcome_between_retries(void **state)
{
	struct script *s = *state;

	be_alone(s);
	script_refused(s, HOME, MSG_REFUSED_IN_USE);
	script_welcome(s, 120);
	script_wait(s, 100000);
	script_expect(s, "");
	disconnect(s);
	disconnect(s);
	script_wait(s, OWNERSHIP_ALONE_MS);
	script_expect(s, "add0");
}

/* A claim that was refused is not ours: somebody else was asked. */
static void test_refused_is_not_ours(void **state)
{
	struct script *s = *state;

	script_welcome(s, 120);
	script_claim(s, HOME, 1, 121);
	script_persisted(s, 1, 0);
	script_refused(s, HOME, MSG_REFUSED_IN_USE);
	script_expect(s, "persist1; add0; refused id1 e121 max121 in-use");
	disconnect(s);
	script_wait(s, 100000);
	script_expect(s, "persist2");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_takes_what_it_owns),
		CASE(test_director_comes_in_time),
		CASE(test_refusals_are_retried),
		CASE(test_hears_of_a_newer_claim),
		CASE(test_hears_of_it_while_adding),
		CASE(test_hears_of_an_older_claim),
		CASE(test_not_able),
		CASE(test_stop),
		CASE(test_without_an_epoch),
		CASE(test_keeps_what_it_holds),
		CASE(test_orders_under_way_go_on),
		CASE(test_release_under_way),
		CASE(test_lost_alone),
		CASE(test_lost_between_hello_and_welcome),
		CASE(test_hello_says_what_is_held),
		CASE(test_dropped_alone),
		CASE(test_alone_only_what_is_on_the_disk),
		CASE(test_order_for_what_is_held),
		CASE(test_welcome_while_adding),
		CASE(test_welcome_between_retries),
		CASE(test_refused_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
