/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_PLACEMENT_INDEX_H
#define DIRECTOR_PLACEMENT_INDEX_H

#include "director/placement/placement.h"

/*
 * A placement table made ready for many choices: who can take a peer at all, by address family, and
 * what of the hashing does not depend on the peer. The front end builds one per snapshot, so that
 * one choice costs a multiplication or two per member.
 */
struct placement_candidate {
	uint64_t hash;   /* of the name */
	double stretch;  /* 1 / weight */
	double load;     /* with the bias */
	uint16_t member; /* index in the table */
};

struct placement_index_pin {
	struct ip_prefix prefix;
	uint16_t member;
	struct ip home;
};

struct placement_index_family {
	size_t n;
	struct placement_candidate candidates[PLACEMENT_MAX_MEMBERS];
	struct ip homes[PLACEMENT_MAX_MEMBERS]; /* to be named, by member; of candidates only */
	double max_load;                        /* of the sticky policy */
	size_t n_pins;
	struct placement_index_pin pins[PLACEMENT_MAX_PINS]; /* longest prefix first */
};

struct placement_index {
	const struct placement_table *table;
	struct placement_index_family v4, v6;
};

/* table is borrowed as long as the index is used, and must not change. */
void placement_index_build(struct placement_index *index, const struct placement_table *table);

/* As placement_choose(). */
MUST_USE int placement_index_choose(const struct placement_index *index,
				    const struct placement_query *query, struct placement *out);

/* A finisher for 64-bit hashes (splitmix64's): every bit of z reaches every bit of the result. */
static inline uint64_t placement_mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* FNV-1a: to be finished by placement_mix(). */
#define PLACEMENT_HASH_BASIS 0xcbf29ce484222325u

static inline uint64_t placement_hash(uint64_t hash, struct bytes octets)
{
	for (size_t i = 0; i < octets.len; i++)
		hash = (hash ^ octets.ptr[i]) * 0x100000001b3u;
	return hash;
}

#endif
