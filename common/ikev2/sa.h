/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SA_H
#define IKEV2_SA_H

#include "common/crypto/suite.h"
#include "common/ikev2/payload.h"

/*
 * The SA payload (RFC 7296, 3.3): decoding to bounded arrays, encoding, and choosing. Decoded views
 * borrow from the input.
 */
#define SA_MAX_PROPOSALS  16
#define SA_MAX_TRANSFORMS 64 /* in one proposal */

struct transform {
	uint8_t type; /* enum transform_type or unknown */
	uint16_t id;
	uint16_t key_bits;           /* 0: no Key Length attribute */
	bool has_unknown_attributes; /* makes the transform unusable, 3.3.6 */
};

struct proposal {
	uint8_t number;
	uint8_t protocol;
	struct bytes spi;
	size_t n_transforms;
	struct transform transforms[SA_MAX_TRANSFORMS];
};

struct sa_payload {
	size_t n;
	struct proposal proposals[SA_MAX_PROPOSALS];
};

/*
 * Strict about structure: the Last markers, lengths and counts must agree, numbers start at 1 and
 * rise by 1, lists are not empty. Returns 0, ERR_TRUNCATED, ERR_TRAILING, ERR_VALUE or ERR_LIMIT.
 */
MUST_USE int sa_decode(struct bytes body, struct sa_payload *out);

/* ERR_VALUE for what sa_decode() would refuse; transforms with unknown attributes cannot be sent.
 */
void sa_encode(struct wr *w, const struct sa_payload *sa);

/*
 * Chooses for a responder, in the initiator's order of proposals and, within one, the responder's
 * order of preference. An unknown transform type or a missing mandatory one makes a proposal
 * unusable, an unknown id or attribute only that transform (3.3.6). With AEAD, INTEG must be absent
 * or NONE. *chosen gets exactly one transform of each type the proposal holds, with the initiator's
 * proposal number and an empty spi for the caller to set. ERR_NOT_FOUND: NO_PROPOSAL_CHOSEN.
 *
 * For ESP, ESN none (0) is required to be on offer: extended sequence numbers are not negotiated
 * yet. accept.kex NULL takes an offer without KE, or with NONE among its groups, or, when
 * ignore_kex is set (IKE_AUTH, RFC 7296, 1.2), leaves out whatever KE transforms it has.
 * peer_spi is the chosen proposal's SPI.
 */
MUST_USE int sa_choose_ike(const struct sa_payload *offer, const struct ike_suite *accept,
			   size_t n_accept, struct ike_suite *suite, struct proposal *chosen);
MUST_USE int sa_choose_esp(const struct sa_payload *offer, const struct esp_suite *accept,
			   size_t n_accept, bool ignore_kex, struct esp_suite *suite,
			   struct proposal *chosen, uint32_t *peer_spi);

/* One proposal per suite, numbered from 1, for an initiator. spi empty or 4 or 8 octets. */
void sa_offer_ike(struct sa_payload *out, const struct ike_suite *suites, size_t n,
		  struct bytes spi);
void sa_offer_esp(struct sa_payload *out, const struct esp_suite *suites, size_t n,
		  struct bytes spi);

#endif
