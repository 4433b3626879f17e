/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/rng.h"
#include "common/base/secret.h"

/*
 * Thin wrappers around OpenSSL for IKE and ESP. A struct crypto holds the fetched algorithms and
 * scratch contexts, so that per-message work fetches nothing and makes no contexts. One per event
 * loop or core; never shared between threads. All algorithm identifiers are IANA's numbers.
 *
 * No call leaves a key or an output in the scratch contexts, or an error in OpenSSL's queue: a
 * failure empties the queue of the calling thread.
 */
struct crypto;

/* NULL if OpenSSL refuses, e.g. lacks an algorithm of the tables below. */
struct crypto *crypto_new(void);
void crypto_free(struct crypto *c); /* NULL is fine */

/* ---- pseudo-random functions (RFC 7296, 2.13, 2.14) ---- */
enum prf_id {
	PRF_HMAC_SHA1 = 2, /* known answers only: never in a proposal */
	PRF_HMAC_SHA2_256 = 5,
	PRF_HMAC_SHA2_384 = 6,
	PRF_HMAC_SHA2_512 = 7,
};
#define PRF_MAX_SIZE 64

/* Output size, which for HMAC is the preferred key size too; 0 for an unknown id. */
size_t prf_size(enum prf_id id);

/*
 * out = prf(key, parts[0] | parts[1] | ...); out has room for prf_size(id) and may overlap any
 * input. ERR_CRYPTO, also for an unknown id.
 */
MUST_USE int prf_compute(struct crypto *c, enum prf_id id, struct bytes key,
			 const struct bytes *parts, size_t n_parts, uint8_t *out);

/*
 * out[0..len) = prf+(key, seed parts), out apart from the inputs. ERR_TOO_LONG beyond 255 blocks,
 * ERR_CRYPTO, also for an unknown id.
 */
MUST_USE int prf_plus(struct crypto *c, enum prf_id id, struct bytes key,
		      const struct bytes *seed_parts, size_t n_parts, uint8_t *out, size_t len);

/* SHA-1, for NAT detection only (RFC 7296, 2.23). */
MUST_USE int sha1_compute(struct crypto *c, const struct bytes *parts, size_t n_parts,
			  uint8_t out[20]);

/* ---- authenticated encryption (RFC 5282, RFC 4106) ---- */
enum encr_id {
	ENCR_AES_GCM_16 = 20,
};

/* What a table row says of a cipher; key_bits tells rows with equal id apart. */
struct encr_alg {
	const char *name; /* as in configuration, "aes256gcm16" */
	enum encr_id id;
	uint16_t key_bits;
	uint8_t key_size;  /* octets, without salt */
	uint8_t salt_size; /* octets after the key in the key material */
	uint8_t iv_size;   /* octets on the wire */
	uint8_t icv_size;
};

/* Room for key | salt of every row. */
#define ENCR_KEY_MAX 36
#define AEAD_IV_SIZE 8
#define AEAD_ICV_MAX 16

/*
 * One-shot, for IKE: key is key | salt as in the key material. The nonce is salt | iv, and it is
 * the caller who never repeats an iv under one key. seal writes plain.len + icv_size octets to out,
 * open cipher.len - icv_size; out is the input's own address (in place) or does not overlap it.
 * ERR_VALUE for a key of another length, ERR_TOO_LONG beyond INT_MAX octets, ERR_CRYPTO. open:
 * ERR_AUTH if the tag is wrong (then out is wiped), ERR_TRUNCATED if shorter than a tag.
 */
MUST_USE int aead_seal(struct crypto *c, const struct encr_alg *alg, struct bytes key,
		       const uint8_t iv[AEAD_IV_SIZE], struct bytes aad, struct bytes plain,
		       uint8_t *out);
MUST_USE int aead_open(struct crypto *c, const struct encr_alg *alg, struct bytes key,
		       const uint8_t iv[AEAD_IV_SIZE], struct bytes aad, struct bytes cipher,
		       uint8_t *out);

/*
 * The same with a key schedule that is kept, for ESP SAs with traffic; either direction, any order.
 * Not shared by threads; independent of c once made.
 */
struct aead;
MUST_USE int aead_new(struct crypto *c, const struct encr_alg *alg, struct bytes key,
		      struct aead **out);
void aead_free(struct aead *a); /* wipes; NULL is fine */
MUST_USE int aead_seal_with(struct aead *a, const uint8_t iv[AEAD_IV_SIZE], struct bytes aad,
			    struct bytes plain, uint8_t *out);
MUST_USE int aead_open_with(struct aead *a, const uint8_t iv[AEAD_IV_SIZE], struct bytes aad,
			    struct bytes cipher, uint8_t *out);

/* ---- key exchange (RFC 7296, 3.4; RFC 5903; RFC 8031; RFC 3526) ---- */
enum kex_id {
	KEX_NONE = 0,
	KEX_MODP_2048 = 14,
	KEX_ECP_256 = 19,
	KEX_CURVE25519 = 31,
};
#define KEX_PUBLIC_MAX 512

/* Octets of the public value in a KE payload; 0 for an unknown group. */
size_t kex_public_size(enum kex_id id);

struct kex;

/*
 * A fresh private value drawn from rng (so that a seeded run repeats), for one exchange only. c has
 * to outlive it. ERR_UNSUPPORTED for an unknown group, ERR_NO_MEMORY, ERR_CRYPTO, or what rng said.
 */
MUST_USE int kex_generate(struct crypto *c, enum kex_id id, const struct rng *rng,
			  struct kex **out);
void kex_free(struct kex *k); /* wipes; NULL is fine */

/* Valid as long as k. */
struct bytes kex_public(const struct kex *k);

/*
 * g^ir as it is fed to the prf: MODP padded to the modulus, ECP the x coordinate. Checks the peer's
 * value as RFC 6989 and RFC 8031 ask: ERR_VALUE for a wrong length, 0, 1, p-1 or more, a point not
 * on the curve, or an all-zero X25519 result.
 */
MUST_USE int kex_derive(const struct kex *k, struct bytes peer_public, struct secret *out);

#endif
