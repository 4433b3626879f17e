/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/io/script.h"
#include "tests/lib/testloop.h"

struct world {
	uv_loop_t loop;
	struct script *script;
	int n;
	struct script_end end;
};

static void on_end(void *ctx, const struct script_end *end)
{
	struct world *w = ctx;

	w->n++;
	w->end = *end;
}

/* Runs a line of shell; the loop ends when it has ended. */
static void run(struct world *w, const char *line, uint64_t limit_ms, bool is_closed)
{
	const char *args[] = { "/bin/sh", "-c", line, NULL }, *why = "";
	const struct script_conf conf = { .args = args, .limit_ms = limit_ms, .is_swept = true };

	*w = (struct world){ .n = 0 };
	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(script_run(&w->loop, &conf, on_end, w, &w->script, &why), 0);
	if (is_closed)
		script_close(w->script);
	assert_true(testloop_finish(&w->loop));
}

static void ends(void **state)
{
	struct world w;

	(void)state;
	run(&w, "exit 3", 0, false);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.end.status, 3);
	assert_false(w.end.is_late);
	run(&w, "kill -TERM $$", 0, false);
	assert_int_equal(w.end.signal, 15);
	run(&w, "sleep 1000 & sleep 1000", 20, false);
	assert_int_equal(w.n, 1);
	assert_true(w.end.is_late);
	run(&w, "sleep 1000", 0, true);
	assert_int_equal(w.n, 0);
}

/* A place, a group and an environment of its own, and nothing to read. */
static void surroundings(void **state)
{
	struct world w;

	(void)state;
	run(&w,
	    "[ \"$(pwd)\" = / ] && [ -z \"$HOME\" ] && [ -n \"$PATH\" ] && ! read -r line && "
	    "[ \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$ ]",
	    0, false);
	assert_int_equal(w.end.status, 0);
}

static void not_started(void **state)
{
	const char *args[] = { "/no/such/script", NULL }, *why = "";
	const struct script_conf conf = { .args = args };
	struct world w = { .n = 0 };

	(void)state;
	assert_int_equal(uv_loop_init(&w.loop), 0);
	assert_int_equal(script_run(&w.loop, &conf, on_end, &w, &w.script, &why), ERR_IO);
	assert_string_equal(why, "no such file or directory");
	assert_true(testloop_finish(&w.loop));
	assert_int_equal(w.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends),
		cmocka_unit_test(surroundings),
		cmocka_unit_test(not_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
