/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include "common/base/err.h"
#include "common/base/errtext.h"

#include <stdint.h>

/*
 * What a member has to know when it starts while no director can be reached: the number that its
 * SPIs begin with. One small JSON file, replaced as a whole and on the disk before it counts.
 */
#define STATE_FORMAT 1

struct agent_state {
	char cluster[64];
	uint8_t number; /* 1-191; 0: never had a director */
};

/*
 * No file is fine: then all is zero. ERR_IO, ERR_VALUE (damaged), ERR_UNSUPPORTED (written by a
 * newer version), with the reason in why.
 */
MUST_USE int state_load(const char *dir, struct agent_state *out, struct errtext *why);
MUST_USE int state_save(const char *dir, const struct agent_state *state, struct errtext *why);

#endif
