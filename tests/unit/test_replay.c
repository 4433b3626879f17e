/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/esp/replay.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define W        REPLAY_WINDOW

/* Marks the numbers of "marked" in order, all of them fresh, then asks about one. */
static const struct window_case {
	const char *name;
	uint32_t marked[4]; /* up to a 0 */
	uint32_t seq;
	bool is_fresh;
} window_cases[] = {
	{ "0 in an empty window", { 0 }, 0, false },
	{ "0 in a used window", { 5 }, 0, false },
	{ "the first number", { 0 }, 1, true },
	{ "far ahead in an empty window", { 0 }, UINT32_MAX, true },
	{ "the top again", { 7 }, 7, false },
	{ "below the top", { 7 }, 6, true },
	{ "below the top again", { 7, 6 }, 6, false },
	{ "above the top", { 7 }, 8, true },
	{ "the lowest in the window", { W + 1 }, 2, true },
	{ "one below the window", { W + 1 }, 1, false },
	{ "lowest in the window, marked", { 2, W + 1 }, 2, false },
	{ "kept over a step of one word", { 10, 74 }, 10, false },
	{ "between two steps", { 10, 74 }, 11, true },
	{ "same bit, one turn of the ring later", { 64, 64 + REPLAY_WORDS * 64 - 64 }, 128, true },
	{ "same bit after exactly one turn",
	  { 5, 6 + REPLAY_WORDS * 64 },
	  5 + REPLAY_WORDS * 64,
	  true },
	{ "jump over the whole ring", { 5, 1000000 }, 1000000 - W + 1, true },
	{ "behind a jump", { 5, 1000000 }, 1000000 - W, false },
	{ "jump to the last number", { 1, UINT32_MAX }, UINT32_MAX, false },
	{ "window at the last number", { 1, UINT32_MAX }, UINT32_MAX - W + 1, true },
	{ "below the window at the last number", { 1, UINT32_MAX }, UINT32_MAX - W, false },
};

static void test_window(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(window_cases); i++) {
		const struct window_case *c = &window_cases[i];
		struct replay r = { 0 };

		for (size_t k = 0; k < COUNT(c->marked) && c->marked[k] != 0; k++) {
			if (!replay_is_fresh(&r, c->marked[k]))
				fail_msg("%s: %u was not fresh", c->name, c->marked[k]);
			replay_mark(&r, c->marked[k]);
		}
		if (replay_is_fresh(&r, c->seq) != c->is_fresh)
			fail_msg("%s: fresh is not %d", c->name, c->is_fresh);
	}
}

/* What the window stands for: every number ever marked, and the rule in words. */
#define MODEL_MAX (1u << 20)
struct model {
	uint32_t base; /* the number that seen[0] is for */
	uint32_t top;
	bool seen[MODEL_MAX];
};

static bool model_is_fresh(const struct model *m, uint32_t seq)
{
	bool is_too_old = m->top > W && seq <= m->top - W;

	return seq != 0 && !is_too_old && !m->seen[seq - m->base];
}

static void model_mark(struct model *m, uint32_t seq)
{
	m->seen[seq - m->base] = true;
	if (seq > m->top)
		m->top = seq;
}

/* A number around the top: mostly near, now and then a jump that the model has room for. */
static uint32_t draw(const struct rng *rng, const struct model *m)
{
	uint64_t random;
	int64_t seq;

	assert_int_equal(rng_u64(rng, &random), 0);
	switch (random % 16) {
	case 0:
		seq = (int64_t)m->top + (int64_t)(random >> 8) % (3 * W);
		break;
	case 1:
		seq = (int64_t)m->top - W + 2 - (int64_t)(random >> 8) % 4;
		break;
	case 2:
	case 3:
	case 4:
		seq = (int64_t)m->top - (int64_t)(random >> 8) % (W + 100);
		break;
	default:
		seq = (int64_t)m->top + 3 - (int64_t)(random >> 8) % 100;
	}
	if (seq < m->base)
		return m->base;
	return seq > UINT32_MAX ? UINT32_MAX : (uint32_t)seq;
}

static size_t compare_with_model(uint64_t seed, uint32_t base)
{
	struct rng_seeded seeded = { seed };
	struct rng rng = rng_seeded(&seeded);
	struct model *m = calloc(1, sizeof(*m));
	struct replay r = { .top = base };
	size_t marked = 0;

	assert_non_null(m);
	m->base = m->top = base;
	if (base > 0) {
		m->seen[0] = true;
		replay_mark(&r, base);
	}
	for (size_t i = 0; i < 200000; i++) {
		uint32_t seq = draw(&rng, m);

		if (seq - base >= MODEL_MAX)
			break;
		if (replay_is_fresh(&r, seq) != model_is_fresh(m, seq))
			fail_msg("seed %lu, step %zu: %u at top %u", (unsigned long)seed, i, seq,
				 m->top);
		if (!model_is_fresh(m, seq))
			continue;
		replay_mark(&r, seq);
		model_mark(m, seq);
		marked++;
		assert_int_equal(r.top, m->top);
	}
	free(m);
	return marked;
}

static void test_against_model(void **state)
{
	static const uint32_t bases[] = {
		0, 1, 63, 64, 4096, UINT32_MAX - MODEL_MAX + 1, UINT32_MAX - 3000
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bases); i++) {
		for (uint64_t seed = 1; seed <= 8; seed++)
			assert_true(compare_with_model(seed, bases[i]) > 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
