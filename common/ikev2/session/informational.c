/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/ike_sa.h"

#include "common/ikev2/notify.h"

/*
 * INFORMATIONAL requests of the peer (RFC 7296, 1.4), and CREATE_CHILD_SA as far as a responder
 * with one Child SA has to answer it.
 */

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
	struct child *child; /* NULL: none that we know */
};

/* The SPIs are those that the peer receives on. */
static void find_deleted(const struct ike_sa *sa, const struct delete_body *d, struct deletes *out)
{
	for (size_t i = 0; i < d->count && out->child == NULL; i++)
		out->child = child_find_out(sa, delete_spi(d, i));
}

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
		else if (d.protocol == PROTOCOL_ESP)
			find_deleted(sa, &d, &out);
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

void informational_request(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			   const struct request *req)
{
	struct deletes deletes = read_deletes(sa, req->payloads);
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);

	if (deletes.is_malformed) {
		count(c, COUNT_SYNTAX);
		respond_notify(c, sa, req->path, EXCHANGE_INFORMATIONAL, req->header.message_id,
			       NOTIFY_INVALID_SYNTAX, (struct bytes){ NULL, 0 });
		ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
		return;
	}
	/* Deleting the IKE SA takes its children along: the answer is empty, RFC 7296, 1.4.1. */
	if (deletes.child != NULL && !deletes.has_ike)
		put_delete_child(&chain, deletes.child->spi_in);
	respond(c, sa, req->path, EXCHANGE_INFORMATIONAL, req->header.message_id, &chain);
	if (has_rejection(req->payloads)) {
		ike_sa_close(c, sa, now_ms, REASON_REJECTED);
	} else if (deletes.has_ike) {
		count(c, COUNT_DELETED);
		ike_sa_close(c, sa, now_ms, REASON_DELETED);
	} else if (deletes.child != NULL) {
		child_remove(c, deletes.child);
		action_peer(c, ACTION_PEER_CHANGED, sa, REASON_DELETED);
	}
}

void create_child_request(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			  const struct request *req)
{
	(void)now_ms;
	respond_notify(c, sa, req->path, EXCHANGE_CREATE_CHILD_SA, req->header.message_id,
		       NOTIFY_NO_ADDITIONAL_SAS, (struct bytes){ NULL, 0 });
}
