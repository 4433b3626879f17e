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
 * An answer may come later: the handler keeps the ticket of the request and says is_deferred; who
 * has the answer hands it to http_server_complete(). Until then the connection takes no further
 * request. If it takes too long the client is answered 504; if the client goes, what comes for the
 * ticket is dropped. Nobody has to keep books about tickets that came to nothing.
 *
 *	struct http_server api = { .router = &router, .body_max = 65536, .log = lg };
 *	struct tls_server_protocol protocol = { .name = ALPN_HTTP, .idle_ms = 60000,
 *		.out_max = HTTP_SERVER_OUT_MAX, .on_accept = http_server_accept, .ctx = &api };
 */
#define HTTP_SERVER_OUT_MAX (64u << 20) /* has to hold the longest answer */

#define HTTP_SERVER_DEFERRED_MS 2000 /* then it is 504 */

struct http_server_counters {
	uint64_t requests;
	uint64_t refused; /* answered with 4xx or 5xx */
	uint64_t late;    /* of those: deferred answers that did not come in time */
};

/* Belongs to the caller; has to live as long as the tls_server. */
struct http_server {
	const struct http_router *router;
	size_t body_max;          /* octets of a request's body */
	const struct logger *log; /* requests at debug; may be NULL */
	/* For deferred answers; deferred_max 0: there are none, and no loop is needed. */
	uv_loop_t *loop;
	size_t deferred_max; /* that may wait at a time; requests beyond that get no ticket */
	struct http_server_counters counters;

	/* private */
	struct http_conn *waiting;
	size_t n_waiting;
	uint64_t last_ticket;
};

/* For struct tls_server_protocol; ctx is a struct http_server. */
void http_server_accept(struct tls_stream *s, void *ctx);

/*
 * The answer to the request with this ticket, which does not wait for it any more if it took too
 * long. What res owns is freed. Not from inside the handler that was given the ticket.
 */
void http_server_complete(struct http_server *server, uint64_t ticket, struct http_response *res);

#endif
