/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ticket_world.h"

/* Tickets and resumption at the responder (RFC 5723): what is to work. */

static bool has_type(struct bytes message, uint8_t type)
{
	struct payload_list list;
	struct ike_header h;
	uint8_t critical;

	assert_int_equal(ike_header_decode(message, &h), 0);
	assert_int_equal(payload_list_decode(h.next_payload,
					     (struct bytes){ message.ptr + IKE_HEADER_SIZE,
							     message.len - IKE_HEADER_SIZE },
					     &list, &critical),
			 0);
	for (size_t i = 0; i < list.n; i++) {
		if (list.items[i].type == type)
			return true;
	}
	return false;
}

/* Set up at one member, resumed at another: no SA and no KE in the clear, both ways alike. */
static void check_another_member(enum auth_form form)
{
	struct member m;
	uint64_t old_spi;
	struct ts_list inner;

	member_start(&m);
	world_establish(&m.w);
	assert_true(m.w.c.ticket_len > 0);
	assert_int_equal(m.w.c.ticket_lifetime_s, MEMBER_LIFETIME_S);
	assert_false(m.w.peer.is_resumed);
	old_spi = m.w.peer.spi;
	inner = m.w.peer.inner;
	member_move_on(&m);
	m.w.c.form = form;
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	assert_false(has_type((struct bytes){ m.w.c.message1, m.w.c.message1_len }, PAYLOAD_KE));
	assert_false(has_type((struct bytes){ m.w.c.message2, m.w.c.message2_len }, PAYLOAD_KE));
	assert_false(has_type((struct bytes){ m.w.c.message2, m.w.c.message2_len }, PAYLOAD_SA));
	assert_true(m.w.c.has_nat_detection);
	assert_false(m.w.c.has_fragmentation);
	assert_int_equal(m.w.n_up, 0);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))), 0);
	assert_int_equal(m.w.n_up, 1);
	assert_int_equal(m.w.peer.spi >> 56, 8);
	assert_true(m.w.peer.is_resumed);
	assert_true(m.w.peer.is_redirectable);
	assert_int_equal(m.w.peer.supersedes, old_spi);
	assert_string_equal(m.w.peer.identity, ALICE);
	assert_string_equal(m.w.peer.connection, "sites");
	assert_memory_equal(&m.w.peer.inner, &inner, sizeof(inner));
	/* The Child SA's keys fit with each other, and a new ticket came along. */
	assert_memory_equal(m.w.key_in, m.w.c.child_keys.i2r.data, m.w.c.child_keys.i2r.len);
	assert_memory_equal(m.w.key_out, m.w.c.child_keys.r2i.data, m.w.c.child_keys.r2i.len);
	assert_true(m.w.c.ticket_len > 0);
	assert_int_equal(world_counter(&m.w, COUNT_RESUME), 1);
	assert_int_equal(world_counter(&m.w, COUNT_RESUMED), 1);
	assert_int_equal(world_counter(&m.w, COUNT_AUTH_OK), 0);
	/* And with that one again. */
	member_resume(&m.w);
	member_stop(&m);
}

static void test_another_member(void **state)
{
	(void)state;
	check_another_member(AUTH_FORM_RFC);
}

/* As libreswan does it. */
static void test_short_auth(void **state)
{
	struct member m;

	(void)state;
	check_another_member(AUTH_FORM_SHORT);
	member_start(&m);
	m.w.conf.allow_short_auth = false;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, MEMBER_UNIX_S);
	world_establish(&m.w);
	m.w.c.form = AUTH_FORM_SHORT;
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))),
	    ERR_BAD_STATE);
	assert_int_equal(m.w.c.notify, NOTIFY_AUTHENTICATION_FAILED);
	member_stop(&m);
}

/* A ticket is not given unasked, and refused in words when there is no key. */
static void test_only_on_request(void **state)
{
	struct ticket_ring none = { .n = 0 };
	struct member m;

	(void)state;
	member_start(&m);
	m.w.c.with_ticket_request = false;
	world_establish(&m.w);
	assert_int_equal(m.w.c.ticket_len, 0);
	assert_false(m.w.c.is_ticket_refused);
	world_new_client(&m.w, BOB, ALICE_PSK);
	m.w.c.with_ticket_request = true;
	ticket_office_set_ring(m.office, &none);
	world_establish(&m.w);
	assert_int_equal(m.w.c.ticket_len, 0);
	assert_true(m.w.c.is_ticket_refused);
	assert_int_equal(world_counter(&m.w, COUNT_TICKET_DENIED), 1);
	member_stop(&m);
}

