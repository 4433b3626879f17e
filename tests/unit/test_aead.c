/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "common/crypto/context.h"
#include "common/crypto/suite.h"
#include "tests/lib/octets.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct crypto *crypto;

/* Test cases of the GCM specification (McGrew, Viega), and one ESP packet in RFC 4106's form. */
#define GCM_KEY  "feffe9928665731c6d6a8f9467308308"
#define GCM_SALT "cafebabe"
#define GCM_IV   "facedbaddecaf888"
#define GCM_AAD  "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_PLAIN                                                          \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_CIPHER_128                                                     \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" \
	"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
#define GCM_CIPHER_192                                                     \
	"3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c" \
	"7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710"
#define GCM_CIPHER_256                                                     \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
#define ZERO_8  "0000000000000000"
#define ZERO_16 ZERO_8 ZERO_8

static const struct aead_case {
	const char *name;
	uint16_t key_bits;
	const char *key; /* key | salt */
	const char *iv, *aad, *plain;
	const char *sealed;
} aead_cases[] = {
	{ "case 1", 128, ZERO_16 "00000000", ZERO_8, "", "", "58e2fccefa7e3061367f1d57a4e7455a" },
	{ "case 2", 128, ZERO_16 "00000000", ZERO_8, "", ZERO_16,
	  "0388dace60b6a392f328c2b971b2fe78 ab6e47d42cec13bdf53a67b21257bddf" },
	{ "case 3", 128, GCM_KEY GCM_SALT, GCM_IV, "", GCM_PLAIN "1aafd255",
	  GCM_CIPHER_128 "473f5985 4d5c2af327cd64a62cf35abd2ba6fab4" },
	{ "case 4", 128, GCM_KEY GCM_SALT, GCM_IV, GCM_AAD, GCM_PLAIN,
	  GCM_CIPHER_128 "5bc94fbc3221a5db94fae95ae7121a47" },
	{ "case 7", 192, ZERO_16 ZERO_8 "00000000", ZERO_8, "", "",
	  "cd33b28ac773f74ba00ed1f312572435" },
	{ "case 8", 192, ZERO_16 ZERO_8 "00000000", ZERO_8, "", ZERO_16,
	  "98e7247c07f0fe411c267e4384b0f600 2ff58d80033927ab8ef4d4587514f0fb" },
	{ "case 9", 192, GCM_KEY "feffe9928665731c" GCM_SALT, GCM_IV, "", GCM_PLAIN "1aafd255",
	  GCM_CIPHER_192 "acade256 9924a7c8587336bfb118024db8674a14" },
	{ "case 10", 192, GCM_KEY "feffe9928665731c" GCM_SALT, GCM_IV, GCM_AAD, GCM_PLAIN,
	  GCM_CIPHER_192 "2519498e80f1478f37ba55bd6d27618c" },
	{ "case 13", 256, ZERO_16 ZERO_16 "00000000", ZERO_8, "", "",
	  "530f8afbc74536b9a963b4f1c4cb738b" },
	{ "case 14", 256, ZERO_16 ZERO_16 "00000000", ZERO_8, "", ZERO_16,
	  "cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919" },
	{ "case 15", 256, GCM_KEY GCM_KEY GCM_SALT, GCM_IV, "", GCM_PLAIN "1aafd255",
	  GCM_CIPHER_256 "898015ad b094dac5d93471bdec1a502270e3cc6c" },
	{ "case 16", 256, GCM_KEY GCM_KEY GCM_SALT, GCM_IV, GCM_AAD, GCM_PLAIN,
	  GCM_CIPHER_256 "76fc6ece0f4e1768cddf8853bb2d551b" },
	{ "ESP", 128, GCM_KEY GCM_SALT, GCM_IV, "0000a5f8 0000000a",
	  "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100"
	  "00010000000000000373697009637962657263697479 02646b00000100010001",
	  "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c"
	  "3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd1"
	  "83b70d3aa8bc6ee4c309e9d85a41ad4a" },
};

struct aead_inputs {
	const struct encr_alg *alg;
	struct octets key, iv, aad, plain, sealed;
};

static struct aead_inputs inputs_of(const struct aead_case *a)
{
	struct aead_inputs in = {
		.alg = encr_find(ENCR_AES_GCM_16, a->key_bits),
		.key = octets_from_hex(a->key),
		.iv = octets_from_hex(a->iv),
		.aad = octets_from_hex(a->aad),
		.plain = octets_from_hex(a->plain),
		.sealed = octets_from_hex(a->sealed),
	};

