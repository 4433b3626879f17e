/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include <inttypes.h>
#include <stdio.h>

#include "director/api/api_json.h"
#include "director/director.h"

/* Peers: where they are, and where they would be sent. */

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
	api_set(object, "identity", json_string(peer->identity));
	api_set(object, "address", json_string(endpoint_format(&peer->address, text)));
	api_set(object, "member", json_string(registry_get(v->d->registry, peer->member)->name));
	api_set(object, "member_state",
		json_string(member_state_name(registry_get(v->d->registry, peer->member)->state)));
	api_set(object, "connection", json_string(peer->connection));
	api_set(object, "spi", json_string(spi));
	api_set(object, "since_ms", api_integer(v->now - peer->up_since_ms));
	api_set(object, "how", json_string(msg_peer_how_name(peer->how)));
	if (peer->from.family != IP_NONE)
		api_set(object, "from", json_string(ip_format(&peer->from, text)));
	for (size_t i = 0; i < peer->n_inner; i++)
		json_array_append_new(inner, json_string(ip_prefix_format(&peer->inner[i], text)));
	api_set(object, "inner", inner);
	json_array_append_new(v->list, object);
}

void api_get_peers(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	const char *member = http_target_param(req->target, "member");
	struct peer_visit visit = { .d = &d, .has_filter = member != NULL, .now = api_now_ms() };
	json_t *json;

	if (member != NULL && registry_find(d.registry, member, &visit.member) != 0) {
		http_response_problem(res, 404, "there is no member '%s'", member);
		return;
	}
	json = json_object();
	visit.list = json_array();
	peers_each(d.peers, add_peer, &visit);
	api_set(json, "peers", visit.list);
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
		api_set(json, "member", json_null());
		api_set(json, "address", json_null());
		api_set(json, "why",
			json_string("no member takes new peers of this address family"));
	} else {
		api_set(json, "member", json_string(d.table->members[placement.member].name));
		api_set(json, "address", json_string(ip_format(&placement.home, text)));
		api_set(json, "why", json_string(placement_explain(d.table, &placement, why)));
	}
	/* With least-load an attempt's nonce decides which two are compared: this is one attempt.
	 */
	api_set(json, "draws_anew", json_boolean(d.table->policy == PLACEMENT_LEAST_LOAD));
	http_response_json(res, 200, json);
}
