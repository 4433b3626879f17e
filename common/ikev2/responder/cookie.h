/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_COOKIE_H
#define IKEV2_RESPONDER_COOKIE_H

#include "common/base/ip.h"
#include "common/crypto/crypto.h"

/*
 * Stateless cookies of IKE_SA_INIT (RFC 7296, 2.6):
 *
 *   generation (1) | prf(secret, Ni | address | SPIi), HMAC-SHA2-256
 *
 * The secret changes by itself; cookies of the one before are still good.
 */
#define COOKIE_SIZE        33
#define COOKIE_LIFETIME_MS 60000

struct cookies {
	struct key secrets[2]; /* by lowest bit of the generation */
	uint8_t generation;
	uint64_t made_ms; /* when the current secret was drawn; 0: never */
};

/* Draws a new secret when it is time. ERR_CRYPTO. */
MUST_USE int cookies_refresh(struct cookies *c, const struct rng *rng, uint64_t now_ms);

MUST_USE int cookie_make(const struct cookies *c, struct crypto *crypto, struct bytes ni,
			 const struct ip *ip, uint64_t spi_i, uint8_t out[COOKIE_SIZE]);

/* A wrong cookie is no cookie: the caller asks again. Constant time. */
bool cookie_is_valid(const struct cookies *c, struct crypto *crypto, struct bytes cookie,
		     struct bytes ni, const struct ip *ip, uint64_t spi_i);

#endif
