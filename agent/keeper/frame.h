/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_FRAME_H
#define AGENT_KEEPER_FRAME_H

#include "common/base/ip.h"

/*
 * The frames that the keeper sends and the one that it reads, all of fixed size and without the
 * Ethernet header: ARP (RFC 826) and the unsolicited Neighbor Advertisement (RFC 4861). Pure
 * functions.
 */
#define FRAME_MAC_SIZE 6
#define FRAME_ARP_SIZE 28
#define FRAME_NA_SIZE  72 /* IPv6 header 40, advertisement 24, option 8 */

enum arp_operation {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

struct arp {
	uint16_t operation;
	uint8_t sender_mac[FRAME_MAC_SIZE];
	struct ip sender; /* IPv4; 0.0.0.0 in a probe */
	uint8_t target_mac[FRAME_MAC_SIZE];
	struct ip target;
};

void frame_arp_encode(const struct arp *arp, uint8_t out[FRAME_ARP_SIZE]);

/* For Ethernet and IPv4; padding may follow. Returns 0, ERR_TRUNCATED or ERR_VALUE. */
MUST_USE int frame_arp_decode(struct bytes frame, struct arp *out);

/* An ARP Probe (RFC 5227, 1.1): asks who has the address without claiming it. */
struct arp frame_arp_probe(const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE]);

/*
 * Gratuitous ARP, as a request (the ARP Announcement of RFC 5227, 1.1) or as a reply: there are
 * neighbours that heed only one of them.
 */
struct arp frame_arp_announcement(const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE],
				  enum arp_operation operation);

enum frame_conflict {
	FRAME_NO_CONFLICT,
	FRAME_IN_USE,       /* somebody has the address */
	FRAME_CLAIMED_ALSO, /* somebody else probes for it at the same time */
};

/* What a frame means for our probe of ip from mac (RFC 5227, 2.1.1). */
enum frame_conflict frame_arp_judge(const struct arp *arp, const struct ip *ip,
				    const uint8_t mac[FRAME_MAC_SIZE]);

/*
 * To all nodes, source and target the address: router and override flags set (RFC 4861, 4.4 and
 * 7.2.6), target link-layer option, checksum filled in.
 */
void frame_na_encode(const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE],
		     uint8_t out[FRAME_NA_SIZE]);

#endif
