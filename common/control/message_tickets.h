/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_MESSAGE_TICKETS_H
#define CONTROL_MESSAGE_TICKETS_H

#include "common/base/bytes.h"

/*
 * The messages about keys and tickets, as values; message.h has the rest. Times are seconds since
 * 1970: they outlive boots, and tickets are shown to other members than the one that issued them.
 */
#define MSG_RING_MAX        256
#define MSG_KEY_MIN         16
#define MSG_KEY_MAX         64  /* octets of a key */
#define MSG_REVOCATIONS_MAX 256 /* see message_fits_revocations() */

/* A key of the cluster's ring. A use that this version does not know is ignored. */
#define MSG_KEY_USE_NOTICE "notice" /* of what members send each other: common/mesh */
#define MSG_KEY_USE_TICKET "ticket" /* of what peers resume with: common/ikev2/ticket */
#define MSG_KEY_USE_QCD    "qcd"    /* of crash detection tokens of one member (RFC 6290) */
struct msg_key {
	const char *id;      /* a name */
	const char *use;     /* a name */
	struct bytes key;    /* MSG_KEY_MIN to MSG_KEY_MAX octets, base64 in JSON */
	uint64_t not_before; /* optional; 0: none */
	uint64_t not_after;  /* optional; 0: none */
	bool issue;          /* optional, ticket: may be sealed under */
	uint8_t number;      /* optional, qcd: of the member whose SPIs it is for */
};

/* ---- director to agent: ring, answered with ring_ok ---- */
struct msg_ring {
	const struct msg_key *keys; /* all of them, in place of what was there */
	size_t n_keys;
};

struct msg_ring_ok {
	const char *const *ids; /* of the keys that are held now */
	size_t n_ids;
};

/* ---- director to agent: revoke, answered with ok ---- */

/* Which tickets are taken back. */
#define MSG_REVOKEDS(X)             \
	X(IDENTITY, "identity")     \
	X(CONNECTION, "connection") \
	X(ALL, "all")

#define REVOKED_ENUMERATOR(name, text) MSG_REVOKED_##name,
enum msg_revoked {
	MSG_REVOKEDS(REVOKED_ENUMERATOR)
};
#undef REVOKED_ENUMERATOR

struct msg_revocation {
	uint64_t id; /* from 1 on */
	enum msg_revoked what;
	const char *name; /* a line: identity or connection; NULL if it is all */
	uint64_t before;  /* those that were issued before this time */
	uint64_t until;   /* from then on none of those is good any more */
};

struct msg_revoke {
	const struct msg_revocation *revocations; /* all of them, in place of what was there */
	size_t n_revocations;
};

/* ---- director to agent: superseded, without answer: the peer has an SA elsewhere instead ---- */
struct msg_superseded {
	uint64_t spi; /* the member's */
	const char *identity;
	const char *by; /* the member that has the other one */
};

#endif
