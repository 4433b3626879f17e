/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_WORKER_H
#define DIRECTOR_WORKER_H

#include "director/redirect/front.h"

/* One thread of the front end with its sockets. All functions are for the main thread. */
struct worker;

/* What a worker answers from; it owns it, and changes nothing in it. */
struct snapshot {
	struct placement_table table;
	struct placement_index index; /* of that table */
	struct ticket_ring ring;      /* wiped when it ends */
};

/*
 * ERR_IO, and logged, if a port of conf cannot be had, or another program has it: that one's
 * SO_REUSEPORT would let the workers share it unnoticed, and each would get half of the peers.
 */
MUST_USE int worker_check_ports(const struct front_conf *conf, const struct logger *lg);

/*
 * Binds and starts. conf has every default filled in, and the rates are this worker's share; what
 * is needed of it is copied. Errors as front_start(), and logged.
 */
MUST_USE int worker_start(const struct front_conf *conf, const struct logger *lg,
			  struct worker **out);

/* Ends the thread, joins it and frees all. */
void worker_stop(struct worker *w);

/* Takes ownership of s, which came from malloc(). The worker uses it from its next wake-up on. */
void worker_give(struct worker *w, struct snapshot *s);

void worker_add_counters(const struct worker *w, struct front_counters *sum);

#endif
