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

/* Any action but REPORT and EXIT. core: see keeper_core_is_proxied() and _last_words(). */
void keeper_exec_run(struct keeper_exec *exec, const struct keeper_core *core,
		     const struct keeper_action *action, struct keeper_result *result);

/* The descriptors that are readable when there is something for the two functions below. */
#define KEEPER_EXEC_FDS_MAX (3 * KEEPER_ADDRESSES_MAX)
size_t keeper_exec_fds(const struct keeper_exec *exec, int *fds, size_t cap);

/*
 * Reads a frame that has come in at an ear, from 0 on. False if there is none, or no such ear; link
 * is NULL if it was read but says nothing.
 */
#define KEEPER_EXEC_EARS_MAX (2 * KEEPER_ADDRESSES_MAX)
bool keeper_exec_read_frame(struct keeper_exec *exec, size_t ear, struct keeper_heard *out);

/* True if the hook of that address has ended: as for keeper_core_take_hook(). */
bool keeper_exec_read_hook(struct keeper_exec *exec, size_t index, int *status,
			   char line[KEEPER_TEXT_MAX]);

/*
 * Puts the fences up in place of those of an earlier keeper. What cannot be fenced is logged: the
 * keeper does without.
 */
void keeper_exec_fence(struct keeper_exec *exec, const struct logger *lg);

/*
 * Removes what an earlier keeper left in the kernel, known by KEEPER_PROTOCOL: configured
 * addresses, routes, proxy neighbours. Each is logged; so is what fails.
 */
void keeper_exec_clean(struct keeper_exec *exec, const struct logger *lg);

#endif
