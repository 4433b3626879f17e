/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <stdio.h>

/* Routes to inner prefixes, and the proxy neighbours that belong to them. */

/* How many addresses of a prefix are proxied: the core lets no larger one through. */
static size_t proxy_count(const struct ip_prefix *prefix)
{
	size_t host_bits = ip_size(&prefix->ip) * 8 - prefix->bits;

	return host_bits > 8 ? 0 : (size_t)1 << host_bits;
}

static void del_proxies(struct keeper_exec *exec, const struct keeper_core *core, const char *name,
			uint32_t ifindex, const struct ip_prefix *prefix, size_t count)
{
	struct netlink_proxy proxy = { .ifindex = ifindex };
	struct netlink_msg m;
	char why[KEEPER_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		if (ip_add(&prefix->ip, i, &proxy.ip) != 0 ||
		    keeper_core_is_proxied(core, name, &proxy.ip))
			continue;
		netlink_msg_proxy_del(&m, &proxy);
		exec_call(exec, &m, why); /* fails where it is gone already */
	}
}

static int set_proxies(struct keeper_exec *exec, const struct keeper_core *core, const char *name,
		       const struct ip_prefix *prefix, char why[KEEPER_TEXT_MAX])
{
	struct netlink_proxy proxy = { .protocol = KEEPER_PROTOCOL };
	struct netlink_msg m;
	struct link link;
	int err = exec_find_link(exec, name, &link, why);

	proxy.ifindex = link.ifindex;
	for (size_t i = 0; err == 0 && i < proxy_count(prefix); i++) {
		err = ip_add(&prefix->ip, i, &proxy.ip);
		if (err != 0)
			break;
		netlink_msg_proxy_set(&m, &proxy);
		err = exec_call(exec, &m, why);
		if (err != 0)
			del_proxies(exec, core, name, link.ifindex, prefix, i);
	}
	return err;
}

static void take_netconf(void *ctx, const struct nlmsghdr *h)
{
	struct netlink_netconf *conf = ctx;

	if (netlink_msg_read_netconf(h, conf) != 0)
		return;
}

static bool has_setting(struct keeper_exec *exec, uint8_t family, int32_t ifindex,
			struct netlink_netconf *out)
{
	struct netlink_msg m;
	char why[KEEPER_TEXT_MAX];

	*out = (struct netlink_netconf){ false, false };
	netlink_msg_netconf_get(&m, family, ifindex);
	return netlink_call(exec->nl, &m, take_netconf, out, why, sizeof(why)) == 0;
}

/* The kernel answers for proxied neighbours only where it forwards; for IPv6, where told to. */
static void warn_of_settings(struct keeper_exec *exec, uint8_t family, const char *name,
			     char text[KEEPER_TEXT_MAX])
{
	struct netlink_netconf here, all;
	uint32_t ifindex;
	char ignored[KEEPER_TEXT_MAX];

	if (exec_find_device(exec, name, &ifindex, ignored) != 0 ||
	    !has_setting(exec, family, (int32_t)ifindex, &here) ||
	    !has_setting(exec, family, NETLINK_ALL, &all))
		return;
	if (!here.is_forwarding)
		snprintf(text, KEEPER_TEXT_MAX,
			 "nothing is forwarded from %s: set net.ipv%u.conf.%s.forwarding=1", name,
			 family, name);
	else if (family == IP_V6 && !here.is_proxying && !all.is_proxying)
		snprintf(text, KEEPER_TEXT_MAX,
			 "nobody is answered on %s: set net.ipv6.conf.%s.proxy_ndp=1", name, name);
}

static int describe_route(struct keeper_exec *exec, const struct keeper_action *action,
			  struct netlink_route *out, char why[KEEPER_TEXT_MAX])
{
	*out = (struct netlink_route){
		.prefix = action->prefix,
		.metric = exec->conf->connections[action->index].metric,
		.protocol = KEEPER_PROTOCOL,
	};
	return exec_find_device(exec, exec->conf->tun, &out->ifindex, why);
}

/* Leaves nothing behind when it fails, unless it replaces what was there before. */
int exec_set_route(struct keeper_exec *exec, const struct keeper_core *core,
		   const struct keeper_action *action, char text[KEEPER_TEXT_MAX])
{
	const struct keeper_connection *c = &exec->conf->connections[action->index];
	struct netlink_route route;
	struct netlink_msg m;
	char ignored[KEEPER_TEXT_MAX];
	int err = describe_route(exec, action, &route, text);

	if (err != 0)
		return err;
	netlink_msg_route_set(&m, &route, action->is_replacing);
	err = exec_call(exec, &m, text);
	if (err != 0 || c->inside != KEEPER_INSIDE_PROXY_ARP)
		return err;
	err = set_proxies(exec, core, c->link, &action->prefix, text);
	if (err == 0) {
		warn_of_settings(exec, action->prefix.ip.family, c->link, text);
		return 0;
	}
	netlink_msg_route_del(&m, &route);
	if (!action->is_replacing)
		exec_call(exec, &m, ignored);
	return err;
}

int exec_del_route(struct keeper_exec *exec, const struct keeper_core *core,
		   const struct keeper_action *action, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_connection *c = &exec->conf->connections[action->index];
	struct netlink_route route;
	struct netlink_msg m;
	uint32_t ifindex;
	int err;

	/* First: nothing is to be drawn here that cannot be sent on. */
	if (c->inside == KEEPER_INSIDE_PROXY_ARP &&
	    exec_find_device(exec, c->link, &ifindex, why) == 0)
		del_proxies(exec, core, c->link, ifindex, &action->prefix,
			    proxy_count(&action->prefix));
	err = describe_route(exec, action, &route, why);
	if (err != 0)
		return err;
	netlink_msg_route_del(&m, &route);
	return exec_call(exec, &m, why);
}

int exec_announce_route(struct keeper_exec *exec, const struct keeper_action *action,
			char why[KEEPER_TEXT_MAX])
{
	const struct keeper_connection *c = &exec->conf->connections[action->index];
	struct link link;
	struct ip ip;
	int err = exec_find_link(exec, c->link, &link, why);

	for (size_t i = 0; err == 0 && i < proxy_count(&action->prefix); i++) {
		err = ip_add(&action->prefix.ip, i, &ip);
		if (err == 0)
			err = exec_announce(exec, &link, &ip, false, why);
	}
	return err;
}
