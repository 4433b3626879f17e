/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent_report.h"
#include "agent/inside/inside.h"
#include "agent/load/cpu.h"

/* The small parts of the agent that need no network. */

static void add_range(struct ts_list *list, const char *first, const char *last)
{
	struct ts *ts = &list->items[list->n++];

	*ts = (struct ts){ .port_last = 65535 };
	assert_int_equal(ip_parse(first, &ts->range.first), 0);
	assert_int_equal(ip_parse(last, &ts->range.last), 0);
}

static void test_inside_prefixes(void **state)
{
	struct ts_list list = { 0 };
	struct ip_prefix out[8];
	char text[PREFIX_TEXT_MAX];
	bool is_cut = true;

	(void)state;
	add_range(&list, "10.1.0.200", "10.1.0.202");
	add_range(&list, "10.1.0.202", "10.1.0.202"); /* with other ports, say */
	add_range(&list, "2001:db8::", "2001:db8::ffff");
	assert_int_equal(inside_prefixes(&list, out, 8, &is_cut), 3);
	assert_false(is_cut);
	assert_string_equal(ip_prefix_format(&out[0], text), "10.1.0.200/31");
	assert_string_equal(ip_prefix_format(&out[1], text), "10.1.0.202/32");
	assert_string_equal(ip_prefix_format(&out[2], text), "2001:db8::/112");
	assert_int_equal(inside_prefixes(&list, out, 2, &is_cut), 2);
	assert_true(is_cut);
}

/* A peer may ask for ranges that no list of prefixes holds: nothing is told but what was written.
 */
static void test_inside_never_invents(void **state)
{
	struct peer_info peer = { .identity = "p1", .connection = "sites" };
	struct ip_prefix inner[MSG_INNER_MAX], untouched;
	struct inside *t = inside_new();
	const struct inside_entry *entry;
	struct msg_peer told;

	(void)state;
	assert_non_null(t);
	add_range(&peer.inner, "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
	add_range(&peer.inner, "::1", "::4");
	add_range(&peer.inner, "10.1.0.201", "10.1.0.201");
	memset(inner, 0xa5, sizeof(inner));
	memset(&untouched, 0xa5, sizeof(untouched));
	report_fill_peer(ACTION_PEER_UP, &peer, 1000, inner, &told);
	assert_in_range(told.n_inner, 1, MSG_INNER_MAX);
	assert_int_equal(inside_add(t, 1, 0, &peer.inner, &entry), 0);
	assert_true(entry->is_cut);
	assert_in_range(entry->n, 1, INSIDE_PREFIXES_MAX);
	for (size_t i = 0; i < told.n_inner; i++)
		assert_memory_not_equal(&told.inner[i], &untouched, sizeof(untouched));
	for (size_t i = 0; i < entry->n; i++)
		assert_int_not_equal(entry->prefixes[i].ip.family, IP_NONE);
	inside_free(t);
}

static void test_inside_table(void **state)
{
	struct inside *t = inside_new();
	struct ts_list list = { 0 };
	const struct inside_entry *entry;
	struct inside_entry taken;

	(void)state;
	assert_non_null(t);
	add_range(&list, "10.1.0.201", "10.1.0.201");
	assert_int_equal(inside_add(t, 7, 3, &list, &entry), 0);
	assert_int_equal(entry->n, 1);
	assert_int_equal(entry->connection, 3);
	assert_false(entry->is_cut);
	assert_false(inside_take(t, 8, &taken));
	assert_true(inside_take(t, 7, &taken));
	assert_int_equal(taken.child_id, 7);
	assert_false(inside_take(t, 7, &taken));
	/* A range that needs 254 prefixes: said, not cut silently. */
	list.n = 0;
	add_range(&list, "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
	assert_int_equal(inside_add(t, 9, 0, &list, &entry), 0);
	assert_true(entry->is_cut);
	inside_free(t);
	inside_free(NULL);
}

static void test_cpu(void **state)
{
	struct cpu_sample before, now;

	(void)state;
	assert_int_equal(cpu_parse("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1", &before), 0);
	assert_int_equal(before.total, 1000);
	assert_int_equal(before.busy, 150);
	assert_int_equal(cpu_parse("cpu  150 0 75 850 50 0 0 25 0 0\n", &now), 0);
	assert_true(cpu_share(&before, &now) > 0.666 && cpu_share(&before, &now) < 0.667);
	assert_true(cpu_share(&now, &now) == 0);
	assert_true(cpu_share(&now, &before) == 0); /* counters went back: no share below 0 */
	assert_int_equal(cpu_parse("cpu0 1 2 3 4", &now), ERR_VALUE);
	assert_int_equal(cpu_parse("", &now), ERR_VALUE);
	assert_int_equal(cpu_read(&now), 0);
	assert_true(now.total > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inside_prefixes),
		cmocka_unit_test(test_inside_never_invents),
		cmocka_unit_test(test_inside_table),
		cmocka_unit_test(test_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
