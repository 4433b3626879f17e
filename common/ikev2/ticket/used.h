/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKET_USED_H
#define TICKET_USED_H

#include "common/ikev2/ticket/ticket.h"

/*
 * The tickets that were used here and have not expired yet (RFC 5723, 4.3.2: a ticket is for one
 * use). Bounded: with the table full the one that expires first makes room, and "evicted" counts.
 * By first octets of the id, which is random: 16 of them are enough.
 */
struct used_tickets;

/* NULL: no memory. max from 1 to 2^24. */
struct used_tickets *used_tickets_new(size_t max);
void used_tickets_free(struct used_tickets *u); /* NULL is fine */

bool used_tickets_has(const struct used_tickets *u, const uint8_t id[TICKET_ID_SIZE]);

/* Remembers it until it expires. False: it was there. Forgets what has expired by now_s. */
bool used_tickets_add(struct used_tickets *u, const uint8_t id[TICKET_ID_SIZE], uint64_t expires_s,
		      uint64_t now_s);

size_t used_tickets_count(const struct used_tickets *u);
uint64_t used_tickets_evicted(const struct used_tickets *u);

#endif
