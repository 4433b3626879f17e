/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/esp/flow.h"
#include "tests/lib/esp_pair.h"
#include "tests/lib/inner.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_LEN  256
#define V4       "10.1.0.100", "10.1.0.201"
#define V6       "2001:db8:1::100", "2001:db8:2::201"
#define PORTS    "03e807d0" /* 1000 to 2000 */
#define HIDDEN   FLOW_PORT_HIDDEN
#define KNOWN    FLOW_PORT_KNOWN
#define FREE     FLOW_PORT_FREE

/* The octets behind the IP header in hex, and what is to be read from the packet. */
static const struct flow_case {
	const char *name;
	const char *src, *dst;
	uint8_t first; /* Protocol or Next Header */
	uint16_t fragment;
	const char *payload;
	uint8_t protocol;
	enum flow_port src_kind;
	uint16_t src_port;
	enum flow_port dst_kind;
	uint16_t dst_port;
} flow_cases[] = {
	{ "TCP", V4, 6, 0, PORTS "00000000", 6, KNOWN, 1000, KNOWN, 2000 },
	{ "UDP", V4, 17, 0, PORTS "00080000", 17, KNOWN, 1000, KNOWN, 2000 },
	{ "DCCP", V4, 33, 0, PORTS, 33, KNOWN, 1000, KNOWN, 2000 },
	{ "SCTP", V4, 132, 0, PORTS, 132, KNOWN, 1000, KNOWN, 2000 },
	{ "UDP-Lite", V4, 136, 0, PORTS, 136, KNOWN, 1000, KNOWN, 2000 },
	{ "UDP, don't fragment", V4, 17, 0x4000, PORTS, 17, KNOWN, 1000, KNOWN, 2000 },
	{ "UDP, first fragment", V4, 17, 0x2000, PORTS, 17, KNOWN, 1000, KNOWN, 2000 },
	{ "UDP, later fragment", V4, 17, 0x2001, PORTS, 17, HIDDEN, 0, HIDDEN, 0 },
	{ "UDP, last fragment", V4, 17, 0x1fff, PORTS, 17, HIDDEN, 0, HIDDEN, 0 },
	{ "UDP, cut inside the ports", V4, 17, 0, "03e807", 17, HIDDEN, 0, HIDDEN, 0 },
	{ "UDP, nothing there", V4, 17, 0, "", 17, HIDDEN, 0, HIDDEN, 0 },
	{ "ICMP echo request", V4, 1, 0, "0800f7ff", 1, KNOWN, 0x0800, FREE, 0 },
	{ "ICMP port unreachable", V4, 1, 0, "0303fcfc", 1, KNOWN, 0x0303, FREE, 0 },
	{ "ICMP, later fragment", V4, 1, 0x0001, "0800f7ff", 1, HIDDEN, 0, FREE, 0 },
	{ "ICMP, cut inside", V4, 1, 0, "08", 1, HIDDEN, 0, FREE, 0 },
	{ "GRE has no ports", V4, 47, 0, PORTS, 47, HIDDEN, 0, HIDDEN, 0 },
	{ "ESP has no ports", V4, 50, 0, PORTS, 50, HIDDEN, 0, HIDDEN, 0 },
	{ "UDP over IPv6", V6, 17, 0, PORTS, 17, KNOWN, 1000, KNOWN, 2000 },
	{ "ICMPv6", V6, 58, 0, "80000000", 58, KNOWN, 0x8000, FREE, 0 },
	{ "Mobility Header", V6, 135, 0, "3b010500 00000000", 135, KNOWN, 0x0500, FREE, 0 },
	{ "no next header", V6, 59, 0, "", 59, HIDDEN, 0, HIDDEN, 0 },
	{ "hop-by-hop", V6, 0, 0, "0600010400000000" PORTS, 6, KNOWN, 1000, KNOWN, 2000 },
	{ "destination options of 16", V6, 60, 0, "1101010400000000 0104000000000000" PORTS, 17,
	  KNOWN, 1000, KNOWN, 2000 },
	{ "routing, then UDP", V6, 43, 0, "1100000000000000" PORTS, 17, KNOWN, 1000, KNOWN, 2000 },
	{ "first fragment", V6, 44, 0, "1100000112345678" PORTS, 17, KNOWN, 1000, KNOWN, 2000 },
	{ "later fragment", V6, 44, 0, "1100000812345678" PORTS, 17, HIDDEN, 0, HIDDEN, 0 },
	{ "later fragment of ICMPv6", V6, 44, 0, "3a00000912345678 80000000", 58, HIDDEN, 0, FREE,
	  0 },
	{ "AH is not skipped", V6, 51, 0, "1104000000000001", 51, HIDDEN, 0, HIDDEN, 0 },
	{ "eight extensions", V6, 60, 0,
	  "3c00010400000000 3c00010400000000 3c00010400000000 3c00010400000000"
	  "3c00010400000000 3c00010400000000 3c00010400000000 1100010400000000" PORTS,
	  17, KNOWN, 1000, KNOWN, 2000 },
};

