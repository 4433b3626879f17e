/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/internal.h"

#include "common/ikev2/session/payloads.h"

/*
 * Our own SPI first, whichever end began the IKE SA: a peer's SPI may look like one of ours, and
 * who asks for it in the other role must not get the token of the IKE SA that is alive.
 */
static int make_token(struct responder *r, const uint8_t secret[QCD_SECRET_SIZE], uint64_t own_spi,
		      uint64_t peer_spi, uint8_t out[QCD_TOKEN_SIZE])
{
	uint8_t spis[16];
	struct wr w = wr_init(spis, sizeof(spis));
	struct bytes written;
	int err;

	wr_u64(&w, own_spi);
	wr_u64(&w, peer_spi);
	err = wr_finish(&w, &written);
	return err != 0 ? err
			: prf_compute(r->core.crypto, PRF_HMAC_SHA2_256,
				      (struct bytes){ secret, QCD_SECRET_SIZE }, &written, 1, out);
}

/* The token of a new IKE SA: of our own newest secret. */
void qcd_put(struct responder *r, const struct ike_sa *keyed, struct payload_writer *chain)
{
	const struct qcd_secrets *own = &r->qcd.secrets[r->conf.member];
	uint64_t peer_spi = keyed->is_initiator ? keyed->spi_r : keyed->spi_i;
	uint8_t token[QCD_TOKEN_SIZE];

	if (own->n == 0)
		return;
	if (make_token(r, own->secrets[0], keyed->own_spi, peer_spi, token) != 0)
		wr_fail(chain->w, ERR_CRYPTO);
	chain_put_notify(chain, NOTIFY_QUICK_CRASH_DETECTION,
			 (struct bytes){ token, sizeof(token) });
	wipe(token, sizeof(token));
}

/* ---- in clear ---- */

/* False: it is another shard's to say. */
static bool is_ours(const struct responder *r, uint64_t own_spi)
{
	uint8_t shard = (uint8_t)(own_spi >> 48);

	return shard == r->conf.shard || shard >= r->conf.shards;
}

/* The member that had this SPI, if it can be alive nowhere; else 0. */
static uint8_t find_dead(const struct responder *r, const struct ip *local, uint64_t own_spi)
{
	uint8_t number = (uint8_t)(own_spi >> 56);

	if (number == r->conf.member)
		return is_ours(r, own_spi) && ike_sa_find(&r->core, own_spi) == NULL ? number : 0;
	for (size_t i = 0; i < r->qcd.n_dead; i++) {
		if (r->qcd.dead[i].number == number && ip_is_equal(&r->qcd.dead[i].local, local))
			return number;
	}
	return 0;
}

static bool has_sk(const struct request *req)
{
	return req->header.next_payload == PAYLOAD_SK || req->header.next_payload == PAYLOAD_SKF;
}

static bool is_within_rate(struct responder *r, uint64_t now_ms)
{
	if (r->qcd.second != now_ms / 1000) {
		r->qcd.second = now_ms / 1000;
		r->qcd.sent = 0;
	}
	return r->qcd.sent++ < QCD_PER_SECOND;
}

/* INVALID_IKE_SPI first, then the tokens, the newest in front: some peers read one only. */
static void send_tokens(struct responder *r, const struct request *req,
			const struct qcd_secrets *secrets)
{
	const struct ike_header *q = &req->header;
	bool is_peer_initiator = ike_header_is_initiator(q);
	uint64_t own_spi = is_peer_initiator ? q->spi_r : q->spi_i;
	uint64_t peer_spi = is_peer_initiator ? q->spi_i : q->spi_r;
	struct ike_header h = {
		.spi_i = q->spi_i,
		.spi_r = q->spi_r,
		.version = IKE_VERSION,
		.exchange = q->exchange,
		.flags =
		    (uint8_t)(IKE_FLAG_RESPONSE | (is_peer_initiator ? 0 : IKE_FLAG_INITIATOR)),
		.message_id = q->message_id,
	};
	struct wr w = wr_init(r->core.out, sizeof(r->core.out));
	struct payload_writer chain = message_open(&w, &h);
	uint8_t token[QCD_TOKEN_SIZE];
	struct bytes message;

	chain_put_notify(&chain, NOTIFY_INVALID_IKE_SPI, (struct bytes){ NULL, 0 });
	for (size_t i = 0; i < secrets->n; i++) {
		if (make_token(r, secrets->secrets[i], own_spi, peer_spi, token) != 0)
			wr_fail(&w, ERR_CRYPTO);
		chain_put_notify(&chain, NOTIFY_QUICK_CRASH_DETECTION,
				 (struct bytes){ token, sizeof(token) });
	}
	message_close(&chain);
	if (wr_finish(&w, &message) != 0)
		return;
	count(&r->core, COUNT_QCD_SENT);
	action_send(&r->core, req->path, message);
}

void qcd_unknown(struct ike_core *c, uint64_t now_ms, const struct request *req)
{
	struct responder *r = responder_of(c);
	const struct ike_header *h = &req->header;
	uint64_t own_spi = ike_header_is_initiator(h) ? h->spi_r : h->spi_i;
	const struct qcd_secrets *secrets;
	uint8_t number;

	/* RFC 6290, 4.5: never in answer to a response, nor in what begins an IKE SA. */
	if (ike_header_is_response(h) || !has_sk(req) || own_spi == 0 ||
	    h->exchange == EXCHANGE_IKE_SA_INIT || h->exchange == EXCHANGE_IKE_SESSION_RESUME)
		return;
	number = find_dead(r, &req->path->local.ip, own_spi);
	if (number == 0)
		return;
	secrets = &r->qcd.secrets[number];
	if (secrets->n > 0 && is_within_rate(r, now_ms))
		send_tokens(r, req, secrets);
}

/* ---- what is known ---- */

int responder_set_qcd(struct responder *r, uint8_t number, const struct qcd_secrets *secrets)
{
	if (number < 1 || number > QCD_NUMBER_MAX || secrets->n > QCD_SECRETS_MAX)
		return ERR_VALUE;
	r->qcd.secrets[number] = *secrets;
	return 0;
}

int responder_set_dead(struct responder *r, const struct ip *local, uint8_t number)
{
	struct qcd *q = &r->qcd;

	if (number > QCD_NUMBER_MAX)
		return ERR_VALUE;
	for (size_t i = 0; i < q->n_dead; i++) {
		if (!ip_is_equal(&q->dead[i].local, local))
			continue;
		if (number != 0)
			q->dead[i].number = number;
		else
			q->dead[i] = q->dead[--q->n_dead];
		return 0;
	}
	if (number == 0)
		return 0;
	if (q->n_dead == QCD_DEAD_MAX)
		return ERR_LIMIT;
	q->dead[q->n_dead].local = *local;
	q->dead[q->n_dead++].number = number;
	return 0;
}
