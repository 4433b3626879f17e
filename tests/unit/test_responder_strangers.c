/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/responder.h"
#include "tests/lib/ike_world.h"

/* Who is not, or not yet, known to the responder: it is refused, told to come again, or bounded. */

/* N(AUTHENTICATION_FAILED), the same whether the identity or the key is wrong. */
static void check_auth_failure(struct world *w)
{
	world_init(w);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 ERR_BAD_STATE);
	assert_int_equal(w->c.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(world_counter(w, COUNT_AUTH_FAILED), 1);
	assert_int_equal(responder_count_established(w->r), 0);
	assert_int_equal(responder_count_half_open(w->r), 1); /* counts, until its time is over */
	assert_int_equal(world_give(w, ikeclient_liveness(&w->c)).len, 0);
	world_expire(w, HALF_OPEN_S);
	assert_int_equal(responder_count_half_open(w->r), 0);
	assert_int_equal(responder_next_expiry(w->r), UINT64_MAX);
}

static void test_wrong_psk(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_new_client(&w, ALICE, "wrong");
	check_auth_failure(&w);
	world_stop(&w);
}

static void test_unknown_identity(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_new_client(&w, "mallory.example", ALICE_PSK);
	check_auth_failure(&w);
	world_stop(&w);
}

static void count_line(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	(void)level;
	(void)group;
	assert_null(strstr(line, ALICE_PSK));
	(*(size_t *)ctx)++;
}

/* Whoever knows no secret cannot fill the log. */
static void test_strangers_cannot_fill_the_log(void **state)
{
	struct world w;
	size_t lines = 0;
	const struct logger lg = { LOG_LEVEL_INFO, count_line, &lines };

	(void)state;
	world_start(&w);
	responder_free(w.r);
	w.conf.half_open_max = 2000;
	w.conf.cookie_above = 2000;
	w.r = responder_new(&w.conf, w.policy, w.crypto, &w.rng, &lg);
	for (int i = 0; i < 500; i++) {
		world_new_client(&w, "mallory.example", ALICE_PSK);
		world_init(&w);
		world_give(&w, ikeclient_auth_request(&w.c));
	}
	assert_int_equal(world_counter(&w, COUNT_AUTH_FAILED), 500);
	assert_in_range(lines, 1, 30);
	/* A while later it says how many it did not write. */
	w.now += 10000;
	lines = 0;
	world_new_client(&w, "mallory.example", ALICE_PSK);
	world_init(&w);
	world_give(&w, ikeclient_auth_request(&w.c));
	assert_int_equal(lines, 2);
	world_stop(&w);
}

static void test_invalid_ke_and_no_proposal(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	ikeclient_free(&w.c);
	ikeclient_init(&w.c, w.crypto, &w.rng, "aes256gcm16-prfsha256-ecp256", ESP_SUITE, ALICE,
		       ALICE_PSK);
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 ERR_BAD_STATE);
	assert_int_equal(w.c.notify, NOTIFY_NO_PROPOSAL_CHOSEN);
	/* X25519 is offered, but the KE payload is of another group. */
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &w.conf.suites[0]), 0);
	w.c.suite = w.conf.suites[0];
	w.c.suite.kex = kex_by_name("x25519");
	kex_free(w.c.kex);
	assert_int_equal(kex_generate(w.crypto, KEX_ECP_256, &w.rng, &w.c.kex), 0);
	{
		struct bytes m = ikeclient_init_request(&w.c);
		uint8_t *ke_group = NULL;

		for (size_t i = IKE_HEADER_SIZE; i + 8 < m.len; i++) {
			if (m.ptr[i + 2] == 0 && m.ptr[i + 3] == 72 && m.ptr[i + 5] == 31)
				ke_group = w.c.message1 + i + 5;
		}
		assert_non_null(ke_group);
		*ke_group = KEX_ECP_256;
		assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, m)), ERR_BAD_STATE);
	}
	assert_int_equal(w.c.notify, NOTIFY_INVALID_KE_PAYLOAD);
	assert_int_equal(responder_count_half_open(w.r), 0);
	world_stop(&w);
}

