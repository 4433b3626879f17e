/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/tasks.h"

/*
 * When an SA has something to do. Each SA has one timer, set for the first of all that is due; what
 * is due is asked when it runs out, so that a sign of life moves no timer.
 */
#define SOON_MS      10000 /* TEMPORARY_FAILURE: "must not retry at once" */
#define LATER_MS     60000
#define AT_ONCE_MS   1000
#define KEEPALIVE_MS 20000 /* RFC 3948, 4 */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t core_jitter(struct ike_core *c, uint64_t base)
{
	uint64_t random;

	if (base < 10 || rng_u64(c->rng, &random) != 0)
		return base;
	return base - random % (base / 10 + 1);
}

/*
 * Whoever gets hold of a ticket key can read what was resumed: a key exchange ends that. Spread
 * over half of the time, because after a failover they all come at once.
 */
static uint64_t resumed_due(struct ike_core *c, uint64_t now_ms)
{
	uint64_t base_ms = c->conf.rekey_resumed_ms, random;

	if (rng_u64(c->rng, &random) != 0)
		random = 0;
	return now_ms + base_ms - random % (base_ms / 2 + 1);
}

void ike_sa_schedule(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	uint64_t period_ms = c->conf.rekey_ike_ms;

	sa->rekey_due_ms = sa->over_due_ms = NO_TIME;
	if (period_ms != 0) {
		sa->rekey_due_ms = now_ms + core_jitter(c, period_ms);
		sa->over_due_ms = now_ms + period_ms + period_ms / 10;
	}
	if (sa->lineage.is_resumed && sa->n_rekeys == 0 && c->conf.rekey_resumed_ms != 0)
		sa->rekey_due_ms = earlier(sa->rekey_due_ms, resumed_due(c, now_ms));
}

uint64_t core_retry_due(struct ike_core *c, uint64_t now_ms, uint64_t over_due_ms, bool is_soon)
{
	uint64_t wait_ms = is_soon ? SOON_MS : LATER_MS;
	uint64_t left_ms = over_due_ms > now_ms ? over_due_ms - now_ms : 0;

	wait_ms = earlier(wait_ms, left_ms / 2);
	return now_ms + core_jitter(c, wait_ms > AT_ONCE_MS ? wait_ms : AT_ONCE_MS);
}

void ike_sa_retry_later(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, bool is_soon)
{
	sa->rekey_due_ms = core_retry_due(c, now_ms, sa->over_due_ms, is_soon);
}

/* ---- what is due first ---- */

/* Only where nobody else would notice: RFC 7296, 2.4. */
static uint64_t liveness_due(const struct ike_core *c, const struct ike_sa *sa)
{
	if (sa->state != SA_ESTABLISHED || c->conf.dpd_ms == 0)
		return NO_TIME;
	return sa->heard_ms + c->conf.dpd_ms;
}

/* Only the one behind the NAT has a binding to keep; ESP goes through it on 4500 only. */
static uint64_t keepalive_due(const struct ike_sa *sa)
{
	return sa->state == SA_ESTABLISHED && sa->is_behind_nat &&
		       sa->path.local.port == IKE_NATT_PORT
		   ? sa->sent_ms + KEEPALIVE_MS
		   : NO_TIME;
}

static uint64_t request_due(const struct ike_core *c, const struct ike_sa *sa)
{
	if (sa->outstanding.len > 0)
		return sa->retransmit_due_ms;
	return sa->tasks != NULL ? sa->pause_ms : liveness_due(c, sa);
}

static uint64_t children_due(const struct ike_sa *sa)
{
	uint64_t due = NO_TIME;

	for (const struct child *child = sa->children; child != NULL; child = child->next)
		due = earlier(due, earlier(child->state_due_ms,
					   earlier(child->rekey_due_ms, child->over_due_ms)));
	return due;
}

/* States in which the peer asks, or nobody. */
static bool is_quiet(enum sa_state state)
{
	return state == SA_HALF_OPEN || state == SA_INSTALLING || state == SA_FAILED ||
	       state == SA_CLOSED;
}

void ike_sa_arm(struct ike_core *c, struct ike_sa *sa)
{
	uint64_t due = sa->state_due_ms;

	if (!is_quiet(sa->state))
		due = earlier(due, request_due(c, sa));
	if (sa->state == SA_ESTABLISHED)
		due = earlier(earlier(due, earlier(children_due(sa), keepalive_due(sa))),
			      earlier(sa->rekey_due_ms, sa->over_due_ms));
	if (sa->is_taken)
		due = 0;
	/* The place in the heap is there since ike_sa_new(): it cannot fail. */
	if (timers_set(&c->timers, &sa->timer, due) != 0)
		count(c, COUNT_DROP_LIMIT);
}

void ike_sa_set_due(struct ike_core *c, struct ike_sa *sa, uint64_t due_ms)
{
	sa->state_due_ms = due_ms;
	ike_sa_arm(c, sa);
}

/* ---- doing it ---- */

