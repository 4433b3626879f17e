/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/tasks.h"

#include <stdlib.h>

#include "common/ikev2/notify.h"

/* Without memory, or randomness, we try again later: a peer is not dead because we lack it. */
#define PAUSE_MS      1000
#define GROUP_RETRIES 2

/* An empty INFORMATIONAL (RFC 7296, 1.4). */
static int write_liveness(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
			  struct payload_writer *chain)
{
	(void)c;
	(void)sa;
	(void)task;
	(void)now_ms;
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

static int write_ticket(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
			struct payload_writer *chain)
{
	(void)task;
	(void)now_ms;
	return sa->state == SA_ESTABLISHED && c->role->add_request != NULL &&
		       c->role->add_request(c, sa, false, chain)
		   ? 0
		   : ERR_NOT_FOUND;
}

static void take_ticket(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms,
			const struct request *response)
{
	(void)task;
	if (sa->state == SA_ESTABLISHED)
		c->role->answered(c, sa, now_ms, response->payloads);
}

static const struct task_kind {
	uint8_t exchange;
	task_write *write;
	task_take *take;
} kinds[TASK_TYPE_COUNT] = {
	[TASK_LIVENESS] = { EXCHANGE_INFORMATIONAL, write_liveness, take_nothing },
	[TASK_CREATE_CHILD] = { EXCHANGE_CREATE_CHILD_SA, child_request_write, child_request_take },
	[TASK_REKEY_CHILD] = { EXCHANGE_CREATE_CHILD_SA, child_request_write, child_request_take },
	[TASK_DELETE_CHILD] = { EXCHANGE_INFORMATIONAL, delete_child_write, delete_child_take },
	[TASK_REKEY_IKE] = { EXCHANGE_CREATE_CHILD_SA, ike_rekey_write, ike_rekey_take },
	[TASK_DELETE_IKE] = { EXCHANGE_INFORMATIONAL, delete_ike_write, delete_ike_take },
	[TASK_TICKET] = { EXCHANGE_INFORMATIONAL, write_ticket, take_ticket },
};

static struct task **find_waiting(struct ike_sa *sa, enum task_type type, uint64_t child_id)
{
	struct task **at = &sa->tasks;

	while (*at != NULL && ((*at)->type != type || (*at)->child_id != child_id))
		at = &(*at)->next;
	return at;
}

bool task_is_waiting(const struct ike_sa *sa, enum task_type type, uint64_t child_id)
{
	for (const struct task *task = sa->tasks; task != NULL; task = task->next) {
		if (task->type == type && task->child_id == child_id)
			return true;
	}
	return false;
}

bool task_is_current(const struct ike_sa *sa, enum task_type type)
{
	return sa->current != NULL && sa->current->type == type;
}

static void append(struct ike_sa *sa, struct task *task)
{
	struct task **last = &sa->tasks;

	while (*last != NULL)
		last = &(*last)->next;
	task->next = NULL;
	*last = task;
}

struct task *task_add(struct ike_core *c, struct ike_sa *sa, enum task_type type, uint64_t child_id)
{
	struct task *task;

