/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ADDRESSES_INTERNAL_H
#define AGENT_ADDRESSES_INTERNAL_H

#include "agent/addresses/addresses.h"
#include "agent/mesh/neighbours.h"
#include "agent/state/recorder.h"

/* What the files of this folder share and nobody else sees. */
#define NEVER UINT64_MAX

struct addresses {
	uv_loop_t *loop;
	struct addresses_conf conf;
	const struct setup *setup;
	const struct logger *lg;
	struct addresses_events events;
	struct agent_state state; /* what is on the disk, or on its way there */
	struct recorder *recorder;
	struct neighbours *neighbours;
	struct ownership *ownership;  /* NULL before addresses_load() */
	struct keeper_client *keeper; /* NULL before addresses_begin() */
	uv_timer_t timer;
	bool is_ordered;       /* by a director, who has welcomed us */
	uint64_t epoch;        /* of that welcome */
	uint64_t ticket, save; /* of the PERSIST under way, and its number; 0: none */
	bool was_held[KEEPER_ADDRESSES_MAX];
	uint64_t lost_ms[KEEPER_ADDRESSES_MAX]; /* NEVER, or when it is lost for good */
	const char *ring_ids[MESH_KEYS_MAX];
	struct {
		uint64_t epoch; /* of the order */
		uint8_t number; /* of the member that it was judged down of; 0: it was not */
	} dead[KEEPER_ADDRESSES_MAX];
	bool is_down[MSG_NUMBER_MAX + 1]; /* members by number, as far as the director has said */
	bool is_closing;
};

static inline uint64_t addresses_now(void)
{
	return uv_hrtime() / 1000000;
}

/* SIZE_MAX: not configured. */
size_t addresses_find(const struct addresses *a, const struct ip *ip);

/* A new core from a->state instead of the one that is there. ERR_NO_MEMORY, and it stays. */
MUST_USE int addresses_make_core(struct addresses *a);

/* Runs what the core has decided; after every call into it. */
void addresses_drain(struct addresses *a);

/* ---- director.c ---- */

/* Events of the neighbours; ctx is a. */
extern const struct neighbours_events addresses_mesh_events;

/* The keys and the number of a->state for the mesh. */
void addresses_use_keys(struct addresses *a);

/* With the director that there is, or without one. */
void addresses_take_director(struct addresses *a);

#endif
