/* SPDX-License-Identifier: Apache-2.0 */
#include "director/director.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/version.h"
#include "director/api/api.h"
#include "director/setup.h"

/* How often changes of load, and what the workers have placed, reach the placement table. */
#define PUBLISH_MS 100

#define EVENT_TEXT_MAX 64

enum timers {
	TIMER_EXPIRY,
	TIMER_PUBLISH,
	TIMER_COUNT
};

struct director {
	uv_loop_t *loop;
	struct director_resources res;
	const struct logger *lg;
	struct store *store;
	struct history *history;
	struct keys *keys;
	struct registry *registry;
	struct executor *executor;
	struct peers *peers;
	struct control *control;
	struct api *api;
	struct tls_server *server;
	struct tls_server_protocol protocols[2];
	struct front *front;
	struct placement_table *table;
	uint64_t started_ms;
	bool is_dirty; /* load has changed since the last publication */
	bool is_stopping;
	uv_timer_t timers[TIMER_COUNT];
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

struct director_view director_view(const struct director *d)
{
	return (struct director_view){
		.conf = d->res.conf,
		.registry = d->registry,
		.peers = d->peers,
		.control = d->control,
		.front = d->front,
		.table = d->table,
		.store = d->store,
		.executor = d->executor,
		.keys = d->keys,
		.api = d->api,
		.started_ms = d->started_ms,
	};
}

/* ---- placement table ---- */

static void publish(struct director *d)
{
	struct ticket_ring ring;

	d->is_dirty = false;
	registry_fill_table(d->registry, d->table);
	keys_fill_tickets(d->keys, &ring);
	if (front_publish(d->front, d->table, &ring) != 0)
		log_error(d->lg, LG_FRONT, "no memory to publish a change of members");
	ticket_ring_wipe(&ring);
}

static void read_placed(struct director *d)
{
	struct front_counters counters;

	front_read_counters(d->front, &counters);
	for (size_t i = 0; i < registry_count(d->registry); i++) {
		if (registry_get(d->registry, i)->placed == counters.placed[i])
			continue;
		registry_placed(d->registry, i, counters.placed[i]);
		d->is_dirty = true;
	}
}

static void on_publish_timer(uv_timer_t *timer)
{
	struct director *d = timer->data;

	read_placed(d);
	if (d->is_dirty)
		publish(d);
	control_tell_members(d->control);
	keys_tick(d->keys, coordinator_is_settling(executor_coordinator(d->executor)));
	api_take_revoked(d->api);
	history_flush(d->history);
}

static void on_keys(void *ctx)
{
	publish(ctx);
}

static void on_revoked(void *ctx)
{
	const struct director *d = ctx;

	api_take_revoked(d->api);
}

static void on_served(void *ctx)
{
	publish(ctx);
}

/* ---- events and time ---- */

static void on_expiry(uv_timer_t *timer);

static void arm(struct director *d)
{
	uint64_t due = registry_next_expiry(d->registry), now = now_ms();
	uint64_t failover_due = executor_next_expiry(d->executor);

	if (failover_due < due)
		due = failover_due;

	if (due == UINT64_MAX) {
		uv_timer_stop(&d->timers[TIMER_EXPIRY]);
		return;
	}
	uv_update_time(d->loop);
	/* Never at once: libuv would run it again before it reads the sockets. */
	uv_timer_start(&d->timers[TIMER_EXPIRY], on_expiry, due > now ? due - now : 1, 0);
}

static int64_t wall_s(void)
{
	uv_timeval64_t now;

	return uv_gettimeofday(&now) == 0 ? now.tv_sec : 0;
}

/* True if states of members have changed; then the workers know before anybody else does. */
static bool drain_registry(struct director *d)
{
	struct registry_event event;
	bool has_changed = false;

	while (registry_next_event(d->registry, &event)) {
		char what[EVENT_TEXT_MAX];

		if (!has_changed)
			publish(d);
		has_changed = true;
		snprintf(what, sizeof(what), "%s -> %s", member_state_name(event.old_state),
			 member_state_name(event.new_state));
		history_add(d->history, registry_get(d->registry, event.member)->name, what,
			    event.why);
	}
	return has_changed;
}

/* Judging members and giving their addresses away is one thing; the disk remembers last. */
static void drain(struct director *d)
{
	bool has_changed = false;

	if (d->is_stopping)
		return;
	do {
		has_changed = drain_registry(d) || has_changed;
	} while (executor_run(d->executor));
	if (!has_changed)
		d->is_dirty = true;
	history_flush(d->history);
	arm(d);
}

static void on_expiry(uv_timer_t *timer)
{
	struct director *d = timer->data;

	registry_expire(d->registry, now_ms());
	executor_expire(d->executor);
	drain(d);
}

static void on_changed(void *ctx)
{
	drain(ctx);
}

/* ---- construction ---- */

static int start_failover(struct director *d)
{
	const struct executor_resources res = {
		.loop = d->loop,
		.conf = d->res.conf,
		.registry = d->registry,
		.store = d->store,
		.history = d->history,
		.lg = d->lg,
	};
	const struct executor_events events = {
		.served = on_served,
		.changed = on_changed,
		.ctx = d,
	};

	return executor_new(&res, wall_s(), &events, &d->executor);
}

static int start_keys(struct director *d)
{
	const struct keys_resources res = {
		.conf = d->res.conf,
		.registry = d->registry,
		.store = d->store,
		.history = d->history,
		.lg = d->lg,
	};
	const struct keys_events events = { on_keys, on_revoked, d };

	return keys_new(&res, &events, &d->keys);
}

static int open_server(struct director *d, struct errtext *why)
{
	const struct director_conf *conf = d->res.conf;
	const struct control_events events = executor_control_events(d->executor);
	struct tls_server_options options = { 0 };
	int err =
	    control_new(d->loop, conf, d->registry, d->peers, d->lg, &events, &d->control, why);

	if (err != 0)
		return err;
	keys_attach(d->keys, d->control);
	executor_attach(d->executor, d->control);
	d->api = api_new(d->loop, d, d->lg);
	if (d->api == NULL)
		return ERR_NO_MEMORY;
	control_on_sas(d->control, api_take_sas, d->api);
	d->protocols[0] = (struct tls_server_protocol){
		.name = "waypost/1",
		.idle_ms = 30000, /* agents report every few seconds */
		.on_accept = control_accept,
		.ctx = d->control,
	};
	d->protocols[1] = api_protocol(d->api);
	options.protocols = d->protocols;
	options.protocol_count = 2;
	options.on_refused = control_refused;
	options.ctx = d->control;
	return tls_server_open(d->loop, d->res.tls, &conf->control, &options, &d->server, why);
}

static int start_front(struct director *d, struct errtext *why)
{
	errtext_set(why, "the front end did not start");
	return setup_front(d->res.conf, d->lg, &d->front);
}

static int open_store(struct director *d, struct errtext *why)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "%s/director.db", d->res.state_dir);
	errtext_set(why, "%s cannot be used", path);
	err = store_open(path, d->lg, &d->store);
	if (err != 0)
		return err;
	d->history = history_new(d->store, d->lg);
	return d->history != NULL ? 0 : ERR_NO_MEMORY;
}

