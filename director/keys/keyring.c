/* SPDX-License-Identifier: Apache-2.0 */
#include "director/keys/keyring.h"

#include <stdio.h>
#include <stdlib.h>

#include "director/keys/keyring_internal.h"

struct keyring *keyring_new(const struct keyring_conf *conf, const struct rng *rng)
{
	struct keyring *k = calloc(1, sizeof(*k));

	if (k != NULL) {
		k->conf = *conf;
		k->rng = *rng;
	}
	return k;
}

void keyring_free(struct keyring *k)
{
	if (k == NULL)
		return;
	wipe(k, sizeof(*k));
	free(k);
}

int keyring_add_member(struct keyring *k, const char *name, uint8_t number)
{
	struct keyring_member *m = &k->members[k->n_members];

	if (k->n_members == KEYRING_MEMBERS_MAX)
		return ERR_LIMIT;
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->number = number;
	m->is_waited = true;
	k->n_members++;
	return 0;
}

/* Secrets of members that are no longer configured stay in the store, for when they are again. */
static bool is_of_a_member(const struct keyring *k, const struct store_key *key)
{
	for (size_t i = 0; i < k->n_members; i++) {
		if (k->members[i].number == key->number)
			return true;
	}
	return false;
}

int keyring_load(struct keyring *k, const struct store_key *key)
{
	if (keyring_is_qcd(key) && !is_of_a_member(k, key))
		return 0;
	if (k->keys.n == KEYRING_KEYS_MAX)
		return ERR_LIMIT;
	k->keys.keys[k->keys.n++] = *key;
	return 0;
}

/* ---- keys ---- */

bool keyring_is_ticket(const struct store_key *key)
{
	return strcmp(key->use, MSG_KEY_USE_TICKET) == 0;
}

bool keyring_is_qcd(const struct store_key *key)
{
	return strcmp(key->use, MSG_KEY_USE_QCD) == 0;
}

const struct store_key *keyring_find_ticket(const struct keyring_set *set,
					    enum store_key_state state)
{
	for (size_t i = 0; i < set->n; i++) {
		if (keyring_is_ticket(&set->keys[i]) && set->keys[i].state == state)
			return &set->keys[i];
	}
	return NULL;
}

const struct store_key *keyring_find(const struct keyring_set *set, const char *id)
{
	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->keys[i].id, id) == 0)
			return &set->keys[i];
	}
	return NULL;
}

/* ---- the next step ---- */

void keyring_note(struct keyring_notes *notes, const char *what, const char *fmt, ...)
{
	struct keyring_note *note = &notes->list[notes->n];
	va_list args;

	if (notes->n == KEYRING_NOTES_MAX)
		return;
	notes->n++;
	snprintf(note->what, sizeof(note->what), "%s", what);
	va_start(args, fmt);
	vsnprintf(note->why, sizeof(note->why), fmt, args);
	va_end(args);
}

static bool is_same(const struct store_key *a, const struct store_key *b)
{
	return a->state == b->state && a->not_after_s == b->not_after_s;
}

/* What the store has to be told to get from one to the other. */
static void compare(struct keyring *k)
{
	k->puts.n = 0;
	k->drops.n = 0;
	for (size_t i = 0; i < k->next.n; i++) {
		const struct store_key *key = &k->next.keys[i];
		const struct store_key *old = keyring_find(&k->keys, key->id);

		if (old == NULL || !is_same(old, key))
			k->puts.keys[k->puts.n++] = *key;
	}
	for (size_t i = 0; i < k->keys.n; i++) {
		if (keyring_find(&k->next, k->keys.keys[i].id) == NULL)
			k->drops.keys[k->drops.n++] = k->keys.keys[i];
	}
}

static void wipe_plan(struct keyring *k)
{
	wipe(&k->next, sizeof(k->next));
	wipe(&k->puts, sizeof(k->puts));
	wipe(&k->drops, sizeof(k->drops));
}

static void fail(struct keyring *k, uint64_t now_s, const char *why)
{
	k->retry_s = now_s + KEYRING_RETRY_S;
	k->request.kind = KEYRING_NOTHING;
	if (!k->is_failing)
		keyring_note(&k->notes, "failing", "%s; nothing has changed, trying again", why);
	k->is_failing = true;
	wipe_plan(k);
}

static void tell_of_waiting(struct keyring *k, uint64_t now_s)
{
	const struct store_key *pending = keyring_find_ticket(&k->keys, STORE_KEY_PENDING);
	char missing[KEYRING_WHY_MAX / 2];
	uint64_t id;

	if (pending == NULL || now_s < pending->created_s + k->conf.patience_s ||
	    ticket_key_parse(pending->id, &id) != 0 || k->waiting_for == id)
		return;
	keyring_list_missing(k, pending, missing, sizeof(missing));
	if (missing[0] == '\0')
		return;
	k->waiting_for = id;
	keyring_note(&k->notes, "waiting", "%s: not issuing yet, waiting for %s", pending->id,
		     missing);
}

