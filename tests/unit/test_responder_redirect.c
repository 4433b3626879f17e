/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ike_world.h"

/*
 * What becomes of peers that come to an address which is not the member's own (RFC 5685, 3), and of
 * those whose address is taken away.
 */
static const struct ip none = { .family = IP_NONE };

static struct ip address(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

/* Peers at the world's address are sent to target; "" for none. */
static void send_to(struct world *w, const char *target)
{
	struct ip to = target[0] != '\0' ? address(target) : none;

	assert_int_equal(responder_set_redirect(w->r, &w->path.local.ip, &to), 0);
}

static size_t count_sas(const struct responder *r)
{
	return HASH_CNT(hh_spi, r->core.by_spi);
}

/* The client takes an answer that came without delay, or nothing. */
static void expect_redirect(struct world *w, struct bytes answer, const char *target)
{
	struct ip want = address(target);

	assert_true(answer.len > 0 && answer.len <= w->c.message1_len);
	assert_int_equal(ikeclient_take_init(&w->c, answer), ERR_BAD_STATE);
	assert_int_equal(w->c.notify, NOTIFY_REDIRECT);
	assert_int_equal(w->c.redirect.type, want.family == IP_V6 ? GATEWAY_IPV6 : GATEWAY_IPV4);
	assert_true(bytes_is_equal(w->c.redirect.id, ip_bytes(&want)));
	/* SPIr is 0: nothing is kept. */
	assert_int_equal(count_sas(w->r), 0);
	assert_true(ip_is_equal(&w->sent_path.local.ip, &w->path.local.ip));
}

static void test_redirected_at_once(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	send_to(&w, "192.0.2.22");
	expect_redirect(&w, world_give(&w, ikeclient_init_request(&w.c)), "192.0.2.22");
	assert_int_equal(world_counter(&w, COUNT_REDIRECTED), 1);
	assert_true(responder_next_expiry(w.r) == UINT64_MAX);
	/* The same again is answered the same. */
	expect_redirect(&w, world_give(&w, (struct bytes){ w.c.message1, w.c.message1_len }),
			"192.0.2.22");
	/* And no more once the rule is gone. */
	send_to(&w, "");
	world_new_client(&w, ALICE, ALICE_PSK);
	world_establish(&w);
	assert_int_equal(world_counter(&w, COUNT_REDIRECTED), 2);
	world_stop(&w);
}

static void test_ipv6(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	assert_int_equal(endpoint_parse("[2001:db8::21]:500", &w.path.local), 0);
	assert_int_equal(endpoint_parse("[2001:db8::101]:500", &w.path.remote), 0);
	send_to(&w, "2001:db8::22");
	expect_redirect(&w, world_give(&w, ikeclient_init_request(&w.c)), "2001:db8::22");
	world_stop(&w);
}

/* One that was redirected already gets its answer a little later, see init.c. */
static void test_redirected_before(void **state)
{
	struct world w;
	struct bytes answer;

	(void)state;
	world_start(&w);
	send_to(&w, "192.0.2.22");
	w.c.redirected_from = address("192.0.2.10");
	assert_int_equal(world_give(&w, ikeclient_init_request(&w.c)).len, 0);
	assert_true(responder_next_expiry(w.r) == w.now + 10);
	world_expire(&w, 9);
	assert_int_equal(w.n_sent, 0);
	world_expire(&w, 1);
	assert_int_equal(w.n_sent, 1);
	answer = (struct bytes){ w.sent, w.sent_len };
	expect_redirect(&w, answer, "192.0.2.22");
	assert_true(responder_next_expiry(w.r) == UINT64_MAX);
	world_stop(&w);
}

/* A flood of those does not make us keep more than a few: the others are answered at once. */
static void test_many_redirected_before(void **state)
{
	struct world w;
	int n_now = 0;

	(void)state;
	world_start(&w);
	send_to(&w, "192.0.2.22");
	for (int i = 0; i < ELSEWHERE_WAITING_MAX + 5; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		w.c.redirected_from = address("192.0.2.10");
		n_now += world_give(&w, ikeclient_init_request(&w.c)).len > 0;
	}
	assert_int_equal(n_now, 5);
	world_expire(&w, 10);
	assert_int_equal(w.n_sent, ELSEWHERE_WAITING_MAX);
	assert_int_equal(world_counter(&w, COUNT_REDIRECTED), ELSEWHERE_WAITING_MAX + 5);
	assert_int_equal(count_sas(w.r), 0);
	world_stop(&w);
}

/* Who cannot be redirected is served, and so is who comes from the very place. */
static void test_served(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	send_to(&w, "192.0.2.22");
	w.c.with_redirect_support = false;
	world_establish(&w);
	world_new_client(&w, BOB, ALICE_PSK);
	w.c.redirected_from = address("192.0.2.22");
	world_give(&w, ikeclient_init_request(&w.c));
	assert_int_equal(count_sas(w.r), 2);
	assert_int_equal(world_counter(&w, COUNT_REDIRECTED), 0);
	/* At another address there is no such rule. */
	world_new_client(&w, BOB, ALICE_PSK);
	w.path.local.ip = address("192.0.2.29");
	world_establish(&w);
	world_stop(&w);
}

/* Needs no COOKIE and no room: nothing is kept. */
static void test_under_load(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.cookie_above = 0;
	w.conf.half_open_max = 1;
	world_restart(&w);
	send_to(&w, "192.0.2.22");
	for (int i = 0; i < 3; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		expect_redirect(&w, world_give(&w, ikeclient_init_request(&w.c)), "192.0.2.22");
	}
	world_stop(&w);
}

static void test_rules(void **state)
{
	struct ip v6 = address("2001:db8::1"), a = address("192.0.2.1"), b = a, target = a;
	struct world w;

	(void)state;
	world_start(&w);
	target.octets[3] = 99;
	assert_int_equal(responder_set_redirect(w.r, &a, &v6), ERR_VALUE);
	for (int i = 0; i < ELSEWHERE_MAX; i++) {
		b.octets[3] = (uint8_t)i;
		assert_int_equal(responder_set_redirect(w.r, &b, &target), 0);
		assert_int_equal(responder_set_redirect(w.r, &b, &target), 0);
	}
	b.octets[3] = 200;
	assert_int_equal(responder_set_redirect(w.r, &b, &target), ERR_LIMIT);
	assert_int_equal(responder_set_redirect(w.r, &b, &none), 0);
	b.octets[3] = 0;
	assert_int_equal(responder_set_redirect(w.r, &b, &none), 0);
	b.octets[3] = 200;
	assert_int_equal(responder_set_redirect(w.r, &b, &target), 0);
	/* An address that is its own target is served. */
	target = w.path.local.ip;
	b.octets[3] = 1;
	assert_int_equal(responder_set_redirect(w.r, &b, &none), 0);
	assert_int_equal(responder_set_redirect(w.r, &target, &target), 0);
	world_establish(&w);
	world_stop(&w);
}

/* ---- an address that is taken away ---- */

static void test_drop_local(void **state)
{
	struct world w;
	struct ip other = address("192.0.2.29");
	struct ip taken;

	(void)state;
	world_start(&w);
	world_establish(&w);
	world_new_client(&w, BOB, ALICE_PSK);
	world_init(&w); /* half open */
	taken = w.path.local.ip;
	w.path.local.ip = other;
	world_new_client(&w, BOB, ALICE_PSK);
	world_establish(&w);
	assert_int_equal(responder_count_established(w.r), 2);
	assert_int_equal(count_sas(w.r), 3);
	responder_drop_local(w.r, w.now, &taken);
	world_collect(&w);
	/* Not a word to the peers; the Child SA goes, and with it the return path. */
	assert_int_equal(w.n_sent, 0);
	assert_int_equal(w.n_down, 1);
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(w.reason, REASON_TAKEN);
	assert_string_equal(w.peer.identity, ALICE);
	assert_string_equal(ike_reason_text(REASON_TAKEN), "address is another member's now");
	assert_int_equal(responder_count_established(w.r), 1);
	assert_int_equal(responder_count_half_open(w.r), 0);
	assert_int_equal(count_sas(w.r), 1);
	/* Once more, and for an address that nobody came to: nothing. */
	responder_drop_local(w.r, w.now, &taken);
	world_collect(&w);
	assert_int_equal(w.n_down, 0);
	world_stop(&w);
}

/* Of many some go at each turn; those that wait are not spoken to any more. */
static void test_drop_local_in_slices(void **state)
{
	size_t many = 2 * CORE_DROP_SLICE + 10, n_turns = 0;
	struct world w;

	(void)state;
	world_start(&w);
	w.r->conf.half_open_max = w.r->conf.cookie_above = 1000;
	world_establish(&w);
	for (size_t i = 1; i < many; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		world_init(&w);
	}
	assert_int_equal(count_sas(w.r), many);
	responder_drop_local(w.r, w.now, &w.path.local.ip);
	for (; responder_is_dropping(w.r); n_turns++) {
		assert_true(responder_next_expiry(w.r) <= w.now);
		assert_int_equal(count_sas(w.r), many - (n_turns + 1) * CORE_DROP_SLICE);
		responder_expire(w.r, w.now);
	}
	world_collect(&w);
	assert_int_equal(n_turns, 2);
	assert_int_equal(count_sas(w.r), 0);
	assert_int_equal(w.n_down, 1);
	assert_int_equal(w.n_sent, 0);

	world_new_client(&w, ALICE, ALICE_PSK);
	world_establish(&w);
	w.r->core.by_spi->is_taken = true; /* as of one that waits */
	assert_int_equal(world_give(&w, ikeclient_liveness(&w.c)).len, 0);
	world_stop(&w);
}

/* While its Child SA is still to be installed: the answer comes too late. */
static void test_drop_local_while_installing(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.is_slow = true;
	world_init(&w);
	world_give(&w, ikeclient_auth_request(&w.c));
	assert_int_equal(w.n_add, 1);
	responder_drop_local(w.r, w.now, &w.path.local.ip);
	world_collect(&w);
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(w.n_up, 0);
	assert_int_equal(w.n_down, 0);
	assert_int_equal(count_sas(w.r), 0);
	responder_child_result(w.r, w.now, w.child_id, 0);
	world_collect(&w);
	assert_int_equal(w.n_up, 0);
	assert_true(responder_next_expiry(w.r) == UINT64_MAX);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirected_at_once),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_redirected_before),
		cmocka_unit_test(test_many_redirected_before),
		cmocka_unit_test(test_served),
		cmocka_unit_test(test_under_load),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_drop_local),
		cmocka_unit_test(test_drop_local_in_slices),
		cmocka_unit_test(test_drop_local_while_installing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
