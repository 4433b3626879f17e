/* SPDX-License-Identifier: Apache-2.0 */
#include "director/director.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/version.h"
#include "director/api/api.h"
#include "director/store/events.h"

/* How often changes of load, and what the workers have placed, reach the placement table. */
#define PUBLISH_MS 100

/* Events that are written to the store in one transaction. */
#define EVENTS_AT_ONCE 32
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
	struct registry *registry;
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
		.started_ms = d->started_ms,
	};
}

/* ---- placement table ---- */

static void publish(struct director *d)
{
	d->is_dirty = false;
	registry_fill_table(d->registry, d->table);
	if (front_publish(d->front, d->table) != 0)
		log_error(d->lg, LG_FRONT, "no memory to publish a change of members");
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
}

/* ---- the registry's events and time ---- */

static void on_expiry(uv_timer_t *timer);

static void arm(struct director *d)
{
	uint64_t due = registry_next_expiry(d->registry), now = now_ms();

	if (due == UINT64_MAX) {
		uv_timer_stop(&d->timers[TIMER_EXPIRY]);
		return;
	}
	uv_update_time(d->loop);
	uv_timer_start(&d->timers[TIMER_EXPIRY], on_expiry, due > now ? due - now : 0, 0);
}

static int64_t wall_ms(void)
{
	uv_timeval64_t now;

	return uv_gettimeofday(&now) == 0 ? now.tv_sec * 1000 + now.tv_usec / 1000 : 0;
}

/* Logs the registry's events and remembers them; the workers know before the disk does. */
static void record(struct director *d, const struct registry_event *events, size_t n)
{
	struct store_event records[EVENTS_AT_ONCE];
	char what[EVENTS_AT_ONCE][EVENT_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct member *m = registry_get(d->registry, events[i].member);

		snprintf(what[i], sizeof(what[i]), "%s -> %s",
			 member_state_name(events[i].old_state),
			 member_state_name(events[i].new_state));
		log_info(d->lg, LG_MEMBER, "%s: %s: %s", m->name, what[i], events[i].why);
		records[i] = (struct store_event){
			.time_ms = wall_ms(),
			.subject = m->name,
			.what = what[i],
			.why = events[i].why,
		};
	}
	if (store_events_add(d->store, records, n) != 0)
		log_error(d->lg, LG_STORE, "%zu events are in the log only", n);
}

/* True if the states of members have changed. */
static bool drain_events(struct director *d)
{
	struct registry_event events[EVENTS_AT_ONCE];
	bool has_changed = false;
	size_t n;

	do {
		n = 0;
		while (n < EVENTS_AT_ONCE && registry_next_event(d->registry, &events[n]))
			n++;
		if (n == 0)
			break;
		if (!has_changed)
			publish(d);
		has_changed = true;
		record(d, events, n);
	} while (n == EVENTS_AT_ONCE);
	return has_changed;
}

static void drain(struct director *d)
{
	if (d->is_stopping)
		return;
	if (!drain_events(d))
		d->is_dirty = true;
	arm(d);
}

static void on_expiry(uv_timer_t *timer)
{
	struct director *d = timer->data;

	registry_expire(d->registry, now_ms());
	drain(d);
}

static void on_changed(void *ctx)
{
	drain(ctx);
}

/* ---- construction ---- */

static int add_member(struct director *d, const struct director_conf_member *conf)
{
	struct member m = { .n_home = conf->n_home, .weight = conf->weight };
	int err = store_member_number(d->store, conf->name, &m.number);

	if (err != 0)
		return err;
	snprintf(m.name, sizeof(m.name), "%s", conf->name);
	for (size_t i = 0; i < conf->n_home && i < PLACEMENT_MAX_HOME; i++)
		m.home[i] = conf->home[i];
	return registry_add(d->registry, &m);
}

