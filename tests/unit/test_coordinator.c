/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/coordinator_world.h"

/* Silent members: doubt, probes, the decision table, and who takes over. */

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

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

static enum member_state state_of(size_t member)
{
	return registry_get(world.registry, member)->state;
}

static void test_power_cut(void **state)
{
	const struct coordinator_action *claim;
	uint64_t ms;

	(void)state;
	cluster_begin(4);
	cluster_kill(1);
	ms = cluster_until_owned(1, cluster_address(1)->successors[0], 400);
	/* Its last heartbeat was at the moment of death here: suspect_ms, no more. */
	assert_in_range(ms, 290, 301);
	assert_int_equal(state_of(1), MEMBER_DOWN);
	assert_non_null(strstr(registry_get(world.registry, 1)->why,
			       "asked 192.0.2.22: neither agent nor kernel answers"));
	claim = cluster_last(COORDINATOR_CLAIM, COORDINATOR_NONE);
	assert_int_equal(claim->from, 1);
	assert_false(claim->force);
	assert_int_equal(claim->dead, registry_get(world.registry, 1)->number);
	assert_non_null(cluster_event("192.0.2.22", "orphaned", "m2 is down"));
	assert_non_null(cluster_event("192.0.2.22", "owned", "claimed under epoch"));
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
}

/* ---- the decision table ---- */

#define Y     MSG_SEEN_YES
#define N     MSG_SEEN_NO
#define U     MSG_SEEN_UNKNOWN
#define OTHER 99 /* not the number of the member that was asked for */

struct answer {
	enum msg_seen agent, link, reference; /* agent U, reference U: does not answer at all */
	uint64_t number;
};

static const struct verdict_case {
	const char *name;
	struct answer answers[3];
	enum member_state then; /* when it is suspect by silence, and all answered */
	size_t n_claims;
	const char *why; /* in the member's why, or an event about it */
} verdict_cases[] = {
	{ "neither, by all",
	  { { N, N, Y, 0 }, { N, N, Y, 0 }, { N, N, Y, 0 } },
	  MEMBER_DOWN,
	  1,
	  "neither agent nor kernel" },
	{ "neither, by one, others abstain",
	  { { N, N, N, 0 }, { N, N, Y, 0 }, { N, N, U, 0 } },
	  MEMBER_DOWN,
	  1,
	  "asked 192.0.2.22: neither" },
	{ "no agent, and none could ask on the link",
	  { { N, U, Y, 0 }, { N, U, Y, 0 }, { N, U, Y, 0 } },
	  MEMBER_SUSPECT,
	  0,
	  "nothing is decided" },
	{ "no agent, and one could ask on the link",
	  { { N, U, Y, 0 }, { N, N, Y, 0 }, { N, U, Y, 0 } },
	  MEMBER_DOWN,
	  1,
	  "asked 192.0.2.22: neither" },
	{ "all abstain",
	  { { N, N, N, 0 }, { N, N, N, 0 }, { N, N, U, 0 } },
	  MEMBER_SUSPECT,
	  0,
	  "none of them reaches its reference" },
	{ "nobody could ask",
	  { { U, N, Y, 0 }, { U, N, Y, 0 }, { U, N, Y, 0 } },
	  MEMBER_SUSPECT,
	  0,
	  "nothing is decided" },
	{ "a kernel",
	  { { N, N, Y, 0 }, { N, Y, Y, 0 }, { N, N, Y, 0 } },
	  MEMBER_SUSPECT,
	  0,
	  "a kernel answers, but no agent" },
	{ "a kernel, but seen by one that abstains",
	  { { N, N, Y, 0 }, { N, Y, N, 0 }, { N, N, Y, 0 } },
	  MEMBER_DOWN,
	  1,
	  "neither" },
	{ "an agent",
	  { { N, N, Y, 0 }, { N, N, Y, 0 }, { Y, Y, Y, 2 } },
	  MEMBER_ISOLATED,
	  0,
	  "its agent answers" },
	{ "an agent, seen by one that abstains",
	  { { N, N, Y, 0 }, { Y, N, N, 2 }, { N, N, Y, 0 } },
	  MEMBER_ISOLATED,
	  0,
	  "its agent answers" },
	{ "an agent and a kernel",
	  { { N, Y, Y, 0 }, { Y, Y, Y, 2 }, { N, N, Y, 0 } },
	  MEMBER_ISOLATED,
	  0,
	  "its agent answers" },
	{ "another agent",
	  { { N, N, Y, 0 }, { Y, N, Y, OTHER }, { N, N, Y, 0 } },
	  MEMBER_SUSPECT,
	  0,
	  "a kernel answers" },
	{ "another agent, seen by one that abstains",
	  { { N, N, Y, 0 }, { Y, Y, N, OTHER }, { N, N, Y, 0 } },
	  MEMBER_DOWN,
	  1,
	  "neither" },
};

