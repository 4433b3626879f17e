/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/inside/inside.h"

#include <stdlib.h>

/* Without memory an element is not added, and says so. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct node {
	struct inside_entry entry;
	UT_hash_handle hh;
};

struct inside {
	struct node *by_child;
};

struct inside *inside_new(void)
{
	return calloc(1, sizeof(struct inside));
}

void inside_free(struct inside *t)
{
	struct node *node, *next;

	if (t == NULL)
		return;
	node = t->by_child;
	HASH_CLEAR(hh, t->by_child);
	for (; node != NULL; node = next) {
		next = node->hh.next;
		free(node);
	}
	free(t);
}

static bool has_prefix(const struct ip_prefix *list, size_t n, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].bits == prefix->bits && ip_is_equal(&list[i].ip, &prefix->ip))
			return true;
	}
	return false;
}

size_t inside_prefixes(const struct ts_list *selectors, struct ip_prefix *out, size_t cap,
		       bool *is_cut)
{
	size_t n = 0;

	*is_cut = false;
	for (size_t i = 0; i < selectors->n; i++) {
		struct ip_prefix parts[INSIDE_PREFIXES_MAX];
		size_t n_parts =
		    ip_range_prefixes(&selectors->items[i].range, parts, INSIDE_PREFIXES_MAX);

		if (n_parts > INSIDE_PREFIXES_MAX) {
			n_parts = INSIDE_PREFIXES_MAX;
			*is_cut = true;
		}
		for (size_t k = 0; k < n_parts; k++) {
			if (has_prefix(out, n, &parts[k]))
				continue;
			if (n < cap)
				out[n++] = parts[k];
			else
				*is_cut = true;
		}
	}
	return n;
}

int inside_add(struct inside *t, uint64_t child_id, size_t connection,
	       const struct ts_list *selectors, const struct inside_entry **out)
{
	struct node *node = calloc(1, sizeof(*node));

	if (node == NULL)
		return ERR_NO_MEMORY;
	node->entry.child_id = child_id;
	node->entry.connection = connection;
	node->entry.n = inside_prefixes(selectors, node->entry.prefixes, INSIDE_PREFIXES_MAX,
					&node->entry.is_cut);
	HASH_ADD(hh, t->by_child, entry.child_id, sizeof(child_id), node);
	if (node->hh.tbl == NULL) {
		free(node);
		return ERR_NO_MEMORY;
	}
	*out = &node->entry;
	return 0;
}

bool inside_take(struct inside *t, uint64_t child_id, struct inside_entry *out)
{
	struct node *node = NULL;

	HASH_FIND(hh, t->by_child, &child_id, sizeof(child_id), node);
	if (node == NULL)
		return false;
	*out = node->entry;
	HASH_DELETE(hh, t->by_child, node);
	free(node);
	return true;
}

void inside_each(const struct inside *t, void (*visit)(void *ctx, const struct inside_entry *entry),
		 void *ctx)
{
	for (const struct node *node = t->by_child; node != NULL; node = node->hh.next)
		visit(ctx, &node->entry);
}
