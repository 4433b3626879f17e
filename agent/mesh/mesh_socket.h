/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MESH_SOCKET_H
#define AGENT_MESH_SOCKET_H

#include <net/if.h>
#include <uv.h>

#include "agent/keeper/keeper.h"
#include "common/base/errtext.h"
#include "common/base/log.h"
#include "common/mesh/mesh.h"

/*
 * The sockets of the mesh: UDP on all addresses of the host, IPv4 and IPv6, and the groups of claim
 * notices on the links of service addresses. Answers probes; hands on notices and answers of other
 * members. What is not authenticated is counted, and nobody is told.
 *
 * A probe is answered from the address that it came to, and only if that is the service address
 * that it asks about and held here, or else no service address but the member's own, its mesh
 * endpoint.
 */
struct mesh_socket;

struct mesh_conf {
	/* Its address, if it is none of the wildcards: the only one for other members to use. */
	struct endpoint listen;
	size_t n_links;
	char links[KEEPER_ADDRESSES_MAX][IFNAMSIZ]; /* where notices are heard and sent */
};

enum mesh_place {
	MESH_NO_SERVICE, /* no service address that is configured here */
	MESH_NOT_HELD,
	MESH_HELD,
};

struct mesh_events {
	void (*on_notice)(void *ctx, const struct mesh_msg *notice, const struct endpoint *from);
	void (*on_answer)(void *ctx, const struct mesh_msg *answer, const struct endpoint *from);
	/* What this member has to do with an address, and its epoch if it is held. */
	enum mesh_place (*look)(void *ctx, const struct ip *ip, uint64_t *epoch);
	void *ctx;
};

#define MESH_COUNTERS(X)                                                             \
	X(RECEIVED, "mesh-received")                                                 \
	X(ANSWERED, "mesh-answered")                                                 \
	X(DROP_FORM, "mesh-drop-form") /* size, version, type, values */             \
	X(DROP_AUTH, "mesh-drop-auth")                                               \
	X(DROP_OWN, "mesh-drop-own")         /* with this member's number */         \
	X(DROP_ADDRESS, "mesh-drop-address") /* a probe that is not for this host */ \
	X(DROP_NO_KEY, "mesh-drop-no-key")   /* no director has given a key yet */

#define MESH_ENUMERATOR(name, text) MESH_##name,
enum mesh_counter {
	MESH_COUNTERS(MESH_ENUMERATOR) MESH_COUNTER_COUNT
};
#undef MESH_ENUMERATOR

const char *mesh_counter_name(enum mesh_counter counter);

/*
 * conf is copied, lg is borrowed. Returns 0, ERR_NO_MEMORY, or ERR_IO with the reason in why. A
 * host without IPv6 has IPv4 only.
 */
MUST_USE int mesh_socket_open(uv_loop_t *loop, const struct mesh_conf *conf,
			      const struct logger *lg, const struct mesh_events *events,
			      struct mesh_socket **out, struct errtext *why);

/* Until then nothing is sent and nobody answered. */
void mesh_socket_identify(struct mesh_socket *m, uint8_t number, uint64_t boot_id);

/*
 * Copies up to MESH_KEYS_MAX keys of at most KEY_MAX octets; the first is that for sending. None:
 * nothing is sent.
 */
void mesh_socket_set_keys(struct mesh_socket *m, const struct bytes *keys, size_t n);

/* Number and boot id are filled in. ERR_BAD_STATE before there is a key, ERR_IO if not sent. */
MUST_USE int mesh_socket_send(struct mesh_socket *m, const struct mesh_msg *msg,
			      const struct endpoint *to);

/* To the group on that link, of the message's family. */
MUST_USE int mesh_socket_send_group(struct mesh_socket *m, const struct mesh_msg *msg,
				    const char *link);

/* Of the IPv4 socket: that of listen, or what the kernel chose for 0. */
uint16_t mesh_socket_port(const struct mesh_socket *m);

uint64_t mesh_socket_counter(const struct mesh_socket *m, enum mesh_counter counter);

/* No event follows; wipes the keys; memory is freed by the loop. NULL is fine. */
void mesh_socket_close(struct mesh_socket *m);

#endif
