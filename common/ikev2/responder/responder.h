/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_RESPONDER_H
#define IKEV2_RESPONDER_RESPONDER_H

#include "common/base/ip.h"
#include "common/base/log.h"
#include "common/esp/esp.h"
#include "common/ikev2/responder/policy.h"

/*
 * DOC: the IKEv2 responder (RFC 7296) as a pure core.
 *
 * Datagrams, results and the time go in; actions come out, in an order that the shell keeps. The
 * core opens no socket, reads no clock and calls nobody back. One per shard: it owns the IKE SAs
 * whose SPI carries its member and shard number, their keys and their timers.
 *
 *   responder_datagram() ----+                          +--> SEND a datagram
 *   responder_child_result() +--> SA table, transitions +--> CHILD_ADD / REMOVE / MOVE (data plane)
 *   responder_expire()  -----+                          +--> PEER_UP / CHANGED / DOWN (director,
 * routes)
 *
 * After each call the shell drains responder_next_action(). A CHILD_ADD is answered by
 * responder_child_result(), at once or later: the IKE_AUTH response leaves only after it, because
 * the new SA must be receivable before the peer hears of it (RFC 7296, 2.8).
 *
 * Before IKE_AUTH succeeds a peer can make us keep one half-open SA per IKE_SA_INIT, bounded in
 * number and time; above a threshold a COOKIE is asked for first (2.6). Everything else that is not
 * authenticated changes nothing.
 *
 * Today: AES-GCM, PSK, one Child SA made in IKE_AUTH, Delete, liveness. CREATE_CHILD_SA is answered
 * by NO_ADDITIONAL_SAS, which RFC 7296, 4 allows.
 */
struct responder;

struct responder_conf {
	uint8_t member; /* 1-191: first octet of all our SPIs (RFC 6027, 3.9) */
	uint8_t shard;  /* second octet of our IKE SPIs */
	uint8_t shards; /* how many there are: ESP SPIs are drawn so that SPI mod shards = shard */
	struct id_body id; /* IDr; copied */
	size_t n_suites;
	struct ike_suite suites[POLICY_MAX_SUITES];
	uint32_t half_open_max;
	uint32_t cookie_above; /* half-open SAs from which on COOKIE is asked for; 0: always */
	uint32_t half_open_timeout_ms;
	uint32_t dpd_ms;  /* liveness check after so much silence; 0: never */
	bool force_encap; /* the data plane can do UDP encapsulation only: make peers use it */
};

/* Counters of what happened, each a total since the start. */
#define RESPONDER_COUNTERS(X)                                                        \
	X(RX, "received")                                                            \
	X(TX, "sent")                                                                \
	X(INIT, "init")               /* IKE_SA_INIT answered with a half-open SA */ \
	X(COOKIE, "cookie")           /* COOKIE asked for */                         \
	X(INVALID_KE, "invalid-ke")   /* INVALID_KE_PAYLOAD sent */                  \
	X(NO_PROPOSAL, "no-proposal") /* NO_PROPOSAL_CHOSEN sent */                  \
	X(AUTH_OK, "auth-ok")                                                        \
	X(AUTH_FAILED, "auth-failed")                                                \
	X(CHILD_FAILED, "child-failed") /* IKE SA up, its Child SA refused */        \
	X(TICKET_NACK, "ticket-nack")                                                \
	X(REDIRECTED, "redirected") /* IKE_SA_INIT sent elsewhere */                 \
	X(RETRANSMIT, "retransmit") /* response sent again from the cache */         \
	X(DELETED, "deleted")       /* by the peer */                                \
	X(DPD_FAILED, "dpd-failed")                                                  \
	X(HALF_OPEN_EXPIRED, "half-open-expired")                                    \
	X(DROP_HEADER, "drop-header") /* no IKE message at all */                    \
	X(DROP_VERSION, "drop-version")                                              \
	X(DROP_PAYLOAD, "drop-payload") /* malformed, in clear */                    \
	X(DROP_UNKNOWN_SPI, "drop-unknown-spi")                                      \
	X(DROP_LIMIT, "drop-limit")   /* half-open or memory limit */                \
	X(DROP_ICV, "drop-icv")       /* forged or damaged */                        \
	X(DROP_STATE, "drop-state")   /* not expected in this state */               \
	X(DROP_WINDOW, "drop-window") /* message ID outside the window */            \
	X(DROP_KE, "drop-ke")         /* unacceptable public value */                \
	X(SYNTAX, "invalid-syntax")   /* authentic but malformed */

#define RESPONDER_ENUMERATOR(name, text) RESPONDER_##name,
enum responder_counter {
	RESPONDER_COUNTERS(RESPONDER_ENUMERATOR) RESPONDER_COUNTER_COUNT
};
#undef RESPONDER_ENUMERATOR

const char *responder_counter_name(enum responder_counter counter);

