/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/crowd_internal.h"
#include "tests/lib/inner.h"

#define AGAIN_MS      5000
#define PACKET_SIZE   100
#define MESSAGE_LIMIT 4096

/* The NAT's port for 4500 is the one behind that for 500. */
static uint16_t natt_port(const struct crowd_peer *peer)
{
	return (uint16_t)(peer->outside.port + 1);
}
/* ---- the network ---- */

static void put_on_link(struct crowd *c, const struct crowd_packet *packet)
{
	struct crowd_packet *copy = malloc(sizeof(*copy) + packet->len);
	uint64_t delay = crowd_draw(c, c->conf.delay_max_ms - c->conf.delay_min_ms + 1);

	assert_non_null(copy);
	memcpy(copy, packet, sizeof(*copy) + packet->len);
	copy->due = (struct timer){ .place = 0 };
	assert_int_equal(timers_set(&c->packets, &copy->due, c->now + c->conf.delay_min_ms + delay),
			 0);
}

static void send_on(struct crowd *c, const struct crowd_packet *head, struct bytes data)
{
	static union {
		struct crowd_packet packet;
		uint8_t room[sizeof(struct crowd_packet) + MESSAGE_LIMIT];
	} u;

	assert_true(data.len <= MESSAGE_LIMIT);
	if (crowd_draw(c, 1000000) < c->conf.loss_ppm)
		return;
	memcpy(&u.packet, head, sizeof(u.packet));
	u.packet.len = data.len;
	memcpy(u.packet.octets, data.ptr, data.len);
	put_on_link(c, &u.packet);
	if (crowd_draw(c, 1000000) < c->conf.double_ppm)
		put_on_link(c, &u.packet);
}

/* The NAT writes its own address and port. */
static void send_from_peer(struct crowd_peer *peer, bool is_esp, uint16_t port, struct bytes data)
{
	struct crowd *c = peer->crowd;
	struct crowd_packet head = {
		.peer = peer,
		.is_to_gateway = true,
		.is_esp = is_esp,
		.path = { c->address, peer->outside },
	};

	head.path.local.port = port;
	if (!has_nat(peer))
		head.path.remote.port = port;
	else if (port == IKE_NATT_PORT)
		head.path.remote.port = natt_port(peer);
	send_on(c, &head, data);
}

/* False if the NAT has no such binding any more: nobody gets it. */
static bool find_inside(const struct crowd_peer *peer, const struct endpoint *to, uint16_t *port)
{
	if (!has_nat(peer))
		*port = to->port;
	else if (to->port == peer->outside.port)
		*port = IKE_PORT;
	else if (to->port == natt_port(peer))
		*port = IKE_NATT_PORT;
	else
		return false;
	return true;
}

static void send_from_gateway(struct crowd *c, bool is_esp, const struct path *path,
			      struct bytes data)
{
	const uint8_t *octets = path->remote.ip.octets;
	size_t number = (size_t)octets[2] << 8 | octets[3];
	struct crowd_packet head = { .is_esp = is_esp, .path.remote = path->local };

	assert_true(number < c->conf.n_peers);
	head.peer = &c->peers[number];
	head.path.local = head.peer->inside;
	if (find_inside(head.peer, &path->remote, &head.path.local.port))
		send_on(c, &head, data);
}

/* ---- the gateway, as agent/shard has it ---- */

static void run_gateway_action(struct crowd *c, const struct action *a)
{
	switch (a->type) {
	case ACTION_SEND:
		send_from_gateway(c, false, &a->path, a->message);
		break;
	case ACTION_CHILD_ADD: {
		uint64_t id = a->child_id;

		responder_child_result(c->gateway, c->now, id, esp_set_add(c->esp, &a->child));
		break;
	}
	case ACTION_CHILD_REMOVE:
		assert_int_equal(esp_set_remove(c->esp, a->child_id), 0);
		break;
	case ACTION_CHILD_MOVE:
		assert_int_equal(esp_set_update_remote(c->esp, a->child_id, &a->path.remote), 0);
		break;
	case ACTION_CHILD_OUTBOUND:
		assert_int_equal(esp_set_outbound(c->esp, a->child_id, a->is_outbound), 0);
		break;
	case ACTION_KEEPALIVE:
	case ACTION_PEER_UP:
	case ACTION_PEER_CHANGED:
	case ACTION_PEER_DOWN:
	case ACTION_PEER_FAILED:
	case ACTION_TICKET:
	case ACTION_TICKET_GONE:
		break;
	}
}

