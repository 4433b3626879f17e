/* SPDX-License-Identifier: Apache-2.0 */
#include "director/members/peers.h"

#include <stdlib.h>

/* Without memory an element is not added, and says so. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* SPIs that an IKE SA had before it was rekeyed: the first one, and the last ones. */
#define EARLIER_MAX 4
struct earlier {
	size_t n;
	uint64_t spis[EARLIER_MAX];
};

struct record {
	struct peer peer; /* the key is its spi */
	struct earlier earlier;
	struct identity *identity;
	struct record *next, *prev; /* of the same identity */
	UT_hash_handle hh;
};

/* All SAs of one, wherever they are; there is one at least. */
struct identity {
	struct record *first;
	UT_hash_handle hh;
	char name[];
};

struct peers {
	struct record *by_spi[PLACEMENT_MAX_MEMBERS];
	struct identity *identities;
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

/* ---- by identity ---- */

/* NULL: no memory. */
static struct identity *make_identity(struct peers *p, const char *name)
{
	size_t len = strlen(name);
	struct identity *id;

	HASH_FIND(hh, p->identities, name, len, id);
	if (id != NULL)
		return id;
	id = calloc(1, sizeof(*id) + len + 1);
	if (id == NULL)
		return NULL;
	memcpy(id->name, name, len);
	HASH_ADD(hh, p->identities, name[0], len, id);
	if (id->hh.tbl != NULL)
		return id;
	free(id);
	return NULL;
}

static void unlink_identity(struct peers *p, struct record *rec)
{
	struct identity *id = rec->identity;

	if (id == NULL)
		return;
	if (rec->next != NULL)
		rec->next->prev = rec->prev;
	if (rec->prev != NULL)
		rec->prev->next = rec->next;
	else
		id->first = rec->next;
	rec->identity = NULL;
	if (id->first != NULL)
		return;
	HASH_DELETE(hh, p->identities, id);
	free(id);
}

/* Takes it out of where it was. */
static int link_identity(struct peers *p, struct record *rec, const char *name)
{
	struct identity *id = make_identity(p, name);

	if (id == NULL)
		return ERR_NO_MEMORY;
	if (rec->identity == id)
		return 0;
	unlink_identity(p, rec);
	rec->identity = id;
	rec->prev = NULL;
	rec->next = id->first;
	if (rec->next != NULL)
		rec->next->prev = rec;
	id->first = rec;
	return 0;
}

/* ---- entries ---- */

static void drop(struct peers *p, struct record *rec)
{
	unlink_identity(p, rec);
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
	if (link_identity(p, rec, peer->identity) != 0) {
		free(rec);
		return ERR_NO_MEMORY;
	}
	HASH_ADD(hh, p->by_spi[peer->member], peer.spi, sizeof(rec->peer.spi), rec);
	if (rec->hh.tbl == NULL) {
		unlink_identity(p, rec);
		free(rec);
		return ERR_NO_MEMORY;
	}
	return 0;
}

/* A ticket may name any of them; a peer that asks for none at rekeys has one with the first. */
static struct earlier earlier_of(const struct record *rec)
{
	struct earlier e = rec->earlier;

	if (e.n == EARLIER_MAX) {
		memmove(&e.spis[1], &e.spis[2], (EARLIER_MAX - 2) * sizeof(e.spis[0]));
		e.n--;
	}
	e.spis[e.n++] = rec->peer.spi;
	return e;
}

static bool has_had(const struct record *rec, uint64_t spi)
{
	bool is_there = rec->peer.spi == spi;

	for (size_t i = 0; i < rec->earlier.n; i++)
		is_there = is_there || rec->earlier.spis[i] == spi;
	return is_there;
}

/* Adds or replaces, all or nothing. */
static int put(struct peers *p, uint64_t now_ms, size_t member, const struct msg_peer *entry)
{
	struct record *rec = find(p, member, entry->spi);
	struct peer peer;
	int err = copy_entry(now_ms, member, entry, &peer);

	if (err != 0)
		return err;
	if (rec != NULL && (err = link_identity(p, rec, peer.identity)) == 0) {
		free_content(&rec->peer);
		rec->peer = peer;
		return 0;
	}
	if (rec == NULL)
		err = add(p, &peer);
	if (err != 0)
		free_content(&peer);
	return err;
}

int peers_update(struct peers *p, uint64_t now_ms, size_t member, const struct msg_peer *entry)
{
	struct earlier earlier = { .n = 0 };
	uint64_t gone = 0;
	struct record *rec;
	int err;

	if (entry->event == MSG_PEER_DOWN)
		gone = entry->spi;
	else if (entry->event == MSG_PEER_MOVED && entry->old_spi != entry->spi)
		gone = entry->old_spi;
	rec = gone != 0 ? find(p, member, gone) : NULL;
	if (rec != NULL) {
		earlier = earlier_of(rec);
		drop(p, rec);
	}
	if (entry->event == MSG_PEER_DOWN)
		return 0;
	err = put(p, now_ms, member, entry);
	if (err == 0 && earlier.n > 0)
		find(p, member, entry->spi)->earlier = earlier;
	return err;
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

void peers_superseded(const struct peers *p, uint64_t now_ms, size_t member,
		      const struct msg_peer *entry, size_t owner,
		      void (*visit)(void *ctx, const struct peer *peer), void *ctx)
{
	uint64_t since_ms = entry->since_ms < now_ms ? now_ms - entry->since_ms : 0;
	const struct identity *id;

	if (entry->event != MSG_PEER_UP)
		return;
	HASH_FIND(hh, p->identities, entry->identity, strlen(entry->identity), id);
	if (id == NULL)
		return;
	for (const struct record *rec = id->first, *next; rec != NULL; rec = next) {
		bool is_named = rec->peer.member == owner && has_had(rec, entry->supersedes);

		next = rec->next; /* visit may take it out */
		if (rec->peer.member != member && rec->peer.up_since_ms <= since_ms &&
		    (is_named || entry->initial_contact))
			visit(ctx, &rec->peer);
	}
}
