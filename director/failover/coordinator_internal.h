/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_COORDINATOR_INTERNAL_H
#define DIRECTOR_COORDINATOR_INTERNAL_H

#include "director/failover/coordinator.h"

/*
 * What the files of the coordinator share.
 *
 * Events only note facts (who holds what, who let go, who was heard). Then coord_review() looks at
 * every member and every address and takes the next step of each. One store request at most is
 * under way for an address: while it is, nothing else is done about it, and its result is checked
 * against what was learnt in between. So the order in which things happen cannot corrupt anything.
 */
#define COORD_RETRY_MS        1000  /* after the store failed; first back-off of an address */
#define COORD_RETRY_MAX_MS    30000 /* that everybody refuses */
#define COORD_STALE_MAX       3     /* "stale-epoch" in a row from one member */
#define COORD_STRAY_MAX       5     /* releases that a member does not answer */
#define COORD_ISOLATED_FACTOR 4     /* reprobe_ms of isolated members, times this */
#define COORD_IDLE_FACTOR     3     /* suspect_ms, times this: down without an address to ask for */
#define COORD_NEVER           UINT64_MAX

/* Members by index; PLACEMENT_MAX_MEMBERS fit. */
struct coord_set {
	uint64_t words[3];
};

static inline bool coord_set_has(const struct coord_set *s, size_t i)
{
	return (s->words[i / 64] >> (i % 64) & 1) != 0;
}

