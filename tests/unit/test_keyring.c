/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "director/keys/keyring.h"

/* The key ring among members and a store that are played here, under a clock of its own. */

#define MEMBERS  3
#define START    1764072000u
#define EVERY    1000
#define LIFETIME 3000
#define PATIENCE 60
#define TICKETS  4096

struct held_key {
	char id[NAME_TEXT_MAX + 1];
	bool issue;
	uint64_t not_before, not_after;
};

struct member {
	bool is_connected;
	bool is_mute;   /* takes what it is told, and does not answer */
	bool is_waited; /* as the keyring was told */
	size_t n;
	struct held_key keys[KEYRING_KEYS_MAX];
};

struct issued {
	char key[NAME_TEXT_MAX + 1];
	uint64_t expires_s;
};

static struct world {
	struct rng_seeded seeded;
	struct keyring *ring;
	uint64_t now;
	struct member members[MEMBERS];
	bool is_store_failing;
	size_t n_stored, n_writes;
	struct store_key disk[KEYRING_KEYS_MAX];
	char events[8192]; /* a line each */
	size_t n_issued;
	struct issued issued[TICKETS];
} w;

/* ---- the store ---- */

static size_t find_stored(const char *id)
{
	size_t i = 0;

	while (i < w.n_stored && strcmp(w.disk[i].id, id) != 0)
		i++;
	return i;
}

static int write_store(const struct store_keys_change *c)
{
	if (w.is_store_failing)
		return ERR_IO;
	w.n_writes++;
	for (size_t i = 0; i < c->n_puts; i++) {
		size_t at = find_stored(c->puts[i].id);

		if (at == w.n_stored)
			w.n_stored++;
		w.disk[at] = c->puts[i];
	}
	for (size_t i = 0; i < c->n_drops; i++) {
		size_t at = find_stored(c->drops[i].id);

		assert_true(at < w.n_stored);
		w.disk[at] = w.disk[--w.n_stored];
	}
	return 0;
}

/* ---- members ---- */

static const struct held_key *find_held(const struct member *m, const char *id)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->keys[i].id, id) == 0)
			return &m->keys[i];
	}
	return NULL;
}

static void answer(size_t member)
{
	struct member *m = &w.members[member];
	const char *ids[KEYRING_KEYS_MAX];

	for (size_t i = 0; i < m->n; i++)
		ids[i] = m->keys[i].id;
	keyring_held(w.ring, w.now, member, ids, m->n);
}

/* What a push and a welcome bring. Nothing is told that is not on the disk. */
static void give_ring(struct member *m)
{
	struct msg_key keys[KEYRING_KEYS_MAX];

	m->n = keyring_fill(w.ring, keys);
	for (size_t i = 0; i < m->n; i++) {
		size_t at = find_stored(keys[i].id);

		assert_true(at < w.n_stored);
		assert_memory_equal(keys[i].key.ptr, w.disk[at].key.data, keys[i].key.len);
		m->keys[i] = (struct held_key){ .issue = keys[i].issue,
						.not_before = keys[i].not_before,
						.not_after = keys[i].not_after };
		snprintf(m->keys[i].id, sizeof(m->keys[i].id), "%s", keys[i].id);
	}
}

static void push(void)
{
	struct msg_key keys[KEYRING_KEYS_MAX];
	size_t n = keyring_fill(w.ring, keys), n_issuing = 0;

	for (size_t i = 0; i < n; i++) {
		if (!keys[i].issue)
			continue;
		n_issuing++;
		/* Whoever is waited for must be able to open what others are about to issue. */
		for (size_t j = 0; j < MEMBERS; j++) {
			if (w.members[j].is_waited)
				assert_non_null(find_held(&w.members[j], keys[i].id));
		}
	}
	assert_true(n_issuing <= 1);
	for (size_t j = 0; j < MEMBERS; j++) {
		if (w.members[j].is_connected)
			give_ring(&w.members[j]);
	}
	for (size_t j = 0; j < MEMBERS; j++) {
		if (w.members[j].is_connected && !w.members[j].is_mute)
			answer(j);
	}
}

static void pump(void)
{
	struct keyring_action a;

	while (keyring_next_action(w.ring, &a)) {
		size_t len = strlen(w.events);

		switch (a.type) {
		case KEYRING_STORE:
			keyring_stored(w.ring, w.now, write_store(&a.change));
			break;
		case KEYRING_PUSH:
			push();
			break;
		case KEYRING_EVENT:
			snprintf(w.events + len, sizeof(w.events) - len, "%s %s\n", a.what, a.why);
			break;
		}
	}
}

