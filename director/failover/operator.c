/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>

/* What the administrator orders: moving an address, pausing failover. */

/* ---- whether it can be done ---- */

static int refuse(struct errtext *why, int err, const char *text)
{
	errtext_set(why, "%s", text);
	return err;
}

static int check_target(const struct coordinator *c, const struct coord_address *a, size_t target,
			bool force, struct errtext *why)
{
	const struct member *m = registry_get(c->registry, target);

	if (a->is_fixed) {
		errtext_set(why, "%s is configured with claim: none, so it cannot move", a->text);
		return ERR_VALUE;
	}
	if (!coord_can(a, target)) {
		errtext_set(why, "%s has not said that it can hold %s: see adopt in its agent.yaml",
			    m->name, a->text);
		return ERR_VALUE;
	}
	if (!coord_is_live(c, target)) {
		errtext_set(why, "%s is %s: %s", m->name, member_state_name(m->state), m->why);
		return ERR_BAD_STATE;
	}
	if (!force && !coord_is_able(c, target)) {
		errtext_set(why, "%s %s", m->name,
			    m->is_draining ? "is draining" : "says that what it tracks is down");
		return ERR_BAD_STATE;
	}
	return 0;
}

static int check_owner(const struct coordinator *c, const struct coord_address *a,
		       struct errtext *why)
{
	const char *owner = coord_name(c, a->owner);

	switch (a->state) {
	case ADDRESS_CLAIMING:
		errtext_set(why, "%s is just being claimed by %s", a->text, owner);
		return ERR_BAD_STATE;
	case ADDRESS_RELEASING:
		errtext_set(why, "%s is just being released by %s", a->text, owner);
		return ERR_BAD_STATE;
	case ADDRESS_OWNED:
		if (a->is_confirmed && coord_is_live(c, a->owner))
			break;
		errtext_set(why,
			    "%s, which has it, is %s and cannot be asked to release it: use force "
			    "if you are sure that it does not have it any more",
			    owner, member_state_name(registry_get(c->registry, a->owner)->state));
		return ERR_BAD_STATE;
	case ADDRESS_ORPHANED:
		break;
	}
	return 0;
}

static int check_move(const struct coordinator *c, const struct coord_address *a, size_t target,
		      bool force, struct errtext *why)
{
	int err;

	if (c->is_settling)
		return refuse(why, ERR_BAD_STATE,
			      "the director has just started and hears its members out first");
	if (a->store.ticket != 0)
		return refuse(why, ERR_BAD_STATE, "an order for it is just being recorded");
	if (a->fence_ticket != 0)
		return refuse(why, ERR_BAD_STATE, "the fencing script runs for it");
	err = check_target(c, a, target, force, why);
	if (err != 0 || force)
		return err;
	return check_owner(c, a, why);
}

/* ---- doing it ---- */

/* It is where it shall be: only whether it may move home by itself can change. */
static int stay(struct coordinator *c, struct coord_address *a, bool is_manual, struct errtext *why)
{
	const struct coord_store store = {
		.purpose = COORD_FOR_RECORD,
		.member = a->owner,
		.is_manual = is_manual,
	};

	if (a->is_manual == is_manual)
		return 0;
	if (a->store.ticket != 0)
		return refuse(why, ERR_BAD_STATE, "an order for it is just being recorded");
	return coord_store(c, a, &store) ? 0 : refuse(why, ERR_NO_MEMORY, "out of memory");
}

void coord_force(struct coordinator *c, struct coord_address *a)
{
	struct coord_wish wish = a->forced;
	size_t owner = a->owner;

	a->is_forced = false;
	if (!coord_is_live(c, wish.member)) {
		coord_event(c, a->text, "not moved", "%s went away in the meantime",
			    coord_name(c, wish.member));
		return;
	}
	if (a->state == ADDRESS_OWNED && a->is_confirmed && owner == wish.member)
		return;
	if (owner != COORDINATOR_NONE && owner != wish.member)
		coord_add_stray(a, owner);
	coord_orphan(c, a, false, "moved by force");
	coord_forget_holder(a);
	coord_wake(c, a, COORDINATOR_NONE);
	a->wish = wish;
}

static int fence(struct coordinator *c, struct coord_address *a, struct errtext *why)
{
	struct coordinator_action *action = coord_push(c, COORDINATOR_FENCE);

	if (action == NULL)
		return refuse(why, ERR_NO_MEMORY, "out of memory");
	a->fence_ticket = ++c->last_ticket;
	action->ticket = a->fence_ticket;
	action->member = a->owner;
	action->ip = a->ip;
	coord_event(c, a->text, "fencing", "the script is run for %s before %s takes the address",
		    coord_name(c, a->owner), coord_name(c, a->forced.member));
	return 0;
}

static int move(struct coordinator *c, struct coord_address *a, const struct coord_wish *wish,
		struct errtext *why)
{
	if (!wish->force) {
		a->wish = *wish;
		coord_wake(c, a, COORDINATOR_NONE);
		return 0;
	}
	a->forced = *wish;
	if (c->conf.has_fence && a->owner != COORDINATOR_NONE && a->owner != wish->member)
		return fence(c, a, why);
	a->is_forced = true;
	return 0;
}

int coordinator_move(struct coordinator *c, uint64_t now_ms, const struct ip *ip, size_t member,
		     bool force, const char *by, struct errtext *why)
{
	struct coord_address *a = coord_find(c, ip);
	struct coord_wish wish;
	char what[64];
	int err;

	if (a == NULL)
		return refuse(why, ERR_NOT_FOUND, "it is no member's home address");
	wish.member = member == COORDINATOR_NONE ? a->home : member;
	if (wish.member >= registry_count(c->registry))
		return refuse(why, ERR_NOT_FOUND, "there is no such member");
	wish.is_manual = wish.member != a->home;
	wish.force = force;
	wish.is_failback = false;
	coord_begin(c, now_ms);
	if (a->state == ADDRESS_OWNED && a->is_confirmed && a->owner == wish.member) {
		err = stay(c, a, wish.is_manual, why);
	} else {
		err = check_move(c, a, wish.member, force, why);
		if (err == 0) {
			snprintf(what, sizeof(what), "move to %s%s", coord_name(c, wish.member),
				 force ? " by force" : "");
			coord_event(c, a->text, what, "ordered by %s; %s, %s", by,
				    coordinator_state_name(a->state), a->why);
			err = move(c, a, &wish, why);
		}
	}
	coord_review(c);
	return err;
}

void coordinator_fenced(struct coordinator *c, uint64_t now_ms, uint64_t ticket, int err)
{
	coord_begin(c, now_ms);
	for (size_t k = 0; ticket != 0 && k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];

		if (a->fence_ticket != ticket)
			continue;
		a->fence_ticket = 0;
		a->is_forced = err == 0;
		if (err != 0)
			coord_event(c, a->text, "not moved", "the fencing script failed: %s",
				    err_text(err));
		break;
	}
	coord_review(c);
}

void coordinator_pause(struct coordinator *c, uint64_t now_ms, bool is_paused, const char *by)
{
	coord_begin(c, now_ms);
	if (c->is_paused != is_paused) {
		c->is_paused = is_paused;
		coord_event(c, "failover", is_paused ? "paused" : "resumed", "ordered by %s", by);
	}
	coord_review(c);
}
