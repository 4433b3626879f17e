/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/ike_sa.h"

#include <stdlib.h>

#define DRAW_ATTEMPTS 64

static struct child *find_spi(const struct ike_core *c, uint32_t spi_in)
{
	struct child *child = NULL;

	HASH_FIND(hh, c->by_child, &spi_in, sizeof(spi_in), child);
	return child;
}

/* member (8) | random (24) with random mod shards = shard, not in use */
static int draw_spi(struct ike_core *c, uint32_t *out)
{
	for (int i = 0; i < DRAW_ATTEMPTS; i++) {
		uint64_t random;
		int err = rng_u64(c->rng, &random);

		if (err != 0)
			return err;
		/* Any of the numbers that are congruent to our shard, equally likely. */
		random &= 0xffffff;
		random = random / c->conf.shards * c->conf.shards + c->conf.shard;
		if (random > 0xffffff)
			continue;
		*out = (uint32_t)c->conf.member << 24 | (uint32_t)random;
		if (find_spi(c, *out) == NULL)
			return 0;
	}
	return ERR_LIMIT;
}

int child_new(struct ike_core *c, struct ike_sa *sa, struct child **out)
{
	struct child *child = calloc(1, sizeof(*child)), **last = &sa->children;
	int err = child != NULL ? draw_spi(c, &child->spi_in) : ERR_NO_MEMORY;

	if (err != 0)
		goto fail;
	HASH_ADD(hh, c->by_child, spi_in, sizeof(child->spi_in), child);
	if (child->hh.tbl == NULL) {
		err = ERR_NO_MEMORY;
		goto fail;
	}
	child->id = (uint64_t)++c->next_child << 32 | child->spi_in;
	child->sa = sa;
	while (*last != NULL)
		last = &(*last)->next;
	*last = child;
	sa->n_children++;
	*out = child;
	return 0;
fail:
	free(child);
	return err;
}

struct child *child_find(const struct ike_core *c, uint64_t child_id)
{
	struct child *child = find_spi(c, (uint32_t)child_id);

	return child != NULL && child->id == child_id ? child : NULL;
}

struct child *child_find_out(const struct ike_sa *sa, uint32_t spi_out)
{
	for (struct child *child = sa->children; child != NULL; child = child->next) {
		if (child->spi_out == spi_out)
			return child;
	}
	return NULL;
}

const struct child *child_first(const struct ike_sa *sa)
{
	return sa->children;
}

void child_free(struct ike_core *c, struct child *child)
{
	struct child **at = &child->sa->children;

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	child->sa->n_children--;
	HASH_DELETE(hh, c->by_child, child);
	wipe(child, sizeof(*child));
	free(child);
}

void child_remove(struct ike_core *c, struct child *child)
{
	action_child_remove(c, child->id);
	child_free(c, child);
}
