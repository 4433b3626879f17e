/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_LOCK_H
#define AGENT_KEEPER_LOCK_H

#include "agent/keeper/keeper.h"

/*
 * One keeper at a time. One that was stopped while its main died would, when it goes on, take away
 * what its successor holds: addresses for a second, routes and proxy entries for good.
 *
 * The lock is a file of the state folder, held for as long as the keeper lives.
 */

/* An old keeper gets so long to come to its end, with its release hooks; then it is killed. */
#define KEEPER_LOCK_WAIT_MS (KEEPER_HOOK_END_MS + 500)

/*
 * For whoever starts a keeper, as root: waits until no other holds the lock. Blocks; killed says
 * which keeper had to be killed, 0: none. Returns 0, or ERR_IO and a sentence in why.
 */
MUST_USE int keeper_lock_clear(const char *path, uint32_t wait_ms, pid_t *killed,
			       char why[KEEPER_TEXT_MAX]);

/* For the keeper: until it ends. ERR_EXISTS: another one has it; ERR_IO. errno says more. */
MUST_USE int keeper_lock_take(const char *path);

#endif
