/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/text.h"

#define TIME_TEXT_MAX 32
#define LINE_MAX_SIZE 3072

static void format_time(uint64_t ms, char out[TIME_TEXT_MAX])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	size_t len = 0;

	if (gmtime_r(&s, &tm) != NULL)
		len = strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, TIME_TEXT_MAX - len, ".%03uZ", (unsigned int)(ms % 1000));
}

/* Time and event first, then the fields in their order. */
static void print_json(FILE *out, const char *time, const char *event, json_t *fields)
{
	json_t *line = json_pack("{s:s, s:s}", "time", time, "event", event);

	if (line != NULL && fields != NULL && json_object_update(line, fields) != 0) {
		json_decref(line);
		line = NULL;
	}
	if (line == NULL || json_dumpf(line, out, JSON_COMPACT) != 0)
		fprintf(out, "{\"time\":\"%s\",\"event\":\"error\",\"text\":\"out of memory\"}",
			time);
	json_decref(line);
}

void report_event(const struct report *r, const char *event, json_t *fields, const char *fmt, ...)
{
	char time[TIME_TEXT_MAX], text[LINE_MAX_SIZE], clean[LINE_MAX_SIZE];
	va_list args;

	format_time(r->now_ms(), time);
	if (r->is_json) {
		print_json(r->out, time, event, fields);
	} else {
		va_start(args, fmt);
		vsnprintf(text, sizeof(text), fmt, args);
		va_end(args);
		/* Identities come from the other side. */
		text_clean((struct bytes){ (const uint8_t *)text, strlen(text) }, clean,
			   sizeof(clean));
		fprintf(r->out, "%s %s%s%s", time, event, clean[0] != '\0' ? ": " : "", clean);
	}
	fputc('\n', r->out);
	fflush(r->out);
	json_decref(fields);
}

json_t *report_ip(const struct ip *ip)
{
	char text[IP_TEXT_MAX];

	return ip->family == IP_NONE ? json_null() : json_string(ip_format(ip, text));
}

json_t *report_endpoint(const struct endpoint *ep)
{
	char text[ENDPOINT_TEXT_MAX];

	return json_string(endpoint_format(ep, text));
}

json_t *report_selectors(const struct ts_list *list)
{
	json_t *out = json_array();
	char text[TS_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(out, json_string(ts_format(&list->items[i], text)));
	return out;
}

const char *report_selectors_text(const struct ts_list *list, char out[SELECTORS_TEXT_MAX])
{
	char text[TS_TEXT_MAX];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->n && len < SELECTORS_TEXT_MAX; i++)
		len += (size_t)snprintf(out + len, SELECTORS_TEXT_MAX - len, "%s%s",
					i > 0 ? " " : "", ts_format(&list->items[i], text));
	return out;
}
