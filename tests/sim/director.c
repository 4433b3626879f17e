/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/sim/sim.h"

/* The director's process around registry and coordinator: what it does with their actions. */

uint64_t director_wall_s(const struct sim *s)
{
	return (uint64_t)((int64_t)(SIM_WALL_S + s->now / 1000) + s->director.wall_s);
}

/* The host does not suspend, so that its clock is the world's. */
static uint64_t now_of(const struct sim *s)
{
	return s->now;
}

/* ---- actions ---- */

static void send_claim(struct sim *s, const struct coordinator_action *action)
{
	struct message m = { .type = MESSAGE_CLAIM, .id = action->id };

	m.claim = (struct msg_claim){
		.address = action->ip,
		.epoch = action->epoch,
		.from = action->from != COORDINATOR_NONE ? sim_name(s, action->from) : NULL,
		.force = action->force,
		.dead = action->dead,
	};
	check_order(s, action);
	if (!session_send(s, action->member, &m))
		SIM_SAY(s, SIM_DIRECTOR, "%s has no connection for its claim",
			sim_name(s, action->member));
}

static void send_release(struct sim *s, const struct coordinator_action *action)
{
	struct message m = { .type = MESSAGE_RELEASE, .id = action->id };

	m.release = (struct msg_release){ action->ip, action->epoch };
	check_order(s, action);
	(void)session_send(s, action->member, &m);
}

static void send_probe(struct sim *s, const struct coordinator_action *action)
{
	struct message m = { .type = MESSAGE_PROBE, .id = action->id };

	m.probe = (struct msg_probe){
		.address = action->ip,
		.number = action->probe.number,
		.references = action->probe.references,
		.n_references = action->probe.n_references,
		.witnesses = action->probe.witnesses,
		.n_witnesses = action->probe.n_witnesses,
	};
	(void)session_send(s, action->member, &m);
}

struct fence {
	uint64_t ticket;
	size_t member;
};

/* The script: it switches the host off, or fails. */
static void on_fenced(struct sim *s, struct event *e)
{
	const struct fence *fence = event_data(e);
	struct host *h = &s->hosts[fence->member];
	int err = h->is_innocent || draw(&s->director.rng, 4) == 0 ? ERR_IO : 0;

	if (err == 0)
		fault_power(s, fence->member, false);
	SIM_SAY(s, SIM_DIRECTOR, "fence script for %s: %s", h->name, err_text(err));
	coordinator_fenced(s->director.coordinator, now_of(s), fence->ticket, err);
	director_changed(s);
}

static void run(struct sim *s, const struct coordinator_action *action)
{
	const struct fence fence = { action->ticket, action->member };

	switch (action->type) {
	case COORDINATOR_STORE:
		store_job(s, action);
		break;
	case COORDINATOR_CLAIM:
		send_claim(s, action);
		break;
	case COORDINATOR_RELEASE:
		send_release(s, action);
		break;
	case COORDINATOR_PROBE:
		send_probe(s, action);
		break;
	case COORDINATOR_FENCE:
		sim_post(s, SIM_THE_DIRECTOR, SIM_DIRECTOR,
			 s->now + draw_between(&s->director.rng, 50, 3000), on_fenced, &fence,
			 sizeof(fence));
		break;
	case COORDINATOR_EVENT:
		SIM_SAY(s, SIM_DIRECTOR, "%s: %s: %s", action->subject, action->what, action->why);
		break;
	case COORDINATOR_CHANGED:
		break;
	}
}

static void drain(struct sim *s)
{
	struct director *d = &s->director;
	struct registry_event e;
	struct coordinator_action action;

	while (registry_next_event(d->registry, &e))
		SIM_SAY(s, SIM_DIRECTOR, "%s: %s -> %s: %s", sim_name(s, e.member),
			member_state_name(e.old_state), member_state_name(e.new_state), e.why);
	/* A disk that is waited for stops everything: the rest of the actions follow later. */
	while (!d->proc.is_stopped && coordinator_next_action(d->coordinator, &action))
		run(s, &action);
	/* Judgements of the coordinator. */
	while (registry_next_event(d->registry, &e))
		SIM_SAY(s, SIM_DIRECTOR, "%s: %s -> %s: %s", sim_name(s, e.member),
			member_state_name(e.old_state), member_state_name(e.new_state), e.why);
}

static void arm(struct sim *s)
{
	uint64_t next = registry_next_expiry(s->director.registry);
	uint64_t due = coordinator_next_expiry(s->director.coordinator);

	proc_arm(s, SIM_THE_DIRECTOR, SIM_DIRECTOR, due < next ? due : next);
}

void director_changed(struct sim *s)
{
	if (!s->director.proc.is_alive)
		return;
	drain(s);
	session_tell_members(s);
	arm(s);
}

