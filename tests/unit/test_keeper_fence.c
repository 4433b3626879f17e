/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/keeper_world.h"

/* The fence: what ends everything, and what must not. */

static void test_main_ends(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_everything(w);
	w->results[KEEPER_ACT_ADDRESS_DEL].err = ERR_IO;
	w->results[KEEPER_ACT_ROUTE_DEL].err = ERR_IO;
	keeper_core_take_eof(w->core, "main has ended");
	world_run(w);
	world_expect(w, "whatever the kernel says", WORLD_ALL_GONE ", exit");
	w->is_ended = false;
	world_say_address(w, KEEPER_ADDRESS_ADD, 9, 0);
	world_pass(w, 3000);
	world_expect(w, "nothing follows", "");
	world_free(w);
}

static void test_main_falls_silent(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_pass(w, 10);
	world_hold_everything(w);
	world_say(w, &(struct keeper_request){ .type = KEEPER_PING });
	w->next_ping = UINT64_MAX;
	world_pass(w, KEEPER_SILENCE_MS - 1);
	world_expect(w, "199 ms", "");
	world_pass(w, 1);
	world_expect(w, "200 ms", WORLD_ALL_GONE ", exit");
	world_free(w);
}

static void test_any_message_is_a_sign_of_life(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	w->next_ping = UINT64_MAX;
	for (uint32_t i = 0; i < 10; i++) {
		world_pass(w, 150);
		world_say_address(w, KEEPER_ADDRESS_REMOVE, i, 1);
	}
	assert_false(w->is_ended);
	world_free(w);
}

static void test_no_watch_before_the_first_message(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	w->next_ping = UINT64_MAX;
	world_pass(w, 60000);
	assert_false(w->is_ended);
	world_say(w, &(struct keeper_request){ .type = KEEPER_PING });
	world_pass(w, KEEPER_SILENCE_MS);
	assert_true(w->is_ended);
	world_free(w);
}

/* main was as little able to run as the keeper itself. */
static void test_own_delay_is_not_silence(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	w->now_ms += 1200;
	w->next_ping = UINT64_MAX;
	world_turn(w);
	world_expect(w, "late", "set 0");
	world_pass(w, 50);
	assert_false(w->is_ended);
	world_pass(w, 100);
	world_expect(w, "but silent", "del 0, exit");
	world_free(w);
}

static void test_suspended_host(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_everything(w);
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 5, 0);
	w->results[KEEPER_ACT_LOOKUP].presence = KEEPER_PRESENCE_NONE;
	world_say_address(w, KEEPER_ADDRESS_ADD, 6, 0);
	world_forget(w);
	w->slept_ms += KEEPER_SUSPENDED_MS + 1; /* CLOCK_MONOTONIC stood still */
	world_turn(w);
	world_expect(w, "drop first",
		     "del 1, unroute 10.1.0.201/32 0, unroute 10.64.0.0/16 1, "
		     "stop 0, answer 6 -16, dropped");
	world_pass(w, 3000);
	world_expect(w, "and stay alive", "");
	world_say_address(w, KEEPER_ADDRESS_ADD, 7, 1);
	world_pass(w, 80);
	world_expect(w, "ask later", "lookup 1, probe 1, stop 1, set 1, answer 7 0, announce 1");
	w->slept_ms += 1000;
	world_turn(w);
	world_expect(w, "a short sleep", "");
	world_free(w);
}

/* A virtual machine that was stopped: both clocks go on, main is as late as the keeper. */
static void test_stopped_machine(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	w->now_ms += 2000;
	w->next_ping = w->now_ms + KEEPER_PING_MS;
	world_turn(w);
	world_expect(w, "drop first", "del 0, dropped");
	world_pass(w, 1000);
	assert_false(w->is_ended);
	world_free(w);
}

static void test_suspended_without_anything(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_pass(w, 100);
	w->slept_ms += 100000;
	world_turn(w);
	world_expect(w, "nothing to drop", "");
	world_free(w);
}

static void test_drop_while_all_are_probed(void **state)
{
	struct keeper_time now = { WORLD_START_MS, WORLD_START_MS };
	struct keeper_world *w = world_new(0);

	(void)state;
	while (w->conf.address_count < KEEPER_ADDRESSES_MAX) {
		world_add_address(&w->conf, "192.0.2.100", KEEPER_CLAIM_L2);
		w->conf.addresses[w->conf.address_count - 1].ip.octets[3] =
		    (uint8_t)w->conf.address_count;
	}
	for (uint16_t i = 0; i < KEEPER_ADDRESSES_MAX; i++)
		world_say_address(w, KEEPER_ADDRESS_ADD, i, i);
	now.boot_ms += 10000;
	world_forget(w);
	keeper_core_wake(w->core, now);
	world_run(w);
	assert_false(w->is_ended);
	assert_non_null(strstr(w->trace, "answer 63 -16, dropped"));
	world_free(w);
}

static const struct nonsense_case {
	const char *name;
	size_t size;
	uint16_t version, type;
} nonsense_cases[] = {
	{ "short", sizeof(struct keeper_request) - 1, KEEPER_MSG_VERSION, KEEPER_PING },
	{ "long", sizeof(struct keeper_request) + 1, KEEPER_MSG_VERSION, KEEPER_PING },
	{ "empty", 0, KEEPER_MSG_VERSION, KEEPER_PING },
	{ "version 0", sizeof(struct keeper_request), 0, KEEPER_PING },
	{ "version 1", sizeof(struct keeper_request), 1, KEEPER_PING },
	{ "type 0", sizeof(struct keeper_request), KEEPER_MSG_VERSION, 0 },
	{ "type 7", sizeof(struct keeper_request), KEEPER_MSG_VERSION, 7 },
};

static void test_nonsense_is_fatal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(nonsense_cases) / sizeof(nonsense_cases[0]); i++) {
		const struct nonsense_case *c = &nonsense_cases[i];
		struct keeper_request r[2] = { { .version = c->version, .type = c->type } };
		struct keeper_world *w = world_new(0);

		world_hold_everything(w);
		keeper_core_take_message(w->core, w->now_ms,
					 (struct bytes){ (uint8_t *)r, c->size });
		world_run(w);
		world_expect(w, c->name, WORLD_ALL_GONE ", exit");
		world_free(w);
	}
}

static void test_index_out_of_range(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 3);
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 2, KEEPER_ADDRESSES_MAX);
	world_say_address(w, KEEPER_ADDRESS_ADD, 3, UINT16_MAX);
	world_expect(w, "refused", "answer 1 -14, answer 2 -14, answer 3 -14");
	assert_false(w->is_ended);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_main_ends),
		cmocka_unit_test(test_main_falls_silent),
		cmocka_unit_test(test_any_message_is_a_sign_of_life),
		cmocka_unit_test(test_no_watch_before_the_first_message),
		cmocka_unit_test(test_own_delay_is_not_silence),
		cmocka_unit_test(test_suspended_host),
		cmocka_unit_test(test_stopped_machine),
		cmocka_unit_test(test_suspended_without_anything),
		cmocka_unit_test(test_drop_while_all_are_probed),
		cmocka_unit_test(test_nonsense_is_fatal),
		cmocka_unit_test(test_index_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
