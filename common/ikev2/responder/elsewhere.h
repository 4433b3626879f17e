/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_ELSEWHERE_H
#define IKEV2_RESPONDER_ELSEWHERE_H

#include "common/ikev2/redirect.h"
#include "common/ikev2/responder/responder.h"

/*
 * Addresses where no new SA is made: whoever comes there is redirected to another. Nothing is kept
 * of a peer but, for a moment, the answer that is to leave a little later. See init.c for why; if
 * too many wait, it leaves at once.
 */
#define ELSEWHERE_MAX         64
#define ELSEWHERE_WAITING_MAX 64
#define ELSEWHERE_NONCE_MAX   256

struct elsewhere_answer {
	uint64_t due_ms;
	struct path path;
	uint8_t exchange; /* IKE_SA_INIT, or IKE_SESSION_RESUME */
	uint64_t spi_i;
	struct ip target;
	size_t ni_len;
	uint8_t ni[ELSEWHERE_NONCE_MAX];
};

struct elsewhere {
	size_t n;
	struct {
		struct ip local, target;
	} rules[ELSEWHERE_MAX];
	size_t first, count;
	struct elsewhere_answer waiting[ELSEWHERE_WAITING_MAX]; /* a ring, by due_ms */
};

/* target IP_NONE: no rule. Returns 0, ERR_LIMIT, ERR_VALUE (not of one family). */
MUST_USE int elsewhere_set(struct elsewhere *e, const struct ip *local, const struct ip *target);

/*
 * Where a request with this support is to go, NULL: it is served. Not to where it came from, which
 * would be a loop (RFC 5685, 7); not if the answer would be longer than the request.
 */
const struct ip *elsewhere_target(const struct elsewhere *e, const struct ip *local,
				  const struct redirect_support *support, size_t ni_len,
				  size_t request_len);

/* Adds an answer to the end. False if there is no room. */
bool elsewhere_wait(struct elsewhere *e, const struct elsewhere_answer *answer);

/* UINT64_MAX: nothing waits. */
uint64_t elsewhere_due_ms(const struct elsewhere *e);

/* Takes out the first if it is due; borrowed until the next elsewhere_wait(). NULL: none is. */
const struct elsewhere_answer *elsewhere_take(struct elsewhere *e, uint64_t now_ms);

#endif
