/* SPDX-License-Identifier: Apache-2.0 */
#include "director/members/peers.h"

#include <stdlib.h>

/* Without memory an element is not added, and says so. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct record {
	struct peer peer; /* the key is its spi */
	UT_hash_handle hh;
};

struct peers {
	struct record *by_spi[PLACEMENT_MAX_MEMBERS];
};

struct peers *peers_new(void)
{
	return calloc(1, sizeof(struct peers));
}

static void free_content(struct peer *peer)
{
	free(peer->identity);
	free(peer->connection);
	free(peer->inner);
}

static void drop(struct peers *p, struct record *rec)
{
	HASH_DELETE(hh, p->by_spi[rec->peer.member], rec);
	free_content(&rec->peer);
	free(rec);
}

void peers_free(struct peers *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < PLACEMENT_MAX_MEMBERS; i++)
		peers_forget_member(p, i);
	free(p);
}

static struct record *find(const struct peers *p, size_t member, uint64_t spi)
{
	struct record *rec = NULL;

	HASH_FIND(hh, p->by_spi[member], &spi, sizeof(spi), rec);
	return rec;
}

/* A peer of its own from a message's entry. */
static int copy_entry(uint64_t now_ms, size_t member, const struct msg_peer *entry,
		      struct peer *out)
{
	struct peer peer = {
		.member = member,
		.spi = entry->spi,
		.identity = strdup(entry->identity != NULL ? entry->identity : ""),
		.connection = strdup(entry->connection != NULL ? entry->connection : ""),
		.address = entry->address,
		.n_inner = entry->n_inner,
		.how = entry->how,
		.from = entry->from,
		.up_since_ms = entry->since_ms < now_ms ? now_ms - entry->since_ms : 0,
	};

	if (peer.n_inner > 0)
		peer.inner = calloc(peer.n_inner, sizeof(*peer.inner));
	if (peer.identity == NULL || peer.connection == NULL ||
	    (peer.n_inner > 0 && peer.inner == NULL)) {
		free_content(&peer);
		return ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < peer.n_inner; i++)
		peer.inner[i] = entry->inner[i];
	*out = peer;
	return 0;
}

static int add(struct peers *p, const struct peer *peer)
{
	struct record *rec;

	if (peers_count(p, peer->member) >= PEERS_MAX_PER_MEMBER)
		return ERR_LIMIT;
	rec = calloc(1, sizeof(*rec));
	if (rec == NULL)
		return ERR_NO_MEMORY;
	rec->peer = *peer;
	HASH_ADD(hh, p->by_spi[peer->member], peer.spi, sizeof(rec->peer.spi), rec);
	if (rec->hh.tbl == NULL) {
		free(rec);
		return ERR_NO_MEMORY;
	}
	return 0;
}

/* Adds or replaces, all or nothing. */
static int put(struct peers *p, uint64_t now_ms, size_t member, const struct msg_peer *entry)
{
	struct record *rec = find(p, member, entry->spi);
	struct peer peer;
	int err = copy_entry(now_ms, member, entry, &peer);

	if (err != 0)
		return err;
	if (rec != NULL) {
		free_content(&rec->peer);
		rec->peer = peer;
		return 0;
	}
	err = add(p, &peer);
	if (err != 0)
		free_content(&peer);
	return err;
}

int peers_update(struct peers *p, uint64_t now_ms, size_t member, const struct msg_peer *entry)
{
	uint64_t gone = 0;
	struct record *rec;

	if (entry->event == MSG_PEER_DOWN)
		gone = entry->spi;
	else if (entry->event == MSG_PEER_MOVED && entry->old_spi != entry->spi)
		gone = entry->old_spi;
	rec = gone != 0 ? find(p, member, gone) : NULL;
	if (rec != NULL)
		drop(p, rec);
	return entry->event == MSG_PEER_DOWN ? 0 : put(p, now_ms, member, entry);
}

void peers_forget_member(struct peers *p, size_t member)
{
	struct record *rec, *next;

	HASH_ITER(hh, p->by_spi[member], rec, next)
	{
		drop(p, rec);
	}
}

size_t peers_count(const struct peers *p, size_t member)
{
	return HASH_COUNT(p->by_spi[member]);
}

size_t peers_count_all(const struct peers *p)
{
	size_t n = 0;

	for (size_t i = 0; i < PLACEMENT_MAX_MEMBERS; i++)
		n += peers_count(p, i);
	return n;
}

void peers_each(const struct peers *p, void (*visit)(void *ctx, const struct peer *peer), void *ctx)
{
	for (size_t i = 0; i < PLACEMENT_MAX_MEMBERS; i++) {
		for (const struct record *rec = p->by_spi[i]; rec != NULL; rec = rec->hh.next)
			visit(ctx, &rec->peer);
	}
}
