/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/ike_sa.h"

#include <stdlib.h>

#include "common/ikev2/notify.h"
#include "common/ikev2/sk.h"

#define MEMBER_MAX      191
#define LOG_BURST       20
#define LOG_INTERVAL_MS 500

#define MOVE_INTERVAL_MS 1000

/* Which protected messages a state takes. What is not listed is dropped and changes nothing. */
static const struct transition {
	enum sa_state state;
	uint8_t exchange;
	bool is_response;
	exchange_handler *handler;
} transitions[] = {
	{ SA_HALF_OPEN, EXCHANGE_IKE_AUTH, false, exchange_auth },
	{ SA_ESTABLISHED, EXCHANGE_INFORMATIONAL, false, exchange_informational },
	{ SA_ESTABLISHED, EXCHANGE_INFORMATIONAL, true, exchange_informational_response },
	{ SA_ESTABLISHED, EXCHANGE_CREATE_CHILD_SA, false, exchange_create_child },
};

static exchange_handler *find_handler(enum sa_state state, const struct ike_header *h)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		const struct transition *t = &transitions[i];

		if (t->state == state && t->exchange == h->exchange &&
		    t->is_response == ike_header_is_response(h))
			return t->handler;
	}
	return NULL;
}

const char *responder_counter_name(enum responder_counter counter)
{
#define COUNTER_NAME(name, text) text,
	static const char *const names[] = { RESPONDER_COUNTERS(COUNTER_NAME) };
#undef COUNTER_NAME

	return counter < RESPONDER_COUNTER_COUNT ? names[counter] : "?";
}

const char *responder_reason_text(enum responder_reason reason)
{
#define REASON_CASE(name, text) \
	case REASON_##name:     \
		return text;
	switch (reason) {
		RESPONDER_REASONS(REASON_CASE)
	}
#undef REASON_CASE
	return "?";
}