static inline void coord_set_add(struct coord_set *s, size_t i)
{
	s->words[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void coord_set_remove(struct coord_set *s, size_t i)
{
	s->words[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline bool coord_set_is_empty(const struct coord_set *s)
{
	return (s->words[0] | s->words[1] | s->words[2]) == 0;
}

enum coord_purpose {
	COORD_FOR_CLAIM,   /* .member shall have it: CLAIM */
	COORD_FOR_RELEASE, /* the owner shall let go: RELEASE */
	COORD_FOR_STRAY,   /* .member, not the owner, shall let go: RELEASE */
	COORD_FOR_ADOPT,   /* .member holds it under .epoch */
	COORD_FOR_RECORD,  /* only the record changes: .member, .is_manual */
};

struct coord_store {
	uint64_t ticket; /* 0: none under way */
	enum coord_purpose purpose;
	size_t member;
	uint64_t epoch; /* ADOPT */
	bool is_manual;
	bool force;
};

struct coord_order {
	uint64_t id; /* 0: none under way */
	size_t member;
	uint64_t epoch;
	uint64_t sent_ms;
	uint64_t due_ms;
};

struct coord_probe {
	uint64_t id; /* 0: none */
	size_t prober;
	bool is_answered;
	struct msg_probe_result result;
};

/* Where an address shall go. */
struct coord_wish {
	size_t member; /* COORDINATOR_NONE: nowhere */
	bool is_manual;
	bool force;
	bool is_failback;
};

struct coord_address {
	struct ip ip;
	char text[IP_TEXT_MAX];
	size_t home;
	enum coordinator_state state;
	uint64_t since_ms;
	char why[COORDINATOR_WHY_MAX];

	/* as stored */
	size_t owner; /* the last one; while ORPHANED it is nobody's */
	uint64_t epoch;
	bool is_manual;

	bool is_confirmed; /* the owner itself has said that it holds it */
	bool is_silent;    /* orphaned because its owner is silent: not claimed while paused */
	bool is_told;      /* that nobody can take it */
	size_t from;       /* who had it before */

	struct coord_store store;
	size_t let_go; /* member that said so while the store was busy */
	struct coord_order order;
	struct coord_order stray;
	uint32_t n_stale;
	uint32_t n_late; /* releases in a row that the owner did not answer */
	uint32_t n_stray;

	struct coord_set can;     /* hold it, as they said in their last hello */
	struct coord_set on_link; /* of these, by claim l2: they have a link to ask on */
	struct coord_set tried;   /* in this attempt */
	struct coord_set strays;  /* may hold it although it is not theirs */
	struct {
		size_t member; /* says that it holds it, not being the owner that is known */
		uint64_t epoch;
		bool is_own; /* claim none: it just has it */
	} holder;
	struct coord_wish wish;
	uint64_t fence_ticket;    /* the script runs; 0: it does not */
	struct coord_wish forced; /* what it runs for */
	bool is_forced;           /* goes there now, whoever has it */
	bool is_fixed;            /* claim none: only its home member can have it */

	uint64_t retry_ms;       /* ORPHANED: not before */
	uint32_t backoff_ms;     /* how long retry_ms was the last time */
	uint64_t store_retry_ms; /* the store failed: not before */
	uint64_t home_after_ms;  /* not moved home before */

	struct coord_probe probes[COORDINATOR_PROBERS_MAX];
};

/* What a finished round of probes says. */
enum coord_verdict {
	COORD_NO_ROUND, /* none has finished */
	COORD_UNKNOWN,
	COORD_NEITHER,
	COORD_LINK,
	COORD_AGENT,
};

struct coord_member {
	bool has_said_hello; /* since the start */
	struct endpoint mesh;
	size_t n_owned; /* addresses that it owns or is claiming, by the last review */

	uint64_t able_since_ms; /* could take addresses without interruption; COORD_NEVER */

	/* doubt */
	bool is_asked_for;
	uint64_t next_round_ms;
	uint64_t round_due_ms; /* 0: no round under way */
	size_t n_probes;       /* of the last round */
	enum coord_verdict verdict;
	char found[COORDINATOR_WHY_MAX]; /* the verdict for people */
	uint64_t link_since_ms;          /* when only the link answered first; 0: not */
	enum coord_verdict told;         /* as an event, so that it is told once */
	bool is_lonely_told;             /* that there is nobody to ask */
};

struct coordinator {
	struct coordinator_conf conf;
	struct registry *registry;
	const struct logger *lg;
	uint64_t now_ms; /* of the call that is being served */
	uint64_t start_ms;
	uint64_t settle_due_ms;
	bool is_settling;
	bool is_fresh;      /* nobody has ever seen an epoch that this store did not give out */
	bool is_store_lost; /* the store is new, the cluster is not */
	bool is_paused;
	bool is_store_failing; /* and that was told */
	uint64_t max_epoch;
	uint64_t last_id; /* of orders and probes */
	uint64_t last_ticket;
	uint64_t addresses_due_ms; /* the first expiry of an address */
	uint64_t promised_ms;      /* the expiry that the shell was told last */
	uint64_t expired_ms;       /* the last coordinator_expire() */
	uint64_t read_ms;          /* the one before: what came until then has been read */

	struct coord_member members[PLACEMENT_MAX_MEMBERS];
	size_t n, cap;
	struct coord_address *addresses;

	struct coordinator_action *queue;
	size_t queue_first, queue_n, queue_cap;
	bool has_changed; /* CHANGED is due */
	struct coordinator_address *view;
};

/* ---- coordinator.c ---- */

struct coord_address *coord_find(struct coordinator *c, const struct ip *ip);
const char *coord_name(const struct coordinator *c, size_t member); /* "nobody" for NONE */
void coord_note_epoch(struct coordinator *c, uint64_t epoch);
/* The same if a member says so, who may be wrong. */
void coord_hear_epoch(struct coordinator *c, uint64_t epoch);
/* Starts every event. True: the director itself did not run, and all were given more time. */
bool coord_begin(struct coordinator *c, uint64_t now_ms);
/* Everything that is due, at the end of every event. */
void coord_review(struct coordinator *c);
/* Whether a heartbeat of this member changes anything: most do not, and there are many. */
bool coord_is_news(const struct coordinator *c, size_t member);

/* ---- actions.c ---- */

/* A zeroed action at the end of the queue; NULL when out of memory. */
struct coordinator_action *coord_push(struct coordinator *c, enum coordinator_action_type type);
__attribute__((format(printf, 4, 5))) void coord_event(struct coordinator *c, const char *subject,
						       const char *what, const char *fmt, ...);
/* False when out of memory: tried again after COORD_RETRY_MS. */
bool coord_store(struct coordinator *c, struct coord_address *a, const struct coord_store *store);
void coord_send_claim(struct coordinator *c, struct coord_address *a, bool force);
void coord_send_release(struct coordinator *c, struct coord_address *a, struct coord_order *order,
			size_t member, uint64_t epoch);

/* ---- address.c ---- */

/* The reason becomes a.why; the state may stay. */
__attribute__((format(printf, 4, 5))) void coord_set_state(struct coordinator *c,
							   struct coord_address *a,
							   enum coordinator_state state,
							   const char *fmt, ...);
/* Another owner is on record: what was known about the last one is not about this. */
void coord_set_owner(struct coord_address *a, size_t member, bool is_manual);
/* Its owner has it no more, or is not believed to; somebody else is to take it. */
void coord_orphan(struct coordinator *c, struct coord_address *a, bool is_silent, const char *why);
/* The claim at the member came to nothing: the next one. */
void coord_claim_failed(struct coordinator *c, struct coord_address *a, const char *what,
			const char *why);
/* The owner has said that it holds it. */
void coord_confirm(struct coordinator *c, struct coord_address *a, const char *why);
/* A member that is not the owner says that it holds it. */
void coord_hold(struct coordinator *c, struct coord_address *a, size_t member, uint64_t epoch,
		bool is_own);
void coord_forget_holder(struct coord_address *a);
/* May hold it although it is not its: to be released. */
void coord_add_stray(struct coord_address *a, size_t member);
/* An orphaned address may be tried again, by this member too if it is not COORDINATOR_NONE. */
void coord_wake(struct coordinator *c, struct coord_address *a, size_t member);

/* ---- steps.c ---- */

void coord_step(struct coordinator *c, struct coord_address *a);
/* When time alone changes something about it next. */
uint64_t coord_address_expiry(const struct coordinator *c, const struct coord_address *a);

/* ---- answers.c ---- */

/* The member says that it does not hold it (any more), in whatever state the address is. */
void coord_let_go(struct coordinator *c, struct coord_address *a, size_t member, const char *why);

/* ---- suspicion.c, probing.c ---- */

void coord_doubt_review(struct coordinator *c, size_t member);
uint64_t coord_doubt_expiry(const struct coordinator *c, size_t member);
/* Nothing that was found out before counts any more. */
void coord_doubt_restart(struct coordinator *c, size_t member);
/* All its addresses are orphaned. */
void coord_lose_all(struct coordinator *c, size_t member, bool is_silent, const char *why);
/* Sends a round of probes for each address of the member; n_probes says how many. */
void coord_probe_start(struct coordinator *c, size_t member);
/* What the last round says of one of its addresses. */
enum coord_verdict coord_probe_address(const struct coordinator *c, const struct coord_address *a);
/* The verdict of the round so far; COORD_NO_ROUND: it takes longer. Says it in found. */
enum coord_verdict coord_probe_verdict(struct coordinator *c, size_t member, bool is_over);

/* ---- plan.c ---- */

/* It is there and hears orders. */
bool coord_is_live(const struct coordinator *c, size_t member);
/* And could take addresses over. */
bool coord_is_able(const struct coordinator *c, size_t member);
/* Heard lately: worth to be asked. */
bool coord_is_heard(const struct coordinator *c, size_t member);
bool coord_owns(const struct coord_address *a, size_t member);
bool coord_can(const struct coord_address *a, size_t member);
/* Who is to try it next; COORDINATOR_NONE. */
size_t coord_pick(const struct coordinator *c, const struct coord_address *a);
/* Who would take it if its owner died now, best first. Returns how many. */
size_t coord_successors(const struct coordinator *c, const struct coord_address *a, size_t *out,
			size_t cap);

/* ---- restart.c ---- */

/* Whether anything may be ordered for it yet. */
bool coord_may_order(const struct coordinator *c, const struct coord_address *a);
void coord_settle_review(struct coordinator *c);

/* ---- operator.c ---- */

/* A move by force for which nothing has to be waited for any more. */
void coord_force(struct coordinator *c, struct coord_address *a);

#endif
