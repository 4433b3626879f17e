/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_IKE_SA_H
#define IKEV2_SESSION_IKE_SA_H

/* Without memory an element is not added to a table, and says so. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/timers.h"
#include "common/ikev2/keys.h"
#include "common/ikev2/sa.h"
#include "common/ikev2/session/session.h"

/*
 * What the files of this folder share with the responder and the initiator, and nobody else sees:
 * the IKE SA, its Child SAs, and the core that holds them all.
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

#define INIT_HASH_SIZE  20
#define CHILDREN_PER_SA 16
#define NO_TIME         UINT64_MAX

struct ike_sa;
struct task;

/*
 *   INSTALLING --> INSTALLED --> DELETING --> (gone)
 */
enum child_state {
	CHILD_INSTALLING, /* the data plane has not answered yet */
	CHILD_INSTALLED,
	CHILD_DELETING, /* our Delete is out */
};

/* A Child SA, both directions. */
struct child {
	uint64_t id; /* a running number (32) | spi_in (32) */
	enum child_state state;
	struct ike_sa *sa;
	struct child *next; /* of the same IKE SA, oldest first */
	uint32_t spi_in;
	uint32_t spi_out;
	struct esp_suite suite;
	struct ts_list local;
	struct ts_list remote;
	struct child_keys keys; /* wiped once the data plane has them */
	bool is_initiator;      /* we are, of the exchange that made it */
	UT_hash_handle hh;
};

/* A message as it was on the wire. */
struct stored {
	uint8_t *ptr;
	size_t len;
};

struct ike_sa {
	enum sa_state state;
	uint64_t own_spi; /* one of the two below, unique in the table */
	uint64_t spi_i, spi_r;
	bool is_initiator; /* we are the original initiator of this IKE SA: a rekey may change it */
	bool is_gateway;   /* we are the one that was called: a rekey leaves it */
	struct path path;
	struct ike_suite suite;
	struct ike_keys keys;
	uint64_t next_iv; /* top bit clear: the other half is for a successor's messages */

	uint32_t rx_next; /* message ID of the next request of the peer */
	struct stored last_response;
	uint32_t tx_next;           /* of our next request */
	struct task *current;       /* our request without answer, NULL: none */
	struct stored outstanding;  /* its message */
	unsigned int transmissions; /* of it */
	struct task *tasks;         /* what we are to ask for after that, in order */
	uint64_t pause_ms;          /* and not before this time */

	void *setup;                       /* what the role needs until it is established */
	uint8_t init_hash[INIT_HASH_SIZE]; /* of the IKE_SA_INIT request; if has_init_hash */
	bool has_init_hash;
	struct ip redirected_from;
	bool is_redirectable;
	bool is_behind_nat; /* we are: then the peer's address is not followed, RFC 7296, 2.23 */

	const struct policy_peer *peer; /* NULL before authentication */
	struct id_body id;              /* of the peer; owned copy */
	uint8_t *id_octets;
	bool is_initial_contact;
	bool has_moved; /* at moved_ms last */
	struct child *children;
	size_t n_children;

	uint64_t since_ms;
	uint64_t heard_ms; /* last authentic sign of life */
	uint64_t moved_ms;
	uint64_t state_due_ms;      /* when the state is over; NO_TIME: never */
	uint64_t retransmit_due_ms; /* with an outstanding request */
	struct timer timer;         /* the first of all that is due */
	struct ike_sa *older;       /* of the same peer */
	UT_hash_handle hh_spi, hh_init, hh_peer;
};

struct queued {
	struct action action;
	uint8_t *owned; /* the message of a SEND, or NULL */
	struct queued *next;
};

/* A message that came. */
struct request {
	const struct path *path;
	struct ike_header header;
	struct bytes message;
	const struct payload_list *payloads; /* the outer ones; inside SK for protected exchanges */
};

struct ike_core;

/* Handlers of the transition table: the message is authentic, in window and well-formed. */
typedef void exchange_handler(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			      const struct request *req);

/*
 * What a responder and an initiator do differently, all of it before an IKE SA is established. The
 * role's struct begins with its struct ike_core.
 */
