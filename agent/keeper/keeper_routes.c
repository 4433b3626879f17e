/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper_routes.h"

#include <stdlib.h>
#include <sys/queue.h>

/* Out of memory is an answer to a request here, not the end of the process. */
#define HASH_NONFATAL_OOM                  1
#define uthash_nonfatal_oom(entry_pointer) ((entry_pointer)->is_orphan = true)
#include <uthash.h>

#define BITS_MAX 128

struct entry {
	struct keeper_route route;
	uint64_t due_ms;
	bool is_queued;
	bool is_orphan; /* the table could not take it */
	TAILQ_ENTRY(entry) line;
	UT_hash_handle hh;
};

TAILQ_HEAD(line, entry);

struct keeper_routes {
	size_t max;
	struct entry *table; /* keyed by route.prefix, which has no padding */
	struct line line;
	uint32_t of_bits[BITS_MAX + 1]; /* routes by prefix length, both families */
};

_Static_assert(sizeof(struct ip_prefix) == 18, "struct ip_prefix is a hash key: no padding");

int keeper_routes_new(size_t max, struct keeper_routes **out)
{
	struct keeper_routes *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return ERR_NO_MEMORY;
	t->max = max;
	TAILQ_INIT(&t->line);
	*out = t;
	return 0;
}

static struct entry *find(const struct keeper_routes *t, const struct ip_prefix *prefix)
{
	struct entry *e = NULL;

	HASH_FIND(hh, t->table, prefix, sizeof(*prefix), e);
	return e;
}

static void unqueue(struct keeper_routes *t, struct entry *e)
{
	if (e->is_queued)
		TAILQ_REMOVE(&t->line, e, line);
	e->is_queued = false;
}

static void drop(struct keeper_routes *t, struct entry *e)
{
	unqueue(t, e);
	t->of_bits[e->route.prefix.bits]--;
	HASH_DEL(t->table, e);
	free(e);
}

void keeper_routes_free(struct keeper_routes *t)
{
	struct entry *e, *next;

	if (t == NULL)
		return;
	e = t->table;
	HASH_CLEAR(hh, t->table);
	for (; e != NULL; e = next) {
		next = e->hh.next;
		free(e);
	}
	free(t);
}

size_t keeper_routes_count(const struct keeper_routes *t)
{
	return HASH_COUNT(t->table);
}

const struct keeper_route *keeper_routes_find(const struct keeper_routes *t,
					      const struct ip_prefix *prefix)
{
	const struct entry *e = find(t, prefix);

	return e != NULL ? &e->route : NULL;
}

const struct keeper_route *keeper_routes_any(const struct keeper_routes *t)
{
	return t->table != NULL ? &t->table->route : NULL;
}

static int add(struct keeper_routes *t, const struct keeper_route *route)
{
	struct entry *e;

	if (HASH_COUNT(t->table) >= t->max || route->prefix.bits > BITS_MAX)
		return ERR_LIMIT;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return ERR_NO_MEMORY;
	e->route = *route;
	HASH_ADD(hh, t->table, route.prefix, sizeof(e->route.prefix), e);
	if (e->is_orphan) {
		free(e);
		return ERR_NO_MEMORY;
	}
	t->of_bits[route->prefix.bits]++;
	return 0;
}

int keeper_routes_put(struct keeper_routes *t, const struct keeper_route *route)
{
	struct entry *e = find(t, &route->prefix);

	if (e == NULL)
		return add(t, route);
	e->route = *route;
	return 0;
}

void keeper_routes_remove(struct keeper_routes *t, const struct ip_prefix *prefix)
{
	struct entry *e = find(t, prefix);

	if (e != NULL)
		drop(t, e);
}

void keeper_routes_announce_at(struct keeper_routes *t, const struct ip_prefix *prefix,
			       uint64_t due_ms)
{
	struct entry *e = find(t, prefix);

	if (e == NULL)
		return;
	unqueue(t, e);
	e->due_ms = due_ms;
	e->is_queued = true;
	TAILQ_INSERT_TAIL(&t->line, e, line);
}

uint64_t keeper_routes_next_ms(const struct keeper_routes *t)
{
	const struct entry *first = TAILQ_FIRST(&t->line);

	return first != NULL ? first->due_ms : UINT64_MAX;
}

bool keeper_routes_take_due(struct keeper_routes *t, uint64_t now_ms, struct keeper_route *out)
{
	struct entry *first = TAILQ_FIRST(&t->line);

	if (first == NULL || first->due_ms > now_ms)
		return false;
	unqueue(t, first);
	*out = first->route;
	return true;
}

struct ip_prefix keeper_prefix_around(const struct ip *ip, uint8_t bits)
{
	struct ip_prefix p = { .ip = *ip, .bits = bits };
	size_t whole = bits / 8u;

	for (size_t i = whole; i < sizeof(p.ip.octets); i++) {
		unsigned int mask = i == whole ? 0xff00u >> bits % 8u : 0;

		p.ip.octets[i] = (uint8_t)(p.ip.octets[i] & mask);
	}
	return p;
}

bool keeper_routes_is_proxied(const struct keeper_routes *t, const struct keeper_conf *conf,
			      const char *link, const struct ip *ip)
{
	for (unsigned int bits = 0; bits <= ip_size(ip) * 8; bits++) {
		struct ip_prefix prefix;
		const struct entry *e;

		if (t->of_bits[bits] == 0)
			continue;
		prefix = keeper_prefix_around(ip, (uint8_t)bits);
		e = find(t, &prefix);
		if (e == NULL)
			continue;
		if (conf->connections[e->route.connection].inside == KEEPER_INSIDE_PROXY_ARP &&
		    strcmp(conf->connections[e->route.connection].link, link) == 0)
			return true;
	}
	return false;
}
