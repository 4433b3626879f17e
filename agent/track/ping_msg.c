/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/track/ping.h"

#include "common/wire/rd.h"
#include "common/wire/wr.h"

#define ECHO_REQUEST_V4 8
#define ECHO_REPLY_V4   0
#define ECHO_REQUEST_V6 128
#define ECHO_REPLY_V6   129
#define IP_HEADER_MIN   20

/* RFC 1071. */
static uint16_t checksum(struct bytes octets)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < octets.len; i++)
		sum += (uint32_t)octets.ptr[i] << (i % 2 == 0 ? 8 : 0);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void ping_encode(const struct ping_echo *e, bool is_v6, uint8_t out[PING_SIZE])
{
	struct wr w = wr_init(out, PING_SIZE);
	uint16_t sum;

	memset(out, 0, PING_SIZE);
	wr_u8(&w, is_v6 ? ECHO_REQUEST_V6 : ECHO_REQUEST_V4);
	wr_u8(&w, 0);
	wr_u16(&w, 0);
	wr_u16(&w, e->id);
	wr_u16(&w, e->seq);
	wr_bytes(&w, (struct bytes){ e->cookie, PING_COOKIE_SIZE });
	wr_u8(&w, e->index);
	if (is_v6)
		return;
	sum = checksum((struct bytes){ out, PING_SIZE });
	out[2] = (uint8_t)(sum >> 8);
	out[3] = (uint8_t)sum;
}

static int skip_ip_header(struct bytes *datagram)
{
	size_t len;

	if (datagram->len < IP_HEADER_MIN)
		return ERR_TRUNCATED;
	len = (size_t)(datagram->ptr[0] & 0x0f) * 4;
	if (len < IP_HEADER_MIN || datagram->len < len)
		return ERR_TRUNCATED;
	datagram->ptr += len;
	datagram->len -= len;
	return 0;
}

int ping_decode(struct bytes datagram, bool is_v6, struct ping_echo *out)
{
	struct rd r;
	struct bytes cookie;
	uint8_t type, code;
	int err = is_v6 ? 0 : skip_ip_header(&datagram);

	if (err != 0)
		return err;
	if (datagram.len != PING_SIZE)
		return datagram.len < PING_SIZE ? ERR_TRUNCATED : ERR_MISMATCH;
	if (!is_v6 && checksum(datagram) != 0)
		return ERR_VALUE;
	r = rd_init(datagram);
	type = rd_u8(&r);
	code = rd_u8(&r);
	(void)rd_u16(&r);
	out->id = rd_u16(&r);
	out->seq = rd_u16(&r);
	cookie = rd_bytes(&r, PING_COOKIE_SIZE);
	out->index = rd_u8(&r);
	(void)rd_rest(&r);
	err = rd_finish(&r);
	if (err != 0)
		return err;
	if (type != (is_v6 ? ECHO_REPLY_V6 : ECHO_REPLY_V4) || code != 0)
		return ERR_MISMATCH;
	memcpy(out->cookie, cookie.ptr, PING_COOKIE_SIZE);
	return 0;
}
