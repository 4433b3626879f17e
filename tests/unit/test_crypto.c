/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "common/crypto/context.h"
#include "tests/lib/octets.h"

/* prf, prf+ and SHA-1; AEAD and key exchange have files of their own. */
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct crypto *crypto;

static const enum prf_id prf_ids[] = { PRF_HMAC_SHA1, PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_384,
				       PRF_HMAC_SHA2_512 };
static const size_t prf_sizes[] = { 20, 32, 48, 64 };

/* Text, or one octet many times. */
struct input {
	const char *text;
	uint8_t fill;
	size_t count;
};

static const struct hmac_case {
	const char *name;
	struct input key, data;
	const char *out[LEN(prf_ids)]; /* NULL: not in the RFC */
} hmac_cases[] = {
	{ "RFC 4231 case 1",
	  { .fill = 0x0b, .count = 20 },
	  { .text = "Hi There" },
	  { NULL, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	    "faea9ea9076ede7f4af152e8b2fa9cb6",
	    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	    "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" } },
	{ "RFC 4231 case 2",
	  { .text = "Jefe" },
	  { .text = "what do ya want for nothing?" },
	  { NULL, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	    "8e2240ca5e69e2c78b3239ecfab21649",
	    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" } },
	{ "RFC 4231 case 3",
	  { .fill = 0xaa, .count = 20 },
	  { .fill = 0xdd, .count = 50 },
	  { NULL, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
	    "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
	    "2a5ab39dc13814b94e3ab6e101a34f27",
	    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
	    "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" } },
	{ "RFC 4231 case 4",
	  { .text = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
		    "\x14\x15\x16\x17\x18\x19" },
	  { .fill = 0xcd, .count = 50 },
	  { NULL, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
	    "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e"
	    "6801dd23c4a7d679ccf8a386c674cffb",
	    "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
	    "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd" } },
	{ "RFC 4231 case 5",
	  { .fill = 0x0c, .count = 20 },
	  { .text = "Test With Truncation" },
	  { NULL, "a3b6167473100ee06e0c796c2955552bfa6f7c0a6a8aef8b93f860aab0cd20c5",
	    "3abf34c3503b2a23a46efc619baef897f4c8e42c934ce55ccbae9740fcbc1af4"
	    "ca62269e2a37cd88ba926341efe4aeea",
	    "415fad6271580a531d4179bc891d87a650188707922a4fbb36663a1eb16da008"
	    "711c5b50ddd0fc235084eb9d3364a1454fb2ef67cd1d29fe6773068ea266e96b" } },
	{ "RFC 4231 case 6",
	  { .fill = 0xaa, .count = 131 },
	  { .text = "Test Using Larger Than Block-Size Key - Hash Key First" },
	  { NULL, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
	    "0c2ef6ab4030fe8296248df163f44952",
	    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	    "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" } },
	{ "RFC 4231 case 7",
	  { .fill = 0xaa, .count = 131 },
	  { .text =
		"This is a test using a larger than block-size key and a larger than block-size "
		"data. The key needs to be hashed before being used by the HMAC algorithm." },
	  { NULL, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
	    "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5"
	    "a678cc31e799176d3860e6110c46523e",
	    "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
	    "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" } },
	{ "RFC 2202 case 1",
	  { .fill = 0x0b, .count = 20 },
	  { .text = "Hi There" },
	  { "b617318655057264e28bc0b6fb378c8ef146be00", NULL, NULL, NULL } },
	{ "RFC 2202 case 2",
	  { .text = "Jefe" },
	  { .text = "what do ya want for nothing?" },
	  { "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", NULL, NULL, NULL } },
	{ "RFC 2202 case 3",
	  { .fill = 0xaa, .count = 20 },
	  { .fill = 0xdd, .count = 50 },
	  { "125d7342b9ac11cd91a39af48aa17b4f63f175d3", NULL, NULL, NULL } },
	{ "RFC 2202 case 4",
	  { .text = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
		    "\x14\x15\x16\x17\x18\x19" },
	  { .fill = 0xcd, .count = 50 },
	  { "4c9007f4026250c6bc8414f9bf50c86c2d7235da", NULL, NULL, NULL } },
	{ "RFC 2202 case 5",
	  { .fill = 0x0c, .count = 20 },
	  { .text = "Test With Truncation" },
	  { "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04", NULL, NULL, NULL } },
	{ "RFC 2202 case 6",
	  { .fill = 0xaa, .count = 80 },
	  { .text = "Test Using Larger Than Block-Size Key - Hash Key First" },
	  { "aa4ae5e15272d00e95705637ce8a3b55ed402112", NULL, NULL, NULL } },
	{ "RFC 2202 case 7",
	  { .fill = 0xaa, .count = 80 },
	  { .text = "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data" },
	  { "e8e99d0f45237d786d6bbaa7965c7808bbff1a91", NULL, NULL, NULL } },
};

static struct octets octets_of(const struct input *in)
{
	struct octets o = { .len = in->text != NULL ? strlen(in->text) : in->count };

	assert_true(o.len <= OCTETS_MAX);
	if (in->text != NULL)
		memcpy(o.data, in->text, o.len);
	else
		memset(o.data, in->fill, o.len);
	return o;
}

static void test_hmac_vectors(void **state)
{
	uint8_t out[PRF_MAX_SIZE];

	(void)state;
	for (size_t i = 0; i < LEN(hmac_cases); i++) {
		const struct hmac_case *h = &hmac_cases[i];
		struct octets key = octets_of(&h->key), data = octets_of(&h->data);
		struct bytes part = octets_bytes(&data);

		for (size_t p = 0; p < LEN(prf_ids); p++) {
			if (h->out[p] == NULL)
				continue;
			value_expect(
			    h->name, "prf",
			    prf_compute(crypto, prf_ids[p], octets_bytes(&key), &part, 1, out), 0);
			octets_expect(h->name, "output", (struct bytes){ out, prf_sizes[p] },
				      h->out[p]);
		}
	}
}

/* Keys and texts of all lengths around the block sizes, against OpenSSL's own HMAC. */
static void test_hmac_lengths(void **state)
{
	static const char *const digests[] = { "SHA1", "SHA256", "SHA384", "SHA512" };
	struct rng_seeded seed = { 4 };
	struct rng rng = rng_seeded(&seed);
	uint8_t key[260], text[260], out[PRF_MAX_SIZE], want[PRF_MAX_SIZE];
	size_t size;

	(void)state;
	for (size_t len = 0; len <= sizeof(key); len++) {
		size_t p = len % LEN(prf_ids), cut = len / 3;
		const struct bytes parts[] = { { text, cut },
					       { NULL, 0 },
					       { text + cut, len - cut } };

		assert_int_equal(rng_fill(&rng, key, sizeof(key)), 0);
		assert_int_equal(rng_fill(&rng, text, sizeof(text)), 0);
		for (size_t key_len = len % 7; key_len <= sizeof(key); key_len += 7) {
			assert_int_equal(prf_compute(crypto, prf_ids[p],
						     (struct bytes){ key, key_len }, parts,
						     LEN(parts), out),
					 0);
			assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, digests[p], NULL, key,
						  key_len, text, len, want, sizeof(want), &size));
			assert_int_equal(size, prf_sizes[p]);
			assert_memory_equal(out, want, size);
		}
	}
}