static void answer_round(const struct answer *answers, size_t n)
{
	size_t n_actions = world.n_actions, k = 0;

	for (size_t i = 0; i < n_actions; i++) {
		const struct coordinator_action probe = world.actions[i];

		if (probe.type != COORDINATOR_PROBE || k == n)
			continue;
		cluster_probe_result(&probe, answers[k].agent, answers[k].number, answers[k].link,
				     answers[k].reference);
		k++;
	}
	assert_int_equal(k, n);
	cluster_pump();
}

static void check_verdict(const struct verdict_case *c, bool is_lost)
{
	const struct member *m = registry_get(world.registry, 1);

	if (m->state != c->then)
		fail_msg("%s, %s: %s", c->name, is_lost ? "lost" : "silent",
			 member_state_name(m->state));
	if (cluster_count(COORDINATOR_CLAIM) != c->n_claims)
		fail_msg("%s: %zu claims", c->name, cluster_count(COORDINATOR_CLAIM));
	if (strstr(m->why, c->why) == NULL && cluster_event("m2", "", c->why) == NULL)
		fail_msg("%s: %s", c->name, m->why);
	if (c->then != MEMBER_DOWN)
		assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
}

/* Silent: others are asked before it is suspect, and what they say counts when it is. */
static void test_verdicts_on_silence(void **state)
{
	for (size_t i = 0; i < LEN(verdict_cases); i++) {
		const struct verdict_case *c = &verdict_cases[i];

		start(state);
		cluster_begin(4);
		for (size_t k = 0; k < 4; k++)
			world.members[k].is_mute_prober = true;
		world.members[1].is_beating = false;
		cluster_run(219);
		assert_int_equal(cluster_count(COORDINATOR_PROBE), 0);
		cluster_run(1);
		assert_int_equal(cluster_count(COORDINATOR_PROBE), 3);
		cluster_run(40);
		answer_round(c->answers, 3);
		cluster_run(39);
		assert_int_equal(state_of(1), MEMBER_ACTIVE);
		assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
		cluster_run(1);
		check_verdict(c, false);
		stop(state);
	}
}

/* With claim route nobody has a link to ask on: the agent's silence is all there is. */
static void test_verdict_without_a_link(void **state)
{
	const struct answer none[3] = { { N, U, Y, 0 }, { N, U, Y, 0 }, { N, U, Y, 0 } };

	start(state);
	for (size_t k = 0; k < 4; k++)
		world.members[k].is_routed = true;
	cluster_begin(4);
	for (size_t k = 0; k < 4; k++)
		world.members[k].is_mute_prober = true;
	world.members[1].is_beating = false;
	cluster_disconnect(1);
	answer_round(none, 3);
	assert_int_equal(state_of(1), MEMBER_DOWN);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	stop(state);
}