static void run_child_state(struct ike_core *c, struct ike_sa *sa, struct child *child,
			    uint64_t now_ms)
{
	switch (child->state) {
	case CHILD_INSTALLING:
		/* Should the data plane have it after all, it has it no longer. */
		action_child_remove(c, child->id);
		core_child_result(c, now_ms, child->id, ERR_TIMEOUT);
		return;
	case CHILD_DRAINING:
		child_remove(c, child);
		return;
	case CHILD_REKEYED:
		/* Whoever rekeyed it did not delete it. */
		child->state_due_ms = NO_TIME;
		task_add(c, sa, TASK_DELETE_CHILD, child->id);
		return;
	case CHILD_RESERVED:
	case CHILD_INSTALLED:
	case CHILD_DELETING:
		child->state_due_ms = NO_TIME;
		return;
	}
}

static void run_child(struct ike_core *c, struct ike_sa *sa, struct child *child, uint64_t now_ms)
{
	if (child->over_due_ms <= now_ms) {
		count(c, COUNT_EXPIRED);
		child->over_due_ms = child->rekey_due_ms = NO_TIME;
		task_add(c, sa, TASK_DELETE_CHILD, child->id);
	} else if (child->rekey_due_ms <= now_ms) {
		child->rekey_due_ms = NO_TIME;
		if (child->wanted == REKEY_NONE)
			child->wanted = REKEY_TIME;
		task_add(c, sa, TASK_REKEY_CHILD, child->id);
	}
	if (child->state_due_ms <= now_ms)
		run_child_state(c, sa, child, now_ms);
}

static void run_established(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	struct child *child = sa->children;

	/* The next one may go too, to make room: those behind it are due again at once. */
	while (child != NULL) {
		uint64_t next = child->next != NULL ? child->next->id : 0;

		run_child(c, sa, child, now_ms);
		child = child_find(c, next);
	}
	if (sa->over_due_ms <= now_ms) {
		struct task *task = task_add(c, sa, TASK_DELETE_IKE, 0);

		count(c, COUNT_EXPIRED);
		sa->over_due_ms = sa->rekey_due_ms = NO_TIME;
		if (task != NULL)
			task->reason = REASON_EXPIRED;
	} else if (sa->rekey_due_ms <= now_ms) {
		sa->rekey_due_ms = NO_TIME;
		if (sa->wanted == REKEY_NONE)
			sa->wanted = REKEY_TIME;
		task_add(c, sa, TASK_REKEY_IKE, 0);
	}
	if (sa->current == NULL && sa->tasks == NULL && liveness_due(c, sa) <= now_ms)
		task_add(c, sa, TASK_LIVENESS, 0);
	if (keepalive_due(sa) <= now_ms) {
		sa->sent_ms = now_ms;
		action_keepalive(c, &sa->path);
	}
}

/* The end of a state that waits for the peer. */
static void run_state(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	sa->state_due_ms = NO_TIME;
	if (sa->state == SA_HEIR && heir_is_undecided(c, sa))
		sa->state_due_ms = now_ms + c->conf.half_open_timeout_ms;
	else if (sa->state == SA_HEIR || sa->state == SA_REPLACED)
		task_add(c, sa, TASK_DELETE_IKE, 0);
}

void ike_sa_run_due(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	if (sa->current != NULL && sa->retransmit_due_ms <= now_ms &&
	    !request_retransmit(c, sa, now_ms)) {
		count(c, COUNT_DPD_FAILED);
		ike_sa_close(c, sa, now_ms, REASON_DEAD);
		return;
	}
	if (sa->state_due_ms <= now_ms)
		run_state(c, sa, now_ms);
	if (sa->state == SA_ESTABLISHED)
		run_established(c, sa, now_ms);
	tasks_start(c, sa, now_ms);
}

void core_child_usage(struct ike_core *c, uint64_t now_ms, uint64_t child_id,
		      const struct esp_stats *stats)
{
	struct child *child = child_find(c, child_id);
	uint64_t octets, packets;

	if (child != NULL && stats->last_out_ms > child->sa->sent_ms)
		child->sa->sent_ms = stats->last_out_ms;
	if (child == NULL || child->state != CHILD_INSTALLED || child->is_redundant ||
	    child->rekey_due_ms <= now_ms || child->is_used_up)
		return;
	octets = stats->octets_in > stats->octets_out ? stats->octets_in : stats->octets_out;
	packets = stats->packets_in > stats->seq_out ? stats->packets_in : stats->seq_out;
	if (child->rekey_octets != 0 && octets >= child->rekey_octets)
		child->wanted = REKEY_OCTETS;
	else if (child->rekey_packets != 0 && packets >= child->rekey_packets)
		child->wanted = REKEY_PACKETS;
	else if (packets >= SEQUENCE_LIMIT)
		child->wanted = REKEY_SEQUENCE;
	else
		return;
	child->is_used_up = true;
	child->rekey_due_ms = now_ms;
	ike_sa_arm(c, child->sa);
}
