/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/netlink_msg.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

/* The largest attribute number that any message here is read for. */
#define ATTR_MAX 31

struct attrs {
	const struct nlattr *by_type[ATTR_MAX + 1];
};

static int collect(const struct nlattr *attr, void *ctx)
{
	struct attrs *attrs = ctx;
	uint16_t type = mnl_attr_get_type(attr);

	if (type <= ATTR_MAX)
		attrs->by_type[type] = attr;
	return MNL_CB_OK;
}

/* mnl_attr_parse() would take a length that is not a multiple of 4 for a longer one. */
static void parse_attrs(const struct nlmsghdr *h, size_t offset, struct attrs *out)
{
	const uint8_t *payload = mnl_nlmsg_get_payload(h);
	size_t len = mnl_nlmsg_get_payload_len(h);

	if (offset < len)
		mnl_attr_parse_payload(payload + offset, len - offset, collect, out);
}

/* Attributes behind a body of that size. */
static int read_attrs(const struct nlmsghdr *h, uint16_t type, size_t body_size, struct attrs *out)
{
	*out = (struct attrs){ { NULL } };
	if (h->nlmsg_type != type)
		return ERR_UNSUPPORTED;
	if (mnl_nlmsg_get_payload_len(h) < body_size)
		return ERR_VALUE;
	parse_attrs(h, body_size, out);
	return 0;
}

static uint8_t from_af(uint8_t af)
{
	return af == AF_INET ? IP_V4 : af == AF_INET6 ? IP_V6 : IP_NONE;
}

static int read_ip(const struct nlattr *attr, uint8_t family, struct ip *out)
{
	struct ip ip = { .family = family };

	if (attr == NULL || ip_size(&ip) == 0 || mnl_attr_get_payload_len(attr) != ip_size(&ip))
		return ERR_VALUE;
	memcpy(ip.octets, mnl_attr_get_payload(attr), ip_size(&ip));
	*out = ip;
	return 0;
}

static uint32_t read_u32(const struct nlattr *attr)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr) : 0;
}

static uint8_t read_u8(const struct nlattr *attr)
{
	return attr != NULL && mnl_attr_get_payload_len(attr) == 1 ? mnl_attr_get_u8(attr) : 0;
}

int netlink_msg_read_address(const struct nlmsghdr *h, struct netlink_address *out)
{
	const struct ifaddrmsg *body = mnl_nlmsg_get_payload(h);
	const struct nlattr *local;
	struct netlink_address a = { .ifindex = 0 };
	struct attrs attrs;
	int err = read_attrs(h, RTM_NEWADDR, sizeof(*body), &attrs);

	if (err != 0)
		return err;
	if (from_af(body->ifa_family) == IP_NONE)
		return ERR_UNSUPPORTED;
	/* IPv6 shows IFA_LOCAL only for addresses that have a peer. */
	local = attrs.by_type[IFA_LOCAL] != NULL ? attrs.by_type[IFA_LOCAL]
						 : attrs.by_type[IFA_ADDRESS];
	err = read_ip(local, from_af(body->ifa_family), &a.ip);
	if (err != 0)
		return err;
	a.ifindex = body->ifa_index;
	a.bits = body->ifa_prefixlen;
	a.flags =
	    attrs.by_type[IFA_FLAGS] != NULL ? read_u32(attrs.by_type[IFA_FLAGS]) : body->ifa_flags;
	if (a.bits > ip_size(&a.ip) * 8)
		return ERR_VALUE;
	a.protocol = read_u8(attrs.by_type[IFA_PROTO]);
	*out = a;
	return 0;
}

