/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_PLACEMENT_H
#define DIRECTOR_PLACEMENT_H

#include "common/base/ip.h"

/*
 * Which member a peer is sent to: a pure function of an immutable snapshot and of what an
 * IKE_SA_INIT shows before anybody is authenticated (RFC 5685, 3). No state: a retransmission gets
 * the same answer as long as the snapshot stays, and every worker answers alike.
 *
 *   sticky      weighted rendezvous hashing of the peer (IPv4 /32, IPv6 /64), so that it comes back
 *               to the member it knows; members above bounded_load times the average are passed by
 *   least-load  the less loaded of two members drawn by weight ("power of two choices"): spreads
 *               well, and a herd that arrives between two reports does not hit one member alone
 *
 * Pins come first. Suspect, draining and full members get nothing new; nobody is sent back to where
 * it was redirected from.
 */
#define PLACEMENT_MAX_MEMBERS 191
#define PLACEMENT_MAX_HOME    8
#define PLACEMENT_MAX_PINS    256
#define PLACEMENT_LOAD_NOISE  0.05 /* smaller differences of load say nothing */
#define MEMBER_NAME_MAX       64

enum placement_policy {
	PLACEMENT_STICKY,
	PLACEMENT_LEAST_LOAD,
};

struct placement_member {
	char name[MEMBER_NAME_MAX];
	struct ip home[PLACEMENT_MAX_HOME];
	size_t n_home;
	uint32_t weight; /* 0: nothing new unless pinned */
	double load;     /* 0-1, as reported: compared between members */
	/*
	 * 0-1: how far it is filled with SAs. Unlike load it leaves the processors out: when these
	 * are busy everywhere, slow service is better than none.
	 */
	double fill;
	/*
	 * What was placed since that report, as a share of its capacity: added to load where
	 * members are compared. Anybody can make it up, so it never makes a member full.
	 */
	double bias;
	bool is_open; /* active, not draining */
};

/* Of pins that cover a peer the longest counts whose member can take it. */
struct placement_pin {
	struct ip_prefix prefix;
	size_t member; /* index */
};

struct placement_table {
	enum placement_policy policy;
	double bounded_load; /* 1.0 or more */
	double full_at;      /* fill from which a member gets nothing new */
	uint64_t seed;       /* of all hashing: the same for the life of the cluster */
	size_t n_members;
	struct placement_member members[PLACEMENT_MAX_MEMBERS];
	size_t n_pins;
	struct placement_pin pins[PLACEMENT_MAX_PINS];
};

struct placement_query {
	struct ip peer;
	struct bytes nonce; /* Ni: tells attempts of one peer apart; empty: unknown */
	uint64_t spi_i;
	struct ip redirected_from; /* IP_NONE: it was not */
};

/* Why a member was chosen. */
#define PLACEMENT_REASONS(X)                                                \
	X(PINNED, "pinned")                                                 \
	X(STICKY, "sticky")                                                 \
	X(STICKY_BOUND, "sticky, nearer members are above the load bound")  \
	X(LEAST_LOAD, "the less loaded of two drawn by weight")             \
	X(ALIKE, "the first of two drawn by weight, their loads are alike") \
	X(ONLY, "the only member that takes peers")

#define PLACEMENT_ENUMERATOR(name, text) PLACED_##name,
enum placement_reason {
	PLACEMENT_REASONS(PLACEMENT_ENUMERATOR)
};
#undef PLACEMENT_ENUMERATOR

struct placement {
	size_t member;  /* index */
	struct ip home; /* of the peer's family */
	enum placement_reason reason;
	size_t other; /* that was passed over: STICKY_BOUND, LEAST_LOAD, ALIKE; else as member */
};

/*
 * ERR_NOT_FOUND: no member can take this peer now. For one question; who asks often builds an index
 * (index.h), which gives the same answers.
 */
MUST_USE int placement_choose(const struct placement_table *table,
			      const struct placement_query *query, struct placement *out);

/*
 * One sentence for people: "m2 (load 0.10): the less loaded of two drawn by weight, m3 has 0.40".
 * The loads are those that were compared, bias included.
 */
#define PLACEMENT_TEXT_MAX 256
const char *placement_explain(const struct placement_table *table, const struct placement *p,
			      char out[PLACEMENT_TEXT_MAX]);

#endif
