/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/core_internal.h"

#include <stdio.h>

/*
 * Removing everything, one by one, whatever the kernel says to it. Addresses first, since others
 * may take them over only when they are gone; what tells others so is next; the routes may be many.
 */

bool core_is_holding(const struct keeper_core *core)
{
	for (size_t i = 0; i < core->conf->address_count; i++) {
		if (core->addresses[i].state != ABSENT)
			return true;
	}
	return keeper_routes_count(core->routes) > 0;
}

void core_drop(struct keeper_core *core, const char *why, bool is_ending, bool is_main_gone)
{
	if (core->is_ending)
		return;
	if (core_is_holding(core))
		log_warn(core->lg, LG_KEEPER, "removing all addresses and routes: %s", why);
	else
		log_info(core->lg, LG_KEEPER, "nothing to remove: %s", why);
	core->count = 0;
	core->is_ending = is_ending;
	core->is_main_gone = is_main_gone;
	core->is_dropping = true;
	core->has_leftover = core->has_left_address = false;
	core->is_told = !is_ending || core->words.len == 0;
	core->hook_end_ms = 0;
	core->route_request.type = 0;
	snprintf(core->drop_why, sizeof(core->drop_why), "%s", why);
	for (size_t i = 0; i < core->conf->address_count; i++)
		core_address_doom(core, i, why);
}

static bool next_address(struct keeper_core *core, struct keeper_action *out)
{
	for (size_t i = 0; i < core->conf->address_count; i++) {
		if (core->addresses[i].state != DOOMED)
			continue;
		core->addresses[i].state = REMOVING;
		*out = (struct keeper_action){ .type = KEEPER_ACT_ADDRESS_DEL, .index = i };
		return true;
	}
	return false;
}

static bool next_words(struct keeper_core *core, struct keeper_action *out)
{
	if (core->is_told)
		return false;
	core->is_told = true;
	if (core->has_left_address) {
		log_warn(core->lg, LG_KEEPER, "not all addresses are gone: nobody is told");
		return false;
	}
	*out = (struct keeper_action){ .type = KEEPER_ACT_LAST_WORDS };
	return true;
}

static bool next_route(struct keeper_core *core, struct keeper_action *out)
{
	const struct keeper_route *route = keeper_routes_any(core->routes);

	if (route == NULL)
		return false;
	*out = (struct keeper_action){ .type = KEEPER_ACT_ROUTE_DEL,
				       .index = route->connection,
				       .prefix = route->prefix };
	keeper_routes_remove(core->routes, &out->prefix);
	return true;
}

/* True while release scripts are to be waited for. */
static bool is_waiting(struct keeper_core *core, uint64_t now_ms)
{
	if (!core->is_ending || !core_hook_is_running(core))
		return false;
	if (core->hook_end_ms == 0)
		core->hook_end_ms = now_ms + KEEPER_HOOK_END_MS;
	if (now_ms < core->hook_end_ms)
		return true;
	log_warn(core->lg, LG_KEEPER, "not waiting for the release hooks any longer");
	return false;
}

bool core_drop_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out)
{
	if (next_address(core, out) || core_pop(core, out) || next_words(core, out) ||
	    next_route(core, out))
		return true;
	if (is_waiting(core, now_ms))
		return false;
	core->is_dropping = false;
	if (core->is_ending) {
		core_push(core, &(struct keeper_action){ .type = KEEPER_ACT_FENCE_REMOVE,
							 .is_main_gone = core->is_main_gone,
							 .is_clean = !core->has_leftover &&
								     !core->has_left_address });
		core_push(core, &(struct keeper_action){ .type = KEEPER_ACT_EXIT });
	} else {
		core_push_report(core, &(struct keeper_report){ .type = KEEPER_DROPPED },
				 core->drop_why);
	}
	return core_pop(core, out);
}
