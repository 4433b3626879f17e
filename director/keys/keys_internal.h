/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_KEYS_INTERNAL_H
#define DIRECTOR_KEYS_INTERNAL_H

#include "director/keys/keys.h"

/* What the files of the shell share. */

/* Ids of orders: which list it is, and which version of it. */
#define KEYS_RING_ID(version)   (2 * (version) + 2)
#define KEYS_REVOKE_ID(version) (2 * (version) + 1)
#define KEYS_IS_REVOKE_ID(id)   ((id) % 2 == 1)
#define KEYS_REVOKE_VERSION(id) ((id) / 2)

struct keys_member {
	bool is_old;              /* its version knows nothing of tickets */
	uint64_t revoked_version; /* of the revocations that it has; 0: none that is known */
};

struct keys {
	struct keys_resources res;
	struct keys_events events;
	struct control *control;
	struct keyring *ring;
	uint64_t ticked_s;
	struct keys_member members[PLACEMENT_MAX_MEMBERS];

	/* as members are told */
	size_t n_list;
	struct msg_key list[KEYRING_KEYS_MAX];

	uint64_t revoke_version; /* rises with each change of the list */
	size_t n_revocations;
	struct keys_revocation *revocations; /* MSG_REVOCATIONS_MAX fit */
	struct msg_revocation *revoked;      /* likewise, as members are told */
};

struct keys_revocation {
	struct store_revocation stored;
	uint64_t version; /* since which it is in the list */
};

/* Does what the ring wants done. */
void keys_run(struct keys *k);

/* ---- keys_revoke.c ---- */

MUST_USE int keys_load_revocations(struct keys *k);
void keys_set_revocations(struct keys *k);
void keys_send_revocations(struct keys *k, size_t member);
void keys_expire_revocations(struct keys *k, uint64_t now_s);

#endif
