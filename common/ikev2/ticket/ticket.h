/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKET_TICKET_H
#define TICKET_TICKET_H

#include "common/base/ip.h"
#include "common/base/text.h"
#include "common/crypto/suite.h"
#include "common/ikev2/body.h"
#include "common/ikev2/ticket/ring.h"

/*
 * Tickets by value (RFC 5723, 6): all that a gateway of the cluster needs to resume an IKE SA that
 * another one made, sealed so that nobody else can read or make one.
 *
 *   version (1) = 1 | reserved (3) = 0 | key id (8) | salt (32) | AES-256-GCM {fields, padding,
 * tag}
 *
 * Each ticket has a key of its own, the first octets of HMAC-SHA2-512(ring key, "waypost ticket 1"
 * | salt), with the salt drawn anew each time: no pair of key and IV ever comes twice, whichever
 * members seal under one ring key (RFC 6027, 3.7.1). What is in front of the ciphertext is
 * authenticated with it. Padding to a multiple of 64 octets keeps the length of the identity from
 * showing.
 */
#define TICKET_ID_SIZE  32 /* the salt: what tells one ticket from all others */
#define TICKET_MIN_SIZE (1 + 3 + 8 + TICKET_ID_SIZE + 16)
#define TICKET_MAX_SIZE 1024

/* RFC 5685: what the peer was told, since its last fresh IKE_SA_INIT. */
#define TICKET_REDIRECTS_MAX 5
struct redirect_ledger {
	uint8_t count;                          /* stays at 255 */
	uint64_t times_s[TICKET_REDIRECTS_MAX]; /* of the last ones, newest first; 0: none */
};

/* It was redirected now. */
void ledger_add(struct redirect_ledger *l, uint64_t now_s);

/* Times are seconds since 1970. */
struct ticket {
	uint8_t id[TICKET_ID_SIZE]; /* drawn when it is sealed */
	uint64_t key_id;            /* once opened: of the key that it was sealed under */
	uint64_t issued_s;
	uint64_t expires_s;
	uint64_t auth_s;         /* of the last authentication that was not by a ticket */
	struct id_body idi, idr; /* views of octets below once opened */
	uint8_t auth_method;     /* of that authentication: RFC 7296, 3.8 */
	char connection[NAME_TEXT_MAX + 1];
	uint64_t policy;        /* a digest of what the connection allowed, see office.h */
	struct ike_suite suite; /* kex: of the exchange that made the IKE SA */
	struct key sk_d;
	uint64_t spi_i, spi_r; /* of the IKE SA it was issued for */
	bool is_gateway_r;     /* spi_r is the gateway's: it was not rekeyed by the gateway */
	bool is_redirectable;
	struct redirect_ledger ledger;
	uint8_t octets[2 * ID_TEXT_MAX]; /* of the identities, once opened */
};

void ticket_wipe(struct ticket *t);

/* Neither over nor from the future, but for a clock that is a little ahead. */
bool ticket_is_in_time(const struct ticket *t, uint64_t now_s);

/*
 * Seals under key; id is drawn into t. out has room for TICKET_MAX_SIZE. ERR_VALUE (an identity or
 * SK_d is too long, a time is missing), ERR_CRYPTO.
 */
MUST_USE int ticket_seal(struct crypto *c, const struct rng *rng, const struct ticket_key *key,
			 struct ticket *t, uint8_t out[TICKET_MAX_SIZE], size_t *len);

/* The id of the key that it names. ERR_TRUNCATED, ERR_TOO_LONG, ERR_UNSUPPORTED (version). */
MUST_USE int ticket_key_id(struct bytes ticket, uint64_t *id);

/*
 * Opens with key, which is the one that it names. ERR_AUTH (forged, damaged), ERR_VALUE and others
 * for a ticket that is authentic but not understood: of a newer version, or an algorithm that was
 * taken out. The caller wipes *out.
 */
MUST_USE int ticket_open(struct crypto *c, const struct ticket_key *key, struct bytes ticket,
			 struct ticket *out);

#endif
