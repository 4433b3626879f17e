/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

/*
 * Who takes an address over: of those that can, its home member first, then who has the fewest
 * addresses; what is assigned already counts, so that several orphaned at once spread over the
 * members. Ties are broken by rendezvous hashing, so that the plan is stable.
 */

bool coord_is_live(const struct coordinator *c, size_t member)
{
	const struct member *m = registry_get(c->registry, member);

	return m->session != 0 && (m->state == MEMBER_JOINING || m->state == MEMBER_ACTIVE);
}

bool coord_is_heard(const struct coordinator *c, size_t member)
{
	const struct member *m = registry_get(c->registry, member);

	return coord_is_live(c, member) && c->now_ms < m->quiet_since_ms + c->conf.doubt_ms;
}

bool coord_is_able(const struct coordinator *c, size_t member)
{
	const struct member *m = registry_get(c->registry, member);

	return coord_is_live(c, member) && !m->load.is_unable && !m->is_draining;
}

bool coord_can(const struct coord_address *a, size_t member)
{
	return coord_set_has(&a->can, member) && (!a->is_fixed || member == a->home);
}

bool coord_owns(const struct coord_address *a, size_t member)
{
	return a->owner == member && a->state != ADDRESS_ORPHANED;
}

/* Who has it, or will as far as is known now. */
static size_t heir(const struct coord_address *a)
{
	if (a->store.ticket != 0 && a->store.purpose == COORD_FOR_CLAIM)
		return a->store.member;
	if (a->state == ADDRESS_ORPHANED)
		return COORDINATOR_NONE;
	if (a->state == ADDRESS_RELEASING && a->wish.member != COORDINATOR_NONE)
		return a->wish.member;
	return a->owner;
}

static void count_heirs(const struct coordinator *c, size_t *counts)
{
	memset(counts, 0, PLACEMENT_MAX_MEMBERS * sizeof(*counts));
	for (size_t i = 0; i < c->n; i++) {
		size_t member = heir(&c->addresses[i]);

		if (member != COORDINATOR_NONE)
			counts[member]++;
	}
}

/* FNV-1a of address and name, and a finalizer (MurmurHash3's): spreads, is no secret. */
static uint64_t weigh(const struct coord_address *a, const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(a->ip.octets); i++)
		h = (h ^ a->ip.octets[i]) * UINT64_C(0x100000001b3);
	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

/* The best of those that can and are not excluded; COORDINATOR_NONE. */
static size_t choose(const struct coordinator *c, const struct coord_address *a,
		     const size_t *counts, const struct coord_set *excluded)
{
	size_t best = COORDINATOR_NONE;
	uint64_t best_weight = 0;

	for (size_t i = 0; i < registry_count(c->registry); i++) {
		uint64_t weight;

		if (!coord_can(a, i) || coord_set_has(excluded, i) || !coord_is_able(c, i))
			continue;
		if (i == a->home)
			return i;
		weight = weigh(a, coord_name(c, i));
		if (best != COORDINATOR_NONE &&
		    (counts[i] > counts[best] ||
		     (counts[i] == counts[best] && weight <= best_weight)))
			continue;
		best = i;
		best_weight = weight;
	}
	return best;
}

size_t coord_pick(const struct coordinator *c, const struct coord_address *a)
{
	size_t counts[PLACEMENT_MAX_MEMBERS], wish = a->wish.member;

	if (wish != COORDINATOR_NONE && coord_can(a, wish) && !coord_set_has(&a->tried, wish) &&
	    (a->wish.force ? coord_is_live(c, wish) : coord_is_able(c, wish)))
		return wish;
	count_heirs(c, counts);
	return choose(c, a, counts, &a->tried);
}

size_t coord_successors(const struct coordinator *c, const struct coord_address *a, size_t *out,
			size_t cap)
{
	size_t counts[PLACEMENT_MAX_MEMBERS], n = 0, member;
	struct coord_set excluded = { { 0 } };

	count_heirs(c, counts);
	if (a->owner != COORDINATOR_NONE && a->state != ADDRESS_ORPHANED)
		coord_set_add(&excluded, a->owner);
	/* As if the owner died: its addresses before this one are given away first. */
	for (const struct coord_address *b = c->addresses; b != a; b++) {
		if (a->owner == COORDINATOR_NONE || !coord_owns(b, a->owner))
			continue;
		member = choose(c, b, counts, &excluded);
		if (member != COORDINATOR_NONE)
			counts[member]++;
	}
	while (n < cap) {
		member = choose(c, a, counts, &excluded);
		if (member == COORDINATOR_NONE)
			break;
		coord_set_add(&excluded, member);
		out[n++] = member;
	}
	return n;
}
