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

enum world_obedience {
	WORLD_OBEYS,
	WORLD_IS_MUTE, /* does not answer orders */
	WORLD_REFUSES, /* claims, with .code */
};

struct world_member {
	bool is_beating;
	bool is_unable;
	bool is_mute_prober;
	bool no_witness;   /* reports that it reaches no reference */
	bool has_no_adopt; /* knows its home address only */
	bool is_fixed;     /* its home address has claim none */
	enum world_obedience obedience;
	const char *code;
	uint64_t session;
	uint64_t max_epoch;
	uint64_t held[WORLD_ADDRESSES]; /* epoch under which it holds the address; 0: not */
	/* what probers see at the addresses that it holds */
	enum msg_seen agent, link;
};

enum world_store {
	WORLD_STORES,
	WORLD_STORE_FAILS,
	WORLD_STORE_WAITS, /* until world_store_answer() */
};

struct world {
	struct coordinator_conf conf;
	struct registry *registry;
	struct coordinator *coordinator;
	uint64_t now;
	size_t n_members, n_addresses;
	struct world_member members[WORLD_MEMBERS];
	uint64_t last_session;
	uint64_t epoch; /* of the store */
	enum world_store store;
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

/* Times of the fast profile; may be changed before world_start(). */
void world_reset(size_t n_members);
/* More addresses of a member, before the start. Returns its index. */
size_t world_add_address(size_t home);
/* The director starts, with what is in records and epoch; again: it restarts. */
void world_start(void);
void world_stop(void);

struct ip world_ip(size_t address);

/* ---- what members do ---- */

void world_hello(size_t member);
/* Says hello, and beats from then on. */
void world_join(size_t member);
/* All members are there and have their home addresses; nothing is left to be done. */
void world_begin(size_t n_members);
void world_beat(size_t member);
void world_disconnect(size_t member);
void world_bye(size_t member, bool releases);
void world_gone(size_t member);
/* Its power is cut: silent, nothing answers, holds nothing. */
void world_kill(size_t member);
/* Boots again; says nothing yet. */
void world_revive(size_t member);
void world_let_go(size_t member, size_t address, const char *why);
void world_claimed(size_t member, size_t address, uint64_t id, uint64_t epoch);
void world_refused(size_t member, size_t address, uint64_t id, const char *code);
void world_released(size_t member, size_t address, uint64_t id);
void world_probe_result(const struct coordinator_action *probe, enum msg_seen agent,
			uint64_t number, enum msg_seen link, enum msg_seen reference);
void world_store_answer(int err); /* to all that wait */
int world_move(size_t address, size_t member, bool force);
void world_pause(bool is_paused);

/* ---- time and what came of it ---- */

/* Does what the coordinator asks for. */
void world_pump(void);
void world_run(uint64_t ms);
/* Runs until the address is owned and confirmed by the member; fails after limit_ms. Returns ms. */
uint64_t world_until_owned(size_t address, size_t member, uint64_t limit_ms);

const struct coordinator_address *world_address(size_t address);
void world_expect_owner(size_t address, size_t member);
void world_forget(void); /* the actions so far */
size_t world_count(enum coordinator_action_type type);
/* The last of that type (for that member, if not COORDINATOR_NONE); NULL. */
const struct coordinator_action *world_last(enum coordinator_action_type type, size_t member);
/* The last event whose subject, what and why contain these texts; NULL. */
const struct coordinator_action *world_event(const char *subject, const char *what,
					     const char *why);
void world_print(void);

#endif
