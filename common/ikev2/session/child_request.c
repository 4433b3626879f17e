/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/session/tasks.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * We ask for a Child SA, a new one or one in place of another (RFC 7296, 1.3.1, 1.3.3, 2.8, 2.17).
 * Whoever asks is "initiator" of the exchange, whatever it is of the IKE SA: TSi and the keys from
 * initiator to responder are ours. The old SA is deleted by us, unless the peer has rekeyed it at
 * the same time and our exchange is the redundant one (2.8.1).
 */

/* The group for the KE payload: what the peer wants if we offer it, else our first. NULL: none. */
static const struct kex_group *pick_group(const struct policy_connection *conn, uint16_t wanted)
{
	const struct kex_group *first = NULL;

	for (size_t i = 0; i < conn->n_suites; i++) {
		const struct kex_group *kex = conn->suites[i].kex;

		if (kex != NULL && kex->id == wanted)
			return kex;
		if (first == NULL)
			first = kex;
	}
	return first;
}

/* What is asked for: what the old one has, or what the task says, or the whole connection. */
static void fill_selectors(const struct ike_sa *sa, const struct task *task,
			   const struct child *old, struct child *child)
{
	if (old != NULL) {
		child->local = old->local;
		child->remote = old->remote;
	} else if (task->selectors != NULL) {
		child->local = task->selectors->local;
		child->remote = task->selectors->remote;
	} else {
		child->local = sa->peer->connection->local;
		child->remote = *policy_peer_remote(sa->peer);
	}
}

static int reserve(struct ike_core *c, struct ike_sa *sa, struct task *task,
		   const struct child *old, struct child **out)
{
	struct child *child;
	int err = child_has_room(c, sa, old != NULL) ? child_new(c, sa, &child) : ERR_NOT_FOUND;

	if (err != 0)
		return err;
	child->state = CHILD_RESERVED;
	child->is_initiator = true;
	child->replaces = old != NULL ? old->id : 0;
	child->why = old != NULL ? old->wanted : REKEY_NONE;
	fill_selectors(sa, task, old, child);
	task->made = child->id;
	*out = child;
	return 0;
}

int child_request_write(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
			struct payload_writer *chain)
{
	const struct policy_connection *conn = sa->peer != NULL ? sa->peer->connection : NULL;
	struct child *old = child_find(c, task->child_id), *child;
	const struct kex_group *group;
	struct sa_payload offer;
	uint8_t spi[4];
	int err;

	if (conn == NULL || sa->state != SA_ESTABLISHED ||
	    (task->type == TASK_REKEY_CHILD && (old == NULL || old->state != CHILD_INSTALLED)))
		return ERR_NOT_FOUND;
	if (old != NULL && old->unconfirmed_until_ms > now_ms)
		return ERR_BAD_STATE;
	group = pick_group(conn, task->group);
	if ((err = reserve(c, sa, task, old, &child)) != 0 ||
	    (err = rng_fill(c->rng, task->nonce, sizeof(task->nonce))) != 0)
		return err;
	if (group != NULL && (err = kex_generate(c->crypto, group->id, c->rng, &task->kex)) != 0)
		return err;
	if (old != NULL)
		chain_put_esp_notify(chain, NOTIFY_REKEY_SA, old->spi_in);
	sa_offer_esp(&offer, conn->suites, conn->n_suites, spi32_bytes(child->spi_in, spi));
	chain_put_sa(chain, &offer);
	payload_put(chain, PAYLOAD_NONCE, (struct bytes){ task->nonce, sizeof(task->nonce) });
	if (group != NULL)
		chain_put_ke(chain, (uint16_t)group->id, kex_public(task->kex));
	chain_put_ts(chain, PAYLOAD_TSI, &child->local);
	chain_put_ts(chain, PAYLOAD_TSR, &child->remote);
	task->group = group != NULL ? (uint16_t)group->id : 0;
	return 0;
}

/* The peer does not know what we wanted to rekey: a new one from scratch, RFC 7296, 2.25.1. */
static void recreate(struct ike_core *c, struct ike_sa *sa, struct child *old)
{
	struct task *task = task_add(c, sa, TASK_CREATE_CHILD, 0);

	if (task != NULL) {
		task->selectors = calloc(1, sizeof(*task->selectors));
		if (task->selectors != NULL)
			*task->selectors = (struct selectors){ old->local, old->remote };
	}
	child_remove(c, old);
	action_peer(c, ACTION_PEER_CHANGED, sa, REASON_DELETED);
}

