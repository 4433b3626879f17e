/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/responder/ike_sa.h"

#include <stdlib.h>

/*
 * The queue of actions. Without memory an action is lost. That of a SEND the network may lose too;
 * a CHILD_ADD times out; after the loss of another one the shell keeps a Child SA that nobody can
 * use, or the director shows a peer that is gone, until the agent connects to it anew.
 */
static struct queued *push(struct responder *r, enum action_type type)
{
	struct queued *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		count(r, RESPONDER_DROP_LIMIT);
		return NULL;
	}
	q->action.type = type;
	*r->last = q;
	r->last = &q->next;
	return q;
}

static void queued_free(struct queued *q)
{
	if (q == NULL)
		return;
	free(q->owned);
	free(q);
}

void action_send(struct responder *r, const struct path *path, struct bytes message)
{
	struct queued *q = push(r, ACTION_SEND);

	if (q == NULL)
		return;
	q->owned = malloc(message.len);
	if (q->owned == NULL)
		message.len = 0;
	else
		memcpy(q->owned, message.ptr, message.len);
	q->action.path = *path;
	q->action.message = (struct bytes){ q->owned, message.len };
	count(r, RESPONDER_TX);
}

void action_child_add(struct responder *r, const struct ike_sa *sa)
{
	struct queued *q = push(r, ACTION_CHILD_ADD);
	const struct child *child = &sa->child;

	if (q == NULL)
		return;
	q->action.child_id = child->id;
	q->action.connection = sa->peer->connection;
	q->action.child = (struct esp_child){
		.id = child->id,
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.encr = child->suite.encr,
		/* Views of the SA's copy: it stays until the result has come. */
		.key_in = key_bytes(&child->keys.i2r),
		.key_out = key_bytes(&child->keys.r2i),
		.local = sa->path.local,
		.remote = sa->path.remote,
		.ts_local = child->local,
		.ts_remote = child->remote,
	};
}

void action_child_remove(struct responder *r, uint64_t child_id)
{
	struct queued *q = push(r, ACTION_CHILD_REMOVE);

	if (q != NULL)
		q->action.child_id = child_id;
}

void action_child_move(struct responder *r, const struct ike_sa *sa)
{
	struct queued *q = push(r, ACTION_CHILD_MOVE);

	if (q == NULL)
		return;
	q->action.child_id = sa->child.id;
	q->action.path = sa->path;
}

void action_peer(struct responder *r, enum action_type type, const struct ike_sa *sa,
		 enum responder_reason reason)
{
	struct queued *q = push(r, type);

	if (q == NULL)
		return;
	ike_sa_fill_info(sa, &q->action.peer);
	q->action.reason = reason;
}

bool responder_next_action(struct responder *r, struct action *out)
{
	queued_free(r->current);
	r->current = r->first;
	if (r->current == NULL)
		return false;
	r->first = r->current->next;
	if (r->first == NULL)
		r->last = &r->first;
	*out = r->current->action;
	return true;
}

void actions_free(struct responder *r)
{
	queued_free(r->current);
	while (r->first != NULL) {
		struct queued *next = r->first->next;

		queued_free(r->first);
		r->first = next;
	}
}
