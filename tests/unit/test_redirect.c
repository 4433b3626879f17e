/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/ikev2/notify.h"
#include "common/ikev2/payload.h"
#include "director/redirect/redirect.h"
#include "tests/lib/captures.h"
#include "tests/lib/hex.h"
#include "tests/lib/placement_table.h"
#include "tests/lib/redirect_check.h"

#define LEN(array)    (sizeof(array) / sizeof((array)[0]))
#define OCTETS(array) ((struct bytes){ (array), sizeof(array) })
#define MAX_LEN       1024
#define MUTATIONS     100000

#define NI16 "101112131415161718191a1b1c1d1e1f"
#define NI32 NI16 NI16

static struct placement_table table;
static struct placement_index placement;
static struct redirect_conf conf;
static struct ip peer;

static int start(void **state)
{
	(void)state;
	conf = (struct redirect_conf){ .reject_unsupported = false };
	peer = table_ip("198.51.100.7");
	table_init(&table, 3);
	placement_index_build(&placement, &table);
	return 0;
}

/* Asks from exactly sized memory and checks whatever is answered; the answer is in *out. */
static enum front_verdict ask_on(const char *name, bool is_natt, struct bytes request,
				 uint8_t out[REDIRECT_ANSWER_MAX], size_t *len)
{
	/* No request here has a ticket of ours: test_redirect_resume.c has those. */
	static const struct ticket_ring no_keys;
	const struct redirect_view view = { &conf, &placement, { .ring = &no_keys } };
	uint8_t *copy = test_copy(request);
	enum front_resume resume;
	struct redirect_case c = { &table, peer, is_natt, request, FRONT_NOT_IKE, { out, 0 }, 0 };
	const char *wrong;

	c.verdict = redirect_answer(&view, &peer, is_natt, (struct bytes){ copy, request.len }, out,
				    &c.answer.len, &c.member, &resume);
	free(copy);
	wrong = redirect_check(&c);
	if (wrong != NULL)
		fail_msg("%s: %s", name, wrong);
	*len = c.answer.len;
	return c.verdict;
}

static enum front_verdict ask(const char *name, struct bytes request)
{
	uint8_t out[REDIRECT_ANSWER_MAX];
	size_t len;

	return ask_on(name, false, request, out, &len);
}

static void expect(const char *name, enum front_verdict got, enum front_verdict want)
{
	if (got != want)
		fail_msg("%s: %s, not %s", name, front_verdict_name(got), front_verdict_name(want));
}

/* ---- real initiators ---- */

static void test_strongswan_init(void **state)
{
	uint8_t out[REDIRECT_ANSWER_MAX], want[MAX_LEN];
	size_t len;

	(void)state;
	table.n_members = 1;
	placement_index_build(&placement, &table);
	expect("IKE_SA_INIT", ask_on("IKE_SA_INIT", false, OCTETS(capture_init), out, &len),
	       FRONT_REDIRECTED);
	test_expect_octets(
	    "IKE_SA_INIT", "answer", (struct bytes){ out, len },
	    test_unhex("bc07694d74dd7374 0000000000000000 29 20 22 20 00000000 0000004a"
		       "0000002e 00004017 0104 c0000201"
		       "51aca9e42a6a241d70e9f6a2babb818a25dc99f9fc5328e769bd9b30aa43cf3e",
		       want, sizeof(want)));
	peer = table_ip("2001:db8:99::1");
	expect("IPv6", ask_on("IPv6", false, OCTETS(capture_init), out, &len), FRONT_REDIRECTED);
	test_expect_octets(
	    "IPv6", "answer", (struct bytes){ out, len },
	    test_unhex("bc07694d74dd7374 0000000000000000 29 20 22 20 00000000 00000056"
		       "0000003a 00004017 0210 20010db8000000000000000000000001"
		       "51aca9e42a6a241d70e9f6a2babb818a25dc99f9fc5328e769bd9b30aa43cf3e",
		       want, sizeof(want)));
}

/* It shows REDIRECTED_FROM and no REDIRECT_SUPPORTED, and came from 192.0.2.10. */
static void test_strongswan_redirected(void **state)
{
	(void)state;
	expect("redirected", ask("redirected", OCTETS(capture_redirected)), FRONT_REDIRECTED);
	table.n_members = 1;
	table.members[0].home[0] = table_ip("192.0.2.10");
	placement_index_build(&placement, &table);
	expect("back", ask("back", OCTETS(capture_redirected)), FRONT_NO_MEMBER);
	expect("another one", ask("another one", OCTETS(capture_init)), FRONT_REDIRECTED);
}

