/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/chaos.h"

/*
 * The faults of one seed. Each seed draws which kinds there are, how often, and to whom; one member
 * in half of the seeds is spared everything.
 */

struct cut {
	enum net_kind kind;
	uint32_t from, to;
};

struct plan {
	uint64_t until;
	uint64_t gap_ms; /* on average */
	uint32_t weights[FAULT_COUNT], sum;
};

/* ---- drawing ---- */

bool chaos_chance(struct sim *s, uint32_t percent)
{
	return draw(&s->chaos, 100) < percent;
}

uint64_t chaos_duration(struct sim *s)
{
	switch (draw(&s->chaos, 4)) {
	case 0:
		return draw_between(&s->chaos, 20, 400);
	case 1:
		return draw_between(&s->chaos, 150, 2000);
	case 2:
		return draw_between(&s->chaos, 1000, 6000);
	default:
		return draw_between(&s->chaos, 3000, 25000);
	}
}

static uint32_t everybody(const struct sim *s, bool is_guilty)
{
	uint32_t set = 0;

	for (size_t i = 0; i < s->conf.n_members; i++)
		set |= is_guilty && s->hosts[i].is_innocent ? 0 : 1u << i;
	return set;
}

/* ---- ends of faults ---- */

static void mend_cut(struct sim *s, struct event *e)
{
	const struct cut *cut = event_data(e);

	/* All was mended in the meantime. */
	if (!s->checks.is_quiet)
		fault_cut(s, cut->kind, cut->from, cut->to, -1);
}

static void mend_noise(struct sim *s, struct event *e)
{
	(void)e;
	fault_noise(s, 0, 0, 0, 0);
}

static void start_director(struct sim *s, struct event *e)
{
	director_begin(s, (size_t)e->a);
}

static void resume_director(struct sim *s, struct event *e)
{
	(void)e;
	if (s->director.proc.is_stopped && !s->director.is_waiting)
		proc_resume(s, SIM_THE_DIRECTOR, SIM_DIRECTOR);
}

static void mend_store(struct sim *s, struct event *e)
{
	(void)e;
	s->director.is_store_failing = false;
	s->director.store_ms = 0;
}

static void end_pause(struct sim *s, struct event *e)
{
	(void)e;
	director_pause(s, false);
}

/* ---- the network ---- */

static void cut(struct sim *s, enum net_kind kind, uint32_t from, uint32_t to, uint64_t ms)
{
	const struct cut cut = { kind, from, to };

	fault_cut(s, kind, from, to, 1);
	sim_at(s, s->now + ms, mend_cut, 0, &cut, sizeof(cut));
}

/* One way or both. */
static void cut_ways(struct sim *s, enum net_kind kind, uint32_t a, uint32_t b, uint64_t ms)
{
	uint64_t ways = draw(&s->chaos, 4);

	if (ways != 0)
		cut(s, kind, a, b, ms);
	if (ways != 1)
		cut(s, kind, b, a, ms);
}

static void cut_something(struct sim *s, enum kind kind)
{
	uint32_t guilty = everybody(s, true), director = 1u << SIM_DIRECTOR;
	uint32_t set = (uint32_t)draw(&s->chaos, guilty + 1u) & guilty, rest = guilty & ~set;
	uint64_t ms = chaos_duration(s);

	switch (kind) {
	case FAULT_CUT_CONTROL:
		cut_ways(s, NET_CONTROL, set, director, ms);
		break;
	case FAULT_CUT_MESH:
		cut_ways(s, NET_MESH, set, rest, ms);
		break;
	case FAULT_CUT_LINK:
		cut_ways(s, NET_LINK, set, rest | (chaos_chance(s, 50) ? director : 0), ms);
		break;
	case FAULT_CUT_DIRECTOR:
		cut(s, NET_CONTROL, guilty, director, ms);
		cut(s, NET_CONTROL, director, guilty, ms);
		break;
	default:
		/* A set of hosts, perhaps one, alone: from everything, or all but each other. */
		for (int net = NET_CONTROL; net <= NET_LINK; net++) {
			uint32_t others = everybody(s, false) & ~set;
			enum net_kind k = (enum net_kind)net;

			cut(s, k, set, others | director, ms);
			cut(s, k, others | director, set, ms);
		}
		break;
	}
}

static void noise(struct sim *s)
{
	uint32_t loss = chaos_chance(s, 60) ? (uint32_t)draw(&s->chaos, 400000) : 0;
	uint32_t dup = chaos_chance(s, 40) ? (uint32_t)draw(&s->chaos, 500000) : 0;
	uint32_t delay = chaos_chance(s, 50) ? (uint32_t)draw(&s->chaos, 120) : 0;
	uint32_t spread = chaos_chance(s, 50) ? (uint32_t)draw(&s->chaos, 300) : 0;

	fault_noise(s, loss, dup, delay, spread);
	sim_at(s, s->now + chaos_duration(s), mend_noise, 0, NULL, 0);
}

/* ---- the director and its operator ---- */

