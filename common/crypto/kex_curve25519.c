/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/kex.h"

#define X25519_SIZE 32

static int curve25519_generate(struct kex *k, const struct rng *rng)
{
	uint8_t private[X25519_SIZE];
	size_t len = X25519_SIZE;
	int err = rng_fill(rng, private, sizeof(private));

	if (err != 0)
		return err;
	k->pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, private, sizeof(private));
	wipe(private, sizeof(private));
	if (k->pkey == NULL || EVP_PKEY_get_raw_public_key(k->pkey, k->public_value, &len) != 1)
		return ERR_CRYPTO;
	return 0;
}

/* Looks at every octet, whatever they are. */
static bool is_zero(const uint8_t *octets, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= octets[i];
	return any == 0;
}

/*
 * RFC 8031, 3.2: any 32 octets are a public value, but an all-zero result, which the points of
 * small order give, must be refused. OpenSSL does so by failing; the check here does not rely on
 * it.
 */
static int curve25519_derive(const struct kex *k, const uint8_t *peer, struct secret *out)
{
	EVP_PKEY *peer_key =
	    EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, peer, X25519_SIZE);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	int err = ERR_CRYPTO;

	out->len = X25519_SIZE;
	if (peer_key != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer_ex(ctx, peer_key, 0) == 1) {
		if (EVP_PKEY_derive(ctx, out->data, &out->len) == 1 &&
		    !is_zero(out->data, X25519_SIZE))
			err = 0;
		else
			err = ERR_VALUE;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer_key);
	return err;
}

const struct kex_method kex_curve25519 = {
	.id = KEX_CURVE25519,
	.public_size = X25519_SIZE,
	.generate = curve25519_generate,
	.derive = curve25519_derive,
};
