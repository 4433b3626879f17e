/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/mesh/prober.h"

#define START 1000
#define SELF  5
#define OWNER 2
#define THIRD 3
#define BOOT  0xb007
#define DUE   (START + MESH_PROBE_MS)

static const struct ip service = { IP_V4, { 192, 0, 2, 22 } };
static const struct endpoint references[] = {
	{ { IP_V4, { 192, 0, 2, 13 } }, 7401 },
	{ { IP_V4, { 192, 0, 2, 14 } }, 9999 },
};
static const struct ip witnesses[] = { { IP_V4, { 192, 0, 2, 1 } } };

struct fixture {
	struct rng_seeded seeded;
	struct rng rng;
	struct prober p;
};

static int set_up(void **state)
{
	static struct fixture f;

	f.seeded.state = 7;
	f.rng = rng_seeded(&f.seeded);
	*state = &f;
	return 0;
}

static void start(struct fixture *f, size_t n_references, size_t n_witnesses)
{
	struct msg_probe order = {
		service, OWNER, references, n_references, witnesses, n_witnesses
	};

	assert_int_equal(prober_start(&f->p, START, &order, SELF, BOOT, &f->rng), 0);
}

/* An answer to datagram i, as an agent would make it. */
static bool answer(struct fixture *f, size_t i, uint8_t number)
{
	struct mesh_msg m;
	struct endpoint to;

	prober_datagram(&f->p, i, &m, &to);
	m.type = MESH_ANSWER;
	m.number = number;
	return prober_take_answer(&f->p, &m, &to);
}

static void assert_result(struct fixture *f, uint64_t now_ms, enum msg_seen agent, uint64_t number,
			  enum msg_seen link, enum msg_seen reference)
{
	struct msg_probe_result r;

	assert_true(prober_is_done(&f->p, now_ms, &r));
	assert_true(ip_is_equal(&r.address, &service));
	assert_int_equal(r.agent, agent);
	assert_int_equal(r.number, number);
	assert_int_equal(r.link, link);
	assert_int_equal(r.reference, reference);
}

static void assert_goes_on(struct fixture *f, uint64_t now_ms)
{
	struct msg_probe_result r;

	assert_false(prober_is_done(&f->p, now_ms, &r));
}

static void test_what_is_sent(void **state)
{
	struct fixture *f = *state;
	struct mesh_msg m[3];
	struct endpoint to[3];

	start(f, 2, 1);
	assert_int_equal(prober_datagrams(&f->p), 3);
	for (size_t i = 0; i < 3; i++) {
		prober_datagram(&f->p, i, &m[i], &to[i]);
		assert_int_equal(m[i].type, MESH_PROBE);
		assert_int_equal(m[i].number, SELF);
		assert_true(m[i].boot_id == BOOT);
		assert_true(ip_is_equal(&m[i].address, &service));
		assert_true(m[i].epoch == 0);
	}
	assert_true(ip_is_equal(&to[0].ip, &service));
	assert_int_equal(to[0].port, MESH_PORT);
	assert_true(endpoint_is_equal(&to[1], &references[0]));
	assert_true(endpoint_is_equal(&to[2], &references[1]));
	assert_memory_not_equal(m[0].nonce, m[1].nonce, MESH_NONCE_SIZE);
	assert_memory_not_equal(m[1].nonce, m[2].nonce, MESH_NONCE_SIZE);
	assert_int_equal(prober_questions(&f->p), 2);
	assert_true(ip_is_equal(prober_question(&f->p, 0), &service));
	assert_true(ip_is_equal(prober_question(&f->p, 1), &witnesses[0]));
	assert_int_equal(prober_due_ms(&f->p), DUE);
}

static void test_agent_answers(void **state)
{
	struct fixture *f = *state;

	start(f, 1, 1);
	assert_goes_on(f, START + 1);
	assert_true(answer(f, 0, OWNER));
	assert_result(f, START + 1, MSG_SEEN_YES, OWNER, MSG_SEEN_UNKNOWN, MSG_SEEN_YES);
	/* By then the link may be known too. */
	prober_take_link(&f->p, &service, MSG_SEEN_YES);
	assert_result(f, START + 1, MSG_SEEN_YES, OWNER, MSG_SEEN_YES, MSG_SEEN_YES);
	/* Another member than expected is told as what it is. */
	start(f, 0, 0);
	assert_true(answer(f, 0, THIRD));
	assert_result(f, START + 1, MSG_SEEN_YES, THIRD, MSG_SEEN_UNKNOWN, MSG_SEEN_YES);
}

static void test_nobody_answers(void **state)
{
	struct fixture *f = *state;

	start(f, 1, 1);
	prober_take_link(&f->p, &service, MSG_SEEN_NO);
	prober_take_link(&f->p, &witnesses[0], MSG_SEEN_NO);
	assert_goes_on(f, DUE - 1);
	assert_result(f, DUE, MSG_SEEN_NO, 0, MSG_SEEN_NO, MSG_SEEN_NO);
	/* A keeper that has not answered by then has heard nothing. */
	start(f, 1, 1);
	assert_result(f, DUE, MSG_SEEN_NO, 0, MSG_SEEN_NO, MSG_SEEN_NO);
}

