/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/coordinator_world.h"

/* Moves: home by themselves, and by the administrator; pause; what is shown. */

#define NOBODY COORDINATOR_NONE

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

/* m2 dies and its address is taken; then it is back. Returns who has the address. */
static size_t die_and_return(void)
{
	size_t successor = cluster_address(1)->successors[0];

	cluster_kill(1);
	cluster_until_owned(1, successor, 400);
	cluster_revive(1);
	cluster_run(WORLD_BEAT_MS - world.now % WORLD_BEAT_MS);
	cluster_forget();
	cluster_join(1);
	return successor;
}

/* ---- moving home ---- */

static void test_failback(void **state)
{
	const struct coordinator_action *release, *claim;
	size_t successor;

	(void)state;
	cluster_begin(4);
	successor = die_and_return();
	cluster_run(59999);
	cluster_expect_owner(1, successor);
	cluster_run(1);
	cluster_expect_owner(1, 1);
	release = cluster_last(COORDINATOR_RELEASE, successor);
	claim = cluster_last(COORDINATOR_CLAIM, 1);
	assert_non_null(release);
	assert_true(claim->epoch > release->epoch);
	assert_int_equal(claim->from, successor);
	assert_non_null(cluster_event("192.0.2.22", "moving home", "60000 ms"));
	assert_non_null(cluster_event("192.0.2.22", "released", ""));
	assert_null(cluster_event("192.0.2.22", "orphaned", "let go"));
}

/* The hold-down begins anew whenever it is not able to serve. */
static void test_failback_is_interrupted(void **state)
{
	size_t successor;

	(void)state;
	cluster_begin(4);
	successor = die_and_return();
	cluster_run(50000);
	world.members[1].is_unable = true;
	cluster_run(200);
	world.members[1].is_unable = false;
	cluster_run(59000);
	cluster_expect_owner(1, successor);
	cluster_run(1200);
	cluster_expect_owner(1, 1);
}

/* It lets go before its heartbeat says why: nothing moves back to it in between. */
static void test_no_failback_to_who_let_go(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_run(70000); /* longer than the hold-down */
	cluster_released(1, 1, 0);
	cluster_pump();
	cluster_run(50);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	assert_null(cluster_event("192.0.2.22", "moving home", ""));
	cluster_run(59000);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	cluster_run(1500);
	cluster_expect_owner(1, 1);
}

static void test_failback_manual(void **state)
{
	size_t successor;

	(void)state;
	world.conf.is_auto_failback = false;
	cluster_begin(4);
	successor = die_and_return();
	cluster_run(600000);
	cluster_expect_owner(1, successor);
	assert_int_equal(cluster_count(COORDINATOR_STORE), 0);
	assert_int_equal(cluster_move(1, NOBODY, false), 0);
	cluster_expect_owner(1, 1);
	assert_int_equal(cluster_last(COORDINATOR_CLAIM, 1)->dead, 0);
	assert_false(cluster_address(1)->is_manual);
}

/* Home refuses: another one takes it, and home is left alone for another hold-down. */
static void test_failback_is_refused(void **state)
{
	(void)state;
	cluster_begin(4);
	(void)die_and_return();
	world.members[1].obedience = WORLD_REFUSES;
	world.members[1].code = MSG_REFUSED_UNREACHED;
	cluster_run(60100);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 1);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	world.members[1].obedience = WORLD_OBEYS;
	cluster_run(59800);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	cluster_run(200);
	cluster_expect_owner(1, 1);
}

/* The owner does not answer the release: again, under a new epoch, until it is known to be dead. */
static void test_release_is_not_answered(void **state)
{
	uint64_t epoch;
	size_t successor;

	(void)state;
	cluster_begin(4);
	successor = die_and_return();
	world.members[successor].obedience = WORLD_IS_MUTE;
	cluster_run(60000);
	assert_int_equal(cluster_address(1)->state, ADDRESS_RELEASING);
	epoch = cluster_last(COORDINATOR_RELEASE, successor)->epoch;
	cluster_run(1500);
	assert_true(cluster_last(COORDINATOR_RELEASE, successor)->epoch > epoch);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 2);
	assert_non_null(cluster_event("192.0.2.22", "not released yet", "1500 ms"));
	cluster_kill(successor);
	cluster_until_owned(1, 1, 400);
}

/* The owner reconnects while it should release: the order went with the connection. */
static void test_owner_reconnects_while_releasing(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].obedience = WORLD_IS_MUTE;
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_disconnect(1);
	world.members[1].obedience = WORLD_OBEYS;
	cluster_join(1);
	cluster_expect_owner(1, 3);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 2);
}

