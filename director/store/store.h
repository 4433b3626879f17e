/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_H
#define DIRECTOR_STORE_H

#include "common/base/log.h"
#include "common/base/err.h"

/*
 * What the director must never forget: member numbers (SPI prefixes) and epochs. SQLite in WAL mode
 * with synchronous=FULL: what a function has returned success for is on the disk, and only then may
 * it be announced. The file carries a format version; one that is newer than this program is
 * refused, never guessed at.
 */
struct store;

/*
 * Opens or makes the file with mode 0600, also if it was wider; one process at a time may hold it.
 * lg is borrowed until the end. On error a line is in the log: ERR_IO (not writable, damaged, not a
 * store), ERR_UNSUPPORTED (made by a newer version, and left as it is), ERR_EXISTS (another
 * director has it), ERR_NO_MEMORY. All functions below return ERR_IO, and log, if the disk fails.
 */
MUST_USE int store_open(const char *path, const struct logger *lg, struct store **out);
void store_close(struct store *s); /* NULL is fine */

/*
 * The number of a member, 1-191: the one it has had since it was first asked for, or else the
 * lowest that nobody ever had. ERR_LIMIT: all were given out.
 */
MUST_USE int store_member_number(struct store *s, const char *name, uint8_t *out);

/* The highest epoch that was ever handed out; 0: none. */
MUST_USE int store_epoch(struct store *s, uint64_t *out);

/*
 * No epoch from now on is one that is not higher, for the life of the store: durable when this
 * returns. It hands none out. ERR_LIMIT as below.
 */
MUST_USE int store_raise_epochs(struct store *s, uint64_t floor);

/*
 * A new epoch, higher than all before and than at_least: durable when this returns. ERR_LIMIT
 * beyond STORE_EPOCH_MAX, the largest integer that a control message can hold.
 */
#define STORE_EPOCH_MAX (((uint64_t)1 << 53) - 1)
MUST_USE int store_next_epoch(struct store *s, uint64_t at_least, uint64_t *out);

/* The secret seed of placement: drawn once, the same for the life of the store. */
MUST_USE int store_placement_seed(struct store *s, uint64_t *out);

#endif
