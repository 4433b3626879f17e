/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "director/keys/keyring_internal.h"

/* What is to be done, and what the ring looks like. */

bool keyring_next_action(struct keyring *k, struct keyring_action *out)
{
	*out = (struct keyring_action){ .type = KEYRING_STORE };
	if (k->has_store) {
		k->has_store = false;
		out->change = (struct store_keys_change){ k->puts.n, k->puts.keys, k->drops.n,
							  k->drops.keys };
		return true;
	}
	if (k->has_push) {
		k->has_push = false;
		out->type = KEYRING_PUSH;
		return true;
	}
	if (k->notes.n == 0)
		return false;
	out->type = KEYRING_EVENT;
	snprintf(out->what, sizeof(out->what), "%s", k->notes.list[0].what);
	snprintf(out->why, sizeof(out->why), "%s", k->notes.list[0].why);
	k->notes.n--;
	memmove(&k->notes.list[0], &k->notes.list[1], k->notes.n * sizeof(k->notes.list[0]));
	return true;
}

bool keyring_is_missing(const struct keyring *k, const struct store_key *key, size_t member)
{
	const struct keyring_member *m = &k->members[member];
	uint64_t id;

	if (!m->is_waited || ticket_key_parse(key->id, &id) != 0)
		return false;
	for (size_t i = 0; i < m->n_held; i++) {
		if (m->held[i] == id)
			return false;
	}
	return true;
}

void keyring_list_missing(const struct keyring *k, const struct store_key *key, char *out,
			  size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < k->n_members && len < cap; i++) {
		if (keyring_is_missing(k, key, i))
			len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "",
						k->members[i].name);
	}
}

size_t keyring_count(const struct keyring *k)
{
	return k->keys.n;
}

const struct store_key *keyring_get(const struct keyring *k, size_t index)
{
	return &k->keys.keys[index];
}

size_t keyring_fill(const struct keyring *k, struct msg_key out[KEYRING_KEYS_MAX])
{
	for (size_t i = 0; i < k->keys.n; i++) {
		const struct store_key *key = &k->keys.keys[i];

		out[i] = (struct msg_key){
			.id = key->id,
			.use = key->use,
			.key = key_bytes(&key->key),
			.not_before = key->not_before_s,
			.not_after = key->not_after_s,
			.issue = keyring_is_ticket(key) && key->state == STORE_KEY_ISSUING,
			.number = key->number,
		};
	}
	return k->keys.n;
}

void keyring_fill_tickets(const struct keyring *k, struct ticket_ring *out)
{
	int err = 0;

	*out = (struct ticket_ring){ .n = 0 };
	for (size_t i = 0; err == 0 && i < k->keys.n; i++) {
		const struct store_key *key = &k->keys.keys[i];
		struct ticket_key t = { .not_before_s = key->not_before_s,
					.not_after_s =
					    key->not_after_s != 0 ? key->not_after_s : UINT64_MAX,
					.may_issue = key->state == STORE_KEY_ISSUING };

		if (!keyring_is_ticket(key) || key->key.len != sizeof(t.secret) ||
		    ticket_key_parse(key->id, &t.id) != 0)
			continue;
		memcpy(t.secret, key->key.data, sizeof(t.secret));
		err = ticket_ring_add(out, &t);
		wipe(&t, sizeof(t));
	}
}

uint64_t keyring_version(const struct keyring *k)
{
	return k->version;
}
