/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_HEADER_H
#define IKEV2_HEADER_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/ikev2/const.h"
#include "common/wire/wr.h"

/* The IKE header (RFC 7296, 3.1), 28 octets; without any non-ESP marker. */
struct ike_header {
	uint64_t spi_i;
	uint64_t spi_r;
	uint8_t next_payload;
	uint8_t version;
	uint8_t exchange;
	uint8_t flags;
	uint32_t message_id;
	uint32_t length;
};

/*
 * ERR_TRUNCATED below 28 octets; ERR_MISMATCH if Length is not message.len. Any version, exchange
 * and flags decode: judging them is for the caller.
 */
MUST_USE int ike_header_decode(struct bytes message, struct ike_header *out);

/* Length as in the struct; message_close() fills it in when it is not known yet. */
void ike_header_encode(struct wr *w, const struct ike_header *h);

static inline bool ike_header_is_response(const struct ike_header *h)
{
	return (h->flags & IKE_FLAG_RESPONSE) != 0;
}

static inline bool ike_header_is_initiator(const struct ike_header *h)
{
	return (h->flags & IKE_FLAG_INITIATOR) != 0;
}

#endif
