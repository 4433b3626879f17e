/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_client.h"

#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

#include "common/http/http_json.h"
#include "common/http/http_parser.h"
#include "common/io/tls_stream.h"

struct call {
	const struct http_client *client;
	const char *method, *path;
	const char *body; /* NULL: none */
	uv_timer_t deadline;
	struct tls_stream *stream; /* NULL once it is gone */
	struct http_parser parser;
	bool is_late, is_answered, has_sent;
	int err;
	struct errtext why;
};

static void give_up(struct call *call, int err, const char *why)
{
	call->err = err;
	errtext_set(&call->why, "%s", why);
	tls_stream_abort(call->stream, why);
}

static void send_request(struct call *call)
{
	char host[ENDPOINT_TEXT_MAX], head[HTTP_LINE_MAX], framing[96] = "";
	struct bytes body = { (const uint8_t *)call->body, 0 };
	int len;

	if (call->body != NULL) {
		body.len = strlen(call->body);
		snprintf(framing, sizeof(framing),
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.len);
	}
	len = snprintf(head, sizeof(head),
		       "%s %s HTTP/1.1\r\n"
		       "Host: %s\r\n"
		       "Accept: application/json, application/problem+json\r\n"
		       "%s"
		       "Connection: close\r\n"
		       "\r\n",
		       call->method, call->path, endpoint_format(&call->client->director, host),
		       framing);
	if (len < 0 || (size_t)len >= sizeof(head)) {
		give_up(call, ERR_TOO_LONG, "the request is too long");
		return;
	}
	call->has_sent = true;
	/* A failure comes by on_close. */
	if (tls_stream_write(call->stream, (struct bytes){ (uint8_t *)head, (size_t)len }) == 0 &&
	    body.len > 0 && tls_stream_write(call->stream, body) != 0)
		return;
}

static void on_open(struct tls_stream *s, void *ctx)
{
	(void)s;
	send_request(ctx);
}

static void on_data(struct tls_stream *s, struct bytes data, void *ctx)
{
	struct call *call = ctx;

	switch (http_parser_feed(&call->parser, &data)) {
	case HTTP_MORE:
		break;
	case HTTP_DONE:
		call->is_answered = true;
		tls_stream_close(s, "answered");
		break;
	case HTTP_BAD:
		call->err = call->parser.status == 413 ? ERR_LIMIT : ERR_VALUE;
		errtext_set(&call->why, "not a response as it should be: %.160s",
			    call->parser.why.text);
		tls_stream_abort(s, "bad response");
		break;
	}
}

static void on_close(struct tls_stream *s, int err, const char *why, void *ctx)
{
	struct call *call = ctx;

	(void)s;
	call->stream = NULL;
	uv_close((uv_handle_t *)&call->deadline, NULL);
	if (call->is_answered || call->err != 0)
		return;
	if (call->is_late) {
		call->err = ERR_TIMEOUT;
		errtext_set(&call->why, "%s in %llu ms",
			    call->has_sent ? "connected, but no answer" : "no connection",
			    (unsigned long long)call->client->timeout_ms);
	} else if (err == 0 || err == ERR_CLOSED) {
		call->err = ERR_IO;
		errtext_set(&call->why, "closed by the other side before it answered");
	} else {
		call->err = err;
		errtext_set(&call->why, "%s", why);
	}
}

static void on_deadline(uv_timer_t *timer)
{
	struct call *call = timer->data;

	if (call->stream == NULL || tls_stream_is_closing(call->stream))
		return;
	call->is_late = true;
	tls_stream_abort(call->stream, "no answer in time");
}

static const struct tls_stream_events events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_close,
};

/* Returns when the connection and the loop are gone. */
static int run(struct call *call, uv_loop_t *loop)
{
	struct pki_identity director = { PKI_DIRECTOR, "" };
	struct tls_stream_options options = { .open_ms = call->client->timeout_ms };
	int err;

	snprintf(director.name, sizeof(director.name), "%s", call->client->director_name);
	err = tls_stream_connect(loop, call->client->tls, &call->client->director, &director,
				 &options, &events, call, &call->stream);
	if (err != 0) {
		errtext_set(&call->why, "%s", err_text(err));
		return err;
	}
	(void)uv_timer_init(loop, &call->deadline);
	call->deadline.data = call;
	(void)uv_timer_start(&call->deadline, on_deadline, call->client->timeout_ms, 0);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	return call->err;
}

/* "Not Found: there is no such member" from a problem document. */
static void explain_problem(const json_t *json, int status, struct errtext *why)
{
	const char *title = json_string_value(json_object_get(json, "title"));
	const char *detail = json_string_value(json_object_get(json, "detail"));

	if (title == NULL)
		errtext_set(why, "status %d", status);
	else
		errtext_set(why, "%s%s%s", title, detail != NULL ? ": " : "",
			    detail != NULL ? detail : "");
}

static int read_answer(struct call *call, int *status, json_t **json)
{
	const struct http_message *m = &call->parser.message;
	json_t *parsed;
	int err = http_json_parse(m->body, HTTP_CLIENT_DEPTH, &parsed, &call->why);

	if (err != 0)
		return err;
	if (m->status >= 400)
		explain_problem(parsed, m->status, &call->why);
	*status = m->status;
	*json = parsed;
	return 0;
}

static int request(const struct http_client *client, const char *method, const char *path,
		   const char *body, int *status, json_t **json, struct errtext *why)
{
	struct call *call = calloc(1, sizeof(*call));
	char at[ENDPOINT_TEXT_MAX];
	uv_loop_t loop;
	int err;

	errtext_set(why, "%s", err_text(ERR_NO_MEMORY));
	if (call == NULL || uv_loop_init(&loop) != 0) {
		free(call);
		return ERR_NO_MEMORY;
	}
	call->client = client;
	call->method = method;
	call->path = path;
	call->body = body;
	http_parser_init(&call->parser, HTTP_RESPONSES, HTTP_CLIENT_BODY_MAX);
	err = run(call, &loop);
	(void)uv_loop_close(&loop);
	if (err == 0)
		err = read_answer(call, status, json);
	errtext_set(why, "%s: %.190s", endpoint_format(&client->director, at), call->why.text);
	http_parser_free(&call->parser);
	free(call);
	return err;
}

int http_client_get_json(const struct http_client *client, const char *path, int *status,
			 json_t **json, struct errtext *why)
{
	return request(client, "GET", path, NULL, status, json, why);
}

int http_client_post_json(const struct http_client *client, const char *path, const json_t *body,
			  int *status, json_t **json, struct errtext *why)
{
	char *text = json_dumps(body, JSON_COMPACT);
	int err;

	if (text == NULL) {
		errtext_set(why, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	err = request(client, "POST", path, text, status, json, why);
	free(text);
	return err;
}

/* RFC 3986, 2.3 */
static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

int http_client_encode(const char *text, char *out, size_t cap)
{
	size_t len = strlen(out);

	for (; *text != '\0'; text++) {
		size_t need = is_unreserved(*text) ? 1 : 3;

		if (len + need >= cap)
			return ERR_NO_SPACE;
		if (need == 1)
			out[len] = *text;
		else
			snprintf(out + len, cap - len, "%%%02X", (unsigned char)*text);
		len += need;
		out[len] = '\0';
	}
	return 0;
}
