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

/* Answers that come later: in order, or too late, or when nobody waits for them any more. */

#define CLIENTS 3

static struct reader {
	struct tls_stream *stream;
	size_t received;
	char text[8192];
	int opened, closed;
} readers[CLIENTS];

static struct http_server api;
static uint64_t tickets[16];
static size_t n_asked;   /* requests for /later that the handler has seen */
static size_t n_refused; /* without a ticket */
static const char *wanted;

/* ---- the clients ---- */

static void on_open(struct tls_stream *s, void *ctx)
{
	(void)s;
	((struct reader *)ctx)->opened++;
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	struct reader *r = ctx;

	(void)s;
	assert_true(r->received + data.len < sizeof(r->text));
	memcpy(r->text + r->received, data.ptr, data.len);
	r->received += data.len;
	r->text[r->received] = '\0';
}

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct reader *r = ctx;

	(void)s, (void)err, (void)why;
	r->closed++;
	r->stream = NULL;
}

static const struct tls_stream_events events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_close,
};

/* ---- the server ---- */

static void on_later(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)ctx;
	if (req->ticket == 0) {
		n_refused++;
		http_response_problem(res, 503, "busy");
		return;
	}
	tickets[n_asked++] = req->ticket;
	res->is_deferred = true;
}

static void on_now(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)req, (void)ctx;
	http_response_text(res, 200, "text/plain", (struct bytes){ (const uint8_t *)"now", 3 });
}

static const struct http_route routes[] = {
	{ "GET", "/later", HTTP_ROLE(PKI_MEMBER), { NULL }, on_later },
	{ "GET", "/now", HTTP_ROLE(PKI_MEMBER), { NULL }, on_now },
};
static const struct http_router router = { routes, sizeof(routes) / sizeof(routes[0]), NULL };

/* ---- the world ---- */

static bool is_open(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < CLIENTS; i++) {
		if (readers[i].opened == 0)
			return false;
	}
	return true;
}

static bool is_closed(void *ctx)
{
	(void)ctx;
	return readers[0].closed > 0;
}

static bool has_asked(void *ctx)
{
	(void)ctx;
	return n_asked + n_refused >= CLIENTS;
}

static bool has_asked_once(void *ctx)
{
	(void)ctx;
	return n_asked > 0;
}

static bool has_asked_twice(void *ctx)
{
	(void)ctx;
	return n_asked > 1;
}

static bool is_nobody_waiting(void *ctx)
{
	(void)ctx;
	return api.n_waiting == 0;
}

static bool has_wanted(void *ctx)
{
	(void)ctx;
	return strstr(readers[0].text, wanted) != NULL;
}

static bool has_refused(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < CLIENTS; i++) {
		if (strstr(readers[i].text, "503 Service Unavailable") != NULL)
			return true;
	}
	return false;
}

static void start(struct testtls *w, size_t deferred_max)
{
	memset(readers, 0, sizeof(readers));
	n_asked = n_refused = 0;
	testtls_init(w);
	api = (struct http_server){
		.router = &router, .body_max = 1000, .loop = &w->loop, .deferred_max = deferred_max
	};
	testtls_serve(w);
	w->protocol.on_accept = http_server_accept;
	w->protocol.ctx = &api;
	w->protocol.out_max = HTTP_SERVER_OUT_MAX;
	for (size_t i = 0; i < CLIENTS; i++)
		assert_int_equal(tls_stream_connect(&w->loop, w->client_tls, &w->at, &testtls_d1,
						    NULL, &events, &readers[i], &readers[i].stream),
				 0);
	testtls_until(w, is_open);
}

static void finish(struct testtls *w)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		if (readers[i].stream != NULL)
			tls_stream_close(readers[i].stream, "test ends");
	}
	testtls_finish(w);
	assert_int_equal(api.n_waiting, 0);
	assert_null(api.waiting);
}

static void say(size_t client, const char *text)
{
	struct bytes data = { (const uint8_t *)text, strlen(text) };

	assert_int_equal(tls_stream_write(readers[client].stream, data), 0);
}

