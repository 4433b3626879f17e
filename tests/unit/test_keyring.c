/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/keyring_world.h"

/* The life of keys: rotation, revocation, members that are away, a director that starts again. */

static int start(void **state)
{
	(void)state;
	kw_reset(7);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	keyring_free(kw.ring);
	return 0;
}

static void join_all(void)
{
	for (size_t i = 0; i < KW_MEMBERS; i++)
		kw_join(i);
}

/* "pending, opening" of the ticket keys, by age. */
static void expect_tickets(const char *want)
{
	char got[256] = "";

	for (size_t i = 0; i < keyring_count(kw.ring); i++) {
		const struct store_key *k = keyring_get(kw.ring, i);
		size_t len = strlen(got);

		if (strcmp(k->use, MSG_KEY_USE_TICKET) == 0)
			snprintf(got + len, sizeof(got) - len, "%s%s", len > 0 ? ", " : "",
				 store_key_state_name(k->state));
	}
	assert_string_equal(got, want);
}

static const struct store_key *ticket(enum store_key_state state)
{
	const struct store_key *k = kw_ticket(state);

	if (k == NULL)
		fail_msg("no key is %s", store_key_state_name(state));
	return k;
}

static size_t count_events(const char *what)
{
	size_t n = 0;

	for (const char *p = kw.events; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void expect_event(const char *what)
{
	if (count_events(what) == 0)
		fail_msg("no '%s' in\n%s", what, kw.events);
}

static void forget_events(void)
{
	kw.events[0] = '\0';
}

/* ---- tests ---- */

static void test_first_key(void **state)
{
	(void)state;
	expect_tickets("pending");
	expect_event("drawn ticket-");
	expect_event("drawn qcd-1-1: ");
	expect_event("drawn qcd-3-1: ");
	kw_join(0);
	kw_join(1);
	kw_run_to(100);
	expect_tickets("pending");
	kw_join(2);
	expect_tickets("issuing");
	expect_event("issuing ticket-");
	for (size_t i = 0; i < KW_MEMBERS; i++)
		assert_true(kw.members[i].keys[0].issue);
	assert_int_equal(ticket(STORE_KEY_ISSUING)->not_before_s, KW_START - KEYRING_SKEW_S);
	assert_int_equal(ticket(STORE_KEY_ISSUING)->not_after_s, 0);
}

/* Three rotations while tickets are issued all the time and all opened: none is lost. */
static void test_rotations_lose_no_ticket(void **state)
{
	char first[NAME_TEXT_MAX + 1];

	(void)state;
	join_all();
	snprintf(first, sizeof(first), "%s", ticket(STORE_KEY_ISSUING)->id);
	kw_run_to(KW_EVERY + 1);
	expect_tickets("opening, issuing");
	assert_int_equal(ticket(STORE_KEY_OPENING)->not_after_s, KW_START + KW_EVERY + KW_LIFETIME);
	kw_run_to(3 * KW_EVERY + 10);
	expect_tickets("opening, opening, opening, issuing");
	kw_run_to(KW_EVERY + KW_LIFETIME + KEYRING_SKEW_S - 1);
	assert_non_null(kw_find_held(&kw.members[0], first));
	assert_true(kw_find_stored(first) < kw.n_stored);
	kw_run_to(KW_EVERY + KW_LIFETIME + KEYRING_SKEW_S);
	assert_null(kw_find_held(&kw.members[0], first));
	assert_int_equal(kw_find_stored(first), kw.n_stored);
	expect_event("retired ");
	kw_run_to(8 * KW_EVERY);
	assert_true(kw.n_issued > 200);
}

/* A member that is there and does not answer holds the rotation up; it is told once. */
static void test_mute_member(void **state)
{
	(void)state;
	join_all();
	kw.members[1].is_mute = true;
	forget_events();
	kw_run_to(KW_EVERY + KW_PATIENCE - 1);
	expect_tickets("issuing, pending");
	assert_int_equal(count_events("waiting "), 0);
	kw_run_to(KW_EVERY + 2 * KW_PATIENCE);
	expect_event("not issuing yet, waiting for m2\n");
	assert_int_equal(count_events("waiting for"), 1);
	/* It speaks, however late. */
	kw.members[1].is_mute = false;
	kw_answer(1);
	kw_pump();
	expect_tickets("opening, issuing");
	assert_int_equal(ticket(STORE_KEY_OPENING)->not_after_s, kw.now + KW_LIFETIME);
}

/* Out of reach is not down: its peers may be at any other member soon. */
static void test_absent_member(void **state)
{
	(void)state;
	join_all();
	kw_disconnect(2);
	kw_run_to(KW_EVERY + 100);
	expect_tickets("issuing, pending");
	expect_event("waiting for m3\n");
	/* It is found to be down: nobody waits for it any more. */
	kw_die(2);
	kw_set_waited(2, false);
	expect_tickets("opening, issuing");
	/* Back, it has what it missed before it serves anybody. */
	kw_run_to(KW_EVERY + 200);
	kw_join(2);
	assert_non_null(kw_find_held(&kw.members[2], ticket(STORE_KEY_ISSUING)->id));
	assert_non_null(kw_find_held(&kw.members[2], ticket(STORE_KEY_OPENING)->id));
	kw_run_to(3 * KW_EVERY);
}

/* Down from the start; then it joins in the middle of a rotation, and counts. */
static void test_joins_in_a_rotation(void **state)
{
	(void)state;
	kw_join(0);
	kw_join(1);
	kw_set_waited(2, false);
	expect_tickets("issuing");
	kw.members[1].is_mute = true;
	kw_run_to(KW_EVERY + 10);
	expect_tickets("issuing, pending");
	kw.members[2].is_mute = true;
	kw.members[2].is_connected = true;
	kw_set_waited(2, true);
	kw.members[1].is_mute = false;
	kw_answer(1);
	kw_pump();
	expect_tickets("issuing, pending");
	kw.members[2].is_mute = false;
	kw_join(2);
	expect_tickets("opening, issuing");
}

/* What members have said is not stored: after a restart they say it again. */
static void test_director_restarts(void **state)
{
	char pending[NAME_TEXT_MAX + 1];

	(void)state;
	join_all();
	kw.members[2].is_mute = true;
	kw_run_to(KW_EVERY + 10);
	expect_tickets("issuing, pending");
	snprintf(pending, sizeof(pending), "%s", ticket(STORE_KEY_PENDING)->id);
	for (size_t i = 0; i < KW_MEMBERS; i++)
		kw_disconnect(i);
	kw_restart_director();
	assert_string_equal(ticket(STORE_KEY_PENDING)->id, pending);
	kw.members[2].is_mute = false;
	kw_join(0);
	kw_join(1);
	expect_tickets("issuing, pending");
	kw_join(2);
	expect_tickets("opening, issuing");
	assert_string_equal(ticket(STORE_KEY_ISSUING)->id, pending);
	kw_run_to(2 * KW_EVERY + 100);
	expect_tickets("opening, opening, issuing");
}

/* Away for longer than keys live: what has ended goes, and one rotation is enough. */
static void test_director_was_away(void **state)
{
	(void)state;
	join_all();
	kw_run_to(2 * KW_EVERY + 10);
	expect_tickets("opening, opening, issuing");
	for (size_t i = 0; i < KW_MEMBERS; i++)
		kw_disconnect(i);
	kw.now += 20 * KW_LIFETIME;
	kw_restart_director();
	expect_tickets("issuing, pending");
	join_all();
	expect_tickets("opening, issuing");
}

static void test_store_failure(void **state)
{
	(void)state;
	join_all();
	kw.is_store_failing = true;
	kw_run_to(KW_EVERY + 100);
	expect_tickets("issuing");
	expect_event("failing the store cannot be written");
	assert_int_equal(count_events("failing"), 1);
	kw.is_store_failing = false;
	kw_run_to(KW_EVERY + 100 + KEYRING_RETRY_S);
	expect_tickets("opening, issuing");
}

/* The operator's, if the store fails, has not happened and does not happen later. */
static void test_operator_and_store_failure(void **state)
{
	struct errtext why = { "" };
	uint64_t version;

	(void)state;
	join_all();
	version = keyring_version(kw.ring);
	kw.is_store_failing = true;
	assert_int_equal(keyring_rotate(kw.ring, kw.now, "ticket", true, "a1", &why), 0);
	kw_pump();
	assert_int_equal(keyring_version(kw.ring), version);
	expect_tickets("issuing");
	kw.is_store_failing = false;
	kw_run_to(100);
	expect_tickets("issuing");
	assert_int_equal(keyring_rotate(kw.ring, kw.now, "ticket", false, "a1", &why), 0);
	kw_pump();
	expect_tickets("opening, issuing");
	expect_event("by a1");
}

static void test_rotate_with_revocation(void **state)
{
	char old[NAME_TEXT_MAX + 1];
	struct errtext why = { "" };

	(void)state;
	join_all();
	kw_run_to(KW_EVERY + 10);
	expect_tickets("opening, issuing");
	snprintf(old, sizeof(old), "%s", ticket(STORE_KEY_ISSUING)->id);
	kw.n_issued = 0; /* they are lost, which is the purpose */
	kw.members[1].is_mute = true;
	forget_events();
	assert_int_equal(keyring_rotate(kw.ring, kw.now, "ticket", true, "a1", &why), 0);
	kw_pump();
	expect_tickets("pending");
	assert_int_equal(count_events("revoked ticket-"), 2);
	for (size_t i = 0; i < KW_MEMBERS; i++)
		assert_null(kw_find_held(&kw.members[i], old));
	assert_int_equal(kw_find_stored(old), kw.n_stored);
	assert_int_equal(count_events("gone "), 0);
	kw.now += KW_PATIENCE;
	keyring_expire(kw.ring, kw.now);
	kw_pump();
	expect_event("revoked, but not confirmed by m2");
	kw.members[1].is_mute = false;
	kw_answer(1);
	kw_pump();
	expect_tickets("issuing");
	assert_int_equal(count_events("gone ticket-"), 2);
}

/* One of the keys only. */
static void test_revoke_one(void **state)
{
	struct errtext why = { "" };
	char id[NAME_TEXT_MAX + 1];

	(void)state;
	join_all();
	kw_run_to(KW_EVERY + 10);
	kw.n_issued = 0;
	snprintf(id, sizeof(id), "%s", ticket(STORE_KEY_OPENING)->id);
	assert_int_equal(keyring_revoke(kw.ring, kw.now, id, "a1", &why), 0);
	kw_pump();
	expect_tickets("issuing");
	/* The one that is issued under: another takes its place at once. */
	snprintf(id, sizeof(id), "%s", ticket(STORE_KEY_ISSUING)->id);
	assert_int_equal(keyring_revoke(kw.ring, kw.now, id, "a1", &why), 0);
	kw_pump();
	expect_tickets("issuing");
	assert_string_not_equal(ticket(STORE_KEY_ISSUING)->id, id);
	assert_int_equal(keyring_revoke(kw.ring, kw.now, id, "a1", &why), ERR_NOT_FOUND);
	assert_string_equal(strstr(why.text, "there is no key"), why.text);
	assert_int_equal(keyring_revoke(kw.ring, kw.now, "qcd-2-1", "a1", &why), 0);
	kw_pump();
	assert_null(kw_find_held(&kw.members[0], "qcd-2-1"));
	assert_non_null(kw_find_held(&kw.members[0], "qcd-2-2"));
}

static void test_refusals(void **state)
{
	struct errtext why = { "" };

	(void)state;
	assert_int_equal(keyring_rotate(kw.ring, kw.now, "ticket", false, "a1", &why),
			 ERR_BAD_STATE);
	assert_non_null(strstr(why.text, "waits for m1, m2, m3"));
	join_all();
	assert_int_equal(keyring_rotate(kw.ring, kw.now, "notice", false, "a1", &why), ERR_VALUE);
	for (int i = 1; i < TICKET_RING_MAX; i++) {
		kw.now++;
		assert_int_equal(keyring_rotate(kw.ring, kw.now, "ticket", false, "a1", &why), 0);
		kw_pump();
	}
	assert_int_equal(keyring_rotate(kw.ring, kw.now, "ticket", false, "a1", &why),
			 ERR_BAD_STATE);
	assert_non_null(strstr(why.text, "8 keys still open tickets"));
	/* Nor on schedule, until there is room. */
	kw_run_to(2 * KW_EVERY);
	expect_tickets("opening, opening, opening, opening, opening, opening, opening, issuing");
	kw_run_to(KW_LIFETIME + 2 * KEYRING_SKEW_S);
	expect_tickets("opening, issuing");
}

/* The newest four of each member, the newest first, before all the older ones. */
static void test_qcd(void **state)
{
	static const char *const want[] = { "qcd-1-6", "qcd-1-5", "qcd-1-4", "qcd-1-3", "qcd-2-6" };
	struct errtext why = { "" };
	struct msg_key keys[KEYRING_KEYS_MAX];
	size_t n;

	(void)state;
	join_all();
	for (int i = 0; i < 5; i++) {
		kw.now++;
		assert_int_equal(keyring_rotate(kw.ring, kw.now, "qcd", false, "a1", &why), 0);
		kw_pump();
	}
	n = keyring_fill(kw.ring, keys);
	assert_int_equal(n, 1 + KW_MEMBERS * KEYRING_QCD_MAX);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(keys[1 + i].id, want[i]);
	assert_int_equal(keys[1].number, 1);
	assert_int_equal(keys[5].number, 2);
	assert_int_equal(keys[1].key.len, 32);
	assert_false(keys[1].issue);
	kw_restart_director();
	assert_int_equal(keyring_fill(kw.ring, keys), n);
	assert_string_equal(keys[1].id, "qcd-1-6");
	join_all();
	assert_int_equal(keyring_rotate(kw.ring, kw.now, "qcd", true, "a1", &why), 0);
	kw_pump();
	assert_int_equal(keyring_fill(kw.ring, keys), 1 + KW_MEMBERS);
	assert_string_equal(keys[1].id, "qcd-1-7");
}

/* 191 members: the ring has room for all. */
static void test_many_members(void **state)
{
	const struct keyring_conf conf = { KW_EVERY, KW_LIFETIME, KW_PATIENCE };
	const struct rng rng = rng_seeded(&kw.seeded);
	struct msg_key keys[KEYRING_KEYS_MAX];
	struct keyring_action a;
	struct keyring *k = keyring_new(&conf, &rng);
	struct errtext why = { "" };

	(void)state;
	for (int i = 1; i <= KEYRING_MEMBERS_MAX; i++)
		assert_int_equal(keyring_add_member(k, "m", (uint8_t)i), 0);
	assert_int_equal(keyring_add_member(k, "m", 1), ERR_LIMIT);
	keyring_start(k, KW_START);
	while (keyring_next_action(k, &a)) {
		if (a.type == KEYRING_STORE)
			keyring_stored(k, KW_START, 0);
	}
	assert_int_equal(keyring_fill(k, keys), 1 + KEYRING_MEMBERS_MAX);
	assert_int_equal(keyring_rotate(k, KW_START, "qcd", false, "a1", &why), 0);
	while (keyring_next_action(k, &a)) {
		if (a.type == KEYRING_STORE)
			keyring_stored(k, KW_START, 0);
	}
	assert_int_equal(keyring_fill(k, keys), 1 + KEYRING_MEMBERS_MAX);
	assert_string_equal(keys[191].id, "qcd-191-2");
	keyring_free(k);
}

static void test_tickets_for_opening(void **state)
{
	struct ticket_ring ring;

	(void)state;
	join_all();
	kw_run_to(KW_EVERY + 10);
	keyring_fill_tickets(kw.ring, &ring);
	assert_int_equal(ring.n, 2);
	assert_int_equal(ring.keys[0].not_after_s, KW_START + KW_EVERY + KW_LIFETIME);
	assert_int_equal(ring.keys[1].not_after_s, UINT64_MAX);
	assert_true(ticket_ring_issuing(&ring, kw.now) == &ring.keys[1]);
	assert_memory_equal(ring.keys[1].secret, ticket(STORE_KEY_ISSUING)->key.data, 32);
	ticket_ring_wipe(&ring);
}

static int no_randomness(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	memset(out, 0, len);
	return ERR_CRYPTO;
}

static void test_no_randomness(void **state)
{
	const struct keyring_conf conf = { KW_EVERY, KW_LIFETIME, KW_PATIENCE };
	const struct rng rng = { no_randomness, NULL };
	struct keyring *k = keyring_new(&conf, &rng);
	struct keyring_action a;

	(void)state;
	keyring_start(k, KW_START);
	assert_true(keyring_next_action(k, &a));
	assert_int_equal(a.type, KEYRING_EVENT);
	assert_string_equal(a.what, "failing");
	assert_false(keyring_next_action(k, &a));
	assert_int_equal(keyring_count(k), 0);
	keyring_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_key, start, stop),
		cmocka_unit_test_setup_teardown(test_rotations_lose_no_ticket, start, stop),
		cmocka_unit_test_setup_teardown(test_mute_member, start, stop),
		cmocka_unit_test_setup_teardown(test_absent_member, start, stop),
		cmocka_unit_test_setup_teardown(test_joins_in_a_rotation, start, stop),
		cmocka_unit_test_setup_teardown(test_director_restarts, start, stop),
		cmocka_unit_test_setup_teardown(test_director_was_away, start, stop),
		cmocka_unit_test_setup_teardown(test_store_failure, start, stop),
		cmocka_unit_test_setup_teardown(test_operator_and_store_failure, start, stop),
		cmocka_unit_test_setup_teardown(test_rotate_with_revocation, start, stop),
		cmocka_unit_test_setup_teardown(test_revoke_one, start, stop),
		cmocka_unit_test_setup_teardown(test_refusals, start, stop),
		cmocka_unit_test_setup_teardown(test_qcd, start, stop),
		cmocka_unit_test_setup_teardown(test_many_members, start, stop),
		cmocka_unit_test_setup_teardown(test_tickets_for_opening, start, stop),
		cmocka_unit_test_setup_teardown(test_no_randomness, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
