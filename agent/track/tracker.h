/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TRACKER_H
#define AGENT_TRACKER_H

#include <uv.h>

#include "agent/track/track.h"
#include "common/base/errtext.h"

/*
 * The shell around struct track: watches interfaces, pings and runs scripts on the loop. Nothing of
 * it holds up the loop.
 */
struct tracker;

/* After the start, and whenever it changes; why as of track_why(). */
typedef void (*tracker_fn)(void *ctx, bool is_known, bool is_able, const char *why);

/*
 * Opens what needs privileges. conf is copied, but not the texts in it. ERR_IO, ERR_NO_MEMORY,
 * ERR_CRYPTO with the reason in why.
 */
MUST_USE int tracker_new(uv_loop_t *loop, const struct track_conf *conf, const struct logger *lg,
			 tracker_fn on_change, void *ctx, struct tracker **out,
			 struct errtext *why);

/* After the privileges are gone, which scripts must not have. on_change may come at once. */
MUST_USE int tracker_start(struct tracker *t, struct errtext *why);

/* True if all is as it should be and known. */
bool tracker_is_able(const struct tracker *t);

/* No event follows; memory is freed by the loop. NULL is fine. */
void tracker_close(struct tracker *t);

#endif
