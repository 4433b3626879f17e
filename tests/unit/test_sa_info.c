/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/ike_pair.h"

/* What operators are shown of SAs: at both ends of the same SAs, and why they were rekeyed. */

#define SEEN_MAX 40

/* A copy of what was visited, one child at most. */
struct seen {
	size_t n;
	struct sa_info sas[SEEN_MAX];
	struct child_info children[SEEN_MAX];
	char ids[SEEN_MAX][ID_TEXT_MAX];
};

static struct seen mine, theirs;

static void note(void *ctx, const struct sa_info *sa)
{
	struct seen *s = ctx;

	assert_true(s->n < SEEN_MAX);
	s->sas[s->n] = *sa;
	if (sa->n_children > 0)
		s->children[s->n] = sa->children[sa->n_children - 1];
	if (sa->id != NULL)
		id_format(sa->id, s->ids[s->n]);
	s->n++;
}

static void look(struct ike_pair *p)
{
	const struct sa_query all = { .limit = SA_QUERY_MAX };

	mine.n = theirs.n = 0;
	responder_each_sa(p->r, &all, note, &mine);
	core_each_sa(pair_core(p, INITIATOR), NULL, &all, note, &theirs);
}

static void test_both_ends(void **state)
{
	struct ike_pair p;
	const struct sa_info *sa = &mine.sas[0], *other = &theirs.sas[0];
	char text[ID_TEXT_MAX];

	(void)state;
	pair_start(&p, 1);
	p.rconf.rekey_ike_ms = 1000000;
	p.connection[RESPONDER].rekey_child_ms = 500000;
	pair_establish(&p);
	look(&p);
	assert_int_equal(mine.n, 1);
	assert_int_equal(theirs.n, 1);
	assert_int_equal(sa->spi, other->peer_spi);
	assert_int_equal(sa->peer_spi, other->spi);
	assert_string_equal(sa->state, "established");
	assert_false(sa->is_initiator);
	assert_true(other->is_initiator);
	assert_string_equal(id_format(sa->local_id, text), "gw.example");
	assert_string_equal(mine.ids[0], "alice.example");
	assert_null(other->local_id);
	assert_string_equal(sa->connection, "sites");
	assert_true(endpoint_is_equal(&sa->path.local, &other->path.remote));
	assert_ptr_equal(sa->suite->encr, other->suite->encr);
	assert_in_range(sa->since_ms, 1000, p.now);
	assert_in_range(sa->rekey_due_ms, 900000, p.now + 1000000);
	assert_true(sa->over_due_ms > sa->rekey_due_ms && sa->over_due_ms < UINT64_MAX);
	assert_int_equal(other->rekey_due_ms, UINT64_MAX);
	assert_int_equal(sa->why, REKEY_NONE);
	assert_false(sa->is_behind_nat || sa->is_peer_behind_nat || sa->is_encap_forced);
	assert_null(sa->task);
	assert_int_equal(mine.children[0].spi_in, theirs.children[0].spi_out);
	assert_int_equal(mine.children[0].spi_out, theirs.children[0].spi_in);
	assert_string_equal(mine.children[0].state, "installed");
	assert_in_range(mine.children[0].installed_ms, 1000, p.now);
	assert_in_range(mine.children[0].rekey_due_ms, 450000, p.now + 500000);
	assert_int_equal(mine.children[0].why, REKEY_NONE);
	assert_true(theirs.children[0].is_initiator && !mine.children[0].is_initiator);
	pair_stop(&p);
}

/* Who has a NAT before it, and who only says so. */
static void test_nat(void **state)
{
	struct ike_pair p;

	(void)state;
	for (int forced = 0; forced <= 1; forced++) {
		pair_start(&p, 2);
		p.rconf.force_encap = forced;
		pair_establish(&p);
		look(&p);
		assert_int_equal(mine.sas[0].is_encap_forced, forced);
		assert_false(mine.sas[0].is_peer_behind_nat);
		/* A gateway that forces encapsulation looks like one behind a NAT. */
		assert_int_equal(theirs.sas[0].is_peer_behind_nat, forced);
		pair_stop(&p);
	}
}

