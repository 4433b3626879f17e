/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>

/*
 * What members bring along when they say hello, and the time after a start in which the director
 * only listens: members may hold what the store does not know of, and the silent ones may just not
 * be back yet.
 */

/* ---- settling ---- */

static bool is_never_owned(const struct coord_address *a)
{
	return a->owner == COORDINATOR_NONE && a->epoch == 0;
}

/*
 * An address that nobody ever had waits for its home member, which may not even be installed yet:
 * nobody misses it. In a new cluster that member need not wait for the others.
 */
bool coord_may_order(const struct coordinator *c, const struct coord_address *a)
{
	if (is_never_owned(a) && !c->members[a->home].has_said_hello)
		return false;
	if (c->is_settling)
		return c->is_fresh && is_never_owned(a);
	return !c->is_paused || !a->is_silent || a->wish.member != COORDINATOR_NONE;
}

/* "; not heard: m2, m3" */
static void list_missing(const struct coordinator *c, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < registry_count(c->registry) && len < cap; i++) {
		if (!c->members[i].has_said_hello)
			len +=
			    (size_t)snprintf(out + len, cap - len, "%s%s",
					     len == 0 ? "; not heard: " : ", ", coord_name(c, i));
	}
}

/*
 * The store is lost but not the cluster: addresses of members that are not back are presumed to be
 * at home, so that others are asked about them before anybody takes them.
 */
static void presume(struct coordinator *c)
{
	for (size_t k = 0; k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];

		if (!is_never_owned(a) || c->members[a->home].has_said_hello)
			continue;
		coord_set_owner(a, a->home, false);
		coord_set_state(c, a, ADDRESS_OWNED, "presumed, the store knows nothing");
	}
}

void coord_settle_review(struct coordinator *c)
{
	size_t n = registry_count(c->registry), n_back = 0;
	char missing[COORDINATOR_WHY_MAX];

	if (!c->is_settling)
		return;
	for (size_t i = 0; i < n; i++)
		n_back += c->members[i].has_said_hello ? 1 : 0;
	if (n_back < n && c->now_ms < c->settle_due_ms)
		return;
	c->is_settling = false;
	list_missing(c, missing, sizeof(missing));
	coord_event(c, "failover", "settled", "%zu of %zu members said hello in %llu ms%s", n_back,
		    n, (unsigned long long)(c->now_ms - c->start_ms), missing);
	if (c->is_store_lost)
		presume(c);
}

/* ---- hello ---- */

static const struct msg_address *find_entry(const struct msg_address *addresses, size_t n,
					    const struct ip *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_is_equal(&addresses[i].address, ip))
			return &addresses[i];
	}
	return NULL;
}

/* It could put the address on an interface and make others find it there. */
static bool is_possible(const struct msg_address *e)
{
	return e != NULL && e->claim != MSG_CLAIM_NONE &&
	       (e->claim != MSG_CLAIM_L2 || e->link != NULL);
}

/* Its owner is back without it: it gets it again, if it can. */
static void restore(struct coordinator *c, struct coord_address *a, size_t member)
{
	struct coord_wish wish = a->wish;
	char why[COORDINATOR_WHY_MAX];
	bool was_moving = a->state == ADDRESS_RELEASING;

	snprintf(why, sizeof(why), "%s is back without it", coord_name(c, member));
	coord_orphan(c, a, false, why);
	a->is_silent = false;
	coord_wake(c, a, member);
	if (was_moving)
		return;
	a->wish = (struct coord_wish){ .member = member, .is_manual = a->is_manual };
	if (wish.member != COORDINATOR_NONE)
		a->wish = wish;
}

static void take_not_held(struct coordinator *c, struct coord_address *a, size_t member)
{
	bool is_claim_pending = a->store.ticket != 0 && a->store.purpose == COORD_FOR_CLAIM;

	coord_set_remove(&a->strays, member);
	if (a->holder.member == member)
		coord_forget_holder(a);
	if (a->stray.member == member) {
		a->stray.id = 0;
		a->stray.due_ms = 0;
	}
	if (a->store.ticket != 0 && a->store.member == member && !is_claim_pending)
		a->let_go = member;
	if (a->owner == member)
		restore(c, a, member);
	else
		coord_wake(c, a, member);
}

static void take_entry(struct coordinator *c, struct coord_address *a, size_t member,
		       const struct msg_address *e)
{
	bool is_own = e != NULL && e->claim == MSG_CLAIM_NONE && a->home == member;

	/* With claim none its keeper looks, by order, whether the operator put it there. */
	if (is_possible(e) || is_own)
		coord_set_add(&a->can, member);
	else
		coord_set_remove(&a->can, member);
	if (is_possible(e) && e->claim == MSG_CLAIM_L2)
		coord_set_add(&a->on_link, member);
	else
		coord_set_remove(&a->on_link, member);
	if (a->home == member)
		a->is_fixed = is_own;
	coord_set_remove(&a->tried, member);
	if (e == NULL || !e->held || (e->claim == MSG_CLAIM_NONE && !is_own)) {
		take_not_held(c, a, member);
		return;
	}
	coord_hear_epoch(c, e->epoch);
	coord_hold(c, a, member, e->epoch, is_own);
	if (a->owner != member)
		return;
	a->is_silent = false;
	if (a->state == ADDRESS_RELEASING)
		a->order.due_ms = c->now_ms; /* the order went with the old connection */
	if (a->state == ADDRESS_CLAIMING && e->epoch != a->epoch)
		coord_orphan(c, a, false, "the order was lost with the connection");
}

void coordinator_hello(struct coordinator *c, uint64_t now_ms, size_t member,
		       const struct msg_address *addresses, size_t n, uint64_t max_epoch,
		       const struct endpoint *mesh)
{
	struct coord_member *m = &c->members[member];

	coord_begin(c, now_ms);
	/* It has seen orders of which this store knows nothing. */
	if (c->is_fresh && !m->has_said_hello && max_epoch > 0) {
		c->is_fresh = false;
		c->is_store_lost = true;
	}
	m->has_said_hello = true;
	m->mesh = *mesh;
	coord_hear_epoch(c, max_epoch);
	for (size_t k = 0; k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];

		take_entry(c, a, member, find_entry(addresses, n, &a->ip));
	}
	coord_review(c);
}
