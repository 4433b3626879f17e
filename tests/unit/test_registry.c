/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "director/members/registry.h"
#include "tests/lib/placement_table.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define SUSPECT_MS 300
#define NOW        10000u
#define SESSION    7
#define OTHER      8

static struct registry *registry;

static const struct registry_hello hello = {
	.boot_id = 1, .version = "1.2", .dataplane = "tun", .capacity = 1000
};
static const struct member_load load = {
	.load = 0.25, .cpu = 0.1, .sas = 250, .half_open = 3, .takes_new = true
};

static int start(void **state)
{
	const struct registry_conf conf = { SUSPECT_MS };
	struct member m = { .name = "m1", .number = 1, .n_home = 1, .weight = 100 };

	(void)state;
	registry = registry_new(&conf);
	assert_non_null(registry);
	m.home[0] = table_ip("192.0.2.21");
	assert_int_equal(registry_add(registry, &m), 0);
	snprintf(m.name, sizeof(m.name), "m2");
	m.number = 2;
	m.is_draining = true;
	assert_int_equal(registry_add(registry, &m), 0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	registry_free(registry);
	return 0;
}

static int restart(void **state)
{
	stop(state);
	return start(state);
}

/* ---- states and events ---- */

enum event {
	EVENT_HELLO,
	EVENT_HEARTBEAT,
	EVENT_HEARTBEAT_STALE,
	EVENT_BYE,
	EVENT_BYE_STALE,
	EVENT_LOST,
	EVENT_LOST_STALE,
	EVENT_SILENCE,
	EVENT_DRAIN,
	EVENT_JUDGED_DOWN,
	EVENT_JUDGED_ISOLATED,
	EVENT_COUNT,
};

static const char *const event_names[EVENT_COUNT] = {
	"hello",      "heartbeat", "stale heartbeat", "bye",         "stale bye",       "lost",
	"stale lost", "silence",   "drain",           "judged down", "judged isolated",
};

/* Runs the timer at each time that it asks for, as a shell does. */
static void be_silent(uint64_t from, uint64_t until)
{
	for (uint64_t now = from; now <= until; now = registry_next_expiry(registry))
		registry_expire(registry, now);
}

static void happen(enum event event, uint64_t now)
{
	bool is_reboot;

	switch (event) {
	case EVENT_HELLO:
		registry_hello(registry, now, 0, OTHER, &hello, &is_reboot);
		break;
	case EVENT_HEARTBEAT:
		registry_heartbeat(registry, now, 0, SESSION, &load);
		break;
	case EVENT_HEARTBEAT_STALE:
		registry_heartbeat(registry, now, 0, OTHER, &load);
		break;
	case EVENT_BYE:
		registry_bye(registry, now, 0, SESSION, "maintenance");
		break;
	case EVENT_BYE_STALE:
		registry_bye(registry, now, 0, OTHER, "maintenance");
		break;
	case EVENT_LOST:
		registry_disconnected(registry, now, 0, SESSION, "reset");
		break;
	case EVENT_LOST_STALE:
		registry_disconnected(registry, now, 0, OTHER, "reset");
		break;
	case EVENT_SILENCE:
		be_silent(now, now + SUSPECT_MS);
		break;
	case EVENT_DRAIN:
		registry_drain(registry, 0, true);
		break;
	case EVENT_JUDGED_DOWN:
		registry_judge(registry, now, 0, MEMBER_DOWN, "nothing answers");
		break;
	case EVENT_JUDGED_ISOLATED:
		registry_judge(registry, now, 0, MEMBER_ISOLATED, "its agent answers");
		break;
	case EVENT_COUNT:
		break;
	}
}

static void drop_events(void)
{
	struct registry_event e;

	while (registry_next_event(registry, &e))
		;
}

/* Brings m1 there on the shortest way; returns the time. */
static uint64_t reach(enum member_state state, bool has_session)
{
	bool is_reboot;
	uint64_t now = NOW;

	registry_hello(registry, now, 0, SESSION, &hello, &is_reboot);
	if (state != MEMBER_JOINING && state != MEMBER_LEFT)
		registry_heartbeat(registry, now, 0, SESSION, &load);
	if (state == MEMBER_LEFT)
		registry_bye(registry, now, 0, SESSION, "before");
	if (!has_session)
		registry_disconnected(registry, now, 0, SESSION, "before");
	if (state == MEMBER_SUSPECT || state == MEMBER_ISOLATED || state == MEMBER_DOWN) {
		be_silent(now, now + SUSPECT_MS);
		now += SUSPECT_MS;
	}
	if (state == MEMBER_ISOLATED || state == MEMBER_DOWN)
		registry_judge(registry, now, 0, state, "before");
	assert_int_equal(registry_get(registry, 0)->state, state);
	drop_events();
	return now;
}

#define L MEMBER_LEFT
#define J MEMBER_JOINING
#define A MEMBER_ACTIVE
#define S MEMBER_SUSPECT
#define I MEMBER_ISOLATED
#define D MEMBER_DOWN

/* What each event makes of each state. */
static const struct walk_case {
	const char *name;
	enum member_state from;
	bool has_session;
	enum member_state to[EVENT_COUNT];
} walk_cases[] = {
	/* hello beat stale bye stale lost stale silence drain judged down, isolated */
	{ "left by bye", L, false, { J, L, L, L, L, L, L, L, L, L, L } },
	{ "joining", J, true, { J, A, J, L, J, S, J, S, J, D, J } },
	{ "active", A, true, { J, A, A, L, A, S, A, S, A, D, A } },
	{ "suspect, connected", S, true, { J, A, S, L, S, S, S, S, S, D, I } },
	{ "suspect, lost", S, false, { J, S, S, S, S, S, S, S, S, D, I } },
	{ "isolated, connected", I, true, { J, A, I, L, I, I, I, I, I, D, I } },
	{ "isolated, lost", I, false, { J, I, I, I, I, I, I, I, I, D, I } },
	{ "down, connected", D, true, { J, A, D, L, D, D, D, D, D, D, D } },
	{ "down, lost", D, false, { J, D, D, D, D, D, D, D, D, D, D } },
};

static void walk(const struct walk_case *c, enum event event)
{
	uint64_t now = reach(c->from, c->has_session);
	const struct member *m = registry_get(registry, 0);
	struct registry_event e;

	happen(event, now);
	if (m->state != c->to[event])
		fail_msg("%s, %s: %s", c->name, event_names[event], member_state_name(m->state));
	if (m->state == c->from) {
		if (registry_next_event(registry, &e))
			fail_msg("%s, %s: an event of no change", c->name, event_names[event]);
		return;
	}
	assert_true(registry_next_event(registry, &e));
	assert_int_equal(e.member, 0);
	assert_int_equal(e.old_state, c->from);
	assert_int_equal(e.new_state, m->state);
	assert_string_equal(e.why, m->why);
	assert_true(e.why[0] != '\0');
	assert_false(registry_next_event(registry, &e));
}

static void test_every_event_in_every_state(void **state)
{
	for (size_t i = 0; i < LEN(walk_cases); i++) {
		for (size_t event = 0; event < EVENT_COUNT; event++) {
			walk(&walk_cases[i], (enum event)event);
			restart(state);
		}
	}
}

/* ---- time ---- */

static void test_silence(void **state)
{
	const struct member *m = registry_get(registry, 0);

	(void)state;
	assert_true(registry_next_expiry(registry) == UINT64_MAX);
	reach(MEMBER_ACTIVE, true);
	assert_int_equal(registry_next_expiry(registry), NOW + SUSPECT_MS);
	registry_expire(registry, NOW + SUSPECT_MS - 1);
	assert_int_equal(m->state, MEMBER_ACTIVE);
	registry_expire(registry, NOW + SUSPECT_MS);
	assert_int_equal(m->state, MEMBER_SUSPECT);
	assert_string_equal(m->why, "no heartbeat for 300 ms");
	assert_int_equal(m->state_since_ms, NOW + SUSPECT_MS);
	assert_int_equal(m->heard_ms, NOW);
	/* What becomes of it then is not for the time to say. */
	assert_true(registry_next_expiry(registry) == UINT64_MAX);
}

/* The connection's end makes it suspect at once; its silence is counted from what was heard. */
static void test_lost_connection(void **state)
{
	const struct member *m = registry_get(registry, 0);

	(void)state;
	reach(MEMBER_ACTIVE, true);
	registry_disconnected(registry, NOW + 50, 0, SESSION, "reset by peer");
	assert_int_equal(m->state, MEMBER_SUSPECT);
	assert_string_equal(m->why, "connection lost: reset by peer");
	assert_int_equal(m->session, 0);
	assert_int_equal(m->quiet_since_ms, NOW);
	assert_true(registry_next_expiry(registry) == UINT64_MAX);
}

/* Who was never heard of may be judged, who said bye is not (see the table above). */
static void test_judged_unheard(void **state)
{
	const struct member *m = registry_get(registry, 0);

	(void)state;
	registry_judge(registry, NOW, 0, MEMBER_ISOLATED, "its agent answers");
	assert_int_equal(m->state, MEMBER_ISOLATED);
	registry_judge(registry, NOW, 0, MEMBER_DOWN, "nothing answers");
	assert_int_equal(m->state, MEMBER_DOWN);
	assert_string_equal(m->why, "nothing answers");
	registry_judge(registry, NOW, 1, MEMBER_ACTIVE, "no verdict");
	assert_int_equal(registry_get(registry, 1)->state, MEMBER_LEFT);
}

/* A director that did not run blames nobody, and waits no longer than needed. */
static void test_own_absence(void **state)
{
	const struct member *m = registry_get(registry, 0);
	uint64_t late = NOW + 50 * SUSPECT_MS;

	(void)state;
	reach(MEMBER_ACTIVE, true);
	registry_expire(registry, late);
	assert_int_equal(m->state, MEMBER_ACTIVE);
	assert_int_equal(m->heard_ms, NOW);
	assert_int_equal(registry_next_expiry(registry), late);
	/* Heartbeats were waiting: all is well. */
	registry_heartbeat(registry, late + 1, 0, SESSION, &load);
	assert_int_equal(registry_next_expiry(registry), late + 1 + SUSPECT_MS);
	/* Nothing was waiting. */
	registry_expire(registry, 2 * late);
	assert_int_equal(m->state, MEMBER_ACTIVE);
	registry_expire(registry, 2 * late + 1);
	assert_int_equal(m->state, MEMBER_SUSPECT);
	/* A little late is late enough. */
	restart(state);
	reach(MEMBER_ACTIVE, true);
	registry_expire(registry, NOW + SUSPECT_MS + SUSPECT_MS / 2);
	assert_int_equal(registry_get(registry, 0)->state, MEMBER_SUSPECT);
}

/* ---- what is known ---- */

static void test_hello_fills_in(void **state)
{
	const struct member *m = registry_get(registry, 0);
	struct registry_hello again = hello;
	bool is_reboot;

	(void)state;
	registry_hello(registry, NOW, 0, SESSION, &hello, &is_reboot);
	assert_true(is_reboot);
	assert_string_equal(m->version, "1.2");
	assert_string_equal(m->dataplane, "tun");
	assert_int_equal(m->capacity, 1000);
	assert_int_equal(m->session, SESSION);
	registry_hello(registry, NOW, 0, OTHER, &again, &is_reboot);
	assert_false(is_reboot);
	/* The old connection's end, which comes later, is nobody's. */
	registry_heartbeat(registry, NOW, 0, OTHER, &load);
	registry_disconnected(registry, NOW, 0, SESSION, "closed");
	registry_bye(registry, NOW, 0, SESSION, "closed");
	assert_int_equal(m->state, MEMBER_ACTIVE);
	again.boot_id = 2;
	registry_hello(registry, NOW, 0, SESSION, &again, &is_reboot);
	assert_true(is_reboot);
}

/* Session 0 is no connection: nothing may be said in its name. */
static void test_no_session(void **state)
{
	const struct member *m = registry_get(registry, 0);

	(void)state;
	registry_heartbeat(registry, NOW, 0, 0, &load);
	assert_int_equal(m->state, MEMBER_LEFT);
	reach(MEMBER_SUSPECT, false);
	registry_bye(registry, NOW, 0, 0, "who?");
	registry_heartbeat(registry, NOW, 0, 0, &load);
	assert_int_equal(m->state, MEMBER_SUSPECT);
}

static void test_names(void **state)
{
	struct member m = { .name = "m2", .number = 9 };
	size_t index = 99;

	(void)state;
	assert_int_equal(registry_add(registry, &m), ERR_EXISTS);
	assert_int_equal(registry_find(registry, "m2", &index), 0);
	assert_int_equal(index, 1);
	assert_int_equal(registry_find(registry, "m", &index), ERR_NOT_FOUND);
	assert_int_equal(index, 1);
	for (size_t i = registry_count(registry); i < PLACEMENT_MAX_MEMBERS; i++) {
		snprintf(m.name, sizeof(m.name), "x%zu", i);
		assert_int_equal(registry_add(registry, &m), 0);
	}
	snprintf(m.name, sizeof(m.name), "one too many");
	assert_int_equal(registry_add(registry, &m), ERR_LIMIT);
	assert_int_equal(registry_count(registry), PLACEMENT_MAX_MEMBERS);
	assert_string_equal(member_state_name(MEMBER_SUSPECT), "suspect");
	assert_string_equal(member_state_name(MEMBER_STATE_COUNT), "?");
}

/* Nobody drains: the oldest events go, the newest are right. */
static void test_events_are_bounded(void **state)
{
	struct registry_event e, last = { 0 };
	size_t n = 0;
	bool is_reboot;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		registry_hello(registry, NOW, 0, SESSION, &hello, &is_reboot);
		registry_heartbeat(registry, NOW, 0, SESSION, &load);
	}
	registry_bye(registry, NOW, 0, SESSION, "the end");
	while (registry_next_event(registry, &e)) {
		last = e;
		n++;
	}
	assert_in_range(n, 100, 6001);
	assert_int_equal(last.new_state, MEMBER_LEFT);
	assert_string_equal(last.why, "bye: the end");
}

