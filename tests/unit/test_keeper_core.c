/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/keeper_world.h"

/* Service addresses: from the request to the removal, and whatever can go wrong. */

static void test_life_of_an_address(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_address(w, KEEPER_ADDRESS_ADD, 7, 0);
	world_expect(w, "add", "lookup 0, probe 0");
	world_pass(w, 79);
	world_expect(w, "79 ms", "");
	world_pass(w, 1);
	world_expect(w, "80 ms", "stop 0, set 0, answer 7 0, announce 0");
	world_pass(w, 99);
	world_expect(w, "before 100 ms", "");
	world_pass(w, 1);
	world_expect(w, "100 ms", "announce 0");
	world_pass(w, 399);
	world_expect(w, "before 500 ms", "");
	world_pass(w, 1);
	world_expect(w, "500 ms", "announce 0");
	world_pass(w, 499);
	world_expect(w, "before 1 s", "");
	world_pass(w, 1);
	world_expect(w, "1 s", "set 0");
	world_pass(w, 1000);
	world_expect(w, "2 s", "set 0, announce 0");
	world_pass(w, 2999);
	world_expect(w, "before 5 s", "set 0, set 0");
	world_pass(w, 1);
	world_expect(w, "5 s", "set 0");
	world_say_address(w, KEEPER_ADDRESS_ADD, 8, 0);
	world_expect(w, "add again", "answer 8 0");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 9, 0);
	world_expect(w, "remove", "del 0, answer 9 0");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 10, 0);
	world_expect(w, "remove again", "answer 10 0");
	world_pass(w, 3000);
	world_expect(w, "after", "");
	assert_true(w->pongs > 100);
	world_free(w);
}

static void test_ipv6_is_probed(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 1);
	world_expect(w, "add", "lookup 1, probe 1");
	world_pass(w, 79);
	world_expect(w, "79 ms", "");
	world_pass(w, 1);
	world_expect(w, "80 ms", "stop 1, set 1, answer 1 0, announce 1");
	world_free(w);
}

static const struct presence_case {
	const char *name;
	uint16_t index;
	enum keeper_presence presence;
	const char *want;
} presence_cases[] = {
	{ "l2, not there", 1, KEEPER_PRESENCE_NONE, "lookup 1, probe 1" },
	{ "l2, ours", 1, KEEPER_PRESENCE_OURS, "lookup 1, probe 1" },
	{ "l2, foreign", 1, KEEPER_PRESENCE_FOREIGN, "lookup 1, answer 1 -15" },
	{ "l2, elsewhere", 1, KEEPER_PRESENCE_ELSEWHERE, "lookup 1, answer 1 -15" },
	{ "none, not there", 2, KEEPER_PRESENCE_NONE, "lookup 2, answer 1 -14" },
	{ "none, ours", 2, KEEPER_PRESENCE_OURS, "lookup 2, answer 1 0" },
	{ "none, foreign", 2, KEEPER_PRESENCE_FOREIGN, "lookup 2, answer 1 0" },
	{ "none, elsewhere", 2, KEEPER_PRESENCE_ELSEWHERE, "lookup 2, answer 1 -15" },
};

static void test_presence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(presence_cases) / sizeof(presence_cases[0]); i++) {
		const struct presence_case *c = &presence_cases[i];
		struct keeper_world *w = world_new(0);

		w->results[KEEPER_ACT_LOOKUP].presence = c->presence;
		world_say_address(w, KEEPER_ADDRESS_ADD, 1, c->index);
		world_expect(w, c->name, c->want);
		world_free(w);
	}
}

static void test_claim_none_is_only_watched(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	w->results[KEEPER_ACT_LOOKUP].presence = KEEPER_PRESENCE_FOREIGN;
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 2);
	world_say_address(w, KEEPER_ADDRESS_ADD, 2, 2);
	world_expect(w, "add twice", "lookup 2, answer 1 0, answer 2 0");
	world_pass(w, 3000);
	world_expect(w, "no renewal", "");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 3, 2);
	world_say_address(w, KEEPER_ADDRESS_ADD, 4, 2);
	world_expect(w, "remove and add", "answer 3 0, lookup 2, answer 4 0");
	keeper_core_take_eof(w->core, "test");
	world_run(w);
	world_expect(w, "end", "exit");
	world_free(w);
}

