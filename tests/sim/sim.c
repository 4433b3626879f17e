/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

/* The world: made, started, settled. */

#define FIRST_HOST 21 /* 192.0.2.21, 2001:db8::21 */

/* ---- names ---- */

size_t sim_home(const struct sim *s, size_t address)
{
	return address / s->conf.n_homes;
}

size_t sim_find(const struct sim *s, const struct ip *ip)
{
	size_t last = ip->octets[ip->family == IP_V6 ? 15 : 3], a = last - FIRST_HOST;

	return last >= FIRST_HOST && a < s->n_addresses && ip_is_equal(&s->addresses[a], ip)
		   ? a
		   : SIZE_MAX;
}

const char *sim_name(const struct sim *s, size_t host)
{
	return host < s->conf.n_members ? s->hosts[host].name : "director";
}

const char *sim_text(const struct sim *s, size_t address)
{
	static char texts[SIM_ADDRESSES_MAX][IP_TEXT_MAX];

	if (address >= s->n_addresses)
		return "?";
	return ip_format(&s->addresses[address], texts[address]);
}

void sim_write(struct sim *s, const char *who, const char *fmt, ...)
{
	va_list args;

	printf("%4llu.%03llu %-9s ", (unsigned long long)s->now / 1000,
	       (unsigned long long)s->now % 1000, who);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* ---- the configuration ---- */

static struct ip make_ip(bool is_v6, uint8_t net, uint8_t last)
{
	struct ip ip = { .family = IP_V4, .octets = { 192, 0, net, last } };
	struct ip v6 = { .family = IP_V6, .octets = { 0x20, 1, 0xd, 0xb8, [15] = last } };

	return is_v6 ? v6 : ip;
}

static void set_numbers(struct sim *s)
{
	bool is_normal = s->conf.is_normal;

	s->heartbeat_ms = is_normal ? 1000 : 100;
	s->coordinator = (struct coordinator_conf){
		.suspect_ms = is_normal ? 3000 : 300,
		.doubt_ms = is_normal ? 2200 : 220,
		.probe_ms = is_normal ? 1000 : 200,
		.reprobe_ms = is_normal ? 1000 : 250,
		.fence_ms = 4400,
		.order_ms = 1500,
		.settle_ms = is_normal ? 10000 : 5000,
		.is_auto_failback = s->conf.is_auto,
		.hold_down_ms = s->conf.hold_down_ms,
		.has_fence = s->conf.has_fence,
		.n_witnesses = s->conf.has_witness ? 1 : 0,
		.witnesses = { s->witness },
	};
}

static bool is_configured(const struct sim *s, size_t host, size_t address)
{
	return sim_home(s, address) == host || (s->conf.cannot[host] >> address & 1) == 0;
}

/* Homes first, then what it may adopt. */
static void set_addresses(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];
	struct keeper_conf *k = &s->keeper_confs[host];

	for (int pass = 0; pass < 2; pass++) {
		for (size_t a = 0; a < s->n_addresses; a++) {
			if ((sim_home(s, a) == host) != (pass == 0) || !is_configured(s, host, a))
				continue;
			h->index[a] = h->n;
			h->order[h->n] = a;
			k->addresses[h->n] = (struct keeper_address){ .ip = s->addresses[a],
								      .claim = KEEPER_CLAIM_L2,
								      .link = "eth0" };
			if (s->conf.is_route)
				k->addresses[h->n] =
				    (struct keeper_address){ .ip = s->addresses[a],
							     .claim = KEEPER_CLAIM_ROUTE };
			h->n++;
		}
	}
	k->address_count = h->n;
	if (s->conf.has_next_hop) {
		k->next_hop_count = 1;
		k->next_hops[0] = s->witness;
	}
}

static void make_host(struct sim *s, size_t i)
{
	struct host *h = &s->hosts[i];

	snprintf(h->name, sizeof(h->name), "m%zu", i + 1);
	h->number = (uint8_t)(i + 1);
	h->mesh = (struct endpoint){ make_ip(false, 9, (uint8_t)(i + 1)), MESH_PORT };
	h->rng.state = s->seed * 0x9e3779b97f4a7c15u + 1000 + i;
	h->is_able = true;
	h->is_wanted = true;
	h->silent_from = SIM_NEVER;
	for (size_t a = 0; a < SIM_ADDRESSES_MAX; a++)
		h->index[a] = SIZE_MAX;
	set_addresses(s, i);
}

struct sim *sim_new(uint64_t seed, const struct sim_conf *conf, bool is_tracing)
{
	struct sim *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->seed = seed;
	s->is_tracing = is_tracing;
	s->chaos.state = seed * 0x9e3779b97f4a7c15u + 1;
	s->net.rng.state = seed * 0x9e3779b97f4a7c15u + 2;
	s->director.rng.state = seed * 0x9e3779b97f4a7c15u + 3;
	if (conf != NULL)
		s->conf = *conf;
	else
		chaos_conf(s);
	s->witness = make_ip(false, 2, 1);
	s->n_addresses = s->conf.n_members * s->conf.n_homes;
	for (size_t a = 0; a < s->n_addresses; a++)
		s->addresses[a] =
		    make_ip(s->conf.has_v6 && a % 2 == 1, 2, (uint8_t)(FIRST_HOST + a));
	s->keeper_confs = calloc(s->conf.n_members, sizeof(*s->keeper_confs));
	if (s->keeper_confs == NULL)
		abort();
	for (size_t i = 0; i < s->conf.n_members; i++)
		make_host(s, i);
	set_numbers(s);
	s->director.is_store_sync = s->conf.is_store_sync;
	for (size_t a = 0; a < SIM_ADDRESSES_MAX; a++)
		s->director.store.records[a].owner = COORDINATOR_NONE;
	return s;
}

void sim_free(struct sim *s)
{
	for (size_t i = 0; i < s->conf.n_members; i++) {
		ownership_free(s->hosts[i].agent.ownership);
		keeper_core_free(s->hosts[i].keeper.core);
	}
	coordinator_free(s->director.coordinator);
	registry_free(s->director.registry);
	conns_free(s);
	events_free(s);
	free(s->checks.used);
	free(s->keeper_confs);
	free(s);
}

/* ---- running ---- */

static void power_on(struct sim *s, struct event *e)
{
	fault_power(s, e->host, true);
}

void sim_begin(struct sim *s)
{
	director_begin(s, SIZE_MAX);
	for (size_t i = 0; i < s->conf.n_members; i++)
		sim_at(s, draw(&s->chaos, 500), power_on, i, NULL, 0);
}

/* How long it has to stay as it should be. */
#define STABLE_MS 3000
#define LOOK_MS   100

void sim_settle(struct sim *s, uint32_t off, uint64_t within_ms)
{
	uint64_t begin = s->now, good_since = SIM_NEVER;
	char why[256] = "";

	s->checks.is_quiet = true;
	fault_heal(s, off);
	if (s->is_tracing)
		sim_write(s, "world", "everything is mended");
	while (!s->has_failed && s->now < begin + within_ms) {
		director_pause(s, false);
		sim_run(s, s->now + LOOK_MS);
		if (!settled(s, why))
			good_since = SIM_NEVER;
		else if (good_since == SIM_NEVER)
			good_since = s->now;
		else if (s->now - good_since >= STABLE_MS)
			break;
	}
	s->checks.is_quiet = false;
	if (good_since == SIM_NEVER)
		sim_fail(s, "liveness", "%llu ms after everything was mended: %s",
			 (unsigned long long)within_ms, why);
	s->checks.settled_at = good_since;
}
