/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/control/frame.h"

static struct bytes view(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* From a copy of exactly the size: ASan then sees any overread. */
static int parse(struct bytes line, json_t **json, const char **type, struct errtext *why)
{
	uint8_t *copy = malloc(line.len);
	int err;

	memcpy(copy, line.ptr, line.len);
	err = frame_parse((struct bytes){ copy, line.len }, json, type, why);
	free(copy);
	return err;
}

static const struct refused_case {
	const char *name;
	const char *line;
	int err;
	const char *why; /* how the reason begins */
} refused_cases[] = {
	{ "empty", "", ERR_VALUE, "an empty line" },
	{ "blank", "  ", ERR_VALUE, "not JSON at octet" },
	{ "no JSON", "hello", ERR_VALUE, "not JSON at octet" },
	{ "cut", "{\"type\":\"ok\"", ERR_VALUE, "not JSON at octet" },
	{ "two objects", "{\"type\":\"ok\"}{\"type\":\"ok\"}", ERR_VALUE, "not JSON at octet 14" },
	{ "array", "[\"type\",\"ok\"]", ERR_VALUE, "not a JSON object" },
	{ "text", "\"type\"", ERR_VALUE, "not JSON" },
	{ "no type", "{\"typ\":\"ok\"}", ERR_MISSING, "type: missing" },
	{ "type is null", "{\"type\":null}", ERR_VALUE, "type: must be 1 to 32" },
	{ "type is a number", "{\"type\":1}", ERR_VALUE, "type: must be 1 to 32" },
	{ "type is empty", "{\"type\":\"\"}", ERR_VALUE, "type: must be 1 to 32" },
	{ "type in capitals", "{\"type\":\"OK\"}", ERR_VALUE, "type: must be 1 to 32" },
	{ "type of 33", "{\"type\":\"abcdefghijklmnopqrstuvwxyz0123456\"}", ERR_VALUE,
	  "type: must be 1 to 32" },
	{ "type with line feed", "{\"type\":\"o\\nk\"}", ERR_VALUE, "type: must be 1 to 32" },
	{ "type with NUL", "{\"type\":\"ok\\u0000\"}", ERR_VALUE, "not JSON at octet" },
	{ "type twice", "{\"type\":\"ok\",\"type\":\"bye\"}", ERR_DUPLICATE, "not JSON at octet" },
	{ "inner name twice", "{\"type\":\"ok\",\"a\":{\"b\":1,\"b\":1}}", ERR_DUPLICATE,
	  "not JSON" },
	{ "name twice by escape", "{\"type\":\"ok\",\"a\":1,\"\\u0061\":1}", ERR_DUPLICATE,
	  "not JSON" },
	{ "octet ff", "{\"type\":\"ok\",\"a\":\"\xff\"}", ERR_VALUE, "not JSON at octet" },
	{ "overlong", "{\"type\":\"ok\",\"a\":\"\xc0\xaf\"}", ERR_VALUE, "not JSON at octet" },
	{ "surrogate", "{\"type\":\"ok\",\"a\":\"\xed\xa0\x80\"}", ERR_VALUE, "not JSON at octet" },
	{ "lone surrogate escape", "{\"type\":\"ok\",\"a\":\"\\ud800\"}", ERR_VALUE, "not JSON" },
	{ "raw control character", "{\"type\":\"ok\",\"a\":\"\x01\"}", ERR_VALUE, "not JSON" },
	{ "huge integer", "{\"type\":\"ok\",\"a\":9223372036854775808}", ERR_VALUE, "not JSON" },
	{ "huge real", "{\"type\":\"ok\",\"a\":1e999}", ERR_VALUE, "not JSON" },
	{ "escape in the reason", "{\"type\":\"\x1b[2J", ERR_VALUE, "not JSON" },
	{ "9 arrays", "[[[[[[[[[", ERR_LIMIT, "deeper than 8 levels" },
	{ "depth 9", "{\"type\":\"ok\",\"a\":[[[[[[[[]]]]]]]]}", ERR_LIMIT,
	  "deeper than 8 levels" },
	{ "depth 9 behind a text", "{\"a\":\"\\\"]]]\",\"b\":[[[[[[[{}]]]]]]]}", ERR_LIMIT,
	  "deeper" },
};

static void test_refused_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++) {
		const struct refused_case *c = &refused_cases[i];
		struct errtext why = { "" };
		const char *type = NULL;
		json_t *json = NULL;
		int err = parse(view(c->line), &json, &type, &why);

		if (err != c->err)
			fail_msg("%s: got %s (%s)", c->name, err_text(err), why.text);
		if (strncmp(why.text, c->why, strlen(c->why)) != 0)
			fail_msg("%s: reason '%s'", c->name, why.text);
		if (strpbrk(why.text, "\x1b\n") != NULL)
			fail_msg("%s: control characters in the reason", c->name);
		assert_null(json);
		assert_null(type);
		assert_int_equal(frame_parse(view(c->line), &json, &type, NULL), c->err);
	}
}

