/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/netlink_msg.h"
#include "tests/lib/octets.h"

/*
 * Octets are those that a kernel (6.18, x86-64) took and gave: netlink speaks the byte order of the
 * host, so the comparisons hold on little-endian hosts and are skipped elsewhere.
 */
#define V0 3 /* ifindex of the Ethernet link */
#define T0 4 /* and of the TUN device */

static struct ip to_ip(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

static struct ip_prefix to_prefix(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return prefix;
}

static bool is_little_endian(void)
{
	const uint16_t one = 1;

	return *(const uint8_t *)&one == 1;
}

/* ---- built ----------------------------------------------------------------- */

static struct netlink_address address(const char *ip)
{
	return (struct netlink_address){ to_ip(ip), V0, KEEPER_PROTOCOL, 3, 2, false, 0, 0 };
}

static struct netlink_route route(const char *prefix, uint32_t metric)
{
	return (struct netlink_route){ to_prefix(prefix), T0, metric, KEEPER_PROTOCOL };
}

static struct netlink_proxy proxy(const char *ip)
{
	return (struct netlink_proxy){ to_ip(ip), V0, KEEPER_PROTOCOL };
}

static void build(size_t which, struct netlink_msg *m)
{
	struct netlink_address a4 = address("192.0.2.21"), a6 = address("2001:db8::21");
	struct netlink_route r4 = route("10.1.0.200/30", 100), r6 = route("2001:db8:1::/64", 0);
	struct netlink_proxy p4 = proxy("10.1.0.201"), p6 = proxy("2001:db8:1::1");

	switch (which) {
	case 0:
		netlink_msg_address_set(m, &a4);
		break;
	case 1:
		netlink_msg_address_set(m, &a6);
		break;
	case 2:
		netlink_msg_address_del(m, &a4);
		break;
	case 3:
		netlink_msg_route_set(m, &r4, false);
		break;
	case 4:
		netlink_msg_route_set(m, &r4, true);
		break;
	case 5:
		netlink_msg_route_set(m, &r6, false);
		break;
	case 6:
		netlink_msg_route_del(m, &r4);
		break;
	case 7:
		netlink_msg_proxy_set(m, &p4);
		break;
	case 8:
		netlink_msg_proxy_set(m, &p6);
		break;
	case 9:
		netlink_msg_proxy_del(m, &p4);
		break;
	case 10:
		netlink_msg_address_dump(m, IP_V4);
		break;
	case 11:
		netlink_msg_route_dump(m, IP_V6, KEEPER_PROTOCOL);
		break;
	case 12:
		netlink_msg_proxy_dump(m, IP_V4);
		break;
	case 13:
		netlink_msg_netconf_get(m, IP_V4, V0);
		break;
	case 14:
		netlink_msg_netconf_get(m, IP_V6, NETLINK_ALL);
		break;
	default:
		fail();
	}
}

static const struct built_case {
	const char *name;
	const char *octets;
} built_cases[] = {
	{ "IPv4 address", "4c000000 1400 0505 00000000 00000000  02 20 00 00 03000000 "
			  "0800 0200 c0000215  0800 0100 c0000215 "        /* LOCAL, ADDRESS */
			  "1400 0600 02000000 03000000 00000000 00000000 " /* CACHEINFO */
			  "0800 0800 00020000 "                            /* NOPREFIXROUTE */
			  "0500 0b00 57000000" },
	{ "IPv6 address", "64000000 1400 0505 00000000 00000000  0a 80 00 00 03000000 "
			  "1400 0200 20010db8000000000000000000000021 "
			  "1400 0100 20010db8000000000000000000000021 "
			  "1400 0600 02000000 03000000 00000000 00000000 "
			  "0800 0800 02020000 " /* NODAD too */
			  "0500 0b00 57000000" },
	{ "address away", "28000000 1500 0500 00000000 00000000  02 20 00 00 03000000 "
			  "0800 0200 c0000215  0800 0100 c0000215" },
	{ "new route", "34000000 1800 0506 00000000 00000000  02 1e 00 00 fe 57 fd 01 00000000 "
		       "0800 0100 0a0100c8  0800 0400 04000000  0800 0600 64000000" },
	{ "route again", "34000000 1800 0505 00000000 00000000  02 1e 00 00 fe 57 fd 01 00000000 "
			 "0800 0100 0a0100c8  0800 0400 04000000  0800 0600 64000000" },
	{ "IPv6 route", "38000000 1800 0506 00000000 00000000  0a 40 00 00 fe 57 00 01 00000000 "
			"1400 0100 20010db8000100000000000000000000  0800 0400 04000000" },
	{ "route away", "34000000 1900 0500 00000000 00000000  02 1e 00 00 fe 57 fd 01 00000000 "
			"0800 0100 0a0100c8  0800 0400 04000000  0800 0600 64000000" },
	{ "proxy", "2c000000 1c00 0505 00000000 00000000  02 000000 03000000 0000 08 00 "
		   "0800 0100 0a0100c9  0500 0c00 57000000" },
	{ "IPv6 proxy", "38000000 1c00 0505 00000000 00000000  0a 000000 03000000 0000 08 00 "
			"1400 0100 20010db8000100000000000000000001  0500 0c00 57000000" },
	{ "proxy away", "24000000 1d00 0500 00000000 00000000  02 000000 03000000 0000 08 00 "
			"0800 0100 0a0100c9" },
	{ "addresses", "18000000 1600 0503 00000000 00000000  02 00 00 00 00000000" },
	{ "routes", "1c000000 1a00 0503 00000000 00000000  0a 00 00 00 fe 57 00 00 00000000" },
	{ "proxies", "1c000000 1e00 0503 00000000 00000000  02 000000 00000000 0000 08 00" },
	{ "settings", "1c000000 5200 0500 00000000 00000000  02 000000 0800 0100 03000000" },
	{ "all settings", "1c000000 5200 0500 00000000 00000000  0a 000000 0800 0100 ffffffff" },
};

static void test_built_messages(void **state)
{
	(void)state;
	if (!is_little_endian())
		skip();
	for (size_t i = 0; i < sizeof(built_cases) / sizeof(built_cases[0]); i++) {
		struct netlink_msg m;

		build(i, &m);
		octets_expect(built_cases[i].name, "octets",
			      (struct bytes){ m.octets, netlink_msg_header(&m)->nlmsg_len },
			      built_cases[i].octets);
	}
}

/* ---- read ------------------------------------------------------------------ */

#define A4                                                                                \
	"54000000 1400 0200 09000000 053a0000  02 20 00 00 03000000  0800 0100 c0000215 " \
	"0800 0200 c0000215  0700 0300 76300000  0500 0b00 57000000  0800 0800 00020000 " \
	"1400 0600 02000000 03000000 37c80400 37c80400"
#define A6                                                            \
	"50000000 1400 0200 0a000000 053a0000  0a 80 02 00 03000000 " \
	"1400 0100 20010db8000000000000000000000021 "                 \
	"1400 0600 02000000 03000000 37c80400 37c80400  0800 0800 02020000 0500 0b00 57000000"
/* A point-to-point address: LOCAL is ours, ADDRESS the peer's; no IFA_PROTO. */
#define A_PEER                                                                            \
	"28000000 1400 0200 09000000 053a0000  02 20 00 00 04000000  0800 0100 c0000299 " \
	"0800 0200 c0000215"
#define R4                                                                        \
	"3c000000 1800 2200 0b000000 053a0000  02 1e 00 00 fe 57 fd 01 10000000 " \
	"0800 0f00 fe000000  0800 0100 0a0100c8  0800 0600 64000000  0800 0400 04000000"
#define R6                                                                            \
	"74000000 1800 2200 0c000000 053a0000  0a 40 00 00 fe 57 00 01 10000000 "     \
	"0800 0f00 fe000000  1400 0100 20010db8000100000000000000000000 "             \
	"0800 0600 00040000  0800 0400 04000000 "                                     \
	"2400 0c00 0000000000000000000000000000000000000000000000000000000000000000 " \
	"0500 1400 00000000"
#define R_DEFAULT                                                                 \
	"24000000 1800 2200 0b000000 053a0000  02 00 00 00 fe 57 fd 01 00000000 " \
	"0800 0400 04000000"
#define P4                                                                     \
	"2c000000 1c00 0200 0d000000 053a0000  02 000000 03000000 0000 08 01 " \
	"0800 0100 0a0100c9  0500 0c00 57000000"
#define P6                                                                     \
	"38000000 1c00 0200 0e000000 053a0000  0a 000000 03000000 0000 08 01 " \
	"1400 0100 20010db8000100000000000000000001  0500 0c00 57000000"
#define NETCONF                                                                           \
	"4c000000 5000 0000 0f000000 053a0000  02 000000  0800 0100 03000000 "            \
	"0800 0200 01000000  0800 0300 00000000  0800 0400 00000000  0800 0800 00000000 " \
	"0800 0500 00000000  0800 0600 00000000"
#define ERROR_CAPPED                                                                           \
	"40000000 0200 0003 00000000 a33f0000  9dffffff 28000000 1500 0500 00000000 00000000 " \
	"1c00 0100 697076343a2041646472657373206e6f7420666f756e6400"
#define ERROR_WHOLE                                                                            \
	"58000000 0200 0002 00000000 a33f0000  9dffffff 28000000 1500 0500 00000000 00000000 " \
	"0220000003000000 0800 0200 c0000215 0800 0100 c0000215 "                              \
	"1c00 0100 697076343a2041646472657373206e6f7420666f756e6400"
#define ERROR_PLAIN                                                                            \
	"3c000000 0200 0000 00000000 a33f0000  9dffffff 28000000 1500 0500 00000000 00000000 " \
	"0220000003000000 0800 0200 c0000215 0800 0100 c0000215"
#define ACK "24000000 0200 0001 00000000 a33f0000  00000000 28000000 1500 0500 00000000 00000000"

static const struct read_case {
	const char *name;
	const char *octets;
	int err;
	const char *want;
} read_cases[] = {
	{ "IPv4 address", A4, 0, "address 192.0.2.21/32 3 87 0x200" },
	{ "IPv6 address", A6, 0, "address 2001:db8::21/128 3 87 0x202" },
	{ "address with a peer", A_PEER, 0, "address 192.0.2.21/32 4 0 0x0" },
	{ "route", R4, 0, "route 10.1.0.200/30 4 100 87" },
	{ "IPv6 route", R6, 0, "route 2001:db8:1::/64 4 1024 87" },
	{ "default route", R_DEFAULT, 0, "route 0.0.0.0/0 4 0 87" },
	{ "proxy", P4, 0, "proxy 10.1.0.201 3 87" },
	{ "IPv6 proxy", P6, 0, "proxy 2001:db8:1::1 3 87" },
	{ "settings", NETCONF, 0, "netconf 1 0" },
	{ "error, capped", ERROR_CAPPED, 0, "error 99 ipv4: Address not found" },
	{ "error, whole", ERROR_WHOLE, 0, "error 99 ipv4: Address not found" },
	{ "error without text", ERROR_PLAIN, 0, "error 99 " },
	{ "acknowledgement", ACK, 0, "error 0 " },
	{ "neighbour that is no proxy",
	  "24000000 1c00 0200 0d000000 053a0000  02 000000 03000000 0200 00 01  0800 0100 0a0100c9",
	  ERR_UNSUPPORTED, "" },
	{ "route of another table",
	  "24000000 1800 2200 0b000000 053a0000  02 20 00 00 ff 57 fd 01 00000000 "
	  "0800 0100 0a0100c8",
	  ERR_UNSUPPORTED, "" },
	{ "cloned route",
	  "24000000 1800 2200 0b000000 053a0000  02 20 00 00 fe 57 fd 01 00020000 "
	  "0800 0100 0a0100c8",
	  ERR_UNSUPPORTED, "" },
	{ "bridge neighbour",
	  "24000000 1c00 0200 0d000000 053a0000  07 000000 03000000 0200 08 01  0800 0100 0a0100c9",
	  ERR_UNSUPPORTED, "" },
	{ "address in a network of 33 bits",
	  "28000000 1400 0200 09000000 053a0000  02 21 00 00 04000000  0800 0100 c0000299 "
	  "0800 0200 c0000215",
	  ERR_VALUE, "" },
	{ "address without an address",
	  "18000000 1400 0200 09000000 053a0000  02 20 00 00 03000000", ERR_VALUE, "" },
	{ "address of 3 octets",
	  "20000000 1400 0200 09000000 053a0000  02 20 00 00 03000000  0700 0200 c0000200",
	  ERR_VALUE, "" },
	{ "route of 33 bits",
	  "24000000 1800 2200 0b000000 053a0000  02 21 00 00 fe 57 fd 01 00000000 "
	  "0800 0100 0a0100c8",
	  ERR_VALUE, "" },
	{ "attribute beyond the end",
	  "20000000 1400 0200 09000000 053a0000  02 20 00 00 03000000  0900 0200 c0000215",
	  ERR_VALUE, "" },
};

/* Reads it as what its type says; what came out goes to text. */
static int read_any(const struct nlmsghdr *h, char text[256])
{
	char value[PREFIX_TEXT_MAX], message[64];
	struct netlink_address a;
	struct netlink_route r;
	struct netlink_proxy p;
	struct netlink_netconf n;
	int err = ERR_UNSUPPORTED, errnum;

	text[0] = '\0';
	if ((err = netlink_msg_read_address(h, &a)) == 0)
		snprintf(text, 256, "address %s/%u %u %u 0x%x", ip_format(&a.ip, value), a.bits,
			 a.ifindex, a.protocol, a.flags);
	else if (err == ERR_UNSUPPORTED && (err = netlink_msg_read_route(h, &r)) == 0)
		snprintf(text, 256, "route %s %u %u %u", ip_prefix_format(&r.prefix, value),
			 r.ifindex, r.metric, r.protocol);
	else if (err == ERR_UNSUPPORTED && (err = netlink_msg_read_proxy(h, &p)) == 0)
		snprintf(text, 256, "proxy %s %u %u", ip_format(&p.ip, value), p.ifindex,
			 p.protocol);
	else if (err == ERR_UNSUPPORTED && (err = netlink_msg_read_netconf(h, &n)) == 0)
		snprintf(text, 256, "netconf %d %d", n.is_forwarding, n.is_proxying);
	else if (err == ERR_UNSUPPORTED && h->nlmsg_type == NLMSG_ERROR &&
		 (err = netlink_msg_read_error(h, &errnum, message, sizeof(message))) == 0)
		snprintf(text, 256, "error %d %s", errnum, message);
	return err;
}

static void test_read_messages(void **state)
{
	(void)state;
	if (!is_little_endian())
		skip();
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]); i++) {
		const struct read_case *c = &read_cases[i];
		struct octets o = octets_from_hex(c->octets);
		char text[256];
		int err = read_any((const void *)o.data, text);

		if (err != c->err || strcmp(text, c->want) != 0)
			fail_msg("%s: %d \"%s\"", c->name, err, text);
	}
}

