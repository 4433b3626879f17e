/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/sim/sim.h"

/* The queue of what is to happen, and the processes that it happens to. */

#define STILL_MAX 100000

/* ---- the heap, by time and then by order ---- */

static bool is_before(const struct event_slot *a, const struct event_slot *b)
{
	return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

static void grow(struct sim *s)
{
	s->cap_events = s->cap_events == 0 ? 1024 : 2 * s->cap_events;
	s->heap = realloc(s->heap, s->cap_events * sizeof(*s->heap));
	if (s->heap == NULL)
		abort();
}

static void push(struct sim *s, struct event *e)
{
	struct event_slot slot = { e->at, e->seq, e };
	size_t i = s->n_events;

	if (s->n_events == s->cap_events)
		grow(s);
	for (s->n_events++; i > 0; i = (i - 1) / 2) {
		if (!is_before(&slot, &s->heap[(i - 1) / 2]))
			break;
		s->heap[i] = s->heap[(i - 1) / 2];
	}
	s->heap[i] = slot;
}

static struct event *pop(struct sim *s)
{
	struct event *first = s->heap[0].event;
	struct event_slot last = s->heap[--s->n_events];
	size_t i = 0;

	for (size_t child = 1; child < s->n_events; child = 2 * i + 1) {
		if (child + 1 < s->n_events && is_before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!is_before(&s->heap[child], &last))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = last;
	return first;
}

/* ---- events ---- */

static struct event *event_new(struct sim *s)
{
	struct event *e = s->free_events;

	if (e != NULL)
		s->free_events = e->next;
	else
		e = malloc(sizeof(*e));
	if (e == NULL)
		abort();
	return e;
}

static void event_free(struct sim *s, struct event *e)
{
	free(e->big);
	e->big = NULL;
	e->next = s->free_events;
	s->free_events = e;
}

void *event_data(struct event *e)
{
	return e->big != NULL ? e->big : e->octets;
}

struct event *sim_at(struct sim *s, uint64_t at, event_fn *run, size_t host, const void *data,
		     size_t len)
{
	struct event *e = event_new(s);

	e->at = at > s->now ? at : s->now;
	e->seq = ++s->seq;
	e->run = run;
	e->next = NULL;
	e->gen = 0;
	e->target = SIM_NOBODY;
	e->host = (uint8_t)host;
	e->from = (uint8_t)host;
	e->is_net = e->is_datagram = false;
	e->a = 0;
	e->len = len;
	e->big = NULL;
	if (len > SIM_INLINE_MAX) {
		e->big = malloc(len);
		if (e->big == NULL)
			abort();
	}
	if (len > 0)
		memcpy(event_data(e), data, len);
	push(s, e);
	return e;
}

struct event *sim_post(struct sim *s, enum sim_target target, size_t host, uint64_t at,
		       event_fn *run, const void *data, size_t len)
{
	struct event *e = sim_at(s, at, run, host, data, len);

	e->target = (uint8_t)target;
	e->gen = sim_proc(s, target, host)->gen;
	return e;
}

/* ---- processes ---- */

struct proc *sim_proc(struct sim *s, enum sim_target target, size_t host)
{
	if (target == SIM_THE_DIRECTOR)
		return &s->director.proc;
	return target == SIM_KEEPER ? &s->hosts[host].keeper.proc : &s->hosts[host].agent.proc;
}

bool sim_is_running(struct sim *s, enum sim_target target, size_t host)
{
	const struct proc *p = sim_proc(s, target, host);

	return p->is_alive && !p->is_stopped &&
	       (target == SIM_THE_DIRECTOR || !s->hosts[host].is_suspended);
}

static void clear_inbox(struct sim *s, struct proc *p)
{
	while (p->first != NULL) {
		struct event *e = p->first;

		p->first = e->next;
		event_free(s, e);
	}
	p->last = NULL;
	p->n_datagrams = 0;
	p->n_turn = 0;
}

void proc_begin(struct sim *s, struct proc *p)
{
	clear_inbox(s, p);
	p->is_alive = true;
	p->is_stopped = false;
	p->gen = ++s->next_gen;
	p->armed_at = SIM_NEVER;
}

void proc_end(struct sim *s, struct proc *p)
{
	p->is_alive = false;
	p->is_stopped = false;
	clear_inbox(s, p);
}

static void wake(struct sim *s, struct event *e)
{
	struct proc *p = sim_proc(s, e->target, e->host);

	if (e->at != p->armed_at)
		return; /* it has woken up since */
	p->armed_at = SIM_NEVER;
	switch ((enum sim_target)e->target) {
	case SIM_MAIN:
		agent_wake(s, e->host);
		break;
	case SIM_KEEPER:
		keeper_wake(s, e->host);
		break;
	case SIM_THE_DIRECTOR:
		director_wake(s);
		break;
	case SIM_NOBODY:
		break;
	}
}

/* Waking up too early does no harm, so the earlier time stays. */
void proc_arm(struct sim *s, enum sim_target target, size_t host, uint64_t at)
{
	struct proc *p = sim_proc(s, target, host);

	if (at < s->now)
		at = s->now;
	if (!p->is_alive || at == SIM_NEVER || p->armed_at <= at)
		return;
	p->armed_at = at;
	sim_post(s, target, host, at, wake, NULL, 0);
}

void proc_stop(struct sim *s, enum sim_target target, size_t host)
{
	struct proc *p = sim_proc(s, target, host);

	if (!p->is_alive || p->is_stopped)
		return;
	p->is_stopped = true;
	p->stopped_at = s->now;
}

static void enqueue(struct sim *s, struct proc *p, struct event *e)
{
	if (e->run == wake || (e->is_datagram && p->n_datagrams == SIM_INBOX_MAX)) {
		if (e->run == wake)
			p->armed_at = SIM_NEVER;
		event_free(s, e);
		return;
	}
	p->n_datagrams += e->is_datagram ? 1 : 0;
	e->next = NULL;
	if (p->last != NULL)
		p->last->next = e;
	else
		p->first = e;
	p->last = e;
}

static void drain_one(struct sim *s, struct proc *p)
{
	struct event *e = p->first;

	p->first = e->next;
	if (p->first == NULL)
		p->last = NULL;
	p->n_datagrams -= e->is_datagram ? 1 : 0;
	p->n_turn -= p->n_turn > 0 ? 1 : 0;
	e->run(s, e);
	event_free(s, e);
}

/* What waited; it may end the process. */
static void drain_inbox(struct sim *s, enum sim_target target, size_t host)
{
	struct proc *p = sim_proc(s, target, host);
	uint32_t gen = p->gen;

	while (p->first != NULL && p->gen == gen && sim_is_running(s, target, host))
		drain_one(s, p);
}

/*
 * As in an event loop: timers before sockets, and each socket that was ready once before the next
 * timers, however long the process waits for its disk meanwhile.
 */
static void run_director(struct sim *s)
{
	struct proc *p = &s->director.proc;
	uint32_t gen = p->gen;

	while (p->n_turn > 0 && p->gen == gen && sim_is_running(s, SIM_THE_DIRECTOR, SIM_DIRECTOR))
		drain_one(s, p);
	if (p->gen != gen || !sim_is_running(s, SIM_THE_DIRECTOR, SIM_DIRECTOR))
		return;
	director_wake(s);
	p->n_turn = 0;
	for (const struct event *e = p->first; e != NULL; e = e->next)
		p->n_turn++;
	drain_inbox(s, SIM_THE_DIRECTOR, SIM_DIRECTOR);
}

void proc_resume(struct sim *s, enum sim_target target, size_t host)
{
	struct proc *p = sim_proc(s, target, host);

	p->is_stopped = false;
	if (!sim_is_running(s, target, host))
		return;
	if (target == SIM_KEEPER) {
		keeper_resume(s, host);
		s->hosts[host].keeper.is_batch = true;
		drain_inbox(s, target, host);
		s->hosts[host].keeper.is_batch = false;
		keeper_wake(s, host);
		return;
	}
	if (target == SIM_THE_DIRECTOR) {
		run_director(s);
		return;
	}
	/* As in an event loop: timers before sockets. */
	agent_wake(s, host);
	drain_inbox(s, target, host);
	if (p->is_alive)
		agent_arm(s, host);
}

/* ---- what happens ---- */

static void dispatch(struct sim *s, struct event *e)
{
	struct proc *p;

	if (e->is_net && e->host < s->conf.n_members &&
	    (!s->hosts[e->host].is_up || s->hosts[e->host].is_suspended)) {
		event_free(s, e);
		return;
	}
	if (e->target == SIM_NOBODY) {
		e->run(s, e);
		event_free(s, e);
		return;
	}
	p = sim_proc(s, e->target, e->host);
	if (!p->is_alive || (e->gen != 0 && e->gen != p->gen)) {
		event_free(s, e);
	} else if (!sim_is_running(s, e->target, e->host)) {
		enqueue(s, p, e);
	} else {
		e->run(s, e);
		event_free(s, e);
	}
}

bool sim_step(struct sim *s, uint64_t until)
{
	if (s->has_failed || s->n_events == 0 || s->heap[0].at > until)
		return false;
	s->n_still = s->heap[0].at == s->now ? s->n_still + 1 : 0;
	if (s->n_still > STILL_MAX)
		sim_fail(s, "time stands still", "%d steps in one millisecond", STILL_MAX);
	s->now = s->heap[0].at;
	s->n_steps++;
	dispatch(s, pop(s));
	check_step(s);
	return !s->has_failed;
}

void sim_run(struct sim *s, uint64_t until)
{
	while (sim_step(s, until))
		;
	if (!s->has_failed)
		s->now = until;
}

void events_free(struct sim *s)
{
	for (size_t i = 0; i < s->n_events; i++)
		event_free(s, s->heap[i].event);
	while (s->free_events != NULL) {
		struct event *e = s->free_events;

		s->free_events = e->next;
		free(e);
	}
	free(s->heap);
}
