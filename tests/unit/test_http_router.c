/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_router.h"

/* Targets of requests, and which answer they get. */

static const struct target_case {
	const char *target;
	int err;
	const char *path;
	const char *params; /* "name=value;..." */
} target_cases[] = {
	{ "/", 0, "/", "" },
	{ "/v1/status", 0, "/v1/status", "" },
	{ "/a?", 0, "/a", "" },
	{ "/a?x=1", 0, "/a", "x=1;" },
	{ "/a?x=1&y=2&z", 0, "/a", "x=1;y=2;z=;" },
	{ "/a?&&x=&", 0, "/a", "x=;" },
	{ "/a?x=1=2?3", 0, "/a", "x=1=2?3;" },
	{ "/a?=v", 0, "/a", "=v;" },
	{ "/a%20b+c?x%3d=%26+%2B", 0, "/a b+c", "x==& +;" },
	{ "/a?address=2001:db8::1", 0, "/a", "address=2001:db8::1;" },
	{ "/a?address=2001%3Adb8%3a%3A1", 0, "/a", "address=2001:db8::1;" },
	{ "/%c3%a4", 0, "/\xc3\xa4", "" },
	{ "http://host:1/a?x=1", 0, "/a", "x=1;" },
	{ "HTTPS://h/a", 0, "/a", "" },
	{ "/...", 0, "/...", "" },
	{ "", ERR_VALUE, NULL, NULL },
	{ "a", ERR_VALUE, NULL, NULL },
	{ "*", ERR_VALUE, NULL, NULL },
	{ "host:443", ERR_VALUE, NULL, NULL },
	{ "http://host", ERR_VALUE, NULL, NULL },
	{ "http://host?x", ERR_VALUE, NULL, NULL },
	{ "ftp://host/a", ERR_VALUE, NULL, NULL },
	{ "/%", ERR_VALUE, NULL, NULL },
	{ "/%4", ERR_VALUE, NULL, NULL },
	{ "/%4g", ERR_VALUE, NULL, NULL },
	{ "/%%41", ERR_VALUE, NULL, NULL },
	{ "/a%00b", ERR_VALUE, NULL, NULL },
	{ "/a%0d%0ab", ERR_VALUE, NULL, NULL },
	{ "/a?x=%7f", ERR_VALUE, NULL, NULL },
	{ "/a?x=\n", ERR_VALUE, NULL, NULL },
	{ "/.", ERR_VALUE, NULL, NULL },
	{ "/a/../b", ERR_VALUE, NULL, NULL },
	{ "/a/%2e%2E", ERR_VALUE, NULL, NULL },
	{ "/a%2fb", ERR_VALUE, NULL, NULL },
	{ "/a?x=1&x=2", ERR_DUPLICATE, NULL, NULL },
	{ "/a?x&%78=", ERR_DUPLICATE, NULL, NULL },
	{ "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p", 0, "/",
	  "a=;b=;c=;d=;e=;f=;g=;h=;i=;j=;k=;l=;m=;n=;o=;p=;" },
	{ "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", ERR_LIMIT, NULL, NULL },
};

static void test_targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(target_cases) / sizeof(target_cases[0]); i++) {
		const struct target_case *c = &target_cases[i];
		struct bytes text = { (const uint8_t *)c->target, strlen(c->target) };
		struct errtext why = { "" };
		struct http_target t;
		char params[256] = "";
		size_t len = 0;

		if (http_target_parse(text, &t, &why) != c->err)
			fail_msg("%s: '%s'", c->target, why.text);
		if (c->err != 0) {
			assert_true(why.text[0] != '\0');
			continue;
		}
		for (size_t k = 0; k < t.param_count; k++)
			len += (size_t)snprintf(params + len, sizeof(params) - len, "%s=%s;",
						t.params[k].name, t.params[k].value);
		assert_string_equal(t.path, c->path);
		assert_string_equal(params, c->params);
	}
}