/* The connection ended: they are asked at once and believed at once, but for isolated. */
static void test_verdicts_on_lost_connection(void **state)
{
	for (size_t i = 0; i < LEN(verdict_cases); i++) {
		const struct verdict_case *c = &verdict_cases[i];

		start(state);
		cluster_begin(4);
		for (size_t k = 0; k < 4; k++)
			world.members[k].is_mute_prober = true;
		world.members[1].is_beating = false;
		cluster_disconnect(1);
		assert_int_equal(cluster_count(COORDINATOR_PROBE), 3);
		answer_round(c->answers, 3);
		if (c->then == MEMBER_ISOLATED) {
			assert_int_equal(state_of(1), MEMBER_SUSPECT);
			cluster_run(300);
		}
		check_verdict(c, true);
		stop(state);
	}
}

/* Who does not answer is waited for until probe_ms are over; then those who did decide. */
static void test_probers_that_do_not_answer(void **state)
{
	static const struct answer neither[] = { { N, N, Y, 0 } };

	(void)state;
	cluster_begin(4);
	for (size_t k = 0; k < 4; k++)
		world.members[k].is_mute_prober = true;
	world.members[1].is_beating = false;
	cluster_run(220);
	answer_round(neither, 1);
	cluster_run(199);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_run(1);
	assert_int_equal(state_of(1), MEMBER_DOWN);
	cluster_expect_owner(1, cluster_last(COORDINATOR_CLAIM, COORDINATOR_NONE)->member);
}

static void test_nobody_answers(void **state)
{
	(void)state;
	cluster_begin(4);
	for (size_t k = 0; k < 4; k++)
		world.members[k].is_mute_prober = true;
	world.members[1].is_beating = false;
	cluster_run(3000);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	/* Told once, asked again and again. */
	assert_non_null(cluster_event("m2", "nothing is known", "nothing is decided"));
	assert_int_equal(cluster_count(COORDINATOR_EVENT), 1);
	assert_in_range(cluster_count(COORDINATOR_PROBE), 30, 36);
}

/* A probe names what must answer, and goes to those who could take the address. */
static void test_probe_orders(void **state)
{
	const struct coordinator_action *probe;
	size_t n_successors;

	(void)state;
	world.conf.n_witnesses = 1;
	world.conf.witnesses[0] = cluster_ip(200);
	cluster_begin(4);
	n_successors = cluster_address(1)->n_successors;
	assert_int_equal(n_successors, 3);
	world.members[1].is_beating = false;
	cluster_run(220);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 3);
	for (size_t i = 0; i < 4; i++) {
		probe = cluster_last(COORDINATOR_PROBE, i);
		if (i == 1) {
			assert_null(probe);
			continue;
		}
		assert_non_null(probe);
		assert_int_equal(probe->probe.number, 2);
		assert_int_equal(probe->probe.n_witnesses, 1);
		/* The two that are neither silent nor the prober. */
		assert_int_equal(probe->probe.n_references, 2);
		for (size_t k = 0; k < 2; k++) {
			struct ip own = cluster_ip(100 + i), silent = cluster_ip(101);

			assert_false(ip_is_equal(&probe->probe.references[k].ip, &own));
			assert_false(ip_is_equal(&probe->probe.references[k].ip, &silent));
		}
	}
}

/* ---- hung ---- */

