/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

#include "tests/sim/sim.h"

/*
 * Scenarios with a script: what happens, and what has to come of it and when. All invariants hold
 * in them as in the drawn ones. Address k is the home address of member k (one each), and whoever
 * is named is an index: member 0 is m1.
 */
struct scenario {
	const char *name;
	const char *what; /* has to come of it */
	struct sim_conf conf;
	void (*run)(struct sim *s, uint64_t round);
	uint64_t rounds; /* 0: one; else a sweep */
};

extern const struct scenario scenarios_members[], scenarios_director[];
extern const size_t n_scenarios_members, n_scenarios_director;

/* All rounds of the scenario; prints a line. False: it failed. */
bool scenario_run(const struct scenario *scenario, bool is_tracing);

/* A cluster of everybody at home. */
void scene_start(struct sim *s);
/* Lets time pass until somebody other than not has it and has said so. Returns the ms it took. */
uint64_t scene_moves(struct sim *s, size_t address, size_t not, uint64_t within_ms);
/* And until just that member has it. */
uint64_t scene_goes(struct sim *s, size_t address, size_t to, uint64_t within_ms);
/* It stays where it is. */
void scene_stays(struct sim *s, size_t address, size_t at, uint64_t for_ms);
/* Nobody's kernel has it. */
void scene_vanishes(struct sim *s, size_t address, size_t from, uint64_t within_ms);
bool scene_has(const struct sim *s, size_t host, size_t address);
/* Nobody reaches the host, and it nobody. by: 1 cut, -1 mended. */
void scene_cut_off(struct sim *s, size_t host, int by);
void scene_cut_control(struct sim *s, uint32_t members, int by);

#define SCENE_CHECK(s, condition)                                            \
	do {                                                                 \
		if (!(condition))                                            \
			sim_fail((s), "scenario", "not so: %s", #condition); \
	} while (0)

#endif
