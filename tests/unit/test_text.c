/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/errtext.h"
#include "common/base/text.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct name_case {
	const char *text;
	bool is_name;
} name_cases[] = {
	{ "m1", true },         { "a", true },    { "-", true },      { "0-z", true },
	{ A63, true },          { "", false },    { A63 "a", false }, { "M1", false },
	{ "m_1", false },       { "m.1", false }, { "m 1", false },   { "m1\n", false },
	{ "m\xc3\xa4", false }, { "m/1", false },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(name_cases) / sizeof(name_cases[0]); i++) {
		if (text_is_name(name_cases[i].text) != name_cases[i].is_name)
			fail_msg("'%s'", name_cases[i].text);
	}
}

/* clean is what text_clean() makes of it; the same text if it is plain already. */
static const struct plain_case {
	const char *name;
	const char *text;
	const char *clean;
} plain_cases[] = {
	{ "empty", "", "" },
	{ "ASCII", "p1.example.net ~", "p1.example.net ~" },
	{ "2 octets", "\xc2\xa0 \xdf\xbf", "\xc2\xa0 \xdf\xbf" },
	{ "3 octets", "\xe0\xa0\x80 \xed\x9f\xbf \xef\xbf\xbf",
	  "\xe0\xa0\x80 \xed\x9f\xbf \xef\xbf\xbf" },
	{ "4 octets", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf" },
	{ "line feed", "a\nb", "a?b" },
	{ "escape", "\x1b[2J", "?[2J" },
	{ "DEL", "a\x7f", "a?" },
	{ "C1 control", "\xc2\x9b", "??" },
	{ "lone continuation", "a\x80z", "a?z" },
	{ "overlong 2", "\xc1\xbf", "??" },
	{ "overlong 3", "\xe0\x9f\xbf", "???" },
	{ "overlong 4", "\xf0\x8f\xbf\xbf", "????" },
	{ "surrogate", "\xed\xa0\x80", "???" },
	{ "above U+10FFFF", "\xf4\x90\x80\x80", "????" },
	{ "lead octet f5", "\xf5\x80\x80\x80", "????" },
	{ "cut 2", "\xc3", "?" },
	{ "cut 3", "\xe2\x82", "??" },
	{ "cut 4", "\xf0\x9f\x98", "???" },
	{ "broken in the middle", "\xe2\x28\xa1", "?(?" },
};

static void test_plain_texts(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(plain_cases) / sizeof(plain_cases[0]); i++) {
		const struct plain_case *c = &plain_cases[i];
		size_t len = strlen(c->text);
		uint8_t *copy = malloc(len + 1); /* of the exact size, for ASan */
		struct bytes view = { copy, len };
		bool is_plain = strcmp(c->text, c->clean) == 0;

		memcpy(copy, c->text, len);
		if (text_is_plain(view) != is_plain)
			fail_msg("%s: is_plain is not %d", c->name, is_plain);
		if (text_clean(view, out, sizeof(out)) != strlen(c->clean) ||
		    strcmp(out, c->clean) != 0)
			fail_msg("%s: cleaned to '%s'", c->name, out);
		free(copy);
	}
}

/* Never half a character, always terminated, nothing written behind. */
static void test_clean_into_less(void **state)
{
	const char *text = "a\xe2\x82\xacz";
	const char *want[] = { "", "a", "a", "a", "a\xe2\x82\xac", "a\xe2\x82\xacz" };
	struct bytes view = { (const uint8_t *)text, strlen(text) };

	(void)state;
	for (size_t cap = 1; cap <= 6; cap++) {
		char *out = malloc(cap);

		text_clean(view, out, cap);
		assert_string_equal(out, want[cap - 1]);
		free(out);
	}
}

static void test_errtext(void **state)
{
	struct errtext e;
	char longer[2 * ERRTEXT_MAX];

	(void)state;
	errtext_set(NULL, "nobody asks");
	errtext_set(&e, "line %d: %s", 3, "a\nb");
	assert_string_equal(e.text, "line 3: a?b");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	errtext_set(&e, "%s", longer);
	assert_int_equal(strlen(e.text), ERRTEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_plain_texts),
		cmocka_unit_test(test_clean_into_less),
		cmocka_unit_test(test_errtext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
