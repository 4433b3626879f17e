/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "common/base/bytes.h"
#include "common/base/err.h"

/*
 * The source of randomness that a core is given. Programs give it rng_system(); tests and the
 * simulator give it a seeded stream, so that a run can be repeated to the bit.
 */
struct rng {
	int (*fill)(void *ctx, uint8_t *out, size_t len);
	void *ctx;
};

/* Returns 0 or ERR_CRYPTO; on failure out is zeroed and must not be used. */
MUST_USE int rng_fill(const struct rng *rng, uint8_t *out, size_t len);
MUST_USE int rng_u64(const struct rng *rng, uint64_t *out);

/* OpenSSL's generator, safe from any thread. */
struct rng rng_system(void);

/* A repeatable stream (splitmix64) for tests and simulations. Never for keys in a real program. */
struct rng_seeded {
	uint64_t state;
};

struct rng rng_seeded(struct rng_seeded *seeded);

#endif
