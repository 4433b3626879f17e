/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include <stdlib.h>

#include "common/ikev2/session/payloads.h"

/*
 * What IKE_SA_INIT and IKE_SESSION_RESUME have in common at the responder (RFC 7296, 2.6, 2.23; RFC
 * 5723, 4.3.1): what their notifies say, the COOKIE, and the half-open SA that is kept.
 */

/* The destination hash is of our address as the peer sees it: if it differs, a NAT is before us. */
static void check_nat(struct responder *r, const struct request *req, struct bytes data,
		      struct initial *out)
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
			     struct initial *out)
{
	uint8_t want[NATD_SIZE];

	out->has_nat_source = true;
	if (natd_compute(r->core.crypto, req->header.spi_i, req->header.spi_r, &req->path->remote,
			 want) == 0 &&
	    bytes_is_equal(data, (struct bytes){ want, sizeof(want) }))
		out->is_nat_source_right = true;
}

static void read_notify(struct responder *r, const struct request *req, struct bytes body,
			bool is_first, struct initial *out)
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
	case NOTIFY_TICKET_OPAQUE:
		out->ticket = n.data;
		out->n_tickets++;
		break;
	default:
		redirect_support_take(&out->redirect, &n);
		break;
	}
}

void initial_read_notifies(struct responder *r, const struct request *req, struct initial *out)
{
	for (size_t i = 0; i < req->payloads->n; i++) {
		const struct payload *p = &req->payloads->items[i];

		if (p->type == PAYLOAD_NOTIFY)
			read_notify(r, req, p->body, i == 0, out);
	}
}

bool initial_pass_cookie(struct responder *r, uint64_t now_ms, const struct request *req,
			 const struct initial *in, size_t above)
{
	const struct ip *ip = &req->path->remote.ip;
	uint8_t cookie[COOKIE_SIZE];

	if (cookies_refresh(&r->cookies, r->core.rng, now_ms) != 0)
		return false;
	/* A cookie that was given is checked even if the load has gone since: else ignored. */
	if (r->core.n_half_open < above ||
	    cookie_is_valid(&r->cookies, r->core.crypto, in->cookie, in->ni, ip, req->header.spi_i))
		return true;
	if (cookie_make(&r->cookies, r->core.crypto, in->ni, ip, req->header.spi_i, cookie) == 0) {
		count(&r->core, COUNT_COOKIE);
		respond_stateless(&r->core, req->path, &req->header, NOTIFY_COOKIE,
				  (struct bytes){ cookie, sizeof(cookie) });
	}
	return false;
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

void initial_put_notifies(struct responder *r, const struct ike_sa *sa, const struct initial *in,
			  struct payload_writer *chain)
{
	if (in->has_nat_detection)
		put_nat_detection(r, sa, chain);
	if (sa->has_fragmentation)
		chain_put_notify(chain, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED,
				 (struct bytes){ NULL, 0 });
}

struct ike_sa *initial_new(struct responder *r, uint64_t now_ms, const struct request *req,
			   const struct initial *in, const uint8_t hash[INIT_HASH_SIZE])
{
	struct ike_sa *sa = ike_sa_new(&r->core, false);
	struct half_open *h = calloc(1, sizeof(*h));

	if (sa == NULL || h == NULL) {
		free(h);
		if (sa != NULL)
			ike_sa_free(&r->core, sa);
		return NULL;
	}
	sa->setup = h;
	memcpy(h->ni, in->ni.ptr, in->ni.len);
	h->ni_len = in->ni.len;
	if (ike_sa_set_init(&r->core, sa, hash) != 0 ||
	    rng_fill(r->core.rng, h->nr, NONCE_SIZE) != 0) {
		ike_sa_free(&r->core, sa);
		return NULL;
	}
	sa->is_gateway = true;
	sa->spi_i = req->header.spi_i;
	sa->path = *req->path;
	sa->rx_next = 1;
	sa->heard_ms = now_ms;
	sa->has_fragmentation = in->has_fragmentation;
	sa->is_redirectable = in->redirect.is_supported;
	sa->redirected_from = in->redirect.from;
	sa->is_behind_nat = in->is_behind_nat;
	sa->is_peer_behind_nat = in->has_nat_source && !in->is_nat_source_right;
	return sa;
}

int initial_store(struct ike_sa *sa, struct bytes request, struct bytes response)
{
	struct half_open *h = half_open_of(sa);
	int err = stored_set(&h->request, request);

	return err != 0 ? err : stored_set(&h->response, response);
}

void initial_send_response(struct responder *r, struct ike_sa *sa, uint64_t now_ms)
{
	struct half_open *h = half_open_of(sa);

	h->is_answer_due = false;
	action_send(&r->core, &sa->path, (struct bytes){ h->response.ptr, h->response.len });
	ike_sa_set_due(&r->core, sa, now_ms + r->conf.half_open_timeout_ms);
}

bool initial_is_repeated(struct responder *r, const struct request *req,
			 uint8_t hash[INIT_HASH_SIZE])
{
	const struct half_open *h;
	const struct ike_sa *sa;

	if (sha1_compute(r->core.crypto, &req->message, 1, hash) != 0)
		return true;
	sa = ike_sa_find_init(&r->core, hash);
	if (sa == NULL)
		return false;
	h = half_open_of(sa);
	if (sa->state != SA_HALF_OPEN || h->is_answer_due)
		return true;
	count(&r->core, COUNT_RETRANSMIT);
	action_send(&r->core, req->path, (struct bytes){ h->response.ptr, h->response.len });
	return true;
}
