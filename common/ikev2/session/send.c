/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/fragments.h"
#include "common/ikev2/session/payloads.h"

/* RFC 7296, 2.4: at least a dozen tries over several minutes; DPD wants to know sooner. */
#define RETRANSMIT_FIRST_MS 1000
#define RETRANSMIT_TRIES    6

#define GENERIC_HEADER_SIZE 4 /* of a payload */

struct payload_writer core_chain(struct ike_core *c, struct wr *w)
{
	*w = wr_init(c->inner, sizeof(c->inner));
	return chain_open(w);
}

/* RFC 7383, 2.5: all of one size but the last, each with an IV of its own. */
static int seal_fragments(struct ike_core *c, struct ike_sa *sa, const struct ike_header *h,
			  uint8_t first, struct bytes inner, struct stored *out)
{
	const struct key *key = sa->is_initiator ? &sa->keys.ei : &sa->keys.er;
	struct wr w = wr_init(c->out, sizeof(c->out));
	size_t size = fragment_content_size(c, sa), total = (inner.len + size - 1) / size, part = 0;
	struct bytes message;
	int err;

	if (total > FRAGMENTS_MAX)
		return ERR_TOO_LONG;
	for (size_t k = 0; k < total; k++) {
		size_t left = inner.len - k * size;
		struct fragment f = {
			.at = { (uint16_t)(k + 1), (uint16_t)total },
			.first = first,
			.content = { inner.ptr + k * size, left < size ? left : size },
		};

		skf_seal(&w, c->crypto, sa->suite.encr, key_bytes(key), sa->next_iv++, h, &f);
		if (k == 0)
			part = w.len;
	}
	err = wr_finish(&w, &message);
	if (err == 0)
		err = stored_set(out, message);
	if (err == 0)
		out->part = part;
	return err;
}

/* Seals the chain in c->inner with our next IV, to be sent as it is now for ever. */
static int seal(struct ike_core *c, struct ike_sa *sa, uint8_t exchange, uint8_t flags,
		uint32_t mid, struct payload_writer *chain, struct stored *out)
{
	struct wr w = wr_init(c->out, sizeof(c->out));
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = exchange,
		.flags = (uint8_t)(flags | (sa->is_initiator ? IKE_FLAG_INITIATOR : 0)),
		.message_id = mid,
	};
	const struct key *key = sa->is_initiator ? &sa->keys.ei : &sa->keys.er;
	struct bytes inner, message;
	int err = wr_finish(chain->w, &inner);

	if (err != 0)
		return err;
	/* What fits as a fragment without the numbers fits as a whole. */
	if (sa->has_fragmentation && inner.len > fragment_content_size(c, sa) + 4)
		return seal_fragments(c, sa, &h, chain->first, inner, out);
	sk_seal(&w, c->crypto, sa->suite.encr, key_bytes(key), sa->next_iv++, &h, chain->first,
		inner);
	err = wr_finish(&w, &message);
	return err == 0 ? stored_set(out, message) : err;
}

void stored_send(struct ike_core *c, const struct path *path, const struct stored *s)
{
	size_t part = s->part > 0 ? s->part : s->len;

	for (size_t at = 0; at < s->len; at += part) {
		size_t left = s->len - at;

		action_send(c, path, (struct bytes){ s->ptr + at, left < part ? left : part });
	}
}

void respond(struct ike_core *c, struct ike_sa *sa, const struct path *path, uint8_t exchange,
	     uint32_t mid, struct payload_writer *chain)
{
	int err = seal(c, sa, exchange, IKE_FLAG_RESPONSE, mid, chain, &sa->last_response);

	if (err != 0) {
		log_error(c->lg, LG_IKE, "cannot answer %s %u: %s", exchange_name(exchange),
			  (unsigned int)mid, err_text(err));
		return;
	}
	sa->sent_ms = c->now_ms;
	stored_send(c, path, &sa->last_response);
}

int respond_later(struct ike_core *c, struct ike_sa *sa, const struct request *req,
		  struct payload_writer *chain, uint64_t child_id)
{
	int err = seal(c, sa, req->header.exchange, IKE_FLAG_RESPONSE, req->header.message_id,
		       chain, &sa->answer.message);

	if (err != 0)
		return err;
	sa->answer.path = *req->path;
	sa->answer.mid = req->header.message_id;
	sa->answer.child_id = child_id;
	return 0;
}

void respond_now(struct ike_core *c, struct ike_sa *sa)
{
	stored_free(&sa->last_response);
	sa->last_response = sa->answer.message;
	sa->answer.message = (struct stored){ .ptr = NULL };
	stored_send(c, &sa->answer.path, &sa->last_response);
}

