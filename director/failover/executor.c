/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/executor.h"

#include <stdio.h>
#include <stdlib.h>

#include "director/failover/executor_internal.h"

/* ---- numbers of the profiles ---- */

/*
 * Main is watched by its keeper, the keeper by the lifetimes that it gives addresses in the kernel,
 * which removes them with some slack: then a hung member holds nothing any more.
 */
#define WATCH_MS    200
#define LIFETIME_MS 3000
#define SLACK_MS    1200

static const struct profile {
	uint32_t doubt_ms, probe_ms, reprobe_ms, settle_ms;
} profiles[] = {
	[DIRECTOR_PROFILE_NORMAL] = { 2200, 1000, 1000, 10000 },
	[DIRECTOR_PROFILE_FAST] = { 220, 200, 250, 5000 },
};

#define ORDER_MS 1500

static struct coordinator_conf coordinator_conf_of(const struct director_conf *conf)
{
	const struct profile *p = &profiles[conf->profile];
	struct coordinator_conf out = {
		.suspect_ms = director_conf_suspect_ms(conf),
		.doubt_ms = p->doubt_ms,
		.probe_ms = p->probe_ms,
		.reprobe_ms = p->reprobe_ms,
		.fence_ms = WATCH_MS + LIFETIME_MS + SLACK_MS,
		.order_ms = ORDER_MS,
		.settle_ms = p->settle_ms,
		.is_auto_failback = conf->failback == DIRECTOR_FAILBACK_AUTO,
		.hold_down_ms = conf->hold_down_s * 1000,
		.has_fence = conf->fence != NULL,
		.n_witnesses = conf->n_witness,
	};

	for (size_t i = 0; i < conf->n_witness && i < COORDINATOR_WITNESSES_MAX; i++)
		out.witnesses[i] = conf->witness[i];
	return out;
}

/* ---- start ---- */

struct stored {
	struct store_address *list;
	size_t n, cap;
	bool is_out_of_memory;
};

static void keep_stored(void *ctx, const struct store_address *a)
{
	struct stored *s = ctx;

	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 64 : 2 * s->cap;
		struct store_address *list = realloc(s->list, cap * sizeof(*list));

		if (list == NULL) {
			s->is_out_of_memory = true;
			return;
		}
		s->list = list;
		s->cap = cap;
	}
	s->list[s->n++] = *a;
}

/* An owner who is no longer configured is nobody; the epoch stays. */
static struct coordinator_record record_of(const struct executor *e, const struct stored *stored,
					   const struct ip *ip)
{
	struct coordinator_record record = { .ip = *ip, .owner = COORDINATOR_NONE };

	for (size_t i = 0; i < stored->n; i++) {
		const struct store_address *a = &stored->list[i];

		if (!ip_is_equal(&a->ip, ip))
			continue;
		record.epoch = a->epoch;
		if (registry_find(e->res.registry, a->owner, &record.owner) == 0)
			record.is_manual = a->is_manual;
		else
			record.owner = COORDINATOR_NONE;
		break;
	}
	return record;
}

static int add_addresses(struct executor *e, const struct stored *stored)
{
	for (size_t i = 0; i < registry_count(e->res.registry); i++) {
		const struct member *m = registry_get(e->res.registry, i);

		for (size_t k = 0; k < m->n_home; k++) {
			struct coordinator_record record = record_of(e, stored, &m->home[k]);
			int err = coordinator_add(e->coordinator, i, &record);

			if (err != 0)
				return err;
		}
	}
	return 0;
}

/*
 * A store that was restored from a backup does not know the epochs that it has given out since; the
 * clock does, roughly. It is written down at once: a clock that goes back before the first order
 * takes nothing away.
 */
static int load(struct executor *e, uint64_t now_s)
{
	struct stored stored = { NULL, 0, 0, false };
	uint64_t epoch = 0;
	bool is_paused = false;
	int err = store_addresses_read(e->res.store, keep_stored, &stored);

	if (err == 0 && stored.is_out_of_memory)
		err = ERR_NO_MEMORY;
	if (err == 0)
		err = add_addresses(e, &stored);
	free(stored.list);
	if (err == 0)
		err = store_epoch(e->res.store, &epoch);
	if (err == 0)
		err = store_raise_epochs(e->res.store, now_s);
	if (err == 0)
		err = store_paused(e->res.store, &is_paused);
	if (err == 0)
		coordinator_start(e->coordinator, executor_now_ms(), epoch, is_paused);
	return err;
}

