/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/sa.h"
#include "tests/lib/hex.h"

#define LEN(array)  (sizeof(array) / sizeof((array)[0]))
#define MAX_LEN     512
#define MAX_LENGTHS 8

/* What libreswan offers and takes for AES-GCM with a 256-bit key, HMAC-SHA2-256, Curve25519. */
#define IKE_GCM256 \
	"00000024 01010003 0300000c 01000014 800e0100 03000008 02000005 00000008 0400001f"
#define ESP_GCM256 "00000020 01030402 c0ffee01 0300000c 01000014 800e0100 00000008 05000000"

/* Bodies that decode, and encode to the same octets. lengths: where 16-bit lengths stand. */
static const struct valid_case {
	const char *name;
	const char *octets;
	size_t lengths[MAX_LENGTHS];
} valid_cases[] = {
	{ "IKE", IKE_GCM256, { 2, 10, 22, 30 } },
	{ "ESP with SPI", ESP_GCM256, { 2, 14, 26 } },
	{ "IKE rekeying", "00000018 01010801 1122334455667788 00000008 04000013", { 2, 18 } },
	{ "two proposals",
	  "02000014 01010001 0000000c 0100000c 800e0080"
	  "0000001c 02010002 0300000c 01000014 800e0100 00000008 02000007",
	  { 2, 10, 22, 30, 42 } },
	{ "answer that takes the fourth", "00000010 04010001 00000008 02000005", { 2, 10 } },
	{ "unknown protocol, type and id",
	  "00000013 01ff0301 abcdef 00000008 ff00ffff",
	  { 2, 13 } },
};

/* Bodies to be refused. */
static const struct refused_case {
	const char *name;
	int err;
	const char *octets;
} refused_cases[] = {
	{ "nothing", ERR_TRUNCATED, "" },
	{ "no transforms", ERR_VALUE, "00000008 01010000" },
	{ "no transforms, but one counted", ERR_TRUNCATED, "00000008 01010001" },
	{ "proposal shorter than its head", ERR_TRUNCATED, "00000003 01010001 00000008 02000005" },
	{ "proposal longer than the payload", ERR_TRUNCATED,
	  "00000011 01010001 00000008 02000005" },
	{ "proposal shorter than its SPI", ERR_TRUNCATED, "00000008 01010401" },
	{ "last proposal says more", ERR_VALUE, "02000010 01010001 00000008 02000005" },
	{ "proposal marker 1", ERR_VALUE, "01000010 01010001 00000008 02000005" },
	{ "proposal marker 3", ERR_VALUE, "03000010 01010001 00000008 02000005" },
	{ "first proposal says last", ERR_VALUE,
	  "00000010 01010001 00000008 02000005 00000010 02010001 00000008 02000005" },
	{ "octets behind the last proposal", ERR_VALUE, "00000010 01010001 00000008 02000005 00" },
	{ "octets behind the last transform", ERR_VALUE, "00000011 01010001 00000008 02000005 00" },
	{ "fewer transforms counted", ERR_TRAILING,
	  "00000018 01010001 03000008 02000005 00000008 02000006" },
	{ "more transforms counted", ERR_TRUNCATED, "00000010 01010002 00000008 02000005" },
	{ "last transform says more", ERR_VALUE, "00000010 01010001 03000008 02000005" },
	{ "transform marker 2", ERR_VALUE,
	  "00000018 01010002 02000008 02000005 00000008 02000006" },
	{ "first transform says last", ERR_VALUE,
	  "00000018 01010002 00000008 02000005 00000008 02000006" },
	{ "transform shorter than its head", ERR_TRUNCATED, "00000010 01010001 00000003 02000005" },
	{ "transform shorter than its id", ERR_TRUNCATED, "0000000f 01010001 00000007 020000" },
	{ "attribute cut", ERR_TRUNCATED, "00000013 01010001 0000000b 01000014 800e01" },
	{ "long attribute cut", ERR_TRUNCATED, "00000015 01010001 0000000d 01000014 0001 0002 aa" },
	{ "first number 2 of two", ERR_VALUE,
	  "02000010 02010001 00000008 02000005 00000010 03010001 00000008 02000005" },
	{ "the same number twice", ERR_VALUE,
	  "02000010 01010001 00000008 02000005 00000010 01010001 00000008 02000005" },
	{ "a number left out", ERR_VALUE,
	  "02000010 01010001 00000008 02000005 00000010 03010001 00000008 02000005" },
	{ "number 0", ERR_VALUE, "00000010 00010001 00000008 02000005" },
};