static void take_error(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		       const struct create_child *in)
{
	struct child *old = child_find(c, task->child_id);

	log_info(c->lg, LG_IKE, "%016" PRIx64 " peer refuses a Child SA: %s", sa->own_spi,
		 notify_name(in->error));
	if (in->error == NOTIFY_INVALID_SYNTAX) {
		ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
		return;
	}
	if (in->error == NOTIFY_INVALID_KE_PAYLOAD && task_retry_group(c, sa, task, in->error_data))
		return;
	count(c, COUNT_REKEY_FAILED);
	/* Gone, or the peer's own rekey of it is done. */
	if (old == NULL || old->state != CHILD_INSTALLED)
		return;
	if (in->error == NOTIFY_CHILD_SA_NOT_FOUND)
		recreate(c, sa, old);
	else
		child_retry_later(c, old, now_ms, in->error == NOTIFY_TEMPORARY_FAILURE);
}

/* What the answer says must be what was offered, or less (RFC 7296, 2.7, 2.9). */
static int match(const struct ike_sa *sa, const struct task *task, const struct create_child *in,
		 struct child *child)
{
	const struct policy_connection *conn = sa->peer->connection;
	int err =
	    sa_match_esp(&in->sa, conn->suites, conn->n_suites, &child->suite, &child->spi_out);

	if (err != 0)
		return err;
	if (!in->has_ts || in->tsi.n == 0 || in->tsr.n == 0 ||
	    !ts_is_within(&in->tsi, &child->local) || !ts_is_within(&in->tsr, &child->remote))
		return ERR_MISMATCH;
	if (child->suite.kex != NULL && (task->kex == NULL || child->suite.kex->id != task->group ||
					 in->ke.group != task->group))
		return ERR_MISMATCH;
	child->local = in->tsi;
	child->remote = in->tsr;
	return 0;
}

static int derive(struct ike_core *c, const struct ike_sa *sa, const struct task *task,
		  const struct create_child *in, struct child *child)
{
	AUTO_SECRET g_ir;
	int err = 0;

	g_ir.len = 0;
	if (child->suite.kex != NULL)
		err = kex_derive(task->kex, in->ke.value, &g_ir);
	if (err != 0)
		return err;
	return child_keys_derive(c->crypto, sa->suite.prf->id, key_bytes(&sa->keys.d),
				 &child->suite, secret_bytes(&g_ir),
				 (struct bytes){ task->nonce, sizeof(task->nonce) }, in->nonce,
				 &child->keys);
}

/* All four nonces are known: which of the two new ones is redundant? */
static void settle(struct ike_core *c, const struct task *task, const struct create_child *in,
		   struct child *child)
{
	struct child *other = child_find(c, task->other);

	if (!task->has_collided)
		return;
	child->is_redundant = collision_is_lost((struct bytes){ task->nonce, sizeof(task->nonce) },
						in->nonce, &task->other_nonce);
	if (!child->is_redundant && other != NULL) {
		other->is_redundant = true;
		child_set_outbound(c, other, false);
	}
}

void child_request_take(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
			const struct request *response)
{
	struct child *child = child_find(c, task->made), *old = child_find(c, task->child_id);
	struct create_child in;
	int err = create_child_decode(response->payloads, true, &in);

	if (err == 0 && in.error != 0) {
		take_error(c, sa, task, now_ms, &in);
		return;
	}
	if (err == 0)
		err = match(sa, task, &in, child);
	if (err == 0)
		err = derive(c, sa, task, &in, child);
	if (err != 0) {
		/* The peer has an SA that we cannot use; and nobody answers a response (2.21.3). */
		count(c, COUNT_SYNTAX);
		ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
		return;
	}
	settle(c, task, &in, child);
	if (old != NULL && old->state == CHILD_INSTALLED)
		child_replaced(old, now_ms);
	child_install(c, child, child->is_redundant);
}

void child_request_finish(struct ike_core *c, struct ike_sa *sa, struct child *child,
			  uint64_t now_ms, int err)
{
	struct child *old = child_find(c, child->replaces);

	child_installed(c, child, now_ms);
	if (err != 0) {
		/* The peer has it, so it has to be deleted there. */
		child_not_replaced(c, child->replaces, now_ms);
		child->rekey_due_ms = child->over_due_ms = NO_TIME;
		child->is_outbound = false;
		child->is_redundant = true;
		task_add(c, sa, TASK_DELETE_CHILD, child->id);
		return;
	}
	log_info(c->lg, LG_IKE, "%016" PRIx64 " Child SA %08" PRIx32 " asked for by us%s",
		 sa->own_spi, child->spi_in, child->replaces != 0 ? ", in place of another" : "");
	if (child->replaces == 0) {
		count(c, COUNT_CHILD_CREATED);
		action_peer(c, ACTION_PEER_CHANGED, sa, REASON_DELETED);
		return;
	}
	count(c, COUNT_CHILD_REKEYED);
	if (child->is_redundant)
		task_add(c, sa, TASK_DELETE_CHILD, child->id);
	else if (old != NULL && old->state == CHILD_REKEYED)
		task_add(c, sa, TASK_DELETE_CHILD, old->id);
}
