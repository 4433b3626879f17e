/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/ikev2/ticket/office.h"

#define NOW      1764072000u
#define LIFETIME 3600u

static struct crypto *crypto;
static struct rng_seeded seeded = { 9 };
static struct rng rng;
static struct ticket_office *office;
static struct ticket_ring ring;

static int setup(void **state)
{
	const struct ticket_office_conf conf = { .lifetime_s = LIFETIME, .used_max = 100 };
	struct ticket_key key = {
		.id = 5, .not_before_s = NOW, .not_after_s = NOW + 100000, .may_issue = true
	};

	(void)state;
	crypto = crypto_new();
	rng = rng_seeded(&seeded);
	office = ticket_office_new(&conf);
	memset(&ring, 0, sizeof(ring));
	assert_int_equal(ticket_ring_add(&ring, &key), 0);
	if (office != NULL)
		ticket_office_set_ring(office, &ring);
	return crypto == NULL || office == NULL;
}

static int teardown(void **state)
{
	(void)state;
	ticket_office_free(office);
	crypto_free(crypto);
	return 0;
}

struct sealed {
	uint8_t octets[TICKET_MAX_SIZE];
	size_t len;
};

static struct ticket content_of(const char *idi, const char *connection)
{
	struct ticket t = {
		.auth_s = NOW,
		.idi = { 2, { (const uint8_t *)idi, strlen(idi) } },
		.auth_method = 2,
		.sk_d.len = 32,
		.spi_r = 1,
	};

	strcpy(t.connection, connection);
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &t.suite), 0);
	return t;
}

static struct sealed issue_to(const char *idi, const char *connection, uint64_t now_s)
{
	struct ticket t = content_of(idi, connection);
	struct sealed s = { .len = 0 };

	assert_int_equal(ticket_office_issue(office, crypto, &rng, now_s, 0, &t, s.octets, &s.len),
			 0);
	return s;
}

static struct sealed issue(uint64_t now_s)
{
	return issue_to("p1.example.net", "net", now_s);
}

static enum ticket_verdict judge(const struct sealed *s, uint64_t now_s, struct ticket *out)
{
	return ticket_office_judge(office, crypto, now_s, (struct bytes){ s->octets, s->len }, out);
}

static void expect(const struct sealed *s, uint64_t now_s, enum ticket_verdict want)
{
	struct ticket t;

	assert_string_equal(ticket_verdict_name(judge(s, now_s, &t)), ticket_verdict_name(want));
}

static void test_good_until_it_expires(void **state)
{
	struct sealed s = issue(NOW + 10);
	struct ticket t;

	(void)state;
	assert_int_equal(judge(&s, NOW + 10, &t), TICKET_GOOD);
	assert_int_equal(t.issued_s, NOW + 10);
	assert_int_equal(t.expires_s, NOW + 10 + LIFETIME);
	expect(&s, NOW + 9 + LIFETIME, TICKET_GOOD);
	expect(&s, NOW + 10 + LIFETIME, TICKET_EXPIRED);
	/* The issuer's clock is ahead of ours, by a little or by too much. */
	s = issue(NOW + 1000);
	expect(&s, NOW + 1000 - 60, TICKET_GOOD);
	expect(&s, NOW + 1000 - 61, TICKET_EXPIRED);
}

/* Neither beyond the key, nor beyond what the caller says, nor for a moment only. */
static void test_life_is_bounded(void **state)
{
	struct ticket t = content_of("p1.example.net", "net");
	struct sealed s;

	(void)state;
	ring.keys[0].not_after_s = NOW + 1000;
	ticket_office_set_ring(office, &ring);
	assert_int_equal(ticket_office_issue(office, crypto, &rng, NOW, 0, &t, s.octets, &s.len),
			 0);
	assert_int_equal(t.expires_s, NOW + 1000);
	assert_int_equal(
	    ticket_office_issue(office, crypto, &rng, NOW, NOW + 60, &t, s.octets, &s.len), 0);
	assert_int_equal(t.expires_s, NOW + 60);
	assert_int_equal(
	    ticket_office_issue(office, crypto, &rng, NOW, NOW + 59, &t, s.octets, &s.len),
	    ERR_TIMEOUT);
	assert_int_equal(
	    ticket_office_issue(office, crypto, &rng, NOW + 1000, 0, &t, s.octets, &s.len),
	    ERR_NOT_FOUND);
	ring.keys[0].may_issue = false;
	ticket_office_set_ring(office, &ring);
	assert_int_equal(ticket_office_issue(office, crypto, &rng, NOW, 0, &t, s.octets, &s.len),
			 ERR_NOT_FOUND);
}

static void test_keys(void **state)
{
	struct sealed s = issue(NOW);
	struct ticket_ring empty = { .n = 0 };

	(void)state;
	/* In force with the members only from later on: who issued it was too early. */
	ring.keys[0].not_before_s = NOW + 61;
	ticket_office_set_ring(office, &ring);
	expect(&s, NOW, TICKET_EXPIRED);
	expect(&s, NOW + 1, TICKET_GOOD);
	ring.keys[0].not_after_s = NOW + 100;
	ticket_office_set_ring(office, &ring);
	expect(&s, NOW + 100, TICKET_EXPIRED);
	/* Retired or revoked: gone. Then there again, with another secret: never this one's. */
	ticket_office_set_ring(office, &empty);
	expect(&s, NOW, TICKET_UNKNOWN_KEY);
	ring.keys[0].not_before_s = NOW;
	ring.keys[0].secret[3] ^= 1;
	ticket_office_set_ring(office, &ring);
	expect(&s, NOW, TICKET_FORGED);
}