/* Attributes of one transform, and whether it remains usable. */
static const struct attribute_case {
	const char *name;
	int err;
	const char *octets;
	uint16_t key_bits;
	bool is_unusable;
} attribute_cases[] = {
	{ "none", 0, "", 0, false },
	{ "key length", 0, "800e0100", 256, false },
	{ "key length of 0", 0, "800e0000", 0, true },
	{ "key length twice", 0, "800e0100 800e0080", 256, true },
	{ "long key length", 0, "000e0002 0100", 0, true },
	{ "unknown short", 0, "800f0100", 0, true },
	{ "unknown long", 0, "00010003 abcdef", 0, true },
	{ "unknown long and empty", 0, "00010000", 0, true },
	{ "known and unknown", 0, "00010003 abcdef 800e0080", 128, true },
	{ "as many as allowed", 0,
	  "80010000800200008003000080040000800500008006000080070000800e0080", 128, true },
	{ "one more", ERR_LIMIT,
	  "80010000800200008003000080040000800500008006000080070000800e008080090000", 0, false },
	{ "many empty ones", ERR_LIMIT,
	  "000100000001000000010000000100000001000000010000000100000001000000010000", 0, false },
};

static int recode(struct bytes in, struct wr *w)
{
	static struct sa_payload sa;
	int err = sa_decode(in, &sa);

	if (err == 0)
		sa_encode(w, &sa);
	return err;
}

static void test_valid_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(valid_cases); i++) {
		const struct valid_case *c = &valid_cases[i];
		uint8_t buf[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));

		test_roundtrip(c->name, recode, octets);
		test_every_cut(c->name, recode, octets, octets.len);
		for (size_t k = 0; k < MAX_LENGTHS && c->lengths[k] != 0; k++)
			test_every_lie(c->name, recode, octets, c->lengths[k], 2);
		test_every_lie(c->name, recode, octets, 0, 1); /* Last */
		test_every_lie(c->name, recode, octets, 6, 1); /* SPI size */
		test_every_lie(c->name, recode, octets, 7, 1); /* number of transforms */
	}
}

static void test_values(void **state)
{
	uint8_t buf[MAX_LEN];
	struct sa_payload sa;
	const struct proposal *p = &sa.proposals[0];

	(void)state;
	assert_int_equal(sa_decode(test_unhex(ESP_GCM256, buf, sizeof(buf)), &sa), 0);
	assert_int_equal(sa.n, 1);
	assert_int_equal(p->number, 1);
	assert_int_equal(p->protocol, PROTOCOL_ESP);
	assert_int_equal(p->spi.len, 4);
	assert_ptr_equal(p->spi.ptr, buf + 8);
	assert_int_equal(p->n_transforms, 2);
	assert_int_equal(p->transforms[0].type, TRANSFORM_ENCR);
	assert_int_equal(p->transforms[0].id, ENCR_AES_GCM_16);
	assert_int_equal(p->transforms[0].key_bits, 256);
	assert_int_equal(p->transforms[1].type, TRANSFORM_ESN);
	assert_int_equal(p->transforms[1].id, 0);
	assert_int_equal(p->transforms[1].key_bits, 0);
	assert_ptr_equal(sa_find(&sa, 1), p);
	assert_null(sa_find(&sa, 0));
	assert_null(sa_find(&sa, 2));
}

static void test_refused_bodies(void **state)
{
	static struct sa_payload sa, before;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (size_t i = 0; i < LEN(refused_cases); i++) {
		const struct refused_case *c = &refused_cases[i];
		uint8_t buf[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		uint8_t *copy = test_copy(octets);

		sa = before;
		test_expect(c->name, "decode", sa_decode((struct bytes){ copy, octets.len }, &sa),
			    c->err);
		test_expect(c->name, "output untouched", memcmp(&sa, &before, sizeof(sa)), 0);
		free(copy);
	}
}

/* A proposal for IKE with one ENCR transform that has these attributes. */
static struct bytes with_attributes(struct bytes attributes, uint8_t *buf, size_t cap)
{
	struct wr w = wr_init(buf, cap);
	struct bytes out;

	wr_u16(&w, 0);
	wr_u16(&w, (uint16_t)(8 + 8 + attributes.len));
	wr_u32(&w, 0x01010001);
	wr_u16(&w, 0);
	wr_u16(&w, (uint16_t)(8 + attributes.len));
	wr_u32(&w, 0x01000014);
	wr_bytes(&w, attributes);
	assert_int_equal(wr_finish(&w, &out), 0);
	return out;
}

static void test_attributes(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(attribute_cases); i++) {
		const struct attribute_case *c = &attribute_cases[i];
		uint8_t buf[MAX_LEN], attributes[MAX_LEN], again[MAX_LEN];
		struct wr w = wr_init(again, sizeof(again));
		struct bytes octets = with_attributes(
		    test_unhex(c->octets, attributes, sizeof(attributes)), buf, sizeof(buf));
		const struct transform *t;
		struct sa_payload sa;
		struct bytes out;

		test_expect(c->name, "decode", sa_decode(octets, &sa), c->err);
		if (c->err != 0)
			continue;
		t = &sa.proposals[0].transforms[0];
		test_expect(c->name, "key bits", t->key_bits, c->key_bits);
		test_expect(c->name, "unusable", t->has_unknown_attributes, c->is_unusable);
		sa_encode(&w, &sa);
		test_expect(c->name, "encode", wr_finish(&w, &out), c->is_unusable ? ERR_VALUE : 0);
	}
}

