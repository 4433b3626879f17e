/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/keeper_world.h"

/* Routes to inner prefixes, and which of them are let through. */

static struct ip to_ip(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

static void test_life_of_a_route(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_route(w, KEEPER_ROUTE_ADD, 1, 1, "10.1.0.201/32", 5);
	world_expect(w, "add", "route 10.1.0.201/32 1, answer 1 0");
	world_pass(w, 1000);
	world_expect(w, "mode route announces nothing", "");
	world_say_route(w, KEEPER_ROUTE_ADD, 2, 1, "10.1.0.201/32", 6);
	world_expect(w, "new arrival", "reroute 10.1.0.201/32 1, answer 2 0");
	world_say_route(w, KEEPER_ROUTE_REMOVE, 3, 1, "10.1.0.201/32", 5);
	world_expect(w, "late removal", "answer 3 0");
	world_say_route(w, KEEPER_ROUTE_REMOVE, 4, 0, "10.1.0.201/32", 6);
	world_expect(w, "of another connection", "answer 4 0");
	world_say_route(w, KEEPER_ROUTE_REMOVE, 5, 1, "10.1.0.201/32", 6);
	world_expect(w, "removal", "unroute 10.1.0.201/32 1, answer 5 0");
	world_say_route(w, KEEPER_ROUTE_REMOVE, 6, 1, "10.1.0.201/32", 6);
	world_expect(w, "not there", "answer 6 0");
	world_free(w);
}

static void test_proxied_route_is_announced_twice(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_route(w, KEEPER_ROUTE_ADD, 1, 0, "10.1.0.201/32", 1);
	world_expect(w, "add", "route 10.1.0.201/32 0, answer 1 0, shout 10.1.0.201/32 0");
	world_pass(w, 100);
	world_say_route(w, KEEPER_ROUTE_ADD, 2, 0, "10.1.0.202/32", 1);
	world_forget(w);
	world_pass(w, 399);
	world_expect(w, "before 500 ms", "");
	world_pass(w, 1);
	world_expect(w, "500 ms", "shout 10.1.0.201/32 0");
	world_say_route(w, KEEPER_ROUTE_REMOVE, 3, 0, "10.1.0.202/32", 1);
	world_pass(w, 1000);
	world_expect(w, "removed in time", "unroute 10.1.0.202/32 0, answer 3 0");
	world_free(w);
}

static void test_arrival_over_another_connection(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_route(w, KEEPER_ROUTE_ADD, 1, 0, "10.1.0.201/32", 1);
	world_forget(w);
	w->results[KEEPER_ACT_ROUTE_DEL].err = ERR_NOT_FOUND;
	world_say_route(w, KEEPER_ROUTE_ADD, 2, 1, "10.1.0.201/32", 2);
	world_expect(w, "other mode", "unroute 10.1.0.201/32 0, route 10.1.0.201/32 1, answer 2 0");
	world_say_route(w, KEEPER_ROUTE_ADD, 5, 4, "10.1.0.201/32", 3);
	world_expect(w, "other metric",
		     "unroute 10.1.0.201/32 1, route 10.1.0.201/32 4, answer 5 0");
	world_say_route(w, KEEPER_ROUTE_ADD, 3, 0, "10.1.0.201/32", 3);
	world_forget(w);
	world_say_route(w, KEEPER_ROUTE_ADD, 4, 3, "10.1.0.201/32", 4);
	world_expect(
	    w, "other link",
	    "unroute 10.1.0.201/32 0, route 10.1.0.201/32 3, answer 4 0, shout 10.1.0.201/32 3");
	world_free(w);
}

static void test_kernel_refuses_a_route(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	w->results[KEEPER_ACT_ROUTE_SET].err = ERR_EXISTS;
	world_say_route(w, KEEPER_ROUTE_ADD, 1, 0, "10.1.0.201/32", 1);
	world_say_route(w, KEEPER_ROUTE_REMOVE, 2, 0, "10.1.0.201/32", 1);
	world_expect(w, "a new one", "route 10.1.0.201/32 0, answer 1 -15, answer 2 0");
	w->results[KEEPER_ACT_ROUTE_SET].err = 0;
	world_say_route(w, KEEPER_ROUTE_ADD, 3, 0, "10.1.0.201/32", 2);
	world_forget(w);
	w->results[KEEPER_ACT_ROUTE_SET].err = ERR_IO;
	world_say_route(w, KEEPER_ROUTE_ADD, 4, 0, "10.1.0.201/32", 3);
	world_expect(w, "one that was here",
		     "reroute 10.1.0.201/32 0, answer 4 -19, "
		     "unroute 10.1.0.201/32 0");
	world_pass(w, 1000);
	world_expect(w, "and is forgotten", "");
	w->results[KEEPER_ACT_ROUTE_SET].err = 0;
	world_say_route(w, KEEPER_ROUTE_ADD, 5, 1, "10.1.0.201/32", 4);
	world_forget(w);
	w->results[KEEPER_ACT_ROUTE_DEL].err = ERR_IO;
	world_say_route(w, KEEPER_ROUTE_REMOVE, 6, 1, "10.1.0.201/32", 4);
	world_expect(w, "its removal", "unroute 10.1.0.201/32 1, answer 6 -19");
	world_free(w);
}

/* Prefixes as main could send them, that is, any octets. */
static const struct prefix_case {
	const char *name;
	uint16_t connection;
	struct ip_prefix prefix;
	int result;
} prefix_cases[] = {
	{ "fine", 0, { { IP_V4, { 10, 1, 0, 201 } }, 32 }, 0 },
	{ "the whole remote-ts", 1, { { IP_V4, { 10 } }, 8 }, 0 },
	{ "the second remote-ts", 1, { { IP_V6, { 0x20, 0x01, 0x0d, 0xb8 } }, 48 }, 0 },
	{ "256 proxied", 0, { { IP_V4, { 10, 1, 1 } }, 24 }, 0 },
	{ "512 proxied", 0, { { IP_V4, { 10, 1, 2 } }, 23 }, ERR_LIMIT },
	{ "256 of IPv6", 2, { { IP_V6, { 0x20, 0x01, 0x0d, 0xb8, 0, 1 } }, 120 }, 0 },
	{ "512 of IPv6", 2, { { IP_V6, { 0x20, 0x01, 0x0d, 0xb8, 0, 1 } }, 119 }, ERR_LIMIT },
	{ "no connection", 5, { { IP_V4, { 10, 1, 0, 201 } }, 32 }, ERR_NOT_FOUND },
	{ "connection 65535", 65535, { { IP_V4, { 10, 1, 0, 201 } }, 32 }, ERR_NOT_FOUND },
	{ "wider than remote-ts", 1, { { IP_V4, { 10 } }, 7 }, ERR_VALUE },
	{ "beside remote-ts", 0, { { IP_V4, { 10, 2 } }, 32 }, ERR_VALUE },
	{ "everything", 4, { { IP_V4, { 0 } }, 0 }, ERR_VALUE },
	{ "other family", 0, { { IP_V6, { 10, 1 } }, 32 }, ERR_VALUE },
	{ "no family", 0, { { IP_NONE, { 10, 1 } }, 32 }, ERR_VALUE },
	{ "unknown family", 0, { { 99, { 10, 1 } }, 32 }, ERR_VALUE },
	{ "33 bits", 0, { { IP_V4, { 10, 1 } }, 33 }, ERR_VALUE },
	{ "255 bits", 2, { { IP_V6, { 0x20, 0x01, 0x0d, 0xb8, 0, 1 } }, 255 }, ERR_VALUE },
	{ "host bits", 0, { { IP_V4, { 10, 1, 0, 1 } }, 31 }, ERR_VALUE },
	{ "octets behind IPv4", 0, { { IP_V4, { 10, 1, 0, 1, 1 } }, 32 }, ERR_VALUE },
};

static void test_prefixes_are_judged_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(prefix_cases) / sizeof(prefix_cases[0]); i++) {
		const struct prefix_case *c = &prefix_cases[i];
		struct keeper_request r = { .type = KEEPER_ROUTE_ADD,
					    .id = 1,
					    .index = c->connection,
					    .prefix = c->prefix };
		struct keeper_world *w = world_new(0);
		char want[64];

		snprintf(want, sizeof(want), "answer 1 %d", c->result);
		world_say(w, &r);
		if (c->result == 0 ? strncmp(w->trace, "route ", 6) != 0
				   : strcmp(w->trace, want) != 0)
			fail_msg("%s: %s", c->name, w->trace);
		world_forget(w);
		r.type = KEEPER_ROUTE_REMOVE;
		world_say(w, &r);
		if (c->result == 0 ? strncmp(w->trace, "unroute ", 8) != 0
				   : strcmp(w->trace, want) != 0)
			fail_msg("%s, removal: %s", c->name, w->trace);
		world_free(w);
	}
}

