/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/timers.h"

#include <stdlib.h>

static void put(struct timers *t, size_t index, struct timer *timer)
{
	t->heap[index] = timer;
	timer->place = index + 1;
}

static void sift_up(struct timers *t, size_t index)
{
	struct timer *timer = t->heap[index];

	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (t->heap[parent]->due_ms <= timer->due_ms)
			break;
		put(t, index, t->heap[parent]);
		index = parent;
	}
	put(t, index, timer);
}

static void sift_down(struct timers *t, size_t index)
{
	struct timer *timer = t->heap[index];

	for (;;) {
		size_t child = 2 * index + 1;

		if (child >= t->n)
			break;
		if (child + 1 < t->n && t->heap[child + 1]->due_ms < t->heap[child]->due_ms)
			child++;
		if (timer->due_ms <= t->heap[child]->due_ms)
			break;
		put(t, index, t->heap[child]);
		index = child;
	}
	put(t, index, timer);
}

int timers_set(struct timers *t, struct timer *timer, uint64_t due_ms)
{
	if (timer->place == 0) {
		if (t->n == t->cap) {
			size_t cap = t->cap > 0 ? t->cap * 2 : 64;
			struct timer **heap = realloc(t->heap, cap * sizeof(struct timer *));

			if (heap == NULL)
				return ERR_NO_MEMORY;
			t->heap = heap;
			t->cap = cap;
		}
		put(t, t->n++, timer);
	}
	timer->due_ms = due_ms;
	sift_up(t, timer->place - 1);
	sift_down(t, timer->place - 1);
	return 0;
}

void timers_clear(struct timers *t, struct timer *timer)
{
	size_t index;

	if (timer->place == 0)
		return;
	index = timer->place - 1;
	timer->place = 0;
	t->n--;
	if (index < t->n) {
		struct timer *last = t->heap[t->n];

		put(t, index, last);
		sift_up(t, index);
		sift_down(t, last->place - 1);
	}
}

struct timer *timers_first(const struct timers *t)
{
	return t->n > 0 ? t->heap[0] : NULL;
}

void timers_free(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ .heap = NULL };
}
