/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_IKE_SA_H
#define IKEV2_RESPONDER_IKE_SA_H

#include <uthash.h>

#include "common/base/timers.h"
#include "common/ikev2/keys.h"
#include "common/ikev2/responder/cookie.h"
#include "common/ikev2/responder/elsewhere.h"
#include "common/ikev2/responder/responder.h"
#include "common/ikev2/sa.h"

/*
 * What the files of the responder share and nobody else sees: the SA, the table of SAs, the queue
 * of actions.
 *
 *                IKE_SA_INIT                 IKE_AUTH, AUTH right
 *   (nothing) ---------------> HALF_OPEN ---------------------------> INSTALLING
 *                                  |                                      |
 *                                  | AUTH wrong    Child SA in the data   | or refused: the IKE SA
 *                                  v               plane                  v lives without it
 *   (nothing) <------------------ FAILED                             ESTABLISHED
 *       ^          time is over                                          |
 *       +------------------------ CLOSED <-------------------------------+
 *                                             Delete, dead, malformed
 *
 * FAILED and CLOSED keep the keys and the last response for a while, because the peer repeats its
 * request until it is answered. They take no other message. FAILED counts as half-open, so that
 * wrong secrets cannot fill the memory; CLOSED counts as nothing. An IKE_SA_INIT whose public value
 * is unacceptable ends in FAILED at once, unanswered and without keys.
 */
enum sa_state {
	SA_HALF_OPEN,
	SA_FAILED,
	SA_INSTALLING,
	SA_ESTABLISHED,
	SA_CLOSED,
	SA_STATE_COUNT,
};

const char *ike_sa_state_name(enum sa_state state);

#define INIT_HASH_SIZE 20

/* A Child SA of ours, both directions. */
struct child {
	uint64_t id; /* a running number (32) | spi_in (32) */
	uint32_t spi_in;
	uint32_t spi_out;
	struct esp_suite suite;
	struct ts_list local;
	struct ts_list remote;
	struct child_keys keys; /* wiped once the data plane has them */
};

/* A message as it was on the wire. */
struct stored {
	uint8_t *ptr;
	size_t len;
};

/* What is needed between IKE_SA_INIT and IKE_AUTH only. */
struct half_open {
	struct stored request;  /* RealMessage1 */
	struct stored response; /* RealMessage2 */
	uint8_t ni[256], nr[32];
	size_t ni_len;
};

struct ike_sa {
	enum sa_state state;
	uint64_t spi_i, spi_r; /* spi_r is ours, and unique in the table */
	struct path path;
	struct ike_suite suite;
	struct ike_keys keys;
	uint64_t next_iv; /* top bit clear: the other half is for a successor's messages */

	uint32_t rx_next; /* message ID of the next request of the peer */
	struct stored last_response;
	uint32_t tx_next;           /* of our next request */
	struct stored outstanding;  /* our request without answer; len 0: none */
	unsigned int transmissions; /* of it */

	struct half_open *half_open; /* NULL later on */
	uint8_t init_hash[INIT_HASH_SIZE];
	struct ip redirected_from;
	bool is_redirectable;
	bool is_answer_due; /* HALF_OPEN: the timer sends the response, see init.c */
	bool is_behind_nat; /* we are: then the peer's address is not followed, RFC 7296, 2.23 */

	const struct policy_peer *peer; /* NULL before authentication */
	struct id_body id;              /* of the peer; owned copy */
	uint8_t *id_octets;
	bool is_initial_contact;
	bool has_moved; /* at moved_ms last */
	bool has_child;
	uint16_t child_error; /* the notify that says why there is none */
	struct child child;
	struct proposal child_proposal; /* while INSTALLING; the SPI is filled in at the end */

	uint64_t since_ms;
	uint64_t heard_ms; /* last authentic sign of life */
	uint64_t moved_ms;
	struct timer timer;
	struct ike_sa *older; /* of the same peer */
	UT_hash_handle hh_spi, hh_init, hh_child, hh_peer;
};

struct queued {
	struct action action;
	uint8_t *owned; /* the message of a SEND, or NULL */
	struct queued *next;
};

#define PLAIN_MAX    65536
#define RESPONSE_MAX 8192

struct responder {
	struct responder_conf conf;
	uint8_t id_octets[ID_TEXT_MAX];
	const struct policy *policy;
	struct crypto *crypto;
	const struct rng *rng;
	const struct logger *lg;

	struct ike_sa *by_spi;
	struct ike_sa *by_init;
	struct ike_sa *by_child; /* by child.spi_in, those with has_child */
	struct ike_sa *by_peer;  /* the newest of each policy_peer; the others hang on .older */
	size_t n_half_open;
	size_t n_established;
	uint32_t next_child;
	struct timers timers;
	struct cookies cookies;
	struct elsewhere elsewhere;
	uint64_t now_ms;        /* of the call that is under way */
	struct log_limit limit; /* of lines that strangers can provoke */
	uint8_t no_psk[32];     /* what an unknown identity is checked against */

	struct queued *first, **last;
	struct queued *current; /* what the shell looks at */
	uint64_t counters[RESPONDER_COUNTER_COUNT];

	uint8_t plain[PLAIN_MAX];       /* decrypted request */
	uint8_t inner[RESPONSE_MAX];    /* chain of a response before it is sealed */
	uint8_t out[RESPONSE_MAX + 64]; /* message being written */
};

