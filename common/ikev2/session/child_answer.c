/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/session/tasks.h"

#include <inttypes.h>

/*
 * The peer asks for a Child SA, a new one or one in place of another (RFC 7296, 1.3.1, 1.3.3, 2.8,
 * 2.9, 2.17). The response waits until the data plane has it. One that replaces another receives
 * from then on, and sends when the peer has been heard on it, or has deleted the old one.
 */
/* So long a peer may ask again: strongSwan goes on for 165 s. */
#define UNCONFIRMED_MS 180000

static const struct bytes nothing = { NULL, 0 };

/* The exchange as far as it has come. */
struct making {
	const struct create_child *in;
	struct child *old; /* that is to be replaced, or NULL */
	struct child *child;
	struct esp_suite suite;
	struct proposal chosen;
	uint8_t nr[NONCE_SIZE];
	struct kex *kex;
};

/* RFC 7296, 2.25: 0, or the notify that refuses the time. */
static uint16_t check_time(struct ike_core *c, struct ike_sa *sa, const struct making *m)
{
	if (task_is_current(sa, TASK_REKEY_IKE) || task_is_waiting(sa, TASK_DELETE_IKE, 0))
		return NOTIFY_TEMPORARY_FAILURE;
	if (m->in->has_rekey && m->old == NULL)
		return NOTIFY_CHILD_SA_NOT_FOUND;
	/* Replaced already, or about to be deleted by us. */
	if (m->old != NULL && (m->old->state != CHILD_INSTALLED || m->old->is_redundant ||
			       task_is_waiting(sa, TASK_DELETE_CHILD, m->old->id)))
		return NOTIFY_TEMPORARY_FAILURE;
	return child_has_room(c, sa, m->old != NULL) ? 0 : NOTIFY_NO_ADDITIONAL_SAS;
}

/* Suite and selectors, as IKE_AUTH does it, but for the group. */
static uint16_t choose(struct ike_core *c, struct ike_sa *sa, struct making *m)
{
	const struct policy_connection *conn = sa->peer->connection;
	struct ts_list local, remote;
	uint32_t spi_out;

	if (c->conf.force_encap && sa->path.local.port != IKE_NATT_PORT)
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	if (sa_choose_esp(&m->in->sa, conn->suites, conn->n_suites, false, &m->suite, &m->chosen,
			  &spi_out) != 0)
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	if (ts_narrow(&m->in->tsi, policy_peer_remote(sa->peer), &remote) != 0 ||
	    ts_narrow(&m->in->tsr, &conn->local, &local) != 0)
		return NOTIFY_TS_UNACCEPTABLE;
	if (m->suite.kex != NULL && m->in->ke.group != m->suite.kex->id)
		return NOTIFY_INVALID_KE_PAYLOAD;
	if (child_new(c, sa, &m->child) != 0)
		return NOTIFY_TEMPORARY_FAILURE;
	m->child->state = CHILD_RESERVED;
	m->child->suite = m->suite;
	m->child->spi_out = spi_out;
	m->child->local = local;
	m->child->remote = remote;
	m->child->replaces = m->old != NULL ? m->old->id : 0;
	m->child->why = m->old != NULL ? REKEY_PEER : REKEY_NONE;
	return 0;
}

/* Nonce, key exchange if there is one, keys. */
static int derive(struct ike_core *c, struct ike_sa *sa, struct making *m)
{
	AUTO_SECRET g_ir;
	int err = rng_fill(c->rng, m->nr, sizeof(m->nr));

	g_ir.len = 0;
	if (err == 0 && m->suite.kex != NULL) {
		err = kex_generate(c->crypto, m->suite.kex->id, c->rng, &m->kex);
		if (err == 0)
			err = kex_derive(m->kex, m->in->ke.value, &g_ir);
	}
	if (err != 0)
		return err;
	return child_keys_derive(c->crypto, sa->suite.prf->id, key_bytes(&sa->keys.d), &m->suite,
				 secret_bytes(&g_ir), m->in->nonce,
				 (struct bytes){ m->nr, sizeof(m->nr) }, &m->child->keys);
}

static int write_response(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			  const struct making *m)
{
	const struct child *child = m->child;
	uint8_t spi[4];
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);

	chain_put_proposal(&chain, &m->chosen, spi32_bytes(child->spi_in, spi));
	payload_put(&chain, PAYLOAD_NONCE, (struct bytes){ m->nr, sizeof(m->nr) });
	if (m->kex != NULL)
		chain_put_ke(&chain, (uint16_t)m->suite.kex->id, kex_public(m->kex));
	chain_put_ts(&chain, PAYLOAD_TSI, &child->remote);
	chain_put_ts(&chain, PAYLOAD_TSR, &child->local);
	return respond_later(c, sa, req, &chain, child->id);
}

