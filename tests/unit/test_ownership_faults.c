/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/ownership_script.h"

/* The disk, the keeper by itself, not being able, the end, and the start after it. */

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

/* ---- disk ------------------------------------------------------------------ */

static void test_disk_fails(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, ERR_IO);
	script_expect(s, "persist1; [what is claimed cannot be recorded]; "
			 "refused id7 e100 max100 failed");
	assert_false(ownership_may_hold_any(s->o));
	/* The epoch is remembered all the same, and written when it can be. */
	script_claim(s, HOME, 8, 99);
	script_expect(s, "refused id8 e99 max100 stale-epoch");
	script_wait(s, OWNERSHIP_DISK_RETRY_MS - 1);
	script_expect(s, "");
	script_wait(s, 1);
	script_expect(s, "persist2");
	assert_record(&s->asked, HOME, 100, false);
	script_persisted(s, 2, ERR_IO);
	script_expect(s, ""); /* told once */
	/* A new order gets a try of its own, at once. */
	script_claim(s, HOME, 9, 101);
	script_persisted(s, 3, 0);
	script_expect(s, "persist3; add0");
}

/* What is held stays as it is when a newer epoch cannot be recorded. */
static void test_disk_fails_while_held(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_claim(s, HOME, 8, 101);
	script_persisted(s, 2, ERR_IO);
	script_expect(s, "persist2; [what is claimed cannot be recorded]; "
			 "refused id8 e101 max101 failed");
	assert_int_equal(ownership_epoch(s->o, HOME), 100);
	script_claim(s, HOME, 9, 101);
	script_persisted(s, 3, 0);
	script_expect(s, "persist3; claimed0 id9 e101; notice0 e101; changed");
}

/* Neither claim was ever confirmed: the address does not stay. */
static void test_disk_fails_for_a_newer_claim(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_persisted(s, 1, 0);
	script_claim(s, HOME, 8, 101);
	script_expect(s, "persist1; add0; persist2; refused id7 e100 max101 superseded");
	script_persisted(s, 2, ERR_IO);
	script_expect(s, "remove0; [what is claimed cannot be recorded]");
	script_added(s, HOME);
	script_removed(s, HOME, 0);
	script_expect(s, "refused id8 e101 max101 failed");
	/* The same when the keeper was faster. */
	script_claim(s, OTHER, 9, 102);
	script_persisted(s, 3, 0);
	script_claim(s, OTHER, 10, 103);
	script_added(s, OTHER);
	script_expect(s, "persist3; add1; persist4; refused id9 e102 max103 superseded; "
			 "notice1 e102; changed");
	script_persisted(s, 4, ERR_IO);
	script_removed(s, OTHER, 0);
	script_expect(s, "remove1; [what is claimed cannot be recorded]; changed; "
			 "refused id10 e103 max103 failed");
}

static void test_one_write_at_a_time(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_expect(s, "persist1");
	script_claim(s, OTHER, 8, 101);
	script_claim(s, SCRIPT_HOME6, 9, 102);
	script_expect(s, "");      /* both wait for the next */
	script_persisted(s, 2, 0); /* no such ticket */
	script_expect(s, "");
	script_persisted(s, 1, 0);
	script_expect(s, "persist2; add0");
	assert_record(&s->asked, OTHER, 101, true);
	assert_record(&s->asked, SCRIPT_HOME6, 102, true);
	script_persisted(s, 2, 0);
	script_expect(s, "add1; add2");
	script_persisted(s, 2, ERR_IO); /* again: nothing */
	script_expect(s, "");
}

/* A disk that never answers: the director gives up, and its next order is judged as ever. */
static void test_disk_hangs(void **state)
{
	struct script *s = *state;

	script_claim(s, HOME, 7, 100);
	script_expect(s, "persist1");
	script_wait(s, 100000);
	script_expect(s, "");
	script_claim(s, HOME, 8, 101);
	script_expect(s, "refused id7 e100 max101 superseded");
	ownership_stop(s->o, s->now_ms, "end");
	script_expect(s, "refused id8 e101 max101 not-able");
	assert_false(ownership_may_hold_any(s->o));
}

/* ---- the keeper by itself -------------------------------------------------- */

static void test_lost(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_expect(s, "[lost 192.0.2.21]; released0 id0 e100; changed");
	assert_false(ownership_may_hold_any(s->o));
	script_wait(s, 60000);
	script_expect(s, "");          /* with a director nothing is taken without an order */
	script_claim(s, HOME, 8, 100); /* late: of what was let go nothing comes back */
	script_expect(s, "refused id8 e100 max100 stale-epoch");
	ownership_keeper_lost(s->o, s->now_ms, HOME, "again");
	ownership_keeper_lost(s->o, s->now_ms, 77, "nonsense");
	script_expect(s, "");
}

static void test_lost_while_a_newer_claim_comes(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_claim(s, HOME, 8, 101);
	ownership_keeper_lost(s->o, s->now_ms, HOME, "link down");
	script_expect(s, "persist2; [lost 192.0.2.21]; changed");
	script_persisted(s, 2, 0);
	script_expect(s, "add0"); /* the answer to the claim says how it went */
}

static void test_dropped(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_hold(s, OTHER, 101);
	script_claim(s, SCRIPT_HOME6, 7, 102);
	script_persisted(s, 3, 0);
	script_release(s, OTHER, 8, 103);
	script_expect(s, "persist3; add2; persist4; remove1; changed");
	ownership_keeper_dropped(s->o, s->now_ms, "suspended");
	/* What was asked before is out of date, and answered by the keeper all the same. */
	script_expect(s, "[dropped all addresses]; released0 id0 e100; remove2; changed");
	script_persisted(s, 4, 0);
	script_removed(s, OTHER, 0);
	script_expect(s, "released1 id8 e103");
	script_added(s, SCRIPT_HOME6);
	script_removed(s, SCRIPT_HOME6, 0);
	script_expect(s, "refused id7 e102 max103 failed");
	assert_false(ownership_may_hold_any(s->o));
}

