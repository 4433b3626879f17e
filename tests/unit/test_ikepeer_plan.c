/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/ikepeer/plan.h"
#include "common/ikev2/initiator/initiator.h"
#include "common/ikev2/notify.h"

/* What "ikepeer up" does next. The director is the configured gateway, m1 a member of it. */
static const struct ip director = { IP_V4, { 192, 0, 2, 10 } }, m1 = { IP_V4, { 192, 0, 2, 21 } };

#define NOW 1000000u

static struct plan began(uint32_t tries)
{
	struct plan p;
	struct plan_step step;

	plan_init(&p, &director, tries);
	step = plan_begin(&p);
	assert_int_equal(step.what, PLAN_CONNECT);
	assert_true(ip_is_equal(&step.gateway, &director));
	assert_false(step.is_resume);
	return p;
}

static struct plan up_at_m1(void)
{
	struct plan p = began(0);

	plan_up(&p, NOW, &m1);
	plan_ticket(&p, true);
	assert_int_equal(p.state, PLAN_UP);
	return p;
}

static void check_connect(struct plan_step step, const struct ip *gateway, bool is_resume)
{
	assert_int_equal(step.what, PLAN_CONNECT);
	assert_true(ip_is_equal(&step.gateway, gateway));
	assert_int_equal(step.is_resume, is_resume);
}

/* Whatever the dice, within a quarter of it. */
static void check_wait(struct plan_step step, uint64_t now, uint64_t ms)
{
	assert_int_equal(step.what, PLAN_WAIT);
	assert_in_range(step.due_ms - now, ms - ms / 4, ms + ms / 4);
}

static void test_ticket_from_a_file(void **state)
{
	struct plan p;

	(void)state;
	plan_init(&p, &director, 0);
	plan_ticket(&p, true);
	check_connect(plan_begin(&p), &director, true);
}

