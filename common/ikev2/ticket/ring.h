/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKET_RING_H
#define TICKET_RING_H

#include "common/base/err.h"
#include "common/base/secret.h"

/*
 * The cluster's ticket keys as one member or director knows them. Tickets are sealed under one of
 * them and opened with whichever one they name; the director draws them, says which one to seal
 * under, and takes them away (docs/tickets.md).
 */
#define TICKET_RING_MAX     8
#define TICKET_SECRET_SIZE  32
#define TICKET_KEY_NAME     "ticket-" /* then the id as 16 hexadecimal digits: its name elsewhere */
#define TICKET_KEY_NAME_LEN (sizeof(TICKET_KEY_NAME) - 1 + 16)

/* The clocks of members and director may differ by so much. */
#define TICKET_SKEW_S 60

/* Times are seconds since 1970. */
struct ticket_key {
	uint64_t id; /* random, in clear in each ticket */
	uint8_t secret[TICKET_SECRET_SIZE];
	uint64_t not_before_s; /* nothing sealed under it is older, ... */
	uint64_t not_after_s;  /* ... or good any longer */
	bool may_issue;        /* every member that is not down has it */
};

struct ticket_ring {
	size_t n;
	struct ticket_key keys[TICKET_RING_MAX];
};

/* ERR_LIMIT, ERR_EXISTS (such an id is there), ERR_VALUE (not_after_s is not after not_before_s).
 */
MUST_USE int ticket_ring_add(struct ticket_ring *r, const struct ticket_key *key);

/* NULL: there is none. */
const struct ticket_key *ticket_ring_find(const struct ticket_ring *r, uint64_t id);

/* Whether tickets under it can be good at this time: not too early for any clock, nor over. */
bool ticket_key_is_in_force(const struct ticket_key *key, uint64_t now_s);

/* The one to seal under at this time: of those that may issue, what lives longest. NULL: none. */
const struct ticket_key *ticket_ring_issuing(const struct ticket_ring *r, uint64_t now_s);

void ticket_ring_wipe(struct ticket_ring *r);

/* "ticket-0123456789abcdef" to and from an id. ERR_VALUE. */
const char *ticket_key_name(uint64_t id, char out[TICKET_KEY_NAME_LEN + 1]);
MUST_USE int ticket_key_parse(const char *name, uint64_t *id);

#endif
