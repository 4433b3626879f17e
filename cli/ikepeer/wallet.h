/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_WALLET_H
#define CLI_IKEPEER_WALLET_H

#include "common/base/errtext.h"
#include "common/ikev2/session/resumption.h"

/*
 * The tickets of a tunnel (RFC 5723): one for each of its IKE SAs, of which there are two at most
 * while one takes the place of another. Pure; the file is the shell's.
 */
#define WALLET_MAX 4

struct wallet {
	size_t n;
	struct resumption items[WALLET_MAX]; /* oldest first */
};

/* In place of an earlier one of the same SA; if there are too many, the oldest goes. */
void wallet_put(struct wallet *t, const struct resumption *r);

/* The one of that SA must not be used any more. */
void wallet_drop(struct wallet *t, uint64_t spi);

/* The newest that is not expired; NULL: none. */
const struct resumption *wallet_best(const struct wallet *t, uint64_t now_ms);
void wallet_wipe(struct wallet *t);

/*
 * One as text, for a file: a JSON object. Times in it are seconds since 1970, for a clock that
 * goes on while the host is down. Its keys resume the IKE SA: whoever reads it is the peer.
 */
#define TICKET_TEXT_MAX 16384
MUST_USE int ticket_to_text(const struct resumption *r, uint64_t now_ms, uint64_t wall_s,
			    char out[TICKET_TEXT_MAX]);

/* ERR_VALUE: it is no such text; ERR_TIMEOUT: it has expired. */
MUST_USE int ticket_from_text(const char *text, uint64_t now_ms, uint64_t wall_s,
			      struct resumption *out);

/*
 * The file, opened before privileges are given up: made with mode 0600 if it is not there, refused
 * if others can read it. ERR_IO, ERR_CONFIG with the reason in why.
 */
MUST_USE int ticket_file_open(const char *path, int *fd, struct errtext *why);

/* text NULL: empties it. ERR_IO. */
MUST_USE int ticket_file_write(int fd, const char *text);

/* Empty if there is nothing of use. */
MUST_USE int ticket_file_read(int fd, char out[TICKET_TEXT_MAX]);

#endif
