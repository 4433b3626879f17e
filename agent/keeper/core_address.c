/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/core_internal.h"

#include <stdio.h>

/* After the addition; none follows the last. */
static const uint32_t announce_ms[] = { 0, 100, 500, 2000 };
#define ANNOUNCEMENTS (sizeof(announce_ms) / sizeof(announce_ms[0]))

static void push(struct keeper_core *core, enum keeper_action_type type, size_t index)
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
static void move(struct keeper_core *core, size_t index, enum address_state to, const char *story)
{
	static const char *const names[] = {
		[ABSENT] = "absent", [LOOKING] = "looking",   [PROBING] = "probing",
		[ADDING] = "adding", [HELD] = "held",         [WATCHED] = "watched",
		[DOOMED] = "doomed", [REMOVING] = "removing",
	};
	struct address *a = &core->addresses[index];
	bool is_settled = to == ABSENT || to == HELD || to == WATCHED;
	char ip[IP_TEXT_MAX];

	log_write(core->lg, is_settled ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, LG_KEEPER,
		  "address %s on %s: %s -> %s: %s", ip_text(core, index, ip),
		  link_name(core, index), names[a->state], names[to], story);
	a->state = to;
}

static void answer(struct keeper_core *core, size_t index, int result, const char *text)
{
	struct address *a = &core->addresses[index];

	if (a->request.type != 0)
		core_push_answer(core, &a->request, result, text);
	a->request.type = 0;
}

static void refuse(struct keeper_core *core, size_t index, int err, const char *text)
{
	move(core, index, ABSENT, text);
	answer(core, index, err, text);
}

/* ---- requests -------------------------------------------------------------- */

void core_address_add(struct keeper_core *core, const struct keeper_request *request)
{
	struct address *a = &core->addresses[request->index];

	if (a->state == HELD || a->state == WATCHED) {
		core_push_answer(core, request, 0, "");
	} else if (a->state != ABSENT) {
		core_push_answer(core, request, ERR_BAD_STATE, "it is being added already");
	} else {
		a->request = *request;
		move(core, request->index, LOOKING, "main asks for it");
		push(core, KEEPER_ACT_LOOKUP, request->index);
	}
}

void core_address_remove(struct keeper_core *core, const struct keeper_request *request)
{
	struct address *a = &core->addresses[request->index];
	size_t index = request->index;

	if (a->state == PROBING) {
		push(core, KEEPER_ACT_PROBE_STOP, index);
		refuse(core, index, ERR_BAD_STATE, "withdrawn while it was probed");
	}
	if (a->state == HELD) {
		a->request = *request;
		move(core, index, REMOVING, "main removes it");
		push(core, KEEPER_ACT_ADDRESS_DEL, index);
		return;
	}
	if (a->state == WATCHED)
		move(core, index, ABSENT, "main lets go of it");
	core_push_answer(core, request, 0, "");
}

void core_address_doom(struct keeper_core *core, size_t index, const char *why)
{
	struct address *a = &core->addresses[index];

	if (a->state == PROBING)
		push(core, KEEPER_ACT_PROBE_STOP, index);
	answer(core, index, ERR_BAD_STATE, why);
	if (a->state == HELD || a->state == ADDING)
		a->state = DOOMED;
	else if (a->state != DOOMED && a->state != REMOVING)
		a->state = ABSENT;
}

void keeper_core_take_conflict(struct keeper_core *core, size_t index, const uint8_t mac[6],
			       bool is_probing)
{
	char ip[IP_TEXT_MAX], why[KEEPER_TEXT_MAX];

	if (index >= core->conf->address_count || core->addresses[index].state != PROBING)
		return;
	snprintf(why, sizeof(why), "%s is %s by %02x:%02x:%02x:%02x:%02x:%02x on %s",
		 ip_text(core, index, ip), is_probing ? "also being claimed" : "in use", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5], core->conf->addresses[index].link);
	push(core, KEEPER_ACT_PROBE_STOP, index);
	refuse(core, index, ERR_EXISTS, why);
}

/* ---- results --------------------------------------------------------------- */

static void go_on(struct keeper_core *core, size_t index)
{
	const struct keeper_address *conf = &core->conf->addresses[index];

	if (conf->claim == KEEPER_CLAIM_NONE) {
		move(core, index, WATCHED, "the operator put it there");
		answer(core, index, 0, "");
	} else if (conf->claim == KEEPER_CLAIM_L2) {
		move(core, index, PROBING, "not here");
		push(core, KEEPER_ACT_PROBE, index);
	} else {
		move(core, index, ADDING, "not here");
		push(core, KEEPER_ACT_ADDRESS_SET, index);
	}
}

