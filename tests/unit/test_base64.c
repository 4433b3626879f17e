/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/base64.h"

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

/* RFC 4648, 10. */
static const struct vector {
	const char *octets;
	const char *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct bytes in = { (const uint8_t *)v->octets, strlen(v->octets) };
		uint8_t octets[8];
		char text[16];
		size_t len;

		assert_int_equal(base64_encode(in, text, sizeof(text)), 0);
		assert_string_equal(text, v->text);
		assert_int_equal(base64_decode(v->text, octets, sizeof(octets), &len), 0);
		assert_int_equal(len, in.len);
		assert_memory_equal(octets, in.ptr, len);
	}
}

/* Every value of a digit at every place, against a table. */
static void test_every_digit(void **state)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t octets[48], back[48];
	char text[65];
	size_t len;

	(void)state;
	assert_int_equal(base64_decode(digits, octets, sizeof(octets), &len), 0);
	assert_int_equal(len, 48);
	for (size_t i = 0; i < 64; i++) {
		size_t bit = i * 6;
		uint32_t two = (uint32_t)octets[bit / 8] << 8;

		if (bit / 8 + 1 < 48)
			two |= octets[bit / 8 + 1];
		assert_int_equal(two >> (10 - bit % 8) & 63, i);
	}
	assert_int_equal(base64_encode((struct bytes){ octets, 48 }, text, sizeof(text)), 0);
	assert_string_equal(text, digits);
	for (size_t n = 0; n <= sizeof(octets); n++) {
		struct bytes in = { octets, n };

		assert_int_equal(base64_encode(in, text, sizeof(text)), 0);
		assert_int_equal(strlen(text), BASE64_SIZE(n));
		assert_int_equal(base64_decode(text, back, n, &len), 0);
		assert_int_equal(len, n);
		assert_memory_equal(back, octets, n);
	}
}

static void test_every_other_character(void **state)
{
	uint8_t out[3];
	size_t len;

	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[5] = { 'A', (char)c, 'A', 'A', '\0' };
		bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
				(c >= '0' && c <= '9') || c == '+' || c == '/';
		int err = base64_decode(text, out, sizeof(out), &len);

		assert_int_equal(err, is_digit ? 0 : ERR_VALUE);
	}
}

static void test_only_one_form(void **state)
{
	static const char *const bad[] = {
		"Z",    "Zg",       "Zg=",    "Zh==",  "Zm9=",  "=",        "==",   "====",
		"Z===", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm 9v", "Zm8=Zm9v", "Zg=v", "Z=g="
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		size_t len = 77;

		memset(out, 0xaa, sizeof(out));
		if (base64_decode(bad[i], out, sizeof(out), &len) != ERR_VALUE)
			fail_msg("'%s' is accepted", bad[i]);
		assert_int_equal(len, 77);
		for (size_t k = 0; k < sizeof(out); k++)
			assert_int_equal(out[k], 0);
	}
}

static void test_room(void **state)
{
	struct bytes in = { (const uint8_t *)"fooba", 5 };
	size_t len;

	(void)state;
	for (size_t cap = 0; cap < 12; cap++) {
		char *text = malloc(cap);
		uint8_t *octets = malloc(cap);

		assert_int_equal(base64_encode(in, text, cap), cap < 9 ? ERR_NO_SPACE : 0);
		assert_int_equal(base64_decode("Zm9vYmE=", octets, cap, &len),
				 cap < 5 ? ERR_NO_SPACE : 0);
		free(text);
		free(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_digit),
		cmocka_unit_test(test_every_other_character),
		cmocka_unit_test(test_only_one_form),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
