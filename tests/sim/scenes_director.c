/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scene.h"

/* What happens to the director, and what its operator does. */

#define BUDGET_MS 500
#define SETTLE_MS 30000

static const struct coordinator_address *view(const struct sim *s, size_t address)
{
	return coordinator_get(s->director.coordinator, address);
}

/* ---- its end at every step of a failover ---- */

static void killed_at(struct sim *s, uint64_t at_ms, bool is_silent)
{
	fault_power(s, 1, false);
	sim_run(s, s->now + at_ms);
	director_kill(s, is_silent);
	sim_run(s, s->now + 1000);
	director_begin(s, SIZE_MAX);
	scene_moves(s, 1, 1, 12000);
	sim_settle(s, 1u << 1, SETTLE_MS);
	sim_settle(s, 0, SETTLE_MS);
	SCENE_CHECK(s, scene_has(s, 1, 1));
}

static void director_killed(struct sim *s, uint64_t round)
{
	killed_at(s, 5 * round, false);
}

static void director_without_power(struct sim *s, uint64_t round)
{
	killed_at(s, 25 * round, true);
}

/* Its disk takes a second: the end comes before or after the epoch is on it. */
static void director_killed_slow(struct sim *s, uint64_t round)
{
	s->director.store_ms = 400;
	killed_at(s, 50 * round, false);
}

static void director_hung(struct sim *s, uint64_t round)
{
	proc_stop(s, SIM_THE_DIRECTOR, SIM_DIRECTOR);
	sim_run(s, s->now + 100 + 400 * round);
	proc_resume(s, SIM_THE_DIRECTOR, SIM_DIRECTOR);
	for (size_t a = 0; a < s->n_addresses; a++)
		scene_stays(s, a, a, 3000);
	sim_settle(s, 0, SETTLE_MS);
}

/* The director does not come back: everything goes on as it is. */
static void no_director(struct sim *s, uint64_t round)
{
	(void)round;
	director_kill(s, true);
	for (size_t a = 0; a < s->n_addresses; a++)
		scene_stays(s, a, a, 10000);
	sim_settle(s, 0, SETTLE_MS);
}

/* ---- members without a director ---- */

static void boot_alone(struct sim *s, uint64_t round)
{
	(void)round;
	director_kill(s, true);
	sim_run(s, s->now + 1000);
	fault_power(s, 1, false);
	sim_run(s, s->now + 5000);
	fault_power(s, 1, true);
	/* It waits, asks, and takes what was its own. */
	SCENE_CHECK(s, scene_goes(s, 1, 1, 15000) > 3000);
	scene_stays(s, 1, 1, 5000);
	sim_settle(s, 0, SETTLE_MS);
}

/* Another had its address at the last epoch that it knew. */
static void boot_alone_of_another(struct sim *s, uint64_t round)
{
	size_t taker = 0;

	(void)round;
	SCENE_CHECK(s, director_move(s, 1, 2, false) == 0);
	scene_goes(s, 1, 2, 2000);
	sim_run(s, s->now + 2000);
	director_kill(s, true);
	fault_power(s, 1, false);
	fault_power(s, 2, false);
	sim_run(s, s->now + 2000);
	fault_power(s, 1, true);
	sim_run(s, s->now + 20000);
	SCENE_CHECK(s, !scene_has(s, 1, 1));
	(void)taker;
	fault_power(s, 2, true);
	scene_goes(s, 1, 2, 15000);
	sim_settle(s, 0, SETTLE_MS);
}

/* ---- its store ---- */

static void restored(struct sim *s, uint64_t round)
{
	(void)round;
	store_copy(s);
	SCENE_CHECK(s, director_move(s, 1, 2, false) == 0);
	scene_goes(s, 1, 2, 2000);
	SCENE_CHECK(s, director_move(s, 0, 1, false) == 0);
	scene_goes(s, 0, 1, 2000);
	sim_run(s, s->now + 1000);
	director_kill(s, false);
	sim_run(s, s->now + 1000);
	director_begin(s, 0);
	/* The copy knows nothing of the moves; the members do. */
	scene_stays(s, 1, 2, 4000);
	SCENE_CHECK(s, scene_has(s, 1, 0));
	SCENE_CHECK(s, view(s, 1)->owner == 2);
	sim_settle(s, 0, SETTLE_MS);
}

/* The same, while the member that has the address is away. */
static void restored_and_absent(struct sim *s, uint64_t round)
{
	(void)round;
	store_copy(s);
	SCENE_CHECK(s, director_move(s, 1, 2, false) == 0);
	scene_goes(s, 1, 2, 2000);
	scene_cut_control(s, 1u << 2, 1);
	director_kill(s, false);
	sim_run(s, s->now + 1000);
	director_begin(s, 0);
	/* Whoever is asked to take it finds that it is in use. */
	scene_stays(s, 1, 2, 15000);
	sim_settle(s, 0, SETTLE_MS);
}

