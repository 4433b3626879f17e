/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper_core.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/keeper/core_internal.h"

int keeper_core_new(const struct keeper_conf *conf, const struct logger *lg, struct keeper_time now,
		    struct keeper_core **out)
{
	struct keeper_core *core = calloc(1, sizeof(*core));
	size_t max = conf->routes_max != 0 ? conf->routes_max : KEEPER_ROUTES_MAX;

	if (core == NULL)
		return ERR_NO_MEMORY;
	if (keeper_routes_new(max, &core->routes) != 0) {
		free(core);
		return ERR_NO_MEMORY;
	}
	core->conf = conf;
	core->lg = lg;
	core->awake = now;
	core->warnings = (struct log_limit){ .burst = 1, .interval_ms = 60000 };
	core->fence_warnings = (struct log_limit){ .burst = 1, .interval_ms = 60000 };
	core->fence_at_ms = now.mono_ms + KEEPER_RENEW_MS;
	*out = core;
	return 0;
}

void keeper_core_free(struct keeper_core *core)
{
	if (core == NULL)
		return;
	keeper_routes_free(core->routes);
	free(core);
}

/* ---- what is to be done ---------------------------------------------------- */

void core_push(struct keeper_core *core, const struct keeper_action *action)
{
	if (core->count == KEEPER_QUEUE_MAX) {
		/* Cannot be, since events wait until the queue is empty. If it is, fence first. */
		keeper_core_give_up(core, "internal error: too many actions");
		return;
	}
	core->queue[(core->head + core->count) % KEEPER_QUEUE_MAX] = *action;
	core->count++;
}

void core_push_report(struct keeper_core *core, const struct keeper_report *report,
		      const char *text)
{
	struct keeper_action action = { .type = KEEPER_ACT_REPORT, .report = *report };

	action.report.version = KEEPER_MSG_VERSION;
	snprintf(action.report.text, sizeof(action.report.text), "%s", text);
	core_push(core, &action);
}

void core_push_answer(struct keeper_core *core, const struct keeper_request *request, int result,
		      const char *text)
{
	struct keeper_report report = {
		.type = KEEPER_ANSWER,
		.id = request->id,
		.request = *request,
		.result = result,
	};

	core_push_report(core, &report, text);
}

bool core_pop(struct keeper_core *core, struct keeper_action *out)
{
	if (core->count == 0)
		return false;
	*out = core->queue[core->head];
	core->head = (core->head + 1) % KEEPER_QUEUE_MAX;
	core->count--;
	return true;
}

void keeper_core_take_eof(struct keeper_core *core, const char *why)
{
	core_drop(core, why, true, true);
}

void keeper_core_give_up(struct keeper_core *core, const char *why)
{
	core_drop(core, why, true, false);
}

bool keeper_core_is_ending(const struct keeper_core *core)
{
	return core->is_ending;
}

const struct keeper_last_words *keeper_core_last_words(const struct keeper_core *core)
{
	return &core->words;
}

/* ---- time ------------------------------------------------------------------ */

void keeper_core_wake(struct keeper_core *core, struct keeper_time now)
{
	uint64_t slept_ms = now.boot_ms - core->awake.boot_ms;
	uint64_t gap_ms = now.mono_ms - core->awake.mono_ms;
	char why[KEEPER_TEXT_MAX];

	core->awake = now;
	if (slept_ms > KEEPER_SUSPENDED_MS) {
		core->heard_ms = now.mono_ms;
		snprintf(why, sizeof(why), "nothing ran here for %llu ms, was the host suspended?",
			 (unsigned long long)slept_ms);
		if (core_is_holding(core))
			core_drop(core, why, false, false);
	} else if (gap_ms > 2 * KEEPER_PING_MS) {
		core->heard_ms += gap_ms - 2 * KEEPER_PING_MS;
	}
}