void director_wake(struct sim *s)
{
	struct director *d = &s->director;

	registry_expire(d->registry, now_of(s));
	coordinator_expire(d->coordinator, now_of(s));
	director_changed(s);
}

/* ---- the operator ---- */

int director_move(struct sim *s, size_t address, size_t member, bool force)
{
	struct errtext why = { "" };
	int err;

	if (!sim_is_running(s, SIM_THE_DIRECTOR, SIM_DIRECTOR))
		return ERR_BAD_STATE;
	err = coordinator_move(s->director.coordinator, now_of(s), &s->addresses[address], member,
			       force, "operator", &why);
	SIM_SAY(s, SIM_DIRECTOR, "operator moves %s to %s%s: %s", sim_text(s, address),
		member == COORDINATOR_NONE ? "home" : sim_name(s, member), force ? " by force" : "",
		err == 0 ? "begun" : why.text);
	if (err == 0)
		s->checks.is_moved[address] = true;
	director_changed(s);
	return err;
}

void director_pause(struct sim *s, bool is_paused)
{
	struct director *d = &s->director;

	if (!sim_is_running(s, SIM_THE_DIRECTOR, SIM_DIRECTOR) || d->store.is_paused == is_paused)
		return;
	SIM_SAY(s, SIM_DIRECTOR, "operator %s failover", is_paused ? "pauses" : "resumes");
	d->store.is_paused = is_paused;
	coordinator_pause(d->coordinator, now_of(s), is_paused, "operator");
	director_changed(s);
}

/* ---- life ---- */

static void add_member(struct sim *s, size_t i)
{
	struct director *d = &s->director;
	struct member m = { .number = s->hosts[i].number, .weight = 1 };

	memcpy(m.name, s->hosts[i].name, sizeof(s->hosts[i].name));
	for (size_t a = 0; a < s->n_addresses; a++) {
		if (sim_home(s, a) == i)
			m.home[m.n_home++] = s->addresses[a];
	}
	if (registry_add(d->registry, &m) != 0)
		sim_fail(s, "memory", "no member");
}

static void add_address(struct sim *s, size_t a)
{
	struct director *d = &s->director;
	const struct coordinator_record record = {
		.ip = s->addresses[a],
		.owner = d->store.records[a].owner,
		.epoch = d->store.records[a].epoch,
		.is_manual = d->store.records[a].is_manual,
	};

	if (coordinator_add(d->coordinator, sim_home(s, a), &record) != 0)
		sim_fail(s, "memory", "no address");
}

void director_begin(struct sim *s, size_t copy)
{
	struct director *d = &s->director;
	const struct registry_conf conf = { s->coordinator.suspect_ms };

	if (d->proc.is_alive)
		return;
	if (copy < d->n_copies) {
		d->store = d->copies[copy];
		/* Whoever restores a copy has a clock that did not go back: see the README. */
		if (director_wall_s(s) <= d->max_given)
			d->wall_s += (int64_t)(d->max_given - director_wall_s(s)) + 1;
	}
	SIM_SAY(s, SIM_DIRECTOR, "starts%s, epoch %llu, wall clock %llu",
		copy < d->n_copies ? " with a restored store" : "",
		(unsigned long long)d->store.epoch, (unsigned long long)director_wall_s(s));
	d->is_up = true;
	proc_begin(s, &d->proc);
	memset(d->sessions, 0, sizeof(d->sessions));
	memset(d->mesh, 0, sizeof(d->mesh));
	memset(d->boot_id, 0, sizeof(d->boot_id));
	d->is_list_dirty = d->is_waiting = false;
	d->store_free_at = s->now;
	if (d->store.epoch_floor < director_wall_s(s))
		d->store.epoch_floor = director_wall_s(s);
	d->registry = registry_new(&conf);
	d->coordinator = coordinator_new(&s->coordinator, d->registry, NULL);
	for (size_t i = 0; i < s->conf.n_members; i++)
		add_member(s, i);
	for (size_t a = 0; a < s->n_addresses; a++)
		add_address(s, a);
	coordinator_start(d->coordinator, now_of(s), d->store.epoch, d->store.is_paused);
	director_changed(s);
}

void director_kill(struct sim *s, bool is_silent)
{
	struct director *d = &s->director;

	if (!d->proc.is_alive)
		return;
	SIM_SAY(s, SIM_DIRECTOR, "%s", is_silent ? "loses its power" : "is killed");
	conns_die(s, SIM_DIRECTOR, CONN_DIRECTOR, is_silent);
	coordinator_free(d->coordinator);
	registry_free(d->registry);
	d->coordinator = NULL;
	d->registry = NULL;
	proc_end(s, &d->proc);
	d->is_up = !is_silent;
}
