/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "director/placement/index.h"
#include "director/placement/placement.h"
#include "tests/lib/placement_table.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOBODY     SIZE_MAX
#define PEERS      20000
#define ROUNDING   1e-9

static struct placement_table table;
static struct rng_seeded seeded;

static uint64_t draw(void)
{
	const struct rng rng = rng_seeded(&seeded);
	uint64_t value;

	assert_int_equal(rng_u64(&rng, &value), 0);
	return value;
}

static int start(void **state)
{
	(void)state;
	seeded.state = 7;
	table_init(&table, 3);
	return 0;
}

static struct placement_query query_of(const char *peer)
{
	return (struct placement_query){ .peer = table_ip(peer) };
}

/* The nth peer of a repeatable crowd, at its first attempt. */
static struct placement_query query_number(uint32_t n)
{
	struct placement_query q = { .peer = { .family = IP_V4 }, .spi_i = draw() };
	uint32_t address = 0x0a000000 + n;

	for (size_t i = 0; i < 4; i++)
		q.peer.octets[i] = (uint8_t)(address >> (24 - 8 * i));
	return q;
}

static size_t choose(const struct placement_query *q)
{
	struct placement p;

	return placement_choose(&table, q, &p) == 0 ? p.member : NOBODY;
}

/* ---- fairness ---- */

/* How often each member is chosen, against its weight, in standard deviations. */
static void expect_fair(const char *name, const struct placement_index *index)
{
	size_t counts[PLACEMENT_MAX_MEMBERS] = { 0 };
	double weights = 0, worst = 0;

	for (uint32_t i = 0; i < PEERS; i++) {
		struct placement_query q = query_number(i);
		struct placement p;

		assert_int_equal(placement_index_choose(index, &q, &p), 0);
		counts[p.member]++;
	}
	for (size_t i = 0; i < table.n_members; i++)
		weights += table.members[i].weight;
	for (size_t i = 0; i < table.n_members; i++) {
		double share = table.members[i].weight / weights;
		double sigma = sqrt(PEERS * share * (1 - share));
		double off = fabs((double)counts[i] - PEERS * share);

		if (sigma == 0)
			assert_int_equal(off, 0);
		else
			worst = fmax(worst, off / sigma);
	}
	if (worst > 4)
		fail_msg("%s: a share is %.1f standard deviations off", name, worst);
}

static const struct fair_case {
	const char *name;
	size_t n;
	uint32_t weights[4]; /* repeated */
} fair_cases[] = {
	{ "one", 1, { 100, 100, 100, 100 } },
	{ "three alike", 3, { 100, 100, 100, 100 } },
	{ "uneven", 4, { 1, 2, 3, 4 } },
	{ "one hundredfold", 2, { 1, 100, 0, 0 } },
	{ "a weight of zero", 4, { 50, 0, 100, 50 } },
	{ "191 alike", 191, { 100, 100, 100, 100 } },
	{ "191 uneven", 191, { 10, 1000, 30, 500 } },
};

static void test_fairness_by_weight(void **state)
{
	static struct placement_index index;

	(void)state;
	for (size_t i = 0; i < LEN(fair_cases); i++) {
		const struct fair_case *c = &fair_cases[i];

		table_init(&table, c->n);
		for (size_t m = 0; m < c->n; m++)
			table.members[m].weight = c->weights[m % 4];
		placement_index_build(&index, &table);
		expect_fair(c->name, &index);
		/* Without load, of two drawn by weight the nearer one is taken: the same shares. */
		table.policy = PLACEMENT_LEAST_LOAD;
		expect_fair(c->name, &index);
	}
}

/* ---- sticky ---- */

static void test_removing_a_member_moves_only_its_peers(void **state)
{
	static struct placement_table before;
	size_t moved = 0;

	(void)state;
	table_init(&before, 10);
	for (uint32_t i = 0; i < PEERS; i++) {
		struct placement_query q = query_number(i);
		size_t was, is;

		table = before;
		was = choose(&q);
		table.members[4].is_open = false;
		is = choose(&q);
		assert_int_not_equal(is, 4);
		if (was != 4)
			assert_int_equal(is, was);
		moved += was != is;
	}
	assert_in_range(moved, PEERS / 10 - 200, PEERS / 10 + 200);
}

