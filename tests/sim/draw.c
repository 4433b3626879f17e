/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/event.h"

/* Everything that is random comes from a seed. */

uint64_t draw(struct rng_seeded *rng, uint64_t n)
{
	const struct rng source = rng_seeded(rng);
	uint64_t random;

	if (n < 2 || rng_u64(&source, &random) != 0)
		return 0;
	return random % n;
}

uint64_t draw_between(struct rng_seeded *rng, uint64_t first, uint64_t last)
{
	return first + draw(rng, last - first + 1);
}

bool draw_ppm(struct rng_seeded *rng, uint32_t ppm)
{
	return ppm > 0 && draw(rng, 1000000) < ppm;
}
