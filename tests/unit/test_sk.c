/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/sk.h"
#include "tests/lib/hex.h"

#define LEN(array)  (sizeof(array) / sizeof((array)[0]))
#define MAX_LEN     1024
#define SPI_I       0x1122334455667788
#define SPI_R       0x99aabbccddeeff00
#define AAD_LEN     ((size_t)IKE_HEADER_SIZE + 4)
#define OVERHEAD    (4 + AEAD_IV_SIZE + 1 + 16) /* of an SK payload with AES-GCM */
#define MAX_PAYLOAD 65535

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
static int open_copy(struct bytes message, struct payload_list *list, uint8_t *critical,
		     bool *authentic)
{
	uint8_t *copy = test_copy(message), *plain = malloc(message.len);
	int err;

	*authentic = true; /* must be set in any case */
	err = sk_open(crypto, alg, key, (struct bytes){ copy, message.len }, plain, list, critical,
		      authentic);
	free(copy);
	free(plain);
	return err;
}

/* ---- known answers ---- */

static void test_empty_message(void **state)
{
	uint8_t want_buf[MAX_LEN], buf[MAX_LEN], plain[MAX_LEN];
	struct bytes want = test_unhex(EMPTY_HEX, want_buf, sizeof(want_buf)), out;
	struct wr w = wr_init(buf, sizeof(buf));
	struct ike_header h = header(2);
	struct payload_list list = { .n = 77 };
	uint8_t critical;
	bool authentic = false;

	(void)state;
	sk_seal(&w, crypto, alg, key, 1, &h, PAYLOAD_NONE, (struct bytes){ NULL, 0 });
	assert_int_equal(wr_finish(&w, &out), 0);
	test_expect_octets("empty message", "sealed", out, want);
	assert_int_equal(sk_open(crypto, alg, key, want, plain, &list, &critical, &authentic), 0);
	assert_int_equal(list.n, 0);
	assert_true(authentic);
}

/* ---- forgery ---- */

