/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "director/members/peers.h"
#include "tests/lib/placement_table.h"

#define NOW 100000u

static struct peers *peers;

static int start(void **state)
{
	(void)state;
	peers = peers_new();
	assert_non_null(peers);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	peers_free(peers);
	return 0;
}

static void update(enum msg_peer_event event, size_t member, uint64_t spi, uint64_t old_spi,
		   const char *identity)
{
	const struct msg_peer entry = {
		.event = event,
		.identity = identity,
		.spi = spi,
		.old_spi = old_spi,
		.connection = "sites",
	};

	assert_int_equal(peers_update(peers, NOW, member, &entry), 0);
}

/* "member:spi:identity" of each, in their order. */
static void append(void *ctx, const struct peer *peer)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 256 - len, "%s%zu:%llu:%s", len > 0 ? " " : "", peer->member,
		 (unsigned long long)peer->spi, peer->identity);
}

static void expect(const char *want)
{
	char text[256] = "";

	peers_each(peers, append, text);
	assert_string_equal(text, want);
}

static void test_up_moved_down(void **state)
{
	(void)state;
	update(MSG_PEER_UP, 2, 10, 0, "a");
	update(MSG_PEER_UP, 1, 11, 0, "b");
	update(MSG_PEER_UP, 2, 12, 0, "c");
	expect("1:11:b 2:10:a 2:12:c");
	/* An SPI is unique within its member only. */
	update(MSG_PEER_UP, 1, 10, 0, "d");
	expect("1:11:b 1:10:d 2:10:a 2:12:c");
	update(MSG_PEER_MOVED, 2, 13, 10, "a");
	expect("1:11:b 1:10:d 2:12:c 2:13:a");
	/* It moved to another address: the SA is the same. */
	update(MSG_PEER_MOVED, 2, 13, 0, "a2");
	update(MSG_PEER_MOVED, 2, 13, 13, "a3");
	update(MSG_PEER_MOVED, 2, 12, 12, "c");
	expect("1:11:b 1:10:d 2:12:c 2:13:a3");
	/* A move of what was not known brings it. */
	update(MSG_PEER_MOVED, 0, 1, 99, "e");
	update(MSG_PEER_DOWN, 2, 12, 0, "c");
	update(MSG_PEER_DOWN, 2, 12, 0, "c");
	expect("0:1:e 1:11:b 1:10:d 2:13:a3");
	assert_int_equal(peers_count(peers, 1), 2);
	assert_int_equal(peers_count(peers, 3), 0);
	assert_int_equal(peers_count_all(peers), 4);
	peers_forget_member(peers, 1);
	peers_forget_member(peers, 190);
	expect("0:1:e 2:13:a3");
	assert_int_equal(peers_count_all(peers), 2);
}

/* Nothing is borrowed, and all is kept. */
static void check_copy(void *ctx, const struct peer *peer)
{
	char text[PREFIX_TEXT_MAX];

	*(bool *)ctx = true;
	assert_string_equal(peer->identity, "p1.peers.example.net");
	assert_string_equal(peer->connection, "sites");
	assert_int_equal(peer->address.port, 4500);
	assert_int_equal(peer->n_inner, MSG_INNER_MAX);
	assert_string_equal(ip_prefix_format(&peer->inner[MSG_INNER_MAX - 1], text),
			    "10.1.0.31/32");
	assert_int_equal(peer->how, MSG_HOW_REDIRECTED_FROM);
	assert_string_equal(ip_format(&peer->from, text), "192.0.2.10");
	assert_int_equal(peer->up_since_ms, NOW - 500);
}

static void test_copies(void **state)
{
	struct ip_prefix inner[MSG_INNER_MAX];
	char identity[] = "p1.peers.example.net", connection[] = "sites";
	struct msg_peer entry = {
		.event = MSG_PEER_UP,
		.identity = identity,
		.spi = 1,
		.connection = connection,
		.address = { table_ip("198.51.100.7"), 4500 },
		.inner = inner,
		.n_inner = MSG_INNER_MAX,
		.how = MSG_HOW_REDIRECTED_FROM,
		.from = table_ip("192.0.2.10"),
		.since_ms = 500,
	};
	bool is_seen = false;

	(void)state;
	for (size_t i = 0; i < MSG_INNER_MAX; i++)
		inner[i] = (struct ip_prefix){ { IP_V4, { 10, 1, 0, (uint8_t)i } }, 32 };
	for (int i = 0; i < 2; i++) /* new, and replaced */
		assert_int_equal(peers_update(peers, NOW, 0, &entry), 0);
	memset(identity, 'x', sizeof(identity) - 1);
	memset(connection, 'x', sizeof(connection) - 1);
	memset(inner, 0, sizeof(inner));
	peers_each(peers, check_copy, &is_seen);
	assert_true(is_seen);
}

/* An age beyond the director's own is as old as can be; texts may be absent. */
static void check_bare(void *ctx, const struct peer *peer)
{
	*(bool *)ctx = true;
	assert_string_equal(peer->connection, "");
	assert_int_equal(peer->up_since_ms, 0);
	assert_int_equal(peer->n_inner, 0);
}

static void test_bare_entry(void **state)
{
	const struct msg_peer entry = { .spi = 1, .since_ms = NOW + 1, .identity = "x" };
	bool is_seen = false;

	(void)state;
	assert_int_equal(peers_update(peers, NOW, 0, &entry), 0);
	peers_each(peers, check_bare, &is_seen);
	assert_true(is_seen);
}

