/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/http/http_json.h"
#include "common/http/http_router.h"

#define BODY_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What became of an input: nothing of it may depend on how the octets were cut. */
struct outcome {
	size_t messages;
	size_t octets; /* of methods, targets, headers and bodies */
	int bad;
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void require_within(struct bytes view, const uint8_t *start, size_t len)
{
	require(view.len == 0 || (view.ptr >= start && view.ptr + view.len <= start + len));
}

static void on_request(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)ctx;
	http_response_text(res, 200, "text/plain", req->message->body);
}

/* A request goes through the router too, and its answer is a good response. */
static void answer(const struct http_message *m)
{
	static const struct http_route route = { "GET", "/a", HTTP_ANYBODY, { "x" }, on_request };
	static const struct http_router router = { &route, 1, NULL };
	static const struct pki_identity peer = { PKI_MONITOR, "fuzz" };
	struct http_response res;
	struct http_parser parser;
	struct bytes input;
	char *octets;
	size_t len;

	http_router_answer(&router, m, &peer, 0, &res);
	require(http_response_write(&res, false, m->keeps_alive, &octets, &len) == 0);
	http_parser_init(&parser, HTTP_RESPONSES, 1 << 20);
	input = (struct bytes){ (const uint8_t *)octets, len };
	require(http_parser_feed(&parser, &input) == HTTP_DONE && input.len == 0);
	require(parser.message.status == res.status);
	require(parser.message.keeps_alive == m->keeps_alive);
	http_parser_free(&parser);
	http_response_free(&res);
	free(octets);
}

static void take_message(const struct http_parser *p, struct outcome *out)
{
	const struct http_message *m = &p->message;
	struct errtext why;
	json_t *json;

	require_within(m->target, p->head, p->head_len);
	require(m->header_count <= HTTP_HEADER_MAX);
	out->octets += m->target.len + m->body.len;
	for (size_t i = 0; i < m->header_count; i++) {
		require_within(m->headers[i].name, p->head, p->head_len);
		require_within(m->headers[i].value, p->head, p->head_len);
		require(m->headers[i].name.len > 0);
		out->octets += m->headers[i].name.len + m->headers[i].value.len;
	}
	require(m->body.len <= BODY_MAX);
	if (p->side == HTTP_REQUESTS)
		answer(m);
	else if (http_json_parse(m->body, 5, &json, &why) == 0)
		json_decref(json);
	out->messages++;
}

static struct outcome run(enum http_side side, struct bytes input, size_t piece)
{
	struct outcome out = { 0, 0, 0 };
	struct http_parser p;

	http_parser_init(&p, side, BODY_MAX);
	while (input.len > 0 && out.bad == 0) {
		struct bytes part = { input.ptr, piece < input.len ? piece : input.len };
		size_t len = part.len;
		enum http_progress progress = http_parser_feed(&p, &part);

		require(progress == HTTP_MORE ? part.len == 0 : part.len <= len);
		input.ptr += len - part.len;
		input.len -= len - part.len;
		if (progress == HTTP_BAD)
			out.bad = p.status;
		if (progress == HTTP_DONE) {
			take_message(&p, &out);
			http_parser_next(&p);
		}
	}
	http_parser_free(&p);
	return out;
}

/* First octet: the side, and the size of the pieces that the rest is fed in. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = { data + 1, size - 1 };
	enum http_side side;
	struct outcome whole, cut;

	if (size == 0)
		return 0;
	side = (data[0] & 1) != 0 ? HTTP_RESPONSES : HTTP_REQUESTS;
	whole = run(side, input, size);
	cut = run(side, input, (data[0] >> 1) + 1u);
	require(whole.messages == cut.messages && whole.octets == cut.octets &&
		whole.bad == cut.bad);
	return 0;
}
