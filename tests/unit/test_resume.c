/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/internal.h"
#include "tests/lib/ike_world.h"

/* Tickets and resumption at the responder (RFC 5723), and its QCD tokens (RFC 6290). */
#define UNIX_S     1764072000u
#define LIFETIME_S 3600u
#define KEY_ID     77

static const struct id_body gateway = { ID_FQDN, { (const uint8_t *)"gw.example", 10 } };

/* A member: the world's responder with an office of its own, and the cluster's key. */
struct member {
	struct world w;
	struct ticket_office *office;
};

static void give_keys(struct ticket_office *office)
{
	const struct ticket_key key = { .id = KEY_ID,
					.secret = { 1, 2, 3 },
					.not_before_s = UNIX_S - 1000,
					.not_after_s = UNIX_S + 100000,
					.may_issue = true };
	struct ticket_ring ring = { .n = 0 };

	assert_int_equal(ticket_ring_add(&ring, &key), 0);
	ticket_office_set_ring(office, &ring);
}

static struct ticket_office *make_office(void)
{
	const struct ticket_office_conf conf = { .lifetime_s = LIFETIME_S, .used_max = 100 };
	struct ticket_office *office = ticket_office_new(&conf);

	assert_non_null(office);
	give_keys(office);
	return office;
}

static void start(struct member *m)
{
	world_start(&m->w);
	m->office = make_office();
	m->w.conf.tickets = m->office;
	m->w.conf.allow_short_auth = true;
	m->w.conf.fragment_size = 1280;
	world_restart(&m->w);
	responder_set_time(m->w.r, m->w.now, UNIX_S);
	m->w.c.with_ticket_request = true;
}

static void stop(struct member *m)
{
	world_stop(&m->w);
	ticket_office_free(m->office);
}

/* The same cluster, another member: nothing of the first is known to it but the keys. */
static void move_on(struct member *m)
{
	ticket_office_free(m->office);
	m->office = make_office();
	m->w.conf.tickets = m->office;
	m->w.conf.member = 8;
	world_restart(&m->w);
	responder_set_time(m->w.r, m->w.now, UNIX_S);
}

static size_t count_sas(const struct world *w)
{
	return HASH_CNT(hh_spi, w->r->core.by_spi);
}

static struct bytes show_ticket(struct world *w)
{
	return world_give(w, ikeclient_resume_request(&w->c));
}

static void expect_nack(struct world *w, struct bytes answer)
{
	assert_int_equal(ikeclient_take_resume(&w->c, answer), ERR_BAD_STATE);
	assert_int_equal(w->c.notify, NOTIFY_TICKET_NACK);
}

/* Shows the ticket that is held: refused for that reason, and nothing is kept. */
static void expect_refused(struct world *w, enum ike_counter reason)
{
	uint64_t before = world_counter(w, reason), nacks = world_counter(w, COUNT_TICKET_NACK);
	size_t n = count_sas(w);

	expect_nack(w, show_ticket(w));
	assert_int_equal(count_sas(w), n);
	assert_int_equal(world_counter(w, reason), before + 1);
	assert_int_equal(world_counter(w, COUNT_TICKET_NACK), nacks + 1);
}

static void resume(struct world *w)
{
	assert_int_equal(ikeclient_take_resume(&w->c, show_ticket(w)), 0);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 0);
	assert_int_equal(w->n_up, 1);
}

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

/* ---- the main job ---- */

/* Set up at one member, resumed at another: no SA and no KE in the clear, both ways alike. */
static void check_another_member(enum auth_form form)
{
	struct member m;
	uint64_t old_spi;
	struct ts_list inner;

	start(&m);
	world_establish(&m.w);
	assert_true(m.w.c.ticket_len > 0);
	assert_int_equal(m.w.c.ticket_lifetime_s, LIFETIME_S);
	assert_false(m.w.peer.is_resumed);
	old_spi = m.w.peer.spi;
	inner = m.w.peer.inner;
	move_on(&m);
	m.w.c.form = form;
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
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
	resume(&m.w);
	stop(&m);
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
	start(&m);
	m.w.conf.allow_short_auth = false;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, UNIX_S);
	world_establish(&m.w);
	m.w.c.form = AUTH_FORM_SHORT;
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))),
	    ERR_BAD_STATE);
	assert_int_equal(m.w.c.notify, NOTIFY_AUTHENTICATION_FAILED);
	stop(&m);
}

/* A ticket is not given unasked, and refused in words when there is no key. */
static void test_only_on_request(void **state)
{
	struct ticket_ring none = { .n = 0 };
	struct member m;

	(void)state;
	start(&m);
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
	stop(&m);
}