static void test_limit_per_member(void **state)
{
	struct msg_peer entry = { .event = MSG_PEER_UP, .identity = "x", .connection = "y" };

	(void)state;
	for (uint64_t spi = 1; spi <= PEERS_MAX_PER_MEMBER; spi++) {
		entry.spi = spi;
		assert_int_equal(peers_update(peers, NOW, 0, &entry), 0);
	}
	entry.spi = PEERS_MAX_PER_MEMBER + 1;
	assert_int_equal(peers_update(peers, NOW, 0, &entry), ERR_LIMIT);
	assert_int_equal(peers_count(peers, 0), PEERS_MAX_PER_MEMBER);
	/* What is there can still be changed, moved and dropped, and others have room. */
	entry.spi = 5;
	assert_int_equal(peers_update(peers, NOW, 0, &entry), 0);
	entry.event = MSG_PEER_MOVED;
	entry.spi = PEERS_MAX_PER_MEMBER + 1;
	entry.old_spi = 5;
	assert_int_equal(peers_update(peers, NOW, 0, &entry), 0);
	assert_int_equal(peers_update(peers, NOW, 1, &entry), 0);
	peers_forget_member(peers, 0);
	assert_int_equal(peers_count_all(peers), 1);
}

/* ---- in whose place ---- */

/* What the entry of member 0 takes the place of. */
static void expect_superseded(const struct msg_peer *entry, size_t owner, const char *want)
{
	char text[256] = "";

	peers_superseded(peers, NOW, 0, entry, owner, append, text);
	assert_string_equal(text, want);
}

static void test_superseded(void **state)
{
	struct msg_peer entry = { .event = MSG_PEER_UP, .identity = "a", .spi = 9 };

	(void)state;
	update(MSG_PEER_UP, 0, 8, 0, "a");
	update(MSG_PEER_UP, 1, 10, 0, "a");
	update(MSG_PEER_UP, 1, 11, 0, "b");
	update(MSG_PEER_UP, 2, 12, 0, "a");
	expect_superseded(&entry, PEERS_NOBODY, "");
	/* Its ticket names one. */
	entry.supersedes = 10;
	expect_superseded(&entry, 1, "1:10:a");
	expect_superseded(&entry, 2, "");
	expect_superseded(&entry, PEERS_NOBODY, "");
	entry.supersedes = 8; /* its member knows by itself */
	expect_superseded(&entry, 0, "");
	entry.supersedes = 11; /* another peer's */
	expect_superseded(&entry, 1, "");
	/* It says that it has no other. */
	entry.supersedes = 0;
	entry.initial_contact = true;
	expect_superseded(&entry, PEERS_NOBODY, "2:12:a 1:10:a");
	entry.event = MSG_PEER_MOVED;
	expect_superseded(&entry, PEERS_NOBODY, "");
	/* Said again later, it means nothing about newer ones. */
	entry.event = MSG_PEER_UP;
	entry.since_ms = 1;
	expect_superseded(&entry, PEERS_NOBODY, "");
}

/* Its ticket may be older than the last rekeys. */
static void test_superseded_after_rekeys(void **state)
{
	struct msg_peer entry = { .event = MSG_PEER_UP, .identity = "a", .spi = 99 };

	(void)state;
	update(MSG_PEER_UP, 1, 10, 0, "a");
	for (uint64_t spi = 11; spi < 20; spi++)
		update(MSG_PEER_MOVED, 1, spi, spi - 1, "a");
	update(MSG_PEER_MOVED, 1, 19, 0, "a"); /* another address */
	for (uint64_t spi = 10; spi < 20; spi++) {
		bool is_known = spi == 10 || spi >= 16;

		entry.supersedes = spi;
		expect_superseded(&entry, 1, is_known ? "1:19:a" : "");
	}
}

/* The index by identity follows whatever becomes of the entries. */
static void test_identities_follow(void **state)
{
	struct msg_peer entry = {
		.event = MSG_PEER_UP, .identity = "a", .spi = 9, .initial_contact = true
	};

	(void)state;
	for (uint64_t spi = 10; spi < 15; spi++)
		update(MSG_PEER_UP, 1, spi, 0, "a");
	update(MSG_PEER_DOWN, 1, 12, 0, "a");        /* from the middle */
	update(MSG_PEER_DOWN, 1, 14, 0, "a");        /* the first */
	update(MSG_PEER_MOVED, 1, 20, 10, "a");      /* the last, and it comes anew */
	update(MSG_PEER_MOVED, 1, 11, 0, "changed"); /* is another's now */
	expect_superseded(&entry, PEERS_NOBODY, "1:20:a 1:13:a");
	peers_forget_member(peers, 1);
	expect_superseded(&entry, PEERS_NOBODY, "");
	update(MSG_PEER_UP, 1, 10, 0, "a");
	expect_superseded(&entry, PEERS_NOBODY, "1:10:a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_up_moved_down, start, stop),
		cmocka_unit_test_setup_teardown(test_copies, start, stop),
		cmocka_unit_test_setup_teardown(test_bare_entry, start, stop),
		cmocka_unit_test_setup_teardown(test_limit_per_member, start, stop),
		cmocka_unit_test_setup_teardown(test_superseded, start, stop),
		cmocka_unit_test_setup_teardown(test_superseded_after_rekeys, start, stop),
		cmocka_unit_test_setup_teardown(test_identities_follow, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
