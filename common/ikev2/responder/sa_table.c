/* SPDX-License-Identifier: Apache-2.0 */
/* Without memory an element is not added, and says so. */
#define HASH_NONFATAL_OOM 1
#include "common/ikev2/responder/ike_sa.h"

#include <inttypes.h>
#include <stdlib.h>

#define LINGER_MS     10000
#define DRAW_ATTEMPTS 64
#define PEER_KEY_SIZE sizeof(uintptr_t) /* the pointer itself is the key */

const char *ike_sa_state_name(enum sa_state state)
{
	static const char *const names[SA_STATE_COUNT] = { "half-open", "failed", "installing",
							   "established", "closed" };

	return state < SA_STATE_COUNT ? names[state] : "?";
}

int stored_set(struct stored *s, struct bytes octets)
{
	uint8_t *copy = malloc(octets.len > 0 ? octets.len : 1);

	if (copy == NULL)
		return ERR_NO_MEMORY;
	if (octets.len > 0)
		memcpy(copy, octets.ptr, octets.len);
	free(s->ptr);
	*s = (struct stored){ copy, octets.len };
	/* cppcheck-suppress memleak ; it is in *s */
	return 0;
}

void stored_free(struct stored *s)
{
	free(s->ptr);
	*s = (struct stored){ NULL, 0 };
}

struct ike_sa *ike_sa_find(const struct responder *r, uint64_t spi_r)
{
	struct ike_sa *sa = NULL;

	HASH_FIND(hh_spi, r->by_spi, &spi_r, sizeof(spi_r), sa);
	return sa;
}

struct ike_sa *ike_sa_find_init(const struct responder *r, const uint8_t init_hash[INIT_HASH_SIZE])
{
	struct ike_sa *sa = NULL;

	HASH_FIND(hh_init, r->by_init, init_hash, INIT_HASH_SIZE, sa);
	return sa;
}

/* member (8) | shard (8) | random (48), not in use */
static int draw_ike_spi(struct responder *r, uint64_t *out)
{
	uint64_t prefix = (uint64_t)r->conf.member << 56 | (uint64_t)r->conf.shard << 48;

	for (int i = 0; i < DRAW_ATTEMPTS; i++) {
		uint64_t random;
		int err = rng_u64(r->rng, &random);

		if (err != 0)
			return err;
		*out = prefix | (random & (UINT64_MAX >> 16));
		if (ike_sa_find(r, *out) == NULL)
			return 0;
	}
	return ERR_LIMIT;
}

static struct ike_sa *find_child_spi(const struct responder *r, uint32_t spi)
{
	struct ike_sa *sa = NULL;

	HASH_FIND(hh_child, r->by_child, &spi, sizeof(spi), sa);
	return sa;
}

/* member (8) | random (24) with random mod shards = shard, not in use */
static int draw_child_spi(struct responder *r, uint32_t *out)
{
	for (int i = 0; i < DRAW_ATTEMPTS; i++) {
		uint64_t random;
		int err = rng_u64(r->rng, &random);

		if (err != 0)
			return err;
		/* Any of the numbers that are congruent to our shard, equally likely. */
		random &= 0xffffff;
		random = random / r->conf.shards * r->conf.shards + r->conf.shard;
		if (random > 0xffffff)
			continue;
		*out = (uint32_t)r->conf.member << 24 | (uint32_t)random;
		if (find_child_spi(r, *out) == NULL)
			return 0;
	}
	return ERR_LIMIT;
}

int ike_sa_add_child(struct responder *r, struct ike_sa *sa)
{
	int err = draw_child_spi(r, &sa->child.spi_in);

	if (err != 0)
		return err;
	sa->child.id = (uint64_t)++r->next_child << 32 | sa->child.spi_in;
	sa->has_child = true;
	HASH_ADD(hh_child, r->by_child, child.spi_in, sizeof(sa->child.spi_in), sa);
	if (sa->hh_child.tbl == NULL) {
		sa->has_child = false;
		return ERR_NO_MEMORY;
	}
	return 0;
}

void ike_sa_drop_child(struct responder *r, struct ike_sa *sa)
{
	if (!sa->has_child)
		return;
	HASH_DELETE(hh_child, r->by_child, sa);
	sa->has_child = false;
	child_keys_wipe(&sa->child.keys);
}

struct ike_sa *ike_sa_find_child(const struct responder *r, uint64_t child_id)
{
	struct ike_sa *sa = find_child_spi(r, (uint32_t)child_id);

	return sa != NULL && sa->child.id == child_id ? sa : NULL;
}

/*
 * If an SA cannot be entered for want of memory, it and those behind it are among nobody's SAs: its
 * peer has more of them for a while than it may.
 */
void ike_sa_link_peer(struct responder *r, struct ike_sa *sa)
{
	struct ike_sa *newest = NULL;

	HASH_FIND(hh_peer, r->by_peer, &sa->peer, PEER_KEY_SIZE, newest);
	if (newest != NULL)
		HASH_DELETE(hh_peer, r->by_peer, newest);
	sa->older = newest;
	HASH_ADD(hh_peer, r->by_peer, peer, PEER_KEY_SIZE, sa);
}

static void unlink_peer(struct responder *r, struct ike_sa *sa)
{
	struct ike_sa *newest = NULL;

	if (sa->peer == NULL)
		return;
	HASH_FIND(hh_peer, r->by_peer, &sa->peer, PEER_KEY_SIZE, newest);
	if (newest == sa) {
		HASH_DELETE(hh_peer, r->by_peer, sa);
		if (sa->older != NULL)
			HASH_ADD(hh_peer, r->by_peer, peer, PEER_KEY_SIZE, sa->older);
		return;
	}
	for (; newest != NULL; newest = newest->older) {
		if (newest->older == sa) {
			newest->older = sa->older;
			return;
		}
	}
}

