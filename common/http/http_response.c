/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_response.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_MAX   512
#define DETAIL_MAX 512

const char *http_status_text(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 202:
		return "Accepted";
	case 204:
		return "No Content";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 415:
		return "Unsupported Media Type";
	case 417:
		return "Expectation Failed";
	case 422:
		return "Unprocessable Content";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Unknown";
	}
}

void http_response_free(struct http_response *r)
{
	free(r->body);
	*r = (struct http_response){ .status = 0 };
}

/* The last resort: needs no memory. */
static void set_nothing(struct http_response *r)
{
	http_response_free(r);
	r->status = 500;
	r->content_type = "text/plain; charset=utf-8";
}

static void set_json(struct http_response *r, int status, const char *content_type,
		     const json_t *json)
{
	size_t len = json != NULL ? json_dumpb(json, NULL, 0, JSON_COMPACT) : 0;
	char *body = len > 0 ? malloc(len + 1) : NULL;

	if (body == NULL || json_dumpb(json, body, len, JSON_COMPACT) != len) {
		free(body);
		set_nothing(r);
		return;
	}
	body[len] = '\n';
	http_response_free(r);
	r->status = status;
	r->content_type = content_type;
	r->body = body;
	r->body_len = len + 1;
}

void http_response_json(struct http_response *r, int status, json_t *json)
{
	set_json(r, status, "application/json", json);
	json_decref(json);
}

void http_response_text(struct http_response *r, int status, const char *content_type,
			struct bytes text)
{
	char *body = malloc(text.len + 1);

	if (body == NULL) {
		set_nothing(r);
		return;
	}
	if (text.len > 0)
		memcpy(body, text.ptr, text.len);
	http_response_free(r);
	r->status = status;
	r->content_type = content_type;
	r->body = body;
	r->body_len = text.len;
}

void http_response_problem(struct http_response *r, int status, const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	va_list args;
	json_t *json;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	for (char *c = detail; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	json = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
			 http_status_text(status), "status", status, "detail", detail);
	set_json(r, status, "application/problem+json", json);
	json_decref(json);
}

int http_response_write(const struct http_response *r, bool is_for_head, bool keeps_alive,
			char **out, size_t *len)
{
	size_t body_len = is_for_head ? 0 : r->body_len;
	char head[HEAD_MAX], *octets;
	int head_len;

	head_len =
	    snprintf(head, sizeof(head),
		     "HTTP/1.1 %d %s\r\n"
		     "Content-Type: %s\r\n"
		     "Content-Length: %zu\r\n"
		     "Cache-Control: no-store\r\n"
		     "%s%s%s"
		     "%s"
		     "\r\n",
		     r->status, http_status_text(r->status), r->content_type, r->body_len,
		     r->allow[0] != '\0' ? "Allow: " : "", r->allow,
		     r->allow[0] != '\0' ? "\r\n" : "", keeps_alive ? "" : "Connection: close\r\n");
	if (head_len < 0 || (size_t)head_len >= sizeof(head))
		return ERR_TOO_LONG;
	octets = malloc((size_t)head_len + body_len);
	if (octets == NULL)
		return ERR_NO_MEMORY;
	memcpy(octets, head, (size_t)head_len);
	if (body_len > 0)
		memcpy(octets + head_len, r->body, body_len);
	*out = octets;
	*len = (size_t)head_len + body_len;
	return 0;
}
