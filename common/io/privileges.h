/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_PRIVILEGES_H
#define IO_PRIVILEGES_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"

/*
 * What a process may still do once it has what it needs. To be called before there is a second
 * thread, libuv's pool included: capabilities belong to a thread.
 */

/*
 * Keeps secrets out of files and other processes' sight: no core dumps, not dumpable, not to be
 * traced; and nothing it executes can gain a privilege (no_new_privs). For every program that holds
 * keys, root or not. privileges_drop() does it too. Returns 0 or ERR_IO.
 */
MUST_USE int privileges_harden(struct errtext *why);

/*
 * Becomes user, with that user's primary group, no other groups, and only the count capabilities
 * (CAP_NET_RAW, ...) of keep. Everything else is given up for good, and that is checked. If the
 * process runs as that user already, it only gives up capabilities, and keep must be among those
 * that it has.
 *
 * Returns 0, ERR_CONFIG (no such user; a user that is root) or ERR_IO, with the reason in why;
 * after an error the process must not go on.
 */
MUST_USE int privileges_drop(const char *user, const int *keep, size_t count, struct errtext *why);

#endif
