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
 * The responder core against the test initiator, without network and with a clock of our own.
 * Messages are written as the RFC draws them.
 */
static const struct bytes nothing = { NULL, 0 };

static void test_handshake(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_init(&w);
	assert_int_equal(responder_count_half_open(w.r), 1);
	assert_int_equal(w.c.spi_r >> 48, 0x0701);
	assert_int_equal(ikeclient_take_auth(&w.c, world_give(&w, ikeclient_auth_request(&w.c))),
			 0);
	assert_int_equal(responder_count_half_open(w.r), 0);
	assert_int_equal(responder_count_established(w.r), 1);
	assert_int_equal(w.n_add, 1);
	assert_int_equal(w.n_up, 1);
	assert_string_equal(w.peer.identity, ALICE);
	assert_string_equal(w.peer.connection, "sites");
	assert_true(w.peer.is_redirectable);
	assert_int_equal(w.peer.redirected_from.family, IP_NONE);
	assert_int_equal(w.peer.spi, w.c.spi_r);
	world_stop(&w);
}

static void test_child_keys_and_spis(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_memory_equal(w.key_in, w.c.child_keys.i2r.data, 36);
	assert_memory_equal(w.key_out, w.c.child_keys.r2i.data, 36);
	assert_int_equal(w.child.spi_in, w.c.peer_child_spi);
	assert_int_equal(w.child.spi_out, w.c.child_spi);
	assert_int_equal(w.child.spi_in >> 24, 7);
	assert_int_equal((w.child.spi_in & 0xffffff) % 4, 1);
	world_stop(&w);
}

static void test_selectors_are_narrowed(void **state)
{
	struct world w;
	char text[TS_TEXT_MAX];

	(void)state;
	world_start(&w);
	w.c.tsi = world_prefix("10.1.0.0/16");
	w.c.tsr = world_prefix("0.0.0.0/0");
	world_establish(&w);
	assert_non_null(strstr(ts_format(&w.c.tsi.items[0], text), "10.1.0.128/25"));
	assert_non_null(strstr(ts_format(&w.c.tsr.items[0], text), "10.1.0.0/25"));
	world_stop(&w);
}

/* The IKE SA lives, its Child SA does not. */
static void check_childless(struct world *w, uint16_t notify)
{
	world_init(w);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 ERR_BAD_STATE);
	assert_int_equal(w->c.notify, notify);
	assert_int_equal(responder_count_established(w->r), 1);
	assert_int_equal(w->n_up, 1);
	assert_int_equal(w->peer.n_children, 0);
	assert_int_equal(world_counter(w, COUNT_CHILD_FAILED), 1);
	assert_int_equal(world_give(w, ikeclient_liveness(&w->c)).len > 0, true);
}

static void test_unacceptable_selectors(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.c.tsi = world_prefix("172.16.0.0/16");
	check_childless(&w, NOTIFY_TS_UNACCEPTABLE);
	world_stop(&w);
}

static void test_unacceptable_esp_proposal(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	assert_int_equal(esp_suite_parse("aes128gcm16", &w.c.esp), 0);
	check_childless(&w, NOTIFY_NO_PROPOSAL_CHOSEN);
	world_stop(&w);
}

static void test_data_plane_refuses(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.child_err = ERR_LIMIT;
	check_childless(&w, NOTIFY_NO_ADDITIONAL_SAS);
	world_stop(&w);
}

static void test_encapsulation_is_required(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.force_encap = true;
	world_restart(&w);
	check_childless(&w, NOTIFY_NO_PROPOSAL_CHOSEN);
	world_new_client(&w, BOB, ALICE_PSK);
	world_init(&w);
	w.path.local.port = IKE_NATT_PORT;
	w.path.remote.port = IKE_NATT_PORT;
	assert_int_equal(ikeclient_take_auth(&w.c, world_give(&w, ikeclient_auth_request(&w.c))),
			 0);
	world_stop(&w);
}

/* The response leaves when the data plane has answered, not before; and only once. */
static void test_slow_data_plane(void **state)
{
	struct world w;
	uint8_t request[IKECLIENT_MESSAGE_MAX];
	struct bytes auth;

	(void)state;
	world_start(&w);
	w.is_slow = true;
	world_init(&w);
	auth = ikeclient_auth_request(&w.c);
	memcpy(request, auth.ptr, auth.len);
	auth.ptr = request;
	assert_int_equal(world_give(&w, auth).len, 0);
	assert_int_equal(w.n_add, 1);
	assert_int_equal(world_give(&w, auth).len, 0); /* retransmission meanwhile */
	assert_int_equal(w.n_add, 0);
	responder_child_result(w.r, w.now, w.child_id + 1, 0); /* nobody's */
	world_collect(&w);
	assert_int_equal(w.n_sent, 0);
	responder_child_result(w.r, w.now, w.child_id, 0);
	world_collect(&w);
	assert_int_equal(ikeclient_take_auth(&w.c, (struct bytes){ w.sent, w.sent_len }), 0);
	responder_child_result(w.r, w.now, w.child_id, 0);
	world_collect(&w);
	assert_int_equal(w.n_sent, 0);
	world_stop(&w);
}

