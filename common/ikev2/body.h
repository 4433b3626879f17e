/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEV2_BODY_H
#define IKEV2_BODY_H

#include "common/base/ip.h"
#include "common/ikev2/payload.h"

/*
 * The bodies of the smaller payloads of RFC 7296, section 3. Decoders return views and change
 * nothing on error; encoders refuse (sticky error of the writer) what their decoder would refuse.
 */

/* KE (3.4): Group (2) | Reserved (2) | public value. ERR_VALUE for an empty value. */
struct ke_body {
	uint16_t group;
	struct bytes value;
};
MUST_USE int ke_decode(struct bytes body, struct ke_body *out);
void ke_encode(struct wr *w, const struct ke_body *ke);

/* Nonce (3.9): 16 to 256 octets, else ERR_VALUE. */
#define NONCE_MIN 16
#define NONCE_MAX 256
MUST_USE int nonce_decode(struct bytes body, struct bytes *out);
void nonce_encode(struct wr *w, struct bytes nonce);

/*
 * IDi, IDr (3.5): Type (1) | Reserved (3) | data. Any type; ERR_VALUE for an address of wrong size.
 * What is hashed for AUTH is the body as received, reserved octets included (2.15).
 */
struct id_body {
	uint8_t type;
	struct bytes data;
};
MUST_USE int id_decode(struct bytes body, struct id_body *out);
void id_encode(struct wr *w, const struct id_body *id);

/* Type and octets; names in other letters are others (policy_find() takes either case). */
bool id_is_equal(const struct id_body *a, const struct id_body *b);

/*
 * For logs and configuration: FQDN and RFC822 as they are, addresses as text, KEY_ID and others as
 * "#hex"; octets outside printable ASCII and blanks become '?', what does not fit ends in "...".
 * Always terminated; returns out. Different identities may have one text (an address, and an FQDN
 * that looks like it): where that matters compare type and octets.
 */
#define ID_TEXT_MAX 256
const char *id_format(const struct id_body *id, char out[ID_TEXT_MAX]);

/* AUTH (3.8): Method (1) | Reserved (3) | data. */
struct auth_body {
	uint8_t method;
	struct bytes data;
};
MUST_USE int auth_decode(struct bytes body, struct auth_body *out);
void auth_encode(struct wr *w, const struct auth_body *auth);

/*
 * Delete (3.11): Protocol (1) | SPI Size (1) | count (2) | SPIs. IKE: size 0, count 0; AH, ESP:
 * size 4. ERR_VALUE for any other combination; spis is the concatenation.
 */
struct delete_body {
	uint8_t protocol;
	uint16_t count;
	struct bytes spis;
};
MUST_USE int delete_decode(struct bytes body, struct delete_body *out);
void delete_encode(struct wr *w, const struct delete_body *d);

/* One of the SPIs of a Delete for AH or ESP; i is below count. */
uint32_t delete_spi(const struct delete_body *d, size_t i);

/*
 * Traffic selectors (3.13): count (1) | Reserved (3) | selectors, each
 * Type (1) | protocol (1) | length (2) | ports (2 + 2) | addresses. Unknown selector types are
 * skipped when decoding, so the list may be empty; such a list cannot be encoded.
 */
#define TS_MAX 16

struct ts {
	uint8_t protocol; /* 0: any */
	uint16_t port_first;
	uint16_t port_last; /* 0-65535: any; 65535-0: OPAQUE */
	struct ip_range range;
};

struct ts_list {
	size_t n;
	struct ts items[TS_MAX];
};

/*
 * ERR_VALUE: no selector at all, first address or port above last (but OPAQUE), or a length that is
 * wrong for the type; ERR_LIMIT beyond TS_MAX, skipped ones included; ERR_TRUNCATED, ERR_TRAILING.
 */
MUST_USE int ts_decode(struct bytes body, struct ts_list *out);
void ts_encode(struct wr *w, const struct ts_list *list);

/* A selector for all protocols and ports of a prefix. */
struct ts ts_from_prefix(const struct ip_prefix *prefix);

/* True and the common part of two selectors (protocol, ports, addresses). Any port covers OPAQUE.
 */
bool ts_intersect(const struct ts *a, const struct ts *b, struct ts *out);

/*
 * Narrowing (2.9): the part of offer that policy allows, in the offer's order, without selectors
 * that another one covers. ERR_NOT_FOUND: nothing in common (TS_UNACCEPTABLE). Never wider than
 * either. What exceeds TS_MAX selectors is left out: a subset is always a valid answer.
 */
MUST_USE int ts_narrow(const struct ts_list *offer, const struct ts_list *policy,
		       struct ts_list *out);

/* True if each selector of inner lies within one of outer. */
bool ts_is_within(const struct ts_list *inner, const struct ts_list *outer);

#define TS_TEXT_MAX 128
const char *ts_format(const struct ts *ts, char out[TS_TEXT_MAX]);

/* NAT_DETECTION data (2.23): SHA1(SPIi | SPIr | address | port). */
#define NATD_SIZE 20
struct crypto;
MUST_USE int natd_compute(struct crypto *c, uint64_t spi_i, uint64_t spi_r,
			  const struct endpoint *ep, uint8_t out[NATD_SIZE]);

#endif
