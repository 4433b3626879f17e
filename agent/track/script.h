/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TRACK_SCRIPT_H
#define AGENT_TRACK_SCRIPT_H

#include <uv.h>

#include "common/base/err.h"

/*
 * One run of a program, without arguments and terminal, in a session of its own, as the user that
 * this process is.
 */
struct script;

/* It has ended, called once. why is "" if its status was 0; borrowed until the call returns. */
typedef void (*script_fn)(void *ctx, const char *why);

/* Returns 0, ERR_NO_MEMORY, or ERR_IO with why, of 64 octets, filled in. */
MUST_USE int script_run(uv_loop_t *loop, const char *path, script_fn on_end, void *ctx,
			struct script **out, char why[64]);

/* Kills it and what it has started; on_end follows. */
void script_kill(struct script *s);

/* Kills it, and on_end does not follow; memory is freed by the loop. NULL is fine. */
void script_close(struct script *s);

#endif
