/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_IKE_SA_H
#define IKEV2_SESSION_IKE_SA_H

/* Without memory an element is not added to a table, and says so. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/timers.h"
#include "common/ikev2/keys.h"
#include "common/ikev2/sa.h"
#include "common/ikev2/session/sa_info.h"
#include "common/ikev2/session/session.h"
#include "common/ikev2/ticket/ticket.h"

/*
 * What the files of this folder share with the responder and the initiator, and nobody else sees:
 * the IKE SA, its Child SAs, and the core that holds them all.
 *
 *                IKE_SA_INIT                 IKE_AUTH, AUTH right
 *   (nothing) ---------------> HALF_OPEN ---------------------------> INSTALLING
 *                                  |                                      |
 *                                  | AUTH wrong    Child SA in the data   | or refused: the IKE SA
 *                                  v               plane                  v lives without it
 *   (nothing) <------------------ FAILED      .-- (rekeyed) --> HEIR -> ESTABLISHED <--.
 *       ^  ^       time is over               |                  |       | | |  |       |
 *       |  |                                  '-----------------(-+------' | |  '-------'
 *       |  '------ CLOSED <---------------------- its Delete ----'         | |  all else
 *       |             ^  ^ Delete, dead, malformed                        | |
 *       |             |  '------------------------------------------------' |
 *       |  answered,  |                        another one has its children |
 *       |  given up   CLOSING <------------- REPLACED <---------------------'
 *       '-------------  (our Delete is out)  (its Delete is to come)
 *
 * An initiator comes to INSTALLING by INIT_SENT and AUTH_SENT, which count as half-open too; what
 * comes to nothing there is freed at once.
 *
 * FAILED and CLOSED keep the keys and the last response for a while, because the peer repeats its
 * request until it is answered. They take no other message. FAILED counts as half-open, so that
 * wrong secrets cannot fill the memory; CLOSED counts as nothing. An IKE_SA_INIT whose public value
 * is unacceptable ends in FAILED at once, unanswered and without keys.
 *
 * A rekey of the IKE SA makes an HEIR, in most cases for a moment: it becomes ESTABLISHED when it
 * inherits Child SAs, tasks and identity from its predecessor, which is REPLACED then. If both ends
 * rekey at once it stays HEIR until it is clear which of the two new ones is the redundant one.
 */
enum sa_state {
	SA_HALF_OPEN,
	SA_FAILED,
	SA_INIT_SENT,
	SA_AUTH_SENT,
	SA_INSTALLING,
	SA_ESTABLISHED,
	SA_HEIR,
	SA_REPLACED,
	SA_CLOSING,
	SA_CLOSED,
	SA_STATE_COUNT,
};

const char *ike_sa_state_name(enum sa_state state);

#define INIT_HASH_SIZE 20
#define NONCE_SIZE     32 /* of our own nonces */
#define NO_TIME        UINT64_MAX

/*
 * Whatever the configuration says: with three quarters of the sequence numbers gone (RFC 4303,
 * 3.3.3) a Child SA is rekeyed.
 */
#define SEQUENCE_LIMIT (UINT32_MAX / 4 * 3)

/* Child SAs of one IKE SA: those in use, and with those that are on their way in or out. */
#define CHILDREN_MAX     16
#define CHILDREN_ALL_MAX 48

struct ike_sa;
struct task;

/*
 *   (we ask) RESERVED --> INSTALLING --> INSTALLED --> REKEYED --> DELETING --> DRAINING --> (gone)
 *   (we answer) ------------^                '------------------------^------------^------> (gone)
 */
