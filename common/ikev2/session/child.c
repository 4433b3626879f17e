/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ikev2/session/ike_sa.h"

#include <stdlib.h>

#include "common/ikev2/session/tasks.h"

#define DRAW_ATTEMPTS 64

/* The peer's Delete for what it has rekeyed comes at once; a lost one is repeated for minutes. */
#define REKEYED_MS  180000
#define DRAINING_MS 3000

static struct child *find_spi(const struct ike_core *c, uint32_t spi_in)
{
	struct child *child = NULL;

	HASH_FIND(hh, c->by_child, &spi_in, sizeof(spi_in), child);
	return child;
}

/*
 * member (8) | random (24) with random mod shards = shard, not in use. Without a member's number
 * all 32 bits are random.
 */
static int draw_spi(struct ike_core *c, uint32_t *out)
{
	uint64_t room = c->conf.member != 0 ? 0xffffff : UINT32_MAX;

	for (int i = 0; i < DRAW_ATTEMPTS; i++) {
		uint64_t random;
		int err = rng_u64(c->rng, &random);

		if (err != 0)
			return err;
		/* Any of the numbers that are congruent to our shard, equally likely. */
		random &= room;
		random = random / c->conf.shards * c->conf.shards + c->conf.shard;
		if (random > room)
			continue;
		*out = (uint32_t)c->conf.member << 24 | (uint32_t)random;
		/* RFC 4303, 2.1: those below are reserved. */
		if (*out >= 256 && find_spi(c, *out) == NULL)
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
	child->rekey_due_ms = child->over_due_ms = child->state_due_ms = NO_TIME;
	child->installed_ms = NO_TIME;
	while (*last != NULL)
		last = &(*last)->next;
	*last = child;
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
		if (child->spi_out == spi_out && child->state != CHILD_RESERVED &&
		    child->state != CHILD_DRAINING)
			return child;
	}
	return NULL;
}

const struct child *child_newest(const struct ike_sa *sa)
{
	const struct child *newest = NULL;

	for (const struct child *child = sa->children; child != NULL; child = child->next) {
		if (child->state == CHILD_INSTALLED && !child->is_redundant)
			newest = child;
	}
	return newest;
}

size_t child_count(const struct ike_sa *sa)
{
	size_t n = 0;

	for (const struct child *child = sa->children; child != NULL; child = child->next)
		n += child->state == CHILD_INSTALLED && !child->is_redundant;
	return n;
}

/* A peer that rekeys faster than what it deletes has drained waits for nobody. */
bool child_has_room(struct ike_core *c, struct ike_sa *sa, bool is_rekey)
{
	struct child *draining = NULL;
	size_t n = 0;

	if (!is_rekey && child_count(sa) >= CHILDREN_MAX)
		return false;
	for (struct child *child = sa->children; child != NULL; child = child->next) {
		n++;
		if (child->state == CHILD_DRAINING && draining == NULL)
			draining = child;
	}
	if (n >= CHILDREN_ALL_MAX && draining != NULL) {
		child_remove(c, draining);
		n--;
	}
	return n < CHILDREN_ALL_MAX;
}

void child_install(struct ike_core *c, struct child *child, bool is_inbound_only)
{
	child->state = CHILD_INSTALLING;
	child->is_outbound = !is_inbound_only;
	child->state_due_ms = c->now_ms + c->conf.half_open_timeout_ms;
	action_child_add(c, child, is_inbound_only);
}

void child_installed(struct ike_core *c, struct child *child, uint64_t now_ms)
{
	child->state = CHILD_INSTALLED;
	child->installed_ms = now_ms;
	child->state_due_ms = NO_TIME;
	child_keys_wipe(&child->keys);
	child_schedule(c, child, now_ms);
}

void child_set_outbound(struct ike_core *c, struct child *child, bool is_on)
{
	if (child->is_outbound == is_on)
		return;
	child->is_outbound = is_on;
	action_child_outbound(c, child);
}

void child_confirm_all(struct ike_sa *sa)
{
	for (struct child *child = sa->children; child != NULL; child = child->next)
		child->unconfirmed_until_ms = 0;
}

void child_replaced(struct child *child, uint64_t now_ms)
{
	child->state = CHILD_REKEYED;
	child->is_replaced = true;
	child->rekey_due_ms = child->over_due_ms = NO_TIME;
	child->state_due_ms = now_ms + REKEYED_MS;
}

void child_not_replaced(struct ike_core *c, uint64_t child_id, uint64_t now_ms)
{
	struct child *child = child_find(c, child_id);

	if (child == NULL || child->state != CHILD_REKEYED)
		return;
	child->state = CHILD_INSTALLED;
	child->is_replaced = false;
	child->state_due_ms = NO_TIME;
	child_schedule(c, child, now_ms);
	child_retry_later(c, child, now_ms, true);
}

void child_schedule(struct ike_core *c, struct child *child, uint64_t now_ms)
{
	const struct policy_connection *conn = child->sa->peer->connection;
	uint64_t period_ms = conn->rekey_child_ms;

	child->rekey_octets = core_jitter(c, conn->rekey_octets);
	child->rekey_packets = core_jitter(c, conn->rekey_packets);
	if (period_ms == 0)
		return;
	child->rekey_due_ms = now_ms + core_jitter(c, period_ms);
	child->over_due_ms = now_ms + period_ms + period_ms / 10;
}

void child_retry_later(struct ike_core *c, struct child *child, uint64_t now_ms, bool is_soon)
{
	child->rekey_due_ms = core_retry_due(c, now_ms, child->over_due_ms, is_soon);
}

/* RFC 7296, 2.8: the Delete of the old SA shows that its peer receives on the new one. */
static void turn_on_successor(struct ike_core *c, const struct child *old)
{
	for (struct child *child = old->sa->children; child != NULL; child = child->next) {
		if (child->replaces == old->id && !child->is_redundant &&
		    (child->state == CHILD_INSTALLED || child->state == CHILD_REKEYED))
			child_set_outbound(c, child, true);
	}
}

/* RFC 7296, 1.4.1: a packet may be on its way when the Delete that was sent after it arrives. */
bool child_deleted(struct ike_core *c, struct child *child, uint64_t now_ms)
{
	tasks_forget_child(child->sa, child->id);
	if (!child->is_replaced && !child->is_redundant) {
		child_remove(c, child);
		return true;
	}
	turn_on_successor(c, child);
	child_set_outbound(c, child, false);
	child->state = CHILD_DRAINING;
	child->state_due_ms = now_ms + DRAINING_MS;
	child->rekey_due_ms = child->over_due_ms = NO_TIME;
	return false;
}

void child_free(struct ike_core *c, struct child *child)
{
	struct child **at = &child->sa->children;

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	HASH_DELETE(hh, c->by_child, child);
	wipe(child, sizeof(*child));
	free(child);
}

void child_remove(struct ike_core *c, struct child *child)
{
	action_child_remove(c, child->id);
	child_free(c, child);
}