	assert_non_null(in.alg);
	assert_int_equal(in.plain.len + in.alg->icv_size, in.sealed.len);
	return in;
}

static int seal(const struct aead_inputs *in, struct bytes plain, uint8_t *out)
{
	return aead_seal(crypto, in->alg, octets_bytes(&in->key), in->iv.data,
			 octets_bytes(&in->aad), plain, out);
}

static int open_sealed(const struct aead_inputs *in, struct bytes sealed, uint8_t *out)
{
	return aead_open(crypto, in->alg, octets_bytes(&in->key), in->iv.data,
			 octets_bytes(&in->aad), sealed, out);
}

static void test_aead_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(aead_cases); i++) {
		const char *name = aead_cases[i].name;
		struct aead_inputs in = inputs_of(&aead_cases[i]);
		uint8_t out[OCTETS_MAX] = { 0 };

		value_expect(name, "seal", seal(&in, octets_bytes(&in.plain), out), 0);
		octets_expect(name, "sealed", (struct bytes){ out, in.sealed.len },
			      aead_cases[i].sealed);
		value_expect(name, "open", open_sealed(&in, octets_bytes(&in.sealed), out), 0);
		octets_expect(name, "plain", (struct bytes){ out, in.plain.len },
			      aead_cases[i].plain);

		memcpy(out, in.plain.data, in.plain.len); /* in place */
		value_expect(name, "seal", seal(&in, (struct bytes){ out, in.plain.len }, out), 0);
		octets_expect(name, "sealed", (struct bytes){ out, in.sealed.len },
			      aead_cases[i].sealed);
		value_expect(name, "open",
			     open_sealed(&in, (struct bytes){ out, in.sealed.len }, out), 0);
		octets_expect(name, "plain", (struct bytes){ out, in.plain.len },
			      aead_cases[i].plain);
	}
}

/* The kept key schedules give the same, in any order of directions. */
static void test_aead_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(aead_cases); i++) {
		const char *name = aead_cases[i].name;
		struct aead_inputs in = inputs_of(&aead_cases[i]);
		uint8_t out[OCTETS_MAX];
		struct aead *a;

		value_expect(name, "new", aead_new(crypto, in.alg, octets_bytes(&in.key), &a), 0);
		for (int turn = 0; turn < 2; turn++) {
			value_expect(name, "open",
				     aead_open_with(a, in.iv.data, octets_bytes(&in.aad),
						    octets_bytes(&in.sealed), out),
				     0);
			octets_expect(name, "plain", (struct bytes){ out, in.plain.len },
				      aead_cases[i].plain);
			for (int twice = 0; twice < 2; twice++)
				value_expect(name, "seal",
					     aead_seal_with(a, in.iv.data, octets_bytes(&in.aad),
							    octets_bytes(&in.plain), out),
					     0);
			octets_expect(name, "sealed", (struct bytes){ out, in.sealed.len },
				      aead_cases[i].sealed);
			in.sealed.data[0] ^= 1;
			value_expect(name, "forged",
				     aead_open_with(a, in.iv.data, octets_bytes(&in.aad),
						    octets_bytes(&in.sealed), out),
				     ERR_AUTH);
			in.sealed.data[0] ^= 1;
		}
		aead_free(a);
	}
}

/* One changed bit anywhere: refused, and nothing of the plain text is left in the output. */
static void check_forged(const struct aead_inputs *in, const char *what)
{
	uint8_t out[OCTETS_MAX];

	memset(out, 0xee, sizeof(out));
	value_expect(what, "open", open_sealed(in, octets_bytes(&in->sealed), out), ERR_AUTH);
	value_expect(what, "wiped", memory_is_all(0, out, in->plain.len), true);
	value_expect(what, "behind",
		     memory_is_all(0xee, out + in->plain.len, sizeof(out) - in->plain.len), true);
	assert_int_equal(ERR_peek_error(), 0);
}

