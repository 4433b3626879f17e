/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_DIRECTOR_H
#define DIRECTOR_DIRECTOR_H

#include <uv.h>

#include "common/io/tls_ctx.h"
#include "director/conf.h"
#include "director/failover/executor.h"
#include "director/keys/keys.h"
#include "director/redirect/front.h"

/*
 * DOC: the director's main thread.
 *
 *   agents --TLS, UDP--> control --> registry, peers --(changed)--> placement table --> workers
 *             ^             |                                              ^
 *             +-- orders -- +-> failover: executor, coordinator --(served)-+
 *             +- ring, revoke - keys: key ring, revocations ------(keys)---+
 *   clusteradm --HTTPS--> api --reads--> all of them, and asks the executor for moves
 *
 * What changes who may get peers (a member's state) is published to the workers at once, changes of
 * load alone at short intervals. Every change of state is logged with its reason.
 */
struct director;

struct director_resources {
	const struct director_conf *conf; /* borrowed, like the next two */
	const struct tls_ctx *tls;        /* server, protocols waypost/1 and http/1.1 */
	const struct logger *lg;
	const char *state_dir;
};

/*
 * Opens store and sockets and starts the workers. On error the reason is in why (or, for store and
 * front end, in the log) and the loop must not be run.
 */
MUST_USE int director_new(uv_loop_t *loop, const struct director_resources *res,
			  struct director **out, struct errtext *why);

/* Closes everything; the loop then ends. */
void director_stop(struct director *d);

/* After the loop has ended. */
void director_free(struct director *d);

/*
 * What the API reads; of all this it only asks the executor and the keys to do something, and
 * members for their SAs.
 */
struct director_view {
	const struct director_conf *conf;
	const struct registry *registry;
	const struct peers *peers;
	struct control *control;
	const struct front *front;
	const struct placement_table *table; /* as published last */
	const struct store *store;
	struct executor *executor;
	struct keys *keys;
	struct api *api;
	uint64_t started_ms;
};

struct director_view director_view(const struct director *d);

#endif
