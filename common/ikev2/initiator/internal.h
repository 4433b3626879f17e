/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_INITIATOR_INTERNAL_H
#define IKEV2_INITIATOR_INTERNAL_H

#include "common/ikev2/initiator/initiator.h"
#include "common/ikev2/session/ike_sa.h"
#include "common/ikev2/session/payloads.h"

/* What the files of the initiator share and nobody else sees. */

/* What is needed until an SA is established: its setup. */
struct attempt {
	struct stored request;  /* RealMessage1 */
	struct stored response; /* RealMessage2 */
	uint8_t ni[NONCE_SIZE], nr[NONCE_MAX];
	size_t nr_len;
	struct kex *kex;
	uint16_t group;
	uint8_t cookie[COOKIE_MAX];
	size_t cookie_len; /* 0: none */
	unsigned int retries;
	uint16_t notify; /* the error that came, if no better answer comes; 0: none */
	bool is_childless_possible;
	uint64_t child_id; /* asked for in IKE_AUTH; 0: none */

	struct path first_path; /* where the caller wanted to go */
	size_t n_redirects;
	uint64_t redirected_ms[INITIATOR_REDIRECTS]; /* when, the last ones */
	struct ip redirected_from;
};

struct initiator {
	struct ike_core core; /* first: the roles of session/ are called with it */
	struct initiator_conf conf;
	uint8_t id_octets[ID_TEXT_MAX];
};

static inline struct initiator *initiator_of(struct ike_core *c)
{
	return (struct initiator *)c;
}

static inline struct attempt *attempt_of(const struct ike_sa *sa)
{
	return sa->setup;
}

/*
 * As initiator_connect(), for the peer and the ref of another attempt that was redirected, and with
 * its history; cookie and nonce of that gateway are no good elsewhere.
 */
MUST_USE int attempt_begin(struct initiator *i, uint64_t now_ms, const struct ike_sa *before,
			   const struct path *path);

/* The attempt is over: the shell hears of it, the SA is freed. */
void attempt_fail(struct initiator *i, struct ike_sa *sa, enum ike_reason reason, uint16_t notify);

/* ---- init.c ---- */

/* Sends IKE_SA_INIT as the attempt has it now: with its cookie and its group. */
MUST_USE int init_send(struct initiator *i, struct ike_sa *sa, uint64_t now_ms);

/* A fresh key exchange, of the group that the peer wants if we offer it; 0: our first. */
MUST_USE int init_make_kex(struct initiator *i, struct ike_sa *sa, uint16_t wanted);
void init_take_response(struct initiator *i, uint64_t now_ms, const struct request *res);

/* ---- redirect.c (RFC 5685) ---- */

/* Where to; counts against the limit. False: too often, or to a name, which nobody here resolves.
 */
bool redirect_is_possible(const struct ike_sa *sa, uint64_t now_ms, const struct gateway *gw,
			  struct path *out);

/* Starts over at that gateway; or the attempt is over. The SA is gone either way. */
void redirect_follow(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		     const struct gateway *gw);

/* ---- auth.c ---- */
MUST_USE int auth_send(struct initiator *i, struct ike_sa *sa, uint64_t now_ms);
exchange_handler auth_take_response; /* for struct role */
void auth_take_first_child(struct ike_core *c, struct ike_sa *sa, struct child *child,
			   uint64_t now_ms, int err);

#endif
