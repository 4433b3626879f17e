/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MESH_MESH_H
#define MESH_MESH_H

#include "common/base/err.h"
#include "common/base/ip.h"

/*
 * What members send each other over UDP: probes and claim notices, as octets. Pure: no socket, no
 * clock. Every message has the same size, so that an answer is never longer than its question, and
 * ends in a MAC (HMAC-SHA-256, RFC 2104, cut to 16 octets) under the cluster's notice key, so that
 * only members are answered and heard. Numbers are in network order:
 *
 *   0  "WPM" | version 1 | type (1) | member number (1) | family 4 or 6 (1) | 0 (1)
 *   8  boot id (8) | epoch (8) | nonce (16) | address (16, IPv4 in the first 4, rest 0)
 *   56 MAC (16)
 *
 * Claim notices carry no time: an old one that is sent again names an old epoch, which makes nobody
 * yield.
 */
#define MESH_SIZE       72
#define MESH_NONCE_SIZE 16
#define MESH_PORT       7401
#define MESH_KEY_MIN    16
#define MESH_KEYS_MAX   4
#define MESH_NUMBER_MAX 191
#define MESH_EPOCH_MAX  (((uint64_t)1 << 53) - 1) /* as in the control protocol */

/* Groups of claim notices, which stay on the link: RFC 2365 (with TTL 1) and RFC 4291, 2.7. */
#define MESH_GROUP_V4 "239.255.87.87"
#define MESH_GROUP_V6 "ff12::5757"

enum mesh_type {
	MESH_PROBE = 1,  /* is an agent there that answers for .address? */
	MESH_ANSWER = 2, /* to a probe, from the address that was asked */
	MESH_NOTICE = 3, /* the sender has claimed .address under .epoch */
};

struct mesh_msg {
	enum mesh_type type;
	uint8_t number;    /* of the sender, 1-191 */
	uint64_t boot_id;  /* of the sender */
	struct ip address; /* the service address asked for or claimed; never IP_NONE */
	/* NOTICE: of the claim, from 1 on; ANSWER: of the sender's claim, 0: none; PROBE: 0. */
	uint64_t epoch;
	uint8_t nonce[MESH_NONCE_SIZE]; /* PROBE and its ANSWER: drawn by the prober; else 0 */
};

/* Returns 0, ERR_VALUE (fields that decoding would refuse, or a key too short), ERR_CRYPTO. */
MUST_USE int mesh_encode(const struct mesh_msg *m, struct bytes key, uint8_t out[MESH_SIZE]);

/*
 * Verifies the MAC under any of the keys (up to MESH_KEYS_MAX: around a rotation there are two),
 * in constant time, before it reads anything else. Returns 0, ERR_TRUNCATED or ERR_TOO_LONG
 * (another size), ERR_AUTH, ERR_UNSUPPORTED (version or type), ERR_VALUE (a field, or a key that is
 * too short), ERR_CRYPTO.
 */
MUST_USE int mesh_decode(struct bytes datagram, const struct bytes *keys, size_t n_keys,
			 struct mesh_msg *out);

#endif
