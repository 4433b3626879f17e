/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_ERRORS_H
#define CONF_ERRORS_H

#include <stdio.h>

#include "common/base/bytes.h"

/*
 * Where the mistakes in a configuration go: one line each, "file:line:col: what is wrong", to a
 * function of the caller. What a file says is quoted in them with control characters replaced, so
 * that a line can go to a terminal or a log as it is. Secrets are never quoted.
 */

/* A place in a file, both from 1. Line 0 stands for the file as a whole. */
struct conf_pos {
	uint32_t line;
	uint32_t col; /* in characters */
};

/* After so many lines of one sink there is one more that says so, and then none. */
#define CONF_ERRORS_MAX     20
#define CONF_ERROR_LINE_MAX 512

struct conf_errors {
	/* line is without newline and borrowed until the call returns. */
	void (*report)(void *ctx, const char *line);
	void *ctx;
	unsigned int n; /* mistakes so far; 0 before each load, a full sink lets nothing load */
};

/* A sink that writes lines to a stream, which it borrows. */
struct conf_errors conf_errors_to_stream(FILE *stream);

__attribute__((format(printf, 4, 5))) void conf_errors_add(struct conf_errors *errs,
							   const char *file, struct conf_pos pos,
							   const char *fmt, ...);

/* True if nothing more will be reported, so that looking for more is in vain. */
bool conf_errors_is_full(const struct conf_errors *errs);

#endif
