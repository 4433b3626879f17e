/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ticket_world.h"

/* Tickets that get TICKET_NACK, or whose AUTH is refused, by reason (RFC 5723). */

static void expect_nack(struct world *w, struct bytes answer)
{
	assert_int_equal(ikeclient_take_resume(&w->c, answer), ERR_BAD_STATE);
	assert_int_equal(w->c.notify, NOTIFY_TICKET_NACK);
}

/* Shows the ticket that is held: refused for that reason, and nothing is kept. */
static void expect_refused(struct world *w, enum ike_counter reason)
{
	uint64_t before = world_counter(w, reason), nacks = world_counter(w, COUNT_TICKET_NACK);
	size_t n = member_count_sas(w);

	expect_nack(w, member_show_ticket(w));
	assert_int_equal(member_count_sas(w), n);
	assert_int_equal(world_counter(w, reason), before + 1);
	assert_int_equal(world_counter(w, COUNT_TICKET_NACK), nacks + 1);
}

/* Another policy than when it was issued: who, with what secret, for what. */
static void set_policy(struct world *w, const char *name, const char *identity, const char *psk)
{
	static struct policy_connection connection;
	struct policy_peer peer = {
		.id = { ID_FQDN, { (const uint8_t *)identity, strlen(identity) } },
		.psk = { (const uint8_t *)psk, strlen(psk) },
		.connection = &connection,
	};

	connection = w->connection;
	connection.name = name;
	policy_free(w->policy);
	w->policy = policy_new(&peer, 1);
	assert_non_null(w->policy);
	world_restart(w);
	responder_set_time(w->r, w->now, MEMBER_UNIX_S);
}

static void expect_auth_failed(struct world *w)
{
	assert_int_equal(ikeclient_take_resume(&w->c, member_show_ticket(w)), 0);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 ERR_BAD_STATE);
	assert_int_equal(w->c.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(w->n_up, 0);
}

static void test_tampered(void **state)
{
	struct member m;
	size_t len;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	len = m.w.c.ticket_len;
	m.w.c.ticket[len - 1] ^= 1;
	expect_refused(&m.w, COUNT_TICKET_FORGED);
	m.w.c.ticket[len - 1] ^= 1;
	m.w.c.ticket[4] ^= 1;
	expect_refused(&m.w, COUNT_TICKET_UNKNOWN_KEY);
	m.w.c.ticket[4] ^= 1;
	m.w.c.ticket[0] = 2;
	expect_refused(&m.w, COUNT_TICKET_MALFORMED);
	m.w.c.ticket[0] = 1;
	m.w.c.ticket_len = 40;
	expect_refused(&m.w, COUNT_TICKET_MALFORMED);
	m.w.c.ticket_len = 1;
	expect_refused(&m.w, COUNT_TICKET_MALFORMED);
	member_stop(&m);
}

static void test_expired(void **state)
{
	struct member m;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	m.w.now += (MEMBER_LIFETIME_S - 1) * 1000;
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	m.w.now += 1000;
	expect_refused(&m.w, COUNT_TICKET_EXPIRED);
	member_stop(&m);
}

