/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "common/base/log.h"
#include "common/http/http_router.h"
#include "common/io/tls_server.h"

/*
 * Puts a router behind a tls_server: keep-alive, pipelined requests one after the other, answers in
 * order. A client that does not read its answers gets no further requests handled; one that stays
 * idle is closed by idle_ms of the protocol.
 *
 *	struct http_server api = { .router = &router, .body_max = 65536, .log = lg };
 *	struct tls_server_protocol protocol = { .name = ALPN_HTTP, .idle_ms = 60000,
 *		.out_max = HTTP_SERVER_OUT_MAX, .on_accept = http_server_accept, .ctx = &api };
 */
#define HTTP_SERVER_OUT_MAX (64u << 20) /* has to hold the longest answer */

struct http_server_counters {
	uint64_t requests;
	uint64_t refused; /* answered with 4xx or 5xx */
};

/* Belongs to the caller; has to live as long as the tls_server. */
struct http_server {
	const struct http_router *router;
	size_t body_max;          /* octets of a request's body */
	const struct logger *log; /* requests at debug; may be NULL */
	struct http_server_counters counters;
};

/* For struct tls_server_protocol; ctx is a struct http_server. */
void http_server_accept(struct tls_stream *s, void *ctx);

#endif
