/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/sim/scene.h"

/*
 *   failover --seed N [--trace]      one seed
 *   failover --seeds FROM:COUNT      many
 *   failover --seconds S [--seeds FROM:COUNT[:MOST]]    as many as fit, at least COUNT
 *   failover --seeds FROM:COUNT --first         up to the first that fails
 *   failover --scenarios [NAME...] [--trace]    those with a script
 */
#define SETTLE_MS 90000

struct totals {
	uint64_t seeds, failed, virtual_ms, steps, claims;
	uint64_t settled_ms; /* the longest */
};

static void run_seed(uint64_t seed, bool is_tracing, struct totals *totals)
{
	struct sim *s = sim_new(seed, NULL, is_tracing);
	uint64_t calm_ms = draw_between(&s->chaos, 0, 8000);
	uint64_t chaos_ms = draw_between(&s->chaos, 5000, 60000);
	uint32_t off = 0;

	sim_begin(s);
	chaos_begin(s, calm_ms, calm_ms + chaos_ms);
	sim_run(s, calm_ms + chaos_ms);
	for (size_t i = 0; i < s->conf.n_members; i++) {
		if (!s->hosts[i].is_innocent && draw(&s->chaos, 8) == 0)
			off |= 1u << i;
	}
	if (!s->has_failed)
		sim_settle(s, off, SETTLE_MS);
	totals->seeds++;
	totals->virtual_ms += s->now;
	totals->steps += s->n_steps;
	totals->claims += s->checks.claims;
	if (!s->has_failed && s->checks.settled_at - calm_ms - chaos_ms > totals->settled_ms)
		totals->settled_ms = s->checks.settled_at - calm_ms - chaos_ms;
	if (s->has_failed) {
		totals->failed++;
		printf("seed %llu FAILED: %s\n    replay: failover --seed %llu --trace\n",
		       (unsigned long long)seed, s->failure, (unsigned long long)seed);
	}
	sim_free(s);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void print_totals(const struct totals *t, double seconds)
{
	printf("%llu seeds, %llu failed; %.0f hours of clusters in %.1f s, %llu steps, %llu "
	       "addresses taken, all well within %.1f s\n",
	       (unsigned long long)t->seeds, (unsigned long long)t->failed,
	       (double)t->virtual_ms / 3.6e6, seconds, (unsigned long long)t->steps,
	       (unsigned long long)t->claims, (double)t->settled_ms / 1000);
}

/* ---- scenarios ---- */

static bool is_wanted(const char *name, char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return names[0] == NULL;
}

static int run_scenarios(char *const *names, bool is_tracing)
{
	size_t n = 0, failed = 0;

	for (size_t i = 0; i < n_scenarios_members + n_scenarios_director; i++) {
		const struct scenario *scenario =
		    i < n_scenarios_members ? &scenarios_members[i]
					    : &scenarios_director[i - n_scenarios_members];

		if (!is_wanted(scenario->name, names))
			continue;
		n++;
		failed += scenario_run(scenario, is_tracing) ? 0 : 1;
	}
	printf("%zu scenarios, %zu failed\n", n, failed);
	return n == 0 || failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 't' },
		{ "trace", no_argument, NULL, 'v' },
		{ "first", no_argument, NULL, 'f' },
		{ "scenarios", no_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long long from = 1, count = 1, most = UINT64_MAX;
	double seconds = 0;
	bool is_tracing = false, is_first = false, is_scripted = false;
	struct totals totals = { 0 };
	struct timespec start;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 's')
			from = strtoull(optarg, NULL, 10);
		else if (option == 'n' &&
			 sscanf(optarg, "%llu:%llu:%llu", &from, &count, &most) >= 2)
			;
		else if (option == 't')
			seconds = strtod(optarg, NULL);
		else if (option == 'v')
			is_tracing = true;
		else if (option == 'f')
			is_first = true;
		else if (option == 'c')
			is_scripted = true;
		else
			return 2;
	}
	if (is_scripted)
		return run_scenarios(argv + optind, is_tracing);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t i = 0; i < most && (i < count || seconds_since(&start) < seconds); i++) {
		run_seed(from + i, is_tracing, &totals);
		if (is_first && totals.failed > 0)
			break;
	}
	print_totals(&totals, seconds_since(&start));
	return totals.failed > 0 ? 1 : 0;
}