static int fill_registry(struct director *d)
{
	const struct director_conf *conf = d->res.conf;
	const struct registry_conf registry_conf = {
		.suspect_ms = director_conf_suspect_ms(conf),
	};

	d->registry = registry_new(&registry_conf);
	if (d->registry == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < conf->n_members; i++) {
		int err = add_member(d, &conf->members[i]);

		if (err != 0)
			return err;
	}
	return 0;
}

static int fill_table(struct director *d)
{
	const struct director_conf *conf = d->res.conf;
	struct placement_table *t = d->table;

	t->policy =
	    conf->policy == DIRECTOR_POLICY_STICKY ? PLACEMENT_STICKY : PLACEMENT_LEAST_LOAD;
	t->bounded_load = conf->bounded_load;
	t->full_at = conf->full_at;
	for (size_t i = 0; i < conf->n_pins && i < PLACEMENT_MAX_PINS; i++) {
		struct placement_pin *pin = &t->pins[t->n_pins++];

		pin->prefix = conf->pins[i].prefix;
		if (registry_find(d->registry, conf->pins[i].member, &pin->member) != 0)
			return ERR_CONFIG;
	}
	return store_placement_seed(d->store, &t->seed);
}

static int open_server(struct director *d, struct errtext *why)
{
	const struct director_conf *conf = d->res.conf;
	const struct control_events events = { .changed = on_changed, .ctx = d };
	struct tls_server_options options = { 0 };
	int err =
	    control_new(d->loop, conf, d->registry, d->peers, d->lg, &events, &d->control, why);

	if (err != 0)
		return err;
	d->api = api_new(d, d->lg);
	if (d->api == NULL)
		return ERR_NO_MEMORY;
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
	const struct director_conf *conf = d->res.conf;
	const struct front_conf front_conf = {
		.addresses = conf->ike,
		.n_addresses = conf->n_ike,
		.workers = conf->workers,
		.rate_per_second = conf->rate_limit,
		.rate_burst = conf->rate_burst,
		.redirect = { .reject_unsupported =
				  conf->no_redirect == DIRECTOR_NO_REDIRECT_REJECT },
	};

	errtext_set(why, "the front end did not start");
	return front_start(&front_conf, d->lg, &d->front);
}

static void record_start(struct director *d)
{
	const struct store_event event = {
		.time_ms = wall_ms(),
		.subject = d->res.conf->name,
		.what = "director started",
		.why = waypost_version,
	};

	if (store_events_add(d->store, &event, 1) != 0)
		log_error(d->lg, LG_STORE, "the start is in the log only");
}

static int open_store(struct director *d, struct errtext *why)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/director.db", d->res.state_dir);
	errtext_set(why, "%s cannot be used", path);
	return store_open(path, d->lg, &d->store);
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
	if ((err = fill_registry(d)) != 0 || (err = fill_table(d)) != 0 ||
	    (err = start_front(d, why)) != 0 || (err = open_server(d, why)) != 0)
		goto fail;
	for (size_t i = 0; i < TIMER_COUNT; i++) {
		uv_timer_init(loop, &d->timers[i]);
		d->timers[i].data = d;
	}
	uv_timer_start(&d->timers[TIMER_PUBLISH], on_publish_timer, PUBLISH_MS, PUBLISH_MS);
	publish(d);
	record_start(d);
	*out = d;
	return 0;
fail:
	/* The loop is never run then: its handles end with the process. */
	front_stop(d->front);
	api_free(d->api);
	store_close(d->store);
	registry_free(d->registry);
	peers_free(d->peers);
	free(d->table);
	free(d);
	return err;
}

static void on_server_closed(void *ctx)
{
	struct director *d = ctx;

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
	tls_server_close(d->server, on_server_closed, d);
	for (size_t i = 0; i < TIMER_COUNT; i++)
		uv_close((uv_handle_t *)&d->timers[i], NULL);
}

void director_free(struct director *d)
{
	front_stop(d->front);
	store_close(d->store);
	registry_free(d->registry);
	peers_free(d->peers);
	free(d->table);
	free(d);
}
