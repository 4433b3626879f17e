/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/fence.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "agent/keeper/frame.h"

#define CHAIN        "output"
#define RANGES_MAX   ((size_t)KEEPER_CONNECTIONS_MAX * KEEPER_PREFIXES_MAX)
#define LIST_AT_ONCE 1000 /* elements in one message */

/* Where things are in ARP for IPv4, in IPv4, in IPv6, in an advertisement. */
#define ARP_OPERATION_AT 6
#define ARP_SENDER_AT    14
#define IPV4_SOURCE_AT   12
#define IPV6_SOURCE_AT   8
#define ND_TARGET_AT     8

static const struct description {
	const char *name;
	struct nft_table table;
	uint32_t hook;
	uint8_t family;
	enum nft_key key;
	uint32_t key_size;
	bool is_inside;
} descriptions[FENCES] = {
	[FENCE_SOURCE_V4] = { "IPv4 sources",
			      { NFPROTO_IPV4, "waypost" },
			      NF_INET_LOCAL_OUT,
			      IP_V4,
			      NFT_KEY_IPV4,
			      4,
			      false },
	[FENCE_SOURCE_V6] = { "IPv6 sources",
			      { NFPROTO_IPV6, "waypost" },
			      NF_INET_LOCAL_OUT,
			      IP_V6,
			      NFT_KEY_IPV6,
			      16,
			      false },
	[FENCE_INSIDE_V4] = { "proxied ARP",
			      { NFPROTO_ARP, "waypost_inside" },
			      NF_ARP_OUT,
			      IP_V4,
			      NFT_KEY_IPV4,
			      4,
			      true },
	[FENCE_INSIDE_V6] = { "proxied neighbour advertisements",
			      { NFPROTO_IPV6, "waypost_inside" },
			      NF_INET_LOCAL_OUT,
			      IP_V6,
			      NFT_KEY_IPV6,
			      16,
			      true },
};

/* In the set "alive", as they are in the packet. */
static const uint8_t arp_reply[] = { 0, ARP_REPLY };
static const uint8_t advertisement[] = { ND_ADVERTISEMENT };

const char *fence_name(enum fence fence)
{
	return descriptions[fence].name;
}

bool fence_is_inside(enum fence fence)
{
	return descriptions[fence].is_inside;
}

uint8_t fence_family(enum fence fence)
{
	return descriptions[fence].family;
}

/* ---- what is fenced -------------------------------------------------------- */

static bool is_fenced(const struct keeper_address *a, uint8_t family)
{
	return a->claim != KEEPER_CLAIM_NONE && a->ip.family == family;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct ip_range *x = a, *y = b;

	return ip_compare(&x->first, &y->first);
}

/* True if b, which does not begin before a, goes on where a ends, or begins inside it. */
static bool is_touching(const struct ip_range *a, const struct ip_range *b)
{
	struct ip behind;

	if (ip_compare(&b->first, &a->last) <= 0)
		return true;
	return ip_add(&a->last, 1, &behind) == 0 && ip_is_equal(&behind, &b->first);
}

static size_t merge(struct ip_range *ranges, size_t count)
{
	size_t kept = 0;

	qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (size_t i = 1; i < count; i++) {
		if (!is_touching(&ranges[kept], &ranges[i]))
			ranges[++kept] = ranges[i];
		else if (ip_compare(&ranges[i].last, &ranges[kept].last) > 0)
			ranges[kept].last = ranges[i].last;
	}
	return count > 0 ? kept + 1 : 0;
}

size_t fence_ranges(const struct keeper_conf *conf, uint8_t family, struct ip_range *out,
		    size_t cap)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->connection_count; i++) {
		const struct keeper_connection *c = &conf->connections[i];

		if (c->inside != KEEPER_INSIDE_PROXY_ARP)
			continue;
		for (size_t p = 0; p < c->remote_ts_count && count < cap; p++) {
			if (c->remote_ts[p].ip.family == family)
				out[count++] = ip_prefix_range(&c->remote_ts[p]);
		}
	}
	return merge(out, count);
}

