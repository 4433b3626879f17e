/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* agent/addresses and agent/state/recorder.c: main around the ownership core. */

static uint64_t now_of(const struct sim *s, size_t host)
{
	return host_mono(s, &s->hosts[host]);
}

/* ---- the disk: one write at a time, of those that wait the last ---- */

static void write_now(struct sim *s, size_t host);

static void on_written(struct sim *s, struct event *e)
{
	struct host *h = &s->hosts[e->host];
	struct agent *a = &h->agent;
	int err = h->is_disk_failing ? ERR_IO : 0;
	uint64_t ticket = a->ticket;

	a->is_writing = false;
	if (err == 0)
		h->disk = a->writing;
	if (a->save != 0 && a->writing_save >= a->save && a->ownership != NULL) {
		a->ticket = a->save = 0;
		ownership_persisted(a->ownership, now_of(s, e->host), ticket, err);
		addresses_drain(s, e->host);
	}
	if (a->proc.is_alive && a->is_waiting && !a->is_writing)
		write_now(s, e->host);
	agent_check_released(s, e->host);
	agent_arm(s, e->host);
}

static void write_now(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;

	a->writing = a->waiting;
	a->writing_save = a->waiting_save;
	a->is_waiting = false;
	a->is_writing = true;
	sim_post(s, SIM_MAIN, host, s->now + 1 + h->disk_ms + draw(&h->rng, 4 + h->disk_ms),
		 on_written, NULL, 0);
}

static uint64_t save(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	a->waiting = a->state;
	a->waiting_save = ++a->saves;
	a->is_waiting = true;
	if (!a->is_writing)
		write_now(s, host);
	return a->waiting_save;
}

void addresses_cut(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];

	if (h->agent.is_writing && !h->is_disk_failing && draw(&h->rng, 2) == 0)
		h->disk = h->agent.writing;
}

/* ---- what the core decides ---- */

static void ask_keeper(struct sim *s, size_t host, const struct ownership_action *action,
		       bool is_add)
{
	struct keeper_request r = {
		.type = is_add ? KEEPER_ADDRESS_ADD : KEEPER_ADDRESS_REMOVE,
		.index = (uint16_t)action->index,
		.epoch = action->epoch,
		.force = action->force ? 1 : 0,
	};

	SIM_SAY(s, host, "main: %s %s, epoch %llu%s", is_add ? "takes" : "lets go of",
		sim_text(s, s->hosts[host].order[action->index]), (unsigned long long)action->epoch,
		action->force ? ", by force" : "");
	if (is_add)
		check_asked(s, host, action);
	agent_request(s, host, r);
}

static void tell(struct sim *s, size_t host, const struct ownership_action *action)
{
	struct message m = { .id = action->id };

	switch (action->type) {
	case OWNERSHIP_CLAIMED:
		m.type = MESSAGE_CLAIMED;
		m.claimed = (struct msg_claimed){ action->ip, action->epoch };
		SIM_SAY(s, host, "main: claimed %s, epoch %llu",
			sim_text(s, s->hosts[host].order[action->index]),
			(unsigned long long)action->epoch);
		break;
	case OWNERSHIP_REFUSED:
		m.type = MESSAGE_REFUSED;
		m.refused = (struct msg_refused){ action->ip, action->epoch, action->max_epoch,
						  action->code, action->why };
		SIM_SAY(s, host, "main: refuses epoch %llu: %s: %s",
			(unsigned long long)action->epoch, action->code, action->why);
		break;
	case OWNERSHIP_RELEASED:
		m.type = MESSAGE_RELEASED;
		m.released = (struct msg_released){ action->ip, action->epoch, action->why };
		SIM_SAY(s, host, "main: released %s: %s", sim_text(s, sim_find(s, &action->ip)),
			action->why);
		break;
	default:
		m.type = MESSAGE_EVENT;
		m.event = (struct msg_event){ action->what, action->why };
		SIM_SAY(s, host, "main: %s: %s", action->what, action->why);
		break;
	}
	uplink_tell(s, host, &m);
}

static void run(struct sim *s, size_t host, const struct ownership_action *action)
{
	struct agent *a = &s->hosts[host].agent;

	switch (action->type) {
	case OWNERSHIP_PERSIST:
		a->state.ownership = *action->state;
		a->ticket = action->ticket;
		a->save = save(s, host);
		break;
	case OWNERSHIP_KEEPER_ADD:
	case OWNERSHIP_KEEPER_REMOVE:
		ask_keeper(s, host, action, action->type == OWNERSHIP_KEEPER_ADD);
		break;
	case OWNERSHIP_NOTICE:
		neighbours_notice(s, host, action);
		break;
	case OWNERSHIP_CHANGED:
		break;
	default:
		tell(s, host, action);
		break;
	}
}

void addresses_drain(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;
	struct ownership_action action;

	while (a->ownership != NULL && ownership_next_action(a->ownership, &action))
		run(s, host, &action);
}

