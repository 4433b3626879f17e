/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "director/keys/keyring_internal.h"

/* How the ring is to be next: what has ended goes, what is due is drawn, what all have issues. */

#define QCD_NAME "qcd-"
#define QCD_ALL  (KEYRING_KEYS_MAX - TICKET_RING_MAX - 2)

/* The newest secrets of a member that are kept: fewer where there are very many members. */
static size_t qcd_max(const struct keyring *k)
{
	size_t n = k->n_members > 0 ? QCD_ALL / k->n_members : KEYRING_QCD_MAX;

	return n < 1 ? 1 : n > KEYRING_QCD_MAX ? KEYRING_QCD_MAX : n;
}

/* Of an id like "qcd-3-17"; 0 if it is not one. */
static unsigned long generation(const struct store_key *key)
{
	const char *end = strrchr(key->id, '-');

	return end != NULL ? strtoul(end + 1, NULL, 10) : 0;
}

static int rank(const struct store_key *key)
{
	if (keyring_is_ticket(key))
		return 1;
	return keyring_is_qcd(key) ? 2 : 0;
}

/* Notices first: older versions know no others. Tickets by age; the newest secret first. */
static int compare(const void *left, const void *right)
{
	const struct store_key *a = left, *b = right;
	unsigned long ga = generation(a), gb = generation(b);

	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	if (a->number != b->number)
		return a->number - b->number;
	if (keyring_is_qcd(a) && ga != gb)
		return ga > gb ? -1 : 1;
	if (a->created_s != b->created_s)
		return a->created_s < b->created_s ? -1 : 1;
	return strcmp(a->id, b->id);
}

void keyring_sort(struct keyring_set *set)
{
	qsort(set->keys, set->n, sizeof(set->keys[0]), compare);
}

static void remove_at(struct keyring_set *set, size_t i)
{
	set->n--;
	memmove(&set->keys[i], &set->keys[i + 1], (set->n - i) * sizeof(set->keys[0]));
	wipe(&set->keys[set->n], sizeof(set->keys[0]));
}

static size_t count_tickets(const struct keyring_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += keyring_is_ticket(&set->keys[i]) ? 1 : 0;
	return n;
}

/* ---- drawing ---- */

static int draw(struct keyring *k, struct store_key *key)
{
	int err;

	if (k->next.n == KEYRING_KEYS_MAX)
		return ERR_LIMIT;
	key->key.len = TICKET_SECRET_SIZE;
	err = rng_fill(&k->rng, key->key.data, key->key.len);
	if (err == 0)
		k->next.keys[k->next.n++] = *key;
	key_wipe(&key->key);
	return err;
}

static int draw_ticket(struct keyring *k, uint64_t now_s, const char *why)
{
	struct store_key key = { .use = MSG_KEY_USE_TICKET,
				 .state = STORE_KEY_PENDING,
				 .not_before_s =
				     now_s > KEYRING_SKEW_S ? now_s - KEYRING_SKEW_S : 1,
				 .created_s = now_s };
	uint64_t id = 0;
	int err;

	do {
		err = rng_u64(&k->rng, &id);
		ticket_key_name(id, key.id);
	} while (err == 0 && (id == 0 || keyring_find(&k->next, key.id) != NULL));
	if (err == 0)
		err = draw(k, &key);
	if (err == 0)
		keyring_note(&k->planned, "drawn", "%s: %s", key.id, why);
	return err;
}

/* Another secret of the member; what is beyond the number that is kept goes. */
static int draw_qcd(struct keyring *k, uint64_t now_s, const struct keyring_member *m,
		    const char *why)
{
	struct store_key key = { .use = MSG_KEY_USE_QCD,
				 .number = m->number,
				 .state = STORE_KEY_ISSUING,
				 .created_s = now_s };
	unsigned long newest = 0;
	size_t n = 0;
	int err;

	for (size_t i = 0; i < k->next.n;) {
		const struct store_key *old = &k->next.keys[i];

		if (!keyring_is_qcd(old) || old->number != m->number) {
			i++;
			continue;
		}
		newest = generation(old) > newest ? generation(old) : newest;
		if (++n < qcd_max(k))
			i++;
		else
			remove_at(&k->next, i);
	}
	/* One that was revoked is not in this list, and no other gets its name. */
	for (size_t i = 0; i < k->keys.n; i++) {
		const struct store_key *old = &k->keys.keys[i];

		if (keyring_is_qcd(old) && old->number == m->number && generation(old) > newest)
			newest = generation(old);
	}
	snprintf(key.id, sizeof(key.id), QCD_NAME "%u-%lu", (unsigned int)m->number, newest + 1);
	err = draw(k, &key);
	keyring_sort(&k->next);
	if (err == 0)
		keyring_note(&k->planned, "drawn", "%s: %s", key.id, why);
	return err;
}

/* ---- steps ---- */

static void drop_ended(struct keyring *k, uint64_t now_s)
{
	for (size_t i = 0; i < k->next.n;) {
		const struct store_key *key = &k->next.keys[i];

		if (!keyring_is_ticket(key) || key->state != STORE_KEY_OPENING ||
		    now_s < key->not_after_s + KEYRING_SKEW_S) {
			i++;
			continue;
		}
		keyring_note(&k->planned, "retired", "%s: the last ticket under it has expired",
			     key->id);
		remove_at(&k->next, i);
	}
}