static void complete(uint64_t ticket, const char *text)
{
	struct http_response res = { .status = 0 };

	http_response_text(&res, 200, "text/plain",
			   (struct bytes){ (const uint8_t *)text, strlen(text) });
	http_server_complete(&api, ticket, &res);
}

static void expect(struct testtls *w, const char *text)
{
	wanted = text;
	testtls_until(w, has_wanted);
}

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define HEAD(path) "HEAD " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Requests behind it wait, whether they came with it or after it. */
static void test_in_order(void **state)
{
	struct testtls w;

	(void)state;
	start(&w, 8);
	say(0, GET("/later") GET("/now"));
	testtls_until(&w, has_asked_once);
	say(0, HEAD("/later"));
	say(1, GET("/later"));
	testtls_until(&w, has_asked_twice); /* the other client's: it need not wait */
	assert_int_equal(readers[0].received, 0);
	complete(tickets[0] + 100, "nobody's");
	complete(tickets[0], "first");
	n_asked = 1;
	testtls_until(&w, has_asked_twice);
	expect(&w, "\r\n\r\nfirst");
	expect(&w, "\r\n\r\nnow");
	assert_int_equal(api.n_waiting, 2);
	complete(tickets[1], "unseen");
	expect(&w, "Content-Length: 6\r\n");
	complete(tickets[1], "again");
	say(0, GET("/now"));
	readers[0].text[readers[0].received = 0] = '\0';
	expect(&w, "\r\n\r\nnow");
	assert_null(strstr(readers[0].text, "again"));
	assert_int_equal(api.counters.late, 0);
	finish(&w);
}

/* The last one on its connection closes it, later as at once. */
static void test_close_behind(void **state)
{
	struct testtls w;

	(void)state;
	start(&w, 8);
	say(0, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	testtls_until(&w, has_asked_once);
	complete(tickets[0], "last");
	expect(&w, "\r\n\r\nlast");
	testtls_until(&w, is_closed);
	finish(&w);
}

/* Nobody says anything: 504, and the connection goes on; what comes then is dropped. */
static void test_too_late(void **state)
{
	struct testtls w;

	(void)state;
	start(&w, 8);
	say(0, GET("/later") GET("/now"));
	expect(&w, "HTTP/1.1 504 Gateway Timeout");
	expect(&w, "\r\n\r\nnow");
	assert_int_equal(api.counters.late, 1);
	assert_int_equal(api.counters.refused, 1);
	complete(tickets[0], "too late");
	say(0, GET("/later"));
	testtls_until(&w, has_asked_twice);
	complete(tickets[1], "in time");
	expect(&w, "\r\n\r\nin time");
	assert_null(strstr(readers[0].text, "too late"));
	finish(&w);
}

/* The client goes, well or not, with requests behind or without. */
static void test_client_goes(void **state)
{
	static const char *const texts[] = { GET("/later"), GET("/later") GET("/now") };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct testtls w;

		start(&w, 8);
		say(0, texts[i / 2]);
		testtls_until(&w, has_asked_once);
		if (i % 2 == 0)
			tls_stream_abort(readers[0].stream, "test");
		else
			tls_stream_close(readers[0].stream, "test");
		testtls_until(&w, is_nobody_waiting);
		complete(tickets[0], "nobody is there");
		finish(&w);
	}
}

/* The server ends with some that wait. */
static void test_server_goes(void **state)
{
	struct testtls w;

	(void)state;
	start(&w, 8);
	for (size_t i = 0; i < CLIENTS; i++)
		say(i, GET("/later"));
	testtls_until(&w, has_asked);
	finish(&w);
}

static void test_bound(void **state)
{
	struct testtls w;

	(void)state;
	start(&w, CLIENTS - 1);
	for (size_t i = 0; i < CLIENTS; i++)
		say(i, GET("/later"));
	testtls_until(&w, has_asked);
	assert_int_equal(n_asked, CLIENTS - 1);
	testtls_until(&w, has_refused);
	for (size_t i = 0; i < n_asked; i++)
		complete(tickets[i], "done");
	assert_int_equal(api.n_waiting, 0);
	finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),    cmocka_unit_test(test_close_behind),
		cmocka_unit_test(test_too_late),    cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_server_goes), cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, testtls_group_setup, testtls_group_teardown);
}
