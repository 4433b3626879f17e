/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/ike_sa.h"

#include "common/ikev2/notify.h"
#include "common/wire/rd.h"

/*
 * INFORMATIONAL (RFC 7296, 1.4) in both directions, and CREATE_CHILD_SA as far as a responder with
 * one Child SA has to answer it.
 */

/* True if the Delete payload names our Child SA: by the SPI that the peer receives on. */
static bool names_child(const struct ike_sa *sa, const struct delete_body *d)
{
	struct rd r = rd_init(d->spis);

	while (sa->has_child && !rd_is_done(&r)) {
		if (rd_u32(&r) == sa->child.spi_out)
			return true;
	}
	return false;
}

static void put_delete_child(struct payload_writer *chain, uint32_t spi_in)
{
	uint8_t spi[4];
	struct wr w = wr_init(spi, sizeof(spi));
	struct delete_body d = { PROTOCOL_ESP, 1, { spi, sizeof(spi) } };

	wr_u32(&w, spi_in);
	payload_open(chain, PAYLOAD_DELETE);
	delete_encode(chain->w, &d);
	payload_close(chain);
}

/* What the Delete payloads of a request ask for. */
struct deletes {
	bool is_malformed;
	bool has_ike;
	bool has_child;
};

static struct deletes read_deletes(const struct ike_sa *sa, const struct payload_list *list)
{
	struct deletes out = { .is_malformed = false };

	for (size_t i = 0; i < list->n; i++) {
		struct delete_body d;

		if (list->items[i].type != PAYLOAD_DELETE)
			continue;
		if (delete_decode(list->items[i].body, &d) != 0)
			out.is_malformed = true;
		else if (d.protocol == PROTOCOL_IKE)
			out.has_ike = true;
		else if (d.protocol == PROTOCOL_ESP && names_child(sa, &d))
			out.has_child = true;
	}
	return out;
}

/* RFC 7296, 2.21.2: so an initiator says that it does not believe who we are; the SA is gone. */
static bool has_rejection(const struct payload_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct notify n;

		if (list->items[i].type == PAYLOAD_NOTIFY &&
		    notify_decode(list->items[i].body, &n) == 0 &&
		    n.type == NOTIFY_AUTHENTICATION_FAILED)
			return true;
	}
	return false;
}

void exchange_informational(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
			    const struct request *req)
{
	struct deletes deletes = read_deletes(sa, req->payloads);
	struct wr w;
	struct payload_writer chain = response_chain(r, &w);

	if (deletes.is_malformed) {
		count(r, RESPONDER_SYNTAX);
		respond_notify(r, sa, req->path, EXCHANGE_INFORMATIONAL, req->header.message_id,
			       NOTIFY_INVALID_SYNTAX, (struct bytes){ NULL, 0 });
		ike_sa_close(r, sa, now_ms, REASON_SYNTAX);
		return;
	}
	/* Deleting the IKE SA takes its children along: the answer is empty, RFC 7296, 1.4.1. */
	if (deletes.has_child && !deletes.has_ike)
		put_delete_child(&chain, sa->child.spi_in);
	respond(r, sa, req->path, EXCHANGE_INFORMATIONAL, req->header.message_id, &chain);
	if (has_rejection(req->payloads)) {
		ike_sa_close(r, sa, now_ms, REASON_REJECTED);
	} else if (deletes.has_ike) {
		count(r, RESPONDER_DELETED);
		ike_sa_close(r, sa, now_ms, REASON_DELETED);
	} else if (deletes.has_child) {
		action_child_remove(r, sa->child.id);
		ike_sa_drop_child(r, sa);
		action_peer(r, ACTION_PEER_CHANGED, sa, REASON_DELETED);
	}
}

void exchange_informational_response(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
				     const struct request *req)
{
	(void)req;
	stored_free(&sa->outstanding);
	ike_sa_set_timer(r, sa, now_ms + r->conf.dpd_ms);
}

void exchange_create_child(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
			   const struct request *req)
{
	(void)now_ms;
	respond_notify(r, sa, req->path, EXCHANGE_CREATE_CHILD_SA, req->header.message_id,
		       NOTIFY_NO_ADDITIONAL_SAS, (struct bytes){ NULL, 0 });
}
