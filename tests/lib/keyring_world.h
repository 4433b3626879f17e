/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_KEYRING_WORLD_H
#define TESTS_KEYRING_WORLD_H

#include "director/keys/keyring.h"

/*
 * The key ring among members and a store that are played here, under a clock of its own. Members
 * take what they are told and say so; under the key that may issue they issue a ticket every 50
 * seconds each, and every ticket that has not expired is opened by every member that is connected.
 * Checked all the time: nothing is told that is not stored, one key at most issues, and who is
 * waited for has it. One world at a time: kw.
 */
#define KW_MEMBERS  3
#define KW_START    1764072000u
#define KW_EVERY    1000
#define KW_LIFETIME 3000
#define KW_PATIENCE 60
#define KW_TICKETS  4096

struct kw_key {
	char id[NAME_TEXT_MAX + 1];
	bool issue;
	uint64_t not_before, not_after;
};

struct kw_member {
	bool is_connected;
	bool is_dead;   /* and will have forgotten all when it is back */
	bool is_mute;   /* takes what it is told, and does not answer */
	bool is_waited; /* as the keyring was told */
	size_t n;
	struct kw_key keys[KEYRING_KEYS_MAX];
};

struct kw_ticket {
	char key[NAME_TEXT_MAX + 1];
	uint64_t expires_s;
};

struct keyring_world {
	struct rng_seeded seeded;
	struct keyring *ring;
	uint64_t now;
	struct kw_member members[KW_MEMBERS];
	bool is_store_failing;
	size_t n_stored, n_writes;
	struct store_key disk[KEYRING_KEYS_MAX];
	char events[8192];               /* a line each */
	char issuing[NAME_TEXT_MAX + 1]; /* as told last */
	size_t n_issued;
	struct kw_ticket issued[KW_TICKETS];
};

extern struct keyring_world kw;

/* An empty store, and the director starts. */
void kw_reset(uint64_t seed);
/* The director starts with what is stored; again. */
void kw_begin(void);
void kw_restart_director(void);

/* hello, with what it has, then welcome, then the first push. */
void kw_join(size_t member);
void kw_disconnect(size_t member);
/* Its power is cut; that it is down is for kw_set_waited() to say. */
void kw_die(size_t member);
void kw_set_waited(size_t member, bool is_waited);
/* ring_ok. */
void kw_answer(size_t member);

/* Does what the ring wants done. */
void kw_pump(void);
/* To so many seconds after KW_START. */
void kw_run_to(uint64_t s);

/* Tickets under keys that are gone: what was revoked need not be opened. */
void kw_forget_lost(void);

/* n_stored: it is not there. */
size_t kw_find_stored(const char *id);
const struct kw_key *kw_find_held(const struct kw_member *m, const char *id);
/* The first one in that state; NULL. */
const struct store_key *kw_ticket(enum store_key_state state);

#endif
