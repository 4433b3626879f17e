/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include "common/base/rng.h"

/* What happens when, and to which process; limits of the world. */
#define SIM_MEMBERS_MAX   6
#define SIM_ADDRESSES_MAX 12
#define SIM_NEVER         UINT64_MAX
#define SIM_DIRECTOR      SIM_MEMBERS_MAX /* as a host's number, in events and traces */
#define SIM_WALL_S        100000          /* the wall clock at the start, in seconds */
#define SIM_INLINE_MAX    176
#define SIM_INBOX_MAX     256 /* datagrams that wait in a socket */
#define SIM_PROBES_MAX    16  /* orders under way at one member */
#define SIM_CONNS_MAX     64

struct sim;
struct event;

enum sim_target {
	SIM_NOBODY, /* the world itself, or a kernel */
	SIM_MAIN,
	SIM_KEEPER,
	SIM_THE_DIRECTOR,
};

typedef void event_fn(struct sim *s, struct event *e);

struct event {
	uint64_t at, seq;
	event_fn *run;
	struct event *next; /* in an inbox, or free */
	uint32_t gen;       /* of the process it is for; 0: whichever is there */
	uint8_t target;     /* enum sim_target */
	uint8_t host, from;
	bool is_net;      /* lost if the host is not up */
	bool is_datagram; /* lost if the inbox is full */
	uint64_t a;
	size_t len;
	void *big; /* instead of octets */
	_Alignas(16) uint8_t octets[SIM_INLINE_MAX];
};

struct event_slot {
	uint64_t at, seq;
	struct event *event;
};

/* A process: what waits for it while it is stopped, and when it wakes up by itself. */
struct proc {
	bool is_alive, is_stopped;
	uint32_t gen; /* of this life */
	struct event *first, *last;
	size_t n_datagrams;
	size_t n_turn;       /* of the inbox, to be read before the next timers */
	uint64_t armed_at;   /* real time; SIM_NEVER */
	uint64_t stopped_at; /* real time */
};

/* Copies len octets of data. The caller may set what else is in the event. */
struct event *sim_at(struct sim *s, uint64_t at, event_fn *run, size_t host, const void *data,
		     size_t len);
void *event_data(struct event *e);
/* For a process: waits in its inbox while that is stopped, and dies with it. */
struct event *sim_post(struct sim *s, enum sim_target target, size_t host, uint64_t at,
		       event_fn *run, const void *data, size_t len);
struct proc *sim_proc(struct sim *s, enum sim_target target, size_t host);
/* It is there, it is not stopped, and neither is its host. */
bool sim_is_running(struct sim *s, enum sim_target target, size_t host);
void proc_arm(struct sim *s, enum sim_target target, size_t host, uint64_t at);
void proc_begin(struct sim *s, struct proc *p);
void proc_end(struct sim *s, struct proc *p);
void proc_stop(struct sim *s, enum sim_target target, size_t host);
/* The process goes on: its timers, then what waited. */
void proc_resume(struct sim *s, enum sim_target target, size_t host);
/* False: nothing is left to happen, or the time is over, or an invariant is broken. */
bool sim_step(struct sim *s, uint64_t until);
void sim_run(struct sim *s, uint64_t until);
void events_free(struct sim *s);

/* 0 to n - 1; between first and last. */
uint64_t draw(struct rng_seeded *rng, uint64_t n);
uint64_t draw_between(struct rng_seeded *rng, uint64_t first, uint64_t last);
bool draw_ppm(struct rng_seeded *rng, uint32_t ppm);

#endif
