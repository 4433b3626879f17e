/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/notify.h"
#include "tests/lib/hex.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LEN    256
#define HEX16      "000102030405060708090a0b0c0d0e0f"
#define HEX64      HEX16 HEX16 HEX16 HEX16

#define RECODE(kind, type)                                      \
	static int recode_##kind(struct bytes in, struct wr *w) \
	{                                                       \
		type value;                                     \
		int err = kind##_decode(in, &value);            \
                                                                \
		if (err == 0)                                   \
			kind##_encode(w, value);                \
		return err;                                     \
	}

#define RECODE_STRUCT(kind, type)                               \
	static int recode_##kind(struct bytes in, struct wr *w) \
	{                                                       \
		type value;                                     \
		int err = kind##_decode(in, &value);            \
                                                                \
		if (err == 0)                                   \
			kind##_encode(w, &value);               \
		return err;                                     \
	}

RECODE(qcd_token, struct bytes)
RECODE(cookie, struct bytes)
RECODE(cookie2, struct bytes)
RECODE(invalid_ke, uint16_t)
RECODE(window_size, uint32_t)
RECODE(invalid_spi, uint32_t)
RECODE(invalid_message_id, uint32_t)
RECODE(critical_payload, uint8_t)
RECODE_STRUCT(ticket_lt, struct ticket_lt)
RECODE_STRUCT(message_id_sync, struct message_id_sync)
RECODE_STRUCT(signature_hashes, struct signature_hashes)

static int recode_delta(struct bytes in, struct wr *w)
{
	uint64_t delta;
	int err = replay_delta_decode(in, false, &delta);

	if (err == 0)
		replay_delta_encode(w, false, delta);
	return err;
}

static int recode_delta_esn(struct bytes in, struct wr *w)
{
	uint64_t delta;
	int err = replay_delta_decode(in, true, &delta);

	if (err == 0)
		replay_delta_encode(w, true, delta);
	return err;
}

/* Data and what becomes of it; what decodes encodes to the same octets. */
static const struct data_case {
	const char *name;
	test_recode recode;
	int err;
	const char *octets;
} data_cases[] = {
	{ "ticket", recode_ticket_lt, 0, "00000e10 5449434b4554" },
	{ "ticket of one octet, for ever", recode_ticket_lt, 0, "ffffffff 54" },
	{ "no ticket", recode_ticket_lt, ERR_VALUE, "00000e10" },
	{ "lifetime cut", recode_ticket_lt, ERR_TRUNCATED, "00000e" },
	{ "token of 15", recode_qcd_token, ERR_VALUE, "000102030405060708090a0b0c0d0e" },
	{ "token of 16", recode_qcd_token, 0, HEX16 },
	{ "token of 128", recode_qcd_token, 0, HEX64 HEX64 },
	{ "token of 129", recode_qcd_token, ERR_VALUE, HEX64 HEX64 "00" },
	{ "no token", recode_qcd_token, ERR_VALUE, "" },
	{ "no cookie", recode_cookie, ERR_VALUE, "" },
	{ "cookie of 1", recode_cookie, 0, "00" },
	{ "cookie of 64", recode_cookie, 0, HEX64 },
	{ "cookie of 65", recode_cookie, ERR_VALUE, HEX64 "00" },
	{ "cookie2 of 7", recode_cookie2, ERR_VALUE, "00010203040506" },
	{ "cookie2 of 8", recode_cookie2, 0, "0001020304050607" },
	{ "cookie2 of 64", recode_cookie2, 0, HEX64 },
	{ "cookie2 of 65", recode_cookie2, ERR_VALUE, HEX64 "00" },
	{ "message IDs", recode_message_id_sync, 0, "01020304 00000010 ffffffff" },
	{ "message IDs, nothing", recode_message_id_sync, ERR_TRUNCATED, "" },
	{ "message IDs, cut", recode_message_id_sync, ERR_TRUNCATED, "01020304 00000010 ffffff" },
	{ "message IDs, more", recode_message_id_sync, ERR_TRAILING,
	  "01020304 00000010 ffffffff 00" },
	{ "delta", recode_delta, 0, "00010000" },
	{ "delta, the highest", recode_delta, 0, "ffffffff" },
	{ "delta cut", recode_delta, ERR_TRUNCATED, "000100" },
	{ "delta of ESN where none is", recode_delta, ERR_TRAILING, "0000000000010000" },
	{ "delta of ESN", recode_delta_esn, 0, "fffffffffffffffe" },
	{ "delta of ESN, cut", recode_delta_esn, ERR_TRUNCATED, "00000000000100" },
	{ "delta without ESN where one is", recode_delta_esn, ERR_TRUNCATED, "00010000" },
	{ "delta of ESN, more", recode_delta_esn, ERR_TRAILING, "000000000001000000" },
	{ "group", recode_invalid_ke, 0, "001f" },
	{ "group cut", recode_invalid_ke, ERR_TRUNCATED, "1f" },
	{ "group, more", recode_invalid_ke, ERR_TRAILING, "001f00" },
	{ "window", recode_window_size, 0, "00000001" },
	{ "window of none", recode_window_size, ERR_VALUE, "00000000" },
	{ "window cut", recode_window_size, ERR_TRUNCATED, "000001" },
	{ "window, more", recode_window_size, ERR_TRAILING, "0000000100" },
	{ "SPI", recode_invalid_spi, 0, "c0ffee01" },
	{ "SPI cut", recode_invalid_spi, ERR_TRUNCATED, "c0ffee" },
	{ "message ID", recode_invalid_message_id, 0, "ffffffff" },
	{ "message ID, more", recode_invalid_message_id, ERR_TRAILING, "ffffffff00" },
	{ "payload type", recode_critical_payload, 0, "63" },
	{ "no payload type", recode_critical_payload, ERR_TRUNCATED, "" },
	{ "two payload types", recode_critical_payload, ERR_TRAILING, "6363" },
	{ "one hash", recode_signature_hashes, 0, "0002" },
	{ "several hashes, unknown ones too", recode_signature_hashes, 0,
	  "0002 0003 0004 0005 ffff 0000" },
	{ "no hash", recode_signature_hashes, ERR_TRUNCATED, "" },
	{ "half a hash", recode_signature_hashes, ERR_TRUNCATED, "0002 00" },
	{ "as many hashes as allowed", recode_signature_hashes, 0, HEX16 HEX16 },
	{ "one more", recode_signature_hashes, ERR_LIMIT, HEX16 HEX16 "0002" },
	{ "half a hash more", recode_signature_hashes, ERR_LIMIT, HEX16 HEX16 "00" },
};

