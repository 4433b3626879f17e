/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/tasks.h"

/* IKE SAs as operators see them. */

const char *rekey_why_name(enum rekey_why why)
{
#define WHY_CASE(name, text) \
	case REKEY_##name:   \
		return text;
	switch (why) {
		REKEY_WHYS(WHY_CASE)
	}
#undef WHY_CASE
	return "?";
}

static const char *child_state_name(enum child_state state)
{
	static const char *const names[] = {
		[CHILD_RESERVED] = "reserved",   [CHILD_INSTALLING] = "installing",
		[CHILD_INSTALLED] = "installed", [CHILD_REKEYED] = "rekeyed",
		[CHILD_DELETING] = "deleting",   [CHILD_DRAINING] = "draining",
	};

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static const char *task_name(enum task_type type)
{
	static const char *const names[TASK_TYPE_COUNT] = {
		[TASK_LIVENESS] = "liveness",       [TASK_CREATE_CHILD] = "create-child",
		[TASK_REKEY_CHILD] = "rekey-child", [TASK_DELETE_CHILD] = "delete-child",
		[TASK_REKEY_IKE] = "rekey-ike",     [TASK_DELETE_IKE] = "delete-ike",
		[TASK_TICKET] = "ticket",
	};

	return type < TASK_TYPE_COUNT ? names[type] : "?";
}

/* What only answers repetitions is no SA any more. */
static bool is_listed(const struct ike_sa *sa, const struct sa_query *q)
{
	char identity[ID_TEXT_MAX];

	if (sa->own_spi <= q->after || sa->state == SA_FAILED || sa->state == SA_CLOSED)
		return false;
	if (q->identity == NULL)
		return true;
	return sa->peer != NULL && strcmp(id_format(&sa->id, identity), q->identity) == 0;
}

/* Into a list in order of SPIs; what is beyond max falls out. Returns the new length. */
static size_t insert(const struct ike_sa **list, size_t n, size_t max, const struct ike_sa *sa)
{
	size_t at = n < max ? n : max;

	for (; at > 0 && list[at - 1]->own_spi > sa->own_spi; at--) {
		if (at < max)
			list[at] = list[at - 1];
	}
	if (at == max)
		return n;
	list[at] = sa;
	return n < max ? n + 1 : n;
}

static void fill_child(const struct child *child, struct child_info *out)
{
	*out = (struct child_info){
		.id = child->id,
		.state = child_state_name(child->state),
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.suite = &child->suite,
		.local = &child->local,
		.remote = &child->remote,
		.is_initiator = child->is_initiator,
		.installed_ms = child->installed_ms,
		.rekey_due_ms = child->rekey_due_ms,
		.over_due_ms = child->over_due_ms,
		.why = child->why,
	};
}

static size_t count_tasks(const struct ike_sa *sa)
{
	size_t n = 0;

	for (const struct task *task = sa->tasks; task != NULL; task = task->next)
		n++;
	return n;
}

static void fill_sa(const struct ike_core *c, const struct ike_sa *sa, struct sa_info *out)
{
	bool has_peer = sa->peer != NULL;

	*out = (struct sa_info){
		.spi = sa->own_spi,
		.peer_spi = sa->is_initiator ? sa->spi_r : sa->spi_i,
		.state = ike_sa_state_name(sa->state),
		.is_initiator = sa->is_initiator,
		.id = has_peer ? &sa->id : NULL,
		.connection = has_peer ? sa->peer->connection->name : NULL,
		.path = sa->path,
		.suite = &sa->suite,
		.since_ms = sa->state == SA_ESTABLISHED ? sa->since_ms : NO_TIME,
		.heard_ms = sa->heard_ms,
		.rekey_due_ms = sa->rekey_due_ms,
		.over_due_ms = sa->over_due_ms,
		.why = sa->why,
		.rekeyed_ms = sa->rekeyed_ms,
		.n_rekeys = sa->n_rekeys,
		.is_behind_nat = sa->is_behind_nat,
		.is_peer_behind_nat = sa->is_peer_behind_nat,
		.is_encap_forced = c->conf.force_encap,
		.redirected_from = sa->redirected_from,
		.task = sa->current != NULL ? task_name(sa->current->type) : NULL,
		.n_tasks = count_tasks(sa),
	};
}

size_t core_each_sa(const struct ike_core *c, const struct id_body *local_id,
		    const struct sa_query *q, sa_visit *visit, void *ctx)
{
	const struct ike_sa *list[SA_QUERY_MAX];
	size_t max = q->limit < SA_QUERY_MAX ? q->limit : SA_QUERY_MAX, n = 0;

	for (const struct ike_sa *sa = c->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		if (is_listed(sa, q))
			n = insert(list, n, max, sa);
	}
	for (size_t i = 0; i < n; i++) {
		struct child_info children[CHILDREN_ALL_MAX];
		struct sa_info info;

		fill_sa(c, list[i], &info);
		info.local_id = local_id;
		for (const struct child *child = list[i]->children;
		     child != NULL && info.n_children < CHILDREN_ALL_MAX; child = child->next)
			fill_child(child, &children[info.n_children++]);
		info.children = children;
		visit(ctx, &info);
	}
	return n;
}