/* The owner is cut off while it should release: asked again when it is heard, not before. */
static void test_owner_is_cut_off_while_releasing(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].obedience = WORLD_IS_MUTE;
	assert_int_equal(cluster_move(1, 3, false), 0);
	world.members[1].is_beating = false;
	cluster_run(20000);
	assert_int_equal(registry_get(world.registry, 1)->state, MEMBER_ISOLATED);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 1);
	assert_true(coordinator_next_expiry(world.coordinator) >= world.now + 100);
	world.members[1].obedience = WORLD_OBEYS;
	world.members[1].is_beating = true;
	cluster_run(200);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 2);
	cluster_expect_owner(1, 3);
}

/* When its owner dies an address goes to its home member, however many that has already. */
static void test_home_is_first(void **state)
{
	size_t successor;

	(void)state;
	cluster_begin(4);
	successor = die_and_return();
	for (size_t k = 0; k < 4; k++) {
		if (k != 1 && k != successor)
			assert_int_equal(cluster_move(k, 1, false), 0);
	}
	assert_int_equal(cluster_address(1)->successors[0], 1);
	cluster_gone(successor);
	cluster_expect_owner(1, 1);
}

/* ---- the administrator ---- */

static void test_move(void **state)
{
	(void)state;
	cluster_begin(4);
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_expect_owner(1, 3);
	assert_true(cluster_address(1)->is_manual);
	assert_true(world.records[1].is_manual);
	assert_non_null(cluster_event("192.0.2.22", "move to m4", "ordered by alice"));
	assert_non_null(cluster_event("192.0.2.22", "releasing: m2", "it goes to m4"));
	assert_int_equal(world.members[1].held[1], 0);
	/* It stays there. */
	cluster_run(600000);
	cluster_expect_owner(1, 3);
	/* To where it is: nothing. */
	cluster_forget();
	assert_int_equal(cluster_move(1, 3, false), 0);
	assert_int_equal(world.n_actions, 0);
	/* Home, where it may move by itself again. */
	assert_int_equal(cluster_move(1, NOBODY, false), 0);
	cluster_expect_owner(1, 1);
	assert_false(world.records[1].is_manual);
	/* After a failover it is nobody's wish any more. */
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_gone(3);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	assert_false(cluster_address(1)->is_manual);
}

/* The store of a restarted director knows that it was by hand. */
static void test_manual_is_remembered(void **state)
{
	(void)state;
	cluster_begin(4);
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_start();
	for (size_t i = 0; i < 4; i++)
		cluster_join(i);
	cluster_run(600000);
	cluster_expect_owner(1, 3);
	assert_true(cluster_address(1)->is_manual);
}

static void test_moves_that_cannot_be(void **state)
{
	(void)state;
	world.members[3].has_no_adopt = true;
	cluster_begin(4);
	assert_int_equal(cluster_move(11, 3, false), ERR_NOT_FOUND);
	assert_int_equal(cluster_move(1, 9, false), ERR_NOT_FOUND);
	assert_int_equal(cluster_move(1, 3, false), ERR_VALUE);
	assert_int_equal(cluster_move(1, 3, true), ERR_VALUE);
	registry_drain(world.registry, 2, true);
	assert_int_equal(cluster_move(1, 2, false), ERR_BAD_STATE);
	registry_drain(world.registry, 2, false);
	world.members[2].is_unable = true;
	cluster_beat(2);
	assert_int_equal(cluster_move(1, 2, false), ERR_BAD_STATE);
	cluster_disconnect(2);
	assert_int_equal(cluster_move(1, 2, false), ERR_BAD_STATE);
	assert_int_equal(cluster_move(1, 2, true), ERR_BAD_STATE);
	/* The owner cannot be asked. */
	cluster_disconnect(1);
	assert_int_equal(cluster_move(1, 0, false), ERR_BAD_STATE);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_expect_owner(1, 1);
}

static void test_move_while_something_is_under_way(void **state)
{
	(void)state;
	cluster_begin(4);
	world.store = WORLD_STORE_WAITS;
	assert_int_equal(cluster_move(1, 3, false), 0);
	assert_int_equal(cluster_move(1, 2, false), ERR_BAD_STATE);
	assert_int_equal(cluster_move(1, 2, true), ERR_BAD_STATE);
	world.store = WORLD_STORES;
	world.members[1].obedience = WORLD_IS_MUTE;
	cluster_store_answer(0);
	assert_int_equal(cluster_address(1)->state, ADDRESS_RELEASING);
	assert_int_equal(cluster_move(1, 2, false), ERR_BAD_STATE);
	/* By force it can be, and goes elsewhere. */
	assert_int_equal(cluster_move(1, 2, true), 0);
	cluster_expect_owner(1, 2);
	assert_true(cluster_last(COORDINATOR_CLAIM, 2)->force);
}

