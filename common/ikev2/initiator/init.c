/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/initiator/internal.h"

/*
 * IKE_SA_INIT at the initiator (RFC 7296, 1.2, 2.6, 2.7, 2.23), and IKE_SESSION_RESUME, which takes
 * its place (RFC 5723, 4.3). All answers are unauthenticated until IKE_AUTH is done: only what
 * repeats our SPI is looked at, and only a few times.
 */
#define RETRIES_MAX       4
#define ERROR_PATIENCE_MS 5000

/* ---- the request ---- */

/* Fresh for each group: a private value is used once. */
int init_make_kex(struct initiator *i, struct ike_sa *sa, uint16_t wanted)
{
	struct attempt *a = attempt_of(sa);
	const struct kex_group *group = wanted == 0 ? i->conf.suites[0].kex : NULL;
	struct kex *kex;
	int err;

	for (size_t k = 0; group == NULL && k < i->conf.n_suites; k++) {
		const struct kex_group *offered = i->conf.suites[k].kex;

		if (offered != NULL && offered->id == wanted)
			group = offered;
	}
	if (group == NULL)
		return ERR_NOT_FOUND;
	err = kex_generate(i->core.crypto, group->id, i->core.rng, &kex);
	if (err != 0)
		return err;
	kex_free(a->kex);
	a->kex = kex;
	a->group = (uint16_t)group->id;
	return 0;
}

static void put_nat_detection(struct initiator *i, const struct ike_sa *sa,
			      struct payload_writer *chain)
{
	uint8_t hash[NATD_SIZE];
	struct bytes data = { hash, sizeof(hash) };

	if (natd_compute(i->core.crypto, sa->spi_i, 0, &sa->path.local, hash) != 0)
		wr_fail(chain->w, ERR_CRYPTO);
	chain_put_notify(chain, NOTIFY_NAT_DETECTION_SOURCE_IP, data);
	if (natd_compute(i->core.crypto, sa->spi_i, 0, &sa->path.remote, hash) != 0)
		wr_fail(chain->w, ERR_CRYPTO);
	chain_put_notify(chain, NOTIFY_NAT_DETECTION_DESTINATION_IP, data);
}

/* RFC 5685, 3: the second says whence we come; peers of ours send it instead of the first. */
static void put_redirect(const struct initiator *i, const struct attempt *a,
			 struct payload_writer *chain)
{
	struct notify n = { .type = NOTIFY_REDIRECTED_FROM };
	struct gateway gw = { a->redirected_from.family == IP_V6 ? GATEWAY_IPV6 : GATEWAY_IPV4,
			      ip_bytes(&a->redirected_from) };

	if (!i->conf.follow_redirects)
		return;
	chain_put_notify(chain, NOTIFY_REDIRECT_SUPPORTED, (struct bytes){ NULL, 0 });
	if (a->redirected_from.family == IP_NONE)
		return;
	payload_open(chain, PAYLOAD_NOTIFY);
	notify_encode(chain->w, &n);
	redirect_encode(chain->w, &gw, (struct bytes){ NULL, 0 });
	payload_close(chain);
}

static void put_offer(const struct initiator *i, const struct attempt *a,
		      struct payload_writer *chain)
{
	struct sa_payload offer;

	sa_offer_ike(&offer, i->conf.suites, i->conf.n_suites, (struct bytes){ NULL, 0 });
	chain_put_sa(chain, &offer);
	chain_put_ke(chain, a->group, kex_public(a->kex));
}

static uint8_t exchange_of(const struct attempt *a)
{
	return a->ticket != NULL ? EXCHANGE_IKE_SESSION_RESUME : EXCHANGE_IKE_SA_INIT;
}

int init_send(struct initiator *i, struct ike_sa *sa, uint64_t now_ms)
{
	struct attempt *a = attempt_of(sa);
	struct wr w = wr_init(i->core.out, sizeof(i->core.out));
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.version = IKE_VERSION,
		.exchange = exchange_of(a),
		.flags = IKE_FLAG_INITIATOR,
	};
	struct payload_writer chain = message_open(&w, &h);
	struct bytes message;
	int err;

	/* RFC 7296, 2.6: it MUST be the first payload. */
	if (a->cookie_len > 0)
		chain_put_notify(&chain, NOTIFY_COOKIE, (struct bytes){ a->cookie, a->cookie_len });
	if (a->ticket == NULL)
		put_offer(i, a, &chain);
	payload_put(&chain, PAYLOAD_NONCE, (struct bytes){ a->ni, sizeof(a->ni) });
	if (a->ticket != NULL)
		resuming_put_ticket(sa, &chain);
	put_nat_detection(i, sa, &chain);
	if (i->conf.fragment_size > 0)
		chain_put_notify(&chain, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED,
				 (struct bytes){ NULL, 0 });
	put_redirect(i, a, &chain);
	message_close(&chain);
	err = wr_finish(&w, &message);
	if (err == 0)
		err = stored_set(&a->request, message);
	if (err == 0)
		err = request_send_clear(&i->core, sa, now_ms, message);
	return err;
}

/* ---- the response ---- */

/* Once more, as the gateway wants it: the nonce stays, RFC 7296, 2.6.1. */
static void retry(struct initiator *i, struct ike_sa *sa, uint64_t now_ms)
{
	struct attempt *a = attempt_of(sa);

	if (a->retries++ >= RETRIES_MAX)
		return; /* somebody plays games: what was sent last goes on */
	if (init_send(i, sa, now_ms) != 0)
		count(&i->core, COUNT_DROP_LIMIT);
}

