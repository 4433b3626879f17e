/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H

#include <uv.h>

#include "common/base/err.h"

/*
 * The signals that a daemon listens to, as events of its loop: SIGTERM and SIGINT (stop), SIGHUP
 * (read the configuration again). They do not keep the loop running.
 */
struct signals {
	uv_signal_t handles[3];
	void (*on_signal)(void *ctx, int signal);
	void *ctx;
};

/* s belongs to the caller, and must stay until the loop has run after signals_stop(). */
MUST_USE int signals_start(struct signals *s, uv_loop_t *loop,
			   void (*on_signal)(void *ctx, int signal), void *ctx);
void signals_stop(struct signals *s);

#endif