enum child_state {
	CHILD_RESERVED,   /* our request names its SPI; the data plane does not have it */
	CHILD_INSTALLING, /* the data plane has not answered yet */
	CHILD_INSTALLED,
	CHILD_REKEYED,  /* another one takes its place; the Delete is to come */
	CHILD_DELETING, /* our Delete is out */
	CHILD_DRAINING, /* deleted; receives for a moment what is under way */
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
	bool is_outbound;       /* the data plane may send on it */
	bool is_replaced;       /* another one took its place, and it is REKEYED or later */
	bool is_used_up;        /* enough went through it: a rekey was asked for */
	bool is_redundant;      /* lost a collision: never to be sent on */
	uint64_t replaces;      /* id, 0: none */
	enum rekey_why why;     /* of that one's rekey */
	enum rekey_why wanted;  /* why it is to be rekeyed by us */
	uint64_t installed_ms;  /* NO_TIME: not yet */
	uint64_t rekey_due_ms;
	uint64_t rekey_octets, rekey_packets; /* or when so much went through it; 0: however much */
	uint64_t over_due_ms;                 /* to be deleted if it is still there */
	/*
	 * Made by the peer, whom our response may not have reached yet: until it is heard of, or
	 * this time, we ask nothing about it. 0: the peer has it.
	 */
	uint64_t unconfirmed_until_ms;
	uint64_t state_due_ms; /* REKEYED, DRAINING: their end */
	UT_hash_handle hh;
};

/* A message as it was on the wire; or the fragments of one, in a row. */
struct stored {
	uint8_t *ptr;
	size_t len;
	size_t part; /* size of each fragment but the last; 0: it is one message */
};

/* The response to a request that waits for the data plane. */
struct answer {
	struct stored message; /* ptr NULL: none waits */
	struct path path;
	uint32_t mid;
	uint64_t child_id;
};

/* What a gateway hands on when an IKE SA is rekeyed or, in a ticket, resumed. */
struct lineage {
	uint64_t auth_s; /* last authentication without a ticket, seconds since 1970; 0: unknown */
	bool is_resumed; /* it was authenticated by a ticket */
	uint64_t supersedes; /* then: the gateway's SPI of the one before */
	struct redirect_ledger ledger;
	uint8_t ticket[TICKET_ID_SIZE]; /* the last that was given for it, ... */
	uint64_t ticket_expires_s;      /* ... 0: none was */
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
	struct answer answer;
	uint32_t tx_next;           /* of our next request */
	struct task *current;       /* our request without answer, NULL: none */
	struct stored outstanding;  /* its message */
	unsigned int transmissions; /* of it */
	struct task *tasks;         /* what we are to ask for after that, in order */
	uint64_t pause_ms;          /* and not before this time */

	bool has_mid_sync; /* both ends have said so (RFC 6311) */
	bool has_synced;
	uint32_t synced; /* then: the number that the peer's requests began at, last */

	void *setup;                       /* what the role needs until it is established */
	void *kept;                        /* ... and after; goes to the heir */
	uint8_t init_hash[INIT_HASH_SIZE]; /* of the IKE_SA_INIT request; if has_init_hash */
	bool has_init_hash;
	struct ip redirected_from;
	bool is_redirectable;
	bool has_fragmentation;           /* both ends have said so (RFC 7383) */
	struct reassembly *reassembly[2]; /* of a request, of a response; or NULL */
	bool is_behind_nat; /* we are: then the peer's address is not followed, RFC 7296, 2.23 */
	bool is_peer_behind_nat;

	const struct policy_peer *peer; /* NULL before authentication */
	struct id_body id;              /* of the peer; owned copy */
	uint8_t *id_octets;
	uint64_t ref; /* an initiator's caller's own number for it */
	bool is_initial_contact;
	struct lineage lineage;
	bool is_taken;  /* its local address is no longer here: it goes with the next slice */
	bool has_moved; /* at moved_ms last */
	struct child *children;

