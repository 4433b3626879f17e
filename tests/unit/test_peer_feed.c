/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/peer_feed.h"

/* What the director is told when many peers end at once. The connection is the test's own. */

static size_t n_frames, n_entries, n_resets;

size_t uplink_send_peers(struct uplink *u, bool reset, const struct msg_peer *entries, size_t n)
{
	(void)u;
	(void)entries;
	n_frames++;
	n_entries += n;
	n_resets += reset ? 1 : 0;
	return n;
}

bool uplink_is_up(const struct uplink *u)
{
	(void)u;
	return true;
}

bool uplink_is_full(const struct uplink *u)
{
	(void)u;
	return false;
}

static void end_peers(struct peer_feed *f, size_t n)
{
	struct peer_info peer = { .identity = "p1", .connection = "sites" };

	n_frames = n_entries = n_resets = 0;
	peer_feed_begin_many(f);
	for (; peer.spi < n; peer.spi++)
		peer_feed_one(f, NULL, ACTION_PEER_DOWN, &peer);
	peer_feed_end_many(f, NULL, NULL);
}

static void test_many_at_once(void **state)
{
	uv_loop_t loop;
	struct peer_feed *f;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	f = peer_feed_new(&loop, NULL);
	assert_non_null(f);
	end_peers(f, 3);
	assert_int_equal(n_entries, 3);
	assert_int_equal(n_resets, 0);
	/* Few frames, however many there are, and in the end it is right. */
	end_peers(f, 100000);
	assert_int_equal(n_resets, 1);
	assert_in_range(n_frames, 1, 300);
	end_peers(f, 0);
	assert_int_equal(n_frames, 0);
	/* Two addresses that are lost at a time are told of together. */
	n_frames = n_resets = 0;
	for (int i = 0; i < 2; i++) {
		peer_feed_begin_many(f);
		for (int k = 0; k < 200; k++)
			peer_feed_one(
			    f, NULL, ACTION_PEER_DOWN,
			    &(struct peer_info){ .identity = "p1", .connection = "sites" });
	}
	peer_feed_end_many(f, NULL, NULL);
	assert_int_equal(n_resets, 1);
	assert_in_range(n_frames, 1, 300);
	n_entries = 0;
	/* Outside of it each is told. */
	peer_feed_one(f, NULL, ACTION_PEER_DOWN,
		      &(struct peer_info){ .identity = "p1", .connection = "sites" });
	assert_int_equal(n_entries, 1);
	peer_feed_close(f);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
