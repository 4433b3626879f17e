/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "director/api/api_json.h"

/* What a POST may bring along. */

static const char *const known[] = { "address", "to", NULL };

static json_t *read_body(const char *type, const char *text, int *status)
{
	struct http_message m = { .method = "POST" };
	struct http_request req = { .method = "POST", .message = &m };
	struct http_response res = { .status = 0 };
	json_t *body;

	if (type != NULL) {
		m.headers[0].name = (struct bytes){ (const uint8_t *)"Content-Type", 12 };
		m.headers[0].value = (struct bytes){ (const uint8_t *)type, strlen(type) };
		m.header_count = 1;
	}
	m.body = (struct bytes){ (const uint8_t *)text, strlen(text) };
	body = api_read_body(&req, &res, known);
	*status = res.status;
	http_response_free(&res);
	return body;
}

static void test_accepted(void **state)
{
	static const struct {
		const char *type, *text;
	} cases[] = {
		{ "application/json", "{}" },
		{ "Application/JSON", " {\"to\":\"m1\"} " },
		{ "application/json; charset=utf-8", "{\"address\":[{}],\"to\":null}" },
		{ "application/json ;x=y", "{}" },
	};
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *body = read_body(cases[i].type, cases[i].text, &status);

		if (!json_is_object(body) || status != 0)
			fail_msg("%s %s: %d", cases[i].type, cases[i].text, status);
		json_decref(body);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *type, *text;
		int status;
	} cases[] = {
		{ NULL, "{}", 415 },
		{ "text/plain", "{}", 415 },
		{ "application/jsonx", "{}", 415 },
		{ "application/jso", "{}", 415 },
		{ "application/x-www-form-urlencoded", "{}", 415 },
		{ "application/json", "", 400 },
		{ "application/json", "[]", 400 },
		{ "application/json", "7", 400 },
		{ "application/json", "{", 400 },
		{ "application/json", "{}{}", 400 },
		{ "application/json", "{\"to\":1,\"to\":2}", 400 },
		{ "application/json", "{\"to\":\"m1\",\"form\":1}", 400 },
		{ "application/json", "{\"to\":[[[[1]]]]}", 400 },
	};
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *body = read_body(cases[i].type, cases[i].text, &status);

		if (body != NULL || status != cases[i].status)
			fail_msg("%s: %d", cases[i].text, status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
