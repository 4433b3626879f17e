/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/crowd.h"
#include "tests/lib/inner.h"

#define PSK           "correct horse battery"
#define WEB           "10.1.0.100"
#define USAGE_MS      60000
#define TRIM_IDLE_MS  60000
#define AGAIN_MS      5000
#define SETUP_MS      60000
#define PACKET_SIZE   100
#define MESSAGE_LIMIT 4096

#define OWNER(type, member, timer) ((type *)(void *)((char *)(timer)-offsetof(type, member)))

uint64_t crowd_draw(struct crowd *c, uint64_t below)
{
	uint64_t value;

	assert_int_equal(rng_u64(&c->rng, &value), 0);
	return value % below;
}

/* 10.x.y.z of the peer: outer addresses begin with another octet. */
static struct ip address_of(uint8_t first, size_t number)
{
	return (struct ip){ IP_V4, { first, 64, (uint8_t)(number >> 8), (uint8_t)number } };
}

static struct ts_list only(const struct ip *ip)
{
	const struct ip_prefix prefix = { *ip, 32 };

	return (struct ts_list){ 1, { ts_from_prefix(&prefix) } };
}

static struct id_body fqdn(const char *name)
{
	return (struct id_body){ ID_FQDN, { (const uint8_t *)name, strlen(name) } };
}

static bool has_nat(const struct crowd_peer *peer)
{
	return peer->number % CROWD_NAT_EVERY == 0;
}

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
		break;
	}
}

static void drain_gateway(struct crowd *c)
{
	struct action a;

	while (responder_next_action(c->gateway, &a))
		run_gateway_action(c, &a);
}

static void tell_usage(void *ctx, uint64_t id, const struct esp_stats *stats)
{
	struct crowd *c = ctx;

	responder_child_usage(c->gateway, c->now, id, stats);
}

/* ---- the peers ---- */

static void peer_drain(struct crowd_peer *peer);

static void peer_switch_off(struct crowd_peer *peer)
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
	peer_drain(peer);
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
		break;
	}
}

static void peer_drain(struct crowd_peer *peer)
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

static void carry_out(struct crowd *c, struct crowd_peer *peer)
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
			peer_drain(peer);
		}
		break;
	case CROWD_VANISH:
		peer_switch_off(peer);
		crowd_plan(c, peer, c->now + 1000 + crowd_draw(c, 1200000),
			   crowd_draw(c, 2) ? CROWD_CONNECT : CROWD_CONNECT_FIRST);
		break;
	case CROWD_REBIND:
		peer->outside.port = (uint16_t)(1024 + 2 * crowd_draw(c, 30000));
		break;
	}
}

/* ---- packets ---- */

static void take_at_gateway(struct crowd *c, const struct crowd_packet *packet)
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
	drain_gateway(c);
}

static void take_at_peer(struct crowd *c, const struct crowd_packet *packet)
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
	peer_drain(peer);
}

static void exchange_packets(struct crowd *c, struct crowd_peer *peer)
{
	struct ip ip = address_of(10, peer->number);
	char text[IP_TEXT_MAX];
	uint8_t inner[PACKET_SIZE], out[2 * PACKET_SIZE];
	struct path path;
	struct bytes packet;
	size_t len;

	ip_format(&ip, text);
	len = inner_build_udp(text, WEB, PACKET_SIZE, 1, inner, sizeof(inner));
	if (peer->esp != NULL &&
	    esp_outbound(peer->esp, c->now, (struct bytes){ inner, len }, out, sizeof(out), &packet,
			 &path.local, &path.remote) == ESP_OK)
		send_from_peer(peer, true, path.local.port, packet);
	len = inner_build_udp(WEB, text, PACKET_SIZE, 2, inner, sizeof(inner));
	if (esp_outbound(c->esp, c->now, (struct bytes){ inner, len }, out, sizeof(out), &packet,
			 &path.local, &path.remote) == ESP_OK)
		send_from_gateway(c, true, &path, packet);
}