struct role {
	exchange_handler *take_setup; /* a message that the table leaves to the role */
	/* The state's time is over. */
	void (*expire_setup)(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);
	/* What the data plane says to the first Child SA; err 0 or not. */
	void (*first_child)(struct ike_core *c, struct ike_sa *sa, struct child *child,
			    uint64_t now_ms, int err);
	void (*forget_setup)(struct ike_sa *sa); /* frees sa->setup, if any */
};

struct session_conf {
	uint8_t member; /* first octet of all our SPIs; 0: they are random throughout */
	uint8_t shard;  /* second octet of our IKE SPIs */
	uint8_t shards; /* ESP SPIs are drawn so that SPI mod shards = shard */
	uint32_t half_open_timeout_ms; /* for states on the way, and for the data plane */
	uint32_t dpd_ms;               /* liveness check after so much silence; 0: never */
};

#define PLAIN_MAX    65536
#define RESPONSE_MAX 8192

struct ike_core {
	const struct role *role;
	struct session_conf conf;
	struct crypto *crypto;
	const struct rng *rng;
	const struct logger *lg;

	struct ike_sa *by_spi;
	struct ike_sa *by_init;
	struct ike_sa *by_peer; /* the newest of each policy_peer; the others hang on .older */
	struct child *by_child; /* by spi_in */
	size_t n_half_open;
	size_t n_established;
	uint32_t next_child;
	struct timers timers;
	uint64_t now_ms;        /* of the call that is under way */
	struct log_limit limit; /* of lines that strangers can provoke */

	struct queued *first, **last;
	struct queued *current; /* what the shell looks at */
	uint64_t counters[IKE_COUNTER_COUNT];

	uint8_t plain[PLAIN_MAX];       /* decrypted request */
	uint8_t inner[RESPONSE_MAX];    /* chain of a message before it is sealed */
	uint8_t out[RESPONSE_MAX + 64]; /* message being written */
};

static inline void count(struct ike_core *c, enum ike_counter counter)
{
	c->counters[counter]++;
}

/* ---- core.c: what the roles' public functions are made of ---- */
void core_init(struct ike_core *c, const struct role *role, const struct session_conf *conf,
	       struct crypto *crypto, const struct rng *rng, const struct logger *lg);
void core_clear(struct ike_core *c); /* all SAs and actions; the caller wipes and frees the rest */
void core_child_result(struct ike_core *c, uint64_t now_ms, uint64_t child_id, int err);
void core_child_heard(struct ike_core *c, uint64_t now_ms, uint64_t child_id,
		      const struct endpoint *remote);
uint64_t core_next_expiry(const struct ike_core *c);
void core_expire(struct ike_core *c, uint64_t now_ms);
void core_each_peer(const struct ike_core *c,
		    void (*visit)(void *ctx, const struct peer_info *peer), void *ctx);

/*
 * True if a line that an unauthenticated sender can provoke may be written now. How many were not
 * is then said first.
 */
bool stranger_may_log(struct ike_core *c);

/* ---- receive.c ---- */

/* False, and counted, if the datagram is no IKE message of our version. */
bool core_read_header(struct ike_core *c, uint64_t now_ms, struct request *req);

/* A message with SK for one of our SAs. */
void core_take_protected(struct ike_core *c, uint64_t now_ms, const struct request *req);

/* ---- transitions.c ---- */

/* NULL: not listed, to be dropped. */
exchange_handler *transition_find(const struct ike_core *c, enum sa_state state,
				  const struct ike_header *h);

/* ---- sa_table.c ---- */

/*
 * A new SA with a fresh SPI of ours, in the table, counted as half-open. NULL: no memory, no
 * randomness.
 */
struct ike_sa *ike_sa_new(struct ike_core *c, bool is_initiator);
struct ike_sa *ike_sa_find(const struct ike_core *c, uint64_t own_spi);

/* So that an IKE_SA_INIT is recognized when it comes again. */
MUST_USE int ike_sa_set_init(struct ike_core *c, struct ike_sa *sa,
			     const uint8_t init_hash[INIT_HASH_SIZE]);
struct ike_sa *ike_sa_find_init(const struct ike_core *c, const uint8_t init_hash[INIT_HASH_SIZE]);

