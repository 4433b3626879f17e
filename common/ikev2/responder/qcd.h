/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_QCD_H
#define IKEV2_RESPONDER_QCD_H

#include "common/base/ip.h"
#include "common/ikev2/responder/responder.h"

/*
 * Tokens by which a peer believes that its IKE SA is lost (RFC 6290):
 *
 *   HMAC-SHA2-256(secret of the member whose SA it is, its own SPI | the peer's SPI)
 *
 * Whoever has the token of a living SA can end it. So one is sent in clear only for an SPI that
 * cannot be alive anywhere: of this member, which does not have it; or of one that the director has
 * judged down and that is not back, at an address of it that we have claimed for that reason.
 */
#define QCD_TOKEN_SIZE 32
#define QCD_NUMBER_MAX 191
#define QCD_DEAD_MAX   64
#define QCD_PER_SECOND 50

struct qcd {
	struct qcd_secrets secrets[QCD_NUMBER_MAX + 1]; /* by member number */
	size_t n_dead;
	struct {
		struct ip local;
		uint8_t number;
	} dead[QCD_DEAD_MAX];
	uint64_t second;   /* in which ... */
	unsigned int sent; /* ... so many were sent */
};

#endif
