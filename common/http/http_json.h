/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_JSON_H
#define HTTP_HTTP_JSON_H

#include <jansson.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"

/*
 * A JSON text (RFC 8259) from somebody else: nesting is bounded before it is parsed, names may not
 * repeat, nothing may follow it. The size is for the caller to bound. Returns 0 and a new
 * reference, or ERR_LIMIT or ERR_VALUE with the reason in why.
 */
MUST_USE int http_json_parse(struct bytes text, size_t depth_max, json_t **out,
			     struct errtext *why);

#endif
