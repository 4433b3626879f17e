/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keeper/nft_msg.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

/* Any message without its elements fits, and so does any element. */
#define ROOM 1024

/* Elements of one message: the list is an attribute, of 64 KB at most. */
#define LIST_MAX 60000

struct nft_batch nft_batch_init(uint8_t *octets, size_t cap, uint32_t seq)
{
	return (struct nft_batch){ .octets = octets, .cap = cap, .seq = seq };
}

/* Once there is no room the messages go to the start of the buffer, and nowhere from there. */
static struct nlmsghdr *start(struct nft_batch *b, uint16_t type, uint16_t flags, uint8_t family,
			      uint16_t res_id)
{
	struct nlmsghdr *h;
	struct nfgenmsg *body;

	if (b->cap - b->len < ROOM) {
		b->is_full = true;
		b->len = 0;
	}
	h = mnl_nlmsg_put_header(b->octets + b->len);
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = b->seq++;
	body = mnl_nlmsg_put_extra_header(h, sizeof(*body));
	body->nfgen_family = family;
	body->version = NFNETLINK_V0;
	body->res_id = htons(res_id);
	return h;
}

static void finish(struct nft_batch *b, const struct nlmsghdr *h)
{
	b->len += NLMSG_ALIGN((size_t)h->nlmsg_len);
}

static struct nlmsghdr *start_nft(struct nft_batch *b, uint16_t type, uint16_t flags,
				  uint8_t family)
{
	return start(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), (uint16_t)(NLM_F_ACK | flags),
		     family, 0);
}

static void put_u32(struct nlmsghdr *h, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(h, type, htonl(value));
}

void nft_begin(struct nft_batch *b)
{
	finish(b, start(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void nft_end(struct nft_batch *b)
{
	finish(b, start(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void nft_table_add(struct nft_batch *b, const struct nft_table *t)
{
	struct nlmsghdr *h = start_nft(b, NFT_MSG_NEWTABLE, NLM_F_CREATE, t->family);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, t->name);
	finish(b, h);
}

void nft_table_del(struct nft_batch *b, const struct nft_table *t)
{
	struct nlmsghdr *h = start_nft(b, NFT_MSG_DELTABLE, 0, t->family);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, t->name);
	finish(b, h);
}

void nft_chain_add(struct nft_batch *b, const struct nft_table *t, const char *name, uint32_t hook)
{
	struct nlmsghdr *h = start_nft(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, t->family);
	struct nlattr *nest;

	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, t->name);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, name);
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, "filter");
	put_u32(h, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nest = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	put_u32(h, NFTA_HOOK_HOOKNUM, hook);
	put_u32(h, NFTA_HOOK_PRIORITY, INT_MAX);
	mnl_attr_nest_end(h, nest);
	finish(b, h);
}

/* ---- sets ------------------------------------------------------------------ */

void nft_set_add(struct nft_batch *b, const struct nft_table *t, const char *name, enum nft_key key,
		 uint32_t key_size, bool is_interval, uint64_t timeout_ms)
{
	struct nlmsghdr *h = start_nft(b, NFT_MSG_NEWSET, NLM_F_CREATE, t->family);
	uint32_t flags =
	    (is_interval ? NFT_SET_INTERVAL : 0u) | (timeout_ms > 0 ? NFT_SET_TIMEOUT : 0u);

	mnl_attr_put_strz(h, NFTA_SET_TABLE, t->name);
	mnl_attr_put_strz(h, NFTA_SET_NAME, name);
	put_u32(h, NFTA_SET_FLAGS, flags);
	put_u32(h, NFTA_SET_KEY_TYPE, key);
	put_u32(h, NFTA_SET_KEY_LEN, key_size);
	put_u32(h, NFTA_SET_ID, ++b->set_id);
	if (timeout_ms > 0)
		mnl_attr_put_u64(h, NFTA_SET_TIMEOUT, htobe64(timeout_ms));
	finish(b, h);
}

static struct nlmsghdr *start_elements(struct nft_batch *b, uint16_t type, uint16_t flags,
				       const struct nft_table *t, const char *name)
{
	struct nlmsghdr *h = start_nft(b, type, flags, t->family);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, t->name);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, name);
	return h;
}

/* No list of elements: all of them. */
void nft_set_flush(struct nft_batch *b, const struct nft_table *t, const char *name)
{
	finish(b, start_elements(b, NFT_MSG_DELSETELEM, 0, t, name));
}

