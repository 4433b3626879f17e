/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_PROBE_PRINT_H
#define CLI_IKEPEER_PROBE_PRINT_H

#include <stdio.h>

#include "cli/ikepeer/judge.h"

/*
 * A probe's result: for people a line with the verdict, in the form of monitoring plugins, and one
 * or more about each gateway; else one JSON object.
 */
void probe_print(FILE *out, bool is_json, const struct probe_result *r, enum probe_status status,
		 const char *why);

#endif
