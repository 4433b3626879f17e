/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/lib/ike_pair.h"

/*
 * Two real ends over a bad link, each rekeying and deleting as it likes: seed by seed, all random.
 * When the link is good again both agree: the same SAs with the same keys, or nothing at all.
 *
 *   PAIR_SEEDS=10000 build/release/unit/test_pair_sim     more of them; with PAIR_SECONDS=60 as
 *                                                         many as can be done in that time
 *   PAIR_SEED=77 build/release/unit/test_pair_sim         that one alone
 */
#define SEEDS_DEFAULT 300
#define BAD_MS        150000
#define PATIENCE_MS   400000

static uint64_t seed_tried;

static int say_seed(void **state)
{
	(void)state;
	print_message("last: PAIR_SEED=%llu\n", (unsigned long long)seed_tried);
	return 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t draw(struct ike_pair *p, uint64_t below)
{
	uint64_t value;

	assert_int_equal(rng_u64(&p->rng[2], &value), 0);
	return value % below;
}

/* Messages that need two or three fragments. */
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

static void set_up(struct ike_pair *p, uint64_t seed)
{
	pair_start(p, seed);
	p->link.loss_ppm = (uint32_t)draw(p, 250000);
	p->link.double_ppm = (uint32_t)draw(p, 250000);
	p->link.delay_min_ms = 1;
	p->link.delay_max_ms = 1 + (uint32_t)draw(p, 300);
	p->rconf.dpd_ms = p->iconf.dpd_ms = 30000;
	p->rconf.rekey_ike_ms = 40000 + (uint32_t)draw(p, 40000);
	p->iconf.rekey_ike_ms = 40000 + (uint32_t)draw(p, 40000);
	for (int side = 0; side < 2; side++) {
		struct policy_connection *conn = &p->connection[side];

		conn->rekey_child_ms = 15000 + (uint32_t)draw(p, 30000);
		if (seed % 3 == 0)
			assert_int_equal(esp_suite_parse("aes256gcm16-x25519", &conn->suites[0]),
					 0);
	}
	if (seed % 4 == 0)
		make_long(p);
	p->iconf.childless = seed % 7 == 0;
	if (seed % 2 == 1)
		pair_give_tickets(p);
	p->traffic_ms = 200;
}

static bool is_quiet_end(const struct ike_core *c)
{
	if (HASH_CNT(hh_spi, c->by_spi) != c->n_established)
		return false;
	for (const struct ike_sa *sa = c->by_spi; sa != NULL; sa = sa->hh_spi.next) {
		if (sa->state != SA_ESTABLISHED || sa->current != NULL || sa->tasks != NULL)
			return false;
	}
	for (const struct child *child = c->by_child; child != NULL; child = child->hh.next) {
		if (child->state != CHILD_INSTALLED || child->is_redundant)
			return false;
	}
	return true;
}

static bool is_quiet(struct ike_pair *p)
{
	return p->link.n == 0 && is_quiet_end(&p->r->core) && is_quiet_end(&p->i->core) &&
	       p->r->core.n_established == p->i->core.n_established;
}

/* Whatever the shell holds may be used at any time, also while all is well. */
static void use_tickets(struct ike_pair *p)
{
	const struct pair_end *e = &p->end[INITIATOR];

	if (draw(p, 6) == 0)
		initiator_request_ticket(p->i, p->now, e->peer.spi);
	if (draw(p, 8) == 0 && resumption_is_good(&e->ticket, p->now))
		pair_resume(p);
}

/* Each IKE SA has a ticket of its own, and of the newest the shell does too. */
static void check_tickets(struct ike_pair *p)
{
	const struct pair_end *e = &p->end[INITIATOR];

	for (const struct ike_sa *sa = p->i->core.by_spi; sa != NULL; sa = sa->hh_spi.next) {
		const struct resumption *t = kept_of(sa)->ticket;

		if (t == NULL) /* it was shown elsewhere, in vain */
			assert_true(p->i->core.counters[COUNT_TICKET_SILENCE] > 0);
		if (t == NULL)
			continue;
		assert_int_equal(t->spi, sa->own_spi);
		assert_memory_equal(&t->sk_d, &sa->keys.d, sizeof(t->sk_d));
		if (e->ticket.spi == sa->own_spi)
			assert_memory_equal(e->ticket.ticket, t->ticket, t->ticket_len);
	}
}

static void run_bad(struct ike_pair *p)
{
	static const enum pair_op ops[] = { OP_REKEY_CHILD, OP_REKEY_CHILD,  OP_REKEY_IKE,
					    OP_REKEY_IKE,   OP_CREATE_CHILD, OP_DELETE_CHILD };
	uint64_t end = p->now + BAD_MS;

	pair_connect(p);
	while (p->now < end) {
		pair_run(p, 1 + draw(p, 5000));
		if (draw(p, 3) == 0)
			pair_do(p, (enum pair_side)draw(p, 2), ops[draw(p, 6)]);
		if (draw(p, 4) == 0) /* both at once */
			for (int side = 0; side < 2; side++)
				pair_do(p, (enum pair_side)side, ops[draw(p, 5)]);
		if (p->office != NULL)
			use_tickets(p);
	}
}

static void run_good(struct ike_pair *p)
{
	uint64_t end = p->now + PATIENCE_MS;

	p->link.loss_ppm = p->link.double_ppm = 0;
	p->link.delay_max_ms = p->link.delay_min_ms;
	p->traffic_ms = 0;
	while (!is_quiet(p) && p->now < end)
		pair_run(p, 200);
	if (!is_quiet(p))
		pair_describe(p);
	assert_true(is_quiet(p));
	pair_check(p);
	if (p->office != NULL)
		check_tickets(p);
}

static bool run_seed(uint64_t seed)
{
	struct ike_pair *p = calloc(1, sizeof(*p));
	bool is_up;

	assert_non_null(p);
	seed_tried = seed;
	set_up(p, seed);
	pair_open(p);
	run_bad(p);
	run_good(p);
	is_up = pair_count_established(p, RESPONDER) > 0;
	/* And down in order, if there is something: one that was resumed while it was rekeyed is
	 * two.
	 */
	do {
		if (pair_count_established(p, RESPONDER) > 0)
			assert_true(pair_do(p, (enum pair_side)(seed / 2 % 2), OP_DELETE_IKE));
		pair_run(p, 60000);
	} while (p->office != NULL && pair_count_established(p, RESPONDER) > 0);
	pair_check(p);
	assert_int_equal(pair_count_sas(p, RESPONDER) + pair_count_sas(p, INITIATOR), 0);
	assert_int_equal(p->end[RESPONDER].n_children + p->end[INITIATOR].n_children, 0);
	pair_stop(p);
	free(p);
	return is_up;
}

static void test_bad_link(void **state)
{
	uint64_t first = from_environment("PAIR_SEED", 1);
	uint64_t n = from_environment("PAIR_SEEDS", getenv("PAIR_SEED") ? 1 : SEEDS_DEFAULT);
	uint64_t seconds = from_environment("PAIR_SECONDS", 3600), n_up = 0, done = 0;
	time_t end = time(NULL) + (time_t)seconds;

	(void)state;
	for (; done < n && time(NULL) < end; done++)
		n_up += run_seed(first + done);
	print_message("%llu of %llu were still up\n", (unsigned long long)n_up,
		      (unsigned long long)done);
	if (done > 100)
		assert_true(n_up > done / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_bad_link, say_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