	uint64_t old_spi; /* HEIR: of the one that it may inherit from, ours */
	uint64_t since_ms;
	enum rekey_why why;    /* it took the place of another */
	enum rekey_why wanted; /* why it is to be rekeyed by us */
	uint64_t rekeyed_ms;   /* when it did, unless NONE */
	unsigned int n_rekeys; /* of its predecessors */
	uint64_t rekey_due_ms; /* NO_TIME: not by us, or under way */
	uint64_t over_due_ms;
	uint64_t heard_ms; /* last authentic sign of life */
	uint64_t sent_ms; /* a packet of ours that keeps a NAT's binding alive, as far as we know */
	uint64_t moved_ms;
	uint64_t state_due_ms;      /* when the state is over; NO_TIME: never */
	uint64_t retransmit_due_ms; /* with an outstanding request */
	struct timer timer;         /* the first of all that is due */
	struct ike_sa *older;       /* of the same peer */
	UT_hash_handle hh_spi, hh_init, hh_peer;
};

struct queued {
	struct action action;
	uint8_t *owned; /* the message of a SEND, keys, a ticket, or NULL */
	size_t secret;  /* so much of it is wiped */
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
	/* A message that the table leaves to the role; payloads NULL: a malformed response. */
	exchange_handler *take_setup;
	/* The state's time is over. */
	void (*expire_setup)(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);
	/* What the data plane says to the first Child SA; err 0 or not. */
	void (*first_child)(struct ike_core *c, struct ike_sa *sa, struct child *child,
			    uint64_t now_ms, int err);
	void (*forget_setup)(struct ike_sa *sa); /* frees sa->setup, if any */

	/* And on established ones; each may be NULL. */

	/*
	 * The answer to an INFORMATIONAL, or to a rekey of the IKE SA, may say more: keyed is sa,
	 * or what takes its place.
	 */
	void (*add_answer)(struct ike_core *c, struct ike_sa *sa, struct ike_sa *keyed,
			   const struct payload_list *request, struct payload_writer *chain);
	/* The peer has deleted it; it is still there. */
	void (*deleted)(struct ike_core *c, struct ike_sa *sa);
	void (*forget_kept)(struct ike_sa *sa); /* frees sa->kept, if any */

	/* heir, established now, has inherited: sa->kept is still old's, the tasks have moved. */
	void (*inherited)(struct ike_core *c, struct ike_sa *old, struct ike_sa *heir);
	/* An established one goes, for that reason: what the shell is to hear instead. */
	enum ike_reason (*down)(struct ike_core *c, struct ike_sa *sa, enum ike_reason reason);
	/* An INFORMATIONAL request that was answered, and has deleted nothing. */
	exchange_handler *informed;
	/* Our rekey of the IKE SA, or TASK_TICKET, may ask for more; false: there is nothing. */
	bool (*add_request)(struct ike_core *c, struct ike_sa *sa, bool is_rekey,
			    struct payload_writer *chain);
	/* The answer to that; keyed as above. */
	void (*answered)(struct ike_core *c, struct ike_sa *keyed, uint64_t now_ms,
			 const struct payload_list *response);
	/* A message with SK for an IKE SA that is not here. */
	void (*unknown_spi)(struct ike_core *c, uint64_t now_ms, const struct request *req);
};

struct session_conf {
	uint8_t member; /* first octet of all our SPIs; 0: they are random throughout */
	uint8_t shard;  /* second octet of our IKE SPIs */
	uint8_t shards; /* ESP SPIs are drawn so that SPI mod shards = shard */
	size_t n_suites;
	struct ike_suite suites[POLICY_MAX_SUITES]; /* in order of preference */
	uint32_t half_open_timeout_ms; /* for states on the way, and for the data plane */
	uint32_t dpd_ms;               /* liveness check after so much silence; 0: never */
	uint32_t rekey_ike_ms;         /* an IKE SA is rekeyed by us at this age; 0: never */
	uint32_t rekey_resumed_ms;     /* the same, if it was resumed with a ticket; 0: as others */
	uint16_t fragment_size;        /* of a datagram with its IP header; 0: no fragments */
	bool force_encap;              /* the data plane can do UDP encapsulation only */
};

