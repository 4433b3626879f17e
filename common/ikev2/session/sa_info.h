/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_SA_INFO_H
#define IKEV2_SESSION_SA_INFO_H

#include "common/ikev2/session/session.h"

/*
 * All that there is to be seen of IKE SAs and their Child SAs, in whatever state, but for their
 * keys: for operators. Times are those of the core's clock.
 */

/* Why an SA was rekeyed: what began the exchange that made its successor. */
#define REKEY_WHYS(X)                    \
	X(NONE, "none") /* it was not */ \
	X(TIME, "time")                  \
	X(OCTETS, "octets")              \
	X(PACKETS, "packets")            \
	X(SEQUENCE, "sequence-numbers")  \
	X(PEER, "peer")                  \
	X(OPERATOR, "operator")

#define REKEY_ENUMERATOR(name, text) REKEY_##name,
enum rekey_why {
	REKEY_WHYS(REKEY_ENUMERATOR)
};
#undef REKEY_ENUMERATOR

const char *rekey_why_name(enum rekey_why why);

struct child_info {
	uint64_t id;
	const char *state;
	uint32_t spi_in;
	uint32_t spi_out;              /* 0: not known yet */
	const struct esp_suite *suite; /* encr NULL: not chosen yet */
	const struct ts_list *local;
	const struct ts_list *remote;
	bool is_initiator;     /* we asked for it */
	uint64_t installed_ms; /* UINT64_MAX: it is not, yet */
	uint64_t rekey_due_ms; /* by us; UINT64_MAX: not by time, or under way */
	uint64_t over_due_ms;  /* deleted if it is still there; UINT64_MAX: never */
	enum rekey_why why;    /* of the one that it took the place of; NONE: of none */
};

/* Everything that it points to is valid until the visit is over. */
struct sa_info {
	uint64_t spi;      /* ours: names the IKE SA */
	uint64_t peer_spi; /* 0: not known yet */
	const char *state;
	bool is_initiator;              /* we are the original initiator; a rekey may change it */
	const struct id_body *local_id; /* NULL: not known */
	const struct id_body *id;       /* of the peer; NULL: not authenticated */
	const char *connection;         /* NULL: not authenticated */
	struct path path;
	const struct ike_suite *suite; /* encr NULL: not chosen yet */
	uint64_t since_ms;             /* when the peer was authenticated; UINT64_MAX: it is not */
	uint64_t heard_ms;             /* last authentic sign of life */
	uint64_t rekey_due_ms;         /* as for Child SAs */
	uint64_t over_due_ms;
	enum rekey_why why; /* it was rekeyed last; NONE: never */
	uint64_t rekeyed_ms;
	unsigned int n_rekeys;
	bool is_behind_nat;      /* we are */
	bool is_peer_behind_nat; /* or says so to have ESP encapsulated */
	bool is_encap_forced;    /* we claim a NAT, so that ESP is always encapsulated */
	struct ip redirected_from;
	const char *task; /* our request that waits for its answer; NULL: none */
	size_t n_tasks;   /* those that wait behind it */
	size_t n_children;
	const struct child_info *children; /* oldest first */
};

/* The IKE SAs with the lowest SPIs above after, limit of them at most, in this order. */
#define SA_QUERY_MAX 32
struct sa_query {
	uint64_t after;
	size_t limit;         /* 1 to SA_QUERY_MAX */
	const char *identity; /* of this peer only, as text; NULL: all */
};

typedef void sa_visit(void *ctx, const struct sa_info *sa);

#endif