static void test_data_plane_never_answers(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.is_slow = true;
	world_init(&w);
	world_give(&w, ikeclient_auth_request(&w.c));
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(ikeclient_take_auth(&w.c, (struct bytes){ w.sent, w.sent_len }),
			 ERR_BAD_STATE);
	assert_int_equal(responder_count_established(w.r), 1);
	world_stop(&w);
}

/* N(AUTHENTICATION_FAILED), the same whether the identity or the key is wrong. */
static void check_auth_failure(struct world *w)
{
	world_init(w);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 ERR_BAD_STATE);
	assert_int_equal(w->c.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(world_counter(w, COUNT_AUTH_FAILED), 1);
	assert_int_equal(responder_count_established(w->r), 0);
	assert_int_equal(responder_count_half_open(w->r), 1); /* counts, until its time is over */
	assert_int_equal(world_give(w, ikeclient_liveness(&w->c)).len, 0);
	world_expire(w, HALF_OPEN_S);
	assert_int_equal(responder_count_half_open(w->r), 0);
	assert_int_equal(responder_next_expiry(w->r), UINT64_MAX);
}

static void test_wrong_psk(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_new_client(&w, ALICE, "wrong");
	check_auth_failure(&w);
	world_stop(&w);
}

static void test_unknown_identity(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_new_client(&w, "mallory.example", ALICE_PSK);
	check_auth_failure(&w);
	world_stop(&w);
}

static void count_line(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	(void)level;
	(void)group;
	assert_null(strstr(line, ALICE_PSK));
	(*(size_t *)ctx)++;
}

/* Whoever knows no secret cannot fill the log. */
static void test_strangers_cannot_fill_the_log(void **state)
{
	struct world w;
	size_t lines = 0;
	const struct logger lg = { LOG_LEVEL_INFO, count_line, &lines };

	(void)state;
	world_start(&w);
	responder_free(w.r);
	w.conf.half_open_max = 2000;
	w.conf.cookie_above = 2000;
	w.r = responder_new(&w.conf, w.policy, w.crypto, &w.rng, &lg);
	for (int i = 0; i < 500; i++) {
		world_new_client(&w, "mallory.example", ALICE_PSK);
		world_init(&w);
		world_give(&w, ikeclient_auth_request(&w.c));
	}
	assert_int_equal(world_counter(&w, COUNT_AUTH_FAILED), 500);
	assert_in_range(lines, 1, 30);
	/* A while later it says how many it did not write. */
	w.now += 10000;
	lines = 0;
	world_new_client(&w, "mallory.example", ALICE_PSK);
	world_init(&w);
	world_give(&w, ikeclient_auth_request(&w.c));
	assert_int_equal(lines, 2);
	world_stop(&w);
}

static void test_invalid_ke_and_no_proposal(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	ikeclient_free(&w.c);
	ikeclient_init(&w.c, w.crypto, &w.rng, "aes256gcm16-prfsha256-ecp256", ESP_SUITE, ALICE,
		       ALICE_PSK);
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 ERR_BAD_STATE);
	assert_int_equal(w.c.notify, NOTIFY_NO_PROPOSAL_CHOSEN);
	/* X25519 is offered, but the KE payload is of another group. */
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &w.conf.suites[0]), 0);
	w.c.suite = w.conf.suites[0];
	w.c.suite.kex = kex_by_name("x25519");
	kex_free(w.c.kex);
	assert_int_equal(kex_generate(w.crypto, KEX_ECP_256, &w.rng, &w.c.kex), 0);
	{
		struct bytes m = ikeclient_init_request(&w.c);
		uint8_t *ke_group = NULL;

		for (size_t i = IKE_HEADER_SIZE; i + 8 < m.len; i++) {
			if (m.ptr[i + 2] == 0 && m.ptr[i + 3] == 72 && m.ptr[i + 5] == 31)
				ke_group = w.c.message1 + i + 5;
		}
		assert_non_null(ke_group);
		*ke_group = KEX_ECP_256;
		assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, m)), ERR_BAD_STATE);
	}
	assert_int_equal(w.c.notify, NOTIFY_INVALID_KE_PAYLOAD);
	assert_int_equal(responder_count_half_open(w.r), 0);
	world_stop(&w);
}

