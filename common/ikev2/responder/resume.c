/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/ikev2/session/payloads.h"

/*
 * IKE_SESSION_RESUME at the responder (RFC 5723, 4.3): Ni and a ticket take the place of
 * IKE_SA_INIT. Nothing is kept for a ticket that does not open, and nothing of the old IKE SA is
 * touched before the peer has shown in IKE_AUTH that it has the keys. Whatever is wrong with a
 * ticket, the answer is TICKET_NACK, never silence: peers repeat an unanswered request for ever.
 */

static int decode(struct responder *r, const struct request *req, struct initial *out)
{
	struct bytes nonce;
	int err = payload_get(req->payloads, PAYLOAD_NONCE, &nonce);

	memset(out, 0, sizeof(*out));
	if (err == 0)
		err = nonce_decode(nonce, &out->ni);
	if (err == 0)
		initial_read_notifies(r, req, out);
	return err;
}

static void nack(struct responder *r, const struct request *req)
{
	count(&r->core, COUNT_TICKET_NACK);
	respond_stateless(&r->core, req->path, &req->header, NOTIFY_TICKET_NACK,
			  (struct bytes){ NULL, 0 });
}

static bool is_suite_allowed(const struct responder *r, const struct ike_suite *suite)
{
	for (size_t i = 0; i < r->conf.n_suites; i++) {
		const struct ike_suite *s = &r->conf.suites[i];

		if (s->encr == suite->encr && s->prf == suite->prf && s->kex == suite->kex)
			return true;
	}
	return false;
}

/* What it was issued for is still so: who, as whom, for what, with which secret and algorithms. */
static bool is_allowed(struct responder *r, const struct ticket *t)
{
	const struct policy_peer *peer = policy_find(r->policy, &t->idi);
	uint64_t digest;

	return peer != NULL && id_is_equal(&t->idr, &r->conf.id) &&
	       strcmp(t->connection, peer->connection->name) == 0 &&
	       is_suite_allowed(r, &t->suite) && tickets_policy(r, peer, &digest) == 0 &&
	       digest == t->policy;
}

static enum ticket_verdict judge(struct responder *r, const struct initial *in, struct ticket *out)
{
	enum ticket_verdict v;

	if (in->n_tickets != 1)
		return TICKET_MALFORMED;
	if (r->conf.tickets == NULL || responder_now_s(r) == 0)
		return TICKET_UNKNOWN_KEY;
	v = ticket_office_judge(r->conf.tickets, r->core.crypto, responder_now_s(r), in->ticket,
				out);
	if (v == TICKET_GOOD && !is_allowed(r, out)) {
		ticket_wipe(out);
		v = TICKET_POLICY;
	}
	return v;
}

/* In the order of ticket_verdict. */
static void count_verdict(struct responder *r, enum ticket_verdict v)
{
	static const enum ike_counter counters[TICKET_VERDICT_COUNT] = {
		[TICKET_GOOD] = COUNT_RESUME,
		[TICKET_MALFORMED] = COUNT_TICKET_MALFORMED,
		[TICKET_UNKNOWN_KEY] = COUNT_TICKET_UNKNOWN_KEY,
		[TICKET_FORGED] = COUNT_TICKET_FORGED,
		[TICKET_EXPIRED] = COUNT_TICKET_EXPIRED,
		[TICKET_USED] = COUNT_TICKET_USED,
		[TICKET_REVOKED] = COUNT_TICKET_REVOKED,
		[TICKET_POLICY] = COUNT_TICKET_POLICY,
	};

	count(&r->core, counters[v]);
}

static int write_response(struct responder *r, struct ike_sa *sa, const struct initial *in,
			  struct bytes *out)
{
	struct wr w = wr_init(r->core.out, sizeof(r->core.out));
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SESSION_RESUME,
		.flags = IKE_FLAG_RESPONSE,
	};
	struct payload_writer chain = message_open(&w, &h);

	payload_put(&chain, PAYLOAD_NONCE, (struct bytes){ half_open_of(sa)->nr, NONCE_SIZE });
	initial_put_notifies(r, sa, in, &chain);
	message_close(&chain);
	return wr_finish(&w, out);
}

