/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/core_internal.h"

#include <stdio.h>

/* 0 for what is no prefix: family, host bits and unused octets are checked too. */
static size_t prefix_room(const struct ip_prefix *prefix)
{
	size_t bits = ip_size(&prefix->ip) * 8;
	struct ip_prefix clean;

	if (bits == 0 || prefix->bits > bits)
		return 0;
	clean = keeper_prefix_around(&prefix->ip, prefix->bits);
	return memcmp(&clean, prefix, sizeof(clean)) == 0 ? bits : 0;
}

static bool is_inside(const struct keeper_connection *c, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < c->remote_ts_count; i++) {
		const struct ip_prefix *ts = &c->remote_ts[i];

		if (ts->bits <= prefix->bits && ip_prefix_has(ts, &prefix->ip))
			return true;
	}
	return false;
}

/* Returns 0, or ERR_* and why. */
static int check(const struct keeper_core *core, const struct keeper_request *request,
		 const char **why)
{
	size_t room = prefix_room(&request->prefix);
	const struct keeper_connection *c;

	if (request->index >= core->conf->connection_count) {
		*why = "no such connection is configured";
		return ERR_NOT_FOUND;
	}
	c = &core->conf->connections[request->index];
	if (room == 0 || request->prefix.bits == 0) {
		*why = "this is no inner prefix";
		return ERR_VALUE;
	}
	if (!is_inside(c, &request->prefix)) {
		*why = "the prefix is outside the remote-ts of its connection";
		return ERR_VALUE;
	}
	if (c->inside == KEEPER_INSIDE_PROXY_ARP &&
	    room - request->prefix.bits > 8) { /* KEEPER_PROXIES_MAX */
		*why = "proxy-arp takes at most 256 addresses of a peer: use mode route";
		return ERR_LIMIT;
	}
	return 0;
}

static void refuse(struct keeper_core *core, const struct keeper_request *request, int err,
		   const char *why)
{
	char prefix[PREFIX_TEXT_MAX] = "?";

	if (prefix_room(&request->prefix) != 0)
		ip_prefix_format(&request->prefix, prefix);
	log_warn(core->lg, LG_KEEPER, "%s %s, connection %u: refused: %s",
		 keeper_request_name(request->type), prefix, request->index, why);
	core_push_answer(core, request, err, why);
}

/* True if the kernel's entries for the two differ in more than the prefix. */
static bool is_other_way(const struct keeper_connection *a, const struct keeper_connection *b)
{
	return a->inside != b->inside || a->metric != b->metric ||
	       (a->inside == KEEPER_INSIDE_PROXY_ARP && strcmp(a->link, b->link) != 0);
}

static void push(struct keeper_core *core, enum keeper_action_type type,
		 const struct ip_prefix *prefix, size_t connection, bool is_replacing)
{
	core_push(core, &(struct keeper_action){ .type = type,
						 .index = connection,
						 .prefix = *prefix,
						 .is_replacing = is_replacing });
}

/* The newest arrival wins, whoever held the prefix before. */
void core_route_add(struct keeper_core *core, const struct keeper_request *request)
{
	const struct keeper_route *held = keeper_routes_find(core->routes, &request->prefix);
	const struct keeper_connection *conf = core->conf->connections;
	size_t max = core->conf->routes_max != 0 ? core->conf->routes_max : KEEPER_ROUTES_MAX;
	const char *why;
	int err = check(core, request, &why);

	if (err == 0 && held == NULL && keeper_routes_count(core->routes) >= max) {
		why = "there are as many routes as are allowed";
		err = ERR_LIMIT;
	}
	if (err != 0) {
		refuse(core, request, err, why);
		return;
	}
	core->route_request = *request;
	if (held != NULL && is_other_way(&conf[held->connection], &conf[request->index])) {
		push(core, KEEPER_ACT_ROUTE_DEL, &request->prefix, held->connection, false);
		keeper_routes_remove(core->routes, &request->prefix);
		held = NULL;
	}
	push(core, KEEPER_ACT_ROUTE_SET, &request->prefix, request->index, held != NULL);
}

