/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* What can be done to hosts and networks. What concerns one process is in its own file. */

#define BOOT_MS 1500

/* ---- hosts ---- */

static void start(struct sim *s, struct event *e)
{
	struct host *h = &s->hosts[e->host];

	if (h->is_up && h->is_wanted && !h->agent.proc.is_alive && h->booted_at == e->a) {
		/* While the host is suspended nothing starts. */
		if (h->is_suspended)
			sim_at(s, s->now + 1000, start, e->host, NULL, 0)->a = e->a;
		else
			agent_begin(s, e->host);
	}
}

void fault_start(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];

	h->is_wanted = true;
	if (h->is_up && !h->is_suspended && !h->agent.proc.is_alive)
		agent_begin(s, host);
}

/* What a service manager does. */
void fault_restart_later(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];

	if (!h->is_wanted || s->conf.restart_ms == SIM_NEVER)
		return;
	sim_at(s, s->now + s->conf.restart_ms + draw(&h->rng, 500), start, host, NULL, 0)->a =
	    h->booted_at;
}

void fault_power(struct sim *s, size_t host, bool is_on)
{
	struct host *h = &s->hosts[host];

	if (h->is_up == is_on)
		return;
	SIM_SAY(s, host, "power %s", is_on ? "on" : "off");
	if (is_on) {
		h->is_up = true;
		h->booted_at = s->now;
		h->suspended_ms = h->kernel_bad_at = 0;
		sim_at(s, s->now + BOOT_MS, start, host, NULL, 0)->a = h->booted_at;
		return;
	}
	if (h->agent.proc.is_alive) {
		addresses_cut(s, host);
		ownership_free(h->agent.ownership);
		h->agent.ownership = NULL;
		conns_die(s, host, CONN_AGENT, true);
		proc_end(s, &h->agent.proc);
	}
	h->is_up = h->is_suspended = false;
	keeper_kill(s, host, "dead");
	kernel_clear(s, host, "with the host");
	h->must_drop = 0;
}

void fault_suspend(struct sim *s, size_t host, bool is_suspended)
{
	struct host *h = &s->hosts[host];
	uint64_t asleep_ms;

	if (!h->is_up || h->is_suspended == is_suspended)
		return;
	SIM_SAY(s, host, "host %s", is_suspended ? "suspended" : "resumed");
	if (is_suspended) {
		h->is_suspended = true;
		h->suspended_at = s->now;
		return;
	}
	asleep_ms = s->now - h->suspended_at;
	h->suspended_ms += asleep_ms;
	h->is_suspended = false;
	/* What the kernel refused to remove before, the keeper has given up already. */
	for (size_t a = 0;
	     asleep_ms > KEEPER_SUSPENDED_MS && h->kernel_bad_at == 0 && a < s->n_addresses; a++)
		h->must_drop |= h->kernel[a].is_there ? 1u << a : 0;
	kernel_resume(s, host);
	/* Either may run first. */
	if (draw(&h->rng, 2) == 0) {
		proc_resume(s, SIM_MAIN, host);
		proc_resume(s, SIM_KEEPER, host);
	} else {
		proc_resume(s, SIM_KEEPER, host);
		proc_resume(s, SIM_MAIN, host);
	}
}

void fault_able(struct sim *s, size_t host, bool is_able)
{
	struct host *h = &s->hosts[host];

	if (h->is_able == is_able)
		return;
	SIM_SAY(s, host, "what is tracked %s", is_able ? "works again" : "fails");
	h->is_able = is_able;
	if (sim_is_running(s, SIM_MAIN, host)) {
		agent_track(s, host);
		agent_arm(s, host);
	}
}

/* ---- the network ---- */

void fault_cut(struct sim *s, enum net_kind kind, uint32_t from, uint32_t to, int by)
{
	for (size_t i = 0; i <= SIM_DIRECTOR; i++) {
		for (size_t k = 0; k <= SIM_DIRECTOR; k++) {
			if (i != k && (from >> i & 1) != 0 && (to >> k & 1) != 0)
				s->net.cut[kind][i][k] = (uint8_t)(s->net.cut[kind][i][k] + by);
		}
	}
	if (s->is_tracing)
		sim_write(s, "network", "%s %s from %#x to %#x",
			  kind == NET_CONTROL ? "control"
			  : kind == NET_MESH  ? "mesh"
					      : "link",
			  by > 0 ? "cut" : "mended", (unsigned)from, (unsigned)to);
}

void fault_noise(struct sim *s, uint32_t loss_ppm, uint32_t dup_ppm, uint32_t delay_ms,
		 uint32_t spread_ms)
{
	s->net.loss_ppm = loss_ppm;
	s->net.dup_ppm = dup_ppm;
	s->net.delay_ms = delay_ms;
	s->net.spread_ms = spread_ms;
	s->net.changed_at = s->now;
	if (s->is_tracing)
		sim_write(s, "network", "loses %u ppm, doubles %u ppm, %u to %u ms",
			  (unsigned)loss_ppm, (unsigned)dup_ppm, (unsigned)delay_ms,
			  (unsigned)(delay_ms + spread_ms));
	check_reset(s);
}

/* ---- everything works again ---- */

static void heal_host(struct sim *s, size_t host, bool is_off)
{
	struct host *h = &s->hosts[host];

	h->is_disk_failing = h->is_kernel_failing = false;
	h->disk_ms = h->lag_ms = 0;
	if (is_off) {
		fault_power(s, host, false);
		return;
	}
	fault_power(s, host, true);
	fault_suspend(s, host, false);
	proc_resume(s, SIM_MAIN, host);
	proc_resume(s, SIM_KEEPER, host);
	h->is_wanted = true;
	/* One that is just stopping in good order ends first. */
	sim_at(s, s->now + 3000, start, host, NULL, 0)->a = h->booted_at;
}

void fault_heal(struct sim *s, uint32_t off)
{
	struct director *d = &s->director;

	memset(s->net.cut, 0, sizeof(s->net.cut));
	fault_noise(s, 0, 0, 0, 0);
	d->is_store_failing = false;
	d->store_ms = 0;
	if (!d->proc.is_alive)
		director_begin(s, SIZE_MAX);
	else if (d->proc.is_stopped && !d->is_waiting)
		proc_resume(s, SIM_THE_DIRECTOR, SIM_DIRECTOR);
	for (size_t i = 0; i < s->conf.n_members; i++)
		heal_host(s, i, (off >> i & 1) != 0);
}