static const struct accepted_case {
	const char *name;
	const char *line;
	const char *type;
} accepted_cases[] = {
	{ "plain", "{\"type\":\"ok\"}", "ok" },
	{ "blanks and CR", " { \"type\" : \"ok\" } \r", "ok" },
	{ "unknown", "{\"type\":\"probe_result-2\",\"x\":null}", "probe_result-2" },
	{ "type of 32", "{\"type\":\"abcdefghijklmnopqrstuvwxyz012345\"}",
	  "abcdefghijklmnopqrstuvwxyz012345" },
	{ "depth 8", "{\"type\":\"ok\",\"a\":[[[[[[[]]]]]]]}", "ok" },
	{ "brackets in a text", "{\"type\":\"ok\",\"a\":\"[[[[[[[[[[\\\"[[\"}", "ok" },
	{ "side by side", "{\"type\":\"ok\",\"a\":[[],[],[],[],[],[],[],[],[],[]]}", "ok" },
};

static void test_accepted_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted_cases) / sizeof(accepted_cases[0]); i++) {
		const struct accepted_case *c = &accepted_cases[i];
		struct errtext why = { "" };
		const char *type;
		json_t *json;

		if (parse(view(c->line), &json, &type, &why) != 0)
			fail_msg("%s: %s", c->name, why.text);
		assert_string_equal(type, c->type);
		json_decref(json);
	}
}

/* {"type":"ok","a":"xxx..."} of exactly len octets. */
static struct bytes make_line(uint8_t *buf, size_t len)
{
	static const char head[] = "{\"type\":\"ok\",\"a\":\"";

	memset(buf, 'x', len);
	memcpy(buf, head, sizeof(head) - 1);
	memcpy(buf + len - 2, "\"}", 2);
	return (struct bytes){ buf, len };
}

static void test_longest_line(void **state)
{
	uint8_t *buf = malloc(FRAME_MAX), *copy = malloc(FRAME_MAX + 1);
	struct bytes line = make_line(buf, FRAME_MAX - 1), out;
	struct errtext why;
	const char *type;
	json_t *json;

	(void)state;
	assert_int_equal(frame_parse(line, &json, &type, &why), 0);
	assert_int_equal(frame_write(json, copy, FRAME_MAX, &out), 0);
	assert_int_equal(out.len, FRAME_MAX);
	assert_memory_equal(out.ptr, line.ptr, line.len);
	assert_int_equal(out.ptr[line.len], '\n');
	assert_int_equal(frame_write(json, copy, FRAME_MAX - 1, &out), ERR_NO_SPACE);
	json_object_set_new(json, "type", json_string("okk"));
	assert_int_equal(frame_write(json, copy, FRAME_MAX + 1, &out), ERR_TOO_LONG);
	json_decref(json);

	line = make_line(copy, FRAME_MAX);
	assert_int_equal(frame_parse(line, &json, &type, &why), ERR_TOO_LONG);
	assert_string_equal(why.text, "a line is longer than 65536 octets");
	free(buf);
	free(copy);
}

/* ---- the reader ---- */

/* Feeds text in pieces of step octets, each a copy of its size; lines come out joined by '|'. */
static int feed(struct frame_reader *r, const char *text, size_t step, char *out)
{
	size_t left = strlen(text);
	struct errtext why;
	int err = 0;

	out[0] = '\0';
	while (left > 0 && err == 0) {
		size_t n = step < left ? step : left;
		uint8_t *piece = malloc(n);
		struct bytes input = { piece, n }, line = { piece, 1 };

		memcpy(piece, text, n);
		while (err == 0 && line.ptr != NULL) {
			err = frame_reader_next(r, &input, &line, &why);
			if (err == 0 && line.ptr != NULL) {
				strncat(out, (const char *)line.ptr, line.len);
				strcat(out, "|");
			}
		}
		assert_int_equal(err == 0 ? input.len : 0, 0);
		free(piece);
		text += n;
		left -= n;
	}
	return err;
}

