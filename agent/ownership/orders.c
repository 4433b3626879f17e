/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ownership/ownership_internal.h"

/* DOC: what the director orders, and what it is answered. */

bool own_is_claiming(const struct owned *a)
{
	return a->claim.state != CLAIM_NONE && a->claim.state != CLAIM_FAILED;
}

bool own_newest(const struct owned *a, uint64_t *epoch)
{
	bool is_here = a->hold == HOLD_ADDING || a->hold == HOLD_HELD;

	*epoch = is_here ? a->hold_epoch : 0;
	if (own_is_claiming(a))
		*epoch = a->claim.epoch;
	return is_here || own_is_claiming(a);
}

/* ---- answers --------------------------------------------------------------- */

struct order {
	uint64_t id;
	const struct ip *ip;
	uint64_t epoch;
};

static void say_refused(struct ownership *o, const struct order *order, const char *code,
			const char *why)
{
	struct ownership_action *action = own_act(o, OWNERSHIP_REFUSED);
	char text[IP_TEXT_MAX];

	action->id = order->id;
	action->ip = *order->ip;
	action->epoch = order->epoch;
	action->max_epoch = o->max_epoch;
	action->code = code;
	snprintf(action->why, sizeof(action->why), "%s", why);
	log_info(o->lg, LG_KEEPER, "address %s, epoch %" PRIu64 ": refused, %s: %s",
		 ip_format(order->ip, text), order->epoch, code, why);
}

static void say_stale(struct ownership *o, const struct order *order, const struct owned *a)
{
	char why[KEEPER_TEXT_MAX];

	snprintf(why, sizeof(why), "epoch %" PRIu64 " of this address is known here", a->epoch);
	say_refused(o, order, MSG_REFUSED_STALE, why);
}

static void say_claimed(struct ownership *o, const struct owned *a, uint64_t id)
{
	struct ownership_action *action = own_act(o, OWNERSHIP_CLAIMED);
	char text[IP_TEXT_MAX];

	action->id = id;
	action->index = own_index(o, a);
	action->ip = a->ip;
	action->epoch = a->hold_epoch;
	log_info(o->lg, LG_KEEPER, "address %s: claimed under epoch %" PRIu64,
		 ip_format(&a->ip, text), a->hold_epoch);
}

static void say_released(struct ownership *o, const struct order *order, const char *why)
{
	struct ownership_action *action = own_act(o, OWNERSHIP_RELEASED);
	char text[IP_TEXT_MAX];

	action->id = order->id;
	action->ip = *order->ip;
	action->epoch = order->epoch;
	snprintf(action->why, sizeof(action->why), "%s", why);
	log_info(o->lg, LG_KEEPER, "address %s: released: %s", ip_format(order->ip, text), why);
}

static void refuse_claim(struct ownership *o, struct owned *a, const char *code, const char *why)
{
	struct order order = { a->claim.id, &a->ip, a->claim.epoch };

	if (a->claim.is_told)
		say_refused(o, &order, code, why);
	a->claim.state = CLAIM_NONE;
}

/* ---- going on -------------------------------------------------------------- */

void own_fail_claim(struct ownership *o, uint64_t now_ms, struct owned *a, const char *code,
		    const char *why)
{
	if (!own_is_claiming(a))
		return;
	if (a->claim.is_alone) {
		a->claim.state = CLAIM_NONE;
		own_retry_later(a, now_ms);
		return;
	}
	a->claim.state = CLAIM_FAILED;
	a->claim.code = code;
	snprintf(a->claim.why, sizeof(a->claim.why), "%s", why);
	/* Somebody else will be asked; what is held under an older epoch stays what it is. */
	a->is_ours = a->hold == HOLD_HELD && a->claim.was_held;
	if (!a->is_ours)
		own_let_go(o, a);
	own_touch_later(o, now_ms);
}

/* The claim is on the disk, and the address is here: from now on it counts. */
static void finish_claim(struct ownership *o, uint64_t now_ms, struct owned *a)
{
	char text[IP_TEXT_MAX];

	a->hold_epoch = a->claim.epoch;
	a->claim.state = CLAIM_NONE;
	a->retry_gap_ms = 0;
	o->is_changed = true;
	if (a->claim.is_alone) {
		a->parting.is_due = false; /* a hello that is on its way is right again */
		own_event(o, "it was ours and no director has been there", "took %s",
			  ip_format(&a->ip, text));
	} else if (a->claim.is_told) {
		say_claimed(o, a, a->claim.id);
	}
	own_begin_notices(o, now_ms, a);
}

static void ask_keeper(struct ownership *o, struct owned *a)
{
	struct ownership_action *action = own_act(o, OWNERSHIP_KEEPER_ADD);

	action->index = own_index(o, a);
	action->ip = a->ip;
	action->epoch = a->claim.epoch;
	action->force = a->claim.force;
	a->claim.state = CLAIM_ASKED;
	a->hold = HOLD_ADDING;
	a->hold_epoch = a->claim.epoch;
}

void own_settle(struct ownership *o, uint64_t now_ms, struct owned *a)
{
	bool is_ready = a->claim.state == CLAIM_READY || a->claim.state == CLAIM_ASKED;

	/* Before the keeper has answered, nothing that is said of the address would be certain. */
	if (a->hold == HOLD_ADDING || a->hold == HOLD_REMOVING)
		return;
	if (a->claim.state == CLAIM_FAILED)
		refuse_claim(o, a, a->claim.code, a->claim.why);
	if (a->parting.is_due && a->hold == HOLD_ABSENT && a->parting.ticket <= o->done_ticket) {
		struct order order = { a->parting.id, &a->ip, a->epoch };

		/* Without a director the next hello says it. */
		a->parting.is_due = o->is_greeting;
		if (o->is_connected)
			say_released(o, &order, a->parting.why);
	}
	if (is_ready && a->hold == HOLD_HELD)
		finish_claim(o, now_ms, a);
	else if (is_ready)
		ask_keeper(o, a);
}

