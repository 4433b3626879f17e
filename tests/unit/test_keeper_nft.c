/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "agent/keeper/fence.h"

/*
 * The fences as batches: which messages, in which order, and that each is whole. What the kernel
 * makes of them is for the network tests.
 */

static struct keeper_conf conf;
static _Alignas(8) uint8_t octets[FENCE_BATCH_MAX];

static void add_address(const char *ip, enum keeper_claim claim)
{
	struct keeper_address *a = &conf.addresses[conf.address_count++];

	assert_int_equal(ip_parse(ip, &a->ip), 0);
	a->claim = claim;
}

static struct keeper_connection *add_connection(enum keeper_inside inside)
{
	struct keeper_connection *c = &conf.connections[conf.connection_count++];

	c->inside = inside;
	return c;
}

static void add_prefix(struct keeper_connection *c, const char *prefix)
{
	assert_int_equal(ip_prefix_parse(prefix, &c->remote_ts[c->remote_ts_count++]), 0);
}

static int clear(void **state)
{
	(void)state;
	memset(&conf, 0, sizeof(conf));
	return 0;
}

/* ---- ranges ---------------------------------------------------------------- */

static void expect_ranges(uint8_t family, const char *want)
{
	struct ip_range ranges[64];
	size_t count = fence_ranges(&conf, family, ranges, 64);
	char got[1024] = "", text[RANGE_TEXT_MAX];

	for (size_t i = 0; i < count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
			 ip_range_format(&ranges[i], text));
	assert_string_equal(got, want);
}

static void test_ranges_are_merged(void **state)
{
	static const char *const prefixes[] = { "10.3.0.0/16",   "10.1.0.128/25",     "10.1.0.0/25",
						"10.1.0.64/26",  "10.0.0.0/24",       "10.1.2.0/24",
						"2001:db8::/33", "2001:db8:8000::/33" };
	struct keeper_connection *c = add_connection(KEEPER_INSIDE_PROXY_ARP);

	(void)state;
	expect_ranges(IP_V4, "");
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		add_prefix(c, prefixes[i]);
	add_prefix(add_connection(KEEPER_INSIDE_ROUTE), "172.16.0.0/12");
	add_prefix(add_connection(KEEPER_INSIDE_PROXY_ARP), "10.1.0.7/32");
	expect_ranges(IP_V4, "10.0.0.0/24 10.1.0.0/24 10.1.2.0/24 10.3.0.0/16 ");
	expect_ranges(IP_V6, "2001:db8::/32 ");
}

static void test_everything_is_a_range(void **state)
{
	struct keeper_connection *c = add_connection(KEEPER_INSIDE_PROXY_ARP);

	(void)state;
	add_prefix(c, "10.0.0.0/8");
	add_prefix(c, "0.0.0.0/0");
	add_prefix(c, "255.255.255.255/32");
	expect_ranges(IP_V4, "0.0.0.0/0 ");
}

/* ---- batches --------------------------------------------------------------- */

static const char *type_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {
		{ NFNL_MSG_BATCH_BEGIN, "begin" },
		{ NFNL_MSG_BATCH_END, "end" },
		{ NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, "table" },
		{ NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, "-table" },
		{ NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, "chain" },
		{ NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET, "set" },
		{ NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM, "elements" },
		{ NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM, "-elements" },
		{ NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, "rule" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	return "?";
}

/* Attributes fill their room exactly, on every level that is marked as nested. */
static void check_attributes(const uint8_t *ptr, size_t len)
{
	while (len > 0) {
		struct nlattr attr;

		assert_true(len >= sizeof(attr));
		memcpy(&attr, ptr, sizeof(attr));
		assert_in_range(attr.nla_len, sizeof(attr), len);
		if ((attr.nla_type & NLA_F_NESTED) != 0)
			check_attributes(ptr + sizeof(attr), attr.nla_len - sizeof(attr));
		ptr += (size_t)NLA_ALIGN(attr.nla_len);
		len -= (size_t)NLA_ALIGN(attr.nla_len);
	}
}

static void expect_batch(const struct nft_batch *b, uint32_t seq, const char *want)
{
	char got[512] = "";
	struct nlmsghdr h;

	assert_false(b->is_full);
	for (size_t at = 0; at < b->len; at += (size_t)NLMSG_ALIGN(h.nlmsg_len)) {
		memcpy(&h, octets + at, sizeof(h));
		assert_in_range(h.nlmsg_len, sizeof(h) + sizeof(struct nfgenmsg), b->len - at);
		assert_int_equal(h.nlmsg_seq, seq++);
		check_attributes(octets + at + sizeof(h) + sizeof(struct nfgenmsg),
				 h.nlmsg_len - sizeof(h) - sizeof(struct nfgenmsg));
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
			 type_name(h.nlmsg_type));
	}
	assert_string_equal(got, want);
	assert_int_equal(b->seq, seq);
}

#define START "begin table -table table chain "

