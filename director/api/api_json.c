/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/api_json.h"

#include <strings.h>

#include <uv.h>

#include "common/http/http_json.h"

#define BODY_DEPTH 4

void api_set(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value != NULL ? value : json_null()) != 0)
		(void)json_object_set_new(object, name, json_null());
}

json_t *api_integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

uint64_t api_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/*
 * "application/json", with or without parameters. A browser that shows somebody else's page sends
 * no such POST without asking us first.
 */
static bool is_json(const struct http_message *m)
{
	static const char want[] = "application/json";
	struct bytes type;

	if (!http_message_header(m, "content-type", &type) || type.len < sizeof(want) - 1 ||
	    strncasecmp((const char *)type.ptr, want, sizeof(want) - 1) != 0)
		return false;
	return type.len == sizeof(want) - 1 || type.ptr[sizeof(want) - 1] == ';' ||
	       type.ptr[sizeof(want) - 1] == ' ';
}

static bool is_known(const char *name, const char *const *known)
{
	while (*known != NULL && strcmp(*known, name) != 0)
		known++;
	return *known != NULL;
}

json_t *api_read_body(const struct http_request *req, struct http_response *res,
		      const char *const *known)
{
	struct errtext why = { "" };
	json_t *body, *value;
	const char *name;

	if (!is_json(req->message)) {
		http_response_problem(res, 415, "the body must be of type application/json");
		return NULL;
	}
	if (http_json_parse(req->message->body, BODY_DEPTH, &body, &why) != 0) {
		http_response_problem(res, 400, "%s", why.text);
		return NULL;
	}
	if (!json_is_object(body)) {
		json_decref(body);
		http_response_problem(res, 400, "the body must be a JSON object");
		return NULL;
	}
	json_object_foreach(body, name, value)
	{
		if (is_known(name, known))
			continue;
		http_response_problem(res, 400, "unknown field '%.64s'", name);
		json_decref(body);
		return NULL;
	}
	return body;
}