static void test_references(void **state)
{
	struct fixture *f = *state;

	/* A member that answers. */
	start(f, 2, 1);
	assert_true(answer(f, 2, THIRD));
	assert_goes_on(f, DUE - 1);
	assert_result(f, DUE, MSG_SEEN_NO, 0, MSG_SEEN_NO, MSG_SEEN_YES);
	/* A witness; and the kernel of the hung member. */
	start(f, 2, 1);
	prober_take_link(&f->p, &service, MSG_SEEN_YES);
	prober_take_link(&f->p, &witnesses[0], MSG_SEEN_YES);
	assert_goes_on(f, DUE - 1);
	assert_result(f, DUE, MSG_SEEN_NO, 0, MSG_SEEN_YES, MSG_SEEN_YES);
	/* Nothing to compare with. */
	start(f, 0, 0);
	assert_result(f, DUE, MSG_SEEN_NO, 0, MSG_SEEN_NO, MSG_SEEN_UNKNOWN);
	/* No link to ask on. */
	start(f, 0, 1);
	prober_take_link(&f->p, &service, MSG_SEEN_UNKNOWN);
	prober_take_link(&f->p, &witnesses[0], MSG_SEEN_UNKNOWN);
	assert_result(f, DUE, MSG_SEEN_NO, 0, MSG_SEEN_UNKNOWN, MSG_SEEN_UNKNOWN);
	start(f, 1, 1);
	prober_take_link(&f->p, &witnesses[0], MSG_SEEN_UNKNOWN);
	assert_result(f, DUE, MSG_SEEN_NO, 0, MSG_SEEN_NO, MSG_SEEN_NO);
}

/* Nothing is left that could still answer: no need to wait. */
static void test_all_known_early(void **state)
{
	struct fixture *f = *state;

	start(f, 1, 0);
	prober_not_sent(&f->p, 0);
	assert_true(answer(f, 1, THIRD));
	assert_goes_on(f, START);
	prober_take_link(&f->p, &service, MSG_SEEN_NO);
	assert_result(f, START, MSG_SEEN_NO, 0, MSG_SEEN_NO, MSG_SEEN_YES);
}

static void test_answers_of_others(void **state)
{
	struct fixture *f = *state;
	struct mesh_msg m, bad;
	struct endpoint to, from;

	start(f, 1, 0);
	prober_datagram(&f->p, 0, &m, &to);
	assert_false(prober_take_answer(&f->p, &m, &to)); /* its own question, sent back */
	m.type = MESH_ANSWER;
	m.number = OWNER;
	bad = m, bad.nonce[15] ^= 1;
	assert_false(prober_take_answer(&f->p, &bad, &to));
	bad = m, bad.address.octets[3] ^= 1;
	assert_false(prober_take_answer(&f->p, &bad, &to));
	from = to, from.ip.octets[3] ^= 1; /* from an address that was not asked */
	assert_false(prober_take_answer(&f->p, &m, &from));
	/* The reference's question, answered in the name of the service address. */
	prober_datagram(&f->p, 1, &bad, &from);
	bad.type = MESH_ANSWER;
	assert_false(prober_take_answer(&f->p, &bad, &to));
	assert_goes_on(f, START);
	from = to, from.port = 4242;
	assert_true(prober_take_answer(&f->p, &m, &from));
	assert_true(prober_take_answer(&f->p, &m, &from)); /* twice is fine */
	assert_result(f, START, MSG_SEEN_YES, OWNER, MSG_SEEN_UNKNOWN, MSG_SEEN_YES);
	prober_take_link(&f->p, &witnesses[0], MSG_SEEN_YES); /* nobody asked */
}

/* More than there is room for is not asked, and nothing is written outside. */
static void test_bounds(void **state)
{
	struct fixture *f = *state;
	struct endpoint many[40];
	struct ip hosts[40];
	struct msg_probe order = { service, OWNER, many, 40, hosts, 40 };

	for (size_t i = 0; i < 40; i++) {
		many[i] = references[0];
		many[i].ip.octets[3] = (uint8_t)(100 + i);
		hosts[i] = many[i].ip;
	}
	assert_int_equal(prober_start(&f->p, START, &order, SELF, BOOT, &f->rng), 0);
	assert_int_equal(prober_datagrams(&f->p), PROBER_DATAGRAMS_MAX);
	assert_int_equal(prober_questions(&f->p), PROBER_QUESTIONS_MAX);
	for (size_t i = 1; i < PROBER_DATAGRAMS_MAX; i++)
		assert_true(answer(f, i, THIRD));
}

static int broken_fill(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	(void)out;
	(void)len;
	return ERR_CRYPTO;
}

static void test_no_randomness(void **state)
{
	struct fixture *f = *state;
	struct msg_probe order = { service, OWNER, references, 2, witnesses, 1 };
	struct rng broken = { broken_fill, NULL };

	assert_int_equal(prober_start(&f->p, START, &order, SELF, BOOT, &broken), ERR_CRYPTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_sent),    cmocka_unit_test(test_agent_answers),
		cmocka_unit_test(test_nobody_answers),  cmocka_unit_test(test_references),
		cmocka_unit_test(test_all_known_early), cmocka_unit_test(test_answers_of_others),
		cmocka_unit_test(test_bounds),          cmocka_unit_test(test_no_randomness),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
