/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/kex.h"

#include <openssl/bn.h>

#define MODULUS_SIZE 256

/*
 * 256 bits, the top one set, so that the length of the exponent is no secret. RFC 3526, 8 asks for
 * 220 to 320 bits with this modulus; in a group with a safe prime a short exponent is sound.
 */
#define EXPONENT_SIZE 32

int kex_modp_open(struct crypto *c)
{
	BN_CTX *ctx = BN_CTX_new();
	bool is_open;

	c->modp_prime = BN_get_rfc3526_prime_2048(NULL);
	c->modp_generator = BN_new();
	c->modp_mont = BN_MONT_CTX_new();
	is_open = ctx != NULL && c->modp_prime != NULL && c->modp_generator != NULL &&
		  c->modp_mont != NULL && BN_set_word(c->modp_generator, 2) == 1 &&
		  BN_MONT_CTX_set(c->modp_mont, c->modp_prime, ctx) == 1;
	c->modp_max = is_open ? BN_dup(c->modp_prime) : NULL;
	is_open = c->modp_max != NULL && BN_sub_word(c->modp_max, 1) == 1;
	BN_CTX_free(ctx);
	return is_open ? 0 : crypto_fail(ERR_CRYPTO);
}

void kex_modp_close(struct crypto *c)
{
	BN_MONT_CTX_free(c->modp_mont);
	BN_free(c->modp_generator);
	BN_free(c->modp_max);
	BN_free(c->modp_prime);
}

/* out = base ^ exponent mod p in constant time, padded to the modulus (RFC 7296, 2.14) */
static int power_make(const struct kex *k, const BIGNUM *base, uint8_t *out)
{
	const struct crypto *c = k->c;
	BN_CTX *ctx = BN_CTX_new(); /* its own, so that freeing it wipes what it held */
	BIGNUM *power = BN_new();
	int err = ERR_CRYPTO;

	if (ctx != NULL && power != NULL &&
	    BN_mod_exp_mont_consttime(power, base, k->exponent, c->modp_prime, ctx, c->modp_mont) ==
		1 &&
	    BN_bn2binpad(power, out, MODULUS_SIZE) == MODULUS_SIZE)
		err = 0;
	BN_clear_free(power);
	BN_CTX_free(ctx);
	return err;
}

static int modp_generate(struct kex *k, const struct rng *rng)
{
	uint8_t octets[EXPONENT_SIZE];
	int err = rng_fill(rng, octets, sizeof(octets));

	if (err != 0)
		return err;
	octets[0] |= 0x80;
	k->exponent = BN_bin2bn(octets, sizeof(octets), NULL);
	wipe(octets, sizeof(octets));
	if (k->exponent == NULL)
		return ERR_CRYPTO;
	BN_set_flags(k->exponent, BN_FLG_CONSTTIME);
	return power_make(k, k->c->modp_generator, k->public_value);
}

/*
 * RFC 6989, 2.1: 1 < y < p-1. With a safe prime that is all: y may be outside the subgroup of
 * order q, which tells the peer one bit of an exponent that is used once.
 */
static int modp_derive(const struct kex *k, const uint8_t *peer, struct secret *out)
{
	BIGNUM *y = BN_bin2bn(peer, MODULUS_SIZE, NULL);
	int err;

	out->len = MODULUS_SIZE;
	if (y == NULL)
		err = ERR_CRYPTO;
	else if (BN_is_zero(y) || BN_is_one(y) || BN_cmp(y, k->c->modp_max) >= 0)
		err = ERR_VALUE;
	else
		err = power_make(k, y, out->data);
	BN_free(y);
	return err;
}

const struct kex_method kex_modp_2048 = {
	.id = KEX_MODP_2048,
	.public_size = MODULUS_SIZE,
	.generate = modp_generate,
	.derive = modp_derive,
};
