/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scene.h"

#include <stdio.h>

#define START_MS 15000

void scene_start(struct sim *s)
{
	char why[256] = "";

	sim_begin(s);
	while (!s->has_failed && s->now < START_MS && !settled(s, why))
		sim_run(s, s->now + 50);
	if (!settled(s, why))
		sim_fail(s, "scenario", "does not start: %s", why);
	sim_run(s, s->now + 3000);
}

bool scene_has(const struct sim *s, size_t host, size_t address)
{
	return s->hosts[host].kernel[address].is_there;
}

static bool is_claimed(const struct sim *s, size_t host, size_t address)
{
	return scene_has(s, host, address) && addresses_is_held(s, host, address);
}

uint64_t scene_moves(struct sim *s, size_t address, size_t not, uint64_t within_ms)
{
	uint64_t begin = s->now;

	while (!s->has_failed && s->now <= begin + within_ms) {
		for (size_t i = 0; i < s->conf.n_members; i++) {
			if (i != not &&is_claimed(s, i, address))
				return s->now - begin;
		}
		sim_run(s, s->now + 1);
	}
	sim_fail(s, "scenario", "nobody but %s has taken %s within %llu ms",
		 not < s->conf.n_members ? sim_name(s, not ) : "nobody", sim_text(s, address),
		 (unsigned long long)within_ms);
	return within_ms;
}

uint64_t scene_goes(struct sim *s, size_t address, size_t to, uint64_t within_ms)
{
	uint64_t begin = s->now;

	while (!s->has_failed && s->now <= begin + within_ms) {
		if (is_claimed(s, to, address) && s->checks.holders[address] == 1u << to)
			return s->now - begin;
		sim_run(s, s->now + 1);
	}
	sim_fail(s, "scenario", "%s has not got %s for itself within %llu ms", sim_name(s, to),
		 sim_text(s, address), (unsigned long long)within_ms);
	return within_ms;
}

void scene_stays(struct sim *s, size_t address, size_t at, uint64_t for_ms)
{
	uint64_t end = s->now + for_ms;

	while (!s->has_failed && s->now < end) {
		sim_run(s, s->now + 5);
		if (s->checks.holders[address] != 1u << at)
			sim_fail(s, "scenario", "%s should stay at %s", sim_text(s, address),
				 sim_name(s, at));
	}
}

void scene_vanishes(struct sim *s, size_t address, size_t from, uint64_t within_ms)
{
	uint64_t begin = s->now;

	while (!s->has_failed && scene_has(s, from, address)) {
		if (s->now > begin + within_ms)
			sim_fail(s, "scenario", "%s still has %s after %llu ms", sim_name(s, from),
				 sim_text(s, address), (unsigned long long)within_ms);
		sim_run(s, s->now + 1);
	}
}

void scene_cut_control(struct sim *s, uint32_t members, int by)
{
	fault_cut(s, NET_CONTROL, members, 1u << SIM_DIRECTOR, by);
	fault_cut(s, NET_CONTROL, 1u << SIM_DIRECTOR, members, by);
}

void scene_cut_off(struct sim *s, size_t host, int by)
{
	uint32_t one = 1u << host, others = ((1u << (SIM_DIRECTOR + 1)) - 1) & ~one;

	for (int kind = NET_CONTROL; kind <= NET_LINK; kind++) {
		fault_cut(s, (enum net_kind)kind, one, others, by);
		fault_cut(s, (enum net_kind)kind, others, one, by);
	}
}

bool scenario_run(const struct scenario *scenario, bool is_tracing)
{
	uint64_t rounds = scenario->rounds == 0 ? 1 : scenario->rounds, failed = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		struct sim *s = sim_new(i + 1, &scenario->conf, is_tracing);

		scene_start(s);
		if (!s->has_failed)
			scenario->run(s, i);
		if (s->has_failed) {
			failed++;
			printf("scenario %s, round %llu FAILED: %s\n", scenario->name,
			       (unsigned long long)i, s->failure);
		}
		sim_free(s);
	}
	printf("%s %s: %s\n", failed == 0 ? "ok    " : "FAILED", scenario->name, scenario->what);
	return failed == 0;
}