static inline void count(struct responder *r, enum responder_counter counter)
{
	r->counters[counter]++;
}

/* ---- sa_table.c ---- */

/* A new SA with a fresh SPI, in the table, counted as half-open. NULL: no memory, no randomness. */
struct ike_sa *ike_sa_new(struct responder *r, const uint8_t init_hash[INIT_HASH_SIZE]);
struct ike_sa *ike_sa_find(const struct responder *r, uint64_t spi_r);
struct ike_sa *ike_sa_find_init(const struct responder *r, const uint8_t init_hash[INIT_HASH_SIZE]);

/*
 * True if a line that an unauthenticated sender can provoke may be written now. How many were not
 * is then said first.
 */
bool stranger_may_log(struct responder *r);

/* The only way to change a state: counts, and logs "old -> new: why". */
void ike_sa_change_state(struct responder *r, struct ike_sa *sa, enum sa_state state,
			 const char *why);

/* From half-open to FAILED, for the half-open time. Nothing is sent. */
void ike_sa_fail(struct responder *r, struct ike_sa *sa, uint64_t now_ms, const char *why);

/* Wipes and frees; the pointer is dead. */
void ike_sa_free(struct responder *r, struct ike_sa *sa);

/*
 * Takes down an established SA: CHILD_REMOVE, PEER_DOWN, CLOSED, to be freed when the linger time
 * is over. Nothing is sent.
 */
void ike_sa_close(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
		  enum responder_reason reason);
void ike_sa_forget_half_open(struct ike_sa *sa);
void ike_sa_fill_info(const struct ike_sa *sa, struct peer_info *out);
void ike_sa_set_timer(struct responder *r, struct ike_sa *sa, uint64_t due_ms);
MUST_USE int stored_set(struct stored *s, struct bytes octets);
void stored_free(struct stored *s);

/* Enters the SA, authenticated now, among those of its peer. */
void ike_sa_link_peer(struct responder *r, struct ike_sa *sa);

/*
 * Gives the SA a Child SA with a fresh id and an ESP SPI that carries our member's number and
 * belongs to our shard; everything else in it is for the caller to fill in.
 */
MUST_USE int ike_sa_add_child(struct responder *r, struct ike_sa *sa);
void ike_sa_drop_child(struct responder *r, struct ike_sa *sa);
struct ike_sa *ike_sa_find_child(const struct responder *r, uint64_t child_id);

/* ---- actions.c ---- */
void action_send(struct responder *r, const struct path *path, struct bytes message);
void action_child_add(struct responder *r, const struct ike_sa *sa);
void action_child_remove(struct responder *r, uint64_t child_id);
void action_child_move(struct responder *r, const struct ike_sa *sa);
void action_peer(struct responder *r, enum action_type type, const struct ike_sa *sa,
		 enum responder_reason reason);
void actions_free(struct responder *r);

/* ---- respond.c ---- */

/* Seals chain and sends it as the response to request ID mid, and keeps it for retransmissions. */
void respond(struct responder *r, struct ike_sa *sa, const struct path *path, uint8_t exchange,
	     uint32_t mid, struct payload_writer *chain);

/* A response with one notify, and nothing else. */
void respond_notify(struct responder *r, struct ike_sa *sa, const struct path *path,
		    uint8_t exchange, uint32_t mid, uint16_t type, struct bytes data);

/* An unprotected answer with one notify: SPIr 0, nothing is kept. */
void respond_stateless(struct responder *r, const struct path *path, const struct ike_header *h,
		       uint16_t type, struct bytes data);

/* Sends an empty INFORMATIONAL request of ours and starts its retransmission. */
void request_liveness(struct responder *r, struct ike_sa *sa, uint64_t now_ms);

/* Our request again, or the peer is given up. */
void request_retransmit(struct responder *r, struct ike_sa *sa, uint64_t now_ms);

/* A chain in r->inner; its writer in *w must live as long as the chain. */
struct payload_writer response_chain(struct responder *r, struct wr *w);

/* One Notify payload without SPI. */
void chain_put_notify(struct payload_writer *chain, uint16_t type, struct bytes data);

/* ---- the exchanges ---- */
struct request {
	const struct path *path;
	struct ike_header header;
	struct bytes message;
	const struct payload_list *payloads; /* the outer ones; inside SK for protected exchanges */
};

void exchange_init(struct responder *r, uint64_t now_ms, const struct request *req);
void init_send_response(struct responder *r, struct ike_sa *sa, uint64_t now_ms);
void init_send_redirects(struct responder *r, uint64_t now_ms); /* those that are due */
void exchange_resume(struct responder *r, uint64_t now_ms, const struct request *req);

/* Handlers of the transition table: the request is authentic, in window and well-formed. */
typedef void exchange_handler(struct responder *r, struct ike_sa *sa, uint64_t now_ms,
			      const struct request *req);
exchange_handler exchange_auth;
exchange_handler exchange_informational;
exchange_handler exchange_informational_response;
exchange_handler exchange_create_child;

/* The second half of IKE_AUTH, after the data plane said whether it took the Child SA. */
void auth_finish(struct responder *r, struct ike_sa *sa, uint64_t now_ms);

#endif
