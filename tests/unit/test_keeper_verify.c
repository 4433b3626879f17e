/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/keeper_world.h"

/* After the addition: next hops that have to answer, and others that say the address is theirs. */

#define HOME  "192.0.2.21"
#define HOME6 "2001:db8::21"
#define HOP   "192.0.2.1"
#define HOP6  "2001:db8::1"

static void add_next_hop(struct keeper_world *w, const char *text)
{
	assert_int_equal(ip_parse(text, &w->conf.next_hops[w->conf.next_hop_count++]), 0);
}

/* Next hops of both families; address 0 or 1 is added and verified. */
static struct keeper_world *begin(uint16_t index)
{
	struct keeper_world *w = world_new(0);

	add_next_hop(w, HOP);
	add_next_hop(w, "192.0.2.2");
	add_next_hop(w, HOP6);
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, index);
	world_pass(w, KEEPER_PROBE_MS);
	world_expect(w, "added",
		     index == 0 ? "lookup 0, probe 0, stop 0, set 0, announce 0, verify 0"
				: "lookup 1, probe 1, stop 1, set 1, announce 1, verify 1");
	return w;
}

static void test_any_next_hop_will_do(void **state)
{
	static const char *const hops[] = { HOP, "192.0.2.2" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct keeper_world *w = begin(0);

		world_pass(w, 150);
		world_expect(w, "asked again", "announce 0, verify 0");
		world_hear_arp(w, ARP_REPLY, 1, hops[i], HOME);
		world_expect(w, "answered", "verified 0, answer 1 0");
		world_pass(w, 400);
		world_expect(w, "announced on", "announce 0");
		world_free(w);
	}
}

static void test_ipv6_next_hop(void **state)
{
	struct keeper_world *w = begin(1);

	(void)state;
	world_hear_na(w, 1, HOP6, "ff02::1");
	world_hear_na(w, 1, HOP6, "fe80::2");
	world_expect(w, "not to this address", "");
	world_hear_na(w, 1, HOP6, HOME6);
	world_expect(w, "answered", "verified 1, answer 1 0");
	world_free(w);
}

static void test_what_is_no_answer(void **state)
{
	struct keeper_world *w = begin(0);

	(void)state;
	world_hear_arp(w, ARP_REQUEST, 1, HOP, HOME); /* a question: it need not know the way */
	world_hear_arp(w, ARP_REPLY, 1, HOP, "192.0.2.11");
	world_hear_arp(w, ARP_REPLY, 1, HOP, HOP);
	world_hear_arp(w, ARP_REPLY, 1, "192.0.2.3", HOME);
	world_expect(w, "no answers", "");
	world_free(w);
}

static void test_no_next_hop_answers(void **state)
{
	struct keeper_world *w = begin(0);

	(void)state;
	world_pass(w, 100);
	world_expect(w, "100 ms", "announce 0, verify 0");
	world_pass(w, 99);
	world_expect(w, "before 200 ms", "");
	world_pass(w, 1);
	world_expect(w, "200 ms", "verify 0");
	world_pass(w, 199);
	world_expect(w, "before 400 ms", "");
	world_pass(w, 1);
	world_expect(w, "given up", "verified 0, del 0, answer 1 -22");
	world_hear_arp(w, ARP_REPLY, 1, HOP, HOME);
	world_pass(w, 5000);
	world_expect(w, "nothing follows", "");
	world_free(w);
}

/* The host was busy for longer than the wait, and what came in time is read only now. */
static void pass_unread(struct keeper_world *w, uint64_t ms)
{
	w->has_unread = true;
	w->now_ms += ms;
	world_run(w);
	w->has_unread = false;
}

static void test_answers_that_wait_to_be_read(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 0);
	world_forget(w);
	pass_unread(w, KEEPER_PROBE_MS + 50);
	world_expect(w, "not added yet", "");
	world_hear_arp(w, ARP_REPLY, 0x99, HOME, "0.0.0.0");
	world_expect(w, "somebody has it", "stop 0, answer 1 -15");
	world_free(w);

	w = begin(0);
	pass_unread(w, KEEPER_VERIFY_MS + 50);
	world_expect(w, "not given up", "announce 0, verify 0, verify 0");
	world_hear_arp(w, ARP_REPLY, 1, HOP, HOME);
	world_expect(w, "verified", "verified 0, answer 1 0");
	world_free(w);
}