static void take_presence(struct keeper_core *core, size_t index, const struct keeper_result *r)
{
	const struct keeper_address *conf = &core->conf->addresses[index];
	bool is_none = conf->claim == KEEPER_CLAIM_NONE;
	char ip[IP_TEXT_MAX], why[KEEPER_TEXT_MAX];

	ip_text(core, index, ip);
	if (r->err != 0) {
		refuse(core, index, r->err, r->text);
	} else if (r->presence == KEEPER_PRESENCE_ELSEWHERE) {
		snprintf(why, sizeof(why), "%s is on %.16s already, not on %s: take it away or %s",
			 ip, r->text, link_name(core, index),
			 conf->claim == KEEPER_CLAIM_ROUTE ? "mend 'claim: route'" : "mend 'link'");
		refuse(core, index, ERR_EXISTS, why);
	} else if (is_none && r->presence == KEEPER_PRESENCE_NONE) {
		snprintf(why, sizeof(why),
			 "%s is not on %s: with 'claim: none' the operator puts it there", ip,
			 link_name(core, index));
		refuse(core, index, ERR_NOT_FOUND, why);
	} else if (!is_none && r->presence == KEEPER_PRESENCE_FOREIGN) {
		snprintf(why, sizeof(why),
			 "%s is on %s already, not by us: take it away or set 'claim: none'", ip,
			 link_name(core, index));
		refuse(core, index, ERR_EXISTS, why);
	} else {
		go_on(core, index);
	}
}

static void take_addition(struct keeper_core *core, uint64_t now_ms, size_t index,
			  const struct keeper_result *r)
{
	struct address *a = &core->addresses[index];

	if (r->err != 0) {
		refuse(core, index, r->err, r->text);
		return;
	}
	a->held_ms = a->renewed_ms = now_ms;
	a->renew_at_ms = now_ms + KEEPER_RENEW_MS;
	/* On lo there is nobody to tell. */
	a->announced = core->conf->addresses[index].claim == KEEPER_CLAIM_L2 ? 0 : ANNOUNCEMENTS;
	move(core, index, HELD, "added");
	answer(core, index, 0, r->text);
}

static void take_renewal(struct keeper_core *core, uint64_t now_ms, size_t index,
			 const struct keeper_result *r)
{
	struct address *a = &core->addresses[index];
	struct keeper_report lost = { .type = KEEPER_ADDRESS_LOST, .index = (uint16_t)index };

	if (r->err == 0) {
		a->renewed_ms = now_ms;
		return;
	}
	log_warn(core->lg, LG_KEEPER, "address %zu was not renewed: %s", index, r->text);
	a->renew_at_ms = now_ms + KEEPER_RENEW_RETRY_MS;
	if (now_ms - a->renewed_ms < KEEPER_RENEW_LOST_MS)
		return;
	move(core, index, REMOVING, "it cannot be renewed");
	push(core, KEEPER_ACT_ADDRESS_DEL, index);
	core_push_report(core, &lost, r->text);
}

static void take_deletion(struct keeper_core *core, size_t index, const struct keeper_result *r)
{
	bool is_gone = r->err == 0 || r->err == ERR_NOT_FOUND;
	char why[KEEPER_TEXT_MAX] = "gone";

	if (!is_gone)
		snprintf(why, sizeof(why), "%.*s; it expires within %d s", KEEPER_TEXT_MAX - 32,
			 r->text, KEEPER_VALID_S + 1);
	move(core, index, ABSENT, why);
	answer(core, index, is_gone ? 0 : ERR_IO, is_gone ? "" : why);
}

void core_address_take_result(struct keeper_core *core, uint64_t now_ms,
			      const struct keeper_action *done, const struct keeper_result *r)
{
	struct address *a = &core->addresses[done->index];

	if (done->type == KEEPER_ACT_ADDRESS_DEL && a->state == REMOVING) {
		take_deletion(core, done->index, r);
	} else if (done->type == KEEPER_ACT_LOOKUP && a->state == LOOKING) {
		take_presence(core, done->index, r);
	} else if (done->type == KEEPER_ACT_PROBE && a->state == PROBING) {
		a->probe_end_ms = now_ms + KEEPER_PROBE_MS;
		if (r->err != 0)
			refuse(core, done->index, r->err, r->text);
	} else if (done->type == KEEPER_ACT_ADDRESS_SET && a->state == ADDING) {
		take_addition(core, now_ms, done->index, r);
	} else if (done->type == KEEPER_ACT_ADDRESS_SET && a->state == HELD) {
		take_renewal(core, now_ms, done->index, r);
	}
}

/* ---- timers ---------------------------------------------------------------- */

bool core_address_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		       struct keeper_action *out)
{
	struct address *a = &core->addresses[index];

	*out = (struct keeper_action){ .index = index };
	if (a->state == PROBING && now_ms >= a->probe_end_ms) {
		move(core, index, ADDING, "nobody answered");
		push(core, KEEPER_ACT_ADDRESS_SET, index);
		out->type = KEEPER_ACT_PROBE_STOP;
		return true;
	}
	if (a->state != HELD)
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
	return false;
}

uint64_t core_address_next_ms(const struct address *a)
{
	uint64_t next_ms = UINT64_MAX;

	if (a->state == PROBING)
		return a->probe_end_ms;
	if (a->state != HELD)
		return UINT64_MAX;
	if (a->announced < ANNOUNCEMENTS)
		next_ms = a->held_ms + announce_ms[a->announced];
	return a->renew_at_ms < next_ms ? a->renew_at_ms : next_ms;
}
