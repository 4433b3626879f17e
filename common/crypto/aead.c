/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/crypto.h"

#include <limits.h>
#include <stdlib.h>

#include "common/crypto/context.h"

#define AEAD_SALT_MAX  4
#define AEAD_NONCE_MAX (AEAD_SALT_MAX + AEAD_IV_SIZE)

static const struct cipher_row {
	enum encr_id id;
	uint16_t key_bits;
	const char *cipher;
} cipher_rows[CIPHER_COUNT] = {
	{ ENCR_AES_GCM_16, 128, "AES-128-GCM" },
	{ ENCR_AES_GCM_16, 192, "AES-192-GCM" },
	{ ENCR_AES_GCM_16, 256, "AES-256-GCM" },
};

/* With the cipher set, the key and nonce to follow. NULL if OpenSSL refuses. */
static EVP_CIPHER_CTX *cipher_open(const char *name)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool is_open = cipher != NULL && ctx != NULL &&
		       EVP_EncryptInit_ex2(ctx, cipher, NULL, NULL, NULL) == 1;

	EVP_CIPHER_free(cipher); /* the context holds a reference */
	if (is_open)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int aead_open_all(struct crypto *c)
{
	for (size_t i = 0; i < CIPHER_COUNT; i++) {
		c->cipher[i] = cipher_open(cipher_rows[i].cipher);
		if (c->cipher[i] == NULL)
			return crypto_fail(ERR_CRYPTO);
	}
	return 0;
}

void aead_close_all(struct crypto *c)
{
	for (size_t i = 0; i < CIPHER_COUNT; i++)
		EVP_CIPHER_CTX_free(c->cipher[i]);
}

static size_t find_row(const struct encr_alg *alg)
{
	size_t i = 0;

	while (i < CIPHER_COUNT &&
	       (cipher_rows[i].id != alg->id || cipher_rows[i].key_bits != alg->key_bits))
		i++;
	return i;
}

/* One operation: key NULL keeps the key schedule that ctx has. */
struct job {
	EVP_CIPHER_CTX *ctx;
	const uint8_t *key;
	const uint8_t *nonce;
	size_t icv_size;
};