void keeper_core_tick(struct keeper_core *core, uint64_t now_ms)
{
	char why[KEEPER_TEXT_MAX];

	if (!core->is_watching || now_ms < core->heard_ms + KEEPER_SILENCE_MS)
		return;
	snprintf(why, sizeof(why), "main has been silent for %llu ms",
		 (unsigned long long)(now_ms - core->heard_ms));
	keeper_core_give_up(core, why);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t keeper_core_next_ms(const struct keeper_core *core, uint64_t now_ms)
{
	uint64_t next_ms = now_ms + (core->is_watching ? KEEPER_PING_MS : KEEPER_RENEW_MS);

	if (core->is_ending)
		return core->hook_end_ms > now_ms ? min_u64(next_ms, core->hook_end_ms) : next_ms;
	for (size_t i = 0; i < core->conf->address_count; i++)
		next_ms = min_u64(next_ms, core_address_next_ms(&core->addresses[i]));
	next_ms = min_u64(next_ms, core_ask_next_ms(core));
	next_ms = min_u64(next_ms, core->fence_at_ms);
	return min_u64(next_ms, keeper_routes_next_ms(core->routes));
}

/* ---- messages -------------------------------------------------------------- */

static void take_request(struct keeper_core *core, const struct keeper_request *request)
{
	bool is_address = request->type == KEEPER_ADDRESS_ADD ||
			  request->type == KEEPER_ADDRESS_REMOVE || request->type == KEEPER_ASK;

	if (is_address && request->index >= core->conf->address_count) {
		log_error(core->lg, LG_KEEPER, "refused: main names address %u of %zu",
			  request->index, core->conf->address_count);
		core_push_answer(core, request, ERR_NOT_FOUND, "no such address is configured");
		return;
	}
	switch ((enum keeper_request_type)request->type) {
	case KEEPER_PING:
		core_push_report(
		    core, &(struct keeper_report){ .type = KEEPER_PONG, .id = request->id }, "");
		break;
	case KEEPER_ADDRESS_ADD:
		core_address_add(core, request);
		break;
	case KEEPER_ADDRESS_REMOVE:
		core_address_remove(core, request);
		break;
	case KEEPER_ROUTE_ADD:
		core_route_add(core, request);
		break;
	case KEEPER_ROUTE_REMOVE:
		core_route_remove(core, request);
		break;
	case KEEPER_ASK:
		core_ask(core, request);
		break;
	case KEEPER_LAST_WORDS: /* no request of this size */
		break;
	}
}

void keeper_core_take_message(struct keeper_core *core, uint64_t now_ms, struct bytes datagram)
{
	struct keeper_request request = { .type = KEEPER_LAST_WORDS };

	if (core->is_ending)
		return;
	if (keeper_last_words_decode(datagram, &core->words) != 0 &&
	    keeper_request_decode(datagram, &request) != 0) {
		log_error(core->lg, LG_KEEPER, "main sent %zu octets that are no request",
			  datagram.len);
		keeper_core_give_up(core, "main cannot be trusted any more");
		return;
	}
	core->is_watching = true;
	core->heard_ms = now_ms;
	take_request(core, &request);
}

void keeper_core_take_heard(struct keeper_core *core, uint64_t now_ms,
			    const struct keeper_heard *heard)
{
	if (core->is_ending)
		return;
	for (size_t i = 0; i < core->conf->address_count; i++)
		core_verify_take_heard(core, now_ms, i, heard);
	core_ask_take_heard(core, heard);
}

void keeper_core_heard_all(struct keeper_core *core, uint64_t until_ms)
{
	core->heard_all_ms = until_ms;
}

/* ---- actions and results --------------------------------------------------- */

bool keeper_core_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out)
{
	if (core->is_dropping && core_drop_next(core, now_ms, out))
		return true;
	if (core_pop(core, out))
		return true;
	if (core->is_ending)
		return false;
	for (size_t i = 0; i < core->conf->address_count; i++) {
		if (core_address_next(core, now_ms, i, out))
			return true;
	}
	if (core_ask_next(core, out))
		return true;
	if (now_ms >= core->fence_at_ms) {
		core->fence_at_ms = now_ms + KEEPER_RENEW_MS;
		*out = (struct keeper_action){ .type = KEEPER_ACT_FENCE_KEEP };
		return true;
	}
	return core_route_next(core, now_ms, out);
}

static void take_fence_result(struct keeper_core *core, uint64_t now_ms,
			      const struct keeper_result *r)
{
	uint64_t suppressed;

	if (r->err != 0 && log_limit_is_allowed(&core->fence_warnings, now_ms, &suppressed))
		log_warn(core->lg, LG_KEEPER, "fence: %s", r->text);
}

void keeper_core_take_result(struct keeper_core *core, uint64_t now_ms,
			     const struct keeper_action *done, const struct keeper_result *result)
{
	switch (done->type) {
	case KEEPER_ACT_LOOKUP:
	case KEEPER_ACT_PROBE:
	case KEEPER_ACT_ADDRESS_SET:
	case KEEPER_ACT_ADDRESS_DEL:
		core_address_take_result(core, now_ms, done, result);
		break;
	case KEEPER_ACT_ROUTE_SET:
	case KEEPER_ACT_ROUTE_DEL:
		core_route_take_result(core, now_ms, done, result);
		break;
	case KEEPER_ACT_HOOK_START:
		core_hook_take_result(core, done, result);
		break;
	case KEEPER_ACT_ASK:
		core_ask_take_result(core, now_ms, done, result);
		break;
	case KEEPER_ACT_FENCE_KEEP:
	case KEEPER_ACT_FENCE_REMOVE:
		take_fence_result(core, now_ms, result);
		break;
	case KEEPER_ACT_LAST_WORDS:
		if (result->err != 0)
			log_warn(core->lg, LG_KEEPER, "last words: %s", result->text);
		break;
	case KEEPER_ACT_PROBE_STOP:
	case KEEPER_ACT_ANNOUNCE:
	case KEEPER_ACT_VERIFY:
	case KEEPER_ACT_VERIFY_STOP:
	case KEEPER_ACT_HOOK_KILL:
	case KEEPER_ACT_ASK_STOP:
	case KEEPER_ACT_ROUTE_ANNOUNCE:
	case KEEPER_ACT_REPORT:
	case KEEPER_ACT_EXIT:
		break;
	}
}

bool keeper_core_is_proxied(const struct keeper_core *core, const char *link, const struct ip *ip)
{
	return keeper_routes_is_proxied(core->routes, core->conf, link, ip);
}
