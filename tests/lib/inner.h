/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_INNER_H
#define TESTS_LIB_INNER_H

#include "common/base/ip.h"

/*
 * Inner packets for tests of ESP: an IPv4 or IPv6 header with correct lengths and checksum, and
 * whatever octets the test wants behind it.
 */
#define INNER_V4_HEADER 20
#define INNER_V6_HEADER 40

struct inner {
	const char *src, *dst; /* addresses as text, of one family */
	uint8_t protocol;      /* of the next layer or the first extension header */
	uint16_t fragment;     /* IPv4: the flags and offset field as it is */
	struct bytes payload;
};

/* Returns the packet's length; aborts if it does not fit. */
size_t inner_build(const struct inner *in, uint8_t *buf, size_t cap);

/*
 * A UDP packet of exactly size octets (at least header + 8) from port 1000 to 2000, filled with
 * octets that depend on seed.
 */
size_t inner_build_udp(const char *src, const char *dst, size_t size, uint8_t seed, uint8_t *buf,
		       size_t cap);

#endif
