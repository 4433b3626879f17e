/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/ownership/ownership.h"
#include "common/base/rng.h"

/*
 * The ownership core in any order of events, against a keeper and a disk that answer late, refuse
 * and fail. What must hold after each action is asserted where the action is taken; what must hold
 * when nothing happens any more, in check_quiet(). A run is its seed: SEED=N runs only that one.
 */
#define RUNS      1500
#define STEPS     250
#define ADDRESSES 3
#define SELF      5
#define QUEUE_MAX 16
#define IDS_MAX   4096

struct request {
	bool is_add;
	bool is_forced;
};

struct keeper_side {
	bool has;
	uint64_t expires_ms; /* a removal failed */
	size_t n;
	struct request queue[QUEUE_MAX];
};

struct world {
	struct rng_seeded seeded;
	struct rng rng;
	struct ownership *o;
	uint64_t now_ms;
	bool is_connected, is_stopped;
	uint64_t epoch; /* the last that was given out */
	uint64_t next_id;
	struct keeper_side keeper[ADDRESSES];
	struct ownership_state disk, writing;
	uint64_t ticket, last_ticket;
	/* Per address: what is newer than any claim that may still succeed. */
	uint64_t barred[ADDRESSES];
	uint64_t ordered[ADDRESSES];      /* the newest claim order */
	struct mesh_msg heard[ADDRESSES]; /* the newest notice: whoever sent it goes on */
	uint8_t answers[IDS_MAX];
	uint64_t last_claim[ADDRESSES], last_release[ADDRESSES]; /* ids to be answered; 0: none */
};

static uint32_t draw(struct world *w, uint32_t n)
{
	uint64_t value;

	assert_int_equal(rng_u64(&w->rng, &value), 0);
	return (uint32_t)(value >> 32) % n;
}

static struct ip ip_of(size_t i)
{
	return (struct ip){ IP_V4, { 192, 0, 2, (uint8_t)(20 + i) } };
}

static size_t index_of(const struct ip *ip)
{
	return (size_t)(ip->octets[3] - 20);
}

/* ---- what it wants --------------------------------------------------------- */

static void take_answer(struct world *w, uint64_t id)
{
	assert_true(w->is_connected);
	if (id == 0)
		return;
	assert_in_range(id, 1, w->next_id);
	assert_int_equal(w->answers[id], 0);
	w->answers[id]++;
	for (size_t i = 0; i < ADDRESSES; i++) {
		if (w->last_claim[i] == id)
			w->last_claim[i] = 0;
		if (w->last_release[i] == id)
			w->last_release[i] = 0;
	}
}

static void take_request(struct world *w, const struct ownership_action *a)
{
	struct keeper_side *k = &w->keeper[a->index];
	bool is_add = a->type == OWNERSHIP_KEEPER_ADD;

	assert_in_range(k->n, 0, QUEUE_MAX - 1);
	if (is_add) {
		/* On the disk before the keeper hears of it. */
		assert_true(w->disk.records[a->index].epoch == a->epoch);
		assert_true(w->disk.records[a->index].is_ours);
		assert_true(a->epoch > w->barred[a->index]);
		assert_false(w->is_stopped);
		assert_false(a->force && a->epoch != w->ordered[a->index]);
	}
	k->queue[k->n++] = (struct request){ is_add, a->force };
}

static void take_action(struct world *w, const struct ownership_action *a)
{
	switch (a->type) {
	case OWNERSHIP_PERSIST:
		assert_true(w->ticket == 0 && a->ticket == w->last_ticket + 1);
		w->ticket = w->last_ticket = a->ticket;
		w->writing = *a->state;
		break;
	case OWNERSHIP_KEEPER_ADD:
	case OWNERSHIP_KEEPER_REMOVE:
		take_request(w, a);
		break;
	case OWNERSHIP_CLAIMED:
		take_answer(w, a->id);
		assert_true(w->keeper[a->index].has);
		assert_true(ownership_epoch(w->o, a->index) == a->epoch);
		assert_true(a->epoch > w->barred[a->index]);
		assert_true(w->disk.records[a->index].epoch >= a->epoch);
		break;
	case OWNERSHIP_REFUSED:
		take_answer(w, a->id);
		assert_true(a->max_epoch >= a->epoch);
		break;
	case OWNERSHIP_RELEASED:
		take_answer(w, a->id);
		assert_false(w->keeper[index_of(&a->ip)].has);
		assert_int_equal(w->keeper[index_of(&a->ip)].n, 0);
		break;
	case OWNERSHIP_NOTICE:
		assert_true(ownership_is_held(w->o, a->index));
		assert_true(a->epoch == ownership_epoch(w->o, a->index) && a->epoch > 0);
		assert_true(w->keeper[a->index].has);
		break;
	case OWNERSHIP_EVENT:
	case OWNERSHIP_CHANGED:
		break;
	}
}

