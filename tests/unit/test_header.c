/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/ikev2/header.h"
#include "tests/lib/hex.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const struct valid_case {
	const char *name;
	const char *octets;
	struct ike_header header;
	bool is_response;
	bool is_initiator;
} valid_cases[] = {
	{ "INFORMATIONAL request",
	  "1122334455667788 99aabbccddeeff00 2e 20 25 08 00000002 0000001c",
	  { 0x1122334455667788, 0x99aabbccddeeff00, PAYLOAD_SK, IKE_VERSION, EXCHANGE_INFORMATIONAL,
	    IKE_FLAG_INITIATOR, 2, 28 },
	  false,
	  true },
	{ "IKE_SESSION_RESUME response",
	  "0102030405060708 1112131415161718 28 20 26 20 00000000 0000001c",
	  { 0x0102030405060708, 0x1112131415161718, PAYLOAD_NONCE, IKE_VERSION,
	    EXCHANGE_IKE_SESSION_RESUME, IKE_FLAG_RESPONSE, 0, 28 },
	  true,
	  false },
	{ "any version, exchange and flags",
	  "0000000000000000 ffffffffffffffff ff 31 00 d7 ffffffff 0000001c",
	  { 0, UINT64_MAX, 255, 0x31, 0, 0xd7, UINT32_MAX, 28 },
	  false,
	  false },
};

static int recode(struct bytes in, struct wr *w)
{
	struct ike_header h;
	int err = ike_header_decode(in, &h);

	if (err == 0)
		ike_header_encode(w, &h);
	return err;
}

static void check_fields(const char *name, const struct ike_header *got,
			 const struct ike_header *want)
{
	test_expect(name, "SPIi", got->spi_i == want->spi_i, true);
	test_expect(name, "SPIr", got->spi_r == want->spi_r, true);
	test_expect(name, "next payload", got->next_payload, want->next_payload);
	test_expect(name, "version", got->version, want->version);
	test_expect(name, "exchange", got->exchange, want->exchange);
	test_expect(name, "flags", got->flags, want->flags);
	test_expect(name, "message ID", got->message_id, want->message_id);
	test_expect(name, "length", got->length, want->length);
}

static void test_valid_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(valid_cases); i++) {
		const struct valid_case *c = &valid_cases[i];
		uint8_t buf[IKE_HEADER_SIZE];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		struct ike_header h;

		test_expect(c->name, "decode", ike_header_decode(octets, &h), 0);
		check_fields(c->name, &h, &c->header);
		test_expect(c->name, "response", ike_header_is_response(&h), c->is_response);
		test_expect(c->name, "initiator", ike_header_is_initiator(&h), c->is_initiator);
		test_roundtrip(c->name, recode, octets);
		test_every_cut(c->name, recode, octets, IKE_HEADER_SIZE);
		test_every_lie(c->name, recode, octets, 26, 2);
		test_every_lie(c->name, recode, octets, 24, 2);
	}
}

static void test_length_must_be_that_of_the_message(void **state)
{
	static const struct {
		uint32_t said;
		size_t real;
		int err;
	} cases[] = {
		{ 28, 28, 0 },
		{ 29, 29, 0 },
		{ 27, 28, ERR_MISMATCH },
		{ 29, 28, ERR_MISMATCH },
		{ 28, 29, ERR_MISMATCH },
		{ 0, 28, ERR_MISMATCH },
		{ UINT32_MAX, 28, ERR_MISMATCH },
		{ 27, 27, ERR_TRUNCATED },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		uint8_t buf[64] = { 0 };
		struct ike_header h = { .length = cases[i].said, .spi_i = 5 };
		struct wr w = wr_init(buf, sizeof(buf));

		ike_header_encode(&w, &h);
		h.spi_i = 7;
		assert_int_equal(ike_header_decode((struct bytes){ buf, cases[i].real }, &h),
				 cases[i].err);
		assert_int_equal(h.spi_i, cases[i].err == 0 ? 5 : 7);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(exchange_name(33), "UNKNOWN");
	assert_string_equal(exchange_name(34), "IKE_SA_INIT");
	assert_string_equal(exchange_name(38), "IKE_SESSION_RESUME");
	assert_string_equal(exchange_name(44), "IKE_FOLLOWUP_KE");
	assert_string_equal(exchange_name(255), "UNKNOWN");
	assert_string_equal(payload_name(0), "NONE");
	assert_string_equal(payload_name(1), "UNKNOWN");
	assert_string_equal(payload_name(33), "SA");
	assert_string_equal(payload_name(49), "UNKNOWN");
	assert_string_equal(payload_name(53), "SKF");
	assert_string_equal(payload_name(54), "UNKNOWN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_headers),
		cmocka_unit_test(test_length_must_be_that_of_the_message),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
