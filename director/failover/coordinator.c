/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define ADDRESSES_FIRST 16

const char *coordinator_state_name(enum coordinator_state state)
{
	static const char *const names[] = { "orphaned", "claiming", "owned", "releasing" };

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

/* ---- construction ---- */

struct coordinator *coordinator_new(const struct coordinator_conf *conf, struct registry *registry,
				    const struct logger *lg)
{
	struct coordinator *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->view = calloc(1, sizeof(*c->view));
	if (c->view == NULL) {
		free(c);
		return NULL;
	}
	c->conf = *conf;
	if (c->conf.n_witnesses > COORDINATOR_WITNESSES_MAX)
		c->conf.n_witnesses = COORDINATOR_WITNESSES_MAX;
	c->registry = registry;
	c->lg = lg;
	c->addresses_due_ms = COORD_NEVER;
	for (size_t i = 0; i < PLACEMENT_MAX_MEMBERS; i++)
		c->members[i].able_since_ms = COORD_NEVER;
	return c;
}

void coordinator_free(struct coordinator *c)
{
	if (c == NULL)
		return;
	free(c->addresses);
	free(c->queue);
	free(c->view);
	free(c);
}

static int make_room(struct coordinator *c)
{
	size_t cap = c->cap == 0 ? ADDRESSES_FIRST : 2 * c->cap;
	struct coord_address *addresses;

	if (c->n == COORDINATOR_ADDRESSES_MAX)
		return ERR_LIMIT;
	if (c->addresses != NULL && c->n < c->cap)
		return 0;
	addresses = realloc(c->addresses, cap * sizeof(*addresses));
	if (addresses == NULL)
		return ERR_NO_MEMORY;
	c->addresses = addresses;
	c->cap = cap;
	return 0;
}

int coordinator_add(struct coordinator *c, size_t home, const struct coordinator_record *stored)
{
	struct coord_address *a;
	int err;

	if (coord_find(c, &stored->ip) != NULL)
		return ERR_EXISTS;
	err = make_room(c);
	if (err != 0)
		return err;
	a = &c->addresses[c->n++];
	*a = (struct coord_address){
		.ip = stored->ip,
		.home = home,
		.state = stored->owner == COORDINATOR_NONE ? ADDRESS_ORPHANED : ADDRESS_OWNED,
		.owner = stored->owner,
		.epoch = stored->epoch,
		.is_manual = stored->is_manual,
		.from = stored->owner,
		.let_go = COORDINATOR_NONE,
		.holder = { .member = COORDINATOR_NONE },
		.wish = { .member = COORDINATOR_NONE },
	};
	ip_format(&a->ip, a->text);
	snprintf(a->why, sizeof(a->why), "%s",
		 stored->owner == COORDINATOR_NONE ? "nobody has it"
						   : "as recorded before the director started");
	return 0;
}

void coordinator_start(struct coordinator *c, uint64_t now_ms, uint64_t max_epoch, bool is_paused)
{
	c->now_ms = now_ms;
	c->start_ms = now_ms;
	c->is_settling = true;
	c->is_fresh = max_epoch == 0;
	c->settle_due_ms = now_ms + c->conf.settle_ms;
	c->is_paused = is_paused;
	coord_note_epoch(c, max_epoch);
	for (size_t i = 0; i < c->n; i++) {
		c->addresses[i].since_ms = now_ms;
		coord_note_epoch(c, c->addresses[i].epoch);
	}
	if (is_paused)
		coord_event(c, "failover", "paused", "as before the director started");
	coord_review(c);
}

/* ---- shared ---- */

struct coord_address *coord_find(struct coordinator *c, const struct ip *ip)
{
	for (size_t i = 0; i < c->n; i++) {
		if (ip_is_equal(&c->addresses[i].ip, ip))
			return &c->addresses[i];
	}
	return NULL;
}

const char *coord_name(const struct coordinator *c, size_t member)
{
	return member == COORDINATOR_NONE ? "nobody" : registry_get(c->registry, member)->name;
}

void coord_note_epoch(struct coordinator *c, uint64_t epoch)
{
	if (epoch > c->max_epoch)
		c->max_epoch = epoch;
}

void coord_hear_epoch(struct coordinator *c, uint64_t epoch)
{
	if (msg_epoch_is_credible(epoch, c->max_epoch))
		coord_note_epoch(c, epoch);
}

/* Whether and since when it could take addresses; one that can now is worth another attempt. */
static void review_ability(struct coordinator *c, size_t i)
{
	struct coord_member *m = &c->members[i];
	bool is_able = coord_is_able(c, i);

	if (is_able == (m->able_since_ms != COORD_NEVER))
		return;
	m->able_since_ms = is_able ? c->now_ms : COORD_NEVER;
	for (size_t k = 0; is_able && k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];

		if (a->state == ADDRESS_ORPHANED && coord_can(a, i))
			coord_wake(c, a, i);
	}
}

