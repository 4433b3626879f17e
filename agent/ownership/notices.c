/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ownership/ownership_internal.h"

/* DOC: claim notices: ours, so that others yield, and those of others, to which we yield. */

/* After the claim; then one each OWNERSHIP_NOTICE_MS. */
static const uint32_t notice_ms[] = { 0, 100, 500, 2000 };
#define NOTICES (sizeof(notice_ms) / sizeof(notice_ms[0]))

static void say(struct ownership *o, const struct owned *a, const struct endpoint *to)
{
	struct ownership_action *action = own_act(o, OWNERSHIP_NOTICE);

	action->index = own_index(o, a);
	action->ip = a->ip;
	action->epoch = a->hold_epoch;
	if (to != NULL)
		action->to = *to;
}

/* A claim without epoch, from before there were any, yields to all others and says nothing. */
static bool has_notices(const struct owned *a)
{
	return a->hold == HOLD_HELD && a->hold_epoch != 0 && !a->is_watched;
}

void own_begin_notices(struct ownership *o, uint64_t now_ms, struct owned *a)
{
	a->held_ms = now_ms;
	a->notices = 0;
	a->notice_ms = has_notices(a) ? now_ms : NEVER;
	own_expire_notices(o, now_ms, a);
}

/* What was missed is not made up for. */
void own_expire_notices(struct ownership *o, uint64_t now_ms, struct owned *a)
{
	if (now_ms < a->notice_ms)
		return;
	say(o, a, NULL);
	while (a->notices < NOTICES && a->held_ms + notice_ms[a->notices] <= now_ms)
		a->notices++;
	if (a->notices < NOTICES)
		a->notice_ms = a->held_ms + notice_ms[a->notices];
	else
		a->notice_ms = now_ms + OWNERSHIP_NOTICE_MS;
}

/* ---- of others ------------------------------------------------------------- */

static void yield(struct ownership *o, uint64_t now_ms, struct owned *a,
		  const struct mesh_msg *notice)
{
	bool was_held = a->hold == HOLD_HELD;
	char why[KEEPER_TEXT_MAX], text[IP_TEXT_MAX];

	snprintf(why, sizeof(why), "member %u has claimed it under epoch %" PRIu64, notice->number,
		 notice->epoch);
	own_let_go(o, a);
	own_fail_claim(o, now_ms, a, MSG_REFUSED_SUPERSEDED, why);
	a->is_ours = false;
	own_touch(o);
	if (was_held) {
		own_event(o, why, "yielded %s", ip_format(&a->ip, text));
		own_part(a, own_cover(o), why);
	}
	own_settle(o, now_ms, a);
}

static void remember(struct ownership *o, uint64_t now_ms, struct owned *a,
		     const struct mesh_msg *notice)
{
	bool is_newer = notice->epoch > a->epoch;

	if (notice->epoch < a->epoch)
		return;
	if (is_newer || notice->number > a->rival)
		a->rival = notice->number;
	/* Of two with the same epoch the lower one is not believed to stay. */
	if (is_newer || (a->is_ours && notice->number > o->number)) {
		a->epoch = notice->epoch;
		a->is_ours = false;
		own_touch_later(o, now_ms);
	}
}

static void answer(struct ownership *o, uint64_t now_ms, struct owned *a,
		   const struct mesh_msg *notice, const struct endpoint *from)
{
	bool is_outdated = notice->epoch < a->hold_epoch ||
			   (notice->epoch == a->hold_epoch && notice->number < o->number);
	uint64_t bit = (uint64_t)1 << notice->number % 64;

	if (!has_notices(a) || !is_outdated)
		return;
	if (now_ms >= a->reply_ms) {
		memset(a->replied, 0, sizeof(a->replied));
		a->reply_ms = now_ms + OWNERSHIP_REPLY_GAP_MS;
	}
	if ((a->replied[notice->number / 64] & bit) != 0)
		return;
	a->replied[notice->number / 64] |= bit;
	say(o, a, from);
}

void ownership_notice(struct ownership *o, uint64_t now_ms, const struct mesh_msg *notice,
		      const struct endpoint *from)
{
	size_t i = own_find(o, &notice->address);
	struct owned *a;
	uint64_t ours;
	bool is_here;

	if (notice->type != MESH_NOTICE || notice->number == o->number || notice->epoch == 0 ||
	    !msg_epoch_is_credible(notice->epoch, o->max_epoch))
		return;
	own_see_epoch(o, now_ms, notice->epoch);
	if (i == SIZE_MAX)
		return;
	a = &o->addresses[i];
	is_here = own_newest(a, &ours);
	if (is_here &&
	    (notice->epoch < ours || (notice->epoch == ours && notice->number < o->number))) {
		answer(o, now_ms, a, notice, from);
		return;
	}
	remember(o, now_ms, a, notice);
	if (is_here)
		yield(o, now_ms, a, notice);
}
