/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_PAYLOAD_H
#define IKEV2_PAYLOAD_H

#include "common/ikev2/header.h"

/*
 * Chains of payloads (RFC 7296, 3.2): decoding one into a bounded list of views, and writing one.
 * The same functions serve the outer chain and the one inside SK. Nothing here knows what the
 * payloads mean.
 */
#define IKE_MAX_PAYLOADS 48

struct payload {
	uint8_t type;
	struct bytes body; /* without the generic header */
};

struct payload_list {
	size_t n;
	struct payload items[IKE_MAX_PAYLOADS];
	uint8_t sk_first; /* Next Payload of the last one if it is SK or SKF, else 0 */
};

/*
 * first is the type of the first payload, octets the chain; first 0 and no octets is an empty one.
 * Payload types that const.h does not know are left out of the list. SK and SKF end the chain, and
 * their Next Payload is the first inner type. Bodies have a ptr even when empty. Returns 0 or
 *   ERR_TRUNCATED  a payload is longer than what is left, or than its own header
 *   ERR_TRAILING   octets after the last payload
 *   ERR_LIMIT      more than IKE_MAX_PAYLOADS, unknown ones included
 *   ERR_CRITICAL   an unknown payload with the critical bit: *critical is its type; what
 *                  follows it was not looked at
 */
MUST_USE int payload_list_decode(uint8_t first, struct bytes octets, struct payload_list *out,
				 uint8_t *critical);

/* The only payload of that type: ERR_MISSING, ERR_DUPLICATE. */
MUST_USE int payload_get(const struct payload_list *list, uint8_t type, struct bytes *body);

/* As payload_get, but nothing there is fine: then *body is empty with a NULL ptr. */
MUST_USE int payload_get_optional(const struct payload_list *list, uint8_t type,
				  struct bytes *body);

/*
 * Writing: the chain patches the Next Payload field of what came before, so callers never compute
 * it. Between payload_open() and payload_close() the body is written to w. Errors are left in w:
 *   ERR_VALUE      type 0, and SK and SKF, which sk.h writes
 *   ERR_LIMIT      more than IKE_MAX_PAYLOADS
 *   ERR_TOO_LONG   a body beyond 16 bits
 *   ERR_BAD_STATE  opened, closed or finished out of order
 * Any other type may be written, also such as the decoder leaves out.
 */
struct payload_writer {
	struct wr *w;
	size_t start;        /* of the message in w; SIZE_MAX: a chain without header */
	size_t next_field;   /* place of the Next Payload octet to patch; SIZE_MAX: keep in first */
	size_t length_field; /* of the open payload; SIZE_MAX: none is open */
	size_t n;
	uint8_t first; /* type of the first payload of a chain that has no field yet */
};

/*
 * A message, from where w is: a non-ESP marker may be there already. The header comes first, its
 * next_payload and length are ignored and patched later.
 */
struct payload_writer message_open(struct wr *w, const struct ike_header *h);

/* A chain without header in front, as inside SK: the caller fetches .first at the end. */
struct payload_writer chain_open(struct wr *w);

void payload_open(struct payload_writer *p, uint8_t type);
void payload_close(struct payload_writer *p);

/* A whole payload at once. */
void payload_put(struct payload_writer *p, uint8_t type, struct bytes body);

/* Fills in the header's Length. */
void message_close(struct payload_writer *p);

#endif