static void test_cookie(void **state)
{
	struct world w;
	struct endpoint elsewhere;

	(void)state;
	world_start(&w);
	w.conf.cookie_above = 0;
	world_restart(&w);
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 ERR_BAD_STATE);
	assert_int_equal(w.c.notify, NOTIFY_COOKIE);
	assert_int_equal(responder_count_half_open(w.r), 0);
	/* From another address the cookie is no cookie: a new one is asked for. */
	elsewhere = w.path.remote;
	w.path.remote.ip.octets[3]++;
	world_give(&w, ikeclient_init_request(&w.c));
	assert_int_equal(responder_count_half_open(w.r), 0);
	assert_int_equal(world_counter(&w, COUNT_COOKIE), 2);
	w.path.remote = elsewhere;
	/* Good for one more generation, not longer. */
	w.now += 60000;
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 0);
	world_stop(&w);
}

static void test_old_cookie(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.cookie_above = 0;
	world_restart(&w);
	world_give(&w, ikeclient_init_request(&w.c));
	assert_int_equal(ikeclient_take_init(&w.c, (struct bytes){ w.sent, w.sent_len }),
			 ERR_BAD_STATE);
	for (int i = 0; i < 2; i++) {
		struct ikeclient other;

		/* Requests of others make the secret change, twice. */
		w.now += 60000;
		ikeclient_init(&other, w.crypto, &w.rng, IKE_SUITE, ESP_SUITE, BOB, ALICE_PSK);
		world_give(&w, ikeclient_init_request(&other));
		ikeclient_free(&other);
	}
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 ERR_BAD_STATE);
	assert_int_equal(w.c.notify, NOTIFY_COOKIE);
	assert_int_equal(ikeclient_take_init(&w.c, world_give(&w, ikeclient_init_request(&w.c))),
			 0);
	world_stop(&w);
}

static void test_half_open_limits(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	w.conf.half_open_max = 2;
	world_restart(&w);
	for (int i = 0; i < 5; i++) {
		world_new_client(&w, ALICE, ALICE_PSK);
		world_give(&w, ikeclient_init_request(&w.c));
	}
	assert_int_equal(responder_count_half_open(w.r), 2);
	assert_int_equal(world_counter(&w, COUNT_DROP_LIMIT), 3);
	world_expire(&w, HALF_OPEN_S);
	assert_int_equal(responder_count_half_open(w.r), 0);
	assert_int_equal(world_counter(&w, COUNT_HALF_OPEN_EXPIRED), 2);
	world_new_client(&w, ALICE, ALICE_PSK);
	world_establish(&w);
	world_stop(&w);
}

/* HDR(38), Ni, N(TICKET_OPAQUE) -->  <-- HDR(38), N(TICKET_NACK) */
static void test_resumption_gets_nack(void **state)
{
	static const uint8_t ticket[40] = { 1 };
	struct world w;
	uint8_t buf[256];
	struct wr wr = wr_init(buf, sizeof(buf));
	struct ike_header h = {
		.spi_i = 5,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SESSION_RESUME,
		.flags = IKE_FLAG_INITIATOR,
	};
	struct payload_writer p = message_open(&wr, &h);
	struct notify n = { .type = NOTIFY_TICKET_OPAQUE, .data = { ticket, sizeof(ticket) } };
	struct bytes m;

	(void)state;
	world_start(&w);
	payload_put(&p, PAYLOAD_NONCE, (struct bytes){ w.c.ni, sizeof(w.c.ni) });
	payload_open(&p, PAYLOAD_NOTIFY);
	notify_encode(&wr, &n);
	payload_close(&p);
	message_close(&p);
	assert_int_equal(wr_finish(&wr, &m), 0);
	m = world_give(&w, m);
	assert_int_equal(m.len, 36);
	assert_int_equal(m.ptr[34] << 8 | m.ptr[35], NOTIFY_TICKET_NACK);
	assert_int_equal(responder_count_half_open(w.r), 0);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_psk),
		cmocka_unit_test(test_unknown_identity),
		cmocka_unit_test(test_strangers_cannot_fill_the_log),
		cmocka_unit_test(test_invalid_ke_and_no_proposal),
		cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_old_cookie),
		cmocka_unit_test(test_half_open_limits),
		cmocka_unit_test(test_resumption_gets_nack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
