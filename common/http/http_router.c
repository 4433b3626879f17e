/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_router.h"

#include <stdio.h>

static bool is_method(const struct http_route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
	       (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* The methods that a path has, as in an Allow header; "" if there is no such path. */
static void list_methods(const struct http_router *router, const char *path, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < router->count; i++) {
		const struct http_route *route = &router->routes[i];
		bool is_get = strcmp(route->method, "GET") == 0;

		if (strcmp(route->path, path) != 0 || len >= cap)
			continue;
		len += (size_t)snprintf(out + len, cap - len, "%s%s%s", len > 0 ? ", " : "",
					route->method, is_get ? ", HEAD" : "");
	}
}

static const struct http_route *find_route(const struct http_router *router, const char *path,
					   const char *method)
{
	for (size_t i = 0; i < router->count; i++) {
		const struct http_route *route = &router->routes[i];

		if (strcmp(route->path, path) == 0 && is_method(route, method))
			return route;
	}
	return NULL;
}

/* The first parameter that the route does not know, or NULL. */
static const char *find_unknown_param(const struct http_route *route, const struct http_target *t)
{
	for (size_t i = 0; i < t->param_count; i++) {
		bool is_known = false;

		for (size_t k = 0; k < HTTP_ROUTE_PARAMS && route->params[k] != NULL; k++)
			is_known = is_known || strcmp(route->params[k], t->params[i].name) == 0;
		if (!is_known)
			return t->params[i].name;
	}
	return NULL;
}

void http_router_answer(const struct http_router *router, const struct http_message *message,
			const struct pki_identity *peer, uint64_t ticket, struct http_response *res)
{
	const struct http_route *route;
	struct http_target target;
	struct http_request req = { message->method, &target, message, peer, ticket };
	struct errtext why;
	const char *unknown;
	char allow[sizeof(res->allow)];

	*res = (struct http_response){ .status = 0 };
	if (http_target_parse(message->target, &target, &why) != 0) {
		http_response_problem(res, 400, "%s", why.text);
		return;
	}
	route = find_route(router, target.path, message->method);
	list_methods(router, target.path, allow, sizeof(allow));
	if (allow[0] == '\0') {
		http_response_problem(res, 404, "there is no '%.100s' here", target.path);
	} else if (route == NULL) {
		http_response_problem(res, 405, "'%.100s' takes %s only", target.path, allow);
		memcpy(res->allow, allow, sizeof(allow));
	} else if ((route->roles & HTTP_ROLE(peer->kind)) == 0) {
		http_response_problem(res, 403, "not for a certificate of kind %s",
				      pki_kind_name(peer->kind));
	} else if ((unknown = find_unknown_param(route, &target)) != NULL) {
		http_response_problem(res, 400, "there is no parameter '%.64s'", unknown);
	} else {
		route->handler(&req, res, router->ctx);
		if (res->is_deferred && ticket != 0)
			return;
		res->is_deferred = false;
		if (res->content_type == NULL)
			http_response_problem(res, 500, "the request was not answered");
	}
}
