/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/coordinator_world.h"

/*
 * Whatever happens, in whatever order: no epoch is used twice and no order leaves before it is
 * stored (the world checks each), timers are exact, and once all is well again every address is
 * owned, held by its owner alone, and at home where it may be. A seed that fails is named.
 */
#define SEEDS   150
#define STEPS   120
#define MEMBERS 5
#define EXTRA   4 /* more addresses */

static uint64_t seed_state;

static size_t draw(size_t n)
{
	seed_state ^= seed_state << 13;
	seed_state ^= seed_state >> 7;
	seed_state ^= seed_state << 17;
	return (size_t)(seed_state % n);
}

/* ---- members hear each other's claim notices ---- */

static void yield_one(size_t address)
{
	size_t best = MEMBERS;

	for (size_t i = 0; i < MEMBERS; i++) {
		const struct cluster_member *m = &world.members[i];

		if (m->held[address] != 0 && m->agent == MSG_SEEN_YES &&
		    (best == MEMBERS || m->held[address] > world.members[best].held[address]))
			best = i;
	}
	for (size_t i = 0; i < MEMBERS; i++) {
		struct cluster_member *m = &world.members[i];

		if (i == best || m->held[address] == 0 || m->agent != MSG_SEEN_YES)
			continue;
		if (m->session != 0 && m->is_beating)
			cluster_let_go(i, address, "a newer claim");
		m->held[address] = 0;
	}
}

static void run(uint64_t ms)
{
	for (uint64_t until = world.now + ms; world.now < until;) {
		cluster_run(until - world.now < 1000 ? until - world.now : 1000);
		for (size_t i = 0; i < world.n_addresses; i++)
			yield_one(i);
		cluster_forget();
	}
}

/* ---- what happens ---- */

static void return_one(size_t i)
{
	cluster_revive(i);
	world.members[i].is_unable = false;
	world.members[i].no_witness = false;
	cluster_join(i);
}

static void restart_director(void)
{
	/* Sometimes from the backup: what members have seen is higher. */
	if (draw(4) == 0)
		world.epoch = 1;
	cluster_start();
	for (size_t i = 0; i < MEMBERS; i++) {
		if (world.members[i].is_beating && draw(3) != 0)
			cluster_join(i);
		else
			world.members[i].is_beating = false;
	}
}

static void unable(size_t i)
{
	world.members[i].is_unable = true;
	for (size_t k = 0; k < world.n_addresses; k++) {
		if (world.members[i].held[k] != 0 && world.members[i].session != 0)
			cluster_let_go(i, k, "its link is down");
		world.members[i].held[k] = 0;
	}
}

static void store_is(enum cluster_store store)
{
	world.store = store;
	if (world.n_waiting > 0)
		cluster_store_answer(draw(2) == 0 ? ERR_IO : 0);
}

static void answer_fence(void)
{
	const struct coordinator_action *fence = cluster_last(COORDINATOR_FENCE, COORDINATOR_NONE);

	if (fence == NULL)
		return;
	coordinator_fenced(world.coordinator, world.now, fence->ticket, draw(2) == 0 ? 0 : ERR_IO);
	cluster_pump();
}

static void happen(size_t i)
{
	static const char *const codes[] = { MSG_REFUSED_IN_USE, MSG_REFUSED_STALE,
					     MSG_REFUSED_UNREACHED, MSG_REFUSED_UNKNOWN };
	struct cluster_member *m = &world.members[i];

	switch (draw(16)) {
	case 0:
		cluster_kill(i);
		break;
	case 1:
	case 2:
		return_one(i);
		break;
	case 3:
		m->is_beating = false; /* cut off from the director */
		break;
	case 4:
		if (m->session != 0)
			cluster_disconnect(i);
		m->is_beating = false;
		break;
	case 5:
		m->is_beating = false; /* hung */
		m->agent = MSG_SEEN_NO;
		break;
	case 6:
		m->is_beating = m->session != 0;
		m->agent = m->link = MSG_SEEN_YES;
		break;
	case 7:
		m->obedience = (enum cluster_obedience)draw(3);
		m->code = codes[draw(4)];
		break;
	case 8:
		if (m->session != 0)
			cluster_bye(i, draw(2) == 0);
		break;
	case 9:
		cluster_gone(i);
		break;
	case 10:
		unable(i);
		break;
	case 11:
		store_is((enum cluster_store)draw(3));
		break;
	case 12:
		(void)cluster_move(draw(world.n_addresses), draw(2) == 0 ? COORDINATOR_NONE : i,
				   draw(2) == 0);
		break;
	case 13:
		cluster_pause(draw(2) == 0);
		answer_fence();
		break;
	case 14:
		if (draw(4) == 0)
			restart_director();
		m->no_witness = draw(2) == 0;
		break;
	case 15:
		if (draw(4) == 0)
			world.now += 20000; /* the director did not run */
		break;
	}
}

/* ---- once all is well ---- */

static void heal(void)
{
	answer_fence();
	store_is(WORLD_STORES);
	cluster_pause(false);
	for (size_t i = 0; i < MEMBERS; i++)
		return_one(i);
	run(200000);
}

static void check(uint64_t seed)
{
	for (size_t k = 0; k < world.n_addresses; k++) {
		const struct coordinator_address *a = cluster_address(k);
		size_t n_holders = 0;

		for (size_t i = 0; i < MEMBERS; i++)
			n_holders += world.members[i].held[k] != 0 ? 1 : 0;
		if (a->state != ADDRESS_OWNED || n_holders != 1 ||
		    world.members[a->owner].held[k] == 0 ||
		    (a->owner != a->home && !a->is_manual)) {
			cluster_print();
			fail_msg("seed %llu: 192.0.2.%zu is %s, m%zd's, %zu have it: %s",
				 (unsigned long long)seed, 21 + k, coordinator_state_name(a->state),
				 (ssize_t)a->owner + 1, n_holders, a->why);
		}
	}
}

static void play(uint64_t seed)
{
	seed_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	cluster_reset(MEMBERS);
	for (size_t i = 0; i < EXTRA; i++)
		(void)cluster_add_address(draw(MEMBERS));
	world.conf.has_fence = draw(2) == 0;
	world.conf.hold_down_ms = 5000;
	cluster_begin(MEMBERS);
	for (size_t i = 0; i < STEPS; i++) {
		happen(draw(MEMBERS));
		run(draw(3) == 0 ? draw(6000) : draw(300));
	}
	heal();
	check(seed);
	cluster_stop();
}

static void test_random(void **state)
{
	const char *one = getenv("COORDINATOR_SEED");

	(void)state;
	if (one != NULL) {
		play(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		play(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
