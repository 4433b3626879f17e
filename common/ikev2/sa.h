/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SA_H
#define IKEV2_SA_H

#include "common/crypto/suite.h"
#include "common/ikev2/payload.h"

/*
 * The SA payload (RFC 7296, 3.3): decoding to bounded arrays, encoding, and choosing. Decoded views
 * borrow from the input.
 */
#define SA_MAX_PROPOSALS  32 /* Windows offers 18 */
#define SA_MAX_TRANSFORMS 64 /* in one proposal; strongSwan with all plugins offers about 48 */
#define SA_MAX_ATTRIBUTES 8  /* of one transform */

struct transform {
	uint8_t type;                /* enum transform_type or unknown */
	bool has_unknown_attributes; /* or a Key Length twice, or of 0: unusable, 3.3.6 */
	uint16_t id;
	uint16_t key_bits; /* 0: no Key Length attribute */
};

struct proposal {
	uint8_t number;
	uint8_t protocol;
	struct bytes spi;
	size_t n_transforms;
	struct transform transforms[SA_MAX_TRANSFORMS];
};

/* 13 KiB: fine on a stack, not in every SA. */
struct sa_payload {
	size_t n;
	struct proposal proposals[SA_MAX_PROPOSALS];
};

/*
 * Strict about structure: the Last markers, lengths and counts must agree, numbers start at 1 and
 * rise by 1, lists are not empty. A lone proposal may have any number but 0: it may be an answer.
 * Returns 0, ERR_TRUNCATED, ERR_TRAILING, ERR_VALUE or ERR_LIMIT.
 */
MUST_USE int sa_decode(struct bytes body, struct sa_payload *out);

/* ERR_VALUE for what sa_decode() would refuse; transforms with unknown attributes cannot be sent.
 */
void sa_encode(struct wr *w, const struct sa_payload *sa);

/*
 * Chooses for a responder, in the initiator's order of proposals and, within one, the responder's
 * order of preference. An unknown transform type or a missing mandatory one makes a proposal
 * unusable, an unknown id or attribute only that transform (3.3.6). With AEAD, INTEG must be absent
 * or NONE; the answer leaves it out. *chosen gets exactly one transform of each other type the
 * proposal holds, with the initiator's proposal number and an empty spi for the caller to set.
 * ERR_NOT_FOUND: NO_PROPOSAL_CHOSEN.
 *
 * IKE: the SPI must be empty or 8 octets; which of the two the exchange asks for is for the caller
 * to check, with sa_find(). ESP: 4 octets, 256 or above, given back in *peer_spi.
 *
 * For ESP, ESN none (0) is required to be on offer: extended sequence numbers are not negotiated
 * yet. accept.kex NULL takes an offer without KE, or with NONE among its groups, and then answers
 * NONE. When ignore_kex is set (IKE_AUTH, RFC 7296, 1.2) groups do not matter on either side: the
 * answer has none and suite->kex is NULL.
 */
MUST_USE int sa_choose_ike(const struct sa_payload *offer, const struct ike_suite *accept,
			   size_t n_accept, struct ike_suite *suite, struct proposal *chosen);
MUST_USE int sa_choose_esp(const struct sa_payload *offer, const struct esp_suite *accept,
			   size_t n_accept, bool ignore_kex, struct esp_suite *suite,
			   struct proposal *chosen, uint32_t *peer_spi);

/* The proposal of that number, NULL if there is none. */
const struct proposal *sa_find(const struct sa_payload *sa, uint8_t number);

/*
 * For an initiator: which suite of its offer (made by sa_offer_*()) the answer takes. ERR_MISMATCH
 * if it is not exactly one proposal of that offer with one transform of each type.
 */
MUST_USE int sa_match_ike(const struct sa_payload *answer, const struct ike_suite *offered,
			  size_t n_offered, struct ike_suite *suite);
MUST_USE int sa_match_esp(const struct sa_payload *answer, const struct esp_suite *offered,
			  size_t n_offered, struct esp_suite *suite, uint32_t *peer_spi);

/* One proposal per suite, SA_MAX_PROPOSALS at most, numbered from 1, for an initiator. spi empty or
 * 4 or 8 octets. */
void sa_offer_ike(struct sa_payload *out, const struct ike_suite *suites, size_t n,
		  struct bytes spi);
void sa_offer_esp(struct sa_payload *out, const struct esp_suite *suites, size_t n,
		  struct bytes spi);

#endif
