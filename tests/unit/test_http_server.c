/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_server.h"
#include "tests/lib/testtls.h"

/* The server on its stream: one after the other, in order, and never more than fits. */

#define BIG_LEN 100000

static struct reader {
	struct tls_stream *stream;
	size_t received, wanted;
	char text[8192]; /* the first of it */
	int opened, closed, err;
} reader;

static struct http_server api;

/* ---- the client ---- */

static void on_open(struct tls_stream *s, void *ctx)
{
	(void)s, (void)ctx;
	reader.opened++;
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	(void)s, (void)ctx;
	for (size_t i = 0; i < data.len; i++) {
		if (reader.received + i < sizeof(reader.text) - 1)
			reader.text[reader.received + i] = (char)data.ptr[i];
	}
	reader.received += data.len;
}

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	(void)s, (void)ctx, (void)why;
	reader.closed++;
	reader.err = err;
	reader.stream = NULL;
}

static const struct tls_stream_events events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_close,
};

static bool is_open(void *ctx)
{
	(void)ctx;
	return reader.opened > 0;
}

static bool is_closed(void *ctx)
{
	(void)ctx;
	return reader.closed > 0;
}

static bool has_all(void *ctx)
{
	(void)ctx;
	return reader.received >= reader.wanted;
}

/* ---- the server ---- */

static void on_echo(const struct http_request *req, struct http_response *res, void *ctx)
{
	const char *x = http_target_param(req->target, "x");
	struct bytes text = { (const uint8_t *)x, x != NULL ? strlen(x) : 0 };

	(void)ctx;
	http_response_text(res, 200, "text/plain", x != NULL ? text : req->message->body);
}

static void on_big(const struct http_request *req, struct http_response *res, void *ctx)
{
	static uint8_t big[BIG_LEN];

	(void)req, (void)ctx;
	http_response_text(res, 200, "text/plain", (struct bytes){ big, sizeof(big) });
}

static const struct http_route routes[] = {
	{ "GET", "/echo", HTTP_ROLE(PKI_MEMBER), { "x" }, on_echo },
	{ "POST", "/echo", HTTP_ROLE(PKI_MEMBER), { NULL }, on_echo },
	{ "GET", "/big", HTTP_ROLE(PKI_MEMBER), { NULL }, on_big },
	{ "GET", "/admin", HTTP_ROLE(PKI_ADMIN), { NULL }, on_echo },
};
static const struct http_router router = { routes, sizeof(routes) / sizeof(routes[0]), NULL };

static void start(struct testtls *w)
{
	reader = (struct reader){ .stream = NULL };
	api = (struct http_server){ .router = &router, .body_max = 1000 };
	testtls_init(w);
	testtls_serve(w);
	w->protocol.on_accept = http_server_accept;
	w->protocol.ctx = &api;
	w->protocol.out_max = HTTP_SERVER_OUT_MAX;
	assert_int_equal(tls_stream_connect(&w->loop, w->client_tls, &w->at, &testtls_d1, NULL,
					    &events, NULL, &reader.stream),
			 0);
	testtls_until(w, is_open);
}

static void finish(struct testtls *w)
{
	if (reader.stream != NULL)
		tls_stream_close(reader.stream, "test ends");
	testtls_finish(w);
}

static void say(const char *text)
{
	struct bytes data = { (const uint8_t *)text, strlen(text) };

	assert_int_equal(tls_stream_write(reader.stream, data), 0);
}

#define HOST "Host: x\r\n"
#define OK_HEAD(len)                                                          \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " len \
	"\r\nCache-Control: no-store\r\n"
#define OK(len, body)      OK_HEAD(len) "\r\n" body
#define OK_LAST(len, body) OK_HEAD(len) "Connection: close\r\n\r\n" body

static void expect_heard(struct testtls *w, const char *want)
{
	reader.wanted = strlen(want);
	testtls_until(w, has_all);
	assert_string_equal(reader.text, want);
	reader.received = 0;
	memset(reader.text, 0, sizeof(reader.text));
}

