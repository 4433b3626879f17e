/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_UP_H
#define CLI_IKEPEER_UP_H

#include "cli/ikepeer/options.h"
#include "common/base/log.h"

/* "ikepeer up": holds a tunnel until it is told to end. Returns an exit code. */
int up_run(const struct peer_options *options, const struct logger *lg, FILE *out);

#endif
