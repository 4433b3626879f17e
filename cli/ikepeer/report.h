/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_REPORT_H
#define CLI_IKEPEER_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "common/ikev2/session/session.h"

/*
 * What happened, as one line each: "TIME EVENT: text" for people, or a JSON object with "time" and
 * "event" for programs. Lines are flushed: somebody may wait for them.
 */
struct report {
	FILE *out;
	bool is_json;
	uint64_t (*now_ms)(void); /* since 1970 */
};

/* fields: an object whose reference is taken; NULL: none. */
__attribute__((format(printf, 4, 5))) void report_event(const struct report *r, const char *event,
							json_t *fields, const char *fmt, ...);

/* A value for fields. */
json_t *report_ip(const struct ip *ip);
json_t *report_endpoint(const struct endpoint *ep);
json_t *report_selectors(const struct ts_list *list);

/* "10.0.0.0/8 10.1.0.0/16". */
#define SELECTORS_TEXT_MAX 2048
const char *report_selectors_text(const struct ts_list *list, char out[SELECTORS_TEXT_MAX]);

#endif
