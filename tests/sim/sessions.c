/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* director/control: sessions of members, heartbeats, last words. */

static struct conn *session_of(struct sim *s, size_t member)
{
	struct conn *c = conn_find(s, s->director.sessions[member]);

	return c != NULL && c->ends[CONN_DIRECTOR].is_open ? c : NULL;
}

bool session_send(struct sim *s, size_t member, const struct message *m)
{
	struct conn *c = session_of(s, member);

	if (c == NULL)
		return false;
	conn_write(s, c, CONN_DIRECTOR, letter_new(m));
	return true;
}

/* ---- hello ---- */

static void fill_members(struct sim *s, struct msg_member list[SIM_MEMBERS_MAX])
{
	for (size_t i = 0; i < s->conf.n_members; i++)
		list[i] =
		    (struct msg_member){ .name = s->hosts[i].name, .mesh = s->director.mesh[i] };
}

void session_tell_members(struct sim *s)
{
	struct msg_member list[SIM_MEMBERS_MAX];
	struct message m = { .type = MESSAGE_MEMBERS };

	if (!s->director.is_list_dirty)
		return;
	s->director.is_list_dirty = false;
	fill_members(s, list);
	m.members = (struct msg_members){ list, s->conf.n_members };
	for (size_t i = 0; i < s->conf.n_members; i++)
		(void)session_send(s, i, &m);
}

static void welcome(struct sim *s, struct conn *c, uint64_t id)
{
	struct msg_member list[SIM_MEMBERS_MAX];
	struct message m = { .type = MESSAGE_WELCOME, .id = id };

	fill_members(s, list);
	m.welcome = (struct msg_welcome){
		.proto = { PROTO_MAJOR, PROTO_MINOR },
		.number = s->hosts[c->host].number,
		.heartbeat_ms = s->heartbeat_ms,
		.suspect_ms = s->coordinator.suspect_ms,
		.epoch = coordinator_epoch(s->director.coordinator),
		.members = list,
		.n_members = s->conf.n_members,
	};
	conn_write(s, c, CONN_DIRECTOR, letter_new(&m));
}

static void take_hello(struct sim *s, struct conn *c, const struct message *m)
{
	struct director *d = &s->director;
	const struct msg_hello *hello = &m->hello;
	const struct registry_hello r = { hello->boot_id, hello->version, hello->dataplane,
					  hello->capacity };
	uint64_t before = d->sessions[c->host];
	bool is_reboot;

	if (c->has_member)
		return;
	c->has_member = true;
	c->boot_id = hello->boot_id;
	c->seq = 0;
	d->sessions[c->host] = c->id;
	d->boot_id[c->host] = hello->boot_id;
	d->key[c->host] = c->id;
	registry_hello(d->registry, s->now, c->host, c->id, &r, &is_reboot);
	if (before != 0)
		conn_close(s, before, CONN_DIRECTOR, false);
	if (!endpoint_is_equal(&d->mesh[c->host], &hello->mesh)) {
		d->mesh[c->host] = hello->mesh;
		d->is_list_dirty = true;
	}
	SIM_SAY(s, SIM_DIRECTOR, "hello of %s", sim_name(s, c->host));
	welcome(s, c, m->id);
	coordinator_hello(d->coordinator, s->now, c->host, hello->addresses, hello->n_addresses,
			  hello->max_epoch, &hello->mesh);
}

/* ---- what else members say ---- */

static bool take_heartbeat(struct sim *s, struct conn *c, uint64_t boot_id, uint64_t seq,
			   enum msg_state state)
{
	const struct member_load load = { .takes_new = state == MSG_STATE_ACTIVE,
					  .is_unable = state == MSG_STATE_FAILED };

	if (boot_id != c->boot_id || seq <= c->seq)
		return false;
	c->seq = seq;
	registry_heartbeat(s->director.registry, s->now, c->host, c->id, &load);
	coordinator_heartbeat(s->director.coordinator, s->now, c->host);
	return true;
}

static void take_heartbeat_letter(struct sim *s, struct conn *c, const struct message *m)
{
	struct message ack = { .type = MESSAGE_ACK, .id = m->id };

	if (!take_heartbeat(s, c, m->heartbeat.boot_id, m->heartbeat.seq, m->heartbeat.state))
		return;
	ack.ack.seq = m->heartbeat.seq;
	conn_write(s, c, CONN_DIRECTOR, letter_new(&ack));
}