static void test_target_limits(void **state)
{
	static uint8_t text[HTTP_LINE_MAX + 1];
	struct http_target t;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(http_target_parse((struct bytes){ text, HTTP_LINE_MAX }, &t, NULL), 0);
	assert_int_equal(strlen(t.path), HTTP_LINE_MAX);
	assert_null(http_target_param(&t, "a"));
	assert_int_equal(http_target_parse((struct bytes){ text, HTTP_LINE_MAX + 1 }, &t, NULL),
			 ERR_LIMIT);
	text[1] = '\0';
	assert_int_equal(http_target_parse((struct bytes){ text, 3 }, &t, NULL), ERR_VALUE);
	text[1] = '?';
	text[2] = '\0';
	assert_int_equal(http_target_parse((struct bytes){ text, 3 }, &t, NULL), ERR_VALUE);
}

/* ---- router ---- */

static void on_members(const struct http_request *req, struct http_response *res, void *ctx)
{
	const char *name = http_target_param(req->target, "name");

	assert_string_equal(ctx, "context");
	http_response_json(res, 200,
			   json_pack("{s:s, s:s}", "name", name != NULL ? name : "-", "asked_by",
				     req->peer->name));
}

static void on_drain(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)ctx;
	http_response_text(res, 202, "text/plain; charset=utf-8", req->message->body);
}

static void on_nothing(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)req, (void)res, (void)ctx;
}

static void on_problem(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)req, (void)ctx;
	http_response_json(res, 200, json_object());
	http_response_problem(res, 409, "not \"%s\"\xc3\xa4\n", "now");
}

static void on_no_memory(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)req, (void)ctx;
	http_response_json(res, 200, NULL);
}

#define READERS (HTTP_ROLE(PKI_ADMIN) | HTTP_ROLE(PKI_MONITOR))

static const struct http_route routes[] = {
	{ "GET", "/members", READERS, { "name", "state" }, on_members },
	{ "POST", "/members", HTTP_ROLE(PKI_ADMIN), { NULL }, on_drain },
	{ "POST", "/drain", HTTP_ROLE(PKI_ADMIN), { NULL }, on_drain },
	{ "GET", "/nothing", HTTP_ANYBODY, { NULL }, on_nothing },
	{ "GET", "/problem", HTTP_ANYBODY, { NULL }, on_problem },
	{ "GET", "/memory", HTTP_ANYBODY, { NULL }, on_no_memory },
};
static const struct http_router router = { routes, sizeof(routes) / sizeof(routes[0]),
					   (void *)(uintptr_t) "context" };

#define PROBLEM(title, status, detail)                                         \
	"{\"type\":\"about:blank\",\"title\":\"" title "\",\"status\":" status \
	",\"detail\":\"" detail "\"}\n"

