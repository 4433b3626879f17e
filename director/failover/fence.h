/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_FENCE_H
#define DIRECTOR_FENCE_H

#include <uv.h>

#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/base/ip.h"

/*
 * Runs the operator's fencing script: SCRIPT MEMBER ADDRESS, as the director's user, without input,
 * with the director's standard error for whatever it prints, and in a process group of its own,
 * which is killed when FENCE_LIMIT_MS are over.
 */
#define FENCE_LIMIT_MS 30000
#define FENCE_AT_ONCE  64
#define FENCE_WHY_MAX  128

struct fence;

struct fence_events {
	/* err: 0, ERR_IO (it failed), ERR_TIMEOUT; why says it for people, also of 0. */
	void (*done)(void *ctx, uint64_t ticket, int err, const char *why);
	void *ctx;
};

/* script is borrowed. limit_ms: FENCE_LIMIT_MS, or less in tests. NULL when out of memory. */
struct fence *fence_new(uv_loop_t *loop, const char *script, uint64_t limit_ms,
			const struct fence_events *events);

/*
 * Starts one; done() is called later if this returns 0. ERR_LIMIT, ERR_NO_MEMORY, ERR_IO with the
 * reason in why.
 */
MUST_USE int fence_run(struct fence *f, uint64_t ticket, const char *member, const struct ip *ip,
		       struct errtext *why);

/* Kills what runs, without a word to anybody, and frees when that is over. NULL is fine. */
void fence_close(struct fence *f);

#endif
