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
 * What a hostile sender tries, with and without a secret that we know. The tests look into the
 * responder where the outside cannot tell whether something was kept.
 */
static const struct bytes nothing = { NULL, 0 };

static size_t count_sas(const struct responder *r)
{
	return HASH_CNT(hh_spi, r->core.by_spi);
}

/* ---- before authentication ---- */

/* The client's IKE_SA_INIT with a public value that no honest peer has. */
static struct bytes bad_init(struct world *w)
{
	struct bytes value = kex_public(w->c.kex), m = ikeclient_init_request(&w->c);
	uint8_t *at = memmem(w->c.message1, m.len, value.ptr, value.len);

	assert_non_null(at);
	memset(at, 0, value.len);
	return m;
}

/* Each costs us a key exchange: so a flood of them has to show its addresses, like any other. */
static void test_bad_public_values_bring_up_the_cookie(void **state)
{
	struct world w;
	struct bytes m;

	(void)state;
	world_start(&w);
	w.conf.cookie_above = 3;
	world_restart(&w);
	for (int i = 0; i < 3; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		assert_int_equal(world_give(&w, bad_init(&w)).len, 0);
	}
	assert_int_equal(world_counter(&w, COUNT_DROP_KE), 3);
	/* The same again costs nothing. */
	assert_int_equal(world_give(&w, (struct bytes){ w.c.message1, w.c.message1_len }).len, 0);
	assert_int_equal(world_counter(&w, COUNT_DROP_KE), 3);
	world_new_client(&w, ALICE, ALICE_PSK);
	m = world_give(&w, bad_init(&w));
	assert_int_equal(ikeclient_take_init(&w.c, m), ERR_BAD_STATE);
	assert_int_equal(w.c.notify, NOTIFY_COOKIE);
	assert_int_equal(world_counter(&w, COUNT_DROP_KE), 3);
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(count_sas(w.r), 0);
	assert_int_equal(responder_next_expiry(w.r), UINT64_MAX);
	world_stop(&w);
}

/* An SA without keys takes nothing, from whoever guesses its SPI. */
static void test_sa_without_keys(void **state)
{
	static const struct bytes no_key = { NULL, 0 };
	struct world w;

	(void)state;
	world_start(&w);
	world_give(&w, bad_init(&w));
	assert_int_equal(count_sas(w.r), 1);
	assert_true(bytes_is_equal(key_bytes(&w.r->core.by_spi->keys.ei), no_key));
	w.c.spi_r = w.r->core.by_spi->spi_r;
	w.c.keys.ei.len = 36; /* all zeros */
	for (uint8_t exchange = 34; exchange < 46; exchange++)
		assert_int_equal(world_give(&w, ikeclient_seal(&w.c, exchange, 0, 0, nothing)).len,
				 0);
	assert_int_equal(count_sas(w.r), 1);
	world_stop(&w);
}

/* An IKE_SA_INIT that was recorded makes a new SA of nothing that there is, or was lately. */
static void test_replayed_init(void **state)
{
	struct world w;
	uint8_t old[IKECLIENT_MESSAGE_MAX];
	struct bytes m = { old, 0 };

	(void)state;
	world_start(&w);
	m.len = ikeclient_init_request(&w.c).len;
	memcpy(old, w.c.message1, m.len);
	world_establish(&w);
	w.path.remote.port = 4444;
	assert_int_equal(world_give(&w, m).len, 0);
	world_give(&w, ikeclient_delete_ike(&w.c));
	assert_int_equal(world_give(&w, m).len, 0);
	assert_int_equal(count_sas(w.r), 1);
	assert_int_equal(responder_count_half_open(w.r), 0);
	world_expire(&w, LINGER_MAX);
	assert_int_equal(count_sas(w.r), 0);
	world_stop(&w);
}

static void count_line(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	(void)level;
	(void)group;
	(void)line;
	(*(size_t *)ctx)++;
}

