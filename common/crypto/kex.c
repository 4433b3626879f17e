/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/kex.h"

#include <stdlib.h>

#include <openssl/bn.h>

static const struct kex_method *const methods[] = {
	&kex_modp_2048,
	&kex_ecp_256,
	&kex_curve25519,
};

static const struct kex_method *find_method(enum kex_id id)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i]->id == id)
			return methods[i];
	}
	return NULL;
}

size_t kex_public_size(enum kex_id id)
{
	const struct kex_method *method = find_method(id);

	return method != NULL ? method->public_size : 0;
}

int kex_generate(struct crypto *c, enum kex_id id, const struct rng *rng, struct kex **out)
{
	const struct kex_method *method = find_method(id);
	struct kex *k;
	int err;

	if (method == NULL)
		return ERR_UNSUPPORTED;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return ERR_NO_MEMORY;
	k->method = method;
	k->c = c;
	err = method->generate(k, rng);
	if (err != 0) {
		kex_free(k);
		return crypto_fail(err);
	}
	*out = k;
	return 0;
}

void kex_free(struct kex *k)
{
	if (k == NULL)
		return;
	BN_clear_free(k->exponent);
	EVP_PKEY_free(k->pkey);
	free(k);
}

struct bytes kex_public(const struct kex *k)
{
	return (struct bytes){ k->public_value, k->method->public_size };
}

int kex_derive(const struct kex *k, struct bytes peer_public, struct secret *out)
{
	AUTO_SECRET s = { .len = 0 }; /* out keeps what it has on failure */
	int err;

	if (peer_public.len != k->method->public_size)
		return ERR_VALUE;
	err = k->method->derive(k, peer_public.ptr, &s);
	if (err != 0) {
		return crypto_fail(err);
	}
	*out = s;
	return 0;
}
