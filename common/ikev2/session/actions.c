/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/ike_sa.h"

#include <stdlib.h>

/*
 * The queue of actions. Without memory an action is lost. That of a SEND the network may lose too;
 * a CHILD_ADD times out; after the loss of another one the shell keeps a Child SA that nobody can
 * use, or the director shows a peer that is gone, until the agent connects to it anew.
 */
static struct queued *push(struct ike_core *c, enum action_type type)
{
	struct queued *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		count(c, COUNT_DROP_LIMIT);
		return NULL;
	}
	q->action.type = type;
	*c->last = q;
	c->last = &q->next;
	return q;
}

static void queued_free(struct queued *q)
{
	if (q == NULL)
		return;
	if (q->secret > 0)
		wipe(q->owned, q->secret);
	free(q->owned);
	free(q);
}

void action_send(struct ike_core *c, const struct path *path, struct bytes message)
{
	struct queued *q = push(c, ACTION_SEND);

	if (q == NULL)
		return;
	q->owned = malloc(message.len);
	if (q->owned == NULL)
		message.len = 0;
	else
		memcpy(q->owned, message.ptr, message.len);
	q->action.path = *path;
	q->action.message = (struct bytes){ q->owned, message.len };
	count(c, COUNT_TX);
}

/* The keys are the action's own: what else the same call does may end the Child SA. */
void action_child_add(struct ike_core *c, const struct child *child, bool is_inbound_only)
{
	struct child_keys *keys = malloc(sizeof(*keys));
	const struct key *i2r, *r2i;
	struct queued *q;

	if (keys == NULL) {
		count(c, COUNT_DROP_LIMIT);
		return;
	}
	q = push(c, ACTION_CHILD_ADD);
	if (q == NULL) {
		free(keys);
		return;
	}
	*keys = child->keys;
	i2r = &keys->i2r;
	r2i = &keys->r2i;
	q->owned = (uint8_t *)keys;
	q->secret = sizeof(*keys);
	q->action.child_id = child->id;
	q->action.connection = child->sa->peer->connection;
	q->action.child = (struct esp_child){
		.id = child->id,
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.encr = child->suite.encr,
		.key_in = key_bytes(child->is_initiator ? r2i : i2r),
		.key_out = key_bytes(child->is_initiator ? i2r : r2i),
		.local = child->sa->path.local,
		.remote = child->sa->path.remote,
		.ts_local = child->local,
		.ts_remote = child->remote,
		.is_inbound_only = is_inbound_only,
	};
}

void action_child_remove(struct ike_core *c, uint64_t child_id)
{
	struct queued *q = push(c, ACTION_CHILD_REMOVE);

	if (q != NULL)
		q->action.child_id = child_id;
}

void action_child_move(struct ike_core *c, const struct child *child)
{
	struct queued *q = push(c, ACTION_CHILD_MOVE);

	if (q == NULL)
		return;
	q->action.child_id = child->id;
	q->action.path = child->sa->path;
}

void action_keepalive(struct ike_core *c, const struct path *path)
{
	struct queued *q = push(c, ACTION_KEEPALIVE);

	if (q == NULL)
		return;
	q->action.path = *path;
	count(c, COUNT_KEEPALIVE);
}

void action_child_outbound(struct ike_core *c, const struct child *child)
{
	struct queued *q = push(c, ACTION_CHILD_OUTBOUND);

	if (q == NULL)
		return;
	q->action.child_id = child->id;
	q->action.is_outbound = child->is_outbound;
	q->action.connection = child->sa->peer->connection;
	q->action.child.ts_local = child->local;
	q->action.child.ts_remote = child->remote;
}

void action_peer(struct ike_core *c, enum action_type type, const struct ike_sa *sa,
		 enum ike_reason reason)
{
	struct queued *q = push(c, type);

	if (q == NULL)
		return;
	ike_sa_fill_info(sa, &q->action.peer);
	q->action.reason = reason;
}

void action_peer_rekeyed(struct ike_core *c, const struct ike_sa *sa, uint64_t old_spi)
{
	struct queued *q = push(c, ACTION_PEER_CHANGED);

	if (q == NULL)
		return;
	ike_sa_fill_info(sa, &q->action.peer);
	q->action.peer.old_spi = old_spi;
}

void action_ticket(struct ike_core *c, const struct ike_sa *sa, const struct resumption *resumption)
{
	struct resumption *copy = NULL;
	struct queued *q;

	if (resumption != NULL) {
		copy = malloc(sizeof(*copy));
		if (copy == NULL) {
			count(c, COUNT_DROP_LIMIT);
			return;
		}
		*copy = *resumption;
	}
	q = push(c, copy != NULL ? ACTION_TICKET : ACTION_TICKET_GONE);
	if (q == NULL) {
		if (copy != NULL)
			resumption_wipe(copy);
		free(copy);
		return;
	}
	q->owned = (uint8_t *)copy;
	q->secret = copy != NULL ? sizeof(*copy) : 0;
	q->action.resumption = copy;
	q->action.peer.ref = sa->ref;
	q->action.peer.spi = sa->own_spi;
	q->action.peer.path = sa->path;
}

void action_failed(struct ike_core *c, const struct ike_sa *sa, enum ike_reason reason,
		   uint16_t notify)
{
	struct queued *q = push(c, ACTION_PEER_FAILED);

	if (q == NULL)
		return;
	q->action.peer.ref = sa->ref;
	q->action.peer.path = sa->path;
	q->action.peer.connection = sa->peer->connection->name;
	q->action.reason = reason;
	q->action.notify = notify;
}

bool actions_next(struct ike_core *c, struct action *out)
{
	queued_free(c->current);
	c->current = c->first;
	if (c->current == NULL)
		return false;
	c->first = c->current->next;
	if (c->first == NULL)
		c->last = &c->first;
	*out = c->current->action;
	return true;
}

void actions_free(struct ike_core *c)
{
	queued_free(c->current);
	while (c->first != NULL) {
		struct queued *next = c->first->next;

		queued_free(c->first);
		c->first = next;
	}
}
