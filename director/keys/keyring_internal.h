/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_KEYRING_INTERNAL_H
#define DIRECTOR_KEYRING_INTERNAL_H

#include "director/keys/keyring.h"

/* What the files of the key ring share. */
#define KEYRING_HELD_MAX  16
#define KEYRING_NOTES_MAX 64

struct keyring_set {
	size_t n;
	struct store_key keys[KEYRING_KEYS_MAX];
};

struct keyring_note {
	char what[64];
	char why[KEYRING_WHY_MAX];
};

/* Events; more than there is room for are dropped. */
struct keyring_notes {
	size_t n;
	struct keyring_note list[KEYRING_NOTES_MAX];
};

struct keyring_member {
	char name[NAME_TEXT_MAX + 1];
	uint8_t number;
	bool is_waited;
	size_t n_held; /* ticket keys */
	uint64_t held[KEYRING_HELD_MAX];
};

/* What the operator asked for. */
struct keyring_request {
	enum {
		KEYRING_NOTHING,
		KEYRING_ROTATE,
		KEYRING_REVOKE,
	} kind;
	char use[STORE_KEY_USE_MAX];
	bool revokes;
	char id[NAME_TEXT_MAX + 1];
	char by[NAME_TEXT_MAX + 1];
};

/* A ticket key that was revoked, until no member has it. */
struct keyring_revoked {
	uint64_t id;
	uint64_t since_s;
	bool is_told;
};

struct keyring {
	struct keyring_conf conf;
	struct rng rng;
	size_t n_members;
	struct keyring_member members[KEYRING_MEMBERS_MAX];
	bool is_started;
	uint64_t version;

	struct keyring_set keys; /* as stored */
	struct keyring_set next; /* as they will be */
	struct keyring_set puts, drops;
	struct keyring_notes planned; /* if that can be stored */
	struct keyring_request request;
	bool is_storing;
	bool is_failing; /* and that was told */
	uint64_t retry_s;

	uint64_t waiting_for; /* the pending key about which it was told; 0: none */
	size_t n_revoked;
	struct keyring_revoked revoked[TICKET_RING_MAX];
	bool has_store, has_push; /* actions that are due */
	struct keyring_notes notes;
};

__attribute__((format(printf, 3, 4))) void keyring_note(struct keyring_notes *notes,
							const char *what, const char *fmt, ...);
/* The next step, if there is one: at the end of each event. */
void keyring_review(struct keyring *k, uint64_t now_s);
void keyring_sort(struct keyring_set *set);
const struct store_key *keyring_find(const struct keyring_set *set, const char *id);
bool keyring_is_ticket(const struct store_key *key);
bool keyring_is_qcd(const struct store_key *key);
/* Of that state; NULL. */
const struct store_key *keyring_find_ticket(const struct keyring_set *set,
					    enum store_key_state state);
/* "m2, m3": those that are waited for and do not have it. */
void keyring_list_missing(const struct keyring *k, const struct store_key *key, char *out,
			  size_t cap);
/* k->next from k->keys. Returns 0, or ERR_CRYPTO. */
MUST_USE int keyring_plan(struct keyring *k, uint64_t now_s);

#endif
