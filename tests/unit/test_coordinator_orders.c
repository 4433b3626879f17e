/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/coordinator_world.h"

/* Claims and releases, and everything that can become of them. */

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOBODY     COORDINATOR_NONE

static int start(void **state)
{
	(void)state;
	cluster_reset(4);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	cluster_stop();
	return 0;
}

/* m2 is gone; returns its first successor. */
static size_t lose(void)
{
	size_t successor = cluster_address(1)->successors[0];

	cluster_gone(1);
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	return successor;
}

/* ---- claims that come to nothing ---- */

static void test_claim_times_out(void **state)
{
	size_t first, second;
	uint64_t epoch;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	second = cluster_address(1)->successors[1];
	world.members[first].obedience = WORLD_IS_MUTE;
	assert_int_equal(lose(), first);
	epoch = cluster_last(COORDINATOR_CLAIM, first)->epoch;
	assert_int_equal(cluster_address(1)->state, ADDRESS_CLAIMING);
	assert_int_equal(cluster_address(1)->owner, first);
	cluster_run(1499);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	cluster_run(1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 2);
	assert_true(cluster_last(COORDINATOR_CLAIM, second)->epoch > epoch);
	assert_int_equal(cluster_last(COORDINATOR_CLAIM, second)->from, 1);
	cluster_expect_owner(1, second);
	assert_non_null(cluster_event("192.0.2.22", "no answer: m", "1500 ms"));
	/* Whoever did not answer may have it: it is ordered to let go. */
	assert_non_null(cluster_last(COORDINATOR_RELEASE, first));
}

/* The shell was held up for a moment, and its timers come before its sockets. */
static void test_answer_waits_in_the_socket(void **state)
{
	struct coordinator_action claim;
	size_t first;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	claim = *cluster_last(COORDINATOR_CLAIM, first);
	cluster_run(1499);
	world.now += 100; /* too little to be forgiven */
	coordinator_expire(world.coordinator, world.now);
	cluster_pump();
	assert_true(coordinator_next_expiry(world.coordinator) <= world.now);
	cluster_claimed(first, 1, claim.id, claim.epoch);
	cluster_pump();
	cluster_expect_owner(1, first);
	cluster_run(100);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_null(cluster_event("192.0.2.22", "no answer: m", ""));
}

/* The answer comes after all, while another one tries: that one is refused, the first keeps it. */
static void test_late_answer(void **state)
{
	size_t first, second;
	struct coordinator_action claim;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	second = cluster_address(1)->successors[1];
	world.members[first].obedience = world.members[second].obedience = WORLD_IS_MUTE;
	(void)lose();
	claim = *cluster_last(COORDINATOR_CLAIM, first);
	cluster_run(1500);
	world.members[first].obedience = WORLD_OBEYS;
	cluster_claimed(first, 1, claim.id, claim.epoch);
	cluster_pump();
	assert_int_equal(cluster_address(1)->owner, second);
	claim = *cluster_last(COORDINATOR_CLAIM, second);
	cluster_refused(second, 1, claim.id, MSG_REFUSED_IN_USE);
	cluster_pump();
	cluster_run(100);
	cluster_expect_owner(1, first);
	assert_true(cluster_address(1)->epoch > claim.epoch);
}

/* Its answer comes when another one has it: nothing changes, the newer notices make it yield. */
static void test_very_late_answer(void **state)
{
	size_t first, second;
	struct coordinator_action claim;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	second = cluster_address(1)->successors[1];
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	claim = *cluster_last(COORDINATOR_CLAIM, first);
	cluster_run(1600);
	cluster_expect_owner(1, second);
	cluster_forget();
	cluster_claimed(first, 1, claim.id, claim.epoch);
	cluster_pump();
	cluster_expect_owner(1, second);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
}

static void test_answers_that_are_none(void **state)
{
	size_t first;
	struct coordinator_action claim;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	claim = *cluster_last(COORDINATOR_CLAIM, first);
	/* Another member, another id, no id, no such address. */
	cluster_refused((first + 1) % 4, 1, claim.id, MSG_REFUSED_FAILED);
	cluster_refused(first, 1, claim.id + 1, MSG_REFUSED_FAILED);
	cluster_refused(first, 1, 0, MSG_REFUSED_FAILED);
	cluster_refused(first, 11, claim.id, MSG_REFUSED_FAILED);
	cluster_refused(first, 2, claim.id, MSG_REFUSED_FAILED);
	cluster_released(first, 1, claim.id);
	cluster_pump();
	assert_int_equal(cluster_address(1)->state, ADDRESS_CLAIMING);
	assert_int_equal(cluster_address(1)->owner, first);
	cluster_claimed(first, 1, claim.id, claim.epoch);
	cluster_claimed(first, 1, claim.id, claim.epoch);
	cluster_pump();
	cluster_expect_owner(1, first);
}

