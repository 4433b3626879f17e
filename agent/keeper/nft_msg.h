/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NFT_MSG_H
#define AGENT_NFT_MSG_H

#include "common/base/ip.h"

/*
 * Packet filter messages (nf_tables over nfnetlink), as far as the fences need them: a batch is
 * built in a buffer and takes effect as a whole. Pure; sending belongs to exec_fence.c. Names are
 * constants of the caller's. A batch that does not fit is marked and must not be sent.
 */
struct nft_batch {
	uint8_t *octets; /* borrowed, aligned for struct nlmsghdr */
	size_t cap;
	size_t len;
	uint32_t seq; /* of the first message; counts up */
	uint32_t set_id;
	bool is_full;
	struct nlmsghdr *open; /* the message that is being written, and its list */
	struct nlattr *list;
};

struct nft_table {
	uint8_t family; /* NFPROTO_* */
	const char *name;
};

/* How nft(8) shows the elements of a set: its numbers for data types. */
enum nft_key {
	NFT_KEY_IPV4 = 7,
	NFT_KEY_IPV6 = 8,
	NFT_KEY_ARP_OPERATION = 11,
	NFT_KEY_ICMPV6_TYPE = 29,
};

struct nft_batch nft_batch_init(uint8_t *octets, size_t cap, uint32_t seq);
void nft_begin(struct nft_batch *b);
void nft_end(struct nft_batch *b);

/* Adds it, or leaves it as it is; and deletes it, which fails if it is not there. */
void nft_table_add(struct nft_batch *b, const struct nft_table *t);
void nft_table_del(struct nft_batch *b, const struct nft_table *t);

/* On that hook, behind every other chain there; accepts what no rule drops. */
void nft_chain_add(struct nft_batch *b, const struct nft_table *t, const char *name, uint32_t hook);

/* timeout_ms: after which elements go; 0: never. */
void nft_set_add(struct nft_batch *b, const struct nft_table *t, const char *name, enum nft_key key,
		 uint32_t key_size, bool is_interval, uint64_t timeout_ms);
void nft_set_flush(struct nft_batch *b, const struct nft_table *t, const char *name);

/* Elements of a set, in a message: open, any number of them, close. */
void nft_elements_open(struct nft_batch *b, const struct nft_table *t, const char *name);
void nft_element(struct nft_batch *b, struct bytes key, bool is_end);
void nft_elements_close(struct nft_batch *b);

/* A rule: open, its expressions in order, close. All work on one register. */
void nft_rule_open(struct nft_batch *b, const struct nft_table *t, const char *chain);
void nft_load_payload(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t len);
void nft_load_protocol(struct nft_batch *b);    /* of the transport, one octet */
void nft_load_source_type(struct nft_batch *b); /* RTN_* of the source address, as uint32_t */
void nft_match(struct nft_batch *b, struct bytes value, bool is_equal);
void nft_match_set(struct nft_batch *b, const char *set, bool is_in);
void nft_count_and_drop(struct nft_batch *b);
void nft_rule_close(struct nft_batch *b);

#endif
