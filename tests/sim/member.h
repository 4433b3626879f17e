/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MEMBER_H
#define SIM_MEMBER_H

#include "agent/keeper/keeper_core.h"
#include "agent/ownership/ownership.h"
#include "common/mesh/prober.h"
#include "tests/sim/event.h"

/* A member's host: its kernel and its two processes. */

/* ---- hosts ---- */

/* What an agent has on its disk. */
struct disk_state {
	uint8_t number;
	bool has_keys;
	struct ownership_state ownership;
};

struct kernel_address {
	bool is_there;
	uint64_t expires_mono;
	bool is_armed; /* its expiry is in the queue */
	uint64_t epoch;
};

struct keeper {
	struct proc proc;
	struct keeper_core *core;
	bool is_batch; /* the tick waits for the end of the inbox */
	bool is_probing[KEEPER_ADDRESSES_MAX], was_answered[KEEPER_ADDRESSES_MAX];
	bool is_forced[KEEPER_ADDRESSES_MAX];
	bool is_asking[KEEPER_ASKS_MAX];
};

enum agent_stage {
	AGENT_WAITING,
	AGENT_SERVING,
	AGENT_RELEASING,
	AGENT_BYE,
	AGENT_ENDED,
};

enum agent_timer {
	TIMER_ALONE,
	TIMER_TRACK,
	TIMER_TRACKED, /* the tracker's own first result */
	TIMER_RELEASE,
	TIMER_PING,
	TIMER_CONNECT,
	TIMER_HEARTBEAT,
	TIMER_REPORT,
	TIMER_BYE,
	TIMER_COUNT,
};

struct probe_slot {
	bool is_used;
	uint64_t order;
	struct prober prober;
	bool is_asked[PROBER_QUESTIONS_MAX];
	uint32_t asks[PROBER_QUESTIONS_MAX];
};

struct agent {
	struct proc proc;
	enum agent_stage stage;
	uint64_t boot_id;
	uint64_t timers[TIMER_COUNT]; /* host's monotonic clock; SIM_NEVER */
	bool is_track_known, is_able;
	size_t n_released;
	struct ip released[SIM_ADDRESSES_MAX];

	struct ownership *ownership; /* NULL before it serves */
	struct disk_state state;
	bool is_ordered;
	uint64_t epoch; /* of the welcome */
	uint64_t ticket, save;
	bool is_writing, is_waiting;
	uint64_t saves, writing_save, waiting_save;
	struct disk_state writing, waiting;
	uint64_t newest[SIM_ADDRESSES_MAX]; /* epoch that it was told of: for the check */

	bool has_client; /* speaks to the keeper */
	uint32_t unanswered, next_ask;

	uint64_t conn;      /* 0: none */
	uint64_t connected; /* the same once it is open */
	bool is_started, is_welcome, is_unheard;
	uint64_t retry_ms, heard_ms, heartbeat_ms, suspect_ms;
	uint64_t seq, acked, next_id, bye_id;

	size_t n_neighbours;
	struct endpoint neighbours[SIM_MEMBERS_MAX];
	struct probe_slot probes[SIM_PROBES_MAX];
};

struct host {
	char name[24];
	uint8_t number;
	struct endpoint mesh;
	struct rng_seeded rng;
	bool is_up, is_suspended;
	uint64_t booted_at, suspended_at, suspended_ms;
	/* Addresses by their index in the agent's configuration, and back; SIZE_MAX. */
	size_t n, order[SIM_ADDRESSES_MAX], index[SIM_ADDRESSES_MAX];
	struct keeper keeper;
	struct agent agent;
	struct kernel_address kernel[SIM_ADDRESSES_MAX];
	struct disk_state disk;

	/* faults */
	bool is_innocent; /* nothing happens to it */
	bool is_wanted;   /* the supervisor keeps the agent running */
	bool is_able;     /* what is tracked works */
	bool is_disk_failing, is_kernel_failing;
	uint32_t disk_ms, lag_ms;
	uint64_t kernel_bad_at; /* when the kernel refused something last, monotonic; 0: never */
	uint64_t busy_until;    /* no other fault of its processes before */

