/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* agent/uplink: the agent's end of the control connection, and heartbeats. */

#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS   2000
#define BYE_MS         1000
#define REPORT_MS      5000
#define OPEN_MS        5000 /* for TLS: the director's kernel accepts, its process hangs */
#define UNHEARD_MAX    3
#define SILENCE_FACTOR 10

static uint64_t jitter(struct host *h, uint64_t ms)
{
	return ms / 2 + draw(&h->rng, ms / 2 + 1);
}

static void send_as_it_is(struct sim *s, size_t host, const struct message *m)
{
	struct conn *c = conn_find(s, s->hosts[host].agent.connected);

	if (c != NULL && c->ends[CONN_AGENT].is_open)
		conn_write(s, c, CONN_AGENT, letter_new(m));
}

static void send_message(struct sim *s, size_t host, struct message *m)
{
	m->id = ++s->hosts[host].agent.next_id;
	send_as_it_is(s, host, m);
}

void uplink_tell(struct sim *s, size_t host, const struct message *m)
{
	if (s->hosts[host].agent.is_welcome)
		send_as_it_is(s, host, m);
}

/* ---- connecting ---- */

static void connect_now(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	a->conn = conn_open(s, host);
	a->connected = 0;
}

void uplink_start(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	if (a->is_started || a->stage >= AGENT_BYE)
		return;
	a->is_started = true;
	connect_now(s, host);
}

static void lost(struct sim *s, size_t host, const char *why)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;
	bool was_welcome = a->is_welcome;

	SIM_SAY(s, host, "uplink: no connection: %s", why);
	a->conn = a->connected = 0;
	a->is_welcome = false;
	a->timers[TIMER_HEARTBEAT] = a->timers[TIMER_REPORT] = SIM_NEVER;
	if (was_welcome) {
		a->is_ordered = false;
		if (a->ownership != NULL) {
			ownership_disconnected(a->ownership, host_mono(s, h));
			addresses_drain(s, host);
		}
	}
	if (a->bye_id != 0) {
		agent_end(s, host, "said bye");
		return;
	}
	a->timers[TIMER_CONNECT] = host_mono(s, h) + jitter(h, a->retry_ms);
	a->retry_ms = a->retry_ms * 2 < RETRY_MAX_MS ? a->retry_ms * 2 : RETRY_MAX_MS;
}

static void abort_now(struct sim *s, size_t host, const char *why)
{
	conn_close(s, s->hosts[host].agent.conn, CONN_AGENT, true);
	lost(s, host, why);
}

static void fill_hello(struct sim *s, size_t host, struct msg_hello *hello,
		       struct msg_address list[SIM_ADDRESSES_MAX])
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;

	if (a->ownership != NULL)
		ownership_hello(a->ownership);
	for (size_t i = 0; i < h->n; i++) {
		list[i] = (struct msg_address){ .address = s->addresses[h->order[i]],
						.link = s->conf.is_route ? NULL : "eth0",
						.claim = s->conf.is_route ? MSG_CLAIM_ROUTE
									  : MSG_CLAIM_L2 };
		if (a->ownership == NULL)
			continue;
		list[i].held = ownership_is_held(a->ownership, i);
		list[i].epoch = ownership_epoch(a->ownership, i);
	}
	*hello = (struct msg_hello){
		.proto = { PROTO_MAJOR, PROTO_MINOR },
		.member = h->name,
		.boot_id = a->boot_id,
		.version = "sim",
		.dataplane = "tun",
		.addresses = list,
		.n_addresses = h->n,
		.capacity = 100,
		.max_epoch = a->ownership != NULL ? ownership_max_epoch(a->ownership)
						  : a->state.ownership.max_epoch,
		.mesh = h->mesh,
	};
}

void uplink_opened(struct sim *s, struct event *e)
{
	struct agent *a = &s->hosts[e->host].agent;
	struct message m = { .type = MESSAGE_HELLO };
	struct msg_address list[SIM_ADDRESSES_MAX];

	if (e->a != a->conn) { /* given up in the meantime */
		conn_close(s, e->a, CONN_AGENT, true);
		return;
	}
	a->connected = a->conn;
	fill_hello(s, e->host, &m.hello, list);
	send_message(s, e->host, &m);
	a->timers[TIMER_CONNECT] = host_mono(s, &s->hosts[e->host]) + OPEN_MS;
	agent_arm(s, e->host);
}

void uplink_closed(struct sim *s, struct event *e)
{
	if (e->a != s->hosts[e->host].agent.conn)
		return;
	lost(s, e->host, "it ended");
	agent_arm(s, e->host);
}

/* ---- heartbeats ---- */

static enum msg_state state_of(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	if (a->stage != AGENT_SERVING || !a->is_track_known)
		return MSG_STATE_STARTING;
	if (!a->is_able)
		return MSG_STATE_FAILED;
	for (size_t i = 0; i < s->n_addresses; i++) {
		if (sim_home(s, i) == host && addresses_is_held(s, host, i))
			return MSG_STATE_ACTIVE;
	}
	return MSG_STATE_STARTING;
}

