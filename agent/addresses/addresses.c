/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/addresses/internal.h"

#include <stdlib.h>

/*
 * What was lost by accident, say because the host was suspended, may be back soon, and its peers
 * with it. After this time they are given up.
 */
#define LOST_MS 10000

size_t addresses_find(const struct addresses *a, const struct ip *ip)
{
	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		if (ip_is_equal(&a->setup->addresses[i], ip))
			return i;
	}
	return SIZE_MAX;
}

/* ---- what the core decides ---- */

static void persist(struct addresses *a, const struct ownership_action *action)
{
	a->state.ownership = *action->state;
	a->ticket = action->ticket;
	a->save = recorder_save(a->recorder, &a->state);
}

static void ask_keeper(struct addresses *a, const struct ownership_action *action, bool is_add)
{
	int err = is_add ? keeper_client_add_address(a->keeper, action->index, action->epoch,
						     action->force)
			 : keeper_client_remove_address(a->keeper, action->index);

	if (err != 0)
		ownership_keeper_answer(a->ownership, addresses_now(), action->index, is_add, err,
					MSG_REFUSED_FAILED, "the keeper takes no more requests");
}

static void notice(struct addresses *a, const struct ownership_action *action)
{
	const struct keeper_address *k = &a->setup->keeper.addresses[action->index];

	neighbours_notice(a->neighbours, &k->ip, action->epoch,
			  k->claim == KEEPER_CLAIM_L2 ? k->link : NULL, &action->to);
}

static void tell(struct addresses *a, const struct ownership_action *action)
{
	struct message m = { .id = action->id };

	switch (action->type) {
	case OWNERSHIP_CLAIMED:
		m.type = MESSAGE_CLAIMED;
		m.claimed = (struct msg_claimed){ action->ip, action->epoch };
		break;
	case OWNERSHIP_REFUSED:
		m.type = MESSAGE_REFUSED;
		m.refused = (struct msg_refused){ action->ip, action->epoch, action->max_epoch,
						  action->code, action->why };
		break;
	case OWNERSHIP_RELEASED:
		m.type = MESSAGE_RELEASED;
		m.released = (struct msg_released){ action->ip, action->epoch, action->why };
		break;
	default:
		m.type = MESSAGE_EVENT;
		m.event = (struct msg_event){ action->what, action->why };
		break;
	}
	a->events.tell(a->events.ctx, &m);
}

/* For good: what was set up there goes. */
static void lose(struct addresses *a, size_t index)
{
	a->lost_ms[index] = NEVER;
	a->was_held[index] = false;
	a->events.lost(a->events.ctx, &a->setup->addresses[index]);
}

static void compare(struct addresses *a)
{
	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		bool is_held = ownership_is_held(a->ownership, i);

		if (is_held)
			a->lost_ms[i] = NEVER;
		else if (a->was_held[i])
			a->lost_ms[i] = addresses_now() + LOST_MS;
		a->was_held[i] = is_held;
	}
}

static void run(struct addresses *a, const struct ownership_action *action)
{
	switch (action->type) {
	case OWNERSHIP_PERSIST:
		persist(a, action);
		break;
	case OWNERSHIP_KEEPER_ADD:
		ask_keeper(a, action, true);
		break;
	case OWNERSHIP_KEEPER_REMOVE:
		/* In this order: it may have thousands of SAs, whose routes go the same way. */
		ask_keeper(a, action, false);
		lose(a, action->index);
		break;
	case OWNERSHIP_NOTICE:
		notice(a, action);
		break;
	case OWNERSHIP_CLAIMED:
	case OWNERSHIP_REFUSED:
	case OWNERSHIP_EVENT:
	case OWNERSHIP_RELEASED:
		tell(a, action);
		break;
	case OWNERSHIP_CHANGED:
		compare(a);
		a->events.changed(a->events.ctx);
		break;
	}
}

static void on_timer(uv_timer_t *timer);

static void arm(struct addresses *a)
{
	uint64_t due = ownership_next_expiry(a->ownership), now = addresses_now();

	/* What is due before there is a keeper waits for it. */
	if (a->keeper == NULL)
		return;
	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		if (a->lost_ms[i] < due)
			due = a->lost_ms[i];
	}
	if (due == NEVER) {
		uv_timer_stop(&a->timer);
		return;
	}
	uv_update_time(a->loop);
	uv_timer_start(&a->timer, on_timer, due > now ? due - now : 0, 0);
}

