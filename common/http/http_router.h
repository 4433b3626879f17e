/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_ROUTER_H
#define HTTP_HTTP_ROUTER_H

#include "common/http/http_parser.h"
#include "common/http/http_response.h"
#include "common/http/http_target.h"
#include "common/pki/identity.h"

/*
 * From a request to the handler of its path and method, with everything refused that no handler
 * should have to look at: unknown paths (404), methods (405 with Allow), people (403), parameters
 * (400). Pure: no connection, no loop.
 */

/* Who may: a set of kinds, such as HTTP_ROLE(PKI_ADMIN) | HTTP_ROLE(PKI_MONITOR). */
#define HTTP_ROLE(kind) (1u << (kind))
#define HTTP_ANYBODY    (~0u) /* with a certificate */

#define HTTP_ROUTE_PARAMS 8

/* What a handler sees; borrowed until it returns. */
struct http_request {
	const char *method;
	const struct http_target *target;
	const struct http_message *message;
	const struct pki_identity *peer;
	uint64_t ticket; /* under which the answer may come later; 0: it may not */
};

/*
 * Fills res, which is empty; or sets res->is_deferred, if there is a ticket, and has the answer
 * come later (http_server_complete()). ctx is that of the router.
 */
typedef void (*http_handler)(const struct http_request *req, struct http_response *res, void *ctx);

struct http_route {
	const char *method; /* "GET" answers HEAD too */
	const char *path;
	unsigned roles;
	const char *params[HTTP_ROUTE_PARAMS]; /* those known, the rest NULL; others are refused */
	http_handler handler;
};

struct http_router {
	const struct http_route *routes;
	size_t count;
	void *ctx;
};

/*
 * Always leaves a complete answer in res, which the caller frees, or with a ticket other than 0
 * perhaps one that is deferred.
 */
void http_router_answer(const struct http_router *router, const struct http_message *message,
			const struct pki_identity *peer, uint64_t ticket,
			struct http_response *res);

#endif
