/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_RESUME_H
#define DIRECTOR_RESUME_H

#include "common/crypto/crypto.h"
#include "common/ikev2/ticket/ring.h"

/*
 * Whether a peer that asks the director to resume (RFC 5723) can be redirected: it follows
 * redirects if it says so, or if its ticket says that it did when it was issued. A ticket is opened
 * for that, and nothing of it is kept; one that names a key which is not there costs a look-up.
 * Pure.
 */

/* What IKE_SESSION_RESUME requests come to; each is a counter. */
#define FRONT_RESUMES(X)                                                                     \
	X(NONE, "none")             /* it was another exchange */                            \
	X(SHOWN, "shown")           /* the request shows redirect support */                 \
	X(TICKET, "by-ticket")      /* the ticket does */                                    \
	X(ALWAYS, "always")         /* not known, but configured so */                       \
	X(NEVER, "never")           /* configured so */                                      \
	X(NO_SUPPORT, "no-support") /* the ticket says that the peer follows none */         \
	X(NO_KEY, "unknown-key")    /* another cluster's, or a key that is gone; or none */  \
	X(BAD_TICKET, "bad-ticket") /* forged, damaged or expired; the member would not take \
				       it either */

#define FRONT_RESUME_ENUMERATOR(name, text) FRONT_RESUME_##name,
enum front_resume {
	FRONT_RESUMES(FRONT_RESUME_ENUMERATOR) FRONT_RESUME_COUNT
};
#undef FRONT_RESUME_ENUMERATOR

const char *front_resume_name(enum front_resume r);

static inline bool front_resume_is_redirect(enum front_resume r)
{
	return r == FRONT_RESUME_SHOWN || r == FRONT_RESUME_TICKET || r == FRONT_RESUME_ALWAYS;
}

enum redirect_resume {
	REDIRECT_RESUME_AUTO,
	REDIRECT_RESUME_ALWAYS,
	REDIRECT_RESUME_NEVER,
};

/* What tickets are opened with. ring may be empty; crypto is the thread's own. */
struct resume_keys {
	const struct ticket_ring *ring;
	struct crypto *crypto;
	uint64_t now_s; /* seconds since 1970 */
};

/* is_shown: the request shows redirect support. ticket: of the request; NULL: it has none. */
enum front_resume resume_judge(enum redirect_resume mode, const struct resume_keys *keys,
			       bool is_shown, struct bytes ticket);

#endif
