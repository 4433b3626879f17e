/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/core_internal.h"

#include <stdio.h>

/*
 * The script of claim hook. A claim that it refuses is undone without a release: what it did not
 * take it need not give back, and somebody else may have it. If it did not come to an end, it may
 * have taken it: then it is released.
 */

void core_hook_start(struct keeper_core *core, uint64_t now_ms, size_t index, bool is_claim)
{
	struct address *a = &core->addresses[index];

	a->is_hooked = is_claim;
	a->end_ms = now_ms + KEEPER_HOOK_MS;
	core_push(core, &(struct keeper_action){ .type = KEEPER_ACT_HOOK_START,
						 .index = index,
						 .is_claim = is_claim,
						 .epoch = a->epoch });
}

static void refuse_claim(struct keeper_core *core, size_t index, const char *why)
{
	core->addresses[index].is_hooked = false;
	core_address_undo(core, index, ERR_IO, why);
}

/* The address is gone from here in any case. */
static void end_release(struct keeper_core *core, size_t index, const char *trouble)
{
	char ip[IP_TEXT_MAX];

	if (trouble[0] != '\0')
		log_warn(core->lg, LG_KEEPER, "releasing %s: %s",
			 ip_format(&core->conf->addresses[index].ip, ip), trouble);
	core_address_finish(core, index);
}

void core_hook_take_result(struct keeper_core *core, const struct keeper_action *done,
			   const struct keeper_result *r)
{
	enum address_state state = core->addresses[done->index].state;

	if (r->err == 0)
		return;
	if (state == HOOKING && done->is_claim)
		refuse_claim(core, done->index, r->text);
	else if (state == RELEASING && !done->is_claim)
		end_release(core, done->index, r->text);
}

void keeper_core_take_hook(struct keeper_core *core, size_t index, int status, const char *line)
{
	char why[KEEPER_TEXT_MAX] = "";
	enum address_state state;

	if (index >= core->conf->address_count)
		return;
	state = core->addresses[index].state;
	if (status > 0)
		snprintf(why, sizeof(why), "the claim hook ended with status %d%s%.*s", status,
			 line[0] != '\0' ? ": " : "", KEEPER_TEXT_MAX / 2, line);
	else if (status < 0)
		snprintf(why, sizeof(why), "the claim hook was killed by signal %d", -status);
	else if (line[0] != '\0')
		log_info(core->lg, LG_KEEPER, "the claim hook says: %s", line);
	if (state == HOOKING && status != 0) {
		refuse_claim(core, index, why);
	} else if (state == HOOKING) {
		core_address_move(core, index, HELD, "the hook has claimed it");
		core_address_answer(core, index, 0, "");
	} else if (state == RELEASING) {
		end_release(core, index, why);
	}
}

bool core_hook_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		    struct keeper_action *out)
{
	struct address *a = &core->addresses[index];
	char why[KEEPER_TEXT_MAX];

	if ((a->state != HOOKING && a->state != RELEASING) || now_ms < a->end_ms)
		return false;
	snprintf(why, sizeof(why), "the claim hook has not ended within %d s",
		 KEEPER_HOOK_MS / 1000);
	if (a->state == HOOKING)
		core_address_undo(core, index, ERR_IO, why);
	else
		end_release(core, index, why);
	out->type = KEEPER_ACT_HOOK_KILL;
	return true;
}

bool core_hook_is_running(const struct keeper_core *core)
{
	for (size_t i = 0; i < core->conf->address_count; i++) {
		if (core->addresses[i].state == RELEASING)
			return true;
	}
	return false;
}