static void test_lines_in_pieces(void **state)
{
	const char *text = "one\ntwo two\n\nfour\nfi";
	char out[64];

	(void)state;
	for (size_t step = 1; step <= strlen(text); step++) {
		struct frame_reader *r = frame_reader_new();

		assert_int_equal(feed(r, text, step, out), 0);
		assert_string_equal(out, "one|two two||four|");
		assert_true(frame_reader_is_inside(r));
		assert_int_equal(feed(r, "ve\n", step, out), 0);
		assert_string_equal(out, "five|");
		assert_false(frame_reader_is_inside(r));
		frame_reader_free(r);
	}
}

static void test_no_input(void **state)
{
	struct frame_reader *r = frame_reader_new();
	struct bytes input = { NULL, 0 }, line = { (const uint8_t *)"x", 1 };
	struct errtext why;

	(void)state;
	assert_int_equal(frame_reader_next(r, &input, &line, &why), 0);
	assert_null(line.ptr);
	assert_false(frame_reader_is_inside(r));
	frame_reader_free(r);
	frame_reader_free(NULL);
}

/* len octets and a line feed, first octets at once and the rest later; the error of the reader. */
static int feed_long(struct frame_reader *r, size_t len, size_t first, struct errtext *why)
{
	uint8_t *buf = malloc(len + 1);
	struct bytes input = { buf, first }, line;
	int err;

	memset(buf, 'x', len);
	buf[len] = '\n';
	err = first > 0 ? frame_reader_next(r, &input, &line, why) : 0;
	input = (struct bytes){ buf + first, len + 1 - first };
	if (err == 0)
		err = frame_reader_next(r, &input, &line, why);
	if (err == 0) {
		assert_int_equal(line.len, len);
		assert_memory_equal(line.ptr, buf, len);
	}
	free(buf);
	return err;
}

static void test_long_lines(void **state)
{
	static const size_t firsts[] = { 0, 1, 5000, FRAME_MAX - 2, FRAME_MAX - 1 };
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct frame_reader *r = frame_reader_new();
		struct errtext why = { "" };

		assert_int_equal(feed_long(r, FRAME_MAX - 1, firsts[i], &why), 0);
		assert_int_equal(feed(r, "next\n", 2, out), 0);
		assert_string_equal(out, "next|");
		assert_int_equal(feed_long(r, FRAME_MAX, firsts[i], &why), ERR_TOO_LONG);
		assert_string_equal(why.text, "a line is longer than 65536 octets");
		assert_int_equal(feed(r, "next\n", 8, out), ERR_TOO_LONG);
		assert_string_equal(out, "");
		frame_reader_free(r);
	}
}

/* A line that never ends is refused as soon as no line feed could save it. */
static void test_endless_line(void **state)
{
	struct frame_reader *r = frame_reader_new();
	uint8_t piece[1000];
	struct errtext why;
	size_t total = 0;
	int err = 0;

	(void)state;
	memset(piece, '{', sizeof(piece));
	for (; err == 0; total += sizeof(piece)) {
		struct bytes input = { piece, sizeof(piece) }, line;

		err = frame_reader_next(r, &input, &line, &why);
	}
	assert_int_equal(err, ERR_TOO_LONG);
	assert_in_range(total, FRAME_MAX, FRAME_MAX + sizeof(piece));
	frame_reader_free(r);
}

/* Keys come in lines: what was handed out is wiped when the next one is asked for. */
static void test_nothing_stays_behind(void **state)
{
	static const uint8_t first[] = "{\"key\":\"c2Vj", rest[] = "cmV0\"}\n", next[] = "{}\n";
	struct frame_reader *r = frame_reader_new();
	struct bytes input = { first, sizeof(first) - 1 }, line, old;
	struct errtext why;

	(void)state;
	assert_int_equal(frame_reader_next(r, &input, &line, &why), 0);
	input = (struct bytes){ rest, sizeof(rest) - 1 };
	assert_int_equal(frame_reader_next(r, &input, &old, &why), 0);
	assert_int_equal(old.len, sizeof(first) + sizeof(rest) - 3);
	input = (struct bytes){ next, sizeof(next) - 1 };
	assert_int_equal(frame_reader_next(r, &input, &line, &why), 0);
	/* A buffer as small as this one is kept: it can be looked into. */
	for (size_t i = 0; i < old.len; i++)
		assert_int_equal(old.ptr[i], 0);
	frame_reader_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_lines), cmocka_unit_test(test_accepted_lines),
		cmocka_unit_test(test_longest_line),  cmocka_unit_test(test_lines_in_pieces),
		cmocka_unit_test(test_no_input),      cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_endless_line),  cmocka_unit_test(test_nothing_stays_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
