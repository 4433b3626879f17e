/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base64.h"

#include "common/base/secret.h"

/* All ones if lo <= c <= hi, else 0; without a branch. c, lo and hi are small. */
static int mask_in(int c, int lo, int hi)
{
	return ((lo - 1 - c) & (c - (hi + 1))) >> 8;
}

static char digit_of(int value)
{
	int c = 0;

	c |= mask_in(value, 0, 25) & ('A' + value);
	c |= mask_in(value, 26, 51) & ('a' + value - 26);
	c |= mask_in(value, 52, 61) & ('0' + value - 52);
	c |= mask_in(value, 62, 62) & '+';
	c |= mask_in(value, 63, 63) & '/';
	return (char)c;
}

/* -1 for what is no digit. */
static int value_of(char digit)
{
	int c = (unsigned char)digit;
	int value = -1;

	value += mask_in(c, 'A', 'Z') & (c - 'A' + 1);
	value += mask_in(c, 'a', 'z') & (c - 'a' + 26 + 1);
	value += mask_in(c, '0', '9') & (c - '0' + 52 + 1);
	value += mask_in(c, '+', '+') & (62 + 1);
	value += mask_in(c, '/', '/') & (63 + 1);
	return value;
}

int base64_encode(struct bytes in, char *out, size_t cap)
{
	size_t len = 0;

	if (cap == 0 || in.len > (SIZE_MAX - 8) / 4 * 3 || BASE64_SIZE(in.len) > cap - 1)
		return ERR_NO_SPACE;
	for (size_t i = 0; i < in.len; i += 3) {
		size_t left = in.len - i;
		uint32_t group = (uint32_t)in.ptr[i] << 16;

		if (left > 1)
			group |= (uint32_t)in.ptr[i + 1] << 8;
		if (left > 2)
			group |= in.ptr[i + 2];
		out[len++] = digit_of((int)(group >> 18));
		out[len++] = digit_of((int)(group >> 12 & 63));
		out[len++] = left > 1 ? digit_of((int)(group >> 6 & 63)) : '=';
		out[len++] = left > 2 ? digit_of((int)(group & 63)) : '=';
	}
	out[len] = '\0';
	return 0;
}

/* Four characters, of which the last pads are padding, to 3 - pads octets. */
static int decode_group(const char *text, size_t pads, uint8_t out[3])
{
	uint32_t group = 0;
	int bad = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pads ? value_of(text[i]) : 0;

		bad |= value;
		group = group << 6 | ((uint32_t)value & 63);
	}
	if (bad < 0 || (pads == 1 && (group & 0xff) != 0) || (pads == 2 && (group & 0xffff) != 0))
		return ERR_VALUE;
	out[0] = (uint8_t)(group >> 16);
	out[1] = (uint8_t)(group >> 8);
	out[2] = (uint8_t)group;
	return 0;
}

static int decode(const char *text, size_t size, uint8_t *out, size_t cap, size_t *len)
{
	size_t pads = 0, n = 0;
	int err = 0;

	if (size % 4 != 0)
		return ERR_VALUE;
	if (size > 0 && text[size - 1] == '=')
		pads = text[size - 2] == '=' ? 2 : 1;
	if (size / 4 * 3 - pads > cap)
		return ERR_NO_SPACE;
	for (size_t i = 0; err == 0 && i < size; i += 4) {
		bool is_last = i + 4 == size;
		size_t octets = is_last ? 3 - pads : 3;
		uint8_t group[3];

		err = decode_group(text + i, is_last ? pads : 0, group);
		if (err == 0)
			memcpy(out + n, group, octets);
		n += octets;
		wipe(group, sizeof(group));
	}
	if (err == 0)
		*len = n;
	return err;
}

int base64_decode(const char *text, uint8_t *out, size_t cap, size_t *len)
{
	int err = decode(text, strlen(text), out, cap, len);

	if (err != 0)
		wipe(out, cap);
	return err;
}
