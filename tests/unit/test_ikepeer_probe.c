/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli/ikepeer/judge.h"
#include "cli/ikepeer/probe_print.h"
#include "common/ikev2/redirect.h"
#include "common/ikev2/session/payloads.h"

/* A probe's questions, what it makes of answers written by hand, and its verdicts. */
static const struct ip here = { IP_V4, { 192, 0, 2, 101 } };
static const struct ip director = { IP_V4, { 192, 0, 2, 10 } };
static const struct ip m1 = { IP_V4, { 192, 0, 2, 21 } };

#define NOW     5000000u
#define TIMEOUT 10000000u
#define RTT     700u

struct fixture {
	struct crypto *crypto;
	struct rng_seeded seed;
	struct rng rng;
	struct probing *p;
	struct probing_step step;
	uint64_t now;
	uint8_t message[2048];
};

static void open_probing(struct fixture *f, bool is_resume, bool is_following)
{
	struct probing_conf conf = {
		.path = { { here, 500 }, { director, 500 } },
		.n_suites = 2,
		.is_resume = is_resume,
		.is_following = is_following,
		.shows_redirect = true,
		.timeout_us = TIMEOUT,
	};

	memset(f, 0, sizeof(*f));
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &conf.suites[0]), 0);
	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-ecp256", &conf.suites[1]), 0);
	f->now = NOW;
	f->seed.state = 7;
	f->rng = rng_seeded(&f->seed);
	f->crypto = crypto_new();
	f->p = probing_new(&conf, f->crypto, &f->rng);
	assert_non_null(f->p);
	assert_int_equal(probing_begin(f->p, f->now, &f->step), 0);
}

static void close_probing(struct fixture *f)
{
	probing_free(f->p);
	crypto_free(f->crypto);
}

static const struct probe_leg *last_leg(const struct fixture *f)
{
	const struct probe_leg *legs;
	size_t n = probing_legs(f->p, &legs);

	return &legs[n - 1];
}

/* The request that was sent last, decoded. */
static struct ike_header request(const struct fixture *f, struct payload_list *list)
{
	struct ike_header h;
	uint8_t critical;

	assert_non_null(f->step.message.ptr);
	assert_int_equal(ike_header_decode(f->step.message, &h), 0);
	assert_int_equal(
	    payload_list_decode(h.next_payload,
				(struct bytes){ f->step.message.ptr + IKE_HEADER_SIZE,
						f->step.message.len - IKE_HEADER_SIZE },
				list, &critical),
	    0);
	return h;
}

static bool has_notify(const struct payload_list *list, uint16_t type, struct bytes *data)
{
	*data = (struct bytes){ NULL, 0 };
	for (size_t i = 0; i < list->n; i++) {
		struct notify n;

		if (list->items[i].type != PAYLOAD_NOTIFY ||
		    notify_decode(list->items[i].body, &n) != 0 || n.type != type)
			continue;
		*data = n.data;
		return true;
	}
	return false;
}

/* An answer to it with one notify; later may be changed by hand. */
static void answer(struct fixture *f, const struct ip *from, uint16_t type, struct bytes data)
{
	struct payload_list list;
	struct ike_header h = request(f, &list);
	struct wr w = wr_init(f->message, sizeof(f->message));
	struct path path = { { here, 500 }, { *from, 500 } };
	struct payload_writer chain;
	struct bytes message;

	h.flags = IKE_FLAG_RESPONSE;
	chain = message_open(&w, &h);
	chain_put_notify(&chain, type, data);
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &message), 0);
	f->now += RTT;
	f->step = probing_take(f->p, f->now, &path, message);
}

static void redirect(struct fixture *f, const struct ip *from, const struct ip *to)
{
	struct payload_list list;
	uint8_t data[REDIRECT_DATA_MAX];
	struct wr w = wr_init(data, sizeof(data));
	struct bytes nonce, body;

	request(f, &list);
	assert_int_equal(payload_get(&list, PAYLOAD_NONCE, &nonce), 0);
	redirect_encode_address(&w, to, nonce);
	assert_int_equal(wr_finish(&w, &body), 0);
	answer(f, from, NOTIFY_REDIRECT, body);
}

static void accept_init(struct fixture *f, const struct ip *from)
{
	static const uint8_t nonce[32] = { 1 }, value[32] = { 9 };
	struct payload_list list;
	struct ike_header h = request(f, &list);
	struct wr w = wr_init(f->message, sizeof(f->message));
	struct path path = { { here, 500 }, { *from, 500 } };
	struct payload_writer chain;
	struct sa_payload sa;
	struct bytes body, message;

	assert_int_equal(payload_get(&list, PAYLOAD_SA, &body), 0);
	assert_int_equal(sa_decode(body, &sa), 0);
	sa.n = 1;
	h.flags = IKE_FLAG_RESPONSE;
	h.spi_r = 77;
	chain = message_open(&w, &h);
	chain_put_sa(&chain, &sa);
	chain_put_ke(&chain, KEX_CURVE25519, (struct bytes){ value, sizeof(value) });
	payload_put(&chain, PAYLOAD_NONCE, (struct bytes){ nonce, sizeof(nonce) });
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &message), 0);
	f->now += RTT;
	f->step = probing_take(f->p, f->now, &path, message);
}

