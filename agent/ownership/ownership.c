/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ownership/ownership.h"

#include <stdlib.h>

#include "agent/ownership/ownership_internal.h"

/* ---- construction ---------------------------------------------------------- */

static void take_record(struct ownership *o, uint64_t now_ms, const struct ownership_record *record)
{
	size_t i = own_find(o, &record->ip);

	own_see_epoch(o, now_ms, record->epoch);
	if (i == SIZE_MAX)
		return;
	o->addresses[i].epoch = o->addresses[i].disk_epoch = record->epoch;
	o->addresses[i].is_ours = o->addresses[i].is_disk_ours = record->is_ours;
}

struct ownership *ownership_new(const struct ownership_conf *conf,
				const struct ownership_state *state, const struct logger *lg,
				uint64_t now_ms)
{
	struct ownership *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->lg = lg;
	o->is_able = true;
	o->alone_ms = NEVER;
	o->disk_ms = NEVER;
	o->quiet_ms = now_ms;
	o->n = conf->n < KEEPER_ADDRESSES_MAX ? conf->n : KEEPER_ADDRESSES_MAX;
	for (size_t i = 0; i < o->n; i++) {
		o->addresses[i].ip = conf->addresses[i].ip;
		o->addresses[i].is_watched = conf->addresses[i].is_watched;
		o->addresses[i].gone_ms = NEVER;
		o->addresses[i].notice_ms = NEVER;
	}
	o->max_epoch = state->max_epoch;
	for (size_t i = 0; i < state->n && i < KEEPER_ADDRESSES_MAX; i++)
		take_record(o, now_ms, &state->records[i]);
	o->is_dirty = false; /* all of it comes from the disk */
	o->disk_ms = NEVER;
	return o;
}

void ownership_free(struct ownership *o)
{
	free(o);
}

/* ---- actions --------------------------------------------------------------- */

struct ownership_action *own_act(struct ownership *o, enum ownership_action_type type)
{
	struct ownership_action *action = &o->spill;

	if (o->count < ACTIONS_MAX) {
		action = &o->queue[(o->head + o->count) % ACTIONS_MAX];
		o->count++;
	} else {
		log_error(o->lg, LG_KEEPER, "internal error: too many actions for addresses");
	}
	*action = (struct ownership_action){ .type = type };
	return action;
}

void own_event(struct ownership *o, const char *why, const char *fmt, ...)
{
	struct ownership_action *action = own_act(o, OWNERSHIP_EVENT);
	va_list args;

	va_start(args, fmt);
	vsnprintf(action->what, sizeof(action->what), fmt, args);
	va_end(args);
	snprintf(action->why, sizeof(action->why), "%s", why);
	log_info(o->lg, LG_KEEPER, "%s: %s", action->what, action->why);
}

/* What is written is what is known when it is written, not when it became due. */
static void begin_persist(struct ownership *o, struct ownership_action *out)
{
	o->snapshot = (struct ownership_state){ .max_epoch = o->max_epoch, .n = o->n };
	for (size_t i = 0; i < o->n; i++) {
		o->snapshot.records[i].ip = o->addresses[i].ip;
		o->snapshot.records[i].epoch = o->addresses[i].epoch;
		o->snapshot.records[i].is_ours = o->addresses[i].is_ours;
	}
	o->in_flight = ++o->last_ticket;
	o->is_dirty = o->is_persist_due = false;
	o->disk_ms = NEVER;
	*out = (struct ownership_action){ .type = OWNERSHIP_PERSIST,
					  .ticket = o->in_flight,
					  .state = &o->snapshot };
}

bool ownership_next_action(struct ownership *o, struct ownership_action *out)
{
	if (o->is_persist_due && o->in_flight == 0) {
		begin_persist(o, out);
		return true;
	}
	if (o->count > 0) {
		*out = o->queue[o->head];
		o->head = (o->head + 1) % ACTIONS_MAX;
		o->count--;
		return true;
	}
	if (o->is_changed) {
		o->is_changed = false;
		*out = (struct ownership_action){ .type = OWNERSHIP_CHANGED };
		return true;
	}
	return false;
}

/* ---- disk ------------------------------------------------------------------ */

void own_touch(struct ownership *o)
{
	o->is_dirty = true;
	o->is_persist_due = true;
}

void own_touch_later(struct ownership *o, uint64_t now_ms)
{
	o->is_dirty = true;
	if (o->disk_ms == NEVER)
		o->disk_ms = now_ms + OWNERSHIP_LAZY_MS;
}

