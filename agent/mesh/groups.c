/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mesh/groups.h"

#include <netinet/in.h>

static void join_v4(int fd, unsigned int ifindex)
{
	struct ip group;
	struct ip_mreqn mreq = { .imr_ifindex = (int)ifindex };

	if (fd < 0 || ip_parse(MESH_GROUP_V4, &group) != 0)
		return;
	memcpy(&mreq.imr_multiaddr, group.octets, 4);
	/* EADDRINUSE: it is joined already. */
	(void)setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq));
}

static void join_v6(int fd, unsigned int ifindex)
{
	struct ip group;
	struct ipv6_mreq mreq = { .ipv6mr_interface = ifindex };

	if (fd < 0 || ip_parse(MESH_GROUP_V6, &group) != 0)
		return;
	memcpy(&mreq.ipv6mr_multiaddr, group.octets, 16);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq, sizeof(mreq));
}

void groups_join(struct group_link *links, size_t n, int fd_v4, int fd_v6)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int ifindex = if_nametoindex(links[i].name);

		if (ifindex == links[i].ifindex)
			continue;
		links[i].ifindex = ifindex;
		if (ifindex == 0)
			continue;
		join_v4(fd_v4, ifindex);
		join_v6(fd_v6, ifindex);
	}
}

int groups_send(int fd, enum ip_family family, unsigned int ifindex, struct bytes datagram)
{
	union {
		struct cmsghdr header;
		uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { .space = { 0 } };
	struct endpoint group = { .port = MESH_PORT };
	struct sockaddr_storage to;
	struct iovec vector = { (void *)(uintptr_t)datagram.ptr, datagram.len };
	struct msghdr message = {
		.msg_name = &to, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control
	};

	if (ip_parse(family == IP_V6 ? MESH_GROUP_V6 : MESH_GROUP_V4, &group.ip) != 0)
		return ERR_IO;
	message.msg_namelen = endpoint_to_sockaddr(&group, &to);
	if (family == IP_V6) {
		const struct in6_pktinfo info = { .ipi6_ifindex = ifindex };

		control.header =
		    (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
		message.msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		const struct in_pktinfo info = { .ipi_ifindex = (int)ifindex };

		control.header = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
		message.msg_controllen = CMSG_SPACE(sizeof(info));
	}
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? ERR_IO : 0;
}

bool groups_is_multicast(const struct ip *ip)
{
	return ip->family == IP_V6 ? ip->octets[0] == 0xff : (ip->octets[0] & 0xf0) == 0xe0;
}
