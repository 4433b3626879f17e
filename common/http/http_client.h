/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_CLIENT_H
#define HTTP_HTTP_CLIENT_H

#include <jansson.h>

#include "common/base/errtext.h"
#include "common/base/ip.h"
#include "common/io/tls_ctx.h"

/*
 * One request, one response, one connection, for command line tools: the call runs a loop of its
 * own and returns when all is over. Not for programs that have a loop already.
 */

#define HTTP_CLIENT_BODY_MAX (64u << 20) /* octets of a response that are read */
#define HTTP_CLIENT_DEPTH    16          /* of nesting in its JSON */

struct http_client {
	const struct tls_ctx *tls; /* a client's, with ALPN_HTTP */
	struct endpoint director;
	const char *director_name; /* as its certificate has to say */
	uint64_t timeout_ms;       /* from the call to the whole answer */
};

/*
 * GET path ("/v1/peers?member=m1", encoded already) as JSON. Returns 0 with any response that is
 * JSON: *status is its status and *json a new reference; of a problem (RFC 9457) why gets title and
 * detail. Otherwise, with the endpoint and the reason in why,
 *   ERR_IO       not reached, or cut off
 *   ERR_TIMEOUT  not in time; why says how far it came
 *   ERR_AUTH     one side does not accept the other's certificate
 *   ERR_VALUE    what came is not HTTP or not JSON
 *   ERR_LIMIT    the response is too large or nested too deeply
 *   another      TLS or memory
 */
MUST_USE int http_client_get_json(const struct http_client *client, const char *path, int *status,
				  json_t **json, struct errtext *why);

/* POST with body as JSON, which stays the caller's; else the same. */
MUST_USE int http_client_post_json(const struct http_client *client, const char *path,
				   const json_t *body, int *status, json_t **json,
				   struct errtext *why);

/* Appends text to out as a value of a parameter, percent-encoded; ERR_NO_SPACE. */
MUST_USE int http_client_encode(const char *text, char *out, size_t cap);

#endif
