/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONF_H
#define AGENT_CONF_H

#include "agent/peers.h"
#include "common/conf/parts.h"
#include "common/crypto/suite.h"
#include "common/ikev2/session/connection.h"

/*
 * agent.yaml and the peers file as structs that do not change once they are loaded. All values are
 * there, from the files or from defaults, and are right by themselves and with each other. It
 * holds pre-shared keys: agent_conf_free() wipes them.
 */

/* How a service address is made this member's own. */
enum agent_claim {
	AGENT_CLAIM_L2,    /* added to the link and announced there */
	AGENT_CLAIM_NONE,  /* the operator configures it */
	AGENT_CLAIM_ROUTE, /* added to lo; a routing daemon spreads it */
	AGENT_CLAIM_HOOK,  /* added to the link or lo; a script spreads it */
};

/* One of its own (home), or of another member that this one may take over (adopt). */
struct agent_conf_address {
	struct ip address;
	char *link; /* NULL if not given; always with AGENT_CLAIM_L2, never with ..._ROUTE */
	enum agent_claim claim;
};

/* Something that must work, or the member gives its addresses up: one of the first three. */
struct agent_conf_track {
	char *interface;
	struct ip ping;
	char *script;         /* absolute */
	uint32_t interval_ms; /* of ping and, of script, */
	uint32_t interval_s;  /* 0: the default, see conf_track_interval_ms() */
	uint32_t timeout_s;   /* of script; likewise */
	uint32_t fails;       /* of both; likewise */
	uint32_t hold_s;
};

#define AGENT_TRACK_MAX 16

/* What is in force, given or not. */
uint32_t conf_track_interval_ms(const struct agent_conf_track *t);
uint32_t conf_track_timeout_ms(const struct agent_conf_track *t);
uint32_t conf_track_fails(const struct agent_conf_track *t);

enum agent_dataplane {
	AGENT_DATAPLANE_TUN, /* the only one that a loaded configuration has so far */
	AGENT_DATAPLANE_KERNEL,
	AGENT_DATAPLANE_AUTO,
};

/* How traffic from the protected network finds the member that serves a peer. */
enum agent_inside_mode {
	AGENT_INSIDE_PROXY_ARP, /* the member answers ARP and ND for the peer's addresses */
	AGENT_INSIDE_ROUTE,     /* a kernel route with our protocol number, for a routing daemon */
};

struct agent_conf_inside {
	enum agent_inside_mode mode;
	char *link;      /* NULL if not given, which only AGENT_INSIDE_ROUTE allows */
	uint32_t metric; /* of routes */
};

/* What an IKE SA may be used for, by the identity of the peer. */
struct agent_conf_connection {
	char *name;
	char **remote_id; /* 1 to 64 patterns, see common/conf/glob.h */
	size_t n_remote_id;
	struct esp_suite *esp_proposals; /* 1 to 8, in order of preference */
	size_t n_esp_proposals;
	struct ip_prefix *local_ts; /* 1 to TS_MAX */
	size_t n_local_ts;
	struct ip_prefix *remote_ts; /* 1 to TS_MAX; a peer's own are inside these */
	size_t n_remote_ts;
	struct agent_conf_inside inside;
	enum policy_unique unique;
	uint32_t rekey_child_s; /* 0: never, as for the others */
	uint32_t rekey_mib;
	uint32_t rekey_packets;
};

struct agent_conf_ike {
	char *id; /* IDr, see conf_type_identity */
	struct ike_suite *proposals;
	size_t n_proposals; /* 1 to 8, in order of preference */
	uint32_t half_open_max;
	uint32_t cookie_above; /* at most half_open_max */
	uint32_t half_open_timeout_s;
	uint32_t dpd_s;
	uint32_t rekey_ike_s;   /* 0: never */
	uint32_t fragment_size; /* 0: never, else FRAGMENT_SIZE_MIN or more */
};

/* Which AUTH of a resumption is taken. */
enum agent_ticket_auth {
	AGENT_TICKET_AUTH_ANY,
	AGENT_TICKET_AUTH_RFC,
};

/* What becomes of a ticket whose IKE SA the peer deletes. */
enum agent_ticket_delete {
	AGENT_TICKET_DELETE_VOID,
	AGENT_TICKET_DELETE_KEEP,
};

/* RFC 5723. */
struct agent_conf_tickets {
	uint32_t lifetime_s;  /* 0: no tickets, else at least 60 */
	uint32_t resumable_s; /* 0: without bound */
	uint32_t rekey_s;     /* 0: as other IKE SAs */
	uint32_t used_max;
	enum agent_ticket_auth auth;
	enum agent_ticket_delete on_delete;
};

struct agent_conf {
	char *member;
	char *run_as;
	struct conf_director director;
	struct conf_tls tls;
	struct endpoint listen;          /* of the mesh */
	struct agent_conf_address *home; /* 1 to 8, no two alike */
	size_t n_home;
	struct agent_conf_address *adopt; /* no two alike, but some may be home addresses too */
	size_t n_adopt;
	struct ip *next_hops; /* up to KEEPER_NEXT_HOPS_MAX */
	size_t n_next_hops;
	char *claim_hook; /* absolute; NULL: none, and then no address with AGENT_CLAIM_HOOK */
	struct agent_conf_track *track; /* up to AGENT_TRACK_MAX */
	size_t n_track;
	uint32_t capacity; /* IKE SAs */
	enum agent_dataplane dataplane;
	char *tun_device;
	uint32_t tun_mtu;
	struct agent_conf_ike ike;
	struct agent_conf_tickets tickets;
	struct agent_conf_connection *connections; /* 1 to 256 */
	size_t n_connections;
	char *peers_file; /* absolute */
	struct conf_log log;

	struct peers_conf *peers; /* what the peers file says; its connections are those above */
};

/*
 * Reads both files. Returns 0; or ERR_CONFIG, ERR_IO or ERR_NO_MEMORY, and then at least one
 * mistake has been reported. agent_conf_parse() takes both texts from memory.
 */
MUST_USE int agent_conf_load(const char *path, struct conf_errors *errs, struct agent_conf **out);
MUST_USE int agent_conf_parse(const struct conf_source *source, const struct conf_source *peers,
			      struct conf_errors *errs, struct agent_conf **out);

/* NULL is fine. */
void agent_conf_free(struct agent_conf *conf);

/*
 * The effective values of agent.yaml as YAML that loads again, and then as a comment the peers,
 * each with its connection and without its secret. Returns 0, ERR_IO or ERR_NO_MEMORY.
 */
MUST_USE int agent_conf_dump(const struct agent_conf *conf, FILE *out);

/* True if an entry of adopt is one of the member's own addresses, and so means nothing. */
bool agent_conf_is_home(const struct agent_conf *conf, const struct ip *ip);

/* The rows, for conf_describe(). */
extern const struct conf_schema agent_conf_schema;

/* The first connection with a pattern that matches, or NULL. identity is text as of id_format(). */
const struct agent_conf_connection *agent_conf_find_connection(const struct agent_conf *conf,
							       const char *identity);

#endif
