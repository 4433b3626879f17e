/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/crypto/crypto.h"
#include "common/ikev2/body.h"
#include "tests/lib/hex.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LEN    1024
#define NONCE16    "000102030405060708090a0b0c0d0e0f"

static int recode_ke(struct bytes in, struct wr *w)
{
	struct ke_body ke;
	int err = ke_decode(in, &ke);

	if (err == 0)
		ke_encode(w, &ke);
	return err;
}

static int recode_nonce(struct bytes in, struct wr *w)
{
	struct bytes nonce;
	int err = nonce_decode(in, &nonce);

	if (err == 0)
		nonce_encode(w, nonce);
	return err;
}

static int recode_id(struct bytes in, struct wr *w)
{
	struct id_body id;
	int err = id_decode(in, &id);

	if (err == 0)
		id_encode(w, &id);
	return err;
}

static int recode_auth(struct bytes in, struct wr *w)
{
	struct auth_body auth;
	int err = auth_decode(in, &auth);

	if (err == 0)
		auth_encode(w, &auth);
	return err;
}

static int recode_delete(struct bytes in, struct wr *w)
{
	struct delete_body d;
	int err = delete_decode(in, &d);

	if (err == 0)
		delete_encode(w, &d);
	return err;
}

/* Bodies that decode and encode to the same octets; below min octets no cut does. */
static const struct valid_case {
	const char *name;
	test_recode recode;
	size_t min;
	const char *octets;
} valid_cases[] = {
	{ "KE", recode_ke, 5, "001f0000 0102030405" },
	{ "KE of an unknown group", recode_ke, 5, "ffff0000 00" },
	{ "nonce of 16", recode_nonce, 16, NONCE16 },
	{ "nonce of 32", recode_nonce, 16, NONCE16 NONCE16 },
	{ "ID IPv4", recode_id, 8, "01000000 c0000201" },
	{ "ID IPv6", recode_id, 20, "05000000 20010db8000000000000000000000001" },
	{ "ID FQDN", recode_id, 4, "02000000 67772e6578" },
	{ "ID FQDN, empty", recode_id, 4, "02000000" },
	{ "ID NULL", recode_id, 4, "0d000000" },
	{ "ID of an unknown type", recode_id, 4, "c8000000 00ff" },
	{ "AUTH", recode_auth, 4, "02000000 0102" },
	{ "AUTH, empty", recode_auth, 4, "0e000000" },
	{ "Delete IKE", recode_delete, 4, "01000000" },
	{ "Delete ESP", recode_delete, 12, "03040002 c0ffee01 c0ffee02" },
	{ "Delete AH", recode_delete, 8, "02040001 c0ffee01" },
	{ "Delete ESP, none", recode_delete, 4, "03040000" },
};

static const struct refused_case {
	const char *name;
	test_recode recode;
	int err;
	const char *octets;
} refused_cases[] = {
	{ "KE, head cut", recode_ke, ERR_TRUNCATED, "001f00" },
	{ "KE without value", recode_ke, ERR_VALUE, "001f0000" },
	{ "nonce of 15", recode_nonce, ERR_VALUE, "000102030405060708090a0b0c0d0e" },
	{ "ID, head cut", recode_id, ERR_TRUNCATED, "020000" },
	{ "ID IPv4 of 0 octets", recode_id, ERR_VALUE, "01000000" },
	{ "ID IPv4 of 3 octets", recode_id, ERR_VALUE, "01000000 c00002" },
	{ "ID IPv4 of 5 octets", recode_id, ERR_VALUE, "01000000 c000020100" },
	{ "ID IPv4 of 16 octets", recode_id, ERR_VALUE, "01000000" NONCE16 },
	{ "ID IPv6 of 4 octets", recode_id, ERR_VALUE, "05000000 c0000201" },
	{ "ID IPv6 of 17 octets", recode_id, ERR_VALUE, "05000000" NONCE16 "00" },
	{ "AUTH, head cut", recode_auth, ERR_TRUNCATED, "020000" },
	{ "Delete, head cut", recode_delete, ERR_TRUNCATED, "010000" },
	{ "Delete IKE with a size", recode_delete, ERR_VALUE, "01080000" },
	{ "Delete IKE with SPIs", recode_delete, ERR_VALUE, "01080001" NONCE16 },
	{ "Delete IKE with a count", recode_delete, ERR_VALUE, "01000001" },
	{ "Delete IKE with octets behind", recode_delete, ERR_TRAILING, "01000000 00" },
	{ "Delete ESP without size", recode_delete, ERR_VALUE, "03000000" },
	{ "Delete ESP of size 8", recode_delete, ERR_VALUE, "03080001" NONCE16 },
	{ "Delete ESP, one SPI missing", recode_delete, ERR_TRUNCATED, "03040002 c0ffee01" },
	{ "Delete ESP, most SPIs missing", recode_delete, ERR_TRUNCATED, "0304ffff c0ffee01" },
	{ "Delete ESP, one SPI more", recode_delete, ERR_TRAILING, "03040001 c0ffee01 c0ffee02" },
	{ "Delete of no protocol", recode_delete, ERR_VALUE, "00000000" },
	{ "Delete of an unknown protocol", recode_delete, ERR_VALUE, "04040001 c0ffee01" },
};

