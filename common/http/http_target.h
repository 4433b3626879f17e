/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_TARGET_H
#define HTTP_HTTP_TARGET_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/http/http_parser.h"

/*
 * The target of a request (RFC 9112, 3.2) as a path and parameters, percent-decoded (RFC 3986, 2.1;
 * in parameters '+' is a blank, as forms send it). Pure.
 */
#define HTTP_PARAM_MAX 16

struct http_param {
	const char *name;
	const char *value; /* "" if there is no '=' */
};

/* The pointers go into text: it must not be moved or copied. */
struct http_target {
	const char *path; /* begins with '/' */
	struct http_param params[HTTP_PARAM_MAX];
	size_t param_count;
	char text[HTTP_LINE_MAX + 2];
};

/*
 * Takes "/path?query" and "http://host/path?query"; the host does not matter, for the certificate
 * said it already. Returns 0 or, with the reason in why,
 *   ERR_VALUE      another form; a wrong %, an octet that decodes to a control character; a path
 *                  with segments "." or ".." or an encoded slash
 *   ERR_DUPLICATE  a parameter is given twice
 *   ERR_LIMIT      too many parameters, or too long
 */
MUST_USE int http_target_parse(struct bytes target, struct http_target *out, struct errtext *why);

/* NULL if the parameter is not there. */
const char *http_target_param(const struct http_target *t, const char *name);

#endif
