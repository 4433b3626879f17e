/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/version.h"
#include "director/director.h"

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/*
 * A field that cannot be made, for want of memory or because a text is no UTF-8, is null: readers
 * see that something is missing, and the other fields. Without memory for that either it is left
 * out.
 */
static void set(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value != NULL ? value : json_null()) != 0)
		(void)json_object_set_new(object, name, json_null());
}

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *member_counts(const struct registry *r)
{
	size_t counts[MEMBER_STATE_COUNT] = { 0 };
	json_t *object = json_object();

	for (size_t i = 0; i < registry_count(r); i++)
		counts[registry_get(r, i)->state]++;
	for (size_t s = 0; s < MEMBER_STATE_COUNT; s++)
		set(object, member_state_name((enum member_state)s), integer(counts[s]));
	return object;
}

static json_t *front_end(const struct front *front)
{
	struct front_counters counters;
	json_t *object = json_object(), *dropped = json_object();

	front_read_counters(front, &counters);
	set(object, "requests", integer(counters.received));
	for (size_t v = 0; v < FRONT_VERDICT_COUNT; v++) {
		enum front_verdict verdict = (enum front_verdict)v;

		set(front_verdict_is_answer(verdict) ? object : dropped,
		    front_verdict_name(verdict), integer(counters.verdicts[v]));
	}
	set(object, "dropped", dropped);
	return object;
}

static json_t *control_counters(const struct control *control)
{
	json_t *object = json_object();

	for (size_t i = 0; i < CONTROL_COUNTER_COUNT; i++) {
		enum control_counter counter = (enum control_counter)i;

		set(object, control_counter_name(counter),
		    integer(control_counter(control, counter)));
	}
	return object;
}

void api_get_status(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	json_t *json = json_object();

	(void)req;
	set(json, "cluster", json_string(d.conf->cluster));
	set(json, "director", json_string(d.conf->name));
	set(json, "version", json_string(waypost_version));
	set(json, "uptime_ms", integer(now_ms() - d.started_ms));
	set(json, "placement",
	    json_string(d.table->policy == PLACEMENT_STICKY ? "sticky" : "least-load"));
	set(json, "members", member_counts(d.registry));
	set(json, "peers", integer(peers_count_all(d.peers)));
	set(json, "front_end", front_end(d.front));
	set(json, "control", control_counters(d.control));
	http_response_json(res, 200, json);
}

static json_t *address_list(const struct ip *addresses, size_t n)
{
	json_t *list = json_array();
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(ip_format(&addresses[i], text)));
	return list;
}

static json_t *traffic_object(const struct msg_traffic *t)
{
	json_t *object = json_object();

	set(object, "octets_in", integer(t->octets_in));
	set(object, "octets_out", integer(t->octets_out));
	set(object, "packets_in", integer(t->packets_in));
	set(object, "packets_out", integer(t->packets_out));
	return object;
}

static json_t *errors_object(const struct member_report *report)
{
	json_t *object = json_object();

	for (size_t i = 0; i < report->n_errors; i++)
		set(object, report->errors[i].name, integer(report->errors[i].value));
	return object;
}

static json_t *member_object(const struct director_view *d, size_t index)
{
	const struct member *m = registry_get(d->registry, index);
	const struct member_report *report = control_report(d->control, index);
	json_t *object = json_object();
	uint64_t now = now_ms();
	char boot_id[17];

	set(object, "name", json_string(m->name));
	set(object, "number", integer(m->number));
	set(object, "state", json_string(member_state_name(m->state)));
	set(object, "why", json_string(m->why));
	set(object, "since_ms",
	    integer(m->state_since_ms > 0 ? now - m->state_since_ms : now - d->started_ms));
	set(object, "takes_new",
	    json_boolean(d->table->members[index].is_open &&
			 d->table->members[index].fill < d->conf->full_at));
	set(object, "weight", integer(m->weight));
	set(object, "home", address_list(m->home, m->n_home));
	set(object, "load", json_real(m->load.load));
	set(object, "cpu", json_real(m->load.cpu));
	set(object, "sas", integer(m->load.sas));
	set(object, "half_open", integer(m->load.half_open));
	set(object, "capacity", integer(m->capacity));
	set(object, "peers", integer(peers_count(d->peers, index)));
	set(object, "placed", integer(m->placed));
	set(object, "heartbeat_age_ms", m->heard_ms > 0 ? integer(now - m->heard_ms) : json_null());
	set(object, "version", json_string(m->version));
	set(object, "dataplane", json_string(m->dataplane));
	snprintf(boot_id, sizeof(boot_id), "%016" PRIx64, m->boot_id);
	set(object, "boot_id", json_string(boot_id));
	set(object, "traffic", traffic_object(&report->traffic));
	set(object, "errors", errors_object(report));
	return object;
}