static void test_keeper_is_confused(void **state)
{
	struct script *s = *state;

	script_added(s, HOME); /* it has what nobody asked for */
	script_expect(s, "remove0");
	script_removed(s, HOME, 0);
	script_expect(s, "");
	script_refused(s, HOME, MSG_REFUSED_IN_USE);
	script_removed(s, HOME, ERR_IO);
	script_added(s, 77);
	script_expect(s, "");
	assert_true(ownership_next_expiry(s->o) == UINT64_MAX);
}

/* ---- not able, stop -------------------------------------------------------- */

static void test_not_able(void **state)
{
	struct script *s = *state;

	assert_true(ownership_is_able(s->o));
	script_hold(s, HOME, 100);
	script_hold(s, WATCHED, 101);
	script_claim(s, OTHER, 7, 102);
	script_expect(s, "persist3");
	ownership_able(s->o, s->now_ms, false, "eth1 is down");
	script_expect(s, "[not able]; remove0; refused id7 e102 max102 not-able; changed");
	assert_false(ownership_is_able(s->o));
	assert_true(ownership_is_held(s->o, WATCHED)); /* the operator put it there */
	script_removed(s, HOME, 0);
	script_expect(s, "released0 id0 e100");
	ownership_able(s->o, s->now_ms, false, "eth1 is down");
	script_claim(s, HOME, 8, 103);
	script_expect(s, "refused id8 e103 max103 not-able");
	script_claim(s, WATCHED, 9, 104); /* is there, whatever we can */
	script_persisted(s, 3, 0);
	script_persisted(s, 4, 0);
	script_expect(s, "persist4; claimed3 id9 e104; changed");
	ownership_able(s->o, s->now_ms, true, "eth1 is up");
	script_expect(s, "[able again]");
	script_claim(s, HOME, 10, 105);
	script_expect(s, "persist5");
}

/* The claim that comes in time takes the place of the word that it was let go. */
static void test_claim_after_not_able(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	ownership_able(s->o, s->now_ms, false, "no");
	ownership_able(s->o, s->now_ms, true, "yes");
	script_expect(s, "[not able]; remove0; [able again]; changed");
	script_claim(s, HOME, 8, 101);
	script_expect(s, "persist2");
	script_removed(s, HOME, 0);
	script_persisted(s, 2, 0);
	script_expect(s, "add0");
}

static void test_stop(void **state)
{
	struct script *s = *state;

	script_hold(s, HOME, 100);
	script_hold(s, WATCHED, 101);
	script_claim(s, OTHER, 7, 102);
	script_persisted(s, 3, 0);
	script_claim(s, SCRIPT_HOME6, 8, 103);
	script_expect(s, "persist3; add1; persist4");
	ownership_stop(s->o, s->now_ms, "told to");
	script_expect(s, "remove0; remove1; refused id8 e103 max103 not-able; remove3; changed");
	assert_true(ownership_may_hold_any(s->o));
	script_removed(s, HOME, 0);
	script_expect(s, "released0 id0 e100");
	script_added(s, OTHER);
	script_removed(s, OTHER, 0);
	script_expect(s, "refused id7 e102 max103 not-able");
	script_removed(s, WATCHED, 0);
	script_expect(s, "released3 id0 e101");
	assert_false(ownership_may_hold_any(s->o));
	script_claim(s, HOME, 9, 104);
	script_expect(s, "refused id9 e104 max104 not-able");
	ownership_disconnected(s->o, s->now_ms);
	script_wait(s, 100000);
	script_expect(s, "");
	assert_false(ownership_may_hold_any(s->o));
}

/* ---- start ----------------------------------------------------------------- */

/* What was on the disk counts; what is not configured any more does not, but for its epoch. */
static void test_start_with_a_state(void **state)
{
	struct script *s = *state;

	script_end(s);
	s->disk = (struct ownership_state){ .max_epoch = 50, .n = 2 };
	s->disk.records[0] = (struct ownership_record){ script_ip(OTHER), 40, true };
	s->disk.records[1] = (struct ownership_record){ script_ip(UNKNOWN), 60, true };
	script_begin(s);
	assert_int_equal(ownership_max_epoch(s->o), 60);
	script_welcome(s, 55);
	script_expect(s, "");
	script_claim(s, OTHER, 7, 39);
	script_expect(s, "refused id7 e39 max60 stale-epoch");
	script_claim(s, OTHER, 8, 40); /* it died while it had it; the order is repeated */
	script_expect(s, "persist1");
	script_welcome(s, 70); /* a new connection: the order of the last one is forgotten */
	script_persisted(s, 1, 0);
	script_expect(s, "add1");
	script_wait(s, OWNERSHIP_LAZY_MS);
	script_expect(s, "persist2");
	assert_int_equal(s->asked.max_epoch, 70);
	script_added(s, OTHER);
	script_expect(s, "notice1 e40; changed");
	script_claim(s, OTHER, 1, 40);
	script_expect(s, "claimed1 id1 e40");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_disk_fails),
		CASE(test_disk_fails_while_held),
		CASE(test_disk_fails_for_a_newer_claim),
		CASE(test_one_write_at_a_time),
		CASE(test_disk_hangs),
		CASE(test_lost),
		CASE(test_lost_while_a_newer_claim_comes),
		CASE(test_dropped),
		CASE(test_keeper_is_confused),
		CASE(test_not_able),
		CASE(test_claim_after_not_able),
		CASE(test_stop),
		CASE(test_start_with_a_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