int director_new(uv_loop_t *loop, const struct director_resources *res, struct director **out,
		 struct errtext *why)
{
	struct director *d = calloc(1, sizeof(*d));
	int err = ERR_NO_MEMORY;

	errtext_set(why, "out of memory");
	if (d == NULL)
		return ERR_NO_MEMORY;
	d->loop = loop;
	d->res = *res;
	d->lg = res->lg;
	d->started_ms = now_ms();
	d->peers = peers_new();
	d->table = calloc(1, sizeof(*d->table));
	if (d->peers == NULL || d->table == NULL || (err = open_store(d, why)) != 0)
		goto fail;
	errtext_set(why, "the members of director.yaml cannot be set up");
	if ((err = setup_registry(res->conf, d->store, &d->registry)) != 0 ||
	    (err = setup_table(res->conf, d->registry, d->store, d->table)) != 0 ||
	    (err = start_failover(d)) != 0 || (err = start_keys(d)) != 0 ||
	    (err = start_front(d, why)) != 0 || (err = open_server(d, why)) != 0)
		goto fail;
	for (size_t i = 0; i < TIMER_COUNT; i++) {
		uv_timer_init(loop, &d->timers[i]);
		d->timers[i].data = d;
	}
	uv_timer_start(&d->timers[TIMER_PUBLISH], on_publish_timer, PUBLISH_MS, PUBLISH_MS);
	publish(d);
	history_add(d->history, res->conf->name, "director started", waypost_version);
	drain(d);
	*out = d;
	return 0;
fail:
	/* The loop is never run then: its handles end with the process. */
	api_free(d->api);
	director_free(d);
	return err;
}

static void on_server_closed(void *ctx)
{
	struct director *d = ctx;

	executor_attach(d->executor, NULL);
	keys_attach(d->keys, NULL);
	control_free(d->control);
	api_free(d->api);
	d->control = NULL;
	d->api = NULL;
}

void director_stop(struct director *d)
{
	if (d->is_stopping)
		return;
	d->is_stopping = true;
	executor_stop(d->executor);
	tls_server_close(d->server, on_server_closed, d);
	for (size_t i = 0; i < TIMER_COUNT; i++)
		uv_close((uv_handle_t *)&d->timers[i], NULL);
}

void director_free(struct director *d)
{
	front_stop(d->front);
	executor_free(d->executor);
	keys_free(d->keys);
	history_free(d->history);
	store_close(d->store);
	registry_free(d->registry);
	peers_free(d->peers);
	free(d->table);
	free(d);
}
