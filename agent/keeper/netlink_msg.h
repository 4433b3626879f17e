/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETLINK_MSG_H
#define AGENT_NETLINK_MSG_H

#include <linux/netlink.h>

#include "common/base/ip.h"

/*
 * Route netlink messages that the keeper sends and reads (rtnetlink(7)), as pure functions between
 * values and octets. Sending, sequence numbers and answers belong to netlink.h. The octets are in
 * the byte order of the host.
 */

/* Every message fits; aligned for struct nlmsghdr. */
#define NETLINK_MSG_MAX 256

struct netlink_msg {
	_Alignas(8) uint8_t octets[NETLINK_MSG_MAX];
};

/* The message as the header that it begins with; its length says the rest. */
struct nlmsghdr *netlink_msg_header(struct netlink_msg *m);

struct netlink_address {
	struct ip ip; /* added as /32 or /128 */
	uint32_t ifindex;
	uint8_t protocol;
	uint32_t valid_s; /* lifetimes; when read, not filled in */
	uint32_t preferred_s;
	/*
	 * IPv4: without IFA_F_NOPREFIXROUTE, which routing daemons take for "not connected". A /32
	 * has no prefix route anyway. IPv6 always has the flag: on lo the kernel would make a
	 * route, and leave it behind when the address goes.
	 */
	bool is_connected;
	uint8_t bits;   /* when read: of its network */
	uint32_t flags; /* when read: IFA_F_* */
};

struct netlink_route {
	struct ip_prefix prefix;
	uint32_t ifindex;
	uint32_t metric; /* 0: none given */
	uint8_t protocol;
};

struct netlink_proxy {
	struct ip ip;
	uint32_t ifindex;
	uint8_t protocol;
};

/* Adds or renews, without a prefix route and without DAD. */
void netlink_msg_address_set(struct netlink_msg *m, const struct netlink_address *a);
void netlink_msg_address_del(struct netlink_msg *m, const struct netlink_address *a);

/*
 * In the main table, straight to the device. Unless replacing, an existing route of that prefix and
 * metric is left alone and the kernel says EEXIST. Deletion takes only a route of that protocol.
 */
void netlink_msg_route_set(struct netlink_msg *m, const struct netlink_route *r, bool is_replacing);
void netlink_msg_route_del(struct netlink_msg *m, const struct netlink_route *r);

void netlink_msg_proxy_set(struct netlink_msg *m, const struct netlink_proxy *p);
void netlink_msg_proxy_del(struct netlink_msg *m, const struct netlink_proxy *p);

/* Lists; family is an enum ip_family. Routes only of the protocol, in the main table. */
void netlink_msg_address_dump(struct netlink_msg *m, uint8_t family);
void netlink_msg_route_dump(struct netlink_msg *m, uint8_t family, uint8_t protocol);
void netlink_msg_proxy_dump(struct netlink_msg *m, uint8_t family);

/* The settings of an interface, or of all with ifindex NETLINK_ALL. */
#define NETLINK_ALL (-1)
void netlink_msg_netconf_get(struct netlink_msg *m, uint8_t family, int32_t ifindex);

struct netlink_netconf {
	bool is_forwarding;
	bool is_proxying; /* proxy_arp or proxy_ndp */
};

/*
 * Answers and list entries. The header is complete: its length lies within the buffer. Returns 0,
 * ERR_UNSUPPORTED for another type of message or family, or ERR_VALUE.
 */
MUST_USE int netlink_msg_read_address(const struct nlmsghdr *h, struct netlink_address *out);
MUST_USE int netlink_msg_read_route(const struct nlmsghdr *h, struct netlink_route *out);
MUST_USE int netlink_msg_read_proxy(const struct nlmsghdr *h, struct netlink_proxy *out);
MUST_USE int netlink_msg_read_netconf(const struct nlmsghdr *h, struct netlink_netconf *out);

/*
 * An NLMSG_ERROR: the errno as a positive number, 0 for success, and the kernel's own text
 * (NETLINK_EXT_ACK), empty if it gave none, cut to cap. Returns 0 or ERR_VALUE.
 */
MUST_USE int netlink_msg_read_error(const struct nlmsghdr *h, int *errnum, char *text, size_t cap);

#endif
