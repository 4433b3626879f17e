/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/kex.h"

#include <openssl/bn.h>
#include <openssl/objects.h>

#define COORDINATE_SIZE 32
#define POINT_SIZE      (2 * COORDINATE_SIZE) /* in the KE payload: x | y, RFC 5903, 7 */
#define OCTETS_SIZE     (1 + POINT_SIZE)      /* in OpenSSL: with the form in front */

/* A draw is refused with probability 2^-32, so only a broken generator gets this far. */
#define MAX_DRAWS 16

int kex_ecp_open(struct crypto *c)
{
	c->p256 = EC_GROUP_new_by_curve_name_ex(NULL, NULL, NID_X9_62_prime256v1);
	return c->p256 != NULL ? 0 : crypto_fail(ERR_CRYPTO);
}

void kex_ecp_close(struct crypto *c)
{
	EC_GROUP_free(c->p256);
}

/* Uniform in [1, n-1] by rejection (RFC 5903, 7): no modular bias. */
static int draw_scalar(BIGNUM *scalar, const EC_GROUP *group, const struct rng *rng)
{
	uint8_t octets[COORDINATE_SIZE];
	int err = ERR_CRYPTO;

	for (int draw = 0; draw < MAX_DRAWS; draw++) {
		err = rng_fill(rng, octets, sizeof(octets));
		if (err != 0)
			break;
		err = BN_bin2bn(octets, sizeof(octets), scalar) != NULL ? 0 : ERR_CRYPTO;
		if (err != 0 ||
		    (!BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0))
			break;
		err = ERR_CRYPTO;
	}
	wipe(octets, sizeof(octets));
	return err;
}

/* public_value = scalar * G */
static int public_make(struct kex *k, BN_CTX *ctx)
{
	const EC_GROUP *group = k->c->p256;
	EC_POINT *point = EC_POINT_new(group);
	uint8_t octets[OCTETS_SIZE];
	int err = ERR_CRYPTO;

	if (point != NULL && EC_POINT_mul(group, point, k->exponent, NULL, NULL, ctx) == 1 &&
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof(octets),
			       ctx) == sizeof(octets)) {
		memcpy(k->public_value, octets + 1, POINT_SIZE);
		err = 0;
	}
	EC_POINT_clear_free(point);
	return err;
}

static int ecp_generate(struct kex *k, const struct rng *rng)
{
	BN_CTX *ctx = BN_CTX_new();
	int err = ERR_CRYPTO;

	k->exponent = BN_new();
	if (ctx != NULL && k->exponent != NULL) {
		BN_set_flags(k->exponent, BN_FLG_CONSTTIME);
		err = draw_scalar(k->exponent, k->c->p256, rng);
	}
	if (err == 0)
		err = public_make(k, ctx);
	BN_CTX_free(ctx);
	return err;
}

/* x of scalar * peer (RFC 5903, 9) */
static int secret_make(const struct kex *k, const EC_POINT *peer, BN_CTX *ctx, struct secret *out)
{
	const EC_GROUP *group = k->c->p256;
	EC_POINT *product = EC_POINT_new(group);
	BIGNUM *x = BN_new();
	int err = ERR_CRYPTO;

	out->len = COORDINATE_SIZE;
	if (product != NULL && x != NULL &&
	    EC_POINT_mul(group, product, NULL, peer, k->exponent, ctx) == 1 &&
	    EC_POINT_get_affine_coordinates(group, product, x, NULL, ctx) == 1 &&
	    BN_bn2binpad(x, out->data, COORDINATE_SIZE) == COORDINATE_SIZE)
		err = 0;
	BN_clear_free(x);
	EC_POINT_clear_free(product);
	return err;
}

/*
 * RFC 6989, 2.3: both coordinates below p and the point on the curve, all of which
 * EC_POINT_oct2point() checks. The uncompressed form cannot say infinity, and with a cofactor of 1
 * every point is in the right subgroup.
 */
static int ecp_derive(const struct kex *k, const uint8_t *peer, struct secret *out)
{
	uint8_t octets[OCTETS_SIZE] = { POINT_CONVERSION_UNCOMPRESSED };
	EC_POINT *point = EC_POINT_new(k->c->p256);
	BN_CTX *ctx = BN_CTX_new(); /* its own, so that freeing it wipes what it held */
	int err = ERR_CRYPTO;

	memcpy(octets + 1, peer, POINT_SIZE);
	if (point != NULL && ctx != NULL) {
		if (EC_POINT_oct2point(k->c->p256, point, octets, sizeof(octets), ctx) == 1)
			err = secret_make(k, point, ctx, out);
		else
			err = ERR_VALUE;
	}
	BN_CTX_free(ctx);
	EC_POINT_free(point);
	return err;
}

const struct kex_method kex_ecp_256 = {
	.id = KEX_ECP_256,
	.public_size = POINT_SIZE,
	.generate = ecp_generate,
	.derive = ecp_derive,
};