/* Every cut, in memory of exactly that size: ASan then sees any overread. */
static void test_cut_messages(void **state)
{
	(void)state;
	if (!is_little_endian())
		skip();
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]); i++) {
		struct octets o = octets_from_hex(read_cases[i].octets);

		for (size_t cut = sizeof(struct nlmsghdr); cut < o.len; cut++) {
			struct nlmsghdr *h = malloc(cut);
			char text[256];

			memcpy(h, o.data, cut);
			h->nlmsg_len = (uint32_t)cut;
			if (read_any(h, text) == 0)
				assert_int_equal(strncmp(text, read_cases[i].want, 4), 0);
			free(h);
		}
	}
}

static void test_long_reason_is_cut(void **state)
{
	struct octets error = octets_from_hex(ERROR_CAPPED), other = octets_from_hex(A4);
	char text[8];
	int errnum;

	(void)state;
	if (!is_little_endian())
		skip();
	assert_int_equal(
	    netlink_msg_read_error((const void *)error.data, &errnum, text, sizeof(text)), 0);
	assert_string_equal(text, "ipv4: A");
	assert_int_equal(
	    netlink_msg_read_error((const void *)other.data, &errnum, text, sizeof(text)),
	    ERR_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built_messages),
		cmocka_unit_test(test_read_messages),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_long_reason_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
