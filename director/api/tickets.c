/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include <stdio.h>

#include "director/api/api.h"
#include "director/api/api_json.h"
#include "director/director.h"

/* Tickets that were taken back. The answer waits until members say that this is in force. */

static json_t *revocation_object(const struct director_view *d, size_t index)
{
	const struct store_revocation *r = keys_revocation(d->keys, index);
	json_t *object = json_object(), *in_force = json_array(), *missing = json_array();

	api_set(object, "id", api_integer(r->id));
	api_set(object, "what", json_string(msg_revoked_name(r->what)));
	api_set(object, "name", r->name[0] != '\0' ? json_string(r->name) : json_null());
	api_set(object, "before", api_integer(r->before_s));
	api_set(object, "until", api_integer(r->until_s));
	for (size_t i = 0; i < registry_count(d->registry); i++) {
		bool is_in_force = keys_is_in_force(d->keys, index, i);

		json_array_append_new(is_in_force ? in_force : missing,
				      json_string(registry_get(d->registry, i)->name));
	}
	api_set(object, "in_force", in_force);
	api_set(object, "missing", missing);
	return object;
}

void api_get_revocations(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	json_t *object = json_object(), *list = json_array();

	(void)req;
	for (size_t i = 0; i < keys_revocation_count(d.keys); i++)
		json_array_append_new(list, revocation_object(&d, i));
	api_set(object, "revocations", list);
	http_response_json(res, 200, object);
}

/* ---- another one ---- */

static bool read_name(const json_t *body, const char *field, struct store_revocation *out)
{
	const json_t *json = json_object_get(body, field);
	const char *text = json_string_value(json);
	size_t len = json_string_length(json);

	if (text == NULL || len == 0 || len > MSG_TEXT_MAX || strlen(text) != len ||
	    !text_is_plain((struct bytes){ (const uint8_t *)text, len }))
		return false;
	snprintf(out->name, sizeof(out->name), "%s", text);
	return true;
}

/* Exactly one of them is there. */
static bool read_what(const json_t *body, struct store_revocation *out, struct http_response *res)
{
	const json_t *all = json_object_get(body, "all");
	bool has_identity = json_object_get(body, "identity") != NULL;
	bool has_connection = json_object_get(body, "connection") != NULL;
	bool is_good;

	if ((all != NULL) + has_identity + has_connection != 1) {
		http_response_problem(res, 400,
				      "one of 'identity', 'connection' and 'all' says whose "
				      "tickets");
		return false;
	}
	if (all != NULL) {
		out->what = MSG_REVOKED_ALL;
		is_good = json_is_true(all);
	} else {
		out->what = has_identity ? MSG_REVOKED_IDENTITY : MSG_REVOKED_CONNECTION;
		is_good = read_name(body, has_identity ? "identity" : "connection", out) &&
			  (has_identity || text_is_name(out->name));
	}
	if (!is_good)
		http_response_problem(res, 400,
				      "'identity' must be a text of 1 to %d octets, 'connection' a "
				      "name, 'all' true",
				      MSG_TEXT_MAX);
	return is_good;
}

static bool read_request(const json_t *body, struct store_revocation *out,
			 struct http_response *res)
{
	const json_t *before = json_object_get(body, "before");

	*out = (struct store_revocation){ .what = MSG_REVOKED_ALL };
	if (!read_what(body, out, res))
		return false;
	/* What a member issues whose clock is ahead, too; others' of the next minute go with it. */
	out->before_s = keys_now_s() + KEYRING_SKEW_S;
	if (before == NULL)
		return true;
	if (!json_is_integer(before) || json_integer_value(before) < 1) {
		http_response_problem(res, 400, "'before' must be a number of seconds since 1970");
		return false;
	}
	out->before_s = (uint64_t)json_integer_value(before);
	return true;
}

static int status_of(int err)
{
	switch (err) {
	case ERR_VALUE:
		return 422;
	case ERR_LIMIT:
		return 409;
	default:
		return 500;
	}
}

/* Its place in the list, which it keeps as long as none before it ends. False: it has ended. */
static bool find(const struct director_view *d, uint64_t id, size_t *index)
{
	for (size_t i = 0; i < keys_revocation_count(d->keys); i++) {
		if (keys_revocation(d->keys, i)->id == id) {
			*index = i;
			return true;
		}
	}
	return false;
}

bool api_revocation_waits(const struct director_view *d, uint64_t id)
{
	size_t index;
	bool waits = false;

	if (!find(d, id, &index))
		return false;
	for (size_t i = 0; i < registry_count(d->registry); i++)
		waits = waits || keys_is_awaited(d->keys, index, i);
	return waits;
}

void api_answer_revoked(const struct director_view *d, uint64_t id, struct http_response *res)
{
	size_t index;

	if (find(d, id, &index))
		http_response_json(res, 200, revocation_object(d, index));
	else
		http_response_problem(res, 404, "all tickets that it means have expired");
}

void api_post_revoke_tickets(const struct http_request *req, struct http_response *res, void *ctx)
{
	static const char *const known[] = { "identity", "connection", "all", "before", NULL };
	struct director_view d = director_view(ctx);
	json_t *body = api_read_body(req, res, known);
	struct errtext why = { "" };
	struct store_revocation r;
	bool is_read;
	int err;

	if (body == NULL)
		return;
	is_read = read_request(body, &r, res);
	json_decref(body);
	if (!is_read)
		return;
	err = keys_revoke_tickets(d.keys, &r, req->peer->name, &why);
	if (err != 0)
		http_response_problem(res, status_of(err), "%s", why.text);
	else if (api_revocation_waits(&d, r.id) && api_wait_for(d.api, req->ticket, r.id))
		res->is_deferred = true;
	else
		api_answer_revoked(&d, r.id, res);
}