/* Hex, with or without blanks, to octets in buf. */
static struct bytes unhex(const char *hex, uint8_t buf[MAX_LEN])
{
	size_t len = 0;
	unsigned int octet;
	int used;

	while (sscanf(hex, " %2x%n", &octet, &used) == 1) {
		assert_true(len < MAX_LEN);
		buf[len++] = (uint8_t)octet;
		hex += used;
	}
	assert_int_equal(*hex, '\0');
	return (struct bytes){ buf, len };
}

static void expect(const char *name, const char *what, long got, long want)
{
	if (got != want)
		fail_msg("%s: %s: got %ld, want %ld", name, what, got, want);
}

static struct bytes build(const struct flow_case *c, uint8_t buf[MAX_LEN])
{
	uint8_t payload[MAX_LEN];
	struct inner in = { c->src, c->dst, c->first, c->fragment, unhex(c->payload, payload) };

	return (struct bytes){ buf, inner_build(&in, buf, MAX_LEN) };
}

/* Decodes a copy of exactly that size: ASan then sees any overread. */
static int decode_copy(struct bytes packet, struct flow *flow)
{
	uint8_t *copy = malloc(packet.len);
	int err;

	if (packet.len > 0)
		memcpy(copy, packet.ptr, packet.len);
	err = flow_decode((struct bytes){ copy, packet.len }, flow);
	free(copy);
	return err;
}

static void check_flow(const struct flow_case *c, struct bytes packet)
{
	struct flow flow;
	char src[IP_TEXT_MAX], dst[IP_TEXT_MAX];

	expect(c->name, "decode", decode_copy(packet, &flow), 0);
	expect(c->name, "length", (long)flow.len, (long)packet.len);
	expect(c->name, "source", strcmp(ip_format(&flow.src.ip, src), c->src), 0);
	expect(c->name, "destination", strcmp(ip_format(&flow.dst.ip, dst), c->dst), 0);
	expect(c->name, "has protocol", flow.has_protocol, true);
	expect(c->name, "protocol", flow.protocol, c->protocol);
	expect(c->name, "source port kind", (long)flow.src.kind, (long)c->src_kind);
	expect(c->name, "source port", flow.src.port, c->src_port);
	expect(c->name, "destination port kind", (long)flow.dst.kind, (long)c->dst_kind);
	expect(c->name, "destination port", flow.dst.port, c->dst_port);
}

static void test_flows(void **state)
{
	uint8_t buf[MAX_LEN + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(flow_cases); i++) {
		struct bytes packet = build(&flow_cases[i], buf);
		struct flow flow;

		check_flow(&flow_cases[i], packet);
		for (size_t len = 0; len < packet.len; len++)
			expect(flow_cases[i].name, "cut",
			       decode_copy((struct bytes){ buf, len }, &flow), ERR_TRUNCATED);
		buf[packet.len++] = 0xee;
		expect(flow_cases[i].name, "padded", decode_copy(packet, &flow), 0);
		expect(flow_cases[i].name, "without padding", (long)flow.len, (long)packet.len - 1);
	}
}

