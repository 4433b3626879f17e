/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* Main's process: agent/agent.c and agent/keeper/keeper_client.c, with every timer. */

#define ALONE_MS       3000
#define TRACK_MS       3000
#define RELEASE_MS     500
#define UNANSWERED_MAX 20

/* ---- the keeper ---- */

uint32_t agent_request(struct sim *s, size_t host, struct keeper_request r)
{
	struct agent *a = &s->hosts[host].agent;

	r.version = KEEPER_MSG_VERSION;
	r.id = ++a->next_ask;
	keeper_say(s, host, &r, sizeof(r));
	return r.id;
}

static void ping(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;
	struct keeper_request r = { .version = KEEPER_MSG_VERSION, .type = KEEPER_PING };

	if (++a->unanswered > UNANSWERED_MAX) {
		agent_end(s, host, "the keeper has not answered for a second");
		return;
	}
	keeper_say(s, host, &r, sizeof(r));
}

void agent_take_report(struct sim *s, struct event *e)
{
	struct agent *a = &s->hosts[e->host].agent;
	const struct keeper_report *report = event_data(e);
	size_t host = e->host;

	a->unanswered = 0;
	if (a->stage == AGENT_ENDED || a->ownership == NULL)
		return;
	switch ((enum keeper_report_type)report->type) {
	case KEEPER_PONG:
		return;
	case KEEPER_ANSWER:
		addresses_answer(s, host, report);
		break;
	case KEEPER_ADDRESS_LOST:
		SIM_SAY(s, host, "keeper: lost %s: %s",
			sim_text(s, s->hosts[host].order[report->index]), report->text);
		ownership_keeper_lost(a->ownership, host_mono(s, &s->hosts[host]), report->index,
				      report->text);
		addresses_drain(s, host);
		break;
	case KEEPER_DROPPED:
		SIM_SAY(s, host, "keeper: dropped everything: %s", report->text);
		ownership_keeper_dropped(a->ownership, host_mono(s, &s->hosts[host]), report->text);
		addresses_drain(s, host);
		break;
	case KEEPER_CONFLICT:
		SIM_SAY(s, host, "keeper: conflict over %s",
			sim_text(s, s->hosts[host].order[report->index]));
		break;
	}
	agent_check_released(s, host);
	agent_arm(s, host);
}

void agent_take_death(struct sim *s, struct event *e)
{
	agent_end(s, e->host, "the keeper has ended");
}

void agent_last_words(struct sim *s, size_t host, bool is_nothing)
{
	struct agent *a = &s->hosts[host].agent;
	const struct heartbeat_wire gone = { a->connected, a->boot_id, 0, MSG_STATE_FAILED, true };
	struct keeper_last_words words = {
		.version = KEEPER_MSG_VERSION,
		.type = KEEPER_LAST_WORDS,
		.to = { s->witness, 7400 },
	};

	if (!a->has_client)
		return;
	if (!is_nothing) {
		words.len = sizeof(gone);
		memcpy(words.octets, &gone, sizeof(gone));
	}
	keeper_say(s, host, &words, sizeof(words));
}

/* ---- serving ---- */

static void serve(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	a->timers[TIMER_ALONE] = SIM_NEVER;
	a->has_client = true;
	a->timers[TIMER_PING] = host_mono(s, &s->hosts[host]);
	a->stage = AGENT_SERVING;
	SIM_SAY(s, host, "agent: serves as number %u", a->state.number);
	addresses_begin(s, host);
}

void agent_welcome(struct sim *s, size_t host, const struct msg_welcome *w)
{
	struct agent *a = &s->hosts[host].agent;

	addresses_welcome(s, host, w);
	if (a->stage == AGENT_WAITING)
		serve(s, host);
}

/* ---- what is tracked ---- */

void agent_track(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	if (!a->proc.is_alive || a->stage == AGENT_ENDED)
		return;
	if (!a->is_track_known && a->timers[TIMER_TRACKED] != SIM_NEVER)
		return; /* not before its own first round */
	a->is_track_known = true;
	a->is_able = s->hosts[host].is_able;
	addresses_able(s, host, a->is_able);
	uplink_start(s, host);
	agent_check_released(s, host);
}

/* ---- the end ---- */

void agent_end(struct sim *s, size_t host, const char *why)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;
	bool is_stop = a->stage == AGENT_BYE || a->stage == AGENT_RELEASING;

	if (!a->proc.is_alive)
		return;
	SIM_SAY(s, host, "agent: ends: %s", why);
	a->stage = AGENT_ENDED;
	addresses_cut(s, host);
	ownership_free(a->ownership);
	a->ownership = NULL;
	conns_die(s, host, CONN_AGENT, false);
	proc_end(s, &a->proc);
	if (h->keeper.proc.is_alive)
		sim_post(s, SIM_KEEPER, host, s->now + h->lag_ms, keeper_take_eof, NULL, 0);
	if (!is_stop)
		fault_restart_later(s, host);
}