/* By INFORMATIONAL, at any time. */
static void test_asked_for_later(void **state)
{
	struct payload_list list;
	struct ike_header h;
	struct member m;

	(void)state;
	start(&m);
	m.w.c.with_ticket_request = false;
	world_establish(&m.w);
	assert_int_equal(
	    ikeclient_open(&m.w.c, world_give(&m.w, ikeclient_ask_ticket(&m.w.c)), &h, &list), 0);
	ikeclient_keep_ticket(&m.w.c, &list);
	assert_true(m.w.c.ticket_len > 0);
	move_on(&m);
	resume(&m.w);
	stop(&m);
}

/* ---- the old IKE SA ---- */

/* It stays until the peer is authentic, then goes without a word; its child goes too. */
static void test_old_one_goes_after_auth(void **state)
{
	struct member m;
	uint64_t old_spi;

	(void)state;
	start(&m);
	world_establish(&m.w);
	old_spi = m.w.peer.spi;
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
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
	stop(&m);
}

static void test_superseded(void **state)
{
	struct member m;

	(void)state;
	start(&m);
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
	stop(&m);
}

/* ---- what is wrong with tickets ---- */

static void test_tampered(void **state)
{
	struct member m;
	size_t len;

	(void)state;
	start(&m);
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
	stop(&m);
}

static void test_expired(void **state)
{
	struct member m;

	(void)state;
	start(&m);
	world_establish(&m.w);
	m.w.now += (LIFETIME_S - 1) * 1000;
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
	m.w.now += 1000;
	expect_refused(&m.w, COUNT_TICKET_EXPIRED);
	stop(&m);
}

/* Once; and not by two who had begun with it before either was through. */
static void test_used(void **state)
{
	struct ikeclient early;
	struct member m;
	uint8_t ticket[TICKET_MAX_SIZE];
	size_t len;

	(void)state;
	start(&m);
	world_establish(&m.w);
	len = m.w.c.ticket_len;
	memcpy(ticket, m.w.c.ticket, len);
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
	early = m.w.c;
	m.w.c.spi_r = 0; /* not authenticated: the old keys are the ticket's still */
	resume(&m.w);
	memcpy(m.w.c.ticket, ticket, len);
	m.w.c.ticket_len = len;
	expect_refused(&m.w, COUNT_TICKET_USED);
	assert_int_equal(
	    ikeclient_take_auth(&early, world_give(&m.w, ikeclient_auth_request(&early))),
	    ERR_BAD_STATE);
	assert_int_equal(early.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(world_counter(&m.w, COUNT_TICKET_USED), 2);
	assert_int_equal(responder_count_established(m.w.r), 1);
	stop(&m);
}

static void test_revoked(void **state)
{
	const struct revocation all = { .id = 1, .what = REVOKED_ALL, .before_s = UNIX_S + 1 };
	struct member m;

	(void)state;
	start(&m);
	world_establish(&m.w);
	assert_int_equal(ticket_office_set_revocations(m.office, &all, 1), 0);
	expect_refused(&m.w, COUNT_TICKET_REVOKED);
	/* What is issued from then on is good. */
	m.w.now += 2000;
	world_new_client(&m.w, ALICE, ALICE_PSK);
	m.w.c.with_ticket_request = true;
	world_establish(&m.w);
	resume(&m.w);
	stop(&m);
}

/* The same for its key. */
static void test_key_gone_half_way(void **state)
{
	struct ticket_ring none = { .n = 0 };
	struct member m;

	(void)state;
	start(&m);
	world_establish(&m.w);
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
	ticket_office_set_ring(m.office, &none);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))),
	    ERR_BAD_STATE);
	assert_int_equal(world_counter(&m.w, COUNT_TICKET_REVOKED), 1);
	stop(&m);
}

/* A deleted IKE SA takes its ticket along, where it is configured so. */
/* Once it is in force it also holds for what was shown before, and not authenticated yet. */
static void test_revoked_half_way(void **state)
{
	const struct revocation alice = {
		.id = 1, .what = REVOKED_IDENTITY, .name = ALICE, .before_s = UNIX_S + 1
	};
	struct member m;

	(void)state;
	start(&m);
	world_establish(&m.w);
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
	assert_int_equal(ticket_office_set_revocations(m.office, &alice, 1), 0);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))),
	    ERR_BAD_STATE);
	assert_int_equal(m.w.c.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(world_counter(&m.w, COUNT_TICKET_REVOKED), 1);
	assert_int_equal(world_counter(&m.w, COUNT_RESUMED), 0);
	stop(&m);
}

static void test_deleted(void **state)
{
	struct member m;

	(void)state;
	start(&m);
	world_establish(&m.w);
	world_give(&m.w, ikeclient_delete_ike(&m.w.c));
	resume(&m.w);
	m.w.conf.delete_voids_ticket = true;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, UNIX_S);
	world_new_client(&m.w, ALICE, ALICE_PSK);
	m.w.c.with_ticket_request = true;
	world_establish(&m.w);
	world_give(&m.w, ikeclient_delete_ike(&m.w.c));
	expect_refused(&m.w, COUNT_TICKET_USED);
	stop(&m);
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
	responder_set_time(w->r, w->now, UNIX_S);
}

