/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/session/tasks.h"

#include <inttypes.h>

/*
 * Rekeying an IKE SA (RFC 7296, 1.3.2, 2.18), asked by the peer or by us. A key exchange is
 * mandatory. Whoever asks deletes the old SA, unless both did and its exchange is the redundant
 * one.
 */
static const struct bytes nothing = { NULL, 0 };

/* An SPI of 8 octets, not zero; else 0. */
static uint64_t read_spi(struct bytes spi)
{
	uint64_t value = 0;

	if (spi.len != 8)
		return 0;
	for (size_t i = 0; i < spi.len; i++)
		value = value << 8 | spi.ptr[i];
	return value;
}

/* ---- the peer asks ---- */

static bool has_child_under_way(const struct ike_sa *sa)
{
	for (const struct child *child = sa->children; child != NULL; child = child->next) {
		if (child->state == CHILD_RESERVED || child->state == CHILD_INSTALLING)
			return true;
	}
	return false;
}

/* RFC 7296, 2.25.2: not while we have to do with a Child SA, or are about to delete all. */
static bool is_busy(const struct ike_sa *sa)
{
	return has_child_under_way(sa) || task_is_current(sa, TASK_DELETE_CHILD) ||
	       task_is_waiting(sa, TASK_DELETE_IKE, 0) ||
	       (task_is_current(sa, TASK_REKEY_IKE) && sa->current->has_collided);
}

static void write_answer(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			 struct ike_sa *heir, const struct proposal *chosen, struct bytes nr,
			 const struct kex *kex)
{
	uint8_t spi[8];
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);

	chain_put_proposal(&chain, chosen, spi64_bytes(heir->own_spi, spi));
	payload_put(&chain, PAYLOAD_NONCE, nr);
	chain_put_ke(&chain, (uint16_t)heir->suite.kex->id, kex_public(kex));
	if (c->role->add_answer != NULL)
		c->role->add_answer(c, sa, heir, req->payloads, &chain);
	respond(c, sa, req->path, EXCHANGE_CREATE_CHILD_SA, req->header.message_id, &chain);
}

/* Our own rekey of it is out: which of the two lives on is decided when that is answered. */
static void inherit_or_wait(struct ike_core *c, struct ike_sa *sa, struct ike_sa *heir,
			    uint64_t now_ms, struct bytes ni, struct bytes nr)
{
	struct task *task = sa->current;

	if (!task_is_current(sa, TASK_REKEY_IKE)) {
		heir_inherit(c, sa, heir, now_ms);
		return;
	}
	count(c, COUNT_COLLISION);
	task->has_collided = true;
	task->other = heir->own_spi;
	lowest_set(&task->other_nonce, ni, nr);
}

static int make_heir(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		     const struct request *req, const struct create_child *in,
		     const struct ike_suite *suite, const struct proposal *chosen)
{
	uint64_t peer_spi = read_spi(sa_find(&in->sa, chosen->number)->spi);
	struct ike_sa *heir = heir_new(c, sa, false, peer_spi, now_ms);
	uint8_t nonce[NONCE_SIZE];
	struct bytes nr = { nonce, sizeof(nonce) };
	struct kex *kex = NULL;
	AUTO_SECRET g_ir;
	int err;

	g_ir.len = 0;
	if (heir == NULL)
		return ERR_NO_MEMORY;
	heir->suite = *suite;
	heir->why = REKEY_PEER;
	if ((err = rng_fill(c->rng, nonce, sizeof(nonce))) == 0 &&
	    (err = kex_generate(c->crypto, suite->kex->id, c->rng, &kex)) == 0 &&
	    (err = kex_derive(kex, in->ke.value, &g_ir)) == 0)
		err = heir_derive(c, sa, heir, in->nonce, nr, secret_bytes(&g_ir));
	if (err == 0) {
		write_answer(c, sa, req, heir, chosen, nr, kex);
		inherit_or_wait(c, sa, heir, now_ms, in->nonce, nr);
	} else {
		ike_sa_free(c, heir);
	}
	kex_free(kex);
	return err;
}

void ike_rekey_answer(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		      const struct request *req, const struct create_child *in)
{
	struct ike_suite suite;
	struct proposal chosen;
	int err;

	if (is_busy(sa)) {
		create_child_error(c, sa, req, NOTIFY_TEMPORARY_FAILURE, nothing);
		return;
	}
	if (sa_choose_ike(&in->sa, c->conf.suites, c->conf.n_suites, &suite, &chosen) != 0 ||
	    read_spi(sa_find(&in->sa, chosen.number)->spi) == 0) {
		create_child_error(c, sa, req, NOTIFY_NO_PROPOSAL_CHOSEN, nothing);
		return;
	}
	if (in->ke.group != suite.kex->id) {
		create_child_wrong_group(c, sa, req, (uint16_t)suite.kex->id);
		return;
	}
	err = make_heir(c, sa, now_ms, req, in, &suite, &chosen);
	if (err == ERR_VALUE)
		create_child_malformed(c, sa, now_ms, req);
	else if (err != 0)
		create_child_error(c, sa, req, NOTIFY_TEMPORARY_FAILURE, nothing);
}

/* ---- we ask ---- */

/* The group for the KE payload: what the peer wants if we offer it, else our first. */
static const struct kex_group *pick_group(const struct session_conf *conf, uint16_t wanted)
{
	for (size_t i = 0; i < conf->n_suites; i++) {
		if (conf->suites[i].kex->id == wanted)
			return conf->suites[i].kex;
	}
	return conf->suites[0].kex;
}

