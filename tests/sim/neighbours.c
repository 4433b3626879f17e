/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/sim/sim.h"

/* agent/mesh: claim notices, answers to probes, and the director's probe orders under way. */

static const uint8_t key_octets[32] = { 1, 2, 3 };
static const struct bytes key = { key_octets, sizeof(key_octets) };

void neighbours_set(struct sim *s, size_t host, const struct msg_member *members, size_t n)
{
	struct agent *a = &s->hosts[host].agent;

	a->n_neighbours = 0;
	for (size_t i = 0; i < n && a->n_neighbours < SIM_MEMBERS_MAX; i++) {
		if (members[i].mesh.ip.family != IP_NONE &&
		    strcmp(members[i].name, s->hosts[host].name) != 0)
			a->neighbours[a->n_neighbours++] = members[i].mesh;
	}
}

/* What goes over the wire has to survive it. */
static void send_one(struct sim *s, size_t host, const struct mesh_msg *msg,
		     const struct ip *source, const struct endpoint *to)
{
	struct mesh_msg m = *msg, read;
	uint8_t octets[MESH_SIZE];

	m.number = s->hosts[host].number;
	m.boot_id = s->hosts[host].agent.boot_id;
	if (mesh_encode(&m, key, octets) != 0 ||
	    mesh_decode((struct bytes){ octets, sizeof(octets) }, &key, 1, &read) != 0) {
		sim_fail(s, "wire", "a mesh message of type %d does not survive", (int)m.type);
		return;
	}
	net_mesh(s, host, &read, source, to);
}

/* ---- notices ---- */

void neighbours_notice(struct sim *s, size_t host, const struct ownership_action *action)
{
	struct host *h = &s->hosts[host];
	const struct mesh_msg notice = { .type = MESH_NOTICE,
					 .address = action->ip,
					 .epoch = action->epoch };

	s->checks.notices++;
	if (action->to.ip.family != IP_NONE) {
		net_mesh(s, host, &notice, &h->mesh.ip, &action->to);
		return;
	}
	if (!s->conf.is_route)
		net_mesh_group(s, host, &notice);
	for (size_t i = 0; i < h->agent.n_neighbours; i++)
		net_mesh(s, host, &notice, &h->mesh.ip, &h->agent.neighbours[i]);
}

static void take_notice(struct sim *s, size_t host, const struct mesh_wire *wire)
{
	struct agent *a = &s->hosts[host].agent;
	size_t address = sim_find(s, &wire->msg.address);
	size_t i = s->hosts[host].index[address];
	bool was_held;
	uint64_t epoch;

	if (a->ownership == NULL)
		return;
	was_held = i != SIZE_MAX && ownership_is_held(a->ownership, i);
	epoch = i != SIZE_MAX ? ownership_epoch(a->ownership, i) : 0;
	if (was_held && wire->msg.epoch != epoch)
		SIM_SAY(s, host, "main: hears that %u has %s, epoch %llu (own %llu)",
			wire->msg.number, sim_text(s, address), (unsigned long long)wire->msg.epoch,
			(unsigned long long)epoch);
	ownership_notice(a->ownership, host_mono(s, &s->hosts[host]), &wire->msg, &wire->from);
	if (wire->msg.epoch > a->newest[address])
		a->newest[address] = wire->msg.epoch;
	addresses_drain(s, host);
	check_notice(s, host, &wire->msg, was_held, epoch);
}

/* ---- probes of others ---- */

static void take_probe(struct sim *s, size_t host, const struct mesh_wire *wire)
{
	struct host *h = &s->hosts[host];
	size_t asked = sim_find(s, &wire->msg.address), at = sim_find(s, &wire->to);
	bool is_held = addresses_is_held(s, host, asked);
	struct mesh_msg answer = wire->msg;

	if (h->agent.state.number == 0)
		return;
	/* At a service address only if it is the one, and held here. */
	if (at != SIZE_MAX && (at != asked || !is_held))
		return;
	answer.type = MESH_ANSWER;
	answer.epoch = is_held ? ownership_epoch(h->agent.ownership, h->index[asked]) : 0;
	send_one(s, host, &answer, &wire->to, &wire->from);
}

/* ---- own probes ---- */

static void tell_result(struct sim *s, size_t host, uint64_t order,
			const struct msg_probe_result *result)
{
	struct message m = { .type = MESSAGE_PROBE_RESULT, .id = order, .probe_result = *result };

	SIM_SAY(s, host, "main: probed %s: agent %s (%u), link %s, reference %s",
		sim_text(s, sim_find(s, &result->address)), msg_seen_name(result->agent),
		(unsigned)result->number, msg_seen_name(result->link),
		msg_seen_name(result->reference));
	uplink_tell(s, host, &m);
}

