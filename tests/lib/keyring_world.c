/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/keyring_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct keyring_world kw;

/* ---- the store ---- */

size_t kw_find_stored(const char *id)
{
	size_t i = 0;

	while (i < kw.n_stored && strcmp(kw.disk[i].id, id) != 0)
		i++;
	return i;
}

static int write_store(const struct store_keys_change *c)
{
	if (kw.is_store_failing)
		return ERR_IO;
	kw.n_writes++;
	for (size_t i = 0; i < c->n_puts; i++) {
		size_t at = kw_find_stored(c->puts[i].id);

		if (at == kw.n_stored)
			kw.n_stored++;
		kw.disk[at] = c->puts[i];
	}
	for (size_t i = 0; i < c->n_drops; i++) {
		size_t at = kw_find_stored(c->drops[i].id);

		assert_true(at < kw.n_stored);
		kw.disk[at] = kw.disk[--kw.n_stored];
	}
	return 0;
}

/* ---- members ---- */

const struct kw_key *kw_find_held(const struct kw_member *m, const char *id)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->keys[i].id, id) == 0)
			return &m->keys[i];
	}
	return NULL;
}

void kw_answer(size_t member)
{
	struct kw_member *m = &kw.members[member];
	const char *ids[KEYRING_KEYS_MAX];

	for (size_t i = 0; i < m->n; i++)
		ids[i] = m->keys[i].id;
	keyring_held(kw.ring, kw.now, member, ids, m->n);
}

/* What a push and a welcome bring. Nothing is told that is not on the disk. */
static void give_ring(struct kw_member *m)
{
	struct msg_key keys[KEYRING_KEYS_MAX];

	m->n = keyring_fill(kw.ring, keys);
	for (size_t i = 0; i < m->n; i++) {
		size_t at = kw_find_stored(keys[i].id);

		assert_true(at < kw.n_stored);
		assert_memory_equal(keys[i].key.ptr, kw.disk[at].key.data, keys[i].key.len);
		m->keys[i] = (struct kw_key){ .issue = keys[i].issue,
					      .not_before = keys[i].not_before,
					      .not_after = keys[i].not_after };
		snprintf(m->keys[i].id, sizeof(m->keys[i].id), "%s", keys[i].id);
	}
}

static void push(void)
{
	struct msg_key keys[KEYRING_KEYS_MAX];
	size_t n = keyring_fill(kw.ring, keys), n_issuing = 0;

	for (size_t i = 0; i < n; i++) {
		if (!keys[i].issue)
			continue;
		n_issuing++;
		if (strcmp(kw.issuing, keys[i].id) == 0)
			continue;
		/* Whoever is waited for must be able to open what others are about to issue. */
		for (size_t j = 0; j < KW_MEMBERS; j++) {
			if (kw.members[j].is_waited)
				assert_non_null(kw_find_held(&kw.members[j], keys[i].id));
		}
		snprintf(kw.issuing, sizeof(kw.issuing), "%s", keys[i].id);
	}
	assert_true(n_issuing <= 1);
	for (size_t j = 0; j < KW_MEMBERS; j++) {
		if (kw.members[j].is_connected)
			give_ring(&kw.members[j]);
	}
	for (size_t j = 0; j < KW_MEMBERS; j++) {
		if (kw.members[j].is_connected && !kw.members[j].is_mute)
			kw_answer(j);
	}
}

void kw_pump(void)
{
	struct keyring_action a;

	while (keyring_next_action(kw.ring, &a)) {
		size_t len = strlen(kw.events);

		switch (a.type) {
		case KEYRING_STORE:
			keyring_stored(kw.ring, kw.now, write_store(&a.change));
			break;
		case KEYRING_PUSH:
			push();
			break;
		case KEYRING_EVENT:
			snprintf(kw.events + len, sizeof(kw.events) - len, "%s %s\n", a.what,
				 a.why);
			break;
		}
	}
}

