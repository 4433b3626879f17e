/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DIRECTOR_H
#define SIM_DIRECTOR_H

#include "director/failover/coordinator.h"
#include "tests/sim/event.h"

/* ---- director.c, sessions.c, store.c ---- */

struct store_content {
	uint64_t epoch;       /* 0: a new store */
	uint64_t epoch_floor; /* the latest wall clock of a start */
	bool is_paused;
	struct {
		size_t owner;
		uint64_t epoch;
		bool is_manual;
	} records[SIM_ADDRESSES_MAX];
};

#define SIM_COPIES_MAX 8

struct director {
	struct proc proc;
	bool is_up; /* its host */
	struct registry *registry;
	struct coordinator *coordinator;
	struct rng_seeded rng;
	uint64_t sessions[SIM_MEMBERS_MAX]; /* connection ids; 0 */
	struct endpoint mesh[SIM_MEMBERS_MAX];
	/* of the last session: for last words */
	uint64_t boot_id[SIM_MEMBERS_MAX], key[SIM_MEMBERS_MAX];
	bool is_list_dirty;
	struct store_content store;
	bool is_store_sync; /* the process waits for its disk */
	bool is_waiting;    /* and just does so */
	bool is_store_failing;
	uint32_t store_ms;
	uint64_t store_free_at; /* jobs are done one by one */
	struct store_content copies[SIM_COPIES_MAX];
	size_t n_copies;
	int64_t wall_s; /* what the wall clock is ahead of SIM_WALL_S + now */
	uint64_t max_given;
};

/* copy: which of the copies of the store; SIZE_MAX: its own. */
void director_begin(struct sim *s, size_t copy);
/* is_silent: the power is cut. */
void director_kill(struct sim *s, bool is_silent);
void director_wake(struct sim *s);
/* After every event that it hears. */
void director_changed(struct sim *s);
uint64_t director_wall_s(const struct sim *s);
int director_move(struct sim *s, size_t address, size_t member, bool force);
void director_pause(struct sim *s, bool is_paused);

void session_take(struct sim *s, struct event *e); /* a letter */
void session_take_datagram(struct sim *s, struct event *e);
void session_closed(struct sim *s, struct event *e);
bool session_send(struct sim *s, size_t member, const struct message *m);
void session_tell_members(struct sim *s);

void store_job(struct sim *s, const struct coordinator_action *action);
void store_copy(struct sim *s);

#endif
