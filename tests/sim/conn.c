/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/*
 * Control connections: what is written arrives in order and once, or the connection breaks. What is
 * lost comes 200 ms later or more. A process that ends says so (its kernel does), a host that loses
 * its power does not.
 */
#define RTO_FIRST_MS    200
#define RTO_MAX_MS      2000
#define USER_TIMEOUT_MS 15000
#define OPEN_MS         5000
#define OPEN_ATTEMPTS   3
#define SYN_MS          1000

/* ---- connections ---- */

struct conn *conn_find(struct sim *s, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < SIM_CONNS_MAX; i++) {
		if (s->conns[i].id == id)
			return &s->conns[i];
	}
	return NULL;
}

static void empty(struct pipe_end *end)
{
	while (end->first != NULL) {
		struct letter *l = end->first;

		end->first = l->next;
		letter_free(l);
	}
	end->last = NULL;
}

static void free_if_over(struct conn *c)
{
	if (c->id == 0 || c->ends[0].is_open || c->ends[1].is_open || c->ends[0].first != NULL ||
	    c->ends[1].first != NULL)
		return;
	*c = (struct conn){ .id = 0 };
}

static size_t place(const struct conn *c, enum conn_side side)
{
	return side == CONN_AGENT ? c->host : (size_t)SIM_DIRECTOR;
}

static enum conn_side other(enum conn_side side)
{
	return side == CONN_AGENT ? CONN_DIRECTOR : CONN_AGENT;
}

static enum sim_target target_of(enum conn_side side)
{
	return side == CONN_AGENT ? SIM_MAIN : SIM_THE_DIRECTOR;
}

/* The process at this side learns that the connection is over. */
static void tell_closed(struct sim *s, struct conn *c, enum conn_side side)
{
	struct pipe_end *end = &c->ends[side];
	const struct conn_over over = { c->has_member, c->has_left };
	struct event *e;

	if (!end->is_open)
		return;
	end->is_open = false;
	empty(end);
	if (!sim_proc(s, target_of(side), c->host)->is_alive ||
	    sim_proc(s, target_of(side), c->host)->gen != end->gen)
		return;
	e = sim_post(s, target_of(side), c->host, s->now,
		     side == CONN_AGENT ? uplink_closed : session_closed, &over, sizeof(over));
	e->a = c->id;
}

static bool is_path(struct sim *s, const struct conn *c, enum conn_side side, uint64_t *delay_ms)
{
	return net_try(s, NET_CONTROL, place(c, side), place(c, other(side)), delay_ms) &&
	       (side == CONN_AGENT ? s->director.is_up
				   : s->hosts[c->host].is_up && !s->hosts[c->host].is_suspended);
}

static void pump(struct sim *s, struct event *e);

static void arm(struct sim *s, struct conn *c, enum conn_side side, uint64_t delay_ms)
{
	struct event *e;

	if (c->ends[side].is_armed)
		return;
	c->ends[side].is_armed = true;
	e = sim_at(s, s->now + delay_ms, pump, c->host, &side, sizeof(side));
	e->a = c->id;
}

/* The first letter arrives. */
static void deliver(struct sim *s, struct conn *c, enum conn_side side)
{
	struct pipe_end *from = &c->ends[side], *to = &c->ends[other(side)];
	struct letter *l = from->first;
	struct event *e;
	uint64_t delay_ms;

	if (!to->is_open) {
		/* Nobody has this connection any more: a reset, if it gets back. */
		if (is_path(s, c, other(side), &delay_ms))
			tell_closed(s, c, side);
		empty(from);
		return;
	}
	from->first = l->next;
	if (from->first == NULL)
		from->last = NULL;
	if (l->is_fin) {
		letter_free(l);
		tell_closed(s, c, other(side));
		return;
	}
	e = sim_post(s, target_of(other(side)), c->host, s->now,
		     side == CONN_AGENT ? session_take : uplink_take, NULL, 0);
	e->a = c->id;
	e->big = l;
	e->len = sizeof(*l);
	e->gen = to->gen;
}

static void stall(struct sim *s, struct conn *c, enum conn_side side)
{
	struct pipe_end *end = &c->ends[side];
	uint32_t rto_ms = end->rto_ms;

	if (end->stalled_at == 0)
		end->stalled_at = s->now;
	if (s->now - end->stalled_at >= USER_TIMEOUT_MS) {
		tell_closed(s, c, side);
		empty(end);
		return;
	}
	end->rto_ms = 2 * rto_ms < RTO_MAX_MS ? 2 * rto_ms : RTO_MAX_MS;
	arm(s, c, side, rto_ms);
}

