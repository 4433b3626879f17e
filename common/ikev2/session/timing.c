/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/tasks.h"

/*
 * When an SA has something to do. Each SA has one timer, set for the first of all that is due; what
 * is due is asked when it runs out, so that a sign of life moves no timer.
 */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t liveness_due(const struct ike_core *c, const struct ike_sa *sa)
{
	return c->conf.dpd_ms > 0 ? sa->heard_ms + c->conf.dpd_ms : NO_TIME;
}

static uint64_t established_due(const struct ike_core *c, const struct ike_sa *sa)
{
	uint64_t due;

	if (sa->current != NULL)
		due = sa->retransmit_due_ms;
	else if (sa->tasks != NULL)
		due = sa->pause_ms;
	else
		due = liveness_due(c, sa);
	return earlier(due, sa->state_due_ms);
}

void ike_sa_arm(struct ike_core *c, struct ike_sa *sa)
{
	uint64_t due = sa->state == SA_ESTABLISHED ? established_due(c, sa) : sa->state_due_ms;

	/* The place in the heap is there since ike_sa_new(): it cannot fail. */
	if (timers_set(&c->timers, &sa->timer, due) != 0)
		count(c, COUNT_DROP_LIMIT);
}

void ike_sa_set_due(struct ike_core *c, struct ike_sa *sa, uint64_t due_ms)
{
	sa->state_due_ms = due_ms;
	ike_sa_arm(c, sa);
}

void ike_sa_run_due(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	if (sa->current != NULL && sa->retransmit_due_ms <= now_ms &&
	    !request_retransmit(c, sa, now_ms)) {
		count(c, COUNT_DPD_FAILED);
		ike_sa_close(c, sa, now_ms, REASON_DEAD);
		return;
	}
	if (sa->current == NULL && sa->tasks == NULL && liveness_due(c, sa) <= now_ms)
		task_add(c, sa, TASK_LIVENESS);
	tasks_start(c, sa, now_ms);
}
