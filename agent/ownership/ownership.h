/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_OWNERSHIP_H
#define AGENT_OWNERSHIP_H

#include "agent/keeper/keeper.h"
#include "common/base/log.h"
#include "common/control/message.h"
#include "common/mesh/mesh.h"

/*
 * DOC: which service addresses this member holds, and under which epoch. A pure core in main.
 *
 * The director orders: claim, release. Other members announce their claims: notices. The keeper
 * does what is asked of it and says what became of it. What was ordered under which epoch is on
 * the disk before the keeper hears of it. No socket, no clock, no file here.
 *
 *   ownership_claim() ... ----+                      +--> PERSIST (disk)
 *   ownership_notice() -------+                      +--> KEEPER_ADD, KEEPER_REMOVE
 *   ownership_keeper_*() -----+--> address machines -+--> CLAIMED, REFUSED, RELEASED (director)
 *   ownership_persisted() ----+                      +--> NOTICE (other members)
 *   ownership_expire() -------+                      +--> EVENT, CHANGED
 *
 * An address:
 *
 *   ABSENT --claim--> RECORDING --on disk--> ADDING --keeper--> HELD
 *     ^                  |                     |                 |
 *     +--- refused ------+---------------------+                 |
 *     +<-- RELEASING <---- release, newer notice, unable, stop --+
 *     +<-------------------- lost, dropped (host suspended) -----+
 *
 * Epochs are compared per address: an order older than the newest claim known for that address is
 * refused. Of two claims with the same epoch, which only a director with a restored store can
 * make, the one of the higher member number stays (its equal yields).
 *
 * Without a director a member keeps what it holds. What it does not hold it takes only if, as far
 * as it knows, it owns it: after OWNERSHIP_ALONE_MS without director, and always with the keeper's
 * probe, so that whoever answers for it keeps it.
 *
 * After each call the shell drains ownership_next_action().
 */
#define OWNERSHIP_ALONE_MS      3000
#define OWNERSHIP_NOTICE_MS     1000  /* between claim notices of a held address */
#define OWNERSHIP_RETRY_MS      1000  /* alone: an address that was refused is asked for again, */
#define OWNERSHIP_RETRY_MAX_MS  30000 /* ever more rarely */
#define OWNERSHIP_REPLY_GAP_MS  100   /* between answers to one member for one address */
#define OWNERSHIP_DISK_RETRY_MS 1000
#define OWNERSHIP_LAZY_MS       200 /* what nobody waits for is not written before */

struct ownership;

struct ownership_conf {
	size_t n; /* as in keeper_conf: indices are the same */
	struct {
		struct ip ip;
		bool is_home;
		bool is_watched; /* claim none: the keeper only looks; nobody else can take it */
	} addresses[KEEPER_ADDRESSES_MAX];
};

/* What is kept on disk, per configured address. */
struct ownership_record {
	struct ip ip;
	uint64_t epoch; /* the newest claim that is known, by whomever; 0: none */
	bool is_ours;   /* it is this member's */
};

struct ownership_state {
	uint64_t max_epoch; /* the highest ever seen */
	size_t n;
	struct ownership_record records[KEEPER_ADDRESSES_MAX];
};

enum ownership_action_type {
	OWNERSHIP_PERSIST,       /* write .state; then ownership_persisted(.ticket) */
	OWNERSHIP_KEEPER_ADD,    /* .index, .force, .epoch; then ownership_keeper_answer() */
	OWNERSHIP_KEEPER_REMOVE, /* .index, .epoch; likewise */
	OWNERSHIP_CLAIMED,       /* to the director: .id, .index, .epoch */
	OWNERSHIP_REFUSED,       /* .id, .ip, .epoch, .max_epoch, .code, .why */
	OWNERSHIP_RELEASED,      /* .id (0: of itself), .ip, .epoch, .why */
	OWNERSHIP_NOTICE,        /* .index, .epoch; .to, or everybody if that is IP_NONE */
	OWNERSHIP_EVENT,         /* for the director's history: .what, .why */
	OWNERSHIP_CHANGED,       /* what is held has changed */
};