int executor_new(const struct executor_resources *res, int64_t now_s,
		 const struct executor_events *events, struct executor **out)
{
	const struct coordinator_conf conf = coordinator_conf_of(res->conf);
	const struct fence_events fence_events = { .done = executor_take_fenced };
	struct fence_events fe = fence_events;
	struct executor *e = calloc(1, sizeof(*e));
	int err = ERR_NO_MEMORY;

	if (e == NULL)
		return err;
	e->res = *res;
	e->events = *events;
	e->coordinator = coordinator_new(&conf, res->registry, res->lg);
	fe.ctx = e;
	if (res->conf->fence != NULL)
		e->fence = fence_new(res->loop, res->conf->fence, FENCE_LIMIT_MS, &fe);
	if (e->coordinator != NULL && (e->fence != NULL || res->conf->fence == NULL))
		err = load(e, now_s > 0 ? (uint64_t)now_s : 0);
	if (err != 0) {
		executor_stop(e);
		executor_free(e);
		return err;
	}
	executor_warn_of_limits(e);
	*out = e;
	return 0;
}

void executor_attach(struct executor *e, struct control *control)
{
	e->control = control;
}

void executor_stop(struct executor *e)
{
	e->is_stopped = true;
	fence_close(e->fence);
	e->fence = NULL;
}

void executor_free(struct executor *e)
{
	if (e == NULL)
		return;
	fence_close(e->fence);
	coordinator_free(e->coordinator);
	free(e);
}

/* ---- what members say ---- */

static void on_hello(void *ctx, size_t member, const struct msg_hello *hello,
		     const struct endpoint *mesh)
{
	struct executor *e = ctx;

	coordinator_hello(e->coordinator, executor_now_ms(), member, hello->addresses,
			  hello->n_addresses, hello->max_epoch, mesh);
	executor_warn_of_no_link(e, member, hello);
}

static void on_heartbeat(void *ctx, size_t member)
{
	struct executor *e = ctx;

	coordinator_heartbeat(e->coordinator, executor_now_ms(), member);
}

static void on_disconnected(void *ctx, size_t member)
{
	struct executor *e = ctx;

	coordinator_disconnected(e->coordinator, executor_now_ms(), member);
}

static void on_bye(void *ctx, size_t member, const struct msg_bye *bye)
{
	struct executor *e = ctx;

	coordinator_bye(e->coordinator, executor_now_ms(), member, bye->released, bye->n_released);
}

static void on_gone(void *ctx, size_t member)
{
	struct executor *e = ctx;

	coordinator_gone(e->coordinator, executor_now_ms(), member);
}

static void on_answer(void *ctx, size_t member, const struct message *m)
{
	struct executor *e = ctx;
	uint64_t now = executor_now_ms();

	if (m->type == MESSAGE_CLAIMED)
		coordinator_claimed(e->coordinator, now, member, m->id, &m->claimed);
	else if (m->type == MESSAGE_REFUSED)
		coordinator_refused(e->coordinator, now, member, m->id, &m->refused);
	else if (m->type == MESSAGE_RELEASED)
		coordinator_released(e->coordinator, now, member, m->id, &m->released);
	else if (m->type == MESSAGE_PROBE_RESULT)
		coordinator_probed(e->coordinator, now, member, m->id, &m->probe_result);
}

static void on_event(void *ctx, size_t member, const struct msg_event *event)
{
	struct executor *e = ctx;

	history_add(e->res.history, registry_get(e->res.registry, member)->name, event->what,
		    event->why);
}

static uint64_t on_epoch(void *ctx)
{
	const struct executor *e = ctx;

	return coordinator_epoch(e->coordinator);
}

static void on_changed(void *ctx)
{
	const struct executor *e = ctx;

	e->events.changed(e->events.ctx);
}

struct control_events executor_control_events(struct executor *e)
{
	return (struct control_events){
		.hello = on_hello,
		.heartbeat = on_heartbeat,
		.disconnected = on_disconnected,
		.bye = on_bye,
		.gone = on_gone,
		.answer = on_answer,
		.event = on_event,
		.epoch = on_epoch,
		.changed = on_changed,
		.ctx = e,
	};
}

/* ---- time, the operator, views ---- */

uint64_t executor_next_expiry(const struct executor *e)
{
	return coordinator_next_expiry(e->coordinator);
}

void executor_expire(struct executor *e)
{
	coordinator_expire(e->coordinator, executor_now_ms());
}

int executor_move(struct executor *e, const struct ip *ip, const char *member, bool force,
		  const char *by, struct errtext *why)
{
	size_t index = COORDINATOR_NONE;
	int err;

	if (strcmp(member, "home") != 0 && registry_find(e->res.registry, member, &index) != 0) {
		errtext_set(why, "there is no member '%s'", member);
		return ERR_NOT_FOUND;
	}
	err = coordinator_move(e->coordinator, executor_now_ms(), ip, index, force, by, why);
	on_changed(e);
	return err;
}

int executor_pause(struct executor *e, bool is_paused, const char *by)
{
	int err = store_set_paused(e->res.store, is_paused);

	if (err != 0)
		return err;
	coordinator_pause(e->coordinator, executor_now_ms(), is_paused, by);
	on_changed(e);
	return 0;
}

const struct coordinator *executor_coordinator(const struct executor *e)
{
	return e->coordinator;
}
