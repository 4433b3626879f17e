/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_FRONT_H
#define DIRECTOR_FRONT_H

#include "common/base/log.h"
#include "director/redirect/redirect.h"

/*
 * The redirect front end's shell: worker threads with SO_REUSEPORT sockets of their own on UDP 500
 * and 4500 of every address, batches in and out, and no lock, allocation or shared state per
 * datagram. The main thread hands each worker its own copy of the placement table and of the
 * ticket keys, and reads the workers' counters.
 */
struct front_conf {
	const struct ip *addresses; /* that peers ask, no wildcards; borrowed by front_start() */
	size_t n_addresses;
	uint32_t workers; /* 0: one per processor */
	/* Answers per source prefix, of all workers together; 0: no limit. */
	uint32_t rate_per_second, rate_burst;
	struct redirect_conf redirect;
	uint16_t port_ike;  /* 0: 500 */
	uint16_t port_natt; /* 0: 4500 */
};

struct front_counters {
	uint64_t received;
	uint64_t verdicts[FRONT_VERDICT_COUNT]; /* SEND_FAILED on top of an answer's own */
	uint64_t resumes[FRONT_RESUME_COUNT];   /* by what requests to resume came to */
	uint64_t placed[PLACEMENT_MAX_MEMBERS]; /* by index in the table */
};

struct front;

/*
 * Binds all sockets (for ports below 1024 that takes CAP_NET_BIND_SERVICE) and starts the workers,
 * who answer nobody before the first front_publish(). lg is used by this call only. On error a line
 * saying what and why is in the log: ERR_IO, ERR_NO_MEMORY, ERR_CRYPTO, ERR_VALUE (a wildcard: an
 * answer has to come from the address that was asked).
 */
MUST_USE int front_start(const struct front_conf *conf, const struct logger *lg,
			 struct front **out);

/* Stops and joins the workers. NULL is fine. */
void front_stop(struct front *f);

/* Gives every worker a copy of both. ERR_NO_MEMORY: some keep those before. */
MUST_USE int front_publish(struct front *f, const struct placement_table *table,
			   const struct ticket_ring *ring);

/* The sum over all workers, at about this moment. */
void front_read_counters(const struct front *f, struct front_counters *out);

#endif
