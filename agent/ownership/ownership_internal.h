/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_OWNERSHIP_INTERNAL_H
#define AGENT_OWNERSHIP_INTERNAL_H

#include <inttypes.h>
#include <stdio.h>

#include "agent/ownership/ownership.h"

/*
 * What the files of this folder share, for them only.
 *
 * An address has three parts that go on side by side: what the kernel has of it as far as the
 * keeper has told (hold), the claim that is under way (claim), and the word that it is gone, which
 * waits until that is true (parting). The states of ownership.h are combinations of them: RECORDING
 * is a claim in CLAIM_RECORDING while the hold is absent, RELEASING is HOLD_REMOVING.
 */
enum hold {
	HOLD_ABSENT,
	HOLD_ADDING,   /* the keeper has been asked for it */
	HOLD_HELD,     /* the keeper has it */
	HOLD_REMOVING, /* the keeper has been asked to remove it */
};

enum claim_state {
	CLAIM_NONE,
	CLAIM_RECORDING, /* waits for the disk */
	CLAIM_READY,     /* on the disk; waits for the hold */
	CLAIM_ASKED,     /* the keeper has been asked because of it */
	CLAIM_FAILED,    /* to be refused as soon as the keeper has answered what it was asked */
};

struct claim {
	enum claim_state state;
	uint64_t epoch;
	uint64_t id;
	uint64_t ticket; /* of the PERSIST that covers it */
	bool force;
	bool is_told;  /* the director that ordered it is still connected */
	bool is_alone; /* nobody ordered it */
	bool was_held; /* under an older epoch, before this claim came */
	const char *code;
	char why[KEEPER_TEXT_MAX];
};

struct parting {
	bool is_due;
	uint64_t id;     /* of the release order; 0: nobody ordered it */
	uint64_t ticket; /* waits for this PERSIST too, however it ends */
	char why[KEEPER_TEXT_MAX];
};

struct owned {
	struct ip ip;
	bool is_watched;

	/* The record, and the same as it is on the disk for certain. */
	uint64_t epoch;
	bool is_ours;
	uint64_t disk_epoch;
	bool is_disk_ours;
	/* The highest number of another member that is known to have claimed under epoch. */
	uint8_t rival;
	/* What was claimed under this or an older one has been let go of: it is not taken again. */
	uint64_t closed;

	enum hold hold;
	uint64_t hold_epoch;
	uint64_t gone_ms; /* HOLD_REMOVING failed: when the kernel's lifetime is over; else NEVER */
	struct claim claim;
	struct parting parting;

	uint64_t held_ms;    /* when it began to be held under hold_epoch */
	size_t notices;      /* sent since then */
	uint64_t notice_ms;  /* when the next is due, or NEVER */
	uint64_t reply_ms;   /* until then no member's outdated notice is answered twice */
	uint64_t replied[4]; /* to whom it was, by number, one bit each */

	uint64_t retry_ms;     /* alone: it is not asked for before */
	uint64_t retry_gap_ms; /* to the last refusal; 0: none */
};

#define NEVER UINT64_MAX

/*
 * The longest row of actions that one call makes: up to four for each address (say, a claim that
 * is refused, a release that is done, the next question to the keeper, a notice) and its event.
 */
#define ACTIONS_MAX (5 * KEEPER_ADDRESSES_MAX + 16)

struct ownership {
	const struct logger *lg;
	size_t n;
	struct owned addresses[KEEPER_ADDRESSES_MAX];
	uint64_t max_epoch;
	uint8_t number; /* 0: not known yet */
	bool is_connected;
	bool is_greeting; /* a hello is on its way, and not answered yet */
	bool is_able;
	bool is_stopping;
	char unable_why[KEEPER_TEXT_MAX];
	uint64_t alone_ms; /* from then on it may take what it owns, or NEVER */
	uint64_t quiet_ms; /* but not before: it listens to the others first */

	/* The disk. */
	bool is_dirty;        /* something is newer than the last PERSIST */
	bool is_persist_due;  /* and shall be written as soon as the last PERSIST is answered */
	bool is_disk_failing; /* the last one failed */
	uint64_t disk_ms;     /* when it becomes due by itself, or NEVER */
	uint64_t in_flight;   /* ticket, or 0 */
	uint64_t last_ticket; /* given out */
	uint64_t done_ticket; /* answered, one way or the other */
	struct ownership_state snapshot;

	bool is_changed;
	size_t head, count;
	struct ownership_action queue[ACTIONS_MAX];
	struct ownership_action spill; /* instead of what has no room */
};

/* ---- ownership.c: actions, disk, finding ---- */

/* A new action at the end of the queue, zeroed but for its type; to be filled by the caller. */
struct ownership_action *own_act(struct ownership *o, enum ownership_action_type type);
void own_event(struct ownership *o, const char *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* SIZE_MAX if the address is not configured. */
size_t own_find(const struct ownership *o, const struct ip *ip);
size_t own_index(const struct ownership *o, const struct owned *a);
/*
 * The record has changed: to be written at once, because somebody waits for it, or a little later,
 * so that a claim which comes meanwhile does not find the disk busy.
 */
void own_touch(struct ownership *o);
void own_touch_later(struct ownership *o, uint64_t now_ms);
/* What is known of the address is on the disk. */
bool own_is_recorded(const struct owned *a);
/* The ticket that covers all changes so far; 0: they are on the disk. */
uint64_t own_cover(const struct ownership *o);
void own_see_epoch(struct ownership *o, uint64_t now_ms, uint64_t epoch);

/* ---- orders.c ---- */
bool own_is_claiming(const struct owned *a);
/* The newest epoch under which this member has the address or is about to; false: none. */
bool own_newest(const struct owned *a, uint64_t *epoch);
/*
 * The claim under way comes to nothing, and what it has made of the address goes, unless it was
 * held before. Call own_settle() later; fine if there is none.
 */
void own_fail_claim(struct ownership *o, uint64_t now_ms, struct owned *a, const char *code,
		    const char *why);
/* Says and does what has become possible; the end of every event. */
void own_settle(struct ownership *o, uint64_t now_ms, struct owned *a);

/* ---- hold.c ---- */
/* Asks the keeper to remove the address if it may have it. */
void own_let_go(struct ownership *o, struct owned *a);
/*
 * The director is to be told that this member let go of it by itself: once it is gone, and the
 * PERSIST with that ticket answered.
 */
void own_part(struct owned *a, uint64_t ticket, const char *why);

/* ---- notices.c ---- */
void own_begin_notices(struct ownership *o, uint64_t now_ms, struct owned *a);
void own_expire_notices(struct ownership *o, uint64_t now_ms, struct owned *a);

/* ---- alone.c ---- */
void own_retry_later(struct owned *a, uint64_t now_ms);
/* When the address is to be taken without a director, or NEVER. */
uint64_t own_alone_due(const struct ownership *o, const struct owned *a);
void own_take_alone(struct ownership *o, uint64_t now_ms, struct owned *a);

#endif
