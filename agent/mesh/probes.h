/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MESH_PROBES_H
#define AGENT_MESH_PROBES_H

#include <uv.h>

#include "common/mesh/prober.h"

/*
 * The probe orders of the director that are under way: each a struct prober, and which questions to
 * the keeper are whose. Sends and asks through its events, tells each result once.
 */
#define PROBES_MAX 64

struct probes;

struct probes_events {
	/* Returns 0, or an error: not sent. */
	int (*send)(void *ctx, const struct mesh_msg *msg, const struct endpoint *to);
	/* Asks on the link of that configured address; id of the answer. An error: not asked. */
	int (*ask)(void *ctx, size_t index, const struct ip *target, uint32_t *id);
	void (*done)(void *ctx, uint64_t order, const struct msg_probe_result *result);
	void *ctx;
};

/* NULL when out of memory. */
struct probes *probes_new(uv_loop_t *loop, const struct probes_events *events);

/* Who asks. */
void probes_identify(struct probes *p, uint8_t number, uint64_t boot_id);

/*
 * index: of the address in the configuration; SIZE_MAX: it is not there, so that nobody can be
 * asked on its link. With PROBES_MAX under way, or without randomness, the result is at once that
 * nothing is known.
 */
void probes_start(struct probes *p, uint64_t order, size_t index, const struct msg_probe *probe);

void probes_take_answer(struct probes *p, const struct mesh_msg *answer,
			const struct endpoint *from);
void probes_take_link(struct probes *p, uint32_t ask_id, enum msg_seen seen);

/* No event follows; memory is freed by the loop. NULL is fine. */
void probes_close(struct probes *p);

#endif
