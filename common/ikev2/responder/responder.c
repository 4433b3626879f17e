/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include <stdlib.h>

#include "common/ikev2/notify.h"

#define MEMBER_MAX 191

static void forget_setup(struct ike_sa *sa)
{
	struct half_open *h = half_open_of(sa);

	stored_free(&h->request);
	stored_free(&h->response);
	if (h->ticket != NULL)
		ticket_wipe(h->ticket);
	free(h->ticket);
	wipe(h, sizeof(*h));
	free(h);
}

static void expire_setup(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	if (sa->state == SA_INSTALLING) {
		/* Should the data plane have it after all, it has it no longer. */
		action_child_remove(c, sa->children->id);
		core_child_result(c, now_ms, sa->children->id, ERR_TIMEOUT);
	} else if (half_open_of(sa)->is_answer_due) {
		initial_send_response(responder_of(c), sa, now_ms);
	} else {
		count(c, COUNT_HALF_OPEN_EXPIRED);
		ike_sa_free(c, sa);
	}
}

static const struct role role = {
	.take_setup = auth_take_request,
	.expire_setup = expire_setup,
	.first_child = auth_take_child,
	.forget_setup = forget_setup,
	.add_answer = tickets_answer,
	.deleted = tickets_deleted,
	.unknown_spi = qcd_unknown,
};

