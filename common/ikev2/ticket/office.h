/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKET_OFFICE_H
#define TICKET_OFFICE_H

#include "common/ikev2/ticket/revoked.h"
#include "common/ikev2/ticket/used.h"

/*
 * Where a member issues tickets and judges those that it is shown: ring, revocations and the used
 * ones under one roof, as a pure core. One per member: each shard's responder borrows it.
 */
struct ticket_office;

struct ticket_office_conf {
	uint64_t lifetime_s; /* no ticket lives longer; at least 60 */
	size_t used_max;     /* tickets remembered as used */
};

/* What became of a ticket; each is a counter. */
#define TICKET_VERDICTS(X)                                                           \
	X(GOOD, "good")                                                              \
	X(MALFORMED, "malformed")     /* not one of ours at all */                   \
	X(UNKNOWN_KEY, "unknown-key") /* another cluster's, or a key that is gone */ \
	X(FORGED, "forged")           /* tampered with, or damaged */                \
	X(EXPIRED, "expired")         /* or not valid yet */                         \
	X(USED, "used")                                                              \
	X(REVOKED, "revoked")                                                        \
	X(POLICY, "policy") /* unknown identity or connection, which changed since */

#define TICKET_ENUMERATOR(name, text) TICKET_##name,
enum ticket_verdict {
	TICKET_VERDICTS(TICKET_ENUMERATOR) TICKET_VERDICT_COUNT
};
#undef TICKET_ENUMERATOR

const char *ticket_verdict_name(enum ticket_verdict v);

/* NULL: no memory, or nonsense in conf. */
struct ticket_office *ticket_office_new(const struct ticket_office_conf *conf);
void ticket_office_free(struct ticket_office *o); /* wipes; NULL is fine */

/* What is known from the director, in place of what was: copied. */
void ticket_office_set_ring(struct ticket_office *o, const struct ticket_ring *ring);
MUST_USE int ticket_office_set_revocations(struct ticket_office *o, const struct revocation *items,
					   size_t n);

/*
 * Issues one: issued_s and expires_s are set here, to the lifetime, but not beyond latest_s (0: no
 * bound) or the end of the key. ERR_NOT_FOUND: no key to seal under; ERR_TIMEOUT: it would live for
 * less than a minute; or what ticket_seal() says.
 */
MUST_USE int ticket_office_issue(struct ticket_office *o, struct crypto *c, const struct rng *rng,
				 uint64_t now_s, uint64_t latest_s, struct ticket *t,
				 uint8_t out[TICKET_MAX_SIZE], size_t *len);

/*
 * Judges one that was shown, except for POLICY, which is the caller's. Nothing is remembered. GOOD:
 * *out is filled, and wiped by the caller.
 */
enum ticket_verdict ticket_office_judge(const struct ticket_office *o, struct crypto *c,
					uint64_t now_s, struct bytes octets, struct ticket *out);

/* Whether one that was good when it was shown has been taken back since. */
bool ticket_office_is_revoked(const struct ticket_office *o, const struct ticket *t);

/* It was used, or is void for good: USED from now on. False: it was already. */
bool ticket_office_spend(struct ticket_office *o, const struct ticket *t, uint64_t now_s);

#endif
