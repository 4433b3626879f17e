/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/coordinator_world.h"

/* The director starts: in a new cluster, in one that serves, with an old store or none. */

#define NOBODY COORDINATOR_NONE

static int start(void **state)
{
	(void)state;
	cluster_reset(3);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	cluster_stop();
	return 0;
}

static void be_new(void)
{
	world.epoch = 0;
	for (size_t i = 0; i < world.n_addresses; i++) {
		world.records[i].owner = NOBODY;
		world.records[i].epoch = 0;
	}
}

/* What members hold is what is on record. */
static void be_held(void)
{
	for (size_t i = 0; i < world.n_addresses; i++)
		world.members[world.records[i].owner].held[i] = world.records[i].epoch;
}

/* ---- a new cluster ---- */

/* Nobody waits for anybody; an address that nobody ever had is for its home member alone. */
static void test_new_cluster(void **state)
{
	(void)state;
	be_new();
	cluster_start();
	assert_true(coordinator_is_settling(world.coordinator));
	cluster_join(0);
	cluster_expect_owner(0, 0);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	cluster_run(20000);
	assert_false(coordinator_is_settling(world.coordinator));
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	assert_non_null(cluster_event("failover", "settled",
				      "1 of 3 members said hello in 5000 ms; "
				      "not heard: m2, m3"));
	cluster_join(1);
	cluster_expect_owner(1, 1);
	cluster_join(2);
	cluster_expect_owner(2, 2);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 3);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 0);
}

/*
 * Nobody is there, so that nothing wakes the director but its own timer, and it did not run for a
 * while: it waits for longer once, not each time it wakes up.
 */
static void test_alone_after_a_stop(void **state)
{
	(void)state;
	cluster_start();
	world.now += 8000;
	for (int i = 0; i < 3; i++) {
		coordinator_expire(world.coordinator, world.now);
		if (coordinator_next_expiry(world.coordinator) != UINT64_MAX)
			world.now = coordinator_next_expiry(world.coordinator);
	}
	assert_false(coordinator_is_settling(world.coordinator));
}

/* The store is lost, members hold addresses: as after any start, and nobody reuses an epoch. */
static void test_lost_store(void **state)
{
	(void)state;
	be_held();
	world.members[1].held[1] = 0;
	world.members[2].held[1] = 5001; /* m3 had taken over from m2 */
	for (size_t i = 0; i < 3; i++)
		world.members[i].max_epoch = 5001;
	be_new();
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_join(2);
	cluster_run(100);
	cluster_expect_owner(0, 0);
	cluster_expect_owner(1, 2);
	cluster_expect_owner(2, 2);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 0);
	assert_int_equal(world.records[1].owner, 2);
	assert_int_equal(world.records[1].epoch, 5001);
	assert_true(coordinator_epoch(world.coordinator) >= 5001);
}

/* And one is dead: its address is presumed to be at home, so it is asked for and taken. */
static void test_lost_store_dead_member(void **state)
{
	(void)state;
	be_held();
	for (size_t i = 0; i < 3; i++)
		world.members[i].max_epoch = 905;
	be_new();
	cluster_start();
	cluster_kill(2);
	cluster_join(0);
	cluster_join(1);
	cluster_run(4999);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM) + cluster_count(COORDINATOR_PROBE), 0);
	cluster_run(1);
	assert_int_equal(registry_get(world.registry, 2)->state, MEMBER_DOWN);
	assert_int_equal(cluster_address(2)->state, ADDRESS_OWNED);
	assert_true(cluster_address(2)->epoch > 905);
}

/* ---- a cluster that serves ---- */

static void test_restart_in_peace(void **state)
{
	(void)state;
	be_held();
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	assert_true(coordinator_is_settling(world.coordinator));
	assert_int_equal(cluster_address(2)->state, ADDRESS_OWNED);
	assert_int_equal(cluster_address(2)->owner, 2);
	cluster_run(1000);
	cluster_join(2);
	/* All are back: that is enough. */
	assert_false(coordinator_is_settling(world.coordinator));
	for (size_t i = 0; i < 3; i++)
		cluster_expect_owner(i, i);
	cluster_run(10000);
	assert_int_equal(cluster_count(COORDINATOR_STORE), 0);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 0);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM) + cluster_count(COORDINATOR_RELEASE), 0);
}

