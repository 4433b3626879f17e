/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PEERS_H
#define AGENT_PEERS_H

#include "common/base/ip.h"
#include "common/base/secret.h"
#include "common/conf/schema.h"

/* The peers file: who may connect, and with which secret. */

struct agent_conf;
struct agent_conf_connection;

struct peer_conf {
	char *identity; /* see conf_type_identity; no two alike, letters in either case */
	struct secret psk;
	struct ip_prefix *remote_ts; /* inside the connection's; none: the connection's */
	size_t n_remote_ts;
};

struct peers_conf {
	struct peer_conf *peers;
	size_t n_peers;
	struct peer_conf **by_identity; /* sorted */
};

/*
 * Reads the peers file of an agent, or text from memory. agent is complete but for its peers, and
 * borrowed: each peer has to match one of its connections, and remote_ts has to lie inside.
 * Returns 0; or ERR_CONFIG, ERR_IO or ERR_NO_MEMORY, and then at least one mistake has been
 * reported.
 */
MUST_USE int peers_conf_load(const char *path, const struct agent_conf *agent,
			     struct conf_errors *errs, struct peers_conf **out);
MUST_USE int peers_conf_parse(const struct conf_source *source, const struct agent_conf *agent,
			      struct conf_errors *errs, struct peers_conf **out);

/* Wipes the secrets; NULL is fine. */
void peers_conf_free(struct peers_conf *peers);

/* Writes the peers as comment lines, without secrets. */
void peers_conf_dump(const struct peers_conf *peers, const struct agent_conf *agent, FILE *out);

/* The peer of an identity (text as of id_format(), letters in either case), or NULL. */
const struct peer_conf *peers_conf_find(const struct peers_conf *peers, const char *identity);

/* The rows, for conf_describe(). */
extern const struct conf_schema peers_conf_schema;

#endif