void kw_set_waited(size_t member, bool is_waited)
{
	kw.members[member].is_waited = is_waited;
	keyring_set_waited(kw.ring, kw.now, member, is_waited);
	kw_pump();
}

void kw_disconnect(size_t member)
{
	kw.members[member].is_connected = false;
}

/* Its power is cut; later it is judged down. */
void kw_die(size_t member)
{
	kw_disconnect(member);
	kw.members[member].is_dead = true;
}

/* hello, with what it has, then welcome, then the first push, which is what the shell does. */
void kw_join(size_t member)
{
	if (kw.members[member].is_dead)
		kw.members[member].n = 0;
	kw.members[member].is_dead = false;
	kw.members[member].is_connected = true;
	kw_answer(member);
	kw_set_waited(member, true);
	give_ring(&kw.members[member]);
	kw_answer(member);
	kw_pump();
}

/* ---- time ---- */

static void open_all(void)
{
	for (size_t i = 0; i < kw.n_issued; i++) {
		if (kw.issued[i].expires_s <= kw.now)
			continue;
		for (size_t j = 0; j < KW_MEMBERS; j++) {
			const struct kw_key *k = kw_find_held(&kw.members[j], kw.issued[i].key);

			if (!kw.members[j].is_connected)
				continue;
			if (k == NULL || (k->not_after != 0 && kw.now > k->not_after))
				fail_msg("a ticket under %s is lost", kw.issued[i].key);
		}
	}
}

static void issue(const struct kw_member *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct kw_key *k = &m->keys[i];
		struct kw_ticket *t = &kw.issued[kw.n_issued % KW_TICKETS];

		if (!k->issue || k->not_before > kw.now)
			continue;
		snprintf(t->key, sizeof(t->key), "%s", k->id);
		t->expires_s = kw.now + KW_LIFETIME;
		if (k->not_after != 0 && k->not_after < t->expires_s)
			t->expires_s = k->not_after;
		kw.n_issued++;
	}
}

void kw_run_to(uint64_t s)
{
	while (kw.now < KW_START + s) {
		kw.now++;
		keyring_expire(kw.ring, kw.now);
		kw_pump();
		if (kw.now % 50 != 0)
			continue;
		for (size_t j = 0; j < KW_MEMBERS && kw.n_issued < KW_TICKETS; j++) {
			if (kw.members[j].is_connected)
				issue(&kw.members[j]);
		}
		open_all();
	}
}

void kw_begin(void)
{
	const struct keyring_conf conf = { KW_EVERY, KW_LIFETIME, KW_PATIENCE };
	const struct rng rng = rng_seeded(&kw.seeded);

	kw.ring = keyring_new(&conf, &rng);
	assert_non_null(kw.ring);
	for (size_t i = 0; i < KW_MEMBERS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "m%zu", i + 1);
		assert_int_equal(keyring_add_member(kw.ring, name, (uint8_t)(i + 1)), 0);
		kw.members[i].is_waited = true;
	}
	for (size_t i = 0; i < kw.n_stored; i++)
		assert_int_equal(keyring_load(kw.ring, &kw.disk[i]), 0);
	keyring_start(kw.ring, kw.now);
	kw_pump();
}

void kw_restart_director(void)
{
	keyring_free(kw.ring);
	kw_begin();
}

void kw_forget_lost(void)
{
	size_t n = 0;

	for (size_t i = 0; i < kw.n_issued; i++) {
		if (kw_find_stored(kw.issued[i].key) < kw.n_stored)
			kw.issued[n++] = kw.issued[i];
	}
	kw.n_issued = n;
}

void kw_reset(uint64_t seed)
{
	kw = (struct keyring_world){ .seeded = { seed }, .now = KW_START };
	kw_begin();
}

const struct store_key *kw_ticket(enum store_key_state state)
{
	for (size_t i = 0; i < keyring_count(kw.ring); i++) {
		const struct store_key *k = keyring_get(kw.ring, i);

		if (strcmp(k->use, MSG_KEY_USE_TICKET) == 0 && k->state == state)
			return k;
	}
	return NULL;
}
