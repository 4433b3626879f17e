/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/conf_sink.h"

#include <stdio.h>
#include <stdlib.h>

static void take_line(void *ctx, const char *line)
{
	struct conf_sink *sink = ctx;
	size_t room = sizeof(sink->text) - sink->len;
	int len = snprintf(sink->text + sink->len, room, "%s%s", sink->len > 0 ? "\n" : "", line);

	if (len < 0 || (size_t)len >= room)
		abort();
	sink->len += (size_t)len;
}

struct conf_errors conf_sink_start(struct conf_sink *sink)
{
	sink->text[0] = '\0';
	sink->len = 0;
	return (struct conf_errors){ .report = take_line, .ctx = sink };
}

struct conf_source conf_sink_source(const char *text)
{
	return (struct conf_source){
		.name = "f",
		.folder = "/etc/w",
		.text = { (const uint8_t *)text, strlen(text) },
	};
}

char *conf_sink_replace(const char *text, const char *find, const char *replacement)
{
	const char *at = strstr(text, find);
	char *out;

	if (at == NULL || asprintf(&out, "%.*s%s%s", (int)(at - text), text, replacement,
				   at + strlen(find)) < 0) {
		fprintf(stderr, "\"%s\" is not in the text\n", find);
		abort();
	}
	return out;
}
