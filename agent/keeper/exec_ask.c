/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/exec_internal.h"

#include <linux/if_addr.h>
#include <stdio.h>

/* Asking on a link who has an address, as the host itself. */

struct search {
	const struct keeper_conf *conf;
	const struct ip *target;
	uint32_t ifindex;
	bool is_here;
	struct ip sender; /* the best so far */
	int rank;         /* of sender; 0: none */
};

static bool is_service(const struct keeper_conf *conf, const struct netlink_address *a)
{
	if (a->protocol == KEEPER_PROTOCOL)
		return true;
	for (size_t i = 0; i < conf->address_count; i++) {
		if (ip_is_equal(&conf->addresses[i].ip, &a->ip))
			return true;
	}
	return false;
}

static bool is_link_local(const struct ip *ip)
{
	return ip->family == IP_V6 && ip->octets[0] == 0xfe && (ip->octets[1] & 0xc0) == 0x80;
}

/*
 * How good an address is to ask from: in the target's network, or with IPv6 link-local, since the
 * neighbour has to know a way back; at all. Of equals the first, since the kernel lists the primary
 * address of a network before its others.
 */
static int rank(const struct netlink_address *a, const struct ip *target)
{
	struct ip_prefix network = keeper_prefix_around(&a->ip, a->bits);

	if (is_link_local(&a->ip))
		return 3;
	return ip_prefix_has(&network, target) ? 2 : 1;
}

static void look_at(void *ctx, const struct nlmsghdr *h)
{
	struct search *s = ctx;
	struct netlink_address a;
	int its;

	if (netlink_msg_read_address(h, &a) != 0)
		return;
	s->is_here = s->is_here || ip_is_equal(&a.ip, s->target);
	if (a.ifindex != s->ifindex || a.ip.family != s->target->family ||
	    is_service(s->conf, &a) || (a.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0)
		return;
	its = rank(&a, s->target);
	if (its > s->rank) {
		s->sender = a.ip;
		s->rank = its;
	}
}

static int find_sender(struct keeper_exec *exec, const struct keeper_action *action,
		       uint32_t ifindex, struct search *s, char why[KEEPER_TEXT_MAX])
{
	struct netlink_msg m;
	int err;

	*s = (struct search){ .conf = exec->conf, .target = &action->target, .ifindex = ifindex };
	netlink_msg_address_dump(&m, action->target.family);
	err = netlink_call(exec->nl, &m, look_at, s, why, KEEPER_TEXT_MAX);
	if (err != 0 || s->is_here || s->rank > 0)
		return err;
	snprintf(why, KEEPER_TEXT_MAX, "%s has no IPv%u address of its own to ask from",
		 exec->conf->addresses[action->index].link, action->target.family);
	return ERR_NOT_FOUND;
}

void exec_start_ask(struct keeper_exec *exec, const struct keeper_action *action,
		    struct keeper_result *result)
{
	const char *name = exec->conf->addresses[action->index].link;
	struct search s;
	struct link link;

	result->err = exec_find_link(exec, name, &link, result->text);
	if (result->err == 0)
		result->err = find_sender(exec, action, link.ifindex, &s, result->text);
	if (result->err == 0 && s.is_here)
		result->presence = KEEPER_PRESENCE_FOREIGN;
	if (result->err != 0 || s.is_here)
		return;
	result->err = exec_listen(exec, name, &link, action->target.family, result->text);
	if (result->err != 0)
		return;
	exec->asks[action->slot] = (struct exec_ask){ action->index, action->target };
	exec_refilter(exec, name, action->target.family);
	result->err = exec_send_question(exec, &link, &s.sender, &action->target, result->text);
	if (result->err != 0)
		exec_stop_ask(exec, action);
}

void exec_stop_ask(struct keeper_exec *exec, const struct keeper_action *action)
{
	exec->asks[action->slot].ip.family = IP_NONE;
	exec_refilter(exec, exec->conf->addresses[action->index].link, action->target.family);
}
