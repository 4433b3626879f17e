/* SPDX-License-Identifier: Apache-2.0 */
#include "director/placement/index.h"

/* Below this load, differences say nothing: the bound never falls below bounded_load times it. */
#define LOAD_FLOOR 0.02

static const struct ip *home_of(const struct placement_member *m, uint8_t family)
{
	for (size_t i = 0; i < m->n_home; i++) {
		if (m->home[i].family == family)
			return &m->home[i];
	}
	return NULL;
}

/* The home address to name, or NULL if this member gets nothing new from that family. */
static const struct ip *target_of(const struct placement_table *t, size_t member, uint8_t family)
{
	const struct placement_member *m = &t->members[member];

	return m->is_open && m->fill < t->full_at ? home_of(m, family) : NULL;
}

static void add_candidates(struct placement_index_family *f, const struct placement_table *t,
			   uint8_t family)
{
	double sum = 0, weights = 0, average;

	f->n = 0;
	for (size_t i = 0; i < t->n_members; i++) {
		const struct placement_member *m = &t->members[i];
		const struct ip *home = target_of(t, i, family);
		const struct bytes name = { (const uint8_t *)m->name, strlen(m->name) };

		if (home == NULL || m->weight == 0)
			continue;
		f->candidates[f->n++] = (struct placement_candidate){
			.hash = placement_mix(placement_hash(PLACEMENT_HASH_BASIS, name)),
			.stretch = 1.0 / m->weight,
			.load = m->load + m->bias,
			.member = (uint16_t)i,
		};
		f->homes[i] = *home;
		sum += (m->load + m->bias) * m->weight;
		weights += m->weight;
	}
	average = weights > 0 ? sum / weights : 0;
	f->max_load = (average > LOAD_FLOOR ? average : LOAD_FLOOR) * t->bounded_load;
}

/* Longest prefix first; among equals the first in the table stays first. */
static void add_pins(struct placement_index_family *f, const struct placement_table *t,
		     uint8_t family)
{
	f->n_pins = 0;
	for (size_t i = 0; i < t->n_pins; i++) {
		const struct placement_pin *pin = &t->pins[i];
		const struct ip *home;
		size_t at = f->n_pins;

		if (pin->member >= t->n_members || pin->prefix.ip.family != family)
			continue;
		home = target_of(t, pin->member, family);
		if (home == NULL)
			continue;
		for (; at > 0 && f->pins[at - 1].prefix.bits < pin->prefix.bits; at--)
			f->pins[at] = f->pins[at - 1];
		f->pins[at] =
		    (struct placement_index_pin){ pin->prefix, (uint16_t)pin->member, *home };
		f->n_pins++;
	}
}

void placement_index_build(struct placement_index *index, const struct placement_table *table)
{
	index->table = table;
	add_candidates(&index->v4, table, IP_V4);
	add_candidates(&index->v6, table, IP_V6);
	add_pins(&index->v4, table, IP_V4);
	add_pins(&index->v6, table, IP_V6);
}
