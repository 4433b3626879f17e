/* SPDX-License-Identifier: Apache-2.0 */
#include "common/esp/set.h"

#include <stdlib.h>

const char *esp_verdict_name(enum esp_verdict v)
{
#define VERDICT_CASE(name, text) \
	case ESP_##name:         \
		return text;
	switch (v) {
		ESP_VERDICTS(VERDICT_CASE)
	default:
		return "unknown";
	}
#undef VERDICT_CASE
}

struct esp_set *esp_set_new(struct crypto *crypto)
{
	struct esp_set *set = calloc(1, sizeof(*set));

	if (set != NULL)
		set->crypto = crypto;
	return set;
}

struct esp_sa *esp_set_find(const struct esp_set *set, uint64_t id)
{
	struct esp_sa *sa;

	HASH_FIND(by_id, set->by_id, &id, sizeof(id), sa);
	return sa;
}

struct esp_sa *esp_set_find_spi(const struct esp_set *set, uint32_t spi)
{
	struct esp_sa *sa;

	HASH_FIND(by_spi, set->by_spi, &spi, sizeof(spi), sa);
	return sa;
}

/* In the index are those that may send; none if there is no memory. */
static int turn_on(struct esp_set *set, struct esp_sa *sa)
{
	int err = index_add(&set->index, sa);

	sa->is_outbound = err == 0;
	return err;
}

static void turn_off(struct esp_set *set, struct esp_sa *sa)
{
	if (sa->is_outbound)
		index_remove(&set->index, sa);
	sa->is_outbound = false;
}

/* Into all three tables or none. */
static int link_sa(struct esp_set *set, struct esp_sa *sa, bool is_outbound)
{
	int err = is_outbound ? turn_on(set, sa) : 0;

	if (err != 0)
		return err;
	HASH_ADD(by_id, set->by_id, id, sizeof(sa->id), sa);
	if (sa->by_id.tbl == NULL)
		goto out_index;
	HASH_ADD(by_spi, set->by_spi, spi_in, sizeof(sa->spi_in), sa);
	if (sa->by_spi.tbl == NULL)
		goto out_id;
	return 0;
out_id:
	HASH_DELETE(by_id, set->by_id, sa);
out_index:
	turn_off(set, sa);
	return ERR_NO_MEMORY;
}

static void remove_sa(struct esp_set *set, struct esp_sa *sa)
{
	HASH_DELETE(by_spi, set->by_spi, sa);
	HASH_DELETE(by_id, set->by_id, sa);
	turn_off(set, sa);
	sa_free(sa);
}

void esp_set_free(struct esp_set *set)
{
	struct esp_sa *sa, *next;

	if (set == NULL)
		return;
	HASH_ITER(by_id, set->by_id, sa, next)
	{
		remove_sa(set, sa);
	}
	free(set);
}

int esp_set_add(struct esp_set *set, const struct esp_child *child)
{
	struct esp_sa *sa;
	int err;

	if (esp_set_find(set, child->id) != NULL || esp_set_find_spi(set, child->spi_in) != NULL)
		return ERR_EXISTS;
	err = sa_new(child, set->last_serial + 1, &sa);
	if (err != 0)
		return err;
	err = link_sa(set, sa, !child->is_inbound_only);
	if (err != 0) {
		sa_free(sa);
		return err;
	}
	set->last_serial++;
	return 0;
}

int esp_set_remove(struct esp_set *set, uint64_t id)
{
	struct esp_sa *sa = esp_set_find(set, id);

	if (sa == NULL)
		return ERR_NOT_FOUND;
	remove_sa(set, sa);
	return 0;
}

int esp_set_query(const struct esp_set *set, uint64_t id, struct esp_stats *out)
{
	const struct esp_sa *sa = esp_set_find(set, id);

	if (sa == NULL)
		return ERR_NOT_FOUND;
	*out = sa->stats;
	return 0;
}

int esp_set_update_remote(struct esp_set *set, uint64_t id, const struct endpoint *remote)
{
	struct esp_sa *sa = esp_set_find(set, id);

	if (sa == NULL)
		return ERR_NOT_FOUND;
	sa->remote = *remote;
	return 0;
}

int esp_set_outbound(struct esp_set *set, uint64_t id, bool is_on)
{
	struct esp_sa *sa = esp_set_find(set, id);
	int err;

	if (sa == NULL)
		return ERR_NOT_FOUND;
	if (sa->is_outbound == is_on)
		return 0;
	if (!is_on) {
		turn_off(set, sa);
		return 0;
	}
	sa->serial = set->last_serial + 1;
	err = turn_on(set, sa);
	if (err == 0)
		set->last_serial++;
	return err;
}

void esp_set_each(const struct esp_set *set,
		  void (*visit)(void *ctx, uint64_t id, const struct esp_stats *stats), void *ctx)
{
	for (const struct esp_sa *sa = set->by_id; sa != NULL; sa = sa->by_id.next)
		visit(ctx, sa->id, &sa->stats);
}

size_t esp_set_trim(struct esp_set *set, uint64_t now_ms, uint64_t idle_ms)
{
	uint64_t before_ms = now_ms > idle_ms ? now_ms - idle_ms : 0;
	struct esp_sa *sa, *next;
	size_t n = 0;

	HASH_ITER(by_id, set->by_id, sa, next)
	{
		n += sa_trim(sa, before_ms);
	}
	return n;
}

size_t esp_set_count(const struct esp_set *set)
{
	return HASH_CNT(by_id, set->by_id);
}

uint64_t esp_set_verdicts(const struct esp_set *set, enum esp_verdict v)
{
	return v < ESP_VERDICT_COUNT ? set->verdicts[v] : 0;
}
