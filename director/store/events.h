/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_EVENTS_H
#define DIRECTOR_STORE_EVENTS_H

#include "director/store/store.h"

/*
 * The history of the cluster: what changed, when and why, over restarts of the director. Numbered
 * from 1 on and never renumbered, so that a reader can go on where it stopped. The oldest go when
 * there are more than STORE_EVENTS_MAX.
 */
#define STORE_EVENTS_MAX 100000

struct store_event {
	uint64_t id;         /* given when it is added */
	int64_t time_ms;     /* wall clock, since 1970 */
	const char *subject; /* a member's name, or the director's */
	const char *what;    /* "active -> suspect" */
	const char *why;
};

/* All of them in one transaction: on the disk when this returns 0, or none of them. */
MUST_USE int store_events_add(struct store *s, const struct store_event *events, size_t n);

/*
 * Up to limit events with an id above after, the oldest first; of one subject if that is not NULL.
 * What visit sees is borrowed until it returns.
 */
MUST_USE int store_events_read(const struct store *s, uint64_t after, const char *subject,
			       uint32_t limit,
			       void (*visit)(void *ctx, const struct store_event *event),
			       void *ctx);

/* The newest limit events, the oldest of these first. */
MUST_USE int store_events_read_last(const struct store *s, const char *subject, uint32_t limit,
				    void (*visit)(void *ctx, const struct store_event *event),
				    void *ctx);

#endif
