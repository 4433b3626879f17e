/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>

/*
 * Answers of members to orders, and of the store. An answer counts by the id of its order: what
 * answers an order that was given up tells only what that member holds or let go.
 */

static bool is_answer(const struct coord_order *order, size_t member, uint64_t id)
{
	return id != 0 && order->id == id && order->member == member;
}

/* ---- claimed ---- */

/*
 * A late answer makes no owner: the address may be somebody else's under a newer epoch, and then
 * that one's notices make it yield. As long as it is nobody's it is claimed there again, under a
 * new epoch.
 */
static void claimed_late(struct coordinator *c, struct coord_address *a, size_t member,
			 uint64_t epoch)
{
	if (coord_owns(a, member) || (a->state != ADDRESS_CLAIMING && a->is_confirmed))
		return;
	coord_hold(c, a, member, epoch, false);
}

void coordinator_claimed(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			 const struct msg_claimed *m)
{
	struct coord_address *a = coord_find(c, &m->address);
	char why[COORDINATOR_WHY_MAX], what[64];

	coord_begin(c, now_ms);
	coord_hear_epoch(c, m->epoch);
	if (a != NULL && a->state == ADDRESS_CLAIMING && is_answer(&a->order, member, id)) {
		snprintf(why, sizeof(why), "claimed under epoch %llu, %llu ms after the order",
			 (unsigned long long)a->order.epoch,
			 (unsigned long long)(now_ms - a->order.sent_ms));
		snprintf(what, sizeof(what), "owned: %s", coord_name(c, member));
		coord_event(c, a->text, what, "%s", why);
		coord_confirm(c, a, why);
	} else if (a != NULL) {
		claimed_late(c, a, member, m->epoch);
	}
	coord_review(c);
}

/* ---- refused ---- */

static bool is_code(const struct msg_refused *m, const char *code)
{
	return strcmp(m->code, code) == 0;
}

/* The epochs that it has seen are known now: the same order under a higher one. */
static bool is_repeated(struct coordinator *c, struct coord_address *a, const struct msg_refused *m)
{
	const struct coord_store store = {
		.purpose = COORD_FOR_CLAIM,
		.member = a->owner,
		.is_manual = a->is_manual,
		.force = a->wish.member == a->owner && a->wish.force,
	};

	if (!is_code(m, MSG_REFUSED_STALE) || a->n_stale++ == COORD_STALE_MAX)
		return false;
	a->order.id = 0;
	return coord_store(c, a, &store);
}

static void claim_refused(struct coordinator *c, struct coord_address *a, size_t member,
			  const struct msg_refused *m)
{
	char why[COORDINATOR_WHY_MAX];

	if (is_repeated(c, a, m))
		return;
	if (is_code(m, MSG_REFUSED_UNKNOWN))
		coord_set_remove(&a->can, member);
	snprintf(why, sizeof(why), "%s: %s", m->code, m->why);
	coord_claim_failed(c, a, "refused", why);
}

static void release_refused(struct coordinator *c, struct coord_address *a,
			    struct coord_order *order, const struct msg_refused *m)
{
	if (is_code(m, MSG_REFUSED_STALE) && a->n_stale++ < COORD_STALE_MAX)
		order->due_ms = c->now_ms;
	else if (!is_code(m, MSG_REFUSED_UNKNOWN))
		return; /* asked again when the time is over */
	else if (order == &a->order)
		coord_orphan(c, a, false, m->why);
	else
		coord_set_remove(&a->strays, order->member);
}

void coordinator_refused(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			 const struct msg_refused *m)
{
	struct coord_address *a = coord_find(c, &m->address);

	coord_begin(c, now_ms);
	coord_hear_epoch(c, m->max_epoch);
	if (a == NULL)
		;
	else if (a->state == ADDRESS_CLAIMING && is_answer(&a->order, member, id))
		claim_refused(c, a, member, m);
	else if (a->state == ADDRESS_RELEASING && is_answer(&a->order, member, id))
		release_refused(c, a, &a->order, m);
	else if (is_answer(&a->stray, member, id))
		release_refused(c, a, &a->stray, m);
	coord_review(c);
}

/* ---- released ---- */

void coord_let_go(struct coordinator *c, struct coord_address *a, size_t member, const char *why)
{
	bool was_moving = a->state == ADDRESS_RELEASING;

	coord_set_remove(&a->strays, member);
	if (a->holder.member == member)
		coord_forget_holder(a);
	if (is_answer(&a->stray, member, a->stray.id)) {
		a->stray.id = 0;
		a->stray.due_ms = 0;
	}
	if (a->store.ticket != 0 && a->store.member == member)
		a->let_go = member;
	if (a->owner == member && (a->state == ADDRESS_OWNED || was_moving)) {
		coord_orphan(c, a, false, why);
		/* Others first, it has its reasons. */
		coord_set_add(&a->tried, member);
	} else {
		coord_wake(c, a, COORDINATOR_NONE);
	}
}

/*
 * While a claim is under way at that member its answer decides: what it let go then is what it had
 * before.
 */
