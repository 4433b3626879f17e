/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_POLICY_H
#define IKEV2_RESPONDER_POLICY_H

#include "common/crypto/suite.h"
#include "common/ikev2/body.h"

/*
 * Who may connect, with what, to what (RFC 4301's PAD and SPD, as far as a responder needs them).
 * Built once from the configuration, then immutable; a reload builds another one. The caller owns
 * what the borrowed fields point to and keeps it as long as the policy lives.
 */
#define POLICY_MAX_SUITES 16

struct policy_connection {
	const char *name;
	size_t n_suites;
	struct esp_suite suites[POLICY_MAX_SUITES]; /* in order of preference */
	struct ts_list local;                       /* the protected network */
	struct ts_list remote;                      /* what its peers may have behind them */
};

struct policy_peer {
	struct id_body id;
	struct bytes psk; /* borrowed */
	const struct policy_connection *connection;
	bool has_remote;       /* narrows the connection's */
	struct ts_list remote; /* if has_remote */
};

struct policy;

/* peers are copied, with their identities; keys and connections stay borrowed. NULL: no memory. */
struct policy *policy_new(const struct policy_peer *peers, size_t n);
void policy_free(struct policy *p); /* NULL is fine */

/* NULL if nobody has that identity; type and octets must be equal, in
 * names letters of either case. Borrowed from the policy. */
const struct policy_peer *policy_find(const struct policy *p, const struct id_body *id);

/* The selectors that this peer may have: its own, or its connection's. */
const struct ts_list *policy_peer_remote(const struct policy_peer *peer);

/*
 * The identity that a text of the configuration stands for: an IP address, "#hex" for KEY_ID, with
 * an '@' inside RFC822_ADDR, else FQDN. data is a view of buf (at least ID_TEXT_MAX). ERR_VALUE for
 * what is none of these.
 */
MUST_USE int policy_id_parse(const char *text, uint8_t buf[ID_TEXT_MAX], struct id_body *out);

#endif