static int set_up(struct responder *r, struct ike_sa *sa, const struct request *req,
		  const struct initial *in)
{
	struct half_open *h = half_open_of(sa);
	struct bytes message;
	int err =
	    ike_keys_resume(r->core.crypto, key_bytes(&h->ticket->sk_d), &sa->suite, in->ni,
			    (struct bytes){ h->nr, NONCE_SIZE }, sa->spi_i, sa->spi_r, &sa->keys);

	key_wipe(&h->ticket->sk_d);
	if (err == 0)
		err = write_response(r, sa, in, &message);
	return err != 0 ? err : initial_store(sa, req->message, message);
}

/* What the ticket tells of the peer's past. */
static void inherit(struct responder *r, struct ike_sa *sa, const struct ticket *t,
		    const struct initial *in)
{
	sa->suite = t->suite;
	sa->is_redirectable = in->redirect.is_supported || t->is_redirectable;
	sa->lineage.auth_s = t->auth_s;
	sa->lineage.is_resumed = true;
	sa->lineage.supersedes = t->is_gateway_r ? t->spi_r : t->spi_i;
	sa->lineage.ledger = t->ledger;
	if (in->redirect.is_redirected)
		ledger_add(&sa->lineage.ledger, responder_now_s(r));
}

static void create(struct responder *r, uint64_t now_ms, const struct request *req,
		   const struct initial *in, const struct ticket *t,
		   const uint8_t hash[INIT_HASH_SIZE])
{
	struct ike_sa *sa = initial_new(r, now_ms, req, in, hash);
	struct ticket *kept = malloc(sizeof(*kept));

	if (sa == NULL || kept == NULL) {
		free(kept);
		if (sa != NULL)
			ike_sa_free(&r->core, sa);
		count(&r->core, COUNT_DROP_LIMIT);
		return;
	}
	*kept = *t;
	kept->idi.data.ptr = kept->octets;
	kept->idr.data.ptr = kept->octets + ID_TEXT_MAX;
	half_open_of(sa)->ticket = kept;
	inherit(r, sa, t, in);
	if (set_up(r, sa, req, in) != 0) {
		count(&r->core, COUNT_DROP_LIMIT);
		ike_sa_free(&r->core, sa);
		return;
	}
	initial_send_response(r, sa, now_ms);
}

/*
 * libreswan as initiator gives up at a COOKIE here: only when it is that or nothing (RFC 5723,
 * 4.3.1 treats it as in IKE_SA_INIT).
 */
static size_t cookie_above(const struct responder *r)
{
	size_t most = r->conf.half_open_max / 4 * 3;

	return r->conf.cookie_above > most ? r->conf.cookie_above : most;
}

void exchange_resume(struct responder *r, uint64_t now_ms, const struct request *req)
{
	uint8_t hash[INIT_HASH_SIZE];
	struct initial in;
	struct ticket t;
	enum ticket_verdict v;

	if (initial_is_repeated(r, req, hash))
		return;
	if (decode(r, req, &in) != 0) {
		count(&r->core, COUNT_DROP_PAYLOAD);
		return;
	}
	/*
	 * libreswan shows no support here, and loses its ticket by a redirect: it is served even at
	 * an address that was taken over.
	 */
	if (init_redirect(r, now_ms, req, &in))
		return;
	/* It does not know NAT detection here either: in IKE_SA_INIT it will go to 4500. */
	if (r->conf.force_encap && !in.has_nat_detection &&
	    req->path->local.port != IKE_NATT_PORT) {
		nack(r, req);
		return;
	}
	if (r->core.n_half_open >= r->conf.half_open_max) {
		count(&r->core, COUNT_DROP_LIMIT);
		return;
	}
	if (!initial_pass_cookie(r, now_ms, req, &in, cookie_above(r)))
		return;
	v = judge(r, &in, &t);
	count_verdict(r, v);
	if (v == TICKET_GOOD) {
		create(r, now_ms, req, &in, &t, hash);
		ticket_wipe(&t);
		return;
	}
	if (stranger_may_log(&r->core))
		log_info(r->core.lg, LG_IKE, "a ticket is refused: %s", ticket_verdict_name(v));
	nack(r, req);
}

