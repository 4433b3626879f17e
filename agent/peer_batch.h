/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PEER_BATCH_H
#define AGENT_PEER_BATCH_H

#include "common/control/message.h"
#include "common/ikev2/responder/responder.h"

/*
 * All peers of a member as they were at one moment, on their way to the director. To tell of ten
 * thousand takes longer than the keeper waits for main, so they are told piece by piece; what
 * changes meanwhile is told at once, and then no longer from here.
 */
struct peer_batch;

/* With room for cap peers. NULL when out of memory. */
struct peer_batch *peer_batch_new(size_t cap);
void peer_batch_free(struct peer_batch *b); /* NULL is fine */

/* Copies what is not the configuration's; without room it is left out. */
void peer_batch_add(struct peer_batch *b, const struct peer_info *peer, uint64_t now_ms);

/* Those that are still to be told; valid until the next change. */
const struct msg_peer *peer_batch_rest(const struct peer_batch *b, size_t *n);

/* The first n of them were told. */
void peer_batch_skip(struct peer_batch *b, size_t n);

/* This IKE SA was told of by another message: no longer from here. */
void peer_batch_drop(struct peer_batch *b, uint64_t spi);

#endif
