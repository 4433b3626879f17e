/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include <stdlib.h>

#include "common/ikev2/session/payloads.h"

/*
 * IKE_SA_INIT at the responder (RFC 7296, 1.2, 2.6, 2.7): nothing is kept for a request that gets
 * COOKIE, INVALID_KE_PAYLOAD or NO_PROPOSAL_CHOSEN. And what takes its place in a resumption (RFC
 * 5723): without tickets of our own the answer is TICKET_NACK, never silence, because peers repeat
 * an unanswered request for ever.
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
	struct bytes ni;
	struct bytes cookie;
	struct bytes nat_source, nat_destination; /* of the first match, else empty */
	bool has_nat_detection;
	bool is_behind_nat; /* we are */
	bool has_nat_source, is_nat_source_right;
	bool has_fragmentation;
	struct redirect_support redirect;
};

/* The destination hash is of our address as the peer sees it: if it differs, a NAT is before us. */
static void check_nat(struct responder *r, const struct request *req, struct bytes data,
		      struct init_request *out)
{
	uint8_t want[NATD_SIZE];

	out->has_nat_detection = true;
	if (natd_compute(r->core.crypto, req->header.spi_i, req->header.spi_r, &req->path->local,
			 want) == 0)
		out->is_behind_nat = !bytes_is_equal(data, (struct bytes){ want, sizeof(want) });
}

/*
 * The source hashes, one for each address that the peer may have: if none is of the one that we
 * see, a NAT is before the peer, or it wants ESP to be encapsulated.
 */
static void check_nat_source(struct responder *r, const struct request *req, struct bytes data,
			     struct init_request *out)
{
	uint8_t want[NATD_SIZE];

	out->has_nat_source = true;
	if (natd_compute(r->core.crypto, req->header.spi_i, req->header.spi_r, &req->path->remote,
			 want) == 0 &&
	    bytes_is_equal(data, (struct bytes){ want, sizeof(want) }))
		out->is_nat_source_right = true;
}

static void read_notify(struct responder *r, const struct request *req, struct bytes body,
			bool is_first, struct init_request *out)
{
	struct notify n;

	if (notify_decode(body, &n) != 0)
		return;
	switch (n.type) {
	case NOTIFY_COOKIE:
		/* RFC 7296, 2.6: it MUST be the first payload. */
		if (is_first)
			out->cookie = n.data;
		break;
	case NOTIFY_NAT_DETECTION_DESTINATION_IP:
		check_nat(r, req, n.data, out);
		break;
	case NOTIFY_NAT_DETECTION_SOURCE_IP:
		check_nat_source(r, req, n.data, out);
		break;
	case NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED:
		out->has_fragmentation = r->conf.fragment_size > 0;
		break;
	default:
		redirect_support_take(&out->redirect, &n);
		break;
	}
}

static void read_notifies(struct responder *r, const struct request *req, struct init_request *out)
{
	for (size_t i = 0; i < req->payloads->n; i++) {
		const struct payload *p = &req->payloads->items[i];

		if (p->type == PAYLOAD_NOTIFY)
			read_notify(r, req, p->body, i == 0, out);
	}
}

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
	    (err = nonce_decode(nonce, &out->ni)) != 0)
		return err;
	read_notifies(r, req, out);
	return 0;
}

