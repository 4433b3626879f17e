/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_PROBE_H
#define CLI_IKEPEER_PROBE_H

#include "cli/ikepeer/judge.h"
#include "cli/ikepeer/options.h"

/* "ikepeer probe": returns an exit code, enum probe_status. */
int probe_run(const struct peer_options *options, const struct logger *lg, FILE *out);

#endif
