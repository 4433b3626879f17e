/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include "common/base/bytes.h"
#include "common/base/err.h"

/*
 * The deadlines of one core: a binary heap of nodes that live inside the objects they belong to.
 * The shell arms one real timer for the earliest. Times are monotonic milliseconds.
 */
struct timer {
	uint64_t due_ms;
	size_t place; /* 0: not set, else index in the heap + 1 */
};

struct timers {
	struct timer **heap;
	size_t n;
	size_t cap;
};

/* Sets or moves a deadline. ERR_NO_MEMORY: it is as it was before. */
MUST_USE int timers_set(struct timers *t, struct timer *timer, uint64_t due_ms);

/* Fine if it is not set. Do this before freeing the object around it. */
void timers_clear(struct timers *t, struct timer *timer);

/* The earliest, NULL if there is none. */
struct timer *timers_first(const struct timers *t);

/* Frees the heap, not the nodes. */
void timers_free(struct timers *t);

#endif
