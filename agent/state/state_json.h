/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STATE_JSON_H
#define AGENT_STATE_JSON_H

#include "agent/state/state.h"

struct json_t;

/* The state as JSON and back. Private to this folder. */

/* ERR_VALUE, ERR_UNSUPPORTED. out is untouched then. */
MUST_USE int state_from_json(const struct json_t *json, struct agent_state *out);

/* NULL when out of memory. Ended with state_json_free(). */
struct json_t *state_to_json(const struct agent_state *state);

/* What state_from_json() would refuse is not written. */
bool state_is_valid(const struct agent_state *state);

/* Wipes the keys in it first. NULL is fine. */
void state_json_free(struct json_t *json);

#endif
