/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/flow.h"

#include <netinet/in.h>

#include "common/wire/rd.h"

#define V4_HEADER_SIZE    20
#define V4_OFFSET_MASK    0x1fff
#define V6_HEADER_SIZE    40
#define V6_EXTENSION_UNIT 8
#define V6_OFFSET_MASK    0xfff8
#define PROTOCOL_DCCP     33
#define PROTOCOL_MOBILITY 135
#define PROTOCOL_UDPLITE  136
#define PORT_ANY_FIRST    0
#define PORT_ANY_LAST     65535
#define PORT_OPAQUE_FIRST 65535
#define PORT_OPAQUE_LAST  0

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static struct flow_side side_of(enum ip_family family, const uint8_t *octets)
{
	struct flow_side side = { .ip = { .family = (uint8_t)family }, .kind = FLOW_PORT_HIDDEN };

	memcpy(side.ip.octets, octets, ip_size(&side.ip));
	return side;
}

static void set_ports(struct flow *flow, struct bytes upper)
{
	if (upper.len < 4)
		return;
	flow->src.kind = flow->dst.kind = FLOW_PORT_KNOWN;
	flow->src.port = be16(upper.ptr);
	flow->dst.port = be16(upper.ptr + 2);
}

/* The type stands in for the sender's port; whether it may be received is the sender's selector. */
static void set_type(struct flow *flow, struct bytes upper, size_t offset, uint16_t mask)
{
	flow->dst.kind = FLOW_PORT_FREE;
	if (upper.len < offset + 2)
		return;
	flow->src.kind = FLOW_PORT_KNOWN;
	flow->src.port = be16(upper.ptr + offset) & mask;
}

/* upper: the first octets of the next layer, empty if this is not the first fragment. */
static void read_ports(struct flow *flow, struct bytes upper)
{
	switch (flow->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_DCCP:
		set_ports(flow, upper);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		set_type(flow, upper, 0, 0xffff);
		break;
	case PROTOCOL_MOBILITY: /* RFC 6275, 6.1.1: the type is the third octet */
		set_type(flow, upper, 2, 0xff00);
		break;
	default:
		break;
	}
}

static int decode_v4(struct bytes packet, struct flow *out)
{
	struct rd r = rd_init(packet);
	const uint8_t *h = rd_bytes(&r, V4_HEADER_SIZE).ptr;
	struct bytes upper = { NULL, 0 };
	size_t header_len, total_len;

	if (h == NULL)
		return ERR_TRUNCATED;
	header_len = (size_t)(h[0] & 0x0f) * 4;
	total_len = be16(h + 2);
	if (header_len < V4_HEADER_SIZE || total_len < header_len)
		return ERR_VALUE;
	if (total_len > packet.len)
		return ERR_TRUNCATED;
	*out = (struct flow){
		.src = side_of(IP_V4, h + 12),
		.dst = side_of(IP_V4, h + 16),
		.protocol = h[9],
		.has_protocol = true,
		.len = total_len,
	};
	if ((be16(h + 6) & V4_OFFSET_MASK) == 0)
		upper = (struct bytes){ packet.ptr + header_len, total_len - header_len };
	read_ports(out, upper);
	return 0;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

/* Skips extension headers. Leaves r at the next layer, or empty if that is in another fragment. */
static int skip_extensions(struct rd *r, struct flow *flow)
{
	for (size_t n = 0; is_extension(flow->protocol); n++) {
		struct bytes h = rd_bytes(r, V6_EXTENSION_UNIT);
		bool is_fragment = flow->protocol == IPPROTO_FRAGMENT;

		if (h.len == 0)
			return ERR_TRUNCATED;
		if (n == FLOW_MAX_EXTENSIONS)
			return ERR_LIMIT;
		flow->protocol = h.ptr[0];
		if (is_fragment && (be16(h.ptr + 2) & V6_OFFSET_MASK) != 0) {
			flow->has_protocol = !is_extension(flow->protocol);
			rd_rest(r);
			return 0;
		}
		if (!is_fragment)
			rd_bytes(r, (size_t)h.ptr[1] * V6_EXTENSION_UNIT);
		if (r->err != 0)
			return r->err;
	}
	return 0;
}

static int decode_v6(struct bytes packet, struct flow *out)
{
	struct rd r = rd_init(packet);
	const uint8_t *h = rd_bytes(&r, V6_HEADER_SIZE).ptr;
	struct flow flow;
	struct rd payload;
	int err;

	if (h == NULL)
		return ERR_TRUNCATED;
	flow = (struct flow){
		.src = side_of(IP_V6, h + 8),
		.dst = side_of(IP_V6, h + 24),
		.protocol = h[6],
		.has_protocol = true,
		.len = (size_t)V6_HEADER_SIZE + be16(h + 4),
	};
	payload = rd_sub(&r, be16(h + 4));
	if (r.err != 0)
		return r.err;
	err = skip_extensions(&payload, &flow);
	if (err != 0)
		return err;
	if (flow.has_protocol)
		read_ports(&flow, rd_rest(&payload));
	*out = flow;
	return 0;
}

int flow_decode(struct bytes packet, struct flow *out)
{
	if (packet.len == 0)
		return ERR_TRUNCATED;
	switch (packet.ptr[0] >> 4) {
	case 4:
		return decode_v4(packet, out);
	case 6:
		return decode_v6(packet, out);
	default:
		return ERR_VALUE;
	}
}

static bool is_port_inside(const struct flow_side *side, const struct ts *ts)
{
	switch (side->kind) {
	case FLOW_PORT_FREE:
		return true;
	case FLOW_PORT_KNOWN:
		return ts->port_first <= side->port && side->port <= ts->port_last;
	case FLOW_PORT_HIDDEN:
		return (ts->port_first == PORT_ANY_FIRST && ts->port_last == PORT_ANY_LAST) ||
		       (ts->port_first == PORT_OPAQUE_FIRST && ts->port_last == PORT_OPAQUE_LAST);
	}
	return false;
}

bool flow_is_inside(const struct flow *flow, const struct flow_side *side, const struct ts *ts)
{
	if (ts->protocol != 0 && !(flow->has_protocol && ts->protocol == flow->protocol))
		return false;
	return is_port_inside(side, ts) && ip_range_has(&ts->range, &side->ip);
}
