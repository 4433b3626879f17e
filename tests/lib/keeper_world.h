/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_KEEPER_WORLD_H
#define TESTS_LIB_KEEPER_WORLD_H

#include "agent/keeper/keeper_core.h"

/*
 * The keeper's core in a world of its own: time is a variable, main is a schedule of pings, the
 * kernel is a table of results. What the core wants done is written down as text ("lookup 0, probe
 * 0") and compared. Every function fails the test on error.
 *
 * Keeping up the fences is only counted, their removal noted on the side.
 *
 * Addresses: 0 is 192.0.2.21 (l2), 1 is 2001:db8::21 (l2), 2 is 192.0.2.22 (none). Connections: 0
 * proxies on eth1, 1 routes with metric 77, 2 proxies IPv6 on eth2, 3 proxies on eth2, 4 routes
 * everything with metric 88.
 */
#define WORLD_START_MS 1000000u
#define WORLD_ACTIONS  (KEEPER_ACT_EXIT + 1)

struct keeper_world {
	struct keeper_conf conf;
	struct keeper_core *core;
	uint64_t now_ms;                             /* monotonic */
	uint64_t slept_ms;                           /* what CLOCK_BOOTTIME is ahead by */
	uint64_t next_ping;                          /* UINT64_MAX: main is silent */
	struct keeper_result results[WORLD_ACTIONS]; /* of the kernel, by action */
	bool is_ended;
	bool has_unread; /* the process is late: frames may wait to be read */
	size_t pongs;
	size_t fences_kept;
	struct keeper_action fence_removal; /* type 0: they stay as they are */
	char trace[8192];
};

struct keeper_world *world_new(uint32_t routes_max);
void world_free(struct keeper_world *w);

/* A further address, before any event. */
void world_add_address(struct keeper_conf *conf, const char *ip, enum keeper_claim claim);

/* What the process does after each event. */
void world_run(struct keeper_world *w);

void world_wake(struct keeper_world *w);

/* A request of main; version is filled in. */
void world_say(struct keeper_world *w, const struct keeper_request *request);
void world_say_address(struct keeper_world *w, uint16_t type, uint32_t id, uint16_t index);
void world_say_route(struct keeper_world *w, uint16_t type, uint32_t id, uint16_t connection,
		     const char *prefix, uint64_t arrival);

/* Frames from eth0: ARP with that sender and target, an advertisement; by a MAC that ends so. */
void world_hear_arp(struct keeper_world *w, uint16_t operation, uint8_t mac, const char *sender,
		    const char *target);
void world_hear_na(struct keeper_world *w, uint8_t mac, const char *target, const char *to);

void world_end_hook(struct keeper_world *w, size_t index, int status, const char *line);

/* Main's last words: so many octets, to 192.0.2.1 port 500. */
void world_say_words(struct keeper_world *w, uint16_t len);

/* One wake-up of the process: main's ping if it is due, then the tick. */
void world_turn(struct keeper_world *w);

/* Lets time pass, waking up when the core asks to and when main pings. */
void world_pass(struct keeper_world *w, uint64_t ms);

/* Compares and forgets the trace. */
void world_expect(struct keeper_world *w, const char *what, const char *want);
void world_forget(struct keeper_world *w);

/* Address 0 held and its announcements over; and one of everything: held, held, watched, routes. */
void world_hold_address(struct keeper_world *w);
void world_hold_everything(struct keeper_world *w);

/* What the end of everything looks like. */
#define WORLD_ALL_GONE "del 0, del 1, unroute 10.1.0.201/32 0, unroute 10.64.0.0/16 1"

#endif