static void test_route_limit(void **state)
{
	struct keeper_world *w = world_new(2);

	(void)state;
	world_say_route(w, KEEPER_ROUTE_ADD, 1, 1, "10.1.0.1/32", 1);
	world_say_route(w, KEEPER_ROUTE_ADD, 2, 1, "10.1.0.2/32", 1);
	world_forget(w);
	world_say_route(w, KEEPER_ROUTE_ADD, 3, 1, "10.1.0.3/32", 1);
	world_expect(w, "one too many", "answer 3 -7");
	world_say_route(w, KEEPER_ROUTE_ADD, 4, 1, "10.1.0.2/32", 2);
	world_expect(w, "one of them again", "reroute 10.1.0.2/32 1, answer 4 0");
	world_say_route(w, KEEPER_ROUTE_REMOVE, 5, 1, "10.1.0.2/32", 2);
	world_say_route(w, KEEPER_ROUTE_ADD, 6, 1, "10.1.0.3/32", 1);
	world_expect(w, "after a removal",
		     "unroute 10.1.0.2/32 1, answer 5 0, route 10.1.0.3/32 1, answer 6 0");
	world_free(w);
}

static void test_overlapping_proxies(void **state)
{
	struct ip one = to_ip("10.1.0.201"), two = to_ip("10.1.0.200");
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_route(w, KEEPER_ROUTE_ADD, 1, 0, "10.1.0.200/31", 1);
	world_say_route(w, KEEPER_ROUTE_ADD, 2, 0, "10.1.0.201/32", 1);
	world_say_route(w, KEEPER_ROUTE_REMOVE, 3, 0, "10.1.0.200/31", 1);
	assert_true(keeper_core_is_proxied(w->core, "eth1", &one));
	assert_false(keeper_core_is_proxied(w->core, "eth1", &two));
	assert_false(keeper_core_is_proxied(w->core, "eth2", &one));
	world_say_route(w, KEEPER_ROUTE_ADD, 4, 1, "10.1.0.201/32", 2);
	assert_false(keeper_core_is_proxied(w->core, "eth1", &one));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_of_a_route),
		cmocka_unit_test(test_proxied_route_is_announced_twice),
		cmocka_unit_test(test_arrival_over_another_connection),
		cmocka_unit_test(test_kernel_refuses_a_route),
		cmocka_unit_test(test_prefixes_are_judged_again),
		cmocka_unit_test(test_route_limit),
		cmocka_unit_test(test_overlapping_proxies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
