/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_CMDLINE_H
#define CONF_CMDLINE_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/base/log.h"

/* The command line that both daemons have. */
struct cmdline_spec {
	const char *program;
	const char *purpose; /* one line for --help */
	const char *config;  /* default of -c */
	const char *state_dir;
};

enum cmdline_mode {
	CMDLINE_RUN,
	CMDLINE_CHECK,
	CMDLINE_DUMP
};

struct cmdline {
	enum cmdline_mode mode;
	const char *config;
	const char *state_dir; /* --state-dir, else $STATE_DIRECTORY, else the default */
	bool has_log_level;    /* overrides the file's */
	enum log_level log_level;
};

/* The exit codes of all programs. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2, /* command line or configuration */
};

/*
 * Returns true to go on; false if all is done, with the exit code in *exit_code: after --help and
 * --version, or a mistake, which is on standard error.
 */
bool cmdline_parse(const struct cmdline_spec *spec, int argc, char **argv, struct cmdline *out,
		   int *exit_code);

/*
 * Makes the directory, for its owner only, if it is not there, and as root gives it to user (NULL:
 * leaves it), unless things of others are in it. ERR_IO, ERR_CONFIG (no such user), with the reason
 * in why.
 */
MUST_USE int state_dir_prepare(const char *path, const char *user, struct errtext *why);

#endif
