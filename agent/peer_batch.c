/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer_batch.h"

#include <stdlib.h>

#include "agent/agent_report.h"

/* What an entry borrows. */
struct text {
	char identity[ID_TEXT_MAX];
	struct ip_prefix inner[MSG_INNER_MAX];
};

struct peer_batch {
	size_t cap, n, told;
	struct msg_peer *entries;
	struct text *texts;
};

struct peer_batch *peer_batch_new(size_t cap)
{
	struct peer_batch *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->cap = cap;
	b->entries = calloc(cap + 1, sizeof(*b->entries));
	b->texts = calloc(cap + 1, sizeof(*b->texts));
	if (b->entries == NULL || b->texts == NULL) {
		peer_batch_free(b);
		return NULL;
	}
	return b;
}

void peer_batch_free(struct peer_batch *b)
{
	if (b == NULL)
		return;
	free(b->entries);
	free(b->texts);
	free(b);
}

void peer_batch_add(struct peer_batch *b, const struct peer_info *peer, uint64_t now_ms)
{
	struct msg_peer *entry = &b->entries[b->n];
	struct text *text = &b->texts[b->n];

	if (b->n == b->cap)
		return;
	report_fill_peer(ACTION_PEER_UP, peer, now_ms, text->inner, entry);
	memcpy(text->identity, peer->identity, sizeof(text->identity));
	entry->identity = text->identity;
	b->n++;
}

const struct msg_peer *peer_batch_rest(const struct peer_batch *b, size_t *n)
{
	*n = b->n - b->told;
	return b->entries + b->told;
}

void peer_batch_skip(struct peer_batch *b, size_t n)
{
	b->told += n;
}

void peer_batch_drop(struct peer_batch *b, uint64_t spi)
{
	for (size_t i = b->told; i < b->n; i++) {
		if (b->entries[i].spi == spi) {
			b->entries[i] = b->entries[--b->n];
			return;
		}
	}
}
