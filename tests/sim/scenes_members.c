/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scene.h"

/* What happens to members. The budgets are those of profile fast. */

#define POWER_BUDGET_MS 500
#define KILL_BUDGET_MS  300
#define HUNG_BUDGET_MS  1000
#define BOTH_BUDGET_MS  5000
#define NOTICE_MS       (OWNERSHIP_NOTICE_MS + 500)
#define SETTLE_MS       30000

/* ---- death ---- */

static void power_cut(struct sim *s, uint64_t round)
{
	sim_run(s, s->now + 37 * round); /* whenever the last heartbeat was */
	fault_power(s, 1, false);
	scene_moves(s, 1, 1, POWER_BUDGET_MS);
	sim_settle(s, 1u << 1, SETTLE_MS);
	sim_settle(s, 0, SETTLE_MS);
}

static void kill_main(struct sim *s, uint64_t round)
{
	sim_run(s, s->now + 37 * round);
	s->hosts[1].is_wanted = false;
	agent_kill(s, 1, "main killed");
	scene_moves(s, 1, 1, KILL_BUDGET_MS);
	sim_settle(s, 0, SETTLE_MS);
}

static void main_hung(struct sim *s, uint64_t round)
{
	sim_run(s, s->now + 37 * round);
	proc_stop(s, SIM_MAIN, 1);
	scene_moves(s, 1, 1, HUNG_BUDGET_MS);
	sim_run(s, s->now + 20000);
	proc_resume(s, SIM_MAIN, 1);
	sim_settle(s, 0, SETTLE_MS);
}

static void keeper_hung(struct sim *s, uint64_t round)
{
	sim_run(s, s->now + 37 * round);
	s->hosts[1].is_wanted = false; /* its supervisor would kill the keeper */
	proc_stop(s, SIM_KEEPER, 1);
	scene_moves(s, 1, 1, BOTH_BUDGET_MS + HUNG_BUDGET_MS);
	sim_run(s, s->now + 20000);
	proc_resume(s, SIM_KEEPER, 1);
	sim_settle(s, 0, SETTLE_MS);
}

static void both_hung(struct sim *s, uint64_t round)
{
	uint64_t took_ms;

	sim_run(s, s->now + 37 * round);
	proc_stop(s, SIM_MAIN, 1);
	proc_stop(s, SIM_KEEPER, 1);
	took_ms = scene_moves(s, 1, 1, BOTH_BUDGET_MS);
	SCENE_CHECK(s, took_ms > KEEPER_VALID_S * 1000 - KEEPER_RENEW_MS);
	sim_run(s, s->now + 20000);
	if (round % 2 == 0)
		proc_resume(s, SIM_KEEPER, 1);
	proc_resume(s, SIM_MAIN, 1);
	proc_resume(s, SIM_KEEPER, 1);
	sim_settle(s, 0, SETTLE_MS);
}

static void suspended(struct sim *s, uint64_t round)
{
	fault_suspend(s, 1, true);
	scene_moves(s, 1, 1, POWER_BUDGET_MS);
	sim_run(s, s->now + 1000 + 500 * round);
	fault_suspend(s, 1, false);
	scene_vanishes(s, 1, 1, 100);
	sim_settle(s, 0, SETTLE_MS);
}

static void all_but_one(struct sim *s, uint64_t round)
{
	(void)round;
	for (size_t i = 1; i < s->conf.n_members; i++)
		fault_power(s, i, false);
	for (size_t i = 1; i < s->conf.n_members; i++)
		scene_goes(s, i, 0, 2 * POWER_BUDGET_MS);
	sim_run(s, s->now + 5000);
	for (size_t i = 1; i < s->conf.n_members; i++)
		fault_power(s, i, true);
	sim_settle(s, 0, SETTLE_MS);
	for (size_t i = 0; i < s->conf.n_members; i++)
		SCENE_CHECK(s, scene_has(s, i, i));
}

/* ---- going by itself ---- */

static void goodbye(struct sim *s, uint64_t round)
{
	(void)round;
	s->hosts[1].is_wanted = false;
	agent_stop(s, 1, "operator");
	scene_moves(s, 1, 1, KILL_BUDGET_MS);
	sim_settle(s, 0, SETTLE_MS);
}

static void unable(struct sim *s, uint64_t round)
{
	(void)round;
	fault_able(s, 1, false);
	scene_moves(s, 1, 1, KILL_BUDGET_MS);
	sim_settle(s, 0, SETTLE_MS);
	SCENE_CHECK(s, !scene_has(s, 1, 1));
	fault_able(s, 1, true);
	scene_goes(s, 1, 1, s->conf.hold_down_ms + 1000);
}

/* ---- out of reach ---- */

static void isolated(struct sim *s, uint64_t round)
{
	(void)round;
	scene_cut_control(s, 1u << 1, 1);
	scene_stays(s, 1, 1, 20000);
	SCENE_CHECK(s, registry_get(s->director.registry, 1)->state == MEMBER_ISOLATED);
	sim_settle(s, 0, SETTLE_MS);
}

/* Isolated, and one of those who are asked about it is cut off from its link. */
static void isolated_and_blind(struct sim *s, uint64_t round)
{
	uint32_t blind = 1u << (round % 2 == 0 ? 0 : 2);

	fault_cut(s, NET_LINK, blind, ~blind, 1);
	fault_cut(s, NET_LINK, ~blind, blind, 1);
	fault_cut(s, NET_MESH, blind, ~blind, 1);
	fault_cut(s, NET_MESH, ~blind, blind, 1);
	sim_run(s, s->now + 3000);
	scene_cut_control(s, 1u << 1, 1);
	scene_stays(s, 1, 1, 20000);
	sim_settle(s, 0, SETTLE_MS);
}

