/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/keyring_world.h"

/*
 * The key ring under random events: members die, are out of reach, mute, come back; the store
 * fails; the director starts again; the operator rotates and revokes. What keyring_world.h says is
 * checked all the time, and at the end, with all well, the ring is as it should be.
 */
#define SEEDS 25
#define STEPS 120

static struct rng_seeded chance;

static size_t draw(size_t n)
{
	const struct rng rng = rng_seeded(&chance);
	uint64_t value;

	assert_int_equal(rng_u64(&rng, &value), 0);
	return value % n;
}

static uint64_t passed(void)
{
	return kw.now - KW_START;
}

static void change_member(size_t i)
{
	struct kw_member *m = &kw.members[i];

	if (m->is_connected) {
		if (draw(2) == 0)
			kw_die(i);
		else
			kw_disconnect(i);
	} else if (draw(3) == 0) {
		kw_set_waited(i, false); /* judged down */
	} else {
		kw_join(i);
	}
}

/* Connections break with it. */
static void restart(void)
{
	bool was_connected[KW_MEMBERS];

	for (size_t i = 0; i < KW_MEMBERS; i++) {
		was_connected[i] = kw.members[i].is_connected;
		kw_disconnect(i);
	}
	kw_restart_director();
	for (size_t i = 0; i < KW_MEMBERS; i++) {
		if (was_connected[i])
			kw_join(i);
	}
}

static void ask(void)
{
	bool revokes = draw(4) == 0;
	struct errtext why = { "" };
	int err;

	if (draw(5) == 0) {
		const struct store_key *k = keyring_get(kw.ring, draw(keyring_count(kw.ring)));

		err = keyring_revoke(kw.ring, kw.now, k->id, "a1", &why);
		revokes = true;
	} else {
		err = keyring_rotate(kw.ring, kw.now, draw(3) == 0 ? "qcd" : "ticket", revokes,
				     "a1", &why);
	}
	assert_true(err == 0 || why.text[0] != '\0');
	kw_pump();
	if (revokes)
		kw_forget_lost();
}

static void happen(void)
{
	size_t i = draw(KW_MEMBERS);

	switch (draw(10)) {
	case 0:
		kw.members[i].is_mute = !kw.members[i].is_mute;
		break;
	case 1:
		kw.is_store_failing = !kw.is_store_failing;
		break;
	case 2:
		if (!kw.is_store_failing)
			restart();
		break;
	case 3:
	case 4:
		if (keyring_count(kw.ring) > 0)
			ask();
		break;
	case 5:
	case 6:
	case 7:
		change_member(i);
		break;
	default:
		break;
	}
}

/* All is well again: one key issues, nothing is pending, all members have all keys. */
static void check(uint64_t seed)
{
	kw.is_store_failing = false;
	for (size_t i = 0; i < KW_MEMBERS; i++) {
		kw.members[i].is_mute = false;
		kw_join(i);
	}
	kw_run_to(passed() + KW_LIFETIME + 2 * KEYRING_SKEW_S);
	if (kw_ticket(STORE_KEY_ISSUING) == NULL || kw_ticket(STORE_KEY_PENDING) != NULL)
		fail_msg("seed %llu: not at rest:\n%s", (unsigned long long)seed, kw.events);
	assert_int_equal(keyring_count(kw.ring), kw.n_stored);
	for (size_t i = 0; i < KW_MEMBERS; i++) {
		assert_int_equal(kw.members[i].n, kw.n_stored);
		assert_true(kw_find_held(&kw.members[i], kw_ticket(STORE_KEY_ISSUING)->id)->issue);
	}
}

static void play(uint64_t seed)
{
	chance = (struct rng_seeded){ seed + 1 };
	kw_reset(seed);
	for (size_t i = 0; i < KW_MEMBERS; i++)
		kw_join(i);
	for (size_t i = 0; i < STEPS; i++) {
		happen();
		kw.events[0] = '\0';
		kw_run_to(passed() + draw(draw(4) == 0 ? 600 : 60));
	}
	check(seed);
	keyring_free(kw.ring);
}

static void test_random(void **state)
{
	const char *one = getenv("KEYRING_SEED");

	(void)state;
	if (one != NULL) {
		play(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		play(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
