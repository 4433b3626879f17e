/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/errors.h"

#include <stdarg.h>

static void write_to_stream(void *ctx, const char *line)
{
	FILE *stream = ctx;

	fprintf(stream, "%s\n", line);
}

struct conf_errors conf_errors_to_stream(FILE *stream)
{
	return (struct conf_errors){ .report = write_to_stream, .ctx = stream };
}

/* C0, DEL, and C1 in its UTF-8 form: what could steer a terminal. */
static void replace_controls(char *line)
{
	for (char *p = line; *p != '\0'; p++) {
		uint8_t octet = (uint8_t)p[0], next = (uint8_t)p[1];

		if (octet < 0x20 || octet == 0x7f) {
			p[0] = '?';
		} else if (octet == 0xc2 && next >= 0x80 && next <= 0x9f) {
			p[0] = '?';
			p[1] = '?';
		}
	}
}

static size_t format_place(char *line, size_t cap, const char *file, struct conf_pos pos)
{
	int len;

	if (pos.line == 0)
		len = snprintf(line, cap, "%s: ", file);
	else
		len = snprintf(line, cap, "%s:%u:%u: ", file, pos.line, pos.col);
	return len < 0 || (size_t)len >= cap ? 0 : (size_t)len;
}

void conf_errors_add(struct conf_errors *errs, const char *file, struct conf_pos pos,
		     const char *fmt, ...)
{
	char line[CONF_ERROR_LINE_MAX];
	size_t used = format_place(line, sizeof(line), file, pos);
	va_list args;

	if (conf_errors_is_full(errs))
		return;
	if (errs->n == CONF_ERRORS_MAX) {
		snprintf(line, sizeof(line), "%s: there are more mistakes, not shown", file);
	} else {
		va_start(args, fmt);
		vsnprintf(line + used, sizeof(line) - used, fmt, args);
		va_end(args);
	}
	errs->n++;
	replace_controls(line);
	errs->report(errs->ctx, line);
}

bool conf_errors_is_full(const struct conf_errors *errs)
{
	return errs->n > CONF_ERRORS_MAX;
}
