/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_INDEX_H
#define ESP_INDEX_H

#include "common/esp/sa.h"

/*
 * From an outgoing packet to its SA. The selectors of the peers' side are rules; those whose range
 * is a prefix (a single host is one, too) are found by hash of the masked destination, once for
 * each prefix length in use; the others, rare, are in one list. Within a hash bucket and in the
 * list the newest rule comes first, and of all rules that match the newest wins, whatever their
 * length: a rekeyed or resumed SA takes over from its predecessor at once.
 *
 * Cost of a lookup: O(L + m + r) with L prefix lengths in use per family (one, as a rule), m rules
 * with the same prefix (those of one peer), r ranges that are no prefix. Independent of the number
 * of SAs if peers have prefixes of their own. Adding costs O(1); removing too.
 */
#define INDEX_BITS_MAX 128

/* The prefix lengths in use by one family. */
struct index_lengths {
	size_t n;
	uint8_t bits[INDEX_BITS_MAX + 1];
	uint32_t rules[INDEX_BITS_MAX + 1]; /* how many rules, by length */
};

/* All zero is an empty index. It borrows the rules. */
struct esp_index {
	struct esp_bucket *buckets; /* uthash by prefix */
	struct index_lengths v4, v6;
	struct esp_rule *ranges;
};

/* All rules of the SA or none: ERR_NO_MEMORY. Its serial must exceed those in the index. */
MUST_USE int index_add(struct esp_index *index, struct esp_sa *sa);
void index_remove(struct esp_index *index, struct esp_sa *sa);

/* The newest SA that lets this flow out; NULL: none. */
struct esp_sa *index_find(const struct esp_index *index, const struct flow *flow);

#endif