#define PLAIN_MAX    65536
#define RESPONSE_MAX 8192
#define OUT_MAX      (RESPONSE_MAX + 64 * 80) /* as so many fragments, at most */

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
	struct timers fragment_timers;
	size_t fragment_octets; /* in all incomplete messages */
	uint64_t now_ms;        /* of the call that is under way */
	struct log_limit limit; /* of lines that strangers can provoke */

	struct queued *first, **last;
	struct queued *current; /* what the shell looks at */
	uint64_t counters[IKE_COUNTER_COUNT];

	uint8_t plain[PLAIN_MAX];    /* decrypted request */
	uint8_t inner[RESPONSE_MAX]; /* chain of a message before it is sealed */
	uint8_t out[OUT_MAX];        /* message being written */
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
bool core_child_heard(struct ike_core *c, uint64_t now_ms, uint64_t child_id,
		      const struct endpoint *remote);
void core_child_usage(struct ike_core *c, uint64_t now_ms, uint64_t child_id,
		      const struct esp_stats *stats);

/* False if there is no such SA in use. */
bool core_create_child(struct ike_core *c, uint64_t now_ms, uint64_t spi);
bool core_rekey_ike(struct ike_core *c, uint64_t now_ms, uint64_t spi);
bool core_rekey_child(struct ike_core *c, uint64_t now_ms, uint64_t child_id);
bool core_delete_child(struct ike_core *c, uint64_t now_ms, uint64_t child_id);
bool core_delete_ike(struct ike_core *c, uint64_t now_ms, uint64_t spi, enum ike_reason reason);
/*
 * All SAs with this address on our side go, without a word to their peers: so many at once, and as
 * many at each core_expire(), which is due until all are gone.
 */
#define CORE_DROP_SLICE 128u
void core_drop_local(struct ike_core *c, uint64_t now_ms, const struct ip *local);
bool core_is_dropping(const struct ike_core *c);
uint64_t core_next_expiry(const struct ike_core *c);
void core_expire(struct ike_core *c, uint64_t now_ms);
void core_each_peer(const struct ike_core *c,
		    void (*visit)(void *ctx, const struct peer_info *peer), void *ctx);

/*
 * True if a line that an unauthenticated sender can provoke may be written now. How many were not
 * is then said first.
 */
bool stranger_may_log(struct ike_core *c);

/* ---- sa_info.c ---- */

/* How many were visited. local_id is handed through; it may be NULL. */
size_t core_each_sa(const struct ike_core *c, const struct id_body *local_id,
		    const struct sa_query *q, sa_visit *visit, void *ctx);

/* ---- receive.c ---- */

/* False, and counted, if the datagram is no IKE message of our version. */
bool core_read_header(struct ike_core *c, uint64_t now_ms, struct request *req);

/* A message with SK for one of our SAs. */
void core_take_protected(struct ike_core *c, uint64_t now_ms, const struct request *req);

/* The message, or all its fragments. */
void stored_send(struct ike_core *c, const struct path *path, const struct stored *s);

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

/*
 * The same, but the SA goes on to CLOSING, where our Delete is to be answered; what else waits to
 * be asked is dropped.
 */
void ike_sa_leave(struct ike_core *c, struct ike_sa *sa, enum ike_reason reason);

/* Who the peer is, and its place among the SAs of that peer. */
void ike_sa_move_identity(struct ike_core *c, struct ike_sa *from, struct ike_sa *to);
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

/* By the SPI that the peer receives on; not those that are gone for IKE. */
struct child *child_find_out(const struct ike_sa *sa, uint32_t spi_out);

/* The newest in use, NULL if there is none; and how many are. */
const struct child *child_newest(const struct ike_sa *sa);
size_t child_count(const struct ike_sa *sa);

/* True if there is room for one more; one that replaces another needs less. */
bool child_has_room(struct ike_core *c, struct ike_sa *sa, bool is_rekey);

/* Keys into the data plane: the result comes to core_child_result(). */
void child_install(struct ike_core *c, struct child *child, bool is_inbound_only);

/* It is in use now. */
void child_installed(struct ike_core *c, struct child *child, uint64_t now_ms);
void child_set_outbound(struct ike_core *c, struct child *child, bool is_on);

