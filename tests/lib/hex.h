/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include "common/wire/wr.h"

/*
 * What the table-driven codec tests share. Every failure names the row it comes from. Includes
 * nothing of cmocka, so that a test can include both in any order.
 */

/* Hex, with or without blanks, to octets in buf; fails the test if it does not fit. */
struct bytes test_unhex(const char *hex, uint8_t *buf, size_t cap);

void test_expect(const char *name, const char *what, long got, long want);
void test_expect_octets(const char *name, const char *what, struct bytes got, struct bytes want);

/* A copy in memory of exactly that size, so that ASan sees any overread. To be freed. */
uint8_t *test_copy(struct bytes octets);

/* Decodes, and encodes what it got. Returns the decoder's error; the encoder's is in w. */
typedef int (*test_recode)(struct bytes in, struct wr *w);

/* The octets decode, encode to themselves, and fit no smaller buffer. */
void test_roundtrip(const char *name, test_recode recode, struct bytes octets);

/* Every cut below min octets is refused, every one from there on decodes. */
void test_every_cut(const char *name, test_recode recode, struct bytes octets, size_t min);

/* Every other value of the length field of width 1 or 2 octets is refused. */
void test_every_lie(const char *name, test_recode recode, struct bytes octets, size_t offset,
		    size_t width);

#endif
