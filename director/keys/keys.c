/* SPDX-License-Identifier: Apache-2.0 */
#include "director/keys/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "director/keys/keys_internal.h"

#define PATIENCE_S 60
#define SUBJECT    "keys"

uint64_t keys_now_s(void)
{
	time_t now = time(NULL);

	return now > 0 ? (uint64_t)now : 0;
}

/* ---- telling members ---- */

static void send_ring(struct keys *k, size_t member)
{
	struct message m = { .type = MESSAGE_RING,
			     .id = KEYS_RING_ID(keyring_version(k->ring)),
			     .ring = { k->list, k->n_list } };

	if (k->control == NULL || !control_knows_tickets(k->control, member))
		return;
	if (control_send(k->control, member, &m) != 0)
		log_debug(k->res.lg, LG_CONTROL, "%s: ring not sent",
			  registry_get(k->res.registry, member)->name);
}

/* What welcomes say is replaced before anything else happens. */
static void push(struct keys *k)
{
	k->n_list = keyring_fill(k->ring, k->list);
	if (k->control == NULL)
		return;
	control_set_ring(k->control, k->list, k->n_list);
	for (size_t i = 0; i < registry_count(k->res.registry); i++)
		send_ring(k, i);
	k->events.changed(k->events.ctx);
}

void keys_run(struct keys *k)
{
	struct keyring_action a;

	while (keyring_next_action(k->ring, &a)) {
		switch (a.type) {
		case KEYRING_STORE:
			keyring_stored(k->ring, keys_now_s(),
				       store_keys_change(k->res.store, &a.change));
			break;
		case KEYRING_PUSH:
			push(k);
			break;
		case KEYRING_EVENT:
			history_add(k->res.history, SUBJECT, a.what, a.why);
			break;
		}
	}
}

/* ---- what members say ---- */

static void on_hello(void *ctx, size_t member, const char *const *ids, size_t n)
{
	struct keys *k = ctx;

	k->members[member].revoked_version = 0;
	keyring_held(k->ring, keys_now_s(), member, ids, n);
	keys_run(k);
	send_ring(k, member);
	keys_send_revocations(k, member);
}

static void on_ring_ok(void *ctx, size_t member, const struct msg_ring_ok *m)
{
	struct keys *k = ctx;

	keyring_held(k->ring, keys_now_s(), member, m->ids, m->n_ids);
	keys_run(k);
}

static void on_ok(void *ctx, size_t member, uint64_t id)
{
	struct keys *k = ctx;

	if (!KEYS_IS_REVOKE_ID(id) || KEYS_REVOKE_VERSION(id) > k->revoke_version)
		return;
	k->members[member].revoked_version = KEYS_REVOKE_VERSION(id);
	k->events.answered(k->events.ctx);
}

void keys_attach(struct keys *k, struct control *control)
{
	const struct control_ticket_events events = { on_hello, on_ring_ok, on_ok, k };

	k->control = control;
	if (control == NULL)
		return;
	control_set_ring(control, k->list, k->n_list);
	keys_set_revocations(k);
	control_on_tickets(control, &events);
}

/* ---- time ---- */

/* Whether a key has to be at this member before others issue tickets under it. */
static bool is_waited(const struct keys *k, size_t i, bool is_settling)
{
	const struct member *m = registry_get(k->res.registry, i);

	switch (m->state) {
	case MEMBER_DOWN:
		return false;
	case MEMBER_LEFT: /* or was never heard: it may not be back yet */
		return is_settling && m->heard_ms == 0;
	default:
		return !k->members[i].is_old;
	}
}

void keys_tick(struct keys *k, bool is_settling)
{
	uint64_t now_s = keys_now_s();

	for (size_t i = 0; i < registry_count(k->res.registry); i++) {
		if (k->control != NULL && registry_get(k->res.registry, i)->session != 0)
			k->members[i].is_old = !control_knows_tickets(k->control, i);
		keyring_set_waited(k->ring, now_s, i, is_waited(k, i, is_settling));
	}
	if (now_s != k->ticked_s) {
		k->ticked_s = now_s;
		keyring_expire(k->ring, now_s);
		keys_expire_revocations(k, now_s);
	}
	keys_run(k);
}

/* ---- the operator ---- */

static int finish(struct keys *k, uint64_t version, int err, struct errtext *why)
{
	keys_run(k);
	if (err != 0 || keyring_version(k->ring) != version)
		return err;
	errtext_set(why, "the store cannot be written, see the director's log");
	return ERR_IO;
}

int keys_rotate(struct keys *k, const char *use, bool revokes, const char *by, struct errtext *why)
{
	uint64_t version = keyring_version(k->ring);

	return finish(k, version, keyring_rotate(k->ring, keys_now_s(), use, revokes, by, why),
		      why);
}

int keys_revoke(struct keys *k, const char *id, const char *by, struct errtext *why)
{
	uint64_t version = keyring_version(k->ring);

	return finish(k, version, keyring_revoke(k->ring, keys_now_s(), id, by, why), why);
}

/* ---- construction ---- */

struct loading {
	struct keyring *ring;
	int err;
};

static void load_key(void *ctx, const struct store_key *key)
{
	struct loading *l = ctx;

	if (l->err == 0)
		l->err = keyring_load(l->ring, key);
}

static int load(struct keys *k)
{
	struct loading l = { k->ring, 0 };
	struct store_key notice;
	int err = store_notice_key(k->res.store, &notice);

	wipe(&notice, sizeof(notice));
	for (size_t i = 0; err == 0 && i < registry_count(k->res.registry); i++) {
		const struct member *m = registry_get(k->res.registry, i);

		err = keyring_add_member(k->ring, m->name, m->number);
	}
	if (err == 0)
		err = store_keys_read(k->res.store, load_key, &l);
	if (err == 0)
		err = l.err;
	if (err == 0)
		err = keys_load_revocations(k);
	return err;
}

int keys_new(const struct keys_resources *res, const struct keys_events *events, struct keys **out)
{
	const struct keyring_conf conf = { res->conf->rotate_every_s, res->conf->ticket_lifetime_s,
					   PATIENCE_S };
	const struct rng rng = rng_system();
	struct keys *k = calloc(1, sizeof(*k));
	int err = ERR_NO_MEMORY;

	if (k == NULL)
		return err;
	k->res = *res;
	k->events = *events;
	k->revoke_version = 1;
	k->ring = keyring_new(&conf, &rng);
	if (k->ring != NULL)
		err = load(k);
	if (err != 0) {
		keys_free(k);
		return err;
	}
	keyring_start(k->ring, keys_now_s());
	k->n_list = keyring_fill(k->ring, k->list);
	keys_run(k);
	*out = k;
	return 0;
}

void keys_free(struct keys *k)
{
	if (k == NULL)
		return;
	keyring_free(k->ring);
	free(k->revocations);
	free(k->revoked);
	free(k);
}

const struct keyring *keys_ring(const struct keys *k)
{
	return k->ring;
}

void keys_fill_tickets(const struct keys *k, struct ticket_ring *out)
{
	keyring_fill_tickets(k->ring, out);
}
