/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <llhttp.h>

#define BODY_FIRST 65536 /* room for a body is not taken before its octets come */

void http_parser_init(struct http_parser *p, enum http_side side, size_t body_max)
{
	p->side = side;
	p->body_max = body_max;
	p->body = NULL;
	p->status = 0;
	p->why.text[0] = '\0';
	http_parser_next(p);
}

void http_parser_free(struct http_parser *p)
{
	free(p->body);
	p->body = NULL;
}

void http_parser_next(struct http_parser *p)
{
	free(p->body);
	p->body = NULL;
	p->phase = HTTP_PHASE_HEAD;
	p->body_want = p->body_len = p->body_cap = p->head_len = p->line_start = 0;
	p->has_blank_line = p->is_without_body = false;
	p->message = (struct http_message){ .method = NULL };
}

void http_parser_expect_no_body(struct http_parser *p)
{
	p->is_without_body = true;
}

bool http_parser_is_between(const struct http_parser *p)
{
	return p->phase == HTTP_PHASE_HEAD && p->head_len == 0;
}

/* How many there are, and the value of the last. */
static size_t find_header(const struct http_message *m, const char *name, struct bytes *value)
{
	size_t found = 0;

	for (size_t i = 0; i < m->header_count; i++) {
		const struct http_header *h = &m->headers[i];

		if (h->name.len == strlen(name) &&
		    strncasecmp((const char *)h->name.ptr, name, h->name.len) == 0) {
			*value = h->value;
			found++;
		}
	}
	return found;
}

static size_t count_headers(const struct http_message *m, const char *name)
{
	struct bytes value;

	return find_header(m, name, &value);
}

bool http_message_header(const struct http_message *m, const char *name, struct bytes *out)
{
	struct bytes value;

	if (find_header(m, name, &value) != 1)
		return false;
	*out = value;
	return true;
}

static enum http_progress refuse(struct http_parser *p, int status, const char *why)
{
	p->phase = HTTP_PHASE_BAD;
	p->status = status;
	errtext_set(&p->why, "%s", why);
	return HTTP_BAD;
}

/* ---- reading a whole head ---- */

/* What llhttp's callbacks fill in. */
struct reading {
	struct http_parser *parser;
	bool is_in_name; /* more of the last header's name may come */
	bool is_complete;
	bool has_too_many;
};

static int on_target(llhttp_t *http, const char *at, size_t len)
{
	struct reading *r = http->data;
	struct bytes *target = &r->parser->message.target;

	if (target->len == 0)
		target->ptr = (const uint8_t *)at;
	target->len += len;
	return 0;
}

static int on_name(llhttp_t *http, const char *at, size_t len)
{
	struct reading *r = http->data;
	struct http_message *m = &r->parser->message;

	if (!r->is_in_name) {
		if (m->header_count == HTTP_HEADER_MAX) {
			r->has_too_many = true;
			return HPE_USER;
		}
		m->headers[m->header_count++].name = (struct bytes){ (const uint8_t *)at, 0 };
		r->is_in_name = true;
	}
	m->headers[m->header_count - 1].name.len += len;
	return 0;
}

static int on_name_complete(llhttp_t *http)
{
	struct reading *r = http->data;

	r->is_in_name = false;
	return 0;
}

static int on_value(llhttp_t *http, const char *at, size_t len)
{
	struct reading *r = http->data;
	struct http_message *m = &r->parser->message;
	struct bytes *value;

	if (m->header_count == 0)
		return HPE_USER;
	value = &m->headers[m->header_count - 1].value;
	if (value->len > 0 && (const char *)value->ptr + value->len != at)
		return HPE_USER;
	if (value->len == 0)
		value->ptr = (const uint8_t *)at;
	value->len += len;
	return 0;
}

/* Keeps llhttp from going on with a body or another protocol: it has all that it gets. */
static int on_head_complete(llhttp_t *http)
{
	struct reading *r = http->data;

	r->is_complete = true;
	r->parser->message.keeps_alive =
	    llhttp_should_keep_alive(http) != 0 && http->http_major == 1 && http->http_minor == 1;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_target,
	.on_header_field = on_name,
	.on_header_field_complete = on_name_complete,
	.on_header_value = on_value,
	.on_headers_complete = on_head_complete,
};

static void trim_values(struct http_message *m)
{
	for (size_t i = 0; i < m->header_count; i++) {
		struct bytes *v = &m->headers[i].value;

		while (v->len > 0 && (v->ptr[v->len - 1] == ' ' || v->ptr[v->len - 1] == '\t'))
			v->len--;
	}
}

/* What llhttp leaves to us. http has the numbers of the head. */
static enum http_progress judge_head(struct http_parser *p, const llhttp_t *http)
{
	const struct http_message *m = &p->message;

	if (http->http_major != 1 || http->http_minor > 1)
		return refuse(p, 505, "only HTTP/1.1 is spoken here");
	if ((http->flags & F_TRANSFER_ENCODING) != 0 || count_headers(m, "transfer-encoding") > 0)
		return refuse(p, 400, "Transfer-Encoding is not accepted, only Content-Length");
	if (count_headers(m, "content-length") > 1)
		return refuse(p, 400, "Content-Length is given twice");
	if (p->side == HTTP_REQUESTS) {
		/* RFC 9112, 3.2 */
		if (http->http_minor == 1 && count_headers(m, "host") != 1)
			return refuse(p, 400, "there has to be one Host header");
		if (count_headers(m, "expect") > 0)
			return refuse(p, 417, "Expect is not supported");
	}
	if (p->is_without_body)
		return HTTP_MORE;
	if (http->content_length > p->body_max)
		return refuse(p, 413, "the body is too large");
	p->body_want = (size_t)http->content_length;
	return HTTP_MORE;
}

