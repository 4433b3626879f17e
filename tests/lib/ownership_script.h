/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_OWNERSHIP_SCRIPT_H
#define TESTS_OWNERSHIP_SCRIPT_H

#include "agent/ownership/ownership.h"

/*
 * The ownership core under a virtual clock, one call a line; what it wants done is compared as
 * text, in the order in which it came, separated by "; ":
 *
 *   persist1                   ticket
 *   add0  add0!  remove0       index, ! with force
 *   claimed0 id7 e5            index, order, epoch
 *   refused id7 e5 max9 in-use
 *   released0 id7 e5           index or "?" for an address that is not configured
 *   notice0 e5 to 192.0.2.13   "to" only if it is for one
 *   [lost 192.0.2.21]          an event
 *   changed
 *
 * The member is number 5. Its addresses are 0: 192.0.2.21 (home), 1: 192.0.2.22, 2: 2001:db8::21
 * (home), 3: 192.0.2.30 (home, watched).
 */
enum {
	SCRIPT_SELF = 5,
	SCRIPT_HOME = 0,
	SCRIPT_OTHER = 1,
	SCRIPT_HOME6 = 2,
	SCRIPT_WATCHED = 3,
	SCRIPT_ADDRESSES = 4,
};

struct script {
	struct ownership *o;
	uint64_t now_ms;
	struct ownership_state asked; /* of the last PERSIST */
	struct ownership_state disk;
	char done[4096]; /* what was wanted since the last look */
};

struct ip script_ip(size_t index); /* beyond the end: one that is not configured */

/* Nothing is on the disk but what the caller puts into s->disk before. */
void script_begin(struct script *s);
void script_end(struct script *s);

/* After every call: takes what is wanted, and compares. */
void script_expect(struct script *s, const char *done);

void script_welcome(struct script *s, uint64_t epoch);
void script_claim(struct script *s, size_t index, uint64_t id, uint64_t epoch);
void script_force(struct script *s, size_t index, uint64_t id, uint64_t epoch);
void script_release(struct script *s, size_t index, uint64_t id, uint64_t epoch);
/* err 0: it is on the disk now. */
void script_persisted(struct script *s, uint64_t ticket, int err);
void script_added(struct script *s, size_t index);
void script_refused(struct script *s, size_t index, const char *code);
void script_removed(struct script *s, size_t index, int err);
/* A claim notice of member number, from 192.0.2.(10 + number). */
void script_notice(struct script *s, size_t index, uint8_t number, uint64_t epoch);
/* Time passes, in one step, then what is due is done. */
void script_wait(struct script *s, uint64_t ms);

/* Takes an address by an order, from the start to the end, and forgets what was wanted for it. */
void script_hold(struct script *s, size_t index, uint64_t epoch);

#endif
