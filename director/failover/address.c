/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"

/* What becomes of an address when something is learnt about it. The next step is in steps.c. */

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

void coord_add_stray(struct coord_address *a, size_t member)
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
	/* Its owner let go by order: it is on its way to another. */
	bool is_planned = a->state == ADDRESS_RELEASING && !is_silent;

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
		coord_add_stray(a, a->owner);
	a->is_silent = is_silent;
	a->is_confirmed = false;
	a->is_told = false;
	a->order.id = 0;
	a->n_stale = a->n_late = 0;
	a->retry_ms = 0;
	coord_set_state(c, a, ADDRESS_ORPHANED, "%s", why);
	coord_event(c, a->text, is_planned ? "released" : "orphaned", "%s", a->why);
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
			coord_add_stray(a, member);
			return;
		}
		coord_add_stray(a, other);
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
