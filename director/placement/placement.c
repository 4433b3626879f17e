/* SPDX-License-Identifier: Apache-2.0 */
#include "director/placement/placement.h"

#include <math.h>
#include <stdio.h>

#include "director/placement/index.h"

/*
 * DOC: weighted rendezvous hashing. Each peer stands at a distance from each member that depends on
 * the two alone: an exponential variate with the member's weight as its rate. The nearest member
 * wins, each as often as its weight says; the nearest two are a draw of two by weight without
 * replacement. A member that comes or goes changes no distance but its own, so only peers of its
 * own move.
 */

/* A member and how far away it is; none: candidate NULL, infinitely far. */
struct drawn {
	const struct placement_candidate *candidate;
	double distance;
};

static const struct drawn nobody = { NULL, INFINITY };

/* Uniform in (0, 1): 52 bits and a half are exact in a double, so that neither end is reached. */
static double to_unit(uint64_t hash)
{
	return ((double)(hash >> 12) + 0.5) / 4503599627370496.0;
}

/*
 * -ln(1 - u) / weight, for u from the hash; anything not below limit if the result is not. As
 * -ln(1 - u) > u, most members are out before a logarithm is computed.
 */
static inline double distance_below(const struct placement_candidate *c, uint64_t hash,
				    double limit)
{
	double u = to_unit(placement_mix(hash ^ c->hash));

	if (u * c->stretch >= limit)
		return INFINITY;
	return -log1p(-u) * c->stretch;
}

/* The peer as far as it is stable: IPv6 hosts change the lower half at will. */
static uint64_t hash_peer(const struct placement_table *t, const struct ip *peer)
{
	struct bytes octets = { peer->octets, peer->family == IP_V6 ? 8 : 4 };

	return placement_mix(placement_hash(t->seed ^ PLACEMENT_HASH_BASIS, octets));
}

/* One attempt of the peer: a retransmission has the same nonce and SPI. */
static uint64_t hash_attempt(const struct placement_table *t, const struct placement_query *q)
{
	return placement_mix(placement_hash(hash_peer(t, &q->peer), q->nonce) ^
			     placement_mix(q->spi_i));
}

/* RFC 5685, 3: a peer must not be sent back to where it was redirected from. */
static bool is_where_it_came_from(const struct placement_table *t, size_t member,
				  const struct placement_query *q)
{
	const struct placement_member *m = &t->members[member];

	if (q->redirected_from.family == IP_NONE)
		return false;
	for (size_t i = 0; i < m->n_home; i++) {
		if (ip_is_equal(&m->home[i], &q->redirected_from))
			return true;
	}
	return false;
}

static bool choose_pin(const struct placement_table *t, const struct placement_index_family *f,
		       const struct placement_query *q, struct placement *out)
{
	for (size_t i = 0; i < f->n_pins; i++) {
		const struct placement_index_pin *pin = &f->pins[i];

		if (!ip_prefix_has(&pin->prefix, &q->peer) ||
		    is_where_it_came_from(t, pin->member, q))
			continue;
		*out = (struct placement){ pin->member, pin->home, PLACED_PINNED, pin->member };
		return true;
	}
	return false;
}

static bool choose_sticky(const struct placement_table *t, const struct placement_index_family *f,
			  const struct placement_query *q, struct placement *out)
{
	uint64_t hash = hash_peer(t, &q->peer);
	struct drawn first = nobody, bounded = nobody;

	for (size_t i = 0; i < f->n; i++) {
		const struct placement_candidate *c = &f->candidates[i];
		bool is_bounded = c->load <= f->max_load;
		double limit = is_bounded ? bounded.distance : first.distance;
		double distance = distance_below(c, hash, limit);

		if (distance >= limit || is_where_it_came_from(t, c->member, q))
			continue;
		if (distance < first.distance)
			first = (struct drawn){ c, distance };
		if (is_bounded)
			bounded = (struct drawn){ c, distance };
	}
	if (first.candidate == NULL)
		return false;
	/* Only the one that the peer came from may be below the bound: it must get in anyway. */
	if (bounded.candidate == NULL)
		bounded = first;
	*out = (struct placement){
		.member = bounded.candidate->member,
		.home = f->homes[bounded.candidate->member],
		.reason =
		    bounded.candidate == first.candidate ? PLACED_STICKY : PLACED_STICKY_BOUND,
		.other = first.candidate->member,
	};
	return true;
}

