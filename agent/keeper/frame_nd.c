/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/frame.h"

#include "common/wire/rd.h"
#include "common/wire/wr.h"

#define IPV6_HEADER_SIZE      40
#define NEXT_HEADER_ICMPV6    58
#define HOP_LIMIT             255
#define ND_FIXED_SIZE         24 /* without options */
#define NA_ROUTER             0x80000000u
#define NA_OVERRIDE           0x20000000u
#define OPTION_SOURCE_LINK    1
#define OPTION_TARGET_LINK    2
#define OPTION_NONCE          14 /* RFC 3971, 5.3.2 */
#define CHECKSUM_OFFSET_IN_ND 2

static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 0x01 };
static const struct ip nobody = { .family = IP_V6 };

static uint32_t sum_octets(uint32_t sum, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)octets[i] << 8 : octets[i];
	return sum;
}

/*
 * RFC 4443, 2.3: the addresses, length and next header of the IPv6 header, and the message of len
 * octets, at most 65535. 0 if the checksum in there is right.
 */
static uint16_t checksum(const uint8_t *packet, size_t len)
{
	uint32_t sum = sum_octets((uint32_t)len + NEXT_HEADER_ICMPV6, packet + 8, 32);

	sum = sum_octets(sum, packet + IPV6_HEADER_SIZE, len);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Up to the target, which begins every message here. */
static void put_start(struct wr *w, const uint8_t source[16], const uint8_t to[16],
		      enum nd_type type, uint32_t flags, const struct ip *target)
{
	wr_u32(w, 6u << 28);
	wr_u16(w, FRAME_NA_SIZE - IPV6_HEADER_SIZE);
	wr_u8(w, NEXT_HEADER_ICMPV6);
	wr_u8(w, HOP_LIMIT);
	wr_bytes(w, (struct bytes){ source, 16 });
	wr_bytes(w, (struct bytes){ to, 16 });
	wr_u8(w, (uint8_t)type);
	wr_u8(w, 0);
	wr_u16(w, 0);
	wr_u32(w, flags);
	wr_bytes(w, (struct bytes){ target->octets, 16 });
}

static void put_option(struct wr *w, uint8_t type, const uint8_t octets[6])
{
	wr_u8(w, type);
	wr_u8(w, 1); /* in units of 8 octets */
	wr_bytes(w, (struct bytes){ octets, 6 });
}

static void fill_checksum(uint8_t packet[FRAME_NA_SIZE])
{
	uint16_t sum = checksum(packet, FRAME_NA_SIZE - IPV6_HEADER_SIZE);

	packet[IPV6_HEADER_SIZE + CHECKSUM_OFFSET_IN_ND] = (uint8_t)(sum >> 8);
	packet[IPV6_HEADER_SIZE + CHECKSUM_OFFSET_IN_ND + 1] = (uint8_t)sum;
}

void frame_na_encode(const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE],
		     uint8_t out[FRAME_NA_SIZE])
{
	struct wr w = wr_init(out, FRAME_NA_SIZE);

	put_start(&w, ip->octets, all_nodes, ND_ADVERTISEMENT, NA_ROUTER | NA_OVERRIDE, ip);
	put_option(&w, OPTION_TARGET_LINK, mac);
	fill_checksum(out);
}

static void encode_ns(const struct ip *sender, const struct ip *target, uint8_t option,
		      const uint8_t octets[6], uint8_t out[FRAME_NS_SIZE])
{
	struct wr w = wr_init(out, FRAME_NS_SIZE);
	uint8_t group[16] = { 0xff, 0x02, [11] = 0x01, [12] = 0xff };

	memcpy(group + 13, target->octets + 13, 3);
	put_start(&w, sender->octets, group, ND_SOLICITATION, 0, target);
	put_option(&w, option, octets);
	fill_checksum(out);
}

void frame_ns_encode(const struct ip *ip, const uint8_t nonce[FRAME_NONCE_SIZE],
		     uint8_t out[FRAME_NS_SIZE])
{
	encode_ns(&nobody, ip, OPTION_NONCE, nonce, out);
}

void frame_ns_question(const struct ip *sender, const uint8_t mac[FRAME_MAC_SIZE],
		       const struct ip *target, uint8_t out[FRAME_NS_SIZE])
{
	encode_ns(sender, target, OPTION_SOURCE_LINK, mac, out);
}

void frame_ns_group(const struct ip *ip, uint8_t out[FRAME_MAC_SIZE])
{
	static const uint8_t start[] = { 0x33, 0x33, 0xff };

	memcpy(out, start, 3);
	memcpy(out + 3, ip->octets + 13, 3);
}

static void read_ip(struct rd *r, struct ip *out)
{
	struct bytes octets = rd_bytes(r, 16);

	out->family = IP_V6;
	if (octets.len == 16)
		memcpy(out->octets, octets.ptr, 16);
}

int frame_nd_decode(struct bytes frame, struct nd *out)
{
	struct rd r = rd_init(frame);
	struct nd nd = { .type = 0 };
	uint32_t version = rd_u32(&r) >> 28;
	uint16_t len = rd_u16(&r);
	uint8_t next = rd_u8(&r);
	uint8_t hops = rd_u8(&r);
	struct rd message;
	uint8_t code;

	read_ip(&r, &nd.source);
	read_ip(&r, &nd.to);
	message = rd_sub(&r, len);
	nd.type = rd_u8(&message);
	code = rd_u8(&message);
	rd_u16(&message);
	rd_u32(&message);
	read_ip(&message, &nd.target);
	if (frame.len < FRAME_ND_MIN)
		return ERR_TRUNCATED;
	if (version != 6 || next != NEXT_HEADER_ICMPV6)
		return ERR_UNSUPPORTED;
	if (len < ND_FIXED_SIZE || len > frame.len - IPV6_HEADER_SIZE)
		return ERR_TRUNCATED;
	if (nd.type != ND_SOLICITATION && nd.type != ND_ADVERTISEMENT)
		return ERR_UNSUPPORTED;
	if (hops != HOP_LIMIT || code != 0 || nd.target.octets[0] == 0xff ||
	    checksum(frame.ptr, len) != 0)
		return ERR_VALUE;
	*out = nd;
	return 0;
}

enum frame_conflict frame_nd_judge(const struct nd *nd, const uint8_t from[FRAME_MAC_SIZE],
				   const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE])
{
	if (memcmp(from, mac, FRAME_MAC_SIZE) == 0)
		return FRAME_NO_CONFLICT;
	if (ip_is_equal(&nd->source, ip))
		return FRAME_IN_USE;
	if (!ip_is_equal(&nd->target, ip))
		return FRAME_NO_CONFLICT;
	if (nd->type == ND_ADVERTISEMENT)
		return FRAME_IN_USE;
	return ip_is_equal(&nd->source, &nobody) ? FRAME_CLAIMED_ALSO : FRAME_NO_CONFLICT;
}