static void test_libreswan_resume(void **state)
{
	uint8_t out[REDIRECT_ANSWER_MAX], want[MAX_LEN];
	size_t len;

	(void)state;
	expect("resume", ask_on("resume", false, OCTETS(capture_resume), out, &len), FRONT_NACKED);
	test_expect_octets(
	    "resume", "answer", (struct bytes){ out, len },
	    test_unhex("d0e1eba6ee4aafd8 0000000000000000 29 20 26 20 00000000 00000024"
		       "00000008 0000401c",
		       want, sizeof(want)));
}

static void test_port_4500(void **state)
{
	uint8_t request[4 + sizeof(capture_init)] = { 0 }, out[REDIRECT_ANSWER_MAX];
	uint8_t plain[REDIRECT_ANSWER_MAX];
	static const uint8_t keepalive[] = { 0xff };
	size_t len, plain_len;

	(void)state;
	memcpy(request + 4, capture_init, sizeof(capture_init));
	expect("marked", ask_on("marked", true, OCTETS(request), out, &len), FRONT_REDIRECTED);
	expect("plain", ask_on("plain", false, OCTETS(capture_init), plain, &plain_len),
	       FRONT_REDIRECTED);
	assert_int_equal(len, 4 + plain_len);
	assert_memory_equal(out, request, 4);
	assert_memory_equal(out + 4, plain, plain_len);
	expect("marker on 500", ask("marker on 500", OCTETS(request)), FRONT_NOT_IKE);
	expect("no marker", ask_on("no marker", true, OCTETS(capture_init), out, &len),
	       FRONT_NOT_IKE);
	for (size_t i = 0; i < 4; i++) {
		request[i] = 1;
		expect("ESP", ask_on("ESP", true, OCTETS(request), out, &len), FRONT_NOT_IKE);
		request[i] = 0;
	}
	expect("keepalive", ask_on("keepalive", true, OCTETS(keepalive), out, &len), FRONT_NOT_IKE);
	for (size_t cut = 0; cut < sizeof(request); cut++)
		expect("cut", ask_on("cut", true, (struct bytes){ request, cut }, out, &len),
		       FRONT_NOT_IKE);
}

/* ---- one octet or two off ---- */

static void patch_length(uint8_t *message, size_t len)
{
	struct wr w = wr_init(message + 24, 4);

	wr_u32(&w, (uint32_t)len);
}

static void test_every_cut_of_init(void **state)
{
	uint8_t request[sizeof(capture_init)];

	(void)state;
	for (size_t cut = 0; cut < sizeof(request); cut++) {
		memcpy(request, capture_init, sizeof(request));
		expect("cut", ask("cut", (struct bytes){ request, cut }), FRONT_NOT_IKE);
		if (cut < IKE_HEADER_SIZE)
			continue;
		patch_length(request, cut);
		expect("cut, and the length says so",
		       ask("cut, and the length says so", (struct bytes){ request, cut }),
		       FRONT_MALFORMED);
	}
}