static void pump(struct sim *s, struct event *e)
{
	struct conn *c = conn_find(s, e->a);
	enum conn_side side = *(enum conn_side *)event_data(e);
	struct pipe_end *end;
	uint64_t delay_ms;
	bool is_acked;

	if (c == NULL)
		return;
	end = &c->ends[side];
	end->is_armed = false;
	if (end->first == NULL && end->stalled_at == 0) {
		free_if_over(c);
		return;
	}
	is_acked = !net_is_cut(s, NET_CONTROL, place(c, other(side)), place(c, side));
	if (!is_path(s, c, side, &delay_ms)) {
		stall(s, c, side);
	} else {
		if (end->first != NULL)
			deliver(s, c, side);
		/* Without acknowledgements it sends the same again, and gives up in the end. */
		if (!is_acked) {
			stall(s, c, side);
		} else {
			end->stalled_at = 0;
			end->rto_ms = RTO_FIRST_MS;
			if (end->first != NULL)
				arm(s, c, side, draw(&s->net.rng, 2));
		}
	}
	free_if_over(c);
}

void conn_write(struct sim *s, struct conn *c, enum conn_side side, struct letter *l)
{
	struct pipe_end *end = &c->ends[side];

	if (end->last != NULL)
		end->last->next = l;
	else
		end->first = l;
	end->last = l;
	arm(s, c, side, draw(&s->net.rng, 3) + s->net.delay_ms);
}

static void send_fin(struct sim *s, struct conn *c, enum conn_side side)
{
	const struct message nothing = { .type = MESSAGE_UNKNOWN };
	struct letter *l = letter_new(&nothing);

	l->is_fin = true;
	conn_write(s, c, side, l);
}

void conn_close(struct sim *s, uint64_t id, enum conn_side side, bool is_abort)
{
	struct conn *c = conn_find(s, id);

	if (c == NULL || !c->ends[side].is_open)
		return;
	c->ends[side].is_open = false;
	if (is_abort)
		empty(&c->ends[side]);
	send_fin(s, c, side);
}

void conns_die(struct sim *s, size_t host, enum conn_side side, bool is_silent)
{
	for (size_t i = 0; i < SIM_CONNS_MAX; i++) {
		struct conn *c = &s->conns[i];

		if (c->id == 0 || !c->ends[side].is_open || (side == CONN_AGENT && c->host != host))
			continue;
		if (!is_silent) {
			conn_close(s, c->id, side, false);
			continue;
		}
		c->ends[side].is_open = false;
		empty(&c->ends[side]);
		free_if_over(c);
	}
}

void conns_free(struct sim *s)
{
	for (size_t i = 0; i < SIM_CONNS_MAX; i++) {
		empty(&s->conns[i].ends[0]);
		empty(&s->conns[i].ends[1]);
	}
}

/* ---- opening ---- */

static void fail(struct sim *s, const struct event *e, uint64_t delay_ms)
{
	struct event *closed;

	if (!s->hosts[e->host].agent.proc.is_alive || s->hosts[e->host].agent.proc.gen != e->gen)
		return;
	closed = sim_post(s, SIM_MAIN, e->host, s->now + delay_ms, uplink_closed, NULL, 0);
	closed->a = e->a;
}

/* The director's kernel accepts; its process says nothing before it runs. */
static void take_in(struct sim *s, struct event *e)
{
	struct conn *c = NULL;
	uint64_t there_ms, back_ms;
	struct event *opened;
	bool is_there = net_try(s, NET_CONTROL, e->host, SIM_DIRECTOR, &there_ms);
	uint32_t attempt = *(uint32_t *)event_data(e) + 1;

	if (e->gen != s->hosts[e->host].agent.proc.gen)
		return;
	if (!is_there || !s->director.is_up ||
	    !net_try(s, NET_CONTROL, SIM_DIRECTOR, e->host, &back_ms)) {
		if (attempt == OPEN_ATTEMPTS) {
			fail(s, e, OPEN_MS - OPEN_ATTEMPTS * SYN_MS + SYN_MS);
			return;
		}
		opened = sim_at(s, s->now + SYN_MS, take_in, e->host, &attempt, sizeof(attempt));
		opened->a = e->a;
		opened->gen = e->gen;
		return;
	}
	if (!s->director.proc.is_alive) {
		fail(s, e, there_ms + back_ms);
		return;
	}
	for (size_t i = 0; i < SIM_CONNS_MAX && c == NULL; i++) {
		if (s->conns[i].id == 0)
			c = &s->conns[i];
	}
	if (c == NULL) {
		fail(s, e, 1);
		return;
	}
	*c = (struct conn){ .id = e->a, .host = e->host };
	for (int side = 0; side < 2; side++)
		c->ends[side].rto_ms = RTO_FIRST_MS;
	c->ends[CONN_AGENT].is_open = c->ends[CONN_DIRECTOR].is_open = true;
	c->ends[CONN_AGENT].gen = e->gen;
	c->ends[CONN_DIRECTOR].gen = s->director.proc.gen;
	opened =
	    sim_post(s, SIM_MAIN, e->host, s->now + there_ms + back_ms, uplink_opened, NULL, 0);
	opened->a = c->id;
}

uint64_t conn_open(struct sim *s, size_t host)
{
	const uint32_t attempts = 0;
	struct event *e = sim_at(s, s->now + 1, take_in, host, &attempts, sizeof(attempts));

	e->a = ++s->next_conn;
	e->gen = s->hosts[host].agent.proc.gen;
	return e->a;
}
