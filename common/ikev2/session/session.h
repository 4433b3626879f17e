/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_SESSION_SESSION_H
#define IKEV2_SESSION_SESSION_H

#include "common/base/ip.h"
#include "common/base/log.h"
#include "common/esp/esp.h"
#include "common/ikev2/session/connection.h"
#include "common/ikev2/session/resumption.h"

/*
 * What a shell sees of IKE SAs, whoever set them up: actions that come out of a responder or an
 * initiator, what is known of a peer, why an SA went, counters. See responder/responder.h for how
 * they are used.
 */

/* Counters of what happened, each a total since the start. Those from DROP_HEADER on are errors. */
#define IKE_COUNTERS(X)                                                                           \
	X(RX, "received")                                                                         \
	X(TX, "sent")                                                                             \
	X(INIT, "init")               /* IKE_SA_INIT answered with a half-open SA */              \
	X(COOKIE, "cookie")           /* COOKIE asked for */                                      \
	X(INVALID_KE, "invalid-ke")   /* INVALID_KE_PAYLOAD sent */                               \
	X(NO_PROPOSAL, "no-proposal") /* NO_PROPOSAL_CHOSEN sent */                               \
	X(AUTH_OK, "auth-ok")                                                                     \
	X(AUTH_FAILED, "auth-failed")                                                             \
	X(CHILD_FAILED, "child-failed") /* IKE SA up, its Child SA refused */                     \
	X(RESUME, "resume")             /* IKE_SESSION_RESUME answered with a half-open SA */     \
	X(RESUMED, "resumed")           /* and authenticated */                                   \
	X(TICKET_NACK, "ticket-nack")   /* IKE_SESSION_RESUME refused, whyever */                 \
	X(TICKET_ISSUED, "ticket-issued")                                                         \
	X(TICKET_DENIED, "ticket-denied") /* there is no key, or no time left */                  \
	X(QCD_SENT, "qcd-sent")           /* tokens for an SA that is lost, RFC 6290 */           \
	X(REDIRECTED, "redirected")       /* IKE_SA_INIT sent elsewhere */                        \
	X(RETRANSMIT, "retransmit")       /* response sent again from the cache */                \
	X(DELETED, "deleted")             /* by the peer */                                       \
	X(DPD_FAILED, "dpd-failed")                                                               \
	X(HALF_OPEN_EXPIRED, "half-open-expired")                                                 \
	X(CHILD_CREATED, "child-created") /* by CREATE_CHILD_SA */                                \
	X(CHILD_REKEYED, "child-rekeyed")                                                         \
	X(IKE_REKEYED, "ike-rekeyed")                                                             \
	X(COLLISION, "collision")               /* both ends rekeyed the same SA */               \
	X(CREATE_REFUSED, "create-refused")     /* CREATE_CHILD_SA answered by an error, by us */ \
	X(REKEY_FAILED, "rekey-failed")         /* our own, to be tried again */                  \
	X(KEEPALIVE, "keepalive")               /* sent, because we are behind a NAT */           \
	X(FRAGMENT, "fragment")                 /* received, RFC 7383 */                          \
	X(FOLLOWED, "redirect-followed")        /* by an initiator */                             \
	X(EXPIRED, "expired")                   /* not rekeyed in time, so deleted by us */       \
	X(TICKET_TAKEN, "ticket-taken")         /* by an initiator, as those up to MID_SYNCED */  \
	X(TICKET_SHOWN, "ticket-shown")         /* IKE_SESSION_RESUME begun */                    \
	X(TICKET_REFUSED, "ticket-refused")     /* TICKET_NACK believed: IKE_SA_INIT follows */   \
	X(TICKET_SILENCE, "ticket-silence")     /* no answer: IKE_SA_INIT follows */              \
	X(HANDOVER, "handover")                 /* sent elsewhere by INFORMATIONAL, and gone */   \
	X(QCD_TAKEN, "qcd-taken")               /* SA given up by the gateway's token */          \
	X(MID_SYNCED, "message-id-synced")      /* RFC 6311, asked by the peer */                 \
	X(DROP_HEADER, "drop-header")           /* no IKE message at all */                       \
	X(HANDOVER_FAILED, "handover-failed")   /* or not tried: too often, or to a name */       \
	X(QCD_WRONG, "qcd-wrong")               /* a token that is not ours */                    \
	X(DROP_SYNC, "drop-sync")               /* RFC 6311: old, or at the wrong time */         \
	X(TICKET_MALFORMED, "ticket-malformed") /* why TICKET_NACK: office.h */                   \
	X(TICKET_UNKNOWN_KEY, "ticket-unknown-key")                                               \
	X(TICKET_FORGED, "ticket-forged")                                                         \
	X(TICKET_EXPIRED, "ticket-expired")                                                       \
	X(TICKET_USED, "ticket-used")                                                             \
	X(TICKET_REVOKED, "ticket-revoked")                                                       \
	X(TICKET_POLICY, "ticket-policy")                                                         \
	X(DROP_VERSION, "drop-version")                                                           \
	X(DROP_PAYLOAD, "drop-payload") /* malformed, in clear */                                 \
	X(DROP_UNKNOWN_SPI, "drop-unknown-spi")                                                   \
	X(DROP_LIMIT, "drop-limit")       /* half-open or memory limit */                         \
	X(DROP_ICV, "drop-icv")           /* forged or damaged */                                 \
	X(DROP_STATE, "drop-state")       /* not expected in this state */                        \
	X(DROP_WINDOW, "drop-window")     /* message ID outside the window */                     \
	X(DROP_KE, "drop-ke")             /* unacceptable public value */                         \
	X(SYNTAX, "invalid-syntax")       /* authentic but malformed */                           \
	X(DROP_FRAGMENT, "drop-fragment") /* out of place, too much, or never completed */

