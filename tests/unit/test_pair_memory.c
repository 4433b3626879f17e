/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "tests/lib/ike_pair.h"
#include "tests/lib/own_malloc.h"

/*
 * Every allocation of everything that an established SA does fails once, at either end, in one
 * message or in fragments. It may cost that request, or at worst that SA; not the process, no
 * memory, and not the next one.
 */
#define SETTLE_MS 600000

struct tried {
	enum pair_op op;
	enum pair_side side;
	bool is_long; /* in fragments */
	long fails_after;
};

static struct tried now_tried; /* what to say when a check fails */

static int say_last(void **state)
{
	(void)state;
	print_message("last: %s, side %d, fragments %d, allocation %ld\n",
		      pair_op_name(now_tried.op), (int)now_tried.side, (int)now_tried.is_long,
		      now_tried.fails_after);
	return 0;
}

static void make_long(struct ike_pair *p)
{
	p->rconf.fragment_size = p->iconf.fragment_size = FRAGMENT_SIZE_MIN;
	for (size_t k = 1; k < POLICY_MAX_SUITES; k++) {
		p->rconf.suites[k] = p->rconf.suites[0];
		p->iconf.suites[k] = p->iconf.suites[0];
		for (int side = 0; side < 2; side++)
			p->connection[side].suites[k] = p->connection[side].suites[0];
	}
	p->rconf.n_suites = p->iconf.n_suites = POLICY_MAX_SUITES;
	p->connection[0].n_suites = p->connection[1].n_suites = POLICY_MAX_SUITES;
}

/* What is left of the countdown: negative if something has failed. */
static long run(const struct tried *t)
{
	static struct ike_pair p;
	long left;

	now_tried = *t;
	pair_start(&p, 1);
	if (t->is_long)
		make_long(&p);
	p.rconf.dpd_ms = p.iconf.dpd_ms = 30000;
	pair_establish(&p);
	pair_run(&p, 100);
	until_failure = t->fails_after;
	pair_do(&p, t->side, t->op);
	pair_run(&p, 20000);
	left = until_failure;
	until_failure = -1;
	pair_run(&p, SETTLE_MS);
	assert_int_equal(pair_count_established(&p, RESPONDER),
			 pair_count_established(&p, INITIATOR));
	/* The next one is served, and the two of them agree. */
	pair_connect(&p);
	pair_run(&p, 1000);
	assert_int_equal(p.end[INITIATOR].n_failed, 0);
	assert_true(pair_do(&p, RESPONDER, OP_REKEY_IKE));
	pair_run(&p, SETTLE_MS);
	assert_true(pair_count_established(&p, RESPONDER) >= 1);
	assert_int_equal(pair_count_sas(&p, RESPONDER), pair_count_established(&p, RESPONDER));
	assert_int_equal(pair_count_sas(&p, INITIATOR), pair_count_established(&p, INITIATOR));
	pair_stop(&p);
	return left;
}

static void check_op(struct tried t)
{
	long before, n = 0;

	t.fails_after = -1;
	(void)run(&t); /* what OpenSSL makes once and keeps */
	ERR_clear_error();
	before = n_live;
	do {
		t.fails_after = n++;
	} while (run(&t) < 0);
	assert_true(n > 4);
	ERR_clear_error(); /* OpenSSL's queue keeps what it says about the last one */
	assert_int_equal(n_live, before);
}

static void test_without_memory(void **state)
{
	(void)state;
	if (!HAS_OWN_MALLOC)
		skip();
	for (int op = OP_REKEY_CHILD; op < OP_COUNT; op++) {
		for (int side = 0; side < 2; side++) {
			check_op(
			    (struct tried){ (enum pair_op)op, (enum pair_side)side, false, 0 });
			check_op((struct tried){ (enum pair_op)op, (enum pair_side)side, true, 0 });
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_without_memory, say_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