static void test_keep_alive(void **state)
{
	struct testtls w;

	(void)state;
	start(&w);
	say("GET /echo?x=one HTTP/1.1\r\n" HOST "\r\n");
	expect_heard(&w, OK("3", "one"));
	say("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nse");
	say("cond");
	expect_heard(&w, OK("6", "second"));
	say("HEAD /echo?x=third HTTP/1.1\r\n" HOST "\r\n");
	expect_heard(&w, OK("5", ""));
	say("GET /echo?x=last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
	    "GET /echo?x=never HTTP/1.1\r\n" HOST "\r\n");
	expect_heard(&w, OK_LAST("4", "last"));
	testtls_until(&w, is_closed);
	assert_int_equal(reader.err, ERR_CLOSED);
	assert_int_equal(api.counters.requests, 4);
	assert_int_equal(api.counters.refused, 0);
	finish(&w);
}

static void test_pipeline(void **state)
{
	static const char requests[] = "GET /echo?x=1 HTTP/1.1\r\n" HOST "\r\n"
				       "HEAD /echo?x=22 HTTP/1.1\r\n" HOST "\r\n"
				       "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n333"
				       "GET /echo?x=4444 HTTP/1.1\r\n" HOST "\r\n";
	struct testtls w;

	(void)state;
	for (size_t cut = 0; cut < sizeof(requests) - 1; cut += 7) {
		struct bytes first = { (const uint8_t *)requests, cut };

		start(&w);
		assert_int_equal(tls_stream_write(reader.stream, first), 0);
		say(requests + cut);
		expect_heard(&w, OK("1", "1") OK("2", "") OK("3", "333") OK("4", "4444"));
		assert_int_equal(reader.closed, 0);
		finish(&w);
	}
}

static void test_bad_request(void **state)
{
	struct testtls w;

	(void)state;
	start(&w);
	say("GET /echo?x=1 HTTP/1.1\r\n" HOST "\r\nGET\r\n\r\n"
	    "GET /echo?x=never HTTP/1.1\r\n" HOST "\r\n");
	testtls_until(&w, is_closed);
	assert_int_equal(reader.err, ERR_CLOSED);
	assert_non_null(strstr(reader.text, "\r\n\r\n1HTTP/1.1 400 Bad Request\r\n"));
	assert_non_null(strstr(reader.text, "Connection: close\r\n"));
	assert_null(strstr(reader.text, "never"));
	assert_int_equal(api.counters.requests, 2);
	assert_int_equal(api.counters.refused, 1);
	finish(&w);
}

static void test_role(void **state)
{
	struct testtls w;

	(void)state;
	start(&w);
	say("GET /admin HTTP/1.1\r\n" HOST "\r\n");
	reader.wanted = 1;
	testtls_until(&w, has_all);
	assert_non_null(strstr(reader.text, "HTTP/1.1 403 Forbidden\r\n"));
	assert_non_null(strstr(reader.text, "Content-Type: application/problem+json\r\n"));
	assert_int_equal(reader.closed, 0);
	finish(&w);
}

/* Long answers to many requests at once, not read: the server stops, and goes on later. */
static void test_client_that_does_not_read(void **state)
{
	static const size_t count = 300;
	struct testtls w;
	uint64_t before;

	(void)state;
	start(&w);
	tls_stream_pause(reader.stream);
	for (size_t i = 0; i < count; i++)
		say("GET /big HTTP/1.1\r\n" HOST "\r\n");
	do {
		before = api.counters.requests;
		for (int i = 0; i < 50; i++)
			uv_run(&w.loop, UV_RUN_NOWAIT);
	} while (api.counters.requests > before);
	assert_in_range(api.counters.requests, 1, count / 2);

	tls_stream_resume(reader.stream);
	reader.wanted = count * (strlen(OK("100000", "")) + BIG_LEN);
	testtls_until(&w, has_all);
	assert_int_equal(reader.received, reader.wanted);
	assert_int_equal(api.counters.requests, count);
	finish(&w);
}

/* Connections that end in the middle of things. */
static void test_ends(void **state)
{
	static const char *const texts[] = {
		"",
		"GET /e",
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 500\r\n\r\nabc",
		"GET /big HTTP/1.1\r\n" HOST "\r\nGET /big HTTP/1.1\r\n" HOST "\r\n",
	};
	struct testtls w;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (int aborts = 0; aborts <= 1; aborts++) {
			start(&w);
			say(texts[i]);
			for (int turns = 0; turns < 3; turns++)
				uv_run(&w.loop, UV_RUN_NOWAIT);
			if (aborts)
				tls_stream_abort(reader.stream, "test");
			else
				tls_stream_close(reader.stream, "test");
			testtls_until(&w, is_closed);
			finish(&w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_pipeline),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_client_that_does_not_read),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
