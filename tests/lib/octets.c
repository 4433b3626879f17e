/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/octets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct octets octets_from_hex(const char *hex)
{
	struct octets o = { .len = 0 };
	unsigned int octet;
	int used;

	while (sscanf(hex, " %2x%n", &octet, &used) == 1) {
		assert_true(o.len < OCTETS_MAX);
		o.data[o.len++] = (uint8_t)octet;
		hex += used;
	}
	assert_int_equal(*hex, '\0');
	return o;
}

void octets_expect(const char *name, const char *what, struct bytes got, const char *want_hex)
{
	struct octets want = octets_from_hex(want_hex);

	if (got.len != want.len)
		fail_msg("%s: %s: got %zu octets, want %zu", name, what, got.len, want.len);
	for (size_t i = 0; i < got.len; i++) {
		if (got.ptr[i] != want.data[i])
			fail_msg("%s: %s: octet %zu is %02x, want %02x", name, what, i, got.ptr[i],
				 want.data[i]);
	}
}

void value_expect(const char *name, const char *what, long got, long want)
{
	if (got != want)
		fail_msg("%s: %s: got %ld, want %ld", name, what, got, want);
}

bool memory_is_all(uint8_t octet, const void *memory, size_t len)
{
	const uint8_t *octets = memory;

	while (len > 0 && octets[len - 1] == octet)
		len--;
	return len == 0;
}
