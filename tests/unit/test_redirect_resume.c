/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/body.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/payload.h"
#include "common/ikev2/ticket/ticket.h"
#include "tests/lib/placement_table.h"
#include "tests/lib/redirect_check.h"

/* IKE_SESSION_RESUME at the director: who is sent to a member, and who has to start anew. */

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOW        1764072000u
#define MAX_LEN    2048

static struct placement_table table;
static struct placement_index placement;
static struct redirect_conf conf;
static struct ticket_ring ring;
static struct crypto *crypto;
static struct rng_seeded seeded = { 7 };

static int group_setup(void **state)
{
	(void)state;
	crypto = crypto_new();
	return crypto == NULL;
}

static int group_teardown(void **state)
{
	(void)state;
	crypto_free(crypto);
	return 0;
}

static struct ticket_key make_key(uint64_t id)
{
	struct ticket_key key = {
		.id = id, .not_before_s = NOW, .not_after_s = NOW + 1000, .may_issue = true
	};

	memset(key.secret, (int)id, sizeof(key.secret));
	return key;
}

static int start(void **state)
{
	struct ticket_key key = make_key(1);

	(void)state;
	conf = (struct redirect_conf){ .reject_unsupported = false };
	table_init(&table, 3);
	placement_index_build(&placement, &table);
	ring = (struct ticket_ring){ .n = 0 };
	assert_int_equal(ticket_ring_add(&ring, &key), 0);
	return 0;
}

/* ---- requests ---- */

struct request {
	bool has_notify; /* REDIRECT_SUPPORTED */
	bool has_from;   /* REDIRECTED_FROM */
	bool has_no_ticket;
	bool is_garbled;
	bool is_garbage; /* no ticket of ours at all */
	bool is_not_redirectable;
	bool has_expired;
	uint64_t key; /* under which it is sealed; 0: 1 */
};

static size_t seal(const struct request *q, uint8_t out[TICKET_MAX_SIZE])
{
	const struct rng rng = rng_seeded(&seeded);
	struct ticket_key key = make_key(q->key != 0 ? q->key : 1);
	struct ticket t = {
		.issued_s = NOW - 100,
		.expires_s = q->has_expired ? NOW : NOW + 900,
		.auth_s = NOW - 500,
		.idi = { 2, { (const uint8_t *)"p1", 2 } },
		.idr = { 2, { (const uint8_t *)"gw", 2 } },
		.auth_method = 2,
		.connection = "sites",
		.sk_d.len = 32,
		.spi_i = 1,
		.spi_r = 2,
		.is_redirectable = !q->is_not_redirectable,
	};
	size_t len = 0;

	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &t.suite), 0);
	assert_int_equal(ticket_seal(crypto, &rng, &key, &t, out, &len), 0);
	if (q->is_garbled)
		out[len - 1] ^= 1;
	if (q->is_garbage)
		memset(out, 0xa5, len);
	return len;
}

static void add_notify(struct payload_writer *chain, struct wr *w, uint16_t type, struct bytes data)
{
	const struct notify n = { .type = type };

	payload_open(chain, PAYLOAD_NOTIFY);
	notify_encode(w, &n);
	wr_bytes(w, data);
	payload_close(chain);
}

static struct bytes build(const struct request *q, uint8_t out[MAX_LEN])
{
	static const uint8_t nonce[32] = { 1 }, gateway[] = { 1, 4, 192, 0, 2, 99 };
	const struct ike_header h = { .spi_i = 0x1122334455667788,
				      .version = IKE_VERSION,
				      .exchange = EXCHANGE_IKE_SESSION_RESUME,
				      .flags = IKE_FLAG_INITIATOR };
	struct wr w = wr_init(out, MAX_LEN);
	struct payload_writer chain = message_open(&w, &h);
	uint8_t ticket[TICKET_MAX_SIZE];
	size_t len = seal(q, ticket);
	struct bytes written;

	payload_open(&chain, PAYLOAD_NONCE);
	wr_bytes(&w, (struct bytes){ nonce, sizeof(nonce) });
	payload_close(&chain);
	if (!q->has_no_ticket)
		add_notify(&chain, &w, NOTIFY_TICKET_OPAQUE, (struct bytes){ ticket, len });
	if (q->has_notify)
		add_notify(&chain, &w, NOTIFY_REDIRECT_SUPPORTED, (struct bytes){ NULL, 0 });
	if (q->has_from)
		add_notify(&chain, &w, NOTIFY_REDIRECTED_FROM,
			   (struct bytes){ gateway, sizeof(gateway) });
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &written), 0);
	return written;
}

static enum front_verdict ask_at(const struct request *q, uint64_t now_s, enum front_resume *resume)
{
	const struct redirect_view view = { &conf, &placement, { &ring, crypto, now_s } };
	uint8_t out[REDIRECT_ANSWER_MAX], request[MAX_LEN];
	struct redirect_case c = { .table = &table,
				   .peer = table_ip("198.51.100.7"),
				   .request = build(q, request),
				   .answer = { out, 0 } };
	const char *wrong;

