/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ADDRESSES_H
#define AGENT_ADDRESSES_H

#include <uv.h>

#include "agent/keeper/keeper_client.h"
#include "agent/setup/setup.h"
#include "common/base/log.h"

/*
 * The shell around the ownership core: service addresses, from the director's orders and other
 * members' notices to the keeper and the disk, and back.
 *
 * It has the state file too, because what is recorded before an address is taken is in it, and the
 * mesh, because claim notices and probes are about these addresses.
 */
struct addresses;

struct addresses_conf {
	const struct setup *setup; /* borrowed, like the next three */
	const char *member;
	const char *state_dir;
	const struct logger *lg;
	uint64_t boot_id;
};

struct addresses_events {
	/* What is held has changed, or who is down. */
	void (*changed)(void *ctx);
	/* Not held any more, and not by an accident that may be over soon. */
	void (*lost)(void *ctx, const struct ip *ip);
	/* For the director, if he is there; m is complete but for what the uplink adds. */
	void (*tell)(void *ctx, struct message *m);
	void *ctx;
};

/* Opens the sockets of the mesh. ERR_IO, ERR_NO_MEMORY with the reason in why. */
MUST_USE int addresses_new(uv_loop_t *loop, const struct addresses_conf *conf,
			   const struct addresses_events *events, struct addresses **out,
			   struct errtext *why);

/*
 * Reads what is on the disk; OWNERSHIP_ALONE_MS later, without a director, what was this member's
 * last time may be taken. Errors of state_load(). Nothing below may be called before.
 */
MUST_USE int addresses_load(struct addresses *a, struct errtext *why);

/* The number and cluster of last time, or as taken in since; 0: never had a director. */
uint8_t addresses_number(const struct addresses *a);
const char *addresses_cluster(const struct addresses *a);

/*
 * What the director says of this member and the others: number, cluster, keys, members, all of
 * which is recorded. Orders follow if he gives any, which he says by his version.
 */
void addresses_take_welcome(struct addresses *a, const struct msg_welcome *w);

/* From now on addresses can be held. keeper is borrowed. */
void addresses_begin(struct addresses *a, struct keeper_client *keeper);

/* CLAIM, RELEASE, PROBE or MEMBERS of the director. */
void addresses_take_order(struct addresses *a, const struct message *m);
void addresses_disconnected(struct addresses *a);

/* The cluster's keys, as in a welcome: those that are for members' messages to each other. */
void addresses_take_keys(struct addresses *a, const struct msg_key *keys, size_t n);

/* What is tracked. At first it is taken to work. */
void addresses_able(struct addresses *a, bool is_able, const char *why);

/* Lets go of everything and takes nothing any more. */
void addresses_stop(struct addresses *a, const char *why);

/* Of the keeper; reports that are not about addresses are not for here. */
void addresses_keeper_answer(struct addresses *a, const struct keeper_report *report);
void addresses_keeper_conflict(struct addresses *a, size_t index, const char *mac, uint32_t count);
void addresses_keeper_lost(struct addresses *a, size_t index, const char *why);
void addresses_keeper_dropped(struct addresses *a, const char *why);

/* Views, by the index of the configuration. */
bool addresses_is_held(const struct addresses *a, size_t index);
/*
 * The number of its member, if the address is held because that one was judged down, and it is not
 * back; else 0.
 */
uint8_t addresses_dead(const struct addresses *a, size_t index);
size_t addresses_count_held(const struct addresses *a, bool only_homes);
bool addresses_may_hold_any(const struct addresses *a); /* the kernel may have one */

/*
 * What is held, epochs, and the keys of addresses_take_keys(); borrows from a. claims, links and
 * other keys are for the caller.
 */
void addresses_fill_hello(struct addresses *a, struct msg_address *addresses,
			  struct msg_hello *hello);

/* Counters of the mesh; returns how many. */
size_t addresses_counters(const struct addresses *a, struct msg_counter out[MESH_COUNTER_COUNT]);

/*
 * No event follows. Memory is freed by the loop, after a write that is under way. NULL is fine.
 * Before keeper_client_free().
 */
void addresses_close(struct addresses *a);

#endif
