/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

#include <stdlib.h>

static void forget_setup(struct ike_sa *sa)
{
	struct attempt *a = attempt_of(sa);

	stored_free(&a->request);
	stored_free(&a->response);
	kex_free(a->kex);
	tickets_free(&a->ticket);
	wipe(a, sizeof(*a));
	free(a);
}

static void expire_setup(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	struct initiator *i = initiator_of(c);
	uint16_t notify = attempt_of(sa)->notify;

	if (sa->state == SA_INSTALLING) {
		/* Should the data plane have it after all, it has it no longer. */
		action_child_remove(c, sa->children->id);
		core_child_result(c, now_ms, sa->children->id, ERR_TIMEOUT);
		return;
	}
	if (sa->state_due_ms > now_ms && resuming_is_over(sa, now_ms)) {
		resuming_fall_back(i, sa, now_ms);
		return;
	}
	if (sa->state_due_ms > now_ms && request_retransmit(c, sa, now_ms)) {
		ike_sa_arm(c, sa);
		return;
	}
	count(c, COUNT_HALF_OPEN_EXPIRED);
	attempt_fail(i, sa, notify != 0 ? REASON_REFUSED : REASON_DEAD, notify);
}

static const struct role role = {
	.take_setup = auth_take_response,
	.expire_setup = expire_setup,
	.first_child = auth_take_first_child,
	.forget_setup = forget_setup,
	.forget_kept = kept_forget,
	.inherited = kept_inherited,
	.down = kept_down,
	.informed = kept_informed,
	.add_request = tickets_add_request,
	.answered = kept_answered,
};

void attempt_fail(struct initiator *i, struct ike_sa *sa, enum ike_reason reason, uint16_t notify)
{
	log_info(i->core.lg, LG_IKE, "no IKE SA: %s%s%s", ike_reason_text(reason),
		 notify != 0 ? ", " : "", notify != 0 ? notify_name(notify) : "");
	attempt_report(i, sa, reason, notify);
	ike_sa_free(&i->core, sa);
}

void attempt_report(struct initiator *i, const struct ike_sa *sa, enum ike_reason reason,
		    uint16_t notify)
{
	if (!handover_failed(i, sa))
		action_failed(&i->core, sa, reason, notify);
}

struct initiator *initiator_new(const struct initiator_conf *conf, struct crypto *crypto,
				const struct rng *rng, const struct logger *lg)
{
	struct session_conf session = {
		.shards = 1,
		.half_open_timeout_ms = conf->setup_timeout_ms,
		.dpd_ms = conf->dpd_ms,
		.rekey_ike_ms = conf->rekey_ike_ms,
		.n_suites = conf->n_suites,
		.fragment_size = conf->fragment_size,
	};
	struct initiator *i;

	if (conf->n_suites == 0 || conf->n_suites > POLICY_MAX_SUITES ||
	    (conf->fragment_size != 0 && conf->fragment_size < FRAGMENT_SIZE_MIN) ||
	    conf->setup_timeout_ms == 0 || conf->id.data.len > ID_TEXT_MAX)
		return NULL;
	i = calloc(1, sizeof(*i));
	if (i == NULL)
		return NULL;
	i->conf = *conf;
	if (conf->id.data.len > 0)
		memcpy(i->id_octets, conf->id.data.ptr, conf->id.data.len);
	i->conf.id.data.ptr = i->id_octets;
	memcpy(session.suites, conf->suites, sizeof(session.suites));
	core_init(&i->core, &role, &session, crypto, rng, lg);
	return i;
}

void initiator_free(struct initiator *i)
{
	if (i == NULL)
		return;
	core_clear(&i->core);
	wipe(i, sizeof(*i));
	free(i);
}

static struct ike_sa *attempt_new(struct initiator *i, const struct origin *origin,
				  const struct path *path)
{
	struct ike_sa *sa = ike_sa_new(&i->core, true);
	struct attempt *a;

	if (sa == NULL)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		ike_sa_free(&i->core, sa);
		return NULL;
	}
	sa->setup = a;
	if (origin->trail != NULL)
		a->trail = *origin->trail;
	else
		a->trail.first_path = *path;
	a->redirected_from = sa->redirected_from = origin->from;
	a->replaces = origin->replaces;
	sa->path = *path;
	sa->peer = origin->peer;
	sa->ref = origin->ref;
	return sa;
}

/* Sends the first message. */
static int launch(struct initiator *i, struct ike_sa *sa, uint64_t now_ms)
{
	struct attempt *a = attempt_of(sa);
	int err = rng_fill(i->core.rng, a->ni, sizeof(a->ni));

	sa->heard_ms = now_ms;
	ike_sa_change_state(&i->core, sa, SA_INIT_SENT,
			    a->ticket != NULL ? "begins with a ticket" : "begins");
	if (err == 0 && a->ticket == NULL)
		err = init_make_kex(i, sa, 0);
	return err == 0 ? init_send(i, sa, now_ms) : err;
}

struct origin attempt_origin(const struct ike_sa *before, bool is_redirected)
{
	const struct attempt *a = attempt_of(before);

