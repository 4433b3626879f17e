/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "director/keys/keyring_internal.h"

/* What the operator asks for. */

static int refuse_busy(const struct keyring *k, struct errtext *why)
{
	if (!k->is_storing && k->request.kind == KEYRING_NOTHING)
		return 0;
	errtext_set(why, "the keys are being changed just now");
	return ERR_BAD_STATE;
}

/* Whether another ticket key can be drawn, while the others stay. */
static int refuse_another(const struct keyring *k, struct errtext *why)
{
	const struct store_key *pending = keyring_find_ticket(&k->keys, STORE_KEY_PENDING);
	char missing[KEYRING_WHY_MAX / 2];
	size_t n = 0;

	if (pending != NULL) {
		keyring_list_missing(k, pending, missing, sizeof(missing));
		errtext_set(why, "a rotation is under way: %s waits for %s", pending->id, missing);
		return ERR_BAD_STATE;
	}
	for (size_t i = 0; i < k->keys.n; i++)
		n += keyring_is_ticket(&k->keys.keys[i]) ? 1 : 0;
	if (n < TICKET_RING_MAX)
		return 0;
	errtext_set(why, "%zu keys still open tickets: wait until one has retired, or revoke them",
		    n);
	return ERR_BAD_STATE;
}

int keyring_rotate(struct keyring *k, uint64_t now_s, const char *use, bool revokes, const char *by,
		   struct errtext *why)
{
	bool is_ticket = strcmp(use, MSG_KEY_USE_TICKET) == 0;
	int err = refuse_busy(k, why);

	if (err == 0 && !is_ticket && strcmp(use, MSG_KEY_USE_QCD) != 0) {
		errtext_set(why, "only keys of use 'ticket' and 'qcd' are rotated");
		err = ERR_VALUE;
	}
	if (err == 0 && is_ticket && !revokes)
		err = refuse_another(k, why);
	if (err != 0)
		return err;
	k->request = (struct keyring_request){ .kind = KEYRING_ROTATE, .revokes = revokes };
	snprintf(k->request.use, sizeof(k->request.use), "%s", use);
	snprintf(k->request.by, sizeof(k->request.by), "%s", by);
	keyring_review(k, now_s);
	return 0;
}

int keyring_revoke(struct keyring *k, uint64_t now_s, const char *id, const char *by,
		   struct errtext *why)
{
	const struct store_key *key = keyring_find(&k->keys, id);
	int err = refuse_busy(k, why);

	if (err == 0 && key == NULL) {
		errtext_set(why, "there is no key '%s'", id);
		err = ERR_NOT_FOUND;
	} else if (err == 0 && !keyring_is_ticket(key) && !keyring_is_qcd(key)) {
		errtext_set(why, "keys of use '%s' cannot be revoked", key->use);
		err = ERR_VALUE;
	}
	if (err != 0)
		return err;
	k->request = (struct keyring_request){ .kind = KEYRING_REVOKE };
	snprintf(k->request.id, sizeof(k->request.id), "%s", id);
	snprintf(k->request.by, sizeof(k->request.by), "%s", by);
	keyring_review(k, now_s);
	return 0;
}
