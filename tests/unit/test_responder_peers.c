/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/responder.h"
#include "tests/lib/ike_world.h"

/*
 * A peer that has its IKE SA: it deletes, falls silent, sets up another one, moves, or is behind a
 * NAT, as others are.
 */

static void test_delete_ike(void **state)
{
	struct world w;
	uint8_t request[IKECLIENT_MESSAGE_MAX];
	struct payload_list list;
	struct ike_header h;
	struct bytes m;

	(void)state;
	world_start(&w);
	world_establish(&w);
	m = ikeclient_delete_ike(&w.c);
	memcpy(request, m.ptr, m.len);
	m.ptr = request;
	assert_int_equal(ikeclient_open(&w.c, world_give(&w, m), &h, &list), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(w.n_down, 1);
	assert_int_equal(w.reason, REASON_DELETED);
	assert_int_equal(responder_count_established(w.r), 0);
	assert_true(world_give(&w, m).len > 0); /* its answer was lost */
	assert_int_equal(world_give(&w, ikeclient_liveness(&w.c)).len, 0);
	world_expire(&w, LINGER_MAX);
	assert_int_equal(world_give(&w, m).len, 0);
	assert_int_equal(responder_next_expiry(w.r), UINT64_MAX);
	world_stop(&w);
}

static void test_delete_child(void **state)
{
	struct world w;
	struct payload_list list;
	struct ike_header h;
	struct delete_body d;
	struct bytes body;

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_int_equal(
	    ikeclient_open(&w.c, world_give(&w, ikeclient_delete_child(&w.c)), &h, &list), 0);
	assert_int_equal(payload_get(&list, PAYLOAD_DELETE, &body), 0);
	assert_int_equal(delete_decode(body, &d), 0);
	assert_int_equal(d.count, 1);
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(w.n_changed, 1);
	assert_int_equal(w.peer.n_children, 0);
	/* Once more: known no longer, so no Delete in the answer. */
	assert_int_equal(
	    ikeclient_open(&w.c, world_give(&w, ikeclient_delete_child(&w.c)), &h, &list), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(w.n_remove, 0);
	world_stop(&w);
}

/* HDR, SK {N(AUTHENTICATION_FAILED)} --> : the peer does not believe who we are. */
static void test_peer_rejects_us(void **state)
{
	static const uint8_t rejection[] = { 0, 0, 0, 8, 0, 0, 0, NOTIFY_AUTHENTICATION_FAILED };
	struct world w;

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_true(world_give(&w, ikeclient_seal(&w.c, EXCHANGE_INFORMATIONAL, w.c.next_id++,
						  PAYLOAD_NOTIFY,
						  (struct bytes){ rejection, sizeof(rejection) }))
			.len > 0);
	assert_int_equal(w.n_down, 1);
	assert_int_equal(w.reason, REASON_REJECTED);
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(responder_count_established(w.r), 0);
	world_stop(&w);
}

static void test_liveness_of_the_peer(void **state)
{
	struct world w;
	struct payload_list list;
	struct ike_header h;
	struct bytes request;

	(void)state;
	world_start(&w);
	world_establish(&w);
	/* A sign of life puts it off. */
	w.now += DPD_MS - 1;
	responder_child_heard(w.r, w.now, w.child_id, NULL);
	world_expire(&w, 1);
	assert_int_equal(w.n_sent, 0);
	world_expire(&w, DPD_MS);
	assert_int_equal(w.n_sent, 1);
	request = (struct bytes){ w.sent, w.sent_len };
	assert_int_equal(ikeclient_open(&w.c, request, &h, &list), 0);
	assert_int_equal(h.flags, 0);
	assert_int_equal(h.message_id, 0);
	assert_int_equal(world_give(&w, ikeclient_answer(&w.c, request)).len, 0);
	world_expire(&w, DPD_MS - 1);
	assert_int_equal(w.n_sent, 0);
	world_expire(&w, 1);
	assert_int_equal(w.n_sent, 1);
	assert_int_equal(ikeclient_open(&w.c, (struct bytes){ w.sent, w.sent_len }, &h, &list), 0);
	assert_int_equal(h.message_id, 1);
	world_stop(&w);
}

static void test_dead_peer(void **state)
{
	struct world w;
	uint8_t first[IKECLIENT_MESSAGE_MAX];
	size_t len;
	int sent = 1;

	(void)state;
	world_start(&w);
	world_establish(&w);
	world_expire(&w, DPD_MS);
	memcpy(first, w.sent, w.sent_len);
	len = w.sent_len;
	for (int i = 0; i < 1000 && w.n_down == 0; i++) {
		world_expire(&w, 1000);
		if (w.n_sent == 0)
			continue;
		sent++;
		assert_int_equal(w.sent_len, len); /* bit-identical */
		assert_memory_equal(w.sent, first, len);
	}
	assert_int_equal(w.n_down, 1);
	assert_int_equal(w.reason, REASON_DEAD);
	assert_int_equal(sent, 6);
	world_expire(&w, LINGER_MAX);
	assert_int_equal(responder_next_expiry(w.r), UINT64_MAX);
	world_stop(&w);
}

static void test_initial_contact(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_establish(&w);
	world_new_client(&w, BOB, ALICE_PSK);
	world_establish(&w);
	world_new_client(&w, ALICE, ALICE_PSK);
	world_establish(&w); /* without INITIAL_CONTACT both live */
	assert_int_equal(responder_count_established(w.r), 3);
	world_new_client(&w, ALICE, ALICE_PSK);
	w.c.with_initial_contact = true;
	world_establish(&w);
	assert_int_equal(w.n_down, 2);
	assert_int_equal(w.reason, REASON_REPLACED);
	assert_int_equal(w.n_remove, 2);
	assert_int_equal(responder_count_established(w.r), 2);
	world_expire(&w, LINGER_MAX);
	world_new_client(&w, ALICE, ALICE_PSK);
	w.c.with_initial_contact = true;
	world_establish(&w);
	assert_int_equal(w.n_down, 1);
	world_stop(&w);
}

/* One peer cannot fill the memory: its oldest SA goes when there are more than eight. */
static void test_sas_of_one_peer_are_bounded(void **state)
{
	struct world w;
	uint64_t first;

	(void)state;
	world_start(&w);
	world_establish(&w);
	first = w.c.spi_r;
	for (int i = 1; i < 8; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		world_establish(&w);
		assert_int_equal(w.n_down, 0);
	}
	world_new_client(&w, BOB, ALICE_PSK);
	world_establish(&w);
	assert_int_equal(w.n_down, 0);
	for (int i = 0; i < 20; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		world_init(&w);
		assert_int_equal(
		    ikeclient_take_auth(&w.c, world_give(&w, ikeclient_auth_request(&w.c))), 0);
		assert_int_equal(w.n_down, 1);
		assert_int_equal(w.reason, REASON_TOO_MANY);
		if (i == 0)
			assert_int_equal(w.closed_spi, first);
	}
	assert_int_equal(responder_count_established(w.r), 9);
	world_stop(&w);
}

static void test_peer_is_followed(void **state)
{
	struct world w;
	uint8_t old[IKECLIENT_MESSAGE_MAX];
	struct endpoint there;
	struct bytes m;

	(void)state;
	world_start(&w);
	world_establish(&w);
	m = ikeclient_liveness(&w.c);
	memcpy(old, m.ptr, m.len);
	m.ptr = old;
	world_give(&w, m);
	w.path.remote.port = 61000;
	world_give(&w, m); /* an old message from there moves nobody, but is answered there */
	assert_int_equal(w.n_changed + w.n_move, 0);
	assert_int_equal(w.sent_path.remote.port, 61000);
	world_give(&w, ikeclient_liveness(&w.c));
	assert_int_equal(w.n_changed, 1);
	assert_int_equal(w.n_move, 1);
	assert_int_equal(w.peer.path.remote.port, 61000);
	there = w.path.remote;
	there.port = 62000;
	w.now += 1000;
	responder_child_heard(w.r, w.now, w.child_id, &there);
	world_collect(&w);
	assert_int_equal(w.n_move, 1);
	assert_int_equal(w.peer.path.remote.port, 62000);
	world_stop(&w);
}

/* keep: a second one is refused, and the first is asked whether it is there; never: no matter. */
static void test_uniqueness(void **state)
{
	struct world w;
	struct payload_list list;
	struct ikeclient first;
	struct ike_header h;

	(void)state;
	world_start(&w);
	w.connection.unique = POLICY_UNIQUE_KEEP;
	world_establish(&w);
	first = w.c;
	w.c.kex = NULL;
	world_new_client(&w, ALICE, ALICE_PSK);
	world_init(&w);
	responder_datagram(w.r, w.now, &w.path, ikeclient_auth_request(&w.c));
	{
		struct action a;
		uint8_t asked[IKECLIENT_MESSAGE_MAX];

		/* An empty INFORMATIONAL on the first one, N(AUTHENTICATION_FAILED) on the second.
		 */
		assert_true(responder_next_action(w.r, &a));
		memcpy(asked, a.message.ptr, a.message.len);
		assert_int_equal(
		    ikeclient_open(&first, (struct bytes){ asked, a.message.len }, &h, &list), 0);
		assert_int_equal(h.exchange, EXCHANGE_INFORMATIONAL);
		assert_true(responder_next_action(w.r, &a));
		memcpy(asked, a.message.ptr, a.message.len);
		assert_int_equal(ikeclient_take_auth(&w.c, (struct bytes){ asked, a.message.len }),
				 ERR_BAD_STATE);
		assert_int_equal(w.c.notify, NOTIFY_AUTHENTICATION_FAILED);
		assert_false(responder_next_action(w.r, &a));
	}
	assert_int_equal(responder_count_established(w.r), 1);
	/* The first one does not answer: so there is room. */
	for (int k = 0; k < 100; k++)
		world_expire(&w, 1000);
	assert_int_equal(responder_count_established(w.r), 0);
	world_new_client(&w, ALICE, ALICE_PSK);
	world_establish(&w);
	world_new_client(&w, ALICE, ALICE_PSK);
	w.c.with_initial_contact = true;
	world_establish(&w);
	assert_int_equal(responder_count_established(w.r), 1);
	w.connection.unique = POLICY_UNIQUE_NEVER;
	world_new_client(&w, ALICE, ALICE_PSK);
	w.c.with_initial_contact = true;
	world_establish(&w);
	assert_int_equal(responder_count_established(w.r), 2);
	ikeclient_free(&first);
	world_stop(&w);
}

/* RFC 3948, 4: the one behind the NAT keeps its binding alive, when nothing else does. */
static void test_keepalives(void **state)
{
	const struct esp_stats busy = { .last_out_ms = 1 << 20 };
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.dpd_ms = 0;
	world_restart(&w);
	w.c.remote.ip.octets[0]++; /* as the peer sees us */
	world_init(&w);
	w.path.local.port = w.path.remote.port = IKE_NATT_PORT;
	assert_int_equal(ikeclient_take_auth(&w.c, world_give(&w, ikeclient_auth_request(&w.c))),
			 0);
	world_expire(&w, 19999);
	assert_int_equal(w.n_keepalive, 0);
	for (int k = 0; k < 3; k++) {
		world_expire(&w, k == 0 ? 1 : 20000);
		assert_int_equal(w.n_keepalive, 1);
		assert_int_equal(w.sent_path.remote.port, IKE_NATT_PORT);
		assert_int_equal(w.n_sent, 0);
	}
	w.now += 10000;
	world_give(&w, ikeclient_liveness(&w.c));
	world_expire(&w, 19999);
	assert_int_equal(w.n_keepalive, 0);
	world_expire(&w, 1);
	assert_int_equal(w.n_keepalive, 1);
	w.now = busy.last_out_ms - 1000;
	responder_child_usage(w.r, w.now, w.child_id, &busy);
	world_expire(&w, 20999);
	assert_int_equal(w.n_keepalive, 0);
	world_stop(&w);
	/* Nobody is behind one. */
	world_start(&w);
	w.conf.dpd_ms = 0;
	world_restart(&w);
	world_establish(&w);
	world_expire(&w, 100000);
	assert_int_equal(w.n_keepalive, 0);
	world_stop(&w);
}

/* Two peers behind one address, with the same addresses inside: each has its own port and SPIs. */
static void test_peers_behind_one_nat(void **state)
{
	struct world w;
	struct ikeclient alice;
	struct esp_child child;

	(void)state;
	world_start(&w);
	w.path.remote.port = 1024;
	world_establish(&w);
	alice = w.c;
	child = w.child;
	w.c.kex = NULL;
	world_new_client(&w, BOB, ALICE_PSK);
	w.path.remote.port = 1025;
	world_establish(&w);
	assert_int_equal(w.child.remote.port, 1025);
	assert_int_equal(child.remote.port, 1024);
	assert_true(w.child.spi_in != child.spi_in);
	assert_int_equal(responder_count_established(w.r), 2);
	/* Bob's binding changes: Alice's does not. */
	w.path.remote.port = 1026;
	w.now += 2000;
	world_give(&w, ikeclient_liveness(&w.c));
	assert_int_equal(w.n_move, 1);
	assert_string_equal(w.peer.identity, BOB);
	w.path.remote.port = 1024;
	world_give(&w, ikeclient_liveness(&alice));
	assert_int_equal(w.n_sent, 1);
	assert_int_equal(w.sent_path.remote.port, 1024);
	assert_int_equal(w.n_move, 0);
	ikeclient_free(&alice);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delete_ike),
		cmocka_unit_test(test_delete_child),
		cmocka_unit_test(test_peer_rejects_us),
		cmocka_unit_test(test_liveness_of_the_peer),
		cmocka_unit_test(test_dead_peer),
		cmocka_unit_test(test_initial_contact),
		cmocka_unit_test(test_sas_of_one_peer_are_bounded),
		cmocka_unit_test(test_peer_is_followed),
		cmocka_unit_test(test_uniqueness),
		cmocka_unit_test(test_keepalives),
		cmocka_unit_test(test_peers_behind_one_nat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
