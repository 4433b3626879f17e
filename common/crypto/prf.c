/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/crypto.h"

#include "common/crypto/context.h"

/*
 * DOC: HMAC (RFC 2104) is built here from the fetched digests: H(K ^ opad, H(K ^ ipad, text)).
 * Every prf call brings another key. EVP_MAC takes one with several allocations, keeps copies of it
 * until the next one, and needs a second, empty key to forget it; this way a call takes half the
 * time and leaves nothing behind.
 */
#define BLOCK_MAX           128
#define PRF_PLUS_MAX_BLOCKS 255 /* the block number is one octet, RFC 7296, 2.13 */

static const struct prf_row {
	enum prf_id id;
	const char *digest;
	size_t size;
	size_t block;
} rows[PRF_COUNT] = {
	{ PRF_HMAC_SHA1, "SHA1", 20, 64 },
	{ PRF_HMAC_SHA2_256, "SHA2-256", 32, 64 },
	{ PRF_HMAC_SHA2_384, "SHA2-384", 48, 128 },
	{ PRF_HMAC_SHA2_512, "SHA2-512", 64, 128 },
};

static EVP_MD_CTX *digest_open(const char *name)
{
	EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_open = md != NULL && ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1;

	EVP_MD_free(md); /* the context holds a reference */
	if (is_open)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

int prf_open(struct crypto *c)
{
	for (size_t i = 0; i < PRF_COUNT; i++) {
		c->digest[i] = digest_open(rows[i].digest);
		if (c->digest[i] == NULL)
			return crypto_fail(ERR_CRYPTO);
	}
	return 0;
}

void prf_close(struct crypto *c)
{
	for (size_t i = 0; i < PRF_COUNT; i++)
		EVP_MD_CTX_free(c->digest[i]);
}

/* PRF_COUNT if there is none. */
static size_t find_row(enum prf_id id)
{
	size_t i = 0;

	while (i < PRF_COUNT && rows[i].id != id)
		i++;
	return i;
}

size_t prf_size(enum prf_id id)
{
	size_t i = find_row(id);

	return i < PRF_COUNT ? rows[i].size : 0;
}

/* Forgets what the context has seen, its last output too. */
static int digest_restart(EVP_MD_CTX *ctx)
{
	return EVP_DigestInit_ex2(ctx, NULL, NULL) == 1 ? 0 : ERR_CRYPTO;
}

static int digest_feed(EVP_MD_CTX *ctx, const struct bytes *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len > 0 && EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) != 1)
			return ERR_CRYPTO;
	}
	return 0;
}

static int digest_finish(EVP_MD_CTX *ctx, uint8_t *out)
{
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1 ? 0 : ERR_CRYPTO;
}

static int digest_compute(EVP_MD_CTX *ctx, const struct bytes *parts, size_t n, uint8_t *out)
{
	if (digest_restart(ctx) != 0 || digest_feed(ctx, parts, n) != 0)
		return ERR_CRYPTO;
	return digest_finish(ctx, out);
}

/* An HMAC under one key, for any number of texts one after the other. */
struct hmac {
	EVP_MD_CTX *ctx;
	const struct prf_row *row;
	uint8_t key[BLOCK_MAX]; /* filled up with zeros */
};

/* ERR_CRYPTO for an unknown id too. hmac_close() is due in any case. */
static int hmac_open(struct hmac *h, struct crypto *c, enum prf_id id, struct bytes key)
{
	size_t i = find_row(id);

	*h = (struct hmac){ .ctx = NULL };
	if (i == PRF_COUNT)
		return ERR_CRYPTO;
	h->ctx = c->digest[i];
	h->row = &rows[i];
	if (key.len > h->row->block)
		return digest_compute(h->ctx, &key, 1, h->key);
	if (key.len > 0)
		memcpy(h->key, key.ptr, key.len);
	return 0;
}

static void hmac_close(struct hmac *h)
{
	if (h->ctx != NULL)
		(void)digest_restart(h->ctx);
	wipe(h, sizeof(*h));
}

/* Starts a digest with the key, each octet changed by mask. */
static int hmac_start_digest(const struct hmac *h, uint8_t mask)
{
	uint8_t pad[BLOCK_MAX];
	const struct bytes part = { pad, h->row->block };
	int err;

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] = h->key[i] ^ mask;
	err = digest_restart(h->ctx) == 0 ? digest_feed(h->ctx, &part, 1) : ERR_CRYPTO;
	wipe(pad, sizeof(pad));
	return err;
}

static int hmac_start(const struct hmac *h)
{
	return hmac_start_digest(h, 0x36);
}

static int hmac_finish(const struct hmac *h, uint8_t *out)
{
	uint8_t inner[PRF_MAX_SIZE];
	const struct bytes part = { inner, h->row->size };
	int err = ERR_CRYPTO;

	if (digest_finish(h->ctx, inner) == 0 && hmac_start_digest(h, 0x5c) == 0 &&
	    digest_feed(h->ctx, &part, 1) == 0)
		err = digest_finish(h->ctx, out);
	wipe(inner, sizeof(inner));
	return err;
}

int prf_compute(struct crypto *c, enum prf_id id, struct bytes key, const struct bytes *parts,
		size_t n_parts, uint8_t *out)
{
	struct hmac h;
	int err = ERR_CRYPTO;

	if (hmac_open(&h, c, id, key) == 0 && hmac_start(&h) == 0 &&
	    digest_feed(h.ctx, parts, n_parts) == 0)
		err = hmac_finish(&h, out);
	hmac_close(&h);
	return err == 0 ? 0 : crypto_fail(err);
}

/* T(n) = prf(K, T(n-1) | S | n); before is empty for T(1). */
static int block_make(const struct hmac *h, struct bytes before, const struct bytes *seed_parts,
		      size_t n_parts, uint8_t number, uint8_t *out)
{
	const struct bytes last = { &number, 1 };

	if (hmac_start(h) != 0 || digest_feed(h->ctx, &before, 1) != 0 ||
	    digest_feed(h->ctx, seed_parts, n_parts) != 0 || digest_feed(h->ctx, &last, 1) != 0)
		return ERR_CRYPTO;
	return hmac_finish(h, out);
}

int prf_plus(struct crypto *c, enum prf_id id, struct bytes key, const struct bytes *seed_parts,
	     size_t n_parts, uint8_t *out, size_t len)
{
	struct bytes before = { NULL, 0 };
	uint8_t block[PRF_MAX_SIZE];
	size_t size = prf_size(id), done = 0, used;
	struct hmac h;
	int err;

	if (size == 0)
		return ERR_CRYPTO;
	if (len > PRF_PLUS_MAX_BLOCKS * size)
		return ERR_TOO_LONG;
	err = hmac_open(&h, c, id, key);
	for (uint8_t number = 1; err == 0 && done < len; number++) {
		err = block_make(&h, before, seed_parts, n_parts, number, block);
		used = len - done < size ? len - done : size;
		memcpy(out + done, block, used);
		before = (struct bytes){ block, size };
		done += used;
	}
	hmac_close(&h);
	wipe(block, sizeof(block));
	if (err == 0)
		return 0;
	wipe(out, done);
	return crypto_fail(err);
}

int sha1_compute(struct crypto *c, const struct bytes *parts, size_t n_parts, uint8_t out[20])
{
	int err = digest_compute(c->digest[find_row(PRF_HMAC_SHA1)], parts, n_parts, out);

	return err == 0 ? 0 : crypto_fail(err);
}
