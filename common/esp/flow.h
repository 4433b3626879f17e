/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_FLOW_H
#define ESP_FLOW_H

#include "common/ikev2/body.h"

/*
 * What traffic selectors are compared with (RFC 4301, 4.4.1.1): addresses, next layer protocol and
 * ports of an IPv4 or IPv6 packet. Pure: reads octets, checks lengths, keeps nothing. Checksums are
 * left to the IP stack that gets the packet.
 */
enum flow_port {
	FLOW_PORT_HIDDEN, /* not first fragment, cut short, or a protocol without ports: OPAQUE */
	FLOW_PORT_KNOWN,
	FLOW_PORT_FREE, /* the receiver's side of ICMP and Mobility Header: not compared */
};

struct flow_side {
	struct ip ip;
	enum flow_port kind;
	uint16_t port; /* if KNOWN; ICMP: type << 8 | code; Mobility Header: type << 8 */
};

struct flow {
	struct flow_side src, dst;
	uint8_t protocol;
	bool has_protocol; /* false: hidden behind the extension headers of a fragment */
	size_t len;        /* by the IP header: what follows it is padding */
};

/*
 * IPv6 extension headers skipped at most: hop-by-hop, routing, fragment and destination options,
 * the set that RFC 4301, 4.4.1.1 names.
 */
#define FLOW_MAX_EXTENSIONS 8

/*
 * Returns 0 or
 *   ERR_TRUNCATED  fewer octets than the IP header says, or an extension header cut short
 *   ERR_VALUE      neither IPv4 nor IPv6, or an IPv4 header that is longer than its packet
 *   ERR_LIMIT      more than FLOW_MAX_EXTENSIONS
 */
MUST_USE int flow_decode(struct bytes packet, struct flow *out);

/*
 * True if one side of a flow is inside a selector. A range of ports that is not 0-65535 never has a
 * hidden port, except OPAQUE (65535-0), which has nothing else. ICMP and Mobility Header have one
 * type, which is compared on the sender's side alone (RFC 4301, 4.4.1.3).
 */
bool flow_is_inside(const struct flow *flow, const struct flow_side *side, const struct ts *ts);

#endif
