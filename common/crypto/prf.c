/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/crypto.h"

#include <openssl/core_names.h>

#include "common/crypto/context.h"

#define PRF_PLUS_MAX_BLOCKS 255 /* the block number is one octet, RFC 7296, 2.13 */

static const struct prf_row {
	enum prf_id id;
	size_t size;
	const char *digest;
} prf_rows[PRF_COUNT] = {
	{ PRF_HMAC_SHA1, 20, "SHA1" },
	{ PRF_HMAC_SHA2_256, 32, "SHA2-256" },
	{ PRF_HMAC_SHA2_384, 48, "SHA2-384" },
	{ PRF_HMAC_SHA2_512, 64, "SHA2-512" },
};

static EVP_MAC_CTX *hmac_open(EVP_MAC *hmac, const char *digest)
{
	/* OSSL_PARAM is for reading and writing; here it is read. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);

	if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static int sha1_open(struct crypto *c)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA1", NULL);
	bool is_open;

	c->sha1 = EVP_MD_CTX_new();
	is_open = md != NULL && c->sha1 != NULL && EVP_DigestInit_ex2(c->sha1, md, NULL) == 1;
	EVP_MD_free(md);
	return is_open ? 0 : crypto_fail(ERR_CRYPTO);
}

int prf_open(struct crypto *c)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	bool is_open = hmac != NULL;

	for (size_t i = 0; is_open && i < PRF_COUNT; i++) {
		c->prf[i] = hmac_open(hmac, prf_rows[i].digest);
		is_open = c->prf[i] != NULL;
	}
	EVP_MAC_free(hmac);
	return is_open ? sha1_open(c) : crypto_fail(ERR_CRYPTO);
}

void prf_close(struct crypto *c)
{
	for (size_t i = 0; i < PRF_COUNT; i++)
		EVP_MAC_CTX_free(c->prf[i]);
	EVP_MD_CTX_free(c->sha1);
}

static EVP_MAC_CTX *find_context(const struct crypto *c, enum prf_id id)
{
	for (size_t i = 0; i < PRF_COUNT; i++) {
		if (prf_rows[i].id == id)
			return c->prf[i];
	}
	return NULL;
}

size_t prf_size(enum prf_id id)
{
	for (size_t i = 0; i < PRF_COUNT; i++) {
		if (prf_rows[i].id == id)
			return prf_rows[i].size;
	}
	return 0;
}

/* A NULL key would mean "the one before" to OpenSSL. */
static bool is_keyed(EVP_MAC_CTX *ctx, struct bytes key)
{
	static const uint8_t no_octets[1];

	return EVP_MAC_init(ctx, key.len > 0 ? key.ptr : no_octets, key.len, NULL) == 1;
}

static bool is_restarted(EVP_MAC_CTX *ctx)
{
	return EVP_MAC_init(ctx, NULL, 0, NULL) == 1;
}

static bool is_fed(EVP_MAC_CTX *ctx, const struct bytes *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len > 0 && EVP_MAC_update(ctx, parts[i].ptr, parts[i].len) != 1)
			return false;
	}
	return true;
}

/* The context would keep the key and the hash states made from it until its next use. */
static void forget(EVP_MAC_CTX *ctx)
{
	static const uint8_t zero[1];

	(void)is_keyed(ctx, (struct bytes){ zero, sizeof(zero) });
}

int prf_compute(struct crypto *c, enum prf_id id, struct bytes key, const struct bytes *parts,
		size_t n_parts, uint8_t *out)
{
	EVP_MAC_CTX *ctx = find_context(c, id);
	bool is_done;

	if (ctx == NULL)
		return ERR_CRYPTO;
	is_done = is_keyed(ctx, key) && is_fed(ctx, parts, n_parts) &&
		  EVP_MAC_final(ctx, out, NULL, prf_size(id)) == 1;
	forget(ctx);
	return is_done ? 0 : crypto_fail(ERR_CRYPTO);
}

/* T(n) = prf(K, T(n-1) | S | n), K set before; block 1 has no T before it. */
static bool is_block_made(EVP_MAC_CTX *ctx, struct bytes before, const struct bytes *seed_parts,
			  size_t n_parts, uint8_t number, uint8_t *out, size_t size)
{
	const struct bytes last = { &number, 1 };

	return (number == 1 || is_restarted(ctx)) && is_fed(ctx, &before, 1) &&
	       is_fed(ctx, seed_parts, n_parts) && is_fed(ctx, &last, 1) &&
	       EVP_MAC_final(ctx, out, NULL, size) == 1;
}

int prf_plus(struct crypto *c, enum prf_id id, struct bytes key, const struct bytes *seed_parts,
	     size_t n_parts, uint8_t *out, size_t len)
{
	EVP_MAC_CTX *ctx = find_context(c, id);
	size_t size = prf_size(id), done = 0;
	struct bytes before = { NULL, 0 };
	uint8_t block[PRF_MAX_SIZE];
	bool is_done;

	if (ctx == NULL)
		return ERR_CRYPTO;
	if (len > PRF_PLUS_MAX_BLOCKS * size)
		return ERR_TOO_LONG;
	is_done = is_keyed(ctx, key);
	for (uint8_t number = 1; is_done && done < len; number++) {
		size_t used = len - done < size ? len - done : size;

		is_done = is_block_made(ctx, before, seed_parts, n_parts, number, block, size);
		memcpy(out + done, block, used);
		before = (struct bytes){ block, size };
		done += used;
	}
	forget(ctx);
	wipe(block, sizeof(block));
	if (is_done)
		return 0;
	wipe(out, len);
	return crypto_fail(ERR_CRYPTO);
}

int sha1_compute(struct crypto *c, const struct bytes *parts, size_t n_parts, uint8_t out[20])
{
	if (EVP_DigestInit_ex2(c->sha1, NULL, NULL) != 1)
		return crypto_fail(ERR_CRYPTO);
	for (size_t i = 0; i < n_parts; i++) {
		if (parts[i].len > 0 && EVP_DigestUpdate(c->sha1, parts[i].ptr, parts[i].len) != 1)
			return crypto_fail(ERR_CRYPTO);
	}
	return EVP_DigestFinal_ex(c->sha1, out, NULL) == 1 ? 0 : crypto_fail(ERR_CRYPTO);
}
