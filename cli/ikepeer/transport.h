/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_TRANSPORT_H
#define CLI_IKEPEER_TRANSPORT_H

#include <uv.h>

#include "common/base/errtext.h"
#include "common/ikev2/session/session.h"

/*
 * Our two UDP sockets, for IKE to port 500 and for IKE and ESP to port 4500 of gateways. They have
 * ports that the kernel chose, so any number of us fit on a host and no privilege is needed. The
 * protocol is told that they are 500 and 4500: what it writes into NAT_DETECTION is then not what
 * the gateway sees, and both ends encapsulate ESP in UDP (RFC 7296, 2.23), which is all that a user
 * space data plane can send. It is a NAT of a kind.
 */
struct transport;

struct transport_events {
	void (*ike)(void *ctx, const struct path *path, struct bytes message); /* no marker */
	void (*esp)(void *ctx, const struct endpoint *remote, struct bytes packet);
	void *ctx;
};

/*
 * source: our address; IP_NONE: the one that the kernel would take towards gateway, and for others
 * what it takes then. ERR_NO_MEMORY, ERR_IO with the reason in why.
 */
MUST_USE int transport_open(uv_loop_t *loop, const struct ip *gateway, const struct ip *source,
			    const struct transport_events *events, struct transport **out,
			    struct errtext *why);

/* No event from now on; it is freed from the loop. NULL is fine. */
void transport_close(struct transport *t);

/* Our address towards the gateway that it was opened for. */
struct ip transport_source(const struct transport *t);

/* How the protocol is to begin with that gateway. */
struct path transport_path(const struct transport *t, const struct ip *gateway);

void transport_send_ike(struct transport *t, const struct path *path, struct bytes message);
void transport_send_keepalive(struct transport *t, const struct path *path);
void transport_send_esp(struct transport *t, const struct endpoint *remote, struct bytes packet);

/* Around many transport_send_esp(). */
void transport_cork(struct transport *t, bool is_on);

#endif
