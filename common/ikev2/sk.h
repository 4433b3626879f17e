/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SK_H
#define IKEV2_SK_H

#include "common/crypto/suite.h"
#include "common/ikev2/payload.h"

/*
 * The Encrypted payload (RFC 7296, 3.14; RFC 5282): sealing a chain of payloads into a message, and
 * opening it. AEAD ciphers only until others join the table.
 */

/*
 * Writes a whole message: h (its next_payload and length are ignored), SK{chain}. first is the type
 * of the first inner payload, 0 for an empty chain. iv must never repeat under key. inner must not
 * overlap w's buffer. Errors are left in w: ERR_NO_SPACE, ERR_TOO_LONG, ERR_CRYPTO.
 */
void sk_seal(struct wr *w, struct crypto *c, const struct encr_alg *alg, struct bytes key,
	     uint64_t iv, const struct ike_header *h, uint8_t first, struct bytes inner);

/*
 * Opens a message whose only payload is SK (others in front are part of what is authenticated, but
 * rare). Decrypts into plain, which holds at least message.len octets, and decodes the inner chain
 * into list, whose views point into plain. Returns 0 or
 *   ERR_AUTH       the ICV is wrong: drop without any effect
 *   ERR_MISSING    there is no SK payload
 *   other errors of payload_list_decode(): before or after the ICV, see *authentic
 * *authentic is set to true once the ICV was right: then the peer sent the malformed content
 * itself.
 */
MUST_USE int sk_open(struct crypto *c, const struct encr_alg *alg, struct bytes key,
		     struct bytes message, uint8_t *plain, struct payload_list *list,
		     uint8_t *critical, bool *authentic);

#endif
