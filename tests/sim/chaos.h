/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CHAOS_H
#define SIM_CHAOS_H

#include "tests/sim/sim.h"

/* What the files of the drawn faults share. With each kind how often it comes, against others. */
#define KINDS(X)                \
	X(POWER, 8)             \
	X(POWER_ALL_BUT_ONE, 1) \
	X(KILL_MAIN, 8)         \
	X(KILL_KEEPER, 3)       \
	X(STOP_MAIN, 8)         \
	X(STOP_KEEPER, 6)       \
	X(STOP_BOTH, 6)         \
	X(SUSPEND, 6)           \
	X(GOODBYE, 5)           \
	X(TRACK, 4)             \
	X(SLOW_DISK, 3)         \
	X(BAD_DISK, 3)          \
	X(BAD_KERNEL, 2)        \
	X(LAG, 3)               \
	X(CUT_CONTROL, 6)       \
	X(CUT_MESH, 3)          \
	X(CUT_LINK, 4)          \
	X(CUT_ALL, 6)           \
	X(CUT_DIRECTOR, 3)      \
	X(NOISE, 5)             \
	X(DIRECTOR_KILL, 5)     \
	X(DIRECTOR_POWER, 3)    \
	X(DIRECTOR_RESTORE, 3)  \
	X(DIRECTOR_STOP, 4)     \
	X(SLOW_STORE, 3)        \
	X(BAD_STORE, 3)         \
	X(COPY, 4)              \
	X(WALL, 2)              \
	X(MOVE, 5)              \
	X(FORCE, 2)             \
	X(PAUSE, 2)

#define KIND(name, weight) FAULT_##name,
enum kind {
	KINDS(KIND) FAULT_COUNT
};
#undef KIND

/* True in so many of a hundred cases. */
bool chaos_chance(struct sim *s, uint32_t percent);
/* Short enough to be no matter, around the limits, or long. */
uint64_t chaos_duration(struct sim *s);
void chaos_hit_member(struct sim *s, enum kind kind);

#endif
