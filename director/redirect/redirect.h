/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_REDIRECT_H
#define DIRECTOR_REDIRECT_H

#include "director/placement/index.h"
#include "director/redirect/resume.h"

/*
 * The answer of the redirect front end to one datagram: a pure function that keeps nothing (RFC
 * 5685, 3). IKE_SA_INIT gets N(REDIRECT) with the peer's nonce; IKE_SESSION_RESUME (RFC 5723) gets
 * the same where it may be redirected (resume.h) and a member is free, else N(TICKET_NACK), because
 * peers repeat an unanswered one for ever. A COOKIE in a request is somebody else's: it is ignored,
 * and no answer asks for one, as none is longer than its request.
 */

/* What became of a datagram; each is a counter. */
#define FRONT_VERDICTS(X)                                                                   \
	X(REDIRECTED, "redirected")                                                         \
	X(NACKED, "nacked")           /* IKE_SESSION_RESUME: back to IKE_SA_INIT */         \
	X(REJECTED, "rejected")       /* told that it is refused, see redirect_answer() */  \
	X(NOT_IKE, "not-ike")         /* no IKEv2 header, wrong length, keepalive, ESP */   \
	X(NOT_INITIAL, "not-initial") /* another exchange, a response, a wrong SPI or ID */ \
	X(MALFORMED, "malformed")     /* payloads missing or broken */                      \
	X(NO_SUPPORT, "no-redirect-support")                                                \
	X(NO_MEMBER, "no-member")       /* nobody can take it now */                        \
	X(RATE_LIMITED, "rate-limited") /* there was an answer, it was not sent */          \
	X(AMPLIFIES, "would-amplify")   /* the answer would be longer than the request */   \
	X(SEND_FAILED, "send-failed")

#define FRONT_ENUMERATOR(name, text) FRONT_##name,
enum front_verdict {
	FRONT_VERDICTS(FRONT_ENUMERATOR) FRONT_VERDICT_COUNT
};
#undef FRONT_ENUMERATOR

const char *front_verdict_name(enum front_verdict v);

/* True if an answer was written. */
static inline bool front_verdict_is_answer(enum front_verdict v)
{
	return v == FRONT_REDIRECTED || v == FRONT_NACKED || v == FRONT_REJECTED;
}

struct redirect_conf {
	bool reject_unsupported; /* answer peers without redirect support NO_PROPOSAL_CHOSEN */
	enum redirect_resume resume;
};

/* What answers are made from. */
struct redirect_view {
	const struct redirect_conf *conf;
	const struct placement_index *index;
	struct resume_keys keys;
};

/* Non-ESP marker, header, Notify with an IPv6 address and the longest nonce. */
#define REDIRECT_ANSWER_MAX (4 + 28 + 8 + 2 + 16 + 256)

/*
 * datagram: what came in a UDP datagram to port 500, or 4500 (is_natt): there the non-ESP marker is
 * expected and given back. out is written for answers only. *member is the index in the table for
 * REDIRECTED; *resume is always set. REJECTED answers
 *   NO_PROPOSAL_CHOSEN            no redirect support, and conf says to tell
 *   UNSUPPORTED_CRITICAL_PAYLOAD  RFC 7296, 2.5: whatever else the request holds
 */
enum front_verdict redirect_answer(const struct redirect_view *view, const struct ip *peer,
				   bool is_natt, struct bytes datagram,
				   uint8_t out[REDIRECT_ANSWER_MAX], size_t *len, size_t *member,
				   enum front_resume *resume);

#endif
