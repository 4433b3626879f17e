/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"

#define QUEUE_FIRST       32
/*
 * What one event can cause at most, with room to spare: per address a store request, an order, a
 * fence, COORDINATOR_PROBERS_MAX probes and a few events. Nobody drains if there is more.
 */
#define QUEUE_PER_ADDRESS 16
#define QUEUE_MORE        4096

/* ---- the queue, a ring ---- */

static bool grow(struct coordinator *c)
{
	size_t cap = c->queue_cap == 0 ? QUEUE_FIRST : 2 * c->queue_cap;
	struct coordinator_action *queue;

	if (c->queue_cap > QUEUE_PER_ADDRESS * c->n + QUEUE_MORE)
		return false;
	queue = calloc(cap, sizeof(*queue));
	if (queue == NULL)
		return false;
	for (size_t i = 0; i < c->queue_n; i++)
		queue[i] = c->queue[(c->queue_first + i) % c->queue_cap];
	free(c->queue);
	c->queue = queue;
	c->queue_cap = cap;
	c->queue_first = 0;
	return true;
}

struct coordinator_action *coord_push(struct coordinator *c, enum coordinator_action_type type)
{
	struct coordinator_action *action;

	if (c->queue_n == c->queue_cap && !grow(c)) {
		log_error(c->lg, LG_MEMBER, "failover: no memory for what is to be done");
		return NULL;
	}
	action = &c->queue[(c->queue_first + c->queue_n++) % c->queue_cap];
	*action = (struct coordinator_action){
		.type = type,
		.member = COORDINATOR_NONE,
		.from = COORDINATOR_NONE,
	};
	return action;
}

/* That addresses have another owner is known to placement before anybody is ordered anything. */
bool coordinator_next_action(struct coordinator *c, struct coordinator_action *out)
{
	if (c->has_changed) {
		c->has_changed = false;
		*out = (struct coordinator_action){ .type = COORDINATOR_CHANGED };
		return true;
	}
	if (c->queue_n == 0)
		return false;
	*out = c->queue[c->queue_first];
	c->queue_first = (c->queue_first + 1) % c->queue_cap;
	c->queue_n--;
	return true;
}

/* ---- kinds of actions ---- */

void coord_event(struct coordinator *c, const char *subject, const char *what, const char *fmt, ...)
{
	struct coordinator_action *action = coord_push(c, COORDINATOR_EVENT);
	char why[2 * COORDINATOR_WHY_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	if (action == NULL) {
		log_error(c->lg, LG_MEMBER, "%s: %s: %s", subject, what, why);
		return;
	}
	snprintf(action->subject, sizeof(action->subject), "%s", subject);
	snprintf(action->what, sizeof(action->what), "%s", what);
	/* What members say may be cut in the middle of a character here. */
	text_clean((struct bytes){ (const uint8_t *)why, strlen(why) }, action->why,
		   sizeof(action->why));
}

bool coord_store(struct coordinator *c, struct coord_address *a, const struct coord_store *store)
{
	struct coordinator_action *action = coord_push(c, COORDINATOR_STORE);
	bool keeps_owner = store->purpose == COORD_FOR_RELEASE || store->purpose == COORD_FOR_STRAY;

	if (action == NULL) {
		a->store_retry_ms = c->now_ms + COORD_RETRY_MS;
		return false;
	}
	a->store = *store;
	a->store.ticket = ++c->last_ticket;
	a->let_go = COORDINATOR_NONE;
	action->ticket = a->store.ticket;
	action->record = (struct coordinator_record){
		.ip = a->ip,
		.owner = keeps_owner ? a->owner : store->member,
		.epoch = store->purpose == COORD_FOR_ADOPT ? store->epoch : a->epoch,
		.is_manual = keeps_owner ? a->is_manual : store->is_manual,
	};
	action->ip = a->ip;
	action->member = action->record.owner;
	action->at_least = c->max_epoch;
	action->is_adopted = store->purpose == COORD_FOR_ADOPT;
	return true;
}

/* The number of the member whose home it is, if that was judged down: who left is not dead. */
static uint8_t dead_home(const struct coordinator *c, const struct coord_address *a)
{
	const struct member *home = registry_get(c->registry, a->home);

	return a->owner != a->home && home->state == MEMBER_DOWN ? home->number : 0;
}

/* Without memory it counts as sent: that nobody answers brings the next attempt. */
void coord_send_claim(struct coordinator *c, struct coord_address *a, bool force)
{
	struct coordinator_action *action = coord_push(c, COORDINATOR_CLAIM);

	a->order = (struct coord_order){
		.id = ++c->last_id,
		.member = a->owner,
		.epoch = a->epoch,
		.sent_ms = c->now_ms,
		.due_ms = c->now_ms + c->conf.order_ms,
	};
	if (action == NULL)
		return;
	action->member = a->owner;
	action->id = a->order.id;
	action->ip = a->ip;
	action->epoch = a->epoch;
	action->from = a->from == a->owner ? COORDINATOR_NONE : a->from;
	action->force = force;
	action->dead = dead_home(c, a);
}

void coord_send_release(struct coordinator *c, struct coord_address *a, struct coord_order *order,
			size_t member, uint64_t epoch)
{
	struct coordinator_action *action = coord_push(c, COORDINATOR_RELEASE);

	*order = (struct coord_order){
		.id = ++c->last_id,
		.member = member,
		.epoch = epoch,
		.sent_ms = c->now_ms,
		.due_ms = c->now_ms + c->conf.order_ms,
	};
	if (action == NULL)
		return;
	action->member = member;
	action->id = order->id;
	action->ip = a->ip;
	action->epoch = epoch;
}
