/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/payloads.h"
#include "common/ikev2/session/tasks.h"

/* INFORMATIONAL requests of the peer (RFC 7296, 1.4): Delete in all forms, liveness. */

/* What the Delete payloads of a request ask for. */
struct deletes {
	bool is_malformed;
	bool has_ike;
	size_t n;
	struct child *children[CHILDREN_ALL_MAX]; /* that we know, each once */
};

static bool is_among(const struct deletes *d, const struct child *child)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->children[i] == child)
			return true;
	}
	return false;
}

/* The SPIs are those that the peer receives on; unknown ones are passed over. */
static void find_deleted(const struct ike_sa *sa, const struct delete_body *d, struct deletes *out)
{
	for (size_t i = 0; i < d->count && out->n < CHILDREN_ALL_MAX; i++) {
		struct child *child = child_find_out(sa, delete_spi(d, i));

		if (child != NULL && !is_among(out, child))
			out->children[out->n++] = child;
	}
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

/*
 * The answer names our ends of the SAs that the peer's request named, but not of those that we
 * have asked to delete ourselves: "crossing" requests are answered without them (1.4.1).
 */
static void put_deletes(struct payload_writer *chain, const struct deletes *deletes)
{
	uint32_t spis[CHILDREN_ALL_MAX];
	size_t n = 0;

	for (size_t i = 0; i < deletes->n; i++) {
		if (deletes->children[i]->state != CHILD_DELETING)
			spis[n++] = deletes->children[i]->spi_in;
	}
	if (n > 0)
		chain_put_delete_esp(chain, spis, n);
}

/* What the peer has rekeyed and then takes back is as it was before. */
static void undo_replacing(struct ike_core *c, struct ike_sa *sa, const struct child *child,
			   uint64_t now_ms)
{
	if (child->replaces != 0 && !child->is_replaced && !child->is_redundant &&
	    !task_is_current(sa, TASK_REKEY_CHILD))
		child_not_replaced(c, child->replaces, now_ms);
}

static void delete_children(struct ike_core *c, struct ike_sa *sa, const struct deletes *deletes,
			    uint64_t now_ms)
{
	bool has_changed = false;

	for (size_t i = 0; i < deletes->n; i++) {
		struct child *child = deletes->children[i];

		/* That one goes when our own request is answered. */
		if (child->state == CHILD_DELETING)
			continue;
		undo_replacing(c, sa, child, now_ms);
		has_changed |= child_deleted(c, child, now_ms);
	}
	if (has_changed && sa->state == SA_ESTABLISHED)
		action_peer(c, ACTION_PEER_CHANGED, sa, REASON_DELETED);
}

/*
 * RFC 7296, 2.25.2: our own rekey of it is dropped. But if the peer has rekeyed it too, then it has
 * decided that its new one lives on, and deletes the old one.
 */
static void deleted_by_peer(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	struct ike_sa *heir = sa->state == SA_ESTABLISHED ? heir_of_peer(c, sa) : NULL;

	count(c, COUNT_DELETED);
	if (c->role->deleted != NULL)
		c->role->deleted(c, sa);
	if (heir != NULL)
		heir_inherit(c, sa, heir, now_ms);
	ike_sa_close(c, sa, now_ms, REASON_DELETED);
}

/* A peer that uses its new IKE SA has decided for it: see heir.c. */
static void adopt(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	struct ike_sa *old = ike_sa_find(c, sa->old_spi);

	if (sa->state == SA_HEIR && heir_is_undecided(c, sa))
		heir_inherit(c, old, sa, now_ms);
}

void informational_request(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			   const struct request *req)
{
	struct deletes deletes = read_deletes(sa, req->payloads);
	struct wr w;
	struct payload_writer chain;

	if (deletes.is_malformed) {
		count(c, COUNT_SYNTAX);
		respond_notify(c, sa, req->path, EXCHANGE_INFORMATIONAL, req->header.message_id,
			       NOTIFY_INVALID_SYNTAX, (struct bytes){ NULL, 0 });
		ike_sa_close(c, sa, now_ms, REASON_SYNTAX);
		return;
	}
	if (!deletes.has_ike && sa->state == SA_HEIR) {
		adopt(c, sa, now_ms);
		deletes = read_deletes(sa, req->payloads);
	}
	chain = core_chain(c, &w);
	/* Deleting the IKE SA takes its children along: the answer is empty, RFC 7296, 1.4.1. */
	if (!deletes.has_ike)
		put_deletes(&chain, &deletes);
	if (!deletes.has_ike && c->role->add_answer != NULL)
		c->role->add_answer(c, sa, sa, req->payloads, &chain);
	respond(c, sa, req->path, EXCHANGE_INFORMATIONAL, req->header.message_id, &chain);
	if (has_rejection(req->payloads))
		ike_sa_close(c, sa, now_ms, REASON_REJECTED);
	else if (deletes.has_ike)
		deleted_by_peer(c, sa, now_ms);
	else
		delete_children(c, sa, &deletes, now_ms);
	if (c->role->informed != NULL && sa->state == SA_ESTABLISHED)
		c->role->informed(c, sa, now_ms, req);
}
