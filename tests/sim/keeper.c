/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* The keeper's process: the loop of agent/keeper/keeper.c around the core, and its kernel. */

#define WORDS_COPIES 3

static size_t address_of(const struct sim *s, size_t host, size_t index)
{
	return s->hosts[host].order[index];
}

/* ---- actions ---- */

static int set_address(struct sim *s, size_t host, size_t index, struct keeper_result *r)
{
	struct host *h = &s->hosts[host];
	size_t a = address_of(s, host, index);

	check_use(s, host, a, "added or renewed");
	if (h->is_kernel_failing) {
		h->kernel_bad_at = host_mono(s, h);
		strcpy(r->text, "the kernel refuses");
		return ERR_IO;
	}
	if (!h->kernel[a].is_there && h->keeper.was_answered[index] && !h->keeper.is_forced[index])
		sim_fail(s, "probe", "%s adds %s although somebody answered its probe", h->name,
			 sim_text(s, a));
	kernel_set(s, host, a);
	return 0;
}

static int del_address(struct sim *s, size_t host, size_t index, struct keeper_result *r)
{
	struct host *h = &s->hosts[host];
	size_t a = address_of(s, host, index);

	h->must_drop &= ~(1u << a);
	if (h->is_kernel_failing) {
		h->kernel_bad_at = host_mono(s, h);
		strcpy(r->text, "the kernel refuses");
		return ERR_IO;
	}
	if (!h->kernel[a].is_there)
		return ERR_NOT_FOUND;
	kernel_del(s, host, a, "removed by the keeper");
	return 0;
}

static void ask(struct sim *s, size_t host, const struct keeper_action *action,
		struct keeper_result *r)
{
	struct host *h = &s->hosts[host];
	size_t a = sim_find(s, &action->target);

	if (a != SIZE_MAX && h->kernel[a].is_there) {
		r->presence = KEEPER_PRESENCE_OURS;
		return;
	}
	h->keeper.is_asking[action->slot] = true;
	net_ask(s, host, &h->mesh.ip, &action->target);
}

static void say_last_words(struct sim *s, size_t host)
{
	const struct keeper_last_words *words = keeper_core_last_words(s->hosts[host].keeper.core);

	SIM_SAY(s, host, "keeper: last words");
	for (int i = 0; i < WORDS_COPIES; i++)
		net_datagram(s, NET_CONTROL, host, SIM_DIRECTOR, SIM_THE_DIRECTOR,
			     session_take_datagram, words->octets, words->len);
}

static void verify(struct sim *s, size_t host, size_t index)
{
	check_use(s, host, address_of(s, host, index), "used");
	net_ask(s, host, &s->addresses[address_of(s, host, index)], &s->witness);
}

static void execute(struct sim *s, size_t host, const struct keeper_action *action,
		    struct keeper_result *r)
{
	struct host *h = &s->hosts[host];
	size_t a = address_of(s, host, action->index);

	switch (action->type) {
	case KEEPER_ACT_LOOKUP:
		r->presence = h->kernel[a].is_there ? KEEPER_PRESENCE_OURS : KEEPER_PRESENCE_NONE;
		break;
	case KEEPER_ACT_PROBE:
		h->keeper.is_probing[action->index] = true;
		h->keeper.was_answered[action->index] = false;
		net_ask(s, host, NULL, &s->addresses[a]);
		break;
	case KEEPER_ACT_PROBE_STOP:
		h->keeper.is_probing[action->index] = false;
		break;
	case KEEPER_ACT_ADDRESS_SET:
		r->err = set_address(s, host, action->index, r);
		break;
	case KEEPER_ACT_ADDRESS_DEL:
		r->err = del_address(s, host, action->index, r);
		break;
	case KEEPER_ACT_ANNOUNCE:
		check_use(s, host, a, "announced");
		net_announce(s, host, &s->addresses[a]);
		break;
	case KEEPER_ACT_VERIFY:
		verify(s, host, action->index);
		break;
	case KEEPER_ACT_ASK:
		ask(s, host, action, r);
		break;
	case KEEPER_ACT_ASK_STOP:
		h->keeper.is_asking[action->slot] = false;
		break;
	case KEEPER_ACT_LAST_WORDS:
		say_last_words(s, host);
		break;
	default:
		break;
	}
}

/* ---- the loop ---- */

static void end(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];

	keeper_core_free(h->keeper.core);
	h->keeper.core = NULL;
	proc_end(s, &h->keeper.proc);
	if (h->agent.proc.is_alive)
		sim_post(s, SIM_MAIN, host, s->now, agent_take_death, NULL, 0);
}

static void send_report(struct sim *s, size_t host, const struct keeper_report *report)
{
	struct host *h = &s->hosts[host];

	if (!h->agent.proc.is_alive) {
		keeper_core_take_eof(h->keeper.core, "main has ended");
		return;
	}
	/* The short way for what there is most of. */
	if (report->type == KEEPER_PONG && h->lag_ms == 0 && sim_is_running(s, SIM_MAIN, host)) {
		h->agent.unanswered = 0;
		return;
	}
	sim_post(s, SIM_MAIN, host, s->now + h->lag_ms, agent_take_report, report, sizeof(*report));
}

