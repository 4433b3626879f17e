/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/fragments.h"
#include "common/ikev2/session/tasks.h"

#include <inttypes.h>
#include <stddef.h>

#define LOG_BURST       20
#define LOG_INTERVAL_MS 500

const char *ike_counter_name(enum ike_counter counter)
{
#define COUNTER_NAME(name, text) text,
	static const char *const names[] = { IKE_COUNTERS(COUNTER_NAME) };
#undef COUNTER_NAME

	return counter < IKE_COUNTER_COUNT ? names[counter] : "?";
}

const char *ike_reason_text(enum ike_reason reason)
{
#define REASON_CASE(name, text) \
	case REASON_##name:     \
		return text;
	switch (reason) {
		IKE_REASONS(REASON_CASE)
	}
#undef REASON_CASE
	return "?";
}

void core_init(struct ike_core *c, const struct role *role, const struct session_conf *conf,
	       struct crypto *crypto, const struct rng *rng, const struct logger *lg)
{
	c->role = role;
	c->conf = *conf;
	c->crypto = crypto;
	c->rng = rng;
	c->lg = lg;
	c->last = &c->first;
	c->limit = (struct log_limit){ .burst = LOG_BURST, .interval_ms = LOG_INTERVAL_MS };
}

void core_clear(struct ike_core *c)
{
	/* One at a time: the heir of a rekey of ours goes with its predecessor's tasks. */
	while (c->by_spi != NULL)
		ike_sa_free(c, c->by_spi);
	actions_free(c);
	timers_free(&c->timers);
	timers_free(&c->fragment_timers);
}

/* Half-open ones have nothing that anybody would have to be told of. */
static bool is_up(const struct ike_sa *sa)
{
	return sa->state != SA_HALF_OPEN && sa->state != SA_FAILED && sa->state != SA_CLOSED;
}

static struct ike_sa *first_due(const struct ike_core *c, uint64_t now_ms)
{
	struct timer *first = timers_first(&c->timers);

	if (first == NULL || first->due_ms > now_ms)
		return NULL;
	return (struct ike_sa *)(void *)((char *)first - offsetof(struct ike_sa, timer));
}

/* They are due before all others. */
static void drop_taken(struct ike_core *c, uint64_t now_ms)
{
	struct ike_sa *sa;

	for (size_t i = 0; i < CORE_DROP_SLICE; i++) {
		sa = first_due(c, now_ms);
		if (sa == NULL || !sa->is_taken)
			return;
		if (is_up(sa))
			ike_sa_close(c, sa, now_ms, REASON_TAKEN);
		ike_sa_free(c, sa);
	}
}

bool core_is_dropping(const struct ike_core *c)
{
	const struct ike_sa *sa = first_due(c, 0);

	return sa != NULL && sa->is_taken;
}

/* Of ten thousand: to mark them all and to close the first slice took 6 ms, to close all 200 ms. */
void core_drop_local(struct ike_core *c, uint64_t now_ms, const struct ip *local)
{
	c->now_ms = now_ms;
	for (struct ike_sa *sa = c->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		if (!ip_is_equal(&sa->path.local.ip, local))
			continue;
		sa->is_taken = true;
		ike_sa_arm(c, sa);
	}
	drop_taken(c, now_ms);
}

bool stranger_may_log(struct ike_core *c)
{
	uint64_t suppressed;

	if (!log_limit_is_allowed(&c->limit, c->now_ms, &suppressed))
		return false;
	if (suppressed > 0)
		log_info(c->lg, LG_IKE, "%" PRIu64 " lines about strangers were not written",
			 suppressed);
	return true;
}

void core_child_result(struct ike_core *c, uint64_t now_ms, uint64_t child_id, int err)
{
	struct child *child = child_find(c, child_id);
	struct ike_sa *sa;

	c->now_ms = now_ms;
	if (child == NULL || child->state != CHILD_INSTALLING)
		return;
	sa = child->sa;
	if (err != 0)
		log_error(c->lg, LG_IKE, "the data plane refused a Child SA: %s", err_text(err));
	if (sa->state == SA_INSTALLING)
		c->role->first_child(c, sa, child, now_ms, err);
	else if (child->is_initiator)
		child_request_finish(c, sa, child, now_ms, err);
	else
		child_answer_finish(c, sa, child, now_ms, err);
	tasks_start(c, sa, now_ms);
	ike_sa_arm(c, sa);
}

