/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_EXEC_H
#define AGENT_KEEPER_EXEC_H

#include "agent/keeper/keeper_core.h"
#include "agent/keeper/netlink.h"

/*
 * Carries out the core's actions in the kernel: netlink calls, announcements, probes. It
 * decides nothing. Interfaces are looked up by name each time, since devices come and go.
 */
struct keeper_exec;

/* conf is borrowed. Returns 0, ERR_IO (needs CAP_NET_RAW) or ERR_NO_MEMORY. */
MUST_USE int keeper_exec_new(const struct keeper_conf *conf, struct keeper_exec **out);
void keeper_exec_free(struct keeper_exec *exec);

/* Any action but REPORT and EXIT. core is only asked keeper_core_is_proxied(). */
void keeper_exec_run(struct keeper_exec *exec, const struct keeper_core *core,
		     const struct keeper_action *action, struct keeper_result *result);

/* The socket that listens for answers to the probe of this address; -1 if it is not probed. */
int keeper_exec_probe_fd(const struct keeper_exec *exec, size_t index);

/*
 * Reads what has come in there, a bounded number of frames. True if one of them is a conflict:
 * whose, and whether it is a probe like ours.
 */
bool keeper_exec_read_probe(struct keeper_exec *exec, size_t index, uint8_t mac[6],
			    bool *is_probing);

/*
 * Removes what an earlier keeper left in the kernel, known by KEEPER_PROTOCOL: configured
 * addresses, routes, proxy neighbours. Each is logged; so is what fails.
 */
void keeper_exec_clean(struct keeper_exec *exec, const struct logger *lg);

#endif