/* What the views of time need of the addresses; they change in events only. */
static void sum_up(struct coordinator *c)
{
	c->addresses_due_ms = COORD_NEVER;
	for (size_t i = 0; i < registry_count(c->registry); i++)
		c->members[i].n_owned = 0;
	for (size_t k = 0; k < c->n; k++) {
		const struct coord_address *a = &c->addresses[k];
		uint64_t due = coord_address_expiry(c, a);

		if (a->owner != COORDINATOR_NONE && coord_owns(a, a->owner))
			c->members[a->owner].n_owned++;
		if (due < c->addresses_due_ms)
			c->addresses_due_ms = due;
	}
}

void coord_review(struct coordinator *c)
{
	coord_settle_review(c);
	sum_up(c);
	for (size_t i = 0; i < registry_count(c->registry); i++) {
		review_ability(c, i);
		coord_doubt_review(c, i);
	}
	for (size_t k = 0; k < c->n; k++)
		coord_step(c, &c->addresses[k]);
	sum_up(c);
	c->promised_ms = coordinator_next_expiry(c);
}

bool coord_is_news(const struct coordinator *c, size_t member)
{
	const struct coord_member *m = &c->members[member];

	return c->is_settling || m->is_asked_for || c->now_ms >= c->promised_ms ||
	       coord_is_able(c, member) != (m->able_since_ms != COORD_NEVER);
}

/* ---- time ---- */

uint64_t coordinator_next_expiry(const struct coordinator *c)
{
	uint64_t first = c->addresses_due_ms;

	if (c->is_settling && c->settle_due_ms < first)
		first = c->settle_due_ms;
	for (size_t i = 0; i < registry_count(c->registry); i++) {
		uint64_t due = coord_doubt_expiry(c, i);

		if (due < first)
			first = due;
	}
	return first;
}

static void postpone(uint64_t *due_ms, uint64_t by_ms)
{
	if (*due_ms != 0 && *due_ms != COORD_NEVER)
		*due_ms += by_ms;
}

/*
 * The director itself did not run. Answers may wait in its sockets: all have more time, and what
 * probes found out before is forgotten.
 */
static void forgive(struct coordinator *c, uint64_t late_ms)
{
	log_warn(c->lg, LG_MEMBER, "failover: the director did not run in time, nobody is judged");
	postpone(&c->settle_due_ms, late_ms);
	for (size_t i = 0; i < registry_count(c->registry); i++) {
		postpone(&c->members[i].link_since_ms, late_ms);
		if (c->members[i].is_asked_for)
			coord_doubt_restart(c, i);
	}
	for (size_t k = 0; k < c->n; k++) {
		postpone(&c->addresses[k].order.due_ms, late_ms);
		postpone(&c->addresses[k].stray.due_ms, late_ms);
	}
	sum_up(c);
}

bool coord_begin(struct coordinator *c, uint64_t now_ms)
{
	uint64_t promised_ms = c->promised_ms;

	c->now_ms = now_ms;
	if (promised_ms >= now_ms || now_ms - promised_ms <= c->conf.suspect_ms / 2)
		return false;
	forgive(c, now_ms - promised_ms + c->conf.probe_ms);
	return true;
}

/*
 * The shell's timers come before its sockets: what came before the last call has been read by this
 * one. An answer that is due by then is late; one that is due since may be waiting.
 */
void coordinator_expire(struct coordinator *c, uint64_t now_ms)
{
	c->read_ms = c->expired_ms;
	c->expired_ms = now_ms;
	if (!coord_begin(c, now_ms)) {
		coord_review(c);
		return;
	}
	/* What is due now is done at the next call, after what waited was read. */
	c->promised_ms = coordinator_next_expiry(c);
	if (c->promised_ms < now_ms)
		c->promised_ms = now_ms;
}

/* ---- views ---- */

size_t coordinator_count(const struct coordinator *c)
{
	return c->n;
}

const struct coordinator_address *coordinator_get(const struct coordinator *c, size_t index)
{
	const struct coord_address *a = &c->addresses[index];
	struct coordinator_address *view = c->view;

	*view = (struct coordinator_address){
		.ip = a->ip,
		.home = a->home,
		.owner = a->state == ADDRESS_ORPHANED ? COORDINATOR_NONE : a->owner,
		.epoch = a->epoch,
		.state = a->state,
		.is_manual = a->is_manual,
		.since_ms = a->since_ms,
	};
	memcpy(view->why, a->why, sizeof(view->why));
	view->n_successors = coord_successors(c, a, view->successors, COORDINATOR_SUCCESSORS_MAX);
	return view;
}

bool coordinator_is_paused(const struct coordinator *c)
{
	return c->is_paused;
}

bool coordinator_is_settling(const struct coordinator *c)
{
	return c->is_settling;
}

uint64_t coordinator_epoch(const struct coordinator *c)
{
	return c->max_epoch;
}

bool coordinator_is_served(const struct coordinator *c, size_t member, const struct ip *ip)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct coord_address *a = &c->addresses[i];

		if (ip_is_equal(&a->ip, ip))
			return a->state == ADDRESS_OWNED && a->is_confirmed && a->owner == member;
	}
	return false;
}
