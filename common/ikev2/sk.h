/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SK_H
#define IKEV2_SK_H

#include "common/crypto/suite.h"
#include "common/ikev2/payload.h"

/*
 * The Encrypted payload (RFC 7296, 3.14; RFC 5282) and the Encrypted Fragment payload (RFC 7383,
 * 2.5): sealing a chain of payloads, or a piece of one, into a message, and opening it. Collecting
 * fragments is not done here. AEAD ciphers only until others join the table.
 */

/*
 * Writes a whole message: h (its next_payload and length are ignored), SK{chain}. first is the type
 * of the first inner payload, 0 for an empty chain. iv must never repeat under key. inner must not
 * overlap w's buffer. Errors are left in w: ERR_NO_SPACE, ERR_TOO_LONG, ERR_CRYPTO, and ERR_VALUE
 * if first says that the chain is empty and it is not, or the other way round.
 */
void sk_seal(struct wr *w, struct crypto *c, const struct encr_alg *alg, struct bytes key,
	     uint64_t iv, const struct ike_header *h, uint8_t first, struct bytes inner);

/*
 * Opens a message whose only payload is SK (others in front are part of what is authenticated, but
 * rare). Decrypts into plain, which holds at least message.len octets, and decodes the inner chain
 * into list, whose views point into plain. Returns 0 or
 *   ERR_AUTH       the ICV is wrong: drop without any effect
 *   ERR_MISSING    the last payload is not SK
 *   ERR_CRYPTO     the library refused
 *   ERR_VALUE      SK inside SK
 *   errors of ike_header_decode() and payload_list_decode(): before or after the ICV, see
 *   *authentic; a padding longer than the content is ERR_TRUNCATED
 * *authentic is always set: true once the ICV was right, so that the peer itself sent what is wrong
 * after it. *critical is set with ERR_CRITICAL only.
 */
MUST_USE int sk_open(struct crypto *c, const struct encr_alg *alg, struct bytes key,
		     struct bytes message, uint8_t *plain, struct payload_list *list,
		     uint8_t *critical, bool *authentic);

/* ---- fragments ---- */

/* What an SKF payload begins with: Fragment Number (2) | Total Fragments (2). */
struct skf {
	uint16_t number; /* from 1 to total */
	uint16_t total;
};

/* Reads it from the body of an SKF payload, not authenticated yet. ERR_TRUNCATED, ERR_VALUE. */
MUST_USE int skf_decode(struct bytes body, struct skf *out);

struct fragment {
	struct skf at;
	uint8_t first;        /* type of the first inner payload; only fragment 1 tells */
	struct bytes content; /* a piece of the inner chain, cut at any octet */
};

/* As sk_seal(), for one fragment. Each needs an IV of its own. ERR_VALUE for what decodes not. */
void skf_seal(struct wr *w, struct crypto *c, const struct encr_alg *alg, struct bytes key,
	      uint64_t iv, const struct ike_header *h, const struct fragment *f);

/*
 * As sk_open(), but the content is handed out as it is, a view into plain: when all are there,
 * payload_list_decode() of fragment 1's first and all contents in a row. ERR_MISSING: the last
 * payload is not SKF.
 */
MUST_USE int skf_open(struct crypto *c, const struct encr_alg *alg, struct bytes key,
		      struct bytes message, uint8_t *plain, struct fragment *out, uint8_t *critical,
		      bool *authentic);

#endif
