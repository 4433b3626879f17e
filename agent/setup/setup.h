/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SETUP_H
#define AGENT_SETUP_H

#include "agent/conf.h"
#include "agent/keeper/keeper.h"
#include "agent/mesh/mesh_socket.h"
#include "agent/ownership/ownership.h"
#include "agent/track/track.h"
#include "common/base/errtext.h"
#include "common/ikev2/responder/responder.h"

/*
 * From the configuration to what the parts of the agent are started with. All views borrow from
 * conf, which has to outlive them.
 */
struct setup {
	struct keeper_conf keeper;
	struct responder_conf responder; /* member number not known yet: 0 */
	uint8_t id_octets[ID_TEXT_MAX];
	struct policy_connection *connections; /* in the order of conf */
	size_t n_connections;
	struct policy *policy;
	/* Indices are those of the keeper's configuration: home addresses first, then adopt. */
	struct ownership_conf ownership;
	struct ip addresses[KEEPER_ADDRESSES_MAX];
	size_t n_addresses;
	size_t n_homes;
	struct track_conf track;
	struct mesh_conf mesh;
};

/* ERR_CONFIG, ERR_NO_MEMORY, with the reason in why. */
MUST_USE int setup_new(const struct agent_conf *conf, struct setup **out, struct errtext *why);
void setup_free(struct setup *s); /* NULL is fine; the policy goes too */

#endif