/* Our own rekey of the same SA is out: whose lives on is decided when that is answered. */
static void note_collision(struct ike_core *c, struct ike_sa *sa, const struct making *m)
{
	struct task *task = sa->current;

	if (m->old == NULL || !task_is_current(sa, TASK_REKEY_CHILD) ||
	    task->child_id != m->old->id)
		return;
	count(c, COUNT_COLLISION);
	task->has_collided = true;
	task->other = m->child->id;
	lowest_set(&task->other_nonce, m->in->nonce, (struct bytes){ m->nr, sizeof(m->nr) });
}

static void refuse(struct ike_core *c, struct ike_sa *sa, const struct request *req,
		   const struct making *m, uint16_t type)
{
	if (type == NOTIFY_INVALID_KE_PAYLOAD) {
		create_child_wrong_group(c, sa, req, (uint16_t)m->suite.kex->id);
	} else if (type == NOTIFY_CHILD_SA_NOT_FOUND) {
		/* It names the SA as the request did, RFC 7296, 2.25.1. */
		struct wr w;
		struct payload_writer chain = core_chain(c, &w);

		count(c, COUNT_CREATE_REFUSED);
		chain_put_esp_notify(&chain, type, m->in->rekey_spi);
		respond(c, sa, req->path, EXCHANGE_CREATE_CHILD_SA, req->header.message_id, &chain);
	} else {
		create_child_error(c, sa, req, type, nothing);
	}
}

void child_answer(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, const struct request *req,
		  const struct create_child *in)
{
	struct making m = { .in = in };
	uint16_t refusal;
	int err;

	(void)now_ms;
	if (in->has_rekey)
		m.old = child_find_out(sa, in->rekey_spi);
	refusal = check_time(c, sa, &m);
	if (refusal == 0)
		refusal = choose(c, sa, &m);
	if (refusal != 0) {
		refuse(c, sa, req, &m, refusal);
		return;
	}
	err = derive(c, sa, &m);
	if (err == 0)
		err = write_response(c, sa, req, &m);
	if (err == 0) {
		note_collision(c, sa, &m);
		child_install(c, m.child, m.old != NULL);
	} else {
		child_free(c, m.child);
		if (err == ERR_VALUE)
			create_child_malformed(c, sa, now_ms, req);
		else
			create_child_error(c, sa, req, NOTIFY_TEMPORARY_FAILURE, nothing);
	}
	kex_free(m.kex);
}

/* It came to nothing. */
static void forget_collision(struct ike_sa *sa, uint64_t child_id)
{
	if (sa->current != NULL && sa->current->has_collided && sa->current->other == child_id)
		sa->current->has_collided = false;
}

/* The data plane has it, or not: now the response can leave. */
void child_answer_finish(struct ike_core *c, struct ike_sa *sa, struct child *child,
			 uint64_t now_ms, int err)
{
	struct child *old = child_find(c, child->replaces);

	if (err != 0) {
		forget_collision(sa, child->id);
		child_free(c, child);
		stored_free(&sa->answer.message);
		count(c, COUNT_CREATE_REFUSED);
		respond_notify(c, sa, &sa->answer.path, EXCHANGE_CREATE_CHILD_SA, sa->answer.mid,
			       NOTIFY_NO_ADDITIONAL_SAS, nothing);
		return;
	}
	child_installed(c, child, now_ms);
	child->unconfirmed_until_ms = now_ms + UNCONFIRMED_MS;
	respond_now(c, sa);
	log_info(c->lg, LG_IKE, "%016" PRIx64 " Child SA %08" PRIx32 " asked for by the peer%s",
		 sa->own_spi, child->spi_in, child->replaces != 0 ? ", in place of another" : "");
	if (child->replaces == 0) {
		count(c, COUNT_CHILD_CREATED);
		action_peer(c, ACTION_PEER_CHANGED, sa, REASON_DELETED);
		return;
	}
	count(c, COUNT_CHILD_REKEYED);
	if (old != NULL && old->state == CHILD_INSTALLED) {
		tasks_forget_child(sa, old->id);
		child_replaced(old, now_ms);
	}
}
