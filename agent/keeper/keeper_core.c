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
		keeper_core_take_eof(core, "internal error: too many actions");
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

static bool pop(struct keeper_core *core, struct keeper_action *out)
{
	if (core->count == 0)
		return false;
	*out = core->queue[core->head];
	core->head = (core->head + 1) % KEEPER_QUEUE_MAX;
	core->count--;
	return true;
}

/* ---- dropping -------------------------------------------------------------- */

static bool is_holding(const struct keeper_core *core)
{
	for (size_t i = 0; i < core->conf->address_count; i++) {
		if (core->addresses[i].state != ABSENT)
			return true;
	}
	return keeper_routes_count(core->routes) > 0;
}

static void drop_all(struct keeper_core *core, const char *why, bool is_ending)
{
	if (core->is_ending)
		return;
	if (is_holding(core))
		log_warn(core->lg, LG_KEEPER, "removing all addresses and routes: %s", why);
	else
		log_info(core->lg, LG_KEEPER, "nothing to remove: %s", why);
	core->count = 0;
	core->is_ending = is_ending;
	core->is_dropping = true;
	core->route_request.type = 0;
	snprintf(core->drop_why, sizeof(core->drop_why), "%s", why);
	for (size_t i = 0; i < core->conf->address_count; i++)
		core_address_doom(core, i, why);
}

/* Addresses before routes, one by one, whatever the kernel says to it. */
static bool next_of_drop(struct keeper_core *core, struct keeper_action *out)
{
	const struct keeper_route *route;

	for (size_t i = 0; i < core->conf->address_count; i++) {
		if (core->addresses[i].state != DOOMED)
			continue;
		core->addresses[i].state = REMOVING;
		*out = (struct keeper_action){ .type = KEEPER_ACT_ADDRESS_DEL, .index = i };
		return true;
	}
	route = keeper_routes_any(core->routes);
	if (route != NULL) {
		*out = (struct keeper_action){ .type = KEEPER_ACT_ROUTE_DEL,
					       .index = route->connection,
					       .prefix = route->prefix };
		keeper_routes_remove(core->routes, &out->prefix);
		return true;
	}
	core->is_dropping = false;
	if (core->is_ending)
		core_push(core, &(struct keeper_action){ .type = KEEPER_ACT_EXIT });
	else
		core_push_report(core, &(struct keeper_report){ .type = KEEPER_DROPPED },
				 core->drop_why);
	return false;
}

void keeper_core_take_eof(struct keeper_core *core, const char *why)
{
	drop_all(core, why, true);
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
		if (is_holding(core))
			drop_all(core, why, false);
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
	drop_all(core, why, true);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t keeper_core_next_ms(const struct keeper_core *core, uint64_t now_ms)
{
	uint64_t next_ms = now_ms + (core->is_watching ? KEEPER_PING_MS : KEEPER_RENEW_MS);

	for (size_t i = 0; i < core->conf->address_count; i++)
		next_ms = min_u64(next_ms, core_address_next_ms(&core->addresses[i]));
	return min_u64(next_ms, keeper_routes_next_ms(core->routes));
}

/* ---- messages -------------------------------------------------------------- */

static void take_request(struct keeper_core *core, const struct keeper_request *request)
{
	bool is_address =
	    request->type == KEEPER_ADDRESS_ADD || request->type == KEEPER_ADDRESS_REMOVE;

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
		core_push_answer(core, request, ERR_UNSUPPORTED, "not yet");
		break;
	case KEEPER_LAST_WORDS:
		break;
	}
}

void keeper_core_take_message(struct keeper_core *core, uint64_t now_ms, struct bytes datagram)
{
	struct keeper_last_words words;
	struct keeper_request request;

	if (core->is_ending)
		return;
	if (keeper_last_words_decode(datagram, &words) == 0) {
		core->is_watching = true;
		core->heard_ms = now_ms;
		return;
	}
	if (keeper_request_decode(datagram, &request) != 0) {
		log_error(core->lg, LG_KEEPER, "main sent %zu octets that are no request",
			  datagram.len);
		drop_all(core, "main cannot be trusted any more", true);
		return;
	}
	core->is_watching = true;
	core->heard_ms = now_ms;
	take_request(core, &request);
}

/* ---- actions and results --------------------------------------------------- */

bool keeper_core_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out)
{
	if (core->is_dropping && next_of_drop(core, out))
		return true;
	if (pop(core, out))
		return true;
	if (core->is_ending)
		return false;
	for (size_t i = 0; i < core->conf->address_count; i++) {
		if (core_address_next(core, now_ms, i, out))
			return true;
	}
	return core_route_next(core, now_ms, out);
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
	case KEEPER_ACT_PROBE_STOP:
	case KEEPER_ACT_ANNOUNCE:
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
