/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <unistd.h>

#include "agent/state/recorder.h"
#include "tests/lib/testloop.h"

/* The state file, written off the loop. */

struct side {
	uv_loop_t loop;
	struct recorder *r;
	char dir[32];
	uint64_t saves[8];
	int errs[8];
	int n, wanted;
	struct recorder *close_inside;
};

static void on_done(void *ctx, uint64_t save, int err)
{
	struct side *s = ctx;

	s->saves[s->n] = save;
	s->errs[s->n++] = err;
	recorder_close(s->close_inside);
}

static bool is_enough(void *ctx)
{
	const struct side *s = ctx;

	return s->n >= s->wanted;
}

static void start(struct side *s, const char *dir)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->dir, sizeof(s->dir), "/tmp/recorder-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(uv_loop_init(&s->loop), 0);
	s->r = recorder_new(&s->loop, dir != NULL ? dir : s->dir, NULL, on_done, s);
	assert_non_null(s->r);
}

static void stop(struct side *s)
{
	char path[64];

	assert_true(testloop_finish(&s->loop));
	snprintf(path, sizeof(path), "%s/agent.json", s->dir);
	(void)unlink(path);
	assert_int_equal(rmdir(s->dir), 0);
}

static struct agent_state state_of(uint8_t number)
{
	return (struct agent_state){ .cluster = "demo", .number = number };
}

static uint64_t save(struct side *s, uint8_t number)
{
	struct agent_state state = state_of(number);

	return recorder_save(s->r, &state);
}

static uint8_t saved_number(const struct side *s)
{
	struct agent_state state;
	struct errtext why;

	assert_int_equal(state_load(s->dir, &state, &why), 0);
	return state.number;
}

/* The first is on its way at once; of those that come meanwhile only the last is written. */
static void test_one_at_a_time(void **state)
{
	struct side s;

	(void)state;
	start(&s, NULL);
	assert_int_equal(save(&s, 1), 1);
	assert_int_equal(save(&s, 2), 2);
	assert_int_equal(save(&s, 3), 3);
	assert_int_equal(s.n, 0);
	s.wanted = 2;
	assert_true(testloop_run_until(&s.loop, is_enough, &s));
	assert_int_equal(s.saves[0], 1);
	assert_int_equal(s.saves[1], 3);
	assert_int_equal(s.errs[0] | s.errs[1], 0);
	assert_int_equal(saved_number(&s), 3);
	recorder_close(s.r);
	recorder_close(NULL);
	stop(&s);
	assert_int_equal(s.n, 2);
}

static void test_failure_is_told(void **state)
{
	struct side s;

	(void)state;
	start(&s, "/nonexistent");
	save(&s, 1);
	s.wanted = 1;
	assert_true(testloop_run_until(&s.loop, is_enough, &s));
	assert_int_equal(s.errs[0], ERR_IO);
	recorder_close(s.r);
	stop(&s);
}

/* Closed while it writes: that write ends, nobody hears of it, and what waits is not written. */
static void test_closed_while_writing(void **state)
{
	struct side s;

	(void)state;
	start(&s, NULL);
	save(&s, 1);
	save(&s, 2);
	recorder_close(s.r);
	assert_true(testloop_finish(&s.loop));
	assert_int_equal(s.n, 0);
	assert_int_equal(saved_number(&s), 1);
	assert_int_equal(uv_loop_init(&s.loop), 0);
	stop(&s);
}

static void test_closed_inside(void **state)
{
	struct side s;

	(void)state;
	start(&s, NULL);
	s.close_inside = s.r;
	save(&s, 1);
	save(&s, 2);
	stop(&s);
	assert_int_equal(s.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_failure_is_told),
		cmocka_unit_test(test_closed_while_writing),
		cmocka_unit_test(test_closed_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
