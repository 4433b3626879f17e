/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_json.h"
#include "common/http/http_parser.h"

/* Messages as octets: the good, the bad, and all of them in every cut. */

#define BODY_MAX 20

/* A message, with what it has to become. */
static const struct message_case {
	const char *name;
	const char *octets; /* \0 in it: len is given */
	int status; /* requests: 0, or that of the refusal; responses: that of the response, or 5xx
		     */
	const char *method, *target, *body;
	size_t headers;
	bool keeps_alive;
	size_t len;
} requests[] = {
	{ "plain", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 0, "GET", "/a", "", 1, true, 0 },
	{ "blanks around a value", "GET / HTTP/1.1\r\nHost: \t x y \t\r\n\r\n", 0, "GET", "/", "",
	  1, true, 0 },
	{ "empty value", "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB: \r\nC:c\r\n\r\n", 0, "GET", "/", "",
	  4, true, 0 },
	{ "a blank line before", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, "GET", "/", "", 1,
	  true, 0 },
	{ "body", "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde", 0, "POST", "/p",
	  "abcde", 2, true, 0 },
	{ "longest body",
	  "POST /p HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n01234567890123456789", 0,
	  "POST", "/p", "01234567890123456789", 2, true, 0 },
	{ "empty body", "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 0, "PUT", "/", "",
	  2, true, 0 },
	{ "wants to close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0, "GET", "/",
	  "", 2, false, 0 },
	{ "HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 0, "GET", "/", "", 0, false, 0 },
	{ "HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0, "GET", "/",
	  "", 1, false, 0 },
	{ "upgrade is ignored",
	  "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 0, "GET", "/",
	  "", 3, true, 0 },
	{ "CONNECT is a method like any", "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 0, "CONNECT",
	  "a:1", "", 1, true, 0 },
	{ "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0, "OPTIONS", "*", "", 1, true, 0 },
	{ "no Host", "GET / HTTP/1.1\r\n\r\n", 400, NULL, NULL, NULL, 0, false, 0 },
	{ "two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, NULL, NULL, NULL, 0, false, 0 },
	{ "HTTP/0.9", "GET /\r\nHost: x\r\n\r\n", 505, NULL, NULL, NULL, 0, false, 0 },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505, NULL, NULL, NULL, 0, false, 0 },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, NULL, NULL, NULL, 0, false,
	  0 },
	{ "a response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "no method", " / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, 0, false, 0 },
	{ "unknown method", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, 0, false,
	  0 },
	{ "blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "two blank lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL,
	  NULL, 0, false, 0 },
	{ "LF only", "GET / HTTP/1.1\nHost: x\n\n", 400, NULL, NULL, NULL, 0, false, 0 },
	{ "LF in a value", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "CR in a value", "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "CR CR LF", "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400, NULL, NULL, NULL, 0, false, 0 },
	{ "CR at the end", "GET / HTTP/1.1\r\nHost: x\r\n\rX\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "CVE-2023-30589",
	  "POST / HTTP/1.1\r\nHost: x\r\nX: \rxTransfer-Encoding: chunked\r\n\r\n"
	  "1\r\nA\r\n0\r\n\r\n",
	  400, NULL, NULL, NULL, 0, false, 0 },
	{ "a Content-Length like that",
	  "POST / HTTP/1.1\r\nHost: x\r\nX: \rContent-Length: 3\r\n\r\nabc", 400, NULL, NULL, NULL,
	  0, false, 0 },
	{ "chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  400, NULL, NULL, NULL, 0, false, 0 },
	{ "other encoding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400,
	  NULL, NULL, NULL, 0, false, 0 },
	{ "empty encoding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 400, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "chunked and a length",
	  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
	  400, NULL, NULL, NULL, 0, false, 0 },
	{ "a length and chunked",
	  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
	  400, NULL, NULL, NULL, 0, false, 0 },
	{ "two lengths",
	  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400,
	  NULL, NULL, NULL, 0, false, 0 },
	{ "two equal lengths",
	  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400,
	  NULL, NULL, NULL, 0, false, 0 },
	{ "length +1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", 400, NULL, NULL,
	  NULL, 0, false, 0 },
	{ "length -1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na", 400, NULL, NULL,
	  NULL, 0, false, 0 },
	{ "length 1,1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1,1\r\n\r\na", 400, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "length 1 1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 1\r\n\r\na", 400, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "length 0x1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na", 400, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "length beyond 64 bits",
	  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "body too long", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 21\r\n\r\n", 413, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "body far too long",
	  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n", 413, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "no colon", "GET / HTTP/1.1\r\nHost: x\r\nfoo\r\n\r\n", 400, NULL, NULL, NULL, 0, false,
	  0 },
	{ "no name", "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400, NULL, NULL, NULL, 0, false,
	  0 },
	{ "no name, first", "GET / HTTP/1.1\r\n: x\r\n\r\n", 400, NULL, NULL, NULL, 0, false, 0 },
	{ "folded", "GET / HTTP/1.1\r\nHost: x\r\nA: a\r\n b\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "folded first", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, NULL, NULL, NULL, 0, false,
	  0 },
	{ "folded by a tab", "GET / HTTP/1.1\r\nHost:\r\n\tx\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "octet 0", "GET / HTTP/1.1\r\nHost: x\r\nA: a\0b\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 35 },
	{ "octet 1", "GET / HTTP/1.1\r\nHost: x\r\nA: a\001b\r\n\r\n", 400, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "Expect", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", 417, NULL, NULL,
	  NULL, 0, false, 0 },
	{ "TLS", "\x16\x03\x01\x02\x0a\x01", 400, NULL, NULL, NULL, 0, false, 0 },
};

static const struct message_case responses[] = {
	{ "plain", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, NULL, NULL, "{}", 1, true,
	  0 },
	{ "problem", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
	  404, NULL, NULL, "abc", 2, false, 0 },
	{ "no phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, NULL, NULL, "", 1, true,
	  0 },
	{ "nothing to say", "HTTP/1.1 204 No Content\r\n\r\n", 204, NULL, NULL, "", 0, true, 0 },
	{ "no length", "HTTP/1.1 200 OK\r\n\r\n", 502, NULL, NULL, NULL, 0, false, 0 },
	{ "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "chunked and a length",
	  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL,
	  NULL, NULL, 0, false, 0 },
	{ "too long", "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n", 413, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "not final", "HTTP/1.1 100 Continue\r\n\r\n", 502, NULL, NULL, NULL, 0, false, 0 },
	{ "a request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, 0, false, 0 },
	{ "HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", 505, NULL, NULL, NULL, 0, false,
	  0 },
	{ "status 99", "HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n", 502, NULL, NULL, NULL, 0,
	  false, 0 },
	{ "blank line before", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400, NULL, NULL,
	  NULL, 0, false, 0 },
	{ "mail", "220 mail.example ESMTP\r\n\r\n", 400, NULL, NULL, NULL, 0, false, 0 },
};

/* ---- feeding ---- */

/* From a copy of exactly that size: ASan then sees any overread. */
static enum http_progress feed(struct http_parser *p, const char *octets, size_t len, size_t *used)
{
	uint8_t *copy = malloc(len + 1);
	struct bytes input = { copy, len };
	enum http_progress progress;

	memcpy(copy, octets, len);
	progress = http_parser_feed(p, &input);
	*used = len - input.len;
	free(copy);
	return progress;
}

static void expect(const struct message_case *c, const char *what, bool is_good)
{
	if (!is_good)
		fail_msg("%s: %s", c->name, what);
}

static bool is_text(struct bytes got, const char *want)
{
	return bytes_is_equal(got, (struct bytes){ (const uint8_t *)want, strlen(want) });
}

static void check_result(const struct message_case *c, const struct http_parser *p,
			 enum http_progress progress)
{
	const struct http_message *m = &p->message;
	bool is_response = p->side == HTTP_RESPONSES;

	if (c->body == NULL) {
		expect(c, "is refused", progress == HTTP_BAD);
		if (p->status != c->status)
			fail_msg("%s: %d '%s'", c->name, p->status, p->why.text);
		expect(c, "says why", p->why.text[0] != '\0');
		return;
	}
	if (progress != HTTP_DONE)
		fail_msg("%s: not done: %d '%s'", c->name, p->status, p->why.text);
	expect(c, "status", m->status == (is_response ? c->status : 0));
	if (!is_response) {
		expect(c, "method", strcmp(m->method, c->method) == 0);
		expect(c, "target", is_text(m->target, c->target));
	}
	expect(c, "body", is_text(m->body, c->body));
	expect(c, "headers", m->header_count == c->headers);
	expect(c, "keeps alive", m->keeps_alive == c->keeps_alive);
}

/* In pieces of the given sizes, the last of which repeats. */
static void check_pieces(const struct message_case *c, enum http_side side, size_t first,
			 size_t others)
{
	size_t len = c->len > 0 ? c->len : strlen(c->octets), at = 0, used;
	enum http_progress progress = HTTP_MORE;
	struct http_parser p;

	http_parser_init(&p, side, BODY_MAX);
	assert_true(http_parser_is_between(&p));
	while (progress == HTTP_MORE && at < len) {
		size_t piece = at == 0 ? first : others;

		piece = piece < len - at ? piece : len - at;
		progress = feed(&p, c->octets + at, piece, &used);
		at += used;
		expect(c, "all of a piece is used", progress != HTTP_MORE || used == piece);
	}
	check_result(c, &p, progress);
	if (progress == HTTP_DONE) {
		expect(c, "complete", at == len);
		http_parser_next(&p);
		assert_true(http_parser_is_between(&p));
	} else {
		expect(c, "stays bad", feed(&p, "GET", 3, &used) == HTTP_BAD);
	}
	http_parser_free(&p);
}

static void check_all(const struct message_case *cases, size_t count, enum http_side side)
{
	for (size_t i = 0; i < count; i++) {
		const struct message_case *c = &cases[i];
		size_t len = c->len > 0 ? c->len : strlen(c->octets);

		for (size_t cut = 1; cut <= len; cut++)
			check_pieces(c, side, cut, len);
		for (size_t piece = 1; piece < 8; piece++)
			check_pieces(c, side, piece, piece);
	}
}

static void test_requests(void **state)
{
	(void)state;
	check_all(requests, sizeof(requests) / sizeof(requests[0]), HTTP_REQUESTS);
}

static void test_responses(void **state)
{
	(void)state;
	check_all(responses, sizeof(responses) / sizeof(responses[0]), HTTP_RESPONSES);
}

/* A good message is not complete a single octet earlier. */
static void test_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct message_case *c = &requests[i];
		size_t len = strlen(c->octets), used;
		struct http_parser p;

		for (size_t cut = 0; c->body != NULL && cut < len; cut++) {
			http_parser_init(&p, HTTP_REQUESTS, BODY_MAX);
			expect(c, "cut", feed(&p, c->octets, cut, &used) == HTTP_MORE);
			http_parser_free(&p);
		}
	}
}

static void test_pipeline(void **state)
{
	static const char octets[] = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
				     "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
				     "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char *const targets[] = { "/1", "/2", "/3" };

	(void)state;
	for (size_t piece = 1; piece <= sizeof(octets) - 1; piece++) {
		struct http_parser p;
		size_t at = 0, seen = 0, used;

		http_parser_init(&p, HTTP_REQUESTS, BODY_MAX);
		while (at < sizeof(octets) - 1) {
			size_t left = sizeof(octets) - 1 - at;
			enum http_progress progress =
			    feed(&p, octets + at, piece < left ? piece : left, &used);

			at += used;
			assert_int_not_equal(progress, HTTP_BAD);
			if (progress != HTTP_DONE)
				continue;
			assert_true(is_text(p.message.target, targets[seen]));
			assert_int_equal(p.message.body.len, seen == 1 ? 3 : 0);
			seen++;
			http_parser_next(&p);
		}
		assert_int_equal(seen, 3);
		assert_true(http_parser_is_between(&p));
		http_parser_free(&p);
	}
}

/* ---- limits ---- */

/* Feeds copies of text until the parser says something else than MORE, or limit octets are in. */
static enum http_progress flood(struct http_parser *p, const char *text, size_t limit)
{
	enum http_progress progress = HTTP_MORE;
	size_t used;

	for (size_t sum = 0; progress == HTTP_MORE && sum < limit; sum += used)
		progress = feed(p, text, strlen(text), &used);
	return progress;
}

static void test_limits(void **state)
{
	static const struct {
		const char *start, *repeated;
		int status;
	} cases[] = {
		{ "GET /", "a", 414 },
		{ "", "A", 414 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nA: ", "b", 431 },
		{ "GET / HTTP/1.1\r\nHost: x\r\n", "b", 431 },
		{ "GET / HTTP/1.1\r\nHost: x\r\n", "A: bbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", 431 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_parser p;
		size_t used;

		http_parser_init(&p, HTTP_REQUESTS, BODY_MAX);
		(void)feed(&p, cases[i].start, strlen(cases[i].start), &used);
		assert_int_equal(flood(&p, cases[i].repeated, HTTP_HEAD_MAX + 100), HTTP_BAD);
		assert_int_equal(p.status, cases[i].status);
		http_parser_free(&p);
	}
}

static enum http_progress feed_headers(struct http_parser *p, int count)
{
	static const char first[] = "GET / HTTP/1.1\r\nHost: x\r\n";
	size_t used;

	http_parser_init(p, HTTP_REQUESTS, BODY_MAX);
	(void)feed(p, first, sizeof(first) - 1, &used);
	for (int i = 0; i < count; i++)
		(void)feed(p, "A: b\r\n", 6, &used);
	return feed(p, "\r\n", 2, &used);
}

static void test_header_count(void **state)
{
	struct http_parser p;

	(void)state;
	assert_int_equal(feed_headers(&p, HTTP_HEADER_MAX - 1), HTTP_DONE);
	assert_int_equal(p.message.header_count, HTTP_HEADER_MAX);
	http_parser_free(&p);
	assert_int_equal(feed_headers(&p, HTTP_HEADER_MAX), HTTP_BAD);
	assert_int_equal(p.status, 431);
	http_parser_free(&p);
}

static void test_longest_line(void **state)
{
	char line[HTTP_LINE_MAX + 2];
	size_t used;

	(void)state;
	for (size_t extra = 0; extra <= 1; extra++) {
		size_t len = HTTP_LINE_MAX + extra;
		struct http_parser p;

		memset(line, 'a', sizeof(line));
		memcpy(line, "GET /", 5);
		memcpy(line + len - 11, " HTTP/1.1\r\n", 11);
		http_parser_init(&p, HTTP_REQUESTS, BODY_MAX);
		assert_int_equal(feed(&p, line, len, &used), extra == 0 ? HTTP_MORE : HTTP_BAD);
		if (extra == 0)
			assert_int_equal(feed(&p, "Host: x\r\n\r\n", 11, &used), HTTP_DONE);
		else
			assert_int_equal(p.status, 414);
		http_parser_free(&p);
	}
}

static void test_large_body(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
	struct http_parser p;
	size_t used;

	(void)state;
	http_parser_init(&p, HTTP_RESPONSES, 1000000);
	assert_int_equal(feed(&p, head, sizeof(head) - 1, &used), HTTP_MORE);
	assert_null(p.body); /* nothing is set aside for what only was announced */
	assert_int_equal(flood(&p, "0123456789abcdefg", 2000000), HTTP_DONE);
	assert_int_equal(p.message.body.len, 1000000);
	assert_memory_equal(p.message.body.ptr, "0123456789abcdefg0", 18);
	assert_memory_equal(p.message.body.ptr + 17 * 58000, "0123456789abcdefg0", 18);
	http_parser_free(&p);
}

static void test_answer_to_head(void **state)
{
	static const char octets[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
	struct http_parser p;
	struct bytes length;
	size_t used;

	(void)state;
	http_parser_init(&p, HTTP_RESPONSES, BODY_MAX);
	http_parser_expect_no_body(&p);
	assert_int_equal(feed(&p, octets, sizeof(octets) - 1, &used), HTTP_DONE);
	assert_int_equal(p.message.body.len, 0);
	assert_true(http_message_header(&p.message, "CONTENT-length", &length));
	assert_true(is_text(length, "1000000"));
	assert_false(http_message_header(&p.message, "content", &length));
	http_parser_free(&p);
}

/* ---- JSON ---- */

static void test_json(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{ "{}", 0 },
		{ "[[[1]]]", 0 },
		{ "{\"a\":{\"b\":[1,2,\"]]}}\\\"[[[[\"]}}", 0 },
		{ "[[[[1]]]]", ERR_LIMIT },
		{ "[[[[", ERR_LIMIT },
		{ "[{\"a\":[{}]}]", ERR_LIMIT },
		{ "{\"a\":1,\"a\":2}", ERR_VALUE },
		{ "{} {}", ERR_VALUE },
		{ "{", ERR_VALUE },
		{ "", ERR_VALUE },
		{ "1", ERR_VALUE },
		{ "]]]]", ERR_VALUE },
		{ "[\"\\", ERR_VALUE },
		{ "[\"\xff\"]", ERR_VALUE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes text = { (const uint8_t *)cases[i].text, strlen(cases[i].text) };
		struct errtext why = { "" };
		json_t *json = NULL;

		if (http_json_parse(text, 3, &json, &why) != cases[i].err)
			fail_msg("%s: '%s'", cases[i].text, why.text);
		assert_true((json != NULL) == (cases[i].err == 0));
		assert_true((why.text[0] != '\0') == (cases[i].err != 0));
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),       cmocka_unit_test(test_responses),
		cmocka_unit_test(test_cuts),           cmocka_unit_test(test_pipeline),
		cmocka_unit_test(test_limits),         cmocka_unit_test(test_header_count),
		cmocka_unit_test(test_longest_line),   cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_answer_to_head), cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