/* Placement may name an address only once its owner has confirmed it. */
static void test_served_when_confirmed(void **state)
{
	struct ip ip = cluster_ip(0);

	(void)state;
	be_held();
	cluster_start();
	assert_false(coordinator_is_served(world.coordinator, 0, &ip));
	cluster_forget();
	cluster_join(0);
	assert_true(coordinator_is_served(world.coordinator, 0, &ip));
	assert_int_equal(world.actions[0].type, COORDINATOR_CHANGED);
	assert_false(coordinator_is_served(world.coordinator, 1, &ip));
}

/* A member does not come back: judged after settling, not before. */
static void test_restart_member_dead(void **state)
{
	(void)state;
	be_held();
	cluster_start();
	cluster_kill(2);
	cluster_join(0);
	cluster_join(1);
	cluster_run(4999);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 0);
	assert_int_equal(registry_get(world.registry, 2)->state, MEMBER_LEFT);
	cluster_run(1);
	assert_true(cluster_count(COORDINATOR_PROBE) > 0);
	assert_int_equal(registry_get(world.registry, 2)->state, MEMBER_DOWN);
	assert_int_equal(cluster_address(2)->state, ADDRESS_OWNED);
	assert_int_not_equal(cluster_address(2)->owner, 2);
}

static void test_restart_member_isolated(void **state)
{
	(void)state;
	be_held();
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	cluster_run(8000);
	assert_int_equal(registry_get(world.registry, 2)->state, MEMBER_ISOLATED);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_equal(cluster_address(2)->owner, 2);
	cluster_join(2);
	cluster_expect_owner(2, 2);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
}

/* It is back without its address, which may be elsewhere: only after settling. */
static void test_restart_member_rebooted(void **state)
{
	(void)state;
	be_held();
	world.members[1].held[1] = 0;
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	cluster_run(4990);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_run(10);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	cluster_expect_owner(1, 1);
}

/* The same, and the one that is back last has it, under a newer epoch. */
static void test_restart_address_elsewhere(void **state)
{
	(void)state;
	be_held();
	world.members[1].held[1] = 0;
	world.members[2].held[1] = 950;
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	cluster_run(1000);
	cluster_join(2);
	cluster_run(100);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_expect_owner(1, 2);
	assert_int_equal(cluster_address(1)->epoch, 950);
}

/* Two say that they have it: the higher epoch counts, whichever order they come in. */
static void test_restart_two_have_it(void **state)
{
	for (size_t turn = 0; turn < 2; turn++) {
		start(state);
		be_held();
		world.members[1].held[1] = 0;
		world.members[0].held[1] = turn == 0 ? 970 : 950;
		world.members[2].held[1] = turn == 0 ? 950 : 970;
		cluster_start();
		for (size_t i = 0; i < 3; i++)
			cluster_join(i);
		cluster_run(100);
		cluster_expect_owner(1, turn == 0 ? 0 : 2);
		assert_int_equal(world.members[turn == 0 ? 2 : 0].held[1], 0);
		assert_int_equal(cluster_count(COORDINATOR_RELEASE), 1);
		stop(state);
	}
}

/* An older claim of somebody else gives way to its owner, after settling. */
static void test_restart_stray(void **state)
{
	(void)state;
	be_held();
	world.members[0].held[1] = 800;
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 0);
	cluster_expect_owner(1, 1);
	cluster_join(2);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 1);
	assert_int_equal(cluster_last(COORDINATOR_RELEASE, NOBODY)->member, 0);
	cluster_expect_owner(1, 1);
}

