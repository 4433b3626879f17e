/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/responder.h"
#include "tests/lib/ike_world.h"

/* Messages that come again, too late, malformed inside, or not from whom they seem to be. */
static const struct bytes nothing = { NULL, 0 };

static void test_retransmissions(void **state)
{
	struct world w;
	uint8_t first[IKECLIENT_MESSAGE_MAX], request[IKECLIENT_MESSAGE_MAX];
	struct bytes m, again;
	size_t len;

	(void)state;
	world_start(&w);
	m = world_give(&w, ikeclient_init_request(&w.c));
	memcpy(first, m.ptr, m.len);
	len = m.len;
	again = world_give(&w, (struct bytes){ w.c.message1, w.c.message1_len });
	assert_int_equal(again.len, len);
	assert_memory_equal(again.ptr, first, len);
	assert_int_equal(responder_count_half_open(w.r), 1);
	assert_int_equal(ikeclient_take_init(&w.c, again), 0);

	m = ikeclient_auth_request(&w.c);
	memcpy(request, m.ptr, m.len);
	m.ptr = request;
	again = world_give(&w, m);
	memcpy(first, again.ptr, again.len);
	len = again.len;
	again = world_give(&w, m);
	assert_int_equal(again.len, len);
	assert_memory_equal(again.ptr, first, len);
	assert_int_equal(w.n_add + w.n_up, 0);
	assert_int_equal(world_counter(&w, COUNT_RETRANSMIT), 2);
	/* Past IKE_AUTH, the old IKE_SA_INIT gets nothing. */
	assert_int_equal(world_give(&w, (struct bytes){ w.c.message1, w.c.message1_len }).len, 0);
	assert_int_equal(responder_count_half_open(w.r), 0);
	world_stop(&w);
}

static void test_window(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_int_equal(world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL,
						       w.c.next_id + 1, 0, nothing))
			     .len,
			 0);
	assert_int_equal(
	    world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL, 0, 0, nothing)).len, 0);
	assert_int_equal(
	    world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL, UINT32_MAX, 0, nothing))
		.len,
	    0);
	assert_int_equal(world_counter(&w, COUNT_DROP_WINDOW), 3);
	assert_true(world_give(&w, ikeclient_liveness(&w.c)).len > 0);
	world_stop(&w);
}

/* Authentic and malformed: INVALID_SYNTAX, and the SA is gone (RFC 7296, 2.21). */
static void test_malformed_inside(void **state)
{
	static const uint8_t cut[] = { 0, 0, 0, 200, 1 };
	struct world w;
	struct payload_list list;
	struct ike_header h;
	struct notify n;

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_int_equal(
	    ikeclient_open(
		&w.c,
		world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL, w.c.next_id++,
					      PAYLOAD_NOTIFY, (struct bytes){ cut, sizeof(cut) })),
		&h, &list),
	    0);
	assert_int_equal(notify_decode(list.items[0].body, &n), 0);
	assert_int_equal(n.type, NOTIFY_INVALID_SYNTAX);
	assert_int_equal(w.n_down, 1);
	assert_int_equal(responder_count_established(w.r), 0);
	world_stop(&w);
}

static void test_unknown_critical_inside(void **state)
{
	static const uint8_t critical[] = { 0, 0x80, 0, 4 };
	struct world w;
	struct payload_list list;
	struct ike_header h;
	struct notify n;

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_int_equal(
	    ikeclient_open(
		&w.c,
		world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL, w.c.next_id++, 200,
					      (struct bytes){ critical, sizeof(critical) })),
		&h, &list),
	    0);
	assert_int_equal(notify_decode(list.items[0].body, &n), 0);
	assert_int_equal(n.type, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	assert_int_equal(n.data.len, 1);
	assert_int_equal(n.data.ptr[0], 200);
	assert_int_equal(responder_count_established(w.r), 1);
	world_stop(&w);
}

static void test_forged_messages(void **state)
{
	struct world w;
	uint8_t copy[IKECLIENT_MESSAGE_MAX];
	struct bytes m;

	(void)state;
	world_start(&w);
	world_establish(&w);
	m = ikeclient_delete_ike(&w.c);
	for (size_t i = 0; i < m.len; i++) {
		memcpy(copy, m.ptr, m.len);
		copy[i] ^= 0x40;
		world_give(&w, (struct bytes){ copy, m.len });
		assert_int_equal(w.n_sent + w.n_down, 0);
	}
	assert_int_equal(responder_count_established(w.r), 1);
	assert_true(world_give(&w, m).len > 0);
	assert_int_equal(responder_count_established(w.r), 0);
	world_stop(&w);
}

/* Whatever is done to a message, sealed with the right keys or not: no crash, nothing left over. */
static void test_mutations(void **state)
{
	struct world w;
	uint8_t chain[IKECLIENT_MESSAGE_MAX], first;

	(void)state;
	world_start(&w);
	w.conf.half_open_max = 10000;
	w.conf.cookie_above = 10000;
	world_restart(&w);
	for (int round = 0; round < 2000; round++) {
		struct bytes inner;
		uint64_t random;

		world_new_client(&w, ALICE, ALICE_PSK);
		world_init(&w);
		inner = ikeclient_auth_chain(&w.c, &first);
		memcpy(chain, inner.ptr, inner.len);
		for (int k = 0; k <= round % 4; k++) {
			assert_int_equal(rng_u64(&w.rng, &random), 0);
			chain[random % inner.len] = (uint8_t)(random >> 32);
		}
		if (round % 3 == 0)
			inner.len = 1 + (size_t)(random >> 40) % inner.len;
		world_give(&w, ikeclient_seal(&w.c, EXCHANGE_IKE_AUTH, 1, first,
					      (struct bytes){ chain, inner.len }));
		world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL, 2, first,
					      (struct bytes){ chain, inner.len }));
		world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL, 3, 0, nothing));
	}
	w.c.next_id = 0;
	for (uint64_t end = w.now + 3 * DPD_MS + HALF_OPEN_S; w.now < end;)
		world_expire(&w, 1000);
	assert_int_equal(responder_count_half_open(w.r), 0);
	assert_int_equal(responder_count_established(w.r), 0);
	assert_int_equal(responder_next_expiry(w.r), UINT64_MAX);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retransmissions),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_malformed_inside),
		cmocka_unit_test(test_unknown_critical_inside),
		cmocka_unit_test(test_forged_messages),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
