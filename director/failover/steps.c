/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>

/* The machine of one address: the next step in each state, and when time alone brings it. */

static void store_claim(struct coordinator *c, struct coord_address *a, size_t member)
{
	bool is_wish = a->wish.member == member;
	const struct coord_store store = {
		.purpose = COORD_FOR_CLAIM,
		.member = member,
		.is_manual = is_wish ? a->wish.is_manual : a->is_manual && member == a->owner,
		.force = is_wish && a->wish.force,
	};

	(void)coord_store(c, a, &store);
}

/* Somebody says that it holds an address which is not known to be its. True: that is in hand. */
static bool step_holder(struct coordinator *c, struct coord_address *a)
{
	size_t member = a->holder.member;
	struct coord_store store = { .member = member, .is_manual = a->is_manual };
	bool is_lasting = a->state == ADDRESS_OWNED || a->state == ADDRESS_RELEASING;

	if (member == COORDINATOR_NONE)
		return false;
	if (!coord_is_live(c, member)) {
		/* What an owner's hello said of its own address counts as long as its connection.
		 */
		if (a->owner != member || !is_lasting ||
		    registry_get(c->registry, member)->session == 0)
			coord_forget_holder(a);
		return false;
	}
	if (a->owner == member && (is_lasting || a->holder.epoch == a->epoch) &&
	    a->holder.epoch <= a->epoch) {
		coord_confirm(c, a, "its owner says that it holds it");
		return false;
	}
	if (a->holder.is_own || a->holder.epoch > a->epoch) {
		store.purpose = a->holder.is_own ? COORD_FOR_RECORD : COORD_FOR_ADOPT;
		store.epoch = a->holder.epoch;
		(void)coord_store(c, a, &store);
		return true;
	}
	if (c->is_settling || a->state == ADDRESS_CLAIMING)
		return false;
	if (is_lasting && a->is_confirmed) {
		coord_add_stray(a, member);
		coord_forget_holder(a);
		return false;
	}
	/* Nobody with a better right has it: it stays where it is, under a new epoch. */
	store_claim(c, a, member);
	return true;
}

/* One that was tried already could be asked again later. */
static bool is_anybody_left(const struct coordinator *c, const struct coord_address *a)
{
	for (size_t i = 0; i < registry_count(c->registry); i++) {
		if (coord_set_has(&a->tried, i) && coord_can(a, i) && coord_is_able(c, i))
			return true;
	}
	return false;
}

/* Nobody is left to take it in this attempt. */
static void step_nobody(struct coordinator *c, struct coord_address *a)
{
	bool was_tried = is_anybody_left(c, a);

	if (was_tried) {
		a->backoff_ms = a->backoff_ms == 0 ? COORD_RETRY_MS : 2 * a->backoff_ms;
		if (a->backoff_ms > COORD_RETRY_MAX_MS)
			a->backoff_ms = COORD_RETRY_MAX_MS;
		a->retry_ms = c->now_ms + a->backoff_ms;
	} else {
		a->retry_ms = COORD_NEVER; /* until one comes that can */
	}
	a->tried = (struct coord_set){ { 0 } };
	if (a->is_told)
		return;
	a->is_told = true;
	if (was_tried)
		coord_event(c, a->text, "unclaimed",
			    "none of those who could took it, all are asked again from %u ms on; "
			    "last: %s",
			    (unsigned)a->backoff_ms, a->why);
	else
		coord_event(c, a->text, "unclaimed",
			    "no member that could hold it is there and able; %s", a->why);
}

static void step_orphaned(struct coordinator *c, struct coord_address *a)
{
	size_t member;

	if (!coord_may_order(c, a) || c->now_ms < a->retry_ms)
		return;
	member = coord_pick(c, a);
	if (member == COORDINATOR_NONE)
		step_nobody(c, a);
	else
		store_claim(c, a, member);
}

/* When the address moves home by itself; COORD_NEVER. */
static uint64_t home_due(const struct coordinator *c, const struct coord_address *a)
{
	const struct coord_member *home = &c->members[a->home];
	uint64_t due = COORD_NEVER;

	if (!c->conf.is_auto_failback || c->is_paused || c->is_settling || a->is_manual ||
	    a->owner == a->home || !coord_can(a, a->home) || home->able_since_ms == COORD_NEVER ||
	    !coord_is_able(c, a->home) || !coord_is_live(c, a->owner))
		return COORD_NEVER;
	due = home->able_since_ms + c->conf.hold_down_ms;
	return due > a->home_after_ms ? due : a->home_after_ms;
}

static void store_release(struct coordinator *c, struct coord_address *a)
{
	const struct coord_store store = { .purpose = COORD_FOR_RELEASE, .member = a->owner };

	(void)coord_store(c, a, &store);
}

