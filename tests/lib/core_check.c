/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/tasks.h"
#include "tests/lib/core_check.h"

#define SILENCE_STEPS 2000

/* ---- a copy ---- */

/* FNV-1a, 64 bits. */
static void digest(uint64_t *d, const void *ptr, size_t len)
{
	const uint8_t *octets = ptr;

	for (size_t k = 0; k < len; k++)
		*d = (*d ^ octets[k]) * 0x100000001b3;
}

static void digest_stored(uint64_t *d, const struct stored *s)
{
	digest(d, &s->len, sizeof(s->len));
	digest(d, s->ptr, s->len);
}

static void digest_task(uint64_t *d, const struct task *task)
{
	if (task == NULL)
		return;
	digest(d, task, sizeof(*task));
	if (task->selectors != NULL)
		digest(d, task->selectors, sizeof(*task->selectors));
}

static void digest_sa(uint64_t *d, const struct ike_sa *sa, bool is_responder)
{
	digest_stored(d, &sa->outstanding);
	digest_stored(d, &sa->last_response);
	digest_stored(d, &sa->answer.message);
	digest_task(d, sa->current);
	for (const struct task *task = sa->tasks; task != NULL; task = task->next)
		digest_task(d, task);
	if (sa->setup != NULL)
		digest(d, sa->setup,
		       is_responder ? sizeof(struct half_open) : sizeof(struct attempt));
}

void core_copy(struct ike_pair *p, enum pair_side side, struct core_copy *out)
{
	const struct ike_core *c = pair_core(p, side);

	out->n_sas = out->n_children = 0;
	out->rest = 0xcbf29ce484222325;
	memcpy(out->counters, c->counters, sizeof(out->counters));
	out->n_half_open = c->n_half_open;
	out->n_established = c->n_established;
	out->n_timers = c->timers.n + c->fragment_timers.n;
	out->fragment_octets = c->fragment_octets;
	out->next_child = c->next_child;
	out->expiry_ms = core_next_expiry(c);
	for (const struct ike_sa *sa = c->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		assert_true(out->n_sas < CORE_COPY_SAS);
		out->sas_at[out->n_sas] = sa;
		memcpy(&out->sas[out->n_sas++], sa, sizeof(*sa));
		digest_sa(&out->rest, sa, side == RESPONDER);
	}
	for (const struct child *child = c->by_child; child != NULL; child = child->hh.next) {
		assert_true(out->n_children < CORE_COPY_CHILDREN);
		out->children_at[out->n_children] = child;
		memcpy(&out->children[out->n_children++], child, sizeof(*child));
	}
}

static void check_same_counters(const struct core_copy *before, const struct core_copy *now)
{
	for (int k = 0; k < IKE_COUNTER_COUNT; k++) {
		if (before->counters[k] != now->counters[k])
			fail_msg("counter %s", ike_counter_name((enum ike_counter)k));
	}
}

/* cmocka compares octet by octet to say where they differ: slow. */
static void check_same_octets(const void *now, const void *before, size_t len)
{
	if (memcmp(now, before, len) != 0)
		assert_memory_equal(now, before, len);
}

void core_check_same(struct ike_pair *p, enum pair_side side, const struct core_copy *before)
{
	struct core_copy now;

	core_copy(p, side, &now);
	check_same_counters(before, &now);
	assert_int_equal(now.n_half_open, before->n_half_open);
	assert_int_equal(now.n_established, before->n_established);
	assert_int_equal(now.n_timers, before->n_timers);
	assert_int_equal(now.fragment_octets, before->fragment_octets);
	assert_int_equal(now.next_child, before->next_child);
	assert_int_equal(now.expiry_ms, before->expiry_ms);
	assert_int_equal(now.n_sas, before->n_sas);
	assert_int_equal(now.n_children, before->n_children);
	for (size_t k = 0; k < now.n_sas; k++) {
		assert_ptr_equal(now.sas_at[k], before->sas_at[k]);
		check_same_octets(&now.sas[k], &before->sas[k], sizeof(now.sas[k]));
	}
	for (size_t k = 0; k < now.n_children; k++) {
		assert_ptr_equal(now.children_at[k], before->children_at[k]);
		check_same_octets(&now.children[k], &before->children[k], sizeof(now.children[k]));
	}
	assert_int_equal(now.rest, before->rest);
}