int ike_rekey_write(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		    struct payload_writer *chain)
{
	const struct kex_group *group = pick_group(&c->conf, task->group);
	struct sa_payload offer;
	struct ike_sa *heir;
	uint8_t spi[8];
	int err;

	if (sa->state != SA_ESTABLISHED || task_is_waiting(sa, TASK_DELETE_IKE, 0))
		return ERR_NOT_FOUND;
	if (has_child_under_way(sa))
		return ERR_BAD_STATE;
	heir = heir_new(c, sa, true, 0, now_ms);
	if (heir == NULL)
		return ERR_NO_MEMORY;
	heir->why = sa->wanted;
	ike_sa_set_due(c, heir, NO_TIME); /* it goes with the task */
	task->made = heir->own_spi;
	if ((err = rng_fill(c->rng, task->nonce, sizeof(task->nonce))) != 0 ||
	    (err = kex_generate(c->crypto, group->id, c->rng, &task->kex)) != 0)
		return err;
	sa_offer_ike(&offer, c->conf.suites, c->conf.n_suites, spi64_bytes(heir->own_spi, spi));
	chain_put_sa(chain, &offer);
	payload_put(chain, PAYLOAD_NONCE, (struct bytes){ task->nonce, sizeof(task->nonce) });
	chain_put_ke(chain, (uint16_t)group->id, kex_public(task->kex));
	if (c->role->add_request != NULL)
		c->role->add_request(c, sa, true, chain);
	task->group = (uint16_t)group->id;
	return 0;
}

/* Nothing came of ours. If the peer has rekeyed it too, that is the one. */
static void take_error(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		       const struct create_child *in)
{
	struct ike_sa *other = task->has_collided ? ike_sa_find(c, task->other) : NULL;

	log_info(c->lg, LG_IKE, "%016" PRIx64 " peer refuses to rekey the IKE SA: %s", sa->own_spi,
		 notify_name(in->error));
	if (in->error == NOTIFY_INVALID_SYNTAX) {
		ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
		return;
	}
	if (other != NULL && other->state == SA_HEIR && sa->state == SA_ESTABLISHED) {
		heir_inherit(c, sa, other, now_ms);
		return;
	}
	if (sa->state != SA_ESTABLISHED)
		return;
	if (in->error == NOTIFY_INVALID_KE_PAYLOAD && task_retry_group(c, sa, task, in->error_data))
		return;
	count(c, COUNT_REKEY_FAILED);
	ike_sa_retry_later(c, sa, now_ms, in->error == NOTIFY_TEMPORARY_FAILURE);
}

static int complete(struct ike_core *c, struct ike_sa *sa, const struct task *task,
		    const struct create_child *in, struct ike_sa *heir)
{
	AUTO_SECRET g_ir;
	uint64_t peer_spi = read_spi(in->sa.proposals[0].spi);
	int err = sa_match_ike(&in->sa, c->conf.suites, c->conf.n_suites, &heir->suite);

	g_ir.len = 0;
	if (err == 0 &&
	    (peer_spi == 0 || heir->suite.kex->id != task->group || in->ke.group != task->group))
		err = ERR_MISMATCH;
	if (err == 0)
		err = kex_derive(task->kex, in->ke.value, &g_ir);
	if (err != 0)
		return err;
	heir->spi_r = peer_spi;
	return heir_derive(c, sa, heir, (struct bytes){ task->nonce, sizeof(task->nonce) },
			   in->nonce, secret_bytes(&g_ir));
}

static void ask_delete(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		       enum ike_reason reason)
{
	struct task *task = task_add(c, sa, TASK_DELETE_IKE, 0);

	if (task != NULL)
		task->reason = reason;
	tasks_start(c, sa, now_ms);
	ike_sa_arm(c, sa);
}

/*
 * All four nonces are known, if there are four. The redundant one is deleted by who began it, the
 * old one by who began the other.
 */
static void settle(struct ike_core *c, struct ike_sa *sa, const struct task *task, uint64_t now_ms,
		   struct bytes nr, struct ike_sa *heir)
{
	struct ike_sa *other = task->has_collided ? ike_sa_find(c, task->other) : NULL;
	bool is_lost = task->has_collided &&
		       collision_is_lost((struct bytes){ task->nonce, sizeof(task->nonce) }, nr,
					 &task->other_nonce);

	ike_sa_set_due(c, heir, now_ms + c->conf.half_open_timeout_ms);
	if (sa->state != SA_ESTABLISHED || (is_lost && other != NULL)) {
		if (sa->state == SA_ESTABLISHED && other->state == SA_HEIR)
			heir_inherit(c, sa, other, now_ms);
		ask_delete(c, heir, now_ms, REASON_REDUNDANT);
		return;
	}
	heir_inherit(c, sa, heir, now_ms);
	ask_delete(c, sa, now_ms, REASON_REKEYED);
}

void ike_rekey_take(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		    const struct request *response)
{
	struct ike_sa *heir = ike_sa_find(c, task->made);
	struct create_child in;
	int err = create_child_decode(response->payloads, true, &in);

	if (err == 0 && in.error != 0) {
		take_error(c, sa, task, now_ms, &in);
		return;
	}
	if (err == 0)
		err = complete(c, sa, task, &in, heir);
	if (err != 0) {
		/* The peer has an SA that we cannot use; and nobody answers a response (2.21.3). */
		count(c, COUNT_SYNTAX);
		ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
		return;
	}
	settle(c, sa, task, now_ms, in.nonce, heir);
	if (c->role->answered != NULL && heir->state == SA_ESTABLISHED)
		c->role->answered(c, heir, now_ms, response->payloads);
}
