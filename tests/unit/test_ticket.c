/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/ikev2/ticket/ticket.h"

#define NOW 1764072000u

static struct crypto *crypto;
static struct rng_seeded seeded = { 7 };
static struct rng rng;

static int group_setup(void **state)
{
	(void)state;
	crypto = crypto_new();
	rng = rng_seeded(&seeded);
	return crypto == NULL;
}

static int group_teardown(void **state)
{
	(void)state;
	crypto_free(crypto);
	return 0;
}

static struct ticket_key make_key(uint64_t id)
{
	struct ticket_key key = {
		.id = id, .not_before_s = NOW, .not_after_s = NOW + 1000, .may_issue = true
	};

	memset(key.secret, (int)(id & 0xff), sizeof(key.secret));
	return key;
}

static struct ticket make_ticket(const char *idi)
{
	struct ticket t = {
		.issued_s = NOW,
		.expires_s = NOW + 3600,
		.auth_s = NOW - 500,
		.idi = { 2, { (const uint8_t *)idi, strlen(idi) } },
		.idr = { 11, { (const uint8_t *)"\x01\x00\x02", 3 } },
		.auth_method = 2,
		.connection = "roadwarriors",
		.policy = 0x1122334455667788,
		.sk_d.len = 32,
		.spi_i = 0x0102030405060708,
		.spi_r = 0xf1f2f3f4f5f6f7f8,
		.is_gateway_r = true,
		.is_redirectable = true,
		.ledger = { 2, { NOW - 3, NOW - 70 } },
	};

	memset(t.sk_d.data, 0xd5, t.sk_d.len);
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &t.suite), 0);
	return t;
}

static void test_round_trip(void **state)
{
	struct ticket_key key = make_key(77);
	struct ticket t = make_ticket("p1.peers.example.net"), got;
	uint8_t out[TICKET_MAX_SIZE];
	uint64_t id = 0;
	size_t len = 0;

	(void)state;
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, out, &len), 0);
	assert_int_equal(ticket_key_id((struct bytes){ out, len }, &id), 0);
	assert_int_equal(id, 77);
	assert_int_equal(ticket_open(crypto, &key, (struct bytes){ out, len }, &got), 0);
	assert_memory_equal(got.id, t.id, sizeof(t.id));
	assert_int_equal(got.issued_s, t.issued_s);
	assert_int_equal(got.expires_s, t.expires_s);
	assert_int_equal(got.auth_s, t.auth_s);
	assert_int_equal(got.idi.type, t.idi.type);
	assert_true(bytes_is_equal(got.idi.data, t.idi.data));
	assert_int_equal(got.idr.type, t.idr.type);
	assert_true(bytes_is_equal(got.idr.data, t.idr.data));
	assert_int_equal(got.auth_method, t.auth_method);
	assert_string_equal(got.connection, t.connection);
	assert_int_equal(got.policy, t.policy);
	assert_ptr_equal(got.suite.encr, t.suite.encr);
	assert_ptr_equal(got.suite.prf, t.suite.prf);
	assert_ptr_equal(got.suite.kex, t.suite.kex);
	assert_memory_equal(&got.sk_d, &t.sk_d, sizeof(t.sk_d));
	assert_int_equal(got.spi_i, t.spi_i);
	assert_int_equal(got.spi_r, t.spi_r);
	assert_true(got.is_gateway_r);
	assert_true(got.is_redirectable);
	assert_memory_equal(&got.ledger, &t.ledger, sizeof(t.ledger));
}

/* Another salt, so another key: nothing of the two is alike behind the header. */
static void test_fresh_each_time(void **state)
{
	struct ticket_key key = make_key(1);
	struct ticket t = make_ticket("p1.peers.example.net");
	uint8_t a[TICKET_MAX_SIZE], b[TICKET_MAX_SIZE];
	size_t len_a = 0, len_b = 0;

	(void)state;
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, a, &len_a), 0);
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, b, &len_b), 0);
	assert_int_equal(len_a, len_b);
	assert_memory_equal(a, b, 12);
	assert_memory_not_equal(a + 12, b + 12, TICKET_ID_SIZE);
	assert_memory_not_equal(a + 12 + TICKET_ID_SIZE, b + 12 + TICKET_ID_SIZE, 16);
}

/* Identities of similar length give tickets of one length; the longest still fits a datagram. */
static void test_sizes(void **state)
{
	struct ticket_key key = make_key(1);
	uint8_t out[TICKET_MAX_SIZE];
	char longest[ID_TEXT_MAX + 1];
	size_t len[3] = { 0 };
	struct ticket t = make_ticket("a.example.net");

	(void)state;
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, out, &len[0]), 0);
	t = make_ticket("abcdef.example.net");
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, out, &len[1]), 0);
	assert_int_equal(len[0], len[1]);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[ID_TEXT_MAX] = '\0';
	t = make_ticket(longest);
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha512-x25519", &t.suite), 0);
	t.sk_d.len = 64;
	t.idr = t.idi;
	memset(t.connection, 'c', NAME_TEXT_MAX);
	t.connection[NAME_TEXT_MAX] = '\0';
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, out, &len[2]), 0);
	assert_true(len[2] <= TICKET_MAX_SIZE);
	/* Header, nonce, notifies of NAT detection, fragmentation and redirect support. */
	assert_true(len[2] + 28 + 36 + 8 + 2 * 28 + 2 * 8 < 1280);
	assert_int_equal(ticket_open(crypto, &key, (struct bytes){ out, len[2] }, &t), 0);
	assert_int_equal(t.idi.data.len, ID_TEXT_MAX);
}