static void test_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(data_cases); i++) {
		const struct data_case *c = &data_cases[i];
		uint8_t buf[MAX_LEN], again[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		struct wr w = wr_init(again, sizeof(again));
		uint8_t *copy = test_copy(octets);

		octets.ptr = copy;
		test_expect(c->name, "decode", c->recode(octets, &w), c->err);
		if (c->err == 0)
			test_roundtrip(c->name, c->recode, octets);
		free(copy);
	}
}

static void test_values(void **state)
{
	uint8_t buf[MAX_LEN];
	struct message_id_sync sync;
	struct signature_hashes hashes;
	struct ticket_lt ticket;
	uint64_t delta;
	uint32_t number;
	uint16_t group;
	uint8_t type;

	(void)state;
	assert_int_equal(message_id_sync_decode(
			     test_unhex("01020304 00000010 ffffffff", buf, sizeof(buf)), &sync),
			 0);
	assert_int_equal(sync.nonce, 0x01020304);
	assert_int_equal(sync.send, 0x10);
	assert_int_equal(sync.recv, UINT32_MAX);
	assert_int_equal(ticket_lt_decode(test_unhex("00000e10 54", buf, sizeof(buf)), &ticket), 0);
	assert_int_equal(ticket.lifetime_s, 3600);
	assert_int_equal(ticket.ticket.len, 1);
	assert_ptr_equal(ticket.ticket.ptr, buf + 4);
	assert_int_equal(
	    signature_hashes_decode(test_unhex("0002 0005", buf, sizeof(buf)), &hashes), 0);
	assert_int_equal(hashes.n, 2);
	assert_int_equal(hashes.items[0], SIGNATURE_HASH_SHA2_256);
	assert_int_equal(hashes.items[1], SIGNATURE_HASH_IDENTITY);
	assert_int_equal(
	    replay_delta_decode(test_unhex("0102030405060708", buf, sizeof(buf)), true, &delta), 0);
	assert_true(delta == 0x0102030405060708);
	assert_int_equal(
	    replay_delta_decode(test_unhex("01020304", buf, sizeof(buf)), false, &delta), 0);
	assert_true(delta == 0x01020304);
	assert_int_equal(invalid_ke_decode(test_unhex("0113", buf, sizeof(buf)), &group), 0);
	assert_int_equal(group, 0x0113);
	assert_int_equal(window_size_decode(test_unhex("01020304", buf, sizeof(buf)), &number), 0);
	assert_int_equal(number, 0x01020304);
	assert_int_equal(invalid_spi_decode(test_unhex("c0ffee01", buf, sizeof(buf)), &number), 0);
	assert_int_equal(number, 0xc0ffee01);
	assert_int_equal(
	    invalid_message_id_decode(test_unhex("00000007", buf, sizeof(buf)), &number), 0);
	assert_int_equal(number, 7);
	assert_int_equal(critical_payload_decode(test_unhex("63", buf, sizeof(buf)), &type), 0);
	assert_int_equal(type, 0x63);
}

