/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/core_internal.h"

#include <stdio.h>

/* After the addition; none follows the last. */
static const uint32_t announce_ms[] = { 0, 100, 500, 2000 };
#define ANNOUNCEMENTS (sizeof(announce_ms) / sizeof(announce_ms[0]))

void core_address_push(struct keeper_core *core, enum keeper_action_type type, size_t index)
{
	core_push(core, &(struct keeper_action){ .type = type, .index = index });
}

static const char *link_name(const struct keeper_core *core, size_t index)
{
	const char *name = keeper_address_link(&core->conf->addresses[index]);

	return name[0] != '\0' ? name : "any link";
}

static const char *ip_text(const struct keeper_core *core, size_t index, char out[IP_TEXT_MAX])
{
	return ip_format(&core->conf->addresses[index].ip, out);
}

/* Every change of state but those into a drop, which has a line of its own. */
void core_address_move(struct keeper_core *core, size_t index, enum address_state to,
		       const char *story)
{
	static const char *const names[] = {
		[ABSENT] = "absent",       [LOOKING] = "looking",     [PROBING] = "probing",
		[ADDING] = "adding",       [HELD] = "held",           [WATCHED] = "watched",
		[DOOMED] = "doomed",       [REMOVING] = "removing",   [VERIFYING] = "verifying",
		[HOOKING] = "in the hook", [RELEASING] = "releasing",
	};
	struct address *a = &core->addresses[index];
	bool is_settled = to == ABSENT || to == HELD || to == WATCHED;
	char ip[IP_TEXT_MAX];

	log_write(core->lg, is_settled ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, LG_KEEPER,
		  "address %s on %s, epoch %llu: %s -> %s: %s", ip_text(core, index, ip),
		  link_name(core, index), (unsigned long long)a->epoch, names[a->state], names[to],
		  story);
	a->state = to;
}

void core_address_answer(struct keeper_core *core, size_t index, int result, const char *text)
{
	struct address *a = &core->addresses[index];

	if (a->request.type != 0)
		core_push_answer(core, &a->request, result, text);
	a->request.type = 0;
}

void core_address_refuse(struct keeper_core *core, size_t index, int err, const char *text)
{
	core_address_move(core, index, ABSENT, text);
	core_address_answer(core, index, err, text);
}

void core_address_undo(struct keeper_core *core, size_t index, int err, const char *text)
{
	struct address *a = &core->addresses[index];

	a->refusal = err;
	snprintf(a->refusal_text, sizeof(a->refusal_text), "%s", text);
	core_address_move(core, index, REMOVING, text);
	core_address_push(core, KEEPER_ACT_ADDRESS_DEL, index);
}

void core_address_finish(struct keeper_core *core, size_t index)
{
	struct address *a = &core->addresses[index];
	int err = a->refusal;

	a->refusal = 0;
	core_address_move(core, index, ABSENT, err != 0 ? a->refusal_text : "gone");
	core_address_answer(core, index, err, err != 0 ? a->refusal_text : "");
}

bool core_address_is_added(const struct address *a)
{
	return a->state == HELD || a->state == VERIFYING || a->state == HOOKING;
}

/* ---- requests -------------------------------------------------------------- */

void core_address_add(struct keeper_core *core, const struct keeper_request *request)
{
	struct address *a = &core->addresses[request->index];

	if (a->state == HELD || a->state == WATCHED) {
		a->epoch = request->epoch;
		core_push_answer(core, request, 0, "");
	} else if (a->state != ABSENT) {
		core_push_answer(core, request, ERR_BAD_STATE,
				 a->state == RELEASING ? "its release hook has not ended yet"
						       : "it is being added already");
	} else {
		a->request = *request;
		a->epoch = request->epoch;
		core_address_move(core, request->index, LOOKING, "main asks for it");
		core_address_push(core, KEEPER_ACT_LOOKUP, request->index);
	}
}

/* What runs on the way to HELD. */
static void stop_adding(struct keeper_core *core, size_t index)
{
	enum address_state state = core->addresses[index].state;

	if (state == PROBING)
		core_address_push(core, KEEPER_ACT_PROBE_STOP, index);
	else if (state == VERIFYING)
		core_address_push(core, KEEPER_ACT_VERIFY_STOP, index);
	else if (state == HOOKING)
		core_address_push(core, KEEPER_ACT_HOOK_KILL, index);
}