/* Malformed IKE_AUTH, bad public values: whatever a stranger does, the log stays short. */
static void test_no_way_to_fill_the_log(void **state)
{
	static const uint8_t cut[] = { 0, 0, 0, 200, 1 };
	struct world w;
	size_t lines = 0;
	const struct logger lg = { LOG_LEVEL_INFO, count_line, &lines };

	(void)state;
	world_start(&w);
	responder_free(w.r);
	w.conf.half_open_max = w.conf.cookie_above = 1000;
	w.r = responder_new(&w.conf, w.policy, w.crypto, &w.rng, &lg);
	assert_non_null(w.r);
	for (int i = 0; i < 100; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		world_give(&w, bad_init(&w));
		world_new_client(&w, ALICE, ALICE_PSK);
		world_init(&w);
		world_give(&w, ikeclient_seal(&w.c, EXCHANGE_IKE_AUTH, 1, PAYLOAD_NOTIFY,
					      (struct bytes){ cut, sizeof(cut) }));
		world_new_client(&w, ALICE, ALICE_PSK);
		world_init(&w);
		world_give(&w, ikeclient_seal(&w.c, EXCHANGE_IKE_AUTH, 1, 0, nothing));
	}
	assert_int_equal(responder_count_half_open(w.r), 300);
	assert_in_range(lines, 1, 30);
	lines = 0;
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(count_sas(w.r), 0);
	assert_int_equal(lines, 0);
	world_stop(&w);
}

/* ---- who somebody is ---- */

#define TEXT(type, text)                                          \
	{                                                         \
		type,                                             \
		{                                                 \
			(const uint8_t *)(text), sizeof(text) - 1 \
		}                                                 \
	}

