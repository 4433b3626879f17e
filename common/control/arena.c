/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/secret.h"

#define CHUNK_MIN 1024

struct arena_chunk {
	struct arena_chunk *older;
	size_t used;
	size_t cap;
	alignas(max_align_t) unsigned char data[];
};

static struct arena_chunk *chunk_new(struct arena_chunk *older, size_t size)
{
	size_t cap = size < CHUNK_MIN ? CHUNK_MIN : size;
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + cap);

	if (chunk != NULL) {
		chunk->older = older;
		chunk->cap = cap;
	}
	return chunk;
}

void *arena_alloc(struct arena_chunk **arena, size_t size)
{
	size_t unit = alignof(max_align_t);
	struct arena_chunk *chunk = *arena;
	void *out;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + unit - 1) / unit * unit;
	if (chunk == NULL || chunk->cap - chunk->used < size) {
		chunk = chunk_new(*arena, size);
		if (chunk == NULL)
			return NULL;
		*arena = chunk;
	}
	out = chunk->data + chunk->used;
	chunk->used += size;
	return out;
}

char *arena_copy_text(struct arena_chunk **arena, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = arena_alloc(arena, size);

	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

void arena_free(struct arena_chunk **arena)
{
	while (*arena != NULL) {
		struct arena_chunk *older = (*arena)->older;

		wipe((*arena)->data, (*arena)->used);
		free(*arena);
		*arena = older;
	}
}