	c.verdict = redirect_answer(&view, &c.peer, false, c.request, out, &c.answer.len, &c.member,
				    resume);
	wrong = redirect_check(&c);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	return c.verdict;
}

static void expect(const char *name, const struct request *q, enum front_verdict verdict,
		   enum front_resume resume)
{
	enum front_resume got_resume = FRONT_RESUME_COUNT;
	enum front_verdict got = ask_at(q, NOW, &got_resume);

	if (got != verdict || got_resume != resume)
		fail_msg("%s: %s, %s", name, front_verdict_name(got),
			 front_resume_name(got_resume));
}

/* ---- tests ---- */

static const struct resume_case {
	const char *name;
	struct request request;
	enum front_resume automatic;
} cases[] = {
	{ "a ticket of ours", { .key = 1 }, FRONT_RESUME_TICKET },
	{ "of a peer that follows none", { .is_not_redirectable = true }, FRONT_RESUME_NO_SUPPORT },
	{ "damaged", { .is_garbled = true }, FRONT_RESUME_BAD_TICKET },
	{ "expired", { .has_expired = true }, FRONT_RESUME_BAD_TICKET },
	{ "of another cluster", { .key = 2 }, FRONT_RESUME_NO_KEY },
	{ "no ticket of ours", { .is_garbage = true }, FRONT_RESUME_NO_KEY },
	{ "no ticket", { .has_no_ticket = true }, FRONT_RESUME_NO_KEY },
	{ "shown", { .has_notify = true }, FRONT_RESUME_SHOWN },
	{ "shown, and not by the ticket",
	  { .has_notify = true, .is_not_redirectable = true },
	  FRONT_RESUME_SHOWN },
	{ "redirected before", { .has_from = true, .key = 2 }, FRONT_RESUME_SHOWN },
};

static void test_auto(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		expect(cases[i].name, &cases[i].request,
		       front_resume_is_redirect(cases[i].automatic) ? FRONT_REDIRECTED
								    : FRONT_NACKED,
		       cases[i].automatic);
}

static void test_always_and_never(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		bool is_shown = cases[i].request.has_notify || cases[i].request.has_from;

		if (cases[i].request.has_no_ticket)
			continue; /* there is nothing to resume */

		conf.resume = REDIRECT_RESUME_ALWAYS;
		expect(cases[i].name, &cases[i].request, FRONT_REDIRECTED,
		       is_shown ? FRONT_RESUME_SHOWN : FRONT_RESUME_ALWAYS);
		conf.resume = REDIRECT_RESUME_NEVER;
		expect(cases[i].name, &cases[i].request, FRONT_NACKED, FRONT_RESUME_NEVER);
	}
}

/* Nobody is left without an answer, whatever there is or is not. */
static void test_no_member(void **state)
{
	(void)state;
	for (size_t i = 0; i < table.n_members; i++)
		table.members[i].is_open = false;
	placement_index_build(&placement, &table);
	for (size_t i = 0; i < LEN(cases); i++)
		expect(cases[i].name, &cases[i].request, FRONT_NACKED, cases[i].automatic);
	conf.resume = REDIRECT_RESUME_ALWAYS;
	expect("always", &cases[0].request, FRONT_NACKED, FRONT_RESUME_ALWAYS);
	expect("no ticket", &(struct request){ .has_no_ticket = true }, FRONT_NACKED,
	       FRONT_RESUME_NO_KEY);
}

/* The key's times, with a minute of grace for members whose clocks are ahead. */
static void test_times(void **state)
{
	static const struct request q = { .key = 1 };
	enum front_resume resume;

	(void)state;
	assert_int_equal(ask_at(&q, NOW - 61, &resume), FRONT_NACKED);
	assert_int_equal(resume, FRONT_RESUME_NO_KEY);
	assert_int_equal(ask_at(&q, NOW - 60, &resume), FRONT_REDIRECTED);
	assert_int_equal(ask_at(&q, NOW + 899, &resume), FRONT_REDIRECTED);
	assert_int_equal(ask_at(&q, NOW + 900, &resume), FRONT_NACKED);
	assert_int_equal(resume, FRONT_RESUME_BAD_TICKET);
	assert_int_equal(ask_at(&q, NOW + 1000, &resume), FRONT_NACKED);
	assert_int_equal(resume, FRONT_RESUME_NO_KEY);
	ring.n = 0;
	assert_int_equal(ask_at(&q, NOW, &resume), FRONT_NACKED);
	assert_int_equal(resume, FRONT_RESUME_NO_KEY);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(front_resume_name(FRONT_RESUME_TICKET), "by-ticket");
	assert_string_equal(front_resume_name(FRONT_RESUME_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_auto, start),
		cmocka_unit_test_setup(test_always_and_never, start),
		cmocka_unit_test_setup(test_no_member, start),
		cmocka_unit_test_setup(test_times, start),
		cmocka_unit_test_setup(test_names, start),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