/* ---- the placement table ---- */

/* It serves peers only once it says so; and stays active if it has no room for a while. */
static void test_member_that_is_not_ready(void **state)
{
	struct member_load not_ready = load;
	const struct member *m = registry_get(registry, 0);

	(void)state;
	not_ready.takes_new = false;
	reach(MEMBER_JOINING, true);
	registry_heartbeat(registry, NOW, 0, SESSION, &not_ready);
	assert_int_equal(m->state, MEMBER_JOINING);
	assert_non_null(strstr(m->why, "not ready"));
	registry_heartbeat(registry, NOW, 0, SESSION, &load);
	assert_int_equal(m->state, MEMBER_ACTIVE);
	registry_heartbeat(registry, NOW, 0, SESSION, &not_ready);
	assert_int_equal(m->state, MEMBER_ACTIVE);
}

static void test_fill_table(void **state)
{
	static struct placement_table t;
	struct member_load asks_for_none = load, is_busy = load;

	(void)state;
	reach(MEMBER_ACTIVE, true);
	t.seed = 5;
	t.n_pins = 1;
	registry_serve(registry, 0, 0, true);
	registry_serve(registry, 0, 1, true); /* there is no such */
	registry_fill_table(registry, &t);
	assert_int_equal(t.seed, 5);
	assert_int_equal(t.n_pins, 1);
	assert_int_equal(t.n_members, 2);
	assert_string_equal(t.members[0].name, "m1");
	assert_true(ip_is_equal(&t.members[0].home[0], &registry_get(registry, 0)->home[0]));
	assert_true(t.members[0].load == 0.25);
	assert_true(t.members[0].fill == 0.25);
	assert_true(t.members[0].is_open);
	assert_false(t.members[1].is_open);
	is_busy.load = is_busy.cpu = 1;
	registry_heartbeat(registry, NOW, 0, SESSION, &is_busy);
	registry_fill_table(registry, &t);
	assert_true(t.members[0].load == 1);
	assert_true(t.members[0].fill == 0.25);
	registry_drain(registry, 0, true);
	registry_fill_table(registry, &t);
	assert_false(t.members[0].is_open);
	registry_drain(registry, 0, false);
	asks_for_none.takes_new = false;
	registry_heartbeat(registry, NOW, 0, SESSION, &asks_for_none);
	registry_fill_table(registry, &t);
	assert_false(t.members[0].is_open);
}

