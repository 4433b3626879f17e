/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_KEYS_H
#define DIRECTOR_KEYS_H

#include "director/conf.h"
#include "director/control/control.h"
#include "director/keys/keyring.h"
#include "director/store/history.h"
#include "director/store/store_revocations.h"

/*
 * The shell around the key ring, and the revocations of tickets: reads and writes the store, sends
 * ring and revoke to the members, hears what they hold, and writes history.
 *
 * Lists are always sent whole: to everybody when they have changed, and to each member after its
 * welcome, so that its answer says what it has.
 */
struct keys;

struct keys_resources {
	const struct director_conf *conf; /* borrowed, like all of these */
	struct registry *registry;        /* with all members */
	struct store *store;
	struct history *history;
	const struct logger *lg;
};

struct keys_events {
	/* Keys have changed: keys_fill_tickets(). */
	void (*changed)(void *ctx);
	/* A member has the revocations: keys_is_in_force(). */
	void (*answered)(void *ctx);
	void *ctx;
};

/* ERR_IO (the store; it is in the log), ERR_NO_MEMORY, ERR_CRYPTO, ERR_LIMIT. */
MUST_USE int keys_new(const struct keys_resources *res, const struct keys_events *events,
		      struct keys **out);
void keys_free(struct keys *k); /* NULL is fine */

/* Where members are told; becomes its listener for tickets. NULL: they are not. */
void keys_attach(struct keys *k, struct control *control);

/*
 * Time has passed, or members' states have changed; to be called at least every second. While the
 * director settles, members that were not heard yet are waited for.
 */
void keys_tick(struct keys *k, bool is_settling);

/* ---- the operator; by is who ---- */

/* As keyring_rotate() and keyring_revoke(), or ERR_IO. */
MUST_USE int keys_rotate(struct keys *k, const char *use, bool revokes, const char *by,
			 struct errtext *why);
MUST_USE int keys_revoke(struct keys *k, const char *id, const char *by, struct errtext *why);

/*
 * Takes tickets back; r gets its id and its end. ERR_LIMIT (there are too many already), ERR_VALUE
 * (a time that cannot be), ERR_IO, with the reason in why.
 */
MUST_USE int keys_revoke_tickets(struct keys *k, struct store_revocation *r, const char *by,
				 struct errtext *why);

/* ---- views ---- */

const struct keyring *keys_ring(const struct keys *k);
/* Wiped by the caller. */
void keys_fill_tickets(const struct keys *k, struct ticket_ring *out);

size_t keys_revocation_count(const struct keys *k);
const struct store_revocation *keys_revocation(const struct keys *k, size_t index);
/* The member has said that it knows this one. */
bool keys_is_in_force(const struct keys *k, size_t revocation, size_t member);
/* It is connected, and its answer is on the way. */
bool keys_is_awaited(const struct keys *k, size_t revocation, size_t member);

uint64_t keys_now_s(void);

#endif
