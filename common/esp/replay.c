/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/replay.h"

#define WORD_BITS 64

static uint32_t word_of(uint32_t seq)
{
	return seq / WORD_BITS;
}

static uint64_t bit_of(uint32_t seq)
{
	return (uint64_t)1 << seq % WORD_BITS;
}

bool replay_is_fresh(const struct replay *r, uint32_t seq)
{
	if (seq == 0)
		return false;
	if (seq > r->top)
		return true;
	if (r->top - seq >= REPLAY_WINDOW)
		return false;
	return (r->ring[word_of(seq) % REPLAY_WORDS] & bit_of(seq)) == 0;
}

/* The words that the window enters hold bits of numbers that have left it. */
static void clear_entered(struct replay *r, uint32_t seq)
{
	uint32_t last = word_of(r->top);
	uint32_t n = word_of(seq) - last;

	if (n > REPLAY_WORDS)
		n = REPLAY_WORDS;
	for (uint32_t i = 1; i <= n; i++)
		r->ring[(last + i) % REPLAY_WORDS] = 0;
}

void replay_mark(struct replay *r, uint32_t seq)
{
	if (seq > r->top) {
		clear_entered(r, seq);
		r->top = seq;
	}
	r->ring[word_of(seq) % REPLAY_WORDS] |= bit_of(seq);
}
