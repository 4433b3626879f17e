/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/tasks.h"

#include <stdlib.h>

/* Without memory, or randomness, we try again later: a peer is not dead because we lack it. */
#define PAUSE_MS 1000

/* An empty INFORMATIONAL (RFC 7296, 1.4). */
static int write_liveness(struct ike_core *c, struct ike_sa *sa, struct task *task,
			  struct payload_writer *chain)
{
	(void)c;
	(void)sa;
	(void)task;
	(void)chain;
	return 0;
}

static void take_nothing(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
			 const struct request *response)
{
	(void)c;
	(void)sa;
	(void)task;
	(void)now_ms;
	(void)response;
}

static const struct task_kind {
	uint8_t exchange;
	int (*write)(struct ike_core *c, struct ike_sa *sa, struct task *task,
		     struct payload_writer *chain);
	void (*take)(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
		     const struct request *response);
} kinds[TASK_TYPE_COUNT] = {
	[TASK_LIVENESS] = { EXCHANGE_INFORMATIONAL, write_liveness, take_nothing },
};

void task_add(struct ike_core *c, struct ike_sa *sa, enum task_type type)
{
	struct task **last = &sa->tasks, *task;

	for (; *last != NULL; last = &(*last)->next) {
		if ((*last)->type == type)
			return;
	}
	task = calloc(1, sizeof(*task));
	if (task == NULL) {
		count(c, COUNT_DROP_LIMIT);
		return;
	}
	task->type = type;
	*last = task;
}

static void task_free(struct task *task)
{
	free(task);
}

bool tasks_is_expected(const struct ike_sa *sa, uint8_t exchange)
{
	return sa->current != NULL && kinds[sa->current->type].exchange == exchange;
}

/* True if its request is on its way. */
static bool start(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms)
{
	const struct task_kind *kind = &kinds[task->type];
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);

	return kind->write(c, sa, task, &chain) == 0 &&
	       request_send(c, sa, now_ms, kind->exchange, &chain) == 0;
}

void tasks_start(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	struct task *task = sa->tasks;

	if (sa->current != NULL || task == NULL || sa->pause_ms > now_ms)
		return;
	if (!start(c, sa, task, now_ms)) {
		sa->pause_ms = now_ms + PAUSE_MS;
		return;
	}
	sa->tasks = task->next;
	sa->current = task;
}

void tasks_drop(struct ike_core *c, struct ike_sa *sa)
{
	(void)c;
	task_free(sa->current);
	sa->current = NULL;
	while (sa->tasks != NULL) {
		struct task *next = sa->tasks->next;

		task_free(sa->tasks);
		sa->tasks = next;
	}
	request_forget(sa);
}

void tasks_response(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		    const struct request *req)
{
	struct task *task = sa->current;

	sa->current = NULL;
	request_forget(sa);
	kinds[task->type].take(c, sa, task, now_ms, req);
	task_free(task);
	if (sa->state == SA_ESTABLISHED)
		tasks_start(c, sa, now_ms);
}