static void test_verified_only_by_its_family(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	add_next_hop(w, HOP6);
	add_next_hop(w, HOME); /* of no use to itself */
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 0);
	world_pass(w, KEEPER_PROBE_MS);
	world_expect(w, "held", "lookup 0, probe 0, stop 0, set 0, answer 1 0, announce 0");
	world_free(w);
}

static void test_removed_while_verified(void **state)
{
	struct keeper_world *w = begin(0);

	(void)state;
	world_say_address(w, KEEPER_ADDRESS_ADD, 2, 0);
	world_expect(w, "add", "answer 2 -16");
	world_say_address(w, KEEPER_ADDRESS_REMOVE, 3, 0);
	world_expect(w, "remove", "verified 0, answer 1 -16, del 0, answer 3 0");
	world_pass(w, 1000);
	world_expect(w, "nothing follows", "");
	world_free(w);
}

static void test_end_while_verified(void **state)
{
	struct keeper_world *w = begin(0);

	(void)state;
	keeper_core_take_eof(w->core, "test");
	world_run(w);
	world_expect(w, "end", "del 0, verified 0, answer 1 -16, exit");
	world_free(w);
}

/* ---- conflicts ------------------------------------------------------------- */

#define CONFLICT "conflict 0 02:00:00:00:00:99 "

static void test_defended_at_once_and_once_a_second(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	world_hear_arp(w, ARP_REPLY, 0x99, HOME, "192.0.2.11");
	world_expect(w, "at once", "announce 0, " CONFLICT "1");
	world_hear_arp(w, ARP_REQUEST, 0x99, HOME, HOME);
	world_hear_arp(w, ARP_REQUEST, 0x99, HOME, HOME);
	world_expect(w, "not again", "");
	world_pass(w, 999);
	world_expect(w, "before a second", "set 0");
	world_pass(w, 1);
	world_expect(w, "after a second", "announce 0, " CONFLICT "2");
	world_pass(w, 5000);
	world_expect(w, "nothing follows", "set 0, set 0, set 0, set 0, set 0");
	world_hear_arp(w, ARP_REPLY, 0x99, HOME, "192.0.2.11");
	world_expect(w, "the next one", "announce 0, " CONFLICT "1");
	world_free(w);
}

static void test_what_is_no_conflict(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	world_hear_arp(w, ARP_REPLY, 0, HOME, HOME);              /* our own */
	world_hear_arp(w, ARP_REQUEST, 0x99, "192.0.2.11", HOME); /* another member's probe */
	world_hear_arp(w, ARP_REQUEST, 0x99, "0.0.0.0", HOME);    /* the kernel answers that */
	world_hear_arp(w, ARP_REPLY, 0x99, "192.0.2.22", HOME);   /* claim none */
	world_hear_na(w, 0x99, HOME6, "ff02::1");                 /* not held */
	world_expect(w, "no conflicts", "");
	world_free(w);
}

static void test_ipv6_is_defended(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_say_address(w, KEEPER_ADDRESS_ADD, 1, 1);
	world_pass(w, 3000);
	world_forget(w);
	world_hear_na(w, 0x99, HOME6, "ff02::1");
	world_expect(w, "IPv6", "announce 1, conflict 1 02:00:00:00:00:99 1");
	world_free(w);
}

static void test_other_link_is_not_heard(void **state)
{
	struct keeper_world *w = world_new(0);

	(void)state;
	world_hold_address(w);
	snprintf(w->conf.addresses[0].link, IFNAMSIZ, "eth9");
	world_hear_arp(w, ARP_REPLY, 0x99, HOME, HOME);
	world_expect(w, "heard on eth0", "");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_next_hop_will_do),
		cmocka_unit_test(test_ipv6_next_hop),
		cmocka_unit_test(test_what_is_no_answer),
		cmocka_unit_test(test_no_next_hop_answers),
		cmocka_unit_test(test_answers_that_wait_to_be_read),
		cmocka_unit_test(test_verified_only_by_its_family),
		cmocka_unit_test(test_removed_while_verified),
		cmocka_unit_test(test_end_while_verified),
		cmocka_unit_test(test_defended_at_once_and_once_a_second),
		cmocka_unit_test(test_what_is_no_conflict),
		cmocka_unit_test(test_ipv6_is_defended),
		cmocka_unit_test(test_other_link_is_not_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