/* Every octet of it is authenticated; no prefix of it is one; nothing is left in *out. */
static void test_tampered(void **state)
{
	struct ticket_key key = make_key(1), other = make_key(2);
	struct ticket t = make_ticket("p1.peers.example.net"), got;
	uint8_t out[TICKET_MAX_SIZE];
	uint64_t id;
	size_t len = 0;

	(void)state;
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, out, &len), 0);
	memset(&got, 0, sizeof(got));
	for (size_t i = 0; i < len; i++) {
		out[i] ^= 0x10;
		assert_int_not_equal(ticket_open(crypto, &key, (struct bytes){ out, len }, &got),
				     0);
		out[i] ^= 0x10;
		assert_int_not_equal(ticket_open(crypto, &key, (struct bytes){ out, i }, &got), 0);
		assert_int_equal(got.sk_d.len, 0);
	}
	assert_int_equal(ticket_open(crypto, &other, (struct bytes){ out, len }, &got),
			 ERR_NOT_FOUND);
	other.id = key.id;
	assert_int_equal(ticket_open(crypto, &other, (struct bytes){ out, len }, &got), ERR_AUTH);
	assert_int_equal(ticket_open(crypto, &key, (struct bytes){ out, len }, &got), 0);
	out[0] = 2;
	assert_int_equal(ticket_key_id((struct bytes){ out, len }, &id), ERR_UNSUPPORTED);
	out[0] = 1;
	out[2] = 1;
	assert_int_equal(ticket_key_id((struct bytes){ out, len }, &id), ERR_UNSUPPORTED);
}

static void expect_refused(const struct ticket *t)
{
	struct ticket_key key = make_key(1);
	struct ticket copy = *t;
	uint8_t out[TICKET_MAX_SIZE];
	size_t len = 0;

	assert_int_equal(ticket_seal(crypto, &rng, &key, &copy, out, &len), ERR_VALUE);
	assert_int_equal(len, 0);
}

static void test_incomplete(void **state)
{
	const struct ticket good = make_ticket("p1.peers.example.net");
	struct ticket t = good;

	(void)state;
	t.auth_s = 0;
	expect_refused(&t);
	t = good;
	t.expires_s = t.issued_s;
	expect_refused(&t);
	t = good;
	t.connection[0] = '\0';
	expect_refused(&t);
	t = good;
	t.sk_d.len = 20;
	expect_refused(&t);
	t = good;
	t.suite.encr = NULL;
	expect_refused(&t);
	t = good;
	t.idi.data.len = ID_TEXT_MAX + 1;
	expect_refused(&t);
}

static int fail_fill(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	memset(out, 0, len);
	return ERR_CRYPTO;
}

static void test_no_randomness(void **state)
{
	const struct rng none = { fail_fill, NULL };
	struct ticket_key key = make_key(1);
	struct ticket t = make_ticket("p1.peers.example.net");
	uint8_t out[TICKET_MAX_SIZE];
	size_t len = 0;

	(void)state;
	assert_int_equal(ticket_seal(crypto, &none, &key, &t, out, &len), ERR_CRYPTO);
	assert_int_equal(len, 0);
}

/* ---- the ring ---- */

static void test_ring(void **state)
{
	struct ticket_ring ring = { .n = 0 };
	struct ticket_key a = make_key(1), b = make_key(2), c = make_key(3);

	(void)state;
	b.not_before_s = NOW + 10;
	b.not_after_s = NOW + 2000;
	c.may_issue = false;
	c.not_after_s = NOW + 9999;
	assert_int_equal(ticket_ring_add(&ring, &a), 0);
	assert_int_equal(ticket_ring_add(&ring, &a), ERR_EXISTS);
	assert_int_equal(ticket_ring_add(&ring, &b), 0);
	assert_int_equal(ticket_ring_add(&ring, &c), 0);
	assert_int_equal(ticket_ring_find(&ring, 3)->id, 3);
	assert_null(ticket_ring_find(&ring, 4));
	assert_int_equal(ticket_ring_issuing(&ring, NOW)->id, 1);
	assert_int_equal(ticket_ring_issuing(&ring, NOW + 10)->id, 2);
	assert_int_equal(ticket_ring_issuing(&ring, NOW + 1500)->id, 2);
	assert_null(ticket_ring_issuing(&ring, NOW + 2000));
	assert_null(ticket_ring_issuing(&ring, NOW - 1));
	for (uint64_t id = 10; ring.n < TICKET_RING_MAX; id++) {
		a.id = id;
		assert_int_equal(ticket_ring_add(&ring, &a), 0);
	}
	a.id = 99;
	assert_int_equal(ticket_ring_add(&ring, &a), ERR_LIMIT);
	a.not_after_s = a.not_before_s;
	assert_int_equal(ticket_ring_add(&ring, &a), ERR_VALUE);
	ticket_ring_wipe(&ring);
	assert_int_equal(ring.n, 0);
	assert_int_equal(ring.keys[0].secret[0], 0);
}

static void test_key_names(void **state)
{
	static const char *const bad[] = { "",
					   "ticket-",
					   "ticket-00f",
					   "ticket-00000000000000fg",
					   "ticket-00000000000000FF",
					   "ticket-00000000000000fff",
					   "qcd-000000000000000000ff" };
	char name[TICKET_KEY_NAME_LEN + 1];
	uint64_t id = 0;

	(void)state;
	assert_string_equal(ticket_key_name(0xfe, name), "ticket-00000000000000fe");
	assert_int_equal(ticket_key_parse(name, &id), 0);
	assert_int_equal(id, 0xfe);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ticket_key_parse(bad[i], &id), ERR_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_fresh_each_time),
		cmocka_unit_test(test_sizes),      cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_incomplete), cmocka_unit_test(test_no_randomness),
		cmocka_unit_test(test_ring),       cmocka_unit_test(test_key_names),
	};

	return cmocka_run_group_tests_name("ticket", tests, group_setup, group_teardown);
}
