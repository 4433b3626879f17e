/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_OCTETS 65536

struct bytes test_unhex(const char *hex, uint8_t *buf, size_t cap)
{
	size_t len = 0;
	unsigned int octet;
	int used;

	while (sscanf(hex, " %2x%n", &octet, &used) == 1) {
		assert_true(len < cap);
		buf[len++] = (uint8_t)octet;
		hex += used;
	}
	assert_int_equal(*hex, '\0');
	return (struct bytes){ buf, len };
}

void test_expect(const char *name, const char *what, long got, long want)
{
	if (got != want)
		fail_msg("%s: %s: got %ld, want %ld", name, what, got, want);
}

void test_expect_octets(const char *name, const char *what, struct bytes got, struct bytes want)
{
	if (got.len != want.len)
		fail_msg("%s: %s: got %zu octets, want %zu", name, what, got.len, want.len);
	for (size_t i = 0; i < got.len; i++) {
		if (got.ptr[i] != want.ptr[i])
			fail_msg("%s: %s: octet %zu is %02x, want %02x", name, what, i, got.ptr[i],
				 want.ptr[i]);
	}
}

uint8_t *test_copy(struct bytes octets)
{
	uint8_t *copy = malloc(octets.len);

	if (octets.len > 0) {
		assert_non_null(copy);
		memcpy(copy, octets.ptr, octets.len);
	}
	return copy;
}

void test_roundtrip(const char *name, test_recode recode, struct bytes octets)
{
	uint8_t *buf = malloc(octets.len + 1);
	struct wr w;
	struct bytes out;

	assert_non_null(buf);
	for (size_t cap = 0; cap < octets.len; cap++) {
		buf[cap] = 0xee;
		w = wr_init(buf, cap);
		test_expect(name, "decode", recode(octets, &w), 0);
		test_expect(name, "encode into less", wr_finish(&w, &out), ERR_NO_SPACE);
		test_expect(name, "octet behind", buf[cap], 0xee);
	}
	w = wr_init(buf, octets.len);
	test_expect(name, "decode", recode(octets, &w), 0);
	test_expect(name, "encode", wr_finish(&w, &out), 0);
	test_expect_octets(name, "encoded", out, octets);
	free(buf);
}

static int recode_copy(test_recode recode, struct bytes octets)
{
	static uint8_t buf[MAX_OCTETS];
	struct wr w = wr_init(buf, sizeof(buf));
	uint8_t *copy = test_copy(octets);
	int err = recode((struct bytes){ copy, octets.len }, &w);

	free(copy);
	return err;
}

void test_every_cut(const char *name, test_recode recode, struct bytes octets, size_t min)
{
	for (size_t len = 0; len <= octets.len; len++) {
		int err = recode_copy(recode, (struct bytes){ octets.ptr, len });

		if (len < min ? err != ERR_TRUNCATED && err != ERR_VALUE : err != 0)
			fail_msg("%s: cut to %zu octets: got %d", name, len, err);
	}
}

void test_every_lie(const char *name, test_recode recode, struct bytes octets, size_t offset,
		    size_t width)
{
	uint8_t *lie = test_copy(octets);
	unsigned int truth =
	    width == 1 ? lie[offset] : (unsigned int)lie[offset] << 8 | lie[offset + 1];

	for (unsigned int value = 0; value < (width == 1 ? 0x100u : 0x10000u); value++) {
		lie[offset] = (uint8_t)(width == 1 ? value : value >> 8);
		if (width == 2)
			lie[offset + 1] = (uint8_t)value;
		if (value != truth && recode_copy(recode, (struct bytes){ lie, octets.len }) == 0)
			fail_msg("%s: %u for %u at offset %zu was accepted", name, value, truth,
				 offset);
	}
	free(lie);
}