struct responder *responder_new(const struct responder_conf *conf, const struct policy *policy,
				struct crypto *crypto, const struct rng *rng,
				const struct logger *lg)
{
	struct responder *r;

	if (conf->member < 1 || conf->member > MEMBER_MAX || conf->shards == 0 ||
	    conf->shard >= conf->shards || conf->n_suites == 0 || conf->half_open_max == 0 ||
	    conf->id.data.len > ID_TEXT_MAX)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->conf = *conf;
	memcpy(r->id_octets, conf->id.data.ptr, conf->id.data.len);
	r->conf.id.data.ptr = r->id_octets;
	r->policy = policy;
	r->crypto = crypto;
	r->rng = rng;
	r->lg = lg;
	r->last = &r->first;
	r->limit = (struct log_limit){ .burst = LOG_BURST, .interval_ms = LOG_INTERVAL_MS };
	if (rng_fill(rng, r->no_psk, sizeof(r->no_psk)) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

void responder_free(struct responder *r)
{
	struct ike_sa *sa, *next;

	if (r == NULL)
		return;
	HASH_ITER(hh_spi, r->by_spi, sa, next)
	ike_sa_free(r, sa);
	actions_free(r);
	timers_free(&r->timers);
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
		count(r, RESPONDER_DROP_STATE);
		return;
	}
	err = payload_list_decode(h->next_payload,
				  (struct bytes){ req->message.ptr + IKE_HEADER_SIZE,
						  req->message.len - IKE_HEADER_SIZE },
				  &list, &critical);
	if (err != 0) {
		count(r, RESPONDER_DROP_PAYLOAD);
		if (err == ERR_CRITICAL)
			respond_stateless(r, req->path, h, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
					  (struct bytes){ &critical, 1 });
		return;
	}
	inner.payloads = &list;
	if (h->exchange == EXCHANGE_IKE_SA_INIT)
		exchange_init(r, now_ms, &inner);
	else
		exchange_resume(r, now_ms, &inner);
}

/*
 * RFC 7296, 2.23: a peer that moved behind its NAT is followed, on authentic fresh messages. Not
 * more than once in a while, because every move is told to the director: a peer that sends each
 * packet from another port must not make messages of them all.
 */
static void follow(struct responder *r, struct ike_sa *sa, const struct path *path)
{
	if (sa->state != SA_ESTABLISHED || sa->is_behind_nat ||
	    endpoint_is_equal(&sa->path.remote, &path->remote))
		return;
	if (sa->has_moved && r->now_ms - sa->moved_ms < MOVE_INTERVAL_MS)
		return;
	sa->has_moved = true;
	sa->moved_ms = r->now_ms;
	sa->path = *path;
	if (sa->has_child)
		action_child_move(r, sa);
	action_peer(r, ACTION_PEER_CHANGED, sa, REASON_DELETED);
}

/* The peer itself sent something that cannot be read: RFC 7296, 2.5 and 2.21.3. */
static void take_malformed(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
			   const struct request *req, int err, uint8_t critical)
{
	struct bytes data = { &critical, 1 };
	bool is_critical = err == ERR_CRITICAL;

	if (find_handler(sa->state, &req->header) == NULL) {
		count(r, RESPONDER_DROP_STATE);
		return;
	}
	count(r, RESPONDER_SYNTAX);
	if (ike_header_is_response(&req->header))
		return;
	sa->rx_next++;
	respond_notify(r, sa, req->path, req->header.exchange, req->header.message_id,
		       is_critical ? NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD : NOTIFY_INVALID_SYNTAX,
		       is_critical ? data : (struct bytes){ NULL, 0 });
	if (sa->state == SA_HALF_OPEN)
		ike_sa_fail(r, sa, now_ms, "malformed IKE_AUTH");
	else if (!is_critical)
		ike_sa_close(r, sa, now_ms, REASON_SYNTAX);
}

/* True if the message is the next one that we wait for; retransmissions are answered here. */
static bool is_in_window(struct responder *r, const struct ike_sa *sa, const struct request *req)
{
	const struct ike_header *h = &req->header;

	if (ike_header_is_response(h)) {
		if (sa->outstanding.len > 0 && h->message_id == sa->tx_next - 1)
			return true;
	} else if (h->message_id == sa->rx_next) {
		return true;
	} else if (h->message_id == sa->rx_next - 1 && sa->last_response.len > 0) {
		count(r, RESPONDER_RETRANSMIT);
		action_send(r, req->path,
			    (struct bytes){ sa->last_response.ptr, sa->last_response.len });
		return false;
	}
	count(r, RESPONDER_DROP_WINDOW);
	return false;
}

static void take_protected(struct responder *r, uint64_t now_ms, const struct request *req)
{
	struct request inner = *req;
	struct ike_sa *sa = ike_sa_find(r, req->header.spi_r);
	exchange_handler *handler;
	struct payload_list list;
	bool is_authentic = false;
	uint8_t critical = 0;
	int err;

	/* The peer is the original initiator of all our SAs. */
	if (sa == NULL || sa->spi_i != req->header.spi_i ||
	    !ike_header_is_initiator(&req->header)) {
		count(r, RESPONDER_DROP_UNKNOWN_SPI);
		return;
	}
	err = req->message.len <= sizeof(r->plain)
		  ? sk_open(r->crypto, sa->suite.encr, key_bytes(&sa->keys.ei), req->message,
			    r->plain, &list, &critical, &is_authentic)
		  : ERR_LIMIT;
	if (!is_authentic) {
		count(r, err == ERR_AUTH ? RESPONDER_DROP_ICV : RESPONDER_DROP_PAYLOAD);
		return;
	}
	if (!is_in_window(r, sa, req))
		return;
	sa->heard_ms = now_ms;
	if (err != 0) {
		take_malformed(r, sa, now_ms, req, err, critical);
		return;
	}
	handler = find_handler(sa->state, &req->header);
	if (handler == NULL) {
		count(r, RESPONDER_DROP_STATE);
		return;
	}
	inner.payloads = &list;
	follow(r, sa, req->path);
	if (!ike_header_is_response(&req->header))
		sa->rx_next++;
	handler(r, sa, now_ms, &inner);
}

void responder_datagram(struct responder *r, uint64_t now_ms, const struct path *path,
			struct bytes message)
{
	struct request req = { .path = path, .message = message };

	r->now_ms = now_ms;
	count(r, RESPONDER_RX);
	if (ike_header_decode(message, &req.header) != 0 || req.header.spi_i == 0) {
		count(r, RESPONDER_DROP_HEADER);
		return;
	}
	if (req.header.version >> 4 != IKE_VERSION >> 4) {
		count(r, RESPONDER_DROP_VERSION);
		return;
	}
	if (req.header.exchange == EXCHANGE_IKE_SA_INIT ||
	    req.header.exchange == EXCHANGE_IKE_SESSION_RESUME)
		take_initial(r, now_ms, &req);
	else
		take_protected(r, now_ms, &req);
}

void responder_child_result(struct responder *r, uint64_t now_ms, uint64_t child_id, int err)
{
	struct ike_sa *sa = ike_sa_find_child(r, child_id);

	r->now_ms = now_ms;
	if (sa == NULL || sa->state != SA_INSTALLING)
		return;
	if (err != 0) {
		log_error(r->lg, LG_IKE, "the data plane refused a Child SA: %s", err_text(err));
		ike_sa_drop_child(r, sa);
		sa->child_error = NOTIFY_NO_ADDITIONAL_SAS;
	}
	auth_finish(r, sa, now_ms);
}

void responder_child_heard(struct responder *r, uint64_t now_ms, uint64_t child_id,
			   const struct endpoint *remote)
{
	struct ike_sa *sa = ike_sa_find_child(r, child_id);

	r->now_ms = now_ms;
	if (sa == NULL)
		return;
	sa->heard_ms = now_ms;
	if (remote != NULL) {
		struct path path = { sa->path.local, *remote };

		follow(r, sa, &path);
	}
}

int responder_set_redirect(struct responder *r, const struct ip *local, const struct ip *target)
{
	return elsewhere_set(&r->elsewhere, local, target);
}

void responder_drop_local(struct responder *r, uint64_t now_ms, const struct ip *local)
{
	struct ike_sa *sa, *next;

	r->now_ms = now_ms;
	HASH_ITER(hh_spi, r->by_spi, sa, next)
	{
		if (!ip_is_equal(&sa->path.local.ip, local))
			continue;
		if (sa->state == SA_ESTABLISHED || sa->state == SA_INSTALLING)
			ike_sa_close(r, sa, now_ms, REASON_TAKEN);
		ike_sa_free(r, sa);
	}
}

uint64_t responder_next_expiry(const struct responder *r)
{
	const struct timer *first = timers_first(&r->timers);
	uint64_t redirect_ms = elsewhere_due_ms(&r->elsewhere);

	return first != NULL && first->due_ms < redirect_ms ? first->due_ms : redirect_ms;
}

static void expire_established(struct responder *r, struct ike_sa *sa, uint64_t now_ms)
{
	if (sa->outstanding.len > 0)
		request_retransmit(r, sa, now_ms);
	else if (now_ms - sa->heard_ms < r->conf.dpd_ms)
		ike_sa_set_timer(r, sa, sa->heard_ms + r->conf.dpd_ms);
	else
		request_liveness(r, sa, now_ms);
}

static void expire(struct responder *r, struct ike_sa *sa, uint64_t now_ms)
{
	switch (sa->state) {
	case SA_ESTABLISHED:
		expire_established(r, sa, now_ms);
		break;
	case SA_INSTALLING:
		/* Should the data plane have it after all, it has it no longer. */
		action_child_remove(r, sa->child.id);
		responder_child_result(r, now_ms, sa->child.id, ERR_TIMEOUT);
		break;
	case SA_HALF_OPEN:
		if (sa->is_answer_due) {
			init_send_response(r, sa, now_ms);
			break;
		}
		count(r, RESPONDER_HALF_OPEN_EXPIRED);
		ike_sa_free(r, sa);
		break;
	case SA_FAILED:
	case SA_CLOSED:
	case SA_STATE_COUNT:
		ike_sa_free(r, sa);
		break;
	}
}

void responder_expire(struct responder *r, uint64_t now_ms)
{
	struct timer *first;

	r->now_ms = now_ms;
	init_send_redirects(r, now_ms);
	while ((first = timers_first(&r->timers)) != NULL && first->due_ms <= now_ms) {
		struct ike_sa *sa =
		    (struct ike_sa *)(void *)((char *)first - offsetof(struct ike_sa, timer));

		expire(r, sa, now_ms);
	}
}

size_t responder_count_half_open(const struct responder *r)
{
	return r->n_half_open;
}

size_t responder_count_established(const struct responder *r)
{
	return r->n_established;
}

uint64_t responder_counter(const struct responder *r, enum responder_counter counter)
{
	return r->counters[counter];
}

void responder_each_peer(const struct responder *r,
			 void (*visit)(void *ctx, const struct peer_info *peer), void *ctx)
{
	for (const struct ike_sa *sa = r->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		struct peer_info info;

		if (sa->state != SA_ESTABLISHED)
			continue;
		ike_sa_fill_info(sa, &info);
		visit(ctx, &info);
	}
}