#define V6_HEADER(len, next)                                      \
	"60000000" len next "40 20010db8000100000000000000000100" \
	"20010db8000200000000000000000201"

static const struct refused_case {
	const char *name;
	int err;
	const char *packet;
} refused_cases[] = {
	{ "nothing", ERR_TRUNCATED, "" },
	{ "version 5", ERR_VALUE, "55000014 00000000 40060000 0a010064 0a0100c9" },
	{ "version 0", ERR_VALUE, "05000014 00000000 40060000 0a010064 0a0100c9" },
	{ "IPv4 header of 16", ERR_VALUE, "44000014 00000000 40060000 0a010064 0a0100c9" },
	{ "IPv4 total below header", ERR_VALUE, "45000013 00000000 40060000 0a010064 0a0100c9" },
	{ "IPv4 total 0", ERR_VALUE, "45000000 00000000 40060000 0a010064 0a0100c9" },
	{ "IPv4 total beyond", ERR_TRUNCATED, "45000015 00000000 40060000 0a010064 0a0100c9" },
	{ "IPv4 options beyond", ERR_VALUE, "46000014 00000000 40060000 0a010064 0a0100c9" },
	{ "IPv4 options cut", ERR_TRUNCATED, "46000018 00000000 40060000 0a010064 0a0100c9" },
	{ "IPv6 length beyond", ERR_TRUNCATED, V6_HEADER("0001", "3b") },
	{ "IPv6 extension missing", ERR_TRUNCATED, V6_HEADER("0000", "00") },
	{ "IPv6 extension cut", ERR_TRUNCATED, V6_HEADER("0007", "3c") "11000104000000" },
	{ "IPv6 extension too long", ERR_TRUNCATED, V6_HEADER("0008", "3c") "1101010400000000" },
	{ "IPv6 fragment header cut", ERR_TRUNCATED, V6_HEADER("0004", "2c") "11000000" },
	{ "IPv6, nine extensions", ERR_LIMIT,
	  V6_HEADER("0048", "3c") "3c00010400000000 3c00010400000000 3c00010400000000"
				  "3c00010400000000 3c00010400000000 3c00010400000000"
				  "3c00010400000000 3c00010400000000 1100010400000000" },
};

static void test_refused(void **state)
{
	uint8_t buf[MAX_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT(refused_cases); i++) {
		const struct refused_case *c = &refused_cases[i];
		struct flow flow = { .len = 4711 };

		expect(c->name, "decode", decode_copy(unhex(c->packet, buf), &flow), c->err);
		expect(c->name, "output untouched", (long)flow.len, 4711);
	}
}

static void test_hidden_protocol(void **state)
{
	static const struct flow_case c = { .src = "2001:db8:1::100",
					    .dst = "2001:db8:2::201",
					    .first = 44,
					    .payload = "3c00000812345678" PORTS };
	struct ts any = ts_of("::/0", 0, 0, 65535), udp = ts_of("::/0", 17, 0, 65535);
	struct ts options = ts_of("::/0", 60, 0, 65535);
	uint8_t buf[MAX_LEN];
	struct flow flow;

	(void)state;
	assert_int_equal(decode_copy(build(&c, buf), &flow), 0);
	assert_false(flow.has_protocol);
	assert_true(flow_is_inside(&flow, &flow.src, &any));
	assert_false(flow_is_inside(&flow, &flow.src, &udp));
	assert_false(flow_is_inside(&flow, &flow.src, &options));
}

#define ANY    0, 65535
#define OPAQUE 65535, 0
#define ECHO   0x0800, 0x08ff