/* Its keeper hangs too: the kernel's lifetime ends, and the next round finds nothing. */
static void test_hung_until_link_is_silent(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	world.members[1].agent = MSG_SEEN_NO;
	cluster_run(3000);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	assert_non_null(cluster_event("m2", "hung", "asked 192.0.2.22: a kernel answers"));
	assert_int_equal(cluster_count(COORDINATOR_EVENT), 1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	world.members[1].link = MSG_SEEN_NO;
	assert_true(cluster_until_owned(1, cluster_address(1)->successors[0], 300) <= 251);
	assert_int_equal(state_of(1), MEMBER_DOWN);
}

/* Something goes on answering: no longer than fence_ms. */
static void test_hung_for_ever(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	world.members[1].agent = MSG_SEEN_NO;
	cluster_run(220 + 4399);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	cluster_run(1);
	assert_int_equal(state_of(1), MEMBER_DOWN);
	assert_non_null(strstr(registry_get(world.registry, 1)->why, "4400 ms"));
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_false(cluster_last(COORDINATOR_CLAIM, COORDINATOR_NONE)->force);
}

/* It resumes after its address was given away, without a new hello: it has to let go. */
static void test_hung_and_back(void **state)
{
	const struct coordinator_action *release;
	size_t successor;

	(void)state;
	cluster_begin(4);
	successor = cluster_address(1)->successors[0];
	world.members[1].is_beating = false;
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	cluster_until_owned(1, successor, 400);
	cluster_forget();
	world.members[1].is_beating = true;
	cluster_run(200);
	assert_int_equal(state_of(1), MEMBER_ACTIVE);
	release = cluster_last(COORDINATOR_RELEASE, 1);
	assert_non_null(release);
	assert_int_equal(world.members[1].held[1], 0);
	assert_int_equal(cluster_count(COORDINATOR_RELEASE), 1);
	cluster_expect_owner(1, successor);
}

/* ---- isolated ---- */

static void test_isolated_then_down(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	cluster_run(310);
	assert_int_equal(state_of(1), MEMBER_ISOLATED);
	cluster_forget();
	cluster_run(4000);
	assert_int_equal(state_of(1), MEMBER_ISOLATED);
	assert_int_equal(cluster_count(COORDINATOR_EVENT), 0);
	assert_in_range(cluster_count(COORDINATOR_PROBE), 9, 12); /* three each second */
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	cluster_until_owned(1, cluster_address(1)->successors[0], 1100);
	assert_int_equal(state_of(1), MEMBER_DOWN);
}

static void test_isolated_then_heard(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	cluster_run(310);
	assert_int_equal(state_of(1), MEMBER_ISOLATED);
	cluster_forget();
	world.members[1].is_beating = true;
	cluster_run(1000);
	assert_int_equal(state_of(1), MEMBER_ACTIVE);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 0);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_expect_owner(1, 1);
}

/* It lives, and let go of one of its addresses without being able to say so. */
static void test_isolated_without_one_address(void **state)
{
	size_t other = cluster_add_address(1);

	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	cluster_run(310);
	world.members[1].held[other] = 0;
	cluster_run(2100);
	assert_int_equal(registry_get(world.registry, 1)->state, MEMBER_ISOLATED);
	assert_int_equal(cluster_address(other)->state, ADDRESS_OWNED);
	assert_int_not_equal(cluster_address(other)->owner, 1);
	assert_int_equal(cluster_address(1)->owner, 1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_non_null(cluster_event("192.0.2.25", "orphaned", "m2 is isolated"));
}

/* A connection that broke and is made again soon is no event. */
static void test_broken_connection(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	cluster_disconnect(1);
	cluster_run(250);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	cluster_join(1);
	cluster_run(1000);
	assert_int_equal(state_of(1), MEMBER_ACTIVE);
	assert_int_equal(cluster_count(COORDINATOR_EVENT), 0);
	assert_int_equal(cluster_count(COORDINATOR_STORE), 0);
	cluster_expect_owner(1, 1);
}

/* A late heartbeat between doubt and suspect ends the matter. */
static void test_late_heartbeat(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	world.members[1].is_beating = false;
	cluster_run(290);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 3);
	cluster_beat(1);
	cluster_run(219);
	assert_int_equal(state_of(1), MEMBER_ACTIVE);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 3);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
}

/* ---- how many are left ---- */

static void test_two_members_without_witness(void **state)
{
	(void)state;
	cluster_reset(2);
	cluster_begin(2);
	world.members[0].no_witness = true;
	cluster_kill(1);
	cluster_run(5000);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_non_null(cluster_event("m2", "nothing is known", "m1 asked 192.0.2.22"));
}

static void test_two_members_with_witness(void **state)
{
	const struct coordinator_action *probe;

	(void)state;
	cluster_reset(2);
	world.conf.n_witnesses = 1;
	world.conf.witnesses[0] = cluster_ip(200);
	cluster_begin(2);
	cluster_kill(1);
	assert_in_range(cluster_until_owned(1, 0, 400), 290, 301);
	probe = cluster_last(COORDINATOR_PROBE, 0);
	assert_int_equal(probe->probe.n_references, 0);
	assert_int_equal(probe->probe.n_witnesses, 1);
}