static void run_actions(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct keeper_action action;

	while (h->keeper.core != NULL &&
	       keeper_core_next(h->keeper.core, host_mono(s, h), &action)) {
		struct keeper_result result = { .err = 0 };

		if (action.type == KEEPER_ACT_EXIT) {
			SIM_SAY(s, host, "keeper: ends");
			end(s, host);
			return;
		}
		if (action.type == KEEPER_ACT_REPORT) {
			send_report(s, host, &action.report);
			continue;
		}
		execute(s, host, &action, &result);
		keeper_core_take_result(h->keeper.core, host_mono(s, h), &action, &result);
	}
}

static void begin_turn(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct keeper_time now = { host_mono(s, h), host_boot(s, h) };

	keeper_core_wake(h->keeper.core, now);
	run_actions(s, host);
}

static void end_turn(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	uint64_t now = host_mono(s, h);

	if (h->keeper.core == NULL || h->keeper.is_batch)
		return;
	keeper_core_heard_all(h->keeper.core, now);
	keeper_core_tick(h->keeper.core, now);
	run_actions(s, host);
	if (h->keeper.core != NULL)
		proc_arm(s, SIM_KEEPER, host,
			 host_real(h, keeper_core_next_ms(h->keeper.core, now)) + h->lag_ms);
}

void keeper_wake(struct sim *s, size_t host)
{
	if (s->hosts[host].keeper.core == NULL)
		return;
	begin_turn(s, host);
	end_turn(s, host);
}

/* What main said is read before frames are. */
static void sort_inbox(struct proc *p)
{
	struct event *frames = NULL, **next_frame = &frames, **next = &p->first, *last = NULL;

	for (struct event *e = p->first, *after; e != NULL; e = after) {
		after = e->next;
		e->next = NULL;
		if (e->run == keeper_take_frame) {
			*next_frame = e;
			next_frame = &e->next;
		} else {
			*next = e;
			next = &e->next;
		}
	}
	*next = frames;
	for (struct event *e = p->first; e != NULL; e = e->next)
		last = e;
	p->last = last;
}

void keeper_resume(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];

	check_heard_main(s, host);
	sort_inbox(&h->keeper.proc);
	if (h->keeper.core != NULL)
		begin_turn(s, host);
}

static void take_message(struct sim *s, struct event *e)
{
	struct host *h = &s->hosts[e->host];
	struct bytes datagram = { event_data(e), e->len };

	if (h->keeper.core == NULL)
		return;
	check_heard_main(s, e->host);
	begin_turn(s, e->host);
	if (h->keeper.core == NULL)
		return;
	keeper_core_take_message(h->keeper.core, host_mono(s, h), datagram);
	run_actions(s, e->host);
	end_turn(s, e->host);
}

void keeper_say(struct sim *s, size_t host, const void *message, size_t size)
{
	struct host *h = &s->hosts[host];
	const struct keeper_request *r = message;

	if (!h->keeper.proc.is_alive)
		return;
	if (size == sizeof(*r) && r->type == KEEPER_ADDRESS_ADD)
		h->keeper.is_forced[r->index] = r->force != 0;
	sim_post(s, SIM_KEEPER, host, s->now + h->lag_ms, take_message, message, size);
}

void keeper_take_eof(struct sim *s, struct event *e)
{
	struct host *h = &s->hosts[e->host];

	if (h->keeper.core == NULL)
		return;
	begin_turn(s, e->host);
	if (h->keeper.core == NULL)
		return;
	keeper_core_take_eof(h->keeper.core, "main has ended");
	run_actions(s, e->host);
	end_turn(s, e->host);
}

static bool is_listening(const struct host *h, const struct sim *s)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->keeper.is_probing[i] || h->kernel[h->order[i]].is_there)
			return true;
	}
	for (size_t i = 0; i < KEEPER_ASKS_MAX; i++) {
		if (h->keeper.is_asking[i])
			return true;
	}
	(void)s;
	return false;
}

void keeper_take_frame(struct sim *s, struct event *e)
{
	struct host *h = &s->hosts[e->host];
	const struct keeper_heard *heard = event_data(e);

	if (h->keeper.core == NULL || !is_listening(h, s))
		return;
	for (size_t i = 0; i < h->n; i++) {
		const struct ip *ip = &s->addresses[h->order[i]];
		enum frame_conflict found =
		    heard->is_arp ? frame_arp_judge(&heard->arp, ip, heard->own_mac)
				  : frame_nd_judge(&heard->nd, heard->mac, ip, heard->own_mac);

		if (h->keeper.is_probing[i] && found == FRAME_IN_USE)
			h->keeper.was_answered[i] = true;
	}
	begin_turn(s, e->host);
	if (h->keeper.core == NULL)
		return;
	keeper_core_take_heard(h->keeper.core, host_mono(s, h), heard);
	run_actions(s, e->host);
	end_turn(s, e->host);
}

/* ---- life ---- */

void keeper_kill(struct sim *s, size_t host, const char *why)
{
	if (!s->hosts[host].keeper.proc.is_alive)
		return;
	SIM_SAY(s, host, "keeper: %s", why);
	end(s, host);
}

void keeper_begin(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct keeper_time now = { host_mono(s, h), host_boot(s, h) };

	memset(&h->keeper.is_batch, 0, sizeof(h->keeper) - offsetof(struct keeper, is_batch));
	proc_begin(s, &h->keeper.proc);
	kernel_clear(s, host, "left over from an earlier keeper");
	h->silent_from = SIM_NEVER;
	if (keeper_core_new(&s->keeper_confs[host], NULL, now, &h->keeper.core) != 0)
		sim_fail(s, "memory", "no keeper");
	proc_arm(s, SIM_KEEPER, host, s->now + KEEPER_PING_MS);
}
