/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_ESP_PAIR_H
#define TESTS_LIB_ESP_PAIR_H

#include "common/esp/esp.h"

/*
 * Two ESP sets back to back, as a member and one of its peers have them after IKE_AUTH. The
 * member's network is 10.1.0.0/25 and 2001:db8:1::/64, the peer is 10.1.0.201 and
 * 2001:db8:2::201. Everything aborts on error: for tests, fuzzers and benches.
 */
#define PAIR_WEB_V4  "10.1.0.100"
#define PAIR_WEB_V6  "2001:db8:1::100"
#define PAIR_PEER_V4 "10.1.0.201"
#define PAIR_PEER_V6 "2001:db8:2::201"
#define PAIR_ID      1
#define PAIR_SPI_IN  0x01000001 /* the member's */
#define PAIR_SPI_OUT 0xc0000001 /* the peer's */

struct esp_pair {
	struct crypto *crypto;
	struct esp_set *member, *peer;
	struct esp_child child; /* the member's side; its keys are views of static octets */
};

void esp_pair_open(struct esp_pair *p);
void esp_pair_close(struct esp_pair *p);

/* Takes the SA out and adds it again: numbers and windows start anew. */
void esp_pair_reset(struct esp_pair *p);

/* The same SA seen from the other end. */
struct esp_child esp_child_mirror(const struct esp_child *child);

/* A selector: a prefix as text, a protocol (0: any) and a range of ports. */
struct ts ts_of(const char *prefix, uint8_t protocol, uint16_t first, uint16_t last);

/* All protocols and ports of one prefix. */
struct ts_list ts_list_of(const char *prefix);

struct endpoint endpoint_of(const char *text);

/*
 * A packet from the peer to the member with any sequence number and plaintext (which should end in
 * pad length and next header), properly sealed. Returns its length.
 */
size_t esp_pair_seal(const struct esp_pair *p, uint32_t seq, struct bytes plain, uint8_t *out,
		     size_t cap);

#endif