	/* for the check */
	uint32_t must_drop;     /* addresses that it had when it was suspended */
	uint64_t silent_from;   /* when its keeper has to have dropped everything */
	uint32_t silent_lag_ms; /* the longest lag_ms since the keeper heard main */
};

/* The clocks of a host, and when its monotonic clock says so. */
uint64_t host_mono(const struct sim *s, const struct host *h);
uint64_t host_boot(const struct sim *s, const struct host *h);
uint64_t host_real(const struct host *h, uint64_t mono_ms);

/* ---- kernel.c ---- */

void kernel_set(struct sim *s, size_t host, size_t address);
void kernel_del(struct sim *s, size_t host, size_t address, const char *why);
void kernel_clear(struct sim *s, size_t host, const char *why);
/* The host was suspended: its timers go on. */
void kernel_resume(struct sim *s, size_t host);

/* ---- keeper.c ---- */

void keeper_begin(struct sim *s, size_t host);
void keeper_kill(struct sim *s, size_t host, const char *why);
void keeper_wake(struct sim *s, size_t host);
void keeper_resume(struct sim *s, size_t host);
/* From main. */
void keeper_say(struct sim *s, size_t host, const void *message, size_t size);
void keeper_take_eof(struct sim *s, struct event *e);
void keeper_take_frame(struct sim *s, struct event *e);

/* ---- agent.c, addresses.c, neighbours.c, uplink.c ---- */

void agent_begin(struct sim *s, size_t host);
void agent_end(struct sim *s, size_t host, const char *why);
void agent_kill(struct sim *s, size_t host, const char *why);
void agent_stop(struct sim *s, size_t host, const char *why); /* in good order */
void agent_wake(struct sim *s, size_t host);
void agent_arm(struct sim *s, size_t host);
void agent_track(struct sim *s, size_t host);
void agent_welcome(struct sim *s, size_t host, const struct msg_welcome *w);
void agent_take_report(struct sim *s, struct event *e);
void agent_take_death(struct sim *s, struct event *e); /* the keeper's */
uint32_t agent_request(struct sim *s, size_t host, struct keeper_request r);
void agent_check_released(struct sim *s, size_t host);
void agent_last_words(struct sim *s, size_t host, bool is_nothing);

void addresses_begin(struct sim *s, size_t host);
void addresses_drain(struct sim *s, size_t host);
void addresses_able(struct sim *s, size_t host, bool is_able);
void addresses_welcome(struct sim *s, size_t host, const struct msg_welcome *w);
void addresses_order(struct sim *s, size_t host, const struct message *m);
void addresses_answer(struct sim *s, size_t host, const struct keeper_report *report);
bool addresses_is_held(const struct sim *s, size_t host, size_t address);
bool addresses_may_hold_any(const struct sim *s, size_t host);
/* What a killed process was writing is on the disk, or not. */
void addresses_cut(struct sim *s, size_t host);

void neighbours_set(struct sim *s, size_t host, const struct msg_member *members, size_t n);
void neighbours_notice(struct sim *s, size_t host, const struct ownership_action *action);
void neighbours_probe(struct sim *s, size_t host, uint64_t order, const struct msg_probe *probe);
void neighbours_take_link(struct sim *s, size_t host, uint32_t ask, enum msg_seen seen);
void neighbours_expire(struct sim *s, size_t host);
uint64_t neighbours_next(const struct sim *s, size_t host);
void neighbours_take(struct sim *s, struct event *e); /* a mesh_wire */

void uplink_start(struct sim *s, size_t host);
void uplink_opened(struct sim *s, struct event *e);
void uplink_closed(struct sim *s, struct event *e);
void uplink_take(struct sim *s, struct event *e); /* a letter */
void uplink_take_ack(struct sim *s, struct event *e);
void uplink_expire(struct sim *s, size_t host, uint64_t now_ms);
void uplink_tell(struct sim *s, size_t host, const struct message *m);
void uplink_bye(struct sim *s, size_t host);

#endif