void core_address_remove(struct keeper_core *core, const struct keeper_request *request)
{
	struct address *a = &core->addresses[request->index];
	size_t index = request->index;

	stop_adding(core, index);
	if (a->state == PROBING)
		core_address_refuse(core, index, ERR_BAD_STATE, "withdrawn while it was probed");
	if (core_address_is_added(a)) {
		core_address_answer(core, index, ERR_BAD_STATE, "withdrawn while it was added");
		a->request = *request;
		core_address_move(core, index, REMOVING, "main removes it");
		core_address_push(core, KEEPER_ACT_ADDRESS_DEL, index);
		return;
	}
	if (a->state == RELEASING && a->request.type == 0) {
		a->request = *request;
		return;
	}
	if (a->state == WATCHED)
		core_address_move(core, index, ABSENT, "main lets go of it");
	core_push_answer(core, request, 0, "");
}

void core_address_doom(struct keeper_core *core, size_t index, const char *why)
{
	struct address *a = &core->addresses[index];

	stop_adding(core, index);
	core_address_answer(core, index, ERR_BAD_STATE, why);
	if (core_address_is_added(a) || a->state == ADDING || a->state == REMOVING)
		a->state = DOOMED;
	else if (a->state != DOOMED && a->state != RELEASING)
		a->state = ABSENT;
}

/* ---- results --------------------------------------------------------------- */

static void go_on(struct keeper_core *core, size_t index)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	bool is_forced = core->addresses[index].request.force != 0;

	if (conf->claim == KEEPER_CLAIM_NONE) {
		core_address_move(core, index, WATCHED, "the operator put it there");
		core_address_answer(core, index, 0, "");
	} else if (conf->claim == KEEPER_CLAIM_L2 && !is_forced) {
		core_address_move(core, index, PROBING, "not here");
		core_address_push(core, KEEPER_ACT_PROBE, index);
	} else {
		core_address_move(core, index, ADDING, is_forced ? "not here, forced" : "not here");
		core_address_push(core, KEEPER_ACT_ADDRESS_SET, index);
	}
}

static void take_presence(struct keeper_core *core, size_t index, const struct keeper_result *r)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	bool is_none = conf->claim == KEEPER_CLAIM_NONE;
	char ip[IP_TEXT_MAX], why[KEEPER_TEXT_MAX];

	ip_text(core, index, ip);
	if (r->err != 0) {
		core_address_refuse(core, index, r->err, r->text);
	} else if (r->presence == KEEPER_PRESENCE_ELSEWHERE) {
		snprintf(why, sizeof(why), "%s is on %.16s already, not on %s: take it away or %s",
			 ip, r->text, link_name(core, index),
			 conf->claim == KEEPER_CLAIM_ROUTE ? "mend 'claim: route'" : "mend 'link'");
		core_address_refuse(core, index, ERR_EXISTS, why);
	} else if (is_none && r->presence == KEEPER_PRESENCE_NONE) {
		snprintf(why, sizeof(why),
			 "%s is not on %s: with 'claim: none' the operator puts it there", ip,
			 link_name(core, index));
		core_address_refuse(core, index, ERR_NOT_FOUND, why);
	} else if (!is_none && r->presence == KEEPER_PRESENCE_FOREIGN) {
		snprintf(why, sizeof(why),
			 "%s is on %s already, not by us: take it away or set 'claim: none'", ip,
			 link_name(core, index));
		core_address_refuse(core, index, ERR_EXISTS, why);
	} else {
		go_on(core, index);
	}
}

static void take_addition(struct keeper_core *core, uint64_t now_ms, size_t index,
			  const struct keeper_result *r)
{
	enum keeper_claim claim = core->conf->addresses[index].claim;
	struct address *a = &core->addresses[index];

	if (r->err != 0) {
		/* ERR_TIMEOUT says that no next hop answered. */
		core_address_refuse(core, index, r->err == ERR_TIMEOUT ? ERR_IO : r->err, r->text);
		return;
	}
	a->held_ms = a->renewed_ms = now_ms;
	a->renew_at_ms = now_ms + KEEPER_RENEW_MS;
	a->conflicts = 0;
	a->defend_at_ms = 0;
	/* On lo there is nobody to tell, and with a hook others do it. */
	a->announced = claim == KEEPER_CLAIM_L2 ? 0 : ANNOUNCEMENTS;
	if (claim == KEEPER_CLAIM_HOOK) {
		core_address_move(core, index, HOOKING, "added");
		core_hook_start(core, now_ms, index, true);
	} else if (!core_verify_begin(core, now_ms, index)) {
		core_address_move(core, index, HELD, "added");
		core_address_answer(core, index, 0, r->text);
	}
}

