/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_KEX_H
#define CRYPTO_KEX_H

#include "common/crypto/context.h"

/*
 * How one group makes and uses its values. Private to this folder: everybody else calls the kex_
 * functions of crypto.h, which have checked lengths and own struct kex.
 */
struct kex_method {
	enum kex_id id;
	size_t public_size;
	/* Fills the private value and the public one; on failure kex_free() cleans up. */
	int (*generate)(struct kex *k, const struct rng *rng);
	/* peer has public_size octets. On failure out may be filled, and is wiped by the caller. */
	int (*derive)(const struct kex *k, const uint8_t *peer, struct secret *out);
};

/* A group sets one of the two private values. */
struct kex {
	const struct kex_method *method;
	const struct crypto *c;
	BIGNUM *exponent; /* MODP exponent, ECP scalar */
	EVP_PKEY *pkey;   /* X25519 */
	uint8_t public_value[KEX_PUBLIC_MAX];
};

extern const struct kex_method kex_modp_2048;
extern const struct kex_method kex_ecp_256;
extern const struct kex_method kex_curve25519;

#endif