static void test_valid_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(valid_cases); i++) {
		const struct valid_case *c = &valid_cases[i];
		uint8_t buf[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));

		test_roundtrip(c->name, c->recode, octets);
		test_every_cut(c->name, c->recode, octets, c->min);
		if (c->recode == recode_delete) {
			test_every_lie(c->name, c->recode, octets, 1, 1);
			test_every_lie(c->name, c->recode, octets, 2, 2);
		}
	}
}

static void test_refused_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(refused_cases); i++) {
		const struct refused_case *c = &refused_cases[i];
		uint8_t buf[MAX_LEN], again[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		uint8_t *copy = test_copy(octets);
		struct wr w = wr_init(again, sizeof(again));

		test_expect(c->name, "decode", c->recode((struct bytes){ copy, octets.len }, &w),
			    c->err);
		free(copy);
	}
}

static void test_outputs_are_left_alone(void **state)
{
	static const uint8_t octets[NONCE_MAX + 1];
	struct bytes nonce = { NULL, 77 };
	struct ke_body ke = { .group = 77 };
	struct id_body id = { .type = 77 };
	struct auth_body auth = { .method = 77 };
	struct delete_body d = { .protocol = 77 };

	(void)state;
	assert_int_equal(ke_decode((struct bytes){ octets, 4 }, &ke), ERR_VALUE);
	assert_int_equal(id_decode((struct bytes){ (const uint8_t *)"\1\0\0\0", 4 }, &id),
			 ERR_VALUE);
	assert_int_equal(auth_decode((struct bytes){ octets, 3 }, &auth), ERR_TRUNCATED);
	assert_int_equal(delete_decode((struct bytes){ octets, 4 }, &d), ERR_VALUE);
	assert_int_equal(nonce_decode((struct bytes){ octets, NONCE_MIN - 1 }, &nonce), ERR_VALUE);
	assert_int_equal(nonce_decode((struct bytes){ octets, NONCE_MAX + 1 }, &nonce), ERR_VALUE);
	assert_int_equal(ke.group + id.type + auth.method + d.protocol + (int)nonce.len, 5 * 77);
	assert_int_equal(nonce_decode((struct bytes){ octets, NONCE_MAX }, &nonce), 0);
	assert_int_equal(nonce.len, NONCE_MAX);
}