uint64_t core_next_expiry(const struct ike_core *c)
{
	const struct timer *first = timers_first(&c->timers);
	uint64_t due = first != NULL ? first->due_ms : NO_TIME,
		 fragments = fragments_next_expiry(c);

	return due < fragments ? due : fragments;
}

static void expire(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	switch (sa->state) {
	case SA_ESTABLISHED:
	case SA_HEIR:
	case SA_REPLACED:
	case SA_CLOSING:
		ike_sa_run_due(c, sa, now_ms);
		ike_sa_arm(c, sa);
		break;
	case SA_INSTALLING:
	case SA_HALF_OPEN:
	case SA_INIT_SENT:
	case SA_AUTH_SENT:
		c->role->expire_setup(c, sa, now_ms);
		break;
	case SA_FAILED:
	case SA_CLOSED:
	case SA_STATE_COUNT:
		ike_sa_free(c, sa);
		break;
	}
}

void core_expire(struct ike_core *c, uint64_t now_ms)
{
	struct ike_sa *sa;

	c->now_ms = now_ms;
	fragments_expire(c, now_ms);
	drop_taken(c, now_ms);
	while ((sa = first_due(c, now_ms)) != NULL && !sa->is_taken)
		expire(c, sa, now_ms);
}

void core_each_peer(const struct ike_core *c,
		    void (*visit)(void *ctx, const struct peer_info *peer), void *ctx)
{
	for (const struct ike_sa *sa = c->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		struct peer_info info;

		if (sa->state != SA_ESTABLISHED)
			continue;
		ike_sa_fill_info(sa, &info);
		visit(ctx, &info);
	}
}

/* ---- what somebody wants ---- */

static struct ike_sa *find_established(const struct ike_core *c, uint64_t spi)
{
	struct ike_sa *sa = ike_sa_find(c, spi);

	return sa != NULL && sa->state == SA_ESTABLISHED ? sa : NULL;
}

static bool begin(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms)
{
	tasks_start(c, sa, now_ms);
	ike_sa_arm(c, sa);
	return true;
}

bool core_rekey_ike(struct ike_core *c, uint64_t now_ms, uint64_t spi)
{
	struct ike_sa *sa = find_established(c, spi);

	c->now_ms = now_ms;
	if (sa == NULL)
		return false;
	sa->rekey_due_ms = NO_TIME;
	sa->wanted = REKEY_OPERATOR;
	task_add(c, sa, TASK_REKEY_IKE, 0);
	return begin(c, sa, now_ms);
}

static bool ask_for_child(struct ike_core *c, uint64_t now_ms, uint64_t child_id,
			  enum task_type type)
{
	struct child *child = child_find(c, child_id);

	c->now_ms = now_ms;
	if (child == NULL || child->state != CHILD_INSTALLED || child->sa->state != SA_ESTABLISHED)
		return false;
	child->rekey_due_ms = NO_TIME;
	child->wanted = REKEY_OPERATOR;
	task_add(c, child->sa, type, child_id);
	return begin(c, child->sa, now_ms);
}

bool core_rekey_child(struct ike_core *c, uint64_t now_ms, uint64_t child_id)
{
	return ask_for_child(c, now_ms, child_id, TASK_REKEY_CHILD);
}

bool core_delete_child(struct ike_core *c, uint64_t now_ms, uint64_t child_id)
{
	return ask_for_child(c, now_ms, child_id, TASK_DELETE_CHILD);
}

bool core_create_child(struct ike_core *c, uint64_t now_ms, uint64_t spi)
{
	struct ike_sa *sa = find_established(c, spi);

	c->now_ms = now_ms;
	if (sa == NULL)
		return false;
	task_add(c, sa, TASK_CREATE_CHILD, 0);
	return begin(c, sa, now_ms);
}

bool core_delete_ike(struct ike_core *c, uint64_t now_ms, uint64_t spi, enum ike_reason reason)
{
	struct ike_sa *sa = find_established(c, spi);
	struct task *task;

	c->now_ms = now_ms;
	if (sa == NULL)
		return false;
	task = task_add(c, sa, TASK_DELETE_IKE, 0);
	if (task != NULL)
		task->reason = reason;
	return begin(c, sa, now_ms);
}