/* With the right key, but as somebody else: type and octets decide, in names not the case. */
static void test_identities(void **state)
{
	static const uint8_t zeros[600];
	static const struct {
		struct id_body id;
		bool is_alice;
	} cases[] = {
		{ TEXT(ID_FQDN, "alice.example"), true },
		{ TEXT(ID_FQDN, "Alice.EXAMPLE"), true },
		{ TEXT(ID_RFC822_ADDR, "alice.example"), false },
		{ TEXT(ID_KEY_ID, "alice.example"), false },
		{ TEXT(ID_DER_ASN1_DN, "alice.example"), false },
		{ TEXT(0, "alice.example"), false },
		{ TEXT(255, "alice.example"), false },
		{ TEXT(ID_FQDN, "alice.example\0"), false },
		{ TEXT(ID_FQDN, "alice.example."), false },
		{ TEXT(ID_FQDN, "alice.example\0.evil"), false },
		{ TEXT(ID_FQDN, "alice.exampl"), false },
		{ TEXT(ID_FQDN, ""), false },
		{ TEXT(ID_KEY_ID, ""), false },
		{ TEXT(13, ""), false }, /* ID_NULL, RFC 7619 */
		{ { ID_FQDN, { zeros, 255 } }, false },
		{ { ID_FQDN, { zeros, 256 } }, false },
		{ { ID_FQDN, { zeros, 257 } }, false },
		{ { ID_FQDN, { zeros, sizeof(zeros) } }, false },
		{ { ID_IPV4_ADDR, { zeros, 4 } }, false },
		{ { ID_IPV6_ADDR, { zeros, 16 } }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		struct bytes m;

		world_start(&w);
		w.c.idi = &cases[i].id;
		world_init(&w);
		m = world_give(&w, ikeclient_auth_request(&w.c));
		assert_int_equal(ikeclient_take_auth(&w.c, m),
				 cases[i].is_alice ? 0 : ERR_BAD_STATE);
		assert_int_equal(w.c.notify, cases[i].is_alice ? 0 : NOTIFY_AUTHENTICATION_FAILED);
		assert_int_equal(responder_count_established(w.r), cases[i].is_alice);
		assert_int_equal(w.n_add, cases[i].is_alice);
		world_stop(&w);
	}
}

/* The right octets under another method prove nothing. */
static void test_auth_methods(void **state)
{
	(void)state;
	for (unsigned int method = 1; method < 256; method++) {
		struct world w;
		struct bytes m;

		if (method == AUTH_SHARED_KEY)
			continue;
		world_start(&w);
		w.c.auth_method = (uint8_t)method;
		world_init(&w);
		m = world_give(&w, ikeclient_auth_request(&w.c));
		assert_int_equal(ikeclient_take_auth(&w.c, m), ERR_BAD_STATE);
		assert_int_equal(w.c.notify, NOTIFY_AUTHENTICATION_FAILED);
		assert_int_equal(responder_count_established(w.r), 0);
		world_stop(&w);
	}
}

/* ---- peers that we know, and that are up to no good ---- */

/* Each packet from another port: followed now and then, so that nobody is told of each. */
static void test_peer_that_flaps(void **state)
{
	struct world w;
	struct endpoint from;
	int moves = 0;

	(void)state;
	world_start(&w);
	world_establish(&w);
	from = w.path.remote;
	for (int i = 0; i < 10000; i++) {
		from.port = (uint16_t)(1024 + i);
		w.now += i % 10 == 0; /* ten packets in a millisecond */
		responder_child_heard(w.r, w.now, w.child_id, &from);
		world_collect(&w);
		assert_int_equal(w.n_move, w.n_changed);
		moves += w.n_move;
	}
	assert_in_range(moves, 1, 2);
	w.now += 1000;
	responder_child_heard(w.r, w.now, w.child_id, &from);
	world_collect(&w);
	assert_int_equal(w.n_move, 1);
	assert_int_equal(w.peer.path.remote.port, from.port);
	world_stop(&w);
}

/* Coming again and again: what lingers of one peer is bounded, however it ends. */
static void test_peer_that_comes_and_goes(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_new_client(&w, BOB, ALICE_PSK);
	world_establish(&w);
	for (int i = 0; i < 100; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		w.c.with_initial_contact = i % 3 == 0;
		world_establish(&w);
		if (i % 2 == 0)
			world_give(&w, ikeclient_delete_ike(&w.c));
		assert_in_range(count_sas(w.r), 1, 1 + 8 + 8 + 1);
	}
	world_expire(&w, LINGER_MAX);
	assert_int_equal(count_sas(w.r), responder_count_established(w.r));
	world_stop(&w);
}

/* What the data plane takes after we gave it up is taken out again. */
static void test_late_data_plane(void **state)
{
	struct world w;
	uint64_t id;

	(void)state;
	world_start(&w);
	w.is_slow = true;
	world_init(&w);
	world_give(&w, ikeclient_auth_request(&w.c));
	id = w.child_id;
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(w.n_up, 1);
	responder_child_result(w.r, w.now, id, 0);
	world_collect(&w);
	assert_int_equal(w.n_sent + w.n_up + w.n_add, 0);
	world_stop(&w);
}

/* No liveness checks: then there is no timer, but an SA that is closed goes. */
static void test_without_liveness_checks(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.dpd_ms = 0;
	world_restart(&w);
	world_establish(&w);
	assert_int_equal(responder_next_expiry(w.r), UINT64_MAX);
	world_expire(&w, 1ull << 40);
	assert_int_equal(w.n_sent, 0);
	world_give(&w, ikeclient_delete_ike(&w.c));
	world_expire(&w, LINGER_MAX);
	assert_int_equal(count_sas(w.r), 0);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_public_values_bring_up_the_cookie),
		cmocka_unit_test(test_sa_without_keys),
		cmocka_unit_test(test_replayed_init),
		cmocka_unit_test(test_no_way_to_fill_the_log),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_auth_methods),
		cmocka_unit_test(test_peer_that_flaps),
		cmocka_unit_test(test_peer_that_comes_and_goes),
		cmocka_unit_test(test_late_data_plane),
		cmocka_unit_test(test_without_liveness_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
