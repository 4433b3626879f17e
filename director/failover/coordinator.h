/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_COORDINATOR_H
#define DIRECTOR_COORDINATOR_H

#include "common/base/log.h"
#include "common/control/message.h"
#include "director/members/registry.h"

/*
 * DOC: who owns which service address. A pure core in the director's main thread.
 *
 * It is told what the registry is told, and after it; reads the members' states there, and judges
 * those that are silent (registry_judge()) by what other members find out. It orders claims and
 * releases. Every order carries an epoch, which is in the store before the order leaves, and which
 * is never used again.
 *
 *   what members say, time --> coordinator --> STORE (then coordinator_stored())
 *                                         --> CLAIM, RELEASE, PROBE (to members)
 *                                         --> FENCE (script), EVENT (history), CHANGED (placement)
 *
 * A member that is silent for doubt_ms, or whose connection ends, is probed for at each of its
 * addresses by up to three others, again and again until it is heard or the matter is settled
 * (agent and link: does anything answer; a prober without its reference abstains):
 *
 *   agent answers          isolated: peers still reach it, nothing moves
 *   neither answers        down: its addresses go to their successors
 *   link only              hung or dead agent: asked again until its keeper or the lifetimes in
 *                          the kernel have taken the address away, fence_ms at most; then down
 *   all abstain            nothing is known: it stays suspect
 *   bye, gone, released    claimed by a successor at once
 *
 * "Neither" counts when the member is suspect, at once if its connection has ended; "isolated" when
 * it is silent for suspect_ms. What an isolated member has let go of is claimed too: nobody answers
 * there while it answers elsewhere.
 *
 * An address:
 *
 *           +--------------------------- order fails: the next successor ------+
 *           v                                                                  |
 *   ORPHANED --epoch stored--> CLAIMING --claimed--> OWNED --owner down/left/released--> ORPHANED
 *                                                     |  ^
 *                                        move, home   v  | claimed
 *                                               RELEASING --released--> (CLAIMING at the target)
 *
 * After a start nothing is judged, and nothing ordered for what members may hold already, until
 * every member has said hello or settle_ms have passed (restart): what they hold under the highest
 * epoch is adopted, and no epoch is given out that is not higher than all they have seen.
 */
#define COORDINATOR_ADDRESSES_MAX  (PLACEMENT_MAX_MEMBERS * PLACEMENT_MAX_HOME)
#define COORDINATOR_WITNESSES_MAX  4
#define COORDINATOR_PROBERS_MAX    3
#define COORDINATOR_SUCCESSORS_MAX 4        /* planned and shown; all that can are tried */
#define COORDINATOR_NONE           SIZE_MAX /* no member */
#define COORDINATOR_WHY_MAX        192

struct coordinator;

struct coordinator_conf {
	uint32_t suspect_ms; /* as the registry's */
	uint32_t doubt_ms;   /* silence from which on others are asked; less than suspect_ms */
	uint32_t probe_ms;   /* wait for the answers to a round of probes */
	uint32_t reprobe_ms; /* between rounds while nothing is settled */
	uint32_t fence_ms;   /* after which a hung member's addresses are gone for certain */
	uint32_t order_ms;   /* wait for the answer to a claim or release */
	uint32_t settle_ms;
	bool is_auto_failback; /* addresses move home when their member was able for hold_down_ms */
	uint32_t hold_down_ms;
	bool has_fence; /* a script makes sure before a forced claim: FENCE */
	size_t n_witnesses;
	struct ip witnesses[COORDINATOR_WITNESSES_MAX];
};

enum coordinator_state {
	ADDRESS_ORPHANED,
	ADDRESS_CLAIMING,
	ADDRESS_OWNED,
	ADDRESS_RELEASING,
};

const char *coordinator_state_name(enum coordinator_state state);

/* An address as it is shown; borrowed until the next call. */
struct coordinator_address {
	struct ip ip;
	size_t home;  /* member */
	size_t owner; /* that owns or is about to; COORDINATOR_NONE */
	uint64_t epoch;
	enum coordinator_state state;
	bool is_manual; /* an administrator put it there: it does not move home by itself */
	uint64_t since_ms;
	char why[COORDINATOR_WHY_MAX];
	size_t n_successors;
	size_t successors[COORDINATOR_SUCCESSORS_MAX];
};

/* What the store knows of an address. */
struct coordinator_record {
	struct ip ip;
	size_t owner;   /* COORDINATOR_NONE: nobody ever */
	uint64_t epoch; /* 0: none ever */
	bool is_manual;
};

enum coordinator_action_type {
	COORDINATOR_STORE,   /* .ticket: a new epoch above .at_least for .record; see below */
	COORDINATOR_CLAIM,   /* to .member: .id, .ip, .epoch, .from, .force, .dead */
	COORDINATOR_RELEASE, /* to .member: .id, .ip, .epoch */
	COORDINATOR_PROBE,   /* to .member: .id, .probe */
	COORDINATOR_FENCE,   /* .ticket: run the script for .member and .ip */
	COORDINATOR_EVENT,   /* .subject, .what, .why */
	COORDINATOR_CHANGED, /* what members own has changed: placement, API */
};