/* Nothing is opened that differs in one bit, or in length, from what was sealed. */
static void test_every_bit_is_authenticated(void **state)
{
	uint8_t buf[MAX_LEN];
	struct bytes message = test_unhex(EMPTY_HEX, buf, sizeof(buf));
	struct payload_list list = { .n = 77 };
	uint8_t critical;
	bool authentic;

	(void)state;
	for (size_t bit = 0; bit < message.len * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(open_copy(message, &list, &critical, &authentic), 0);
		assert_false(authentic);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(list.n, 77);
}

/* As if cut on the way, with the lengths made to fit. */
static void test_cut_messages(void **state)
{
	uint8_t buf[MAX_LEN];
	struct bytes message = test_unhex(EMPTY_HEX, buf, sizeof(buf));
	struct payload_list list;
	uint8_t critical;
	bool authentic;

	(void)state;
	while (message.len-- > 0) {
		int err;

		buf[27] = (uint8_t)message.len;
		if (message.len >= AAD_LEN)
			buf[31] = (uint8_t)(message.len - IKE_HEADER_SIZE);
		err = open_copy(message, &list, &critical, &authentic);
		assert_false(authentic);
		assert_int_equal(err, message.len >= AAD_LEN + AEAD_IV_SIZE + alg->icv_size
					  ? ERR_AUTH
					  : ERR_TRUNCATED);
	}
}

static void test_wrong_key(void **state)
{
	uint8_t buf[MAX_LEN], other[ENCR_KEY_MAX], plain[MAX_LEN];
	struct bytes message = test_unhex(EMPTY_HEX, buf, sizeof(buf));
	struct payload_list list;
	uint8_t critical;
	bool authentic = true;

	(void)state;
	memcpy(other, key.ptr, key.len);
	other[key.len - 1] ^= 1; /* of the salt */
	assert_int_equal(sk_open(crypto, alg, (struct bytes){ other, key.len }, message, plain,
				 &list, &critical, &authentic),
			 ERR_AUTH);
	assert_false(authentic);
}

static void test_the_other_payload(void **state)
{
	uint8_t buf[MAX_LEN];
	struct payload_list list;
	uint8_t critical;
	bool authentic;

	(void)state;
	assert_int_equal(
	    open_copy(test_unhex(FRAGMENT_HEX, buf, sizeof(buf)), &list, &critical, &authentic),
	    ERR_MISSING);
	assert_false(authentic);
	assert_int_equal(open_copy(test_unhex("1122334455667788 99aabbccddeeff00 00 20 25 08"
					      "00000002 0000001c",
					      buf, sizeof(buf)),
				   &list, &critical, &authentic),
			 ERR_MISSING);
	assert_int_equal(open_copy(test_unhex("1122334455667788 99aabbccddeeff00 29 20 25 08"
					      "00000002 00000024 00000008 00004000",
					      buf, sizeof(buf)),
				   &list, &critical, &authentic),
			 ERR_MISSING);
	assert_false(authentic);
}

/* ---- what is inside ---- */

/*
 * Seals whatever plaintext, padding included, behind whatever payloads in front; the peer may be
 * a poor implementation, or malicious.
 */
static struct bytes seal_anything(struct bytes front, uint8_t front_type, uint8_t first,
				  struct bytes plain, uint8_t *buf, size_t cap)
{
	static const uint8_t iv[AEAD_IV_SIZE] = { 9 };
	struct wr w = wr_init(buf, cap);
	struct ike_header h = header(7);
	size_t sk_len = 4 + AEAD_IV_SIZE + plain.len + alg->icv_size;

	h.next_payload = front.len > 0 ? front_type : PAYLOAD_SK;
	h.length = (uint32_t)(IKE_HEADER_SIZE + front.len + sk_len);
	ike_header_encode(&w, &h);
	wr_bytes(&w, front);
	wr_u8(&w, first);
	wr_u8(&w, 0);
	wr_u16(&w, (uint16_t)sk_len);
	wr_bytes(&w, (struct bytes){ iv, sizeof(iv) });
	assert_int_equal(w.err, 0);
	assert_true(cap - w.len >= plain.len + alg->icv_size);
	assert_int_equal(aead_seal(crypto, alg, key, iv,
				   (struct bytes){ buf, w.len - AEAD_IV_SIZE }, plain, buf + w.len),
			 0);
	return (struct bytes){ buf, h.length };
}

static const struct inner_case {
	const char *name;
	int err;
	uint8_t first;
	const char *plain; /* chain, padding, pad length */
	size_t n;
} inner_cases[] = {
	{ "nothing", 0, 0, "00", 0 },
	{ "padding only", 0, 0, "aabbcc 03", 0 },
	{ "one notification", 0, 41, "00000008 00004000 00", 1 },
	{ "one notification, padded", 0, 41, "00000008 00004000 00000000 04", 1 },
	{ "two payloads", 0, 41, "2b000008 00004000 00000005 aa 00", 2 },
	{ "no pad length", ERR_TRUNCATED, 0, "", 0 },
	{ "one more of padding than there is", ERR_TRUNCATED, 0, "aabbcc 04", 0 },
	{ "all that a pad length can say", ERR_TRUNCATED, 0, "ff", 0 },
	{ "padding eats the chain", ERR_TRUNCATED, 41, "00000008 00004000 01", 0 },
	{ "no type, but octets", ERR_TRAILING, 0, "00000008 00004000 00", 0 },
	{ "type, but no octets", ERR_TRUNCATED, 41, "00", 0 },
	{ "octets behind the chain", ERR_TRAILING, 41, "00000008 00004000 0000 00", 0 },
	{ "unknown and critical", ERR_CRITICAL, 200, "00800004 00", 0 },
	{ "SK inside", ERR_VALUE, 46, "00000004 00", 0 },
	{ "SKF inside, behind another", ERR_VALUE, 41, "35000008 00004000 00000004 00", 0 },
};

static void test_inner_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(inner_cases); i++) {
		const struct inner_case *c = &inner_cases[i];
		uint8_t buf[MAX_LEN], plain[MAX_LEN];
		struct bytes message =
		    seal_anything((struct bytes){ NULL, 0 }, 0, c->first,
				  test_unhex(c->plain, plain, sizeof(plain)), buf, sizeof(buf));
		struct payload_list list = { .n = 77 };
		uint8_t critical = 0;
		bool authentic;

		test_expect(c->name, "open", open_copy(message, &list, &critical, &authentic),
			    c->err);
		test_expect(c->name, "authentic", authentic, true);
		test_expect(c->name, "payloads", (long)list.n, c->err == 0 ? (long)c->n : 77);
		test_expect(c->name, "critical", critical, c->err == ERR_CRITICAL ? c->first : 0);
	}
}

static void test_payloads_in_front(void **state)
{
	uint8_t buf[MAX_LEN], front[MAX_LEN], plain[MAX_LEN];
	struct bytes message = seal_anything(
	    test_unhex("2e000008 00004000", front, sizeof(front)), PAYLOAD_NOTIFY, PAYLOAD_VENDOR,
	    test_unhex("00000004 00", plain, sizeof(plain)), buf, sizeof(buf));
	struct payload_list list;
	uint8_t critical = 0;
	bool authentic;

	(void)state;
	assert_int_equal(open_copy(message, &list, &critical, &authentic), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.items[0].type, PAYLOAD_VENDOR);
	buf[IKE_HEADER_SIZE + 7] ^= 1;
	assert_int_equal(open_copy(message, &list, &critical, &authentic), ERR_AUTH);
	assert_false(authentic);
	buf[16] = 200; /* an unknown type, critical: refused before anything is decrypted */
	buf[IKE_HEADER_SIZE + 1] = 0x80;
	assert_int_equal(open_copy(message, &list, &critical, &authentic), ERR_CRITICAL);
	assert_int_equal(critical, 200);
	assert_false(authentic);
}

