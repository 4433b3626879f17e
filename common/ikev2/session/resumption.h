/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_RESUMPTION_H
#define IKEV2_SESSION_RESUMPTION_H

#include "common/crypto/suite.h"
#include "common/ikev2/body.h"

/*
 * All that an initiator needs to resume an IKE SA with a ticket (RFC 5723, 4.2), as a value: it
 * may be copied, and holds nothing that points into itself. A ticket is used once, and never when
 * it has expired; whoever holds a copy forgets it when it is told that the ticket is gone.
 */
#define RESUMPTION_TICKET_MAX 2048

struct resumption {
	size_t ticket_len; /* 0: there is none */
	uint8_t ticket[RESUMPTION_TICKET_MAX];
	uint64_t expires_ms; /* on the clock of the core that it comes from */
	uint64_t spi;        /* ours, of the IKE SA that it was given for */
	struct key sk_d;
	struct ike_suite suite;
	uint8_t auth_method; /* of the authentication in full: RFC 7296, 3.8 */
	uint8_t idi_type, idr_type;
	size_t idi_len, idr_len;
	uint8_t idi[ID_TEXT_MAX], idr[ID_TEXT_MAX];
};

/* ERR_TOO_LONG: the identity is kept nowhere. */
MUST_USE int resumption_set_id(const struct id_body *id, uint8_t *type, uint8_t *octets,
			       size_t *len);

/* Views of it. */
static inline struct id_body resumption_idi(const struct resumption *r)
{
	return (struct id_body){ r->idi_type, { r->idi, r->idi_len } };
}

static inline struct id_body resumption_idr(const struct resumption *r)
{
	return (struct id_body){ r->idr_type, { r->idr, r->idr_len } };
}

static inline bool resumption_is_good(const struct resumption *r, uint64_t now_ms)
{
	return r->ticket_len > 0 && now_ms < r->expires_ms;
}

void resumption_wipe(struct resumption *r);

#endif
