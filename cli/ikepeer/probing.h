/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_PROBING_H
#define CLI_IKEPEER_PROBING_H

#include "common/ikev2/initiator/initiator.h"

/*
 * The first exchange with a gateway as a stranger has it, as a pure core: IKE_SA_INIT, or
 * IKE_SESSION_RESUME with a ticket that is none (RFC 5723), and from redirect to redirect if
 * wanted. It writes down what the gateways answer and how long that takes. No keys are made: an
 * SA that a gateway begins stays half-open there until its own time is up.
 *
 * Answers are not authenticated: what repeats our SPI, and in a redirect our nonce, is believed.
 */
struct probing;

#define PROBE_LEGS_MAX     (1 + INITIATOR_REDIRECTS)
#define PROBE_NOTIFIES_MAX 16
#define PROBE_TARGET_MAX   256
#define PROBE_REPEAT_US    1000000 /* so long without an answer: once more */

enum probe_answer {
	PROBE_SILENT,   /* none, so far */
	PROBE_ACCEPTED, /* an SA begins */
	PROBE_REDIRECT,
	PROBE_NACK,  /* TICKET_NACK */
	PROBE_ERROR, /* an error notify */
};

/* What one gateway did. */
struct probe_leg {
	struct ip gateway;
	enum probe_answer answer;
	unsigned int n_sent;           /* datagrams, repetitions too */
	unsigned int n_repeated;       /* of them, for want of an answer */
	bool has_cookie;               /* it asked for one first */
	uint16_t group;                /* it asked for that one instead of ours; 0: it did not */
	uint64_t rtt_us;               /* of the answer that counts */
	uint16_t notify;               /* of ERROR */
	char target[PROBE_TARGET_MAX]; /* of REDIRECT: an address or a name */
	struct ip target_ip;           /* IP_NONE: a name */
	char suite[SUITE_TEXT_MAX];    /* of ACCEPTED to IKE_SA_INIT; "": none that we offered */
	bool has_nat_detection;
	size_t n_notifies;
	uint16_t notifies[PROBE_NOTIFIES_MAX]; /* of the answer that counts */
};

struct probing_conf {
	struct path path; /* how to begin */
	size_t n_suites;
	struct ike_suite suites[POLICY_MAX_SUITES];
	bool is_resume;
	bool is_following;
	bool shows_redirect; /* REDIRECT_SUPPORTED */
	uint64_t timeout_us; /* for all of it */
};

/* What to do after each call. */
struct probing_step {
	bool is_over;
	struct path path;     /* of message */
	struct bytes message; /* to be sent; ptr NULL: nothing. Valid until the next call */
	uint64_t due_us;      /* when to call probing_due() */
};

/* crypto and rng are borrowed. NULL when out of memory. */
struct probing *probing_new(const struct probing_conf *conf, struct crypto *crypto,
			    const struct rng *rng);
void probing_free(struct probing *p); /* NULL is fine */

/* ERR_CRYPTO and others: nothing can be sent. */
MUST_USE int probing_begin(struct probing *p, uint64_t now_us, struct probing_step *step);
struct probing_step probing_take(struct probing *p, uint64_t now_us, const struct path *path,
				 struct bytes message);
struct probing_step probing_due(struct probing *p, uint64_t now_us);

/* At least one. Borrowed. */
size_t probing_legs(const struct probing *p, const struct probe_leg **legs);

#endif