static const struct rekey_case {
	enum pair_op op;
	enum pair_side side;
	bool by_time;
	struct esp_stats usage;
	enum rekey_why mine, theirs;
} cases[] = {
	{ OP_REKEY_CHILD, RESPONDER, false, { 0 }, REKEY_OPERATOR, REKEY_PEER },
	{ OP_REKEY_CHILD, INITIATOR, false, { 0 }, REKEY_PEER, REKEY_OPERATOR },
	{ OP_NONE, RESPONDER, true, { 0 }, REKEY_TIME, REKEY_PEER },
	{ OP_NONE, RESPONDER, false, { .octets_in = 1000 }, REKEY_OCTETS, REKEY_PEER },
	{ OP_NONE, RESPONDER, false, { .packets_in = 50 }, REKEY_PACKETS, REKEY_PEER },
	{ OP_NONE, RESPONDER, false, { .seq_out = 0xc0000000 }, REKEY_SEQUENCE, REKEY_PEER },
};

static void test_why_child(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		const struct rekey_case *c = &cases[k];
		struct ike_pair p;
		uint64_t id, first_ms;

		pair_start(&p, 3);
		p.traffic_ms = 100; /* so that the peer is known to have it */
		p.connection[RESPONDER].rekey_octets = c->usage.octets_in;
		p.connection[RESPONDER].rekey_packets = c->usage.packets_in;
		p.connection[RESPONDER].rekey_child_ms = c->by_time ? 60000 : 0;
		pair_establish(&p);
		look(&p);
		id = mine.children[0].id;
		first_ms = mine.children[0].installed_ms;
		if (c->op != OP_NONE)
			assert_true(pair_do(&p, c->side, c->op));
		else if (!c->by_time)
			responder_child_usage(p.r, p.now, id, &c->usage);
		pair_run(&p, 65000);
		look(&p);
		assert_int_not_equal(mine.children[0].id, id);
		assert_string_equal(rekey_why_name(mine.children[0].why), rekey_why_name(c->mine));
		assert_string_equal(rekey_why_name(theirs.children[0].why),
				    rekey_why_name(c->theirs));
		assert_true(mine.children[0].installed_ms > first_ms);
		assert_int_equal(mine.sas[0].why, REKEY_NONE);
		pair_stop(&p);
	}
}

static void test_why_ike(void **state)
{
	struct ike_pair p;
	uint64_t since_ms;

	(void)state;
	pair_start(&p, 4);
	p.rconf.rekey_ike_ms = 100000;
	pair_establish(&p);
	look(&p);
	since_ms = mine.sas[0].since_ms;
	pair_run(&p, 105000);
	look(&p);
	assert_int_equal(mine.sas[0].why, REKEY_TIME);
	assert_int_equal(theirs.sas[0].why, REKEY_PEER);
	assert_int_equal(mine.sas[0].n_rekeys, 1);
	assert_in_range(mine.sas[0].rekeyed_ms, 90000, p.now);
	assert_int_equal(mine.sas[0].since_ms, since_ms);
	assert_true(pair_do(&p, INITIATOR, OP_REKEY_IKE));
	pair_run(&p, 15000);
	look(&p);
	assert_int_equal(mine.sas[0].why, REKEY_PEER);
	assert_int_equal(theirs.sas[0].why, REKEY_OPERATOR);
	assert_int_equal(mine.sas[0].n_rekeys, 2);
	assert_int_equal(theirs.sas[0].n_rekeys, 2);
	assert_in_range(mine.sas[0].rekeyed_ms, p.now - 15000, p.now);
	pair_stop(&p);
}

/* Bare SAs with SPIs of our choice are enough to see which are visited, and in which order. */
static void test_pages(void **state)
{
	struct ike_pair p;
	struct ike_core *c;
	struct sa_query q = { .limit = 7 };
	size_t total = 0, n;

	(void)state;
	pair_start(&p, 5);
	pair_establish(&p);
	c = pair_core(&p, RESPONDER);
	for (int k = 0; k < 31; k++)
		assert_non_null(ike_sa_new(c, false));
	do {
		mine.n = 0;
		n = responder_each_sa(p.r, &q, note, &mine);
		assert_int_equal(n, mine.n);
		for (size_t k = 0; k < n; k++) {
			assert_true(mine.sas[k].spi > q.after);
			q.after = mine.sas[k].spi;
		}
		total += n;
	} while (n == q.limit);
	assert_int_equal(total, 32);

	q = (struct sa_query){ .limit = 7, .identity = "alice.example" };
	mine.n = 0;
	assert_int_equal(responder_each_sa(p.r, &q, note, &mine), 1);
	assert_string_equal(mine.ids[0], "alice.example");
	q.identity = "bob.example";
	assert_int_equal(responder_each_sa(p.r, &q, note, &mine), 0);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends), cmocka_unit_test(test_nat),
		cmocka_unit_test(test_why_child), cmocka_unit_test(test_why_ike),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
