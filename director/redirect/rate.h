/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_RATE_H
#define DIRECTOR_RATE_H

#include "common/base/ip.h"

/*
 * Answers per source prefix (IPv4 /24, IPv6 /48), as token buckets in a table of fixed size: no
 * allocation, no list to grow. Prefixes that hash alike share a bucket; the seed is secret, so that
 * nobody can aim at another one's. Pure: one per worker, which gives it its share of the limit.
 */
#define RATE_BUCKETS 65536
#define RATE_MAX     4000000 /* of per_second and burst; more is taken as this */

struct rate_bucket {
	uint32_t tokens_milli; /* thousandths, so that slow rates add up */
	uint32_t last_ms;      /* modulo 2^32 */
};

struct rate_table {
	uint32_t per_second; /* 0: no limit */
	uint32_t burst;      /* at least 1 */
	uint64_t seed;
	struct rate_bucket buckets[RATE_BUCKETS];
};

/* All buckets are full. */
void rate_init(struct rate_table *t, uint32_t per_second, uint32_t burst, uint64_t seed);

/* Takes a token; false if there is none. now_ms is monotonic. */
MUST_USE bool rate_is_allowed(struct rate_table *t, uint64_t now_ms, const struct ip *source);

#endif
