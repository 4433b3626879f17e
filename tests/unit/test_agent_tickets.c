/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/tickets/tickets.h"

#define NOW 1764072000u

static const uint8_t octets[64] = { 9, 8, 7 };
static const struct agent_conf_tickets conf = { .lifetime_s = 3600, .used_max = 10 };

static struct msg_key ticket_key(const char *id, bool issue)
{
	return (struct msg_key){
		.id = id,
		.use = MSG_KEY_USE_TICKET,
		.key = { octets, 32 },
		.not_before = NOW,
		.not_after = NOW + 10000,
		.issue = issue,
	};
}

static struct msg_key qcd_key(uint8_t number, size_t skip)
{
	return (struct msg_key){
		.id = "qcd-7-1",
		.use = MSG_KEY_USE_QCD,
		.key = { octets + skip, 32 },
		.number = number,
	};
}

/* True if a ticket can be issued, which is then judged by the same office. */
static enum ticket_verdict issue_and_judge(struct tickets *t, const char *idi)
{
	struct crypto *crypto = crypto_new();
	struct rng_seeded seeded = { 1 };
	struct rng rng = rng_seeded(&seeded);
	struct ticket in = { .auth_s = NOW, .sk_d.len = 32, .connection = "net" }, out;
	uint8_t sealed[TICKET_MAX_SIZE];
	enum ticket_verdict v = TICKET_UNKNOWN_KEY;
	size_t len;

	in.idi = (struct id_body){ ID_FQDN, { (const uint8_t *)idi, strlen(idi) } };
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &in.suite), 0);
	if (ticket_office_issue(tickets_office(t), crypto, &rng, NOW, 0, &in, sealed, &len) == 0)
		v = ticket_office_judge(tickets_office(t), crypto, NOW,
					(struct bytes){ sealed, len }, &out);
	crypto_free(crypto);
	return v;
}

static void test_keys(void **state)
{
	const struct msg_key good[] = {
		{ .id = "notice-1", .use = MSG_KEY_USE_NOTICE, .key = { octets, 32 } },
		ticket_key("ticket-0000000000000001", true),
		ticket_key("ticket-0000000000000002", false),
		qcd_key(7, 0),
		qcd_key(7, 1),
	};
	struct tickets *t = tickets_new(&conf, NULL);
	const char *names[4] = { "notice-1" };

	(void)state;
	assert_int_equal(issue_and_judge(t, "p1"), TICKET_UNKNOWN_KEY);
	tickets_take_keys(t, good, 5);
	assert_int_equal(issue_and_judge(t, "p1"), TICKET_GOOD);
	assert_int_equal(tickets_qcd(t, 7)->n, 2);
	assert_int_equal(tickets_qcd(t, 7)->secrets[0][0], 9);
	assert_int_equal(tickets_qcd(t, 7)->secrets[1][0], 8);
	assert_int_equal(tickets_qcd(t, 8)->n, 0);
	assert_int_equal(tickets_key_names(t, names, 1, 4), 3);
	assert_string_equal(names[0], "notice-1");
	assert_string_equal(names[2], "ticket-0000000000000002");
	assert_int_equal(tickets_key_names(t, names, 1, 2), 2);
	for (size_t i = 0; i < 5; i++)
		assert_true(tickets_holds(t, &good[i]));
	/* All of them each time: what is not there any more is gone. */
	tickets_take_keys(t, good + 2, 1);
	assert_int_equal(issue_and_judge(t, "p1"), TICKET_UNKNOWN_KEY);
	assert_int_equal(tickets_qcd(t, 7)->n, 0);
	assert_int_equal(tickets_key_names(t, names, 0, 4), 1);
	tickets_free(t);
}

/* One that is wrong does not keep the others out. */
static void test_bad_keys(void **state)
{
	struct msg_key keys[] = {
		ticket_key("ticket-1", true),
		ticket_key("ticket-0000000000000001", true),
		ticket_key("ticket-0000000000000002", true),
		ticket_key("ticket-0000000000000002", true),
		qcd_key(0, 0),
		qcd_key(7, 0),
		ticket_key("ticket-0000000000000003", true),
	};
	struct tickets *t = tickets_new(&conf, NULL);
	const char *names[4];

	(void)state;
	keys[1].key.len = 16;
	keys[5].key.len = 33;
	keys[6].not_after = NOW;
	tickets_take_keys(t, keys, 7);
	assert_int_equal(tickets_key_names(t, names, 0, 4), 1);
	assert_string_equal(names[0], "ticket-0000000000000002");
	assert_int_equal(tickets_qcd(t, 7)->n, 0);
	/* Nor is it said to the director that it is there. */
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(tickets_holds(t, &keys[i]), i == 2 || i == 3);
	assert_int_equal(issue_and_judge(t, "p1"), TICKET_GOOD);
	tickets_free(t);
}

static void test_revocations(void **state)
{
	const struct msg_key key = ticket_key("ticket-0000000000000001", true);
	const struct msg_revocation one = { 1, MSG_REVOKED_IDENTITY, "p1", NOW + 1, NOW + 9 },
				    all = { 2, MSG_REVOKED_ALL, NULL, NOW + 1, NOW + 9 },
				    net = { 3, MSG_REVOKED_CONNECTION, "net", NOW + 1, NOW + 9 };
	struct msg_revocation many[REVOCATIONS_MAX + 1] = { one };
	struct tickets *t = tickets_new(&conf, NULL);

	(void)state;
	tickets_take_keys(t, &key, 1);
	tickets_take_revocations(t, &one, 1);
	assert_int_equal(issue_and_judge(t, "p1"), TICKET_REVOKED);
	assert_int_equal(issue_and_judge(t, "p2"), TICKET_GOOD);
	tickets_take_revocations(t, &all, 1);
	assert_int_equal(issue_and_judge(t, "p2"), TICKET_REVOKED);
	tickets_take_revocations(t, &net, 1);
	assert_int_equal(issue_and_judge(t, "p2"), TICKET_REVOKED);
	tickets_take_revocations(t, NULL, 0);
	assert_int_equal(issue_and_judge(t, "p1"), TICKET_GOOD);
	/* Rather no tickets than one that was taken back. */
	tickets_take_revocations(t, many, REVOCATIONS_MAX + 1);
	assert_int_equal(issue_and_judge(t, "p1"), TICKET_UNKNOWN_KEY);
	tickets_free(t);
}

static void test_none_wanted(void **state)
{
	const struct agent_conf_tickets none = { .lifetime_s = 0, .used_max = 10 };
	const struct msg_key key = ticket_key("ticket-0000000000000001", true);
	const struct msg_revocation all = { 2, MSG_REVOKED_ALL, NULL, NOW + 1, NOW + 9 };
	struct tickets *t = tickets_new(&none, NULL);

	(void)state;
	assert_null(tickets_office(t));
	tickets_take_keys(t, &key, 1);
	tickets_take_revocations(t, &all, 1);
	tickets_free(t);
	tickets_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_revocations),
		cmocka_unit_test(test_none_wanted),
	};

	return cmocka_run_group_tests_name("agent_tickets", tests, NULL, NULL);
}