/* RFC 9112, 6.3, for responses. */
static enum http_progress judge_response(struct http_parser *p, const llhttp_t *http)
{
	int status = http->status_code;

	p->message.status = status;
	if (status < 200 || status > 999)
		return refuse(p, 502, "the status is not one of a final response");
	if (status == 204 || status == 304)
		p->is_without_body = true;
	if (!p->is_without_body && count_headers(&p->message, "content-length") == 0)
		return refuse(p, 502, "the response has no Content-Length");
	return judge_head(p, http);
}

/* A whole head, line ends checked, as octets. */
static enum http_progress read_head(struct http_parser *p)
{
	struct reading r = { .parser = p };
	llhttp_t http;
	llhttp_errno_t result;
	enum http_progress progress;

	llhttp_init(&http, p->side == HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	http.data = &r;
	result = llhttp_execute(&http, (const char *)p->head, p->head_len);
	if (r.has_too_many)
		return refuse(p, 431, "there are too many header fields");
	if (result == HPE_INVALID_VERSION)
		return refuse(p, 505, "only HTTP/1.1 is spoken here");
	if (result != HPE_PAUSED || !r.is_complete) {
		const char *reason = llhttp_get_error_reason(&http);

		return refuse(p, 400, reason != NULL ? reason : "not HTTP");
	}
	trim_values(&p->message);
	if (p->side == HTTP_RESPONSES) {
		progress = judge_response(p, &http);
	} else {
		p->message.method = llhttp_method_name((llhttp_method_t)http.method);
		progress = judge_head(p, &http);
	}
	if (progress != HTTP_BAD)
		p->phase = p->body_want > 0 ? HTTP_PHASE_BODY : HTTP_PHASE_DONE;
	return progress;
}

/* ---- collecting ---- */

/* The end of a line, CR LF: empty ones end the head, except one before a request. */
static enum http_progress end_line(struct http_parser *p)
{
	bool is_empty = p->head_len - p->line_start == 2;

	if (is_empty && p->line_start > 0)
		return read_head(p);
	if (is_empty) {
		/* RFC 9112, 2.2: "SHOULD ignore at least one empty line" */
		if (p->side == HTTP_RESPONSES || p->has_blank_line)
			return refuse(p, 400, "empty lines before the first line");
		p->has_blank_line = true;
		p->head_len = 0;
	}
	p->line_start = p->head_len;
	return HTTP_MORE;
}

static enum http_progress add_to_head(struct http_parser *p, uint8_t octet)
{
	bool is_after_cr = p->head_len > p->line_start && p->head[p->head_len - 1] == '\r';
	bool is_header_start = p->head_len == p->line_start && p->line_start > 0;

	if ((octet == '\n') != is_after_cr)
		return refuse(p, 400, "a line does not end with CR LF");
	if (octet == '\0')
		return refuse(p, 400, "there is an octet 0 in the head");
	if (is_header_start && (octet == ' ' || octet == '\t'))
		return refuse(p, 400, "a header field is folded");
	if (is_header_start && octet == ':') /* llhttp would take it */
		return refuse(p, 400, "a header field has no name");
	if (p->line_start == 0 && p->head_len == HTTP_LINE_MAX)
		return refuse(p, 414, "the first line is too long");
	if (p->head_len == HTTP_HEAD_MAX)
		return refuse(p, 431, "the header fields are too long");
	p->head[p->head_len++] = octet;
	return octet == '\n' ? end_line(p) : HTTP_MORE;
}

/* Room for more of the body: doubled, for what is announced costs nothing until it comes. */
static int reserve_body(struct http_parser *p, size_t len)
{
	size_t cap = p->body_cap > 0 ? p->body_cap : BODY_FIRST;
	uint8_t *grown;

	if (len <= p->body_cap)
		return 0;
	while (cap < len)
		cap *= 2;
	if (cap > p->body_want)
		cap = p->body_want;
	grown = realloc(p->body, cap);
	if (grown == NULL)
		return ERR_NO_MEMORY;
	p->body = grown;
	p->body_cap = cap;
	return 0;
}

static enum http_progress add_to_body(struct http_parser *p, struct bytes *input)
{
	size_t missing = p->body_want - p->body_len;
	size_t len = input->len < missing ? input->len : missing;

	if (reserve_body(p, p->body_len + len) != 0)
		return refuse(p, 503, "out of memory");
	memcpy(p->body + p->body_len, input->ptr, len);
	p->body_len += len;
	input->ptr += len;
	input->len -= len;
	if (p->body_len == p->body_want)
		p->phase = HTTP_PHASE_DONE;
	return HTTP_MORE;
}

enum http_progress http_parser_feed(struct http_parser *p, struct bytes *input)
{
	enum http_progress progress = HTTP_MORE;

	while (progress == HTTP_MORE && p->phase == HTTP_PHASE_HEAD && input->len > 0) {
		progress = add_to_head(p, *input->ptr);
		input->ptr++;
		input->len--;
	}
	if (progress == HTTP_MORE && p->phase == HTTP_PHASE_BODY && input->len > 0)
		(void)add_to_body(p, input);
	if (p->phase == HTTP_PHASE_BAD)
		return HTTP_BAD;
	if (p->phase != HTTP_PHASE_DONE)
		return HTTP_MORE;
	p->message.body = (struct bytes){ p->body, p->body_len };
	return HTTP_DONE;
}
