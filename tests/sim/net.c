/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

/* Who reaches whom, how fast, and what is lost on the way. */

static bool is_up(const struct sim *s, size_t host)
{
	if (host == SIM_DIRECTOR)
		return s->director.is_up;
	return s->hosts[host].is_up && !s->hosts[host].is_suspended;
}

bool net_is_cut(const struct sim *s, enum net_kind kind, size_t from, size_t to)
{
	return s->net.cut[kind][from][to] != 0;
}

/* Nothing happens to an innocent host, so nothing of what it says and hears is lost or late. */
static bool is_spared(const struct sim *s, size_t a, size_t b)
{
	return (a < s->conf.n_members && s->hosts[a].is_innocent) ||
	       (b < s->conf.n_members && s->hosts[b].is_innocent);
}

bool net_try(struct sim *s, enum net_kind kind, size_t from, size_t to, uint64_t *delay_ms)
{
	struct net *net = &s->net;
	bool is_link_witness = kind == NET_LINK && (from == SIM_DIRECTOR || to == SIM_DIRECTOR);

	*delay_ms = draw(&net->rng, 3);
	if (net_is_cut(s, kind, from, to) || (!is_link_witness && !is_up(s, from)) ||
	    (is_link_witness && from != SIM_DIRECTOR && !is_up(s, from)))
		return false;
	if (is_spared(s, from, to))
		return true;
	if (kind != NET_LINK || net->delay_ms + net->spread_ms <= 20)
		*delay_ms += net->delay_ms + draw(&net->rng, net->spread_ms + 1u);
	return !draw_ppm(&net->rng, net->loss_ppm);
}

void net_datagram(struct sim *s, enum net_kind kind, size_t from, size_t to, enum sim_target target,
		  event_fn *run, const void *data, size_t len)
{
	bool is_twice = !is_spared(s, from, to) && draw_ppm(&s->net.rng, s->net.dup_ppm);
	bool is_link = kind == NET_LINK;

	for (int i = 0; i < (is_twice ? 2 : 1); i++) {
		uint64_t delay_ms;
		struct event *e;

		if (!net_try(s, kind, from, to, &delay_ms))
			continue;
		/* Or much later: somebody sends again what he has heard. */
		if (i > 0)
			delay_ms +=
			    draw(&s->net.rng, is_link || draw(&s->net.rng, 8) > 0 ? 50 : 20000);
		e = sim_at(s, s->now + delay_ms, run, to, data, len);
		e->from = (uint8_t)from;
		e->target = (uint8_t)target;
		e->is_net = e->is_datagram = true;
	}
}

/* ---- the link ---- */

static void fill_mac(size_t host, uint8_t mac[FRAME_MAC_SIZE])
{
	memset(mac, 0, FRAME_MAC_SIZE);
	mac[0] = 2;
	mac[FRAME_MAC_SIZE - 1] = (uint8_t)(host + 1);
}

/* As the keeper of that host hears it. */
static struct keeper_heard heard_at(size_t host, size_t from)
{
	struct keeper_heard heard = { .link = "eth0" };

	fill_mac(host, heard.own_mac);
	fill_mac(from, heard.mac);
	return heard;
}

static struct keeper_heard frame_of(size_t host, size_t from, uint16_t operation,
				    const struct ip *sender, const struct ip *target)
{
	static const struct ip nobody_v4 = { .family = IP_V4 }, nobody_v6 = { .family = IP_V6 };
	struct keeper_heard heard = heard_at(host, from);

	if (target->family == IP_V4) {
		heard.is_arp = true;
		heard.arp = (struct arp){ .operation = operation,
					  .sender = sender != NULL ? *sender : nobody_v4,
					  .target = *target };
		fill_mac(from, heard.arp.sender_mac);
		return heard;
	}
	/* An answer advertises what was asked for: its sender. */
	heard.nd = (struct nd){
		.type = operation == ARP_REPLY ? ND_ADVERTISEMENT : ND_SOLICITATION,
		.source = sender != NULL ? *sender : nobody_v6,
		.to = *target,
		.target = operation == ARP_REPLY && sender != NULL ? *sender : *target,
	};
	return heard;
}

static void tell_keeper(struct sim *s, size_t from, size_t to, uint16_t operation,
			const struct ip *sender, const struct ip *target)
{
	struct keeper_heard heard = frame_of(to, from, operation, sender, target);

	net_datagram(s, NET_LINK, from, to, SIM_KEEPER, keeper_take_frame, &heard, sizeof(heard));
}

struct question {
	bool has_sender;
	struct ip sender, target;
};

