/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_HISTORY_H
#define DIRECTOR_STORE_HISTORY_H

#include "director/store/events.h"

/*
 * What happens, to the log at once and to the store when there is time: whoever acts on an event
 * must not wait for the disk to remember it.
 */
struct history;

/* Both are borrowed. NULL when out of memory. */
struct history *history_new(struct store *store, const struct logger *lg);
/* What was not flushed is in the log only. NULL is fine. */
void history_free(struct history *h);

/* Texts are copied, and cut where they are longer than a control message may have them. */
void history_add(struct history *h, const char *subject, const char *what, const char *why);

/* Everything that was added to the store, in one transaction. If it fails that is logged. */
void history_flush(struct history *h);

#endif
