/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "director/keys/keys_internal.h"

/* Tickets that were taken back, until the last of them has expired. */

#define SUBJECT "tickets"

/* ---- the list ---- */

struct loading {
	struct keys *keys;
	bool is_full;
};

static void load_one(void *ctx, const struct store_revocation *r)
{
	struct loading *l = ctx;
	struct keys *k = l->keys;

	if (k->n_revocations == MSG_REVOCATIONS_MAX)
		l->is_full = true;
	else
		k->revocations[k->n_revocations++] =
		    (struct keys_revocation){ *r, k->revoke_version };
}

int keys_load_revocations(struct keys *k)
{
	struct loading l = { k, false };
	int err;

	k->revocations = calloc(MSG_REVOCATIONS_MAX, sizeof(*k->revocations));
	k->revoked = calloc(MSG_REVOCATIONS_MAX, sizeof(*k->revoked));
	if (k->revocations == NULL || k->revoked == NULL)
		return ERR_NO_MEMORY;
	err = store_revocations_read(k->res.store, load_one, &l);
	return err == 0 && l.is_full ? ERR_LIMIT : err;
}

static struct msg_revocation message_of(const struct store_revocation *r)
{
	return (struct msg_revocation){
		.id = r->id,
		.what = r->what,
		.name = r->what != MSG_REVOKED_ALL ? r->name : NULL,
		.before = r->before_s,
		.until = r->until_s,
	};
}

void keys_set_revocations(struct keys *k)
{
	for (size_t i = 0; i < k->n_revocations; i++)
		k->revoked[i] = message_of(&k->revocations[i].stored);
	if (k->control != NULL)
		control_set_revocations(k->control, k->revoked, k->n_revocations);
}

void keys_send_revocations(struct keys *k, size_t member)
{
	struct message m = { .type = MESSAGE_REVOKE,
			     .id = KEYS_REVOKE_ID(k->revoke_version),
			     .revoke = { k->revoked, k->n_revocations } };

	if (k->control == NULL || !control_knows_tickets(k->control, member))
		return;
	if (control_send(k->control, member, &m) != 0)
		log_debug(k->res.lg, LG_CONTROL, "%s: revocations not sent",
			  registry_get(k->res.registry, member)->name);
}

static void push(struct keys *k)
{
	keys_set_revocations(k);
	for (size_t i = 0; i < registry_count(k->res.registry); i++)
		keys_send_revocations(k, i);
}

void keys_expire_revocations(struct keys *k, uint64_t now_s)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n_revocations; i++) {
		if (k->revocations[i].stored.until_s > now_s)
			k->revocations[n++] = k->revocations[i];
	}
	if (n == k->n_revocations)
		return;
	/* If the store cannot be written they come back with the next start, and go again. */
	if (store_revocations_forget(k->res.store, now_s) != 0)
		log_warn(k->res.lg, LG_STORE, "revocations that have ended stay in the store");
	k->n_revocations = n;
	k->revoke_version++;
	push(k);
}

/* ---- another one ---- */

static int check(const struct keys *k, const struct store_revocation *r, struct errtext *why)
{
	struct msg_revocation *list;
	bool is_room;

	if (r->before_s == 0 || r->before_s > keys_now_s() + KEYRING_SKEW_S) {
		errtext_set(why, "tickets can be revoked that were issued before now, or earlier");
		return ERR_VALUE;
	}
	if (r->until_s <= keys_now_s()) {
		errtext_set(why, "all tickets that were issued before then have expired");
		return ERR_VALUE;
	}
	list = calloc(k->n_revocations + 1, sizeof(*list));
	if (list == NULL) {
		errtext_set(why, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < k->n_revocations; i++)
		list[i] = message_of(&k->revocations[i].stored);
	list[k->n_revocations] = message_of(r);
	is_room = message_fits_revocations(list, k->n_revocations + 1);
	free(list);
	if (is_room)
		return 0;
	errtext_set(why, "there are too many revocations: revoke a whole connection, or all");
	return ERR_LIMIT;
}

static void tell(struct keys *k, const struct store_revocation *r, const char *by)
{
	char why[MSG_TEXT_MAX + 128];

	snprintf(why, sizeof(why), "%s%s%s, issued before %" PRIu64 ", by %s",
		 msg_revoked_name(r->what), r->what != MSG_REVOKED_ALL ? " " : "", r->name,
		 r->before_s, by);
	history_add(k->res.history, SUBJECT, "revoked", why);
}

int keys_revoke_tickets(struct keys *k, struct store_revocation *r, const char *by,
			struct errtext *why)
{
	int err;

	r->until_s = r->before_s + k->res.conf->ticket_lifetime_s + KEYRING_SKEW_S;
	err = check(k, r, why);
	if (err != 0)
		return err;
	err = store_revocation_add(k->res.store, r);
	if (err != 0) {
		errtext_set(why, "the store cannot be written, see the director's log");
		return err;
	}
	k->revoke_version++;
	k->revocations[k->n_revocations++] = (struct keys_revocation){ *r, k->revoke_version };
	tell(k, r, by);
	push(k);
	return 0;
}

/* ---- views ---- */

size_t keys_revocation_count(const struct keys *k)
{
	return k->n_revocations;
}

const struct store_revocation *keys_revocation(const struct keys *k, size_t index)
{
	return &k->revocations[index].stored;
}

bool keys_is_in_force(const struct keys *k, size_t revocation, size_t member)
{
	return k->members[member].revoked_version >= k->revocations[revocation].version;
}

bool keys_is_awaited(const struct keys *k, size_t revocation, size_t member)
{
	return !keys_is_in_force(k, revocation, member) && k->control != NULL &&
	       control_knows_tickets(k->control, member);
}