static void drain(struct world *w)
{
	struct ownership_action action;

	while (ownership_next_action(w->o, &action))
		take_action(w, &action);
	for (size_t i = 0; i < ADDRESSES; i++) {
		if (ownership_is_held(w->o, i))
			assert_true(w->keeper[i].has);
	}
}

/* ---- what happens ---------------------------------------------------------- */

static uint64_t draw_epoch(struct world *w)
{
	if (draw(w, 4) > 0 || w->epoch < 20)
		return ++w->epoch;
	return w->epoch - draw(w, 10); /* late, or repeated */
}

static void bar(struct world *w, size_t i, uint64_t epoch)
{
	if (epoch > w->barred[i])
		w->barred[i] = epoch;
}

static void order_claim(struct world *w, size_t i)
{
	struct msg_claim order = { ip_of(i), draw_epoch(w), "m2", draw(w, 4) == 0, 0 };

	if (!w->is_connected || w->next_id + 1 >= IDS_MAX)
		return;
	if (order.epoch > w->ordered[i])
		w->ordered[i] = order.epoch;
	w->last_claim[i] = ++w->next_id;
	ownership_claim(w->o, w->now_ms, w->next_id, &order);
}

static void order_release(struct world *w, size_t i)
{
	struct msg_release order = { ip_of(i), draw_epoch(w) };
	uint64_t newest = w->ordered[i];

	if (!w->is_connected || w->next_id + 1 >= IDS_MAX)
		return;
	if (order.epoch >= newest)
		bar(w, i, order.epoch);
	w->last_release[i] = ++w->next_id;
	ownership_release(w->o, w->now_ms, w->next_id, &order);
}

static void hear(struct world *w, size_t i)
{
	struct endpoint from = { ip_of(7), MESH_PORT };

	if (w->heard[i].epoch != 0)
		ownership_notice(w->o, w->now_ms, &w->heard[i], &from);
}

static void hear_notice(struct world *w, size_t i)
{
	struct endpoint from = { ip_of(7), MESH_PORT };
	struct mesh_msg m = { .type = MESH_NOTICE,
			      .number = (uint8_t)(SELF - 1 + draw(w, 3)),
			      .boot_id = 1,
			      .address = ip_of(i),
			      .epoch = draw_epoch(w) };

	if (m.number != SELF)
		bar(w, i, m.number > SELF ? m.epoch : m.epoch - 1);
	ownership_notice(w->o, w->now_ms, &m, &from);
	if (m.number != SELF && (m.epoch > w->heard[i].epoch ||
				 (m.epoch == w->heard[i].epoch && m.number > w->heard[i].number)))
		w->heard[i] = m;
}

static void answer_disk(struct world *w, bool may_fail)
{
	uint64_t ticket = w->ticket;
	int err = may_fail && draw(w, 5) == 0 ? ERR_IO : 0;

	if (ticket == 0)
		return;
	if (err == 0)
		w->disk = w->writing;
	w->ticket = 0;
	ownership_persisted(w->o, w->now_ms, ticket, err);
}

static void answer_keeper(struct world *w, size_t i, bool may_fail)
{
	struct keeper_side *k = &w->keeper[i];
	struct request request = k->queue[0];
	bool is_failing = may_fail && draw(w, 4) == 0;

	if (k->n == 0)
		return;
	k->n--;
	memmove(k->queue, k->queue + 1, k->n * sizeof(k->queue[0]));
	if (request.is_add && k->has)
		is_failing = false;
	if (!request.is_add && is_failing && k->has) {
		k->expires_ms = w->now_ms + 4200;
	} else if (!is_failing) {
		k->has = request.is_add;
		k->expires_ms = UINT64_MAX;
	}
	ownership_keeper_answer(w->o, w->now_ms, i, request.is_add, is_failing ? ERR_IO : 0,
				is_failing ? MSG_REFUSED_IN_USE : NULL, "said the keeper");
}

/* The keeper has answered all that it was asked before. */
static void suspend(struct world *w)
{
	w->now_ms += 20000;
	for (size_t i = 0; i < ADDRESSES; i++) {
		w->keeper[i].has = false;
		w->keeper[i].expires_ms = UINT64_MAX;
	}
	ownership_keeper_dropped(w->o, w->now_ms, "suspended");
}

static void lose(struct world *w, size_t i)
{
	if (!w->keeper[i].has || w->keeper[i].expires_ms != UINT64_MAX)
		return;
	w->keeper[i].has = false;
	ownership_keeper_lost(w->o, w->now_ms, i, "lost");
}