static void revoke_tickets(struct keyring *k, const char *by)
{
	for (size_t i = 0; i < k->next.n;) {
		if (!keyring_is_ticket(&k->next.keys[i])) {
			i++;
			continue;
		}
		keyring_note(&k->planned, "revoked", "%s: by %s", k->next.keys[i].id, by);
		remove_at(&k->next, i);
	}
}

static int rotate_qcd(struct keyring *k, uint64_t now_s)
{
	int err = 0;

	for (size_t i = 0; k->request.revokes && i < k->next.n;) {
		if (keyring_is_qcd(&k->next.keys[i]))
			remove_at(&k->next, i);
		else
			i++;
	}
	for (size_t i = 0; err == 0 && i < k->n_members; i++)
		err = draw_qcd(k, now_s, &k->members[i], k->request.by);
	return err;
}

static int revoke_one(struct keyring *k, uint64_t now_s)
{
	struct keyring_request *r = &k->request;
	uint8_t number = 0;
	int err = 0;

	for (size_t i = 0; i < k->next.n; i++) {
		if (strcmp(k->next.keys[i].id, r->id) != 0)
			continue;
		number = k->next.keys[i].number;
		keyring_note(&k->planned, "revoked", "%s: by %s", r->id, r->by);
		remove_at(&k->next, i);
		break;
	}
	for (size_t i = 0; err == 0 && number != 0 && i < k->n_members; i++) {
		if (k->members[i].number == number)
			err =
			    draw_qcd(k, now_s, &k->members[i], "in place of one that was revoked");
	}
	return err;
}

static int do_request(struct keyring *k, uint64_t now_s)
{
	char why[NAME_TEXT_MAX + 8];

	switch (k->request.kind) {
	case KEYRING_NOTHING:
		break;
	case KEYRING_REVOKE:
		return revoke_one(k, now_s);
	case KEYRING_ROTATE:
		if (strcmp(k->request.use, MSG_KEY_USE_QCD) == 0)
			return rotate_qcd(k, now_s);
		if (k->request.revokes)
			revoke_tickets(k, k->request.by);
		snprintf(why, sizeof(why), "by %s", k->request.by);
		return draw_ticket(k, now_s, why);
	}
	return 0;
}

static int draw_missing_qcd(struct keyring *k, uint64_t now_s)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < k->n_members; i++) {
		bool has_one = false;

		for (size_t j = 0; j < k->next.n; j++)
			has_one = has_one || (keyring_is_qcd(&k->next.keys[j]) &&
					      k->next.keys[j].number == k->members[i].number);
		if (!has_one)
			err = draw_qcd(k, now_s, &k->members[i], "the member has none");
	}
	return err;
}

static int draw_scheduled(struct keyring *k, uint64_t now_s)
{
	const struct store_key *issuing = keyring_find_ticket(&k->next, STORE_KEY_ISSUING);

	if (keyring_find_ticket(&k->next, STORE_KEY_PENDING) != NULL ||
	    count_tickets(&k->next) == TICKET_RING_MAX)
		return 0;
	if (issuing == NULL)
		return draw_ticket(k, now_s, "there is none to issue tickets under");
	if (now_s < issuing->created_s + k->conf.rotate_every_s)
		return 0;
	return draw_ticket(k, now_s, "it is time");
}

/* Only one that is stored can be at members. */
static void promote(struct keyring *k, uint64_t now_s)
{
	const struct store_key *pending = keyring_find_ticket(&k->keys, STORE_KEY_PENDING);
	char missing[KEYRING_WHY_MAX];

	if (pending == NULL || keyring_find(&k->next, pending->id) == NULL)
		return;
	keyring_list_missing(k, pending, missing, sizeof(missing));
	if (missing[0] != '\0')
		return;
	for (size_t i = 0; i < k->next.n; i++) {
		struct store_key *key = &k->next.keys[i];

		if (!keyring_is_ticket(key))
			continue;
		if (strcmp(key->id, pending->id) == 0) {
			key->state = STORE_KEY_ISSUING;
			keyring_note(&k->planned, "issuing",
				     "%s: every member that is there has it", key->id);
		} else if (key->state == STORE_KEY_ISSUING) {
			key->state = STORE_KEY_OPENING;
			key->not_after_s = now_s + k->conf.lifetime_s;
			keyring_note(&k->planned, "opening",
				     "%s: only what was issued under it, for %llu s", key->id,
				     (unsigned long long)k->conf.lifetime_s);
		}
	}
}

int keyring_plan(struct keyring *k, uint64_t now_s)
{
	int err;

	k->next = k->keys;
	k->planned.n = 0;
	drop_ended(k, now_s);
	err = do_request(k, now_s);
	if (err == 0)
		err = draw_missing_qcd(k, now_s);
	promote(k, now_s);
	if (err == 0)
		err = draw_scheduled(k, now_s);
	keyring_sort(&k->next);
	return err;
}