/* After every call into the core. */
void addresses_drain(struct addresses *a)
{
	struct ownership_action action;

	while (!a->is_closing && ownership_next_action(a->ownership, &action))
		run(a, &action);
	if (!a->is_closing)
		arm(a);
}

static void on_timer(uv_timer_t *timer)
{
	struct addresses *a = timer->data;

	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		if (a->lost_ms[i] <= addresses_now())
			lose(a, i);
	}
	ownership_expire(a->ownership, addresses_now());
	addresses_drain(a);
}

static void on_saved(void *ctx, uint64_t save, int err)
{
	struct addresses *a = ctx;
	uint64_t ticket = a->ticket;

	if (a->is_closing || a->save == 0 || save < a->save)
		return;
	a->ticket = a->save = 0;
	ownership_persisted(a->ownership, addresses_now(), ticket, err);
	addresses_drain(a);
}

/* ---- what is tracked, stop ---- */

void addresses_able(struct addresses *a, bool is_able, const char *why)
{
	ownership_able(a->ownership, addresses_now(), is_able,
		       is_able ? "everything that is tracked works" : why);
	addresses_drain(a);
}

void addresses_stop(struct addresses *a, const char *why)
{
	ownership_stop(a->ownership, addresses_now(), why);
	addresses_drain(a);
}

/* ---- life ---- */

int addresses_new(uv_loop_t *loop, const struct addresses_conf *conf,
		  const struct addresses_events *events, struct addresses **out,
		  struct errtext *why)
{
	struct addresses *a = calloc(1, sizeof(*a));
	struct neighbours_events mesh = addresses_mesh_events;
	int err;

	errtext_set(why, "out of memory");
	if (a == NULL)
		return ERR_NO_MEMORY;
	a->loop = loop;
	a->conf = *conf;
	a->setup = conf->setup;
	a->lg = conf->lg;
	a->events = *events;
	mesh.ctx = a;
	for (size_t i = 0; i < KEEPER_ADDRESSES_MAX; i++)
		a->lost_ms[i] = NEVER;
	uv_timer_init(loop, &a->timer);
	a->timer.data = a;
	a->recorder = recorder_new(loop, conf->state_dir, conf->lg, on_saved, a);
	err = a->recorder == NULL
		  ? ERR_NO_MEMORY
		  : neighbours_new(loop, &a->setup->mesh, a->lg, &mesh, &a->neighbours, why);
	if (err != 0) {
		addresses_close(a);
		return err;
	}
	*out = a;
	return 0;
}

int addresses_make_core(struct addresses *a)
{
	struct ownership *core;

	state_take_homes(&a->state, &a->setup->ownership);
	core = ownership_new(&a->setup->ownership, &a->state.ownership, a->lg, addresses_now());
	if (core == NULL)
		return ERR_NO_MEMORY;
	ownership_free(a->ownership);
	a->ownership = core;
	return 0;
}

/* From now on others are heard: their notices may say that what was ours is no longer. */
int addresses_load(struct addresses *a, struct errtext *why)
{
	int err = state_load(a->conf.state_dir, &a->state, why);

	if (err != 0)
		return err;
	errtext_set(why, "out of memory");
	err = addresses_make_core(a);
	if (err != 0 || a->state.number == 0)
		return err;
	addresses_use_keys(a);
	addresses_take_director(a);
	return 0;
}

void addresses_begin(struct addresses *a, struct keeper_client *keeper)
{
	a->keeper = keeper;
	addresses_drain(a);
}

static void on_closed(uv_handle_t *handle)
{
	struct addresses *a = handle->data;

	ownership_free(a->ownership);
	state_wipe(&a->state);
	free(a);
}

void addresses_close(struct addresses *a)
{
	if (a == NULL || a->is_closing)
		return;
	a->is_closing = true;
	recorder_close(a->recorder);
	neighbours_close(a->neighbours);
	uv_close((uv_handle_t *)&a->timer, on_closed);
}