static void flip_each(const struct aead_inputs *in, struct octets *field, const char *what)
{
	for (size_t bit = 0; bit < 8 * field->len; bit += 5) {
		field->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		check_forged(in, what);
		field->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_aead_forged(void **state)
{
	struct aead_inputs in = inputs_of(&aead_cases[11]);
	uint8_t in_place[OCTETS_MAX];

	(void)state;
	flip_each(&in, &in.sealed, "sealed");
	flip_each(&in, &in.aad, "aad");
	flip_each(&in, &in.iv, "iv");
	flip_each(&in, &in.key, "key");
	in.aad.len--;
	check_forged(&in, "shorter aad");
	in.aad.len++;

	memcpy(in_place, in.sealed.data, in.sealed.len);
	in_place[in.sealed.len - 1] ^= 1;
	assert_int_equal(open_sealed(&in, (struct bytes){ in_place, in.sealed.len }, in_place),
			 ERR_AUTH);
	assert_true(memory_is_all(0, in_place, in.plain.len));
}

static void test_aead_lengths(void **state)
{
	struct aead_inputs in = inputs_of(&aead_cases[3]);
	const struct encr_alg unknown = { "aes512gcm16", ENCR_AES_GCM_16, 512, 32, 4, 8, 16 };
	uint8_t out[OCTETS_MAX];
	struct aead *a = NULL;

	(void)state;
	memset(out, 0xee, sizeof(out));
	for (size_t len = 0; len < in.alg->icv_size; len++)
		assert_int_equal(open_sealed(&in, (struct bytes){ in.sealed.data, len }, out),
				 ERR_TRUNCATED);
	assert_int_equal(seal(&in, (struct bytes){ out, (size_t)INT_MAX + 1 }, out), ERR_TOO_LONG);
	assert_int_equal(open_sealed(&in, (struct bytes){ out, (size_t)INT_MAX + 1 }, out),
			 ERR_TOO_LONG);
	for (size_t len = 0; len <= ENCR_KEY_MAX; len++) {
		struct bytes key = { in.key.data, len };

		if (len == in.key.len)
			continue;
		assert_int_equal(aead_seal(crypto, in.alg, key, in.iv.data, octets_bytes(&in.aad),
					   octets_bytes(&in.plain), out),
				 ERR_VALUE);
		assert_int_equal(aead_open(crypto, in.alg, key, in.iv.data, octets_bytes(&in.aad),
					   octets_bytes(&in.sealed), out),
				 ERR_VALUE);
		assert_int_equal(aead_new(crypto, in.alg, key, &a), ERR_VALUE);
	}
	in.key.len = ENCR_KEY_MAX;
	assert_int_equal(aead_new(crypto, &unknown, octets_bytes(&in.key), &a), ERR_VALUE);
	assert_null(a);
	assert_true(memory_is_all(0xee, out, sizeof(out)));
}

/* What a kept key schedule would give is what a key of zeros gives: the real one is gone. */
static void test_aead_forgets(void **state)
{
	static const uint8_t zero_key[36];
	uint8_t sealed[OCTETS_MAX], left[OCTETS_MAX], zero_sealed[OCTETS_MAX], nonce[12] = { 0 };

	(void)state;
	for (size_t i = 0; i < LEN(aead_cases); i++) {
		struct aead_inputs in = inputs_of(&aead_cases[i]);
		EVP_CIPHER_CTX *scratch = crypto->cipher[in.alg->key_bits / 64 - 2];
		struct bytes zero = { zero_key, in.key.len };
		int n;

		memcpy(nonce + 4, in.iv.data, AEAD_IV_SIZE);
		assert_int_equal(aead_seal(crypto, in.alg, zero, in.iv.data,
					   (struct bytes){ NULL, 0 }, octets_bytes(&in.plain),
					   zero_sealed),
				 0);
		assert_int_equal(seal(&in, octets_bytes(&in.plain), sealed), 0);
		assert_int_equal(EVP_EncryptInit_ex2(scratch, NULL, NULL, nonce, NULL), 1);
		assert_int_equal(
		    EVP_EncryptUpdate(scratch, left, &n, in.plain.data, (int)in.plain.len), 1);
		assert_memory_equal(left, zero_sealed, in.plain.len);
	}
}

static int teardown(void **state)
{
	(void)state;
	return ERR_peek_error() == 0 ? 0 : -1; /* nothing left in OpenSSL's queue */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_aead_vectors, teardown),
		cmocka_unit_test_teardown(test_aead_kept, teardown),
		cmocka_unit_test_teardown(test_aead_forged, teardown),
		cmocka_unit_test_teardown(test_aead_lengths, teardown),
		cmocka_unit_test_teardown(test_aead_forgets, teardown),
	};
	int failed;

	aead_free(NULL);
	crypto = crypto_new();
	failed = crypto == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
	crypto_free(crypto);
	return failed;
}