#define IKE_COUNT_ENUMERATOR(name, text) COUNT_##name,
enum ike_counter {
	IKE_COUNTERS(IKE_COUNT_ENUMERATOR) IKE_COUNTER_COUNT
};
#undef IKE_COUNT_ENUMERATOR

const char *ike_counter_name(enum ike_counter counter);

/* RFC 7383, 2.5.1: what every IPv4 host can take. */
#define FRAGMENT_SIZE_MIN 576

/* How a datagram came, or is to leave. UDP 4500 implies the non-ESP marker, which the shell adds.
 */
struct path {
	struct endpoint local;
	struct endpoint remote;
};

/* Why an SA went. */
#define IKE_REASONS(X)                                     \
	X(DELETED, "deleted by peer")                      \
	X(DEAD, "peer does not answer")                    \
	X(REJECTED, "peer rejects our authentication")     \
	X(REPLACED, "replaced by initial contact")         \
	X(TOO_MANY, "the peer has too many newer SAs")     \
	X(SYNTAX, "peer sent malformed content")           \
	X(EXPIRED, "was not rekeyed in time")              \
	X(REKEYED, "another one took its place")           \
	X(REDUNDANT, "both ends rekeyed at once")          \
	X(REFUSED, "peer refuses")                         \
	X(UNTRUSTED, "peer is not who it should be")       \
	X(REDIRECTS, "redirected too often, or to a name") \
	X(REDIRECTED, "redirected")                        \
	X(TAKEN, "address is another member's now")        \
	X(RESUMED, "resumed with its ticket")              \
	X(SUPERSEDED, "the peer is at another member")     \
	X(CRASHED, "the peer has lost the SA")             \
	X(STOPPED, "member stops")

#define REASON_ENUMERATOR(name, text) REASON_##name,
enum ike_reason {
	IKE_REASONS(REASON_ENUMERATOR)
};
#undef REASON_ENUMERATOR

const char *ike_reason_text(enum ike_reason reason);

/* What is known of an established peer. Views are valid until the next call into the core. */
struct peer_info {
	uint64_t spi;     /* ours: names the IKE SA */
	uint64_t old_spi; /* PEER_CHANGED by a rekey of the IKE SA: the name that it had, else 0 */
	uint64_t peer_spi;
	char identity[ID_TEXT_MAX];
	const char *connection;
	struct path path;
	struct ip redirected_from; /* IP_NONE if it came directly */
	bool is_redirectable;      /* showed REDIRECT_SUPPORTED or REDIRECTED_FROM */
	bool is_resumed;           /* its last authentication was by a ticket (RFC 5723) */
	bool is_initial_contact;   /* it said that it has no other IKE SA with us */
	uint64_t supersedes;       /* is_resumed: the gateway's SPI of the one before; else 0 */
	uint64_t since_ms;         /* monotonic time at which it was established */
	uint64_t ref;              /* an initiator's caller's own number for it, else 0 */
	bool is_gateway;           /* it called us; we may have rekeyed since */
	size_t n_children;
	uint64_t child;       /* of the newest child, if any */
	struct ts_list inner; /* its narrowed selectors on the peer's side */
	struct ike_suite ike;
	const struct encr_alg *esp;
};

enum action_type {
	ACTION_SEND,
	ACTION_KEEPALIVE, /* one octet 0xff without marker along path (RFC 3948, 2.3) */
	ACTION_CHILD_ADD,
	ACTION_CHILD_REMOVE,
	ACTION_CHILD_MOVE,     /* the peer's endpoint changed */
	ACTION_CHILD_OUTBOUND, /* may be sent on from now on, or no longer */
	ACTION_PEER_UP,
	ACTION_PEER_CHANGED, /* another endpoint, SPI or number of Child SAs */
	ACTION_PEER_DOWN,
	ACTION_PEER_FAILED, /* initiator: it came to nothing */
	ACTION_TICKET,      /* initiator: a ticket came (RFC 5723), in place of an earlier one */
	ACTION_TICKET_GONE, /* initiator: spent or void: not to be used again */
};

/* Everything in it is valid until the next call into the core. */
struct action {
	enum action_type type;
	struct path path;                           /* SEND, KEEPALIVE, CHILD_MOVE */
	struct bytes message;                       /* SEND */
	struct esp_child child;                     /* CHILD_ADD, with its keys; OUTBOUND: ts_* */
	const struct policy_connection *connection; /* CHILD_ADD, CHILD_OUTBOUND */
	uint64_t child_id;                          /* CHILD_* */
	bool is_outbound;                           /* CHILD_OUTBOUND */
	struct peer_info peer;                      /* PEER_*; of PEER_FAILED ref and path only */
	enum ike_reason reason;                     /* PEER_DOWN, PEER_FAILED */
	uint16_t notify;                            /* PEER_FAILED: what the peer said, or 0 */
	const struct resumption *resumption;        /* TICKET: to be copied. Of TICKET_GONE peer.ref
						     * and peer.spi only */
};

#endif