void crowd_drain_gateway(struct crowd *c)
{
	struct action a;

	while (responder_next_action(c->gateway, &a))
		run_gateway_action(c, &a);
}

void crowd_tell_usage(void *ctx, uint64_t id, const struct esp_stats *stats)
{
	struct crowd *c = ctx;

	responder_child_usage(c->gateway, c->now, id, stats);
}

/* ---- the peers ---- */

void crowd_switch_off(struct crowd_peer *peer)
{
	initiator_free(peer->ike);
	esp_set_free(peer->esp);
	peer->ike = NULL;
	peer->esp = NULL;
	peer->spi = 0;
	timers_clear(&peer->crowd->timers, &peer->due);
}

static void peer_connect(struct crowd_peer *peer)
{
	struct crowd *c = peer->crowd;
	struct path path = { peer->inside, c->address };

	assert_int_equal(initiator_connect(peer->ike, c->now, &peer->gateway, &path, peer->number),
			 0);
	crowd_drain_peer(peer);
}

static void peer_switch_on(struct crowd_peer *peer, bool is_first)
{
	struct crowd *c = peer->crowd;

	if (peer->ike != NULL)
		return;
	c->peer_conf.id = fqdn(peer->name);
	c->peer_conf.initial_contact = is_first;
	peer->ike = initiator_new(&c->peer_conf, c->crypto, &c->rng, NULL);
	peer->esp = esp_set_new(c->crypto);
	assert_non_null(peer->ike);
	assert_non_null(peer->esp);
	peer_connect(peer);
}

static void run_peer_action(struct crowd_peer *peer, const struct action *a)
{
	struct crowd *c = peer->crowd;

	switch (a->type) {
	case ACTION_SEND:
		send_from_peer(peer, false, a->path.local.port, a->message);
		break;
	case ACTION_CHILD_ADD: {
		uint64_t id = a->child_id;

		initiator_child_result(peer->ike, c->now, id, esp_set_add(peer->esp, &a->child));
		break;
	}
	case ACTION_CHILD_REMOVE:
		assert_int_equal(esp_set_remove(peer->esp, a->child_id), 0);
		break;
	case ACTION_CHILD_MOVE:
		assert_int_equal(esp_set_update_remote(peer->esp, a->child_id, &a->path.remote), 0);
		break;
	case ACTION_CHILD_OUTBOUND:
		assert_int_equal(esp_set_outbound(peer->esp, a->child_id, a->is_outbound), 0);
		break;
	case ACTION_PEER_UP:
	case ACTION_PEER_CHANGED:
		assert_int_equal(a->peer.ref, peer->number);
		peer->spi = a->peer.spi;
		break;
	case ACTION_PEER_DOWN:
	case ACTION_PEER_FAILED:
		peer->spi = 0;
		if (peer->plan == CROWD_REST)
			crowd_plan(c, peer, c->now + AGAIN_MS, CROWD_CONNECT);
		break;
	case ACTION_KEEPALIVE:
	case ACTION_TICKET:
	case ACTION_TICKET_GONE:
		break;
	}
}

void crowd_drain_peer(struct crowd_peer *peer)
{
	struct action a;

	while (initiator_next_action(peer->ike, &a))
		run_peer_action(peer, &a);
	assert_int_equal(
	    timers_set(&peer->crowd->timers, &peer->due, initiator_next_expiry(peer->ike)), 0);
}

void crowd_plan(struct crowd *c, struct crowd_peer *peer, uint64_t at_ms, enum crowd_plan plan)
{
	peer->plan = plan;
	assert_int_equal(timers_set(&c->plans, &peer->at, at_ms), 0);
}