static void test_cookie(void **state)
{
	struct world w;
	struct endpoint elsewhere;

	(void)state;
	world_start(&w);
	w.conf.cookie_above = 0;
	world_restart(&w);
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 ERR_BAD_STATE);
	assert_int_equal(w.c.notify, NOTIFY_COOKIE);
	assert_int_equal(responder_count_half_open(w.r), 0);
	/* From another address the cookie is no cookie: a new one is asked for. */
	elsewhere = w.path.remote;
	w.path.remote.ip.octets[3]++;
	world_give(&w, ikeclient_init_request(&w.c));
	assert_int_equal(responder_count_half_open(w.r), 0);
	assert_int_equal(world_counter(&w, COUNT_COOKIE), 2);
	w.path.remote = elsewhere;
	/* Good for one more generation, not longer. */
	w.now += 60000;
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 0);
	world_stop(&w);
}

static void test_old_cookie(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.cookie_above = 0;
	world_restart(&w);
	world_give(&w, ikeclient_init_request(&w.c));
	assert_int_equal(ikeclient_take_init(&w.c, (struct bytes){ w.sent, w.sent_len }),
			 ERR_BAD_STATE);
	for (int i = 0; i < 2; i++) {
		struct ikeclient other;

		/* Requests of others make the secret change, twice. */
		w.now += 60000;
		ikeclient_init(&other, w.crypto, &w.rng, IKE_SUITE, ESP_SUITE, BOB, ALICE_PSK);
		world_give(&w, ikeclient_init_request(&other));
		ikeclient_free(&other);
	}
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 ERR_BAD_STATE);
	assert_int_equal(w.c.notify, NOTIFY_COOKIE);
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 0);
	world_stop(&w);
}

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