static enum probe_status judge(const struct fixture *f, bool is_resume, char why[JUDGE_TEXT_MAX])
{
	struct probe_result r = { .is_resume = is_resume };

	r.n_legs = probing_legs(f->p, &r.legs);
	return probe_judge(&r, why);
}

static void check_verdict(const struct fixture *f, bool is_resume, enum probe_status want,
			  const char *text)
{
	char why[JUDGE_TEXT_MAX];

	assert_int_equal(judge(f, is_resume, why), want);
	if (strstr(why, text) == NULL)
		fail_msg("'%s' is not in '%s'", text, why);
}

/* ---- what is sent and what is believed ---- */

static void test_redirect_is_followed(void **state)
{
	struct fixture f;
	struct payload_list list;
	struct bytes data;
	struct gateway gw;

	(void)state;
	open_probing(&f, false, true);
	assert_int_equal(request(&f, &list).exchange, EXCHANGE_IKE_SA_INIT);
	assert_true(has_notify(&list, NOTIFY_REDIRECT_SUPPORTED, &data));
	assert_false(has_notify(&list, NOTIFY_REDIRECTED_FROM, &data));
	redirect(&f, &director, &m1);
	assert_false(f.step.is_over);
	assert_true(ip_is_equal(&f.step.path.remote.ip, &m1));
	request(&f, &list);
	assert_true(has_notify(&list, NOTIFY_REDIRECTED_FROM, &data));
	assert_int_equal(redirect_decode(data, (struct bytes){ NULL, 0 }, &gw), 0);
	assert_true(bytes_is_equal(gw.id, ip_bytes(&director)));
	accept_init(&f, &m1);
	assert_true(f.step.is_over);
	assert_int_equal(last_leg(&f)->answer, PROBE_ACCEPTED);
	assert_string_equal(last_leg(&f)->suite, "aes256gcm16-prfsha256-x25519");
	assert_int_equal(last_leg(&f)->rtt_us, RTT);
	check_verdict(&f, false, PROBE_OK, "192.0.2.21 accepts aes256gcm16");
	close_probing(&f);
}

static void test_redirect_is_shown(void **state)
{
	struct fixture f;

	(void)state;
	open_probing(&f, false, false);
	redirect(&f, &director, &m1);
	assert_true(f.step.is_over);
	assert_string_equal(last_leg(&f)->target, "192.0.2.21");
	check_verdict(&f, false, PROBE_OK, "192.0.2.10 redirects to 192.0.2.21");
	close_probing(&f);
}

static void test_circles_end(void **state)
{
	struct fixture f;

	(void)state;
	open_probing(&f, false, true);
	for (int i = 0; i < PROBE_LEGS_MAX; i++) {
		assert_false(f.step.is_over);
		redirect(&f, i % 2 == 0 ? &director : &m1, i % 2 == 0 ? &m1 : &director);
	}
	assert_true(f.step.is_over);
	check_verdict(&f, false, PROBE_CRITICAL, "redirected 6 times");
	close_probing(&f);
}

static void test_cookie_and_group(void **state)
{
	static const uint8_t cookie[] = "a cookie", group[] = { 0, KEX_ECP_256 };
	struct fixture f;
	struct payload_list list;
	struct bytes data, body;
	struct ke_body ke;

	(void)state;
	open_probing(&f, false, false);
	answer(&f, &director, NOTIFY_COOKIE, (struct bytes){ cookie, sizeof(cookie) });
	request(&f, &list);
	assert_int_equal(list.items[0].type, PAYLOAD_NOTIFY); /* RFC 7296, 2.6 */
	assert_true(has_notify(&list, NOTIFY_COOKIE, &data));
	assert_true(bytes_is_equal(data, (struct bytes){ cookie, sizeof(cookie) }));
	answer(&f, &director, NOTIFY_INVALID_KE_PAYLOAD, (struct bytes){ group, 2 });
	request(&f, &list);
	assert_int_equal(payload_get(&list, PAYLOAD_KE, &body), 0);
	assert_int_equal(ke_decode(body, &ke), 0);
	assert_int_equal(ke.group, KEX_ECP_256);
	accept_init(&f, &director);
	assert_true(last_leg(&f)->has_cookie);
	assert_int_equal(last_leg(&f)->group, KEX_ECP_256);
	assert_int_equal(last_leg(&f)->n_sent, 3);
	check_verdict(&f, false, PROBE_WARNING, "cookie");
	close_probing(&f);
}

