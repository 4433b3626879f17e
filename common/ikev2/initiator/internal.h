/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_INITIATOR_INTERNAL_H
#define IKEV2_INITIATOR_INTERNAL_H

#include "common/ikev2/initiator/initiator.h"
#include "common/ikev2/session/ike_sa.h"
#include "common/ikev2/session/payloads.h"

/* What the files of the initiator share and nobody else sees. */

/* Where the caller wanted to go, and how often it was sent elsewhere, by whatever message. */
struct trail {
	struct path first_path;
	size_t n;
	uint64_t redirected_ms[INITIATOR_REDIRECTS]; /* when, the last ones */
};

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
	uint64_t due_ms; /* of this one and those that follow it */
	uint16_t notify; /* the error that came, if no better answer comes; 0: none */
	bool is_nacked;  /* the ticket was refused, if no better answer comes */
	bool is_childless_possible;
	uint64_t child_id; /* asked for in IKE_AUTH; 0: none */

	struct trail trail;
	struct ip redirected_from;
	struct resumption *ticket; /* that is shown, owned; NULL: IKE_SA_INIT */
	uint64_t replaces;         /* SPI of the SA that it takes the place of (RFC 5685, 5); 0 */
};

/* What is kept of an established SA, and goes on with its heirs. */
struct kept {
	struct trail trail;
	struct resumption *ticket; /* owned; NULL: there is none */
	bool is_denied;            /* the gateway gives none */
	bool is_asked;             /* the caller wants one, even if there is one */
	uint8_t token[QCD_TOKEN_MAX];
	size_t token_len;  /* 0: none */
	uint64_t handover; /* SPI of the attempt that takes its place elsewhere; 0: none */
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

/* NULL without memory, or before IKE_AUTH is done. */
static inline struct kept *kept_of(const struct ike_sa *sa)
{
	return sa->kept;
}

/* What an attempt has from the one before, or from the SA that it is to replace. */
struct origin {
	const struct policy_peer *peer;
	uint64_t ref;
	const struct trail *trail; /* NULL: it is the first */
	struct ip from;            /* redirected by; IP_NONE: not */
	uint64_t replaces;
	uint64_t due_ms;            /* its end; 0: as configured */
	struct resumption **ticket; /* NULL, or of NULL: none. Taken if the attempt begins. */
};

/* That of an attempt that another one follows, which goes to path, redirected or not. */
struct origin attempt_origin(const struct ike_sa *before, bool is_redirected);

/* A new SPI and nonce; no cookie of elsewhere. */
MUST_USE int attempt_begin(struct initiator *i, uint64_t now_ms, const struct origin *origin,
			   const struct path *path);

/* The attempt is over: the shell hears of it, the SA is freed. */
void attempt_fail(struct initiator *i, struct ike_sa *sa, enum ike_reason reason, uint16_t notify);

/* Tells the shell, unless the SA that was to be replaced is still there: then that one stays. */
void attempt_report(struct initiator *i, const struct ike_sa *sa, enum ike_reason reason,
		    uint16_t notify);

/* ---- init.c ---- */

/* Sends IKE_SA_INIT, or IKE_SESSION_RESUME, as the attempt has it now: with its cookie, group. */
MUST_USE int init_send(struct initiator *i, struct ike_sa *sa, uint64_t now_ms);

/* A fresh key exchange, of the group that the peer wants if we offer it; 0: our first. */
MUST_USE int init_make_kex(struct initiator *i, struct ike_sa *sa, uint16_t wanted);
void init_take_response(struct initiator *i, uint64_t now_ms, const struct request *res);

/* ---- response.c ---- */
struct init_response {
	struct sa_payload sa;
	struct ke_body ke;
	struct bytes nr;
	bool has_fragmentation;
	uint16_t notify; /* instead of the others; 0: none */
	struct bytes data;
	bool has_nat_source, is_nat_source_right, has_nat_destination, is_nat_destination_right;
	bool is_childless_possible;
};

MUST_USE int response_decode(struct initiator *i, const struct request *res,
			     const struct payload_list *list, struct init_response *out);
void response_detect_nat(struct ike_sa *sa, const struct init_response *in);

/* What all answers with a nonce leave in the attempt and the SA. */
void init_take_nonce(struct ike_sa *sa, const struct request *res, const struct init_response *in);

/* ---- resume.c (RFC 5723) ---- */
void resuming_put_ticket(const struct ike_sa *sa, struct payload_writer *chain);
MUST_USE int resuming_take_keys(struct initiator *i, struct ike_sa *sa, const struct request *res,
				const struct init_response *in);

/* The gateway, or anybody, says that it does not take the ticket. */
void resuming_refused(struct initiator *i, struct ike_sa *sa, uint64_t now_ms);

/* It is time to give up the ticket and to go on with IKE_SA_INIT. */
bool resuming_is_over(const struct ike_sa *sa, uint64_t now_ms);
void resuming_fall_back(struct initiator *i, struct ike_sa *sa, uint64_t now_ms);

/* IKE_SA_INIT at the same gateway, because of an authentic refusal: the caller ends the SA. */
MUST_USE int resuming_begin_full(struct initiator *i, const struct ike_sa *sa, uint64_t now_ms);

/* It is up: the one that the ticket was given for goes, if it was still there. */
void resuming_done(struct initiator *i, const struct ike_sa *sa, uint64_t before, uint64_t now_ms);

/* AUTH data, ours or the gateway's. */
MUST_USE int resuming_auth(struct initiator *i, const struct ike_sa *sa, bool is_ours,
			   struct bytes id_body, uint8_t *out);

/* ---- tickets.c: asked for and kept ---- */
bool tickets_add_request(struct ike_core *c, struct ike_sa *sa, bool is_rekey,
			 struct payload_writer *chain);

/* Whatever the response says of tickets. The shell hears of it if the SA is established. */
void tickets_take(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		  const struct payload_list *list);
void tickets_drop(struct ike_core *c, const struct ike_sa *sa); /* void: the shell is told */
void tickets_free(struct resumption **ticket);

/* ---- qcd.c (RFC 6290) ---- */

/* The gateway's token for this SA. */
void qcd_read(struct kept *kept, const struct payload_list *list);

/* A response in clear: true if it was one that could mean a lost SA. */
bool qcd_take(struct initiator *i, uint64_t now_ms, const struct request *res);

/* ---- handover.c (RFC 5685, 5) ---- */
void handover_begin(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		    const struct gateway *gw);

/* The new SA is up, or nothing came of it. False: there is no old one that stays. */
void handover_done(struct initiator *i, uint64_t replaces, uint64_t now_ms);
bool handover_failed(struct initiator *i, const struct ike_sa *sa);

/* ---- kept.c: hooks of established SAs ---- */
void kept_new(struct ike_sa *sa);
void kept_forget(struct ike_sa *sa);
void kept_inherited(struct ike_core *c, struct ike_sa *old, struct ike_sa *heir);
enum ike_reason kept_down(struct ike_core *c, struct ike_sa *sa, enum ike_reason reason);
exchange_handler kept_informed;
void kept_answered(struct ike_core *c, struct ike_sa *keyed, uint64_t now_ms,
		   const struct payload_list *response);

/* ---- redirect.c (RFC 5685) ---- */

/* Where to; counts against the limit. False: too often, or to a name, which nobody here resolves.
 */
bool redirect_is_possible(struct trail *trail, uint64_t now_ms, const struct gateway *gw,
			  struct path *out);

/* Starts over at that gateway; or the attempt is over. The SA is gone either way. */
void redirect_follow(struct initiator *i, struct ike_sa *sa, uint64_t now_ms,
		     const struct gateway *gw);

/* ---- auth_request.c, auth.c ---- */

/* AUTH data, ours or the gateway's. */
MUST_USE int auth_compute(struct initiator *i, const struct ike_sa *sa, bool is_ours,
			  struct bytes id_body, uint8_t *out);
MUST_USE int auth_send(struct initiator *i, struct ike_sa *sa, uint64_t now_ms);
exchange_handler auth_take_response; /* for struct role */
void auth_take_first_child(struct ike_core *c, struct ike_sa *sa, struct child *child,
			   uint64_t now_ms, int err);

#endif
