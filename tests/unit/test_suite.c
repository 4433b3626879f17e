/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/crypto/suite.h"
#include "tests/lib/octets.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const struct suite_case {
	const char *text;
	bool is_ike, is_esp;
	const char *normal; /* as it is formatted, NULL: the same */
} suite_cases[] = {
	{ "aes256gcm16-prfsha256-x25519", true, false, NULL },
	{ "aes256gcm16-prfsha256-ecp256", true, false, NULL },
	{ "aes128gcm16-prfsha256-modp2048", true, false, NULL },
	{ "aes192gcm16-prfsha384-ecp256", true, false, NULL },
	{ "aes256gcm16-prfsha512-x25519", true, false, NULL },
	{ "x25519-prfsha256-aes256gcm16", true, false, "aes256gcm16-prfsha256-x25519" },
	{ "aes256gcm16", false, true, NULL },
	{ "aes192gcm16", false, true, NULL },
	{ "aes128gcm16-modp2048", false, true, NULL },
	{ "x25519-aes128gcm16", false, true, "aes128gcm16-x25519" },

	{ "", false, false, NULL },
	{ "-", false, false, NULL },
	{ "aes256gcm16-", false, false, NULL },
	{ "-aes256gcm16", false, false, NULL },
	{ "aes256gcm16--x25519", false, false, NULL },
	{ "aes256gcm16-prfsha256-x25519-", false, false, NULL },
	{ "aes256gcm16-prfsha256", false, false, NULL },
	{ "prfsha256-x25519", false, false, NULL },
	{ "x25519", false, false, NULL },
	{ "aes256gcm16-aes128gcm16", false, false, NULL },
	{ "aes256gcm16-aes256gcm16", false, false, NULL },
	{ "aes256gcm16-x25519-x25519", false, false, NULL },
	{ "aes256gcm16-x25519-ecp256", false, false, NULL },
	{ "aes256gcm16-prfsha256-prfsha512-x25519", false, false, NULL },
	{ "aes256gcm16-prfsha1-x25519", false, false, NULL },
	{ "aes256gcm16-prfsha256-modp1024", false, false, NULL },
	{ "aes256-prfsha256-x25519", false, false, NULL },
	{ "aes256gcm1", false, false, NULL },
	{ "aes256gcm160", false, false, NULL },
	{ "AES256GCM16", false, false, NULL },
	{ " aes256gcm16", false, false, NULL },
	{ "aes256gcm16 ", false, false, NULL },
	{ "aes256gcm16,x25519", false, false, NULL },
};

static void check_ike(const struct suite_case *c)
{
	struct ike_suite s = { NULL, NULL, NULL }, again;
	int err = ike_suite_parse(c->text, &s);
	char text[SUITE_TEXT_MAX];

	value_expect(c->text, "IKE", err, c->is_ike ? 0 : ERR_VALUE);
	value_expect(c->text, "untouched", memory_is_all(0, &s, sizeof(s)), err != 0);
	if (err != 0)
		return;
	assert_ptr_equal(ike_suite_format(&s, text), text);
	assert_string_equal(text, c->normal != NULL ? c->normal : c->text);
	assert_int_equal(ike_suite_parse(text, &again), 0);
	assert_memory_equal(&s, &again, sizeof(s));
}

static void check_esp(const struct suite_case *c)
{
	struct esp_suite s = { NULL, NULL }, again;
	int err = esp_suite_parse(c->text, &s);
	char text[SUITE_TEXT_MAX];

	value_expect(c->text, "ESP", err, c->is_esp ? 0 : ERR_VALUE);
	value_expect(c->text, "untouched", memory_is_all(0, &s, sizeof(s)), err != 0);
	if (err != 0)
		return;
	assert_ptr_equal(esp_suite_format(&s, text), text);
	assert_string_equal(text, c->normal != NULL ? c->normal : c->text);
	assert_int_equal(esp_suite_parse(text, &again), 0);
	assert_memory_equal(&s, &again, sizeof(s));
}

static void test_suites(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(suite_cases); i++) {
		check_ike(&suite_cases[i]);
		check_esp(&suite_cases[i]);
	}
}

/* Every row is found by its number and by its name, fits the limits and can be computed. */
static void test_encr_rows(void **state)
{
	static const uint16_t bits[] = { 128, 192, 256 };
	static const uint8_t key[ENCR_KEY_MAX];
	struct crypto *c = crypto_new();
	struct aead *a;

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < LEN(bits); i++) {
		const struct encr_alg *alg = encr_find(ENCR_AES_GCM_16, bits[i]);

		assert_non_null(alg);
		assert_ptr_equal(encr_by_name(alg->name), alg);
		assert_int_equal(alg->key_bits, bits[i]);
		assert_int_equal(alg->key_size * 8, bits[i]);
		assert_int_equal(alg->salt_size, 4);
		assert_int_equal(alg->iv_size, AEAD_IV_SIZE);
		assert_int_equal(alg->icv_size, 16);
		assert_true(alg->key_size + alg->salt_size <= ENCR_KEY_MAX);
		assert_true(alg->icv_size <= AEAD_ICV_MAX);
		assert_int_equal(
		    aead_new(c, alg, (struct bytes){ key, (size_t)alg->key_size + 4 }, &a), 0);
		aead_free(a);
	}
	crypto_free(c);
}

static void test_prf_and_kex_rows(void **state)
{
	(void)state;
	for (uint16_t id = 0; id < 64; id++) {
		const struct prf_alg *prf = prf_find(id);
		const struct kex_group *kex = kex_find(id);

		assert_int_equal(prf != NULL, id == 5 || id == 6 || id == 7);
		if (prf != NULL) {
			assert_ptr_equal(prf_by_name(prf->name), prf);
			assert_int_equal(prf->id, id);
			assert_int_not_equal(prf_size(prf->id), 0);
		}
		assert_int_equal(kex != NULL, id == 14 || id == 19 || id == 31);
		if (kex != NULL) {
			assert_ptr_equal(kex_by_name(kex->name), kex);
			assert_int_equal(kex->id, id);
			assert_int_not_equal(kex_public_size(kex->id), 0);
		}
	}
}

static void test_no_such_row(void **state)
{
	(void)state;
	assert_null(encr_find(ENCR_AES_GCM_16, 0)); /* the key length is mandatory */
	assert_null(encr_find(ENCR_AES_GCM_16, 64));
	assert_null(encr_find(ENCR_AES_GCM_16, 255));
	assert_null(encr_find(12, 256)); /* AES-CBC */
	assert_null(encr_find(19, 256)); /* AES-GCM with a shorter tag */
	assert_null(prf_find(PRF_HMAC_SHA1));
	assert_null(kex_find(KEX_NONE));
	assert_null(kex_find(2)); /* MODP-1024 */
	assert_null(encr_by_name("prfsha256"));
	assert_null(prf_by_name("aes256gcm16"));
	assert_null(kex_by_name(""));
	assert_null(encr_by_name("aes256gcm16-x25519"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_encr_rows),
		cmocka_unit_test(test_prf_and_kex_rows),
		cmocka_unit_test(test_no_such_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