/* ---- time ---- */

static uint64_t first_due(const struct timers *timers)
{
	const struct timer *first = timers_first(timers);

	return first != NULL ? first->due_ms : UINT64_MAX;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void deliver(struct crowd *c)
{
	struct crowd_packet *packet = OWNER(struct crowd_packet, due, timers_first(&c->packets));

	timers_clear(&c->packets, &packet->due);
	if (packet->is_to_gateway)
		take_at_gateway(c, packet);
	else
		take_at_peer(c, packet);
	free(packet);
}

static void run_peer_expiry(struct crowd *c)
{
	struct crowd_peer *peer = OWNER(struct crowd_peer, due, timers_first(&c->timers));

	initiator_expire(peer->ike, c->now);
	peer_drain(peer);
}

static void run_usage(struct crowd *c)
{
	c->usage_due = c->now + USAGE_MS;
	esp_set_each(c->esp, tell_usage, c);
	drain_gateway(c);
	esp_set_trim(c->esp, c->now, TRIM_IDLE_MS);
	for (size_t i = 0; i < c->conf.n_peers; i++) {
		if (c->peers[i].esp != NULL)
			esp_set_trim(c->peers[i].esp, c->now, TRIM_IDLE_MS);
	}
}

static void run_traffic(struct crowd *c)
{
	c->traffic_due += c->conf.traffic_ms / c->conf.n_peers + 1;
	exchange_packets(c, &c->peers[c->traffic_next++ % c->conf.n_peers]);
}

static void step(struct crowd *c, uint64_t until_ms)
{
	uint64_t packet = first_due(&c->packets), peer = first_due(&c->timers),
		 plan = first_due(&c->plans), gateway = responder_next_expiry(c->gateway);
	uint64_t next = earlier(earlier(earlier(packet, peer), earlier(plan, gateway)),
				earlier(earlier(c->traffic_due, c->usage_due), until_ms));

	if (next > c->now)
		c->now = next;
	if (packet <= c->now) {
		deliver(c);
	} else if (peer <= c->now) {
		run_peer_expiry(c);
	} else if (gateway <= c->now) {
		responder_expire(c->gateway, c->now);
		drain_gateway(c);
	} else if (plan <= c->now) {
		carry_out(c, OWNER(struct crowd_peer, at, timers_first(&c->plans)));
	} else if (c->traffic_due <= c->now) {
		run_traffic(c);
	} else if (c->usage_due <= c->now) {
		run_usage(c);
	}
}

void crowd_run(struct crowd *c, uint64_t until_ms)
{
	while (c->now < until_ms)
		step(c, until_ms);
}

/* ---- beginning, end ---- */

static void fill_peer(struct crowd *c, size_t number)
{
	struct crowd_peer *peer = &c->peers[number];
	struct ip inner = address_of(10, number);

	snprintf(peer->name, sizeof(peer->name), "p%zu.example", number);
	peer->crowd = c;
	peer->number = number;
	peer->connection = c->connection;
	peer->connection.local = only(&inner);
	peer->connection.remote = c->connection.local;
	peer->connection.rekey_child_ms = 3300000;
	peer->gateway = (struct policy_peer){
		.id = c->gateway_conf.id,
		.psk = { (const uint8_t *)PSK, sizeof(PSK) - 1 },
		.connection = &peer->connection,
	};
	peer->inside = (struct endpoint){ address_of(100, number), IKE_PORT };
	peer->outside = peer->inside;
	if (has_nat(peer))
		peer->outside = (struct endpoint){ address_of(203, number), 10000 };
	timers_clear(&c->timers, &peer->due);
}

static void make_policy(struct crowd *c)
{
	struct policy_peer *all = calloc(c->conf.n_peers, sizeof(*all));

	assert_non_null(all);
	for (size_t i = 0; i < c->conf.n_peers; i++) {
		fill_peer(c, i);
		all[i] = (struct policy_peer){
			.id = fqdn(c->peers[i].name),
			.psk = c->peers[i].gateway.psk,
			.connection = &c->connection,
			.has_remote = true,
			.remote = c->peers[i].connection.local,
		};
	}
	c->policy = policy_new(all, c->conf.n_peers);
	assert_non_null(c->policy);
	free(all);
}

static void configure(struct crowd *c)
{
	struct ip web;

	assert_int_equal(ip_parse(WEB, &web), 0);
	c->connection = (struct policy_connection){
		.name = "crowd",
		.n_suites = 1,
		.local = only(&web),
		.rekey_child_ms = 3000000,
	};
	assert_int_equal(esp_suite_parse("aes256gcm16", &c->connection.suites[0]), 0);
	c->gateway_conf = (struct responder_conf){
		.member = 7,
		.shards = 1,
		.id = fqdn("gw.example"),
		.n_suites = 1,
		.half_open_max = (uint32_t)c->conf.n_peers,
		.cookie_above = 20,
		.half_open_timeout_ms = 30000,
		.dpd_ms = 600000,
		.rekey_ike_ms = 3 * 3600000,
		.fragment_size = 1280,
	};
	assert_int_equal(
	    ike_suite_parse("aes256gcm16-prfsha256-x25519", &c->gateway_conf.suites[0]), 0);
	c->peer_conf = (struct initiator_conf){
		.n_suites = 1,
		.suites = { c->gateway_conf.suites[0] },
		.setup_timeout_ms = SETUP_MS,
		.dpd_ms = 600000,
		.rekey_ike_ms = 3 * 3600000,
		.fragment_size = 1280,
	};
	assert_int_equal(endpoint_parse("192.0.2.21:500", &c->address), 0);
}

void crowd_start(struct crowd *c, const struct crowd_conf *conf)
{
	memset(c, 0, sizeof(*c));
	c->conf = *conf;
	c->now = 1000;
	c->traffic_due = c->usage_due = c->now + USAGE_MS;
	c->crypto = crypto_new();
	c->peers = calloc(conf->n_peers, sizeof(*c->peers));
	assert_non_null(c->crypto);
	assert_non_null(c->peers);
	c->seed.state = conf->seed;
	c->rng = rng_seeded(&c->seed);
	configure(c);
	make_policy(c);
	c->gateway = responder_new(&c->gateway_conf, c->policy, c->crypto, &c->rng, NULL);
	c->esp = esp_set_new(c->crypto);
	assert_non_null(c->gateway);
	assert_non_null(c->esp);
}

void crowd_stop(struct crowd *c)
{
	for (size_t i = 0; i < c->conf.n_peers; i++)
		peer_switch_off(&c->peers[i]);
	while (timers_first(&c->packets) != NULL)
		deliver(c);
	responder_free(c->gateway);
	esp_set_free(c->esp);
	policy_free(c->policy);
	crypto_free(c->crypto);
	timers_free(&c->timers);
	timers_free(&c->plans);
	timers_free(&c->packets);
	free(c->peers);
}

/* ---- what is there ---- */

static bool is_quiet_core(const struct ike_core *core, size_t n)
{
	if (HASH_CNT(hh_spi, core->by_spi) != n || core->n_established != n ||
	    HASH_COUNT(core->by_child) != n)
		return false;
	for (const struct ike_sa *sa = core->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		if (sa->state != SA_ESTABLISHED || sa->current != NULL || sa->tasks != NULL)
			return false;
	}
	return true;
}

bool crowd_is_quiet(const struct crowd *c)
{
	if (timers_first(&c->packets) != NULL || esp_set_count(c->esp) != c->conf.n_peers ||
	    !is_quiet_core(&c->gateway->core, c->conf.n_peers))
		return false;
	for (size_t i = 0; i < c->conf.n_peers; i++) {
		const struct crowd_peer *peer = &c->peers[i];

		if (peer->ike == NULL || esp_set_count(peer->esp) != 1 ||
		    !is_quiet_core(&peer->ike->core, 1))
			return false;
	}
	return true;
}