bool own_is_recorded(const struct owned *a)
{
	return a->disk_epoch == a->epoch && a->is_disk_ours == a->is_ours;
}

uint64_t own_cover(const struct ownership *o)
{
	return o->is_dirty ? o->last_ticket + 1 : o->in_flight;
}

void own_see_epoch(struct ownership *o, uint64_t now_ms, uint64_t epoch)
{
	if (epoch <= o->max_epoch || epoch > MSG_INT_MAX)
		return;
	o->max_epoch = epoch;
	own_touch_later(o, now_ms);
}

static bool is_waited_for(const struct ownership *o)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct owned *a = &o->addresses[i];

		if (a->claim.state == CLAIM_RECORDING ||
		    (a->parting.is_due && a->parting.ticket > o->done_ticket))
			return true;
	}
	return false;
}

/* Who waits gets a try of his own; the rest is tried again after a while. */
static void take_disk_failure(struct ownership *o, uint64_t now_ms, int err)
{
	if (!o->is_disk_failing)
		own_event(o, err_text(err), "what is claimed cannot be recorded");
	o->is_disk_failing = true;
	o->is_dirty = true;
	o->is_persist_due = is_waited_for(o);
	o->disk_ms = now_ms + OWNERSHIP_DISK_RETRY_MS;
}

void ownership_persisted(struct ownership *o, uint64_t now_ms, uint64_t ticket, int err)
{
	if (ticket == 0 || ticket != o->in_flight)
		return;
	o->in_flight = 0;
	o->done_ticket = ticket;
	for (size_t i = 0; i < o->n; i++) {
		struct claim *claim = &o->addresses[i].claim;

		if (err == 0) {
			o->addresses[i].disk_epoch = o->snapshot.records[i].epoch;
			o->addresses[i].is_disk_ours = o->snapshot.records[i].is_ours;
		}
		if (claim->state != CLAIM_RECORDING || claim->ticket > ticket)
			continue;
		if (err == 0)
			claim->state = CLAIM_READY;
		else
			own_fail_claim(o, now_ms, &o->addresses[i], MSG_REFUSED_FAILED,
				       "its epoch cannot be recorded on the disk");
	}
	if (err != 0)
		take_disk_failure(o, now_ms, err);
	else
		o->is_disk_failing = false;
	for (size_t i = 0; i < o->n; i++)
		own_settle(o, now_ms, &o->addresses[i]);
}

/* ---- time ------------------------------------------------------------------ */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t ownership_next_expiry(const struct ownership *o)
{
	uint64_t next_ms = o->disk_ms;

	for (size_t i = 0; i < o->n; i++) {
		const struct owned *a = &o->addresses[i];

		next_ms = min_u64(next_ms, min_u64(a->gone_ms, a->notice_ms));
		next_ms = min_u64(next_ms, own_alone_due(o, a));
	}
	return next_ms;
}

void ownership_expire(struct ownership *o, uint64_t now_ms)
{
	if (now_ms >= o->disk_ms) {
		o->disk_ms = NEVER;
		o->is_persist_due = o->is_dirty;
	}
	for (size_t i = 0; i < o->n; i++) {
		struct owned *a = &o->addresses[i];

		if (now_ms >= a->gone_ms) {
			a->gone_ms = NEVER;
			a->hold = HOLD_ABSENT;
			own_settle(o, now_ms, a);
		}
		own_expire_notices(o, now_ms, a);
		if (own_alone_due(o, a) <= now_ms)
			own_take_alone(o, now_ms, a);
	}
}

/* ---- views ----------------------------------------------------------------- */

size_t own_find(const struct ownership *o, const struct ip *ip)
{
	for (size_t i = 0; i < o->n; i++) {
		if (ip_is_equal(&o->addresses[i].ip, ip))
			return i;
	}
	return SIZE_MAX;
}

size_t own_index(const struct ownership *o, const struct owned *a)
{
	return (size_t)(a - o->addresses);
}

bool ownership_is_held(const struct ownership *o, size_t index)
{
	return index < o->n && o->addresses[index].hold == HOLD_HELD;
}

uint64_t ownership_epoch(const struct ownership *o, size_t index)
{
	return ownership_is_held(o, index) ? o->addresses[index].hold_epoch : 0;
}

uint64_t ownership_max_epoch(const struct ownership *o)
{
	return o->max_epoch;
}

bool ownership_may_hold_any(const struct ownership *o)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->addresses[i].hold != HOLD_ABSENT)
			return true;
	}
	return false;
}

bool ownership_is_able(const struct ownership *o)
{
	return o->is_able;
}
