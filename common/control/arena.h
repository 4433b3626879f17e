/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ARENA_H
#define CONTROL_ARENA_H

#include <stddef.h>

/*
 * The memory of one decoded message: taken piece by piece, given back as a whole. An arena is a
 * pointer to its newest chunk, NULL when empty.
 */
struct arena_chunk;

/* size zeroed octets, aligned for any type; NULL if there is no memory. size 0 is allowed. */
void *arena_alloc(struct arena_chunk **arena, size_t size);

/* A terminated copy; NULL if there is no memory. */
char *arena_copy_text(struct arena_chunk **arena, const char *text);

/* Wipes everything, for there may be keys in it, gives it back and empties the arena. */
void arena_free(struct arena_chunk **arena);

#endif