void coordinator_released(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			  const struct msg_released *m)
{
	struct coord_address *a = coord_find(c, &m->address);
	char why[COORDINATOR_WHY_MAX];

	coord_begin(c, now_ms);
	coord_hear_epoch(c, m->epoch);
	if (a == NULL) {
		coord_review(c);
		return;
	}
	if (id == 0)
		snprintf(why, sizeof(why), "%s let go of it: %s", coord_name(c, member), m->why);
	else
		snprintf(why, sizeof(why), "%s released it as ordered: %s", coord_name(c, member),
			 m->why);
	/* Why it cannot serve comes with its next heartbeat: until then nothing moves back to it.
	 */
	if (id == 0 && c->members[member].able_since_ms != COORD_NEVER)
		c->members[member].able_since_ms = c->now_ms;
	/* An answer to an order that was given up says nothing of what it was given since. */
	if (id == 0 || a->state != ADDRESS_OWNED || a->owner != member)
		coord_let_go(c, a, member, why);
	coord_review(c);
}

/* ---- the store ---- */

static void stored_claim(struct coordinator *c, struct coord_address *a,
			 const struct coord_store *store)
{
	char what[64];

	if (a->state == ADDRESS_OWNED || a->state == ADDRESS_RELEASING)
		a->from = a->owner;
	coord_set_owner(a, store->member, store->is_manual);
	a->is_confirmed = false;
	a->order.id = 0;
	coord_set_remove(&a->strays, a->owner);
	if (a->holder.member == a->owner)
		coord_forget_holder(a);
	if (!coord_is_live(c, a->owner)) {
		coord_set_add(&a->tried, a->owner);
		coord_set_state(c, a, ADDRESS_ORPHANED, "%s went away before it was told",
				coord_name(c, a->owner));
		return;
	}
	if (a->holder.member != COORDINATOR_NONE) {
		coord_set_state(c, a, ADDRESS_ORPHANED, "%s turned out to have it",
				coord_name(c, a->holder.member));
		return;
	}
	snprintf(what, sizeof(what), "claiming: %s", coord_name(c, a->owner));
	coord_event(c, a->text, what, "epoch %llu; %s", (unsigned long long)a->epoch, a->why);
	coord_set_state(c, a, ADDRESS_CLAIMING, "%s", a->why);
	coord_send_claim(c, a, store->force);
}

static void stored_release(struct coordinator *c, struct coord_address *a)
{
	char what[64];

	if (a->state != ADDRESS_OWNED && a->state != ADDRESS_RELEASING)
		return; /* it let go in the meantime */
	if (a->state == ADDRESS_OWNED) {
		snprintf(what, sizeof(what), "releasing: %s", coord_name(c, a->owner));
		coord_event(c, a->text, what, "epoch %llu; it goes to %s",
			    (unsigned long long)a->epoch, coord_name(c, a->wish.member));
	}
	coord_set_state(c, a, ADDRESS_RELEASING, "it goes to %s", coord_name(c, a->wish.member));
	coord_send_release(c, a, &a->order, a->owner, a->epoch);
}

static void stored_owner(struct coordinator *c, struct coord_address *a,
			 const struct coord_store *store)
{
	bool is_new = !coord_owns(a, store->member);
	char why[COORDINATOR_WHY_MAX], what[64];

	if (is_new && a->owner != COORDINATOR_NONE && coord_owns(a, a->owner)) {
		coord_add_stray(a, a->owner);
		a->from = a->owner;
		a->is_confirmed = false;
		a->wish.member = COORDINATOR_NONE;
		a->state = ADDRESS_ORPHANED;
		c->has_changed = true;
	}
	coord_set_owner(a, store->member, store->is_manual);
	if (!is_new && store->purpose == COORD_FOR_RECORD)
		return;
	snprintf(why, sizeof(why), "%s has it, under epoch %llu", coord_name(c, a->owner),
		 (unsigned long long)a->epoch);
	if (is_new) {
		snprintf(what, sizeof(what), "adopted: %s", coord_name(c, a->owner));
		coord_event(c, a->text, what, "%s", why);
	}
	coord_confirm(c, a, why);
	if (a->let_go == a->owner) {
		snprintf(why, sizeof(why), "%s let go of it", coord_name(c, a->owner));
		coord_orphan(c, a, false, why);
	}
}

static void stored(struct coordinator *c, struct coord_address *a, uint64_t epoch)
{
	const struct coord_store store = a->store;

	a->store.ticket = 0;
	a->epoch = store.purpose == COORD_FOR_ADOPT ? store.epoch : epoch;
	coord_note_epoch(c, a->epoch);
	switch (store.purpose) {
	case COORD_FOR_CLAIM:
		stored_claim(c, a, &store);
		break;
	case COORD_FOR_RELEASE:
		stored_release(c, a);
		break;
	case COORD_FOR_STRAY:
		if (coord_is_live(c, store.member) && a->let_go != store.member)
			coord_send_release(c, a, &a->stray, store.member, a->epoch);
		break;
	case COORD_FOR_ADOPT:
	case COORD_FOR_RECORD:
		stored_owner(c, a, &store);
		break;
	}
}

void coordinator_stored(struct coordinator *c, uint64_t now_ms, uint64_t ticket, int err,
			uint64_t epoch)
{
	coord_begin(c, now_ms);
	for (size_t i = 0; ticket != 0 && i < c->n; i++) {
		struct coord_address *a = &c->addresses[i];

		if (a->store.ticket != ticket)
			continue;
		if (err == 0) {
			c->is_store_failing = false;
			stored(c, a, epoch);
			break;
		}
		a->store.ticket = 0;
		a->store_retry_ms = now_ms + COORD_RETRY_MS;
		if (!c->is_store_failing)
			coord_event(c, a->text, "not ordered",
				    "the store failed, so nothing may be ordered: %s; again every "
				    "%d ms",
				    err_text(err), COORD_RETRY_MS);
		c->is_store_failing = true;
		break;
	}
	coord_review(c);
}
