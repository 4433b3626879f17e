/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SHARD_H
#define AGENT_SHARD_H

#include <uv.h>

#include "common/base/errtext.h"
#include "common/ikev2/responder/responder.h"

/*
 * One shard of the member: the shell around a responder and a set of ESP SAs. It owns the UDP
 * sockets 500 and 4500 of the service addresses, the TUN device and one timer, and runs what the
 * cores decide. One per event loop; there is nothing in it that shards share.
 *
 * The sockets are opened for addresses that need not be there yet, while the program may still
 * bind port 500; the responder begins when the member's number is known.
 */
struct shard;

struct shard_events {
	/* A Child SA is in the data plane, or was taken out: the return path follows. */
	void (*child_up)(void *ctx, uint64_t child_id, const struct policy_connection *connection,
			 const struct ts_list *inner);
	void (*child_down)(void *ctx, uint64_t child_id);
	/* ACTION_PEER_*; reason is of PEER_DOWN. */
	void (*peer)(void *ctx, enum action_type what, const struct peer_info *peer,
		     enum ike_reason reason);
	/* What shard_drop_local() began is done; perhaps before that returns. */
	void (*dropped)(void *ctx);
	/* The TUN device was deleted: the shard carries no traffic any more. */
	void (*lost)(void *ctx);
	void *ctx;
};

/* Traffic as the shard saw it, totals. */
struct shard_traffic {
	uint64_t packets_in, octets_in; /* inner packets from peers that reached the TUN device */
	uint64_t packets_out, octets_out;
	uint64_t dropped_not_ready; /* before the responder began */
	uint64_t dropped_tun;
};

/*
 * Opens the sockets; takes ownership of tun_fd on success. addresses, lg and crypto are borrowed.
 * ERR_IO, ERR_NO_MEMORY, with the reason in why.
 */
MUST_USE int shard_new(uv_loop_t *loop, const struct ip *addresses, size_t n_addresses, int tun_fd,
		       struct crypto *crypto, const struct logger *lg,
		       const struct shard_events *events, struct shard **out, struct errtext *why);

/*
 * Begins to answer. policy and rng are borrowed. ERR_BAD_STATE if it has begun, ERR_CONFIG,
 * ERR_NO_MEMORY.
 */
MUST_USE int shard_begin(struct shard *s, const struct responder_conf *conf,
			 const struct policy *policy, const struct rng *rng);

/* As in responder.h; nothing before shard_begin(). */
void shard_set_redirect(struct shard *s, const struct ip *local, const struct ip *target);
void shard_drop_local(struct shard *s, const struct ip *local);
void shard_supersede(struct shard *s, uint64_t spi, const char *identity);
void shard_set_qcd(struct shard *s, uint8_t number, const struct qcd_secrets *secrets);
void shard_set_dead(struct shard *s, const struct ip *local, uint8_t number);

/* NULL before shard_begin(). */
const struct responder *shard_responder(const struct shard *s);
const struct esp_set *shard_esp(const struct shard *s);
struct shard_traffic shard_traffic(const struct shard *s);

/* Closes sockets and device, wipes all keys. Memory is freed by the loop. NULL is fine. */
void shard_close(struct shard *s);

#endif