static void test_not_one_of_ours(void **state)
{
	struct sealed s = issue(NOW);

	(void)state;
	s.octets[s.len - 1] ^= 1;
	expect(&s, NOW, TICKET_FORGED);
	s.octets[s.len - 1] ^= 1;
	s.octets[11]++;
	expect(&s, NOW, TICKET_UNKNOWN_KEY);
	s.octets[0] = 9;
	expect(&s, NOW, TICKET_MALFORMED);
	s.len = 20;
	expect(&s, NOW, TICKET_MALFORMED);
	s.len = 0;
	expect(&s, NOW, TICKET_MALFORMED);
}

static void test_used_once(void **state)
{
	struct sealed s = issue(NOW), other = issue(NOW);
	struct ticket t;

	(void)state;
	assert_int_equal(judge(&s, NOW, &t), TICKET_GOOD);
	expect(&s, NOW, TICKET_GOOD);
	assert_true(ticket_office_spend(office, &t, NOW));
	assert_false(ticket_office_spend(office, &t, NOW));
	expect(&s, NOW, TICKET_USED);
	expect(&other, NOW, TICKET_GOOD);
}

static const struct revoked_case {
	const char *name;
	struct revocation revocation;
	enum ticket_verdict p1, p2; /* of p1.example.net at "net", p2.example.net at "lab" */
} revoked_cases[] = {
	{ "all", { 1, REVOKED_ALL, "", NOW + 1, 0 }, TICKET_REVOKED, TICKET_REVOKED },
	{ "all, older ones only", { 1, REVOKED_ALL, "", NOW, 0 }, TICKET_GOOD, TICKET_GOOD },
	{ "an identity",
	  { 1, REVOKED_IDENTITY, "P1.example.net", NOW + 1, 0 },
	  TICKET_REVOKED,
	  TICKET_GOOD },
	{ "nobody", { 1, REVOKED_IDENTITY, "p1", NOW + 1, 0 }, TICKET_GOOD, TICKET_GOOD },
	{ "a connection",
	  { 1, REVOKED_CONNECTION, "lab", NOW + 1, 0 },
	  TICKET_GOOD,
	  TICKET_REVOKED },
};

static void test_revoked(void **state)
{
	struct sealed p1 = issue(NOW), p2 = issue_to("p2.example.net", "lab", NOW);

	(void)state;
	for (size_t i = 0; i < sizeof(revoked_cases) / sizeof(revoked_cases[0]); i++) {
		const struct revoked_case *c = &revoked_cases[i];

		assert_int_equal(ticket_office_set_revocations(office, &c->revocation, 1), 0);
		expect(&p1, NOW, c->p1);
		expect(&p2, NOW, c->p2);
	}
	assert_int_equal(ticket_office_set_revocations(office, NULL, 0), 0);
	expect(&p2, NOW, TICKET_GOOD);
	assert_int_equal(ticket_office_set_revocations(office, NULL, REVOCATIONS_MAX + 1),
			 ERR_LIMIT);
}

/* ---- the used ones ---- */

static void id_of(uint32_t number, uint8_t out[TICKET_ID_SIZE])
{
	memset(out, 0, TICKET_ID_SIZE);
	memcpy(out, &number, sizeof(number));
}

static void test_used_is_bounded(void **state)
{
	struct used_tickets *u = used_tickets_new(1000);
	uint8_t id[TICKET_ID_SIZE];

	(void)state;
	/* The first ones expire last. */
	for (uint32_t i = 0; i < 1500; i++) {
		id_of(i, id);
		assert_true(used_tickets_add(u, id, NOW + 10000 - i, NOW));
		assert_true(used_tickets_has(u, id));
	}
	assert_int_equal(used_tickets_count(u), 1000);
	assert_int_equal(used_tickets_evicted(u), 500);
	id_of(0, id);
	assert_true(used_tickets_has(u, id));
	assert_false(used_tickets_add(u, id, NOW + 10000, NOW));
	id_of(1498, id);
	assert_false(used_tickets_has(u, id));
	/* All but the first have expired: they make room by themselves. */
	id_of(5000, id);
	assert_true(used_tickets_add(u, id, NOW + 20000, NOW + 9999));
	assert_int_equal(used_tickets_count(u), 2);
	assert_int_equal(used_tickets_evicted(u), 500);
	used_tickets_free(u);
}

static void test_nonsense(void **state)
{
	const struct ticket_office_conf brief = { .lifetime_s = 59, .used_max = 1 },
					none = { .lifetime_s = 60, .used_max = 0 };

	(void)state;
	assert_null(ticket_office_new(&brief));
	assert_null(ticket_office_new(&none));
	assert_null(used_tickets_new(0));
	ticket_office_free(NULL);
	used_tickets_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good_until_it_expires, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_one_of_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_used_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoked, setup, teardown),
		cmocka_unit_test(test_used_is_bounded),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests_name("ticket_office", tests, NULL, NULL);
}
