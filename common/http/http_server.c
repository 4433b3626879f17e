/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_server.h"

#include <stdlib.h>

#define PENDING_MAX 65536 /* output that may wait while further requests are handled */

/* Freed when both the stream and, if there was ever a deferred answer, the timer are closed. */
struct http_conn {
	struct tls_stream *stream;
	struct http_server *server;
	struct http_parser parser;
	uint8_t *rest; /* input kept back until the client has read its answers */
	size_t rest_len;
	uint64_t ticket;              /* of the request whose answer is deferred; 0: none waits */
	struct http_conn *next, **at; /* in the server's list, while one waits */
	bool has_timer;
	uv_timer_t timer; /* the patience with it */
};

static void free_conn(struct http_conn *conn)
{
	http_parser_free(&conn->parser);
	free(conn->rest);
	free(conn);
}

/* ---- deferred answers ---- */

static void stop_waiting(struct http_conn *conn)
{
	if (conn->ticket == 0)
		return;
	conn->ticket = 0;
	conn->server->n_waiting--;
	*conn->at = conn->next;
	if (conn->next != NULL)
		conn->next->at = conn->at;
	uv_timer_stop(&conn->timer);
}

static void finish_deferred(struct http_conn *conn, struct http_response *res);

static void on_late(uv_timer_t *timer)
{
	struct http_conn *conn = timer->data;
	struct http_response res = { .status = 0 };

	conn->server->counters.late++;
	http_response_problem(&res, 504, "no answer came in time");
	finish_deferred(conn, &res);
}

static void start_waiting(struct http_conn *conn, uint64_t ticket)
{
	struct http_server *server = conn->server;

	if (!conn->has_timer) {
		uv_timer_init(server->loop, &conn->timer);
		conn->timer.data = conn;
		conn->has_timer = true;
	}
	conn->ticket = ticket;
	conn->next = server->waiting;
	conn->at = &server->waiting;
	if (conn->next != NULL)
		conn->next->at = &conn->next;
	server->waiting = conn;
	server->n_waiting++;
	uv_update_time(server->loop);
	uv_timer_start(&conn->timer, on_late, HTTP_SERVER_DEFERRED_MS, 0);
}

void http_server_complete(struct http_server *server, uint64_t ticket, struct http_response *res)
{
	struct http_conn *conn = server->waiting;

	while (conn != NULL && conn->ticket != ticket)
		conn = conn->next;
	if (conn != NULL)
		finish_deferred(conn, res);
	else
		http_response_free(res);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free_conn(handle->data);
}

/* ---- requests and answers ---- */

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct http_conn *conn = ctx;

	(void)s;
	(void)err;
	(void)why;
	stop_waiting(conn);
	if (conn->has_timer)
		uv_close((uv_handle_t *)&conn->timer, on_timer_closed);
	else
		free_conn(conn);
}

static void send_response(struct http_conn *conn, const struct http_response *res, bool is_for_head,
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

/* The answer to the request that the parser has. */
static void give_answer(struct http_conn *conn, struct http_response *res)
{
	const struct http_message *m = &conn->parser.message;
	const struct pki_identity *peer = tls_stream_peer(conn->stream);

	log_debug(conn->server->log, LG_API, "%s %s: %s %.*s: %d", pki_kind_name(peer->kind),
		  peer->name, m->method, (int)m->target.len, (const char *)m->target.ptr,
		  res->status);
	send_response(conn, res, strcmp(m->method, "HEAD") == 0, m->keeps_alive);
	http_response_free(res);
	http_parser_next(&conn->parser);
}

static void answer_request(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	uint64_t ticket = server->n_waiting < server->deferred_max ? ++server->last_ticket : 0;
	struct http_response res;

	http_router_answer(server->router, &conn->parser.message, tls_stream_peer(conn->stream),
			   ticket, &res);
	if (res.is_deferred)
		start_waiting(conn, ticket);
	else
		give_answer(conn, &res);
}

static void answer_garbage(struct http_conn *conn)
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
static void set_aside(struct http_conn *conn, struct bytes input)
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

static void handle_input(struct http_conn *conn, struct bytes input)
{
	while (input.len > 0 && tls_stream_is_open(conn->stream)) {
		if (conn->ticket != 0 || tls_stream_pending(conn->stream) > PENDING_MAX) {
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
			break;
		}
	}
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	(void)s;
	handle_input(ctx, data);
}

/* Goes on with what was kept back, unless there is a reason to keep it. */
static void go_on(struct http_conn *conn)
{
	uint8_t *rest = conn->rest;

	if (rest == NULL || conn->ticket != 0)
		return;
	conn->rest = NULL;
	handle_input(conn, (struct bytes){ rest, conn->rest_len });
	free(rest);
	if (conn->rest == NULL)
		tls_stream_resume(conn->stream);
}

static void on_drain(struct tls_stream *s, void *ctx)
{
	(void)s;
	go_on(ctx);
}

static void finish_deferred(struct http_conn *conn, struct http_response *res)
{
	stop_waiting(conn);
	give_answer(conn, res);
	/* With much that waits to be sent, on_drain does it. */
	if (tls_stream_pending(conn->stream) <= PENDING_MAX)
		go_on(conn);
}

static const struct tls_stream_events events = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_close = on_close,
};

void http_server_accept(struct tls_stream *s, void *ctx)
{
	struct http_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		tls_stream_abort(s, "out of memory");
		return;
	}
	conn->stream = s;
	conn->server = ctx;
	http_parser_init(&conn->parser, HTTP_REQUESTS, conn->server->body_max);
	tls_stream_set_events(s, &events, conn);
}
