/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "director/failover/executor_internal.h"

/* What the coordinator wants done. */

#define AT_ONCE 32

uint64_t executor_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static const char *name_of(const struct executor *e, size_t member)
{
	return registry_get(e->res.registry, member)->name;
}

/* Records that wait to be written together: a member that dies may have had many addresses. */
struct batch {
	size_t n;
	uint64_t tickets[AT_ONCE];
	struct store_change changes[AT_ONCE];
};

static void add(const struct executor *e, struct batch *b, const struct coordinator_action *a)
{
	struct store_change *change = &b->changes[b->n];

	*change = (struct store_change){
		.address = { .ip = a->record.ip,
			     .epoch = a->record.epoch,
			     .is_manual = a->record.is_manual },
		.is_adopted = a->is_adopted,
		.at_least = a->at_least,
	};
	if (a->record.owner != COORDINATOR_NONE)
		snprintf(change->address.owner, sizeof(change->address.owner), "%s",
			 name_of(e, a->record.owner));
	b->tickets[b->n++] = a->ticket;
}

/* What it brings about comes later in the queue: the order of actions stays. */
static void write_all(struct executor *e, struct batch *b)
{
	int err = b->n > 0 ? store_addresses_change(e->res.store, b->changes, b->n) : 0;
	size_t n = b->n;

	b->n = 0;
	for (size_t i = 0; i < n; i++)
		coordinator_stored(e->coordinator, executor_now_ms(), b->tickets[i], err,
				   b->changes[i].address.epoch);
}

/* That an order does not arrive shows by its answer, which does not come. */
static void order(struct executor *e, const struct coordinator_action *a, struct message *m)
{
	m->id = a->id;
	if (e->control == NULL || control_send(e->control, a->member, m) != 0)
		log_debug(e->res.lg, LG_MEMBER, "%s: %s not sent", name_of(e, a->member),
			  message_type_name(m->type));
}

static void claim(struct executor *e, const struct coordinator_action *a)
{
	struct message m = { .type = MESSAGE_CLAIM };

	m.claim = (struct msg_claim){
		.address = a->ip,
		.epoch = a->epoch,
		.from = a->from != COORDINATOR_NONE ? name_of(e, a->from) : NULL,
		.force = a->force,
		.dead = a->dead,
	};
	order(e, a, &m);
}

static void release(struct executor *e, const struct coordinator_action *a)
{
	struct message m = { .type = MESSAGE_RELEASE };

	m.release = (struct msg_release){ .address = a->ip, .epoch = a->epoch };
	order(e, a, &m);
}

static void probe(struct executor *e, const struct coordinator_action *a)
{
	struct message m = { .type = MESSAGE_PROBE };

	m.probe = (struct msg_probe){
		.address = a->ip,
		.number = a->probe.number,
		.references = a->probe.references,
		.n_references = a->probe.n_references,
		.witnesses = a->probe.witnesses,
		.n_witnesses = a->probe.n_witnesses,
	};
	order(e, a, &m);
}

void executor_take_fenced(void *ctx, uint64_t ticket, int err, const char *why)
{
	struct executor *e = ctx;

	if (e->is_stopped)
		return;
	history_add(e->res.history, "failover", err == 0 ? "fenced" : "fencing failed", why);
	coordinator_fenced(e->coordinator, executor_now_ms(), ticket, err);
	e->events.changed(e->events.ctx);
}

static void fence(struct executor *e, const struct coordinator_action *a)
{
	struct errtext why = { "no script is configured" };
	int err = ERR_CONFIG;

	if (e->fence != NULL)
		err = fence_run(e->fence, a->ticket, name_of(e, a->member), &a->ip, &why);
	if (err == 0)
		return;
	history_add(e->res.history, "failover", "fencing failed", why.text);
	coordinator_fenced(e->coordinator, executor_now_ms(), a->ticket, err);
}

/* The front end must not name an address that its member does not hold. */
static void serve(struct executor *e)
{
	struct registry *r = e->res.registry;

	for (size_t i = 0; i < registry_count(r); i++) {
		const struct member *m = registry_get(r, i);

		for (size_t k = 0; k < m->n_home; k++)
			registry_serve(r, i, k,
				       coordinator_is_served(e->coordinator, i, &m->home[k]));
	}
	e->events.served(e->events.ctx);
}

static void act(struct executor *e, const struct coordinator_action *a)
{
	switch (a->type) {
	case COORDINATOR_STORE: /* see executor_run() */
		break;
	case COORDINATOR_CLAIM:
		claim(e, a);
		break;
	case COORDINATOR_RELEASE:
		release(e, a);
		break;
	case COORDINATOR_PROBE:
		probe(e, a);
		break;
	case COORDINATOR_FENCE:
		fence(e, a);
		break;
	case COORDINATOR_EVENT:
		history_add(e->res.history, a->subject, a->what, a->why);
		break;
	case COORDINATOR_CHANGED:
		serve(e);
		break;
	}
}

bool executor_run(struct executor *e)
{
	struct coordinator_action action;
	struct batch batch = { .n = 0 };
	bool has_run = false;

	while (!e->is_stopped) {
		bool is_there = coordinator_next_action(e->coordinator, &action);

		if (is_there && action.type == COORDINATOR_STORE)
			add(e, &batch, &action);
		if (batch.n == 0 && !is_there)
			break;
		has_run = true;
		if (is_there && action.type == COORDINATOR_STORE && batch.n < AT_ONCE)
			continue;
		write_all(e, &batch);
		if (is_there)
			act(e, &action);
	}
	return has_run;
}
