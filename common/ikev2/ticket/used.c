/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/ticket/used.h"

#include <stdlib.h>

/* Without memory an element is not added to a table, and says so. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/timers.h"

#define KEPT_SIZE 16
#define LARGEST   ((size_t)1 << 24)

struct entry {
	uint8_t id[KEPT_SIZE];
	struct timer expiry; /* first to be found from it; in seconds here */
	UT_hash_handle hh;
};

struct used_tickets {
	size_t max;
	struct entry *by_id;
	struct timers by_expiry;
	uint64_t evicted;
};

static struct entry *entry_of(struct timer *timer)
{
	return (struct entry *)((char *)timer - offsetof(struct entry, expiry));
}

static void forget(struct used_tickets *u, struct entry *e)
{
	timers_clear(&u->by_expiry, &e->expiry);
	HASH_DEL(u->by_id, e);
	free(e);
}

struct used_tickets *used_tickets_new(size_t max)
{
	struct used_tickets *u;

	if (max == 0 || max > LARGEST)
		return NULL;
	u = calloc(1, sizeof(*u));
	if (u != NULL)
		u->max = max;
	return u;
}

void used_tickets_free(struct used_tickets *u)
{
	struct timer *first;

	if (u == NULL)
		return;
	while ((first = timers_first(&u->by_expiry)) != NULL)
		forget(u, entry_of(first));
	timers_free(&u->by_expiry);
	free(u);
}

static struct entry *find(const struct used_tickets *u, const uint8_t id[TICKET_ID_SIZE])
{
	struct entry *e;

	HASH_FIND(hh, u->by_id, id, KEPT_SIZE, e);
	return e;
}

bool used_tickets_has(const struct used_tickets *u, const uint8_t id[TICKET_ID_SIZE])
{
	return find(u, id) != NULL;
}

static void make_room(struct used_tickets *u, uint64_t now_s)
{
	struct timer *first;

	while ((first = timers_first(&u->by_expiry)) != NULL && first->due_ms <= now_s)
		forget(u, entry_of(first));
	if (HASH_COUNT(u->by_id) >= u->max && first != NULL) {
		forget(u, entry_of(first));
		u->evicted++;
	}
}

bool used_tickets_add(struct used_tickets *u, const uint8_t id[TICKET_ID_SIZE], uint64_t expires_s,
		      uint64_t now_s)
{
	struct entry *e;

	if (find(u, id) != NULL)
		return false;
	make_room(u, now_s);
	e = calloc(1, sizeof(*e));
	if (e == NULL || timers_set(&u->by_expiry, &e->expiry, expires_s) != 0) {
		free(e);
		u->evicted++;
		return true;
	}
	memcpy(e->id, id, KEPT_SIZE);
	HASH_ADD(hh, u->by_id, id, KEPT_SIZE, e);
	if (e->hh.tbl == NULL) {
		timers_clear(&u->by_expiry, &e->expiry);
		free(e);
		u->evicted++;
	}
	return true;
}

size_t used_tickets_count(const struct used_tickets *u)
{
	return HASH_COUNT(u->by_id);
}

uint64_t used_tickets_evicted(const struct used_tickets *u)
{
	return u->evicted;
}
