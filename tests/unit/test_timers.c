/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/base/timers.h"

#define N 500

static void test_order(void **state)
{
	struct timers t = { .heap = NULL };
	struct timer nodes[] = { { 0 }, { 0 }, { 0 } };

	(void)state;
	assert_null(timers_first(&t));
	assert_int_equal(timers_set(&t, &nodes[0], 30), 0);
	assert_int_equal(timers_set(&t, &nodes[1], 10), 0);
	assert_int_equal(timers_set(&t, &nodes[2], 20), 0);
	assert_ptr_equal(timers_first(&t), &nodes[1]);
	assert_int_equal(timers_set(&t, &nodes[1], 40), 0); /* moved back */
	assert_ptr_equal(timers_first(&t), &nodes[2]);
	assert_int_equal(timers_set(&t, &nodes[0], 5), 0); /* moved forward */
	assert_ptr_equal(timers_first(&t), &nodes[0]);
	timers_clear(&t, &nodes[0]);
	timers_clear(&t, &nodes[0]); /* twice is fine */
	assert_ptr_equal(timers_first(&t), &nodes[2]);
	timers_clear(&t, &nodes[2]);
	timers_clear(&t, &nodes[1]);
	assert_null(timers_first(&t));
	timers_free(&t);
}

static const struct timer *earliest(const struct timer *nodes)
{
	const struct timer *first = NULL;

	for (size_t i = 0; i < N; i++) {
		if (nodes[i].place != 0 && (first == NULL || nodes[i].due_ms < first->due_ms))
			first = &nodes[i];
	}
	return first;
}

/* Against the plainest model: look at all of them. */
static void test_random_changes(void **state)
{
	struct rng_seeded seed = { 7 };
	const struct rng rng = rng_seeded(&seed);
	struct timers t = { .heap = NULL };
	struct timer nodes[N] = { { 0 } };

	(void)state;
	for (int step = 0; step < 20000; step++) {
		const struct timer *want, *got;
		uint64_t random;

		assert_int_equal(rng_u64(&rng, &random), 0);
		if (random % 3 == 0)
			timers_clear(&t, &nodes[(random >> 8) % N]);
		else
			assert_int_equal(
			    timers_set(&t, &nodes[(random >> 8) % N], (random >> 32) % 1000), 0);
		want = earliest(nodes);
		got = timers_first(&t);
		assert_true((want == NULL) == (got == NULL));
		if (want != NULL)
			assert_int_equal(got->due_ms, want->due_ms);
	}
	timers_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
