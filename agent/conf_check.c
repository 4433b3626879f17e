/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conf_check.h"

#include "agent/conf.h"

static void check_home(struct conf_check *check, const struct agent_conf *conf, size_t at)
{
	const struct agent_conf_home *home = &conf->home[at];
	char text[IP_TEXT_MAX];

	ip_format(&home->address, text);
	for (size_t i = 0; i < at; i++) {
		if (ip_is_equal(&conf->home[i].address, &home->address)) {
			conf_check_fail(check, &home->address, "%s is in the list twice", text);
			break;
		}
	}
	if (ip_is_equal(&conf->director.address.ip, &home->address))
		conf_check_fail(check, &home->address, "%s is the director's address", text);
	if (home->claim == AGENT_CLAIM_L2 && home->link == NULL)
		conf_check_fail(check, &home->link, "'link' is missing: 'claim: l2' needs it");
	if (home->claim == AGENT_CLAIM_ROUTE && home->link != NULL)
		conf_check_fail(check, &home->link,
				"'link' does not go with 'claim: route': the address is put on lo");
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
		check_home(check, conf, i);
	check_ike(check, &conf->ike);
	for (size_t i = 0; i < conf->n_connections; i++) {
		check_name(check, conf, i);
		check_families(check, &conf->connections[i]);
		check_inside(check, &conf->connections[i].inside);
	}
}