struct ownership_action {
	enum ownership_action_type type;
	uint64_t ticket; /* PERSIST */
	uint64_t id;     /* of the order that this answers */
	size_t index;
	struct ip ip;
	uint64_t epoch;
	uint64_t max_epoch;
	bool force;
	const char *code; /* a constant, MSG_REFUSED_* */
	struct endpoint to;
	char what[64];
	char why[KEEPER_TEXT_MAX];
	const struct ownership_state *state; /* PERSIST: borrowed until the next call */
};

/*
 * state: as it was on disk; records of addresses that are not configured are dropped. conf and
 * state are copied, lg is borrowed and may be NULL. NULL when out of memory.
 */
struct ownership *ownership_new(const struct ownership_conf *conf,
				const struct ownership_state *state, const struct logger *lg,
				uint64_t now_ms);
void ownership_free(struct ownership *o);

/*
 * The director took us in as this number; epoch is the cluster's. What is being taken without an
 * order is given up: our hello did not say that it is held.
 */
void ownership_welcome(struct ownership *o, uint64_t now_ms, uint8_t number, uint64_t epoch);
/*
 * A hello that says what is held has just been made. What is let go of from now on until the
 * welcome is told after that: the hello is out of date then.
 */
void ownership_hello(struct ownership *o);
/* The connection is lost: orders under way go on, their answers are for nobody. */
void ownership_disconnected(struct ownership *o, uint64_t now_ms);
/* Without a director so far, under the number of last time: from now on it may be alone. */
void ownership_begin_alone(struct ownership *o, uint64_t now_ms, uint8_t number);

void ownership_claim(struct ownership *o, uint64_t now_ms, uint64_t id,
		     const struct msg_claim *order);
void ownership_release(struct ownership *o, uint64_t now_ms, uint64_t id,
		       const struct msg_release *order);

/* A verified MESH_NOTICE of another member; from: where it came from. */
void ownership_notice(struct ownership *o, uint64_t now_ms, const struct mesh_msg *notice,
		      const struct endpoint *from);

/*
 * err 0: what PERSIST with that ticket, and all before it, said is on the disk. There is never more
 * than one PERSIST that waits for this call; what changes meanwhile goes into the next.
 */
void ownership_persisted(struct ownership *o, uint64_t now_ms, uint64_t ticket, int err);

/*
 * result: 0 or ERR_* of the keeper; code: MSG_REFUSED_*, a constant, to be told if it failed; NULL:
 * MSG_REFUSED_FAILED. The keeper answers in the order in which it was asked.
 */
void ownership_keeper_answer(struct ownership *o, uint64_t now_ms, size_t index, bool is_add,
			     int result, const char *code, const char *why);
void ownership_keeper_lost(struct ownership *o, uint64_t now_ms, size_t index, const char *why);
void ownership_keeper_dropped(struct ownership *o, uint64_t now_ms, const char *why);

/* What is tracked: a member that cannot do its job lets go of everything but watched addresses. */
void ownership_able(struct ownership *o, uint64_t now_ms, bool is_able, const char *why);

/* In good order: lets go of everything and takes nothing any more. */
void ownership_stop(struct ownership *o, uint64_t now_ms, const char *why);

uint64_t ownership_next_expiry(const struct ownership *o);
void ownership_expire(struct ownership *o, uint64_t now_ms);

bool ownership_next_action(struct ownership *o, struct ownership_action *out);

bool ownership_is_held(const struct ownership *o, size_t index);
/* 0: not held. */
uint64_t ownership_epoch(const struct ownership *o, size_t index);
uint64_t ownership_max_epoch(const struct ownership *o);
/* Held, or on its way there or away: the kernel may have it. */
bool ownership_may_hold_any(const struct ownership *o);
bool ownership_is_able(const struct ownership *o);

#endif
