/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_CONTEXT_H
#define CRYPTO_CONTEXT_H

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "common/crypto/crypto.h"

/*
 * What is inside struct crypto. Private to this folder. Each topic opens and closes its own
 * members; opening needs no undoing on failure, crypto_new() closes everything then.
 */
#define PRF_COUNT    4
#define CIPHER_COUNT 3

struct crypto {
	EVP_MD_CTX *digest[PRF_COUNT];        /* one per row of prf.c */
	EVP_CIPHER_CTX *cipher[CIPHER_COUNT]; /* one per row of aead.c, for the one-shot calls */
	EC_GROUP *p256;
	BIGNUM *modp_prime;     /* p of group 14 */
	BIGNUM *modp_max;       /* p - 1 */
	BIGNUM *modp_generator; /* 2 */
	BN_MONT_CTX *modp_mont;
};

MUST_USE int prf_open(struct crypto *c);
void prf_close(struct crypto *c);
MUST_USE int aead_open_all(struct crypto *c);
void aead_close_all(struct crypto *c);
MUST_USE int kex_ecp_open(struct crypto *c);
void kex_ecp_close(struct crypto *c);
MUST_USE int kex_modp_open(struct crypto *c);
void kex_modp_close(struct crypto *c);

/* Returns err, after emptying OpenSSL's error queue: no later SSL_get_error() is misled. */
MUST_USE int crypto_fail(int err);

#endif
