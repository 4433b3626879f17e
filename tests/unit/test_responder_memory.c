/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ike_world.h"
#include "tests/lib/own_malloc.h"

/*
 * Every allocation of a whole life of an IKE SA fails once. The responder may lose that peer, but
 * nothing else: no other SA, no memory, not the process.
 */

/* Hands over a message while the allocation after the next *n fails; then *n is what is left. */
static struct bytes give(struct world *w, struct bytes message, long *n)
{
	if (message.len == 0)
		return message;
	until_failure = *n;
	responder_datagram(w->r, w->now, &w->path, message);
	*n = until_failure;
	until_failure = -1;
	world_collect(w);
	return (struct bytes){ w->sent, w->sent_len };
}

/* As much of IKE_SA_INIT, IKE_AUTH, INFORMATIONAL as comes about. */
static void live(struct world *w, long *n)
{
	struct bytes m = give(w, ikeclient_init_request(&w->c), n);

	if (m.len == 0 || ikeclient_take_init(&w->c, m) != 0)
		return;
	m = give(w, ikeclient_auth_request(&w->c), n);
	if (m.len == 0 || ikeclient_take_auth(&w->c, m) != 0)
		return;
	give(w, ikeclient_liveness(&w->c), n);
	give(w, ikeclient_delete_ike(&w->c), n);
}

static void check_life(long fails_after, bool has_company, long *left)
{
	struct world w;

	*left = fails_after;
	world_start(&w);
	if (has_company) {
		world_new_client(&w, BOB, ALICE_PSK);
		world_establish(&w);
		world_new_client(&w, ALICE, ALICE_PSK);
		world_establish(&w);
	}
	world_new_client(&w, ALICE, ALICE_PSK);
	live(&w, left);
	assert_in_range(responder_count_established(w.r), has_company ? 2 : 0, has_company ? 3 : 1);
	/* Whoever is left half-way goes by time, and the next one is served. */
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(responder_count_half_open(w.r), 0);
	world_new_client(&w, BOB, ALICE_PSK);
	world_establish(&w);
	world_stop(&w);
}

static void test_life_without_memory(void **state)
{
	(void)state;
	if (!HAS_OWN_MALLOC)
		skip();
	for (int company = 0; company < 2; company++) {
		long left, before, n = 0;

		check_life(-1, company > 0, &left); /* what OpenSSL makes once and keeps */
		before = n_live;
		do {
			check_life(n++, company > 0, &left);
		} while (left < 0);
		assert_true(n > 20);
		ERR_clear_error(); /* OpenSSL's queue keeps what it says about the last one */
		assert_int_equal(n_live, before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
