/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/keeper_world.h"

/* Asks: who has an address on a link. */

#define OTHER  "192.0.2.31"
#define OTHER6 "2001:db8::31"

static void ask(struct keeper_world *w, uint32_t id, uint16_t index, const char *target)
{
	struct keeper_request r = { .type = KEEPER_ASK, .id = id, .index = index };

	if (target != NULL)
		assert_int_equal(ip_parse(target, &r.target), 0);
	world_say(w, &r);
}

static void test_answered_at_once(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	ask(w, 1, 0, OTHER);
	world_pass(w, 10);
	world_hear_arp(w, ARP_REPLY, 0, OTHER, OTHER); /* our own */
	world_hear_arp(w, ARP_REPLY, 0x31, "192.0.2.32", "192.0.2.11");
	world_expect(w, "asked", "ask 0");
	world_hear_arp(w, ARP_REPLY, 0x31, OTHER, "192.0.2.11");
	world_expect(w, "answered", "asked 0, answer 1 0 there");
	world_hear_arp(w, ARP_REPLY, 0x31, OTHER, "192.0.2.11");
	world_pass(w, 100);
	world_expect(w, "once", "");
	world_free(w);
}

static void test_nobody(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	ask(w, 1, 0, OTHER);
	world_pass(w, KEEPER_PROBE_MS - 1);
	world_expect(w, "79 ms", "ask 0");
	world_pass(w, 1);
	world_expect(w, "80 ms", "asked 0, answer 1 0 nobody");
	world_free(w);
}

static void test_ipv6_on_the_link_of_an_ipv4_address(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	ask(w, 1, 0, OTHER6);
	world_hear_na(w, 0x31, OTHER6, "fe80::2");
	world_expect(w, "answered", "ask 0, asked 0, answer 1 0 there");
	world_free(w);
}

static void test_answer_that_waits_to_be_read(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	ask(w, 1, 0, OTHER);
	w->has_unread = true;
	w->now_ms += KEEPER_PROBE_MS + 50;
	world_run(w);
	world_expect(w, "not over yet", "ask 0");
	w->has_unread = false;
	world_hear_arp(w, ARP_REPLY, 0x99, OTHER, "192.0.2.11");
	world_expect(w, "answered", "asked 0, answer 1 0 there");
	world_free(w);
}

static void test_here(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	w->results[KEEPER_ACT_ASK].presence = KEEPER_PRESENCE_FOREIGN;
	ask(w, 1, 0, OTHER);
	world_expect(w, "here", "ask 0, answer 1 0 there");
	w->results[KEEPER_ACT_ASK].presence = KEEPER_PRESENCE_NONE;
	w->results[KEEPER_ACT_ASK].err = ERR_NOT_FOUND;
	ask(w, 2, 0, OTHER);
	world_pass(w, 100);
	world_expect(w, "no link", "ask 0, answer 2 -14");
	world_free(w);
}

static void test_refused(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	ask(w, 1, 0, NULL);
	ask(w, 2, 3, OTHER);
	w->conf.addresses[2].link[0] = '\0';
	ask(w, 3, 2, OTHER);
	world_expect(w, "refused", "answer 1 -3, answer 2 -14, answer 3 -18");
	world_free(w);
}

static void test_many_at_a_time(void **state)
{
	struct keeper_world *w = world_new(0);
	size_t answers = 0;

	(void)state;
	for (uint32_t i = 0; i < KEEPER_ASKS_MAX; i++)
		ask(w, i + 1, 0, OTHER);
	world_forget(w);
	ask(w, 100, 0, OTHER);
	world_expect(w, "one too many", "answer 100 -7");
	world_hear_arp(w, ARP_REPLY, 0x31, OTHER, "192.0.2.11");
	for (const char *c = w->trace; (c = strstr(c, "there")) != NULL; c++)
		answers++;
	assert_int_equal(answers, KEEPER_ASKS_MAX);
	world_forget(w);
	ask(w, 101, 0, OTHER);
	world_expect(w, "again", "ask 0");
	world_free(w);
}

static void test_goes_on_over_a_drop(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	ask(w, 2, 0, OTHER);
	w->slept_ms = 5000;
	world_wake(w);
	world_expect(w, "dropped", "ask 0, del 0, dropped");
	world_pass(w, 200);
	world_expect(w, "answered", "asked 0, answer 2 0 nobody");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered_at_once),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_ipv6_on_the_link_of_an_ipv4_address),
		cmocka_unit_test(test_answer_that_waits_to_be_read),
		cmocka_unit_test(test_here),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many_at_a_time),
		cmocka_unit_test(test_goes_on_over_a_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
