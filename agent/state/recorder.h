/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RECORDER_H
#define AGENT_RECORDER_H

#include <uv.h>

#include "agent/state/state.h"

/*
 * Writes struct agent_state to the disk off the loop, one write at a time: what is handed over
 * meanwhile waits, and of several that wait only the last is written.
 */
struct recorder;

/* What was handed over up to this call of recorder_save(), counted from 1, is on the disk, or err.
 */
typedef void (*recorder_fn)(void *ctx, uint64_t save, int err);

/* dir is borrowed, lg too. NULL when out of memory. */
struct recorder *recorder_new(uv_loop_t *loop, const char *dir, const struct logger *lg,
			      recorder_fn on_done, void *ctx);

/* Copies state; returns its number. on_done follows, but not from inside. */
uint64_t recorder_save(struct recorder *r, const struct agent_state *state);

/*
 * on_done does not follow any more. A write that is under way comes to its end, what waits is not
 * written; memory is freed by the loop. Allowed inside on_done. NULL is fine.
 */
void recorder_close(struct recorder *r);

#endif