/* a was drawn before b, which may be NULL. A difference that is only noise leaves it at that. */
static struct placement compare_two(const struct placement_index_family *f,
				    const struct placement_candidate *a,
				    const struct placement_candidate *b)
{
	const struct placement_candidate *chosen = a, *other = a;
	enum placement_reason reason = PLACED_ONLY;

	if (b != NULL) {
		bool is_less = b->load + PLACEMENT_LOAD_NOISE < a->load;

		chosen = is_less ? b : a;
		other = is_less ? a : b;
		reason = chosen->load + PLACEMENT_LOAD_NOISE < other->load ? PLACED_LEAST_LOAD
									   : PLACED_ALIKE;
	}
	return (struct placement){ chosen->member, f->homes[chosen->member], reason,
				   other->member };
}

static bool choose_least_load(const struct placement_table *t,
			      const struct placement_index_family *f,
			      const struct placement_query *q, struct placement *out)
{
	uint64_t hash = hash_attempt(t, q);
	struct drawn a = nobody, b = nobody;

	for (size_t i = 0; i < f->n; i++) {
		const struct placement_candidate *c = &f->candidates[i];
		double distance = distance_below(c, hash, b.distance);

		if (distance >= b.distance || is_where_it_came_from(t, c->member, q))
			continue;
		b = (struct drawn){ c, distance };
		if (distance < a.distance) {
			b = a;
			a = (struct drawn){ c, distance };
		}
	}
	if (a.candidate == NULL)
		return false;
	*out = compare_two(f, a.candidate, b.candidate);
	return true;
}

int placement_index_choose(const struct placement_index *index, const struct placement_query *q,
			   struct placement *out)
{
	const struct placement_table *t = index->table;
	const struct placement_index_family *f = q->peer.family == IP_V6 ? &index->v6 : &index->v4;
	bool is_found = choose_pin(t, f, q, out);

	if (!is_found)
		is_found = t->policy == PLACEMENT_STICKY ? choose_sticky(t, f, q, out)
							 : choose_least_load(t, f, q, out);
	return is_found ? 0 : ERR_NOT_FOUND;
}

int placement_choose(const struct placement_table *table, const struct placement_query *query,
		     struct placement *out)
{
	struct placement_index index;

	placement_index_build(&index, table);
	return placement_index_choose(&index, query, out);
}

static const char *reason_text(enum placement_reason reason)
{
#define REASON_CASE(name, text) \
	case PLACED_##name:     \
		return text;
	switch (reason) {
		PLACEMENT_REASONS(REASON_CASE)
	}
#undef REASON_CASE
	return "?";
}

/* What was compared: the load with the bias. */
static double compared_load(const struct placement_member *m)
{
	return m->load + m->bias;
}

const char *placement_explain(const struct placement_table *t, const struct placement *p,
			      char out[PLACEMENT_TEXT_MAX])
{
	const struct placement_member *m = &t->members[p->member];
	const struct placement_member *other = &t->members[p->other];
	int len = snprintf(out, PLACEMENT_TEXT_MAX, "%s (load %.2f): %s", m->name, compared_load(m),
			   reason_text(p->reason));

	if (other != m && len > 0 && len < PLACEMENT_TEXT_MAX)
		snprintf(out + len, PLACEMENT_TEXT_MAX - (size_t)len, ", %s has %.2f", other->name,
			 compared_load(other));
	return out;
}
