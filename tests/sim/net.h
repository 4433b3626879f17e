/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "agent/keeper/keeper.h"
#include "common/control/message.h"
#include "common/mesh/mesh.h"
#include "tests/sim/event.h"

/* ---- conn.c ---- */

/* A message of the control channel with all that it points to. */
struct letter {
	struct letter *next;
	bool is_fin;
	struct message m;
	char what[64], why[KEEPER_TEXT_MAX];
	struct msg_address addresses[SIM_ADDRESSES_MAX];
	struct ip ips[SIM_ADDRESSES_MAX];
	struct msg_member members[SIM_MEMBERS_MAX];
	struct endpoint references[MSG_REFERENCES_MAX];
};

enum conn_side {
	CONN_AGENT,
	CONN_DIRECTOR,
};

struct pipe_end {
	bool is_open;
	uint32_t gen;                /* of the process */
	struct letter *first, *last; /* what it has sent and the other side has not got */
	bool is_armed;
	uint32_t rto_ms;
	uint64_t stalled_at; /* 0: not */
};

struct conn {
	uint64_t id; /* 0: free */
	size_t host;
	struct pipe_end ends[2];
	/* the director's session */
	bool is_accepted, has_member, has_left;
	uint64_t boot_id, seq;
};

/* What the director has to know of a connection that is over. */
struct conn_over {
	bool has_member, has_left;
};

struct letter *letter_new(const struct message *m);
void letter_free(struct letter *l);
struct conn *conn_find(struct sim *s, uint64_t id);
/* The agent's attempt; uplink_opened() or uplink_closed() follows. Returns the id. */
uint64_t conn_open(struct sim *s, size_t host);
/* Takes l. */
void conn_write(struct sim *s, struct conn *c, enum conn_side side, struct letter *l);
/* From this side, in good order or not; nothing more is heard of it here. */
void conn_close(struct sim *s, uint64_t id, enum conn_side side, bool is_abort);
/* The process is gone, and with is_silent its host too. */
void conns_die(struct sim *s, size_t host, enum conn_side side, bool is_silent);
void conns_free(struct sim *s);

/* ---- net.c ---- */

enum net_kind {
	NET_CONTROL, /* between a member and the director */
	NET_MESH,    /* between members, UDP */
	NET_LINK,    /* between members, ARP and ND and what is sent to service addresses */
};

struct net {
	/* How many partitions cut this direction. Row and column SIM_DIRECTOR: control; on the
	 * link the witness. */
	uint8_t cut[3][SIM_MEMBERS_MAX + 1][SIM_MEMBERS_MAX + 1];
	uint32_t loss_ppm, dup_ppm;
	uint32_t delay_ms, spread_ms;
	uint64_t changed_at; /* when loss or delay did */
	struct rng_seeded rng;
};

struct heartbeat_wire {
	uint64_t key; /* the connection's id */
	uint64_t boot_id, seq;
	enum msg_state state;
	bool is_gone;
};

struct mesh_wire {
	struct mesh_msg msg;
	struct endpoint from;
	struct ip to;
};

bool net_is_cut(const struct sim *s, enum net_kind kind, size_t from, size_t to);
/* True and how long it takes; false: lost. */
bool net_try(struct sim *s, enum net_kind kind, size_t from, size_t to, uint64_t *delay_ms);
void net_datagram(struct sim *s, enum net_kind kind, size_t from, size_t to, enum sim_target target,
		  event_fn *run, const void *data, size_t len);
/* An ARP or ND question: probes have no sender. */
void net_ask(struct sim *s, size_t from, const struct ip *sender, const struct ip *target);
void net_announce(struct sim *s, size_t from, const struct ip *ip);
/* to: a mesh endpoint or a service address. */
void net_mesh(struct sim *s, size_t from, const struct mesh_msg *msg, const struct ip *source,
	      const struct endpoint *to);
void net_mesh_group(struct sim *s, size_t from, const struct mesh_msg *msg);

#endif