	/* Each new one without a name is another one. */
	if (type != TASK_CREATE_CHILD && *find_waiting(sa, type, child_id) != NULL)
		return NULL;
	task = calloc(1, sizeof(*task));
	if (task == NULL) {
		count(c, COUNT_DROP_LIMIT);
		return NULL;
	}
	task->type = type;
	task->child_id = child_id;
	append(sa, task);
	return task;
}

static void task_free(struct task *task)
{
	if (task == NULL)
		return;
	kex_free(task->kex);
	free(task->selectors);
	wipe(task, sizeof(*task));
	free(task);
}

void tasks_forget_child(struct ike_sa *sa, uint64_t child_id)
{
	struct task **at = &sa->tasks;

	while (*at != NULL) {
		struct task *task = *at;

		if (task->child_id != child_id || task->child_id == 0) {
			at = &task->next;
			continue;
		}
		*at = task->next;
		task_free(task);
	}
}

bool tasks_is_expected(const struct ike_sa *sa, uint8_t exchange)
{
	return sa->current != NULL && kinds[sa->current->type].exchange == exchange;
}

bool task_retry_group(struct ike_core *c, struct ike_sa *sa, struct task *task, struct bytes data)
{
	struct task *again;
	uint16_t group;

	if (task->retries >= GROUP_RETRIES || invalid_ke_decode(data, &group) != 0)
		return false;
	again = task_add(c, sa, task->type, task->child_id);
	if (again == NULL)
		return false;
	again->group = group;
	again->retries = task->retries + 1;
	again->selectors = task->selectors;
	task->selectors = NULL;
	return true;
}

/* What a request that did not get away has made is unmade; the next try begins anew. */
static void unmake(struct ike_core *c, struct task *task)
{
	if (task->type == TASK_REKEY_IKE) {
		struct ike_sa *heir = ike_sa_find(c, task->made);

		if (heir != NULL && heir->state == SA_HEIR && heir->keys.d.len == 0)
			ike_sa_free(c, heir);
	} else {
		struct child *child = child_find(c, task->made);

		if (child != NULL && child->state == CHILD_RESERVED)
			child_free(c, child);
	}
	kex_free(task->kex);
	task->kex = NULL;
	task->made = 0;
}

static int start(struct ike_core *c, struct ike_sa *sa, struct task *task, uint64_t now_ms)
{
	const struct task_kind *kind = &kinds[task->type];
	struct wr w;
	struct payload_writer chain = core_chain(c, &w);
	int err = kind->write(c, sa, task, now_ms, &chain);

	if (err == 0)
		err = request_send(c, sa, now_ms, kind->exchange, &chain);
	if (err != 0)
		unmake(c, task);
	return err;
}

void tasks_start(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	while (sa->current == NULL && sa->tasks != NULL && sa->pause_ms <= now_ms) {
		struct task *task = sa->tasks;
		int err = start(c, sa, task, now_ms);

		sa->tasks = task->next;
		if (err != 0 && err != ERR_NOT_FOUND) {
			/* The next one may be luckier, then. */
			append(sa, task);
			sa->pause_ms = now_ms + PAUSE_MS;
			return;
		}
		if (err == 0)
			sa->current = task;
		else
			task_free(task);
	}
}

void tasks_drop(struct ike_core *c, struct ike_sa *sa)
{
	if (sa->current != NULL)
		unmake(c, sa->current);
	task_free(sa->current);
	sa->current = NULL;
	while (sa->tasks != NULL) {
		struct task *next = sa->tasks->next;

		task_free(sa->tasks);
		sa->tasks = next;
	}
	request_forget(sa);
}

void tasks_keep_delete(struct ike_sa *sa)
{
	struct task **at = &sa->tasks;

	while (*at != NULL) {
		struct task *task = *at;

		if (task->type == TASK_DELETE_IKE) {
			at = &task->next;
			continue;
		}
		*at = task->next;
		task_free(task);
	}
}

/* The successor has been rekeyed just now, and has time of its own. */
static bool is_of_the_past(const struct task *task)
{
	return task->type == TASK_REKEY_IKE || task->type == TASK_LIVENESS ||
	       (task->type == TASK_DELETE_IKE && task->reason == REASON_EXPIRED);
}

void tasks_move(struct ike_sa *from, struct ike_sa *to)
{
	struct task *task = from->tasks;

	from->tasks = NULL;
	while (task != NULL) {
		struct task *next = task->next;

		if (is_of_the_past(task))
			task_free(task);
		else
			append(to, task);
		task = next;
	}
}

void tasks_response(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		    const struct request *req)
{
	struct task *task = sa->current;

	sa->current = NULL;
	request_forget(sa);
	kinds[task->type].take(c, sa, task, now_ms, req);
	unmake(c, task);
	task_free(task);
}
