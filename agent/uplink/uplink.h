/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_UPLINK_H
#define AGENT_UPLINK_H

#include <uv.h>

#include "common/base/log.h"
#include "common/control/message.h"
#include "common/io/tls_ctx.h"

/*
 * The agent's end of the control channel: keeps one TLS connection to the director, greets, sends
 * heartbeats over UDP (and over TLS while UDP does not get through), reports and peer changes, and
 * comes back after a loss with growing, jittered pauses. docs/control-protocol.md is the protocol.
 */
struct uplink;

struct uplink_conf {
	struct endpoint director;
	const char *director_name; /* as its certificate must say */
	const struct tls_ctx *tls; /* borrowed */
	uint64_t boot_id;          /* drawn at random, not 0 */
};

/* Called from the loop. What they fill in is borrowed until they are called again. */
struct uplink_events {
	/* For the hello; proto is filled in already. */
	void (*fill_hello)(void *ctx, struct msg_hello *hello);
	/* The director took us in: number, timers and so on. Then all peers are to be sent. */
	void (*welcome)(void *ctx, const struct msg_welcome *welcome);
	/*
	 * After each welcome: what the keeper is to send to the director should this process die,
	 * once everything is taken out. Borrowed until the call returns.
	 */
	void (*last_words)(void *ctx, const struct endpoint *to, struct bytes words);
	/* CLAIM, RELEASE, PROBE, MEMBERS or SAS. Borrowed until the call returns. */
	void (*order)(void *ctx, const struct message *m);
	/* The connection is lost, after a welcome. */
	void (*lost)(void *ctx);
	/* Everything but member, boot_id and seq, which are the uplink's. */
	void (*fill_heartbeat)(void *ctx, struct msg_heartbeat *heartbeat);
	void (*fill_report)(void *ctx, struct msg_report *report);
	/* The director confirmed the bye, or is not there to do so. */
	void (*bye_done)(void *ctx);
	void *ctx;
};

/*
 * Connects when uplink_start() is called. lg and what conf points to are borrowed. ERR_NO_MEMORY,
 * ERR_IO with the reason in why.
 */
MUST_USE int uplink_new(uv_loop_t *loop, const struct uplink_conf *conf, const struct logger *lg,
			const struct uplink_events *events, struct uplink **out,
			struct errtext *why);

/* Once; later calls do nothing. */
void uplink_start(struct uplink *u);

/* True after welcome, until the connection is lost. */
bool uplink_is_up(const struct uplink *u);

/*
 * Tells the director about the first of n peers, as many as one frame takes; returns how many.
 * reset says that all that it knew is void; with it, no peer is a message too. 0 if the uplink is
 * down: nothing is kept then, after the next welcome all peers are sent anyway.
 */
size_t uplink_send_peers(struct uplink *u, bool reset, const struct msg_peer *entries, size_t n);

/* Sends m with the id that it has (0: none). Without a connection it is lost. */
void uplink_tell(struct uplink *u, struct message *m);

/* True while the director reads so slowly that what can wait should. */
bool uplink_is_full(const struct uplink *u);

/* Says goodbye; bye_done follows, at the latest after a second. */
void uplink_bye(struct uplink *u, const struct msg_bye *bye);

/* No event follows; memory is freed by the loop. NULL is fine. */
void uplink_close(struct uplink *u);

#endif