/* Only home addresses that are served are named, and a member without one gets nobody. */
static void test_served_addresses(void **state)
{
	static struct placement_table t;
	struct member m = { .name = "m3", .number = 3, .n_home = 2, .weight = 100 };
	bool is_reboot;

	(void)state;
	m.home[0] = table_ip("192.0.2.23");
	m.home[1] = table_ip("2001:db8::23");
	assert_int_equal(registry_add(registry, &m), 0);
	registry_hello(registry, NOW, 2, SESSION, &hello, &is_reboot);
	registry_heartbeat(registry, NOW, 2, SESSION, &load);
	registry_fill_table(registry, &t);
	assert_int_equal(t.members[2].n_home, 0);
	assert_false(t.members[2].is_open);
	registry_serve(registry, 2, 1, true);
	registry_fill_table(registry, &t);
	assert_int_equal(t.members[2].n_home, 1);
	assert_true(ip_is_equal(&t.members[2].home[0], &m.home[1]));
	assert_true(t.members[2].is_open);
	registry_serve(registry, 2, 1, false);
	registry_fill_table(registry, &t);
	assert_false(t.members[2].is_open);
}

static const struct bias_case {
	const char *name;
	uint64_t at_report, now;
	double bias;
} bias_cases[] = {
	{ "nothing new", 500, 500, 0 },
	{ "a tenth", 500, 600, 0.1 },
	{ "bounded", 0, 100000, 0.5 },
	{ "the total started over", 500, 20, 0 },
};

