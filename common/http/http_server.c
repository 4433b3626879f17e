/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_server.h"

#include <stdlib.h>

#define PENDING_MAX 65536 /* output that may wait while further requests are handled */

struct conn {
	struct tls_stream *stream;
	struct http_server *server;
	struct http_parser parser;
	uint8_t *rest; /* input kept back until the client has read its answers */
	size_t rest_len;
};

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct conn *conn = ctx;

	(void)s;
	(void)err;
	(void)why;
	http_parser_free(&conn->parser);
	free(conn->rest);
	free(conn);
}

static void send_response(struct conn *conn, const struct http_response *res, bool is_for_head,
			  bool keeps_alive)
{
	char *octets;
	size_t len;

	conn->server->counters.requests++;
	if (res->status >= 400)
		conn->server->counters.refused++;
	if (http_response_write(res, is_for_head, keeps_alive, &octets, &len) != 0) {
		tls_stream_abort(conn->stream, "out of memory");
		return;
	}
	/* If it fails, the stream is closing already. */
	if (tls_stream_write(conn->stream, (struct bytes){ (uint8_t *)octets, len }) == 0 &&
	    !keeps_alive)
		tls_stream_close(conn->stream, "the last answer is given");
	free(octets);
}

static void answer_request(struct conn *conn)
{
	const struct http_message *m = &conn->parser.message;
	const struct pki_identity *peer = tls_stream_peer(conn->stream);
	struct http_response res;

	http_router_answer(conn->server->router, m, peer, &res);
	log_debug(conn->server->log, LG_API, "%s %s: %s %.*s: %d", pki_kind_name(peer->kind),
		  peer->name, m->method, (int)m->target.len, (const char *)m->target.ptr,
		  res.status);
	send_response(conn, &res, strcmp(m->method, "HEAD") == 0, m->keeps_alive);
	http_response_free(&res);
}

static void answer_garbage(struct conn *conn)
{
	const struct pki_identity *peer = tls_stream_peer(conn->stream);
	struct http_response res = { .status = 0 };

	http_response_problem(&res, conn->parser.status, "%s", conn->parser.why.text);
	log_debug(conn->server->log, LG_API, "%s %s: bad request: %s", pki_kind_name(peer->kind),
		  peer->name, conn->parser.why.text);
	send_response(conn, &res, false, false);
	http_response_free(&res);
}

/* Keeps input back. At most once at a time: while there is some, the stream is paused. */
static void set_aside(struct conn *conn, struct bytes input)
{
	conn->rest = malloc(input.len);
	if (conn->rest == NULL) {
		tls_stream_abort(conn->stream, "out of memory");
		return;
	}
	memcpy(conn->rest, input.ptr, input.len);
	conn->rest_len = input.len;
	tls_stream_pause(conn->stream);
}

static void handle_input(struct conn *conn, struct bytes input)
{
	while (input.len > 0 && tls_stream_is_open(conn->stream)) {
		if (tls_stream_pending(conn->stream) > PENDING_MAX) {
			set_aside(conn, input);
			return;
		}
		switch (http_parser_feed(&conn->parser, &input)) {
		case HTTP_MORE:
			break;
		case HTTP_BAD:
			answer_garbage(conn);
			return;
		case HTTP_DONE:
			answer_request(conn);
			http_parser_next(&conn->parser);
			break;
		}
	}
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	(void)s;
	handle_input(ctx, data);
}

static void on_drain(struct tls_stream *s, void *ctx)
{
	struct conn *conn = ctx;
	uint8_t *rest = conn->rest;

	if (rest == NULL)
		return;
	conn->rest = NULL;
	handle_input(conn, (struct bytes){ rest, conn->rest_len });
	free(rest);
	if (conn->rest == NULL)
		tls_stream_resume(s);
}

static const struct tls_stream_events events = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_close = on_close,
};

void http_server_accept(struct tls_stream *s, void *ctx)
{
	struct conn *conn = malloc(sizeof(*conn));

	if (conn == NULL) {
		tls_stream_abort(s, "out of memory");
		return;
	}
	conn->stream = s;
	conn->server = ctx;
	conn->rest = NULL;
	conn->rest_len = 0;
	http_parser_init(&conn->parser, HTTP_REQUESTS, conn->server->body_max);
	tls_stream_set_events(s, &events, conn);
}