/* A store of yesterday: all epochs are lower than what members have seen. */
static void test_restored_store(void **state)
{
	(void)state;
	be_held();
	for (size_t i = 0; i < 3; i++) {
		world.members[i].held[i] = 8000 + i;
		world.members[i].max_epoch = 8500;
	}
	cluster_start();
	for (size_t i = 0; i < 3; i++)
		cluster_join(i);
	for (size_t i = 0; i < 3; i++) {
		cluster_expect_owner(i, i);
		assert_int_equal(world.records[i].epoch, 8000 + i);
	}
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	/* The next order is above what anybody has seen, but not above what nobody can have seen.
	 */
	coordinator_released(world.coordinator, world.now, 2, 0,
			     &(struct msg_released){ cluster_ip(1), MSG_INT_MAX, "wrong" });
	cluster_gone(1);
	assert_int_equal(cluster_last(COORDINATOR_CLAIM, NOBODY)->epoch, 8501);
}

/* The store fails just then, and the member, which said it once, is silent for a while. */
static void test_restored_store_fails(void **state)
{
	const struct ip ip = cluster_ip(1);

	(void)state;
	be_held();
	world.members[1].held[1] = 8001;
	world.members[1].max_epoch = 8500;
	world.store = WORLD_STORE_FAILS;
	cluster_start();
	for (size_t i = 0; i < 3; i++)
		cluster_join(i);
	world.members[1].is_beating = false;
	cluster_run(1000);
	assert_false(coordinator_is_served(world.coordinator, 1, &ip));
	world.store = WORLD_STORES;
	world.members[1].is_beating = true;
	cluster_run(2500);
	cluster_expect_owner(1, 1);
	assert_true(coordinator_is_served(world.coordinator, 1, &ip));
	assert_int_equal(world.records[1].epoch, 8001);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
}

/* ---- in the middle of something ---- */

