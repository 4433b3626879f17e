/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/failover/fence.h"
#include "tests/lib/testloop.h"

/* The fencing script: what it is given, and how it may end. */
struct world {
	uv_loop_t loop;
	struct fence *fence;
	char folder[64], script[96], output[96];
	uint64_t ticket;
	int n, err;
	char why[FENCE_WHY_MAX];
};

static void on_done(void *ctx, uint64_t ticket, int err, const char *why)
{
	struct world *d = ctx;

	d->n++;
	d->ticket = ticket;
	d->err = err;
	snprintf(d->why, sizeof(d->why), "%s", why);
}

static bool is_done(void *ctx)
{
	return ((const struct world *)ctx)->n > 0;
}

static void start(struct world *d, const char *text, uint64_t limit_ms)
{
	const struct fence_events events = { on_done, d };
	FILE *f;

	*d = (struct world){ .n = 0 };
	snprintf(d->folder, sizeof(d->folder), "/tmp/waypost-fence-XXXXXX");
	assert_non_null(mkdtemp(d->folder));
	snprintf(d->script, sizeof(d->script), "%s/fence", d->folder);
	snprintf(d->output, sizeof(d->output), "%s/output", d->folder);
	f = fopen(d->script, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nout=%s\n%s\n", d->output, text);
	fclose(f);
	assert_int_equal(chmod(d->script, 0755), 0);
	assert_int_equal(uv_loop_init(&d->loop), 0);
	d->fence = fence_new(&d->loop, d->script, limit_ms, &events);
	assert_non_null(d->fence);
}

static void stop(struct world *d)
{
	fence_close(d->fence);
	assert_true(testloop_finish(&d->loop));
	unlink(d->script);
	unlink(d->output);
	assert_int_equal(rmdir(d->folder), 0);
}

static int run(struct world *d, uint64_t ticket, struct errtext *why)
{
	struct ip ip;

	assert_int_equal(ip_parse("2001:db8::21", &ip), 0);
	return fence_run(d->fence, ticket, "m1", &ip, why);
}

static void expect(struct world *d, int err, const char *why)
{
	struct errtext refused = { "" };

	if (run(d, 7, &refused) != 0)
		fail_msg("%s", refused.text);
	assert_true(testloop_run_until(&d->loop, is_done, d));
	assert_int_equal(d->ticket, 7);
	assert_int_equal(d->err, err);
	assert_string_equal(d->why, why);
}

static void test_success(void **state)
{
	char line[256] = "";
	struct world d;
	FILE *f;

	(void)state;
	start(&d, "read nothing; echo \"$# $1 $2 $(pwd) $HOME\" >$out", 20000);
	expect(&d, 0, "exit status 0");
	f = fopen(d.output, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_string_equal(line, "2 m1 2001:db8::21 / \n");
	stop(&d);
}

static void test_failures(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "exit 3", "exit status 3" },
		{ "kill -TERM $$", "ended by signal 15" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world d;

		start(&d, cases[i].text, 20000);
		expect(&d, ERR_IO, cases[i].why);
		stop(&d);
	}
}

/* What the script has started goes with it: nobody is left to write. */
static void test_limit(void **state)
{
	struct world d;

	(void)state;
	start(&d, "(sleep 1; echo late >$out) & sleep 60", 100);
	expect(&d, ERR_TIMEOUT, "not done in 100 ms");
	usleep(1300000);
	assert_int_not_equal(access(d.output, F_OK), 0);
	stop(&d);
}

static void test_no_script(void **state)
{
	struct errtext why = { "" };
	struct world d;

	(void)state;
	start(&d, "", 100);
	unlink(d.script);
	assert_int_equal(run(&d, 1, &why), ERR_IO);
	assert_non_null(strstr(why.text, "no such file"));
	stop(&d);
	assert_int_equal(d.n, 0);
}

/* Closed while they run: they are killed, and nobody is told. */
static void test_close(void **state)
{
	struct errtext why;
	struct world d;

	(void)state;
	start(&d, "sleep 60", 60000);
	for (uint64_t i = 0; i < FENCE_AT_ONCE; i++)
		assert_int_equal(run(&d, i + 1, &why), 0);
	assert_int_equal(run(&d, 99, &why), ERR_LIMIT);
	stop(&d);
	assert_int_equal(d.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_success), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_limit),   cmocka_unit_test(test_no_script),
		cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
