/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ownership/ownership_internal.h"

/* DOC: what the keeper says, and what makes a member let go of everything. */

/* A kernel lifetime that is not renewed ends within this (measured: whole seconds and 1.2 s). */
#define LIFETIME_MS (KEEPER_VALID_S * 1000 + 1200)

static void end_hold(struct ownership *o, struct owned *a, enum hold to)
{
	if (a->hold == HOLD_HELD)
		o->is_changed = true;
	if ((a->hold == HOLD_HELD || a->hold == HOLD_ADDING) && a->hold_epoch > a->closed)
		a->closed = a->hold_epoch;
	a->hold = to;
	a->notice_ms = NEVER;
}

void own_let_go(struct ownership *o, struct owned *a)
{
	struct ownership_action *action;

	if (a->hold != HOLD_HELD && a->hold != HOLD_ADDING)
		return;
	end_hold(o, a, HOLD_REMOVING);
	action = own_act(o, OWNERSHIP_KEEPER_REMOVE);
	action->index = own_index(o, a);
	action->ip = a->ip;
	action->epoch = a->hold_epoch;
}

void own_part(struct owned *a, uint64_t ticket, const char *why)
{
	/* The answer to an order says it too; so does that to a claim which is under way. */
	if (a->parting.is_due || own_is_claiming(a))
		return;
	a->parting = (struct parting){ .is_due = true, .ticket = ticket };
	snprintf(a->parting.why, sizeof(a->parting.why), "%s", why);
}

/* ---- answers --------------------------------------------------------------- */

static void take_added(struct ownership *o, uint64_t now_ms, struct owned *a)
{
	a->hold = HOLD_HELD;
	o->is_changed = true;
	/* A newer claim may still be on its way to the disk: until then it is held under this. */
	if (a->claim.state == CLAIM_RECORDING)
		own_begin_notices(o, now_ms, a);
}

static void take_refusal(struct ownership *o, uint64_t now_ms, struct owned *a, const char *code,
			 const char *why)
{
	a->hold = HOLD_ABSENT;
	/* If a newer claim has come, or force, this was not its answer. */
	if (a->claim.state == CLAIM_ASKED)
		own_fail_claim(o, now_ms, a, code != NULL ? code : MSG_REFUSED_FAILED, why);
}

static void take_add_answer(struct ownership *o, uint64_t now_ms, struct owned *a, int result,
			    const char *code, const char *why)
{
	if (a->hold == HOLD_ADDING && result == 0)
		take_added(o, now_ms, a);
	else if (a->hold == HOLD_ADDING)
		take_refusal(o, now_ms, a, code, why);
	else if (a->hold == HOLD_ABSENT && result == 0) {
		/* Nobody asked any more: the keeper must not have what is not known here. */
		a->hold = HOLD_ADDING;
		own_let_go(o, a);
	}
}

static void take_remove_answer(struct ownership *o, uint64_t now_ms, struct owned *a, int result,
			       const char *why)
{
	char text[IP_TEXT_MAX];

	if (a->hold != HOLD_REMOVING)
		return;
	if (result == 0) {
		a->hold = HOLD_ABSENT;
		a->gone_ms = NEVER;
		return;
	}
	log_warn(o->lg, LG_KEEPER, "address %s was not removed, its lifetime has to do it: %s",
		 ip_format(&a->ip, text), why);
	a->gone_ms = now_ms + LIFETIME_MS;
}

void ownership_keeper_answer(struct ownership *o, uint64_t now_ms, size_t index, bool is_add,
			     int result, const char *code, const char *why)
{
	struct owned *a;

	if (index >= o->n)
		return;
	a = &o->addresses[index];
	if (why == NULL)
		why = err_text(result);
	if (is_add)
		take_add_answer(o, now_ms, a, result, code, why);
	else
		take_remove_answer(o, now_ms, a, result, why);
	own_settle(o, now_ms, a);
}

void ownership_keeper_lost(struct ownership *o, uint64_t now_ms, size_t index, const char *why)
{
	struct owned *a;
	char text[IP_TEXT_MAX];

	if (index >= o->n || o->addresses[index].hold != HOLD_HELD)
		return;
	a = &o->addresses[index];
	end_hold(o, a, HOLD_ABSENT);
	own_event(o, why, "lost %s", ip_format(&a->ip, text));
	own_part(a, 0, why);
	own_retry_later(a, now_ms);
	own_settle(o, now_ms, a);
}

/*
 * What was asked before the host slept is out of date, even if the keeper would still do it. The
 * keeper answers in order: what is not answered by now it has yet to take up.
 */
static void drop(struct ownership *o, uint64_t now_ms, struct owned *a, const char *why)
{
	bool was_held = a->hold == HOLD_HELD;

	if (was_held)
		end_hold(o, a, HOLD_ABSENT);
	own_let_go(o, a);
	own_fail_claim(o, now_ms, a, MSG_REFUSED_FAILED, why);
	if (was_held)
		own_part(a, 0, why);
	if (a->gone_ms != NEVER) {
		a->gone_ms = NEVER;
		a->hold = HOLD_ABSENT;
	}
	own_settle(o, now_ms, a);
}

void ownership_keeper_dropped(struct ownership *o, uint64_t now_ms, const char *why)
{
	own_event(o, why, "dropped all addresses");
	/* Whoever took over in the meantime is to be heard first. */
	o->quiet_ms = now_ms + 2 * OWNERSHIP_NOTICE_MS;
	for (size_t i = 0; i < o->n; i++)
		drop(o, now_ms, &o->addresses[i], why);
}

/* ---- not able, stop -------------------------------------------------------- */

static void give_up(struct ownership *o, uint64_t now_ms, struct owned *a, const char *why)
{
	bool was_held = a->hold == HOLD_HELD;

	own_let_go(o, a);
	own_fail_claim(o, now_ms, a, MSG_REFUSED_UNABLE, why);
	if (was_held)
		own_part(a, 0, why);
	own_settle(o, now_ms, a);
}

void ownership_able(struct ownership *o, uint64_t now_ms, bool is_able, const char *why)
{
	if (is_able == o->is_able)
		return;
	o->is_able = is_able;
	snprintf(o->unable_why, sizeof(o->unable_why), "%s", is_able ? "" : why);
	own_event(o, why, is_able ? "able again" : "not able");
	for (size_t i = 0; i < o->n; i++) {
		if (is_able)
			o->addresses[i].retry_ms = o->addresses[i].retry_gap_ms = 0;
		else if (!o->addresses[i].is_watched)
			give_up(o, now_ms, &o->addresses[i], why);
	}
}

void ownership_stop(struct ownership *o, uint64_t now_ms, const char *why)
{
	o->is_stopping = true;
	o->alone_ms = NEVER;
	for (size_t i = 0; i < o->n; i++)
		give_up(o, now_ms, &o->addresses[i], why);
}