static const char *const codes[] = {
	MSG_REFUSED_IN_USE, MSG_REFUSED_UNREACHED,  MSG_REFUSED_UNKNOWN, MSG_REFUSED_UNABLE,
	MSG_REFUSED_FAILED, MSG_REFUSED_SUPERSEDED, "from-the-future",
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < LEN(codes); i++) {
		size_t first, second;

		start(state);
		cluster_begin(4);
		first = cluster_address(1)->successors[0];
		second = cluster_address(1)->successors[1];
		world.members[first].obedience = WORLD_REFUSES;
		world.members[first].code = codes[i];
		(void)lose();
		cluster_expect_owner(1, second);
		assert_int_equal(cluster_count(COORDINATOR_CLAIM), 2);
		assert_non_null(cluster_event("192.0.2.22", "refused: m", codes[i]));
		stop(state);
	}
}

/* It has seen epochs that this store never gave out: the next one is above them all. */
static void test_stale_epoch(void **state)
{
	size_t first;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	world.members[first].max_epoch = 5000000;
	cluster_refused(first, 1, cluster_last(COORDINATOR_CLAIM, first)->id, MSG_REFUSED_STALE);
	world.members[first].obedience = WORLD_OBEYS;
	cluster_pump();
	cluster_expect_owner(1, first);
	assert_int_equal(cluster_address(1)->epoch, 5000001);
	assert_int_equal(coordinator_epoch(world.coordinator), 5000001);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 2);
}

/* Whatever epoch it is given, it is stale: the next one, after a few. */
static void test_stale_for_ever(void **state)
{
	size_t first;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	world.members[first].obedience = WORLD_REFUSES;
	world.members[first].code = MSG_REFUSED_STALE;
	(void)lose();
	cluster_expect_owner(1, cluster_last(COORDINATOR_CLAIM, NOBODY)->member);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 5);
}

/* All refuse: asked again ever more rarely, told once, taken when one can. */
static void test_all_refuse(void **state)
{
	size_t n;

	(void)state;
	cluster_begin(4);
	for (size_t i = 0; i < 4; i++) {
		world.members[i].obedience = WORLD_REFUSES;
		world.members[i].code = MSG_REFUSED_IN_USE;
	}
	(void)lose();
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	assert_int_equal(cluster_address(1)->owner, NOBODY);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 3);
	assert_non_null(cluster_event("192.0.2.22", "unclaimed", "1000 ms"));
	cluster_run(999);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 3);
	cluster_run(1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 6);
	cluster_run(2000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 9);
	n = cluster_count(COORDINATOR_CLAIM);
	cluster_run(120000);
	assert_in_range(cluster_count(COORDINATOR_CLAIM), n + 15, n + 25);
	n = 0;
	for (size_t i = 0; i < world.n_actions; i++)
		n += strcmp(world.actions[i].what, "unclaimed") == 0 ? 1 : 0;
	assert_int_equal(n, 1);
	world.members[0].obedience = WORLD_OBEYS;
	cluster_until_owned(1, 0, 31000);
}

static void test_successor_dies_while_claiming(void **state)
{
	size_t first, second;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	second = cluster_address(1)->successors[1];
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	cluster_kill(first);
	assert_true(cluster_until_owned(1, second, 400) <= 301);
	assert_int_equal(registry_get(world.registry, first)->state, MEMBER_DOWN);
	assert_int_not_equal(cluster_address(first)->owner, first);
	assert_int_equal(cluster_address(first)->state, ADDRESS_OWNED);
}

static void test_successor_is_gone_while_claiming(void **state)
{
	size_t first, second;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	second = cluster_address(1)->successors[1];
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	cluster_gone(first);
	cluster_expect_owner(1, second);
	cluster_forget();
	/* Or it says bye. */
	stop(state);
	start(state);
	cluster_begin(4);
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	cluster_bye(first, true);
	cluster_expect_owner(1, second);
}