static void set_waited(size_t member, bool is_waited)
{
	w.members[member].is_waited = is_waited;
	keyring_set_waited(w.ring, w.now, member, is_waited);
	pump();
}

static void disconnect(size_t member)
{
	w.members[member].is_connected = false;
}

/* Its power is cut; later it is judged down. */
static void die(size_t member)
{
	disconnect(member);
	w.members[member].n = 0;
}

/* hello, with what it has, then welcome, then the first push, which is what the shell does. */
static void join(size_t member)
{
	w.members[member].is_connected = true;
	answer(member);
	set_waited(member, true);
	give_ring(&w.members[member]);
	answer(member);
	pump();
}

/* ---- time ---- */

static void open_all(void)
{
	for (size_t i = 0; i < w.n_issued; i++) {
		if (w.issued[i].expires_s <= w.now)
			continue;
		for (size_t j = 0; j < MEMBERS; j++) {
			const struct held_key *k = find_held(&w.members[j], w.issued[i].key);

			if (!w.members[j].is_connected)
				continue;
			if (k == NULL || (k->not_after != 0 && w.now > k->not_after))
				fail_msg("a ticket under %s is lost", w.issued[i].key);
		}
	}
}

static void issue(const struct member *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct held_key *k = &m->keys[i];
		struct issued *t = &w.issued[w.n_issued % TICKETS];

		if (!k->issue || k->not_before > w.now)
			continue;
		snprintf(t->key, sizeof(t->key), "%s", k->id);
		t->expires_s = w.now + LIFETIME;
		if (k->not_after != 0 && k->not_after < t->expires_s)
			t->expires_s = k->not_after;
		w.n_issued++;
	}
}

static void run_to(uint64_t s)
{
	while (w.now < START + s) {
		w.now++;
		keyring_expire(w.ring, w.now);
		pump();
		if (w.now % 50 != 0)
			continue;
		for (size_t j = 0; j < MEMBERS && w.n_issued < TICKETS; j++) {
			if (w.members[j].is_connected)
				issue(&w.members[j]);
		}
		open_all();
	}
}

static void begin(void)
{
	const struct keyring_conf conf = { EVERY, LIFETIME, PATIENCE };
	const struct rng rng = rng_seeded(&w.seeded);

	w.ring = keyring_new(&conf, &rng);
	assert_non_null(w.ring);
	for (size_t i = 0; i < MEMBERS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "m%zu", i + 1);
		assert_int_equal(keyring_add_member(w.ring, name, (uint8_t)(i + 1)), 0);
		w.members[i].is_waited = true;
	}
	for (size_t i = 0; i < w.n_stored; i++)
		assert_int_equal(keyring_load(w.ring, &w.disk[i]), 0);
	keyring_start(w.ring, w.now);
	pump();
}

static void restart_director(void)
{
	keyring_free(w.ring);
	begin();
}

static int start(void **state)
{
	(void)state;
	w = (struct world){ .seeded = { 7 }, .now = START };
	begin();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	keyring_free(w.ring);
	return 0;
}

static void join_all(void)
{
	for (size_t i = 0; i < MEMBERS; i++)
		join(i);
}

/* "pending, opening" of the ticket keys, by age. */
static void expect_tickets(const char *want)
{
	char got[256] = "";

	for (size_t i = 0; i < keyring_count(w.ring); i++) {
		const struct store_key *k = keyring_get(w.ring, i);
		size_t len = strlen(got);

		if (strcmp(k->use, MSG_KEY_USE_TICKET) == 0)
			snprintf(got + len, sizeof(got) - len, "%s%s", len > 0 ? ", " : "",
				 store_key_state_name(k->state));
	}
	assert_string_equal(got, want);
}

static const struct store_key *ticket(enum store_key_state state)
{
	for (size_t i = 0; i < keyring_count(w.ring); i++) {
		const struct store_key *k = keyring_get(w.ring, i);

		if (strcmp(k->use, MSG_KEY_USE_TICKET) == 0 && k->state == state)
			return k;
	}
	fail_msg("no key is %s", store_key_state_name(state));
	return NULL;
}