void agent_kill(struct sim *s, size_t host, const char *why)
{
	s->hosts[host].agent.stage = AGENT_SERVING; /* no end in good order */
	agent_end(s, host, why);
}

static void say_bye(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	if (a->stage != AGENT_RELEASING)
		return;
	a->stage = AGENT_BYE;
	a->timers[TIMER_RELEASE] = SIM_NEVER;
	if (addresses_may_hold_any(s, host))
		a->n_released = 0;
	else
		agent_last_words(s, host, true);
	uplink_bye(s, host);
}

void agent_check_released(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	if (a->stage == AGENT_RELEASING && !addresses_may_hold_any(s, host))
		say_bye(s, host);
}

void agent_stop(struct sim *s, size_t host, const char *why)
{
	struct agent *a = &s->hosts[host].agent;

	if (!sim_is_running(s, SIM_MAIN, host) || a->stage > AGENT_SERVING)
		return;
	SIM_SAY(s, host, "agent: stops: %s", why);
	a->stage = AGENT_RELEASING;
	a->timers[TIMER_RELEASE] = host_mono(s, &s->hosts[host]) + RELEASE_MS;
	for (size_t i = 0; i < s->n_addresses; i++) {
		if (addresses_is_held(s, host, i))
			a->released[a->n_released++] = s->addresses[i];
	}
	if (a->ownership != NULL) {
		ownership_stop(a->ownership, host_mono(s, &s->hosts[host]), why);
		addresses_drain(s, host);
	}
	agent_check_released(s, host);
	agent_arm(s, host);
}

/* ---- timers ---- */

void agent_arm(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;
	uint64_t next = neighbours_next(s, host);

	if (!a->proc.is_alive)
		return;
	for (size_t i = 0; i < TIMER_COUNT; i++)
		next = a->timers[i] < next ? a->timers[i] : next;
	if (a->ownership != NULL && ownership_next_expiry(a->ownership) < next)
		next = ownership_next_expiry(a->ownership);
	if (next != SIM_NEVER)
		proc_arm(s, SIM_MAIN, host, host_real(h, next) + h->lag_ms);
}

static bool take_timer(struct agent *a, enum agent_timer timer, uint64_t now)
{
	if (now < a->timers[timer])
		return false;
	a->timers[timer] = SIM_NEVER;
	return true;
}

static void run_timers(struct sim *s, size_t host, uint64_t now)
{
	struct agent *a = &s->hosts[host].agent;

	if (take_timer(a, TIMER_PING, now)) {
		a->timers[TIMER_PING] = now + KEEPER_PING_MS;
		ping(s, host);
	}
	if (a->proc.is_alive && take_timer(a, TIMER_ALONE, now)) {
		SIM_SAY(s, host, "agent: no director, goes on alone");
		serve(s, host);
	}
	if (a->proc.is_alive && take_timer(a, TIMER_TRACKED, now))
		agent_track(s, host);
	if (a->proc.is_alive && take_timer(a, TIMER_TRACK, now))
		uplink_start(s, host);
	if (a->proc.is_alive && take_timer(a, TIMER_RELEASE, now))
		say_bye(s, host);
	if (a->proc.is_alive && a->ownership != NULL) {
		ownership_expire(a->ownership, now);
		addresses_drain(s, host);
	}
	if (a->proc.is_alive)
		neighbours_expire(s, host);
	if (a->proc.is_alive)
		uplink_expire(s, host, now);
}

void agent_wake(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	/* While it was stopped nobody told it. */
	if (a->is_track_known && a->is_able != s->hosts[host].is_able)
		agent_track(s, host);
	run_timers(s, host, host_mono(s, &s->hosts[host]));
	if (!a->proc.is_alive)
		return;
	agent_check_released(s, host);
	agent_arm(s, host);
}

void agent_begin(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;
	struct proc proc = a->proc;
	uint64_t now = host_mono(s, h);

	keeper_kill(s, host, "killed, a new agent starts");
	*a = (struct agent){ .proc = proc };
	proc_begin(s, &a->proc);
	do
		a->boot_id = draw(&h->rng, UINT64_MAX);
	while (a->boot_id == 0);
	SIM_SAY(s, host, "agent: starts");
	for (size_t i = 0; i < TIMER_COUNT; i++)
		a->timers[i] = SIM_NEVER;
	a->state = h->disk;
	keeper_begin(s, host);
	if (a->state.number != 0)
		a->timers[TIMER_ALONE] = now + ALONE_MS;
	a->timers[TIMER_TRACK] = now + TRACK_MS;
	a->timers[TIMER_TRACKED] = now + draw_between(&h->rng, 5, 300);
	agent_arm(s, host);
}