/* capture_init with other octets somewhere. */
static const struct edit_case {
	const char *name;
	size_t offset;
	const char *octets;
	enum front_verdict verdict;
} edit_cases[] = {
	{ "no initiator's SPI", 0, "0000000000000000", FRONT_NOT_INITIAL },
	{ "a responder's SPI", 8, "0000000000000001", FRONT_NOT_INITIAL },
	{ "IKEv1", 17, "10", FRONT_NOT_IKE },
	{ "major version 3", 17, "30", FRONT_NOT_IKE },
	{ "minor version 15", 17, "2f", FRONT_REDIRECTED },
	{ "IKE_AUTH", 18, "23", FRONT_NOT_INITIAL },
	{ "CREATE_CHILD_SA", 18, "24", FRONT_NOT_INITIAL },
	{ "INFORMATIONAL", 18, "25", FRONT_NOT_INITIAL },
	{ "IKE_SESSION_RESUME", 18, "26", FRONT_REDIRECTED },
	{ "GSA_AUTH", 18, "27", FRONT_NOT_INITIAL },
	{ "IKE_INTERMEDIATE", 18, "2b", FRONT_NOT_INITIAL },
	{ "no flag", 19, "00", FRONT_NOT_INITIAL },
	{ "response of a responder", 19, "20", FRONT_NOT_INITIAL },
	{ "response of an initiator", 19, "28", FRONT_NOT_INITIAL },
	{ "request of a responder", 19, "10", FRONT_NOT_INITIAL },
	{ "higher version", 19, "18", FRONT_REDIRECTED },
	{ "reserved flags", 19, "cf", FRONT_REDIRECTED },
	{ "all flags", 19, "ff", FRONT_NOT_INITIAL },
	{ "message ID 1", 20, "00000001", FRONT_NOT_INITIAL },
	{ "message ID 2^31", 20, "80000000", FRONT_NOT_INITIAL },
	{ "too short a length", 24, "000001c7", FRONT_NOT_IKE },
	{ "too long a length", 24, "000001c9", FRONT_NOT_IKE },
	{ "no payload first", 16, "00", FRONT_MALFORMED },
	{ "no SA", 16, "2b", FRONT_MALFORMED },
	{ "no KE", 28, "2b", FRONT_MALFORMED },
	{ "no nonce", 68, "2b", FRONT_MALFORMED },
	{ "two SAs", 28, "21", FRONT_MALFORMED },
	{ "two nonces", 28, "28", FRONT_MALFORMED },
	{ "payload length below 4", 30, "0003", FRONT_MALFORMED },
	{ "payload beyond the end", 450, "0009", FRONT_MALFORMED },
	{ "a known payload marked critical", 29, "80", FRONT_REDIRECTED },
	{ "SA marked critical with reserved bits", 29, "ff", FRONT_REDIRECTED },
	{ "another notify", 454, "402a", FRONT_NO_SUPPORT },
	{ "notify cut short", 450, "0007", FRONT_MALFORMED },
	{ "unknown payload", 432, "c8", FRONT_NO_SUPPORT },
	{ "unknown payload, first", 16, "c8", FRONT_MALFORMED },
	{ "unknown payload marked critical", 432, "c8 00 0010 0000402f 0002000300040005 00 80",
	  FRONT_REJECTED },
};

static void test_edits(void **state)
{
	uint8_t request[sizeof(capture_init)], octets[32];

	(void)state;
	for (size_t i = 0; i < LEN(edit_cases); i++) {
		const struct edit_case *c = &edit_cases[i];
		struct bytes edit = test_unhex(c->octets, octets, sizeof(octets));

		memcpy(request, capture_init, sizeof(request));
		memcpy(request + c->offset, edit.ptr, edit.len);
		expect(c->name, ask(c->name, OCTETS(request)), c->verdict);
	}
}

/* ---- built requests ---- */

#define SA           "0000000c 01010001 00000000"
#define SUPPORTED    "00004016"
#define MAX_PAYLOADS 6

