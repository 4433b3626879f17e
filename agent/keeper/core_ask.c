/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/core_internal.h"

/*
 * Asks: who has an address, on the link of one of ours? Any frame in which somebody says so counts
 * as an answer.
 */

static void push(struct keeper_core *core, enum keeper_action_type type, size_t slot)
{
	const struct keeper_request *r = &core->asks[slot].request;

	core_push(core, &(struct keeper_action){
			    .type = type, .index = r->index, .slot = slot, .target = r->target });
}

static void answer(struct keeper_core *core, size_t slot, int err, bool is_there, const char *text)
{
	struct keeper_request *r = &core->asks[slot].request;
	struct keeper_report report = {
		.type = KEEPER_ANSWER,
		.id = r->id,
		.request = *r,
		.result = err,
		.is_there = is_there,
	};

	core_push_report(core, &report, text);
	r->type = 0;
}

static size_t find_slot(const struct keeper_core *core)
{
	size_t slot = 0;

	while (slot < KEEPER_ASKS_MAX && core->asks[slot].request.type != 0)
		slot++;
	return slot;
}

void core_ask(struct keeper_core *core, const struct keeper_request *request)
{
	const struct keeper_address *conf = &core->conf->addresses[request->index];
	size_t slot = find_slot(core);

	if (conf->link[0] == '\0') {
		core_push_answer(core, request, ERR_UNSUPPORTED, "this address has no link");
	} else if (ip_size(&request->target) == 0) {
		core_push_answer(core, request, ERR_VALUE, "no address to ask for");
	} else if (slot == KEEPER_ASKS_MAX) {
		core_push_answer(core, request, ERR_LIMIT, "too many asks at a time");
	} else {
		core->asks[slot] = (struct ask){ *request, UINT64_MAX };
		push(core, KEEPER_ACT_ASK, slot);
	}
}

void core_ask_take_result(struct keeper_core *core, uint64_t now_ms,
			  const struct keeper_action *done, const struct keeper_result *r)
{
	struct ask *ask = &core->asks[done->slot];

	if (ask->request.type == 0)
		return;
	ask->end_ms = now_ms + KEEPER_PROBE_MS;
	if (r->err != 0)
		answer(core, done->slot, r->err, false, r->text);
	else if (r->presence != KEEPER_PRESENCE_NONE)
		answer(core, done->slot, 0, true, "here");
}

void core_ask_take_heard(struct keeper_core *core, const struct keeper_heard *heard)
{
	char mac[CORE_MAC_TEXT_MAX];

	for (size_t i = 0; i < KEEPER_ASKS_MAX; i++) {
		const struct keeper_request *r = &core->asks[i].request;

		if (r->type == 0 ||
		    strcmp(core->conf->addresses[r->index].link, heard->link) != 0 ||
		    core_heard_judge(heard, &r->target) != FRAME_IN_USE)
			continue;
		push(core, KEEPER_ACT_ASK_STOP, i);
		answer(core, i, 0, true, core_mac_text(heard->mac, mac));
	}
}

bool core_ask_next(struct keeper_core *core, struct keeper_action *out)
{
	for (size_t i = 0; i < KEEPER_ASKS_MAX; i++) {
		const struct keeper_request *r = &core->asks[i].request;

		if (r->type == 0 || core->heard_all_ms < core->asks[i].end_ms)
			continue;
		*out = (struct keeper_action){ .type = KEEPER_ACT_ASK_STOP,
					       .index = r->index,
					       .slot = i,
					       .target = r->target };
		answer(core, i, 0, false, "");
		return true;
	}
	return false;
}

uint64_t core_ask_next_ms(const struct keeper_core *core)
{
	uint64_t next_ms = UINT64_MAX;

	for (size_t i = 0; i < KEEPER_ASKS_MAX; i++) {
		if (core->asks[i].request.type != 0 && core->asks[i].end_ms < next_ms)
			next_ms = core->asks[i].end_ms;
	}
	return next_ms;
}
