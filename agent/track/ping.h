/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TRACK_PING_H
#define AGENT_TRACK_PING_H

#include <uv.h>

#include "common/base/errtext.h"
#include "common/base/ip.h"

/*
 * ICMP echo over a raw socket of one family (RFC 792, RFC 4443): opened while the process may,
 * used when it may no longer.
 */
struct ping;

/*
 * An echo reply that carries what only ping_send() can have sent: whose is told by remote, index
 * and seq, which all have to match.
 */
typedef void (*ping_fn)(void *ctx, const struct ip *remote, uint8_t index, uint16_t seq);

/* family: IP_V4 or IP_V6. Returns 0, ERR_NO_MEMORY, ERR_CRYPTO, or ERR_IO; the reason is in why. */
MUST_USE int ping_open(uv_loop_t *loop, enum ip_family family, ping_fn on_reply, void *ctx,
		       struct ping **out, struct errtext *why);

/* Returns 0, or ERR_IO with errno set: no route and the like. */
MUST_USE int ping_send(struct ping *p, const struct ip *to, uint8_t index, uint16_t seq);

/* No reply is told any more; memory is freed by the loop. NULL is fine. */
void ping_close(struct ping *p);

/* ---- messages, pure; for ping.c and its tests ---- */

/*
 * type (1) | code 0 (1) | checksum (2) | identifier (2) | sequence (2) | cookie (8) | index (1) |
 * 0 (7)
 *
 * The cookie is drawn at every start: a host that does not see our requests cannot answer them.
 */
#define PING_SIZE        24
#define PING_COOKIE_SIZE 8

struct ping_echo {
	uint16_t id, seq;
	uint8_t cookie[PING_COOKIE_SIZE];
	uint8_t index;
};

/* A request. With IPv6 the kernel writes the checksum. */
void ping_encode(const struct ping_echo *e, bool is_v6, uint8_t out[PING_SIZE]);

/*
 * A reply as a raw socket gives it: with its IP header for IPv4, without for IPv6. Returns 0, or
 * ERR_TRUNCATED, ERR_MISMATCH (another message), ERR_VALUE (checksum).
 */
MUST_USE int ping_decode(struct bytes datagram, bool is_v6, struct ping_echo *out);

#endif