static const struct built_case {
	const char *name;
	uint8_t exchange;
	struct {
		uint8_t type;
		const char *body;
	} payloads[MAX_PAYLOADS];
	enum front_verdict verdict;
} built_cases[] = {
#define INIT_WITH(nonce)                                     \
	{ PAYLOAD_SA, SA }, { PAYLOAD_KE, "001f0000" NI32 }, \
	{                                                    \
		PAYLOAD_NONCE, nonce                         \
	}
	{ "support", 34, { INIT_WITH(NI16), { PAYLOAD_NOTIFY, SUPPORTED } }, FRONT_REDIRECTED },
	{ "no support", 34, { INIT_WITH(NI16) }, FRONT_NO_SUPPORT },
	{ "nonce of 15",
	  34,
	  { INIT_WITH("0102030405060708090a0b0c0d0e0f"), { PAYLOAD_NOTIFY, SUPPORTED } },
	  FRONT_MALFORMED },
	{ "nonce of 257",
	  34,
	  { INIT_WITH(NI32 NI32 NI32 NI32 NI32 NI32 NI32 NI32 "00"),
	    { PAYLOAD_NOTIFY, SUPPORTED } },
	  FRONT_MALFORMED },
	{ "nonce of 256",
	  34,
	  { INIT_WITH(NI32 NI32 NI32 NI32 NI32 NI32 NI32 NI32), { PAYLOAD_NOTIFY, SUPPORTED } },
	  FRONT_REDIRECTED },
	{ "somebody's cookie",
	  34,
	  { { PAYLOAD_NOTIFY, "00004006 0102030405060708" },
	    INIT_WITH(NI16),
	    { PAYLOAD_NOTIFY, SUPPORTED } },
	  FRONT_REDIRECTED },
	{ "redirected from IPv4",
	  34,
	  { INIT_WITH(NI16), { PAYLOAD_NOTIFY, "00004018 0104 c6336401" } },
	  FRONT_REDIRECTED },
	{ "redirected from IPv6",
	  34,
	  { INIT_WITH(NI16), { PAYLOAD_NOTIFY, "00004018 0210 20010db8000000000000000000009999" } },
	  FRONT_REDIRECTED },
	{ "redirected from a name",
	  34,
	  { INIT_WITH(NI16), { PAYLOAD_NOTIFY, "00004018 0304 67772e31" } },
	  FRONT_REDIRECTED },
	{ "redirected from nonsense",
	  34,
	  { INIT_WITH(NI16), { PAYLOAD_NOTIFY, "00004018 0105 c633640100" } },
	  FRONT_NO_SUPPORT },
	{ "support with an SPI and data",
	  34,
	  { INIT_WITH(NI16), { PAYLOAD_NOTIFY, "03044016 01020304 0506" } },
	  FRONT_REDIRECTED },
	{ "a notify cut short",
	  34,
	  { INIT_WITH(NI16), { PAYLOAD_NOTIFY, "0000" }, { PAYLOAD_NOTIFY, SUPPORTED } },
	  FRONT_REDIRECTED },
	{ "another order",
	  34,
	  { { PAYLOAD_NOTIFY, SUPPORTED },
	    { PAYLOAD_VENDOR, "00" },
	    { PAYLOAD_NONCE, NI16 },
	    { PAYLOAD_KE, "001f0000" NI32 },
	    { PAYLOAD_SA, SA } },
	  FRONT_REDIRECTED },
	{ "resumption",
	  38,
	  { { PAYLOAD_NONCE, NI16 }, { PAYLOAD_NOTIFY, "0000401d" NI32 } },
	  FRONT_NACKED },
	{ "resumption, support",
	  38,
	  { { PAYLOAD_NONCE, NI16 },
	    { PAYLOAD_NOTIFY, "0000401d" NI32 },
	    { PAYLOAD_NOTIFY, SUPPORTED } },
	  FRONT_REDIRECTED },
	{ "resumption, redirected",
	  38,
	  { { PAYLOAD_NONCE, NI16 },
	    { PAYLOAD_NOTIFY, "0000401d" NI32 },
	    { PAYLOAD_NOTIFY, "00004018 0104 c6336401" } },
	  FRONT_REDIRECTED },
	{ "resumption without ticket", 38, { { PAYLOAD_NONCE, NI16 } }, FRONT_NACKED },
	{ "resumption without nonce",
	  38,
	  { { PAYLOAD_NOTIFY, "0000401d" NI32 } },
	  FRONT_MALFORMED },
	{ "resumption, critical", 38, { { PAYLOAD_NONCE, NI16 }, { 200, "" } }, FRONT_NACKED },
};

static struct bytes build(const struct built_case *c, uint8_t buf[MAX_LEN])
{
	const struct ike_header h = { .spi_i = 0x0102030405060708,
				      .version = IKE_VERSION,
				      .exchange = c->exchange,
				      .flags = IKE_FLAG_INITIATOR };
	struct wr w = wr_init(buf, MAX_LEN);
	struct payload_writer chain = message_open(&w, &h);
	uint8_t body[MAX_LEN];
	struct bytes out;

	for (size_t i = 0; i < MAX_PAYLOADS && c->payloads[i].type != 0; i++)
		payload_put(&chain, c->payloads[i].type,
			    test_unhex(c->payloads[i].body, body, sizeof(body)));
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &out), 0);
	return out;
}

static void test_built(void **state)
{
	uint8_t buf[MAX_LEN];

	(void)state;
	for (size_t i = 0; i < LEN(built_cases); i++)
		expect(built_cases[i].name, ask(built_cases[i].name, build(&built_cases[i], buf)),
		       built_cases[i].verdict);
}

/* Nobody can take anyone: IKE_SA_INIT may wait, a resumption must be answered. */
static void test_no_member(void **state)
{
	uint8_t buf[MAX_LEN];

	(void)state;
	table.n_members = 0;
	placement_index_build(&placement, &table);
	for (size_t i = 0; i < LEN(built_cases); i++) {
		const struct built_case *c = &built_cases[i];
		enum front_verdict want = c->verdict;

		if (want == FRONT_REDIRECTED)
			want = c->exchange == 38 ? FRONT_NACKED : FRONT_NO_MEMBER;
		expect(c->name, ask(c->name, build(c, buf)), want);
	}
}

static void test_reject_unsupported(void **state)
{
	uint8_t buf[MAX_LEN];

	(void)state;
	conf.reject_unsupported = true;
	for (size_t i = 0; i < LEN(built_cases); i++) {
		const struct built_case *c = &built_cases[i];

		expect(c->name, ask(c->name, build(c, buf)),
		       c->verdict == FRONT_NO_SUPPORT ? FRONT_REJECTED : c->verdict);
	}
}