static const struct answer_case {
	enum pki_kind kind;
	const char *method, *target;
	int status;
	const char *allow;
	const char *body;
} answer_cases[] = {
	{ PKI_ADMIN, "GET", "/members", 200, "", "{\"name\":\"-\",\"asked_by\":\"x1\"}\n" },
	{ PKI_MONITOR, "GET", "/members?name=m1", 200, "",
	  "{\"name\":\"m1\",\"asked_by\":\"x1\"}\n" },
	{ PKI_MONITOR, "HEAD", "/members?state=up", 200, "",
	  "{\"name\":\"-\",\"asked_by\":\"x1\"}\n" },
	{ PKI_ADMIN, "POST", "/drain", 202, "", "body" },
	{ PKI_MEMBER, "GET", "/nothing", 500, "",
	  PROBLEM("Internal Server Error", "500", "the request was not answered") },
	{ PKI_MEMBER, "GET", "/problem", 409, "",
	  PROBLEM("Conflict", "409", "not \\\"now\\\"???") },
	{ PKI_MEMBER, "GET", "/memory", 500, "", "" },
	{ PKI_ADMIN, "GET", "/", 404, "", PROBLEM("Not Found", "404", "there is no '/' here") },
	{ PKI_ADMIN, "GET", "/members/", 404, "",
	  PROBLEM("Not Found", "404", "there is no '/members/' here") },
	{ PKI_MEMBER, "DELETE", "/none", 404, "",
	  PROBLEM("Not Found", "404", "there is no '/none' here") },
	{ PKI_ADMIN, "DELETE", "/members", 405, "GET, HEAD, POST",
	  PROBLEM("Method Not Allowed", "405", "'/members' takes GET, HEAD, POST only") },
	{ PKI_ADMIN, "HEAD", "/drain", 405, "POST",
	  PROBLEM("Method Not Allowed", "405", "'/drain' takes POST only") },
	{ PKI_MEMBER, "GET", "/members", 403, "",
	  PROBLEM("Forbidden", "403", "not for a certificate of kind member") },
	{ PKI_MONITOR, "POST", "/members", 403, "",
	  PROBLEM("Forbidden", "403", "not for a certificate of kind monitor") },
	{ PKI_ADMIN, "GET", "/members?nam=m1", 400, "",
	  PROBLEM("Bad Request", "400", "there is no parameter 'nam'") },
	{ PKI_ADMIN, "POST", "/members?name=m1", 400, "",
	  PROBLEM("Bad Request", "400", "there is no parameter 'name'") },
	{ PKI_ADMIN, "GET", "/members?name=%0", 400, "",
	  PROBLEM("Bad Request", "400", "a % is not followed by two hexadecimal digits") },
	{ PKI_ADMIN, "CONNECT", "x:1", 400, "",
	  PROBLEM("Bad Request", "400", "the request's target is not a path") },
};

static void check_answer(const struct answer_case *c)
{
	struct pki_identity peer = { c->kind, "x1" };
	struct http_message m = {
		.method = c->method,
		.target = { (const uint8_t *)c->target, strlen(c->target) },
		.body = { (const uint8_t *)"body", 4 },
	};
	struct http_response res;

	http_router_answer(&router, &m, &peer, 0, &res);
	if (res.status != c->status || res.body_len != strlen(c->body) ||
	    (res.body_len > 0 && memcmp(res.body, c->body, res.body_len) != 0))
		fail_msg("%s %s: %d %.*s", c->method, c->target, res.status, (int)res.body_len,
			 res.body);
	assert_string_equal(res.allow, c->allow);
	assert_non_null(res.content_type);
	if (c->body[0] == '{' && c->status >= 400)
		assert_string_equal(res.content_type, "application/problem+json");
	http_response_free(&res);
	http_response_free(&res);
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answer_cases) / sizeof(answer_cases[0]); i++)
		check_answer(&answer_cases[i]);
}

/* ---- octets ---- */

static const struct octets_case {
	const char *method;
	bool keeps_alive;
	const char *octets;
} octets_cases[] = {
	{ "GET", true,
	  "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
	  "Cache-Control: no-store\r\nAllow: POST\r\n\r\nno\n" },
	{ "GET", false,
	  "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
	  "Cache-Control: no-store\r\nAllow: POST\r\nConnection: close\r\n\r\nno\n" },
	{ "HEAD", true,
	  "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
	  "Cache-Control: no-store\r\nAllow: POST\r\n\r\n" },
};

static void test_octets(void **state)
{
	struct http_response res = { .status = 0 };

	(void)state;
	http_response_text(&res, 405, "text/plain", (struct bytes){ (const uint8_t *)"no\n", 3 });
	snprintf(res.allow, sizeof(res.allow), "POST");
	for (size_t i = 0; i < sizeof(octets_cases) / sizeof(octets_cases[0]); i++) {
		const struct octets_case *c = &octets_cases[i];
		char *octets;
		size_t len;

		assert_int_equal(http_response_write(&res, strcmp(c->method, "HEAD") == 0,
						     c->keeps_alive, &octets, &len),
				 0);
		assert_int_equal(len, strlen(c->octets));
		assert_memory_equal(octets, c->octets, len);
		free(octets);
	}
	http_response_free(&res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_target_limits),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
