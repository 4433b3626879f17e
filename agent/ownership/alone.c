/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ownership/ownership_internal.h"

/* DOC: with and without a director. */

/* ---- the connection -------------------------------------------------------- */

/* Whoever ordered is gone: what is under way goes on, and its answer is for nobody. */
static void forget_orders(struct ownership *o)
{
	for (size_t i = 0; i < o->n; i++) {
		o->addresses[i].claim.is_told = false;
		o->addresses[i].parting.id = 0;
	}
}

void ownership_hello(struct ownership *o)
{
	o->is_greeting = true;
	for (size_t i = 0; i < o->n; i++) {
		struct owned *a = &o->addresses[i];

		/* It says so itself. */
		if (a->hold == HOLD_ABSENT)
			a->parting.is_due = false;
	}
}

void ownership_welcome(struct ownership *o, uint64_t now_ms, uint8_t number, uint64_t epoch)
{
	if (o->is_connected)
		forget_orders(o);
	o->is_connected = true;
	o->is_greeting = false;
	o->number = number;
	o->alone_ms = NEVER;
	own_see_epoch(o, now_ms, epoch);
	for (size_t i = 0; i < o->n; i++) {
		struct owned *a = &o->addresses[i];

		a->retry_ms = a->retry_gap_ms = 0;
		/* It was not in our hello: the director is to order it, or somebody else. */
		if (a->claim.state != CLAIM_NONE && a->claim.is_alone) {
			a->claim.state = CLAIM_NONE;
			own_let_go(o, a);
		}
		own_settle(o, now_ms, a);
	}
}

void ownership_disconnected(struct ownership *o, uint64_t now_ms)
{
	if (!o->is_connected)
		return;
	o->is_connected = o->is_greeting = false;
	o->alone_ms = o->is_stopping ? NEVER : now_ms + OWNERSHIP_ALONE_MS;
	forget_orders(o);
}

void ownership_begin_alone(struct ownership *o, uint64_t now_ms, uint8_t number)
{
	if (o->is_connected || o->is_stopping || o->alone_ms != NEVER)
		return;
	o->number = number;
	o->alone_ms = now_ms + OWNERSHIP_ALONE_MS;
}

/* ---- taking ---------------------------------------------------------------- */

void own_retry_later(struct owned *a, uint64_t now_ms)
{
	uint64_t gap_ms = a->retry_gap_ms == 0 ? OWNERSHIP_RETRY_MS : 2 * a->retry_gap_ms;

	a->retry_gap_ms = gap_ms < OWNERSHIP_RETRY_MAX_MS ? gap_ms : OWNERSHIP_RETRY_MAX_MS;
	a->retry_ms = now_ms + a->retry_gap_ms;
}

uint64_t own_alone_due(const struct ownership *o, const struct owned *a)
{
	uint64_t due_ms = o->alone_ms;

	if (due_ms == NEVER || (!o->is_able && !a->is_watched) || !a->is_ours ||
	    a->hold != HOLD_ABSENT || a->claim.state != CLAIM_NONE)
		return NEVER;
	if (due_ms < o->quiet_ms)
		due_ms = o->quiet_ms;
	return due_ms < a->retry_ms ? a->retry_ms : due_ms;
}

/* Never against who answers for it. Its epoch is on the disk, if the disk has not failed since. */
void own_take_alone(struct ownership *o, uint64_t now_ms, struct owned *a)
{
	a->claim = (struct claim){ .state = CLAIM_READY, .epoch = a->epoch, .is_alone = true };
	if (!own_is_recorded(a)) {
		a->claim.state = CLAIM_RECORDING;
		a->claim.ticket = own_cover(o);
		o->is_persist_due |= o->is_dirty;
	}
	own_settle(o, now_ms, a);
}
