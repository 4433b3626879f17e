/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_INTERNAL_H
#define IKEV2_RESPONDER_INTERNAL_H

#include "common/ikev2/responder/cookie.h"
#include "common/ikev2/responder/elsewhere.h"
#include "common/ikev2/responder/qcd.h"
#include "common/ikev2/responder/responder.h"
#include "common/ikev2/session/ike_sa.h"

/* What the files of the responder share and nobody else sees. */

/* What is needed between IKE_SA_INIT and IKE_AUTH only: an SA's setup. */
struct half_open {
	struct stored request;  /* RealMessage1 */
	struct stored response; /* RealMessage2 */
	uint8_t ni[NONCE_MAX], nr[NONCE_SIZE];
	size_t ni_len;
	bool is_answer_due;             /* HALF_OPEN: the timer sends the response, see init.c */
	struct ticket *ticket;          /* it is resumed with; NULL: it is not */
	enum auth_form form;            /* that the peer used, if it is resumed */
	uint16_t child_error;           /* the notify that says why there is no Child SA */
	struct proposal child_proposal; /* while INSTALLING; the SPI is filled in at the end */
	bool wants_ticket;              /* TICKET_REQUEST in IKE_AUTH */
};

struct responder {
	struct ike_core core; /* first: the roles of session/ are called with it */
	struct responder_conf conf;
	uint8_t id_octets[ID_TEXT_MAX];
	const struct policy *policy;
	struct cookies cookies;
	struct elsewhere elsewhere;
	uint8_t no_psk[32];          /* what an unknown identity is checked against */
	uint64_t wall_s, wall_at_ms; /* it was so late, in seconds since 1970; 0: not known */
	struct qcd qcd;
};

static inline struct responder *responder_of(struct ike_core *c)
{
	return (struct responder *)c;
}

static inline struct half_open *half_open_of(const struct ike_sa *sa)
{
	return sa->setup;
}

/* Seconds since 1970; 0: not known, and then there are no tickets. */
uint64_t responder_now_s(const struct responder *r);

/* ---- initial.c: what the two exchanges that begin an IKE SA have in common ---- */
struct initial {
	struct bytes ni;
	struct bytes cookie;
	bool has_nat_detection;
	bool is_behind_nat; /* we are */
	bool has_nat_source, is_nat_source_right;
	bool has_fragmentation;
	struct redirect_support redirect;
	size_t n_tickets;
	struct bytes ticket; /* the last one */
};

void initial_read_notifies(struct responder *r, const struct request *req, struct initial *out);

/* RFC 7296, 2.1: recognized by the whole message, not by the SPI alone, and answered again. */
bool initial_is_repeated(struct responder *r, const struct request *req,
			 uint8_t hash[INIT_HASH_SIZE]);

/*
 * True if the request may cost us memory now: there are fewer than so many half-open SAs, or it has
 * our COOKIE. Else it was asked for.
 */
bool initial_pass_cookie(struct responder *r, uint64_t now_ms, const struct request *req,
			 const struct initial *in, size_t above);

/* HALF_OPEN with both nonces, without keys, suite and messages. NULL: no memory or randomness. */
struct ike_sa *initial_new(struct responder *r, uint64_t now_ms, const struct request *req,
			   const struct initial *in, const uint8_t hash[INIT_HASH_SIZE]);
void initial_put_notifies(struct responder *r, const struct ike_sa *sa, const struct initial *in,
			  struct payload_writer *chain);
MUST_USE int initial_store(struct ike_sa *sa, struct bytes request, struct bytes response);
void initial_send_response(struct responder *r, struct ike_sa *sa, uint64_t now_ms);

/* ---- init.c ---- */
void exchange_init(struct responder *r, uint64_t now_ms, const struct request *req);

/* True if the peer is sent elsewhere (RFC 5685, 3). */
bool init_redirect(struct responder *r, uint64_t now_ms, const struct request *req,
		   const struct initial *in);

/* Redirects from adopted addresses that are due. */
void init_send_redirects(struct responder *r, uint64_t now_ms);

/* ---- resume.c (RFC 5723) ---- */
void exchange_resume(struct responder *r, uint64_t now_ms, const struct request *req);

/* The value that AUTH must have, or is to have in our answer; out has room for PRF_MAX_SIZE. */
MUST_USE int resume_auth(struct responder *r, const struct ike_sa *sa, bool is_ours,
			 enum auth_form form, struct bytes id_body, uint8_t *out);

/* True if the IKE_AUTH is the ticket's owner's: AUTH in either form, and both identities. */
bool resume_is_authentic(struct responder *r, struct ike_sa *sa, struct bytes idi_body,
			 const struct auth_body *auth, struct bytes idr_body);

/* Authenticated: the ticket is used up. False: it was used or revoked in the meantime. */
bool resume_spend(struct responder *r, struct ike_sa *sa);

/* The SA that it was issued for goes, without a word, if it lives here. */
void resume_supersede(struct responder *r, const struct ike_sa *sa, uint64_t now_ms);

/* ---- tickets.c ---- */

/* What a ticket is bound to, besides what is in it. ERR_CRYPTO. */
MUST_USE int tickets_policy(struct responder *r, const struct policy_peer *peer, uint64_t *out);

/*
 * A ticket for the IKE SA keyed, which belongs to sa or takes its place, or TICKET_NACK.
 */
void tickets_put(struct responder *r, struct ike_sa *sa, struct ike_sa *keyed,
		 struct payload_writer *chain);

/* For struct role. */
void tickets_answer(struct ike_core *c, struct ike_sa *sa, struct ike_sa *keyed,
		    const struct payload_list *request, struct payload_writer *chain);
void tickets_deleted(struct ike_core *c, struct ike_sa *sa);

/* ---- qcd.c (RFC 6290) ---- */
void qcd_put(struct responder *r, const struct ike_sa *keyed, struct payload_writer *chain);
void qcd_unknown(struct ike_core *c, uint64_t now_ms, const struct request *req);

/* ---- auth.c: for struct role ---- */
exchange_handler auth_take_request;
void auth_take_child(struct ike_core *c, struct ike_sa *sa, struct child *child, uint64_t now_ms,
		     int err);

#endif