static size_t count_events(const char *what)
{
	size_t n = 0;

	for (const char *p = w.events; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void expect_event(const char *what)
{
	if (count_events(what) == 0)
		fail_msg("no '%s' in\n%s", what, w.events);
}

static void forget_events(void)
{
	w.events[0] = '\0';
}

/* ---- tests ---- */

static void test_first_key(void **state)
{
	(void)state;
	expect_tickets("pending");
	expect_event("drawn ticket-");
	expect_event("drawn qcd-1-1: ");
	expect_event("drawn qcd-3-1: ");
	join(0);
	join(1);
	run_to(100);
	expect_tickets("pending");
	join(2);
	expect_tickets("issuing");
	expect_event("issuing ticket-");
	for (size_t i = 0; i < MEMBERS; i++)
		assert_true(w.members[i].keys[0].issue);
	assert_int_equal(ticket(STORE_KEY_ISSUING)->not_before_s, START - KEYRING_SKEW_S);
	assert_int_equal(ticket(STORE_KEY_ISSUING)->not_after_s, 0);
}

/* Three rotations while tickets are issued all the time and all opened: none is lost. */
static void test_rotations_lose_no_ticket(void **state)
{
	char first[NAME_TEXT_MAX + 1];

	(void)state;
	join_all();
	snprintf(first, sizeof(first), "%s", ticket(STORE_KEY_ISSUING)->id);
	run_to(EVERY + 1);
	expect_tickets("opening, issuing");
	assert_int_equal(ticket(STORE_KEY_OPENING)->not_after_s, START + EVERY + LIFETIME);
	run_to(3 * EVERY + 10);
	expect_tickets("opening, opening, opening, issuing");
	run_to(EVERY + LIFETIME + KEYRING_SKEW_S - 1);
	assert_non_null(find_held(&w.members[0], first));
	assert_true(find_stored(first) < w.n_stored);
	run_to(EVERY + LIFETIME + KEYRING_SKEW_S);
	assert_null(find_held(&w.members[0], first));
	assert_int_equal(find_stored(first), w.n_stored);
	expect_event("retired ");
	run_to(8 * EVERY);
	assert_true(w.n_issued > 200);
}

/* A member that is there and does not answer holds the rotation up; it is told once. */
static void test_mute_member(void **state)
{
	(void)state;
	join_all();
	w.members[1].is_mute = true;
	forget_events();
	run_to(EVERY + PATIENCE - 1);
	expect_tickets("issuing, pending");
	assert_int_equal(count_events("waiting "), 0);
	run_to(EVERY + 2 * PATIENCE);
	expect_event("not issuing yet, waiting for m2\n");
	assert_int_equal(count_events("waiting for"), 1);
	/* It speaks, however late. */
	w.members[1].is_mute = false;
	answer(1);
	pump();
	expect_tickets("opening, issuing");
	assert_int_equal(ticket(STORE_KEY_OPENING)->not_after_s, w.now + LIFETIME);
}

/* Out of reach is not down: its peers may be at any other member soon. */
static void test_absent_member(void **state)
{
	(void)state;
	join_all();
	disconnect(2);
	run_to(EVERY + 100);
	expect_tickets("issuing, pending");
	expect_event("waiting for m3\n");
	/* It is found to be down: nobody waits for it any more. */
	die(2);
	set_waited(2, false);
	expect_tickets("opening, issuing");
	/* Back, it has what it missed before it serves anybody. */
	run_to(EVERY + 200);
	join(2);
	assert_non_null(find_held(&w.members[2], ticket(STORE_KEY_ISSUING)->id));
	assert_non_null(find_held(&w.members[2], ticket(STORE_KEY_OPENING)->id));
	run_to(3 * EVERY);
}

/* Down from the start; then it joins in the middle of a rotation, and counts. */
static void test_joins_in_a_rotation(void **state)
{
	(void)state;
	join(0);
	join(1);
	set_waited(2, false);
	expect_tickets("issuing");
	w.members[1].is_mute = true;
	run_to(EVERY + 10);
	expect_tickets("issuing, pending");
	w.members[2].is_mute = true;
	w.members[2].is_connected = true;
	set_waited(2, true);
	w.members[1].is_mute = false;
	answer(1);
	pump();
	expect_tickets("issuing, pending");
	w.members[2].is_mute = false;
	join(2);
	expect_tickets("opening, issuing");
}

/* What members have said is not stored: after a restart they say it again. */
static void test_director_restarts(void **state)
{
	char pending[NAME_TEXT_MAX + 1];

	(void)state;
	join_all();
	w.members[2].is_mute = true;
	run_to(EVERY + 10);
	expect_tickets("issuing, pending");
	snprintf(pending, sizeof(pending), "%s", ticket(STORE_KEY_PENDING)->id);
	for (size_t i = 0; i < MEMBERS; i++)
		disconnect(i);
	restart_director();
	assert_string_equal(ticket(STORE_KEY_PENDING)->id, pending);
	w.members[2].is_mute = false;
	join(0);
	join(1);
	expect_tickets("issuing, pending");
	join(2);
	expect_tickets("opening, issuing");
	assert_string_equal(ticket(STORE_KEY_ISSUING)->id, pending);
	run_to(2 * EVERY + 100);
	expect_tickets("opening, opening, issuing");
}

/* Away for longer than keys live: what has ended goes, and one rotation is enough. */
static void test_director_was_away(void **state)
{
	(void)state;
	join_all();
	run_to(2 * EVERY + 10);
	expect_tickets("opening, opening, issuing");
	for (size_t i = 0; i < MEMBERS; i++)
		disconnect(i);
	w.now += 20 * LIFETIME;
	restart_director();
	expect_tickets("issuing, pending");
	join_all();
	expect_tickets("opening, issuing");
}

static void test_store_failure(void **state)
{
	(void)state;
	join_all();
	w.is_store_failing = true;
	run_to(EVERY + 100);
	expect_tickets("issuing");
	expect_event("failing the store cannot be written");
	assert_int_equal(count_events("failing"), 1);
	w.is_store_failing = false;
	run_to(EVERY + 100 + KEYRING_RETRY_S);
	expect_tickets("opening, issuing");
}

/* The operator's, if the store fails, has not happened and does not happen later. */
static void test_operator_and_store_failure(void **state)
{
	struct errtext why = { "" };
	uint64_t version;

	(void)state;
	join_all();
	version = keyring_version(w.ring);
	w.is_store_failing = true;
	assert_int_equal(keyring_rotate(w.ring, w.now, "ticket", true, "a1", &why), 0);
	pump();
	assert_int_equal(keyring_version(w.ring), version);
	expect_tickets("issuing");
	w.is_store_failing = false;
	run_to(100);
	expect_tickets("issuing");
	assert_int_equal(keyring_rotate(w.ring, w.now, "ticket", false, "a1", &why), 0);
	pump();
	expect_tickets("opening, issuing");
	expect_event("by a1");
}

static void test_rotate_with_revocation(void **state)
{
	char old[NAME_TEXT_MAX + 1];
	struct errtext why = { "" };

	(void)state;
	join_all();
	run_to(EVERY + 10);
	expect_tickets("opening, issuing");
	snprintf(old, sizeof(old), "%s", ticket(STORE_KEY_ISSUING)->id);
	w.n_issued = 0; /* they are lost, which is the purpose */
	w.members[1].is_mute = true;
	forget_events();
	assert_int_equal(keyring_rotate(w.ring, w.now, "ticket", true, "a1", &why), 0);
	pump();
	expect_tickets("pending");
	assert_int_equal(count_events("revoked ticket-"), 2);
	for (size_t i = 0; i < MEMBERS; i++)
		assert_null(find_held(&w.members[i], old));
	assert_int_equal(find_stored(old), w.n_stored);
	assert_int_equal(count_events("gone "), 0);
	w.now += PATIENCE;
	keyring_expire(w.ring, w.now);
	pump();
	expect_event("revoked, but not confirmed by m2");
	w.members[1].is_mute = false;
	answer(1);
	pump();
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
	run_to(EVERY + 10);
	w.n_issued = 0;
	snprintf(id, sizeof(id), "%s", ticket(STORE_KEY_OPENING)->id);
	assert_int_equal(keyring_revoke(w.ring, w.now, id, "a1", &why), 0);
	pump();
	expect_tickets("issuing");
	/* The one that is issued under: another takes its place at once. */
	snprintf(id, sizeof(id), "%s", ticket(STORE_KEY_ISSUING)->id);
	assert_int_equal(keyring_revoke(w.ring, w.now, id, "a1", &why), 0);
	pump();
	expect_tickets("issuing");
	assert_string_not_equal(ticket(STORE_KEY_ISSUING)->id, id);
	assert_int_equal(keyring_revoke(w.ring, w.now, id, "a1", &why), ERR_NOT_FOUND);
	assert_string_equal(strstr(why.text, "there is no key"), why.text);
	assert_int_equal(keyring_revoke(w.ring, w.now, "qcd-2-1", "a1", &why), 0);
	pump();
	assert_null(find_held(&w.members[0], "qcd-2-1"));
	assert_non_null(find_held(&w.members[0], "qcd-2-2"));
}

static void test_refusals(void **state)
{
	struct errtext why = { "" };

	(void)state;
	assert_int_equal(keyring_rotate(w.ring, w.now, "ticket", false, "a1", &why), ERR_BAD_STATE);
	assert_non_null(strstr(why.text, "waits for m1, m2, m3"));
	join_all();
	assert_int_equal(keyring_rotate(w.ring, w.now, "notice", false, "a1", &why), ERR_VALUE);
	for (int i = 1; i < TICKET_RING_MAX; i++) {
		w.now++;
		assert_int_equal(keyring_rotate(w.ring, w.now, "ticket", false, "a1", &why), 0);
		pump();
	}
	assert_int_equal(keyring_rotate(w.ring, w.now, "ticket", false, "a1", &why), ERR_BAD_STATE);
	assert_non_null(strstr(why.text, "8 keys still open tickets"));
	/* Nor on schedule, until there is room. */
	run_to(2 * EVERY);
	expect_tickets("opening, opening, opening, opening, opening, opening, opening, issuing");
	run_to(LIFETIME + 2 * KEYRING_SKEW_S);
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
		w.now++;
		assert_int_equal(keyring_rotate(w.ring, w.now, "qcd", false, "a1", &why), 0);
		pump();
	}
	n = keyring_fill(w.ring, keys);
	assert_int_equal(n, 1 + MEMBERS * KEYRING_QCD_MAX);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(keys[1 + i].id, want[i]);
	assert_int_equal(keys[1].number, 1);
	assert_int_equal(keys[5].number, 2);
	assert_int_equal(keys[1].key.len, 32);
	assert_false(keys[1].issue);
	restart_director();
	assert_int_equal(keyring_fill(w.ring, keys), n);
	assert_string_equal(keys[1].id, "qcd-1-6");
	join_all();
	assert_int_equal(keyring_rotate(w.ring, w.now, "qcd", true, "a1", &why), 0);
	pump();
	assert_int_equal(keyring_fill(w.ring, keys), 1 + MEMBERS);
	assert_string_equal(keys[1].id, "qcd-1-7");
}

/* 191 members: the ring has room for all. */
static void test_many_members(void **state)
{
	const struct keyring_conf conf = { EVERY, LIFETIME, PATIENCE };
	const struct rng rng = rng_seeded(&w.seeded);
	struct msg_key keys[KEYRING_KEYS_MAX];
	struct keyring_action a;
	struct keyring *k = keyring_new(&conf, &rng);
	struct errtext why = { "" };

	(void)state;
	for (int i = 1; i <= KEYRING_MEMBERS_MAX; i++)
		assert_int_equal(keyring_add_member(k, "m", (uint8_t)i), 0);
	assert_int_equal(keyring_add_member(k, "m", 1), ERR_LIMIT);
	keyring_start(k, START);
	while (keyring_next_action(k, &a)) {
		if (a.type == KEYRING_STORE)
			keyring_stored(k, START, 0);
	}
	assert_int_equal(keyring_fill(k, keys), 1 + KEYRING_MEMBERS_MAX);
	assert_int_equal(keyring_rotate(k, START, "qcd", false, "a1", &why), 0);
	while (keyring_next_action(k, &a)) {
		if (a.type == KEYRING_STORE)
			keyring_stored(k, START, 0);
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
	run_to(EVERY + 10);
	keyring_fill_tickets(w.ring, &ring);
	assert_int_equal(ring.n, 2);
	assert_int_equal(ring.keys[0].not_after_s, START + EVERY + LIFETIME);
	assert_int_equal(ring.keys[1].not_after_s, UINT64_MAX);
	assert_true(ticket_ring_issuing(&ring, w.now) == &ring.keys[1]);
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
	const struct keyring_conf conf = { EVERY, LIFETIME, PATIENCE };
	const struct rng rng = { no_randomness, NULL };
	struct keyring *k = keyring_new(&conf, &rng);
	struct keyring_action a;

	(void)state;
	keyring_start(k, START);
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
