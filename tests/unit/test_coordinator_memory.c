/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/coordinator_world.h"

/*
 * Without memory for what is to be done nothing is lost, only later. As in test_esp_memory.c the
 * program's own calloc stands in for the C library's, which the sanitizers do too: skipped there.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 0
#endif
#endif
#ifndef HAS_OWN_MALLOC
#define HAS_OWN_MALLOC 1
#endif

static bool is_starving;

#if HAS_OWN_MALLOC
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);

void *calloc(size_t n, size_t size)
{
	return is_starving ? NULL : __libc_calloc(n, size);
}

void *realloc(void *ptr, size_t size)
{
	return is_starving ? NULL : __libc_realloc(ptr, size);
}
#endif

static int stop(void **state)
{
	(void)state;
	is_starving = false;
	cluster_stop();
	return 0;
}

static void need_own_malloc(void)
{
	if (!HAS_OWN_MALLOC)
		skip();
}

static void test_construction(void **state)
{
	const struct coordinator_record record = { .ip = { .family = IP_V4 } };
	const struct coordinator_conf conf = { .suspect_ms = 300 };
	struct coordinator *c;

	(void)state;
	need_own_malloc();
	is_starving = true;
	assert_null(coordinator_new(&conf, NULL, NULL));
	is_starving = false;
	c = coordinator_new(&conf, NULL, NULL);
	assert_non_null(c);
	is_starving = true;
	assert_int_equal(coordinator_add(c, 0, &record), ERR_NO_MEMORY);
	is_starving = false;
	assert_int_equal(coordinator_add(c, 0, &record), 0);
	coordinator_free(c);
}

/* The queue cannot even begin: store requests are made again. */
static void test_store_requests(void **state)
{
	(void)state;
	need_own_malloc();
	cluster_reset(3);
	world.epoch = 0;
	for (size_t i = 0; i < 3; i++) {
		world.records[i].owner = COORDINATOR_NONE;
		world.records[i].epoch = 0;
	}
	cluster_start();
	is_starving = true;
	for (size_t i = 0; i < 3; i++)
		cluster_join(i);
	cluster_run(500);
	assert_int_equal(cluster_count(COORDINATOR_STORE), 0);
	is_starving = false;
	cluster_run(1100);
	for (size_t i = 0; i < 3; i++)
		cluster_expect_owner(i, i);
}

/* Store requests are answered while the queue is full: orders are lost, and made again. */
static void test_orders(void **state)
{
	(void)state;
	need_own_malloc();
	cluster_reset(4);
	for (size_t i = 0; i < 8; i++)
		(void)cluster_add_address(1);
	cluster_begin(4);
	world.store = WORLD_STORE_WAITS;
	cluster_gone(1);
	assert_int_equal(world.n_waiting, 9);
	is_starving = true;
	/* Fills the ring without anybody draining it. */
	for (size_t i = 0; i < 5000; i++)
		coordinator_pause(world.coordinator, world.now, i % 2 == 0, "bob");
	for (size_t i = 0; i < world.n_waiting; i++)
		coordinator_stored(world.coordinator, world.now, world.waiting[i].ticket, 0,
				   2000 + i);
	is_starving = false;
	world.epoch = 3000;
	world.n_waiting = 0;
	world.store = WORLD_STORES;
	cluster_pump();
	assert_int_equal(cluster_count(COORDINATOR_CLAIM), 0);
	assert_int_equal(cluster_address(1)->state, ADDRESS_CLAIMING);
	cluster_run(1600);
	for (size_t i = 0; i < world.n_addresses; i++)
		assert_int_equal(cluster_address(i)->state, ADDRESS_OWNED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_construction, stop),
		cmocka_unit_test_teardown(test_store_requests, stop),
		cmocka_unit_test_teardown(test_orders, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
