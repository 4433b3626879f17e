/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "director/redirect/rate.h"
#include "tests/lib/placement_table.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOW        1000000u
#define SEED       42

static struct rate_table rates;

/* How many of n are allowed at once. */
static uint32_t count(const char *source, uint64_t now_ms, uint32_t n)
{
	struct ip ip = table_ip(source);
	uint32_t allowed = 0;

	for (uint32_t i = 0; i < n; i++)
		allowed += rate_is_allowed(&rates, now_ms, &ip);
	return allowed;
}

/* After a burst was spent at NOW: how many are allowed elapsed_ms later. */
static const struct refill_case {
	const char *name;
	uint32_t per_second, burst;
	uint64_t elapsed_ms;
	uint32_t allowed;
} refill_cases[] = {
	{ "at once", 100, 200, 0, 0 },
	{ "just before one", 100, 200, 9, 0 },
	{ "one", 100, 200, 10, 1 },
	{ "half a second", 100, 200, 500, 50 },
	{ "not above the burst", 100, 200, 60000, 200 },
	{ "one a second", 1, 1, 999, 0 },
	{ "one a second, later", 1, 1, 1000, 1 },
	{ "a burst of 0 is one of 1", 10, 0, 1000, 1 },
	{ "a thousand in a millisecond", 1000000, 5000, 1, 1000 },
	{ "nothing overflows", UINT32_MAX, 5000, UINT32_MAX, 5000 },
	{ "the clock's lower half wraps", 100, 200, (uint64_t)UINT32_MAX + 1 + 500, 50 },
};

static void test_refill(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(refill_cases); i++) {
		const struct refill_case *c = &refill_cases[i];
		uint32_t burst = c->burst > 0 ? c->burst : 1, got;

		rate_init(&rates, c->per_second, c->burst, SEED);
		got = count("192.0.2.1", NOW, burst + 10);
		if (got != burst)
			fail_msg("%s: burst of %u", c->name, got);
		got = count("192.0.2.1", NOW + c->elapsed_ms, c->burst + 10);
		if (got != c->allowed)
			fail_msg("%s: %u, not %u", c->name, got, c->allowed);
	}
}

/* Asking all the time, a slow rate adds up as well. */
static void test_slow_rates_add_up(void **state)
{
	uint32_t allowed = 0;

	(void)state;
	rate_init(&rates, 3, 1, SEED);
	for (uint64_t t = 0; t < 10000; t++)
		allowed += count("192.0.2.1", NOW + t, 1);
	assert_in_range(allowed, 29, 31);
}

static void test_no_limit(void **state)
{
	(void)state;
	rate_init(&rates, 0, 0, SEED);
	assert_int_equal(count("192.0.2.1", NOW, 5000), 5000);
}

static void test_large_limits_are_capped(void **state)
{
	(void)state;
	rate_init(&rates, UINT32_MAX, UINT32_MAX, SEED);
	assert_int_equal(count("192.0.2.1", NOW, 1000), 1000);
	assert_int_equal(rates.burst, RATE_MAX);
}

static const struct prefix_case {
	const char *name;
	const char *a, *b;
	bool is_shared;
} prefix_cases[] = {
	{ "one /24", "192.0.2.1", "192.0.2.255", true },
	{ "two /24", "192.0.2.1", "192.0.3.1", false },
	{ "two /8", "192.0.2.1", "193.0.2.1", false },
	{ "one /48", "2001:db8:1::1", "2001:db8:1:ffff::2", true },
	{ "two /48", "2001:db8:1::1", "2001:db8:2::1", false },
	{ "IPv4 and IPv6", "32.1.13.1", "2001:db8:1::1", false },
};

static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(prefix_cases); i++) {
		const struct prefix_case *c = &prefix_cases[i];
		uint32_t left;

		rate_init(&rates, 100, 200, SEED);
		assert_int_equal(count(c->a, NOW, 300), 200);
		left = count(c->b, NOW, 300);
		if (left != (c->is_shared ? 0 : 200))
			fail_msg("%s: %u left", c->name, left);
	}
}

/* Which prefixes share a bucket depends on the seed, and few do. */
static void test_buckets_are_spread(void **state)
{
	size_t used = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		used = 0;
		rate_init(&rates, 1, 1, seed);
		for (uint32_t i = 0; i < RATE_BUCKETS; i++) {
			struct ip ip = { IP_V4, { 10, (uint8_t)(i >> 8), (uint8_t)i, 1 } };

			used += rate_is_allowed(&rates, NOW, &ip);
		}
		/* 65,536 balls in as many bins leave 1 - 1/e of these used: 41,427. */
		assert_in_range(used, 41000, 41900);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refill),   cmocka_unit_test(test_slow_rates_add_up),
		cmocka_unit_test(test_no_limit), cmocka_unit_test(test_large_limits_are_capped),
		cmocka_unit_test(test_prefixes), cmocka_unit_test(test_buckets_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