/* ---- IKE_AUTH ---- */

int resume_auth(struct responder *r, const struct ike_sa *sa, bool is_ours, enum auth_form form,
		struct bytes id_body, uint8_t *out)
{
	const struct half_open *h = half_open_of(sa);
	const struct stored *message = is_ours ? &h->response : &h->request;
	struct bytes nonce =
	    is_ours ? (struct bytes){ h->ni, h->ni_len } : (struct bytes){ h->nr, sizeof(h->nr) };

	return auth_resume_compute(r->core.crypto, sa->suite.prf->id, form,
				   (struct bytes){ message->ptr, message->len }, nonce,
				   key_bytes(is_ours ? &sa->keys.pr : &sa->keys.pi), id_body, out);
}

/*
 * Both forms that are in the field: SK_pi binds nonces and SPIs in the short one too, and the
 * identity is compared with the ticket's.
 */
static bool is_form(struct responder *r, const struct ike_sa *sa, enum auth_form form,
		    struct bytes idi_body, struct bytes data)
{
	uint8_t want[PRF_MAX_SIZE];
	bool is_right = resume_auth(r, sa, false, form, idi_body, want) == 0 &&
			secret_is_equal(data, (struct bytes){ want, prf_size(sa->suite.prf->id) });

	wipe(want, sizeof(want));
	return is_right;
}

bool resume_is_authentic(struct responder *r, struct ike_sa *sa, struct bytes idi_body,
			 const struct auth_body *auth, struct bytes idr_body)
{
	struct half_open *h = half_open_of(sa);
	struct id_body idi, idr;

	if (auth->method != AUTH_SHARED_KEY || id_decode(idi_body, &idi) != 0 ||
	    !id_is_equal(&idi, &h->ticket->idi))
		return false;
	if (idr_body.ptr != NULL &&
	    (id_decode(idr_body, &idr) != 0 || !id_is_equal(&idr, &h->ticket->idr)))
		return false;
	h->form = AUTH_FORM_RFC;
	if (is_form(r, sa, AUTH_FORM_RFC, idi_body, auth->data))
		return true;
	h->form = AUTH_FORM_SHORT;
	return r->conf.allow_short_auth && is_form(r, sa, AUTH_FORM_SHORT, idi_body, auth->data);
}

bool resume_spend(struct responder *r, struct ike_sa *sa)
{
	const struct ticket *ticket = half_open_of(sa)->ticket;

	/* A revocation that is in force ends what has begun, too. */
	if (ticket_office_is_revoked(r->conf.tickets, ticket)) {
		count(&r->core, COUNT_TICKET_REVOKED);
		return false;
	}
	if (ticket_office_spend(r->conf.tickets, ticket, responder_now_s(r)))
		return true;
	count(&r->core, COUNT_TICKET_USED);
	return false;
}

void resume_supersede(struct responder *r, const struct ike_sa *sa, uint64_t now_ms)
{
	struct ike_sa *old = ike_sa_find(&r->core, sa->lineage.supersedes);

	/* One that was rekeyed since has another name: its peer would have got another ticket. */
	if (old == NULL || old == sa || old->state != SA_ESTABLISHED || old->peer != sa->peer)
		return;
	ike_sa_close(&r->core, old, now_ms, REASON_RESUMED);
}
