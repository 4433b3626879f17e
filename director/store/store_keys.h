/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_KEYS_H
#define DIRECTOR_STORE_KEYS_H

#include "common/base/secret.h"
#include "common/base/text.h"
#include "director/store/store.h"

/*
 * The keys of the cluster, which members are told. Whoever can read the store has them: it is its
 * owner's alone, and what is deleted from it is overwritten, in the file and in its journal.
 */
#define STORE_KEY_STATES(X)   \
	X(PENDING, "pending") \
	X(ISSUING, "issuing") \
	X(OPENING, "opening")

#define STORE_KEY_ENUMERATOR(name, text) STORE_KEY_##name,
enum store_key_state {
	STORE_KEY_STATES(STORE_KEY_ENUMERATOR) STORE_KEY_STATE_COUNT
};
#undef STORE_KEY_ENUMERATOR

const char *store_key_state_name(enum store_key_state state);

/* Times are seconds since 1970, 0: none. */
#define STORE_KEY_USE_MAX 16
struct store_key {
	char id[NAME_TEXT_MAX + 1];
	char use[STORE_KEY_USE_MAX]; /* as in control messages */
	uint8_t number;              /* of the member that it is for; 0: for all */
	enum store_key_state state;
	uint64_t not_before_s, not_after_s, created_s;
	struct key key;
};

/*
 * The key of what members send each other (probes, claim notices): drawn when it is first asked
 * for, then always the same. The caller wipes it. ERR_CRYPTO if there is no randomness.
 */
#define STORE_NOTICE_KEY_SIZE 32
MUST_USE int store_notice_key(struct store *s, struct store_key *out);

/* All keys, the oldest first. What visit sees is borrowed until it returns, and wiped then. */
MUST_USE int store_keys_read(const struct store *s,
			     void (*visit)(void *ctx, const struct store_key *key), void *ctx);

/*
 * One change of the ring: puts what is new or has changed, drops the others; all or nothing, and
 * durable when it returns 0.
 */
struct store_keys_change {
	size_t n_puts;
	const struct store_key *puts;
	size_t n_drops;
	const struct store_key *drops; /* by id */
};

MUST_USE int store_keys_change(struct store *s, const struct store_keys_change *change);

#endif
