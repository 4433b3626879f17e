/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ticket_world.h"

/* Tokens by which a peer learns that its IKE SA is lost (RFC 6290): who gets one, and who never. */

static const struct qcd_secrets secrets = { 2, { { 5, 5 }, { 6, 6 } } };

/* The tokens of an answer, in order. */
static size_t read_tokens(struct bytes message, struct bytes out[8])
{
	struct payload_list list;
	struct ike_header h;
	struct notify n;
	uint8_t critical;
	size_t count = 0;

	assert_int_equal(ike_header_decode(message, &h), 0);
	assert_true(ike_header_is_response(&h));
	assert_int_equal(payload_list_decode(h.next_payload,
					     (struct bytes){ message.ptr + IKE_HEADER_SIZE,
							     message.len - IKE_HEADER_SIZE },
					     &list, &critical),
			 0);
	assert_true(list.n > 1);
	for (size_t i = 0; i < list.n; i++) {
		assert_int_equal(notify_decode(list.items[i].body, &n), 0);
		assert_int_equal(n.type,
				 i == 0 ? NOTIFY_INVALID_IKE_SPI : NOTIFY_QUICK_CRASH_DETECTION);
		if (i > 0)
			out[count++] = n.data;
	}
	return count;
}

/* After a restart the owner itself sends the token that it gave; what is alive gets silence. */
static void test_token_after_restart(void **state)
{
	struct bytes tokens[8];
	struct member m;

	(void)state;
	member_start(&m);
	assert_int_equal(responder_set_qcd(m.w.r, 7, &secrets), 0);
	world_establish(&m.w);
	assert_int_equal(m.w.c.token_len, QCD_TOKEN_SIZE);
	m.w.c.next_id += 5; /* outside the window, of a living SA */
	assert_int_equal(world_give(&m.w, ikeclient_liveness(&m.w.c)).len, 0);
	m.w.c.spi_i++; /* nor of its half */
	assert_int_equal(world_give(&m.w, ikeclient_liveness(&m.w.c)).len, 0);
	m.w.c.spi_i--;
	world_restart(&m.w);
	assert_int_equal(world_give(&m.w, ikeclient_liveness(&m.w.c)).len, 0);
	assert_int_equal(responder_set_qcd(m.w.r, 7, &secrets), 0);
	assert_int_equal(read_tokens(world_give(&m.w, ikeclient_liveness(&m.w.c)), tokens), 2);
	assert_int_equal(tokens[0].len, m.w.c.token_len);
	assert_memory_equal(tokens[0].ptr, m.w.c.token, m.w.c.token_len);
	assert_memory_not_equal(tokens[1].ptr, m.w.c.token, m.w.c.token_len);
	/* Never to a response. */
	assert_int_equal(
	    world_give(&m.w, ikeclient_seal_answer(&m.w.c, EXCHANGE_INFORMATIONAL, 1)).len, 0);
	/* And not without end. */
	for (int i = 0; i < 2 * QCD_PER_SECOND; i++)
		world_give(&m.w, ikeclient_liveness(&m.w.c));
	assert_int_equal(world_counter(&m.w, COUNT_QCD_SENT), QCD_PER_SECOND);
	member_stop(&m);
}

/*
 * The attack: the peer's SPI happens to look like one of ours, and somebody who saw both on the
 * wire asks for it in the other role. Whatever is answered, it is not the token of the living SA.
 */
static void test_token_of_the_other_role(void **state)
{
	struct ike_header h = { .version = IKE_VERSION,
				.exchange = EXCHANGE_INFORMATIONAL,
				.message_id = 1 };
	static const uint8_t body[64];
	uint8_t buf[256];
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes tokens[8], message;
	struct payload_writer p;
	struct member m;
	size_t n;

	(void)state;
	member_start(&m);
	assert_int_equal(responder_set_qcd(m.w.r, 7, &secrets), 0);
	m.w.c.spi_i = (uint64_t)7 << 56 | (uint64_t)m.w.conf.shard << 48 | 99;
	world_establish(&m.w);
	assert_int_equal(m.w.c.token_len, QCD_TOKEN_SIZE);
	h.spi_i = m.w.c.spi_i;
	h.spi_r = m.w.c.spi_r;
	p = message_open(&w, &h);
	payload_put(&p, PAYLOAD_NONCE, (struct bytes){ body, sizeof(body) });
	message_close(&p);
	assert_int_equal(wr_finish(&w, &message), 0);
	buf[16] = PAYLOAD_SK; /* the next payload: as if it were protected */
	n = read_tokens(world_give(&m.w, message), tokens);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		assert_memory_not_equal(tokens[i].ptr, m.w.c.token, QCD_TOKEN_SIZE);
	assert_int_equal(responder_count_established(m.w.r), 1);
	member_stop(&m);
}

/*
 * The attack: a forged request for a living SA of another member. Only at an address of that one,
 * claimed because it is down, is there an answer; and no longer when it is back.
 */
static void test_token_of_another(void **state)
{
	struct bytes tokens[8];
	struct member m;
	struct ip elsewhere;

	(void)state;
	member_start(&m);
	assert_int_equal(responder_set_qcd(m.w.r, 7, &secrets), 0);
	world_establish(&m.w);
	m.w.conf.member = 8;
	world_restart(&m.w);
	assert_int_equal(responder_set_qcd(m.w.r, 7, &secrets), 0);
	assert_int_equal(responder_set_qcd(m.w.r, 8, &secrets), 0);
	assert_int_equal(world_give(&m.w, ikeclient_liveness(&m.w.c)).len, 0);
	assert_int_equal(ip_parse("192.0.2.99", &elsewhere), 0);
	assert_int_equal(responder_set_dead(m.w.r, &elsewhere, 7), 0);
	assert_int_equal(world_give(&m.w, ikeclient_liveness(&m.w.c)).len, 0);
	assert_int_equal(responder_set_dead(m.w.r, &m.w.path.local.ip, 9), 0);
	assert_int_equal(world_give(&m.w, ikeclient_liveness(&m.w.c)).len, 0);
	assert_int_equal(responder_set_dead(m.w.r, &m.w.path.local.ip, 7), 0);
	assert_int_equal(read_tokens(world_give(&m.w, ikeclient_liveness(&m.w.c)), tokens), 2);
	assert_memory_equal(tokens[0].ptr, m.w.c.token, m.w.c.token_len);
	assert_int_equal(responder_set_dead(m.w.r, &m.w.path.local.ip, 0), 0);
	assert_int_equal(world_give(&m.w, ikeclient_liveness(&m.w.c)).len, 0);
	member_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token_after_restart),
		cmocka_unit_test(test_token_of_the_other_role),
		cmocka_unit_test(test_token_of_another),
	};

	return cmocka_run_group_tests_name("qcd", tests, NULL, NULL);
}