struct ike_sa *core_copy_of(struct core_copy *copy, const struct ike_sa *sa)
{
	size_t k = 0;

	while (k < copy->n_sas && copy->sas_at[k] != sa)
		k++;
	assert_true(k < copy->n_sas);
	return &copy->sas[k];
}

/* ---- in order ---- */

/* The heir of a rekey of ours that is not answered yet goes with the request, not with time. */
static bool is_awaited_heir(const struct ike_core *c, const struct ike_sa *heir)
{
	const struct ike_sa *old = ike_sa_find(c, heir->old_spi);

	return heir->state == SA_HEIR && heir->keys.d.len == 0 && old != NULL &&
	       task_is_current(old, TASK_REKEY_IKE) && old->current->made == heir->own_spi;
}

static size_t check_children(const struct ike_core *c, const struct ike_sa *sa)
{
	size_t n = 0;

	for (const struct child *child = sa->children; child != NULL; child = child->next) {
		assert_ptr_equal(child->sa, sa);
		assert_ptr_equal(child_find(c, child->id), child);
		n++;
	}
	return n;
}

static void check_data_plane(struct ike_pair *p, enum pair_side side)
{
	const struct ike_core *c = pair_core(p, side);
	const struct pair_end *e = &p->end[side];

	for (size_t k = 0; k < e->n_children; k++)
		assert_non_null(child_find(c, e->children[k].id));
	for (const struct child *child = c->by_child; child != NULL; child = child->hh.next) {
		size_t k = 0;

		if (child->state == CHILD_RESERVED || !child->is_outbound)
			continue;
		while (k < e->n_children && e->children[k].id != child->id)
			k++;
		assert_true(k < e->n_children);
	}
}

void core_check_order(struct ike_pair *p, enum pair_side side)
{
	const struct ike_core *c = pair_core(p, side);
	size_t half_open = 0, established = 0, installing = 0, children = 0;

	for (const struct ike_sa *sa = c->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		assert_true(sa->state < SA_STATE_COUNT);
		half_open += sa->state == SA_HALF_OPEN || sa->state == SA_FAILED ||
			     sa->state == SA_INIT_SENT || sa->state == SA_AUTH_SENT;
		installing += sa->state == SA_INSTALLING;
		established += sa->state == SA_ESTABLISHED;
		children += check_children(c, sa);
		assert_true((sa->current != NULL) <= (sa->outstanding.len > 0));
		if (!is_awaited_heir(c, sa) && sa->timer.due_ms == NO_TIME)
			fail_msg("nothing ends the state %s", ike_sa_state_name(sa->state));
	}
	assert_int_equal(c->n_half_open, half_open);
	assert_int_equal(c->n_established, established + installing);
	assert_int_equal(c->timers.n, HASH_CNT(hh_spi, c->by_spi));
	assert_int_equal(HASH_COUNT(c->by_child), children);
	assert_int_equal(p->end[side].n_up - p->end[side].n_down, established);
	check_data_plane(p, side);
}

/* ---- nothing left ---- */

void core_check_silence(struct ike_pair *p, enum pair_side side)
{
	struct ike_core *c = pair_core(p, side);
	int steps = 0;

	p->link.loss_ppm = 1000000;
	while (core_next_expiry(c) != NO_TIME) {
		struct action a;

		if (p->now < core_next_expiry(c))
			p->now = core_next_expiry(c);
		core_expire(c, p->now);
		while (actions_next(c, &a))
			pair_take_action(p, side, &a);
		core_check_order(p, side);
		assert_true(++steps < SILENCE_STEPS);
	}
	assert_null(c->by_spi);
	assert_null(c->by_init);
	assert_null(c->by_peer);
	assert_null(c->by_child);
	assert_int_equal(c->fragment_octets, 0);
	assert_int_equal(c->timers.n + c->fragment_timers.n, 0);
	assert_int_equal(p->end[side].n_children, 0);
}
