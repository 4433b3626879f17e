/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "agent/keeper/keeper_core.h"
#include "agent/ownership/ownership.h"
#include "common/base/rng.h"
#include "common/mesh/prober.h"
#include "director/failover/coordinator.h"

/*
 * DOC: a whole cluster in one process, under one virtual clock.
 *
 * The cores are the real ones: registry, coordinator, ownership, keeper, prober. What is around
 * them in the programs (sockets, timers, disks, the kernel) is modelled here, one file for each:
 *
 *   event.c      the clock: what happens when, and to which process
 *   net.c        who reaches whom, with what delay and loss; ARP, mesh, datagrams
 *   conn.c       the control connections, like TCP
 *   kernel.c     the addresses in each host's kernel, with their lifetimes
 *   keeper.c     the keeper's process around keeper_core
 *   agent.c      main's process: stages, timers, what it says to the keeper
 *   addresses.c  main: around ownership, with the disk
 *   neighbours.c main: the mesh, and probe orders
 *   uplink.c     main: the connection to the director and heartbeats
 *   director.c   the director's process; sessions.c what it hears; store.c its disk
 *   fault.c      everything that can go wrong; chaos.c draws it from the seed
 *   check.c      safety, after every step; settled.c liveness, at the end
 *
 * Times are milliseconds. `now` is real time; every host has its own clocks (host_mono()).
 */
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

/* ---- event.c ---- */

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

/* ---- conn.c ---- */

/* A message of the control channel with all that it points to. */
struct letter {
	struct letter *next;
	bool is_fin;
	struct message m;
	char what[64], why[KEEPER_TEXT_MAX];
	struct msg_address addresses[SIM_ADDRESSES_MAX];
	struct ip ips[SIM_ADDRESSES_MAX];
	struct msg_member members[SIM_MEMBERS_MAX];
	struct endpoint references[MSG_REFERENCES_MAX];
};

enum conn_side {
	CONN_AGENT,
	CONN_DIRECTOR,
};

struct pipe_end {
	bool is_open;
	uint32_t gen; /* of the process */
	struct letter *first, *last; /* what it has sent and the other side has not got */
	bool is_armed;
	uint32_t rto_ms;
	uint64_t stalled_at; /* 0: not */
};

struct conn {
	uint64_t id; /* 0: free */
	size_t host;
	struct pipe_end ends[2];
	/* the director's session */
	bool is_accepted, has_member, has_left;
	uint64_t boot_id, seq;
};

/* What the director has to know of a connection that is over. */
struct conn_over {
	bool has_member, has_left;
};

struct letter *letter_new(const struct message *m);
void letter_free(struct letter *l);
struct conn *conn_find(struct sim *s, uint64_t id);
/* The agent's attempt; uplink_opened() or uplink_closed() follows. Returns the id. */
uint64_t conn_open(struct sim *s, size_t host);
/* Takes l. */
void conn_write(struct sim *s, struct conn *c, enum conn_side side, struct letter *l);
/* From this side, in good order or not; nothing more is heard of it here. */
void conn_close(struct sim *s, uint64_t id, enum conn_side side, bool is_abort);
/* The process is gone, and with is_silent its host too. */
void conns_die(struct sim *s, size_t host, enum conn_side side, bool is_silent);
void conns_free(struct sim *s);

/* ---- net.c ---- */

enum net_kind {
	NET_CONTROL, /* between a member and the director */
	NET_MESH,    /* between members, UDP */
	NET_LINK,    /* between members, ARP and ND and what is sent to service addresses */
};

struct net {
	/* How many partitions cut this direction. Row and column SIM_DIRECTOR: control; on the
	 * link the witness. */
	uint8_t cut[3][SIM_MEMBERS_MAX + 1][SIM_MEMBERS_MAX + 1];
	uint32_t loss_ppm, dup_ppm;
	uint32_t delay_ms, spread_ms;
	uint64_t changed_at; /* when loss or delay did */
	struct rng_seeded rng;
};

struct heartbeat_wire {
	uint64_t key; /* the connection's id */
	uint64_t boot_id, seq;
	enum msg_state state;
	bool is_gone;
};

struct mesh_wire {
	struct mesh_msg msg;
	struct endpoint from;
	struct ip to;
};

bool net_is_cut(const struct sim *s, enum net_kind kind, size_t from, size_t to);
/* True and how long it takes; false: lost. */
bool net_try(struct sim *s, enum net_kind kind, size_t from, size_t to, uint64_t *delay_ms);
void net_datagram(struct sim *s, enum net_kind kind, size_t from, size_t to, enum sim_target target,
		  event_fn *run, const void *data, size_t len);
/* An ARP or ND question: probes have no sender. */
void net_ask(struct sim *s, size_t from, const struct ip *sender, const struct ip *target);
void net_announce(struct sim *s, size_t from, const struct ip *ip);
/* to: a mesh endpoint or a service address. */
void net_mesh(struct sim *s, size_t from, const struct mesh_msg *msg, const struct ip *source,
	      const struct endpoint *to);
