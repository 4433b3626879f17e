/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_REGISTRY_H
#define DIRECTOR_REGISTRY_H

#include "director/placement/placement.h"

/*
 * DOC: the director's registry of members, a pure core.
 *
 * It hears what the control channel hears (hello, heartbeats, the connection's end, bye) and the
 * time, and knows the operating state of every configured member:
 *
 *           hello              heartbeat             silence or lost            judged
 *   left -----------> joining -----------> active ----------------> suspect ---+-------> down
 *                       |                    ^                       ^ |       +-------> isolated
 *                       |                    +------- heartbeat -----|-+-----------------+
 *                       +--------- silence or lost ------------------+
 *
 * Silence alone makes a member suspect, no more: whether it is down, or only out of the director's
 * reach (isolated: its peers may be served well), others find out, and the coordinator judges.
 *
 * A heartbeat makes a member active when it asks for peers; as long as it does not, it is joining.
 * A hello leads from every state to joining, a bye from every state to left. Lost is a connection
 * that ends without bye: the member's process is gone or its host is cut off, and what else comes
 * is heard only after another hello. Admin state (draining) is kept apart from the operating state.
 * Each change is an event with its reason, drained by the shell.
 */
#define REGISTRY_WHY_MAX  128
#define REGISTRY_TEXT_MAX 64

enum member_state {
	MEMBER_LEFT,
	MEMBER_JOINING,
	MEMBER_ACTIVE,
	MEMBER_SUSPECT,
	MEMBER_ISOLATED,
	MEMBER_DOWN,
	MEMBER_STATE_COUNT,
};

const char *member_state_name(enum member_state state);

/* What a member says of itself. */
struct member_load {
	double load; /* 0-1 */
	double cpu;  /* 0-1 */
	uint64_t sas;
	uint64_t half_open;
	bool takes_new; /* false: it asks for no new peers */
	bool is_unable; /* what it tracks is down: it can hold no address */
};

struct member {
	/* from the configuration and the store */
	char name[MEMBER_NAME_MAX];
	uint8_t number; /* 1-191, the SPI prefix */
	struct ip home[PLACEMENT_MAX_HOME];
	size_t n_home;
	uint32_t weight;
	bool is_draining;

	/* as heard */
	enum member_state state;
	char why[REGISTRY_WHY_MAX]; /* it is in that state */
	uint64_t state_since_ms;
	uint64_t heard_ms;       /* last hello or heartbeat; 0: never */
	uint64_t quiet_since_ms; /* what its silence is counted from */
	uint64_t session;        /* of the control connection; 0: none */
	uint64_t boot_id;
	char version[REGISTRY_TEXT_MAX];
	char dataplane[REGISTRY_TEXT_MAX];
	uint64_t capacity;
	struct member_load load;

	/* for the bias of placement */
	uint64_t placed;           /* by the front end, running total as last told */
	uint64_t placed_at_report; /* the total when the last heartbeat came */
};

struct registry_conf {
	uint32_t suspect_ms; /* silence after which a member is suspect */
};

struct registry_event {
	size_t member;
	enum member_state old_state, new_state;
	char why[REGISTRY_WHY_MAX];
};

struct registry;

/* NULL when out of memory. */
struct registry *registry_new(const struct registry_conf *conf);
void registry_free(struct registry *r); /* NULL is fine */

/* From the configuration: the fields of the first group are read. ERR_LIMIT, ERR_EXISTS. */
MUST_USE int registry_add(struct registry *r, const struct member *configured);

size_t registry_count(const struct registry *r);
const struct member *registry_get(const struct registry *r, size_t index);

/* ERR_NOT_FOUND if no such member is configured. */
MUST_USE int registry_find(const struct registry *r, const char *name, size_t *index);

/* What a hello brings. */
struct registry_hello {
	uint64_t boot_id;
	const char *version;
	const char *dataplane;
	uint64_t capacity;
};

/*
 * session is the shell's name of the connection, never 0; it replaces an older one of the same
 * member, which the shell closes. *is_reboot: not the boot id of its last hello, or the first
 * one: nothing is left of what was known of it.
 */
void registry_hello(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
		    const struct registry_hello *hello, bool *is_reboot);

/* An authentic, fresh heartbeat or report on that session; stale sessions are ignored. */
void registry_heartbeat(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
			const struct member_load *load);

void registry_bye(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
		  const char *reason);

/* The connection ended without bye; why is for people. */
void registry_disconnected(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
			   const char *why);

void registry_drain(struct registry *r, size_t index, bool is_draining);

/*
 * What others found out about a silent member: MEMBER_DOWN or MEMBER_ISOLATED. Ignored unless it is
 * suspect, isolated, or left because it was never heard of: who said bye stays left. For DOWN it
 * may also be joining or active: that is for the keeper's own word that its agent is gone.
 */
void registry_judge(struct registry *r, uint64_t now_ms, size_t index, enum member_state state,
		    const char *why);

/* Peers may be sent to the home address with this place in member.home; none at first. */
void registry_serve(struct registry *r, size_t index, size_t home, bool is_served);

/* How many peers the front end sent to this member since it started. */
void registry_placed(struct registry *r, size_t index, uint64_t total);

/* UINT64_MAX: nothing to wait for. */
uint64_t registry_next_expiry(const struct registry *r);

/*
 * A call that comes later than half of suspect_ms means that the director itself did not run, and
 * that what its members sent may still wait in its sockets: then nobody changes state, and all get
 * as much more time. The next expiry may be now: read the sockets first.
 */
void registry_expire(struct registry *r, uint64_t now_ms);

/* False if there is none left. */
bool registry_next_event(struct registry *r, struct registry_event *out);

/*
 * Fills in the members of a placement table, in the order of the registry, with those of their home
 * addresses that are served. A member without one is not open.
 */
void registry_fill_table(const struct registry *r, struct placement_table *table);

#endif