static void test_claim_route_is_only_added_and_renewed(void **state)
{
	static const struct presence_case cases[] = {
		{ "there", 2, KEEPER_PRESENCE_OURS, "lookup 2, set 2, answer 1 0" },
		{ "foreign", 2, KEEPER_PRESENCE_FOREIGN, "lookup 2, answer 1 -15" },
		{ "elsewhere", 2, KEEPER_PRESENCE_ELSEWHERE, "lookup 2, answer 1 -15" },
		{ "not there", 2, KEEPER_PRESENCE_NONE, "lookup 2, set 2, answer 1 0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keeper_world *w = world_new(0);

		w->conf.addresses[2].claim = KEEPER_CLAIM_ROUTE;
		w->conf.addresses[2].link[0] = '\0';
		w->results[KEEPER_ACT_LOOKUP].presence = cases[i].presence;
		world_say_address(w, KEEPER_ADDRESS_ADD, 1, 2);
		world_expect(w, cases[i].name, cases[i].want);
		world_pass(w, 999);
		world_expect(w, "no announcement", "");
		if (strstr(cases[i].want, "set") != NULL) {
			world_pass(w, 1);
			world_expect(w, "renewal", "set 2");
			keeper_core_take_eof(w->core, "test");
			world_run(w);
			world_expect(w, "end", "del 2, exit");
		}
		world_free(w);
	}
}

static void test_conflicts(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	for (int is_probing = 0; is_probing < 2; is_probing++) {
		world_say_address(w, KEEPER_ADDRESS_ADD, 1, 0);
		world_pass(w, 79);
		world_hear_arp(w, ARP_REQUEST, 0, "192.0.2.21", "192.0.2.21");
		world_hear_arp(w, ARP_REQUEST, 0x99, "192.0.2.11", "192.0.2.21");
		world_expect(w, "our own, and another's question", "lookup 0, probe 0");
		if (is_probing)
			world_hear_arp(w, ARP_REQUEST, 0x99, "0.0.0.0", "192.0.2.21");
		else
			world_hear_arp(w, ARP_REPLY, 0x99, "192.0.2.21", "192.0.2.11");
		world_expect(w, "conflict", "stop 0, answer 1 -15");
	}
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 1);
	world_hear_na(w, 0x99, "2001:db8::21", "ff02::1");
	world_expect(w, "IPv6", "lookup 1, probe 1, stop 1, answer 1 -15");
	world_free(w);
}

static void test_force_does_not_ask(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say(w, &(struct keeper_request){
			 .type = KEEPER_ADDRESS_ADD, .id = 1, .force = 1, .epoch = 7 });
	world_expect(w, "forced", "lookup 0, set 0, answer 1 0, announce 0");
	w->results[KEEPER_ACT_LOOKUP].presence = KEEPER_PRESENCE_FOREIGN;
	world_say(w, &(struct keeper_request){
			 .type = KEEPER_ADDRESS_ADD, .id = 2, .index = 1, .force = 1 });
	world_expect(w, "not over the operator's own", "lookup 1, answer 2 -15");
	world_free(w);
}

static void test_requests_during_a_probe(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 0);
	world_forget(w);
	world_say_address(w, KEEPER_ADDRESS_ADD, 2, 0);
	world_expect(w, "add", "answer 2 -16");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 3, 0);
	world_expect(w, "remove", "stop 0, answer 1 -16, answer 3 0");
	world_pass(w, 1000);
	world_expect(w, "nothing follows", "");
	world_free(w);
}

static const struct fault_case {
	enum keeper_action_type at;
	const char *want;
} fault_cases[] = {
	{ KEEPER_ACT_LOOKUP, "lookup 0, answer 1 -19" },
	{ KEEPER_ACT_PROBE, "lookup 0, probe 0, answer 1 -19" },
	{ KEEPER_ACT_ADDRESS_SET, "lookup 0, probe 0, stop 0, set 0, answer 1 -19" },
};

static void test_kernel_refuses_an_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
		const struct fault_case *c = &fault_cases[i];
		struct keeper_world *w = world_new(0);

		w->results[c->at].err = ERR_IO;
		world_say_address(w, KEEPER_ADDRESS_ADD, 1, 0);
		world_pass(w, 5000);
		world_expect(w, "refused", c->want);
		w->results[c->at].err = 0;
		world_say_address(w, KEEPER_ADDRESS_ADD, 1, 0);
		world_pass(w, KEEPER_PROBE_MS);
		world_expect(w, "again",
			     "lookup 0, probe 0, stop 0, set 0, answer 1 0, announce 0");
		world_free(w);
	}
}

static void test_renewal_fails_for_a_while(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	w->results[KEEPER_ACT_ADDRESS_SET].err = ERR_IO;
	world_pass(w, 1000);
	world_expect(w, "one failed, one tried again", "set 0, set 0, set 0");
	w->results[KEEPER_ACT_ADDRESS_SET].err = 0;
	world_pass(w, 1000);
	world_expect(w, "well again", "set 0");
	world_free(w);
}

static void test_renewal_fails_for_good(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	w->results[KEEPER_ACT_ADDRESS_SET].err = ERR_NOT_FOUND;
	w->results[KEEPER_ACT_ADDRESS_DEL].err = ERR_NOT_FOUND;
	world_pass(w, 3000);
	world_expect(w, "given up", "set 0, set 0, set 0, set 0, set 0, del 0, lost 0");
	world_pass(w, 3000);
	world_expect(w, "nothing follows", "");
	world_free(w);
}

static void test_deletion_fails(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	w->results[KEEPER_ACT_ADDRESS_DEL].err = ERR_NOT_FOUND;
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 2, 0);
	world_expect(w, "gone already", "del 0, answer 2 0");
	world_hold_address(w);
	w->results[KEEPER_ACT_ADDRESS_DEL].err = ERR_TIMEOUT;
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 3, 0);
	world_pass(w, 3000);
	world_expect(w, "expires by itself", "del 0, answer 3 -19");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_of_an_address),
		cmocka_unit_test(test_ipv6_is_probed),
		cmocka_unit_test(test_presence),
		cmocka_unit_test(test_claim_none_is_only_watched),
		cmocka_unit_test(test_claim_route_is_only_added_and_renewed),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_force_does_not_ask),
		cmocka_unit_test(test_requests_during_a_probe),
		cmocka_unit_test(test_kernel_refuses_an_address),
		cmocka_unit_test(test_renewal_fails_for_a_while),
		cmocka_unit_test(test_renewal_fails_for_good),
		cmocka_unit_test(test_deletion_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