/* Reserved octets are ignored, and sent as 0. */
static void test_reserved_octets(void **state)
{
	static const struct {
		test_recode recode;
		const char *got;
		const char *sent;
	} cases[] = {
		{ recode_ke, "001fffff 01", "001f0000 01" },
		{ recode_id, "02ffffff 01", "02000000 01" },
		{ recode_auth, "02ffffff 01", "02000000 01" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		uint8_t got[MAX_LEN], sent[MAX_LEN], buf[MAX_LEN];
		struct wr w = wr_init(buf, sizeof(buf));
		struct bytes out;

		assert_int_equal(cases[i].recode(test_unhex(cases[i].got, got, sizeof(got)), &w),
				 0);
		assert_int_equal(wr_finish(&w, &out), 0);
		test_expect_octets("reserved", cases[i].got, out,
				   test_unhex(cases[i].sent, sent, sizeof(sent)));
	}
}

static void test_what_encoders_refuse(void **state)
{
	static const uint8_t octets[NONCE_MAX + 1];
	static const struct delete_body deletes[] = {
		{ PROTOCOL_IKE, 1, { octets, 0 } },
		{ PROTOCOL_IKE, 1, { octets, 4 } },
		{ PROTOCOL_IKE, 0, { octets, 4 } },
		{ PROTOCOL_ESP, 2, { octets, 4 } },
		{ PROTOCOL_ESP, 1, { octets, 8 } },
		{ PROTOCOL_NONE, 0, { octets, 0 } },
		{ 4, 1, { octets, 4 } },
	};
	static const struct id_body ids[] = {
		{ ID_IPV4_ADDR, { octets, 16 } },
		{ ID_IPV6_ADDR, { octets, 4 } },
	};
	const struct ke_body ke = { .group = 31 };
	uint8_t buf[MAX_LEN];
	struct wr w;

	(void)state;
	w = wr_init(buf, sizeof(buf));
	ke_encode(&w, &ke);
	assert_int_equal(w.err, ERR_VALUE);
	w = wr_init(buf, sizeof(buf));
	nonce_encode(&w, (struct bytes){ octets, NONCE_MIN - 1 });
	assert_int_equal(w.err, ERR_VALUE);
	w = wr_init(buf, sizeof(buf));
	nonce_encode(&w, (struct bytes){ octets, NONCE_MAX + 1 });
	assert_int_equal(w.err, ERR_VALUE);
	for (size_t i = 0; i < LEN(ids); i++) {
		w = wr_init(buf, sizeof(buf));
		id_encode(&w, &ids[i]);
		assert_int_equal(w.err, ERR_VALUE);
	}
	for (size_t i = 0; i < LEN(deletes); i++) {
		w = wr_init(buf, sizeof(buf));
		delete_encode(&w, &deletes[i]);
		assert_int_equal(w.err, ERR_VALUE);
	}
}

static void test_delete_spi(void **state)
{
	uint8_t buf[MAX_LEN];
	struct delete_body d;

	(void)state;
	assert_int_equal(
	    delete_decode(test_unhex("03040002 c0ffee01 00000002", buf, sizeof(buf)), &d), 0);
	assert_int_equal(d.count, 2);
	assert_int_equal(delete_spi(&d, 0), 0xc0ffee01);
	assert_int_equal(delete_spi(&d, 1), 2);
	assert_int_equal(delete_spi(&d, 2), 0); /* the caller's error, but bounded */
}

#define HEX10  "31313131313131313131"
#define HEX50  HEX10 HEX10 HEX10 HEX10 HEX10
#define TEXT50 "11111111111111111111111111111111111111111111111111"

static const struct id_text_case {
	const char *body;
	const char *text;
} id_text_cases[] = {
	{ "01000000 c0000201", "192.0.2.1" },
	{ "05000000 20010db8000000000000000000000001", "2001:db8::1" },
	{ "02000000 67772e6578", "gw.ex" },
	{ "02000000", "" },
	{ "03000000 6140622e6578", "a@b.ex" },
	{ "02000000 61000a1b7f8020627e", "a??????b~" },
	{ "09000000 3000", "#3000" },
	{ "0b000000 00ff7a", "#00ff7a" },
	{ "0d000000", "#" },
	{ "c8000000 01", "#01" },
	/* the longest that fits, and one more */
	{ "02000000" HEX50 HEX50 HEX50 HEX50 HEX50 "3131313131",
	  TEXT50 TEXT50 TEXT50 TEXT50 TEXT50 "11111" },
	{ "02000000" HEX50 HEX50 HEX50 HEX50 HEX50 "313131313131",
	  TEXT50 TEXT50 TEXT50 TEXT50 TEXT50 "11..." },
	{ "0b000000" HEX50 HEX50 HEX10 HEX10 "31313131313131",
	  "#" HEX50 HEX50 HEX10 HEX10 "31313131313131" },
	{ "0b000000" HEX50 HEX50 HEX10 HEX10 "3131313131313131",
	  "#" HEX50 HEX50 HEX10 HEX10 "31313131313..." },
};

static void test_id_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(id_text_cases); i++) {
		uint8_t buf[MAX_LEN];
		struct bytes body = test_unhex(id_text_cases[i].body, buf, sizeof(buf));
		uint8_t *copy = test_copy(body);
		char text[ID_TEXT_MAX];
		struct id_body id;

		memset(text, 'x', sizeof(text));
		assert_int_equal(id_decode((struct bytes){ copy, body.len }, &id), 0);
		assert_ptr_equal(id_format(&id, text), text);
		assert_string_equal(text, id_text_cases[i].text);
		free(copy);
	}
}

/* An address that no decoder let through. */
static void test_id_text_of_wrong_size(void **state)
{
	const struct id_body id = { ID_IPV4_ADDR, { (const uint8_t *)"\1\2\3", 3 } };
	char text[ID_TEXT_MAX];

	(void)state;
	assert_string_equal(id_format(&id, text), "#010203");
}

static const struct natd_case {
	uint64_t spi_i, spi_r;
	const char *endpoint;
	const char *hash;
} natd_cases[] = {
	{ 0x0102030405060708, 0, "192.0.2.1:500", "644b4575455bd6fcc1efe2be8162a9218e448e5f" },
	{ 0x0102030405060708, 0x1112131415161718, "[2001:db8::1]:4500",
	  "1ee24423bf8f59515e0265c6d0f08be3d038f7e5" },
};

static void test_nat_detection(void **state)
{
	struct crypto *crypto = crypto_new();

	(void)state;
	assert_non_null(crypto);
	for (size_t i = 0; i < LEN(natd_cases); i++) {
		const struct natd_case *c = &natd_cases[i];
		uint8_t hash[NATD_SIZE], want[NATD_SIZE];
		struct endpoint ep;

		assert_int_equal(endpoint_parse(c->endpoint, &ep), 0);
		assert_int_equal(natd_compute(crypto, c->spi_i, c->spi_r, &ep, hash), 0);
		test_expect_octets("NAT detection", c->endpoint,
				   (struct bytes){ hash, sizeof(hash) },
				   test_unhex(c->hash, want, sizeof(want)));
	}
	crypto_free(crypto);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_bodies),
		cmocka_unit_test(test_refused_bodies),
		cmocka_unit_test(test_outputs_are_left_alone),
		cmocka_unit_test(test_reserved_octets),
		cmocka_unit_test(test_what_encoders_refuse),
		cmocka_unit_test(test_delete_spi),
		cmocka_unit_test(test_id_text),
		cmocka_unit_test(test_id_text_of_wrong_size),
		cmocka_unit_test(test_nat_detection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
