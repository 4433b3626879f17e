/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_ESP_H
#define ESP_ESP_H

#include "common/crypto/suite.h"
#include "common/ikev2/body.h"

/*
 * Userspace ESP in tunnel mode, UDP-encapsulated (RFC 4303, RFC 4106, RFC 3948): a set of Child SAs
 * as a pure core. It turns inner IP packets into ESP packets and back; it owns keys, sequence
 * numbers, replay windows and selectors, and no socket and no clock. One set per shard.
 */
struct esp_set;

/* One Child SA, both directions. What add copies it owns; keys are wiped on removal. */
struct esp_child {
	uint64_t id;      /* the caller's handle, unique in the set */
	uint32_t spi_in;  /* ours, what arrives; unique in the set */
	uint32_t spi_out; /* the peer's */
	const struct encr_alg *encr;
	struct bytes key_in; /* key | salt, borrowed during add */
	struct bytes key_out;
	struct endpoint local; /* source of what we send, port 4500 */
	struct endpoint remote;
	struct ts_list ts_local;  /* the protected network's side */
	struct ts_list ts_remote; /* the peer's side */
	bool is_inbound_only;     /* sends nothing until esp_set_outbound() says so */
};

struct esp_stats {
	uint64_t packets_in, octets_in; /* inner packets and octets that passed all checks */
	uint64_t packets_out, octets_out;
	uint64_t last_in_ms;  /* any authentic and fresh packet, dummies too: a sign of life */
	uint64_t last_out_ms; /* both 0: never */
	uint32_t seq_out;     /* the last one used: rekey long before UINT32_MAX */
};

/* Every way a packet can end, counted in the set. */
#define ESP_VERDICTS(X)                                                                      \
	X(OK, "ok")                                                                          \
	X(TRUNCATED, "truncated")         /* shorter than its headers, or not 4-aligned */   \
	X(UNKNOWN_SPI, "unknown-spi")     /* inbound: no such SA */                          \
	X(REPLAY, "replay")               /* seen before, or left of the window */           \
	X(BAD_ICV, "bad-icv")             /* forged or corrupted */                          \
	X(MALFORMED, "malformed")         /* authentic, but padding or inner header wrong */ \
	X(DUMMY, "dummy")                 /* next header 59 */                               \
	X(SELECTOR, "selector")           /* outside the negotiated selectors */             \
	X(NO_SA, "no-sa")                 /* outbound: nobody to send it to */               \
	X(SEQ_EXHAUSTED, "seq-exhausted") /* 2^32 - 1 sent: must have been rekeyed */        \
	X(TOO_LONG, "too-long")           /* does not fit the buffer */                      \
	X(CRYPTO, "crypto")               /* the library refused */

#define ESP_ENUMERATOR(name, text) ESP_##name,
enum esp_verdict {
	ESP_VERDICTS(ESP_ENUMERATOR) ESP_VERDICT_COUNT
};
#undef ESP_ENUMERATOR

const char *esp_verdict_name(enum esp_verdict v);

/* NULL when out of memory. crypto is borrowed and must outlive the set. */
struct esp_set *esp_set_new(struct crypto *crypto);
void esp_set_free(struct esp_set *set); /* NULL is fine; wipes all keys */

/*
 * ERR_EXISTS for a used id or spi_in, ERR_NO_MEMORY, ERR_VALUE for SPIs below 256, keys that are
 * not key | salt of encr, or an empty list of selectors. encr is a row of suite.h.
 */
MUST_USE int esp_set_add(struct esp_set *set, const struct esp_child *child);
MUST_USE int esp_set_remove(struct esp_set *set, uint64_t id); /* ERR_NOT_FOUND */
MUST_USE int esp_set_query(const struct esp_set *set, uint64_t id, struct esp_stats *out);
MUST_USE int esp_set_update_remote(struct esp_set *set, uint64_t id, const struct endpoint *remote);

/*
 * Whether packets may leave by this SA. Turned on it is the newest of all, as if it were added now.
 * Where IKE rekeys, what is sent changes over when the peer is known to receive (RFC 7296, 2.8).
 * ERR_NOT_FOUND, ERR_NO_MEMORY (then it is as it was).
 */
MUST_USE int esp_set_outbound(struct esp_set *set, uint64_t id, bool is_on);

/* All SAs, in no particular order; visit must not change the set. */
void esp_set_each(const struct esp_set *set,
		  void (*visit)(void *ctx, uint64_t id, const struct esp_stats *stats), void *ctx);

/*
 * Drops cipher contexts of directions without traffic for idle_ms and returns how many; the keys
 * stay, and the next packet makes the context again. Walks all SAs: call it every few seconds.
 */
size_t esp_set_trim(struct esp_set *set, uint64_t now_ms, uint64_t idle_ms);
size_t esp_set_count(const struct esp_set *set);
uint64_t esp_set_verdicts(const struct esp_set *set, enum esp_verdict v);

/*
 * packet: what follows the UDP header, SPI first. On ESP_OK *inner is a view of out, which has room
 * for packet.len octets, and *id the SA; otherwise they are untouched, and out holds nothing of
 * use. *moved is set if the packet came from another endpoint than the SA's remote: authentic, not
 * replayed and the newest so far (a straggler must not take the address back), so the caller may
 * follow it (RFC 7296, 2.23). Order: SPI, cheap window test, ICV, mark seen (RFC 4303, 3.4.3),
 * padding, inner header, selectors. inner ends where its IP header says: padding for traffic flow
 * confidentiality is cut off.
 */
enum esp_verdict esp_inbound(struct esp_set *set, uint64_t now_ms, const struct endpoint *remote,
			     struct bytes packet, uint8_t *out, struct bytes *inner, uint64_t *id,
			     bool *moved);

/*
 * inner: an IPv4 or IPv6 packet from the protected side, ESP_MALFORMED if it is none. Picks the SA
 * whose selectors match (local has the source, remote the destination); the one added, or turned
 * on by esp_set_outbound(), last wins where several do. On ESP_OK *packet is a view of out (cap
 * octets, not overlapping inner), to be sent over UDP from *local to *remote. Hop limit, DSCP and
 * ECN of the outer header are not seen here: see README.md.
 */
enum esp_verdict esp_outbound(struct esp_set *set, uint64_t now_ms, struct bytes inner,
			      uint8_t *out, size_t cap, struct bytes *packet,
			      struct endpoint *local, struct endpoint *remote);

/* Octets that ESP and UDP add at most to an inner packet, for the device's MTU. */
#define ESP_OVERHEAD_MAX (8 + 8 + 8 + 3 + 2 + 16)

#endif