/* Which sides of a flow (by its name above) a selector takes. */
static const struct selector_case {
	const char *flow;
	const char *prefix;
	uint8_t protocol;
	uint16_t first, last;
	bool src, dst;
} selector_cases[] = {
	{ "UDP", "0.0.0.0/0", 0, ANY, true, true },
	{ "UDP", "::/0", 0, ANY, false, false },
	{ "UDP", "10.1.0.100/32", 0, ANY, true, false },
	{ "UDP", "10.1.0.200/31", 0, ANY, false, true },
	{ "UDP", "10.1.0.0/24", 17, ANY, true, true },
	{ "UDP", "10.1.0.0/24", 6, ANY, false, false },
	{ "UDP", "10.1.0.0/24", 17, 1000, 1000, true, false },
	{ "UDP", "10.1.0.0/24", 17, 1001, 2000, false, true },
	{ "UDP", "10.1.0.0/24", 17, 1000, 2000, true, true },
	{ "UDP", "10.1.0.0/24", 17, 1001, 1999, false, false },
	{ "UDP", "10.1.0.0/24", 17, OPAQUE, false, false },
	{ "UDP", "10.1.0.0/24", 0, 1000, 1000, true, false },
	{ "UDP, later fragment", "10.1.0.0/24", 17, ANY, true, true },
	{ "UDP, later fragment", "10.1.0.0/24", 17, 0, 65534, false, false },
	{ "UDP, later fragment", "10.1.0.0/24", 17, 1, 65535, false, false },
	{ "UDP, later fragment", "10.1.0.0/24", 17, OPAQUE, true, true },
	{ "UDP, cut inside the ports", "10.1.0.0/24", 17, 1000, 2000, false, false },
	{ "ICMP echo request", "10.1.0.0/24", 1, ANY, true, true },
	{ "ICMP echo request", "10.1.0.0/24", 1, ECHO, true, true },
	{ "ICMP echo request", "10.1.0.0/24", 1, 0, 0x00ff, false, true },
	{ "ICMP echo request", "10.1.0.0/24", 1, OPAQUE, false, true },
	{ "ICMP port unreachable", "10.1.0.0/24", 1, 0x0303, 0x0303, true, true },
	{ "ICMP port unreachable", "10.1.0.0/24", 1, 0x0301, 0x0301, false, true },
	{ "ICMP, later fragment", "10.1.0.0/24", 1, ECHO, false, true },
	{ "GRE has no ports", "10.1.0.0/24", 47, ANY, true, true },
	{ "GRE has no ports", "10.1.0.0/24", 47, OPAQUE, true, true },
	{ "GRE has no ports", "10.1.0.0/24", 47, 1000, 2000, false, false },
	{ "ICMPv6", "2001:db8:1::/64", 58, 0x8000, 0x8000, true, false },
	{ "Mobility Header", "2001:db8::/32", 135, 0x0500, 0x0500, true, true },
	{ "Mobility Header", "2001:db8::/32", 135, 0x0600, 0x0600, false, true },
	{ "later fragment", "2001:db8::/32", 17, ANY, true, true },
	{ "later fragment", "2001:db8::/32", 6, ANY, false, false },
};

static struct flow flow_named(const char *name)
{
	uint8_t buf[MAX_LEN];
	struct flow flow;

	for (size_t i = 0; i < COUNT(flow_cases); i++) {
		if (strcmp(flow_cases[i].name, name) != 0)
			continue;
		expect(name, "decode", flow_decode(build(&flow_cases[i], buf), &flow), 0);
		return flow;
	}
	fail_msg("there is no flow \"%s\"", name);
	abort();
}

static void test_selectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(selector_cases); i++) {
		const struct selector_case *c = &selector_cases[i];
		struct flow flow = flow_named(c->flow);
		struct ts ts = ts_of(c->prefix, c->protocol, c->first, c->last);

		if (flow_is_inside(&flow, &flow.src, &ts) != c->src ||
		    flow_is_inside(&flow, &flow.dst, &ts) != c->dst)
			fail_msg("row %zu: %s in %s, protocol %u, %u-%u", i, c->flow, c->prefix,
				 c->protocol, c->first, c->last);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hidden_protocol),
		cmocka_unit_test(test_selectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
