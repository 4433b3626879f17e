/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_FRAME_H
#define AGENT_KEEPER_FRAME_H

#include "common/base/ip.h"

/*
 * The frames that the keeper sends and reads, all of fixed size and without the Ethernet header:
 * ARP (RFC 826), Neighbor Solicitation and Advertisement (RFC 4861). Pure functions.
 */
#define FRAME_MAC_SIZE 6
#define FRAME_ARP_SIZE 28
#define FRAME_NA_SIZE  72 /* IPv6 header 40, advertisement 24, option 8 */
#define FRAME_NS_SIZE  72 /* the same; as a probe IPv6 header 40, solicitation 24, nonce 8 */
#define FRAME_ND_MIN   64 /* what is read of either: without options */

#define FRAME_NONCE_SIZE 6

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

/* An ordinary request of somebody who has an address. */
struct arp frame_arp_question(const struct ip *sender, const uint8_t mac[FRAME_MAC_SIZE],
			      const struct ip *target);

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

/*
 * A solicitation as in duplicate address detection (RFC 4862, 5.4.2): from the unspecified address
 * to the solicited-node group, with a nonce (RFC 7527) and without a link-layer address.
 */
void frame_ns_encode(const struct ip *ip, const uint8_t nonce[FRAME_NONCE_SIZE],
		     uint8_t out[FRAME_NS_SIZE]);

/*
 * A solicitation as in address resolution (RFC 4861, 7.2.2): from the sender's address to the
 * solicited-node group of the target, with the sender's link-layer address.
 */
void frame_ns_question(const struct ip *sender, const uint8_t mac[FRAME_MAC_SIZE],
		       const struct ip *target, uint8_t out[FRAME_NS_SIZE]);

/* The Ethernet address of the group that the solicitation goes to (RFC 2464, 7). */
void frame_ns_group(const struct ip *ip, uint8_t out[FRAME_MAC_SIZE]);

enum nd_type {
	ND_SOLICITATION = 135,
	ND_ADVERTISEMENT = 136,
};

struct nd {
	uint8_t type; /* enum nd_type */
	struct ip source;
	struct ip to; /* of the packet */
	struct ip target;
};

/*
 * An IPv6 packet with a solicitation or advertisement right behind its header, judged as RFC 4861,
 * 7.1 demands: hop limit 255, code 0, a target that is no group, the checksum. Options are summed
 * up, not read; what follows the packet is padding. Returns 0, ERR_TRUNCATED, ERR_UNSUPPORTED
 * (another protocol, type or version) or ERR_VALUE.
 */
MUST_USE int frame_nd_decode(struct bytes frame, struct nd *out);

/*
 * What it means for our probe of ip from mac; from is the sender's Ethernet address. Our own
 * frames are none (RFC 4862, 5.4.3).
 */
enum frame_conflict frame_nd_judge(const struct nd *nd, const uint8_t from[FRAME_MAC_SIZE],
				   const struct ip *ip, const uint8_t mac[FRAME_MAC_SIZE]);

#endif