/* ---- claim ----------------------------------------------------------------- */

/* Of a claim that has been let go of, or lost to another member, nothing comes back. */
static bool is_stale(const struct ownership *o, const struct owned *a, uint64_t epoch)
{
	return epoch < a->epoch || epoch <= a->closed ||
	       (epoch == a->epoch && a->rival > o->number);
}

/* Somebody else will be asked, under a newer epoch than this. */
static void refuse_unable(struct ownership *o, uint64_t now_ms, struct owned *a,
			  const struct order *order, const char *why)
{
	if (order->epoch > a->epoch)
		a->rival = 0;
	a->epoch = order->epoch;
	a->is_ours = false;
	own_touch_later(o, now_ms);
	say_refused(o, order, MSG_REFUSED_UNABLE, why);
}

static const char *why_unable(const struct ownership *o, const struct owned *a)
{
	if (o->is_stopping)
		return "the agent is stopping";
	/* What the operator put there is there whether we can do our job or not. */
	if (!o->is_able && !a->is_watched)
		return o->unable_why;
	return NULL;
}

static void begin_claim(struct ownership *o, struct owned *a, const struct order *order, bool force)
{
	bool was_held = own_is_claiming(a) ? a->claim.was_held : a->hold == HOLD_HELD;

	if (a->claim.state == CLAIM_FAILED)
		refuse_claim(o, a, a->claim.code, a->claim.why);
	else if (a->claim.state != CLAIM_NONE)
		refuse_claim(o, a, MSG_REFUSED_SUPERSEDED, "a newer order for it has come");
	/* Of what it lost by itself the director will hear by the answer to this order. */
	if (a->parting.id == 0)
		a->parting.is_due = false;
	a->epoch = order->epoch;
	a->rival = 0;
	a->is_ours = true;
	own_touch(o);
	a->claim = (struct claim){
		.state = CLAIM_RECORDING,
		.epoch = order->epoch,
		.id = order->id,
		.ticket = own_cover(o),
		.force = force,
		.is_told = true,
		.was_held = was_held,
	};
}

/* The same order again, perhaps under another id: the last one is answered. */
static void repeat_claim(struct claim *claim, const struct order *order, bool force)
{
	claim->id = order->id;
	claim->is_told = true;
	if (!force || claim->force)
		return;
	claim->force = true;
	if (claim->state == CLAIM_ASKED)
		claim->state = CLAIM_READY; /* if the keeper refuses, it is asked again */
}

void ownership_claim(struct ownership *o, uint64_t now_ms, uint64_t id,
		     const struct msg_claim *order)
{
	struct order this = { id, &order->address, order->epoch };
	size_t i = own_find(o, &order->address);
	struct owned *a = &o->addresses[i < o->n ? i : 0];
	const char *why;

	own_see_epoch(o, now_ms, order->epoch);
	if (i == SIZE_MAX) {
		say_refused(o, &this, MSG_REFUSED_UNKNOWN, "it is not configured here");
	} else if (a->hold == HOLD_HELD && a->claim.state == CLAIM_NONE &&
		   order->epoch == a->hold_epoch && order->epoch == a->epoch) {
		say_claimed(o, a, id);
	} else if (is_stale(o, a, order->epoch)) {
		say_stale(o, &this, a);
	} else if ((why = why_unable(o, a)) != NULL) {
		refuse_unable(o, now_ms, a, &this, why);
	} else if (own_is_claiming(a) && !a->claim.is_alone && a->claim.epoch == order->epoch) {
		repeat_claim(&a->claim, &this, order->force);
	} else {
		begin_claim(o, a, &this, order->force);
		own_settle(o, now_ms, a);
	}
}

/* ---- release --------------------------------------------------------------- */

static void record_release(struct owned *a, uint64_t epoch)
{
	if (epoch > a->closed)
		a->closed = epoch;
	if (epoch < a->epoch)
		return; /* what is recorded is newer, and of another member */
	if (epoch > a->epoch)
		a->rival = 0;
	a->epoch = epoch;
	a->is_ours = false;
}

void ownership_release(struct ownership *o, uint64_t now_ms, uint64_t id,
		       const struct msg_release *order)
{
	struct order this = { id, &order->address, order->epoch };
	size_t i = own_find(o, &order->address);
	struct owned *a = &o->addresses[i < o->n ? i : 0];
	uint64_t newest;

	own_see_epoch(o, now_ms, order->epoch);
	if (i == SIZE_MAX) {
		say_released(o, &this, "it is not configured here");
		return;
	}
	if (own_newest(a, &newest) && newest > order->epoch) {
		say_stale(o, &this, a);
		return;
	}
	a->parting = (struct parting){ .is_due = true, .id = id };
	snprintf(a->parting.why, sizeof(a->parting.why), "%s",
		 a->hold == HOLD_ABSENT ? "it was not held" : "ordered by the director");
	own_let_go(o, a);
	own_fail_claim(o, now_ms, a, MSG_REFUSED_SUPERSEDED, "a release came after it");
	record_release(a, order->epoch);
	if (!own_is_recorded(a)) {
		own_touch(o);
		a->parting.ticket = own_cover(o);
	}
	own_settle(o, now_ms, a);
}
