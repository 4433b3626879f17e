/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include "agent/addresses/addresses.h"
#include "agent/load/cpu.h"
#include "agent/shard/shard.h"
#include "common/control/message.h"

/* What the agent tells the director of itself: from its parts to the messages. */
struct agent_report {
	struct cpu_sample cpu_before;
	uint64_t cpu_sampled_ms;
	double cpu;
	struct msg_address addresses[MSG_ADDRESSES_MAX];
	uint64_t last_counters[IKE_COUNTER_COUNT];
	struct msg_counter rates[IKE_COUNTER_COUNT];
	struct msg_counter errors[IKE_COUNTER_COUNT + ESP_VERDICT_COUNT + MESH_COUNTER_COUNT];
};

/* What is filled in borrows from r, conf and the arguments. What is held is for the caller. */
void report_fill_hello(struct agent_report *r, const struct agent_conf *conf,
		       const struct setup *setup, struct msg_hello *hello);

/* All but state. load is max(SAs / capacity, half-open / limit, CPU). */
void report_fill_heartbeat(struct agent_report *r, const struct agent_conf *conf,
			   const struct shard *shard, struct msg_heartbeat *hb);
void report_fill_report(struct agent_report *r, const struct agent_conf *conf,
			const struct shard *shard, const struct addresses *addresses,
			struct msg_report *report);

/* entry borrows from peer and inner. */
void report_fill_peer(enum action_type what, const struct peer_info *peer, uint64_t now_ms,
		      struct ip_prefix inner[MSG_INNER_MAX], struct msg_peer *entry);

#endif