/* The place in the table does not matter, nor what was placed before: the name does. */
static void test_members_may_change_places(void **state)
{
	static const char *const peers[] = { "10.0.0.1", "10.0.0.2", "10.9.8.7", "2001:db8:9::1" };

	(void)state;
	for (size_t i = 0; i < LEN(peers); i++) {
		struct placement_query q = query_of(peers[i]);
		struct placement before, after;
		struct placement_member first;

		table_init(&table, 5);
		assert_int_equal(placement_choose(&table, &q, &before), 0);
		first = table.members[0];
		table.members[0] = table.members[4];
		table.members[4] = first;
		assert_int_equal(placement_choose(&table, &q, &after), 0);
		assert_true(ip_is_equal(&before.home, &after.home));
	}
}

static void test_seed_decides(void **state)
{
	size_t moved = 0;

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		struct placement_query q = query_number(i);
		size_t was = choose(&q);

		table.seed ^= 1;
		moved += choose(&q) != was;
	}
	assert_in_range(moved, 150, 250);
}

/* IPv6 hosts change the lower half of their address; IPv4 peers are told apart by all of it. */
static void test_identity_of_a_peer(void **state)
{
	struct placement_query a = query_of("2001:db8:1:2:3:4:5:6");
	struct placement_query b = query_of("2001:db8:1:2:f:e:d:c");

	(void)state;
	table_init(&table, 100);
	b.nonce = (struct bytes){ (const uint8_t *)"attempt two of it", 17 };
	b.spi_i = 99;
	assert_int_equal(choose(&a), choose(&b));
}

static void test_bounded_load(void **state)
{
	size_t passed = 0;

	(void)state;
	table_init(&table, 4);
	table.members[0].load = 0.5;
	table.members[1].load = 0.2;
	table.members[2].load = 0.2;
	table.members[3].load = 0.3; /* average 0.3, bound 0.375 */
	for (uint32_t i = 0; i < 4000; i++) {
		struct placement_query q = query_number(i);
		struct placement p;

		assert_int_equal(placement_choose(&table, &q, &p), 0);
		assert_int_not_equal(p.member, 0);
		assert_int_equal(p.reason == PLACED_STICKY_BOUND, p.other == 0);
		passed += p.reason == PLACED_STICKY_BOUND;
	}
	assert_in_range(passed, 800, 1200);
	/* At little load differences say nothing. */
	for (size_t i = 0; i < 4; i++)
		table.members[i].load /= 30;
	passed = 0;
	for (uint32_t i = 0; i < 4000; i++) {
		struct placement_query q = query_number(i);

		passed += choose(&q) == 0;
	}
	assert_in_range(passed, 800, 1200);
}

/* ---- least load ---- */

static void test_never_the_higher_of_two(void **state)
{
	(void)state;
	table_init(&table, 20);
	table.policy = PLACEMENT_LEAST_LOAD;
	for (uint32_t i = 0; i < PEERS / 4; i++) {
		struct placement_query q = query_number(i);
		const struct placement_member *chosen, *other;
		struct placement p;
		double lead;

		table.members[draw() % 20].load = (double)(draw() % 90) / 100;
		table.members[draw() % 20].bias = (double)(draw() % 50) / 100;
		assert_int_equal(placement_choose(&table, &q, &p), 0);
		assert_int_not_equal(p.member, p.other);
		chosen = &table.members[p.member];
		other = &table.members[p.other];
		lead = other->load + other->bias - (chosen->load + chosen->bias);
		assert_true(lead > -PLACEMENT_LOAD_NOISE - ROUNDING);
		if (p.reason == PLACED_LEAST_LOAD)
			assert_true(lead > PLACEMENT_LOAD_NOISE - ROUNDING);
		else
			assert_true(p.reason == PLACED_ALIKE &&
				    lead < PLACEMENT_LOAD_NOISE + ROUNDING);
	}
}

