/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_PACKET_H
#define ESP_PACKET_H

#include "common/crypto/crypto.h"

/*
 * The octets of an ESP packet with a combined mode cipher (RFC 4303, 2; RFC 4106). Pure layout:
 * no keys, no SAs.
 *
 *   SPI (4) | sequence number (4) | IV (8) | payload | padding | pad length | next header | ICV
 *            AAD: the first 8 octets        `---------------- sealed -----------------'
 */
#define ESP_HEADER_SIZE  8
#define ESP_SEALED_START (ESP_HEADER_SIZE + AEAD_IV_SIZE)
#define ESP_TRAILER_SIZE 2
#define ESP_ALIGNMENT    4

enum esp_next_header {
	ESP_NEXT_IPV4 = 4,
	ESP_NEXT_IPV6 = 41,
	ESP_NEXT_DUMMY = 59, /* traffic flow confidentiality: to be thrown away (RFC 4303, 2.6) */
};

struct esp_header {
	uint32_t spi;
	uint32_t seq;
};

/* The first eight octets, all that is needed to find the SA. ERR_TRUNCATED. */
MUST_USE int esp_header_decode(struct bytes packet, struct esp_header *out);

/* Views of the packet for the cipher. */
struct esp_packet {
	struct bytes aad;
	const uint8_t *iv;
	struct bytes body; /* decoded: with ICV; encoded: the room for it follows */
};

/* ERR_TRUNCATED: no room for a trailer; ERR_VALUE: not padded to ESP_ALIGNMENT. */
MUST_USE int esp_packet_decode(struct bytes packet, const struct encr_alg *alg,
			       struct esp_packet *out);

/*
 * plain: the opened body. ERR_TRUNCATED: more padding than octets; ERR_VALUE: padding that does
 * not count 1, 2, 3, ... (RFC 4303, 2.4). The payload may end in padding of its own, after the end
 * of the inner packet (RFC 4303, 2.7).
 */
MUST_USE int esp_trailer_decode(struct bytes plain, struct bytes *payload, uint8_t *next_header);

/* Octets of the whole ESP packet around a payload of that size. */
size_t esp_packet_size(const struct encr_alg *alg, size_t payload_len);

/*
 * Writes everything but the ICV into out, the body in clear: sealing it in place at out +
 * ESP_SEALED_START completes the packet. The IV is the sequence number as 64 bits, unique per key
 * because sequence numbers are (RFC 4106, 3.1). ERR_NO_SPACE unless esp_packet_size() octets fit.
 */
MUST_USE int esp_packet_encode(uint8_t *out, size_t cap, const struct encr_alg *alg,
			       const struct esp_header *h, struct bytes payload,
			       uint8_t next_header, struct esp_packet *p);

#endif
