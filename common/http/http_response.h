/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_RESPONSE_H
#define HTTP_HTTP_RESPONSE_H

#include <jansson.h>

#include "common/base/bytes.h"
#include "common/base/err.h"

/*
 * What a handler answers, and its octets. A handler sets one of json, text and problem; without
 * any it is a problem 500, so that nothing goes out half made. Pure.
 */
struct http_response {
	int status;
	const char *content_type; /* a constant */
	char *body;               /* owned */
	size_t body_len;
	char allow[64];   /* for 405; else empty */
	bool is_deferred; /* nothing else is set: the answer comes later */
};

/* "Not Found" for 404; "Unknown" for what is not in the table. */
const char *http_status_text(int status);

/* Takes the reference to json over; NULL (out of memory) becomes a problem 500. */
void http_response_json(struct http_response *r, int status, json_t *json);

/* content_type: a constant, such as "text/plain; charset=utf-8". text is copied. */
void http_response_text(struct http_response *r, int status, const char *content_type,
			struct bytes text);

/* application/problem+json (RFC 9457); the detail is for people, what is not ASCII becomes '?'. */
__attribute__((format(printf, 3, 4))) void http_response_problem(struct http_response *r,
								 int status, const char *fmt, ...);

/* Safe on a zeroed response, and twice. */
void http_response_free(struct http_response *r);

/*
 * Head and body, or for HEAD the head alone, with the length that the body would have. The caller
 * frees *out. ERR_NO_MEMORY.
 */
MUST_USE int http_response_write(const struct http_response *r, bool is_for_head, bool keeps_alive,
				 char **out, size_t *len);

#endif
