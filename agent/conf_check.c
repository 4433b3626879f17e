/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conf_check.h"

#include "agent/conf.h"
#include "agent/keeper/keeper.h"
#include "common/mesh/mesh.h"

#define TRACK_INTERVAL_MIN_MS 100

static void check_twice(struct conf_check *check, const struct agent_conf_address *list, size_t at)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < at; i++) {
		if (ip_is_equal(&list[i].address, &list[at].address)) {
			conf_check_fail(check, &list[at].address, "%s is in the list twice",
					ip_format(&list[at].address, text));
			return;
		}
	}
}

static void check_address(struct conf_check *check, const struct agent_conf *conf,
			  const struct agent_conf_address *list, size_t at)
{
	const struct agent_conf_address *a = &list[at];
	char text[IP_TEXT_MAX];

	check_twice(check, list, at);
	if (ip_is_equal(&conf->director.address.ip, &a->address))
		conf_check_fail(check, &a->address, "%s is the director's address",
				ip_format(&a->address, text));
	if (a->claim == AGENT_CLAIM_L2 && a->link == NULL)
		conf_check_fail(check, &a->link, "'link' is missing: 'claim: l2' needs it");
	if (a->claim == AGENT_CLAIM_ROUTE && a->link != NULL)
		conf_check_fail(check, &a->link,
				"'link' does not go with 'claim: route': the address is put on lo");
	if (a->claim == AGENT_CLAIM_HOOK && conf->claim_hook == NULL)
		conf_check_fail(check, &a->claim, "'claim: hook' needs 'claim-hook', the script");
}

static void check_adopt(struct conf_check *check, const struct agent_conf *conf)
{
	size_t n = conf->n_home;

	for (size_t i = 0; i < conf->n_adopt; i++) {
		const struct agent_conf_address *a = &conf->adopt[i];

		/* What it says of its own addresses may be meant for others. */
		if (agent_conf_is_home(conf, &a->address)) {
			check_twice(check, conf->adopt, i);
			continue;
		}
		n++;
		check_address(check, conf, conf->adopt, i);
		if (a->claim == AGENT_CLAIM_NONE)
			conf_check_fail(check, &a->claim,
					"'claim: none' is for home addresses: what you configure "
					"yourself cannot be taken over");
	}
	if (n > KEEPER_ADDRESSES_MAX)
		conf_check_fail(check, &conf->adopt,
				"%zu addresses with 'home'; at most %d are allowed", n,
				KEEPER_ADDRESSES_MAX);
}

/* A prober knows the service address only: the port has to be the same everywhere. */
static void check_listen(struct conf_check *check, const struct agent_conf *conf)
{
	char text[IP_TEXT_MAX];
	bool is_service = agent_conf_is_home(conf, &conf->listen.ip);

	if (conf->listen.port != MESH_PORT)
		conf_check_fail(check, &conf->listen,
				"the port of 'listen' must be %d, as on all members", MESH_PORT);
	for (size_t i = 0; i < conf->n_adopt; i++)
		is_service = is_service || ip_is_equal(&conf->adopt[i].address, &conf->listen.ip);
	if (is_service)
		conf_check_fail(check, &conf->listen,
				"%s is a service address: 'listen' must be one that stays here",
				ip_format(&conf->listen.ip, text));
}

static void check_next_hops(struct conf_check *check, const struct agent_conf *conf)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < conf->n_next_hops; i++) {
		const struct ip *hop = &conf->next_hops[i];
		bool is_service = agent_conf_is_home(conf, hop);

		for (size_t k = 0; k < conf->n_adopt; k++)
			is_service = is_service || ip_is_equal(&conf->adopt[k].address, hop);
		if (is_service)
			conf_check_fail(check, hop, "%s is a service address, not a neighbour's",
					ip_format(hop, text));
	}
}

static void check_track(struct conf_check *check, const struct agent_conf_track *t)
{
	bool is_ping = t->ping.family != IP_NONE;

	if ((t->interface != NULL) + is_ping + (t->script != NULL) != 1) {
		conf_check_fail(
		    check, t,
		    "one of 'interface', 'ping' and 'script' must be there, and only one");
		return;
	}
	if (!is_ping && t->interval_ms != 0)
		conf_check_fail(check, &t->interval_ms, "'interval-ms' is for 'ping' only");
	if (t->script == NULL && t->interval_s != 0)
		conf_check_fail(check, &t->interval_s, "'interval-s' is for 'script' only");
	if (t->script == NULL && t->timeout_s != 0)
		conf_check_fail(check, &t->timeout_s, "'timeout-s' is for 'script' only");
	if (t->interface != NULL && t->fails != 0)
		conf_check_fail(check, &t->fails, "'fails' does not go with 'interface'");
	if (t->interval_ms != 0 && t->interval_ms < TRACK_INTERVAL_MIN_MS)
		conf_check_fail(check, &t->interval_ms, "'interval-ms' must be at least %d",
				TRACK_INTERVAL_MIN_MS);
}

static void check_ike(struct conf_check *check, const struct agent_conf_ike *ike)
{
	if (ike->cookie_above > ike->half_open_max)
		conf_check_fail(check, &ike->cookie_above,
				"'cookie-above' must be at most 'half-open-max', which is %u",
				ike->half_open_max);
}

static void check_name(struct conf_check *check, const struct agent_conf *conf, size_t at)
{
	const struct agent_conf_connection *c = &conf->connections[at];

	for (size_t i = 0; i < at; i++) {
		if (strcmp(conf->connections[i].name, c->name) == 0) {
			conf_check_fail(check, &c->name, "there is already a connection '%s'",
					c->name);
			return;
		}
	}
}

static bool has_family(const struct ip_prefix *prefixes, size_t n, uint8_t family)
{
	for (size_t i = 0; i < n; i++) {
		if (prefixes[i].ip.family == family)
			return true;
	}
	return false;
}

/* A packet has one family, so a prefix without any at the other end is good for nothing. */
static void check_families(struct conf_check *check, const struct agent_conf_connection *c)
{
	for (size_t i = 0; i < c->n_remote_ts; i++) {
		uint8_t family = c->remote_ts[i].ip.family;

		if (!has_family(c->local_ts, c->n_local_ts, family))
			conf_check_fail(check, &c->remote_ts[i], "there is no IPv%u in local-ts",
					family);
	}
	for (size_t i = 0; i < c->n_local_ts; i++) {
		uint8_t family = c->local_ts[i].ip.family;

		if (!has_family(c->remote_ts, c->n_remote_ts, family))
			conf_check_fail(check, &c->local_ts[i], "there is no IPv%u in remote-ts",
					family);
	}
}

static void check_inside(struct conf_check *check, const struct agent_conf_inside *inside)
{
	if (inside->mode == AGENT_INSIDE_PROXY_ARP && inside->link == NULL)
		conf_check_fail(check, &inside->link,
				"'link' is missing from 'inside': 'mode: proxy-arp' needs it");
}

void agent_conf_check(struct conf_check *check, const void *value, const void *ctx)
{
	const struct agent_conf *conf = value;

	(void)ctx;
	for (size_t i = 0; i < conf->n_home; i++)
		check_address(check, conf, conf->home, i);
	check_adopt(check, conf);
	check_listen(check, conf);
	check_next_hops(check, conf);
	for (size_t i = 0; i < conf->n_track; i++)
		check_track(check, &conf->track[i]);
	check_ike(check, &conf->ike);
	for (size_t i = 0; i < conf->n_connections; i++) {
		check_name(check, conf, i);
		check_families(check, &conf->connections[i]);
		check_inside(check, &conf->connections[i].inside);
	}
}