/* A gateway that asks for a cookie again and again is not asked for ever. */
static void test_endless_cookies(void **state)
{
	static const uint8_t cookie[] = "a cookie";
	struct fixture f;

	(void)state;
	open_probing(&f, false, false);
	for (int i = 0; f.step.message.ptr != NULL; i++) {
		assert_in_range(i, 0, 5);
		answer(&f, &director, NOTIFY_COOKIE, (struct bytes){ cookie, sizeof(cookie) });
	}
	assert_false(f.step.is_over);
	f.step = probing_due(f.p, NOW + TIMEOUT);
	assert_true(f.step.is_over);
	close_probing(&f);
}

static void test_not_for_us(void **state)
{
	static const uint8_t junk[8] = { 0 };
	struct fixture f;
	struct probing_step asked;
	struct path path = { { here, 500 }, { director, 500 } };
	uint8_t copy[2048];

	(void)state;
	open_probing(&f, false, false);
	asked = f.step;
	/* From somebody else; then no IKE at all; then our own request come back. */
	answer(&f, &m1, NOTIFY_NO_PROPOSAL_CHOSEN, (struct bytes){ NULL, 0 });
	assert_false(f.step.is_over);
	f.step = probing_take(f.p, f.now, &path, (struct bytes){ junk, sizeof(junk) });
	assert_false(f.step.is_over);
	memcpy(copy, asked.message.ptr, asked.message.len);
	f.step = probing_take(f.p, f.now, &path, (struct bytes){ copy, asked.message.len });
	assert_false(f.step.is_over);
	/* A redirect with another nonce. */
	f.step = asked;
	answer(&f, &director, NOTIFY_REDIRECT,
	       (struct bytes){ (const uint8_t *)"\1\4\xc0\0\2\x15"
						"0123456789abcdef",
			       22 });
	assert_false(f.step.is_over);
	assert_int_equal(last_leg(&f)->answer, PROBE_SILENT);
	close_probing(&f);
}

static void test_silence(void **state)
{
	struct fixture f;

	(void)state;
	open_probing(&f, false, false);
	assert_int_equal(f.step.due_us, NOW + PROBE_REPEAT_US);
	while (!f.step.is_over) {
		f.now = f.step.due_us;
		f.step = probing_due(f.p, f.now);
	}
	assert_int_equal(f.now, NOW + TIMEOUT);
	assert_int_equal(last_leg(&f)->n_sent, 10);
	check_verdict(&f, false, PROBE_CRITICAL, "192.0.2.10 does not answer");
	close_probing(&f);
}

static void test_late_answer(void **state)
{
	struct fixture f;

	(void)state;
	open_probing(&f, false, false);
	f.now += PROBE_REPEAT_US;
	f.step = probing_due(f.p, f.now);
	accept_init(&f, &director);
	check_verdict(&f, false, PROBE_WARNING, "only when asked 2 times");
	close_probing(&f);
}

static void test_resume_probe(void **state)
{
	static const uint8_t nonce[32] = { 1 };
	struct fixture f;
	struct payload_list list;
	struct bytes data, message;
	struct wr w;
	struct payload_writer chain;
	struct ike_header h;
	struct path path = { { here, 500 }, { director, 500 } };

	(void)state;
	open_probing(&f, true, true);
	assert_int_equal(request(&f, &list).exchange, EXCHANGE_IKE_SESSION_RESUME);
	assert_true(has_notify(&list, NOTIFY_TICKET_OPAQUE, &data));
	redirect(&f, &director, &m1);
	assert_int_equal(request(&f, &list).exchange, EXCHANGE_IKE_SESSION_RESUME);
	answer(&f, &m1, NOTIFY_TICKET_NACK, (struct bytes){ NULL, 0 });
	assert_int_equal(last_leg(&f)->answer, PROBE_NACK);
	check_verdict(&f, true, PROBE_OK, "refuses a ticket that is none");
	close_probing(&f);

	/* Taken for a ticket: the worst that there is. */
	open_probing(&f, true, false);
	h = request(&f, &list);
	h.flags = IKE_FLAG_RESPONSE;
	h.spi_r = 77;
	w = wr_init(f.message, sizeof(f.message));
	chain = message_open(&w, &h);
	payload_put(&chain, PAYLOAD_NONCE, (struct bytes){ nonce, sizeof(nonce) });
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &message), 0);
	f.step = probing_take(f.p, f.now, &path, message);
	check_verdict(&f, true, PROBE_CRITICAL, "resumes with a ticket that is none");
	close_probing(&f);
}

