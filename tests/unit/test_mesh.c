/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/mesh/mesh.h"

/* The octets were made by Python's struct and hmac, from the table in mesh.h. Key: 00 01 .. 1f. */
static const uint8_t answer_octets[MESH_SIZE] = {
	0x57, 0x50, 0x4d, 0x01, 0x02, 0x07, 0x04, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
	0x08, 0x00, 0x00, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5,
	0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xc0, 0x00, 0x02, 0x16, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x16, 0xb5, 0x80, 0x1a,
	0x1c, 0x7a, 0xf9, 0xf1, 0x0d, 0x3d, 0x60, 0x84, 0xe0, 0xd0, 0x3a, 0xb2,
};
static const uint8_t notice_octets[MESH_SIZE] = {
	0x57, 0x50, 0x4d, 0x01, 0x03, 0xbf, 0x06, 0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9,
	0xf8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x22, 0xa7, 0x23, 0xfc, 0x43,
	0x31, 0x9f, 0x35, 0xc1, 0xe8, 0x0b, 0xa9, 0xda, 0xc3, 0x24, 0x61, 0xea,
};
static const struct mesh_msg answer = {
	.type = MESH_ANSWER,
	.number = 7,
	.boot_id = 0x0102030405060708,
	.address = { IP_V4, { 192, 0, 2, 22 } },
	.epoch = 0x1122334455,
	.nonce = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac,
		   0xad, 0xae, 0xaf },
};
static const struct mesh_msg notice = {
	.type = MESH_NOTICE,
	.number = 191,
	.boot_id = 0xfffefdfcfbfaf9f8,
	.address = { IP_V6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x22 } },
	.epoch = 9,
};

static uint8_t key_octets[32];
static uint8_t other_octets[32] = { 1 };
static const struct bytes key = { key_octets, sizeof(key_octets) };
static const struct bytes other_key = { other_octets, sizeof(other_octets) };

static int make_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(key_octets); i++)
		key_octets[i] = (uint8_t)i;
	return 0;
}

static struct bytes view(const uint8_t *octets)
{
	return (struct bytes){ octets, MESH_SIZE };
}

static void assert_same(const struct mesh_msg *a, const struct mesh_msg *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->number, b->number);
	assert_true(a->boot_id == b->boot_id);
	assert_true(a->epoch == b->epoch);
	assert_true(ip_is_equal(&a->address, &b->address));
	assert_memory_equal(a->nonce, b->nonce, MESH_NONCE_SIZE);
}

static void test_known_answers(void **state)
{
	uint8_t out[MESH_SIZE];
	struct mesh_msg m;

	(void)state;
	assert_int_equal(mesh_encode(&answer, key, out), 0);
	assert_memory_equal(out, answer_octets, MESH_SIZE);
	assert_int_equal(mesh_decode(view(answer_octets), &key, 1, &m), 0);
	assert_same(&m, &answer);
	assert_int_equal(mesh_encode(&notice, key, out), 0);
	assert_memory_equal(out, notice_octets, MESH_SIZE);
	assert_int_equal(mesh_decode(view(notice_octets), &key, 1, &m), 0);
	assert_same(&m, &notice);
}

static void test_sizes(void **state)
{
	uint8_t longer[MESH_SIZE + 1] = { 0 };
	struct mesh_msg m = { .number = 42 };

	(void)state;
	memcpy(longer, answer_octets, MESH_SIZE);
	for (size_t len = 0; len < MESH_SIZE; len++)
		assert_int_equal(mesh_decode((struct bytes){ longer, len }, &key, 1, &m),
				 ERR_TRUNCATED);
	assert_int_equal(mesh_decode((struct bytes){ longer, MESH_SIZE + 1 }, &key, 1, &m),
			 ERR_TOO_LONG);
	assert_int_equal(m.number, 42); /* untouched */
}

static void test_every_flipped_bit(void **state)
{
	uint8_t octets[MESH_SIZE];
	struct mesh_msg m;

	(void)state;
	for (size_t bit = 0; bit < MESH_SIZE * 8; bit++) {
		memcpy(octets, answer_octets, MESH_SIZE);
		octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(mesh_decode(view(octets), &key, 1, &m), ERR_AUTH);
	}
}

static void test_keys(void **state)
{
	struct bytes keys[MESH_KEYS_MAX + 1] = { other_key, key, other_key, other_key, key };
	struct bytes short_key = { key_octets, MESH_KEY_MIN - 1 };
	uint8_t out[MESH_SIZE];
	struct mesh_msg m;

	(void)state;
	assert_int_equal(mesh_decode(view(answer_octets), &other_key, 1, &m), ERR_AUTH);
	assert_int_equal(mesh_decode(view(answer_octets), NULL, 0, &m), ERR_AUTH);
	assert_int_equal(mesh_decode(view(answer_octets), keys, 1, &m), ERR_AUTH);
	assert_int_equal(mesh_decode(view(answer_octets), keys, 2, &m), 0);
	assert_int_equal(mesh_decode(view(answer_octets), keys + 1, 2, &m), 0);
	assert_int_equal(mesh_decode(view(answer_octets), keys, MESH_KEYS_MAX, &m), 0);
	assert_int_equal(mesh_decode(view(answer_octets), keys, MESH_KEYS_MAX + 1, &m), ERR_VALUE);
	assert_int_equal(mesh_encode(&answer, short_key, out), ERR_VALUE);
	assert_int_equal(mesh_decode(view(answer_octets), &short_key, 1, &m), ERR_VALUE);
	short_key.len++;
	assert_int_equal(mesh_encode(&answer, short_key, out), 0);
	assert_int_equal(mesh_decode(view(out), &short_key, 1, &m), 0);
}