/* It reconnects while it should claim: the order may be lost, a new one is sent. */
static void test_successor_reconnects_while_claiming(void **state)
{
	size_t first;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	cluster_disconnect(first);
	world.members[first].obedience = WORLD_OBEYS;
	cluster_join(first);
	cluster_expect_owner(1, first);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 2);
	/* Or it had claimed already: it says so. */
	stop(state);
	start(state);
	cluster_begin(4);
	world.members[first].obedience = WORLD_IS_MUTE;
	(void)lose();
	world.members[first].held[1] = cluster_last(COORDINATOR_CLAIM, first)->epoch;
	cluster_disconnect(first);
	cluster_join(first);
	cluster_expect_owner(1, first);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
}

/* Released by itself while the successor is still at it, and again after it has it. */
static void test_owner_lets_go_again(void **state)
{
	size_t first;

	(void)state;
	cluster_begin(4);
	first = lose();
	cluster_expect_owner(1, first);
	cluster_forget();
	cluster_let_go(first, 1, "deleted by somebody");
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_int_not_equal(cluster_last(COORDINATOR_CLAIM, NOBODY)->member, first);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
}

/* ---- the store ---- */

static void test_store_fails(void **state)
{
	size_t first;

	(void)state;
	cluster_begin(4);
	world.store = WORLD_STORE_FAILS;
	first = lose();
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	assert_non_null(cluster_event("192.0.2.22", "not ordered", "store failed"));
	cluster_run(5000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_in_range(cluster_count(COORDINATOR_STORE), 5, 7);
	world.store = WORLD_STORES;
	cluster_run(1000);
	cluster_expect_owner(1, first);
}

/* While the store is busy the first successor dies: it is not even ordered. */
static void test_store_is_slow_successor_dies(void **state)
{
	size_t first;

	(void)state;
	cluster_begin(4);
	world.store = WORLD_STORE_WAITS;
	first = lose();
	assert_int_equal(world.waiting[0].record.owner, first);
	cluster_disconnect(first);
	world.store = WORLD_STORES;
	cluster_store_answer(0);
	assert_null(cluster_last(COORDINATOR_CLAIM, first));
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	assert_int_not_equal(cluster_address(1)->owner, first);
}

/* While the store is busy the owner comes back with its address: it keeps it. */
static void test_store_is_slow_owner_returns(void **state)
{
	size_t first;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	world.store = WORLD_STORE_WAITS;
	world.members[1].is_beating = false;
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	cluster_run(301);
	assert_int_equal(world.waiting[0].record.owner, first);
	cluster_join(1);
	world.store = WORLD_STORES;
	cluster_store_answer(0);
	assert_null(cluster_last(COORDINATOR_CLAIM, first));
	cluster_run(100);
	cluster_expect_owner(1, 1);
	assert_true(world.members[1].held[1] > 1000);
}

/* While the release is being stored the owner lets go by itself, or dies. */
static void test_store_is_slow_owner_lets_go(void **state)
{
	(void)state;
	cluster_begin(4);
	world.store = WORLD_STORE_WAITS;
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_let_go(1, 1, "its link is down");
	world.store = WORLD_STORES;
	cluster_store_answer(0);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 0);
	cluster_expect_owner(1, 3);
	stop(state);
	start(state);
	cluster_begin(4);
	world.store = WORLD_STORE_WAITS;
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_gone(1);
	world.store = WORLD_STORES;
	cluster_store_answer(0);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 0);
	cluster_expect_owner(1, 3);
}

static void test_store_answers_for_nobody(void **state)
{
	(void)state;
	cluster_begin(4);
	coordinator_stored(world.coordinator, world.now, 0, 0, 99999);
	coordinator_stored(world.coordinator, world.now, 12345, 0, 99999);
	coordinator_fenced(world.coordinator, world.now, 0, 0);
	coordinator_fenced(world.coordinator, world.now, 12345, 0);
	cluster_pump();
	assert_int_equal(world.n_actions, 0);
}

/* ---- members that come back ---- */