/* The only way to change a state: counts, and logs "old -> new: why". */
void ike_sa_change_state(struct ike_core *c, struct ike_sa *sa, enum sa_state state,
			 const char *why);

/* From half-open to FAILED, for the half-open time. Nothing is sent. */
void ike_sa_fail(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, const char *why);

/* Wipes and frees; the pointer is dead. */
void ike_sa_free(struct ike_core *c, struct ike_sa *sa);

/*
 * Takes down an established SA: CHILD_REMOVE, PEER_DOWN, CLOSED, to be freed when the linger time
 * is over. Nothing is sent.
 */
void ike_sa_close(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, enum ike_reason reason);
void ike_sa_forget_setup(struct ike_core *c, struct ike_sa *sa);
void ike_sa_fill_info(const struct ike_sa *sa, struct peer_info *out);

/* Enters the SA, authenticated now, among those of its peer. */
void ike_sa_link_peer(struct ike_core *c, struct ike_sa *sa);
MUST_USE int stored_set(struct stored *s, struct bytes octets);
void stored_free(struct stored *s);

/* ---- child.c ---- */

/*
 * A Child SA of this IKE SA with a fresh id and an ESP SPI that carries our member's number and
 * belongs to our shard; everything else in it is for the caller to fill in. ERR_LIMIT,
 * ERR_NO_MEMORY, ERR_CRYPTO.
 */
MUST_USE int child_new(struct ike_core *c, struct ike_sa *sa, struct child **out);
struct child *child_find(const struct ike_core *c, uint64_t child_id);

/* By the SPI that the peer receives on. */
struct child *child_find_out(const struct ike_sa *sa, uint32_t spi_out);

/* The first that carries traffic, NULL if there is none. */
const struct child *child_first(const struct ike_sa *sa);

/* Takes it out of the tables and frees it; child_remove() out of the data plane too. */
void child_free(struct ike_core *c, struct child *child);
void child_remove(struct ike_core *c, struct child *child);

/* ---- timing.c ---- */

/* Sets the timer for whatever is due first. To be called when something has changed. */
void ike_sa_arm(struct ike_core *c, struct ike_sa *sa);

/* Sets the end of a state on the way. */
void ike_sa_set_due(struct ike_core *c, struct ike_sa *sa, uint64_t due_ms);

/* Does what is due in an established SA. */
void ike_sa_run_due(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);

/* ---- actions.c ---- */
void action_send(struct ike_core *c, const struct path *path, struct bytes message);
void action_child_add(struct ike_core *c, const struct child *child);
void action_child_remove(struct ike_core *c, uint64_t child_id);
void action_child_move(struct ike_core *c, const struct child *child);
void action_peer(struct ike_core *c, enum action_type type, const struct ike_sa *sa,
		 enum ike_reason reason);
bool actions_next(struct ike_core *c, struct action *out);
void actions_free(struct ike_core *c);

/* ---- send.c ---- */

/* Seals chain and sends it as the response to request ID mid, and keeps it for retransmissions. */
void respond(struct ike_core *c, struct ike_sa *sa, const struct path *path, uint8_t exchange,
	     uint32_t mid, struct payload_writer *chain);

/* A response with one notify, and nothing else. */
void respond_notify(struct ike_core *c, struct ike_sa *sa, const struct path *path,
		    uint8_t exchange, uint32_t mid, uint16_t type, struct bytes data);

/* An unprotected answer with one notify: SPIr 0, nothing is kept. */
void respond_stateless(struct ike_core *c, const struct path *path, const struct ike_header *h,
		       uint16_t type, struct bytes data);

/* Seals chain as our next request, sends it and keeps it as outstanding. */
MUST_USE int request_send(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, uint8_t exchange,
			  struct payload_writer *chain);

/* Our request again. False: the peer has not answered for too long. */
bool request_retransmit(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);

/* It was answered, or the SA closes. */
void request_forget(struct ike_sa *sa);

/* A chain in c->inner; its writer in *w must live as long as the chain. */
struct payload_writer core_chain(struct ike_core *c, struct wr *w);

/* One Notify payload without SPI. */
void chain_put_notify(struct payload_writer *chain, uint16_t type, struct bytes data);

/* ---- the exchanges ---- */
exchange_handler informational_request;
exchange_handler create_child_request;

#endif