struct responder *responder_new(const struct responder_conf *conf, const struct policy *policy,
				struct crypto *crypto, const struct rng *rng,
				const struct logger *lg)
{
	struct session_conf session = {
		.member = conf->member,
		.shard = conf->shard,
		.shards = conf->shards,
		.half_open_timeout_ms = conf->half_open_timeout_ms,
		.dpd_ms = conf->dpd_ms,
		.rekey_ike_ms = conf->rekey_ike_ms,
		.rekey_resumed_ms = conf->rekey_resumed_ms,
		.fragment_size = conf->fragment_size,
		.force_encap = conf->force_encap,
		.n_suites = conf->n_suites,
	};
	struct responder *r;

	if (conf->member < 1 || conf->member > MEMBER_MAX || conf->shards == 0 ||
	    conf->shard >= conf->shards || conf->n_suites == 0 || conf->half_open_max == 0 ||
	    conf->id.data.len > ID_TEXT_MAX ||
	    (conf->fragment_size != 0 && conf->fragment_size < FRAGMENT_SIZE_MIN))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->conf = *conf;
	memcpy(r->id_octets, conf->id.data.ptr, conf->id.data.len);
	r->conf.id.data.ptr = r->id_octets;
	r->policy = policy;
	memcpy(session.suites, conf->suites, sizeof(session.suites));
	core_init(&r->core, &role, &session, crypto, rng, lg);
	if (rng_fill(rng, r->no_psk, sizeof(r->no_psk)) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

void responder_free(struct responder *r)
{
	if (r == NULL)
		return;
	core_clear(&r->core);
	wipe(r, sizeof(*r));
	free(r);
}

/* IKE_SA_INIT and what takes its place: unprotected, message ID 0, no SPI of ours yet. */
static void take_initial(struct responder *r, uint64_t now_ms, const struct request *req)
{
	const struct ike_header *h = &req->header;
	struct request inner = *req;
	struct payload_list list;
	uint8_t critical = 0;
	int err;

	if (ike_header_is_response(h) || !ike_header_is_initiator(h) || h->message_id != 0 ||
	    h->spi_r != 0) {
		count(&r->core, COUNT_DROP_STATE);
		return;
	}
	err = payload_list_decode(h->next_payload,
				  (struct bytes){ req->message.ptr + IKE_HEADER_SIZE,
						  req->message.len - IKE_HEADER_SIZE },
				  &list, &critical);
	if (err != 0) {
		count(&r->core, COUNT_DROP_PAYLOAD);
		if (err == ERR_CRITICAL)
			respond_stateless(&r->core, req->path, h,
					  NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
					  (struct bytes){ &critical, 1 });
		return;
	}
	inner.payloads = &list;
	if (h->exchange == EXCHANGE_IKE_SA_INIT)
		exchange_init(r, now_ms, &inner);
	else
		exchange_resume(r, now_ms, &inner);
}

void responder_datagram(struct responder *r, uint64_t now_ms, const struct path *path,
			struct bytes message)
{
	struct request req = { .path = path, .message = message };

	if (!core_read_header(&r->core, now_ms, &req))
		return;
	if (req.header.exchange == EXCHANGE_IKE_SA_INIT ||
	    req.header.exchange == EXCHANGE_IKE_SESSION_RESUME)
		take_initial(r, now_ms, &req);
	else
		core_take_protected(&r->core, now_ms, &req);
}

void responder_child_result(struct responder *r, uint64_t now_ms, uint64_t child_id, int err)
{
	core_child_result(&r->core, now_ms, child_id, err);
}

bool responder_child_heard(struct responder *r, uint64_t now_ms, uint64_t child_id,
			   const struct endpoint *remote)
{
	return core_child_heard(&r->core, now_ms, child_id, remote);
}

void responder_child_usage(struct responder *r, uint64_t now_ms, uint64_t child_id,
			   const struct esp_stats *stats)
{
	core_child_usage(&r->core, now_ms, child_id, stats);
}

bool responder_rekey_ike(struct responder *r, uint64_t now_ms, uint64_t spi)
{
	return core_rekey_ike(&r->core, now_ms, spi);
}

bool responder_rekey_child(struct responder *r, uint64_t now_ms, uint64_t child_id)
{
	return core_rekey_child(&r->core, now_ms, child_id);
}

bool responder_delete_ike(struct responder *r, uint64_t now_ms, uint64_t spi)
{
	return core_delete_ike(&r->core, now_ms, spi, REASON_STOPPED);
}

bool responder_delete_child(struct responder *r, uint64_t now_ms, uint64_t child_id)
{
	return core_delete_child(&r->core, now_ms, child_id);
}

int responder_set_redirect(struct responder *r, const struct ip *local, const struct ip *target)
{
	return elsewhere_set(&r->elsewhere, local, target);
}

void responder_drop_local(struct responder *r, uint64_t now_ms, const struct ip *local)
{
	core_drop_local(&r->core, now_ms, local);
}

bool responder_is_dropping(const struct responder *r)
{
	return core_is_dropping(&r->core);
}

void responder_set_time(struct responder *r, uint64_t now_ms, uint64_t unix_s)
{
	r->wall_s = unix_s;
	r->wall_at_ms = now_ms;
}

uint64_t responder_now_s(const struct responder *r)
{
	uint64_t now_ms = r->core.now_ms;

	if (r->wall_s == 0)
		return 0;
	return r->wall_s + (now_ms > r->wall_at_ms ? (now_ms - r->wall_at_ms) / 1000 : 0);
}

bool responder_supersede(struct responder *r, uint64_t now_ms, uint64_t spi, const char *identity)
{
	struct ike_sa *sa = ike_sa_find(&r->core, spi);
	char text[ID_TEXT_MAX];

	r->core.now_ms = now_ms;
	if (sa == NULL || sa->state != SA_ESTABLISHED)
		return false;
	if (strcmp(id_format(&sa->id, text), identity) != 0)
		return false;
	ike_sa_close(&r->core, sa, now_ms, REASON_SUPERSEDED);
	return true;
}

uint64_t responder_next_expiry(const struct responder *r)
{
	uint64_t due_ms = core_next_expiry(&r->core);
	uint64_t redirect_ms = elsewhere_due_ms(&r->elsewhere);

	return redirect_ms < due_ms ? redirect_ms : due_ms;
}

void responder_expire(struct responder *r, uint64_t now_ms)
{
	init_send_redirects(r, now_ms);
	core_expire(&r->core, now_ms);
}

bool responder_next_action(struct responder *r, struct action *out)
{
	return actions_next(&r->core, out);
}

size_t responder_count_half_open(const struct responder *r)
{
	return r->core.n_half_open;
}

size_t responder_count_established(const struct responder *r)
{
	return r->core.n_established;
}

uint64_t responder_counter(const struct responder *r, enum ike_counter counter)
{
	return r->core.counters[counter];
}

void responder_each_peer(const struct responder *r,
			 void (*visit)(void *ctx, const struct peer_info *peer), void *ctx)
{
	core_each_peer(&r->core, visit, ctx);
}

size_t responder_each_sa(const struct responder *r, const struct sa_query *q, sa_visit *visit,
			 void *ctx)
{
	return core_each_sa(&r->core, &r->conf.id, q, visit, ctx);
}
