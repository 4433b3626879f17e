/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/store/events.h"

/* The history in the store: order, choice, and what is left after a restart. */
#define MAX_SEEN 64

static char folder[64];
static char path[96];
static struct store *store;

struct seen {
	size_t n;
	uint64_t ids[MAX_SEEN];
	char text[MAX_SEEN][64];
};

static void see(void *ctx, const struct store_event *e)
{
	struct seen *s = ctx;

	assert_true(s->n < MAX_SEEN);
	s->ids[s->n] = e->id;
	snprintf(s->text[s->n++], sizeof(s->text[0]), "%lld %s: %s: %s", (long long)e->time_ms,
		 e->subject, e->what, e->why);
}

static int start(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/waypost-events-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/director.db", folder);
	return store_open(path, NULL, &store);
}

static int stop(void **state)
{
	char command[128];

	(void)state;
	store_close(store);
	store = NULL;
	for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", NULL }; *end;
	     end++) {
		snprintf(command, sizeof(command), "%s%s", path, *end);
		unlink(command);
	}
	return rmdir(folder);
}

static void add(int64_t time_ms, const char *subject, const char *why)
{
	const struct store_event e = { 0, time_ms, subject, "active -> suspect", why };

	assert_int_equal(store_events_add(store, &e, 1), 0);
}

static void test_order_and_choice(void **state)
{
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(store_events_read(store, 0, NULL, 10, see, &s), 0);
	assert_int_equal(s.n, 0);
	add(10, "m1", "one");
	add(20, "m2", "two");
	add(5, "m1", "three"); /* a clock that was set back: still the newest */
	assert_int_equal(store_events_read(store, 0, NULL, 10, see, &s), 0);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.text[0], "10 m1: active -> suspect: one");
	assert_string_equal(s.text[2], "5 m1: active -> suspect: three");

	s.n = 0; /* after the second */
	assert_int_equal(store_events_read(store, s.ids[1], NULL, 10, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.text[0], "5 m1: active -> suspect: three");
	s.n = 0;
	assert_int_equal(store_events_read(store, 0, "m1", 10, see, &s), 0);
	assert_int_equal(s.n, 2);
	s.n = 0;
	assert_int_equal(store_events_read_last(store, NULL, 2, see, &s), 0);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.text[0], "20 m2: active -> suspect: two");
	s.n = 0;
	assert_int_equal(store_events_read(store, UINT64_MAX, NULL, 10, see, &s), 0);
	assert_int_equal(store_events_read(store, 0, "m1' OR '1'='1", 10, see, &s), 0);
	assert_int_equal(s.n, 0);
}

static void test_survives_a_restart(void **state)
{
	struct seen s = { 0 };
	uint64_t first;

	(void)state;
	add(1, "m1", "before");
	assert_int_equal(store_events_read(store, 0, NULL, 10, see, &s), 0);
	first = s.ids[0];
	store_close(store);
	assert_int_equal(store_open(path, NULL, &store), 0);
	add(2, "m1", "after");
	s.n = 0;
	assert_int_equal(store_events_read(store, 0, NULL, 10, see, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.ids[0], first);
	assert_true(s.ids[1] > first);
}

static void test_oldest_go(void **state)
{
	static struct store_event batch[1000];
	struct seen s = { 0 };

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		batch[i] = (struct store_event){ 0, (int64_t)i, "m1", "x", "y" };
	for (size_t i = 0; i < STORE_EVENTS_MAX / 1000 + 1; i++)
		assert_int_equal(store_events_add(store, batch, 1000), 0);
	assert_int_equal(store_events_read(store, 0, NULL, 1, see, &s), 0);
	assert_int_equal(s.ids[0], 1001);
	s.n = 0;
	assert_int_equal(store_events_read_last(store, NULL, 1, see, &s), 0);
	assert_int_equal(s.ids[0], STORE_EVENTS_MAX + 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_choice, start, stop),
		cmocka_unit_test_setup_teardown(test_survives_a_restart, start, stop),
		cmocka_unit_test_setup_teardown(test_oldest_go, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
