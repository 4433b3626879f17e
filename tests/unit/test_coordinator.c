/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/coordinator_world.h"

/* Silent members: doubt, probes, the decision table, and who takes over. */

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static int start(void **state)
{
	(void)state;
	world_reset(4);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static enum member_state state_of(size_t member)
{
	return registry_get(world.registry, member)->state;
}

static void test_power_cut(void **state)
{
	const struct coordinator_action *claim;
	uint64_t ms;

	(void)state;
	world_begin(4);
	world_kill(1);
	ms = world_until_owned(1, world_address(1)->successors[0], 400);
	/* Its last heartbeat was at the moment of death here: suspect_ms, no more. */
	assert_in_range(ms, 290, 301);
	assert_int_equal(state_of(1), MEMBER_DOWN);
	assert_non_null(strstr(registry_get(world.registry, 1)->why,
			       "asked 192.0.2.22: neither agent nor kernel answers"));
	claim = world_last(COORDINATOR_CLAIM, COORDINATOR_NONE);
	assert_int_equal(claim->from, 1);
	assert_false(claim->force);
	assert_non_null(world_event("192.0.2.22", "orphaned", "m2 is down"));
	assert_non_null(world_event("192.0.2.22", "owned", "claimed under epoch"));
	assert_int_equal(world_count(COORDINATOR_CLAIM), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_power_cut, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