/* Encodes n proposals of n_transforms each, and decodes them again. */
static int make_many(size_t n, size_t n_transforms, size_t spi_len)
{
	static const uint8_t zeros[UINT8_MAX + 1];
	static uint8_t buf[UINT16_MAX];
	static struct sa_payload sa;
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes out;
	int err;

	memset(&sa, 0, sizeof(sa));
	sa.n = n;
	for (size_t i = 0; i < n && i < SA_MAX_PROPOSALS; i++) {
		sa.proposals[i].number = (uint8_t)(i + 1);
		sa.proposals[i].spi = (struct bytes){ zeros, spi_len };
		sa.proposals[i].n_transforms = n_transforms;
	}
	sa_encode(&w, &sa);
	err = wr_finish(&w, &out);
	return err != 0 ? err : sa_decode(out, &sa);
}

static void test_what_the_encoder_refuses(void **state)
{
	static struct sa_payload sa;
	uint8_t buf[MAX_LEN];
	struct bytes out;
	static const struct {
		size_t n;
		uint8_t numbers[2];
		int err;
	} cases[] = {
		{ 1, { 1, 0 }, 0 },         { 1, { 9, 0 }, 0 },         { 1, { 0, 0 }, ERR_VALUE },
		{ 2, { 1, 2 }, 0 },         { 2, { 1, 1 }, ERR_VALUE }, { 2, { 2, 3 }, ERR_VALUE },
		{ 2, { 1, 3 }, ERR_VALUE },
	};

	(void)state;
	assert_int_equal(make_many(1, 1, 0), 0);
	assert_int_equal(make_many(0, 1, 0), ERR_VALUE);
	assert_int_equal(make_many(1, 0, 0), ERR_VALUE);
	assert_int_equal(make_many(SA_MAX_PROPOSALS, SA_MAX_TRANSFORMS, 4), 0);
	assert_int_equal(make_many(SA_MAX_PROPOSALS + 1, 1, 0), ERR_VALUE);
	assert_int_equal(make_many(1, SA_MAX_TRANSFORMS + 1, 0), ERR_VALUE);
	assert_int_equal(make_many(1, 1, UINT8_MAX), 0);
	assert_int_equal(make_many(1, 1, UINT8_MAX + 1), ERR_VALUE);
	for (size_t i = 0; i < LEN(cases); i++) {
		struct wr w = wr_init(buf, sizeof(buf));

		sa.n = cases[i].n;
		for (size_t k = 0; k < sa.n; k++) {
			sa.proposals[k].number = cases[i].numbers[k];
			sa.proposals[k].n_transforms = 1;
		}
		sa_encode(&w, &sa);
		assert_int_equal(wr_finish(&w, &out), cases[i].err);
	}
}

/* The decoder's limits are not the encoder's: this builds what the encoder would refuse. */
static int decode_many(size_t n, size_t n_transforms)
{
	static uint8_t buf[UINT16_MAX];
	static struct sa_payload sa;
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes out;

	for (size_t i = 1; i <= n; i++) {
		wr_u16(&w, i < n ? 0x0200 : 0);
		wr_u16(&w, (uint16_t)(8 + 8 * n_transforms));
		wr_u32(&w, (uint32_t)(i << 24 | 1 << 16 | n_transforms));
		for (size_t k = 1; k <= n_transforms; k++)
			wr_u64(&w, (k < n_transforms ? 3ull << 56 : 0) | 8ull << 32 | 5);
	}
	assert_int_equal(wr_finish(&w, &out), 0);
	return sa_decode(out, &sa);
}

static void test_limits_of_the_decoder(void **state)
{
	(void)state;
	assert_int_equal(decode_many(SA_MAX_PROPOSALS, 1), 0);
	assert_int_equal(decode_many(SA_MAX_PROPOSALS + 1, 1), ERR_LIMIT);
	assert_int_equal(decode_many(255, 1), ERR_LIMIT);
	assert_int_equal(decode_many(1, SA_MAX_TRANSFORMS), 0);
	assert_int_equal(decode_many(1, SA_MAX_TRANSFORMS + 1), ERR_LIMIT);
	assert_int_equal(decode_many(1, 255), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_bodies),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused_bodies),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_what_the_encoder_refuses),
		cmocka_unit_test(test_limits_of_the_decoder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
