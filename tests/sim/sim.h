/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "tests/sim/check.h"
#include "tests/sim/director.h"
#include "tests/sim/member.h"
#include "tests/sim/net.h"

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
struct sim_conf {
	size_t n_members, n_homes; /* homes of each */
	bool has_witness, has_next_hop, is_normal, is_auto, has_fence, has_v6;
	bool is_store_sync;
	bool is_route; /* claim: route, on no link */
	uint32_t hold_down_ms;
	uint64_t restart_ms;              /* of the supervisor; SIM_NEVER: it does not */
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
	struct host hosts[SIM_MEMBERS_MAX + 1]; /* the last is the director's place, empty */
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

#define SIM_SAY(s, host, ...)                                               \
	do {                                                                \
		if ((s)->is_tracing)                                        \
			sim_write((s), sim_name((s), (host)), __VA_ARGS__); \
	} while (0)

#endif