static void lose(struct keeper_core *core, size_t index, const char *why)
{
	struct address *a = &core->addresses[index];
	struct keeper_report lost = { .type = KEEPER_ADDRESS_LOST, .index = (uint16_t)index };

	stop_adding(core, index);
	if (a->request.type != 0) {
		core_address_undo(core, index, ERR_IO, why);
		return;
	}
	core_address_move(core, index, REMOVING, "it cannot be renewed");
	core_address_push(core, KEEPER_ACT_ADDRESS_DEL, index);
	core_push_report(core, &lost, why);
}

static void take_renewal(struct keeper_core *core, uint64_t now_ms, size_t index,
			 const struct keeper_result *r)
{
	struct address *a = &core->addresses[index];

	if (r->err == 0) {
		a->renewed_ms = now_ms;
		return;
	}
	log_warn(core->lg, LG_KEEPER, "address %zu was not renewed: %s", index, r->text);
	a->renew_at_ms = now_ms + KEEPER_RENEW_RETRY_MS;
	if (now_ms - a->renewed_ms >= KEEPER_RENEW_LOST_MS)
		lose(core, index, r->text);
}

static void take_deletion(struct keeper_core *core, uint64_t now_ms, size_t index,
			  const struct keeper_result *r)
{
	struct address *a = &core->addresses[index];

	if (r->err != 0 && r->err != ERR_NOT_FOUND) {
		core->has_left_address = true;
		if (a->refusal == 0)
			snprintf(a->refusal_text, sizeof(a->refusal_text),
				 "%.*s; it expires within %d s", KEEPER_TEXT_MAX - 32, r->text,
				 KEEPER_VALID_S + 1);
		if (a->refusal == 0)
			a->refusal = ERR_IO;
	}
	if (a->is_hooked) {
		core_address_move(core, index, RELEASING, "removed");
		core_hook_start(core, now_ms, index, false);
	} else {
		core_address_finish(core, index);
	}
}

void core_address_take_result(struct keeper_core *core, uint64_t now_ms,
			      const struct keeper_action *done, const struct keeper_result *r)
{
	struct address *a = &core->addresses[done->index];

	if (done->type == KEEPER_ACT_ADDRESS_DEL && a->state == REMOVING) {
		take_deletion(core, now_ms, done->index, r);
	} else if (done->type == KEEPER_ACT_LOOKUP && a->state == LOOKING) {
		take_presence(core, done->index, r);
	} else if (done->type == KEEPER_ACT_PROBE && a->state == PROBING) {
		a->end_ms = now_ms + KEEPER_PROBE_MS;
		if (r->err != 0)
			core_address_refuse(core, done->index, r->err, r->text);
	} else if (done->type == KEEPER_ACT_ADDRESS_SET && a->state == ADDING) {
		take_addition(core, now_ms, done->index, r);
	} else if (done->type == KEEPER_ACT_ADDRESS_SET && core_address_is_added(a)) {
		take_renewal(core, now_ms, done->index, r);
	}
}

/* ---- timers ---------------------------------------------------------------- */

bool core_address_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		       struct keeper_action *out)
{
	struct address *a = &core->addresses[index];

	*out = (struct keeper_action){ .index = index };
	if (a->state == PROBING && core->heard_all_ms >= a->end_ms) {
		core_address_move(core, index, ADDING, "nobody answered");
		core_address_push(core, KEEPER_ACT_ADDRESS_SET, index);
		out->type = KEEPER_ACT_PROBE_STOP;
		return true;
	}
	if (core_hook_next(core, now_ms, index, out))
		return true;
	if (!core_address_is_added(a))
		return false;
	if (now_ms >= a->renew_at_ms) {
		a->renew_at_ms = now_ms + KEEPER_RENEW_MS;
		out->type = KEEPER_ACT_ADDRESS_SET;
		return true;
	}
	if (a->announced < ANNOUNCEMENTS && now_ms >= a->held_ms + announce_ms[a->announced]) {
		a->announced++;
		out->type = KEEPER_ACT_ANNOUNCE;
		return true;
	}
	return core_verify_next(core, now_ms, index, out);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t core_address_next_ms(const struct address *a)
{
	uint64_t next_ms = UINT64_MAX;

	if (a->state == PROBING || a->state == VERIFYING || a->state == HOOKING ||
	    a->state == RELEASING)
		next_ms = a->end_ms;
	if (!core_address_is_added(a))
		return next_ms;
	if (a->announced < ANNOUNCEMENTS)
		next_ms = min_u64(next_ms, a->held_ms + announce_ms[a->announced]);
	next_ms = min_u64(next_ms, core_verify_next_ms(a));
	return min_u64(next_ms, a->renew_at_ms);
}
