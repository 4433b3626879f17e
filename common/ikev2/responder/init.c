/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include <stdlib.h>

#include "common/ikev2/session/payloads.h"

/*
 * IKE_SA_INIT at the responder (RFC 7296, 1.2, 2.6, 2.7): nothing is kept for a request that gets
 * COOKIE, INVALID_KE_PAYLOAD or NO_PROPOSAL_CHOSEN.
 */

/*
 * A stock strongSwan that was just redirected drops our response if it comes before the thread that
 * followed the redirect is done with the old IKE SA, and asks again after four seconds only. On a
 * fast network that hits a few in a hundred: so those who come redirected wait for this moment.
 */
#define REDIRECTED_DELAY_MS 10

struct init_request {
	struct sa_payload sa;
	struct ke_body ke;
	struct initial common;
};

static int decode_init(struct responder *r, const struct request *req, struct init_request *out)
{
	struct bytes sa, ke, nonce;
	int err;

	memset(out, 0, sizeof(*out));
	if ((err = payload_get(req->payloads, PAYLOAD_SA, &sa)) != 0 ||
	    (err = payload_get(req->payloads, PAYLOAD_KE, &ke)) != 0 ||
	    (err = payload_get(req->payloads, PAYLOAD_NONCE, &nonce)) != 0)
		return err;
	if ((err = sa_decode(sa, &out->sa)) != 0 || (err = ke_decode(ke, &out->ke)) != 0 ||
	    (err = nonce_decode(nonce, &out->common.ni)) != 0)
		return err;
	initial_read_notifies(r, req, &out->common);
	return 0;
}

static bool choose(struct responder *r, const struct request *req, const struct init_request *in,
		   struct ike_suite *suite, struct proposal *chosen)
{
	uint8_t group[2];

	if (sa_choose_ike(&in->sa, r->conf.suites, r->conf.n_suites, suite, chosen) != 0) {
		count(&r->core, COUNT_NO_PROPOSAL);
		respond_stateless(&r->core, req->path, &req->header, NOTIFY_NO_PROPOSAL_CHOSEN,
				  (struct bytes){ NULL, 0 });
		return false;
	}
	if (in->ke.group != suite->kex->id) {
		group[0] = (uint8_t)(suite->kex->id >> 8);
		group[1] = (uint8_t)suite->kex->id;
		count(&r->core, COUNT_INVALID_KE);
		respond_stateless(&r->core, req->path, &req->header, NOTIFY_INVALID_KE_PAYLOAD,
				  (struct bytes){ group, sizeof(group) });
		return false;
	}
	return true;
}

static int write_response(struct responder *r, struct ike_sa *sa, const struct init_request *in,
			  const struct proposal *chosen, const struct kex *kex, struct bytes nr,
			  struct bytes *out)
{
	struct wr w = wr_init(r->core.out, sizeof(r->core.out));
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	struct payload_writer chain = message_open(&w, &h);

	chain_put_proposal(&chain, chosen, (struct bytes){ NULL, 0 });
	chain_put_ke(&chain, (uint16_t)sa->suite.kex->id, kex_public(kex));
	payload_put(&chain, PAYLOAD_NONCE, nr);
	initial_put_notifies(r, sa, &in->common, &chain);
	/* RFC 6023, 3: an IKE SA may come without Child SA. */
	chain_put_notify(&chain, NOTIFY_CHILDLESS_IKEV2_SUPPORTED, (struct bytes){ NULL, 0 });
	message_close(&chain);
	return wr_finish(&w, out);
}

/* Key exchange, keys, response. On error the caller frees the SA. */
static int set_up(struct responder *r, struct ike_sa *sa, const struct request *req,
		  const struct init_request *in, const struct proposal *chosen)
{
	struct half_open *h = half_open_of(sa);
	struct bytes nr = { h->nr, NONCE_SIZE };
	struct kex *kex = NULL;
	AUTO_SECRET g_ir;
	struct bytes message;
	int err;

	g_ir.len = 0;
	err = kex_generate(r->core.crypto, sa->suite.kex->id, r->core.rng, &kex);
	if (err == 0)
		err = kex_derive(kex, in->ke.value, &g_ir);
	if (err == 0)
		err = ike_keys_derive(r->core.crypto, &sa->suite, in->common.ni, nr,
				      secret_bytes(&g_ir), sa->spi_i, sa->spi_r, &sa->keys);
	if (err == 0)
		err = write_response(r, sa, in, chosen, kex, nr, &message);
	if (err == 0)
		err = initial_store(sa, req->message, message);
	kex_free(kex);
	return err;
}

