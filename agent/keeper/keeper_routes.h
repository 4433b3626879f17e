/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_ROUTES_H
#define AGENT_KEEPER_ROUTES_H

#include "agent/keeper/keeper.h"

/*
 * The inner prefixes that are routed here, each with the connection and the arrival that it
 * belongs to, and a line of those whose second announcement is due. A bounded table, no kernel.
 */
struct keeper_routes;

struct keeper_route {
	struct ip_prefix prefix;
	size_t connection;
	uint64_t arrival;
};

/* Room for max prefixes. Returns 0 or ERR_NO_MEMORY. */
MUST_USE int keeper_routes_new(size_t max, struct keeper_routes **out);
void keeper_routes_free(struct keeper_routes *t);

size_t keeper_routes_count(const struct keeper_routes *t);

/* NULL if the prefix is not there. Borrowed until the next change. */
const struct keeper_route *keeper_routes_find(const struct keeper_routes *t,
					      const struct ip_prefix *prefix);

/* Any route, NULL if there is none. */
const struct keeper_route *keeper_routes_any(const struct keeper_routes *t);

/* Adds the route or replaces that of the same prefix. Returns 0, ERR_LIMIT or ERR_NO_MEMORY. */
MUST_USE int keeper_routes_put(struct keeper_routes *t, const struct keeper_route *route);

/* Nothing happens if it is not there. */
void keeper_routes_remove(struct keeper_routes *t, const struct ip_prefix *prefix);

/* Puts the route last in the line of announcements; due times must not go back. */
void keeper_routes_announce_at(struct keeper_routes *t, const struct ip_prefix *prefix,
			       uint64_t due_ms);

/* When the first in line is due; UINT64_MAX if the line is empty. */
uint64_t keeper_routes_next_ms(const struct keeper_routes *t);

/* Takes the first in line if it is due. */
bool keeper_routes_take_due(struct keeper_routes *t, uint64_t now_ms, struct keeper_route *out);

/* The prefix of that many bits (at most 32 or 128) around the address. */
struct ip_prefix keeper_prefix_around(const struct ip *ip, uint8_t bits);

/* True if a route of a connection that proxies on this link covers the address. */
bool keeper_routes_is_proxied(const struct keeper_routes *t, const struct keeper_conf *conf,
			      const char *link, const struct ip *ip);

#endif
