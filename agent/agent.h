/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <uv.h>

#include "agent/setup/setup.h"
#include "common/io/tls_ctx.h"

/*
 * DOC: the agent's main process.
 *
 * Ties four parts together, each of which knows nothing of the others: the shard (IKE and ESP), the
 * keeper's client (addresses and routes), the uplink (director), and what is kept on disk.
 *
 *   waiting for a number --welcome, or the number of last time--> serving
 *        serving: responder answers, home addresses requested, retried when refused
 *        stop:    addresses released -> bye -> end
 *
 * If the keeper dies, or the TUN device goes, the process ends with an error and the service
 * manager starts it anew: half an agent serves nobody.
 */
struct agent;

/* What was prepared while the process had its privileges; taken over by agent_new(). */
struct agent_resources {
	const struct agent_conf *conf; /* borrowed, like the next three */
	const struct setup *setup;
	const struct tls_ctx *tls;
	const struct logger *lg;
	const char *state_dir;
	int tun_fd;
};

/* ERR_IO, ERR_NO_MEMORY, ERR_CRYPTO with the reason in why. Opens the IKE sockets. */
MUST_USE int agent_new(uv_loop_t *loop, const struct agent_resources *res, struct agent **out,
		       struct errtext *why);

/* After the privileges are gone: connects to the keeper, whose socket it takes, and the director.
 */
MUST_USE int agent_start(struct agent *a, int keeper_fd, struct errtext *why);

/* Ends in due form; a second call at once. */
void agent_stop(struct agent *a, const char *reason);

/* After the loop has ended: 0, or what made it end. Frees. */
int agent_free(struct agent *a);

#endif