static void test_source_fence(void **state)
{
	struct nft_batch b = nft_batch_init(octets, sizeof(octets), 7);

	(void)state;
	add_address("192.0.2.22", KEEPER_CLAIM_NONE);
	assert_false(fence_is_needed(&conf, FENCE_SOURCE_V4));
	add_address("192.0.2.21", KEEPER_CLAIM_L2);
	add_address("198.51.100.21", KEEPER_CLAIM_HOOK);
	assert_true(fence_is_needed(&conf, FENCE_SOURCE_V4));
	assert_false(fence_is_needed(&conf, FENCE_SOURCE_V6));
	fence_install(&b, FENCE_SOURCE_V4, &conf, NULL, 0);
	expect_batch(&b, 7, START "set elements rule end ");
	b = nft_batch_init(octets, sizeof(octets), 20);
	fence_keep(&b, FENCE_SOURCE_V4, &conf, NULL, 0);
	expect_batch(&b, 20, "begin elements end ");
	b = nft_batch_init(octets, sizeof(octets), 30);
	fence_remove(&b, FENCE_SOURCE_V4);
	expect_batch(&b, 30, "begin -table end ");
}

static void test_inside_fence(void **state)
{
	struct nft_batch b = nft_batch_init(octets, sizeof(octets), 1);
	struct ip own = { IP_V4, { 10, 1, 0, 11 } };
	struct ip other = { IP_V4, { 10, 2, 0, 11 } };

	(void)state;
	assert_false(fence_is_needed(&conf, FENCE_INSIDE_V4));
	add_prefix(add_connection(KEEPER_INSIDE_ROUTE), "10.0.0.0/8");
	assert_false(fence_is_needed(&conf, FENCE_INSIDE_V4));
	add_prefix(add_connection(KEEPER_INSIDE_PROXY_ARP), "10.1.0.0/16");
	assert_true(fence_is_needed(&conf, FENCE_INSIDE_V4));
	assert_false(fence_is_needed(&conf, FENCE_INSIDE_V6));
	assert_true(fence_has(&conf, FENCE_INSIDE_V4, &own));
	assert_false(fence_has(&conf, FENCE_INSIDE_V4, &other));
	fence_install(&b, FENCE_INSIDE_V4, &conf, &own, 1);
	expect_batch(&b, 1, START "set set set elements elements elements rule end ");
	b = nft_batch_init(octets, sizeof(octets), 1);
	fence_keep(&b, FENCE_INSIDE_V4, &conf, &own, 1);
	expect_batch(&b, 1, "begin -elements elements -elements elements end ");
	b = nft_batch_init(octets, sizeof(octets), 1);
	fence_keep(&b, FENCE_INSIDE_V4, &conf, NULL, 0);
	expect_batch(&b, 1, "begin -elements elements -elements end ");
}

/* As many prefixes as there can be, none touching another. */
static void test_largest_fence(void **state)
{
	struct nft_batch b = nft_batch_init(octets, sizeof(octets), 1);
	struct ip own[FENCE_OWN_MAX];
	uint32_t n = 0;

	(void)state;
	for (size_t i = 0; i < KEEPER_CONNECTIONS_MAX; i++) {
		struct keeper_connection *c = add_connection(KEEPER_INSIDE_PROXY_ARP);

		for (c->remote_ts_count = 0; c->remote_ts_count < KEEPER_PREFIXES_MAX; n += 2)
			c->remote_ts[c->remote_ts_count++] = (struct ip_prefix){
				.ip = { IP_V6,
					{ 0x20, 1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n } },
				.bits = 128
			};
	}
	for (size_t i = 0; i < FENCE_OWN_MAX; i++)
		own[i] = (struct ip){ IP_V6, { 0x20, 1, [15] = (uint8_t)i } };
	fence_install(&b, FENCE_INSIDE_V6, &conf, own, FENCE_OWN_MAX);
	expect_batch(&b, 1,
		     START
		     "set set set "
		     "elements elements elements elements elements elements elements elements "
		     "elements elements elements elements elements elements elements elements "
		     "elements elements elements rule end ");
	b = nft_batch_init(octets, 32768, 1);
	fence_keep(&b, FENCE_INSIDE_V6, &conf, own, FENCE_OWN_MAX);
	assert_false(b.is_full);
}

static void test_what_does_not_fit(void **state)
{
	(void)state;
	add_prefix(add_connection(KEEPER_INSIDE_PROXY_ARP), "10.1.0.0/16");
	for (size_t cap = 1024; cap < 4096; cap += 4) {
		uint8_t *small = malloc(cap);
		struct nft_batch b = nft_batch_init(small, cap, 1);

		fence_install(&b, FENCE_INSIDE_V4, &conf, NULL, 0);
		assert_true(b.is_full || b.len <= cap);
		assert_true(b.is_full || cap > 2048);
		free(small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ranges_are_merged, clear),
		cmocka_unit_test_setup(test_everything_is_a_range, clear),
		cmocka_unit_test_setup(test_source_fence, clear),
		cmocka_unit_test_setup(test_inside_fence, clear),
		cmocka_unit_test_setup(test_largest_fence, clear),
		cmocka_unit_test_setup(test_what_does_not_fit, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
