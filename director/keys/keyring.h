/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_KEYRING_H
#define DIRECTOR_KEYRING_H

#include "common/base/errtext.h"
#include "common/base/rng.h"
#include "common/control/message.h"
#include "common/ikev2/ticket/ring.h"
#include "director/store/store_keys.h"

/*
 * DOC: the ring of the cluster's keys, a pure core.
 *
 * It is told who the members are, which of them has to be waited for, what keys each holds and what
 * time it is, and says what is to be stored, pushed to the members and remembered. Nothing is
 * pushed before it is stored. A ticket key:
 *
 *            every member that is waited for has it          the next one is issuing
 *   PENDING ------------------------------------> ISSUING ------------------------> OPENING
 *      ^                                                                               |
 *      | first start, rotate_every_s after the last one was drawn,    lifetime_s later |
 *      | the operator                                                                  v
 *      +----------------------------------------------------- deleted, at members too
 *
 * So a ticket that some member issues can be opened by all members, until it expires. With
 * revocation the old ones are deleted at once: until the new one is issuing there are no tickets.
 * One rotation at a time.
 *
 * Secrets of crash detection (RFC 6290): one for each member number as soon as that is known, on
 * the operator's word another; the newest KEYRING_QCD_MAX are kept.
 *
 * Times are seconds since 1970. A clock that is a little behind another one does no harm: keys are
 * valid from KEYRING_SKEW_S before they are drawn, and deleted as much later than they end.
 */
#define KEYRING_QCD_MAX     4
#define KEYRING_KEYS_MAX    200 /* of these at most TICKET_RING_MAX are ticket keys */
#define KEYRING_SKEW_S      TICKET_SKEW_S
#define KEYRING_RETRY_S     10 /* after the store failed */
#define KEYRING_WHY_MAX     192
#define KEYRING_MEMBERS_MAX MSG_MEMBERS_MAX

struct keyring;

struct keyring_conf {
	uint64_t rotate_every_s;
	uint64_t lifetime_s; /* no ticket lives longer */
	uint64_t patience_s; /* a member that holds up a rotation for so long is an event */
};

/* rng is copied. NULL: no memory. */
struct keyring *keyring_new(const struct keyring_conf *conf, const struct rng *rng);
void keyring_free(struct keyring *k); /* wipes; NULL is fine */

/* Before the start: members by index from 0 on, and what the store has. ERR_LIMIT. */
MUST_USE int keyring_add_member(struct keyring *k, const char *name, uint8_t number);
MUST_USE int keyring_load(struct keyring *k, const struct store_key *key);
/* At first every member is waited for. */
void keyring_start(struct keyring *k, uint64_t now_s);

/* ---- events ---- */

/* False: it is down, has left, or knows nothing of tickets. */
void keyring_set_waited(struct keyring *k, uint64_t now_s, size_t member, bool is_waited);

/* All that it holds, as it says. */
void keyring_held(struct keyring *k, uint64_t now_s, size_t member, const char *const *ids,
		  size_t n);

/* The result of KEYRING_STORE: 0, or an error, and then nothing has changed. */
void keyring_stored(struct keyring *k, uint64_t now_s, int err);

void keyring_expire(struct keyring *k, uint64_t now_s);

/*
 * The operator. 0: the next STORE is what was asked for, and if that fails it is forgotten. With
 * the reason in why: ERR_NOT_FOUND, ERR_BAD_STATE (not now), ERR_VALUE (not with that key).
 */
MUST_USE int keyring_rotate(struct keyring *k, uint64_t now_s, const char *use, bool revokes,
			    const char *by, struct errtext *why);
MUST_USE int keyring_revoke(struct keyring *k, uint64_t now_s, const char *id, const char *by,
			    struct errtext *why);

/* ---- actions ---- */

enum keyring_action_type {
	KEYRING_STORE, /* .change, borrowed until keyring_stored() */
	KEYRING_PUSH,  /* tell all members */
	KEYRING_EVENT, /* .what, .why */
};

struct keyring_action {
	enum keyring_action_type type;
	struct store_keys_change change;
	char what[64];
	char why[KEYRING_WHY_MAX];
};

/* False if there is none left. */
bool keyring_next_action(struct keyring *k, struct keyring_action *out);

/* ---- views, of what is stored ---- */

size_t keyring_count(const struct keyring *k);
const struct store_key *keyring_get(const struct keyring *k, size_t index);

/* The member is waited for, and has not said that it holds this ticket key. */
bool keyring_is_missing(const struct keyring *k, const struct store_key *key, size_t member);

/* For ring and welcome: the key of notices first. Returns how many; borrowed until the next event.
 */
size_t keyring_fill(const struct keyring *k, struct msg_key out[KEYRING_KEYS_MAX]);

/* For opening tickets; wiped by the caller. */
void keyring_fill_tickets(const struct keyring *k, struct ticket_ring *out);

/* Rises with each change. */
uint64_t keyring_version(const struct keyring *k);

#endif
