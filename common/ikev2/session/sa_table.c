/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/fragments.h"
#include "common/ikev2/session/tasks.h"

#include <inttypes.h>
#include <stdlib.h>

#define LINGER_MS     10000
#define DRAW_ATTEMPTS 64
#define PEER_KEY_SIZE sizeof(uintptr_t) /* the pointer itself is the key */

const char *ike_sa_state_name(enum sa_state state)
{
	static const char *const names[SA_STATE_COUNT] = {
		"half-open",   "failed", "connecting", "authenticating", "installing",
		"established", "heir",   "replaced",   "closing",        "closed",
	};

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
	*s = (struct stored){ copy, octets.len, 0 };
	/* cppcheck-suppress memleak ; it is in *s */
	return 0;
}

void stored_free(struct stored *s)
{
	free(s->ptr);
	*s = (struct stored){ .ptr = NULL };
}

struct ike_sa *ike_sa_find(const struct ike_core *c, uint64_t spi_r)
{
	struct ike_sa *sa = NULL;

	HASH_FIND(hh_spi, c->by_spi, &spi_r, sizeof(spi_r), sa);
	return sa;
}

struct ike_sa *ike_sa_find_init(const struct ike_core *c, const uint8_t init_hash[INIT_HASH_SIZE])
{
	struct ike_sa *sa = NULL;

	HASH_FIND(hh_init, c->by_init, init_hash, INIT_HASH_SIZE, sa);
	return sa;
}

/* member (8) | shard (8) | random (48), not in use; random throughout if we are no member */
static int draw_ike_spi(struct ike_core *c, uint64_t *out)
{
	uint64_t prefix = (uint64_t)c->conf.member << 56 | (uint64_t)c->conf.shard << 48;

	for (int i = 0; i < DRAW_ATTEMPTS; i++) {
		uint64_t random;
		int err = rng_u64(c->rng, &random);

		if (err != 0)
			return err;
		*out = c->conf.member != 0 ? prefix | (random & (UINT64_MAX >> 16)) : random;
		if (*out != 0 && ike_sa_find(c, *out) == NULL)
			return 0;
	}
	return ERR_LIMIT;
}

/*
 * If an SA cannot be entered for want of memory, it and those behind it are among nobody's SAs: its
 * peer has more of them for a while than it may.
 */
void ike_sa_link_peer(struct ike_core *c, struct ike_sa *sa)
{
	struct ike_sa *newest = NULL;

	HASH_FIND(hh_peer, c->by_peer, &sa->peer, PEER_KEY_SIZE, newest);
	if (newest != NULL)
		HASH_DELETE(hh_peer, c->by_peer, newest);
	sa->older = newest;
	HASH_ADD(hh_peer, c->by_peer, peer, PEER_KEY_SIZE, sa);
}

static void unlink_peer(struct ike_core *c, struct ike_sa *sa)
{
	struct ike_sa *newest = NULL;

	if (sa->peer == NULL)
		return;
	HASH_FIND(hh_peer, c->by_peer, &sa->peer, PEER_KEY_SIZE, newest);
	if (newest == sa) {
		HASH_DELETE(hh_peer, c->by_peer, sa);
		if (sa->older != NULL)
			HASH_ADD(hh_peer, c->by_peer, peer, PEER_KEY_SIZE, sa->older);
		return;
	}
	for (; newest != NULL; newest = newest->older) {
		if (newest->older == sa) {
			newest->older = sa->older;
			return;
		}
	}
}

struct ike_sa *ike_sa_new(struct ike_core *c, bool is_initiator)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	if (sa == NULL)
		return NULL;
	/* The place among the timers is taken now, so that setting it later cannot fail. */
	if (draw_ike_spi(c, &sa->own_spi) != 0 || timers_set(&c->timers, &sa->timer, NO_TIME) != 0)
		goto fail;
	HASH_ADD(hh_spi, c->by_spi, own_spi, sizeof(sa->own_spi), sa);
	if (sa->hh_spi.tbl == NULL)
		goto fail;
	*(is_initiator ? &sa->spi_i : &sa->spi_r) = sa->own_spi;
	sa->is_initiator = is_initiator;
	sa->state = SA_HALF_OPEN;
	sa->state_due_ms = sa->rekey_due_ms = sa->over_due_ms = NO_TIME;
	sa->next_iv = 1;
	c->n_half_open++;
	return sa;
fail:
	timers_clear(&c->timers, &sa->timer);
	free(sa);
	return NULL;
}

int ike_sa_set_init(struct ike_core *c, struct ike_sa *sa, const uint8_t init_hash[INIT_HASH_SIZE])
{
	memcpy(sa->init_hash, init_hash, INIT_HASH_SIZE);
	HASH_ADD(hh_init, c->by_init, init_hash, INIT_HASH_SIZE, sa);
	sa->has_init_hash = sa->hh_init.tbl != NULL;
	return sa->has_init_hash ? 0 : ERR_NO_MEMORY;
}

static bool counts_as_half_open(enum sa_state state)
{
	return state == SA_HALF_OPEN || state == SA_FAILED || state == SA_INIT_SENT ||
	       state == SA_AUTH_SENT;
}