static void test_single_member(void **state)
{
	(void)state;
	cluster_reset(1);
	cluster_begin(1);
	cluster_kill(0);
	cluster_run(5000);
	assert_int_equal(state_of(0), MEMBER_SUSPECT);
	assert_non_null(cluster_event("m1", "nothing is known", "no other member is there"));
	assert_int_equal(cluster_count(COORDINATOR_EVENT), 1);
}

/* A member without an address cannot be asked for: time alone says that it is down. */
static void test_member_without_address(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_let_go(1, 1, "its link is down");
	world.members[1].is_unable = true;
	cluster_run(200);
	cluster_kill(1);
	cluster_run(899);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	cluster_run(2);
	assert_int_equal(state_of(1), MEMBER_DOWN);
}

/* Several at once: those that are silent themselves are not waited for. */
static void test_several_die_at_once(void **state)
{
	size_t n[WORLD_MEMBERS] = { 0 };

	(void)state;
	cluster_reset(6);
	cluster_begin(6);
	cluster_kill(1);
	cluster_kill(2);
	cluster_kill(3);
	cluster_run(301);
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(state_of(i), MEMBER_DOWN);
		assert_int_equal(cluster_address(i)->state, ADDRESS_OWNED);
	}
	for (size_t i = 0; i < 6; i++)
		n[cluster_address(i)->owner]++;
	/* Spread evenly over the three that are left. */
	assert_int_equal(n[0], 2);
	assert_int_equal(n[4], 2);
	assert_int_equal(n[5], 2);
}

/* One dies a moment later: it is asked, and given up when it is in doubt itself. */
static void test_prober_dies(void **state)
{
	size_t other;

	(void)state;
	cluster_begin(4);
	other = cluster_address(1)->successors[0];
	cluster_kill(1);
	cluster_run(100);
	cluster_kill(other);
	cluster_run(120);
	assert_non_null(cluster_last(COORDINATOR_PROBE, other));
	cluster_run(90);
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	cluster_run(10);
	assert_int_equal(state_of(1), MEMBER_DOWN);
	assert_int_not_equal(cluster_address(1)->owner, 1);
}

static void test_all_but_one_die(void **state)
{
	(void)state;
	world.conf.n_witnesses = 1;
	world.conf.witnesses[0] = cluster_ip(200);
	cluster_begin(4);
	for (size_t i = 1; i < 4; i++)
		cluster_kill(i);
	cluster_run(301);
	for (size_t i = 0; i < 4; i++)
		cluster_expect_owner(i, 0);
	/* And back: they get what is theirs after the hold-down. */
	for (size_t i = 1; i < 4; i++) {
		cluster_revive(i);
		cluster_join(i);
	}
	cluster_run(59900);
	cluster_expect_owner(1, 0);
	cluster_run(200);
	for (size_t i = 0; i < 4; i++)
		cluster_expect_owner(i, i);
}

/* The addresses of one member spread over the others, as planned. */
static void test_spreading(void **state)
{
	size_t planned[WORLD_ADDRESSES], n[WORLD_MEMBERS] = { 0 };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		(void)cluster_add_address(1);
	cluster_begin(4);
	for (size_t i = 1; i < world.n_addresses; i++)
		planned[i] = cluster_address(i)->successors[0];
	cluster_kill(1);
	cluster_run(301);
	for (size_t i = 0; i < world.n_addresses; i++) {
		if (i == 1 || i >= 4)
			cluster_expect_owner(i, planned[i]);
		n[cluster_address(i)->owner]++;
	}
	assert_int_equal(n[0], 3);
	assert_int_equal(n[2], 3);
	assert_int_equal(n[3], 3);
	assert_non_null(strstr(registry_get(world.registry, 1)->why, "192.0.2.22 and 5 more"));
}

/* ---- fast paths ---- */