/* Killed between "stored" and "ordered": the successor does not know, the owner is dead. */
static void test_restart_before_order(void **state)
{
	size_t successor;

	(void)state;
	cluster_begin(3);
	world.store = WORLD_STORE_WAITS;
	successor = cluster_address(1)->successors[0];
	cluster_gone(1);
	cluster_kill(1);
	assert_int_equal(world.waiting[0].record.owner, successor);
	world.records[1].owner = successor;
	world.records[1].epoch = ++world.epoch;
	world.store = WORLD_STORES;
	for (size_t i = 0; i < 3; i++)
		world.members[i].is_beating = false;
	cluster_start();
	cluster_forget();
	cluster_join(0);
	cluster_join(2);
	cluster_run(5000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	cluster_expect_owner(1, successor);
}

/* Killed while the successor was claiming; it has succeeded in the meantime. */
static void test_restart_while_claiming(void **state)
{
	size_t successor;

	(void)state;
	cluster_begin(3);
	successor = cluster_address(1)->successors[0];
	world.members[successor].obedience = WORLD_IS_MUTE;
	cluster_gone(1);
	cluster_kill(1);
	world.members[successor].held[1] = cluster_last(COORDINATOR_CLAIM, successor)->epoch;
	world.members[successor].obedience = WORLD_OBEYS;
	for (size_t i = 0; i < 3; i++)
		world.members[i].is_beating = false;
	cluster_start();
	cluster_forget();
	cluster_join(0);
	cluster_join(2);
	cluster_run(5000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_expect_owner(1, successor);
}

/* Killed between "stored" and "ordered", but the old owner was only hung, and has it. */
static void test_restart_old_owner_has_it(void **state)
{
	(void)state;
	be_held();
	world.records[1].owner = 2;
	world.records[1].epoch = 999;
	cluster_start();
	for (size_t i = 0; i < 3; i++)
		cluster_join(i);
	cluster_run(100);
	cluster_expect_owner(1, 1);
	assert_true(cluster_address(1)->epoch > 999);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 0);
}

/* Killed while an address was being released: it stays where it is, or goes back there. */
static void test_restart_while_releasing(void **state)
{
	for (size_t turn = 0; turn < 2; turn++) {
		start(state);
		cluster_begin(3);
		world.members[1].obedience = WORLD_IS_MUTE;
		assert_int_equal(cluster_move(1, 2, false), 0);
		assert_int_equal(cluster_address(1)->state, ADDRESS_RELEASING);
		if (turn == 0)
			world.members[1].held[1] = 0;
		world.members[1].obedience = WORLD_OBEYS;
		for (size_t i = 0; i < 3; i++)
			world.members[i].is_beating = false;
		cluster_start();
		for (size_t i = 0; i < 3; i++)
			cluster_join(i);
		cluster_run(100);
		cluster_expect_owner(1, 1);
		stop(state);
	}
}

/* A member that was removed from the configuration had it. */
static void test_owner_is_not_configured_any_more(void **state)
{
	(void)state;
	be_held();
	world.members[1].held[1] = 0;
	world.records[1].owner = NOBODY;
	cluster_start();
	for (size_t i = 0; i < 3; i++)
		cluster_join(i);
	cluster_run(100);
	cluster_expect_owner(1, 1);
}

/* Goodbye and gone while it listens: taken over when it has listened. */
static void test_bye_while_settling(void **state)
{
	(void)state;
	be_held();
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	cluster_bye(1, true);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	cluster_join(2);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
}

static void test_move_while_settling(void **state)
{
	(void)state;
	be_held();
	cluster_start();
	cluster_join(0);
	cluster_join(1);
	assert_int_equal(cluster_move(0, 1, false), ERR_BAD_STATE);
	assert_int_equal(cluster_move(0, 1, true), ERR_BAD_STATE);
}

/* ---- claim none ---- */

static void test_claim_none(void **state)
{
	(void)state;
	be_new();
	world.members[1].is_fixed = true;
	cluster_start();
	for (size_t i = 0; i < 3; i++)
		cluster_join(i);
	cluster_expect_owner(1, 1);
	assert_int_equal(cluster_address(1)->n_successors, 0);
	assert_null(cluster_last(COORDINATOR_CLAIM, 1));
	assert_int_equal(cluster_move(1, 0, false), ERR_VALUE);
	cluster_forget();
	/* Nobody can take it: the others are asked all the same. */
	cluster_kill(1);
	cluster_run(5000);
	assert_int_equal(registry_get(world.registry, 1)->state, MEMBER_DOWN);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	assert_non_null(cluster_event("192.0.2.22", "unclaimed", "no member that could hold it"));
	cluster_revive(1);
	cluster_join(1);
	cluster_expect_owner(1, 1);
}

/* The agent says that it is there when its keeper has looked, and that it does by order. */
static void test_claim_none_is_looked_for(void **state)
{
	const struct coordinator_action *claim;

	(void)state;
	be_new();
	world.members[1].is_fixed = world.members[1].is_unseen = true;
	cluster_start();
	for (size_t i = 0; i < 3; i++)
		cluster_join(i);
	claim = cluster_last(COORDINATOR_CLAIM, 1);
	assert_non_null(claim);
	assert_int_equal(claim->member, 1);
	cluster_expect_owner(1, 1);
	assert_int_equal(cluster_address(1)->n_successors, 0);
	assert_int_equal(cluster_move(1, 0, false), ERR_VALUE);
	cluster_forget();
	cluster_kill(1);
	cluster_run(5000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_cluster, start, stop),
		cmocka_unit_test_setup_teardown(test_alone_after_a_stop, start, stop),
		cmocka_unit_test_setup_teardown(test_lost_store, start, stop),
		cmocka_unit_test_setup_teardown(test_lost_store_dead_member, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_in_peace, start, stop),
		cmocka_unit_test_setup_teardown(test_served_when_confirmed, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_member_dead, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_member_isolated, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_member_rebooted, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_address_elsewhere, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_two_have_it, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_stray, start, stop),
		cmocka_unit_test_setup_teardown(test_restored_store, start, stop),
		cmocka_unit_test_setup_teardown(test_restored_store_fails, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_before_order, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_while_claiming, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_old_owner_has_it, start, stop),
		cmocka_unit_test_setup_teardown(test_restart_while_releasing, start, stop),
		cmocka_unit_test_setup_teardown(test_owner_is_not_configured_any_more, start, stop),
		cmocka_unit_test_setup_teardown(test_bye_while_settling, start, stop),
		cmocka_unit_test_setup_teardown(test_move_while_settling, start, stop),
		cmocka_unit_test_setup_teardown(test_claim_none, start, stop),
		cmocka_unit_test_setup_teardown(test_claim_none_is_looked_for, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
