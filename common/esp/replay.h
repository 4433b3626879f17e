/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_REPLAY_H
#define ESP_REPLAY_H

#include "common/base/bytes.h"

/*
 * The receiver's anti-replay window of one SA (RFC 4303, 3.4.3) over 32-bit sequence numbers. A
 * value without pointers: all zero is a window that has seen nothing. The bitmap is a ring of
 * words of which one is always spare, so that moving the window clears whole words and never
 * shifts (RFC 6479).
 */
#define REPLAY_WORDS  32 /* a power of two */
#define REPLAY_WINDOW ((REPLAY_WORDS - 1) * 64)

struct replay {
	uint32_t top; /* the highest number marked, 0: none yet */
	uint64_t ring[REPLAY_WORDS];
};

/* False for 0, for what was marked, and for what lies REPLAY_WINDOW or more below top. */
bool replay_is_fresh(const struct replay *r, uint32_t seq);

/* Call only for a fresh number whose packet is authentic. */
void replay_mark(struct replay *r, uint32_t seq);

#endif