/* The kernel of a host that has the address answers, whatever its processes do. */
static void take_question(struct sim *s, struct event *e)
{
	const struct question *q = event_data(e);
	size_t a = sim_find(s, &q->target);
	struct keeper_heard heard;

	if (e->host != SIM_DIRECTOR) {
		heard = frame_of(e->host, e->from, ARP_REQUEST, q->has_sender ? &q->sender : NULL,
				 &q->target);
		sim_post(s, SIM_KEEPER, e->host, s->now, keeper_take_frame, &heard, sizeof(heard))
		    ->is_datagram = true;
		if (a == SIZE_MAX || !s->hosts[e->host].kernel[a].is_there)
			return;
	} else if (!ip_is_equal(&q->target, &s->witness)) {
		return;
	}
	/* A probe has no sender: its answer says only who has the address. */
	tell_keeper(s, e->host, e->from, ARP_REPLY, &q->target,
		    q->has_sender ? &q->sender : &q->target);
}

void net_ask(struct sim *s, size_t from, const struct ip *sender, const struct ip *target)
{
	struct question q = { .has_sender = sender != NULL, .target = *target };

	if (sender != NULL)
		q.sender = *sender;
	s->checks.probes++;
	for (size_t i = 0; i < s->conf.n_members; i++) {
		if (i != from)
			net_datagram(s, NET_LINK, from, i, SIM_NOBODY, take_question, &q,
				     sizeof(q));
	}
	net_datagram(s, NET_LINK, from, SIM_DIRECTOR, SIM_NOBODY, take_question, &q, sizeof(q));
}

void net_announce(struct sim *s, size_t from, const struct ip *ip)
{
	for (size_t i = 0; i < s->conf.n_members; i++) {
		if (i != from)
			tell_keeper(s, from, i, ARP_REPLY, ip, ip);
	}
}

/* ---- the mesh ---- */

/* To a service address: which host has it there is seen on arrival. */
static void arrive(struct sim *s, struct event *e)
{
	const struct mesh_wire *wire = event_data(e);
	size_t a = sim_find(s, &wire->to);
	struct event *in;

	if (a != SIZE_MAX && !s->hosts[e->host].kernel[a].is_there)
		return;
	if (!s->hosts[e->host].agent.proc.is_alive)
		return;
	in = sim_post(s, SIM_MAIN, e->host, s->now, neighbours_take, wire, sizeof(*wire));
	in->from = e->from;
	in->is_datagram = true;
}

static void send_wire(struct sim *s, enum net_kind kind, size_t from, size_t to,
		      const struct mesh_wire *wire)
{
	net_datagram(s, kind, from, to, SIM_NOBODY, arrive, wire, sizeof(*wire));
}

/* Service addresses are on the link, or where routing leads. */
static enum net_kind service_net(const struct sim *s)
{
	return s->conf.is_route ? NET_MESH : NET_LINK;
}

/* Whom the neighbour table of the sender names: one of those that have it and answer. */
static size_t find_holder(struct sim *s, size_t from, size_t address)
{
	size_t found[SIM_MEMBERS_MAX], n = 0;

	for (size_t i = 0; i < s->conf.n_members; i++) {
		if (i != from && s->hosts[i].kernel[address].is_there &&
		    !net_is_cut(s, service_net(s), from, i) &&
		    !net_is_cut(s, service_net(s), i, from))
			found[n++] = i;
	}
	return n > 0 ? found[draw(&s->net.rng, n)] : SIZE_MAX;
}

void net_mesh(struct sim *s, size_t from, const struct mesh_msg *msg, const struct ip *source,
	      const struct endpoint *to)
{
	struct mesh_wire wire = { *msg, { *source, MESH_PORT }, to->ip };
	size_t a = sim_find(s, &to->ip);

	wire.msg.number = s->hosts[from].number;
	wire.msg.boot_id = s->hosts[from].agent.boot_id;
	if (a != SIZE_MAX) {
		size_t holder = find_holder(s, from, a);

		if (holder != SIZE_MAX)
			send_wire(s, service_net(s), from, holder, &wire);
		return;
	}
	for (size_t i = 0; i < s->conf.n_members; i++) {
		/* An answer from a service address goes out on its link. */
		bool is_service = sim_find(s, source) != SIZE_MAX;

		if (ip_is_equal(&s->hosts[i].mesh.ip, &to->ip))
			send_wire(s, is_service ? service_net(s) : NET_MESH, from, i, &wire);
	}
}

void net_mesh_group(struct sim *s, size_t from, const struct mesh_msg *msg)
{
	struct mesh_wire wire = { *msg, s->hosts[from].mesh, { .family = IP_NONE } };

	wire.msg.number = s->hosts[from].number;
	wire.msg.boot_id = s->hosts[from].agent.boot_id;
	for (size_t i = 0; i < s->conf.n_members; i++) {
		if (i != from)
			send_wire(s, NET_LINK, from, i, &wire);
	}
}