/* The peer's next request, or a packet: it has got our response. */
void child_confirm_all(struct ike_sa *sa);

/* Another one takes its place: no rekey by us any more, and its end in sight. */
void child_replaced(struct child *child, uint64_t now_ms);

/* Undoes child_replaced() because nothing came of it. */
void child_not_replaced(struct ike_core *c, uint64_t child_id, uint64_t now_ms);

/* To be rekeyed by us at its time, or when it is used up, from now on; after a failure later. */
void child_schedule(struct ike_core *c, struct child *child, uint64_t now_ms);
void child_retry_later(struct ike_core *c, struct child *child, uint64_t now_ms, bool is_soon);

/*
 * It is deleted, by whom ever: out of the data plane at once, or if another one took its place when
 * what is under way has arrived. True if the peer has one less now.
 */
bool child_deleted(struct ike_core *c, struct child *child, uint64_t now_ms);

/* Takes it out of the tables and frees it; child_remove() out of the data plane too. */
void child_free(struct ike_core *c, struct child *child);
void child_remove(struct ike_core *c, struct child *child);

/* ---- timing.c ---- */

/* base less up to a tenth, at random, so that two ends or many peers do not act at once. */
uint64_t core_jitter(struct ike_core *c, uint64_t base);

/* From now on: when the IKE SA is to be rekeyed by us, and when it has gone over its time. */
void ike_sa_schedule(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);
/*
 * When a rekey that was refused is tried again: soon, or later, but before half of what is left of
 * the SA's time; at the very end it is not, because it is deleted then.
 */
uint64_t core_retry_due(struct ike_core *c, uint64_t now_ms, uint64_t over_due_ms, bool is_soon);
void ike_sa_retry_later(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, bool is_soon);

/* Sets the timer for whatever is due first. To be called when something has changed. */
void ike_sa_arm(struct ike_core *c, struct ike_sa *sa);

/* Sets the end of a state. */
void ike_sa_set_due(struct ike_core *c, struct ike_sa *sa, uint64_t due_ms);

/* Does what is due in an SA that has its keys and is not over. */
void ike_sa_run_due(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);

/* ---- heir.c: an IKE SA replaces another ---- */

/* An IKE SA with new SPIs and the path of old: HEIR, to inherit from it. NULL: no memory. */
struct ike_sa *heir_new(struct ike_core *c, const struct ike_sa *old, bool is_initiator,
			uint64_t peer_spi, uint64_t now_ms);

/* Keys from those of old (RFC 7296, 2.18); suite is set. */
MUST_USE int heir_derive(struct ike_core *c, const struct ike_sa *old, struct ike_sa *heir,
			 struct bytes ni, struct bytes nr, struct bytes g_ir);

/* Child SAs, tasks, identity: old is REPLACED, heir ESTABLISHED, the shell hears of it. */
void heir_inherit(struct ike_core *c, struct ike_sa *old, struct ike_sa *heir, uint64_t now_ms);

/* What a HEIR that the peer made may be needed for is not decided yet. */
bool heir_is_undecided(const struct ike_core *c, const struct ike_sa *heir);

/* The HEIR of this SA that the peer made while our own rekey is under way; NULL: none. */
struct ike_sa *heir_of_peer(const struct ike_core *c, const struct ike_sa *old);

/* ---- actions.c ---- */
void action_send(struct ike_core *c, const struct path *path, struct bytes message);
void action_child_add(struct ike_core *c, const struct child *child, bool is_inbound_only);
void action_child_remove(struct ike_core *c, uint64_t child_id);
void action_child_move(struct ike_core *c, const struct child *child);
void action_keepalive(struct ike_core *c, const struct path *path);
void action_child_outbound(struct ike_core *c, const struct child *child);
void action_peer(struct ike_core *c, enum action_type type, const struct ike_sa *sa,
		 enum ike_reason reason);
