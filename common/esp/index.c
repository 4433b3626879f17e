/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/index.h"

#include <stdlib.h>
#include <utlist.h>

/* The rules with one remote prefix. The key has no padding: it is hashed as it is. */
struct esp_bucket {
	struct ip_prefix prefix;
	struct esp_rule *newest;
	UT_hash_handle hh;
};

_Static_assert(sizeof(struct ip_prefix) == 18, "the key of the hash must not have padding");

static struct esp_bucket *find_bucket(const struct esp_index *index, const struct ip_prefix *prefix)
{
	struct esp_bucket *bucket;

	HASH_FIND(hh, index->buckets, prefix, sizeof(*prefix), bucket);
	return bucket;
}

static struct esp_bucket *make_bucket(struct esp_index *index, const struct ip_prefix *prefix)
{
	struct esp_bucket *bucket = calloc(1, sizeof(*bucket));

	if (bucket == NULL)
		return NULL;
	bucket->prefix = *prefix;
	HASH_ADD(hh, index->buckets, prefix, sizeof(bucket->prefix), bucket);
	if (bucket->hh.tbl == NULL) {
		free(bucket);
		return NULL;
	}
	return bucket;
}

static struct index_lengths *lengths_of(struct esp_index *index, uint8_t family)
{
	return family == IP_V4 ? &index->v4 : &index->v6;
}

static void count_length(struct index_lengths *lengths, uint8_t bits)
{
	if (lengths->rules[bits]++ == 0)
		lengths->bits[lengths->n++] = bits;
}

static void uncount_length(struct index_lengths *lengths, uint8_t bits)
{
	if (--lengths->rules[bits] > 0)
		return;
	for (size_t i = 0; i < lengths->n; i++) {
		if (lengths->bits[i] == bits) {
			lengths->bits[i] = lengths->bits[--lengths->n];
			return;
		}
	}
}

static int add_rule(struct esp_index *index, struct esp_rule *rule)
{
	struct ip_prefix prefix;
	struct esp_bucket *bucket;

	if (!ip_range_is_prefix(&rule->remote.range, &prefix)) {
		DL_PREPEND(index->ranges, rule);
		return 0;
	}
	bucket = find_bucket(index, &prefix);
	if (bucket == NULL)
		bucket = make_bucket(index, &prefix);
	if (bucket == NULL)
		return ERR_NO_MEMORY;
	DL_PREPEND(bucket->newest, rule);
	rule->bucket = bucket;
	count_length(lengths_of(index, prefix.ip.family), prefix.bits);
	return 0;
}

static void remove_rule(struct esp_index *index, struct esp_rule *rule)
{
	struct esp_bucket *bucket = rule->bucket;

	if (bucket == NULL) {
		DL_DELETE(index->ranges, rule);
		return;
	}
	DL_DELETE(bucket->newest, rule);
	rule->bucket = NULL;
	uncount_length(lengths_of(index, bucket->prefix.ip.family), bucket->prefix.bits);
	if (bucket->newest == NULL) {
		HASH_DEL(index->buckets, bucket);
		free(bucket);
	}
}

static void remove_first_rules(struct esp_index *index, struct esp_sa *sa, size_t n)
{
	for (size_t i = 0; i < n; i++)
		remove_rule(index, &sa->rules[i]);
}

int index_add(struct esp_index *index, struct esp_sa *sa)
{
	for (size_t i = 0; i < sa->n_rules; i++) {
		int err = add_rule(index, &sa->rules[i]);

		if (err != 0) {
			remove_first_rules(index, sa, i);
			return err;
		}
	}
	return 0;
}

void index_remove(struct esp_index *index, struct esp_sa *sa)
{
	remove_first_rules(index, sa, sa->n_rules);
}

/* The first bits of the address, the others 0. */
static struct ip_prefix prefix_of(const struct ip *ip, uint8_t bits)
{
	struct ip_prefix prefix = { .ip = { .family = ip->family }, .bits = bits };
	size_t whole = bits / 8;

	memcpy(prefix.ip.octets, ip->octets, whole);
	if (bits % 8 != 0)
		prefix.ip.octets[whole] = ip->octets[whole] & (uint8_t)(0xff00 >> bits % 8);
	return prefix;
}

/* Goes on only as long as a rule can still be newer than the best one so far. */
static struct esp_sa *newer_match(const struct esp_rule *rule, const struct flow *flow,
				  struct esp_sa *best)
{
	for (; rule != NULL; rule = rule->next) {
		if (best != NULL && rule->sa->serial <= best->serial)
			break;
		if (sa_is_outbound(rule, flow))
			return rule->sa;
	}
	return best;
}

struct esp_sa *index_find(const struct esp_index *index, const struct flow *flow)
{
	const struct ip *dst = &flow->dst.ip;
	const struct index_lengths *lengths = dst->family == IP_V4 ? &index->v4 : &index->v6;
	struct esp_sa *best = newer_match(index->ranges, flow, NULL);

	for (size_t i = 0; i < lengths->n; i++) {
		struct ip_prefix prefix = prefix_of(dst, lengths->bits[i]);
		const struct esp_bucket *bucket = find_bucket(index, &prefix);

		if (bucket != NULL)
			best = newer_match(bucket->newest, flow, best);
	}
	return best;
}