/* How a datagram came, or is to leave. UDP 4500 implies the non-ESP marker, which the shell adds.
 */
struct path {
	struct endpoint local;
	struct endpoint remote;
};

/* Why an SA went. */
#define RESPONDER_REASONS(X)                           \
	X(DELETED, "deleted by peer")                  \
	X(DEAD, "peer does not answer")                \
	X(REJECTED, "peer rejects our authentication") \
	X(REPLACED, "replaced by initial contact")     \
	X(TOO_MANY, "the peer has too many newer SAs") \
	X(SYNTAX, "peer sent malformed content")       \
	X(STOPPED, "member stops")                     \
	X(TAKEN, "address is another member's now")

#define REASON_ENUMERATOR(name, text) REASON_##name,
enum responder_reason {
	RESPONDER_REASONS(REASON_ENUMERATOR)
};
#undef REASON_ENUMERATOR

const char *responder_reason_text(enum responder_reason reason);

/* What is known of an established peer. Views are valid until the next call into the responder. */
struct peer_info {
	uint64_t spi; /* ours: names the IKE SA */
	uint64_t peer_spi;
	char identity[ID_TEXT_MAX];
	const char *connection;
	struct path path;
	struct ip redirected_from; /* IP_NONE if it came directly */
	bool is_redirectable;      /* showed REDIRECT_SUPPORTED or REDIRECTED_FROM */
	uint64_t since_ms;         /* monotonic time at which it was established */
	size_t n_children;
	uint64_t child;       /* of the first child, if any */
	struct ts_list inner; /* its narrowed selectors on the peer's side */
	struct ike_suite ike;
	const struct encr_alg *esp;
};

enum action_type {
	ACTION_SEND,
	ACTION_CHILD_ADD,
	ACTION_CHILD_REMOVE,
	ACTION_CHILD_MOVE, /* the peer's endpoint changed */
	ACTION_PEER_UP,
	ACTION_PEER_CHANGED, /* another endpoint, or without its Child SA now */
	ACTION_PEER_DOWN,
};

/* Everything in it is valid until the next call into the responder. */
struct action {
	enum action_type type;
	struct path path;                           /* SEND, CHILD_MOVE */
	struct bytes message;                       /* SEND */
	struct esp_child child;                     /* CHILD_ADD, with its keys */
	const struct policy_connection *connection; /* CHILD_ADD */
	uint64_t child_id;                          /* CHILD_* */
	struct peer_info peer;                      /* PEER_* */
	enum responder_reason reason;               /* PEER_DOWN */
};

/*
 * policy, crypto, rng and lg are borrowed and must outlive the responder; lg may be NULL. NULL when
 * out of memory or when conf holds nonsense (no suite, member outside 1-191, shards 0).
 */
struct responder *responder_new(const struct responder_conf *conf, const struct policy *policy,
				struct crypto *crypto, const struct rng *rng,
				const struct logger *lg);

/* Wipes all keys. Actions for what goes away are not made: the shell takes down everything. */
void responder_free(struct responder *r);

/* An IKE message without marker. Copied as far as it is kept. */
void responder_datagram(struct responder *r, uint64_t now_ms, const struct path *path,
			struct bytes message);

/* The answer to a CHILD_ADD: err is 0 or what the data plane said. Unknown ids are ignored. */
void responder_child_result(struct responder *r, uint64_t now_ms, uint64_t child_id, int err);

/*
 * An authentic, fresh ESP packet of this child came: proof of life. If it came from elsewhere than
 * the SA's remote endpoint, remote says where, and the SA follows (RFC 7296, 2.23); else NULL.
 */
void responder_child_heard(struct responder *r, uint64_t now_ms, uint64_t child_id,
			   const struct endpoint *remote);

/*
 * Makes no new SA at this local address for peers that can be redirected: they are sent to target,
 * of the same family. IP_NONE: serves them there again. Returns 0, ERR_VALUE (not of one family) or
 * ERR_LIMIT.
 */
MUST_USE int responder_set_redirect(struct responder *r, const struct ip *local,
				    const struct ip *target);

/*
 * The local address is no longer here: its SAs go without a word to the peer, which has a new place
 * to go to or finds out by itself.
 */
void responder_drop_local(struct responder *r, uint64_t now_ms, const struct ip *local);

/* UINT64_MAX: nothing to wait for. */
uint64_t responder_next_expiry(const struct responder *r);
void responder_expire(struct responder *r, uint64_t now_ms);

/* False if there is none left. Drain after each of the calls above. */
bool responder_next_action(struct responder *r, struct action *out);

size_t responder_count_half_open(const struct responder *r);
size_t responder_count_established(const struct responder *r);
uint64_t responder_counter(const struct responder *r, enum responder_counter counter);

/* All established peers, in no particular order. */
void responder_each_peer(const struct responder *r,
			 void (*visit)(void *ctx, const struct peer_info *peer), void *ctx);

#endif
