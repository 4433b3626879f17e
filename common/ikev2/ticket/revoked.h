/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKET_REVOKED_H
#define TICKET_REVOKED_H

#include "common/ikev2/ticket/ticket.h"

/*
 * Tickets that were taken back by the operator: of an identity, of a connection, or all, that were
 * issued before a time. An entry can be forgotten when the last ticket
 * that it means has expired.
 */
#define REVOCATIONS_MAX 1024

enum revoked_what {
	REVOKED_ALL,
	REVOKED_IDENTITY,
	REVOKED_CONNECTION,
};

struct revocation {
	uint64_t id; /* the director's number for it, from 1 on */
	enum revoked_what what;
	char name[ID_TEXT_MAX]; /* identity as id_format() writes it, or connection; else empty */
	uint64_t before_s;      /* issued before this time (seconds since 1970) */
	uint64_t until_s;       /* when the last of those has expired */
};

struct revocations {
	size_t n;
	struct revocation *items;
};

/* Copies them all in place of what was there. ERR_NO_MEMORY, ERR_LIMIT. */
MUST_USE int revocations_set(struct revocations *r, const struct revocation *items, size_t n);
void revocations_clear(struct revocations *r);

bool revocations_cover(const struct revocations *r, const struct ticket *t);

#endif
