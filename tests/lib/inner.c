/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/inner.h"

#include <stdlib.h>

#include "common/wire/wr.h"

static uint16_t checksum(const uint8_t *octets, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(octets[i] << 8 | octets[i + 1]);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static struct ip parse(const char *text)
{
	struct ip ip;

	if (ip_parse(text, &ip) != 0)
		abort();
	return ip;
}

static void put_v4(struct wr *w, const struct inner *in)
{
	wr_u16(w, 0x4500);
	wr_u16(w, (uint16_t)(INNER_V4_HEADER + in->payload.len));
	wr_u16(w, 0x1234);
	wr_u16(w, in->fragment);
	wr_u8(w, 64);
	wr_u8(w, in->protocol);
	wr_u16(w, 0);
}

static void put_v6(struct wr *w, const struct inner *in)
{
	wr_u32(w, 0x60000000);
	wr_u16(w, (uint16_t)in->payload.len);
	wr_u8(w, in->protocol);
	wr_u8(w, 64);
}

size_t inner_build(const struct inner *in, uint8_t *buf, size_t cap)
{
	struct ip src = parse(in->src), dst = parse(in->dst);
	struct wr w = wr_init(buf, cap);
	struct bytes whole;

	if (src.family == IP_V4)
		put_v4(&w, in);
	else
		put_v6(&w, in);
	wr_bytes(&w, ip_bytes(&src));
	wr_bytes(&w, ip_bytes(&dst));
	wr_bytes(&w, in->payload);
	if (wr_finish(&w, &whole) != 0)
		abort();
	if (src.family == IP_V4) {
		uint16_t sum = checksum(buf, INNER_V4_HEADER);

		buf[10] = (uint8_t)(sum >> 8);
		buf[11] = (uint8_t)sum;
	}
	return whole.len;
}

size_t inner_build_udp(const char *src, const char *dst, size_t size, uint8_t seed, uint8_t *buf,
		       size_t cap)
{
	size_t header = parse(src).family == IP_V4 ? INNER_V4_HEADER : INNER_V6_HEADER;
	uint8_t payload[65536];
	size_t len = size - header;
	struct inner in = { src, dst, 17, 0, { payload, len } };

	if (size < header + 8 || len > sizeof(payload))
		abort();
	for (size_t i = 8; i < len; i++)
		payload[i] = (uint8_t)(i * 7 + seed);
	memcpy(payload, (const uint8_t[]){ 1000 >> 8, 1000 & 0xff, 2000 >> 8, 2000 & 0xff }, 4);
	memcpy(payload + 4, (const uint8_t[]){ (uint8_t)(len >> 8), (uint8_t)len, 0, 0 }, 4);
	return inner_build(&in, buf, cap);
}
