/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tickets/tickets.h"

#include <stdio.h>
#include <stdlib.h>

struct tickets {
	const struct logger *lg;
	struct ticket_office *office;
	size_t n_names;
	char names[TICKET_RING_MAX][TICKET_KEY_NAME_LEN + 1];
	struct qcd_secrets qcd[MSG_NUMBER_MAX + 1];
};

struct tickets *tickets_new(const struct agent_conf_tickets *conf, const struct logger *lg)
{
	const struct ticket_office_conf office = { conf->lifetime_s, conf->used_max };
	struct tickets *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->lg = lg;
	if (conf->lifetime_s == 0)
		return t;
	t->office = ticket_office_new(&office);
	if (t->office == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void tickets_free(struct tickets *t)
{
	if (t == NULL)
		return;
	ticket_office_free(t->office);
	wipe(t, sizeof(*t));
	free(t);
}

struct ticket_office *tickets_office(const struct tickets *t)
{
	return t->office;
}

static int add_ticket_key(struct tickets *t, struct ticket_ring *ring, const struct msg_key *key)
{
	struct ticket_key k = {
		.not_before_s = key->not_before,
		.not_after_s = key->not_after != 0 ? key->not_after : UINT64_MAX,
		.may_issue = key->issue,
	};
	int err = ticket_key_parse(key->id, &k.id);

	if (err == 0 && key->key.len != sizeof(k.secret))
		err = ERR_VALUE;
	if (err == 0) {
		memcpy(k.secret, key->key.ptr, sizeof(k.secret));
		err = ticket_ring_add(ring, &k);
	}
	if (err == 0)
		ticket_key_name(k.id, t->names[t->n_names++]);
	wipe(&k, sizeof(k));
	return err;
}

/* They come newest first. */
static int add_qcd_secret(struct tickets *t, const struct msg_key *key)
{
	struct qcd_secrets *s;

	if (key->number < 1 || key->number > MSG_NUMBER_MAX || key->key.len != QCD_SECRET_SIZE)
		return ERR_VALUE;
	s = &t->qcd[key->number];
	if (s->n == QCD_SECRETS_MAX)
		return ERR_LIMIT;
	memcpy(s->secrets[s->n++], key->key.ptr, QCD_SECRET_SIZE);
	return 0;
}

static int add_key(struct tickets *t, struct ticket_ring *ring, const struct msg_key *key)
{
	if (strcmp(key->use, MSG_KEY_USE_TICKET) == 0)
		return add_ticket_key(t, ring, key);
	if (strcmp(key->use, MSG_KEY_USE_QCD) == 0)
		return add_qcd_secret(t, key);
	return 0;
}

void tickets_take_keys(struct tickets *t, const struct msg_key *keys, size_t n)
{
	struct ticket_ring ring = { .n = 0 };

	t->n_names = 0;
	wipe(t->qcd, sizeof(t->qcd));
	for (size_t i = 0; i < n; i++) {
		int err = add_key(t, &ring, &keys[i]);

		if (err != 0)
			log_error(t->lg, LG_CONTROL, "key %s of the cluster is not used: %s",
				  keys[i].id, err_text(err));
	}
	if (t->office != NULL)
		ticket_office_set_ring(t->office, &ring);
	ticket_ring_wipe(&ring);
}

static enum revoked_what what_of(enum msg_revoked what)
{
	switch (what) {
	case MSG_REVOKED_IDENTITY:
		return REVOKED_IDENTITY;
	case MSG_REVOKED_CONNECTION:
		return REVOKED_CONNECTION;
	case MSG_REVOKED_ALL:
		break;
	}
	return REVOKED_ALL;
}

void tickets_take_revocations(struct tickets *t, const struct msg_revocation *items, size_t n)
{
	struct revocation *own = calloc(n > 0 ? n : 1, sizeof(*own));
	struct ticket_ring none = { .n = 0 };
	int err = own != NULL ? 0 : ERR_NO_MEMORY;

	for (size_t i = 0; err == 0 && i < n; i++) {
		own[i] = (struct revocation){
			.id = items[i].id,
			.what = what_of(items[i].what),
			.before_s = items[i].before,
			.until_s = items[i].until,
		};
		snprintf(own[i].name, sizeof(own[i].name), "%s",
			 items[i].name != NULL ? items[i].name : "");
	}
	if (err == 0 && t->office != NULL)
		err = ticket_office_set_revocations(t->office, own, n);
	free(own);
	if (err == 0 || t->office == NULL)
		return;
	/* Rather none than one that was taken back. */
	log_error(t->lg, LG_CONTROL, "no tickets: what was revoked cannot be kept: %s",
		  err_text(err));
	ticket_office_set_ring(t->office, &none);
}

static bool holds_secret(const struct qcd_secrets *s, struct bytes secret)
{
	for (size_t i = 0; i < s->n; i++) {
		if (secret_is_equal((struct bytes){ s->secrets[i], QCD_SECRET_SIZE }, secret))
			return true;
	}
	return false;
}

bool tickets_holds(const struct tickets *t, const struct msg_key *key)
{
	if (strcmp(key->use, MSG_KEY_USE_QCD) == 0)
		return key->number <= MSG_NUMBER_MAX &&
		       holds_secret(&t->qcd[key->number], key->key);
	if (strcmp(key->use, MSG_KEY_USE_TICKET) != 0)
		return true;
	for (size_t i = 0; i < t->n_names; i++) {
		if (strcmp(t->names[i], key->id) == 0)
			return true;
	}
	return false;
}

const struct qcd_secrets *tickets_qcd(const struct tickets *t, uint8_t number)
{
	return &t->qcd[number];
}

size_t tickets_key_names(const struct tickets *t, const char **names, size_t n, size_t cap)
{
	for (size_t i = 0; i < t->n_names && n < cap; i++)
		names[n++] = t->names[i];
	return n;
}
