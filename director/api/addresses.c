/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include "director/api/api_json.h"
#include "director/director.h"

/* Service addresses: who owns which, and moving one. */

static json_t *name_or_null(const struct director_view *d, size_t member)
{
	if (member == COORDINATOR_NONE)
		return json_null();
	return json_string(registry_get(d->registry, member)->name);
}

static json_t *address_object(const struct director_view *d, const struct coordinator_address *a)
{
	json_t *object = json_object(), *successors = json_array();
	char text[IP_TEXT_MAX];

	api_set(object, "address", json_string(ip_format(&a->ip, text)));
	api_set(object, "home", name_or_null(d, a->home));
	api_set(object, "owner", name_or_null(d, a->owner));
	api_set(object, "epoch", api_integer(a->epoch));
	api_set(object, "state", json_string(coordinator_state_name(a->state)));
	api_set(object, "manual", json_boolean(a->is_manual));
	api_set(object, "since_ms", api_integer(api_now_ms() - a->since_ms));
	api_set(object, "why", json_string(a->why));
	for (size_t i = 0; i < a->n_successors; i++)
		json_array_append_new(successors, name_or_null(d, a->successors[i]));
	api_set(object, "successors", successors);
	return object;
}

void api_get_addresses(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	const struct coordinator *c = executor_coordinator(d.executor);
	json_t *json = json_object(), *list = json_array();

	(void)req;
	for (size_t i = 0; i < coordinator_count(c); i++)
		json_array_append_new(list, address_object(&d, coordinator_get(c, i)));
	api_set(json, "addresses", list);
	http_response_json(res, 200, json);
}

/* ---- moving ---- */

struct move {
	struct ip ip;
	const char *to; /* borrowed from the body */
	bool force;
};

static bool read_move(const json_t *body, struct move *out, struct http_response *res)
{
	const char *address = json_string_value(json_object_get(body, "address"));
	const json_t *force = json_object_get(body, "force");

	out->to = json_string_value(json_object_get(body, "to"));
	out->force = json_is_true(force);
	if (address == NULL || ip_parse(address, &out->ip) != 0)
		http_response_problem(res, 400, "'address' must be an IP address");
	else if (out->to == NULL)
		http_response_problem(res, 400, "'to' must be the name of a member, or \"home\"");
	else if (force != NULL && !json_is_boolean(force))
		http_response_problem(res, 400, "'force' must be true or false");
	else
		return true;
	return false;
}

static int status_of(int err)
{
	switch (err) {
	case ERR_NOT_FOUND:
		return 404;
	case ERR_BAD_STATE:
		return 409;
	case ERR_VALUE:
		return 422;
	default:
		return 503;
	}
}

/* It has begun, or was where it shall be: how it goes on is in the address. */
static void answer_moved(const struct director_view *d, const struct ip *ip,
			 struct http_response *res)
{
	const struct coordinator *c = executor_coordinator(d->executor);

	for (size_t i = 0; i < coordinator_count(c); i++) {
		const struct coordinator_address *a = coordinator_get(c, i);

		if (ip_is_equal(&a->ip, ip)) {
			http_response_json(res, 202, address_object(d, a));
			return;
		}
	}
}

void api_post_move(const struct http_request *req, struct http_response *res, void *ctx)
{
	static const char *const known[] = { "address", "to", "force", NULL };
	struct director_view d = director_view(ctx);
	json_t *body = api_read_body(req, res, known);
	struct errtext why = { "" };
	struct move move;
	int err;

	if (body == NULL)
		return;
	if (read_move(body, &move, res)) {
		err =
		    executor_move(d.executor, &move.ip, move.to, move.force, req->peer->name, &why);
		if (err == 0)
			answer_moved(&d, &move.ip, res);
		else
			http_response_problem(res, status_of(err), "%s", why.text);
	}
	json_decref(body);
}