static bool counts_as_peer(enum sa_state state)
{
	return state == SA_INSTALLING || state == SA_ESTABLISHED;
}

void ike_sa_change_state(struct ike_core *c, struct ike_sa *sa, enum sa_state state,
			 const char *why)
{
	char remote[ENDPOINT_TEXT_MAX], id[ID_TEXT_MAX] = "-";

	if (sa->peer != NULL)
		id_format(&sa->id, id);
	c->n_half_open -= counts_as_half_open(sa->state);
	c->n_half_open += counts_as_half_open(state);
	c->n_established -= counts_as_peer(sa->state);
	c->n_established += counts_as_peer(state);
	if (state != SA_FAILED || stranger_may_log(c))
		log_info(c->lg, LG_IKE, "%016" PRIx64 " %s at %s: %s -> %s: %s", sa->own_spi, id,
			 endpoint_format(&sa->path.remote, remote), ike_sa_state_name(sa->state),
			 ike_sa_state_name(state), why);
	sa->state = state;
}

void ike_sa_fail(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, const char *why)
{
	ike_sa_change_state(c, sa, SA_FAILED, why);
	ike_sa_forget_setup(c, sa);
	ike_sa_set_due(c, sa, now_ms + c->conf.half_open_timeout_ms);
}

void ike_sa_forget_setup(struct ike_core *c, struct ike_sa *sa)
{
	if (sa->setup != NULL)
		c->role->forget_setup(sa);
	sa->setup = NULL;
}

void ike_sa_free(struct ike_core *c, struct ike_sa *sa)
{
	c->n_half_open -= counts_as_half_open(sa->state);
	c->n_established -= counts_as_peer(sa->state);
	HASH_DELETE(hh_spi, c->by_spi, sa);
	if (sa->has_init_hash)
		HASH_DELETE(hh_init, c->by_init, sa);
	tasks_drop(c, sa);
	fragments_forget(c, sa, false);
	fragments_forget(c, sa, true);
	while (sa->children != NULL)
		child_free(c, sa->children);
	unlink_peer(c, sa);
	timers_clear(&c->timers, &sa->timer);
	ike_sa_forget_setup(c, sa);
	if (sa->kept != NULL)
		c->role->forget_kept(sa);
	stored_free(&sa->last_response);
	stored_free(&sa->answer.message);
	free(sa->id_octets);
	wipe(sa, sizeof(*sa));
	free(sa);
}

/* Out of the data plane, and gone for whoever looks at peers. */
static void take_down(struct ike_core *c, struct ike_sa *sa, enum ike_reason reason)
{
	for (const struct child *child = sa->children; child != NULL; child = child->next) {
		if (child->state != CHILD_RESERVED)
			action_child_remove(c, child->id);
	}
	if (sa->state == SA_ESTABLISHED) {
		if (c->role->down != NULL)
			reason = c->role->down(c, sa, reason);
		action_peer(c, ACTION_PEER_DOWN, sa, reason);
	}
	while (sa->children != NULL)
		child_free(c, sa->children);
	stored_free(&sa->answer.message);
}

void ike_sa_close(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, enum ike_reason reason)
{
	take_down(c, sa, reason);
	tasks_drop(c, sa);
	ike_sa_change_state(c, sa, SA_CLOSED, ike_reason_text(reason));
	ike_sa_set_due(c, sa, now_ms + LINGER_MS);
}

void ike_sa_leave(struct ike_core *c, struct ike_sa *sa, enum ike_reason reason)
{
	take_down(c, sa, reason);
	tasks_keep_delete(sa);
	ike_sa_change_state(c, sa, SA_CLOSING, ike_reason_text(reason));
	sa->state_due_ms = sa->rekey_due_ms = sa->over_due_ms = NO_TIME;
}

void ike_sa_move_identity(struct ike_core *c, struct ike_sa *from, struct ike_sa *to)
{
	unlink_peer(c, from);
	to->peer = from->peer;
	to->id = from->id;
	to->id_octets = from->id_octets;
	from->peer = NULL;
	from->id_octets = NULL;
	from->id = (struct id_body){ .type = 0 };
	from->older = NULL;
	ike_sa_link_peer(c, to);
}

void ike_sa_fill_info(const struct ike_sa *sa, struct peer_info *out)
{
	const struct child *child = child_newest(sa);

	*out = (struct peer_info){
		.spi = sa->own_spi,
		.peer_spi = sa->is_initiator ? sa->spi_r : sa->spi_i,
		.connection = sa->peer->connection->name,
		.path = sa->path,
		.redirected_from = sa->redirected_from,
		.is_redirectable = sa->is_redirectable,
		.is_resumed = sa->lineage.is_resumed,
		.is_initial_contact = sa->is_initial_contact,
		.supersedes = sa->lineage.supersedes,
		.since_ms = sa->since_ms,
		.is_gateway = sa->is_gateway,
		.ref = sa->ref,
		.n_children = child_count(sa),
		.ike = sa->suite,
	};
	if (child != NULL) {
		out->child = child->id;
		out->inner = child->remote;
		out->esp = child->suite.encr;
	}
	id_format(&sa->id, out->identity);
}