static void test_gone(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_gone(1);
	/* Placement sends nobody there any more, before anything else. */
	assert_int_equal(world.actions[0].type, COORDINATOR_CHANGED);
	assert_int_equal(state_of(1), MEMBER_DOWN);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 0);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	cluster_expect_owner(1, cluster_last(COORDINATOR_CLAIM, COORDINATOR_NONE)->member);
	assert_int_equal(cluster_last(COORDINATOR_CLAIM, COORDINATOR_NONE)->dead,
			 registry_get(world.registry, 1)->number);
	assert_non_null(cluster_event("192.0.2.22", "orphaned", "its keeper says"));
}

static void test_bye(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_bye(1, true);
	assert_int_equal(state_of(1), MEMBER_LEFT);
	assert_int_equal(cluster_count(COORDINATOR_PROBE), 0);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_int_equal(cluster_last(COORDINATOR_CLAIM, COORDINATOR_NONE)->dead, 0);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
}

/* What it did not release is asked for. */
static void test_bye_with_an_address(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_bye(1, false);
	cluster_run(1000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	cluster_kill(1);
	cluster_run(1100);
	assert_int_equal(state_of(1), MEMBER_LEFT);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_int_equal(cluster_last(COORDINATOR_CLAIM, COORDINATOR_NONE)->dead, 0);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	assert_int_equal(cluster_address(1)->state, ADDRESS_OWNED);
	cluster_run(5000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
}

/* It lets go because it cannot do its job, and comes back. */
static void test_unable_and_back(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_unable = true;
	cluster_let_go(1, 1, "eth1 is down");
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	assert_non_null(cluster_event("192.0.2.22", "orphaned", "m2 let go of it: eth1 is down"));
	cluster_run(70000);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	world.members[1].is_unable = false;
	cluster_run(60000);
	assert_int_not_equal(cluster_address(1)->owner, 1);
	cluster_run(200);
	cluster_expect_owner(1, 1);
}

/* Nobody else can: it waits until its member can again. */
static void test_unable_and_nobody_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		world.members[i].has_no_adopt = true;
	cluster_begin(4);
	assert_int_equal(cluster_address(1)->n_successors, 0);
	world.members[1].is_unable = true;
	cluster_beat(1);
	cluster_let_go(1, 1, "eth1 is down");
	cluster_run(40000);
	assert_int_equal(cluster_address(1)->state, ADDRESS_ORPHANED);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_non_null(cluster_event("192.0.2.22", "unclaimed", "no member that could hold it"));
	world.members[1].is_unable = false;
	cluster_run(101);
	cluster_expect_owner(1, 1);
}

/* ---- the director's own absence ---- */

static void test_director_did_not_run(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].agent = world.members[1].link = MSG_SEEN_NO;
	world.members[1].is_beating = false;
	cluster_run(230);
	assert_true(cluster_count(COORDINATOR_PROBE) > 0);
	/* Suspended. Then the timers come first, as in libuv. */
	world.now += 600000;
	registry_expire(world.registry, world.now);
	coordinator_expire(world.coordinator, world.now);
	cluster_pump();
	assert_int_equal(state_of(1), MEMBER_ACTIVE);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	for (size_t i = 0; i < 4; i++) {
		world.members[i].is_beating = true;
		cluster_beat(i);
	}
	cluster_run(5000);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	for (size_t i = 0; i < 4; i++)
		cluster_expect_owner(i, i);
}

/* The same, but a heartbeat is read before any timer, and m2 is really dead. */
static void test_director_did_not_run_and_one_died(void **state)
{
	(void)state;
	cluster_begin(4);
	cluster_kill(1);
	cluster_run(230);
	world.now += 600000 - 230;
	for (size_t i = 0; i < 4; i++) {
		if (i != 1)
			cluster_beat(i);
	}
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_not_equal(state_of(1), MEMBER_DOWN);
	cluster_until_owned(1, cluster_address(1)->successors[0], 700);
}

