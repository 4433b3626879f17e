/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_EXEC_INTERNAL_H
#define AGENT_KEEPER_EXEC_INTERNAL_H

#include "agent/keeper/frame.h"
#include "agent/keeper/keeper_exec.h"

/*
 * What the files of the executor share: keeper_exec.c (netlink), exec_link.c (frames) and
 * exec_clean.c (leftovers). For them only.
 */
struct link {
	uint32_t ifindex;
	uint8_t mac[FRAME_MAC_SIZE];
};

struct probe {
	int fd; /* -1: none */
	uint8_t mac[FRAME_MAC_SIZE];
};

struct keeper_exec {
	const struct keeper_conf *conf;
	struct netlink *nl;
	int packet_fd; /* AF_PACKET, sends only */
	struct probe probes[KEEPER_ADDRESSES_MAX];
};

/* exec_link.c. Returns 0, ERR_NOT_FOUND, ERR_UNSUPPORTED (not Ethernet) or ERR_IO, and why. */
MUST_USE int exec_find_device(const struct keeper_exec *exec, const char *name, uint32_t *ifindex,
			      char why[KEEPER_TEXT_MAX]);
MUST_USE int exec_find_link(const struct keeper_exec *exec, const char *name, struct link *out,
			    char why[KEEPER_TEXT_MAX]);

/* One round of announcements; is_thorough: ARP in both forms. ERR_IO and why. */
MUST_USE int exec_announce(const struct keeper_exec *exec, const struct link *link,
			   const struct ip *ip, bool is_thorough, char why[KEEPER_TEXT_MAX]);

MUST_USE int exec_start_probe(struct keeper_exec *exec, size_t index, char why[KEEPER_TEXT_MAX]);
void exec_stop_probe(struct keeper_exec *exec, size_t index);

#endif