static void test_half_open_limits(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.half_open_max = 2;
	world_restart(&w);
	for (int i = 0; i < 5; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		world_give(&w, ikeclient_init_request(&w.c));
	}
	assert_int_equal(responder_count_half_open(w.r), 2);
	assert_int_equal(world_counter(&w, COUNT_DROP_LIMIT), 3);
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(responder_count_half_open(w.r), 0);
	assert_int_equal(world_counter(&w, COUNT_HALF_OPEN_EXPIRED), 2);
	world_new_client(&w, ALICE, ALICE_PSK);
	world_establish(&w);
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

/* RFC 6023: without SA, TSi and TSr; all three or none. */
static void test_childless(void **state)
{
	static const uint8_t left_out[] = { PAYLOAD_SA, PAYLOAD_TSI, PAYLOAD_TSR };
	struct world w;

	(void)state;
	for (unsigned int mask = 1; mask < 8; mask++) {
		world_start(&w);
		for (unsigned int k = 0; k < 3; k++)
			w.c.leave_out[k] = (mask >> k & 1) != 0 ? left_out[k] : 0;
		world_init(&w);
		assert_true(w.c.has_childless);
		world_give(&w, ikeclient_auth_request(&w.c));
		assert_int_equal(w.n_add, 0);
		assert_int_equal(w.n_up, mask == 7);
		assert_int_equal(world_counter(&w, COUNT_SYNTAX), mask != 7);
		assert_int_equal(world_counter(&w, COUNT_CHILD_FAILED), 0);
		world_stop(&w);
	}
}

static void test_redirected_peer(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	assert_int_equal(ip_parse("192.0.2.10", &w.c.redirected_from), 0);
	/* The response waits until a strongSwan is ready for it; asking again changes nothing. */
	assert_int_equal(world_give(&w, ikeclient_init_request(&w.c)).len, 0);
	assert_int_equal(world_give(&w, (struct bytes){ w.c.message1, w.c.message1_len }).len, 0);
	assert_int_equal(responder_count_half_open(w.r), 1);
	world_expire(&w, 10);
	assert_int_equal(w.n_sent, 1);
	assert_int_equal(ikeclient_take_init(&w.c, (struct bytes){ w.sent, w.sent_len }), 0);
	assert_int_equal(ikeclient_take_auth(&w.c, world_give(&w, ikeclient_auth_request(&w.c))),
			 0);
	assert_true(w.peer.is_redirectable);
	assert_true(ip_is_equal(&w.peer.redirected_from, &w.c.redirected_from));
	world_new_client(&w, BOB, ALICE_PSK);
	w.c.with_redirect_support = false;
	world_establish(&w);
	assert_false(w.peer.is_redirectable);
	world_stop(&w);
}

/* HDR(38), Ni, N(TICKET_OPAQUE) -->  <-- HDR(38), N(TICKET_NACK) */
static void test_resumption_gets_nack(void **state)
{
	static const uint8_t ticket[40] = { 1 };
	struct world w;
	uint8_t buf[256];
	struct wr wr = wr_init(buf, sizeof(buf));
	struct ike_header h = {
		.spi_i = 5,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SESSION_RESUME,
		.flags = IKE_FLAG_INITIATOR,
	};
	struct payload_writer p = message_open(&wr, &h);
	struct notify n = { .type = NOTIFY_TICKET_OPAQUE, .data = { ticket, sizeof(ticket) } };
	struct bytes m;

	(void)state;
	world_start(&w);
	payload_put(&p, PAYLOAD_NONCE, (struct bytes){ w.c.ni, sizeof(w.c.ni) });
	payload_open(&p, PAYLOAD_NOTIFY);
	notify_encode(&wr, &n);
	payload_close(&p);
	message_close(&p);
	assert_int_equal(wr_finish(&wr, &m), 0);
	m = world_give(&w, m);
	assert_int_equal(m.len, 36);
	assert_int_equal(m.ptr[34] << 8 | m.ptr[35], NOTIFY_TICKET_NACK);
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

static void test_nonsense_configuration(void **state)
{
	struct world w;
	struct responder_conf bad;

	(void)state;
	world_start(&w);
	bad = w.conf;
	bad.member = 192;
	assert_null(responder_new(&bad, w.policy, w.crypto, &w.rng, NULL));
	bad = w.conf;
	bad.shard = 4;
	assert_null(responder_new(&bad, w.policy, w.crypto, &w.rng, NULL));
	bad = w.conf;
	bad.n_suites = 0;
	assert_null(responder_new(&bad, w.policy, w.crypto, &w.rng, NULL));
	world_stop(&w);
}

static void test_identity_texts(void **state)
{
	static const struct {
		const char *text;
		int type; /* -1: refused */
		size_t len;
	} cases[] = {
		{ "alice.example", ID_FQDN, 13 },
		{ "alice@example", ID_RFC822_ADDR, 13 },
		{ "192.0.2.1", ID_IPV4_ADDR, 4 },
		{ "2001:db8::1", ID_IPV6_ADDR, 16 },
		{ "#00ff", ID_KEY_ID, 2 },
		{ "#0", -1, 0 },
		{ "#", -1, 0 },
		{ "#0g", -1, 0 },
		{ "", -1, 0 },
		{ "a b", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t buf[ID_TEXT_MAX];
		struct id_body id = { .type = 0 };
		int err = policy_id_parse(cases[i].text, buf, &id);

		assert_int_equal(err, cases[i].type < 0 ? ERR_VALUE : 0);
		assert_int_equal(id.type, cases[i].type < 0 ? 0 : cases[i].type);
		assert_int_equal(id.data.len, cases[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_child_keys_and_spis),
		cmocka_unit_test(test_selectors_are_narrowed),
		cmocka_unit_test(test_unacceptable_selectors),
		cmocka_unit_test(test_unacceptable_esp_proposal),
		cmocka_unit_test(test_data_plane_refuses),
		cmocka_unit_test(test_encapsulation_is_required),
		cmocka_unit_test(test_slow_data_plane),
		cmocka_unit_test(test_data_plane_never_answers),
		cmocka_unit_test(test_wrong_psk),
		cmocka_unit_test(test_unknown_identity),
		cmocka_unit_test(test_strangers_cannot_fill_the_log),
		cmocka_unit_test(test_invalid_ke_and_no_proposal),
		cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_old_cookie),
		cmocka_unit_test(test_retransmissions),
		cmocka_unit_test(test_delete_ike),
		cmocka_unit_test(test_delete_child),
		cmocka_unit_test(test_peer_rejects_us),
		cmocka_unit_test(test_liveness_of_the_peer),
		cmocka_unit_test(test_dead_peer),
		cmocka_unit_test(test_half_open_limits),
		cmocka_unit_test(test_initial_contact),
		cmocka_unit_test(test_sas_of_one_peer_are_bounded),
		cmocka_unit_test(test_peer_is_followed),
		cmocka_unit_test(test_uniqueness),
		cmocka_unit_test(test_keepalives),
		cmocka_unit_test(test_peers_behind_one_nat),
		cmocka_unit_test(test_childless),
		cmocka_unit_test(test_redirected_peer),
		cmocka_unit_test(test_resumption_gets_nack),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_malformed_inside),
		cmocka_unit_test(test_unknown_critical_inside),
		cmocka_unit_test(test_forged_messages),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_nonsense_configuration),
		cmocka_unit_test(test_identity_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
