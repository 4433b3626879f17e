/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_OCTETS_H
#define TESTS_OCTETS_H

#include "common/base/bytes.h"

/*
 * Octets by value, for tables of known answers in hex. Every failure names the row it comes from.
 * Includes nothing of cmocka.
 */
#define OCTETS_MAX 512

struct octets {
	size_t len;
	uint8_t data[OCTETS_MAX];
};

/* Hex, with or without blanks; fails the test if it is anything else or too long. */
struct octets octets_from_hex(const char *hex);

static inline struct bytes octets_bytes(const struct octets *o)
{
	return (struct bytes){ o->data, o->len };
}

void octets_expect(const char *name, const char *what, struct bytes got, const char *want_hex);
void value_expect(const char *name, const char *what, long got, long want);

/* True of no octets too. */
bool memory_is_all(uint8_t octet, const void *memory, size_t len);

#endif
