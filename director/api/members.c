/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include <inttypes.h>
#include <stdio.h>

#include "director/api/api_json.h"
#include "director/director.h"

static json_t *address_list(const struct ip *addresses, size_t n)
{
	json_t *list = json_array();
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(ip_format(&addresses[i], text)));
	return list;
}

/* What it owns now, or is about to. */
static json_t *owned_list(const struct director_view *d, size_t index)
{
	const struct coordinator *c = executor_coordinator(d->executor);
	json_t *list = json_array();
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < coordinator_count(c); i++) {
		const struct coordinator_address *a = coordinator_get(c, i);

		if (a->owner == index)
			json_array_append_new(list, json_string(ip_format(&a->ip, text)));
	}
	return list;
}

static json_t *traffic_object(const struct msg_traffic *t)
{
	json_t *object = json_object();

	api_set(object, "octets_in", api_integer(t->octets_in));
	api_set(object, "octets_out", api_integer(t->octets_out));
	api_set(object, "packets_in", api_integer(t->packets_in));
	api_set(object, "packets_out", api_integer(t->packets_out));
	return object;
}

static json_t *errors_object(const struct member_report *report)
{
	json_t *object = json_object();

	for (size_t i = 0; i < report->n_errors; i++)
		api_set(object, report->errors[i].name, api_integer(report->errors[i].value));
	return object;
}

static json_t *member_object(const struct director_view *d, size_t index)
{
	const struct member *m = registry_get(d->registry, index);
	const struct member_report *report = control_report(d->control, index);
	json_t *object = json_object();
	uint64_t now = api_now_ms();
	char boot_id[17];

	api_set(object, "name", json_string(m->name));
	api_set(object, "number", api_integer(m->number));
	api_set(object, "state", json_string(member_state_name(m->state)));
	api_set(object, "why", json_string(m->why));
	api_set(object, "since_ms",
		api_integer(m->state_since_ms > 0 ? now - m->state_since_ms : now - d->started_ms));
	api_set(object, "takes_new",
		json_boolean(d->table->members[index].is_open &&
			     d->table->members[index].fill < d->conf->full_at));
	api_set(object, "weight", api_integer(m->weight));
	api_set(object, "home", address_list(m->home, m->n_home));
	api_set(object, "addresses", owned_list(d, index));
	api_set(object, "load", json_real(m->load.load));
	api_set(object, "cpu", json_real(m->load.cpu));
	api_set(object, "sas", api_integer(m->load.sas));
	api_set(object, "half_open", api_integer(m->load.half_open));
	api_set(object, "capacity", api_integer(m->capacity));
	api_set(object, "peers", api_integer(peers_count(d->peers, index)));
	api_set(object, "placed", api_integer(m->placed));
	api_set(object, "heartbeat_age_ms",
		m->heard_ms > 0 ? api_integer(now - m->heard_ms) : json_null());
	api_set(object, "version", json_string(m->version));
	api_set(object, "dataplane", json_string(m->dataplane));
	snprintf(boot_id, sizeof(boot_id), "%016" PRIx64, m->boot_id);
	api_set(object, "boot_id", json_string(boot_id));
	api_set(object, "traffic", traffic_object(&report->traffic));
	api_set(object, "errors", errors_object(report));
	return object;
}

void api_get_members(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	json_t *json = json_object(), *list = json_array();

	(void)req;
	for (size_t i = 0; i < registry_count(d.registry); i++)
		json_array_append_new(list, member_object(&d, i));
	api_set(json, "members", list);
	http_response_json(res, 200, json);
}
