/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_HEARTBEAT_H
#define CONTROL_HEARTBEAT_H

#include "common/base/secret.h"
#include "common/control/message.h"

/*
 * Heartbeats as UDP datagrams, where a lost segment does not hold up those behind it:
 *
 *   one JSON object, a heartbeat, its ack or a gone (up to 1,024 octets) | MAC (16 octets)
 *
 * The MAC is HMAC-SHA-256 (RFC 2104) over the object's octets, cut to its first half. The key comes
 * from the exporter of the TLS 1.3 session between the two (RFC 8446, 7.5), so it belongs to one
 * member and one connection; heartbeats of an earlier connection fail with a new key.
 *
 * Both directions use that key. What keeps an ack from being taken for a heartbeat is its type.
 *
 * gone is made by the agent as soon as it has the key, and kept by its keeper, who sends it after
 * the agent has ended: the connection, too, has ended then. So a director keeps the key of a
 * member's last connection for gone alone, until the member says hello again.
 */
#define HEARTBEAT_KEY_LABEL "EXPORTER-waypost-heartbeat" /* with no context */
#define HEARTBEAT_KEY_SIZE  32

#define HEARTBEAT_JSON_MAX     1024
#define HEARTBEAT_MAC_SIZE     16
#define HEARTBEAT_DATAGRAM_MAX (HEARTBEAT_JSON_MAX + HEARTBEAT_MAC_SIZE)

/*
 * A message of type heartbeat, ack or gone as a datagram in buf, for which HEARTBEAT_DATAGRAM_MAX
 * octets are always enough. Returns 0 or an error of message_encode(), ERR_VALUE for another type
 * or size of key, ERR_CRYPTO.
 */
MUST_USE int heartbeat_encode(const struct message *m, struct bytes key, uint8_t *buf, size_t cap,
			      struct bytes *out, struct errtext *why);

/*
 * First look at a received heartbeat or gone: the member that it claims to be of, to find the key.
 * Nothing is verified, anybody may have sent it: no more may be done with the name than that, and
 * the reason is for DEBUG. Returns 0 or an error of frame_parse(), ERR_TRUNCATED, ERR_TOO_LONG,
 * ERR_MISMATCH (neither), ERR_MISSING or ERR_VALUE (no member, or not a name).
 */
MUST_USE int heartbeat_peek_member(struct bytes datagram, char out[NAME_TEXT_MAX + 1],
				   struct errtext *why);

/*
 * Verifies the MAC, in constant time, and only then reads the message, which has to be of the type
 * that is expected: MESSAGE_ACK at the agent; MESSAGE_HEARTBEAT at the director, who is given a
 * gone as well, so that out->type has to be looked at. The caller frees it.
 * Returns 0, ERR_TRUNCATED, ERR_TOO_LONG, ERR_AUTH, ERR_MISMATCH (another type), ERR_VALUE for the
 * size of the key, ERR_CRYPTO, or an error of message_decode().
 */
MUST_USE int heartbeat_decode(struct bytes datagram, struct bytes key, enum message_type expected,
			      struct message *out, struct errtext *why);

/*
 * The director's memory of one member's sequence, over UDP and TLS together. Starts anew with each
 * connection, from the boot_id of its hello.
 */
struct heartbeat_window {
	uint64_t boot_id;
	uint64_t seq; /* the highest accepted; 0: none yet */
};

struct heartbeat_window heartbeat_window_init(uint64_t boot_id);

/*
 * Accepts a verified heartbeat if it is newer than all before. ERR_MISMATCH: the agent has another
 * boot_id, so it was started again and has not said hello. ERR_REPLAY: repeated or overtaken.
 */
MUST_USE int heartbeat_window_accept(struct heartbeat_window *w, const struct msg_heartbeat *hb,
				     struct errtext *why);

/* The agent's side: what it sent last, and the highest that it knows to have been heard. */
struct heartbeat_sent {
	uint64_t seq;
	uint64_t acked;
};

/* The number of the next heartbeat, from 1 on. */
uint64_t heartbeat_sent_next(struct heartbeat_sent *s);

/* Accepts a verified ack. ERR_VALUE: of what was never sent. ERR_REPLAY: repeated or overtaken. */
MUST_USE int heartbeat_sent_accept(struct heartbeat_sent *s, const struct msg_ack *ack,
				   struct errtext *why);

#endif
