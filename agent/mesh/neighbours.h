/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NEIGHBOURS_H
#define AGENT_NEIGHBOURS_H

#include "agent/mesh/mesh_socket.h"
#include "agent/mesh/probes.h"

/*
 * The other members, as far as this one speaks to them without the director: where they are, claim
 * notices to them and from them, and the director's probe orders.
 */
struct neighbours;

struct neighbours_events {
	void (*on_notice)(void *ctx, const struct mesh_msg *notice, const struct endpoint *from);
	enum mesh_place (*look)(void *ctx, const struct ip *ip, uint64_t *epoch);
	/* As in probes.h. */
	int (*ask)(void *ctx, size_t index, const struct ip *target, uint32_t *id);
	void (*probed)(void *ctx, uint64_t order, const struct msg_probe_result *result);
	void *ctx;
};

/* conf is copied, lg is borrowed. ERR_NO_MEMORY, ERR_IO with the reason in why. */
MUST_USE int neighbours_new(uv_loop_t *loop, const struct mesh_conf *conf, const struct logger *lg,
			    const struct neighbours_events *events, struct neighbours **out,
			    struct errtext *why);

/* Who we are. Before that, and without a key, nothing is sent. */
void neighbours_identify(struct neighbours *n, uint8_t number, uint64_t boot_id);
void neighbours_set_keys(struct neighbours *n, const struct bytes *keys, size_t n_keys);

/* All members with a mesh endpoint; own is this one's name. */
void neighbours_set_members(struct neighbours *n, const char *own, const struct msg_member *members,
			    size_t n_members);

/*
 * A claim notice: to one who needs it, or to all (to->ip is IP_NONE): each member, and the group on
 * the link, if there is one (NULL: none).
 */
void neighbours_notice(struct neighbours *n, const struct ip *ip, uint64_t epoch, const char *link,
		       const struct endpoint *to);

/* As in probes.h. */
void neighbours_probe(struct neighbours *n, uint64_t order, size_t index,
		      const struct msg_probe *probe);
void neighbours_take_link(struct neighbours *n, uint32_t ask_id, enum msg_seen seen);

/* As mesh_socket_port(). */
uint16_t neighbours_port(const struct neighbours *n);

/* What the sockets counted that is to be reported: each that is not 0; returns how many. */
size_t neighbours_counters(const struct neighbours *n, struct msg_counter out[MESH_COUNTER_COUNT]);

/* No event follows; memory is freed by the loop. NULL is fine. */
void neighbours_close(struct neighbours *n);

#endif