/* The most loaded of n is taken by nobody, the least loaded by two in n. */
static void test_shares_by_load(void **state)
{
	size_t counts[5] = { 0 };

	(void)state;
	table_init(&table, 5);
	table.policy = PLACEMENT_LEAST_LOAD;
	for (size_t i = 0; i < 5; i++)
		table.members[i].load = 0.1 * (double)(i + 1);
	for (uint32_t i = 0; i < PEERS; i++) {
		struct placement_query q = query_number(i);

		counts[choose(&q)]++;
	}
	for (size_t i = 0; i < 5; i++)
		assert_in_range(counts[i] + 300, PEERS * (4 - i) / 10, PEERS * (4 - i) / 10 + 600);
	assert_int_equal(counts[4], 0);
}

/* A herd of one address: its attempts are spread, each retransmission goes where the first did. */
static void test_attempts_of_one_peer(void **state)
{
	size_t counts[3] = { 0 };

	(void)state;
	table.policy = PLACEMENT_LEAST_LOAD;
	for (uint64_t i = 0; i < 3000; i++) {
		uint8_t nonce[32] = { (uint8_t)i, (uint8_t)(i >> 8) };
		struct placement_query q = query_of("10.0.0.1");
		struct placement a, b;

		q.nonce = (struct bytes){ nonce, sizeof(nonce) };
		q.spi_i = i % 2;
		assert_int_equal(placement_choose(&table, &q, &a), 0);
		assert_int_equal(placement_choose(&table, &q, &b), 0);
		assert_int_equal(a.member, b.member);
		assert_int_equal(a.other, b.other);
		counts[a.member]++;
	}
	for (size_t i = 0; i < 3; i++)
		assert_in_range(counts[i], 850, 1150);
}

/* ---- who may be chosen ---- */

static void test_bias_never_excludes(void **state)
{
	(void)state;
	for (int policy = 0; policy < 2; policy++) {
		struct placement_query q = query_of("10.0.0.1");

		table_init(&table, 3);
		table.policy = (enum placement_policy)policy;
		for (size_t i = 0; i < 3; i++) {
			table.members[i].load = 0.9;
			table.members[i].bias = 5;
		}
		assert_int_not_equal(choose(&q), NOBODY);
		table.members[0].is_open = table.members[1].is_open = false;
		assert_int_equal(choose(&q), 2);
		/* Not even where it is the only one with bias, and the others may not take it. */
		table.members[0].is_open = true;
		table.members[0].bias = 0;
		q.redirected_from = table.members[0].home[0];
		assert_int_equal(choose(&q), 2);
	}
}

/* What the second member is, and whether a table of it alone, or it among pins, takes a peer. */
static const struct taker_case {
	const char *name;
	double load, fill, bias;
	bool is_open;
	uint32_t weight;
	bool takes, takes_pinned;
} taker_cases[] = {
	{ "open", 0.5, 0.5, 0, true, 100, true, true },
	{ "not active, or draining", 0.5, 0.5, 0, false, 100, false, false },
	{ "full", 0.95, 0.95, 0, true, 100, false, false },
	{ "over full", 1, 1, 0, true, 100, false, false },
	{ "busy processors, few SAs", 1, 0.1, 0, true, 100, true, true },
	{ "nearly full, and biased", 0.94, 0.94, 0.5, true, 100, true, true },
	{ "no weight", 0, 0, 0, true, 0, false, true },
};

static void test_takers(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * LEN(taker_cases); i++) {
		const struct taker_case *c = &taker_cases[i / 2];
		struct placement_query q = query_of("10.0.0.1");
		struct placement_member *m = &table.members[1];

		table_init(&table, 2);
		table.policy = i % 2 == 0 ? PLACEMENT_STICKY : PLACEMENT_LEAST_LOAD;
		table.members[0].is_open = false;
		m->load = c->load;
		m->fill = c->fill;
		m->bias = c->bias;
		m->is_open = c->is_open;
		m->weight = c->weight;
		if (choose(&q) != (c->takes ? 1 : NOBODY))
			fail_msg("%s: alone", c->name);
		table_pin(&table, "10.0.0.0/8", 1);
		if (choose(&q) != (c->takes_pinned ? 1 : NOBODY))
			fail_msg("%s: pinned", c->name);
		/* If it cannot, the pin is passed over. */
		table.members[0].is_open = true;
		if (choose(&q) != (c->takes_pinned ? 1 : 0))
			fail_msg("%s: pinned, and there is another one", c->name);
	}
}

