/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/tasks.h"

/*
 * One IKE SA takes the place of another (RFC 7296, 1.3.2, 2.8, 2.18). Whoever asked for the rekey
 * is the original initiator of the new one, whoever it was of the old one; who is the gateway
 * stays.
 *
 * If both ends rekey at once, the HEIR that the peer's request made waits until our own is answered
 * and all four nonces are known (2.8.2). The peer may know before us: as soon as it uses its SA for
 * anything but its Delete, or deletes the old one, it has decided for it.
 */

/* The Delete for what was rekeyed comes at once; a lost one is repeated for minutes. */
#define REPLACED_MS 180000

/* A peer that rekeys on and on and deletes nothing keeps so many old ones, not those of minutes. */
#define REPLACED_MAX 4

struct ike_sa *heir_new(struct ike_core *c, const struct ike_sa *old, bool is_initiator,
			uint64_t peer_spi, uint64_t now_ms)
{
	struct ike_sa *heir = ike_sa_new(c, is_initiator);

	if (heir == NULL)
		return NULL;
	*(is_initiator ? &heir->spi_r : &heir->spi_i) = peer_spi;
	heir->is_gateway = old->is_gateway;
	heir->has_fragmentation = old->has_fragmentation;
	heir->path = old->path;
	heir->old_spi = old->own_spi;
	heir->heard_ms = now_ms;
	ike_sa_change_state(c, heir, SA_HEIR, "rekeying");
	ike_sa_set_due(c, heir, now_ms + c->conf.half_open_timeout_ms);
	return heir;
}

int heir_derive(struct ike_core *c, const struct ike_sa *old, struct ike_sa *heir, struct bytes ni,
		struct bytes nr, struct bytes g_ir)
{
	return ike_keys_rekey(c->crypto, old->suite.prf->id, key_bytes(&old->keys.d), &heir->suite,
			      ni, nr, g_ir, heir->spi_i, heir->spi_r, &heir->keys);
}

/* Of those before old, which is the newest of them, only a few stay. */
static void bound_replaced(struct ike_core *c, const struct ike_sa *old, uint64_t now_ms)
{
	struct ike_sa *before = ike_sa_find(c, old->old_spi);

	for (int n = 1; before != NULL && n < REPLACED_MAX; n++)
		before = ike_sa_find(c, before->old_spi);
	if (before != NULL && before->state == SA_REPLACED)
		ike_sa_close(c, before, now_ms, REASON_REKEYED);
}

/* The ticket that came with the rekey is its own. */
static void inherit_lineage(const struct lineage *old, struct lineage *heir)
{
	const struct lineage own = *heir;

	*heir = *old;
	memcpy(heir->ticket, own.ticket, sizeof(heir->ticket));
	heir->ticket_expires_s = own.ticket_expires_s;
}

void heir_inherit(struct ike_core *c, struct ike_sa *old, struct ike_sa *heir, uint64_t now_ms)
{
	heir->children = old->children;
	old->children = NULL;
	for (struct child *child = heir->children; child != NULL; child = child->next)
		child->sa = heir;
	tasks_move(old, heir);
	ike_sa_move_identity(c, old, heir);
	if (c->role->inherited != NULL)
		c->role->inherited(c, old, heir);
	heir->kept = old->kept;
	old->kept = NULL;
	heir->has_mid_sync = old->has_mid_sync;
	heir->path = old->path;
	heir->redirected_from = old->redirected_from;
	heir->is_redirectable = old->is_redirectable;
	heir->is_behind_nat = old->is_behind_nat;
	heir->is_peer_behind_nat = old->is_peer_behind_nat;
	heir->is_initial_contact = old->is_initial_contact;
	heir->ref = old->ref;
	inherit_lineage(&old->lineage, &heir->lineage);
	heir->since_ms = old->since_ms;
	heir->rekeyed_ms = now_ms;
	heir->n_rekeys = old->n_rekeys + 1;
	heir->sent_ms = old->sent_ms;
	heir->moved_ms = old->moved_ms;
	heir->has_moved = old->has_moved;
	heir->heard_ms = now_ms;
	heir->state_due_ms = NO_TIME;
	ike_sa_change_state(c, heir, SA_ESTABLISHED, "inherits");
	ike_sa_change_state(c, old, SA_REPLACED, ike_reason_text(REASON_REKEYED));
	old->rekey_due_ms = old->over_due_ms = NO_TIME;
	ike_sa_schedule(c, heir, now_ms);
	count(c, COUNT_IKE_REKEYED);
	action_peer_rekeyed(c, heir, old->own_spi);
	ike_sa_set_due(c, old, now_ms + REPLACED_MS);
	bound_replaced(c, old, now_ms);
	ike_sa_arm(c, heir);
}

bool heir_is_undecided(const struct ike_core *c, const struct ike_sa *heir)
{
	const struct ike_sa *old = ike_sa_find(c, heir->old_spi);

	return old != NULL && heir_of_peer(c, old) == heir;
}

struct ike_sa *heir_of_peer(const struct ike_core *c, const struct ike_sa *old)
{
	struct ike_sa *heir;

	if (old->state != SA_ESTABLISHED || !task_is_current(old, TASK_REKEY_IKE) ||
	    !old->current->has_collided)
		return NULL;
	heir = ike_sa_find(c, old->current->other);
	return heir != NULL && heir->state == SA_HEIR ? heir : NULL;
}