/* It says that it still holds what is another's now, under an older epoch. */
static void test_return_with_address(void **state)
{
	size_t successor;

	(void)state;
	cluster_begin(4);
	successor = cluster_address(1)->successors[0];
	world.members[1].is_beating = false;
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	cluster_until_owned(1, successor, 400);
	assert_int_not_equal(world.members[1].held[1], 0);
	cluster_forget();
	cluster_join(1);
	assert_non_null(cluster_last(COORDINATOR_RELEASE, 1));
	assert_int_equal(world.members[1].held[1], 0);
	cluster_expect_owner(1, successor);
	cluster_run(100);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
}

/* It does not answer the release: asked again, then told. */
static void test_return_and_no_answer(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	cluster_run(301);
	world.members[1].obedience = WORLD_IS_MUTE;
	cluster_join(1);
	cluster_run(10000);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 5);
	assert_non_null(cluster_event("192.0.2.22", "not released", "m2 answered none of 5"));
}

/* It rebooted within suspect_ms: it gets its own address again at once. */
static void test_fast_reboot(void **state)
{
	(void)state;
	cluster_begin(4);
	memset(world.members[1].held, 0, sizeof(world.members[1].held));
	cluster_join(1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	cluster_expect_owner(1, 1);
	assert_non_null(cluster_event("192.0.2.22", "orphaned", "m2 is back without it"));
}

/* It holds it under a newer epoch than is on record: the store was restored. */
static void test_newer_epoch_is_adopted(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[2].held[1] = 7000000;
	world.members[2].max_epoch = 7000000;
	cluster_join(2);
	cluster_expect_owner(1, 2);
	assert_int_equal(cluster_address(1)->epoch > 7000000, true); /* m2 was ordered to let go */
	assert_non_null(cluster_event("192.0.2.22", "adopted: m3", "7000000"));
	assert_int_equal(world.records[1].owner, 2);
	assert_non_null(cluster_last(COORDINATOR_RELEASE, 1));
}

/* It says so, and lets go before that is on record. */
static void test_adopted_and_let_go(void **state)
{
	(void)state;
	cluster_begin(4);
	world.store = WORLD_STORE_WAITS;
	world.members[2].held[1] = 7000000;
	cluster_join(2);
	assert_true(world.waiting[0].is_adopted);
	cluster_let_go(2, 1, "its link is down");
	world.store = WORLD_STORES;
	cluster_store_answer(0);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	assert_true(world.members[cluster_address(1)->owner].held[1] > 7000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_claim_times_out, start, stop),
		cmocka_unit_test_setup_teardown(test_answer_waits_in_the_socket, start, stop),
		cmocka_unit_test_setup_teardown(test_late_answer, start, stop),
		cmocka_unit_test_setup_teardown(test_very_late_answer, start, stop),
		cmocka_unit_test_setup_teardown(test_answers_that_are_none, start, stop),
		cmocka_unit_test_setup_teardown(test_refused, start, stop),
		cmocka_unit_test_setup_teardown(test_stale_epoch, start, stop),
		cmocka_unit_test_setup_teardown(test_stale_for_ever, start, stop),
		cmocka_unit_test_setup_teardown(test_all_refuse, start, stop),
		cmocka_unit_test_setup_teardown(test_successor_dies_while_claiming, start, stop),
		cmocka_unit_test_setup_teardown(test_successor_is_gone_while_claiming, start, stop),
		cmocka_unit_test_setup_teardown(test_successor_reconnects_while_claiming, start,
						stop),
		cmocka_unit_test_setup_teardown(test_owner_lets_go_again, start, stop),
		cmocka_unit_test_setup_teardown(test_store_fails, start, stop),
		cmocka_unit_test_setup_teardown(test_store_is_slow_successor_dies, start, stop),
		cmocka_unit_test_setup_teardown(test_store_is_slow_owner_returns, start, stop),
		cmocka_unit_test_setup_teardown(test_store_is_slow_owner_lets_go, start, stop),
		cmocka_unit_test_setup_teardown(test_store_answers_for_nobody, start, stop),
		cmocka_unit_test_setup_teardown(test_return_with_address, start, stop),
		cmocka_unit_test_setup_teardown(test_return_and_no_answer, start, stop),
		cmocka_unit_test_setup_teardown(test_fast_reboot, start, stop),
		cmocka_unit_test_setup_teardown(test_newer_epoch_is_adopted, start, stop),
		cmocka_unit_test_setup_teardown(test_adopted_and_let_go, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
