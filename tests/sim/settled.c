/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/sim/sim.h"

/*
 * Liveness: when nothing goes wrong any more, every address that somebody could hold is held by
 * exactly one member, and the coordinator, its store and the member agree about it.
 */

static bool is_connected(const struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];
	const struct member *m = registry_get(s->director.registry, host);

	return h->is_up && h->agent.proc.is_alive && h->agent.is_welcome && m->session != 0 &&
	       m->session == h->agent.connected &&
	       (m->state == MEMBER_ACTIVE || m->state == MEMBER_JOINING);
}

static bool can_hold(const struct sim *s, size_t host, size_t address)
{
	return is_connected(s, host) && s->hosts[host].is_able &&
	       s->hosts[host].index[address] != SIZE_MAX;
}

/* Enough members, or a witness: somebody whose word counts can be asked about a silent one. */
static bool is_proof_possible(const struct sim *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->conf.n_members; i++)
		n += is_connected(s, i) ? 1 : 0;
	return n == s->conf.n_members || n >= 2 ||
	       (n > 0 && s->conf.has_witness && !s->conf.is_route);
}

static bool is_expected(const struct sim *s, size_t a, const struct coordinator_address *view)
{
	bool is_anybody = false;

	for (size_t i = 0; i < s->conf.n_members; i++)
		is_anybody |= can_hold(s, i, a);
	/* What nobody ever had waits for its home member's first hello. */
	if (view->epoch == 0 && !can_hold(s, sim_home(s, a), a))
		return false;
	return is_anybody && is_proof_possible(s);
}

static bool is_agreed(const struct sim *s, size_t a, size_t holder,
		      const struct coordinator_address *view, char why[256])
{
	const struct host *h = &s->hosts[holder];
	const struct store_content *store = &s->director.store;

	if (view->state != ADDRESS_OWNED || view->owner != holder) {
		snprintf(why, 256, "%s is held by %s, the coordinator says %s, %s", sim_text(s, a),
			 h->name, coordinator_state_name(view->state),
			 view->owner == COORDINATOR_NONE ? "nobody" : sim_name(s, view->owner));
		return false;
	}
	if (!addresses_is_held(s, holder, a) ||
	    /* Orders to release it went to others under newer epochs. */
	    ownership_epoch(h->agent.ownership, h->index[a]) > view->epoch ||
	    store->records[a].owner != holder || store->records[a].epoch != view->epoch) {
		snprintf(why, 256, "%s, held by %s: coordinator %llu, store %llu, member %llu",
			 sim_text(s, a), h->name, (unsigned long long)view->epoch,
			 (unsigned long long)store->records[a].epoch,
			 (unsigned long long)(h->index[a] != SIZE_MAX && h->agent.ownership != NULL
						  ? ownership_epoch(h->agent.ownership, h->index[a])
						  : 0));
		return false;
	}
	if (s->conf.is_auto && !view->is_manual && view->owner != sim_home(s, a) &&
	    can_hold(s, sim_home(s, a), a)) {
		snprintf(why, 256, "%s is still at %s, its home %s could have it", sim_text(s, a),
			 h->name, sim_name(s, sim_home(s, a)));
		return false;
	}
	return true;
}

static bool is_address_settled(struct sim *s, size_t a, char why[256])
{
	const struct coordinator_address *view = coordinator_get(s->director.coordinator, a);
	uint32_t holders = s->checks.holders[a];
	size_t holder = 0;

	if ((holders & (holders - 1)) != 0) {
		snprintf(why, 256, "%s has several holders: %#x", sim_text(s, a),
			 (unsigned)holders);
		return false;
	}
	if (!is_expected(s, a, view))
		return true;
	if (holders == 0) {
		snprintf(why, 256, "nobody holds %s: %s, %s", sim_text(s, a),
			 coordinator_state_name(view->state), view->why);
		return false;
	}
	while ((holders >> holder & 1) == 0)
		holder++;
	return is_agreed(s, a, holder, view, why);
}

bool settled(struct sim *s, char why[256])
{
	if (!s->director.proc.is_alive || s->director.proc.is_stopped ||
	    coordinator_is_settling(s->director.coordinator)) {
		snprintf(why, 256, "the director is not ready");
		return false;
	}
	for (size_t i = 0; i < s->conf.n_members; i++) {
		if (s->hosts[i].is_up && !is_connected(s, i)) {
			snprintf(why, 256, "%s is not connected", sim_name(s, i));
			return false;
		}
	}
	for (size_t a = 0; a < s->n_addresses; a++) {
		if (!is_address_settled(s, a, why))
			return false;
	}
	return true;
}