static void test_bias(void **state)
{
	static struct placement_table t;

	(void)state;
	reach(MEMBER_ACTIVE, true);
	for (size_t i = 0; i < LEN(bias_cases); i++) {
		const struct bias_case *c = &bias_cases[i];
		double off;

		registry_placed(registry, 0, c->at_report);
		registry_heartbeat(registry, NOW, 0, SESSION, &load);
		registry_placed(registry, 0, c->now);
		registry_fill_table(registry, &t);
		off = t.members[0].bias - c->bias;
		if (off > 1e-9 || off < -1e-9)
			fail_msg("%s: %f", c->name, t.members[0].bias);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_event_in_every_state, start, stop),
		cmocka_unit_test_setup_teardown(test_silence, start, stop),
		cmocka_unit_test_setup_teardown(test_lost_connection, start, stop),
		cmocka_unit_test_setup_teardown(test_judged_unheard, start, stop),
		cmocka_unit_test_setup_teardown(test_own_absence, start, stop),
		cmocka_unit_test_setup_teardown(test_hello_fills_in, start, stop),
		cmocka_unit_test_setup_teardown(test_no_session, start, stop),
		cmocka_unit_test_setup_teardown(test_names, start, stop),
		cmocka_unit_test_setup_teardown(test_events_are_bounded, start, stop),
		cmocka_unit_test_setup_teardown(test_member_that_is_not_ready, start, stop),
		cmocka_unit_test_setup_teardown(test_fill_table, start, stop),
		cmocka_unit_test_setup_teardown(test_served_addresses, start, stop),
		cmocka_unit_test_setup_teardown(test_bias, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