bool fence_has(const struct keeper_conf *conf, enum fence fence, const struct ip *ip)
{
	for (size_t i = 0; i < conf->connection_count; i++) {
		const struct keeper_connection *c = &conf->connections[i];

		for (size_t p = 0; p < c->remote_ts_count; p++) {
			if (c->inside == KEEPER_INSIDE_PROXY_ARP &&
			    c->remote_ts[p].ip.family == descriptions[fence].family &&
			    ip_prefix_has(&c->remote_ts[p], ip))
				return true;
		}
	}
	return false;
}

bool fence_is_needed(const struct keeper_conf *conf, enum fence fence)
{
	struct ip_range one;

	if (descriptions[fence].is_inside)
		return fence_ranges(conf, descriptions[fence].family, &one, 1) > 0;
	for (size_t i = 0; i < conf->address_count; i++) {
		if (is_fenced(&conf->addresses[i], descriptions[fence].family))
			return true;
	}
	return false;
}

/* ---- sets ------------------------------------------------------------------ */

static void put_one(struct nft_batch *b, const struct description *d, const char *set,
		    struct bytes key)
{
	nft_elements_open(b, &d->table, set);
	nft_element(b, key, false);
	nft_elements_close(b);
}

static void put_ips(struct nft_batch *b, const struct description *d, const char *set,
		    const struct ip *ips, size_t count)
{
	if (count == 0)
		return;
	nft_elements_open(b, &d->table, set);
	for (size_t i = 0; i < count; i++)
		nft_element(b, ip_bytes(&ips[i]), false);
	nft_elements_close(b);
}

static void put_addresses(struct nft_batch *b, const struct description *d,
			  const struct keeper_conf *conf)
{
	struct ip ips[KEEPER_ADDRESSES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < conf->address_count; i++) {
		if (is_fenced(&conf->addresses[i], d->family))
			ips[count++] = conf->addresses[i].ip;
	}
	put_ips(b, d, "addresses", ips, count);
}

/* Intervals are half open; one that goes to the last address has no end. */
static void put_range(struct nft_batch *b, const struct ip_range *range)
{
	struct ip behind;

	nft_element(b, ip_bytes(&range->first), false);
	if (ip_add(&range->last, 1, &behind) == 0)
		nft_element(b, ip_bytes(&behind), true);
}

static void put_ranges(struct nft_batch *b, const struct description *d,
		       const struct keeper_conf *conf)
{
	struct ip_range *ranges = calloc(RANGES_MAX, sizeof(*ranges));
	struct ip lowest = { .family = d->family };
	size_t count;

	if (ranges == NULL) {
		b->is_full = true;
		return;
	}
	count = fence_ranges(conf, d->family, ranges, RANGES_MAX);
	for (size_t i = 0; i < count;) {
		nft_elements_open(b, &d->table, "inner");
		/* As nft does: what lies below the first interval is none. */
		if (i == 0 && !ip_is_equal(&ranges[0].first, &lowest))
			nft_element(b, ip_bytes(&lowest), true);
		for (size_t end = i + LIST_AT_ONCE / 2; i < count && i < end; i++)
			put_range(b, &ranges[i]);
		nft_elements_close(b);
	}
	free(ranges);
}

static struct bytes alive_key(const struct description *d)
{
	return d->family == IP_V4 ? (struct bytes){ arp_reply, sizeof(arp_reply) }
				  : (struct bytes){ advertisement, sizeof(advertisement) };
}

/* ---- tables ---------------------------------------------------------------- */