static void test_empty_table(void **state)
{
	struct placement_query q = query_of("10.0.0.1");

	(void)state;
	table_init(&table, 0);
	assert_int_equal(choose(&q), NOBODY);
	table.policy = PLACEMENT_LEAST_LOAD;
	assert_int_equal(choose(&q), NOBODY);
	table_pin(&table, "10.0.0.0/8", 0);
	assert_int_equal(choose(&q), NOBODY);
}

static const struct pin_case {
	const char *name;
	const char *peer;
	size_t member;
} pin_cases[] = {
	{ "the longest of three", "10.1.2.3", 2 },
	{ "the middle one", "10.1.9.9", 1 },
	{ "the shortest", "10.9.9.9", 0 },
	{ "a host", "10.9.9.10", 1 },
	{ "IPv6", "2001:db8:5::1", 2 },
	{ "of two alike the first", "172.16.0.1", 1 },
};

static void test_pins(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(pin_cases); i++) {
		const struct pin_case *c = &pin_cases[i];
		struct placement_query q = query_of(c->peer);
		struct placement p;

		table_init(&table, 4);
		table_pin(&table, "10.0.0.0/8", 0);
		table_pin(&table, "10.1.2.0/24", 2);
		table_pin(&table, "10.1.0.0/16", 1);
		table_pin(&table, "10.9.9.10/32", 1);
		table_pin(&table, "2001:db8:5::/48", 2);
		table_pin(&table, "172.16.0.0/12", 1);
		table_pin(&table, "172.16.0.0/12", 2);
		assert_int_equal(placement_choose(&table, &q, &p), 0);
		if (p.member != c->member || p.reason != PLACED_PINNED || p.other != p.member)
			fail_msg("%s: member %zu", c->name, p.member);
		/* If that one cannot take it, the next shorter pin counts, or none. */
		table.members[c->member].is_open = false;
		assert_int_equal(placement_choose(&table, &q, &p), 0);
		assert_int_not_equal(p.member, c->member);
	}
	/* A pin to nobody is no pin. */
	table_init(&table, 1);
	table_pin(&table, "0.0.0.0/0", 7);
	assert_int_equal(choose(&(struct placement_query){ .peer = table_ip("10.0.0.1") }), 0);
}

static void test_families(void **state)
{
	struct placement_query v4 = query_of("10.0.0.1"), v6 = query_of("2001:db8:7::1");

	(void)state;
	for (int policy = 0; policy < 2; policy++) {
		table_init(&table, 2);
		table.policy = (enum placement_policy)policy;
		table.members[0].n_home = 1; /* IPv4 only */
		table.members[1].home[0] = table.members[1].home[1];
		table.members[1].n_home = 1; /* IPv6 only */
		for (uint64_t i = 0; i < 20; i++) {
			v4.spi_i = v6.spi_i = i;
			assert_int_equal(choose(&v4), 0);
			assert_int_equal(choose(&v6), 1);
		}
		table_pin(&table, "10.0.0.0/8", 1);
		assert_int_equal(choose(&v4), 0);
	}
	/* The first home address of the family is named. */
	table_init(&table, 1);
	table.members[0].home[2] = table_ip("192.0.2.99");
	table.members[0].n_home = 3;
	struct placement p;
	assert_int_equal(placement_choose(&table, &v4, &p), 0);
	assert_true(ip_is_equal(&p.home, &table.members[0].home[0]));
	assert_int_equal(placement_choose(&table, &v6, &p), 0);
	assert_true(ip_is_equal(&p.home, &table.members[0].home[1]));
}