static void seal(uint8_t octets[MESH_SIZE])
{
	uint8_t mac[32];

	assert_non_null(
	    HMAC(EVP_sha256(), key.ptr, (int)key.len, octets, MESH_SIZE - 16, mac, NULL));
	memcpy(octets + MESH_SIZE - 16, mac, 16);
}

/* A member that is broken, or of another version: the MAC is right. */
static void test_bad_fields(void **state)
{
	static const struct {
		const uint8_t *base;
		size_t at;
		uint8_t value;
		int err;
	} cases[] = {
		{ answer_octets, 0, 'w', ERR_VALUE },
		{ answer_octets, 2, 'N', ERR_VALUE },
		{ answer_octets, 3, 0, ERR_UNSUPPORTED },
		{ answer_octets, 3, 2, ERR_UNSUPPORTED },
		{ answer_octets, 4, 0, ERR_UNSUPPORTED },
		{ answer_octets, 4, 4, ERR_UNSUPPORTED },
		{ answer_octets, 4, MESH_PROBE, ERR_VALUE },  /* with an epoch */
		{ answer_octets, 4, MESH_NOTICE, ERR_VALUE }, /* with a nonce */
		{ answer_octets, 5, 0, ERR_VALUE },
		{ answer_octets, 5, 192, ERR_VALUE },
		{ answer_octets, 6, 0, ERR_VALUE },
		{ answer_octets, 6, 5, ERR_VALUE },
		{ answer_octets, 7, 1, ERR_VALUE },
		{ answer_octets, 16, 1, ERR_VALUE },    /* epoch of 2^56 */
		{ answer_octets, 17, 0x20, ERR_VALUE }, /* of 2^53 */
		{ answer_octets, 44, 1, ERR_VALUE },    /* behind an IPv4 address */
		{ answer_octets, 55, 1, ERR_VALUE },
		{ notice_octets, 6, 4, ERR_VALUE },
		{ notice_octets, 23, 0, ERR_VALUE }, /* a claim without epoch */
		{ notice_octets, 39, 1, ERR_VALUE },
		{ answer_octets, 17, 0x1f, 0 },
		{ answer_octets, 6, 6, 0 },
		{ notice_octets, 5, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[MESH_SIZE];
		struct mesh_msg m;

		memcpy(octets, cases[i].base, MESH_SIZE);
		octets[cases[i].at] = cases[i].value;
		seal(octets);
		if (mesh_decode(view(octets), &key, 1, &m) != cases[i].err)
			fail_msg("case %zu: not %s", i, err_text(cases[i].err));
	}
}

static void refuse(struct mesh_msg m)
{
	uint8_t out[MESH_SIZE] = { 0 };
	static const uint8_t zeros[MESH_SIZE];

	assert_int_equal(mesh_encode(&m, key, out), ERR_VALUE);
	assert_memory_equal(out, zeros, MESH_SIZE);
}

static void test_encoding_refuses(void **state)
{
	struct mesh_msg m = answer;

	(void)state;
	m.type = (enum mesh_type)0;
	refuse(m);
	m = answer, m.number = 0;
	refuse(m);
	m = answer, m.number = 192;
	refuse(m);
	m = answer, m.address.family = IP_NONE;
	refuse(m);
	m = answer, m.address.octets[4] = 1;
	refuse(m);
	m = answer, m.type = MESH_PROBE;
	refuse(m);
	m = answer, m.epoch = MESH_EPOCH_MAX + 1;
	refuse(m);
	m = notice, m.epoch = 0;
	refuse(m);
	m = notice, m.nonce[15] = 1;
	refuse(m);
}

static void test_round_trips(void **state)
{
	static const enum mesh_type types[] = { MESH_PROBE, MESH_ANSWER, MESH_NOTICE };

	(void)state;
	for (uint8_t number = 1; number <= 191; number++) {
		struct mesh_msg m = { .type = types[number % 3], .number = number }, back;
		uint8_t out[MESH_SIZE];

		m.boot_id = 0x8000000000000001u * number;
		m.epoch = m.type == MESH_PROBE ? 0 : MESH_EPOCH_MAX - number;
		m.address.family = number % 2 == 0 ? IP_V4 : IP_V6;
		memset(m.address.octets, number, ip_size(&m.address));
		if (m.type != MESH_NOTICE)
			memset(m.nonce, number, MESH_NONCE_SIZE);
		assert_int_equal(mesh_encode(&m, key, out), 0);
		assert_int_equal(mesh_decode(view(out), &key, 1, &back), 0);
		assert_same(&m, &back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),     cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_flipped_bit), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_fields),        cmocka_unit_test(test_encoding_refuses),
		cmocka_unit_test(test_round_trips),
	};

	return cmocka_run_group_tests(tests, make_key, NULL);
}
