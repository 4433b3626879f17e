/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include "director/api/api_json.h"
#include "director/director.h"

/* Failover as a whole: whether it acts, and what it depends on. */

static json_t *names_in_state(const struct registry *r, enum member_state state)
{
	json_t *list = json_array();

	for (size_t i = 0; i < registry_count(r); i++) {
		if (registry_get(r, i)->state == state)
			json_array_append_new(list, json_string(registry_get(r, i)->name));
	}
	return list;
}

static json_t *failover_object(const struct director_view *d)
{
	const struct coordinator *c = executor_coordinator(d->executor);
	json_t *object = json_object(), *witnesses = json_array();
	char text[IP_TEXT_MAX];

	api_set(object, "paused", json_boolean(coordinator_is_paused(c)));
	api_set(object, "settling", json_boolean(coordinator_is_settling(c)));
	api_set(object, "failback",
		json_string(d->conf->failback == DIRECTOR_FAILBACK_AUTO ? "auto" : "manual"));
	api_set(object, "hold_down_s", api_integer(d->conf->hold_down_s));
	for (size_t i = 0; i < d->conf->n_witness; i++)
		json_array_append_new(witnesses,
				      json_string(ip_format(&d->conf->witness[i], text)));
	api_set(object, "witnesses", witnesses);
	api_set(object, "fence", json_boolean(d->conf->fence != NULL));
	api_set(object, "epoch", api_integer(coordinator_epoch(c)));
	api_set(object, "isolated", names_in_state(d->registry, MEMBER_ISOLATED));
	return object;
}

void api_get_failover(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);

	(void)req;
	http_response_json(res, 200, failover_object(&d));
}

static void set_paused(const struct http_request *req, struct http_response *res, void *ctx,
		       bool is_paused)
{
	static const char *const known[] = { NULL };
	struct director_view d = director_view(ctx);
	json_t *body = api_read_body(req, res, known);

	if (body == NULL)
		return;
	json_decref(body);
	if (executor_pause(d.executor, is_paused, req->peer->name) != 0)
		http_response_problem(res, 500,
				      "the store cannot be written, see the director's log");
	else
		http_response_json(res, 200, failover_object(&d));
}

void api_post_pause(const struct http_request *req, struct http_response *res, void *ctx)
{
	set_paused(req, res, ctx, true);
}

void api_post_resume(const struct http_request *req, struct http_response *res, void *ctx)
{
	set_paused(req, res, ctx, false);
}