/* What was found out before it stopped counts no more: m2 was hung then, and may be back. */
static void test_director_did_not_run_hung_member(void **state)
{
	(void)state;
	cluster_begin(4);
	world.members[1].is_beating = false;
	world.members[1].agent = MSG_SEEN_NO;
	cluster_run(1000);
	assert_non_null(cluster_event("m2", "hung", ""));
	world.now += 10000;
	registry_expire(world.registry, world.now);
	coordinator_expire(world.coordinator, world.now);
	cluster_pump();
	assert_int_equal(state_of(1), MEMBER_SUSPECT);
	world.members[1].is_beating = true;
	for (size_t i = 0; i < 4; i++)
		cluster_beat(i);
	cluster_run(1000);
	cluster_expect_owner(1, 1);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
}

/* An answer that waited in the socket is in time. */
static void test_director_did_not_run_while_claiming(void **state)
{
	const struct coordinator_action *claim;
	size_t first;

	(void)state;
	cluster_begin(4);
	first = cluster_address(1)->successors[0];
	world.members[first].obedience = WORLD_IS_MUTE;
	cluster_gone(1);
	claim = cluster_last(COORDINATOR_CLAIM, first);
	world.now += 10000;
	for (size_t i = 0; i < 4; i++) {
		if (i != 1)
			cluster_beat(i);
	}
	cluster_claimed(first, 1, claim->id, claim->epoch);
	cluster_pump();
	cluster_expect_owner(1, first);
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_power_cut, start, stop),
		cmocka_unit_test_setup_teardown(test_verdict_without_a_link, start, stop),
		cmocka_unit_test_setup_teardown(test_verdicts_on_silence, start, stop),
		cmocka_unit_test_setup_teardown(test_verdicts_on_lost_connection, start, stop),
		cmocka_unit_test_setup_teardown(test_probers_that_do_not_answer, start, stop),
		cmocka_unit_test_setup_teardown(test_nobody_answers, start, stop),
		cmocka_unit_test_setup_teardown(test_probe_orders, start, stop),
		cmocka_unit_test_setup_teardown(test_hung_until_link_is_silent, start, stop),
		cmocka_unit_test_setup_teardown(test_hung_for_ever, start, stop),
		cmocka_unit_test_setup_teardown(test_hung_and_back, start, stop),
		cmocka_unit_test_setup_teardown(test_isolated_then_down, start, stop),
		cmocka_unit_test_setup_teardown(test_isolated_then_heard, start, stop),
		cmocka_unit_test_setup_teardown(test_isolated_without_one_address, start, stop),
		cmocka_unit_test_setup_teardown(test_broken_connection, start, stop),
		cmocka_unit_test_setup_teardown(test_late_heartbeat, start, stop),
		cmocka_unit_test_setup_teardown(test_two_members_without_witness, start, stop),
		cmocka_unit_test_setup_teardown(test_two_members_with_witness, start, stop),
		cmocka_unit_test_setup_teardown(test_single_member, start, stop),
		cmocka_unit_test_setup_teardown(test_member_without_address, start, stop),
		cmocka_unit_test_setup_teardown(test_several_die_at_once, start, stop),
		cmocka_unit_test_setup_teardown(test_prober_dies, start, stop),
		cmocka_unit_test_setup_teardown(test_all_but_one_die, start, stop),
		cmocka_unit_test_setup_teardown(test_spreading, start, stop),
		cmocka_unit_test_setup_teardown(test_gone, start, stop),
		cmocka_unit_test_setup_teardown(test_bye, start, stop),
		cmocka_unit_test_setup_teardown(test_bye_with_an_address, start, stop),
		cmocka_unit_test_setup_teardown(test_unable_and_back, start, stop),
		cmocka_unit_test_setup_teardown(test_unable_and_nobody_else, start, stop),
		cmocka_unit_test_setup_teardown(test_director_did_not_run, start, stop),
		cmocka_unit_test_setup_teardown(test_director_did_not_run_and_one_died, start,
						stop),
		cmocka_unit_test_setup_teardown(test_director_did_not_run_hung_member, start, stop),
		cmocka_unit_test_setup_teardown(test_director_did_not_run_while_claiming, start,
						stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
