/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CONF_SINK_H
#define TESTS_CONF_SINK_H

#include "common/conf/errors.h"
#include "common/conf/source.h"

/* What a configuration complains about, line by line, for tests to compare. */
struct conf_sink {
	char text[8192]; /* lines joined by '\n' */
	size_t len;
};

struct conf_errors conf_sink_start(struct conf_sink *sink);

/* A source named "f" in folder "/etc/w"; text is borrowed. */
struct conf_source conf_sink_source(const char *text);

/* A copy of text with the first occurrence of find replaced; both must be there. Free it. */
char *conf_sink_replace(const char *text, const char *find, const char *replacement);

#endif
