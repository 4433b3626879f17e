/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <unistd.h>

#include "agent/track/tracker.h"
#include "tests/lib/testloop.h"

/* The shell of tracking against the real kernel: loopback, and what every system has. */

struct side {
	uv_loop_t loop;
	struct tracker *t;
	bool is_known, is_able;
	int changes;
	char why[TRACK_WHY_MAX];
};

static void on_change(void *ctx, bool is_known, bool is_able, const char *why)
{
	struct side *s = ctx;

	s->is_known = is_known;
	s->is_able = is_able;
	s->changes++;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

static bool is_known(void *ctx)
{
	const struct side *s = ctx;

	return s->is_known;
}

static void start(struct side *s, const struct track_entry *entries, size_t n)
{
	struct track_conf conf = { .n = n };
	struct errtext why = { "" };

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < n; i++)
		conf.entries[i] = entries[i];
	assert_int_equal(uv_loop_init(&s->loop), 0);
	if (tracker_new(&s->loop, &conf, NULL, on_change, s, &s->t, &why) != 0 ||
	    tracker_start(s->t, &why) != 0)
		fail_msg("%s", why.text);
	assert_true(testloop_run_until(&s->loop, is_known, s));
}

static void stop(struct side *s)
{
	tracker_close(s->t);
	tracker_close(NULL);
	assert_true(testloop_finish(&s->loop));
}

static void test_interfaces(void **state)
{
	static const struct track_entry entries[] = {
		{ .kind = TRACK_INTERFACE, .what = "lo" },
		{ .kind = TRACK_INTERFACE, .what = "no-such-link" },
	};
	struct side s;

	(void)state;
	start(&s, entries, 1);
	assert_true(s.is_able);
	assert_true(tracker_is_able(s.t));
	stop(&s);
	start(&s, entries, 2);
	assert_false(s.is_able);
	assert_string_equal(s.why, "interface no-such-link: is not there");
	stop(&s);
}

static void test_pings(void **state)
{
	static const struct track_entry entries[] = {
		{ .kind = TRACK_PING,
		  .ip = { IP_V4, { 127, 0, 0, 1 } },
		  .interval_ms = 1000,
		  .fails = 3 },
		{ .kind = TRACK_PING,
		  .ip = { IP_V6, { [15] = 1 } },
		  .interval_ms = 1000,
		  .fails = 3 },
		{ .kind = TRACK_PING,
		  .ip = { IP_V4, { 240, 0, 0, 1 } },
		  .interval_ms = 100,
		  .fails = 2 },
	};
	struct side s;

	(void)state;
	if (geteuid() != 0)
		skip(); /* raw sockets */
	start(&s, entries, access("/proc/net/if_inet6", F_OK) == 0 ? 2 : 1);
	assert_true(s.is_able);
	stop(&s);
	start(&s, &entries[2], 1);
	assert_false(s.is_able);
	stop(&s);
}

static void test_scripts(void **state)
{
	static const struct {
		const char *path;
		const char *why;
	} cases[] = {
		{ "/bin/true", "" },
		{ "/bin/false", "script /bin/false: ended with status 1" },
		{ "/no/such/script",
		  "script /no/such/script: cannot be started: no such file or directory" },
		{ "/usr/bin/yes", "script /usr/bin/yes: took longer than 0 s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct track_entry entry = { .kind = TRACK_SCRIPT,
						   .what = cases[i].path,
						   .interval_ms = 10000,
						   .timeout_ms = 500,
						   .fails = 1 };
		struct side s;

		start(&s, &entry, 1);
		assert_string_equal(s.why, cases[i].why);
		assert_int_equal(s.is_able, cases[i].why[0] == '\0');
		stop(&s);
	}
}

/* Closed while a script runs: it is killed, and the loop comes to its end. */
static void test_close_with_a_script(void **state)
{
	const struct track_conf conf = {
		.n = 1,
		.entries = { { .kind = TRACK_SCRIPT,
			       .what = "/usr/bin/yes",
			       .interval_ms = 10000,
			       .timeout_ms = 60000,
			       .fails = 1 } },
	};
	struct errtext why = { "" };
	struct side s = { .changes = 0 };

	(void)state;
	assert_int_equal(uv_loop_init(&s.loop), 0);
	assert_int_equal(tracker_new(&s.loop, &conf, NULL, on_change, &s, &s.t, &why), 0);
	assert_int_equal(tracker_start(s.t, &why), 0);
	uv_run(&s.loop, UV_RUN_NOWAIT);
	stop(&s);
	assert_int_equal(s.changes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_close_with_a_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