void api_get_members(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	json_t *json = json_object(), *list = json_array();

	(void)req;
	for (size_t i = 0; i < registry_count(d.registry); i++)
		json_array_append_new(list, member_object(&d, i));
	set(json, "members", list);
	http_response_json(res, 200, json);
}

struct peer_visit {
	const struct director_view *d;
	json_t *list;
	bool has_filter;
	size_t member;
	uint64_t now;
};

static void add_peer(void *ctx, const struct peer *peer)
{
	struct peer_visit *v = ctx;
	json_t *object, *inner;
	char text[ENDPOINT_TEXT_MAX], spi[17];

	if (v->has_filter && peer->member != v->member)
		return;
	object = json_object();
	inner = json_array();
	snprintf(spi, sizeof(spi), "%016" PRIx64, peer->spi);
	set(object, "identity", json_string(peer->identity));
	set(object, "address", json_string(endpoint_format(&peer->address, text)));
	set(object, "member", json_string(registry_get(v->d->registry, peer->member)->name));
	set(object, "member_state",
	    json_string(member_state_name(registry_get(v->d->registry, peer->member)->state)));
	set(object, "connection", json_string(peer->connection));
	set(object, "spi", json_string(spi));
	set(object, "since_ms", integer(v->now - peer->up_since_ms));
	set(object, "how", json_string(msg_peer_how_name(peer->how)));
	if (peer->from.family != IP_NONE)
		set(object, "from", json_string(ip_format(&peer->from, text)));
	for (size_t i = 0; i < peer->n_inner; i++)
		json_array_append_new(inner, json_string(ip_prefix_format(&peer->inner[i], text)));
	set(object, "inner", inner);
	json_array_append_new(v->list, object);
}

void api_get_peers(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	const char *member = http_target_param(req->target, "member");
	struct peer_visit visit = { .d = &d, .has_filter = member != NULL, .now = now_ms() };
	json_t *json;

	if (member != NULL && registry_find(d.registry, member, &visit.member) != 0) {
		http_response_problem(res, 404, "there is no member '%s'", member);
		return;
	}
	json = json_object();
	visit.list = json_array();
	peers_each(d.peers, add_peer, &visit);
	set(json, "peers", visit.list);
	http_response_json(res, 200, json);
}

void api_get_placement(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	const char *address = http_target_param(req->target, "address");
	struct placement_query query = { .peer = { .family = IP_NONE } };
	char text[IP_TEXT_MAX], why[PLACEMENT_TEXT_MAX];
	struct placement placement;
	json_t *json;

	if (address == NULL || ip_parse(address, &query.peer) != 0) {
		http_response_problem(res, 400,
				      "'address' must be the IP address of a peer, as in "
				      "/v1/placement?address=192.0.2.1");
		return;
	}
	json = json_object();
	if (placement_choose(d.table, &query, &placement) != 0) {
		set(json, "member", json_null());
		set(json, "address", json_null());
		set(json, "why", json_string("no member takes new peers of this address family"));
	} else {
		set(json, "member", json_string(d.table->members[placement.member].name));
		set(json, "address", json_string(ip_format(&placement.home, text)));
		set(json, "why", json_string(placement_explain(d.table, &placement, why)));
	}
	/* With least-load an attempt's nonce decides which two are compared: this is one attempt.
	 */
	set(json, "draws_anew", json_boolean(d.table->policy == PLACEMENT_LEAST_LOAD));
	http_response_json(res, 200, json);
}

static void answer_text(struct http_response *res, int status, const char *text)
{
	http_response_text(res, status, "text/plain; charset=utf-8",
			   (struct bytes){ (const uint8_t *)text, strlen(text) });
}

/* The main thread runs: it answers. */
void api_get_healthz(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)req;
	(void)ctx;
	answer_text(res, 200, "ok\n");
}

/* Ready to serve peers: at least one member takes them. */
void api_get_readyz(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);

	(void)req;
	for (size_t i = 0; i < d.table->n_members; i++) {
		if (d.table->members[i].is_open && d.table->members[i].fill < d.table->full_at) {
			answer_text(res, 200, "ready\n");
			return;
		}
	}
	answer_text(res, 503, "no member takes peers\n");
}
