/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_TERMS_H
#define CLI_IKEPEER_TERMS_H

#include "cli/ikepeer/options.h"
#include "common/ikev2/initiator/initiator.h"

/* What the initiator asks gateways for, from the command line. Not to be moved once filled. */
struct terms {
	struct initiator_conf conf;
	struct policy_connection connection;
	struct policy_peer peer;
	uint8_t id_octets[ID_TEXT_MAX];
	uint8_t gateway_id_octets[ID_TEXT_MAX];
};

/* source: our own address. The key is borrowed from options. ERR_VALUE: an identity is none. */
MUST_USE int terms_fill(struct terms *t, const struct peer_options *options,
			const struct ip *source);

#endif