/* By INFORMATIONAL, at any time. */
static void test_asked_for_later(void **state)
{
	struct payload_list list;
	struct ike_header h;
	struct member m;

	(void)state;
	member_start(&m);
	m.w.c.with_ticket_request = false;
	world_establish(&m.w);
	assert_int_equal(
	    ikeclient_open(&m.w.c, world_give(&m.w, ikeclient_ask_ticket(&m.w.c)), &h, &list), 0);
	ikeclient_keep_ticket(&m.w.c, &list);
	assert_true(m.w.c.ticket_len > 0);
	member_move_on(&m);
	member_resume(&m.w);
	member_stop(&m);
}

/* It stays until the peer is authentic, then goes without a word; its child goes too. */
static void test_old_one_goes_after_auth(void **state)
{
	struct member m;
	uint64_t old_spi;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	old_spi = m.w.peer.spi;
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	assert_int_equal(m.w.n_down, 0);
	assert_int_equal(responder_count_established(m.w.r), 1);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))), 0);
	assert_int_equal(m.w.n_down, 1);
	assert_int_equal(m.w.closed_spi, old_spi);
	assert_int_equal(m.w.reason, REASON_RESUMED);
	assert_int_equal(m.w.n_remove, 1);
	assert_int_equal(m.w.n_sent, 1);
	assert_int_equal(responder_count_established(m.w.r), 1);
	member_stop(&m);
}

static void test_superseded(void **state)
{
	struct member m;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	assert_false(responder_supersede(m.w.r, m.w.now, m.w.peer.spi + 1, ALICE));
	assert_false(responder_supersede(m.w.r, m.w.now, m.w.peer.spi, BOB));
	assert_true(responder_supersede(m.w.r, m.w.now, m.w.peer.spi, ALICE));
	world_collect(&m.w);
	assert_int_equal(m.w.n_down, 1);
	assert_int_equal(m.w.n_remove, 1);
	assert_int_equal(m.w.n_sent, 0);
	assert_int_equal(m.w.reason, REASON_SUPERSEDED);
	assert_false(responder_supersede(m.w.r, m.w.now, m.w.closed_spi, ALICE));
	member_stop(&m);
}

static void test_repeated(void **state)
{
	struct member m;
	struct bytes request;
	uint8_t first[IKECLIENT_MESSAGE_MAX];
	size_t len;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	request = ikeclient_resume_request(&m.w.c);
	len = world_give(&m.w, request).len;
	memcpy(first, m.w.sent, len);
	assert_int_equal(world_give(&m.w, request).len, len);
	assert_memory_equal(m.w.sent, first, len);
	assert_int_equal(responder_count_half_open(m.w.r), 1);
	assert_int_equal(world_counter(&m.w, COUNT_RESUME), 1);
	member_stop(&m);
}

static void test_rekeyed_soon(void **state)
{
	struct member m;
	uint64_t due;

	(void)state;
	member_start(&m);
	m.w.conf.rekey_ike_ms = 14400000;
	m.w.conf.rekey_resumed_ms = 300000;
	m.w.conf.dpd_ms = 0;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, MEMBER_UNIX_S);
	world_establish(&m.w);
	assert_true(responder_next_expiry(m.w.r) > m.w.now + 12000000);
	member_move_on(&m);
	member_resume(&m.w);
	due = responder_next_expiry(m.w.r) - m.w.now;
	assert_in_range(due, 150000, 300000);
	world_expire(&m.w, due);
	assert_int_equal(m.w.n_sent, 1);
	assert_int_equal(m.w.sent[18], EXCHANGE_CREATE_CHILD_SA);
	member_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_member),
		cmocka_unit_test(test_short_auth),
		cmocka_unit_test(test_only_on_request),
		cmocka_unit_test(test_asked_for_later),
		cmocka_unit_test(test_old_one_goes_after_auth),
		cmocka_unit_test(test_superseded),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_rekeyed_soon),
	};

	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
