/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PEER_FEED_H
#define AGENT_PEER_FEED_H

#include <uv.h>

#include "agent/uplink/uplink.h"
#include "common/ikev2/responder/responder.h"

/*
 * Tells the director about peers: after each welcome of all that there are, a frame at a time so
 * that the loop is not held up, and in between of each change.
 */
struct peer_feed;

/* lg is borrowed. NULL when out of memory. */
struct peer_feed *peer_feed_new(uv_loop_t *loop, const struct logger *lg);

/*
 * The first frame now, so that what changes from now on is told after it. u is borrowed until
 * peer_feed_close(); r may be NULL: no peers.
 */
void peer_feed_all(struct peer_feed *f, struct uplink *u, const struct responder *r);

/* what: ACTION_PEER_*. */
void peer_feed_one(struct peer_feed *f, struct uplink *u, enum action_type what,
		   const struct peer_info *peer);

/*
 * Around what may end many peers at once: of more than a few the director is told by all that are
 * left, since a frame for each would be more than the connection holds. One end for all that began.
 */
void peer_feed_begin_many(struct peer_feed *f);
void peer_feed_end_many(struct peer_feed *f, struct uplink *u, const struct responder *r);

/* Memory is freed by the loop. NULL is fine. */
void peer_feed_close(struct peer_feed *f);

#endif
