/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/ike_sa.h"

#include "common/ikev2/notify.h"
#include "common/ikev2/sk.h"

/* RFC 7296, 2.4: at least a dozen tries over several minutes; DPD wants to know sooner. */
#define RETRANSMIT_FIRST_MS 1000
#define RETRANSMIT_TRIES    6

struct payload_writer response_chain(struct responder *r, struct wr *w)
{
	*w = wr_init(r->inner, sizeof(r->inner));
	return chain_open(w);
}

void chain_put_notify(struct payload_writer *chain, uint16_t type, struct bytes data)
{
	struct notify n = { .type = type, .data = data };

	payload_open(chain, PAYLOAD_NOTIFY);
	notify_encode(chain->w, &n);
	payload_close(chain);
}

/* Seals the chain in r->inner into r->out with our next IV. */
static int seal(struct responder *r, struct ike_sa *sa, uint8_t exchange, uint8_t flags,
		uint32_t mid, struct payload_writer *chain, struct bytes *out)
{
	struct wr w = wr_init(r->out, sizeof(r->out));
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = exchange,
		.flags = flags,
		.message_id = mid,
	};
	struct bytes inner;
	int err = wr_finish(chain->w, &inner);

	if (err != 0)
		return err;
	sk_seal(&w, r->crypto, sa->suite.encr, key_bytes(&sa->keys.er), sa->next_iv++, &h,
		chain->first, inner);
	return wr_finish(&w, out);
}

void respond(struct responder *r, struct ike_sa *sa, const struct path *path, uint8_t exchange,
	     uint32_t mid, struct payload_writer *chain)
{
	struct bytes message;
	int err = seal(r, sa, exchange, IKE_FLAG_RESPONSE, mid, chain, &message);

	if (err == 0)
		err = stored_set(&sa->last_response, message);
	if (err != 0) {
		log_error(r->lg, LG_IKE, "cannot answer %s %u: %s", exchange_name(exchange),
			  (unsigned int)mid, err_text(err));
		return;
	}
	action_send(r, path, message);
}

void respond_notify(struct responder *r, struct ike_sa *sa, const struct path *path,
		    uint8_t exchange, uint32_t mid, uint16_t type, struct bytes data)
{
	struct wr w;
	struct payload_writer chain = response_chain(r, &w);

	chain_put_notify(&chain, type, data);
	respond(r, sa, path, exchange, mid, &chain);
}

void respond_stateless(struct responder *r, const struct path *path, const struct ike_header *h,
		       uint16_t type, struct bytes data)
{
	struct wr w = wr_init(r->out, sizeof(r->out));
	struct ike_header reply = {
		.spi_i = h->spi_i,
		.version = IKE_VERSION,
		.exchange = h->exchange,
		.flags = IKE_FLAG_RESPONSE,
		.message_id = h->message_id,
	};
	struct payload_writer chain = message_open(&w, &reply);
	struct bytes message;

	chain_put_notify(&chain, type, data);
	message_close(&chain);
	if (wr_finish(&w, &message) == 0)
		action_send(r, path, message);
}

static void schedule_retransmission(struct responder *r, struct ike_sa *sa, uint64_t now_ms)
{
	ike_sa_set_timer(r, sa,
			 now_ms + ((uint64_t)RETRANSMIT_FIRST_MS << (sa->transmissions - 1)));
}

void request_liveness(struct responder *r, struct ike_sa *sa, uint64_t now_ms)
{
	struct wr w;
	struct payload_writer chain = response_chain(r, &w);
	struct bytes message;
	/* We are the original responder: neither flag is set in our requests. */
	int err = seal(r, sa, EXCHANGE_INFORMATIONAL, 0, sa->tx_next, &chain, &message);

	if (err == 0)
		err = stored_set(&sa->outstanding, message);
	if (err != 0) {
		/* Try again later: a peer is not dead because we lack memory. */
		ike_sa_set_timer(r, sa, now_ms + RETRANSMIT_FIRST_MS);
		return;
	}
	sa->tx_next++;
	sa->transmissions = 1;
	action_send(r, &sa->path, message);
	schedule_retransmission(r, sa, now_ms);
}

void request_retransmit(struct responder *r, struct ike_sa *sa, uint64_t now_ms)
{
	if (sa->transmissions >= RETRANSMIT_TRIES) {
		count(r, RESPONDER_DPD_FAILED);
		ike_sa_close(r, sa, now_ms, REASON_DEAD);
		return;
	}
	sa->transmissions++;
	action_send(r, &sa->path, (struct bytes){ sa->outstanding.ptr, sa->outstanding.len });
	schedule_retransmission(r, sa, now_ms);
}
