/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_TUNNEL_H
#define CLI_IKEPEER_TUNNEL_H

#include <uv.h>

#include "cli/ikepeer/options.h"
#include "common/base/errtext.h"
#include "common/ikev2/initiator/initiator.h"

/*
 * The shell around an initiator: its sockets, its timer and its data plane (ESP in user space
 * between the TUN device and port 4500). It decides nothing: what has happened is told, and
 * connecting and deleting are orders.
 */
struct tunnel;

/*
 * Called from the loop. Only lost and over may close the tunnel, and none may give it an order: the
 * initiator is not done yet.
 */
struct tunnel_events {
	/* PEER_*, CHILD_* and TICKET_*, after the tunnel has done its part; borrowed. */
	void (*action)(void *ctx, const struct action *a);
	/* An attempt goes on at another gateway. */
	void (*redirected)(void *ctx, const struct ip *to);
	/* Somebody deleted the device. */
	void (*lost)(void *ctx);
	/* All that was deleted by tunnel_delete() is so at the gateways, too. */
	void (*over)(void *ctx);
	void *ctx;
};

/*
 * tun_fd: the device, which becomes the tunnel's; -1: none, then Child SAs carry nothing. options
 * and lg are borrowed. ERR_* with the reason in why.
 */
MUST_USE int tunnel_open(uv_loop_t *loop, const struct peer_options *options, int tun_fd,
			 const struct logger *lg, const struct tunnel_events *events,
			 struct tunnel **out, struct errtext *why);

/*
 * Begins an IKE SA; is_resume: with the best ticket, which is gone then, if there is one of use.
 * What comes of it is told by action(). ERR_* if nothing was begun.
 */
MUST_USE int tunnel_connect(struct tunnel *t, const struct ip *gateway, bool is_resume);

/* The ticket that tunnel_connect() would use; NULL: none. Valid until the loop goes on. */
const struct resumption *tunnel_ticket(const struct tunnel *t);

/* One that was kept elsewhere. */
void tunnel_give_ticket(struct tunnel *t, const struct resumption *ticket);

/* Deletes all IKE SAs. False if there are none: then over() does not come. */
bool tunnel_delete(struct tunnel *t);

/* No event from now on; freed from the loop. NULL is fine. */
void tunnel_close(struct tunnel *t);

#endif