static void test_never_back_where_it_came_from(void **state)
{
	(void)state;
	for (int policy = 0; policy < 2; policy++) {
		table_init(&table, 3);
		table.policy = (enum placement_policy)policy;
		table_pin(&table, "10.0.0.0/24", 1);
		for (uint32_t i = 0; i < 500; i++) {
			struct placement_query q = query_number(i);
			size_t member = i % 3;

			q.redirected_from = table.members[member].home[i % 2];
			assert_int_not_equal(choose(&q), member);
			assert_int_not_equal(choose(&q), NOBODY);
			/* Not even if there is nobody else. */
			for (size_t m = 0; m < 3; m++)
				table.members[m].is_open = m == member;
			assert_int_equal(choose(&q), NOBODY);
			for (size_t m = 0; m < 3; m++)
				table.members[m].is_open = true;
		}
	}
}

/* The one that it came from may be all that is below the bound. */
static void test_bound_without_the_one_it_came_from(void **state)
{
	struct placement_query q = query_of("10.0.0.1");

	(void)state;
	table.members[1].load = table.members[2].load = 0.9;
	q.redirected_from = table.members[0].home[0];
	assert_in_range(choose(&q), 1, 2);
}

/* ---- texts ---- */

static const struct text_case {
	const char *text;
	struct placement p;
} text_cases[] = {
	{ "m2 (load 0.10): the less loaded of two drawn by weight, m3 has 0.40",
	  { 1, { 0 }, PLACED_LEAST_LOAD, 2 } },
	{ "m2 (load 0.10): the first of two drawn by weight, their loads are alike, m1 has 0.20",
	  { 1, { 0 }, PLACED_ALIKE, 0 } },
	{ "m1 (load 0.20): pinned", { 0, { 0 }, PLACED_PINNED, 0 } },
	{ "m2 (load 0.10): sticky", { 1, { 0 }, PLACED_STICKY, 1 } },
	{ "m2 (load 0.10): sticky, nearer members are above the load bound, m3 has 0.40",
	  { 1, { 0 }, PLACED_STICKY_BOUND, 2 } },
	{ "m1 (load 0.20): the only member that takes peers", { 0, { 0 }, PLACED_ONLY, 0 } },
};

static void test_explain(void **state)
{
	const struct placement longest = { 1, { 0 }, PLACED_STICKY_BOUND, 2 };
	char text[PLACEMENT_TEXT_MAX];

	(void)state;
	table.members[0].load = 0.2;
	table.members[1].load = 0.1;
	table.members[2].load = 0.1;
	table.members[2].bias = 0.3;
	for (size_t i = 0; i < LEN(text_cases); i++)
		assert_string_equal(placement_explain(&table, &text_cases[i].p, text),
				    text_cases[i].text);
	/* Names of the greatest length fit. */
	memset(table.members[1].name, 'x', MEMBER_NAME_MAX - 1);
	memset(table.members[2].name, 'y', MEMBER_NAME_MAX - 1);
	placement_explain(&table, &longest, text);
	assert_non_null(strstr(text, "y has 0.40"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fairness_by_weight, start),
		cmocka_unit_test_setup(test_removing_a_member_moves_only_its_peers, start),
		cmocka_unit_test_setup(test_members_may_change_places, start),
		cmocka_unit_test_setup(test_seed_decides, start),
		cmocka_unit_test_setup(test_identity_of_a_peer, start),
		cmocka_unit_test_setup(test_bounded_load, start),
		cmocka_unit_test_setup(test_never_the_higher_of_two, start),
		cmocka_unit_test_setup(test_shares_by_load, start),
		cmocka_unit_test_setup(test_attempts_of_one_peer, start),
		cmocka_unit_test_setup(test_bias_never_excludes, start),
		cmocka_unit_test_setup(test_takers, start),
		cmocka_unit_test_setup(test_empty_table, start),
		cmocka_unit_test_setup(test_pins, start),
		cmocka_unit_test_setup(test_families, start),
		cmocka_unit_test_setup(test_never_back_where_it_came_from, start),
		cmocka_unit_test_setup(test_bound_without_the_one_it_came_from, start),
		cmocka_unit_test_setup(test_explain, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