struct coordinator_action {
	enum coordinator_action_type type;
	uint64_t ticket;
	/*
	 * STORE: in one transaction the shell makes the next epoch, higher than all before and than
	 * at_least, and writes it with the record (whose epoch is to be ignored, unless is_adopted:
	 * then the epoch is a member's own and only made sure to be remembered). Then
	 * coordinator_stored(ticket, 0, epoch), or an error and nothing is changed.
	 */
	struct coordinator_record record;
	uint64_t at_least;
	bool is_adopted;
	size_t member;
	uint64_t id;
	struct ip ip;
	uint64_t epoch;
	size_t from; /* COORDINATOR_NONE */
	bool force;
	uint8_t dead; /* number of the member whose home it is, if that was judged down; 0 */
	struct {
		uint8_t number;
		size_t n_references;
		struct endpoint references[MSG_REFERENCES_MAX];
		size_t n_witnesses;
		struct ip witnesses[COORDINATOR_WITNESSES_MAX];
	} probe;
	char subject[MEMBER_NAME_MAX]; /* a member's name, or the address */
	char what[64];
	char why[COORDINATOR_WHY_MAX];
};

/* conf is copied, registry and lg are borrowed (lg may be NULL). NULL when out of memory. */
struct coordinator *coordinator_new(const struct coordinator_conf *conf, struct registry *registry,
				    const struct logger *lg);
void coordinator_free(struct coordinator *c);

/* Before the start: every home address of every member. ERR_LIMIT, ERR_EXISTS. */
MUST_USE int coordinator_add(struct coordinator *c, size_t home,
			     const struct coordinator_record *stored);
/* max_epoch: the highest that the store ever gave out; 0: it is new. */
void coordinator_start(struct coordinator *c, uint64_t now_ms, uint64_t max_epoch, bool is_paused);

/*
 * ---- what members say; the registry has been told before, and each time ----
 * Whatever the registry hears (heartbeats and reports: coordinator_heartbeat()) is told here too,
 * or it looks as if the director itself had not run.
 */

/* A welcomed hello: what it could hold, and holds. mesh: completed by the shell, or IP_NONE. */
void coordinator_hello(struct coordinator *c, uint64_t now_ms, size_t member,
		       const struct msg_address *addresses, size_t n, uint64_t max_epoch,
		       const struct endpoint *mesh);
void coordinator_heartbeat(struct coordinator *c, uint64_t now_ms, size_t member);
void coordinator_disconnected(struct coordinator *c, uint64_t now_ms, size_t member);
/* Said bye and no longer holds these. */
void coordinator_bye(struct coordinator *c, uint64_t now_ms, size_t member,
		     const struct ip *released, size_t n);
/*
 * Its keeper says that everything was taken out. Judges it down; the shell ends its connection in
 * the same turn, so that what is still on the way does not bring it back to life.
 */
void coordinator_gone(struct coordinator *c, uint64_t now_ms, size_t member);

void coordinator_claimed(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			 const struct msg_claimed *m);
void coordinator_refused(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			 const struct msg_refused *m);
/* id 0: by itself. */
void coordinator_released(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			  const struct msg_released *m);
void coordinator_probed(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			const struct msg_probe_result *m);

/* ---- results ---- */

void coordinator_stored(struct coordinator *c, uint64_t now_ms, uint64_t ticket, int err,
			uint64_t epoch);
void coordinator_fenced(struct coordinator *c, uint64_t now_ms, uint64_t ticket, int err);

/* ---- the operator ---- */

/*
 * Moves an address to a member; COORDINATOR_NONE: home, where it may move by itself again. force:
 * does not wait for a release or for proof that the owner is gone; runs the fencing script first if
 * there is one. Returns 0 (it has begun) or ERR_NOT_FOUND, ERR_BAD_STATE, ERR_VALUE, ERR_NO_MEMORY
 * with the reason in why. If the target then cannot take it, another member does.
 */
MUST_USE int coordinator_move(struct coordinator *c, uint64_t now_ms, const struct ip *ip,
			      size_t member, bool force, const char *by, struct errtext *why);
/*
 * While paused nothing is claimed from silent members and nothing moves home by itself; goodbyes,
 * releases and orders of the administrator count. The shell has stored it.
 */
void coordinator_pause(struct coordinator *c, uint64_t now_ms, bool is_paused, const char *by);

/* ---- time, actions, views ---- */

/*
 * Call registry_expire() first. A call that comes later than half of suspect_ms means that the
 * director itself did not run: then nothing is judged, all get more time, and the next expiry may
 * be now: read the sockets first.
 */
uint64_t coordinator_next_expiry(const struct coordinator *c);
void coordinator_expire(struct coordinator *c, uint64_t now_ms);

/* False if there is none left. CHANGED comes before orders. */
bool coordinator_next_action(struct coordinator *c, struct coordinator_action *out);

size_t coordinator_count(const struct coordinator *c);
const struct coordinator_address *coordinator_get(const struct coordinator *c, size_t index);
bool coordinator_is_paused(const struct coordinator *c);
bool coordinator_is_settling(const struct coordinator *c);
/* The highest epoch known, for welcome. */
uint64_t coordinator_epoch(const struct coordinator *c);
/* True if the member owns this address and has confirmed it: placement may name it. */
bool coordinator_is_served(const struct coordinator *c, size_t member, const struct ip *ip);

#endif
