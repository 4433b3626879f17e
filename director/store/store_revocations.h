/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_REVOCATIONS_H
#define DIRECTOR_STORE_REVOCATIONS_H

#include "common/control/message.h"
#include "director/store/store.h"

/* Tickets that were taken back, until the last of them has expired. Seconds since 1970. */
struct store_revocation {
	uint64_t id; /* from 1 on, and never again */
	enum msg_revoked what;
	char name[MSG_TEXT_MAX + 1]; /* identity or connection; "": all */
	uint64_t before_s;
	uint64_t until_s;
};

/* Gives r its id; durable when it returns 0. */
MUST_USE int store_revocation_add(struct store *s, struct store_revocation *r);

/* By id. What visit sees is borrowed until it returns. */
MUST_USE int store_revocations_read(const struct store *s,
				    void (*visit)(void *ctx, const struct store_revocation *r),
				    void *ctx);

/* Those that have an end which has come. */
MUST_USE int store_revocations_forget(struct store *s, uint64_t now_s);

#endif
