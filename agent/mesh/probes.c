/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mesh/probes.h"

#include <stdlib.h>

struct slot {
	bool is_used;
	uint64_t order;
	struct prober prober;
	bool is_asked[PROBER_QUESTIONS_MAX];
	uint32_t ask_ids[PROBER_QUESTIONS_MAX];
};

struct probes {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct probes_events events;
	struct rng rng;
	uint8_t number;
	uint64_t boot_id;
	bool is_closing;
	struct slot slots[PROBES_MAX];
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/* ---- the end of a round ---- */

static void tell_unknown(struct probes *p, uint64_t order, const struct ip *address)
{
	const struct msg_probe_result unknown = {
		.address = *address,
		.agent = MSG_SEEN_UNKNOWN,
		.link = MSG_SEEN_UNKNOWN,
		.reference = MSG_SEEN_UNKNOWN,
	};

	p->events.done(p->events.ctx, order, &unknown);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct probes *p)
{
	uint64_t next = UINT64_MAX, now = now_ms();

	if (p->is_closing)
		return;
	for (size_t i = 0; i < PROBES_MAX; i++) {
		if (p->slots[i].is_used && prober_due_ms(&p->slots[i].prober) < next)
			next = prober_due_ms(&p->slots[i].prober);
	}
	if (next == UINT64_MAX) {
		uv_timer_stop(&p->timer);
		return;
	}
	uv_update_time(p->loop);
	uv_timer_start(&p->timer, on_timer, next > now ? next - now : 0, 0);
}

static void tell_if_done(struct probes *p, struct slot *s)
{
	struct msg_probe_result result;

	if (!prober_is_done(&s->prober, now_ms(), &result))
		return;
	s->is_used = false;
	p->events.done(p->events.ctx, s->order, &result);
}

static void on_timer(uv_timer_t *timer)
{
	struct probes *p = timer->data;

	for (size_t i = 0; i < PROBES_MAX && !p->is_closing; i++) {
		if (p->slots[i].is_used)
			tell_if_done(p, &p->slots[i]);
	}
	arm(p);
}

/* ---- a round ---- */

static void send_all(struct probes *p, struct slot *s)
{
	for (size_t i = 0; i < prober_datagrams(&s->prober); i++) {
		struct mesh_msg msg;
		struct endpoint to;

		prober_datagram(&s->prober, i, &msg, &to);
		if (p->events.send(p->events.ctx, &msg, &to) != 0)
			prober_not_sent(&s->prober, i);
	}
}

static void ask_all(struct probes *p, struct slot *s, size_t index)
{
	for (size_t i = 0; i < prober_questions(&s->prober); i++) {
		const struct ip *target = prober_question(&s->prober, i);

		s->is_asked[i] = index != SIZE_MAX &&
				 p->events.ask(p->events.ctx, index, target, &s->ask_ids[i]) == 0;
		if (!s->is_asked[i])
			prober_take_link(&s->prober, target, MSG_SEEN_UNKNOWN);
	}
}

void probes_start(struct probes *p, uint64_t order, size_t index, const struct msg_probe *probe)
{
	struct slot *s = NULL;

	for (size_t i = 0; i < PROBES_MAX && s == NULL; i++) {
		if (!p->slots[i].is_used)
			s = &p->slots[i];
	}
	if (s == NULL ||
	    prober_start(&s->prober, now_ms(), probe, p->number, p->boot_id, &p->rng) != 0) {
		tell_unknown(p, order, &probe->address);
		return;
	}
	s->is_used = true;
	s->order = order;
	memset(s->is_asked, 0, sizeof(s->is_asked));
	send_all(p, s);
	ask_all(p, s, index);
	tell_if_done(p, s);
	arm(p);
}

void probes_take_answer(struct probes *p, const struct mesh_msg *answer,
			const struct endpoint *from)
{
	for (size_t i = 0; i < PROBES_MAX; i++) {
		struct slot *s = &p->slots[i];

		if (s->is_used && prober_take_answer(&s->prober, answer, from)) {
			tell_if_done(p, s);
			return;
		}
	}
}

void probes_take_link(struct probes *p, uint32_t ask_id, enum msg_seen seen)
{
	for (size_t i = 0; i < PROBES_MAX; i++) {
		struct slot *s = &p->slots[i];

		for (size_t q = 0; s->is_used && q < prober_questions(&s->prober); q++) {
			if (!s->is_asked[q] || s->ask_ids[q] != ask_id)
				continue;
			s->is_asked[q] = false;
			prober_take_link(&s->prober, prober_question(&s->prober, q), seen);
			tell_if_done(p, s);
			return;
		}
	}
}

/* ---- life ---- */

struct probes *probes_new(uv_loop_t *loop, const struct probes_events *events)
{
	struct probes *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->loop = loop;
	p->events = *events;
	p->rng = rng_system();
	uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	return p;
}

void probes_identify(struct probes *p, uint8_t number, uint64_t boot_id)
{
	p->number = number;
	p->boot_id = boot_id;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void probes_close(struct probes *p)
{
	if (p == NULL || p->is_closing)
		return;
	p->is_closing = true;
	uv_close((uv_handle_t *)&p->timer, on_closed);
}
