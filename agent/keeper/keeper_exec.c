/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/keeper_exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/keeper/exec_internal.h"

int keeper_exec_new(const struct keeper_conf *conf, struct keeper_exec **out)
{
	struct keeper_exec *exec = calloc(1, sizeof(*exec));
	int err;

	if (exec == NULL)
		return ERR_NO_MEMORY;
	exec->conf = conf;
	for (size_t i = 0; i < KEEPER_ADDRESSES_MAX; i++)
		exec->probes[i].fd = -1;
	exec->packet_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	err = exec->packet_fd < 0 ? ERR_IO : netlink_new(&exec->nl);
	if (err != 0) {
		keeper_exec_free(exec);
		return err;
	}
	*out = exec;
	return 0;
}

void keeper_exec_free(struct keeper_exec *exec)
{
	if (exec == NULL)
		return;
	for (size_t i = 0; i < KEEPER_ADDRESSES_MAX; i++)
		exec_stop_probe(exec, i);
	if (exec->packet_fd >= 0)
		close(exec->packet_fd);
	netlink_free(exec->nl);
	free(exec);
}

static int call(struct keeper_exec *exec, struct netlink_msg *m, char why[KEEPER_TEXT_MAX])
{
	return netlink_call(exec->nl, m, NULL, NULL, why, KEEPER_TEXT_MAX);
}

/* ---- addresses ------------------------------------------------------------- */

struct lookup {
	const struct ip *ip;
	uint32_t ifindex; /* 0: any */
	enum keeper_presence presence;
	uint32_t elsewhere;
};

static void look_at(void *ctx, const struct nlmsghdr *h)
{
	struct lookup *lookup = ctx;
	struct netlink_address a;

	if (netlink_msg_read_address(h, &a) != 0 || !ip_is_equal(&a.ip, lookup->ip))
		return;
	if (lookup->ifindex != 0 && a.ifindex != lookup->ifindex) {
		lookup->presence = KEEPER_PRESENCE_ELSEWHERE;
		lookup->elsewhere = a.ifindex;
	} else if (lookup->presence != KEEPER_PRESENCE_ELSEWHERE) {
		lookup->presence =
		    a.protocol == KEEPER_PROTOCOL ? KEEPER_PRESENCE_OURS : KEEPER_PRESENCE_FOREIGN;
	}
}

static void look_up(struct keeper_exec *exec, size_t index, struct keeper_result *result)
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct lookup lookup = { .ip = &address->ip };
	struct netlink_msg m;
	const char *link = keeper_address_link(address);
	char name[IFNAMSIZ];

	if (link[0] != '\0')
		result->err = exec_find_device(exec, link, &lookup.ifindex, result->text);
	if (result->err != 0)
		return;
	netlink_msg_address_dump(&m, address->ip.family);
	result->err = netlink_call(exec->nl, &m, look_at, &lookup, result->text, KEEPER_TEXT_MAX);
	result->presence = lookup.presence;
	if (result->err == 0 && lookup.presence == KEEPER_PRESENCE_ELSEWHERE)
		snprintf(result->text, KEEPER_TEXT_MAX, "%s",
			 if_indextoname(lookup.elsewhere, name) != NULL ? name : "another device");
}

static int describe_address(struct keeper_exec *exec, size_t index, struct netlink_address *out,
			    char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];

	*out = (struct netlink_address){
		.ip = address->ip,
		.protocol = KEEPER_PROTOCOL,
		.valid_s = KEEPER_VALID_S,
		.preferred_s = KEEPER_PREFERRED_S,
		.is_connected = address->claim == KEEPER_CLAIM_ROUTE,
	};
	return exec_find_device(exec, keeper_address_link(address), &out->ifindex, why);
}

static int set_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	struct netlink_address address;
	struct netlink_msg m;
	int err = describe_address(exec, index, &address, why);

	if (err != 0)
		return err;
	netlink_msg_address_set(&m, &address);
	return call(exec, &m, why);
}

static int del_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	struct netlink_address address;
	struct netlink_msg m;
	int err = describe_address(exec, index, &address, why);

	if (err != 0)
		return err;
	netlink_msg_address_del(&m, &address);
	return call(exec, &m, why);
}

static int announce_address(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX])
{
	const struct keeper_address *address = &exec->conf->addresses[index];
	struct link link;
	int err = exec_find_link(exec, address->link, &link, why);

	return err != 0 ? err : exec_announce(exec, &link, &address->ip, true, why);
}

/* ---- routes and proxy neighbours ------------------------------------------- */

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
		call(exec, &m, why); /* fails where it is gone already */
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
		err = call(exec, &m, why);
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
static int set_route(struct keeper_exec *exec, const struct keeper_core *core,
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
	err = call(exec, &m, text);
	if (err != 0 || c->inside != KEEPER_INSIDE_PROXY_ARP)
		return err;
	err = set_proxies(exec, core, c->link, &action->prefix, text);
	if (err == 0) {
		warn_of_settings(exec, action->prefix.ip.family, c->link, text);
		return 0;
	}
	netlink_msg_route_del(&m, &route);
	if (!action->is_replacing)
		call(exec, &m, ignored);
	return err;
}

static int del_route(struct keeper_exec *exec, const struct keeper_core *core,
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
	return call(exec, &m, why);
}

static int announce_route(struct keeper_exec *exec, const struct keeper_action *action,
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

void keeper_exec_run(struct keeper_exec *exec, const struct keeper_core *core,
		     const struct keeper_action *action, struct keeper_result *result)
{
	*result = (struct keeper_result){ .err = 0 };
	switch (action->type) {
	case KEEPER_ACT_LOOKUP:
		look_up(exec, action->index, result);
		break;
	case KEEPER_ACT_PROBE:
		result->err = exec_start_probe(exec, action->index, result->text);
		break;
	case KEEPER_ACT_PROBE_STOP:
		exec_stop_probe(exec, action->index);
		break;
	case KEEPER_ACT_ADDRESS_SET:
		result->err = set_address(exec, action->index, result->text);
		break;
	case KEEPER_ACT_ADDRESS_DEL:
		result->err = del_address(exec, action->index, result->text);
		break;
	case KEEPER_ACT_ANNOUNCE:
		result->err = announce_address(exec, action->index, result->text);
		break;
	case KEEPER_ACT_ROUTE_SET:
		result->err = set_route(exec, core, action, result->text);
		break;
	case KEEPER_ACT_ROUTE_DEL:
		result->err = del_route(exec, core, action, result->text);
		break;
	case KEEPER_ACT_ROUTE_ANNOUNCE:
		result->err = announce_route(exec, action, result->text);
		break;
	case KEEPER_ACT_REPORT:
	case KEEPER_ACT_EXIT:
		break;
	}
}