/* The target refuses: somebody has to serve, and it may move home by itself. */
static void test_move_is_refused(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[3].obedience = WORLD_REFUSES;
	world.members[3].code = MSG_REFUSED_UNREACHED;
	assert_int_equal(cluster_move(1, 3, false), 0);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	assert_int_not_equal(cluster_address(1)->owner, 3);
	assert_false(cluster_address(1)->is_manual);
}

/* The target dies while the owner releases. */
static void test_move_target_dies(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].obedience = WORLD_IS_MUTE;
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_gone(3);
	cluster_released(1, 1, cluster_last(COORDINATOR_RELEASE, 1)->id);
	world.members[1].obedience = WORLD_OBEYS;
	cluster_pump();
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	assert_int_not_equal(cluster_address(1)->owner, 3);
}

/* The owner is isolated: by force it is not waited for, and lets go when it is heard. */
static void test_force(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	cluster_run(310);
	assert_int_equal(registry_get(world.registry, 1)->state, MEMBER_ISOLATED);
	assert_int_equal(cluster_move(1, 3, false), ERR_BAD_STATE);
	assert_int_equal(cluster_move(1, 3, true), 0);
	assert_true(cluster_last(COORDINATOR_CLAIM, 3)->force);
	cluster_expect_owner(1, 3);
	assert_null(cluster_last(COORDINATOR_RELEASE, 1));
	world.members[1].is_beating = true;
	cluster_run(200);
	assert_non_null(cluster_last(COORDINATOR_RELEASE, 1));
	cluster_expect_owner(1, 3);
}

static void test_fence(void **state)
{
	uint64_t ticket;

	(void)state;
	world.conf.has_fence = true;
	cluster_begin(4);
	world.members[1].is_beating = false;
	cluster_run(310);
	/* It fails: nothing moves. */
	assert_int_equal(cluster_move(1, 3, true), 0);
	assert_int_equal(cluster_last(COORDINATOR_FENCE, 1)->ip.octets[3], 22);
	ticket = cluster_last(COORDINATOR_FENCE, 1)->ticket;
	assert_int_equal(cluster_move(1, 3, true), ERR_BAD_STATE);
	coordinator_fenced(world.coordinator, world.now, ticket, ERR_TIMEOUT);
	cluster_pump();
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_equal(cluster_address(1)->owner, 1);
	assert_non_null(cluster_event("192.0.2.22", "not moved", "the fencing script failed"));
	/* It succeeds. */
	assert_int_equal(cluster_move(1, 3, true), 0);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	ticket = cluster_last(COORDINATOR_FENCE, 1)->ticket;
	coordinator_fenced(world.coordinator, world.now, ticket, 0);
	cluster_pump();
	cluster_expect_owner(1, 3);
	assert_true(cluster_last(COORDINATOR_CLAIM, 3)->force);
	assert_true(cluster_address(1)->is_manual);
	/* A failover that the coordinator has proved needs no script. */
	cluster_forget();
	cluster_gone(3);
	assert_int_equal(cluster_count(COORDINATOR_FENCE), 0);
}

/* ---- pause ---- */

static void test_pause(void **state)
{
	size_t successor;

	(void)state;
	cluster_begin(4);
	successor = cluster_address(1)->successors[0];
	cluster_pause(true);
	assert_true(coordinator_is_paused(world.coordinator));
	cluster_kill(1);
	cluster_run(10000);
	assert_int_equal(registry_get(world.registry, 1)->state, MEMBER_DOWN);
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_non_null(cluster_event("192.0.2.22", "not claimed", "failover is paused"));
	cluster_pause(false);
	cluster_expect_owner(1, successor);
	assert_non_null(cluster_event("failover", "resumed", "alice"));
}

/* Back while paused: as if nothing had been. */
static void test_pause_and_return(void **state)
{
	for (size_t turn = 0; turn < 2; turn++) {
		start(state);
		cluster_begin(4);
		cluster_pause(true);
		world.members[1].is_beating = false;
		world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
		cluster_run(10000);
		if (turn == 0)
			world.members[1].held[1] = 0;
		cluster_forget();
		cluster_join(1);
		cluster_expect_owner(1, 1);
		assert_int_equal(cluster_count(COORDINATOR_CLAIM), turn == 0 ? 1 : 0);
		stop(state);
	}
}

