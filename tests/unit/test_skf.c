/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/sk.h"
#include "tests/lib/hex.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LEN    1024
#define SPI_I      0x1122334455667788
#define SPI_R      0x99aabbccddeeff00

/* SK_ei of a known key schedule: key | salt. */
#define KEY_HEX "03cdb8d31d07df19849f0f033142935c171059f307c63400400ec327d23d2629ce62ef16"

/* INFORMATIONAL requests of the original initiator, sealed elsewhere with that key. */
#define EMPTY_HEX                                                                          \
	"112233445566778899aabbccddeeff002e20250800000002000000390000001d0000000000000001" \
	"3d1bfa3cdc76613bae31c8a8ef61e672ba"
#define FRAGMENT_HEX                                                               \
	"112233445566778899aabbccddeeff003520250800000003000000452900002900010001" \
	"00000000000000023138eaca81dd11c81afd8b7817353b90dc67a56c5580bd747d"

static struct crypto *crypto;
static const struct encr_alg *alg;
static uint8_t key_buf[ENCR_KEY_MAX];
static struct bytes key;

static int setup(void **state)
{
	(void)state;
	crypto = crypto_new();
	alg = encr_find(ENCR_AES_GCM_16, 256);
	key = test_unhex(KEY_HEX, key_buf, sizeof(key_buf));
	return crypto != NULL && alg != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	crypto_free(crypto);
	return 0;
}

static struct ike_header header(uint32_t message_id)
{
	return (struct ike_header){ .spi_i = SPI_I,
				    .spi_r = SPI_R,
				    .version = IKE_VERSION,
				    .exchange = EXCHANGE_INFORMATIONAL,
				    .flags = IKE_FLAG_INITIATOR,
				    .message_id = message_id,
				    .next_payload = 99,
				    .length = 99 };
}

/* Opens a copy of exactly the message's size into exactly the room that is asked for. */
static int open_fragment_copy(struct bytes message, struct fragment *f, bool *authentic)
{
	uint8_t *copy = test_copy(message), *plain = malloc(message.len);
	uint8_t critical;
	int err;

	*authentic = true;
	err = skf_open(crypto, alg, key, (struct bytes){ copy, message.len }, plain, f, &critical,
		       authentic);
	free(copy);
	free(plain);
	return err;
}

static void test_fragment_1_of_1(void **state)
{
	uint8_t want_buf[MAX_LEN], buf[MAX_LEN], plain[MAX_LEN], inner[MAX_LEN];
	struct bytes want = test_unhex(FRAGMENT_HEX, want_buf, sizeof(want_buf)), out;
	struct fragment f = { { 1, 1 },
			      PAYLOAD_NOTIFY,
			      test_unhex("00000008 00004000", inner, sizeof(inner)) };
	struct wr w = wr_init(buf, sizeof(buf));
	struct ike_header h = header(3);
	struct fragment got = { .at = { 77, 77 } };
	uint8_t critical;
	bool authentic = false;

	(void)state;
	skf_seal(&w, crypto, alg, key, 2, &h, &f);
	assert_int_equal(wr_finish(&w, &out), 0);
	test_expect_octets("fragment", "sealed", out, want);
	assert_int_equal(skf_open(crypto, alg, key, want, plain, &got, &critical, &authentic), 0);
	assert_true(authentic);
	assert_int_equal(got.at.number, 1);
	assert_int_equal(got.at.total, 1);
	assert_int_equal(got.first, PAYLOAD_NOTIFY);
	test_expect_octets("fragment", "content", got.content, f.content);
}