/* A late removal, after a newer arrival, is answered with success: what it asks for is so. */
void core_route_remove(struct keeper_core *core, const struct keeper_request *request)
{
	const struct keeper_route *held;
	const char *why;
	int err = check(core, request, &why);

	if (err != 0) {
		refuse(core, request, err, why);
		return;
	}
	held = keeper_routes_find(core->routes, &request->prefix);
	if (held == NULL || held->connection != request->index ||
	    held->arrival != request->arrival) {
		core_push_answer(core, request, 0,
				 held != NULL ? "a newer arrival holds the prefix" : "");
		return;
	}
	core->route_request = *request;
	push(core, KEEPER_ACT_ROUTE_DEL, &request->prefix, request->index, false);
	keeper_routes_remove(core->routes, &request->prefix);
}

/* ---- results --------------------------------------------------------------- */

static void answer(struct keeper_core *core, int result, const char *text)
{
	core_push_answer(core, &core->route_request, result, text);
	core->route_request.type = 0;
}

static void warn(struct keeper_core *core, uint64_t now_ms, const char *text)
{
	uint64_t suppressed;

	if (text[0] != '\0' && log_limit_is_allowed(&core->warnings, now_ms, &suppressed))
		log_warn(core->lg, LG_KEEPER, "%s (%llu more routes said so)", text,
			 (unsigned long long)suppressed);
}

static void take_set(struct keeper_core *core, uint64_t now_ms, const struct keeper_action *done,
		     const struct keeper_result *r)
{
	struct keeper_route route = { done->prefix, done->index, core->route_request.arrival };
	int err = r->err != 0 ? r->err : keeper_routes_put(core->routes, &route);
	char prefix[PREFIX_TEXT_MAX];

	ip_prefix_format(&done->prefix, prefix);
	if (err == 0) {
		log_debug(core->lg, LG_KEEPER, "route %s: here, connection %zu", prefix,
			  done->index);
		warn(core, now_ms, r->text);
		answer(core, 0, r->text);
		if (core->conf->connections[done->index].inside == KEEPER_INSIDE_PROXY_ARP) {
			push(core, KEEPER_ACT_ROUTE_ANNOUNCE, &done->prefix, done->index, false);
			keeper_routes_announce_at(core->routes, &done->prefix,
						  now_ms + KEEPER_REANNOUNCE_MS);
		}
		return;
	}
	log_warn(core->lg, LG_KEEPER, "route %s: not added: %s", prefix,
		 r->err != 0 ? r->text : err_text(err));
	answer(core, err, r->err != 0 ? r->text : err_text(err));
	/* What failed when new leaves nothing behind; the rest is cleared away here. */
	if (done->is_replacing || r->err == 0) {
		push(core, KEEPER_ACT_ROUTE_DEL, &done->prefix, done->index, false);
		keeper_routes_remove(core->routes, &done->prefix);
	}
}

static void take_del(struct keeper_core *core, const struct keeper_action *done,
		     const struct keeper_result *r)
{
	bool is_gone = r->err == 0 || r->err == ERR_NOT_FOUND;
	char prefix[PREFIX_TEXT_MAX];

	ip_prefix_format(&done->prefix, prefix);
	if (is_gone)
		log_debug(core->lg, LG_KEEPER, "route %s: gone", prefix);
	else
		log_error(core->lg, LG_KEEPER, "route %s: not removed: %s", prefix, r->text);
	core->has_leftover = core->has_leftover || !is_gone;
	if (core->route_request.type == KEEPER_ROUTE_REMOVE)
		answer(core, is_gone ? 0 : r->err, is_gone ? "" : r->text);
}

void core_route_take_result(struct keeper_core *core, uint64_t now_ms,
			    const struct keeper_action *done, const struct keeper_result *r)
{
	if (done->type == KEEPER_ACT_ROUTE_DEL)
		take_del(core, done, r);
	else if (core->route_request.type == KEEPER_ROUTE_ADD)
		take_set(core, now_ms, done, r);
}

bool core_route_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out)
{
	struct keeper_route due;

	if (!keeper_routes_take_due(core->routes, now_ms, &due))
		return false;
	*out = (struct keeper_action){ .type = KEEPER_ACT_ROUTE_ANNOUNCE,
				       .index = due.connection,
				       .prefix = due.prefix };
	return true;
}
