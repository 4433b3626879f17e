/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/keeper_world.h"

/* Addresses whose claim a script makes. Address 3 is one, on lo. */

static struct keeper_world *new_world(void)
{
	struct keeper_world *w = world_new(0);

	world_add_address(&w->conf, "198.51.100.21", KEEPER_CLAIM_HOOK);
	w->conf.addresses[3].link[0] = '\0';
	snprintf(w->conf.hook, sizeof(w->conf.hook), "/usr/local/sbin/claim");
	return w;
}

static void add(struct keeper_world *w)
{
	world_say(w, &(struct keeper_request){
			 .type = KEEPER_ADDRESS_ADD, .id = 1, .index = 3, .epoch = 7 });
}

static struct keeper_world *hold(void)
{
	struct keeper_world *w = new_world();

	add(w);
	world_end_hook(w, 3, 0, "");
	world_expect(w, "held", "lookup 3, set 3, claim 3 7, answer 1 0");
	return w;
}

static void test_life_with_a_hook(void **state)
{
	struct keeper_world *w = new_world();

	(void)state;
	add(w);
	world_expect(w, "no probe", "lookup 3, set 3, claim 3 7");
	world_pass(w, 2500);
	world_expect(w, "renewed while it runs", "set 3, set 3");
	world_end_hook(w, 3, 0, "attached");
	world_expect(w, "held", "answer 1 0");
	world_hear_arp(w, ARP_REPLY, 0x99, "198.51.100.21", "198.51.100.21");
	world_pass(w, 1000);
	world_expect(w, "neither announced nor defended", "set 3");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 2, 3);
	world_expect(w, "removed", "del 3, release 3 7");
	world_say_address(w, KEEPER_ADDRESS_ADD, 3, 3);
	world_expect(w, "not yet", "answer 3 -16");
	world_end_hook(w, 3, 0, "");
	world_expect(w, "released", "answer 2 0");
	world_pass(w, 20000);
	world_expect(w, "nothing follows", "");
	world_free(w);
}

static void test_hook_refuses(void **state)
{
	static const int statuses[] = { 1, 127, -9 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct keeper_world *w = new_world();

		add(w);
		world_forget(w);
		world_end_hook(w, 3, statuses[i], "it is another's");
		world_expect(w, "not released: it may be another's", "del 3, answer 1 -19");
		world_free(w);
	}
}

static void test_hook_cannot_be_started(void **state)
{
	struct keeper_world *w = new_world();

	(void)state;
	w->results[KEEPER_ACT_HOOK_START].err = ERR_IO;
	add(w);
	world_expect(w, "claim", "lookup 3, set 3, claim 3 7, del 3, answer 1 -19");
	world_free(w);
	w = hold();
	w->results[KEEPER_ACT_HOOK_START].err = ERR_IO;
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 2, 3);
	world_expect(w, "release", "del 3, release 3 7, answer 2 0");
	world_free(w);
}

static void test_hook_takes_too_long(void **state)
{
	struct keeper_world *w = new_world();

	(void)state;
	add(w);
	world_pass(w, KEEPER_HOOK_MS - 1);
	world_forget(w);
	world_pass(w, 1);
	/* The renewal is due at the same time, and first. */
	world_expect(w, "it may have claimed it", "kill 3, del 3, release 3 7");
	world_pass(w, KEEPER_HOOK_MS);
	world_expect(w, "killed again", "kill 3, answer 1 -19");
	world_free(w);
}

static void test_removed_while_the_hook_runs(void **state)
{
	struct keeper_world *w = new_world();

	(void)state;
	add(w);
	world_forget(w);
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 2, 3);
	world_expect(w, "remove", "kill 3, answer 1 -16, del 3, release 3 7");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 3, 3);
	world_end_hook(w, 3, 0, "");
	world_expect(w, "released", "answer 3 0, answer 2 0");
	world_free(w);
}

static void test_lost_address_is_released(void **state)
{
	struct keeper_world *w = hold();

	(void)state;
	w->results[KEEPER_ACT_ADDRESS_SET].err = ERR_IO;
	world_pass(w, 2500);
	world_expect(w, "lost", "set 3, set 3, set 3, set 3, set 3, del 3, lost 3, release 3 7");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 2, 3);
	world_end_hook(w, 3, 0, "");
	world_expect(w, "answered when it is released", "answer 2 0");
	world_free(w);
}

static void test_drop_goes_on_without_the_hook(void **state)
{
	struct keeper_world *w = hold();

	(void)state;
	w->slept_ms = 5000;
	world_wake(w);
	world_expect(w, "dropped", "del 3, release 3 7, dropped");
	world_end_hook(w, 3, 0, "");
	add(w);
	world_expect(w, "again", "lookup 3, set 3, claim 3 7");
	world_free(w);
}

static void test_end_waits_for_the_hook(void **state)
{
	struct keeper_world *w = hold();

	(void)state;
	world_say_route(w, KEEPER_ROUTE_ADD, 2, 1, "10.64.0.0/16", 1);
	world_say_words(w, 20);
	world_forget(w);
	keeper_core_take_eof(w->core, "test");
	world_run(w);
	world_expect(w, "end", "del 3, release 3 7, words 0, unroute 10.64.0.0/16 1");
	world_pass(w, 1000);
	world_end_hook(w, 3, 0, "");
	world_expect(w, "ended", "exit");
	world_free(w);
}

static void test_end_does_not_wait_for_ever(void **state)
{
	struct keeper_world *w = new_world();

	(void)state;
	add(w);
	world_forget(w);
	keeper_core_take_eof(w->core, "test");
	world_run(w);
	world_expect(w, "end", "del 3, kill 3, answer 1 -16, release 3 7");
	world_pass(w, KEEPER_HOOK_END_MS - 1);
	world_expect(w, "waits", "");
	world_pass(w, 1);
	world_expect(w, "ended", "exit");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_with_a_hook),
		cmocka_unit_test(test_hook_refuses),
		cmocka_unit_test(test_hook_cannot_be_started),
		cmocka_unit_test(test_hook_takes_too_long),
		cmocka_unit_test(test_removed_while_the_hook_runs),
		cmocka_unit_test(test_lost_address_is_released),
		cmocka_unit_test(test_drop_goes_on_without_the_hook),
		cmocka_unit_test(test_end_waits_for_the_hook),
		cmocka_unit_test(test_end_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