/* Nothing is opened that differs in one bit from what was sealed. */
static void test_every_bit_is_authenticated(void **state)
{
	uint8_t buf[MAX_LEN];
	struct bytes message = test_unhex(FRAGMENT_HEX, buf, sizeof(buf));
	struct fragment f = { .at = { 77, 77 } };
	bool authentic;

	(void)state;
	for (size_t bit = 0; bit < message.len * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(open_fragment_copy(message, &f, &authentic), 0);
		assert_false(authentic);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(f.at.number, 77);
}

/* Cut within the numbers or the IV, with the lengths made to fit. */
static void test_cut_fragments(void **state)
{
	uint8_t buf[MAX_LEN];
	struct bytes message = test_unhex(FRAGMENT_HEX, buf, sizeof(buf));
	struct fragment f;
	bool authentic;

	(void)state;
	while (message.len-- > IKE_HEADER_SIZE + 4) {
		int err;

		buf[27] = (uint8_t)message.len;
		buf[31] = (uint8_t)(message.len - IKE_HEADER_SIZE);
		err = open_fragment_copy(message, &f, &authentic);
		assert_true(err == ERR_TRUNCATED || err == ERR_AUTH);
		assert_false(authentic);
	}
}

static void test_sk_is_no_fragment(void **state)
{
	uint8_t buf[MAX_LEN];
	struct fragment f;
	bool authentic;

	(void)state;
	assert_int_equal(
	    open_fragment_copy(test_unhex(EMPTY_HEX, buf, sizeof(buf)), &f, &authentic),
	    ERR_MISSING);
	assert_false(authentic);
}

static const struct skf_case {
	const char *octets;
	int err;
} skf_cases[] = {
	{ "0001 0001", 0 },         { "0002 0003", 0 },         { "0003 0003 00", 0 },
	{ "ffff ffff", 0 },         { "0000 0001", ERR_VALUE }, { "0000 0000", ERR_VALUE },
	{ "0001 0000", ERR_VALUE }, { "0004 0003", ERR_VALUE }, { "0001 00", ERR_TRUNCATED },
	{ "", ERR_TRUNCATED },
};

static void test_fragment_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(skf_cases); i++) {
		uint8_t buf[MAX_LEN], out[MAX_LEN];
		struct bytes octets = test_unhex(skf_cases[i].octets, buf, sizeof(buf));
		struct wr w = wr_init(out, sizeof(out));
		struct fragment f = { .at = { 77, 7 } };
		struct ike_header h = header(1);

		test_expect(skf_cases[i].octets, "decode", skf_decode(octets, &f.at),
			    skf_cases[i].err);
		if (skf_cases[i].err != 0)
			test_expect(skf_cases[i].octets, "output untouched", f.at.number, 77);
		if (octets.len < 4)
			continue;
		f.at.number = (uint16_t)(buf[0] << 8 | buf[1]);
		f.at.total = (uint16_t)(buf[2] << 8 | buf[3]);
		skf_seal(&w, crypto, alg, key, 1, &h, &f);
		test_expect(skf_cases[i].octets, "seal", w.err, skf_cases[i].err);
	}
}

/* The number is judged before anything is decrypted. */
static void test_fragment_number_0(void **state)
{
	uint8_t buf[MAX_LEN];
	struct bytes message = test_unhex(FRAGMENT_HEX, buf, sizeof(buf));
	struct fragment f;
	bool authentic;

	(void)state;
	buf[33] = 0;
	assert_int_equal(open_fragment_copy(message, &f, &authentic), ERR_VALUE);
	assert_false(authentic);
}

static void test_three_fragments(void **state)
{
	uint8_t chain_buf[MAX_LEN], whole[MAX_LEN];
	struct bytes chain =
	    test_unhex("2b000008 00004000 00000007 aabbcc", chain_buf, sizeof(chain_buf));
	static const size_t cuts[] = { 0, 5, 6, 15 };
	struct wr all = wr_init(whole, sizeof(whole));
	struct payload_list list;
	struct bytes out;
	uint8_t critical, first = 0;

	(void)state;
	for (uint16_t i = 1; i <= 3; i++) {
		struct fragment f = { { i, 3 },
				      PAYLOAD_NOTIFY,
				      { chain.ptr + cuts[i - 1], cuts[i] - cuts[i - 1] } };
		uint8_t buf[MAX_LEN], plain[MAX_LEN];
		struct wr w = wr_init(buf, sizeof(buf));
		struct ike_header h = header(4);
		struct fragment got;
		bool authentic;

		skf_seal(&w, crypto, alg, key, i, &h, &f);
		assert_int_equal(wr_finish(&w, &out), 0);
		assert_int_equal(
		    skf_open(crypto, alg, key, out, plain, &got, &critical, &authentic), 0);
		assert_int_equal(got.at.number, i);
		assert_int_equal(got.first, i == 1 ? PAYLOAD_NOTIFY : PAYLOAD_NONE);
		if (i == 1)
			first = got.first;
		wr_bytes(&all, got.content);
	}
	assert_int_equal(wr_finish(&all, &out), 0);
	assert_int_equal(payload_list_decode(first, out, &list, &critical), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.items[1].body.len, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fragment_1_of_1),
		cmocka_unit_test(test_every_bit_is_authenticated),
		cmocka_unit_test(test_cut_fragments),
		cmocka_unit_test(test_sk_is_no_fragment),
		cmocka_unit_test(test_fragment_numbers),
		cmocka_unit_test(test_fragment_number_0),
		cmocka_unit_test(test_three_fragments),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