/* ---- what it is told ---- */

static void take_director(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	if (a->ownership == NULL)
		return;
	if (a->is_ordered)
		ownership_welcome(a->ownership, now_of(s, host), a->state.number, a->epoch);
	else
		ownership_begin_alone(a->ownership, now_of(s, host), a->state.number);
	addresses_drain(s, host);
}

void addresses_welcome(struct sim *s, size_t host, const struct msg_welcome *w)
{
	struct agent *a = &s->hosts[host].agent;
	bool is_new = a->state.number != w->number || !a->state.has_keys;

	a->state.number = w->number;
	a->state.has_keys = true;
	a->is_ordered = true;
	a->epoch = w->epoch;
	neighbours_set(s, host, w->members, w->n_members);
	if (is_new)
		save(s, host);
	take_director(s, host);
}

void addresses_begin(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;
	struct ownership_conf conf = { .n = h->n };

	for (size_t i = 0; i < h->n; i++) {
		conf.addresses[i].ip = s->addresses[h->order[i]];
		conf.addresses[i].is_home = sim_home(s, h->order[i]) == host;
	}
	a->ownership = ownership_new(&conf, &a->state.ownership, NULL, now_of(s, host));
	if (a->ownership == NULL)
		sim_fail(s, "memory", "no ownership");
	if (!a->is_able)
		addresses_able(s, host, false);
	take_director(s, host);
}

void addresses_able(struct sim *s, size_t host, bool is_able)
{
	struct agent *a = &s->hosts[host].agent;

	if (a->ownership == NULL)
		return;
	ownership_able(a->ownership, now_of(s, host), is_able,
		       is_able ? "everything that is tracked works" : "eth1 is down");
	addresses_drain(s, host);
}

static void remember(struct sim *s, size_t host, const struct ip *ip, uint64_t epoch)
{
	size_t a = sim_find(s, ip);
	uint64_t *newest = s->hosts[host].agent.newest;

	if (a != SIZE_MAX && epoch > newest[a])
		newest[a] = epoch;
}

void addresses_order(struct sim *s, size_t host, const struct message *m)
{
	struct agent *a = &s->hosts[host].agent;

	if (a->ownership == NULL)
		return;
	switch (m->type) {
	case MESSAGE_CLAIM:
		SIM_SAY(s, host, "main: ordered to claim %s, epoch %llu",
			sim_text(s, sim_find(s, &m->claim.address)),
			(unsigned long long)m->claim.epoch);
		ownership_claim(a->ownership, now_of(s, host), m->id, &m->claim);
		remember(s, host, &m->claim.address, m->claim.epoch);
		break;
	case MESSAGE_RELEASE:
		SIM_SAY(s, host, "main: ordered to release %s, epoch %llu",
			sim_text(s, sim_find(s, &m->release.address)),
			(unsigned long long)m->release.epoch);
		ownership_release(a->ownership, now_of(s, host), m->id, &m->release);
		remember(s, host, &m->release.address, m->release.epoch);
		break;
	case MESSAGE_PROBE:
		neighbours_probe(s, host, m->id, &m->probe);
		break;
	case MESSAGE_MEMBERS:
		neighbours_set(s, host, m->members.members, m->members.n_members);
		break;
	default:
		break;
	}
	addresses_drain(s, host);
}

static const char *to_code(int result)
{
	if (result == ERR_EXISTS)
		return MSG_REFUSED_IN_USE;
	return result == ERR_TIMEOUT ? MSG_REFUSED_UNREACHED : MSG_REFUSED_FAILED;
}

void addresses_answer(struct sim *s, size_t host, const struct keeper_report *report)
{
	struct agent *a = &s->hosts[host].agent;
	enum msg_seen seen = report->is_there != 0 ? MSG_SEEN_YES : MSG_SEEN_NO;

	if (report->request.type == KEEPER_ASK) {
		neighbours_take_link(s, host, report->request.id,
				     report->result != 0 ? MSG_SEEN_UNKNOWN : seen);
	} else {
		if (report->result != 0)
			SIM_SAY(s, host, "keeper: %s: %s",
				sim_text(s, s->hosts[host].order[report->request.index]),
				report->text);
		ownership_keeper_answer(a->ownership, now_of(s, host), report->request.index,
					report->request.type == KEEPER_ADDRESS_ADD, report->result,
					to_code(report->result), report->text);
	}
	addresses_drain(s, host);
}

bool addresses_is_held(const struct sim *s, size_t host, size_t address)
{
	const struct host *h = &s->hosts[host];

	return h->agent.ownership != NULL && h->index[address] != SIZE_MAX &&
	       ownership_is_held(h->agent.ownership, h->index[address]);
}

bool addresses_may_hold_any(const struct sim *s, size_t host)
{
	const struct agent *a = &s->hosts[host].agent;

	return a->ownership != NULL && ownership_may_hold_any(a->ownership);
}
