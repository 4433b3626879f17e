/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"

/* The machine of one address: its states, and the next step in each. */

/* ---- facts ---- */

void coord_set_state(struct coordinator *c, struct coord_address *a, enum coordinator_state state,
		     const char *fmt, ...)
{
	char why[2 * COORDINATOR_WHY_MAX]; /* a.why may be among the arguments */
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	/* What members said may be cut in the middle of a character. */
	text_clean((struct bytes){ (const uint8_t *)why, strlen(why) }, a->why, sizeof(a->why));
	if (a->state == state)
		return;
	a->state = state;
	a->since_ms = c->now_ms;
	c->has_changed = true;
}

static void add_stray(struct coord_address *a, size_t member)
{
	coord_set_add(&a->strays, member);
	a->n_stray = 0;
}

void coord_set_owner(struct coord_address *a, size_t member, bool is_manual)
{
	if (a->owner != member)
		memset(a->probes, 0, sizeof(a->probes));
	a->owner = member;
	a->is_manual = is_manual;
}

void coord_orphan(struct coordinator *c, struct coord_address *a, bool is_silent, const char *why)
{
	if (a->state == ADDRESS_ORPHANED)
		return;
	if (a->state == ADDRESS_CLAIMING) {
		coord_set_add(&a->tried, a->owner);
		if (a->wish.member == a->owner)
			a->wish.member = COORDINATOR_NONE;
	} else {
		a->tried = (struct coord_set){ { 0 } };
		a->from = a->owner;
		a->backoff_ms = 0;
	}
	/* It may come back and still have it. */
	if (is_silent)
		add_stray(a, a->owner);
	a->is_silent = is_silent;
	a->is_confirmed = false;
	a->is_told = false;
	a->order.id = 0;
	a->n_stale = a->n_late = 0;
	a->retry_ms = 0;
	coord_set_state(c, a, ADDRESS_ORPHANED, "%s", why);
	coord_event(c, a->text, "orphaned", "%s", a->why);
	if (!c->is_paused || !is_silent)
		return;
	a->wish.member = COORDINATOR_NONE;
	coord_event(c, a->text, "not claimed",
		    "failover is paused and %s is silent: resume, or move it by hand",
		    coord_name(c, a->owner));
}

void coord_claim_failed(struct coordinator *c, struct coord_address *a, const char *what,
			const char *why)
{
	char text[64];

	snprintf(text, sizeof(text), "%s: %s", what, coord_name(c, a->owner));
	coord_event(c, a->text, text, "%s", why);
	coord_set_add(&a->tried, a->owner);
	if (a->wish.member == a->owner) {
		if (a->wish.is_failback)
			a->home_after_ms = c->now_ms + c->conf.hold_down_ms;
		a->wish.member = COORDINATOR_NONE;
	}
	a->order.id = 0;
	a->n_stale = 0;
	a->retry_ms = 0;
	coord_set_state(c, a, ADDRESS_ORPHANED, "%s by %s: %s", what, coord_name(c, a->owner), why);
}

void coord_confirm(struct coordinator *c, struct coord_address *a, const char *why)
{
	bool is_leaving = a->state == ADDRESS_RELEASING;

	if (!a->is_confirmed)
		c->has_changed = true;
	a->is_confirmed = true;
	a->is_silent = false;
	a->is_told = false;
	a->backoff_ms = 0;
	a->n_stale = 0;
	a->tried = (struct coord_set){ { 0 } };
	coord_set_remove(&a->strays, a->owner);
	if (a->holder.member == a->owner)
		coord_forget_holder(a);
	if (a->wish.member == a->owner || (!is_leaving && a->state != ADDRESS_OWNED))
		a->wish.member = COORDINATOR_NONE;
	if (is_leaving)
		return;
	a->order.id = 0;
	coord_set_state(c, a, ADDRESS_OWNED, "%s", why);
}

void coord_forget_holder(struct coord_address *a)
{
	a->holder.member = COORDINATOR_NONE;
	a->holder.epoch = 0;
	a->holder.is_own = false;
}

/* Of several the one with the highest epoch counts. */
void coord_hold(struct coordinator *c, struct coord_address *a, size_t member, uint64_t epoch,
		bool is_own)
{
	size_t other = a->holder.member;

	(void)c;
	if (other != COORDINATOR_NONE && other != member) {
		if (epoch <= a->holder.epoch) {
			add_stray(a, member);
			return;
		}
		add_stray(a, other);
	}
	coord_set_remove(&a->strays, member);
	a->holder.member = member;
	a->holder.epoch = epoch;
	a->holder.is_own = is_own;
}

void coord_wake(struct coordinator *c, struct coord_address *a, size_t member)
{
	(void)c;
	if (a->state != ADDRESS_ORPHANED)
		return;
	a->retry_ms = 0;
	if (member != COORDINATOR_NONE)
		coord_set_remove(&a->tried, member);
	else
		a->tried = (struct coord_set){ { 0 } };
}

/* ---- steps ---- */

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
		add_stray(a, member);
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
	if (c->now_ms < a->order.due_ms)
		return;
	if (a->n_late++ == 0)
		coord_event(c, a->text, "not released yet",
			    "%s has not answered the release under epoch %llu for %llu ms",
			    coord_name(c, a->owner), (unsigned long long)a->order.epoch,
			    (unsigned long long)(c->now_ms - a->order.sent_ms));
	if (coord_is_live(c, a->owner))
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

	if (a->state == ADDRESS_CLAIMING && c->now_ms >= a->order.due_ms) {
		snprintf(why, sizeof(why), "claim under epoch %llu not answered for %llu ms",
			 (unsigned long long)a->order.epoch,
			 (unsigned long long)(c->now_ms - a->order.sent_ms));
		add_stray(a, a->owner);
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
