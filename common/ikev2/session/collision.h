/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_COLLISION_H
#define IKEV2_SESSION_COLLISION_H

#include "common/base/bytes.h"
#include "common/ikev2/body.h"

/*
 * Both ends rekey the same SA at once (RFC 7296, 2.8.1, 2.8.2): two new SAs come of it, made by two
 * exchanges with two nonces each. The one of the exchange with the lowest of the four is redundant,
 * and is deleted by the end that began it; the other end's exchange, or rather its initiator,
 * deletes the old SA. Each end reaches this on its own as soon as it knows all four.
 */

/* The lower nonce of one exchange, a copy. */
struct lowest {
	size_t len;
	uint8_t octets[NONCE_MAX];
};

/* Octet by octet; one that another one begins with is lower. */
int nonce_compare(struct bytes a, struct bytes b);
void lowest_set(struct lowest *out, struct bytes ni, struct bytes nr);

/* True if the exchange with the nonces ni and nr is the redundant one. */
bool collision_is_lost(struct bytes ni, struct bytes nr, const struct lowest *other);

#endif
