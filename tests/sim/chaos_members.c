/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/chaos.h"

/* Drawn faults of members. */

/* A member that something may happen to; SIM_MEMBERS_MAX: none. */
static size_t victim(struct sim *s)
{
	size_t i = draw(&s->chaos, s->conf.n_members);

	return s->hosts[i].is_innocent || s->now < s->hosts[i].busy_until ? SIM_MEMBERS_MAX : i;
}

/* ---- ends of faults ---- */

static void power_on(struct sim *s, struct event *e)
{
	fault_power(s, e->host, true);
}

static void resume_host(struct sim *s, struct event *e)
{
	fault_suspend(s, e->host, false);
}

static void resume_main(struct sim *s, struct event *e)
{
	proc_resume(s, SIM_MAIN, e->host);
}

static void resume_keeper(struct sim *s, struct event *e)
{
	proc_resume(s, SIM_KEEPER, e->host);
}

static void start_agent(struct sim *s, struct event *e)
{
	fault_start(s, e->host);
}

static void track_again(struct sim *s, struct event *e)
{
	fault_able(s, e->host, true);
}

static void mend_host(struct sim *s, struct event *e)
{
	struct host *h = &s->hosts[e->host];

	h->is_disk_failing = h->is_kernel_failing = false;
	h->disk_ms = h->lag_ms = 0;
}

/* ---- members ---- */

static void power(struct sim *s, size_t i)
{
	uint64_t ms = chaos_duration(s);

	fault_power(s, i, false);
	if (chaos_chance(s, 85))
		sim_at(s, s->now + ms, power_on, i, NULL, 0);
}

static void power_all_but_one(struct sim *s, size_t but)
{
	for (size_t i = 0; i < s->conf.n_members; i++) {
		if (i != but && !s->hosts[i].is_innocent)
			power(s, i);
	}
}

static void stop(struct sim *s, size_t i, bool is_main, bool is_keeper)
{
	uint64_t ms = chaos_duration(s);

	SIM_SAY(s, i, "%s%s stopped for %llu ms", is_main ? "main" : "", is_keeper ? " keeper" : "",
		(unsigned long long)ms);
	s->hosts[i].busy_until = s->now + ms;
	if (is_main) {
		proc_stop(s, SIM_MAIN, i);
		sim_at(s, s->now + ms, resume_main, i, NULL, 0);
	}
	if (is_keeper) {
		proc_stop(s, SIM_KEEPER, i);
		sim_at(s, s->now + ms + draw(&s->chaos, 50), resume_keeper, i, NULL, 0);
	}
}

static void kill_main(struct sim *s, size_t i)
{
	if (!s->hosts[i].agent.proc.is_alive)
		return;
	agent_kill(s, i, "main killed");
	if (s->conf.restart_ms == SIM_NEVER)
		sim_at(s, s->now + chaos_duration(s), start_agent, i, NULL, 0);
}

static void suspend(struct sim *s, size_t i)
{
	uint64_t ms = chaos_duration(s);

	fault_suspend(s, i, true);
	s->hosts[i].busy_until = s->now + ms;
	sim_at(s, s->now + ms, resume_host, i, NULL, 0);
}

static void goodbye(struct sim *s, size_t i)
{
	agent_stop(s, i, "operator");
	s->hosts[i].is_wanted = false;
	sim_at(s, s->now + 2000 + chaos_duration(s), start_agent, i, NULL, 0);
}

static void ail(struct sim *s, enum kind kind, size_t i)
{
	struct host *h = &s->hosts[i];

	SIM_SAY(s, i, "%s",
		kind == FAULT_SLOW_DISK  ? "disk is slow"
		: kind == FAULT_BAD_DISK ? "disk fails"
		: kind == FAULT_LAG      ? "is busy"
					 : "kernel refuses");
	if (kind == FAULT_SLOW_DISK)
		h->disk_ms = (uint32_t)draw_between(&s->chaos, 20, 3000);
	h->is_disk_failing |= kind == FAULT_BAD_DISK;
	h->is_kernel_failing |= kind == FAULT_BAD_KERNEL;
	if (kind == FAULT_LAG)
		h->lag_ms = (uint32_t)draw_between(&s->chaos, 1, 40);
	sim_at(s, s->now + chaos_duration(s), mend_host, i, NULL, 0);
}

void chaos_hit_member(struct sim *s, enum kind kind)
{
	size_t i = victim(s);

	if (i == SIM_MEMBERS_MAX)
		return;
	switch (kind) {
	case FAULT_POWER:
		power(s, i);
		break;
	case FAULT_POWER_ALL_BUT_ONE:
		power_all_but_one(s, i);
		break;
	case FAULT_KILL_MAIN:
		kill_main(s, i);
		break;
	case FAULT_KILL_KEEPER:
		keeper_kill(s, i, "killed");
		break;
	case FAULT_STOP_MAIN:
	case FAULT_STOP_KEEPER:
	case FAULT_STOP_BOTH:
		stop(s, i, kind != FAULT_STOP_KEEPER, kind != FAULT_STOP_MAIN);
		break;
	case FAULT_SUSPEND:
		suspend(s, i);
		break;
	case FAULT_GOODBYE:
		goodbye(s, i);
		break;
	case FAULT_TRACK:
		fault_able(s, i, false);
		if (chaos_chance(s, 85))
			sim_at(s, s->now + chaos_duration(s), track_again, i, NULL, 0);
		break;
	default:
		ail(s, kind, i);
		break;
	}
}