static void test_policy(void **state)
{
	struct member m;

	(void)state;
	start(&m);
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
	m.w.conf.id = gateway;
	set_policy(&m.w, "sites", ALICE, ALICE_PSK);
	resume(&m.w);
	stop(&m);
}

/* No chain of resumptions goes on for ever. */
static void test_chain_ends(void **state)
{
	struct member m;

	(void)state;
	start(&m);
	m.w.conf.resumable_s = 5400;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, UNIX_S);
	world_establish(&m.w);
	assert_int_equal(m.w.c.ticket_lifetime_s, LIFETIME_S);
	m.w.now += 3000000;
	resume(&m.w);
	assert_int_equal(m.w.c.ticket_lifetime_s, 2400);
	m.w.now += 2350000;
	resume(&m.w);
	assert_int_equal(m.w.c.ticket_len, 0);
	assert_true(m.w.c.is_ticket_refused);
	stop(&m);
}

/* ---- wrong identities ---- */

static void expect_auth_failed(struct world *w)
{
	assert_int_equal(ikeclient_take_resume(&w->c, show_ticket(w)), 0);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 ERR_BAD_STATE);
	assert_int_equal(w->c.notify, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(w->n_up, 0);
}

static void test_identities(void **state)
{
	const struct id_body other = { ID_FQDN, { (const uint8_t *)"gx.example", 10 } },
			     bob = { ID_FQDN, { (const uint8_t *)BOB, strlen(BOB) } },
			     mail = { ID_RFC822_ADDR, { (const uint8_t *)ALICE, strlen(ALICE) } };
	struct member m;
	struct ikeclient good;

	(void)state;
	start(&m);
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
	m.w.c.idr = &gateway;
	resume(&m.w);
	stop(&m);
}

/* ---- COOKIE, floods, repetition ---- */

static void test_cookie_only_when_full(void **state)
{
	struct member m;

	(void)state;
	start(&m);
	m.w.conf.half_open_max = 4;
	m.w.conf.cookie_above = 1;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, UNIX_S);
	world_establish(&m.w);
	/* Three half-open ones: three quarters. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
		m.w.c.spi_r = 0;
	}
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), ERR_BAD_STATE);
	assert_int_equal(m.w.c.notify, NOTIFY_COOKIE);
	assert_int_equal(ikeclient_take_resume(&m.w.c, show_ticket(&m.w)), 0);
	assert_int_equal(
	    ikeclient_take_auth(&m.w.c, world_give(&m.w, ikeclient_auth_request(&m.w.c))), 0);
	stop(&m);
}

static void test_repeated(void **state)
{
	struct member m;
	struct bytes request;
	uint8_t first[IKECLIENT_MESSAGE_MAX];
	size_t len;

	(void)state;
	start(&m);
	world_establish(&m.w);
	request = ikeclient_resume_request(&m.w.c);
	len = world_give(&m.w, request).len;
	memcpy(first, m.w.sent, len);
	assert_int_equal(world_give(&m.w, request).len, len);
	assert_memory_equal(m.w.sent, first, len);
	assert_int_equal(responder_count_half_open(m.w.r), 1);
	assert_int_equal(world_counter(&m.w, COUNT_RESUME), 1);
	stop(&m);
}

/* ---- a data plane that only encapsulates ---- */

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
	start(&m);
	m.w.conf.force_encap = true;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, UNIX_S);
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
	stop(&m);
}

/* ---- quick crash detection ---- */

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
	start(&m);
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
	stop(&m);
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
	start(&m);
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
	stop(&m);
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
	start(&m);
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
	stop(&m);
}

/* ---- rekeying after it ---- */

static void test_rekeyed_soon(void **state)
{
	struct member m;
	uint64_t due;

	(void)state;
	start(&m);
	m.w.conf.rekey_ike_ms = 14400000;
	m.w.conf.rekey_resumed_ms = 300000;
	m.w.conf.dpd_ms = 0;
	world_restart(&m.w);
	responder_set_time(m.w.r, m.w.now, UNIX_S);
	world_establish(&m.w);
	assert_true(responder_next_expiry(m.w.r) > m.w.now + 12000000);
	move_on(&m);
	resume(&m.w);
	due = responder_next_expiry(m.w.r) - m.w.now;
	assert_in_range(due, 150000, 300000);
	world_expire(&m.w, due);
	assert_int_equal(m.w.n_sent, 1);
	assert_int_equal(m.w.sent[18], EXCHANGE_CREATE_CHILD_SA);
	stop(&m);
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
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_needs_encapsulation),
		cmocka_unit_test(test_token_after_restart),
		cmocka_unit_test(test_token_of_the_other_role),
		cmocka_unit_test(test_token_of_another),
		cmocka_unit_test(test_rekeyed_soon),
	};

	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