/* Anybody can say so: a better answer may still come. */
static void take_error(struct ike_sa *sa, uint64_t now_ms, uint16_t notify)
{
	attempt_of(sa)->notify = notify;
	if (sa->state_due_ms > now_ms + ERROR_PATIENCE_MS)
		sa->state_due_ms = now_ms + ERROR_PATIENCE_MS;
}

/* True if the SA is still there. */
static bool take_notify(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
			const struct init_response *in)
{
	struct attempt *a = attempt_of(sa);
	struct bytes cookie;
	struct gateway gw;
	uint16_t group;

	switch (in->notify) {
	case NOTIFY_COOKIE:
		if (cookie_decode(in->data, &cookie) != 0)
			return true;
		memcpy(a->cookie, cookie.ptr, cookie.len);
		a->cookie_len = cookie.len;
		retry(i, sa, now_ms);
		return true;
	case NOTIFY_INVALID_KE_PAYLOAD:
		/* The one that we have just used would go on for ever. */
		if (a->ticket == NULL && invalid_ke_decode(in->data, &group) == 0 &&
		    group != a->group && init_make_kex(i, sa, group) == 0)
			retry(i, sa, now_ms);
		return true;
	case NOTIFY_REDIRECT:
		if (!i->conf.follow_redirects ||
		    redirect_decode(in->data, (struct bytes){ a->ni, sizeof(a->ni) }, &gw) != 0)
			return true;
		redirect_follow(i, sa, now_ms, &gw);
		return false;
	default:
		/* Who does not know the exchange does not take tickets. */
		if (a->ticket != NULL)
			resuming_refused(i, sa, now_ms);
		else
			take_error(sa, now_ms, in->notify);
		return true;
	}
}

void init_take_nonce(struct ike_sa *sa, const struct request *res, const struct init_response *in)
{
	struct attempt *a = attempt_of(sa);

	memcpy(a->nr, in->nr.ptr, in->nr.len);
	a->nr_len = in->nr.len;
	a->is_childless_possible = in->is_childless_possible;
	sa->spi_r = res->header.spi_r;
}

static int take_keys(struct initiator *i, struct ike_sa *sa, const struct request *res,
		     const struct init_response *in)
{
	struct attempt *a = attempt_of(sa);
	AUTO_SECRET g_ir;
	int err;

	g_ir.len = 0;
	err = sa_match_ike(&in->sa, i->conf.suites, i->conf.n_suites, &sa->suite);
	if (err == 0 && (sa->suite.kex->id != a->group || in->ke.group != a->group))
		err = ERR_MISMATCH;
	if (err == 0)
		err = kex_derive(a->kex, in->ke.value, &g_ir);
	if (err == 0)
		err = stored_set(&a->response, res->message);
	if (err != 0)
		return err;
	init_take_nonce(sa, res, in);
	return ike_keys_derive(i->core.crypto, &sa->suite, (struct bytes){ a->ni, sizeof(a->ni) },
			       in->nr, secret_bytes(&g_ir), sa->spi_i, sa->spi_r, &sa->keys);
}

static struct ike_sa *find(struct initiator *i, const struct request *res)
{
	const struct ike_header *h = &res->header;
	struct ike_sa *sa = ike_sa_find(&i->core, h->spi_i);

	if (!ike_header_is_response(h) || ike_header_is_initiator(h) || h->message_id != 0 ||
	    sa == NULL || sa->state != SA_INIT_SENT || h->exchange != exchange_of(attempt_of(sa)))
		return NULL;
	return sa;
}

static void take(struct initiator *i, struct ike_sa *sa, uint64_t now_ms, const struct request *res,
		 const struct init_response *in)
{
	int err;

	if (in->notify != 0) {
		if (take_notify(i, sa, now_ms, in))
			ike_sa_arm(&i->core, sa);
		return;
	}
	if (res->header.spi_r == 0)
		err = ERR_VALUE;
	else if (attempt_of(sa)->ticket != NULL)
		err = resuming_take_keys(i, sa, res, in);
	else
		err = take_keys(i, sa, res, in);
	if (err != 0) {
		/* Not what we asked for: nobody's answer, as far as we can tell. */
		count(&i->core, COUNT_DROP_PAYLOAD);
		ike_keys_wipe(&sa->keys);
		return;
	}
	response_detect_nat(sa, in);
	sa->has_fragmentation = in->has_fragmentation;
	request_forget(sa);
	ike_sa_change_state(&i->core, sa, SA_AUTH_SENT, "has keys");
	if (auth_send(i, sa, now_ms) != 0)
		attempt_fail(i, sa, REASON_STOPPED, 0);
	else
		ike_sa_arm(&i->core, sa);
}

void init_take_response(struct initiator *i, uint64_t now_ms, const struct request *res)
{
	struct ike_sa *sa = find(i, res);
	struct init_response in;
	struct payload_list list;
	uint8_t critical;

	if (sa == NULL) {
		count(&i->core, COUNT_DROP_STATE);
		return;
	}
	if (payload_list_decode(res->header.next_payload,
				(struct bytes){ res->message.ptr + IKE_HEADER_SIZE,
						res->message.len - IKE_HEADER_SIZE },
				&list, &critical) != 0 ||
	    response_decode(i, res, &list, &in) != 0) {
		count(&i->core, COUNT_DROP_PAYLOAD);
		return;
	}
	take(i, sa, now_ms, res, &in);
}
