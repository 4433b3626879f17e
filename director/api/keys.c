/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include "director/api/api_json.h"
#include "director/director.h"

/* The cluster's keys, never with what is secret of them. */

/* Seconds since 1970, or null. */
static json_t *time_or_null(uint64_t s)
{
	return s != 0 ? api_integer(s) : json_null();
}

static json_t *missing_members(const struct director_view *d, const struct store_key *key)
{
	json_t *list = json_array();

	for (size_t i = 0; i < registry_count(d->registry); i++) {
		if (keyring_is_missing(keys_ring(d->keys), key, i))
			json_array_append_new(list,
					      json_string(registry_get(d->registry, i)->name));
	}
	return list;
}

static json_t *key_object(const struct director_view *d, const struct store_key *key)
{
	uint64_t now_s = keys_now_s();
	bool is_ticket = strcmp(key->use, MSG_KEY_USE_TICKET) == 0;
	bool is_old = key->created_s != 0 && key->created_s <= now_s;
	json_t *object = json_object();

	api_set(object, "id", json_string(key->id));
	api_set(object, "use", json_string(key->use));
	api_set(object, "number", key->number != 0 ? api_integer(key->number) : json_null());
	api_set(object, "state",
		is_ticket ? json_string(store_key_state_name(key->state)) : json_null());
	api_set(object, "age_ms",
		is_old ? api_integer((now_s - key->created_s) * 1000) : json_null());
	api_set(object, "not_before", time_or_null(key->not_before_s));
	api_set(object, "not_after", time_or_null(key->not_after_s));
	api_set(object, "missing", missing_members(d, key));
	return object;
}

static json_t *keys_object(const struct director_view *d)
{
	const struct keyring *ring = keys_ring(d->keys);
	json_t *object = json_object(), *list = json_array();

	for (size_t i = 0; i < keyring_count(ring); i++)
		json_array_append_new(list, key_object(d, keyring_get(ring, i)));
	api_set(object, "keys", list);
	api_set(object, "rotate_every_s", api_integer(d->conf->rotate_every_s));
	api_set(object, "ticket_lifetime_s", api_integer(d->conf->ticket_lifetime_s));
	return object;
}

void api_get_keys(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);

	(void)req;
	http_response_json(res, 200, keys_object(&d));
}

static void answer(const struct director_view *d, struct http_response *res, int err,
		   const struct errtext *why)
{
	int status = 500;

	if (err == ERR_NOT_FOUND)
		status = 404;
	else if (err == ERR_BAD_STATE)
		status = 409;
	else if (err == ERR_VALUE)
		status = 422;
	if (err == 0)
		http_response_json(res, 200, keys_object(d));
	else
		http_response_problem(res, status, "%s", why->text);
}

void api_post_rotate(const struct http_request *req, struct http_response *res, void *ctx)
{
	static const char *const known[] = { "use", "revoke", NULL };
	struct director_view d = director_view(ctx);
	json_t *body = api_read_body(req, res, known);
	struct errtext why = { "" };
	const json_t *revoke;
	const char *use;

	if (body == NULL)
		return;
	use = json_string_value(json_object_get(body, "use"));
	revoke = json_object_get(body, "revoke");
	if (use == NULL)
		http_response_problem(res, 400, "'use' must be \"ticket\" or \"qcd\"");
	else if (revoke != NULL && !json_is_boolean(revoke))
		http_response_problem(res, 400, "'revoke' must be true or false");
	else
		answer(&d, res,
		       keys_rotate(d.keys, use, json_is_true(revoke), req->peer->name, &why), &why);
	json_decref(body);
}

void api_post_revoke_key(const struct http_request *req, struct http_response *res, void *ctx)
{
	static const char *const known[] = { "id", NULL };
	struct director_view d = director_view(ctx);
	json_t *body = api_read_body(req, res, known);
	struct errtext why = { "" };
	const char *id;

	if (body == NULL)
		return;
	id = json_string_value(json_object_get(body, "id"));
	if (id == NULL)
		http_response_problem(res, 400, "'id' must be the id of a key");
	else
		answer(&d, res, keys_revoke(d.keys, id, req->peer->name, &why), &why);
	json_decref(body);
}