/* After a settled life, by the reason of its end. */
static void test_ends(void **state)
{
	static const struct {
		enum ike_reason reason;
		enum plan_do what;
		const struct ip *gateway;
		bool is_resume;
	} cases[] = {
		{ REASON_DEAD, PLAN_CONNECT, &director, true },
		{ REASON_CRASHED, PLAN_CONNECT, &m1, true },
		{ REASON_DELETED, PLAN_WAIT, NULL, false },
		{ REASON_EXPIRED, PLAN_WAIT, NULL, false },
		{ REASON_SYNTAX, PLAN_WAIT, NULL, false },
		{ REASON_REDIRECTED, PLAN_NOTHING, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan p = up_at_m1();
		uint64_t now = NOW + PLAN_SETTLED_MS;
		struct plan_step step = plan_down(&p, now, cases[i].reason, i);

		assert_int_equal(step.what, cases[i].what);
		if (step.what == PLAN_CONNECT)
			check_connect(step, cases[i].gateway, cases[i].is_resume);
		if (step.what == PLAN_WAIT) {
			check_wait(step, now, PLAN_FIRST_WAIT_MS);
			plan_ticket(&p, false);
			check_connect(plan_due(&p), &director, false);
		}
		assert_int_equal(p.failures, 0);
	}
}

static void test_dead_without_a_ticket(void **state)
{
	struct plan p = up_at_m1();

	(void)state;
	plan_ticket(&p, false);
	check_connect(plan_down(&p, NOW + PLAN_SETTLED_MS, REASON_DEAD, 0), &director, false);
}

/* The initiator brings the new one up before it leaves the old one, or after. */
static void test_handover(void **state)
{
	struct plan p = up_at_m1();

	(void)state;
	plan_up(&p, NOW + 5, &director);
	assert_int_equal(plan_down(&p, NOW + 6, REASON_REDIRECTED, 0).what, PLAN_NOTHING);
	assert_int_equal(p.state, PLAN_UP);
	assert_true(ip_is_equal(&p.serving, &director));

	assert_int_equal(plan_down(&p, NOW + 7, REASON_REDIRECTED, 0).what, PLAN_NOTHING);
	assert_int_equal(p.state, PLAN_TRYING);
	plan_up(&p, NOW + 8, &m1);
	assert_int_equal(p.state, PLAN_UP);
	assert_int_equal(p.n_up, 1);

	/* It was on its way, and comes to nothing: anew, from the configured gateway. */
	assert_int_equal(plan_down(&p, NOW + 9, REASON_REDIRECTED, 0).what, PLAN_NOTHING);
	check_connect(plan_failed(&p, NOW + 10, &m1, REASON_DEAD, 0, 0), &director, true);
}

static void test_failed_elsewhere_once(void **state)
{
	struct plan p = began(0);

	(void)state;
	check_connect(plan_failed(&p, NOW, &m1, REASON_DEAD, 0, 0), &director, false);
	check_wait(plan_failed(&p, NOW, &m1, REASON_DEAD, 0, 0), NOW, 2 * PLAN_FIRST_WAIT_MS);
}

static void test_back_off(void **state)
{
	struct plan p = began(0);
	uint64_t ms = PLAN_FIRST_WAIT_MS;

	(void)state;
	for (uint64_t dice = 0; dice < 20; dice++) {
		check_wait(plan_failed(&p, NOW, &director, REASON_DEAD, 0, dice * 7919), NOW, ms);
		ms = ms * 2 < PLAN_LAST_WAIT_MS ? ms * 2 : PLAN_LAST_WAIT_MS;
		check_connect(plan_due(&p), &director, false);
	}
	/* A settled life ends the row. */
	plan_up(&p, NOW, &m1);
	check_wait(plan_down(&p, NOW + PLAN_SETTLED_MS, REASON_DELETED, 3), NOW + PLAN_SETTLED_MS,
		   PLAN_FIRST_WAIT_MS);
}

/* Up and lost, again and again: not as fast as it can. */
static void test_short_lives(void **state)
{
	struct plan p = up_at_m1();

	(void)state;
	check_connect(plan_down(&p, NOW + 1, REASON_CRASHED, 0), &m1, true);
	plan_up(&p, NOW + 2, &m1);
	check_wait(plan_down(&p, NOW + 3, REASON_CRASHED, 0), NOW + 3, 2 * PLAN_FIRST_WAIT_MS);
	check_connect(plan_due(&p), &director, true);
	plan_up(&p, NOW + 4, &m1);
	check_wait(plan_down(&p, NOW + 5, REASON_DEAD, 0), NOW + 5, 4 * PLAN_FIRST_WAIT_MS);
}

static void test_refused_waits(void **state)
{
	struct plan p = began(0);

	(void)state;
	check_wait(plan_failed(&p, NOW, &m1, REASON_REFUSED, NOTIFY_AUTHENTICATION_FAILED, 5), NOW,
		   PLAN_REFUSED_WAIT_MS);
	p = began(0);
	check_wait(plan_failed(&p, NOW, &m1, REASON_UNTRUSTED, 0, 5), NOW, PLAN_REFUSED_WAIT_MS);
	p = began(0);
	check_wait(plan_failed(&p, NOW, &m1, REASON_REDIRECTS, NOTIFY_REDIRECT, 5), NOW,
		   INITIATOR_REDIRECT_PERIOD_MS);
}

static void test_gives_up(void **state)
{
	struct plan p = began(2);

	(void)state;
	check_wait(plan_failed(&p, NOW, &director, REASON_DEAD, 0, 0), NOW, PLAN_FIRST_WAIT_MS);
	check_connect(plan_due(&p), &director, false);
	assert_int_equal(plan_failed(&p, NOW, &director, REASON_DEAD, 0, 0).what, PLAN_GIVE_UP);
	assert_int_equal(plan_due(&p).what, PLAN_NOTHING);

	/* Lives that are too short count. */
	p = began(1);
	plan_up(&p, NOW, &m1);
	assert_int_equal(plan_down(&p, NOW + 1, REASON_DELETED, 0).what, PLAN_GIVE_UP);
}

/* What comes after the end, or when nobody waits for it, begins nothing. */
static void test_nothing_after_the_end(void **state)
{
	struct plan p = up_at_m1();

	(void)state;
	assert_int_equal(plan_due(&p).what, PLAN_NOTHING);
	assert_int_equal(plan_failed(&p, NOW, &m1, REASON_DEAD, 0, 0).what, PLAN_NOTHING);
	plan_stop(&p);
	assert_int_equal(plan_down(&p, NOW, REASON_STOPPED, 0).what, PLAN_NOTHING);
	plan_up(&p, NOW, &m1);
	assert_int_equal(p.state, PLAN_OVER);
	assert_int_equal(plan_down(&p, NOW, REASON_DEAD, 0).what, PLAN_NOTHING);
	assert_int_equal(plan_down(&p, NOW, REASON_DEAD, 0).what, PLAN_NOTHING);
	assert_int_equal(plan_due(&p).what, PLAN_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket_from_a_file),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_dead_without_a_ticket),
		cmocka_unit_test(test_handover),
		cmocka_unit_test(test_failed_elsewhere_once),
		cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_short_lives),
		cmocka_unit_test(test_refused_waits),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_nothing_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