	return (struct origin){
		.peer = before->peer,
		.ref = before->ref,
		.trail = &a->trail,
		.from = is_redirected ? before->path.remote.ip : a->redirected_from,
		.replaces = a->replaces,
		.due_ms = a->due_ms,
	};
}

/* The SA that is to be replaced, if it is still there. */
static struct kept *kept_of_replaced(struct initiator *i, uint64_t replaces)
{
	const struct ike_sa *old = replaces != 0 ? ike_sa_find(&i->core, replaces) : NULL;

	return old != NULL ? kept_of(old) : NULL;
}

int attempt_begin(struct initiator *i, uint64_t now_ms, const struct origin *origin,
		  const struct path *path)
{
	struct ike_sa *sa = attempt_new(i, origin, path);
	struct kept *replaced = kept_of_replaced(i, origin->replaces);
	bool has_ticket = origin->ticket != NULL && *origin->ticket != NULL &&
			  resumption_is_good(*origin->ticket, now_ms);
	int err;

	if (sa == NULL)
		return ERR_NO_MEMORY;
	attempt_of(sa)->ticket = has_ticket ? *origin->ticket : NULL;
	err = launch(i, sa, now_ms);
	if (err != 0) {
		attempt_of(sa)->ticket = NULL; /* it is still the caller's */
		ike_sa_free(&i->core, sa);
		return err;
	}
	if (has_ticket) {
		*origin->ticket = NULL;
		count(&i->core, COUNT_TICKET_SHOWN);
	}
	if (replaced != NULL)
		replaced->handover = sa->own_spi;
	attempt_of(sa)->due_ms =
	    origin->due_ms != 0 ? origin->due_ms : now_ms + i->conf.setup_timeout_ms;
	ike_sa_set_due(&i->core, sa, attempt_of(sa)->due_ms);
	return 0;
}

int initiator_connect(struct initiator *i, uint64_t now_ms, const struct policy_peer *peer,
		      const struct path *path, uint64_t ref)
{
	const struct origin origin = { .peer = peer, .ref = ref };

	i->core.now_ms = now_ms;
	return attempt_begin(i, now_ms, &origin, path);
}

void initiator_datagram(struct initiator *i, uint64_t now_ms, const struct path *path,
			struct bytes message)
{
	struct request req = { .path = path, .message = message };

	if (!core_read_header(&i->core, now_ms, &req))
		return;
	if (req.header.exchange == EXCHANGE_IKE_SA_INIT ||
	    req.header.exchange == EXCHANGE_IKE_SESSION_RESUME)
		init_take_response(i, now_ms, &req);
	else if (!qcd_take(i, now_ms, &req))
		core_take_protected(&i->core, now_ms, &req);
}

void initiator_child_result(struct initiator *i, uint64_t now_ms, uint64_t child_id, int err)
{
	core_child_result(&i->core, now_ms, child_id, err);
}

bool initiator_child_heard(struct initiator *i, uint64_t now_ms, uint64_t child_id,
			   const struct endpoint *remote)
{
	return core_child_heard(&i->core, now_ms, child_id, remote);
}

void initiator_child_usage(struct initiator *i, uint64_t now_ms, uint64_t child_id,
			   const struct esp_stats *stats)
{
	core_child_usage(&i->core, now_ms, child_id, stats);
}

bool initiator_create_child(struct initiator *i, uint64_t now_ms, uint64_t spi)
{
	return core_create_child(&i->core, now_ms, spi);
}

bool initiator_rekey_ike(struct initiator *i, uint64_t now_ms, uint64_t spi)
{
	return core_rekey_ike(&i->core, now_ms, spi);
}

bool initiator_rekey_child(struct initiator *i, uint64_t now_ms, uint64_t child_id)
{
	return core_rekey_child(&i->core, now_ms, child_id);
}

bool initiator_delete_ike(struct initiator *i, uint64_t now_ms, uint64_t spi)
{
	return core_delete_ike(&i->core, now_ms, spi, REASON_STOPPED);
}

bool initiator_delete_child(struct initiator *i, uint64_t now_ms, uint64_t child_id)
{
	return core_delete_child(&i->core, now_ms, child_id);
}

uint64_t initiator_next_expiry(const struct initiator *i)
{
	return core_next_expiry(&i->core);
}

void initiator_expire(struct initiator *i, uint64_t now_ms)
{
	core_expire(&i->core, now_ms);
}

bool initiator_next_action(struct initiator *i, struct action *out)
{
	return actions_next(&i->core, out);
}

size_t initiator_count_half_open(const struct initiator *i)
{
	return i->core.n_half_open;
}

size_t initiator_count_established(const struct initiator *i)
{
	return i->core.n_established;
}

uint64_t initiator_counter(const struct initiator *i, enum ike_counter counter)
{
	return i->core.counters[counter];
}

void initiator_each_peer(const struct initiator *i,
			 void (*visit)(void *ctx, const struct peer_info *peer), void *ctx)
{
	core_each_peer(&i->core, visit, ctx);
}