/* "m2, m3": those that are waited for and still have it. */
static void list_holders(const struct keyring *k, uint64_t id, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < k->n_members && len < cap; i++) {
		const struct keyring_member *m = &k->members[i];
		bool has_it = false;

		for (size_t j = 0; j < m->n_held; j++)
			has_it = has_it || m->held[j] == id;
		if (has_it && m->is_waited)
			len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "",
						m->name);
	}
}

/* That a key which was revoked is really gone, or that it is not. */
static void tell_of_revoked(struct keyring *k, uint64_t now_s)
{
	for (size_t i = 0; i < k->n_revoked;) {
		struct keyring_revoked *r = &k->revoked[i];
		char name[TICKET_KEY_NAME_LEN + 1], holders[KEYRING_WHY_MAX / 2];

		ticket_key_name(r->id, name);
		list_holders(k, r->id, holders, sizeof(holders));
		if (holders[0] != '\0') {
			if (!r->is_told && now_s >= r->since_s + k->conf.patience_s)
				keyring_note(&k->notes, "waiting",
					     "%s: revoked, but not confirmed by %s", name, holders);
			r->is_told = r->is_told || now_s >= r->since_s + k->conf.patience_s;
			i++;
			continue;
		}
		keyring_note(&k->notes, "gone", "%s: no member that is there has it any more",
			     name);
		*r = k->revoked[--k->n_revoked];
	}
}

/* What was dropped before its time. */
static void note_revoked(struct keyring *k, uint64_t now_s)
{
	for (size_t i = 0; i < k->drops.n; i++) {
		const struct store_key *key = &k->drops.keys[i];
		bool has_ended =
		    key->state == STORE_KEY_OPENING && now_s >= key->not_after_s + KEYRING_SKEW_S;
		struct keyring_revoked r = { .since_s = now_s };

		if (!has_ended && k->n_revoked < TICKET_RING_MAX &&
		    ticket_key_parse(key->id, &r.id) == 0)
			k->revoked[k->n_revoked++] = r;
	}
}

void keyring_review(struct keyring *k, uint64_t now_s)
{
	if (!k->is_started || k->is_storing)
		return;
	tell_of_waiting(k, now_s);
	tell_of_revoked(k, now_s);
	if (now_s < k->retry_s && k->request.kind == KEYRING_NOTHING)
		return;
	if (keyring_plan(k, now_s) != 0) {
		fail(k, now_s, "no key can be drawn");
		return;
	}
	compare(k);
	if (k->puts.n == 0 && k->drops.n == 0) {
		k->request.kind = KEYRING_NOTHING;
		wipe_plan(k);
		return;
	}
	k->is_storing = true;
	k->has_store = true;
}

void keyring_start(struct keyring *k, uint64_t now_s)
{
	k->is_started = true;
	keyring_sort(&k->keys);
	keyring_review(k, now_s);
}

void keyring_stored(struct keyring *k, uint64_t now_s, int err)
{
	if (!k->is_storing)
		return;
	k->is_storing = false;
	if (err != 0) {
		fail(k, now_s, "the store cannot be written");
		return;
	}
	k->keys = k->next;
	k->version++;
	k->has_push = true;
	k->is_failing = false;
	k->retry_s = 0;
	k->request.kind = KEYRING_NOTHING;
	for (size_t i = 0; i < k->planned.n; i++)
		keyring_note(&k->notes, k->planned.list[i].what, "%s", k->planned.list[i].why);
	note_revoked(k, now_s);
	wipe_plan(k);
	keyring_review(k, now_s);
}

/* ---- events ---- */

void keyring_set_waited(struct keyring *k, uint64_t now_s, size_t member, bool is_waited)
{
	if (k->members[member].is_waited == is_waited)
		return;
	k->members[member].is_waited = is_waited;
	keyring_review(k, now_s);
}

void keyring_held(struct keyring *k, uint64_t now_s, size_t member, const char *const *ids,
		  size_t n)
{
	struct keyring_member *m = &k->members[member];

	m->n_held = 0;
	for (size_t i = 0; i < n && m->n_held < KEYRING_HELD_MAX; i++) {
		if (ticket_key_parse(ids[i], &m->held[m->n_held]) == 0)
			m->n_held++;
	}
	keyring_review(k, now_s);
}

void keyring_expire(struct keyring *k, uint64_t now_s)
{
	keyring_review(k, now_s);
}
