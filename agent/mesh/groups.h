/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MESH_GROUPS_H
#define AGENT_MESH_GROUPS_H

#include <net/if.h>

#include "agent/mesh/mesh_socket.h"

/* The groups of claim notices on links that may come and go. No loop: for mesh_socket.c. */
struct group_link {
	char name[IFNAMSIZ];
	unsigned int ifindex; /* joined there; 0: nowhere */
};

/* Joins with both sockets (-1: none) where it is not joined yet, or the link is another now. */
void groups_join(struct group_link *links, size_t n, int fd_v4, int fd_v6);

/* One datagram to the group on a link. Returns 0 or ERR_IO with errno set. */
MUST_USE int groups_send(int fd, enum ip_family family, unsigned int ifindex,
			 struct bytes datagram);

bool groups_is_multicast(const struct ip *ip);

#endif
