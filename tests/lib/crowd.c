/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/crowd_internal.h"

#define PSK          "correct horse battery"
#define USAGE_MS     60000
#define TRIM_IDLE_MS 60000
#define SETUP_MS     60000

#define OWNER(type, member, timer) ((type *)(void *)((char *)(timer)-offsetof(type, member)))

uint64_t crowd_draw(struct crowd *c, uint64_t below)
{
	uint64_t value;

	assert_int_equal(rng_u64(&c->rng, &value), 0);
	return value % below;
}
static struct ts_list only(const struct ip *ip)
{
	const struct ip_prefix prefix = { *ip, 32 };

	return (struct ts_list){ 1, { ts_from_prefix(&prefix) } };
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
		crowd_take_at_gateway(c, packet);
	else
		crowd_take_at_peer(c, packet);
	free(packet);
}

static void run_peer_expiry(struct crowd *c)
{
	struct crowd_peer *peer = OWNER(struct crowd_peer, due, timers_first(&c->timers));

	initiator_expire(peer->ike, c->now);
	crowd_drain_peer(peer);
}

static void run_usage(struct crowd *c)
{
	c->usage_due = c->now + USAGE_MS;
	esp_set_each(c->esp, crowd_tell_usage, c);
	crowd_drain_gateway(c);
	esp_set_trim(c->esp, c->now, TRIM_IDLE_MS);
	for (size_t i = 0; i < c->conf.n_peers; i++) {
		if (c->peers[i].esp != NULL)
			esp_set_trim(c->peers[i].esp, c->now, TRIM_IDLE_MS);
	}
}

static void run_traffic(struct crowd *c)
{
	c->traffic_due += c->conf.traffic_ms / c->conf.n_peers + 1;
	crowd_exchange_packets(c, &c->peers[c->traffic_next++ % c->conf.n_peers]);
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
		crowd_drain_gateway(c);
	} else if (plan <= c->now) {
		crowd_carry_out(c, OWNER(struct crowd_peer, at, timers_first(&c->plans)));
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

	assert_int_equal(ip_parse(CROWD_WEB, &web), 0);
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
		crowd_switch_off(&c->peers[i]);
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