/* The last attribute of a message: a list that grows with each item. */
static void open_list(struct nft_batch *b, struct nlmsghdr *h, uint16_t type)
{
	b->open = h;
	b->list = mnl_attr_nest_start(h, type);
	mnl_attr_nest_end(h, b->list);
}

void nft_elements_open(struct nft_batch *b, const struct nft_table *t, const char *name)
{
	struct nlmsghdr *h = start_elements(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, t, name);

	open_list(b, h, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void nft_element(struct nft_batch *b, struct bytes key, bool is_end)
{
	struct nlattr *list = b->list, *item, *nest;
	struct nlmsghdr *h = b->open;

	if (b->cap - b->len < h->nlmsg_len + ROOM || list->nla_len > LIST_MAX) {
		b->is_full = true;
		return;
	}
	item = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	nest = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, key.len, key.ptr);
	mnl_attr_nest_end(h, nest);
	if (is_end)
		put_u32(h, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	mnl_attr_nest_end(h, item);
	mnl_attr_nest_end(h, list);
}

void nft_elements_close(struct nft_batch *b)
{
	finish(b, b->open);
}

/* ---- rules ----------------------------------------------------------------- */

void nft_rule_open(struct nft_batch *b, const struct nft_table *t, const char *chain)
{
	struct nlmsghdr *h = start_nft(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, t->family);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, t->name);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	open_list(b, h, NFTA_RULE_EXPRESSIONS);
}

struct expression {
	struct nlattr *item, *data;
};

static struct expression open_expression(struct nft_batch *b, const char *name)
{
	struct expression e;

	e.item = mnl_attr_nest_start(b->open, NFTA_LIST_ELEM);
	mnl_attr_put_strz(b->open, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(b->open, NFTA_EXPR_DATA);
	return e;
}

static void close_expression(struct nft_batch *b, const struct expression *e)
{
	mnl_attr_nest_end(b->open, e->data);
	mnl_attr_nest_end(b->open, e->item);
	mnl_attr_nest_end(b->open, b->list);
}

void nft_load_payload(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t len)
{
	struct expression e = open_expression(b, "payload");

	put_u32(b->open, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_u32(b->open, NFTA_PAYLOAD_BASE, base);
	put_u32(b->open, NFTA_PAYLOAD_OFFSET, offset);
	put_u32(b->open, NFTA_PAYLOAD_LEN, len);
	close_expression(b, &e);
}

void nft_load_protocol(struct nft_batch *b)
{
	struct expression e = open_expression(b, "meta");

	put_u32(b->open, NFTA_META_DREG, NFT_REG_1);
	put_u32(b->open, NFTA_META_KEY, NFT_META_L4PROTO);
	close_expression(b, &e);
}

void nft_load_source_type(struct nft_batch *b)
{
	struct expression e = open_expression(b, "fib");

	put_u32(b->open, NFTA_FIB_DREG, NFT_REG_1);
	put_u32(b->open, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put_u32(b->open, NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR);
	close_expression(b, &e);
}

void nft_match(struct nft_batch *b, struct bytes value, bool is_equal)
{
	struct expression e = open_expression(b, "cmp");
	struct nlattr *nest;

	put_u32(b->open, NFTA_CMP_SREG, NFT_REG_1);
	put_u32(b->open, NFTA_CMP_OP, is_equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
	nest = mnl_attr_nest_start(b->open, NFTA_CMP_DATA);
	mnl_attr_put(b->open, NFTA_DATA_VALUE, value.len, value.ptr);
	mnl_attr_nest_end(b->open, nest);
	close_expression(b, &e);
}

void nft_match_set(struct nft_batch *b, const char *set, bool is_in)
{
	struct expression e = open_expression(b, "lookup");

	mnl_attr_put_strz(b->open, NFTA_LOOKUP_SET, set);
	put_u32(b->open, NFTA_LOOKUP_SREG, NFT_REG_1);
	if (!is_in)
		put_u32(b->open, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	close_expression(b, &e);
}

void nft_count_and_drop(struct nft_batch *b)
{
	struct expression e = open_expression(b, "counter");
	struct nlattr *data, *verdict;

	close_expression(b, &e);
	e = open_expression(b, "immediate");
	put_u32(b->open, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(b->open, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(b->open, NFTA_DATA_VERDICT);
	put_u32(b->open, NFTA_VERDICT_CODE, NF_DROP);
	mnl_attr_nest_end(b->open, verdict);
	mnl_attr_nest_end(b->open, data);
	close_expression(b, &e);
}

void nft_rule_close(struct nft_batch *b)
{
	finish(b, b->open);
}
