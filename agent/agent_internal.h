/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_INTERNAL_H
#define AGENT_INTERNAL_H

#include "agent/addresses/addresses.h"
#include "agent/agent.h"
#include "agent/agent_report.h"
#include "agent/inside/inside.h"
#include "agent/keeper/keeper_client.h"
#include "agent/peer_feed.h"
#include "agent/route_alarm.h"
#include "agent/tickets/tickets.h"
#include "agent/track/tracker.h"
#include "agent/uplink/uplink.h"

/* What the files of main share and nobody else sees: its parts, and how far it is. */
enum stage {
	STAGE_WAITING,
	STAGE_SERVING,
	STAGE_RELEASING,
	STAGE_BYE,
	STAGE_ENDED
};
enum timers {
	TIMER_ALONE,
	TIMER_TRACK,
	TIMER_RELEASE,
	TIMER_COUNT
};

struct agent {
	uv_loop_t *loop;
	struct agent_resources res;
	const struct logger *lg;
	struct rng rng;
	uint64_t boot_id;
	struct crypto *crypto;
	struct shard *shard;
	int keeper_fd; /* for keeper, once it is there */
	struct keeper_client *keeper;
	struct uplink *uplink;
	struct inside *inside;
	struct peer_feed *peers;
	struct route_alarm route_alarm;
	struct addresses *addresses;
	struct tracker *tracker;
	struct tickets *tickets;
	const char *ring_ids[MSG_RING_IDS_MAX]; /* of a hello */
	struct agent_report report;
	enum stage stage;
	int error;
	bool is_track_known, is_able;
	size_t n_released; /* what was held when the stop began */
	struct ip released[KEEPER_ADDRESSES_MAX];
	char stop_reason[64];
	uv_timer_t timers[TIMER_COUNT];
};

/* ---- agent.c ---- */

/* Everything is closed; the loop ends when that is done. */
void agent_end(struct agent *a, int error);
void agent_bye_done(void *ctx); /* the director has heard that we stop */

/* Stopping: goes on when nothing is held any more. To be called when something was let go. */
void agent_bye_if_released(struct agent *a);
void agent_show_status(const struct agent *a);

/* The number is known: from now on there are SAs and addresses. */
void agent_serve(struct agent *a);

/* ---- agent_keeper.c: service addresses, the keeper, the return path ---- */
struct addresses_events agent_addresses_events(struct agent *a);
struct keeper_client_events agent_keeper_events(struct agent *a);

/* For struct shard_events. */
void agent_child_up(void *ctx, uint64_t child_id, const struct policy_connection *connection,
		    const struct ts_list *inner);
void agent_child_down(void *ctx, uint64_t child_id);

/* ---- agent_director.c: what the director says and is told ---- */
struct uplink_events agent_uplink_events(struct agent *a);

/* What is known of secrets for tokens, for the responder. */
void agent_use_tokens(struct agent *a);

#endif