static void connect_director(struct world *w, bool is_connected)
{
	if (is_connected)
		ownership_welcome(w->o, w->now_ms, SELF, w->epoch);
	else
		ownership_disconnected(w->o, w->now_ms);
	w->is_connected = is_connected;
	memset(w->last_claim, 0, sizeof(w->last_claim));
	memset(w->last_release, 0, sizeof(w->last_release));
}

static void pass_time(struct world *w, uint32_t ms)
{
	w->now_ms += ms;
	for (size_t i = 0; i < ADDRESSES; i++) {
		if (w->now_ms >= w->keeper[i].expires_ms) {
			w->keeper[i].has = false;
			w->keeper[i].expires_ms = UINT64_MAX;
		}
	}
	ownership_expire(w->o, w->now_ms);
	assert_true(ownership_next_expiry(w->o) > w->now_ms);
}

static void step(struct world *w)
{
	size_t i = draw(w, ADDRESSES);
	uint32_t what = draw(w, 100);

	if (what < 15)
		order_claim(w, i);
	else if (what < 20)
		order_release(w, i);
	else if (what < 28)
		hear_notice(w, i);
	else if (what < 48)
		answer_disk(w, true);
	else if (what < 72)
		answer_keeper(w, i, true);
	else if (what < 94)
		pass_time(w, draw(w, 3) == 0 ? 5000 : draw(w, 400));
	else if (what < 96)
		connect_director(w, !w->is_connected);
	else if (what < 97)
		ownership_able(w->o, w->now_ms, draw(w, 2) == 0, "tracked");
	else if (what < 98)
		suspend(w);
	else
		lose(w, i);
	drain(w);
}

/* ---- the end --------------------------------------------------------------- */

/* Everything is answered, and well; time enough for whatever waits for it. */
static void settle(struct world *w)
{
	for (size_t round = 0; round < 20; round++) {
		answer_disk(w, false);
		drain(w);
		for (size_t i = 0; i < ADDRESSES; i++) {
			answer_keeper(w, i, false);
			drain(w);
			hear(w, i);
			drain(w);
		}
		pass_time(w, 500);
		drain(w);
	}
}

static void check_quiet(struct world *w)
{
	bool has_any = false;

	assert_int_equal(w->ticket, 0);
	for (size_t i = 0; i < ADDRESSES; i++) {
		assert_int_equal(w->keeper[i].n, 0);
		assert_int_equal(ownership_is_held(w->o, i), w->keeper[i].has);
		assert_int_equal(w->last_claim[i], 0);
		assert_int_equal(w->last_release[i], 0);
		has_any |= w->keeper[i].has;
		if (w->keeper[i].has)
			assert_true(ownership_epoch(w->o, i) > w->barred[i]);
	}
	assert_int_equal(ownership_may_hold_any(w->o), has_any);
}

static void run(uint64_t seed)
{
	static struct world w;
	struct ownership_conf conf = { .n = ADDRESSES };

	w = (struct world){ .now_ms = 1000, .epoch = 10 };
	w.seeded.state = seed;
	w.rng = rng_seeded(&w.seeded);
	w.disk.max_epoch = 5;
	w.disk.n = ADDRESSES;
	for (size_t i = 0; i < ADDRESSES; i++) {
		conf.addresses[i].ip = w.disk.records[i].ip = ip_of(i);
		w.disk.records[i].epoch = 5;
		w.disk.records[i].is_ours = i == 0;
		w.keeper[i].expires_ms = UINT64_MAX;
	}
	conf.addresses[ADDRESSES - 1].is_watched = true;
	w.o = ownership_new(&conf, &w.disk, NULL, w.now_ms);
	assert_non_null(w.o);
	ownership_begin_alone(w.o, w.now_ms, SELF);
	for (size_t n = 0; n < STEPS; n++)
		step(&w);
	settle(&w);
	check_quiet(&w);
	ownership_stop(w.o, w.now_ms, "the end");
	w.is_stopped = true;
	drain(&w);
	settle(&w);
	check_quiet(&w);
	assert_false(ownership_may_hold_any(w.o));
	ownership_free(w.o);
}

static uint64_t current; /* seed */

static void test_random(void **state)
{
	const char *only = getenv("SEED");

	(void)state;
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		if (only != NULL)
			seed = strtoull(only, NULL, 10);
		current = seed;
		run(seed);
		if (only != NULL)
			break;
	}
	current = 0;
}

/* After a failure: how to see it again. */
static int show_seed(void **state)
{
	(void)state;
	if (current != 0)
		print_error("SEED=%llu\n", (unsigned long long)current);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_random, show_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
