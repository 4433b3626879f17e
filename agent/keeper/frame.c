/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/frame.h"

#include "common/wire/rd.h"
#include "common/wire/wr.h"

#define HARDWARE_ETHERNET 1
#define PROTOCOL_IPV4     0x0800

static struct bytes mac_bytes(const uint8_t mac[FRAME_MAC_SIZE])
{
	return (struct bytes){ mac, FRAME_MAC_SIZE };
}

void frame_arp_encode(const struct arp *arp, uint8_t out[FRAME_ARP_SIZE])
{
	struct wr w = wr_init(out, FRAME_ARP_SIZE);

	wr_u16(&w, HARDWARE_ETHERNET);
	wr_u16(&w, PROTOCOL_IPV4);
	wr_u8(&w, FRAME_MAC_SIZE);
	wr_u8(&w, 4);
	wr_u16(&w, arp->operation);
	wr_bytes(&w, mac_bytes(arp->sender_mac));
	wr_bytes(&w, (struct bytes){ arp->sender.octets, 4 });
	wr_bytes(&w, mac_bytes(arp->target_mac));
	wr_bytes(&w, (struct bytes){ arp->target.octets, 4 });
}

static void read_octets(struct rd *r, uint8_t *out, size_t len)
{
	struct bytes octets = rd_bytes(r, len);

	if (octets.len == len)
		memcpy(out, octets.ptr, len);
}

int frame_arp_decode(struct bytes frame, struct arp *out)
{
	struct rd r = rd_init(frame);
	struct rd fixed = rd_sub(&r, FRAME_ARP_SIZE);
	struct arp arp = { .sender.family = IP_V4, .target.family = IP_V4 };
	uint16_t hardware = rd_u16(&fixed);
	uint16_t protocol = rd_u16(&fixed);
	uint16_t sizes = rd_u16(&fixed);

	arp.operation = rd_u16(&fixed);
	read_octets(&fixed, arp.sender_mac, sizeof(arp.sender_mac));
	read_octets(&fixed, arp.sender.octets, 4);
	read_octets(&fixed, arp.target_mac, sizeof(arp.target_mac));
	read_octets(&fixed, arp.target.octets, 4);
	if (rd_finish(&fixed) != 0)
		return ERR_TRUNCATED;
	if (hardware != HARDWARE_ETHERNET || protocol != PROTOCOL_IPV4 ||
	    sizes != (FRAME_MAC_SIZE << 8 | 4) ||
	    (arp.operation != ARP_REQUEST && arp.operation != ARP_REPLY))
		return ERR_VALUE;
	*out = arp;
	return 0;
}

struct arp frame_arp_probe(const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE])
{
	struct arp arp = { .operation = ARP_REQUEST, .sender.family = IP_V4, .target = *ip };

	memcpy(arp.sender_mac, mac, FRAME_MAC_SIZE);
	return arp;
}

struct arp frame_arp_question(const struct ip *sender, const uint8_t mac[FRAME_MAC_SIZE],
			      const struct ip *target)
{
	struct arp arp = { .operation = ARP_REQUEST, .sender = *sender, .target = *target };

	memcpy(arp.sender_mac, mac, FRAME_MAC_SIZE);
	return arp;
}

struct arp frame_arp_announcement(const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE],
				  enum arp_operation operation)
{
	struct arp arp = { .operation = (uint16_t)operation, .sender = *ip, .target = *ip };

	memcpy(arp.sender_mac, mac, FRAME_MAC_SIZE);
	if (operation == ARP_REPLY)
		memset(arp.target_mac, 0xff, FRAME_MAC_SIZE);
	return arp;
}

enum frame_conflict frame_arp_judge(const struct arp *arp, const struct ip *ip,
				    const uint8_t mac[FRAME_MAC_SIZE])
{
	static const struct ip nobody = { .family = IP_V4 };

	if (memcmp(arp->sender_mac, mac, FRAME_MAC_SIZE) == 0)
		return FRAME_NO_CONFLICT;
	if (ip_is_equal(&arp->sender, ip))
		return FRAME_IN_USE;
	if (arp->operation == ARP_REQUEST && ip_is_equal(&arp->sender, &nobody) &&
	    ip_is_equal(&arp->target, ip))
		return FRAME_CLAIMED_ALSO;
	return FRAME_NO_CONFLICT;
}
