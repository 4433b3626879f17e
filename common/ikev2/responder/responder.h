/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_RESPONDER_RESPONDER_H
#define IKEV2_RESPONDER_RESPONDER_H

#include "common/ikev2/responder/policy.h"
#include "common/ikev2/session/sa_info.h"
#include "common/ikev2/session/session.h"
#include "common/ikev2/ticket/office.h"

/*
 * DOC: the IKEv2 responder (RFC 7296) as a pure core.
 *
 * Datagrams, results and the time go in; actions come out, in an order that the shell keeps. The
 * core opens no socket, reads no clock and calls nobody back. One per shard: it owns the IKE SAs
 * whose SPI carries its member and shard number, their keys and their timers.
 *
 *   responder_datagram() ----+                          +--> SEND a datagram
 *   responder_child_*() -----+--> SA table, transitions +--> CHILD_ADD and others (data plane)
 *   responder_expire() ------+                          +--> PEER_UP / CHANGED / DOWN (director)
 *
 * After each call the shell drains responder_next_action(). A CHILD_ADD is answered by
 * responder_child_result(), at once or later: a response leaves only after it, because the new SA
 * must be receivable before the peer hears of it (RFC 7296, 2.8). One that replaces another is
 * added for inbound only where the peer asked for it, and turned on by CHILD_OUTBOUND when the peer
 * is known to have it; the one it replaces stays until its Delete, and a moment longer for what is
 * under way.
 *
 * Before IKE_AUTH succeeds a peer can make us keep one half-open SA per IKE_SA_INIT, bounded in
 * number and time; above a threshold a COOKIE is asked for first (2.6). Everything else that is not
 * authenticated changes nothing.
 *
 * Once established, an SA lives as session/ has it: Child SAs are made, rekeyed and deleted by
 * either end, IKE SAs too. Today: AES-GCM, PSK.
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
	uint32_t dpd_ms;        /* liveness check after so much silence; 0: never */
	uint32_t rekey_ike_ms;  /* an IKE SA is rekeyed by us at this age; 0: never */
	uint16_t fragment_size; /* largest datagram with an IKE message, IP header included, before
				 * it is cut (RFC 7383). 0: never; else FRAGMENT_SIZE_MIN or more */
	bool force_encap; /* the data plane can do UDP encapsulation only: make peers use it */

	/* Resumption (RFC 5723): borrowed; NULL: no tickets are given or taken. */
	struct ticket_office *tickets;
	uint32_t resumable_s;      /* after an authentication without ticket; 0: without bound */
	uint32_t rekey_resumed_ms; /* a resumed IKE SA is rekeyed by us at this age; 0: as others */
	bool allow_short_auth;     /* take AUTH as libreswan has it: common/ikev2/keys.h */
	bool delete_voids_ticket;  /* a peer that deletes its IKE SA cannot resume it here */
};

/* Of a member, by which its QCD tokens are made (RFC 6290), the newest first. */
#define QCD_SECRET_SIZE 32
#define QCD_SECRETS_MAX 4
struct qcd_secrets {
	size_t n; /* 0: none, no tokens */
	uint8_t secrets[QCD_SECRETS_MAX][QCD_SECRET_SIZE];
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
 * True if there are actions to drain, which is rare.
 */
bool responder_child_heard(struct responder *r, uint64_t now_ms, uint64_t child_id,
			   const struct endpoint *remote);

/*
 * Makes no new SA at this local address for peers that can be redirected: they are sent to target,
 * of the same family. IP_NONE: serves them there again. Returns 0, ERR_VALUE (not of one family) or
 * ERR_LIMIT.
 */
MUST_USE int responder_set_redirect(struct responder *r, const struct ip *local,
				    const struct ip *target);

/* It is unix_s seconds since 1970. To be told before tickets are given, and now and then. */
void responder_set_time(struct responder *r, uint64_t now_ms, uint64_t unix_s);

/* For tokens: what a member's are made with. ERR_VALUE. */
MUST_USE int responder_set_qcd(struct responder *r, uint8_t number,
			       const struct qcd_secrets *secrets);

/*
 * This local address was claimed because its member, that number, was judged down: tokens may be
 * sent for it there. 0: no longer. ERR_VALUE, ERR_LIMIT.
 */
MUST_USE int responder_set_dead(struct responder *r, const struct ip *local, uint8_t number);

/*
 * The peer of this IKE SA has another one at another member in its place: it goes without a word.
 * False if there is none in use by that name, or it is not that of identity (as in peer_info).
 */
bool responder_supersede(struct responder *r, uint64_t now_ms, uint64_t spi, const char *identity);

/*
 * The local address is no longer here: its SAs go without a word to the peer, which has a new place
 * to go to or finds out by itself. Of many only some go now, the others with responder_expire(),
 * which is due until none is left.
 */
void responder_drop_local(struct responder *r, uint64_t now_ms, const struct ip *local);
/* True while some are left. */
bool responder_is_dropping(const struct responder *r);

/*
 * What went through this child so far, to be told now and then, at least every few minutes: by it
 * the rekeying by octets and packets, and before sequence numbers run out, is judged.
 */
void responder_child_usage(struct responder *r, uint64_t now_ms, uint64_t child_id,
			   const struct esp_stats *stats);

/*
 * What an operator may want at any time: rekey or delete by the SPI of peer_info or the id of a
 * Child SA. False if there is none in use by that name.
 */
bool responder_rekey_ike(struct responder *r, uint64_t now_ms, uint64_t spi);
bool responder_rekey_child(struct responder *r, uint64_t now_ms, uint64_t child_id);
bool responder_delete_ike(struct responder *r, uint64_t now_ms, uint64_t spi);
bool responder_delete_child(struct responder *r, uint64_t now_ms, uint64_t child_id);

/* UINT64_MAX: nothing to wait for. */
uint64_t responder_next_expiry(const struct responder *r);
void responder_expire(struct responder *r, uint64_t now_ms);

/* False if there is none left. Drain after each of the calls above. */
bool responder_next_action(struct responder *r, struct action *out);

size_t responder_count_half_open(const struct responder *r);
size_t responder_count_established(const struct responder *r);
uint64_t responder_counter(const struct responder *r, enum ike_counter counter);

/* All established peers, in no particular order. */
void responder_each_peer(const struct responder *r,
			 void (*visit)(void *ctx, const struct peer_info *peer), void *ctx);

/* A page of all IKE SAs, see sa_info.h. Returns how many were visited: below the limit, the last.
 */
size_t responder_each_sa(const struct responder *r, const struct sa_query *q, sa_visit *visit,
			 void *ctx);

#endif
