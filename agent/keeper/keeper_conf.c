/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/keeper/keeper.h"

__attribute__((format(printf, 2, 3))) static int refuse(char why[KEEPER_TEXT_MAX], const char *fmt,
							...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, KEEPER_TEXT_MAX, fmt, args);
	va_end(args);
	return ERR_CONFIG;
}

/* A device name: terminated, not empty, nothing that could be a path. */
static bool is_device_name(const char name[IFNAMSIZ])
{
	size_t len = strnlen(name, IFNAMSIZ);

	if (len == 0 || len == IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '/' || name[i] == ':')
			return false;
	}
	return true;
}

const char *keeper_address_link(const struct keeper_address *address)
{
	bool is_on_lo = address->claim == KEEPER_CLAIM_ROUTE ||
			(address->claim == KEEPER_CLAIM_HOOK && address->link[0] == '\0');

	return is_on_lo ? "lo" : address->link;
}

static int check_address(const struct keeper_conf *conf, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *a = &conf->addresses[index];
	char text[IP_TEXT_MAX];

	if (ip_size(&a->ip) == 0)
		return refuse(why, "address %zu is none", index);
	if (a->claim != KEEPER_CLAIM_L2 && a->claim != KEEPER_CLAIM_NONE &&
	    a->claim != KEEPER_CLAIM_ROUTE && a->claim != KEEPER_CLAIM_HOOK)
		return refuse(why, "address %s has no valid claim", ip_format(&a->ip, text));
	if (a->claim == KEEPER_CLAIM_ROUTE && a->link[0] != '\0')
		return refuse(why, "address %s has a link, but goes to lo",
			      ip_format(&a->ip, text));
	if (!is_device_name(a->link) && (a->claim == KEEPER_CLAIM_L2 || a->link[0] != '\0'))
		return refuse(why, "address %s has no valid link", ip_format(&a->ip, text));
	if (a->claim == KEEPER_CLAIM_HOOK && conf->hook[0] == '\0')
		return refuse(why, "address %s needs a claim hook", ip_format(&a->ip, text));
	for (size_t i = 0; i < index; i++) {
		if (ip_is_equal(&conf->addresses[i].ip, &a->ip))
			return refuse(why, "address %s is there twice", ip_format(&a->ip, text));
	}
	return 0;
}

static int check_next_hops(const struct keeper_conf *conf, char why[KEEPER_TEXT_MAX])
{
	if (conf->next_hop_count > KEEPER_NEXT_HOPS_MAX)
		return refuse(why, "more than %d next hops", KEEPER_NEXT_HOPS_MAX);
	for (size_t i = 0; i < conf->next_hop_count; i++) {
		if (ip_size(&conf->next_hops[i]) == 0)
			return refuse(why, "next hop %zu is no address", i);
	}
	return 0;
}

/* Whether it can be run is seen when it is: it may be mended meanwhile. */
static int check_hook(const struct keeper_conf *conf, char why[KEEPER_TEXT_MAX])
{
	size_t len = strnlen(conf->hook, sizeof(conf->hook));

	if (len == sizeof(conf->hook) || (len > 0 && conf->hook[0] != '/'))
		return refuse(why, "the claim hook is no absolute path of at most %zu octets",
			      sizeof(conf->hook) - 1);
	return 0;
}

static int check_connection(const struct keeper_connection *c, size_t index,
			    char why[KEEPER_TEXT_MAX])
{
	if (c->inside != KEEPER_INSIDE_PROXY_ARP && c->inside != KEEPER_INSIDE_ROUTE)
		return refuse(why, "connection %zu has no valid inside mode", index);
	if (c->inside == KEEPER_INSIDE_PROXY_ARP && !is_device_name(c->link))
		return refuse(why, "connection %zu has no valid inside link", index);
	if (c->remote_ts_count > KEEPER_PREFIXES_MAX)
		return refuse(why, "connection %zu has more than %d remote-ts prefixes", index,
			      KEEPER_PREFIXES_MAX);
	for (size_t i = 0; i < c->remote_ts_count; i++) {
		if (c->remote_ts[i].bits > ip_size(&c->remote_ts[i].ip) * 8 ||
		    ip_size(&c->remote_ts[i].ip) == 0)
			return refuse(why, "connection %zu has a remote-ts that is no prefix",
				      index);
	}
	return 0;
}

int keeper_conf_check(const struct keeper_conf *conf, char why[KEEPER_TEXT_MAX])
{
	int err = 0;

	if (conf->address_count > KEEPER_ADDRESSES_MAX)
		return refuse(why, "more than %d addresses", KEEPER_ADDRESSES_MAX);
	if (conf->connection_count > KEEPER_CONNECTIONS_MAX)
		return refuse(why, "more than %d connections", KEEPER_CONNECTIONS_MAX);
	if (conf->routes_max > KEEPER_ROUTES_MAX)
		return refuse(why, "more than %d routes", KEEPER_ROUTES_MAX);
	if (!is_device_name(conf->tun))
		return refuse(why, "the data plane has no valid device name");
	err = check_next_hops(conf, why);
	if (err == 0)
		err = check_hook(conf, why);
	for (size_t i = 0; err == 0 && i < conf->address_count; i++)
		err = check_address(conf, i, why);
	for (size_t i = 0; err == 0 && i < conf->connection_count; i++)
		err = check_connection(&conf->connections[i], i, why);
	return err;
}
