/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_SCRIPT_H
#define COMMON_SCRIPT_H

#include <stdbool.h>
#include <uv.h>

#include "common/base/err.h"

/*
 * One run of an operator's program: as the user that this process is, without input, with PATH as
 * its only environment, in / and in a session, and so a process group, of its own. That group is
 * killed when the time is over.
 */
struct script;

struct script_end {
	bool is_late; /* killed: the limit was over */
	int status;
	int signal; /* 0: it ended by itself */
};

/* Called once, when it has ended. */
typedef void (*script_fn)(void *ctx, const struct script_end *end);

struct script_conf {
	const char *const *args; /* the path, arguments, NULL; not needed after script_run() */
	uint64_t limit_ms;       /* 0: none */
	bool is_heard; /* what it prints goes to standard error of this process, or nowhere */
	bool is_swept; /* what it leaves behind in its group is killed when it ends */
};

/* Returns 0, ERR_NO_MEMORY, or ERR_IO with a reason in *why, a constant. */
MUST_USE int script_run(uv_loop_t *loop, const struct script_conf *conf, script_fn on_end,
			void *ctx, struct script **out, const char **why);

/* Kills it and what it has started; on_end follows. */
void script_kill(struct script *s);

/* Kills it, and on_end does not follow; memory is freed by the loop. NULL is fine. */
void script_close(struct script *s);

#endif