static void hit_director(struct sim *s, enum kind kind)
{
	struct director *d = &s->director;
	uint64_t ms = chaos_duration(s);
	struct event *e;

	switch (kind) {
	case FAULT_DIRECTOR_KILL:
	case FAULT_DIRECTOR_POWER:
	case FAULT_DIRECTOR_RESTORE:
		if (!d->proc.is_alive || (kind == FAULT_DIRECTOR_RESTORE && d->n_copies == 0))
			return;
		director_kill(s, kind == FAULT_DIRECTOR_POWER);
		e = sim_at(s, s->now + ms, start_director, 0, NULL, 0);
		e->a = kind == FAULT_DIRECTOR_RESTORE ? draw(&s->chaos, d->n_copies) : SIZE_MAX;
		break;
	case FAULT_DIRECTOR_STOP:
		if (!d->proc.is_alive || d->proc.is_stopped)
			return;
		SIM_SAY(s, SIM_DIRECTOR, "stopped for %llu ms", (unsigned long long)ms);
		proc_stop(s, SIM_THE_DIRECTOR, SIM_DIRECTOR);
		sim_at(s, s->now + ms, resume_director, 0, NULL, 0);
		break;
	case FAULT_SLOW_STORE:
	case FAULT_BAD_STORE:
		SIM_SAY(s, SIM_DIRECTOR, "store %s", kind == FAULT_BAD_STORE ? "fails" : "is slow");
		if (kind == FAULT_BAD_STORE)
			d->is_store_failing = true;
		else
			d->store_ms = (uint32_t)draw_between(&s->chaos, 20, 3000);
		sim_at(s, s->now + ms, mend_store, 0, NULL, 0);
		break;
	case FAULT_COPY:
		store_copy(s);
		break;
	case FAULT_WALL:
		d->wall_s += (int64_t)draw(&s->chaos, 4000) - 2000;
		break;
	default:
		break;
	}
}

static void operate(struct sim *s, enum kind kind)
{
	size_t a = draw(&s->chaos, s->n_addresses), to = draw(&s->chaos, s->conf.n_members + 1);

	if (kind == FAULT_PAUSE) {
		director_pause(s, true);
		sim_at(s, s->now + chaos_duration(s), end_pause, 0, NULL, 0);
		return;
	}
	(void)director_move(s, a, to == s->conf.n_members ? COORDINATOR_NONE : to,
			    kind == FAULT_FORCE);
}

/* ---- the plan ---- */

static void strike(struct sim *s, enum kind kind)
{
	if (kind <= FAULT_LAG)
		chaos_hit_member(s, kind);
	else if (kind <= FAULT_CUT_DIRECTOR)
		cut_something(s, kind);
	else if (kind == FAULT_NOISE)
		noise(s);
	else if (kind <= FAULT_WALL)
		hit_director(s, kind);
	else
		operate(s, kind);
}

static void next(struct sim *s, struct event *e)
{
	const struct plan *plan = event_data(e);
	uint64_t at = s->now + 1 + draw(&s->chaos, 2 * plan->gap_ms);
	uint64_t pick = draw(&s->chaos, plan->sum);
	size_t kind = 0;

	while (pick >= plan->weights[kind])
		pick -= plan->weights[kind++];
	strike(s, (enum kind)kind);
	if (at < plan->until)
		sim_at(s, at, next, 0, plan, sizeof(*plan));
}

void chaos_begin(struct sim *s, uint64_t from, uint64_t until)
{
#define WEIGHT(name, weight) weight,
	static const uint32_t weights[FAULT_COUNT] = { KINDS(WEIGHT) };
#undef WEIGHT
	struct plan plan = { .until = until };
	uint32_t percent = (uint32_t)draw_between(&s->chaos, 15, 90);

	plan.gap_ms = 1u << draw_between(&s->chaos, 8, 12);
	if (chaos_chance(s, 50))
		s->hosts[draw(&s->chaos, s->conf.n_members)].is_innocent = true;
	for (size_t i = 0; i < FAULT_COUNT; i++) {
		plan.weights[i] = chaos_chance(s, percent) ? weights[i] : 0;
		plan.sum += plan.weights[i];
	}
	if (plan.sum > 0)
		sim_at(s, from, next, 0, &plan, sizeof(plan));
}

/* ---- the cluster ---- */

void chaos_conf(struct sim *s)
{
	struct sim_conf *c = &s->conf;

	c->n_members = draw_between(&s->chaos, 2, SIM_MEMBERS_MAX);
	c->n_homes = chaos_chance(s, 25) ? 2 : 1;
	c->has_witness = chaos_chance(s, c->n_members == 2 ? 80 : 40);
	c->is_route = chaos_chance(s, 10);
	c->has_next_hop = !c->is_route && chaos_chance(s, 50);
	c->has_v6 = chaos_chance(s, 50);
	c->is_normal = chaos_chance(s, 15);
	c->is_auto = chaos_chance(s, 60);
	c->has_fence = chaos_chance(s, 20);
	c->is_store_sync = chaos_chance(s, 60);
	c->hold_down_ms = (uint32_t)draw_between(&s->chaos, 1000, 8000);
	c->restart_ms = chaos_chance(s, 70) ? draw_between(&s->chaos, 100, 3000) : SIM_NEVER;
	for (size_t i = 0; i < c->n_members; i++)
		c->cannot[i] = chaos_chance(s, 20) ? (uint32_t)draw(&s->chaos, 1u << 12) : 0;
}