void action_peer_rekeyed(struct ike_core *c, const struct ike_sa *sa, uint64_t old_spi);
/* resumption NULL: it is gone. */
void action_ticket(struct ike_core *c, const struct ike_sa *sa,
		   const struct resumption *resumption);
void action_failed(struct ike_core *c, const struct ike_sa *sa, enum ike_reason reason,
		   uint16_t notify);
bool actions_next(struct ike_core *c, struct action *out);
void actions_free(struct ike_core *c);

/* ---- send.c ---- */

/* Seals chain and sends it as the response to request ID mid, and keeps it for retransmissions. */
void respond(struct ike_core *c, struct ike_sa *sa, const struct path *path, uint8_t exchange,
	     uint32_t mid, struct payload_writer *chain);

/*
 * The same in two steps, for a response that waits for the data plane: nothing is answered until
 * then. ERR_*: nothing was sealed.
 */
MUST_USE int respond_later(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			   struct payload_writer *chain, uint64_t child_id);
void respond_now(struct ike_core *c, struct ike_sa *sa);

/* A response with one notify, and nothing else. */
void respond_notify(struct ike_core *c, struct ike_sa *sa, const struct path *path,
		    uint8_t exchange, uint32_t mid, uint16_t type, struct bytes data);

/* An unprotected answer with one notify: SPIr 0, nothing is kept. */
void respond_stateless(struct ike_core *c, const struct path *path, const struct ike_header *h,
		       uint16_t type, struct bytes data);

/* Seals chain as our next request, sends it and keeps it as outstanding. */
MUST_USE int request_send(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, uint8_t exchange,
			  struct payload_writer *chain);

/* A message in clear as our first request, to be sent again until it is answered. */
MUST_USE int request_send_clear(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
				struct bytes message);

/* Our request again. False: the peer has not answered for too long. */
bool request_retransmit(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms);

/* The outstanding one as it would be under another message ID: sealed anew, not sent yet. */
MUST_USE int request_seal_again(struct ike_core *c, struct ike_sa *sa, uint32_t mid,
				struct stored *out);

/* Our next request from now on has that ID: the outstanding one if again holds it, sealed so. */
void request_renumber(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, uint32_t mid,
		      struct stored *again);

/* A response that is not kept to be repeated. */
MUST_USE int respond_once(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			  struct payload_writer *chain);

/* It was answered, or the SA closes. */
void request_forget(struct ike_sa *sa);

/* A chain in c->inner; its writer in *w must live as long as the chain. */
struct payload_writer core_chain(struct ike_core *c, struct wr *w);

/* ---- midsync.c: RFC 6311, the side of the peer ---- */

/* False: it is none of these requests, and has to be in the window as others. */
bool midsync_take(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, const struct request *req,
		  const struct payload_list *payloads);

/* ---- the exchanges, as the peer asks ---- */
exchange_handler informational_request;
exchange_handler create_child_request;
exchange_handler create_child_refuse; /* an SA that is on its way out */

struct create_child;

/* CREATE_CHILD_SA refused by a notify. */
void create_child_error(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			uint16_t type, struct bytes data);

/* INVALID_KE_PAYLOAD, the group that is wanted. */
void create_child_wrong_group(struct ike_core *c, struct ike_sa *sa, const struct request *req,
			      uint16_t group);

/* Authentic, but not what the RFC allows: INVALID_SYNTAX, and the SA is gone (2.21.3). */
void create_child_malformed(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
			    const struct request *req);

/* A new Child SA, or one in place of another; and what the data plane says to it. */
void child_answer(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms, const struct request *req,
		  const struct create_child *in);
void child_answer_finish(struct ike_core *c, struct ike_sa *sa, struct child *child,
			 uint64_t now_ms, int err);
void child_request_finish(struct ike_core *c, struct ike_sa *sa, struct child *child,
			  uint64_t now_ms, int err);
void ike_rekey_answer(struct ike_core *c, struct ike_sa *sa, uint64_t now_ms,
		      const struct request *req, const struct create_child *in);

#endif
