/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/text.h"

bool text_is_name(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		char c = text[len];

		if (len == NAME_TEXT_MAX)
			return false;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return len > 0;
}

static bool is_continuation(uint8_t octet)
{
	return (octet & 0xc0) == 0x80;
}

/* Octets of the character that the text starts with; 0 if it is none, or a control character. */
static size_t plain_char_size(struct bytes text)
{
	const uint8_t *p = text.ptr;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f ? 1 : 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		if (text.len < 2 || !is_continuation(p[1]))
			return 0;
		return p[0] == 0xc2 && p[1] < 0xa0 ? 0 : 2;
	}
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		if (text.len < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
			return 0;
		return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ? 0 : 3;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		if (text.len < 4 || !is_continuation(p[1]) || !is_continuation(p[2]) ||
		    !is_continuation(p[3]))
			return 0;
		return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90) ? 0 : 4;
	}
	return 0;
}

bool text_is_plain(struct bytes text)
{
	while (text.len > 0) {
		size_t size = plain_char_size(text);

		if (size == 0)
			return false;
		text.ptr += size;
		text.len -= size;
	}
	return true;
}

size_t text_clean(struct bytes octets, char *out, size_t cap)
{
	size_t len = 0;

	while (octets.len > 0) {
		size_t size = plain_char_size(octets);
		size_t taken = size == 0 ? 1 : size;

		if (len + taken >= cap)
			break;
		if (size == 0)
			out[len] = '?';
		else
			memcpy(out + len, octets.ptr, size);
		len += taken;
		octets.ptr += taken;
		octets.len -= taken;
	}
	out[len] = '\0';
	return len;
}
