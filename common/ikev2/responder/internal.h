/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_INTERNAL_H
#define IKEV2_RESPONDER_INTERNAL_H

#include "common/ikev2/responder/cookie.h"
#include "common/ikev2/responder/elsewhere.h"
#include "common/ikev2/responder/responder.h"
#include "common/ikev2/session/ike_sa.h"

/* What the files of the responder share and nobody else sees. */

#define NONCE_SIZE 32

/* What is needed between IKE_SA_INIT and IKE_AUTH only: an SA's setup. */
struct half_open {
	struct stored request;  /* RealMessage1 */
	struct stored response; /* RealMessage2 */
	uint8_t ni[NONCE_MAX], nr[NONCE_SIZE];
	size_t ni_len;
	bool is_answer_due;             /* HALF_OPEN: the timer sends the response, see init.c */
	uint16_t child_error;           /* the notify that says why there is no Child SA */
	struct proposal child_proposal; /* while INSTALLING; the SPI is filled in at the end */
};

struct responder {
	struct ike_core core; /* first: the roles of session/ are called with it */
	struct responder_conf conf;
	uint8_t id_octets[ID_TEXT_MAX];
	const struct policy *policy;
	struct cookies cookies;
	struct elsewhere elsewhere;
	uint8_t no_psk[32]; /* what an unknown identity is checked against */
};

static inline struct responder *responder_of(struct ike_core *c)
{
	return (struct responder *)c;
}

static inline struct half_open *half_open_of(const struct ike_sa *sa)
{
	return sa->setup;
}

/* ---- init.c: unprotected requests ---- */
void exchange_init(struct responder *r, uint64_t now_ms, const struct request *req);
void exchange_resume(struct responder *r, uint64_t now_ms, const struct request *req);

/* The response that has waited. */
void init_send_response(struct responder *r, struct ike_sa *sa, uint64_t now_ms);

/* Redirects from adopted addresses that are due. */
void init_send_redirects(struct responder *r, uint64_t now_ms);

/* ---- auth.c: for struct role ---- */
exchange_handler auth_take_request;
void auth_take_child(struct ike_core *c, struct ike_sa *sa, struct child *child, uint64_t now_ms,
		     int err);

#endif