/* Once; and not by two who had begun with it before either was through. */
static void test_used(void **state)
{
	struct ikeclient early;
	struct member m;
	uint8_t ticket[TICKET_MAX_SIZE];
	size_t len;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	len = m.w.c.ticket_len;
	memcpy(ticket, m.w.c.ticket, len);
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	early = m.w.c;
	m.w.c.spi_r = 0; /* not authenticated: the old keys are the ticket's still */
	member_resume(&m.w);
	memcpy(m.w.c.ticket, ticket, len);
	m.w.c.ticket_len = len;
	expect_refused(&m.w, COUNT_TICKET_USED);
	assert_int_equal(
	    ikeclient_take_auth(&early, world_give(&m.w, ikeclient_auth_request(&early))),
	    ERR_BAD_STATE);
	assert_int_equal(early.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(world_counter(&m.w, COUNT_TICKET_USED), 2);
	assert_int_equal(responder_count_established(m.w.r), 1);
	member_stop(&m);
}

static void test_revoked(void **state)
{
	const struct revocation all = { .id = 1,
					.what = REVOKED_ALL,
					.before_s = MEMBER_UNIX_S + 1 };
	struct member m;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	assert_int_equal(ticket_office_set_revocations(m.office, &all, 1), 0);
	expect_refused(&m.w, COUNT_TICKET_REVOKED);
	/* What is issued from then on is good. */
	m.w.now += 2000;
	world_new_client(&m.w, ALICE, ALICE_PSK);
	m.w.c.with_ticket_request = true;
	world_establish(&m.w);
	member_resume(&m.w);
	member_stop(&m);
}

/* A deleted IKE SA takes its ticket along, where it is configured so. */
/* Once it is in force it also holds for what was shown before, and not authenticated yet. */
static void test_revoked_half_way(void **state)
{
	const struct revocation alice = {
		.id = 1, .what = REVOKED_IDENTITY, .name = ALICE, .before_s = MEMBER_UNIX_S + 1
	};
	struct member m;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	assert_int_equal(ticket_office_set_revocations(m.office, &alice, 1), 0);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))),
	    ERR_BAD_STATE);
	assert_int_equal(m.w.c.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(world_counter(&m.w, COUNT_TICKET_REVOKED), 1);
	assert_int_equal(world_counter(&m.w, COUNT_RESUMED), 0);
	member_stop(&m);
}

/* The same for its key. */
static void test_key_gone_half_way(void **state)
{
	struct ticket_ring none = { .n = 0 };
	struct member m;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	ticket_office_set_ring(m.office, &none);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))),
	    ERR_BAD_STATE);
	assert_int_equal(world_counter(&m.w, COUNT_TICKET_REVOKED), 1);
	member_stop(&m);
}

static void test_deleted(void **state)
{
	struct member m;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	world_give(&m.w, ikeclient_delete_ike(&m.w.c));
	member_resume(&m.w);
	m.w.conf.delete_voids_ticket = true;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, MEMBER_UNIX_S);
	world_new_client(&m.w, ALICE, ALICE_PSK);
	m.w.c.with_ticket_request = true;
	world_establish(&m.w);
	world_give(&m.w, ikeclient_delete_ike(&m.w.c));
	expect_refused(&m.w, COUNT_TICKET_USED);
	member_stop(&m);
}

static void test_policy(void **state)
{
	struct member m;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	set_policy(&m.w, "sites", BOB, ALICE_PSK);
	expect_refused(&m.w, COUNT_TICKET_POLICY);
	set_policy(&m.w, "others", ALICE, ALICE_PSK);
	expect_refused(&m.w, COUNT_TICKET_POLICY);
	set_policy(&m.w, "sites", ALICE, "a new secret");
	expect_refused(&m.w, COUNT_TICKET_POLICY);
	assert_int_equal(ike_suite_parse("aes128gcm16-prfsha256-x25519", &m.w.conf.suites[0]), 0);
	set_policy(&m.w, "sites", ALICE, ALICE_PSK);
	expect_refused(&m.w, COUNT_TICKET_POLICY);
	assert_int_equal(ike_suite_parse(IKE_SUITE, &m.w.conf.suites[0]), 0);
	m.w.conf.id.data = (struct bytes){ (const uint8_t *)"other.example", 13 };
	set_policy(&m.w, "sites", ALICE, ALICE_PSK);
	expect_refused(&m.w, COUNT_TICKET_POLICY);
	m.w.conf.id = member_gateway;
	set_policy(&m.w, "sites", ALICE, ALICE_PSK);
	member_resume(&m.w);
	member_stop(&m);
}

/* No chain of resumptions goes on for ever. */
static void test_chain_ends(void **state)
{
	struct member m;

	(void)state;
	member_start(&m);
	m.w.conf.resumable_s = 5400;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, MEMBER_UNIX_S);
	world_establish(&m.w);
	assert_int_equal(m.w.c.ticket_lifetime_s, MEMBER_LIFETIME_S);
	m.w.now += 3000000;
	member_resume(&m.w);
	assert_int_equal(m.w.c.ticket_lifetime_s, 2400);
	m.w.now += 2350000;
	member_resume(&m.w);
	assert_int_equal(m.w.c.ticket_len, 0);
	assert_true(m.w.c.is_ticket_refused);
	member_stop(&m);
}

