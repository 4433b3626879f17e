/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETLINK_H
#define AGENT_NETLINK_H

#include "agent/keeper/netlink_msg.h"

/*
 * A route netlink socket and the rule of request and answer on it. Calls wait for the kernel, which
 * answers within the system call that asks.
 */
struct netlink;

/* Returns 0, ERR_IO or ERR_NO_MEMORY. */
MUST_USE int netlink_new(struct netlink **out);
void netlink_free(struct netlink *nl);

/*
 * Sends the message and reads until the kernel acknowledges it or its list ends; each message
 * before that goes to take (may be NULL), borrowed until it returns.
 *
 * Returns 0, ERR_EXISTS, ERR_NOT_FOUND (no such address, route, neighbour or device), ERR_TIMEOUT
 * or ERR_IO; then why holds the kernel's reason, with its own words where it has some.
 */
MUST_USE int netlink_call(struct netlink *nl, struct netlink_msg *m,
			  void (*take)(void *ctx, const struct nlmsghdr *h), void *ctx, char *why,
			  size_t cap);

#endif
