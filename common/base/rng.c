/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/rng.h"

#include <limits.h>
#include <openssl/rand.h>

int rng_fill(const struct rng *rng, uint8_t *out, size_t len)
{
	int err = rng->fill(rng->ctx, out, len);

	if (err != 0 && len > 0)
		memset(out, 0, len);
	return err;
}

int rng_u64(const struct rng *rng, uint64_t *out)
{
	uint64_t value;
	int err = rng_fill(rng, (uint8_t *)&value, sizeof(value));

	if (err == 0)
		*out = value;
	return err;
}

static int fill_from_openssl(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	if (len > INT_MAX || RAND_bytes(out, (int)len) != 1)
		return ERR_CRYPTO;
	return 0;
}

struct rng rng_system(void)
{
	return (struct rng){ fill_from_openssl, NULL };
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static int fill_from_seed(void *ctx, uint8_t *out, size_t len)
{
	struct rng_seeded *seeded = ctx;
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++) {
		if (i % sizeof(word) == 0)
			word = splitmix64(&seeded->state);
		out[i] = (uint8_t)word;
		word >>= 8;
	}
	return 0;
}

struct rng rng_seeded(struct rng_seeded *seeded)
{
	return (struct rng){ fill_from_seed, seeded };
}
