/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/http/http_client.h"
#include "tests/lib/testtls.h"

/* What a tool's user gets to see. The server runs in a thread of its own. */

#define TIMEOUT_MS 5000

/* What the server does with a request for a path. */
static const struct answer_case {
	const char *path;
	const char *answer; /* NULL: nothing */
	enum {
		STAY,
		CLOSE,
		ABORT
	} then;
	int err, status;
	const char *why; /* behind the endpoint */
} answer_cases[] = {
	{ "/good", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n", STAY, 0, 200, "" },
	{ "/problem",
	  "HTTP/1.1 404 Not Found\r\nContent-Length: 32\r\n\r\n"
	  "{\"title\":\"Not Found\",\"detail\":1}",
	  CLOSE, 0, 404, "Not Found" },
	{ "/detail",
	  "HTTP/1.1 404 Not Found\r\nContent-Length: 40\r\n\r\n"
	  "{\"title\":\"Not Found\",\"detail\":\"no such\"}",
	  CLOSE, 0, 404, "Not Found: no such" },
	{ "/other", "HTTP/1.1 503 Gone\r\nContent-Length: 2\r\n\r\n{}", CLOSE, 0, 503,
	  "status 503" },
	{ "/close", NULL, CLOSE, ERR_IO, 0, "closed by the other side before it answered" },
	{ "/abort", NULL, ABORT, ERR_IO, 0, "" },
	{ "/half", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{", CLOSE, ERR_IO, 0,
	  "closed by the other side before it answered" },
	{ "/mail", "220 mail.example\r\n\r\n", STAY, ERR_VALUE, 0,
	  "not a response as it should be: " },
	{ "/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", STAY,
	  ERR_VALUE, 0, "not a response as it should be: " },
	{ "/text", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", STAY, ERR_VALUE, 0,
	  "not JSON: " },
	{ "/large", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", STAY, ERR_LIMIT, 0,
	  "not a response as it should be: the body is too large" },
	{ "/deep",
	  "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", STAY,
	  ERR_LIMIT, 0, "JSON is nested deeper than 16 levels" },
};

/* ---- the server ---- */

static struct server {
	uv_thread_t thread;
	uv_sem_t is_ready;
	uv_async_t stop;
	struct testtls w;
} server;

/* Answers a POST when it is there as it should be, in however many pieces. */
static void take_post(struct tls_stream *s, struct bytes data)
{
	static const char answer[] =
	    "HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\n{\"a\":2}\n";
	static char got[512];
	static size_t len;
	char host[ENDPOINT_TEXT_MAX], want[512];

	if (data.len >= sizeof(got) - len)
		return;
	memcpy(got + len, data.ptr, data.len);
	len += data.len;
	got[len] = '\0';
	snprintf(want, sizeof(want),
		 "POST /move?x=1 HTTP/1.1\r\nHost: %s\r\n"
		 "Accept: application/json, application/problem+json\r\n"
		 "Content-Type: application/json\r\nContent-Length: 10\r\n"
		 "Connection: close\r\n\r\n{\"to\":\"b\"",
		 endpoint_format(&server.w.at, host));
	if (len < strlen(want) + 1 || strncmp(got, want, strlen(want)) != 0 ||
	    strcmp(got + strlen(want), "}") != 0)
		return;
	if (tls_stream_write(s, (struct bytes){ (const uint8_t *)answer, strlen(answer) }) != 0)
		return;
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	char line[128];
	const struct answer_case *c = answer_cases, *end;

	(void)ctx;
	end = c + sizeof(answer_cases) / sizeof(answer_cases[0]);
	for (; c < end; c++) {
		int len = snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\n", c->path);

		if (data.len >= (size_t)len && memcmp(data.ptr, line, (size_t)len) == 0)
			break;
	}
	if (c == end) {
		take_post(s, data);
		return; /* /silent gets no answer */
	}
	if (c->answer != NULL &&
	    tls_stream_write(s, (struct bytes){ (const uint8_t *)c->answer, strlen(c->answer) }))
		return;
	if (c->then == CLOSE)
		tls_stream_close(s, "test");
	else if (c->then == ABORT)
		tls_stream_abort(s, "test");
}

static void on_accept(struct tls_stream *s, void *ctx)
{
	static const struct tls_stream_events events = { .on_data = on_data };

	tls_stream_set_events(s, &events, ctx);
}

static void on_refused(void *ctx, const struct endpoint *remote, const char *why)
{
	(void)ctx, (void)remote, (void)why;
}

static void on_stop(uv_async_t *async)
{
	testtls_stop_server(&server.w);
	uv_close((uv_handle_t *)async, NULL);
}

static void run_server(void *arg)
{
	(void)arg;
	testtls_init(&server.w);
	testtls_serve(&server.w);
	server.w.protocol.name = "http/1.1";
	server.w.protocol.on_accept = on_accept;
	server.w.options.on_refused = on_refused;
	uv_async_init(&server.w.loop, &server.stop, on_stop);
	uv_sem_post(&server.is_ready);
	uv_run(&server.w.loop, UV_RUN_DEFAULT);
	testtls_finish(&server.w);
}

static int set_up(void **state)
{
	testtls_group_setup(state);
	uv_sem_init(&server.is_ready, 0);
	uv_thread_create(&server.thread, run_server, NULL);
	uv_sem_wait(&server.is_ready);
	return 0;
}

static int tear_down(void **state)
{
	uv_async_send(&server.stop);
	uv_thread_join(&server.thread);
	uv_sem_destroy(&server.is_ready);
	return testtls_group_teardown(state);
}

/* ---- the client ---- */

static void expect_why(const char *name, const struct http_client *client,
		       const struct errtext *why, const char *part)
{
	char at[ENDPOINT_TEXT_MAX], want[ERRTEXT_MAX];

	snprintf(want, sizeof(want), "%s: %s", endpoint_format(&client->director, at), part);
	if (strncmp(why->text, want, strlen(want)) != 0)
		fail_msg("%s: '%s', not '%s'", name, why->text, want);
}

static void test_answers(void **state)
{
	struct tls_ctx *tls = testtls_ctx(&testtls_member, "http/1.1");
	struct http_client client = { tls, server.w.at, "d1", TIMEOUT_MS };

	(void)state;
	for (size_t i = 0; i < sizeof(answer_cases) / sizeof(answer_cases[0]); i++) {
		const struct answer_case *c = &answer_cases[i];
		struct errtext why = { "" };
		json_t *json = NULL;
		int status = 0, err = http_client_get_json(&client, c->path, &status, &json, &why);

		if (err != c->err || status != c->status)
			fail_msg("%s: %d, %d '%s'", c->path, err, status, why.text);
		assert_true((json != NULL) == (err == 0));
		expect_why(c->path, &client, &why, c->why);
		json_decref(json);
	}
	tls_ctx_free(tls);
}

static void test_post(void **state)
{
	struct tls_ctx *tls = testtls_ctx(&testtls_member, "http/1.1");
	struct http_client client = { tls, server.w.at, "d1", TIMEOUT_MS };
	json_t *body = json_pack("{s:s}", "to", "b"), *json = NULL;
	struct errtext why = { "" };
	int status = 0, err;

	(void)state;
	err = http_client_post_json(&client, "/move?x=1", body, &status, &json, &why);
	if (err != 0)
		fail_msg("%s", why.text);
	assert_int_equal(status, 202);
	assert_int_equal(json_integer_value(json_object_get(json, "a")), 2);
	json_decref(body);
	json_decref(json);
	tls_ctx_free(tls);
}

static void check_failure(const char *name, const struct http_client *client, const char *path,
			  int want, const char *part)
{
	struct errtext why = { "" };
	json_t *json = NULL;
	int status, err = http_client_get_json(client, path, &status, &json, &why);

	if (err != want)
		fail_msg("%s: %d '%s'", name, err, why.text);
	assert_null(json);
	expect_why(name, client, &why, part);
}

static void test_failures(void **state)
{
	struct tls_files rogue = testpki_issue(testtls_rogue_pki, "r1", "waypost:admin:r1");
	struct tls_ctx *good = testtls_ctx(&testtls_member, "http/1.1");
	struct tls_ctx *stranger = testtls_ctx(&rogue, "http/1.1");
	struct tls_ctx *control = testtls_ctx(&testtls_member, TESTTLS_PROTOCOL);
	struct http_client client = { good, server.w.at, "d1", TIMEOUT_MS };
	char long_path[5000];

	(void)state;
	client.timeout_ms = 100;
	check_failure("silent", &client, "/silent", ERR_TIMEOUT,
		      "connected, but no answer in 100 ms");
	client.timeout_ms = TIMEOUT_MS;
	client.director_name = "d2";
	check_failure("another director", &client, "/good", ERR_AUTH,
		      "the other side is waypost:director:d1, not waypost:director:d2");
	client.director_name = "d1";
	client.tls = stranger;
	check_failure("another authority", &client, "/good", ERR_AUTH,
		      "the certificate of the other side is not from our CA (");
	client.tls = control;
	check_failure("nobody takes it", &client, "/good", ERR_IO,
		      "closed by the other side before it answered");
	client.tls = good;
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	check_failure("long path", &client, long_path, ERR_TOO_LONG, "the request is too long");
	tls_ctx_free(good);
	tls_ctx_free(stranger);
	tls_ctx_free(control);
}

/* A socket at 127.0.0.1 that listens or does not, and never accepts. */
static int open_socket(struct endpoint *at, bool listens)
{
	struct endpoint any = { { IP_V4, { 127, 0, 0, 1 } }, 0 };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&any, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	if (listens)
		assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(endpoint_from_sockaddr(&sa, at), 0);
	return fd;
}

static void test_not_reached(void **state)
{
	struct tls_ctx *tls = testtls_ctx(&testtls_member, "http/1.1");
	struct http_client client = { tls, { { IP_NONE, { 0 } }, 0 }, "d1", 100 };
	int fd;

	(void)state;
	fd = open_socket(&client.director, false);
	check_failure("refused", &client, "/", ERR_IO, "connection refused");
	close(fd);
	fd = open_socket(&client.director, true);
	check_failure("not TLS", &client, "/", ERR_TIMEOUT, "no complete TLS handshake in 100 ms");
	close(fd);
	tls_ctx_free(tls);
}

static void test_encode(void **state)
{
	char out[32] = "/p?x=";

	(void)state;
	assert_int_equal(http_client_encode("a-._~Z9", out, sizeof(out)), 0);
	assert_int_equal(http_client_encode(" /&\xc3", out, sizeof(out)), 0);
	assert_string_equal(out, "/p?x=a-._~Z9%20%2F%26%C3");
	assert_int_equal(http_client_encode("1234567", out, sizeof(out)), 0);
	assert_int_equal(http_client_encode("8", out, sizeof(out)), ERR_NO_SPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post),     cmocka_unit_test(test_answers),
		cmocka_unit_test(test_failures), cmocka_unit_test(test_not_reached),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
