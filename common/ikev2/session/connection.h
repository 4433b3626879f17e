/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_CONNECTION_H
#define IKEV2_SESSION_CONNECTION_H

#include "common/crypto/suite.h"
#include "common/ikev2/body.h"

/*
 * What an IKE SA may be used for, and with whom (RFC 4301's SPD and PAD, as far as IKE needs them).
 * Immutable: SAs point to it. The caller owns what the borrowed fields point to and keeps it as
 * long as there are SAs.
 */
#define POLICY_MAX_SUITES 16

/* How many IKE SAs a peer may have at a gateway. */
enum policy_unique {
	POLICY_UNIQUE_REPLACE, /* INITIAL_CONTACT removes the others; else a few, the oldest go */
	POLICY_UNIQUE_KEEP,  /* as long as there is one, another is refused; but INITIAL_CONTACT */
	POLICY_UNIQUE_NEVER, /* INITIAL_CONTACT is ignored; a few, the oldest go */
};

struct policy_connection {
	const char *name;
	enum policy_unique unique;
	size_t n_suites;
	struct esp_suite suites[POLICY_MAX_SUITES]; /* in order of preference */
	struct ts_list local;                       /* what is behind us */
	struct ts_list remote;                      /* what its peers may have behind them */
	uint32_t rekey_child_ms; /* a Child SA is rekeyed by us at this age, 0: never; */
	uint64_t rekey_octets;   /* or when so much went through it either way, 0: never; */
	uint64_t rekey_packets;
};

struct policy_peer {
	struct id_body id;
	struct bytes psk; /* borrowed */
	const struct policy_connection *connection;
	bool has_remote;       /* narrows the connection's */
	struct ts_list remote; /* if has_remote */
};

/* The selectors that this peer may have: its own, or its connection's. */
static inline const struct ts_list *policy_peer_remote(const struct policy_peer *peer)
{
	return peer->has_remote ? &peer->remote : &peer->connection->remote;
}

#endif