static void heartbeat(struct sim *s, size_t host, uint64_t now)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;
	struct heartbeat_wire wire;
	struct message m = { .type = MESSAGE_HEARTBEAT };

	if (now - a->heard_ms > SILENCE_FACTOR * a->suspect_ms) {
		abort_now(s, host, "the director does not answer heartbeats");
		return;
	}
	wire =
	    (struct heartbeat_wire){ a->connected, a->boot_id, ++a->seq, state_of(s, host), false };
	net_datagram(s, NET_CONTROL, host, SIM_DIRECTOR, SIM_THE_DIRECTOR, session_take_datagram,
		     &wire, sizeof(wire));
	a->is_unheard = a->seq - a->acked > UNHEARD_MAX;
	if (!a->is_unheard)
		return;
	m.heartbeat = (struct msg_heartbeat){
		.member = h->name, .seq = a->seq, .boot_id = a->boot_id, .state = wire.state
	};
	send_message(s, host, &m);
}

static void take_seq(struct sim *s, size_t host, uint64_t seq)
{
	struct agent *a = &s->hosts[host].agent;

	if (seq <= a->acked || seq > a->seq)
		return;
	a->acked = seq;
	a->heard_ms = host_mono(s, &s->hosts[host]);
}

void uplink_take_ack(struct sim *s, struct event *e)
{
	struct agent *a = &s->hosts[e->host].agent;
	const struct heartbeat_wire *wire = event_data(e);

	if (!a->is_welcome || wire->key != a->connected)
		return;
	take_seq(s, e->host, wire->seq);
	a->is_unheard = false;
}

/* ---- what the director says ---- */

static void take_welcome(struct sim *s, size_t host, const struct msg_welcome *w)
{
	struct host *h = &s->hosts[host];
	struct agent *a = &h->agent;
	uint64_t now = host_mono(s, h);

	a->is_welcome = true;
	a->retry_ms = RETRY_FIRST_MS;
	a->seq = a->acked = 0;
	a->is_unheard = false;
	a->heard_ms = now;
	a->suspect_ms = w->suspect_ms;
	a->heartbeat_ms = w->heartbeat_ms;
	a->timers[TIMER_CONNECT] = SIM_NEVER;
	SIM_SAY(s, host, "uplink: welcome, epoch %llu", (unsigned long long)w->epoch);
	agent_welcome(s, host, w);
	if (!a->proc.is_alive)
		return;
	if (a->stage == AGENT_SERVING)
		agent_last_words(s, host, false);
	a->timers[TIMER_HEARTBEAT] = now;
	a->timers[TIMER_REPORT] = now + jitter(h, REPORT_MS);
}

static void take_letter(struct sim *s, size_t host, const struct message *m)
{
	struct agent *a = &s->hosts[host].agent;

	switch (m->type) {
	case MESSAGE_WELCOME:
		if (!a->is_welcome)
			take_welcome(s, host, &m->welcome);
		break;
	case MESSAGE_OK:
		if (a->bye_id != 0 && m->id == a->bye_id)
			agent_end(s, host, "said bye");
		break;
	case MESSAGE_ACK:
		take_seq(s, host, m->ack.seq);
		break;
	case MESSAGE_CLAIM:
	case MESSAGE_RELEASE:
	case MESSAGE_PROBE:
	case MESSAGE_MEMBERS:
		if (a->is_welcome)
			addresses_order(s, host, m);
		break;
	default:
		break;
	}
}

void uplink_take(struct sim *s, struct event *e)
{
	struct agent *a = &s->hosts[e->host].agent;
	const struct letter *l = event_data(e);

	if (e->a != a->connected)
		return;
	take_letter(s, e->host, &l->m);
	if (!a->proc.is_alive)
		return;
	agent_check_released(s, e->host);
	agent_arm(s, e->host);
}

/* ---- timers, bye ---- */

void uplink_expire(struct sim *s, size_t host, uint64_t now)
{
	struct agent *a = &s->hosts[host].agent;
	struct message report = { .type = MESSAGE_REPORT };

	if (now >= a->timers[TIMER_CONNECT]) {
		a->timers[TIMER_CONNECT] = SIM_NEVER;
		if (a->conn != 0)
			abort_now(s, host, "no welcome in time");
		else
			connect_now(s, host);
	}
	if (a->proc.is_alive && now >= a->timers[TIMER_HEARTBEAT]) {
		a->timers[TIMER_HEARTBEAT] = now + a->heartbeat_ms;
		heartbeat(s, host, now);
	}
	if (a->proc.is_alive && now >= a->timers[TIMER_REPORT]) {
		a->timers[TIMER_REPORT] = now + REPORT_MS;
		send_message(s, host, &report);
	}
	if (a->proc.is_alive && now >= a->timers[TIMER_BYE])
		agent_end(s, host, "the director did not confirm the goodbye");
}

void uplink_bye(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;
	struct message m = { .type = MESSAGE_BYE };

	a->timers[TIMER_HEARTBEAT] = a->timers[TIMER_REPORT] = SIM_NEVER;
	if (!a->is_welcome) {
		agent_end(s, host, "stopped without a director");
		return;
	}
	m.bye = (struct msg_bye){ "stop", a->released, a->n_released };
	send_message(s, host, &m);
	a->bye_id = m.id;
	a->timers[TIMER_BYE] = host_mono(s, &s->hosts[host]) + BYE_MS;
}