void crowd_carry_out(struct crowd *c, struct crowd_peer *peer)
{
	enum crowd_plan plan = peer->plan;

	timers_clear(&c->plans, &peer->at);
	peer->plan = CROWD_REST;
	switch (plan) {
	case CROWD_REST:
		break;
	case CROWD_CONNECT:
	case CROWD_CONNECT_FIRST:
		if (peer->ike == NULL)
			peer_switch_on(peer, plan == CROWD_CONNECT_FIRST);
		else if (peer->spi == 0)
			peer_connect(peer);
		break;
	case CROWD_LEAVE:
		if (peer->ike != NULL && initiator_delete_ike(peer->ike, c->now, peer->spi)) {
			crowd_plan(c, peer, c->now + AGAIN_MS, CROWD_VANISH);
			crowd_drain_peer(peer);
		}
		break;
	case CROWD_VANISH:
		crowd_switch_off(peer);
		crowd_plan(c, peer, c->now + 1000 + crowd_draw(c, 1200000),
			   crowd_draw(c, 2) ? CROWD_CONNECT : CROWD_CONNECT_FIRST);
		break;
	case CROWD_REBIND:
		peer->outside.port = (uint16_t)(1024 + 2 * crowd_draw(c, 30000));
		break;
	}
}

/* ---- packets ---- */

void crowd_take_at_gateway(struct crowd *c, const struct crowd_packet *packet)
{
	struct bytes data = { packet->octets, packet->len }, inner;
	uint8_t room[MESSAGE_LIMIT];
	bool is_moved = false;
	uint64_t id;

	if (!packet->is_esp) {
		responder_datagram(c->gateway, c->now, &packet->path, data);
	} else if (esp_inbound(c->esp, c->now, &packet->path.remote, data, room, &inner, &id,
			       &is_moved) == ESP_OK) {
		c->n_esp_ok++;
		responder_child_heard(c->gateway, c->now, id,
				      is_moved ? &packet->path.remote : NULL);
	}
	crowd_drain_gateway(c);
}

void crowd_take_at_peer(struct crowd *c, const struct crowd_packet *packet)
{
	struct crowd_peer *peer = packet->peer;
	struct bytes data = { packet->octets, packet->len }, inner;
	uint8_t room[MESSAGE_LIMIT];
	bool is_moved = false;
	uint64_t id;

	if (peer->ike == NULL)
		return;
	if (!packet->is_esp) {
		initiator_datagram(peer->ike, c->now, &packet->path, data);
	} else if (esp_inbound(peer->esp, c->now, &packet->path.remote, data, room, &inner, &id,
			       &is_moved) == ESP_OK) {
		c->n_esp_ok++;
		initiator_child_heard(peer->ike, c->now, id,
				      is_moved ? &packet->path.remote : NULL);
	}
	crowd_drain_peer(peer);
}

void crowd_exchange_packets(struct crowd *c, struct crowd_peer *peer)
{
	struct ip ip = address_of(10, peer->number);
	char text[IP_TEXT_MAX];
	uint8_t inner[PACKET_SIZE], out[2 * PACKET_SIZE];
	struct path path;
	struct bytes packet;
	size_t len;

	ip_format(&ip, text);
	len = inner_build_udp(text, CROWD_WEB, PACKET_SIZE, 1, inner, sizeof(inner));
	if (peer->esp != NULL &&
	    esp_outbound(peer->esp, c->now, (struct bytes){ inner, len }, out, sizeof(out), &packet,
			 &path.local, &path.remote) == ESP_OK)
		send_from_peer(peer, true, path.local.port, packet);
	len = inner_build_udp(CROWD_WEB, text, PACKET_SIZE, 2, inner, sizeof(inner));
	if (esp_outbound(c->esp, c->now, (struct bytes){ inner, len }, out, sizeof(out), &packet,
			 &path.local, &path.remote) == ESP_OK)
		send_from_gateway(c, true, &path, packet);
}
