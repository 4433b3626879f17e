/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_SUITE_H
#define CRYPTO_SUITE_H

#include "common/crypto/crypto.h"

/*
 * The tables of negotiable algorithms and the suites made of them. Adding an algorithm is adding a
 * row here (and its primitive in crypto.h); nothing that negotiates or derives names one itself.
 * HMAC-SHA1 has no row: it can be computed but never negotiated.
 */

struct prf_alg {
	const char *name; /* "prfsha256" */
	enum prf_id id;
};

struct kex_group {
	const char *name; /* "x25519", "ecp256", "modp2048" */
	enum kex_id id;
};

/* NULL if there is no such row. key_bits 0 matches no AES row: a key length is mandatory. */
const struct encr_alg *encr_find(uint16_t id, uint16_t key_bits);
const struct prf_alg *prf_find(uint16_t id);
const struct kex_group *kex_find(uint16_t id);
const struct encr_alg *encr_by_name(const char *name);
const struct prf_alg *prf_by_name(const char *name);
const struct kex_group *kex_by_name(const char *name);

struct ike_suite {
	const struct encr_alg *encr;
	const struct prf_alg *prf;
	const struct kex_group *kex;
};

struct esp_suite {
	const struct encr_alg *encr;
	const struct kex_group *kex; /* NULL: no key exchange of its own */
};

/*
 * What a connection offers or accepts, in order of preference. A name is parts joined by '-':
 * "aes256gcm16-prfsha256-x25519", ESP "aes256gcm16" or "aes256gcm16-x25519". ERR_VALUE names no
 * known algorithm, or one part is missing or there twice.
 */
MUST_USE int ike_suite_parse(const char *text, struct ike_suite *out);
MUST_USE int esp_suite_parse(const char *text, struct esp_suite *out);

#define SUITE_TEXT_MAX 64
const char *ike_suite_format(const struct ike_suite *s, char out[SUITE_TEXT_MAX]);
const char *esp_suite_format(const struct esp_suite *s, char out[SUITE_TEXT_MAX]);

#endif
