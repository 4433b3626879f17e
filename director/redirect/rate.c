/* SPDX-License-Identifier: Apache-2.0 */
#include "director/redirect/rate.h"

#define MILLI 1000u /* and milliseconds times tokens per second are thousandths too */

void rate_init(struct rate_table *t, uint32_t per_second, uint32_t burst, uint64_t seed)
{
	t->per_second = per_second < RATE_MAX ? per_second : RATE_MAX;
	t->burst = burst < RATE_MAX ? burst : RATE_MAX;
	if (t->burst == 0)
		t->burst = 1;
	t->seed = seed;
	for (size_t i = 0; i < RATE_BUCKETS; i++)
		t->buckets[i] = (struct rate_bucket){ .tokens_milli = t->burst * MILLI };
}

static struct rate_bucket *bucket_of(struct rate_table *t, const struct ip *source)
{
	size_t octets = source->family == IP_V6 ? 6 : 3;
	uint64_t hash = t->seed;

	for (size_t i = 0; i < octets; i++) {
		hash = (hash ^ source->octets[i]) * 0xbf58476d1ce4e5b9u;
		hash ^= hash >> 29;
	}
	return &t->buckets[hash % RATE_BUCKETS];
}

bool rate_is_allowed(struct rate_table *t, uint64_t now_ms, const struct ip *source)
{
	struct rate_bucket *b;
	uint64_t tokens;
	uint32_t elapsed;

	if (t->per_second == 0)
		return true;
	b = bucket_of(t, source);
	/* A bucket that slept for 49 days may miss some of its tokens. */
	elapsed = (uint32_t)now_ms - b->last_ms;
	tokens = b->tokens_milli + (uint64_t)elapsed * t->per_second;
	if (tokens > (uint64_t)t->burst * MILLI)
		tokens = (uint64_t)t->burst * MILLI;
	b->last_ms = (uint32_t)now_ms;
	b->tokens_milli = (uint32_t)tokens;
	if (b->tokens_milli < MILLI)
		return false;
	b->tokens_milli -= MILLI;
	return true;
}