/* Into both or none. */
static bool enter_tables(struct responder *r, struct ike_sa *sa)
{
	HASH_ADD(hh_spi, r->by_spi, spi_r, sizeof(sa->spi_r), sa);
	if (sa->hh_spi.tbl == NULL)
		return false;
	HASH_ADD(hh_init, r->by_init, init_hash, INIT_HASH_SIZE, sa);
	if (sa->hh_init.tbl == NULL) {
		HASH_DELETE(hh_spi, r->by_spi, sa);
		return false;
	}
	return true;
}

struct ike_sa *ike_sa_new(struct responder *r, const uint8_t init_hash[INIT_HASH_SIZE])
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	if (sa == NULL)
		return NULL;
	sa->half_open = calloc(1, sizeof(*sa->half_open));
	if (sa->half_open == NULL || draw_ike_spi(r, &sa->spi_r) != 0) {
		free(sa->half_open);
		free(sa);
		return NULL;
	}
	memcpy(sa->init_hash, init_hash, INIT_HASH_SIZE);
	sa->state = SA_HALF_OPEN;
	if (!enter_tables(r, sa)) {
		free(sa->half_open);
		free(sa);
		return NULL;
	}
	r->n_half_open++;
	return sa;
}

static bool counts_as_half_open(enum sa_state state)
{
	return state == SA_HALF_OPEN || state == SA_FAILED;
}

static bool counts_as_peer(enum sa_state state)
{
	return state == SA_INSTALLING || state == SA_ESTABLISHED;
}

bool stranger_may_log(struct responder *r)
{
	uint64_t suppressed;

	if (!log_limit_is_allowed(&r->limit, r->now_ms, &suppressed))
		return false;
	if (suppressed > 0)
		log_info(r->lg, LG_IKE, "%" PRIu64 " lines about strangers were not written",
			 suppressed);
	return true;
}

void ike_sa_change_state(struct responder *r, struct ike_sa *sa, enum sa_state state,
			 const char *why)
{
	char remote[ENDPOINT_TEXT_MAX], id[ID_TEXT_MAX] = "-";

	if (sa->peer != NULL)
		id_format(&sa->id, id);
	r->n_half_open -= counts_as_half_open(sa->state);
	r->n_half_open += counts_as_half_open(state);
	r->n_established -= counts_as_peer(sa->state);
	r->n_established += counts_as_peer(state);
	if (state != SA_FAILED || stranger_may_log(r))
		log_info(r->lg, LG_IKE, "%016" PRIx64 " %s at %s: %s -> %s: %s", sa->spi_r, id,
			 endpoint_format(&sa->path.remote, remote), ike_sa_state_name(sa->state),
			 ike_sa_state_name(state), why);
	sa->state = state;
}

void ike_sa_fail(struct responder *r, struct ike_sa *sa, uint64_t now_ms, const char *why)
{
	ike_sa_change_state(r, sa, SA_FAILED, why);
	ike_sa_forget_half_open(sa);
	ike_sa_set_timer(r, sa, now_ms + r->conf.half_open_timeout_ms);
}

void ike_sa_forget_half_open(struct ike_sa *sa)
{
	struct half_open *h = sa->half_open;

	if (h == NULL)
		return;
	stored_free(&h->request);
	stored_free(&h->response);
	wipe(h, sizeof(*h));
	free(h);
	sa->half_open = NULL;
}

void ike_sa_free(struct responder *r, struct ike_sa *sa)
{
	r->n_half_open -= counts_as_half_open(sa->state);
	r->n_established -= counts_as_peer(sa->state);
	HASH_DELETE(hh_spi, r->by_spi, sa);
	HASH_DELETE(hh_init, r->by_init, sa);
	ike_sa_drop_child(r, sa);
	unlink_peer(r, sa);
	timers_clear(&r->timers, &sa->timer);
	ike_sa_forget_half_open(sa);
	stored_free(&sa->last_response);
	stored_free(&sa->outstanding);
	free(sa->id_octets);
	wipe(sa, sizeof(*sa));
	free(sa);
}

void ike_sa_close(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
		  enum responder_reason reason)
{
	if (sa->has_child)
		action_child_remove(r, sa->child.id);
	if (sa->state == SA_ESTABLISHED)
		action_peer(r, ACTION_PEER_DOWN, sa, reason);
	ike_sa_drop_child(r, sa);
	stored_free(&sa->outstanding);
	ike_sa_change_state(r, sa, SA_CLOSED, responder_reason_text(reason));
	ike_sa_set_timer(r, sa, now_ms + LINGER_MS);
}

void ike_sa_set_timer(struct responder *r, struct ike_sa *sa, uint64_t due_ms)
{
	/* Only the first setting allocates, and create() in init.c checks that one. */
	if (timers_set(&r->timers, &sa->timer, due_ms) != 0)
		count(r, RESPONDER_DROP_LIMIT);
}

void ike_sa_fill_info(const struct ike_sa *sa, struct peer_info *out)
{
	*out = (struct peer_info){
		.spi = sa->spi_r,
		.peer_spi = sa->spi_i,
		.connection = sa->peer->connection->name,
		.path = sa->path,
		.redirected_from = sa->redirected_from,
		.is_redirectable = sa->is_redirectable,
		.since_ms = sa->since_ms,
		.n_children = sa->has_child,
		.child = sa->has_child ? sa->child.id : 0,
		.ike = sa->suite,
		.esp = sa->has_child ? sa->child.suite.encr : NULL,
	};
	if (sa->has_child)
		out->inner = sa->child.remote;
	id_format(&sa->id, out->identity);
}
