/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_COORDINATOR_WORLD_H
#define TESTS_COORDINATOR_WORLD_H

#include "director/failover/coordinator.h"

/*
 * The coordinator among members that are played by the test, under a virtual clock: m1, m2, ...
 * each with one home address, 192.0.2.21 for m1 and so on. Members beat, answer probes and obey
 * orders by themselves as far as their fields say; each order is checked: its epoch is in the
 * store, and no other order ever had it. One world at a time: world.
 */
#define WORLD_MEMBERS     6
#define WORLD_ADDRESSES   12
#define WORLD_ACTIONS     16384
#define WORLD_BEAT_MS     100
#define WORLD_START_MS    100000
#define WORLD_FIRST_EPOCH 1000

enum cluster_obedience {
	WORLD_OBEYS,
	WORLD_IS_MUTE, /* does not answer orders */
	WORLD_REFUSES, /* claims, with .code */
};

struct cluster_member {
	bool is_beating;
	bool is_unable;
	bool is_mute_prober;
	bool no_witness;   /* reports that it reaches no reference */
	bool has_no_adopt; /* knows its home address only */
	bool is_fixed;     /* its home address has claim none */
	bool is_routed;    /* it takes addresses by claim route: there is no link to ask on */
	bool is_unseen;    /* and its keeper has not looked yet whether it is there */
	enum cluster_obedience obedience;
	const char *code;
	uint64_t session;
	uint64_t max_epoch;
	uint64_t held[WORLD_ADDRESSES]; /* epoch under which it holds the address; 0: not */
	/* what probers see at the addresses that it holds */
	enum msg_seen agent, link;
};

enum cluster_store {
	WORLD_STORES,
	WORLD_STORE_FAILS,
	WORLD_STORE_WAITS, /* until cluster_store_answer() */
};

struct world {
	struct coordinator_conf conf;
	struct registry *registry;
	struct coordinator *coordinator;
	uint64_t now;
	size_t n_members, n_addresses;
	struct cluster_member members[WORLD_MEMBERS];
	uint64_t last_session;
	uint64_t epoch; /* of the store */
	enum cluster_store store;
	size_t n_waiting;
	struct coordinator_action waiting[4 * WORLD_ADDRESSES]; /* store requests */
	struct coordinator_record records[WORLD_ADDRESSES];
	size_t n_actions;
	struct coordinator_action actions[WORLD_ACTIONS];
	uint64_t used[WORLD_ACTIONS]; /* epochs of orders */
	size_t n_used;
	bool is_paused;
};

extern struct world world;

/* Times of the fast profile; may be changed before cluster_start(). */
void cluster_reset(size_t n_members);
/* More addresses of a member, before the start. Returns its index. */
size_t cluster_add_address(size_t home);
/* The director starts, with what is in records and epoch; again: it restarts. */
void cluster_start(void);
void cluster_stop(void);

struct ip cluster_ip(size_t address);

/* ---- what members do ---- */

void cluster_hello(size_t member);
/* Says hello, and beats from then on. */
void cluster_join(size_t member);
/* All members are there and have their home addresses; nothing is left to be done. */
void cluster_begin(size_t n_members);
void cluster_beat(size_t member);
void cluster_disconnect(size_t member);
void cluster_bye(size_t member, bool releases);
void cluster_gone(size_t member);
/* Its power is cut: silent, nothing answers, holds nothing. */
void cluster_kill(size_t member);
/* Boots again; says nothing yet. */
void cluster_revive(size_t member);
void cluster_let_go(size_t member, size_t address, const char *why);
void cluster_claimed(size_t member, size_t address, uint64_t id, uint64_t epoch);
void cluster_refused(size_t member, size_t address, uint64_t id, const char *code);
void cluster_released(size_t member, size_t address, uint64_t id);
void cluster_probe_result(const struct coordinator_action *probe, enum msg_seen agent,
			  uint64_t number, enum msg_seen link, enum msg_seen reference);
void cluster_store_answer(int err); /* to all that wait */
int cluster_move(size_t address, size_t member, bool force);
void cluster_pause(bool is_paused);

/* ---- time and what came of it ---- */

/* Does what the coordinator asks for. */
void cluster_pump(void);
void cluster_run(uint64_t ms);
/* Runs until the address is owned and confirmed by the member; fails after limit_ms. Returns ms. */
uint64_t cluster_until_owned(size_t address, size_t member, uint64_t limit_ms);

const struct coordinator_address *cluster_address(size_t address);
void cluster_expect_owner(size_t address, size_t member);
void cluster_forget(void); /* the actions so far */
size_t cluster_count(enum coordinator_action_type type);
/* The last of that type (for that member, if not COORDINATOR_NONE); NULL. */
const struct coordinator_action *cluster_last(enum coordinator_action_type type, size_t member);
/* The last event whose subject, what and why contain these texts; NULL. */
const struct coordinator_action *cluster_event(const char *subject, const char *what,
					       const char *why);
void cluster_print(void);

#endif