static void test_chain_comes_back(void **state)
{
	static const uint8_t marker[4];
	uint8_t inner[MAX_LEN], buf[MAX_LEN], plain[MAX_LEN];
	struct wr inner_w = wr_init(inner, sizeof(inner)), w = wr_init(buf, sizeof(buf));
	struct payload_writer p = chain_open(&inner_w);
	struct ike_header h = header(9), got;
	struct bytes chain, out;
	struct payload_list list;
	uint8_t critical;
	bool authentic;

	(void)state;
	payload_put(&p, PAYLOAD_IDI, (struct bytes){ (const uint8_t *)"\2\0\0\0a.ex", 8 });
	payload_put(&p, PAYLOAD_AUTH, (struct bytes){ (const uint8_t *)"\2\0\0\0x", 5 });
	assert_int_equal(wr_finish(&inner_w, &chain), 0);
	wr_bytes(&w, (struct bytes){ marker, sizeof(marker) });
	sk_seal(&w, crypto, alg, key, UINT64_MAX, &h, p.first, chain);
	assert_int_equal(wr_finish(&w, &out), 0);
	out.ptr += sizeof(marker);
	out.len -= sizeof(marker);
	assert_int_equal(out.len, IKE_HEADER_SIZE + OVERHEAD + chain.len);
	assert_int_equal(ike_header_decode(out, &got), 0);
	assert_int_equal(got.next_payload, PAYLOAD_SK);
	assert_int_equal(sk_open(crypto, alg, key, out, plain, &list, &critical, &authentic), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.items[0].type, PAYLOAD_IDI);
	assert_int_equal(list.items[1].type, PAYLOAD_AUTH);
	assert_int_equal(list.items[1].body.len, 5);
	assert_true(list.items[1].body.ptr > plain &&
		    list.items[1].body.ptr < plain + sizeof(plain));
}

/* ---- limits of sealing ---- */

static int seal_zeros(size_t len, size_t cap, uint8_t first)
{
	static const uint8_t zeros[MAX_PAYLOAD + 1];
	static uint8_t buf[IKE_HEADER_SIZE + MAX_PAYLOAD + 1];
	struct wr w = wr_init(buf, cap < sizeof(buf) ? cap : sizeof(buf));
	struct ike_header h = header(1);
	struct bytes out;

	buf[w.cap < sizeof(buf) ? w.cap : 0] = 0xee;
	sk_seal(&w, crypto, alg, key, 1, &h, first, (struct bytes){ zeros, len });
	if (w.cap < sizeof(buf))
		assert_int_equal(buf[w.cap], 0xee);
	return wr_finish(&w, &out);
}

static void test_limits_of_sealing(void **state)
{
	const size_t whole = IKE_HEADER_SIZE + OVERHEAD + 8;

	(void)state;
	assert_int_equal(seal_zeros(8, whole, PAYLOAD_NOTIFY), 0);
	for (size_t cap = 0; cap < whole; cap++)
		assert_int_equal(seal_zeros(8, cap, PAYLOAD_NOTIFY), ERR_NO_SPACE);
	assert_int_equal(seal_zeros(MAX_PAYLOAD - OVERHEAD, SIZE_MAX, PAYLOAD_NOTIFY), 0);
	assert_int_equal(seal_zeros(MAX_PAYLOAD - OVERHEAD + 1, SIZE_MAX, PAYLOAD_NOTIFY),
			 ERR_TOO_LONG);
	assert_int_equal(seal_zeros(8, SIZE_MAX, PAYLOAD_NONE), ERR_VALUE);
	assert_int_equal(seal_zeros(0, SIZE_MAX, PAYLOAD_NOTIFY), ERR_VALUE);
}

/* A key that does not fit: an error, and the plaintext does not stay behind. */
static void test_failure_leaves_no_plaintext(void **state)
{
	static const uint8_t text[] = "plaintext";
	uint8_t buf[MAX_LEN] = { 0 };
	struct wr w = wr_init(buf, sizeof(buf));
	struct ike_header h = header(1);
	struct bytes out;

	(void)state;
	sk_seal(&w, crypto, alg, (struct bytes){ key.ptr, key.len - 1 }, 1, &h, PAYLOAD_VENDOR,
		(struct bytes){ text, sizeof(text) });
	assert_int_equal(wr_finish(&w, &out), ERR_CRYPTO);
	assert_null(memmem(buf, sizeof(buf), text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_message),
		cmocka_unit_test(test_every_bit_is_authenticated),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_the_other_payload),
		cmocka_unit_test(test_inner_chains),
		cmocka_unit_test(test_payloads_in_front),
		cmocka_unit_test(test_chain_comes_back),
		cmocka_unit_test(test_limits_of_sealing),
		cmocka_unit_test(test_failure_leaves_no_plaintext),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
