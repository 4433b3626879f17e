/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "common/ikev2/session/payloads.h"
#include "tests/lib/ike_pair.h"
#include "tests/lib/own_malloc.h"

/*
 * Every allocation of everything that an established SA does fails once, at either end, in one
 * message or in fragments. It may cost that request, or at worst that SA; not the process, no
 * memory, and not the next one.
 */
#define SETTLE_MS 600000

/* What else happens to an initiator: made ready with memory, done without. */
struct scene {
	const char *name;
	void (*prepare)(struct ike_pair *p);
	void (*act)(struct ike_pair *p);
};

struct tried {
	enum pair_op op;
	enum pair_side side;
	bool is_long; /* in fragments */
	long fails_after;
	const struct scene *scene; /* instead of op; or NULL */
};

static struct tried now_tried; /* what to say when a check fails */

static int say_last(void **state)
{
	(void)state;
	print_message("last: %s, side %d, fragments %d, allocation %ld\n",
		      now_tried.scene != NULL ? now_tried.scene->name : pair_op_name(now_tried.op),
		      (int)now_tried.side, (int)now_tried.is_long, now_tried.fails_after);
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
	int n_failed;

	now_tried = *t;
	pair_start(&p, 1);
	if (t->is_long)
		make_long(&p);
	if (t->scene != NULL)
		pair_give_tickets(&p);
	p.rconf.dpd_ms = p.iconf.dpd_ms = 30000;
	pair_establish(&p);
	pair_run(&p, 100);
	if (t->scene != NULL)
		t->scene->prepare(&p);
	until_failure = t->fails_after;
	if (t->scene == NULL)
		pair_do(&p, t->side, t->op);
	else
		t->scene->act(&p);
	pair_run(&p, 20000);
	left = until_failure;
	until_failure = -1;
	pair_run(&p, SETTLE_MS);
	assert_int_equal(pair_count_established(&p, RESPONDER),
			 pair_count_established(&p, INITIATOR));
	/* The next one is served, and the two of them agree. */
	n_failed = p.end[INITIATOR].n_failed;
	pair_connect(&p);
	pair_run(&p, 1000);
	assert_int_equal(p.end[INITIATOR].n_failed, n_failed);
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

/* ---- tickets, redirects, RFC 6311 ---- */

static void ask(struct ike_pair *p, uint16_t type, struct bytes data)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer chain = chain_open(&w);
	struct bytes inner;

	chain_put_notify(&chain, type, data);
	assert_int_equal(wr_finish(&w, &inner), 0);
	pair_gateway_asks(p, chain.first, inner);
}

static void nothing(struct ike_pair *p)
{
	(void)p;
}

static void resume(struct ike_pair *p)
{
	struct pair_end *e = &p->end[INITIATOR];
	int err = initiator_resume(p->i, p->now, &p->gateway, &p->path, 1, &e->ticket);

	assert_true((err == 0) == (e->ticket.ticket_len == 0));
}

static void spoil_ticket(struct ike_pair *p)
{
	p->end[INITIATOR].ticket.ticket[30] ^= 1;
	pair_replace_gateway(p);
}

static void send_away(struct ike_pair *p)
{
	static const uint8_t data[] = { GATEWAY_IPV4, 4, 192, 0, 2, 22 };

	ask(p, NOTIFY_REDIRECT, (struct bytes){ data, sizeof(data) });
}

static void request_ticket(struct ike_pair *p)
{
	assert_true(initiator_request_ticket(p->i, p->now, p->end[INITIATOR].peer.spi));
}

/* A request is out, which nobody has got, when another member goes on. */
static void synchronize(struct ike_pair *p)
{
	static const uint8_t data[12] = { 1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 2 };
	struct ike_sa *theirs = pair_core(p, RESPONDER)->by_spi;

	pair_core(p, INITIATOR)->by_spi->has_mid_sync = true;
	p->link.loss_ppm = 1000000;
	assert_true(initiator_probe(p->i, p->now, p->end[INITIATOR].peer.spi));
	pair_run(p, 1);
	pair_run(p, 100);
	p->link.loss_ppm = 0;
	ask(p, NOTIFY_IKEV2_MESSAGE_ID_SYNC, (struct bytes){ data, sizeof(data) });
	theirs->rx_next = 3;
	stored_free(&theirs->last_response);
}

static const struct scene scenes[] = {
	{ "resume", pair_replace_gateway, resume },
	{ "refused", spoil_ticket, resume },
	{ "alive", nothing, resume },
	{ "sent away", send_away, nothing },
	{ "request", nothing, request_ticket },
	{ "synchronize", synchronize, nothing },
};

static void test_moves_without_memory(void **state)
{
	(void)state;
	if (!HAS_OWN_MALLOC)
		skip();
	for (size_t k = 0; k < sizeof(scenes) / sizeof(scenes[0]); k++)
		check_op((struct tried){ .side = INITIATOR, .scene = &scenes[k] });
}

static void test_without_memory(void **state)
{
	(void)state;
	if (!HAS_OWN_MALLOC)
		skip();
	for (int op = OP_REKEY_CHILD; op < OP_COUNT; op++) {
		for (int side = 0; side < 2; side++) {
			check_op((struct tried){ (enum pair_op)op, (enum pair_side)side, false, 0,
						 NULL });
			check_op((struct tried){ (enum pair_op)op, (enum pair_side)side, true, 0,
						 NULL });
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_without_memory, say_last),
		cmocka_unit_test_teardown(test_moves_without_memory, say_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
