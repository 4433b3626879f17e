/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CORE_CHECK_H
#define TESTS_CORE_CHECK_H

#include "tests/lib/ike_pair.h"

/*
 * Whether one end of a pair is as it was before, is in order, and comes to nothing in the end. What
 * fails here ends the test: include cmocka.h first.
 */
#define CORE_COPY_SAS      16
#define CORE_COPY_CHILDREN 64

/*
 * All that an end has, octet for octet. A test that expects something to be different afterwards
 * changes the copy: a counter, or heard_ms.
 */
struct core_copy {
	uint64_t counters[IKE_COUNTER_COUNT];
	size_t n_half_open, n_established, n_timers, fragment_octets;
	uint32_t next_child;
	uint64_t expiry_ms;
	size_t n_sas, n_children;
	const struct ike_sa *sas_at[CORE_COPY_SAS];
	struct ike_sa sas[CORE_COPY_SAS];
	const struct child *children_at[CORE_COPY_CHILDREN];
	struct child children[CORE_COPY_CHILDREN];
	uint64_t rest; /* a digest of tasks, of stored messages and of what the role keeps */
};

void core_copy(struct ike_pair *p, enum pair_side side, struct core_copy *out);
void core_check_same(struct ike_pair *p, enum pair_side side, const struct core_copy *before);

/* The copy of this SA, to be changed. */
struct ike_sa *core_copy_of(struct core_copy *copy, const struct ike_sa *sa);

/*
 * Counts, tables and timers fit with each other, the data plane has no Child SA that the end does
 * not know, and the shell has heard of each peer as often as it should.
 */
void core_check_order(struct ike_pair *p, enum pair_side side);

/* Nobody hears it any more: after a while there is nothing left of anything, nor in the data plane.
 */
void core_check_silence(struct ike_pair *p, enum pair_side side);

#endif