static void lost(struct sim *s, uint64_t round)
{
	(void)round;
	s->director.copies[0] = (struct store_content){ .epoch = 0 };
	for (size_t a = 0; a < SIM_ADDRESSES_MAX; a++)
		s->director.copies[0].records[a].owner = COORDINATOR_NONE;
	s->director.n_copies = 1;
	director_kill(s, false);
	sim_run(s, s->now + 1000);
	director_begin(s, 0);
	for (size_t a = 0; a < s->n_addresses; a++)
		scene_stays(s, a, a, 3000);
	sim_settle(s, 0, SETTLE_MS);
}

/* ---- the operator ---- */

static void moved(struct sim *s, uint64_t round)
{
	(void)round;
	SCENE_CHECK(s, director_move(s, 1, 2, false) == 0);
	scene_goes(s, 1, 2, 1000);
	scene_stays(s, 1, 2, s->conf.hold_down_ms + 3000);
	SCENE_CHECK(s, director_move(s, 1, COORDINATOR_NONE, false) == 0);
	scene_goes(s, 1, 1, 1000);
	sim_settle(s, 0, SETTLE_MS);
}

/* Isolated, then switched off by the script. */
static void forced(struct sim *s, uint64_t round)
{
	(void)round;
	scene_cut_control(s, 1u << 1, 1);
	scene_stays(s, 1, 1, 3000);
	SCENE_CHECK(s, director_move(s, 1, 2, false) != 0);
	while (!s->has_failed && !scene_has(s, 2, 1)) {
		if (s->hosts[1].is_up && draw(&s->chaos, 100) == 0)
			(void)director_move(s, 1, 2, true);
		sim_run(s, s->now + 100);
		SCENE_CHECK(s, s->now < 120000);
	}
	sim_settle(s, 0, SETTLE_MS);
}

static void paused(struct sim *s, uint64_t round)
{
	(void)round;
	director_pause(s, true);
	fault_power(s, 1, false);
	sim_run(s, s->now + 10000);
	SCENE_CHECK(s, s->checks.holders[1] == 0);
	director_pause(s, false);
	scene_moves(s, 1, 1, BUDGET_MS);
	sim_settle(s, 0, SETTLE_MS);
}

static void stays_away(struct sim *s, uint64_t round)
{
	(void)round;
	fault_power(s, 1, false);
	scene_moves(s, 1, 1, BUDGET_MS);
	fault_power(s, 1, true);
	sim_run(s, s->now + 30000);
	SCENE_CHECK(s, !scene_has(s, 1, 1));
	SCENE_CHECK(s, director_move(s, 1, COORDINATOR_NONE, false) == 0);
	scene_goes(s, 1, 1, 1000);
}

#define THREE                                                                        \
	{                                                                            \
		.n_members = 3, .n_homes = 1, .has_next_hop = true, .is_auto = true, \
		.hold_down_ms = 2000, .restart_ms = SIM_NEVER                        \
	}
#define MANUAL                                                                              \
	{                                                                                   \
		.n_members = 3, .n_homes = 1, .hold_down_ms = 2000, .restart_ms = SIM_NEVER \
	}
#define FENCED                                                                    \
	{                                                                         \
		.n_members = 3, .n_homes = 1, .is_auto = true, .has_fence = true, \
		.hold_down_ms = 2000, .restart_ms = SIM_NEVER                     \
	}

const struct scenario scenarios_director[] = {
	{ "director-killed", "at each step of a failover: it is done after the restart", THREE,
	  director_killed, 120 },
	{ "director-power", "the same, and nobody is told that it is gone", THREE,
	  director_without_power, 24 },
	{ "director-killed-slow", "the same with a slow disk", THREE, director_killed_slow, 30 },
	{ "director-hung", "it did not hear anybody, so it judges nobody", THREE, director_hung,
	  10 },
	{ "no-director", "members keep what they have", THREE, no_director, 0 },
	{ "boot-alone", "a member takes what was its own", THREE, boot_alone, 0 },
	{ "boot-alone-other", "and not what was another's", MANUAL, boot_alone_of_another, 0 },
	{ "restored", "what members hold is adopted, no epoch comes twice", MANUAL, restored, 0 },
	{ "restored-absent", "nobody takes what answers elsewhere", MANUAL, restored_and_absent,
	  0 },
	{ "lost-store", "a new store in an old cluster: nothing moves", THREE, lost, 0 },
	{ "moved", "where the operator puts it it stays", THREE, moved, 0 },
	{ "forced", "the fencing script runs before a claim by force", FENCED, forced, 4 },
	{ "paused", "nothing is taken from silent members", THREE, paused, 0 },
	{ "manual", "without auto failback it goes home when it is told to", MANUAL, stays_away,
	  0 },
};
const size_t n_scenarios_director = sizeof(scenarios_director) / sizeof(scenarios_director[0]);