static void tell_if_done(struct sim *s, size_t host, struct probe_slot *slot)
{
	struct msg_probe_result result;

	if (!prober_is_done(&slot->prober, host_mono(s, &s->hosts[host]), &result))
		return;
	slot->is_used = false;
	tell_result(s, host, slot->order, &result);
}

static void ask_all(struct sim *s, size_t host, size_t index, struct probe_slot *slot)
{
	for (size_t i = 0; i < prober_questions(&slot->prober); i++) {
		const struct ip *target = prober_question(&slot->prober, i);
		struct keeper_request r = { .type = KEEPER_ASK,
					    .index = (uint16_t)index,
					    .target = *target };

		slot->is_asked[i] = index != SIZE_MAX && s->hosts[host].agent.has_client;
		if (slot->is_asked[i])
			slot->asks[i] = agent_request(s, host, r);
		else
			prober_take_link(&slot->prober, target, MSG_SEEN_UNKNOWN);
	}
}

static void start(struct sim *s, size_t host, size_t index, struct probe_slot *slot)
{
	for (size_t i = 0; i < prober_datagrams(&slot->prober); i++) {
		struct mesh_msg msg;
		struct endpoint to;

		prober_datagram(&slot->prober, i, &msg, &to);
		send_one(s, host, &msg, &s->hosts[host].mesh.ip, &to);
	}
	ask_all(s, host, index, slot);
	tell_if_done(s, host, slot);
}

void neighbours_probe(struct sim *s, size_t host, uint64_t order, const struct msg_probe *probe)
{
	struct host *h = &s->hosts[host];
	const struct rng rng = rng_seeded(&h->rng);
	size_t address = sim_find(s, &probe->address);
	struct probe_slot *slot = NULL;
	const struct msg_probe_result here = {
		.address = probe->address,
		.agent = MSG_SEEN_YES,
		.number = h->agent.state.number,
		.link = MSG_SEEN_UNKNOWN,
		.reference = MSG_SEEN_YES,
	};

	if (addresses_is_held(s, host, address)) {
		tell_result(s, host, order, &here);
		return;
	}
	for (size_t i = 0; i < SIM_PROBES_MAX && slot == NULL; i++) {
		if (!h->agent.probes[i].is_used)
			slot = &h->agent.probes[i];
	}
	if (slot == NULL)
		return;
	if (prober_start(&slot->prober, host_mono(s, h), probe, h->agent.state.number,
			 h->agent.boot_id, &rng) != 0)
		return;
	slot->is_used = true;
	slot->order = order;
	start(s, host, h->index[address], slot);
}

static void take_answer(struct sim *s, size_t host, const struct mesh_wire *wire)
{
	struct agent *a = &s->hosts[host].agent;

	for (size_t i = 0; i < SIM_PROBES_MAX; i++) {
		struct probe_slot *slot = &a->probes[i];

		if (!slot->is_used || !prober_take_answer(&slot->prober, &wire->msg, &wire->from))
			continue;
		tell_if_done(s, host, slot);
		return;
	}
}

void neighbours_take_link(struct sim *s, size_t host, uint32_t ask, enum msg_seen seen)
{
	struct agent *a = &s->hosts[host].agent;

	for (size_t i = 0; i < SIM_PROBES_MAX; i++) {
		struct probe_slot *slot = &a->probes[i];

		for (size_t q = 0; slot->is_used && q < prober_questions(&slot->prober); q++) {
			if (!slot->is_asked[q] || slot->asks[q] != ask)
				continue;
			slot->is_asked[q] = false;
			prober_take_link(&slot->prober, prober_question(&slot->prober, q), seen);
			tell_if_done(s, host, slot);
			return;
		}
	}
}

void neighbours_expire(struct sim *s, size_t host)
{
	struct agent *a = &s->hosts[host].agent;

	for (size_t i = 0; i < SIM_PROBES_MAX; i++) {
		if (a->probes[i].is_used)
			tell_if_done(s, host, &a->probes[i]);
	}
}

uint64_t neighbours_next(const struct sim *s, size_t host)
{
	const struct agent *a = &s->hosts[host].agent;
	uint64_t next = SIM_NEVER;

	for (size_t i = 0; i < SIM_PROBES_MAX; i++) {
		if (a->probes[i].is_used && prober_due_ms(&a->probes[i].prober) < next)
			next = prober_due_ms(&a->probes[i].prober);
	}
	return next;
}

void neighbours_take(struct sim *s, struct event *e)
{
	const struct mesh_wire *wire = event_data(e);
	struct agent *a = &s->hosts[e->host].agent;

	if (!a->state.has_keys)
		return;
	switch (wire->msg.type) {
	case MESH_PROBE:
		take_probe(s, e->host, wire);
		break;
	case MESH_ANSWER:
		take_answer(s, e->host, wire);
		break;
	case MESH_NOTICE:
		take_notice(s, e->host, wire);
		break;
	}
	agent_check_released(s, e->host);
	agent_arm(s, e->host);
}