static void step_owned(struct coordinator *c, struct coord_address *a)
{
	size_t wish = a->wish.member;

	if (!a->is_confirmed || c->is_settling)
		return;
	if (wish == COORDINATOR_NONE && home_due(c, a) <= c->now_ms) {
		a->wish = (struct coord_wish){ .member = a->home, .is_failback = true };
		coord_event(c, a->text, "moving home",
			    "%s has been able to serve it for %llu ms: from %s back to it",
			    coord_name(c, a->home),
			    (unsigned long long)(c->now_ms - c->members[a->home].able_since_ms),
			    coord_name(c, a->owner));
	} else if (wish == COORDINATOR_NONE) {
		return;
	} else if (!coord_is_able(c, wish)) {
		coord_event(c, a->text, "not moved", "%s cannot take it any more",
			    coord_name(c, wish));
		a->wish.member = COORDINATOR_NONE;
		return;
	}
	if (coord_is_live(c, a->owner))
		store_release(c, a);
}

static void step_releasing(struct coordinator *c, struct coord_address *a)
{
	bool is_live = coord_is_live(c, a->owner);

	if (c->now_ms < a->order.due_ms && !(a->order.due_ms == COORD_NEVER && is_live))
		return;
	if (a->n_late++ == 0)
		coord_event(c, a->text, "not released yet",
			    "%s has not answered the release under epoch %llu for %llu ms",
			    coord_name(c, a->owner), (unsigned long long)a->order.epoch,
			    (unsigned long long)(c->now_ms - a->order.sent_ms));
	if (is_live)
		store_release(c, a);
	else
		a->order.due_ms = COORD_NEVER; /* until it is heard again, or down */
}

static void step_strays(struct coordinator *c, struct coord_address *a)
{
	if (c->is_settling || c->now_ms < a->stray.due_ms)
		return;
	if (a->stray.id != 0 && ++a->n_stray == COORD_STRAY_MAX) {
		coord_event(c, a->text, "not released", "%s answered none of %d orders to release",
			    coord_name(c, a->stray.member), COORD_STRAY_MAX);
		coord_set_remove(&a->strays, a->stray.member);
	}
	a->stray.id = 0;
	if (coord_set_is_empty(&a->strays))
		return;
	for (size_t i = 0; i < registry_count(c->registry); i++) {
		const struct coord_store store = { .purpose = COORD_FOR_STRAY, .member = i };

		if (!coord_set_has(&a->strays, i))
			continue;
		if (coord_owns(a, i)) {
			coord_set_remove(&a->strays, i);
		} else if (coord_is_live(c, i)) {
			(void)coord_store(c, a, &store);
			return;
		}
	}
}

static void check_owner(struct coordinator *c, struct coord_address *a)
{
	char why[COORDINATOR_WHY_MAX];

	if (a->state == ADDRESS_CLAIMING && c->read_ms >= a->order.due_ms) {
		snprintf(why, sizeof(why), "claim under epoch %llu not answered for %llu ms",
			 (unsigned long long)a->order.epoch,
			 (unsigned long long)(c->now_ms - a->order.sent_ms));
		coord_add_stray(a, a->owner);
		coord_claim_failed(c, a, "no answer", why);
	} else if ((a->state == ADDRESS_OWNED || a->state == ADDRESS_RELEASING) &&
		   registry_get(c->registry, a->owner)->state == MEMBER_DOWN) {
		snprintf(why, sizeof(why), "%s is down: %s", coord_name(c, a->owner),
			 registry_get(c->registry, a->owner)->why);
		coord_orphan(c, a, true, why);
	}
}

void coord_step(struct coordinator *c, struct coord_address *a)
{
	if (a->store.ticket != 0 || c->now_ms < a->store_retry_ms)
		return;
	a->store_retry_ms = 0;
	if (a->is_forced)
		coord_force(c, a);
	check_owner(c, a);
	if (step_holder(c, a))
		return;
	switch (a->state) {
	case ADDRESS_ORPHANED:
		step_orphaned(c, a);
		break;
	case ADDRESS_OWNED:
		step_owned(c, a);
		break;
	case ADDRESS_RELEASING:
		step_releasing(c, a);
		break;
	case ADDRESS_CLAIMING:
		break;
	}
	if (a->store.ticket == 0 && a->store_retry_ms == 0)
		step_strays(c, a);
}

/* ---- time ---- */

static uint64_t state_expiry(const struct coordinator *c, const struct coord_address *a)
{
	switch (a->state) {
	case ADDRESS_ORPHANED:
		return a->retry_ms > 0 && coord_may_order(c, a) ? a->retry_ms : COORD_NEVER;
	case ADDRESS_CLAIMING:
	case ADDRESS_RELEASING:
		return a->order.due_ms;
	case ADDRESS_OWNED:
		break;
	}
	return a->is_confirmed && a->wish.member == COORDINATOR_NONE ? home_due(c, a) : COORD_NEVER;
}

uint64_t coord_address_expiry(const struct coordinator *c, const struct coord_address *a)
{
	uint64_t due;

	if (a->store.ticket != 0)
		return COORD_NEVER;
	if (a->store_retry_ms != 0)
		return a->store_retry_ms;
	due = state_expiry(c, a);
	if (!c->is_settling && a->stray.id != 0 && a->stray.due_ms < due)
		due = a->stray.due_ms;
	return due;
}
