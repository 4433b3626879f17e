/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/esp/set.h"
#include "tests/lib/esp_wire.h"
#include "tests/lib/own_malloc.h"

/*
 * Every allocation of esp_set_add() fails once: it has to return ERR_NO_MEMORY and leave the set as
 * it was, while the hash tables grow from nothing to several hundred SAs.
 */

static struct esp_child numbered(const struct esp_pair *p, uint32_t i)
{
	struct esp_child child = p->child;
	struct ts *ts = child.ts_remote.items;

	child.id = i;
	child.spi_in = 0x02000000 + i;
	child.ts_remote.n = 3;
	for (size_t k = 0; k < 3; k++) {
		ts[k] = ts_of("10.2.0.0/32", 0, 0, 65535);
		ts[k].range.first.octets[2] = (uint8_t)(i >> 8);
		ts[k].range.first.octets[3] = (uint8_t)i;
		ts[k].range.last = ts[k].range.first;
	}
	ts[1].range.last.octets[1] = 3; /* no prefix */
	ts[2].range.first.octets[0] = 11;
	ts[2].range.last.octets[0] = 11;
	return child;
}

struct totals {
	size_t sas, by_spi, ranges, v4_rules;
};

static struct totals count(const struct esp_set *set)
{
	struct totals t = { .sas = esp_set_count(set), .v4_rules = set->index.v4.rules[32] };

	t.by_spi = HASH_CNT(by_spi, set->by_spi);
	for (const struct esp_rule *r = set->index.ranges; r != NULL; r = r->next)
		t.ranges++;
	return t;
}

/* Tries with the first, second, ... allocation failing; returns how many did. */
static size_t add_with_failures(struct esp_set *set, const struct esp_child *child)
{
	struct totals before = count(set), after;

	for (long n = 0;; n++) {
		int err;

		until_failure = n;
		err = esp_set_add(set, child);
		if (until_failure >= 0) { /* it was not reached */
			until_failure = -1;
			assert_int_equal(err, 0);
			return (size_t)n;
		}
		after = count(set);
		assert_int_equal(err, ERR_NO_MEMORY);
		assert_memory_equal(&after, &before, sizeof(after));
		assert_null(esp_set_find(set, child->id));
		assert_null(esp_set_find_spi(set, child->spi_in));
	}
}

static void test_add_without_memory(void **state)
{
	enum {
		N = 700,
	};
	struct esp_pair *p = *state;
	long live_before = n_live;
	size_t failed = 0;
	struct esp_set *set;
	struct totals t;

	if (!HAS_OWN_MALLOC)
		skip();
	set = esp_set_new(p->crypto);
	for (uint32_t i = 1; i <= N; i++) {
		struct esp_child child = numbered(p, i);

		failed += add_with_failures(set, &child);
	}
	assert_true(failed >= 4 * N); /* SA, its local selectors, two buckets */
	t = count(set);
	assert_int_equal(t.sas, N);
	assert_int_equal(t.by_spi, N);
	assert_int_equal(t.ranges, N);
	assert_int_equal(t.v4_rules, 2 * N);
	for (uint32_t i = 1; i <= N; i++) {
		assert_non_null(esp_set_find_spi(set, 0x02000000 + i));
		assert_int_equal(esp_set_remove(set, i), 0);
	}
	assert_null(set->index.buckets);
	esp_set_free(set);
	assert_int_equal(n_live, live_before); /* nor was anything lost on the way */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_add_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
