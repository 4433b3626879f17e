/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_PARSER_H
#define HTTP_HTTP_PARSER_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"

/*
 * HTTP/1.1 messages from octets (RFC 9112): a pure core for both sides, fed in pieces of any size.
 *
 * It is stricter than it has to be, for nobody we talk to needs more: a head ends its lines with
 * CR LF only, folds none, and has Content-Length as the only framing of a body. Transfer-Encoding
 * is refused whatever it says, in requests also because llhttp 8.1 can be made to see one that is
 * not there (CVE-2023-30589). The head is collected whole and then read by llhttp at once, so that
 * how the octets were cut cannot matter.
 */
#define HTTP_LINE_MAX   4096  /* the first line, with CR LF */
#define HTTP_HEAD_MAX   16384 /* all lines of the head */
#define HTTP_HEADER_MAX 64    /* header fields */

enum http_side {
	HTTP_REQUESTS,  /* what a server reads */
	HTTP_RESPONSES, /* what a client reads */
};

struct http_header {
	struct bytes name;
	struct bytes value; /* without blanks around it */
};

/* All views are borrowed from the parser, until http_parser_next() or http_parser_free(). */
struct http_message {
	const char *method;  /* requests; "GET", ... */
	struct bytes target; /* requests, as sent */
	int status;          /* responses; 100 to 999 */
	struct http_header headers[HTTP_HEADER_MAX];
	size_t header_count;
	struct bytes body;
	bool keeps_alive; /* the connection is good for another one */
};

enum http_progress {
	HTTP_MORE, /* all input is used, the message is not complete */
	HTTP_DONE, /* one message is there; what follows it is still in the input */
	HTTP_BAD,  /* for good; status and why of the parser say it */
};

enum http_phase {
	HTTP_PHASE_HEAD,
	HTTP_PHASE_BODY,
	HTTP_PHASE_DONE,
	HTTP_PHASE_BAD,
};

struct http_parser {
	enum http_side side;
	enum http_phase phase;
	size_t body_max;
	size_t body_want;    /* its Content-Length */
	size_t line_start;   /* of the line being read, in head */
	bool has_blank_line; /* before the request line */
	bool is_without_body;
	struct http_message message;
	int status;         /* with HTTP_BAD: what to answer, such as 400 */
	struct errtext why; /* with HTTP_BAD: for the answer or the log */
	size_t head_len, body_len, body_cap;
	uint8_t *body; /* owned */
	uint8_t head[HTTP_HEAD_MAX];
};

/* body_max: octets of a body that are accepted. */
void http_parser_init(struct http_parser *p, enum http_side side, size_t body_max);
void http_parser_free(struct http_parser *p);

/* Takes octets off the front of *input. Not after HTTP_BAD, and after HTTP_DONE only behind
 * http_parser_next(). */
enum http_progress http_parser_feed(struct http_parser *p, struct bytes *input);

/* After HTTP_DONE: forgets the message, ready for the next. */
void http_parser_next(struct http_parser *p);

/* The next response answers HEAD: it has no body, whatever its Content-Length (RFC 9112, 6.3). */
void http_parser_expect_no_body(struct http_parser *p);

/* True if nothing of a message has come yet: here a connection may end without loss. */
bool http_parser_is_between(const struct http_parser *p);

/* The value of the only header of that name, in any case of letters; false if it is not there or
 * there more than once. */
bool http_message_header(const struct http_message *m, const char *name, struct bytes *out);

#endif
