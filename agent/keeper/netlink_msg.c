/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/netlink_msg.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

/* A host prefix. */
static uint8_t full_bits(const struct ip *ip)
{
	return (uint8_t)(ip_size(ip) * 8);
}

static uint8_t to_af(uint8_t family)
{
	return family == IP_V4 ? AF_INET : AF_INET6;
}

struct nlmsghdr *netlink_msg_header(struct netlink_msg *m)
{
	return (struct nlmsghdr *)(void *)m->octets;
}

static struct nlmsghdr *start(struct netlink_msg *m, uint16_t type, unsigned int flags)
{
	struct nlmsghdr *h;

	memset(m, 0, sizeof(*m));
	h = mnl_nlmsg_put_header(m->octets);
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	return h;
}

static void put_ip(struct nlmsghdr *h, uint16_t type, const struct ip *ip)
{
	mnl_attr_put(h, type, ip_size(ip), ip->octets);
}

/* ---- addresses ------------------------------------------------------------- */

static struct nlmsghdr *start_address(struct netlink_msg *m, uint16_t type, unsigned int flags,
				      const struct netlink_address *a)
{
	struct nlmsghdr *h = start(m, type, flags);
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->ifa_family = to_af(a->ip.family);
	body->ifa_prefixlen = full_bits(&a->ip);
	body->ifa_scope = RT_SCOPE_UNIVERSE;
	body->ifa_index = a->ifindex;
	put_ip(h, IFA_LOCAL, &a->ip);
	put_ip(h, IFA_ADDRESS, &a->ip);
	return h;
}

void netlink_msg_address_set(struct netlink_msg *m, const struct netlink_address *a)
{
	struct nlmsghdr *h = start_address(m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, a);
	struct ifa_cacheinfo life = { .ifa_valid = a->valid_s, .ifa_prefered = a->preferred_s };
	uint32_t flags = IFA_F_NOPREFIXROUTE;

	/* Probed for by ourselves, with l2; DAD would cost a second of failover. */
	if (a->ip.family == IP_V6)
		flags |= IFA_F_NODAD;
	else if (a->is_connected)
		flags = 0;
	mnl_attr_put(h, IFA_CACHEINFO, sizeof(life), &life);
	mnl_attr_put_u32(h, IFA_FLAGS, flags);
	mnl_attr_put_u8(h, IFA_PROTO, a->protocol);
}

void netlink_msg_address_del(struct netlink_msg *m, const struct netlink_address *a)
{
	start_address(m, RTM_DELADDR, 0, a);
}

void netlink_msg_address_dump(struct netlink_msg *m, uint8_t family)
{
	struct nlmsghdr *h = start(m, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->ifa_family = to_af(family);
}

/* ---- routes ---------------------------------------------------------------- */

static void put_route(struct netlink_msg *m, uint16_t type, unsigned int flags,
		      const struct netlink_route *r)
{
	struct nlmsghdr *h = start(m, type, flags);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->rtm_family = to_af(r->prefix.ip.family);
	body->rtm_dst_len = r->prefix.bits;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = r->protocol;
	body->rtm_scope = r->prefix.ip.family == IP_V4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	body->rtm_type = RTN_UNICAST;
	put_ip(h, RTA_DST, &r->prefix.ip);
	mnl_attr_put_u32(h, RTA_OIF, r->ifindex);
	if (r->metric != 0)
		mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
}

void netlink_msg_route_set(struct netlink_msg *m, const struct netlink_route *r, bool is_replacing)
{
	put_route(m, RTM_NEWROUTE, NLM_F_CREATE | (is_replacing ? NLM_F_REPLACE : NLM_F_EXCL), r);
}

void netlink_msg_route_del(struct netlink_msg *m, const struct netlink_route *r)
{
	put_route(m, RTM_DELROUTE, 0, r);
}

void netlink_msg_route_dump(struct netlink_msg *m, uint8_t family, uint8_t protocol)
{
	struct nlmsghdr *h = start(m, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->rtm_family = to_af(family);
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = protocol;
}

/* ---- proxy neighbours ------------------------------------------------------ */

static struct nlmsghdr *start_proxy(struct netlink_msg *m, uint16_t type, unsigned int flags,
				    uint8_t af, uint32_t ifindex)
{
	struct nlmsghdr *h = start(m, type, flags);
	struct ndmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->ndm_family = af;
	body->ndm_ifindex = (int32_t)ifindex;
	body->ndm_flags = NTF_PROXY;
	return h;
}

void netlink_msg_proxy_set(struct netlink_msg *m, const struct netlink_proxy *p)
{
	struct nlmsghdr *h = start_proxy(m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
					 to_af(p->ip.family), p->ifindex);

	put_ip(h, NDA_DST, &p->ip);
	mnl_attr_put_u8(h, NDA_PROTOCOL, p->protocol);
}

void netlink_msg_proxy_del(struct netlink_msg *m, const struct netlink_proxy *p)
{
	struct nlmsghdr *h = start_proxy(m, RTM_DELNEIGH, 0, to_af(p->ip.family), p->ifindex);

	put_ip(h, NDA_DST, &p->ip);
}

void netlink_msg_proxy_dump(struct netlink_msg *m, uint8_t family)
{
	start_proxy(m, RTM_GETNEIGH, NLM_F_DUMP, to_af(family), 0);
}

/* ---- settings of interfaces ------------------------------------------------ */

void netlink_msg_netconf_get(struct netlink_msg *m, uint8_t family, int32_t ifindex)
{
	struct nlmsghdr *h = start(m, RTM_GETNETCONF, 0);
	struct netconfmsg *body = mnl_nlmsg_put_extra_header(h, sizeof(*body));

	body->ncm_family = to_af(family);
	mnl_attr_put_u32(h, NETCONFA_IFINDEX, (uint32_t)ifindex);
}