static void test_outputs_are_left_alone(void **state)
{
	static const uint8_t zeros[MAX_LEN];
	const struct bytes three = { zeros, 3 }, five = { zeros, 5 },
			   many = { zeros, sizeof(zeros) };
	struct ticket_lt ticket = { .lifetime_s = 77 };
	struct message_id_sync sync = { .nonce = 77 };
	struct signature_hashes hashes = { .n = 77 };
	struct bytes view = { zeros, 77 };
	uint64_t delta = 77;
	uint32_t number = 77;
	uint16_t group = 77;
	uint8_t type = 77;

	(void)state;
	assert_int_equal(ticket_lt_decode(three, &ticket), ERR_TRUNCATED);
	assert_int_equal(message_id_sync_decode(three, &sync), ERR_TRUNCATED);
	assert_int_equal(signature_hashes_decode(many, &hashes), ERR_LIMIT);
	assert_int_equal(signature_hashes_decode(three, &hashes), ERR_TRUNCATED);
	assert_int_equal(qcd_token_decode(many, &view), ERR_VALUE);
	assert_int_equal(cookie_decode(many, &view), ERR_VALUE);
	assert_int_equal(cookie2_decode(many, &view), ERR_VALUE);
	assert_int_equal(replay_delta_decode(five, false, &delta), ERR_TRAILING);
	assert_int_equal(window_size_decode(five, &number), ERR_TRAILING);
	assert_int_equal(window_size_decode((struct bytes){ zeros, 4 }, &number), ERR_VALUE);
	assert_int_equal(invalid_spi_decode(five, &number), ERR_TRAILING);
	assert_int_equal(invalid_message_id_decode(five, &number), ERR_TRAILING);
	assert_int_equal(invalid_ke_decode(three, &group), ERR_TRAILING);
	assert_int_equal(critical_payload_decode(three, &type), ERR_TRAILING);
	assert_int_equal(ticket.lifetime_s + sync.nonce + hashes.n + view.len + delta + number +
			     group + type,
			 8 * 77);
}

static void test_what_encoders_refuse(void **state)
{
	static const uint8_t zeros[QCD_TOKEN_MAX + 1];
	const struct signature_hashes none = { .n = 0 }, many = { .n = SIGNATURE_HASH_MAX + 1 };
	const struct ticket_lt no_ticket = { .lifetime_s = 1 };
	uint8_t buf[MAX_LEN];
	struct wr w[10];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < LEN(w); i++)
		w[i] = wr_init(buf, sizeof(buf));
	ticket_lt_encode(&w[n++], &no_ticket);
	signature_hashes_encode(&w[n++], &none);
	signature_hashes_encode(&w[n++], &many);
	qcd_token_encode(&w[n++], (struct bytes){ zeros, QCD_TOKEN_MIN - 1 });
	qcd_token_encode(&w[n++], (struct bytes){ zeros, QCD_TOKEN_MAX + 1 });
	cookie_encode(&w[n++], (struct bytes){ zeros, 0 });
	cookie_encode(&w[n++], (struct bytes){ zeros, COOKIE_MAX + 1 });
	cookie2_encode(&w[n++], (struct bytes){ zeros, COOKIE2_MIN - 1 });
	window_size_encode(&w[n++], 0);
	replay_delta_encode(&w[n++], false, UINT32_MAX + 1ull);
	assert_int_equal(n, LEN(w));
	for (size_t i = 0; i < n; i++) {
		if (w[i].err != ERR_VALUE)
			fail_msg("encoder %zu: got %d", i, w[i].err);
	}
}

static void test_esp_spi(void **state)
{
	static const uint8_t octets[] = { 0xc0, 0xff, 0xee, 0x01, 0x02 };
	static const struct {
		struct notify n;
		int err;
	} cases[] = {
		{ { 3, NOTIFY_REKEY_SA, { octets, 4 }, { NULL, 0 } }, 0 },
		{ { 3, NOTIFY_REKEY_SA, { octets, 3 }, { NULL, 0 } }, ERR_VALUE },
		{ { 3, NOTIFY_REKEY_SA, { octets, 5 }, { NULL, 0 } }, ERR_VALUE },
		{ { 3, NOTIFY_REKEY_SA, { NULL, 0 }, { octets, 4 } }, ERR_VALUE },
		{ { 2, NOTIFY_REKEY_SA, { octets, 4 }, { NULL, 0 } }, ERR_VALUE },
		{ { 0, NOTIFY_REKEY_SA, { octets, 4 }, { NULL, 0 } }, ERR_VALUE },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		uint32_t spi = 77;

		assert_int_equal(notify_esp_spi(&cases[i].n, &spi), cases[i].err);
		assert_int_equal(spi, cases[i].err == 0 ? 0xc0ffee01 : 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_outputs_are_left_alone),
		cmocka_unit_test(test_what_encoders_refuse),
		cmocka_unit_test(test_esp_spi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
