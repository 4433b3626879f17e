/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_API_JSON_H
#define DIRECTOR_API_JSON_H

#include <jansson.h>

#include "common/base/errtext.h"
#include "common/http/http_router.h"

/* What the handlers share. Private to director/api. */

/*
 * A field that cannot be made, for want of memory or because a text is no UTF-8, is null: readers
 * see that something is missing, and the other fields. Without memory for that either it is left
 * out. Takes the reference to value over.
 */
void api_set(json_t *object, const char *name, json_t *value);

json_t *api_integer(uint64_t value);

/* The director's monotonic time. */
uint64_t api_now_ms(void);

/*
 * The body of a POST: a JSON object, of Content-Type application/json, without names other than
 * those in known (ended by NULL). A new reference, or NULL, and then res is the answer.
 */
json_t *api_read_body(const struct http_request *req, struct http_response *res,
		      const char *const *known);

#endif