void respond_notify(struct ike_core *c, struct ike_sa *sa, const struct path *path,
		    uint8_t exchange, uint32_t mid, uint16_t type, struct bytes data)
{
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);

	chain_put_notify(&chain, type, data);
	respond(c, sa, path, exchange, mid, &chain);
}

void respond_stateless(struct ike_core *c, const struct path *path, const struct ike_header *h,
		       uint16_t type, struct bytes data)
{
	struct wr w = wr_init(c->out, sizeof(c->out));
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
		action_send(c, path, message);
}

static void schedule_retransmission(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	uint64_t wait_ms = (uint64_t)RETRANSMIT_FIRST_MS << (sa->transmissions - 1);

	/* About a tenth more or less: many that lost the same link do not come back as one. */
	sa->retransmit_due_ms = now_ms + core_jitter(c, wait_ms + wait_ms / 10);
}

int request_send_clear(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, struct bytes message)
{
	int err = stored_set(&sa->outstanding, message);

	if (err != 0)
		return err;
	sa->tx_next = 1;
	sa->transmissions = 1;
	action_send(c, &sa->path, message);
	schedule_retransmission(c, sa, now_ms);
	return 0;
}

int request_send(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, uint8_t exchange,
		 struct payload_writer *chain)
{
	int err = seal(c, sa, exchange, 0, sa->tx_next, chain, &sa->outstanding);

	if (err != 0)
		return err;
	sa->tx_next++;
	sa->transmissions = 1;
	sa->sent_ms = now_ms;
	stored_send(c, &sa->path, &sa->outstanding);
	schedule_retransmission(c, sa, now_ms);
	return 0;
}

bool request_retransmit(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	if (sa->transmissions >= RETRANSMIT_TRIES)
		return false;
	sa->transmissions++;
	stored_send(c, &sa->path, &sa->outstanding);
	schedule_retransmission(c, sa, now_ms);
	return true;
}

/* The chain of a sealed message of ours, at the end of w; first is told by what comes first. */
static int open_own(struct ike_core *c, const struct ike_sa *sa, struct bytes message, struct wr *w,
		    uint8_t *first)
{
	struct bytes key = key_bytes(sa->is_initiator ? &sa->keys.ei : &sa->keys.er);
	struct bytes inner = { NULL, 0 };
	struct payload_list list;
	struct fragment f;
	bool is_authentic;
	uint8_t critical;
	int err;

	if (sa->outstanding.part > 0) {
		err = skf_open(c->crypto, sa->suite.encr, key, message, c->plain, &f, &critical,
			       &is_authentic);
		if (err != 0)
			return err;
		if (f.at.number == 1)
			*first = f.first;
		wr_bytes(w, f.content);
		return 0;
	}
	err = sk_open(c->crypto, sa->suite.encr, key, message, c->plain, &list, &critical,
		      &is_authentic);
	if (err != 0)
		return err;
	*first = 0;
	if (list.n > 0) {
		const struct payload *last = &list.items[list.n - 1];

		inner.ptr = list.items[0].body.ptr - GENERIC_HEADER_SIZE;
		inner.len = (size_t)(last->body.ptr + last->body.len - inner.ptr);
		*first = list.items[0].type;
	}
	wr_bytes(w, inner);
	return 0;
}

int request_seal_again(struct ike_core *c, struct ike_sa *sa, uint32_t mid, struct stored *out)
{
	const struct stored *s = &sa->outstanding;
	size_t part = s->part > 0 ? s->part : s->len;
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);
	struct ike_header h;
	int err = ike_header_decode((struct bytes){ s->ptr, part }, &h);

	for (size_t at = 0; err == 0 && at < s->len; at += part) {
		size_t left = s->len - at;

		err = open_own(c, sa, (struct bytes){ s->ptr + at, left < part ? left : part }, &w,
			       &chain.first);
	}
	return err == 0 ? seal(c, sa, h.exchange, 0, mid, &chain, out) : err;
}

void request_renumber(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, uint32_t mid,
		      struct stored *again)
{
	sa->tx_next = mid;
	if (again->len == 0)
		return;
	stored_free(&sa->outstanding);
	sa->outstanding = *again;
	*again = (struct stored){ .ptr = NULL };
	sa->tx_next++;
	sa->transmissions = 1;
	sa->sent_ms = now_ms;
	stored_send(c, &sa->path, &sa->outstanding);
	schedule_retransmission(c, sa, now_ms);
}

int respond_once(struct ike_core *c, struct ike_sa *sa, const struct request *req,
		 struct payload_writer *chain)
{
	struct stored message = { .ptr = NULL };
	int err = seal(c, sa, req->header.exchange, IKE_FLAG_RESPONSE, req->header.message_id,
		       chain, &message);

	if (err == 0)
		stored_send(c, req->path, &message);
	stored_free(&message);
	return err;
}

void request_forget(struct ike_sa *sa)
{
	stored_free(&sa->outstanding);
}
