/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_TASKS_H
#define IKEV2_SESSION_TASKS_H

#include "common/ikev2/session/collision.h"
#include "common/ikev2/session/ike_sa.h"

/*
 * What we ask of the peer, one request at a time (RFC 7296, 2.3, window 1): tasks wait in the SA's
 * queue; the first becomes the current one when the one before has been answered, and is sent again
 * until then. Each kind is a row in tasks.c: which exchange, what it writes, what its answer means.
 */
enum task_type {
	TASK_LIVENESS,
	TASK_CREATE_CHILD, /* of selectors */
	TASK_REKEY_CHILD,  /* of child_id */
	TASK_DELETE_CHILD, /* of child_id */
	TASK_REKEY_IKE,
	TASK_DELETE_IKE,
	TASK_TICKET, /* what the role wants to ask: RFC 5723, 4.1 */
	TASK_TYPE_COUNT,
};

struct selectors {
	struct ts_list local, remote;
};

struct task {
	enum task_type type;
	struct task *next;
	uint64_t child_id;
	struct selectors *selectors; /* owned; NULL: those of the connection */
	enum ike_reason reason;      /* DELETE_IKE */

	/* What an exchange with keys needs from request to response. */
	uint16_t group; /* that the peer wants; 0: our first */
	unsigned int retries;
	struct kex *kex;
	uint8_t nonce[NONCE_SIZE];
	uint64_t made; /* Child SA or IKE SPI that the request names as ours; 0: none */

	/* The peer's exchange for the same end, answered while ours was out (2.8.1, 2.8.2). */
	bool has_collided;
	uint64_t other; /* what it made: Child SA id, or IKE SPI of ours */
	struct lowest other_nonce;
};

/* At the end of the queue, unless there is one like it. NULL: there is, or no memory. */
struct task *task_add(struct ike_core *c, struct ike_sa *sa, enum task_type type,
		      uint64_t child_id);

/* Waiting, not the current one. */
bool task_is_waiting(const struct ike_sa *sa, enum task_type type, uint64_t child_id);
bool task_is_current(const struct ike_sa *sa, enum task_type type);

/* Drops the tasks that wait for this Child SA. */
void tasks_forget_child(struct ike_sa *sa, uint64_t child_id);

/* Sends the next request if none is outstanding. */
void tasks_start(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);

/* Frees the current task and all that wait. */
void tasks_drop(struct ike_core *c, struct ike_sa *sa);

/* All that wait but one for Delete of the IKE SA. */
void tasks_keep_delete(struct ike_sa *sa);

/* What waits on an IKE SA that is replaced goes on with its successor, as far as it makes sense. */
void tasks_move(struct ike_sa *from, struct ike_sa *to);

/* Its answer: a handler of the transition table. */
exchange_handler tasks_response;

/* False: the response is of another exchange than what is outstanding. */
bool tasks_is_expected(const struct ike_sa *sa, uint8_t exchange);

/*
 * The kinds. write: 0; ERR_NOT_FOUND, there is nothing to be done any more; other errors, later.
 * take: the response is well-formed as a list of payloads; it may close the SA.
 */
typedef int task_write(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		       struct payload_writer *chain);
typedef void task_take(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		       const struct request *response);

task_write child_request_write; /* CREATE_CHILD, REKEY_CHILD */
task_take child_request_take;
task_write ike_rekey_write;
task_take ike_rekey_take;
task_write delete_child_write;
task_take delete_child_take;
task_write delete_ike_write;
task_take delete_ike_take;

/* The same request once more, with the group that the peer wants (RFC 7296, 1.3). False: no. */
bool task_retry_group(struct ike_core *c, struct ike_sa *sa, struct task *task, struct bytes data);

#endif