static void test_prf_ids(void **state)
{
	const struct bytes none = { NULL, 0 };
	uint8_t out[PRF_MAX_SIZE];

	(void)state;
	for (size_t p = 0; p < LEN(prf_ids); p++)
		assert_int_equal(prf_size(prf_ids[p]), prf_sizes[p]);
	memset(out, 0xee, sizeof(out));
	assert_int_equal(prf_size((enum prf_id)4), 0);
	assert_int_equal(prf_compute(crypto, (enum prf_id)4, none, NULL, 0, out), ERR_CRYPTO);
	assert_int_equal(prf_plus(crypto, (enum prf_id)4, none, NULL, 0, out, 1), ERR_CRYPTO);
	assert_true(memory_is_all(0xee, out, sizeof(out)));

	/* Nothing at all is a key and a text too. */
	assert_int_equal(prf_compute(crypto, PRF_HMAC_SHA2_256, none, NULL, 0, out), 0);
	octets_expect("empty", "prf", (struct bytes){ out, 32 },
		      "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* The output may lie on the inputs. */
static void test_prf_in_place(void **state)
{
	struct octets data = { .len = 64 }, apart = { .len = 64 };
	const struct bytes part = octets_bytes(&data);

	(void)state;
	assert_int_equal(prf_compute(crypto, PRF_HMAC_SHA2_512, part, &part, 1, apart.data), 0);
	assert_int_equal(prf_compute(crypto, PRF_HMAC_SHA2_512, part, &part, 1, data.data), 0);
	assert_memory_equal(data.data, apart.data, 64);
}

/* Every length is a prefix of the longest, which prf alone repeats block by block. */
static void test_prf_plus(void **state)
{
	static uint8_t longest[255 * 20 + 1], out[255 * 20 + 1];
	const struct bytes key = { (const uint8_t *)"key", 3 };
	const struct bytes seed[] = { { (const uint8_t *)"se", 2 }, { (const uint8_t *)"ed", 2 } };
	const size_t max = 255 * 20;

	(void)state;
	longest[max] = 0xee;
	assert_int_equal(prf_plus(crypto, PRF_HMAC_SHA1, key, seed, 2, longest, max), 0);
	assert_int_equal(longest[max], 0xee);
	for (size_t len = 0; len <= max; len = len < 90 ? len + 1 : len + 89) {
		memset(out, 0xee, sizeof(out));
		assert_int_equal(prf_plus(crypto, PRF_HMAC_SHA1, key, seed, 2, out, len), 0);
		assert_memory_equal(out, longest, len);
		assert_true(memory_is_all(0xee, out + len, sizeof(out) - len));
	}
	for (uint8_t n = 1; n != 0; n++) {
		const struct bytes parts[] = { { longest + (size_t)20 * (n > 1 ? n - 2u : 0u),
						 n > 1 ? 20u : 0u },
					       seed[0],
					       seed[1],
					       { &n, 1 } };

		assert_int_equal(prf_compute(crypto, PRF_HMAC_SHA1, key, parts, LEN(parts), out),
				 0);
		assert_memory_equal(longest + (size_t)20 * (n - 1u), out, 20);
	}
	memset(out, 0xee, sizeof(out));
	assert_int_equal(prf_plus(crypto, PRF_HMAC_SHA1, key, seed, 2, out, max + 1), ERR_TOO_LONG);
	assert_true(memory_is_all(0xee, out, sizeof(out)));
}

static void test_sha1(void **state)
{
	const struct bytes abc[] = { { (const uint8_t *)"a", 1 }, { (const uint8_t *)"bc", 2 } };
	struct octets spis = octets_from_hex("0102030405060708 0000000000000000");
	struct octets address = octets_from_hex("c0000201"), port = octets_from_hex("01f4");
	const struct bytes nat[] = { octets_bytes(&spis), octets_bytes(&address),
				     octets_bytes(&port) };
	uint8_t out[20];

	(void)state;
	assert_int_equal(sha1_compute(crypto, abc, LEN(abc), out), 0);
	octets_expect("abc", "SHA-1", (struct bytes){ out, sizeof(out) },
		      "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_int_equal(sha1_compute(crypto, NULL, 0, out), 0);
	octets_expect("empty", "SHA-1", (struct bytes){ out, sizeof(out) },
		      "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	assert_int_equal(sha1_compute(crypto, nat, LEN(nat), out), 0);
	octets_expect("192.0.2.1, port 500", "SHA-1", (struct bytes){ out, sizeof(out) },
		      "644b4575455bd6fcc1efe2be8162a9218e448e5f");
}

static void expect_fresh_sha256(const char *after)
{
	uint8_t out[32];

	value_expect(after, "final", EVP_DigestFinal_ex(crypto->digest[1], out, NULL), 1);
	octets_expect(after, "digest of nothing", (struct bytes){ out, sizeof(out) },
		      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(EVP_DigestInit_ex2(crypto->digest[1], NULL, NULL), 1);
}

/* The scratch context is left as if nothing had ever been hashed. */
static void test_prf_forgets(void **state)
{
	const struct bytes key = { (const uint8_t *)"key", 3 };
	uint8_t out[100];

	(void)state;
	expect_fresh_sha256("crypto_new");
	assert_int_equal(prf_compute(crypto, PRF_HMAC_SHA2_256, key, &key, 1, out), 0);
	expect_fresh_sha256("prf_compute");
	assert_int_equal(prf_plus(crypto, PRF_HMAC_SHA2_256, key, &key, 1, out, sizeof(out)), 0);
	expect_fresh_sha256("prf_plus");
}

static int teardown(void **state)
{
	(void)state;
	return ERR_peek_error() == 0 ? 0 : -1; /* nothing left in OpenSSL's queue */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_hmac_vectors, teardown),
		cmocka_unit_test_teardown(test_hmac_lengths, teardown),
		cmocka_unit_test_teardown(test_prf_ids, teardown),
		cmocka_unit_test_teardown(test_prf_in_place, teardown),
		cmocka_unit_test_teardown(test_prf_plus, teardown),
		cmocka_unit_test_teardown(test_sha1, teardown),
		cmocka_unit_test_teardown(test_prf_forgets, teardown),
	};
	int failed;

	crypto_free(NULL);
	crypto = crypto_new();
	failed = crypto == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
	crypto_free(crypto);
	return failed;
}
