/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_TASKS_H
#define IKEV2_SESSION_TASKS_H

#include "common/ikev2/session/ike_sa.h"

/*
 * What we ask of the peer, one request at a time (RFC 7296, 2.3, window 1): tasks wait in the SA's
 * queue; the first becomes the current one when the one before has been answered, and is sent again
 * until then. Each kind is a row in tasks.c: which exchange, what it writes, what its answer means.
 */
enum task_type {
	TASK_LIVENESS,
	TASK_TYPE_COUNT,
};

struct task {
	enum task_type type;
	struct task *next;
};

/* Puts it at the end of the queue, unless there is one like it. Out of memory it is left out. */
void task_add(struct ike_core *c, struct ike_sa *sa, enum task_type type);

/* Sends the next request if none is outstanding. */
void tasks_start(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);

/* Frees the current task and all that wait. */
void tasks_drop(struct ike_core *c, struct ike_sa *sa);

/* Its answer: a handler of the transition table. */
exchange_handler tasks_response;

/* False: the response is of another exchange than what is outstanding. */
bool tasks_is_expected(const struct ike_sa *sa, uint8_t exchange);

#endif