static void take_bye(struct sim *s, struct conn *c, const struct message *m)
{
	struct director *d = &s->director;
	struct message ok = { .type = MESSAGE_OK, .id = m->id };

	c->has_left = true;
	SIM_SAY(s, SIM_DIRECTOR, "bye of %s, released %zu", sim_name(s, c->host),
		m->bye.n_released);
	registry_bye(d->registry, s->now, c->host, c->id, m->bye.reason);
	coordinator_bye(d->coordinator, s->now, c->host, m->bye.released, m->bye.n_released);
	conn_write(s, c, CONN_DIRECTOR, letter_new(&ok));
}

static void take_known(struct sim *s, struct conn *c, const struct message *m)
{
	struct coordinator *coordinator = s->director.coordinator;

	switch (m->type) {
	case MESSAGE_HEARTBEAT:
		take_heartbeat_letter(s, c, m);
		break;
	case MESSAGE_BYE:
		take_bye(s, c, m);
		break;
	case MESSAGE_CLAIMED:
		coordinator_claimed(coordinator, s->now, c->host, m->id, &m->claimed);
		break;
	case MESSAGE_REFUSED:
		coordinator_refused(coordinator, s->now, c->host, m->id, &m->refused);
		break;
	case MESSAGE_RELEASED:
		coordinator_released(coordinator, s->now, c->host, m->id, &m->released);
		break;
	case MESSAGE_PROBE_RESULT:
		coordinator_probed(coordinator, s->now, c->host, m->id, &m->probe_result);
		break;
	default: /* reports, events */
		break;
	}
}

void session_take(struct sim *s, struct event *e)
{
	struct conn *c = conn_find(s, e->a);
	const struct letter *l = event_data(e);

	if (c == NULL || !c->ends[CONN_DIRECTOR].is_open)
		return;
	if (l->m.type == MESSAGE_HELLO)
		take_hello(s, c, &l->m);
	else if (c->has_member && !c->has_left)
		take_known(s, c, &l->m);
	director_changed(s);
}

void session_closed(struct sim *s, struct event *e)
{
	struct director *d = &s->director;
	size_t member = e->host;
	const struct conn_over *over = event_data(e);

	if (d->sessions[member] == e->a)
		d->sessions[member] = 0;
	if (over->has_member && !over->has_left) {
		registry_disconnected(d->registry, s->now, member, e->a, "it ended");
		coordinator_disconnected(d->coordinator, s->now, member);
	}
	director_changed(s);
}

/* ---- datagrams ---- */

static void take_gone(struct sim *s, size_t member, const struct heartbeat_wire *wire)
{
	struct director *d = &s->director;
	uint64_t session = d->sessions[member];

	if (wire->boot_id != d->boot_id[member])
		return;
	d->boot_id[member] = 0;
	SIM_SAY(s, SIM_DIRECTOR, "last words of %s", sim_name(s, member));
	coordinator_gone(d->coordinator, s->now, member);
	director_changed(s);
	if (session == 0)
		return;
	conn_close(s, session, CONN_DIRECTOR, true);
	d->sessions[member] = 0;
	registry_disconnected(d->registry, s->now, member, session, "its keeper says it ended");
	coordinator_disconnected(d->coordinator, s->now, member);
}

void session_take_datagram(struct sim *s, struct event *e)
{
	struct director *d = &s->director;
	const struct heartbeat_wire *wire = event_data(e);
	struct heartbeat_wire ack = *wire;
	size_t member = e->from;
	struct conn *c = session_of(s, member);

	if (d->boot_id[member] == 0 || wire->key != d->key[member])
		return;
	if (wire->is_gone) {
		take_gone(s, member, wire);
		director_changed(s);
		return;
	}
	if (c == NULL || c->has_left ||
	    !take_heartbeat(s, c, wire->boot_id, wire->seq, wire->state))
		return;
	net_datagram(s, NET_CONTROL, SIM_DIRECTOR, member, SIM_MAIN, uplink_take_ack, &ack,
		     sizeof(ack));
	director_changed(s);
}
