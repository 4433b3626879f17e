/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "director/api/handlers.h"

#include <jansson.h>

/* From what a member says of its SAs to JSON. */

static void test_ticket(void **state)
{
	(void)state;
	assert_int_equal(api_sas_ticket(7 << 8 | 3, 3), 7);
	assert_int_equal(api_sas_ticket(7 << 8 | 3, 2), 0); /* another one's */
	assert_int_equal(api_sas_ticket(0, 0), 0);
	assert_int_equal(api_sas_ticket((uint64_t)1 << 44 | 190, 190), (uint64_t)1 << 36);
}

static json_t *answer(const struct msg_sas_part *part)
{
	struct http_response res = { .status = 0 };
	json_t *json;

	api_answer_sas(&res, "m1", part);
	assert_int_equal(res.status, 200);
	json = json_loadb(res.body, res.body_len, 0, NULL);
	assert_non_null(json);
	http_response_free(&res);
	return json;
}

static void expect_text(json_t *object, const char *name, const char *want)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text == NULL || strcmp(text, want) != 0)
		fail_msg("%s: %s instead of %s", name, text, want);
}

static void expect_number(json_t *object, const char *name, json_int_t want)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	assert_int_equal(json_integer_value(json_object_get(object, name)), want);
}

static void expect_null(json_t *object, const char *name)
{
	if (!json_is_null(json_object_get(object, name)))
		fail_msg("%s is not null", name);
}

static void test_all_there_is(void **state)
{
	static const char *const local[] = { "10.1.0.0/25" }, *const remote[] = { "a", "b" };
	const struct msg_child_sa child = { "id",     "installed", "01000001", "c0000001", "alg",
					    true,     1,           2,          3,          4,
					    5,        6,           7,          8,          9,
					    "octets", local,       1,          remote,     2 };
	const struct msg_sa sa = {
		.spi = 0x0100000000000001,
		.peer_spi = 2,
		.state = "established",
		.version = 2,
		.local_id = "gw",
		.remote_id = "p1",
		.connection = "sites",
		.local = { { IP_V4, { 192, 0, 2, 21 } }, 4500 },
		.remote = { { IP_V4, { 192, 0, 2, 101 } }, 4500 },
		.ike = "suite",
		.established_ms = 10,
		.heard_ms = 11,
		.rekey_ms = 12,
		.ends_ms = 13,
		.why = "peer",
		.rekeyed_ms = 14,
		.rekeys = 15,
		.nat_remote = true,
		.from = { IP_V4, { 192, 0, 2, 10 } },
		.active = "liveness",
		.queued = 16,
		.child_count = 17,
		.children = &child,
		.n_children = 1,
	};
	json_t *json = answer(&(struct msg_sas_part){ &sa, 1, sa.spi });
	json_t *o = json_array_get(json_object_get(json, "sas"), 0);
	json_t *c = json_array_get(json_object_get(o, "children"), 0);

	(void)state;
	expect_text(json, "next", "0100000000000001");
	expect_text(o, "member", "m1");
	expect_text(o, "spi", "0100000000000001");
	expect_text(o, "peer_spi", "0000000000000002");
	expect_text(o, "connection", "sites");
	expect_text(o, "algorithms", "suite");
	expect_text(json_object_get(o, "local"), "address", "192.0.2.21:4500");
	expect_text(json_object_get(o, "remote"), "identity", "p1");
	assert_true(json_is_true(json_object_get(json_object_get(o, "remote"), "nat")));
	assert_true(json_is_false(json_object_get(json_object_get(o, "local"), "nat")));
	expect_text(o, "redirected_from", "192.0.2.10");
	expect_number(o, "established_ms", 10);
	expect_number(o, "rekey_in_ms", 12);
	expect_number(o, "ends_in_ms", 13);
	expect_text(o, "rekey_why", "peer");
	expect_number(o, "rekeyed_ms", 14);
	expect_number(o, "rekeys", 15);
	expect_null(o, "reauth_in_ms");
	expect_text(o, "task", "liveness");
	expect_number(o, "child_count", 17);
	expect_text(c, "mode", "tunnel");
	expect_text(c, "connection", "sites");
	expect_text(c, "spi_out", "c0000001");
	expect_number(json_object_get(c, "in"), "octets", 2);
	expect_number(json_object_get(c, "out"), "packets", 5);
	expect_number(json_object_get(c, "out"), "used_ms", 7);
	expect_number(c, "ends_in_ms", 9);
	expect_text(c, "rekey_why", "octets");
	assert_int_equal(json_array_size(json_object_get(c, "remote_ts")), 2);
	json_decref(json);
}

/* What is not known is null, never 0. */
static void test_half_open(void **state)
{
	const struct msg_sa sa = { .spi = 1, .state = "half-open", .version = 2 };
	json_t *json = answer(&(struct msg_sas_part){ &sa, 1, 0 });
	json_t *o = json_array_get(json_object_get(json, "sas"), 0);

	(void)state;
	expect_null(json, "next");
	expect_null(o, "peer_spi");
	expect_null(o, "connection");
	expect_null(o, "algorithms");
	expect_null(o, "established_ms");
	expect_null(o, "rekey_in_ms");
	expect_null(o, "rekey_why");
	expect_null(o, "redirected_from");
	expect_null(json_object_get(o, "remote"), "identity");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_all_there_is),
		cmocka_unit_test(test_half_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