static void create(struct responder *r, uint64_t now_ms, const struct request *req,
		   const struct init_request *in, const uint8_t hash[INIT_HASH_SIZE])
{
	struct ike_suite suite;
	struct proposal chosen;
	struct ike_sa *sa;
	int err;

	if (!choose(r, req, in, &suite, &chosen))
		return;
	sa = initial_new(r, now_ms, req, &in->common, hash);
	if (sa == NULL) {
		count(&r->core, COUNT_DROP_LIMIT);
		return;
	}
	sa->suite = suite;
	if (in->common.redirect.is_redirected)
		ledger_add(&sa->lineage.ledger, responder_now_s(r));
	ike_sa_set_due(&r->core, sa, now_ms + REDIRECTED_DELAY_MS);
	err = set_up(r, sa, req, in, &chosen);
	if (err == ERR_VALUE) {
		/*
		 * It has cost us as much as an honest one: so it counts as half-open for a while,
		 * and a flood of them brings up the COOKIE like any other.
		 */
		count(&r->core, COUNT_DROP_KE);
		ike_sa_fail(&r->core, sa, now_ms, "unacceptable public value");
		return;
	}
	if (err != 0) {
		count(&r->core, COUNT_DROP_LIMIT);
		ike_sa_free(&r->core, sa);
		return;
	}
	count(&r->core, COUNT_INIT);
	half_open_of(sa)->is_answer_due = true;
	if (!in->common.redirect.is_redirected)
		initial_send_response(r, sa, now_ms);
}

static void send_redirect(struct responder *r, const struct elsewhere_answer *a)
{
	const struct ike_header h = { .spi_i = a->spi_i, .exchange = a->exchange };
	uint8_t data[REDIRECT_DATA_MAX];
	struct wr w = wr_init(data, sizeof(data));
	struct bytes written;

	redirect_encode_address(&w, &a->target, (struct bytes){ a->ni, a->ni_len });
	if (wr_finish(&w, &written) == 0)
		respond_stateless(&r->core, &a->path, &h, NOTIFY_REDIRECT, written);
}

void init_send_redirects(struct responder *r, uint64_t now_ms)
{
	const struct elsewhere_answer *a;

	while ((a = elsewhere_take(&r->elsewhere, now_ms)) != NULL)
		send_redirect(r, a);
}

/* No COOKIE first: nothing is kept. */
bool init_redirect(struct responder *r, uint64_t now_ms, const struct request *req,
		   const struct initial *in)
{
	struct elsewhere_answer a = {
		.due_ms = now_ms + REDIRECTED_DELAY_MS,
		.path = *req->path,
		.exchange = req->header.exchange,
		.spi_i = req->header.spi_i,
		.ni_len = in->ni.len,
	};
	const struct ip *target = elsewhere_target(&r->elsewhere, &req->path->local.ip,
						   &in->redirect, in->ni.len, req->message.len);

	if (target == NULL)
		return false;
	count(&r->core, COUNT_REDIRECTED);
	a.target = *target;
	memcpy(a.ni, in->ni.ptr, in->ni.len);
	if (!in->redirect.is_redirected || !elsewhere_wait(&r->elsewhere, &a))
		send_redirect(r, &a);
	return true;
}

void exchange_init(struct responder *r, uint64_t now_ms, const struct request *req)
{
	struct init_request in;
	uint8_t hash[INIT_HASH_SIZE];
	int err;

	if (initial_is_repeated(r, req, hash))
		return;
	err = decode_init(r, req, &in);
	if (err != 0) {
		log_debug(r->core.lg, LG_IKE, "IKE_SA_INIT dropped: %s", err_text(err));
		count(&r->core, COUNT_DROP_PAYLOAD);
		return;
	}
	if (init_redirect(r, now_ms, req, &in.common))
		return;
	if (r->core.n_half_open >= r->conf.half_open_max) {
		count(&r->core, COUNT_DROP_LIMIT);
		return;
	}
	if (initial_pass_cookie(r, now_ms, req, &in.common, r->conf.cookie_above))
		create(r, now_ms, req, &in, hash);
}
