/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_INITIATOR_INITIATOR_H
#define IKEV2_INITIATOR_INITIATOR_H

#include "common/ikev2/session/session.h"

/*
 * DOC: an IKEv2 initiator (RFC 7296) as a pure core.
 *
 * The other end of responder/responder.h, for programs that play peers of a cluster, one or many
 * thousands, and for tests with two real ends. It begins IKE SAs: IKE_SA_INIT with cookies, with
 * another group, and from redirect to redirect (RFC 5685), then IKE_AUTH with a pre-shared key and
 * a first Child SA. Once established an SA lives as session/ has it, as at a responder: either end
 * makes, rekeys and deletes.
 *
 *   initiator_connect() -----+                          +--> SEND a datagram
 *   initiator_resume() ------+                          +--> TICKET, TICKET_GONE
 *   initiator_datagram() ----+                          +--> CHILD_ADD and others (data plane)
 *   initiator_child_*() -----+--> SA table, transitions +--> PEER_UP / CHANGED / DOWN
 *   initiator_expire() ------+                          +--> PEER_FAILED: it came to nothing
 *
 * No socket, no clock, no callback. After each call the shell drains initiator_next_action(), and
 * answers CHILD_ADD by initiator_child_result(), at once or later. Nothing is tried again by the
 * initiator itself: who wants a tunnel for good connects again after PEER_DOWN and PEER_FAILED.
 *
 * What an unauthenticated answer says is believed as far as the RFC wants it: COOKIE and
 * INVALID_KE_PAYLOAD a few times, REDIRECT if it repeats our nonce and no more than
 * INITIATOR_REDIRECTS in INITIATOR_REDIRECT_PERIOD_MS (RFC 5685, 3, 5). Errors end an attempt only
 * if no better answer comes for a while (RFC 7296, 2.21.1).
 *
 * Tickets (RFC 5723). With want_ticket one is asked for in IKE_AUTH and whenever the IKE SA was
 * rekeyed. ACTION_TICKET hands it out, with the ref of its SA in action.peer and its SPI in
 * resumption->spi: the shell keeps a copy, at most one for each IKE SA, and after PEER_DOWN gives
 * it to initiator_resume(). ACTION_TICKET_GONE says that the one of this SA (peer.ref, peer.spi)
 * must not be used any more: the SA was rekeyed or deleted by either end, or the initiator has used
 * it itself. It comes before the PEER_DOWN or the PEER_CHANGED that it belongs to. What the shell
 * still holds at PEER_DOWN may be used.
 *
 * A gateway that sends an SA elsewhere (N(REDIRECT) in INFORMATIONAL, RFC 5685, 5) is followed
 * before the old SA is left: a new one begins there, with the ticket if there is one, and the ref
 * of the old one. When it is up, PEER_UP comes, and then PEER_DOWN of the old one with
 * REASON_REDIRECTED. Should the old one go first, its PEER_DOWN has that reason too: whenever it is
 * REASON_REDIRECTED, another SA of this ref is up, or under way and PEER_UP or PEER_FAILED is to
 * come, and there is nothing to connect again. If nothing comes of the new one, the old one stays
 * and the shell hears of nothing; initiator_counter(HANDOVER_FAILED) does.
 *
 * A gateway that has lost the SA can say so with the QCD token it gave us (RFC 6290): PEER_DOWN
 * with REASON_CRASHED at once, when a request of ours is outstanding. initiator_probe() makes one.
 */
struct initiator;

#define INITIATOR_REDIRECTS          5
#define INITIATOR_REDIRECT_PERIOD_MS 300000

struct initiator_conf {
	struct id_body id; /* IDi; copied */
	size_t n_suites;
	struct ike_suite suites[POLICY_MAX_SUITES]; /* offered, in order of preference */
	uint32_t setup_timeout_ms; /* an attempt may take so long, redirects and all; not 0 */
	uint32_t dpd_ms;           /* liveness check after so much silence; 0: never */
	uint32_t rekey_ike_ms;     /* an IKE SA is rekeyed by us at this age; 0: never */
	uint16_t fragment_size;    /* as in struct responder_conf */
	bool follow_redirects;     /* show REDIRECT_SUPPORTED */
	bool initial_contact;      /* say that there are no other SAs of ours (2.4) */
	bool childless;            /* no first Child SA, if the gateway allows it (RFC 6023) */
	bool want_ticket;          /* ask for tickets, see above */
	bool short_auth;           /* AUTH of a resumed SA as libreswan has it: AUTH_FORM_SHORT */
	bool message_id_sync;      /* say that we take part in RFC 6311 */
};

