/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/plan.h"

#include "common/ikev2/initiator/initiator.h"
#include "common/ikev2/notify.h"

static const struct plan_step nothing = { .what = PLAN_NOTHING };

void plan_init(struct plan *p, const struct ip *configured, uint32_t tries)
{
	*p = (struct plan){ .configured = *configured, .serving = *configured, .tries = tries };
}

void plan_ticket(struct plan *p, bool has_ticket)
{
	p->has_ticket = has_ticket;
}

static struct plan_step connect_to(struct plan *p, const struct ip *gateway, bool is_resume)
{
	p->state = PLAN_TRYING;
	return (struct plan_step){
		.what = PLAN_CONNECT,
		.gateway = *gateway,
		.is_resume = is_resume && p->has_ticket,
	};
}

struct plan_step plan_begin(struct plan *p)
{
	return connect_to(p, &p->configured, true);
}

/* 3/4 to 5/4 of it. */
static uint64_t spread(uint64_t ms, uint64_t dice)
{
	return ms - ms / 4 + dice % (ms / 2 + 1);
}

static uint64_t back_off(uint32_t failures, uint64_t at_least_ms, uint64_t dice)
{
	uint64_t ms = PLAN_FIRST_WAIT_MS;

	for (uint32_t i = 1; i < failures && ms < PLAN_LAST_WAIT_MS; i++)
		ms *= 2;
	if (ms > PLAN_LAST_WAIT_MS)
		ms = PLAN_LAST_WAIT_MS;
	return spread(ms > at_least_ms ? ms : at_least_ms, dice);
}

static struct plan_step wait_for(struct plan *p, uint64_t now_ms, uint64_t ms)
{
	p->state = PLAN_WAITING;
	return (struct plan_step){ .what = PLAN_WAIT, .due_ms = now_ms + ms };
}

static struct plan_step give_up(struct plan *p)
{
	p->state = PLAN_OVER;
	return (struct plan_step){ .what = PLAN_GIVE_UP };
}

static uint64_t least_wait(enum ike_reason reason, uint16_t notify)
{
	if (reason == REASON_REDIRECTS)
		return INITIATOR_REDIRECT_PERIOD_MS; /* RFC 5685, 7: not to be sent in circles */
	if (reason == REASON_UNTRUSTED || notify == NOTIFY_AUTHENTICATION_FAILED)
		return PLAN_REFUSED_WAIT_MS;
	return 0;
}

struct plan_step plan_failed(struct plan *p, uint64_t now_ms, const struct ip *gateway,
			     enum ike_reason reason, uint16_t notify, uint64_t dice)
{
	uint64_t least = least_wait(reason, notify);

	if (p->state != PLAN_TRYING)
		return nothing;
	if (p->n_up > 0) {
		/* The one that was to take the place of another came to nothing: that one stays. */
		p->state = PLAN_UP;
		return nothing;
	}
	p->failures++;
	if (p->tries != 0 && p->failures >= p->tries)
		return give_up(p);
	if (p->failures == 1 && least == 0 && !ip_is_equal(gateway, &p->configured))
		return connect_to(p, &p->configured, true);
	return wait_for(p, now_ms, back_off(p->failures, least, dice));
}

void plan_up(struct plan *p, uint64_t now_ms, const struct ip *gateway)
{
	p->n_up++;
	p->serving = *gateway;
	p->up_since_ms = now_ms;
	if (p->state != PLAN_OVER)
		p->state = PLAN_UP;
}

/* The next step after the last SA went; a short life counts as a failure, so nobody spins. */
static struct plan_step begin_anew(struct plan *p, uint64_t now_ms, const struct ip *gateway,
				   bool is_resume, bool is_hasty, uint64_t dice)
{
	if (now_ms - p->up_since_ms >= PLAN_SETTLED_MS)
		p->failures = 0;
	else
		p->failures++;
	if (p->tries != 0 && p->failures >= p->tries)
		return give_up(p);
	if (is_hasty && p->failures <= 1)
		return connect_to(p, gateway, is_resume);
	return wait_for(p, now_ms, back_off(p->failures, 0, dice));
}

struct plan_step plan_down(struct plan *p, uint64_t now_ms, enum ike_reason reason, uint64_t dice)
{
	if (p->n_up > 0)
		p->n_up--;
	if (p->state != PLAN_UP || p->n_up > 0)
		return nothing;
	switch (reason) {
	case REASON_REDIRECTED:
		/* The initiator is on its way to where it was sent. */
		p->state = PLAN_TRYING;
		return nothing;
	case REASON_CRASHED:
		return begin_anew(p, now_ms, &p->serving, true, true, dice);
	case REASON_DEAD:
		return begin_anew(p, now_ms, &p->configured, true, true, dice);
	default:
		return begin_anew(p, now_ms, &p->configured, false, false, dice);
	}
}

struct plan_step plan_due(struct plan *p)
{
	return p->state == PLAN_WAITING ? plan_begin(p) : nothing;
}

void plan_stop(struct plan *p)
{
	p->state = PLAN_OVER;
}
