/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <openssl/err.h>

#include "common/crypto/crypto.h"

#define GROUPS 3

static const enum kex_id ids[GROUPS] = { KEX_CURVE25519, KEX_ECP_256, KEX_MODP_2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* Private values that live as long as the process: their making is not what is tested. */
static const struct kex *own_value(size_t group)
{
	static struct crypto *crypto;
	static struct kex *own[GROUPS];
	struct rng_seeded seed = { 1 };
	const struct rng rng = rng_seeded(&seed);

	if (crypto == NULL)
		crypto = crypto_new();
	expect(crypto != NULL);
	if (own[group] == NULL)
		expect(kex_generate(crypto, ids[group], &rng, &own[group]) == 0);
	return own[group];
}

/* The first octet chooses the group, the others are the peer's value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t group;
	struct secret s = { .len = 0 };
	int err;

	if (size == 0)
		return 0;
	group = data[0] % GROUPS;
	err = kex_derive(own_value(group), (struct bytes){ data + 1, size - 1 }, &s);
	expect(err == 0 || err == ERR_VALUE);
	expect(err != 0 || size - 1 == kex_public_size(ids[group]));
	expect((s.len != 0) == (err == 0));
	expect(ERR_peek_error() == 0);
	return 0;
}