static void add_source_fence(struct nft_batch *b, const struct description *d,
			     const struct keeper_conf *conf)
{
	uint32_t at = d->family == IP_V4 ? IPV4_SOURCE_AT : IPV6_SOURCE_AT;
	uint32_t local = RTN_LOCAL;

	nft_set_add(b, &d->table, "addresses", d->key, d->key_size, false, 0);
	put_addresses(b, d, conf);
	nft_rule_open(b, &d->table, CHAIN);
	nft_load_payload(b, NFT_PAYLOAD_NETWORK_HEADER, at, d->key_size);
	nft_match_set(b, "addresses", true);
	nft_load_source_type(b);
	nft_match(b, (struct bytes){ (const uint8_t *)&local, sizeof(local) }, false);
	nft_count_and_drop(b);
	nft_rule_close(b);
}

/* "An answer, none is alive, for an inner address, not one of our own: drop." */
static void add_inside_rule(struct nft_batch *b, const struct description *d)
{
	static const uint8_t icmpv6[] = { IPPROTO_ICMPV6 };
	bool is_arp = d->family == IP_V4;
	uint32_t base = is_arp ? NFT_PAYLOAD_NETWORK_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER;
	uint32_t at = is_arp ? ARP_SENDER_AT : ND_TARGET_AT;
	struct bytes answer = alive_key(d);

	nft_rule_open(b, &d->table, CHAIN);
	if (!is_arp) {
		nft_load_protocol(b);
		nft_match(b, (struct bytes){ icmpv6, sizeof(icmpv6) }, true);
	}
	nft_load_payload(b, base, is_arp ? ARP_OPERATION_AT : 0, (uint32_t)answer.len);
	nft_match(b, answer, true);
	nft_match_set(b, "alive", false);
	nft_load_payload(b, base, at, d->key_size);
	nft_match_set(b, "inner", true);
	nft_match_set(b, "own", false);
	nft_count_and_drop(b);
	nft_rule_close(b);
}

static void add_inside_fence(struct nft_batch *b, const struct description *d,
			     const struct keeper_conf *conf, const struct ip *own, size_t own_count)
{
	enum nft_key key = d->family == IP_V4 ? NFT_KEY_ARP_OPERATION : NFT_KEY_ICMPV6_TYPE;

	nft_set_add(b, &d->table, "inner", d->key, d->key_size, true, 0);
	nft_set_add(b, &d->table, "own", d->key, d->key_size, false, 0);
	nft_set_add(b, &d->table, "alive", key, (uint32_t)alive_key(d).len, false,
		    KEEPER_VALID_S * 1000);
	put_ranges(b, d, conf);
	put_ips(b, d, "own", own, own_count);
	put_one(b, d, "alive", alive_key(d));
	add_inside_rule(b, d);
}

void fence_install(struct nft_batch *b, enum fence fence, const struct keeper_conf *conf,
		   const struct ip *own, size_t own_count)
{
	const struct description *d = &descriptions[fence];

	nft_begin(b);
	nft_table_add(b, &d->table);
	nft_table_del(b, &d->table);
	nft_table_add(b, &d->table);
	nft_chain_add(b, &d->table, CHAIN, d->hook);
	if (d->is_inside)
		add_inside_fence(b, d, conf, own, own_count);
	else
		add_source_fence(b, d, conf);
	nft_end(b);
}

void fence_keep(struct nft_batch *b, enum fence fence, const struct keeper_conf *conf,
		const struct ip *own, size_t own_count)
{
	const struct description *d = &descriptions[fence];

	nft_begin(b);
	if (d->is_inside) {
		/* Adding what is there would not renew it before Linux 6.12. */
		nft_set_flush(b, &d->table, "alive");
		put_one(b, d, "alive", alive_key(d));
		nft_set_flush(b, &d->table, "own");
		put_ips(b, d, "own", own, own_count);
	} else {
		put_addresses(b, d, conf);
	}
	nft_end(b);
}

void fence_remove(struct nft_batch *b, enum fence fence)
{
	nft_begin(b);
	nft_table_del(b, &descriptions[fence].table);
	nft_end(b);
}
