/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_INSIDE_H
#define AGENT_INSIDE_H

#include "common/ikev2/body.h"

/*
 * Which inner prefixes each Child SA brought, so that what was asked of the keeper for it can be
 * taken back, or asked again: a pure table by Child SA.
 */
#define INSIDE_PREFIXES_MAX 64

struct inside_entry {
	uint64_t child_id; /* the keeper's "arrival" too */
	size_t connection; /* index in the configuration */
	size_t n;
	struct ip_prefix prefixes[INSIDE_PREFIXES_MAX];
	bool is_cut; /* the selectors need more prefixes than fit */
};

struct inside;

struct inside *inside_new(void); /* NULL when out of memory */
void inside_free(struct inside *t);

/* The addresses of the selectors as prefixes, each once. The entry is valid until the next change.
 */
MUST_USE int inside_add(struct inside *t, uint64_t child_id, size_t connection,
			const struct ts_list *selectors, const struct inside_entry **out);

/* Takes it out; false if it is not there. */
bool inside_take(struct inside *t, uint64_t child_id, struct inside_entry *out);

void inside_each(const struct inside *t, void (*visit)(void *ctx, const struct inside_entry *entry),
		 void *ctx);

/*
 * Writes the prefixes of selectors, each once, up to cap; returns how many were written. *is_cut
 * says that there are more.
 */
size_t inside_prefixes(const struct ts_list *selectors, struct ip_prefix *out, size_t cap,
		       bool *is_cut);

#endif