/* The shortest request that there can be, which no IPv6 address fits in. */
static void test_never_amplifies(void **state)
{
	static const struct built_case shortest = {
		"shortest",
		34,
		{ { PAYLOAD_SA, "" },
		  { PAYLOAD_KE, "" },
		  { PAYLOAD_NONCE, NI16 },
		  { PAYLOAD_NOTIFY, SUPPORTED } },
		FRONT_AMPLIFIES,
	};
	static const struct built_case shortest_resume = {
		"shortest resumption",
		38,
		{ { PAYLOAD_NONCE, NI16 }, { PAYLOAD_NOTIFY, SUPPORTED } },
		FRONT_AMPLIFIES,
	};
	uint8_t buf[MAX_LEN];

	(void)state;
	expect("IPv4", ask("IPv4", build(&shortest, buf)), FRONT_REDIRECTED);
	expect("IPv4, 38", ask("IPv4, 38", build(&shortest_resume, buf)), FRONT_AMPLIFIES);
	peer = table_ip("2001:db8:99::1");
	expect("IPv6", ask("IPv6", build(&shortest, buf)), FRONT_AMPLIFIES);
	expect("IPv6, 38", ask("IPv6, 38", build(&shortest_resume, buf)), FRONT_AMPLIFIES);
}

/* ---- many ---- */

static uint64_t draw(struct rng_seeded *seeded)
{
	const struct rng rng = rng_seeded(seeded);
	uint64_t value;

	assert_int_equal(rng_u64(&rng, &value), 0);
	return value;
}

/* A capture with some octets changed, cut, or with a part repeated. */
static struct bytes mutate(struct rng_seeded *seeded, uint8_t buf[MAX_LEN])
{
	static const struct bytes captures[] = {
		{ capture_init, sizeof(capture_init) },
		{ capture_redirected, sizeof(capture_redirected) },
		{ capture_resume, sizeof(capture_resume) },
	};
	struct bytes from = captures[draw(seeded) % LEN(captures)];
	size_t len = from.len;

	memcpy(buf, from.ptr, len);
	for (uint64_t n = draw(seeded) % 5; n > 0; n--) {
		size_t at = draw(seeded) % len;

		switch (draw(seeded) % 4) {
		case 0:
			buf[at] ^= (uint8_t)(1u << draw(seeded) % 8);
			break;
		case 1:
			buf[at] = (uint8_t)draw(seeded);
			break;
		case 2: /* where types and lengths are */
			buf[at & ~(size_t)3] = (uint8_t)(33 + draw(seeded) % 16);
			break;
		default:
			len = at > IKE_HEADER_SIZE ? at : len;
		}
	}
	if (draw(seeded) % 4 != 0)
		patch_length(buf, len);
	return (struct bytes){ buf, len };
}

static void test_mutations(void **state)
{
	struct rng_seeded seeded = { .state = 3 };
	size_t counts[FRONT_VERDICT_COUNT] = { 0 };
	uint8_t buf[MAX_LEN];

	(void)state;
	for (size_t i = 0; i < MUTATIONS; i++) {
		conf.reject_unsupported = i % 2 == 0;
		counts[ask("mutation", mutate(&seeded, buf))]++;
	}
	/* It went everywhere. */
	for (size_t v = 0; v < FRONT_AMPLIFIES; v++) {
		if (v != FRONT_NO_MEMBER && v != FRONT_RATE_LIMITED)
			assert_int_not_equal(counts[v], 0);
	}
}

static void test_verdict_names(void **state)
{
	(void)state;
	assert_string_equal(front_verdict_name(FRONT_REDIRECTED), "redirected");
	assert_string_equal(front_verdict_name(FRONT_SEND_FAILED), "send-failed");
	assert_string_equal(front_verdict_name(FRONT_VERDICT_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_strongswan_init, start),
		cmocka_unit_test_setup(test_strongswan_redirected, start),
		cmocka_unit_test_setup(test_libreswan_resume, start),
		cmocka_unit_test_setup(test_port_4500, start),
		cmocka_unit_test_setup(test_every_cut_of_init, start),
		cmocka_unit_test_setup(test_edits, start),
		cmocka_unit_test_setup(test_built, start),
		cmocka_unit_test_setup(test_no_member, start),
		cmocka_unit_test_setup(test_reject_unsupported, start),
		cmocka_unit_test_setup(test_never_amplifies, start),
		cmocka_unit_test_setup(test_mutations, start),
		cmocka_unit_test_setup(test_verdict_names, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