/*
 * crypto, rng and lg are borrowed and must outlive the initiator; lg may be NULL. NULL when out of
 * memory, or when conf holds nonsense (no suite, identity too long, no timeout).
 */
struct initiator *initiator_new(const struct initiator_conf *conf, struct crypto *crypto,
				const struct rng *rng, const struct logger *lg);

/* Wipes all keys. Nothing is sent, and no action made: the shell takes down everything. */
void initiator_free(struct initiator *i);

/*
 * Begins an IKE SA with a gateway. peer is borrowed for as long as there are SAs with it: its id is
 * what IDr has to be (empty: anything that has the key), connection->local what is behind us. path
 * begins on port 500 or 4500; with a NAT on the way, or a gateway that says so, it goes on at 4500.
 * ref comes back in every action about this SA, over redirects and rekeys.
 *
 * ERR_NO_MEMORY, ERR_CRYPTO: nothing was begun.
 */
MUST_USE int initiator_connect(struct initiator *i, uint64_t now_ms, const struct policy_peer *peer,
			       const struct path *path, uint64_t ref);

/*
 * The same with a ticket: IKE_SESSION_RESUME, then IKE_AUTH, without key exchange. peer has to be
 * who the ticket was given for by its gateway. *ticket is taken over, and wiped; nobody may use a
 * copy of it again. If the gateway refuses it, or does not answer for a few seconds, the initiator
 * goes on with IKE_SA_INIT at the same gateway by itself: whatever becomes of it, PEER_UP or
 * PEER_FAILED tells. The IKE SA that it was given for, if it is still there, goes without a word at
 * both ends when the new one is up: PEER_UP, then its PEER_DOWN with REASON_RESUMED.
 *
 * ERR_TIMEOUT: it has expired. ERR_MISMATCH: it is not for us, or not of that peer. ERR_VALUE:
 * there is none in it. ERR_NO_MEMORY, ERR_CRYPTO. Nothing was begun; only what has expired is
 * wiped.
 */
MUST_USE int initiator_resume(struct initiator *i, uint64_t now_ms, const struct policy_peer *peer,
			      const struct path *path, uint64_t ref, struct resumption *ticket);

/* Asks for a ticket in an INFORMATIONAL of its own. False: there is no such SA in use. */
bool initiator_request_ticket(struct initiator *i, uint64_t now_ms, uint64_t spi);

/* Is it still there? An empty INFORMATIONAL now, unless a request is outstanding anyway. */
bool initiator_probe(struct initiator *i, uint64_t now_ms, uint64_t spi);

/* An IKE message without marker. Copied as far as it is kept. */
void initiator_datagram(struct initiator *i, uint64_t now_ms, const struct path *path,
			struct bytes message);

/* As the functions of responder.h with the same names. */
void initiator_child_result(struct initiator *i, uint64_t now_ms, uint64_t child_id, int err);
bool initiator_child_heard(struct initiator *i, uint64_t now_ms, uint64_t child_id,
			   const struct endpoint *remote);
void initiator_child_usage(struct initiator *i, uint64_t now_ms, uint64_t child_id,
			   const struct esp_stats *stats);
bool initiator_create_child(struct initiator *i, uint64_t now_ms, uint64_t spi);
bool initiator_rekey_ike(struct initiator *i, uint64_t now_ms, uint64_t spi);
bool initiator_rekey_child(struct initiator *i, uint64_t now_ms, uint64_t child_id);
bool initiator_delete_ike(struct initiator *i, uint64_t now_ms, uint64_t spi);
bool initiator_delete_child(struct initiator *i, uint64_t now_ms, uint64_t child_id);

/* UINT64_MAX: nothing to wait for. */
uint64_t initiator_next_expiry(const struct initiator *i);
void initiator_expire(struct initiator *i, uint64_t now_ms);

/* False if there is none left. Drain after each of the calls above. */
bool initiator_next_action(struct initiator *i, struct action *out);

size_t initiator_count_half_open(const struct initiator *i);
size_t initiator_count_established(const struct initiator *i);
uint64_t initiator_counter(const struct initiator *i, enum ike_counter counter);
void initiator_each_peer(const struct initiator *i,
			 void (*visit)(void *ctx, const struct peer_info *peer), void *ctx);

#endif
