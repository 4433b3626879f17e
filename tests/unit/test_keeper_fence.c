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
		     "del 1, stop 0, answer 6 -16, unroute 10.1.0.201/32 0, "
		     "unroute 10.64.0.0/16 1, dropped");
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

/* ---- last words, and what stays behind ------------------------------------- */

static void test_last_words_between_addresses_and_routes(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_words(w, KEEPER_LAST_WORDS_MAX);
	world_hold_everything(w);
	world_say_words(w, 20);
	keeper_core_take_eof(w->core, "test");
	world_run(w);
	world_expect(
	    w, "end",
	    "del 0, del 1, words 0, unroute 10.1.0.201/32 0, unroute 10.64.0.0/16 1, exit");
	assert_int_equal(keeper_core_last_words(w->core)->len, 20);
	world_free(w);
}

static void test_last_words_when_main_is_silent(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_words(w, 20);
	w->next_ping = UINT64_MAX;
	world_pass(w, KEEPER_SILENCE_MS - 1);
	world_expect(w, "they are a sign of life", "");
	world_pass(w, 1);
	world_expect(w, "nothing held", "words 0, exit");
	world_free(w);
}

static void test_no_last_words(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_words(w, 20);
	world_hold_address(w);
	w->slept_ms = 5000;
	world_wake(w);
	world_expect(w, "main lives", "del 0, dropped");
	world_say_words(w, 0);
	keeper_core_take_eof(w->core, "test");
	world_run(w);
	world_expect(w, "taken back", "exit");
	world_free(w);
}

static void test_no_last_words_while_an_address_stays(void **state)
{
	static const struct {
		int err;
		const char *want;
	} cases[] = { { ERR_IO, "del 0, exit" }, { ERR_NOT_FOUND, "del 0, words 0, exit" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct keeper_world *w = world_new(0);

		world_say_words(w, 20);
		world_hold_address(w);
		w->results[KEEPER_ACT_ADDRESS_DEL].err = cases[i].err;
		keeper_core_take_eof(w->core, "test");
		world_run(w);
		world_expect(w, "end", cases[i].want);
		world_free(w);
	}
}

static void test_fences_at_the_end(void **state)
{
	static const struct {
		const char *name;
		bool is_main_gone;
		enum keeper_action_type fails;
		bool is_clean;
	} cases[] = {
		{ "main is gone", true, KEEPER_ACT_REPORT, true },
		{ "main may wake and send", false, KEEPER_ACT_REPORT, true },
		{ "an address stays", true, KEEPER_ACT_ADDRESS_DEL, false },
		{ "a route stays", true, KEEPER_ACT_ROUTE_DEL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keeper_world *w = world_new(0);

		world_hold_everything(w);
		assert_in_range(w->fences_kept, 2, 3); /* once a second */
		w->results[cases[i].fails].err = ERR_IO;
		if (cases[i].is_main_gone)
			keeper_core_take_eof(w->core, "test");
		else
			w->next_ping = UINT64_MAX;
		world_pass(w, KEEPER_SILENCE_MS);
		assert_true(w->is_ended);
		if (w->fence_removal.type != KEEPER_ACT_FENCE_REMOVE ||
		    w->fence_removal.is_main_gone != cases[i].is_main_gone ||
		    w->fence_removal.is_clean != cases[i].is_clean)
			fail_msg("%s: other fences", cases[i].name);
		world_free(w);
	}
}

static void test_half_said_words_are_fatal(void **state)
{
	static const struct {
		const char *name;
		uint16_t version, type, len, port;
	} cases[] = {
		{ "version", 1, KEEPER_LAST_WORDS, 20, 500 },
		{ "type", KEEPER_MSG_VERSION, KEEPER_ASK, 20, 500 },
		{ "length", KEEPER_MSG_VERSION, KEEPER_LAST_WORDS, KEEPER_LAST_WORDS_MAX + 1, 500 },
		{ "port", KEEPER_MSG_VERSION, KEEPER_LAST_WORDS, 20, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keeper_last_words words = { .version = cases[i].version,
						   .type = cases[i].type,
						   .len = cases[i].len,
						   .to = { { IP_V4, { 192, 0, 2, 1 } },
							   cases[i].port } };
		struct keeper_world *w = world_new(0);

		keeper_core_take_message(w->core, w->now_ms,
					 (struct bytes){ (uint8_t *)&words, sizeof(words) });
		world_run(w);
		world_expect(w, cases[i].name, "exit");
		world_free(w);
	}
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
		cmocka_unit_test(test_last_words_between_addresses_and_routes),
		cmocka_unit_test(test_last_words_when_main_is_silent),
		cmocka_unit_test(test_no_last_words),
		cmocka_unit_test(test_no_last_words_while_an_address_stays),
		cmocka_unit_test(test_fences_at_the_end),
		cmocka_unit_test(test_half_said_words_are_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
