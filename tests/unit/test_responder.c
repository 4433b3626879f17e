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
 * The responder core against the test initiator, without network and with a clock of our own: from
 * IKE_SA_INIT to the first Child SA, or to none. Messages are written as the RFC draws them. What
 * strangers try, messages of any kind, and what becomes of a peer are in other files.
 */

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
		cmocka_unit_test(test_childless),
		cmocka_unit_test(test_redirected_peer),
		cmocka_unit_test(test_nonsense_configuration),
		cmocka_unit_test(test_identity_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