int netlink_msg_read_route(const struct nlmsghdr *h, struct netlink_route *out)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(h);
	struct netlink_route r = { .ifindex = 0 };
	struct attrs attrs;
	int err = read_attrs(h, RTM_NEWROUTE, sizeof(*body), &attrs);

	if (err != 0)
		return err;
	/* Cloned routes are a cache of the kernel's. */
	if (from_af(body->rtm_family) == IP_NONE || body->rtm_table != RT_TABLE_MAIN ||
	    (body->rtm_flags & RTM_F_CLONED) != 0)
		return ERR_UNSUPPORTED;
	r.prefix.ip.family = from_af(body->rtm_family);
	if (attrs.by_type[RTA_DST] != NULL)
		err = read_ip(attrs.by_type[RTA_DST], r.prefix.ip.family, &r.prefix.ip);
	if (err != 0 || body->rtm_dst_len > ip_size(&r.prefix.ip) * 8)
		return ERR_VALUE;
	r.prefix.bits = body->rtm_dst_len;
	r.ifindex = read_u32(attrs.by_type[RTA_OIF]);
	r.metric = read_u32(attrs.by_type[RTA_PRIORITY]);
	r.protocol = body->rtm_protocol;
	*out = r;
	return 0;
}

int netlink_msg_read_proxy(const struct nlmsghdr *h, struct netlink_proxy *out)
{
	const struct ndmsg *body = mnl_nlmsg_get_payload(h);
	struct netlink_proxy p = { .ifindex = 0 };
	struct attrs attrs;
	int err = read_attrs(h, RTM_NEWNEIGH, sizeof(*body), &attrs);

	if (err != 0)
		return err;
	if (from_af(body->ndm_family) == IP_NONE || (body->ndm_flags & NTF_PROXY) == 0)
		return ERR_UNSUPPORTED;
	err = read_ip(attrs.by_type[NDA_DST], from_af(body->ndm_family), &p.ip);
	if (err != 0)
		return err;
	p.ifindex = (uint32_t)body->ndm_ifindex;
	p.protocol = read_u8(attrs.by_type[NDA_PROTOCOL]);
	*out = p;
	return 0;
}

int netlink_msg_read_netconf(const struct nlmsghdr *h, struct netlink_netconf *out)
{
	struct attrs attrs;
	/* The body of one octet is padded before the attributes. */
	int err = read_attrs(h, RTM_NEWNETCONF, NLMSG_ALIGN(sizeof(struct netconfmsg)), &attrs);

	if (err != 0)
		return err;
	out->is_forwarding = read_u32(attrs.by_type[NETCONFA_FORWARDING]) != 0;
	out->is_proxying = read_u32(attrs.by_type[NETCONFA_PROXY_NEIGH]) != 0;
	return 0;
}

/* How far the attributes lie behind the netlink header's payload; 0 if there are none. */
static size_t extack_offset(const struct nlmsghdr *h, const struct nlmsgerr *body)
{
	size_t offset = sizeof(*body);

	if ((h->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
		return 0;
	/* Unless it is capped, the message that failed comes first, whole. */
	if ((h->nlmsg_flags & NLM_F_CAPPED) == 0 && body->error != 0 &&
	    body->msg.nlmsg_len > sizeof(body->msg))
		offset += NLMSG_ALIGN(body->msg.nlmsg_len) - sizeof(body->msg);
	return offset < mnl_nlmsg_get_payload_len(h) ? offset : 0;
}

int netlink_msg_read_error(const struct nlmsghdr *h, int *errnum, char *text, size_t cap)
{
	const struct nlmsgerr *body = mnl_nlmsg_get_payload(h);
	struct attrs attrs = { { NULL } };
	const struct nlattr *msg;
	size_t offset;

	if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof(*body))
		return ERR_VALUE;
	offset = extack_offset(h, body);
	if (offset > 0)
		parse_attrs(h, offset, &attrs);
	msg = attrs.by_type[NLMSGERR_ATTR_MSG];
	*errnum = body->error > 0 ? body->error : -body->error;
	snprintf(text, cap, "%.*s", msg != NULL ? (int)mnl_attr_get_payload_len(msg) : 0,
		 msg != NULL ? mnl_attr_get_str(msg) : "");
	return 0;
}