void net_mesh_group(struct sim *s, size_t from, const struct mesh_msg *msg);

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
	uint32_t must_drop;   /* addresses that it had when it was suspended */
	uint64_t silent_from; /* when its keeper has to have dropped everything */
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

/* ---- director.c, sessions.c, store.c ---- */

struct store_content {
	uint64_t epoch; /* 0: a new store */
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

/* ---- fault.c, chaos.c ---- */

void fault_power(struct sim *s, size_t host, bool is_on);
void fault_suspend(struct sim *s, size_t host, bool is_suspended);
void fault_start(struct sim *s, size_t host);
void fault_restart_later(struct sim *s, size_t host);
void fault_able(struct sim *s, size_t host, bool is_able);
/* Members of the two sets no longer reach each other; the director (witness) is SIM_DIRECTOR. */
void fault_cut(struct sim *s, enum net_kind kind, uint32_t from, uint32_t to, int by);
void fault_noise(struct sim *s, uint32_t loss_ppm, uint32_t dup_ppm, uint32_t delay_ms,
		 uint32_t spread_ms);
/* Everything works again; hosts whose bit is set in off stay off. */
void fault_heal(struct sim *s, uint32_t off);
void chaos_conf(struct sim *s);
void chaos_begin(struct sim *s, uint64_t from, uint64_t until);

/* ---- check.c, settled.c ---- */

struct epoch_use {
	uint64_t epoch;
	uint64_t id; /* of the order, with the director's life */
};

struct checks {
	uint32_t holders[SIM_ADDRESSES_MAX];
	bool is_moved[SIM_ADDRESSES_MAX]; /* by the operator, or failback */
	uint64_t overlap_at[SIM_ADDRESSES_MAX][SIM_MEMBERS_MAX][SIM_MEMBERS_MAX];
	struct epoch_use *used;
	size_t n_used, cap_used;
	uint64_t claims, probes, notices, failovers;
	bool is_quiet;
	uint64_t quiet_at, settled_at;
};

__attribute__((format(printf, 3, 4))) void sim_fail(struct sim *s, const char *invariant,
						    const char *fmt, ...);
void check_step(struct sim *s);
void check_kernel(struct sim *s, size_t host, size_t address, const char *why);
void check_use(struct sim *s, size_t host, size_t address, const char *what);
void check_order(struct sim *s, const struct coordinator_action *action);
void check_asked(struct sim *s, size_t host, const struct ownership_action *action);
void check_notice(struct sim *s, size_t host, const struct mesh_msg *notice, bool was_held,
		  uint64_t epoch);
void check_reset(struct sim *s);
/* True: all is as it should be; else why says what is not. */
bool settled(struct sim *s, char why[256]);

/* ---- sim.c ---- */

struct sim_conf {
	size_t n_members, n_homes; /* homes of each */
	bool has_witness, has_next_hop, is_normal, is_auto, has_fence, has_v6;
	bool is_store_sync;
	bool is_route; /* claim: route, on no link */
	uint32_t hold_down_ms;
	uint64_t restart_ms; /* of the supervisor; SIM_NEVER: it does not */
	uint32_t cannot[SIM_MEMBERS_MAX]; /* addresses that it cannot adopt */
};

struct sim {
	uint64_t seed, now, seq;
	struct sim_conf conf;
	struct coordinator_conf coordinator;
	uint32_t heartbeat_ms;
	struct event_slot *heap;
	size_t n_events, cap_events;
	struct event *free_events;
	uint64_t n_steps, n_still;
	struct net net;
	size_t n_addresses;
	struct ip addresses[SIM_ADDRESSES_MAX];
	struct ip witness;
	struct host hosts[SIM_MEMBERS_MAX];
	struct conn conns[SIM_CONNS_MAX];
	uint64_t next_conn;
	uint32_t next_gen;
	struct director director;
	struct rng_seeded chaos;
	struct checks checks;
	bool is_tracing, has_failed;
	char failure[512];
	struct keeper_conf *keeper_confs; /* of each host */
};

/* conf: NULL for what the seed draws. */
struct sim *sim_new(uint64_t seed, const struct sim_conf *conf, bool is_tracing);
void sim_free(struct sim *s);
/* Starts everything. */
void sim_begin(struct sim *s);
/* Heals everything and runs until all is as it should be, or fails. */
void sim_settle(struct sim *s, uint32_t off, uint64_t within_ms);
size_t sim_home(const struct sim *s, size_t address);
size_t sim_find(const struct sim *s, const struct ip *ip);
const char *sim_name(const struct sim *s, size_t host);
const char *sim_text(const struct sim *s, size_t address);
__attribute__((format(printf, 3, 4))) void sim_write(struct sim *s, const char *who,
						     const char *fmt, ...);

#define SIM_SAY(s, host, ...)                                          \
	do {                                                           \
		if ((s)->is_tracing)                                   \
			sim_write((s), sim_name((s), (host)), __VA_ARGS__); \
	} while (0)

#endif