static void test_error(void **state)
{
	struct fixture f;

	(void)state;
	open_probing(&f, false, false);
	answer(&f, &director, NOTIFY_NO_PROPOSAL_CHOSEN, (struct bytes){ NULL, 0 });
	check_verdict(&f, false, PROBE_CRITICAL, "192.0.2.10 answers NO_PROPOSAL_CHOSEN");
	close_probing(&f);
}

/* ---- verdicts ---- */

static struct probe_leg good_leg(void)
{
	struct probe_leg leg = {
		.gateway = m1, .answer = PROBE_ACCEPTED, .n_sent = 1, .rtt_us = 50000
	};

	strcpy(leg.suite, "aes256gcm16-prfsha256-x25519");
	return leg;
}

static void test_thresholds(void **state)
{
	static const struct {
		uint32_t warning_ms, critical_ms;
		enum probe_status want;
	} cases[] = {
		{ 0, 0, PROBE_OK },        { 50, 0, PROBE_OK },       { 49, 0, PROBE_WARNING },
		{ 49, 50, PROBE_WARNING }, { 0, 49, PROBE_CRITICAL }, { 20, 40, PROBE_CRITICAL },
	};
	struct probe_leg leg = good_leg();
	char why[JUDGE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_result r = { .n_legs = 1,
					  .legs = &leg,
					  .warning_ms = cases[i].warning_ms,
					  .critical_ms = cases[i].critical_ms };

		assert_int_equal(probe_judge(&r, why), cases[i].want);
	}
}

static void test_credentials(void **state)
{
	struct probe_leg leg = good_leg();
	struct probe_result r = { .n_legs = 1, .legs = &leg, .has_credentials = true };
	char why[JUDGE_TEXT_MAX];

	(void)state;
	assert_int_equal(probe_judge(&r, why), PROBE_CRITICAL);
	assert_string_equal(why, "IKE_AUTH came to no end");
	r.auth = (struct probe_auth){ .is_done = true,
				      .reason = REASON_REFUSED,
				      .notify = NOTIFY_AUTHENTICATION_FAILED,
				      .gateway = { m1, 4500 } };
	assert_int_equal(probe_judge(&r, why), PROBE_CRITICAL);
	assert_string_equal(why,
			    "no IKE SA at 192.0.2.21:4500: peer refuses, AUTHENTICATION_FAILED");
	r.auth = (struct probe_auth){ .is_done = true, .is_up = true, .identity = "gw" };
	assert_int_equal(probe_judge(&r, why), PROBE_WARNING);
	r.auth.has_child = true;
	assert_int_equal(probe_judge(&r, why), PROBE_OK);
	/* Nobody there is reason enough. */
	leg.answer = PROBE_SILENT;
	r.auth.is_done = false;
	assert_int_equal(probe_judge(&r, why), PROBE_CRITICAL);
	assert_string_equal(why, "192.0.2.21 does not answer");
	r.n_legs = 0;
	assert_int_equal(probe_judge(&r, why), PROBE_UNKNOWN);
}

static void test_output(void **state)
{
	struct probe_leg legs[2] = { { .gateway = director,
				       .answer = PROBE_REDIRECT,
				       .n_sent = 1,
				       .rtt_us = 1500,
				       .target = "192.0.2.21",
				       .target_ip = m1 },
				     good_leg() };
	struct probe_result r = { .n_legs = 2, .legs = legs };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json;

	(void)state;
	legs[1].n_notifies = 1;
	legs[1].notifies[0] = NOTIFY_CHILDLESS_IKEV2_SUPPORTED;
	probe_print(out, false, &r, PROBE_OK, "fine");
	fclose(out);
	assert_string_equal(text,
			    "IKE OK - fine | rtt1=1.500ms rtt2=50.000ms\n"
			    "192.0.2.10: redirect to 192.0.2.21, 1.5 ms, 1 sent\n"
			    "192.0.2.21: accepted aes256gcm16-prfsha256-x25519, 50.0 ms, 1 sent\n"
			    "  notifies: CHILDLESS_IKEV2_SUPPORTED(16418)\n");
	free(text);
	out = open_memstream(&text, &size);
	probe_print(out, true, &r, PROBE_OK, "fine");
	fclose(out);
	json = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json, "gateways")), 2);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(json, "gateways"), 0), "redirect")),
			    "192.0.2.21");
	assert_true(json_is_null(json_object_get(json, "authentication")));
	json_decref(json);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirect_is_followed),
		cmocka_unit_test(test_redirect_is_shown),
		cmocka_unit_test(test_circles_end),
		cmocka_unit_test(test_cookie_and_group),
		cmocka_unit_test(test_endless_cookies),
		cmocka_unit_test(test_not_for_us),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_resume_probe),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