/* True if the request may cost us memory now. */
static bool pass_cookie(struct responder *r, uint64_t now_ms, const struct request *req,
			const struct init_request *in)
{
	const struct ip *ip = &req->path->remote.ip;
	uint8_t cookie[COOKIE_SIZE];

	if (cookies_refresh(&r->cookies, r->core.rng, now_ms) != 0)
		return false;
	/* A cookie that was given is checked even if the load has gone since: else ignored. */
	if (r->core.n_half_open < r->conf.cookie_above ||
	    cookie_is_valid(&r->cookies, r->core.crypto, in->cookie, in->ni, ip, req->header.spi_i))
		return true;
	if (cookie_make(&r->cookies, r->core.crypto, in->ni, ip, req->header.spi_i, cookie) == 0) {
		count(&r->core, COUNT_COOKIE);
		respond_stateless(&r->core, req->path, &req->header, NOTIFY_COOKIE,
				  (struct bytes){ cookie, sizeof(cookie) });
	}
	return false;
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

static void put_nat_detection(struct responder *r, const struct ike_sa *sa,
			      struct payload_writer *chain)
{
	uint8_t hash[NATD_SIZE];
	struct bytes data = { hash, sizeof(hash) };
	int err;

	/*
	 * A data plane that can do UDP encapsulation only says that it is behind a NAT, as
	 * strongSwan does with encap=yes: then the peer encapsulates too.
	 */
	if (r->conf.force_encap)
		err = rng_fill(r->core.rng, hash, sizeof(hash));
	else
		err = natd_compute(r->core.crypto, sa->spi_i, sa->spi_r, &sa->path.local, hash);
	if (err != 0)
		wr_fail(chain->w, ERR_CRYPTO);
	chain_put_notify(chain, NOTIFY_NAT_DETECTION_SOURCE_IP, data);
	if (natd_compute(r->core.crypto, sa->spi_i, sa->spi_r, &sa->path.remote, hash) != 0)
		wr_fail(chain->w, ERR_CRYPTO);
	chain_put_notify(chain, NOTIFY_NAT_DETECTION_DESTINATION_IP, data);
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
	if (in->has_nat_detection)
		put_nat_detection(r, sa, &chain);
	if (sa->has_fragmentation)
		chain_put_notify(&chain, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED,
				 (struct bytes){ NULL, 0 });
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
	memcpy(h->ni, in->ni.ptr, in->ni.len);
	h->ni_len = in->ni.len;
	if ((err = rng_fill(r->core.rng, h->nr, NONCE_SIZE)) != 0 ||
	    (err = kex_generate(r->core.crypto, sa->suite.kex->id, r->core.rng, &kex)) != 0)
		goto out;
	if ((err = kex_derive(kex, in->ke.value, &g_ir)) != 0 ||
	    (err = ike_keys_derive(r->core.crypto, &sa->suite, in->ni, nr, secret_bytes(&g_ir),
				   sa->spi_i, sa->spi_r, &sa->keys)) != 0 ||
	    (err = write_response(r, sa, in, chosen, kex, nr, &message)) != 0 ||
	    (err = stored_set(&h->request, req->message)) != 0 ||
	    (err = stored_set(&h->response, message)) != 0)
		goto out;
out:
	kex_free(kex);
	return err;
}

static struct ike_sa *new_half_open(struct responder *r, const uint8_t hash[INIT_HASH_SIZE])
{
	struct ike_sa *sa = ike_sa_new(&r->core, false);

	if (sa == NULL)
		return NULL;
	sa->setup = calloc(1, sizeof(struct half_open));
	if (sa->setup == NULL || ike_sa_set_init(&r->core, sa, hash) != 0) {
		ike_sa_free(&r->core, sa);
		return NULL;
	}
	return sa;
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
	sa = new_half_open(r, hash);
	if (sa == NULL) {
		count(&r->core, COUNT_DROP_LIMIT);
		return;
	}
	sa->is_gateway = true;
	sa->spi_i = req->header.spi_i;
	sa->path = *req->path;
	sa->suite = suite;
	sa->rx_next = 1;
	sa->heard_ms = now_ms;
	sa->has_fragmentation = in->has_fragmentation;
	sa->is_redirectable = in->redirect.is_supported;
	sa->redirected_from = in->redirect.from;
	sa->is_behind_nat = in->is_behind_nat;
	sa->is_peer_behind_nat = in->has_nat_source && !in->is_nat_source_right;
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
	if (!in->redirect.is_redirected)
		init_send_response(r, sa, now_ms);
}

void init_send_response(struct responder *r, struct ike_sa *sa, uint64_t now_ms)
{
	struct half_open *h = half_open_of(sa);

	h->is_answer_due = false;
	action_send(&r->core, &sa->path, (struct bytes){ h->response.ptr, h->response.len });
	ike_sa_set_due(&r->core, sa, now_ms + r->conf.half_open_timeout_ms);
}

/* RFC 7296, 2.1: recognized by the whole message, not by the SPI alone. */
static bool is_retransmission(struct responder *r, const struct request *req,
			      const uint8_t hash[INIT_HASH_SIZE])
{
	const struct ike_sa *sa = ike_sa_find_init(&r->core, hash);
	const struct half_open *h;

	if (sa == NULL)
		return false;
	h = half_open_of(sa);
	if (sa->state != SA_HALF_OPEN || h->is_answer_due)
		return true;
	count(&r->core, COUNT_RETRANSMIT);
	action_send(&r->core, req->path, (struct bytes){ h->response.ptr, h->response.len });
	return true;
}

static void send_redirect(struct responder *r, const struct elsewhere_answer *a)
{
	const struct ike_header h = { .spi_i = a->spi_i, .exchange = EXCHANGE_IKE_SA_INIT };
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

/* True if the peer is sent elsewhere (RFC 5685, 3). No COOKIE first: nothing is kept. */
static bool redirect(struct responder *r, uint64_t now_ms, const struct request *req,
		     const struct init_request *in)
{
	struct elsewhere_answer a = {
		.due_ms = now_ms + REDIRECTED_DELAY_MS,
		.path = *req->path,
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

	if (sha1_compute(r->core.crypto, &req->message, 1, hash) != 0 ||
	    is_retransmission(r, req, hash))
		return;
	err = decode_init(r, req, &in);
	if (err != 0) {
		log_debug(r->core.lg, LG_IKE, "IKE_SA_INIT dropped: %s", err_text(err));
		count(&r->core, COUNT_DROP_PAYLOAD);
		return;
	}
	if (redirect(r, now_ms, req, &in))
		return;
	if (r->core.n_half_open >= r->conf.half_open_max) {
		count(&r->core, COUNT_DROP_LIMIT);
		return;
	}
	if (pass_cookie(r, now_ms, req, &in))
		create(r, now_ms, req, &in, hash);
}

void exchange_resume(struct responder *r, uint64_t now_ms, const struct request *req)
{
	struct bytes nonce, ni;

	(void)now_ms;
	if (payload_get(req->payloads, PAYLOAD_NONCE, &nonce) != 0 ||
	    nonce_decode(nonce, &ni) != 0) {
		count(&r->core, COUNT_DROP_PAYLOAD);
		return;
	}
	count(&r->core, COUNT_TICKET_NACK);
	respond_stateless(&r->core, req->path, &req->header, NOTIFY_TICKET_NACK,
			  (struct bytes){ NULL, 0 });
}