/* Goodbyes, the keeper's word and the administrator count while paused. */
static void test_pause_is_for_silence(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_pause(true);
	cluster_bye(1, true);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	cluster_gone(2);
	assert_int_equal(cluster_address(2)->state, ADDRESS_OWNED);
	stop(state);
	start(state);
	cluster_begin(4);
	cluster_pause(true);
	cluster_kill(1);
	cluster_run(500);
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	assert_int_equal(cluster_move(1, 3, false), 0);
	cluster_expect_owner(1, 3);
	/* Nothing moves home meanwhile. */
	assert_int_equal(cluster_move(1, NOBODY, false), ERR_BAD_STATE);
}

static void test_pause_outlives_a_restart(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_pause(true);
	cluster_start();
	for (size_t i = 0; i < 4; i++)
		cluster_join(i);
	cluster_kill(1);
	cluster_run(1000);
	assert_true(coordinator_is_paused(world.coordinator));
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
}

/* ---- construction and views ---- */

static void test_names_and_limits(void **state)
{
	struct coordinator_record record = { .ip = cluster_ip(0), .owner = NOBODY };
	size_t n;

	(void)state;
	assert_string_equal(coordinator_state_name(ADDRESS_ORPHANED), "orphaned");
	assert_string_equal(coordinator_state_name(ADDRESS_RELEASING), "releasing");
	assert_string_equal(coordinator_state_name((enum coordinator_state)9), "?");
	cluster_start();
	assert_int_equal(coordinator_add(world.coordinator, 0, &record), ERR_EXISTS);
	for (n = coordinator_count(world.coordinator); n < COORDINATOR_ADDRESSES_MAX; n++) {
		record.ip.octets[1] = (uint8_t)(n >> 8);
		record.ip.octets[2] = (uint8_t)n;
		record.ip.octets[3] = 1;
		assert_int_equal(coordinator_add(world.coordinator, 0, &record), 0);
	}
	record.ip.octets[3] = 2;
	assert_int_equal(coordinator_add(world.coordinator, 0, &record), ERR_LIMIT);
	coordinator_free(NULL);
}

/* Nothing to wait for: no timer. */
static void test_no_polling(void **state)
{
	(void)state;
	cluster_begin(4);
	/* The next thing would be doubt about one of them. */
	assert_true(coordinator_next_expiry(world.coordinator) >= world.now + 220 - WORLD_BEAT_MS);
	for (size_t i = 0; i < 4; i++)
		cluster_bye(i, true);
	assert_true(coordinator_next_expiry(world.coordinator) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failback, start, stop),
		cmocka_unit_test_setup_teardown(test_failback_is_interrupted, start, stop),
		cmocka_unit_test_setup_teardown(test_no_failback_to_who_let_go, start, stop),
		cmocka_unit_test_setup_teardown(test_failback_manual, start, stop),
		cmocka_unit_test_setup_teardown(test_failback_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(test_release_is_not_answered, start, stop),
		cmocka_unit_test_setup_teardown(test_owner_reconnects_while_releasing, start, stop),
		cmocka_unit_test_setup_teardown(test_owner_is_cut_off_while_releasing, start, stop),
		cmocka_unit_test_setup_teardown(test_home_is_first, start, stop),
		cmocka_unit_test_setup_teardown(test_move, start, stop),
		cmocka_unit_test_setup_teardown(test_manual_is_remembered, start, stop),
		cmocka_unit_test_setup_teardown(test_moves_that_cannot_be, start, stop),
		cmocka_unit_test_setup_teardown(test_move_while_something_is_under_way, start,
						stop),
		cmocka_unit_test_setup_teardown(test_move_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(test_move_target_dies, start, stop),
		cmocka_unit_test_setup_teardown(test_force, start, stop),
		cmocka_unit_test_setup_teardown(test_fence, start, stop),
		cmocka_unit_test_setup_teardown(test_pause, start, stop),
		cmocka_unit_test_setup_teardown(test_pause_and_return, start, stop),
		cmocka_unit_test_setup_teardown(test_pause_is_for_silence, start, stop),
		cmocka_unit_test_setup_teardown(test_pause_outlives_a_restart, start, stop),
		cmocka_unit_test_setup_teardown(test_names_and_limits, start, stop),
		cmocka_unit_test_setup_teardown(test_no_polling, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