/* Nobody reaches it; it cannot know, and when it hears the others again it yields. */
static void cut_off(struct sim *s, uint64_t round)
{
	scene_cut_off(s, 1, 1);
	scene_moves(s, 1, 1, POWER_BUDGET_MS);
	sim_run(s, s->now + 200 + 1500 * round);
	SCENE_CHECK(s, scene_has(s, 1, 1));
	scene_cut_off(s, 1, -1);
	scene_vanishes(s, 1, 1, NOTICE_MS);
	sim_settle(s, 0, SETTLE_MS);
}

/* The same, but it hears the others only, not the director. */
static void cut_off_and_isolated(struct sim *s, uint64_t round)
{
	scene_cut_off(s, 1, 1);
	scene_moves(s, 1, 1, POWER_BUDGET_MS);
	sim_run(s, s->now + 200 + 1500 * round);
	scene_cut_control(s, 1u << 1, 1);
	scene_cut_off(s, 1, -1);
	scene_vanishes(s, 1, 1, NOTICE_MS);
	sim_run(s, s->now + 10000);
	SCENE_CHECK(s, !scene_has(s, 1, 1));
	sim_settle(s, 0, SETTLE_MS);
}

static void two_with_witness(struct sim *s, uint64_t round)
{
	if (round % 2 == 0)
		fault_power(s, 1, false);
	else
		scene_cut_off(s, 1, 1);
	scene_moves(s, 1, 1, POWER_BUDGET_MS);
	sim_settle(s, 0, SETTLE_MS);
}

/* Nobody else can be asked whether the prober itself is cut off. */
static void two_without_witness(struct sim *s, uint64_t round)
{
	(void)round;
	fault_power(s, 1, false);
	sim_run(s, s->now + 20000);
	SCENE_CHECK(s, s->checks.holders[1] == 0);
	sim_settle(s, 0, SETTLE_MS);
}

/* Two members, and it is the prober who is cut off from the link. */
static void two_blind(struct sim *s, uint64_t round)
{
	const uint32_t others = 1u << 1 | 1u << SIM_DIRECTOR;

	(void)round;
	fault_cut(s, NET_LINK, 1, others, 1);
	fault_cut(s, NET_LINK, others, 1, 1);
	fault_cut(s, NET_MESH, 1, 2, 1);
	fault_cut(s, NET_MESH, 2, 1, 1);
	scene_cut_control(s, 1u << 1, 1);
	scene_stays(s, 1, 1, 20000);
	sim_settle(s, 0, SETTLE_MS);
}

#define THREE                                                                        \
	{                                                                            \
		.n_members = 3, .n_homes = 1, .has_next_hop = true, .is_auto = true, \
		.hold_down_ms = 2000, .restart_ms = SIM_NEVER                        \
	}
#define TWO                                                                          \
	{                                                                            \
		.n_members = 2, .n_homes = 1, .is_auto = true, .hold_down_ms = 2000, \
		.restart_ms = SIM_NEVER                                              \
	}
#define TWO_WITNESS                                                                 \
	{                                                                           \
		.n_members = 2, .n_homes = 1, .is_auto = true, .has_witness = true, \
		.hold_down_ms = 2000, .restart_ms = SIM_NEVER                       \
	}
#define FIVE_WITNESS                                                                \
	{                                                                           \
		.n_members = 5, .n_homes = 1, .is_auto = true, .has_witness = true, \
		.hold_down_ms = 2000, .restart_ms = SIM_NEVER                       \
	}

const struct scenario scenarios_members[] = {
	{ "power-cut", "neither answers: claimed within 500 ms", THREE, power_cut, 20 },
	{ "kill-main", "the keeper's last words: claimed within 300 ms", THREE, kill_main, 20 },
	{ "main-hung", "the keeper lets go: claimed within 1 s", THREE, main_hung, 20 },
	{ "keeper-hung", "main ends, lifetimes end: claimed then", THREE, keeper_hung, 6 },
	{ "both-hung", "only the kernel answers: waits for its lifetimes", THREE, both_hung, 10 },
	{ "suspended", "after it wakes up it drops first", THREE, suspended, 40 },
	{ "all-but-one", "the last one takes all, and gives all back", FIVE_WITNESS, all_but_one,
	  3 },
	{ "goodbye", "released: claimed at once", THREE, goodbye, 0 },
	{ "unable", "what it tracks fails: it gives up its addresses", THREE, unable, 0 },
	{ "isolated", "its agent answers others: nothing moves", THREE, isolated, 0 },
	{ "isolated-blind", "who has no reference abstains: nothing moves", THREE,
	  isolated_and_blind, 2 },
	{ "cut-off", "claimed; it yields when it hears the others", THREE, cut_off, 8 },
	{ "cut-off-isolated", "the same without the director's help", THREE, cut_off_and_isolated,
	  8 },
	{ "two-witness", "of two members one is enough with a witness", TWO_WITNESS,
	  two_with_witness, 2 },
	{ "two-alone", "without a witness nothing is known: nothing moves", TWO,
	  two_without_witness, 0 },
	{ "two-blind", "who does not reach the witness abstains", TWO_WITNESS, two_blind, 0 },
};
const size_t n_scenarios_members = sizeof(scenarios_members) / sizeof(scenarios_members[0]);
