/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/route_alarm.h"

/* What the history says of refused return paths. */
static char what[MSG_TEXT_MAX + 1], why[MSG_TEXT_MAX + 1];

static bool take(struct route_alarm *alarm, uint64_t now_ms, bool is_add)
{
	struct keeper_report r = { .result = ERR_IO };

	r.request.type = is_add ? KEEPER_ROUTE_ADD : KEEPER_ROUTE_REMOVE;
	r.request.prefix.bits = 24;
	assert_int_equal(ip_parse("10.1.2.0", &r.request.prefix.ip), 0);
	memcpy(r.text, "File exists", 12);
	return route_alarm_take(alarm, now_ms, &r, what, why);
}

static void prefix_reason_and_meaning(void **state)
{
	struct route_alarm alarm = { 0 };

	(void)state;
	assert_true(take(&alarm, 5, true));
	assert_string_equal(what, "return path of 10.1.2.0/24 not set");
	assert_string_equal(why, "File exists: packets for it may not reach its SA here");
	alarm = (struct route_alarm){ 0 };
	assert_true(take(&alarm, 5, false));
	assert_string_equal(what, "return path of 10.1.2.0/24 not removed");
	assert_string_equal(why,
			    "File exists: packets for it may still come here, where it has no SA");
}

static void many_are_counted(void **state)
{
	struct route_alarm alarm = { 0 };

	(void)state;
	assert_true(take(&alarm, 5, true));
	assert_false(take(&alarm, 6, true));
	assert_false(take(&alarm, 4 + ROUTE_ALARM_MS, false));
	assert_true(take(&alarm, 5 + ROUTE_ALARM_MS, true));
	assert_string_equal(why, "File exists: packets for it may not reach its SA here"
				 " (2 more were refused before)");
	assert_true(take(&alarm, 5 + 2 * ROUTE_ALARM_MS, true));
	assert_null(strstr(why, "more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_reason_and_meaning),
		cmocka_unit_test(many_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