static void test_identities(void **state)
{
	const struct id_body other = { ID_FQDN, { (const uint8_t *)"gx.example", 10 } },
			     bob = { ID_FQDN, { (const uint8_t *)BOB, strlen(BOB) } },
			     mail = { ID_RFC822_ADDR, { (const uint8_t *)ALICE, strlen(ALICE) } };
	struct member m;
	struct ikeclient good;

	(void)state;
	member_start(&m);
	world_establish(&m.w);
	good = m.w.c;
	m.w.c.idi = &bob;
	expect_auth_failed(&m.w);
	m.w.c = good;
	m.w.c.idi = &mail;
	expect_auth_failed(&m.w);
	m.w.c = good;
	m.w.c.idr = &other;
	expect_auth_failed(&m.w);
	m.w.c = good;
	m.w.c.auth_method = 1;
	expect_auth_failed(&m.w);
	/* None of this has used it up. */
	m.w.c = good;
	m.w.c.idr = &member_gateway;
	member_resume(&m.w);
	member_stop(&m);
}

static void test_cookie_only_when_full(void **state)
{
	struct member m;

	(void)state;
	member_start(&m);
	m.w.conf.half_open_max = 4;
	m.w.conf.cookie_above = 1;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, MEMBER_UNIX_S);
	world_establish(&m.w);
	/* Three half-open ones: three quarters. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
		m.w.c.spi_r = 0;
	}
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), ERR_BAD_STATE);
	assert_int_equal(m.w.c.notify, NOTIFY_COOKIE);
	assert_int_equal(ikeclient_take_resume(&m.w.c, member_show_ticket(&m.w)), 0);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))), 0);
	member_stop(&m);
}

/* A peer without NAT detection here would send plain ESP: it is to begin anew, and to learn it. */
static void test_needs_encapsulation(void **state)
{
	struct member m;
	struct wr w;
	struct payload_writer p;
	struct bytes message;
	uint8_t buf[2048];
	struct ike_header h = { .spi_i = 9,
				.version = IKE_VERSION,
				.exchange = EXCHANGE_IKE_SESSION_RESUME,
				.flags = IKE_FLAG_INITIATOR };
	const struct notify n = { .type = NOTIFY_TICKET_OPAQUE };

	(void)state;
	member_start(&m);
	m.w.conf.force_encap = true;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, MEMBER_UNIX_S);
	m.w.path.local.port = m.w.path.remote.port = IKE_NATT_PORT;
	m.w.c.local.port = m.w.c.remote.port = IKE_NATT_PORT;
	world_establish(&m.w);
	w = wr_init(buf, sizeof(buf));
	p = message_open(&w, &h);
	payload_put(&p, PAYLOAD_NONCE, (struct bytes){ m.w.c.ni, sizeof(m.w.c.ni) });
	payload_open(&p, PAYLOAD_NOTIFY);
	notify_encode(&w, &n);
	wr_bytes(&w, (struct bytes){ m.w.c.ticket, m.w.c.ticket_len });
	payload_close(&p);
	message_close(&p);
	assert_int_equal(wr_finish(&w, &message), 0);
	m.w.c.spi_i = 9;
	m.w.path.local.port = m.w.path.remote.port = IKE_PORT;
	expect_nack(&m.w, world_give(&m.w, message));
	m.w.path.local.port = m.w.path.remote.port = IKE_NATT_PORT;
	buf[7] = 10;
	assert_true(world_give(&m.w, message).len > 0);
	assert_int_equal(world_counter(&m.w, COUNT_RESUME), 1);
	member_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_revoked_half_way),
		cmocka_unit_test(test_key_gone_half_way),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_chain_ends),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_cookie_only_when_full),
		cmocka_unit_test(test_needs_encapsulation),
	};

	return cmocka_run_group_tests_name("resume_refused", tests, NULL, NULL);
}