static int seal_text(const struct job *j, struct bytes aad, struct bytes plain, uint8_t *out)
{
	uint8_t *icv = out + plain.len;
	int n;

	if (EVP_EncryptInit_ex2(j->ctx, NULL, j->key, j->nonce, NULL) != 1)
		return ERR_CRYPTO;
	if (aad.len > 0 && EVP_EncryptUpdate(j->ctx, NULL, &n, aad.ptr, (int)aad.len) != 1)
		return ERR_CRYPTO;
	if (plain.len > 0 && EVP_EncryptUpdate(j->ctx, out, &n, plain.ptr, (int)plain.len) != 1)
		return ERR_CRYPTO;
	if (EVP_EncryptFinal_ex(j->ctx, icv, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(j->ctx, EVP_CTRL_AEAD_GET_TAG, (int)j->icv_size, icv) != 1)
		return ERR_CRYPTO;
	return 0;
}

/* A message that failed half-way is neither plain text nor to be sent. */
static int seal(const struct job *j, struct bytes aad, struct bytes plain, uint8_t *out)
{
	int err;

	if (aad.len > INT_MAX || plain.len > INT_MAX)
		return ERR_TOO_LONG;
	err = seal_text(j, aad, plain, out);
	if (err == 0)
		return 0;
	wipe(out, plain.len + j->icv_size);
	return crypto_fail(err);
}

/* text is the cipher text without its tag. 0, ERR_AUTH or ERR_CRYPTO. */
static int open_text(const struct job *j, struct bytes aad, struct bytes text, uint8_t *icv,
		     uint8_t *out)
{
	int n;

	if (EVP_DecryptInit_ex2(j->ctx, NULL, j->key, j->nonce, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(j->ctx, EVP_CTRL_AEAD_SET_TAG, (int)j->icv_size, icv) != 1)
		return ERR_CRYPTO;
	if (aad.len > 0 && EVP_DecryptUpdate(j->ctx, NULL, &n, aad.ptr, (int)aad.len) != 1)
		return ERR_CRYPTO;
	if (text.len > 0 && EVP_DecryptUpdate(j->ctx, out, &n, text.ptr, (int)text.len) != 1)
		return ERR_CRYPTO;
	return EVP_DecryptFinal_ex(j->ctx, out + text.len, &n) == 1 ? 0 : ERR_AUTH;
}

static int open_sealed(const struct job *j, struct bytes aad, struct bytes cipher, uint8_t *out)
{
	uint8_t icv[AEAD_ICV_MAX];
	struct bytes text;
	int err;

	if (cipher.len < j->icv_size)
		return ERR_TRUNCATED;
	if (aad.len > INT_MAX || cipher.len > INT_MAX)
		return ERR_TOO_LONG;
	text = (struct bytes){ cipher.ptr, cipher.len - j->icv_size };
	memcpy(icv, cipher.ptr + text.len, j->icv_size);
	err = open_text(j, aad, text, icv, out);
	if (err == 0)
		return 0;
	wipe(out, text.len);
	return crypto_fail(err);
}

static void nonce_make(uint8_t nonce[AEAD_NONCE_MAX], const uint8_t *salt, size_t salt_size,
		       const uint8_t iv[AEAD_IV_SIZE])
{
	memcpy(nonce, salt, salt_size);
	memcpy(nonce + salt_size, iv, AEAD_IV_SIZE);
}

static bool is_key_of(const struct encr_alg *alg, struct bytes key)
{
	return find_row(alg) < CIPHER_COUNT && key.len == (size_t)alg->key_size + alg->salt_size;
}

/* The context would keep the key schedule and the salt until its next use. */
static void forget(EVP_CIPHER_CTX *ctx)
{
	static const uint8_t zero[ENCR_KEY_MAX];

	(void)EVP_EncryptInit_ex2(ctx, NULL, zero, zero, NULL);
}

int aead_seal(struct crypto *c, const struct encr_alg *alg, struct bytes key,
	      const uint8_t iv[AEAD_IV_SIZE], struct bytes aad, struct bytes plain, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_MAX];
	struct job j = { .key = key.ptr, .nonce = nonce, .icv_size = alg->icv_size };
	int err;

	if (!is_key_of(alg, key))
		return ERR_VALUE;
	nonce_make(nonce, key.ptr + alg->key_size, alg->salt_size, iv);
	j.ctx = c->cipher[find_row(alg)];
	err = seal(&j, aad, plain, out);
	forget(j.ctx);
	wipe(nonce, sizeof(nonce));
	return err;
}

int aead_open(struct crypto *c, const struct encr_alg *alg, struct bytes key,
	      const uint8_t iv[AEAD_IV_SIZE], struct bytes aad, struct bytes cipher, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_MAX];
	struct job j = { .key = key.ptr, .nonce = nonce, .icv_size = alg->icv_size };
	int err;

	if (!is_key_of(alg, key))
		return ERR_VALUE;
	nonce_make(nonce, key.ptr + alg->key_size, alg->salt_size, iv);
	j.ctx = c->cipher[find_row(alg)];
	err = open_sealed(&j, aad, cipher, out);
	forget(j.ctx);
	wipe(nonce, sizeof(nonce));
	return err;
}

struct aead {
	EVP_CIPHER_CTX *ctx;
	const struct encr_alg *alg;
	uint8_t salt[AEAD_SALT_MAX];
};

int aead_new(struct crypto *c, const struct encr_alg *alg, struct bytes key, struct aead **out)
{
	struct aead *a;

	if (!is_key_of(alg, key))
		return ERR_VALUE;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return ERR_NO_MEMORY;
	a->alg = alg;
	memcpy(a->salt, key.ptr + alg->key_size, alg->salt_size);
	a->ctx = EVP_CIPHER_CTX_new();
	if (a->ctx == NULL ||
	    EVP_EncryptInit_ex2(a->ctx, EVP_CIPHER_CTX_get0_cipher(c->cipher[find_row(alg)]),
				key.ptr, NULL, NULL) != 1) {
		aead_free(a);
		return crypto_fail(ERR_CRYPTO);
	}
	*out = a;
	return 0;
}

void aead_free(struct aead *a)
{
	if (a == NULL)
		return;
	EVP_CIPHER_CTX_free(a->ctx);
	wipe(a, sizeof(*a));
	free(a);
}

int aead_seal_with(struct aead *a, const uint8_t iv[AEAD_IV_SIZE], struct bytes aad,
		   struct bytes plain, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_MAX];
	const struct job j = { a->ctx, NULL, nonce, a->alg->icv_size };
	int err;

	nonce_make(nonce, a->salt, a->alg->salt_size, iv);
	err = seal(&j, aad, plain, out);
	wipe(nonce, sizeof(nonce));
	return err;
}

int aead_open_with(struct aead *a, const uint8_t iv[AEAD_IV_SIZE], struct bytes aad,
		   struct bytes cipher, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_MAX];
	const struct job j = { a->ctx, NULL, nonce, a->alg->icv_size };
	int err;

	nonce_make(nonce, a->salt, a->alg->salt_size, iv);
	err = open_sealed(&j, aad, cipher, out);
	wipe(nonce, sizeof(nonce));
	return err;
}
