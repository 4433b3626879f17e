/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/notify.h"
#include "common/ikev2/payload.h"
#include "tests/lib/hex.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LEN    512
#define MAX_ITEMS  4

#define NI     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define NR     "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define TICKET "5449434b45542d30313233343536373839616263646566"

/* Whole messages that decode, and encode to the same octets. */
static const struct valid_case {
	const char *name;
	const char *octets;
	size_t n;
	struct {
		uint8_t type;
		const char *body;
	} items[MAX_ITEMS];
} valid_cases[] = {
	{ "IKE_SESSION_RESUME request",
	  "0102030405060708 0000000000000000 28 20 26 08 00000000 0000005f"
	  "29000024" NI "0000001f 0000401d" TICKET,
	  2,
	  { { PAYLOAD_NONCE, NI }, { PAYLOAD_NOTIFY, "0000401d" TICKET } } },
	{ "IKE_SESSION_RESUME response",
	  "0102030405060708 1112131415161718 28 20 26 20 00000000 00000040"
	  "00000024" NR,
	  1,
	  { { PAYLOAD_NONCE, NR } } },
	{ "REDIRECT response",
	  "0102030405060708 0000000000000000 29 20 22 20 00000000 0000003a"
	  "0000001e 00004017 0104 c0000207 000102030405060708090a0b0c0d0e0f",
	  1,
	  { { PAYLOAD_NOTIFY, "00004017 0104 c0000207 000102030405060708090a0b0c0d0e0f" } } },
	{ "empty bodies",
	  "0102030405060708 0000000000000000 2b 20 22 08 00000000 00000024"
	  "30000004 00000004",
	  2,
	  { { PAYLOAD_VENDOR, "" }, { PAYLOAD_EAP, "" } } },
	{ "no payload",
	  "0102030405060708 0000000000000000 00 20 22 08 00000000 0000001c",
	  0,
	  { { 0, "" } } },
};

/* Chains: what they decode to. types lists the payloads in hex. */
static const struct chain_case {
	const char *name;
	int err;
	uint8_t first;
	const char *octets;
	const char *types;
	uint8_t sk_first;
	uint8_t critical;
} chain_cases[] = {
	{ "nothing", 0, 0, "", "", 0, 0 },
	{ "unknown one in front", 0, 99, "2800000611 11 00000006 22 22", "28", 0, 0 },
	{ "unknown one at the end", 0, 40, "6300000611 11 00000006 22 22", "28", 0, 0 },
	{ "unknown ones only", 0, 1, "ff000004 20000004 00000004", "", 0, 0 },
	{ "critical bit on a known one", 0, 40, "00800006 1111", "28", 0, 0 },
	{ "reserved bits", 0, 40, "007f0006 1111", "28", 0, 0 },
	{ "SK last", 0, 41, "2e000004 21000005 ff", "29 2e", 33, 0 },
	{ "SK with nothing inside", 0, 46, "00000005 ff", "2e", 0, 0 },
	{ "SKF", 0, 53, "23000005 ff", "35", 35, 0 },
	{ "unknown and critical", ERR_CRITICAL, 99, "00800004", "", 0, 99 },
	{ "unknown and critical second", ERR_CRITICAL, 40, "36000004 00ff0004", "", 0, 54 },
	{ "of another RFC and critical", ERR_CRITICAL, 49, "00800004", "", 0, 49 },
	{ "octets and no payload", ERR_TRAILING, 0, "00", "", 0, 0 },
	{ "octets behind", ERR_TRAILING, 40, "00000004 00", "", 0, 0 },
	{ "payload behind SK", ERR_TRAILING, 46, "29000005 ff 00000004", "", 0, 0 },
	{ "no octets", ERR_TRUNCATED, 40, "", "", 0, 0 },
	{ "next one missing", ERR_TRUNCATED, 40, "28000004", "", 0, 0 },
	{ "length 0", ERR_TRUNCATED, 40, "28000000 00000004", "", 0, 0 },
	{ "length 3", ERR_TRUNCATED, 40, "28000003 00000004", "", 0, 0 },
	{ "length beyond the end", ERR_TRUNCATED, 40, "00000005", "", 0, 0 },
	{ "unknown one, length 0", ERR_TRUNCATED, 99, "63000000", "", 0, 0 },
	{ "unknown one, length beyond the end", ERR_TRUNCATED, 99, "00000005", "", 0, 0 },
};

static int recode(struct bytes in, struct wr *w)
{
	struct ike_header h;
	struct payload_list list;
	struct payload_writer p;
	uint8_t critical;
	int err = ike_header_decode(in, &h);

	if (err == ERR_MISMATCH)
		err = ERR_VALUE;
	if (err != 0)
		return err;
	err = payload_list_decode(
	    h.next_payload, (struct bytes){ in.ptr + IKE_HEADER_SIZE, in.len - IKE_HEADER_SIZE },
	    &list, &critical);
	if (err != 0)
		return err;
	p = message_open(w, &h);
	for (size_t i = 0; i < list.n; i++)
		payload_put(&p, list.items[i].type, list.items[i].body);
	message_close(&p);
	return 0;
}

/* Every length field of the chain, whatever it is set to instead. */
static void check_every_payload_length(const struct valid_case *c, struct bytes octets)
{
	size_t offset = IKE_HEADER_SIZE;

	for (size_t i = 0; i < c->n; i++) {
		test_every_lie(c->name, recode, octets, offset + 2, 2);
		offset += (size_t)octets.ptr[offset + 2] << 8 | octets.ptr[offset + 3];
	}
	test_expect(c->name, "end of the chain", (long)offset, (long)octets.len);
}

static void test_valid_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(valid_cases); i++) {
		const struct valid_case *c = &valid_cases[i];
		uint8_t buf[MAX_LEN], body[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		struct payload_list list;
		uint8_t critical = 77;

		test_roundtrip(c->name, recode, octets);
		test_every_cut(c->name, recode, octets, octets.len);
		check_every_payload_length(c, octets);
		octets.ptr += IKE_HEADER_SIZE;
		octets.len -= IKE_HEADER_SIZE;
		test_expect(c->name, "decode",
			    payload_list_decode(buf[16], octets, &list, &critical), 0);
		test_expect(c->name, "payloads", (long)list.n, (long)c->n);
		test_expect(c->name, "critical untouched", critical, 77);
		for (size_t k = 0; k < list.n; k++) {
			test_expect(c->name, "type", list.items[k].type, c->items[k].type);
			test_expect_octets(c->name, "body", list.items[k].body,
					   test_unhex(c->items[k].body, body, sizeof(body)));
		}
	}
}

static void test_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(chain_cases); i++) {
		const struct chain_case *c = &chain_cases[i];
		uint8_t buf[MAX_LEN], types[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		struct bytes want = test_unhex(c->types, types, sizeof(types));
		struct payload_list list = { .n = 99 };
		uint8_t *copy = test_copy(octets);
		uint8_t critical = 0;

		octets.ptr = copy;
		test_expect(c->name, "decode",
			    payload_list_decode(c->first, octets, &list, &critical), c->err);
		test_expect(c->name, "critical", critical, c->critical);
		test_expect(c->name, "payloads", (long)list.n, c->err != 0 ? 99 : (long)want.len);
		for (size_t k = 0; c->err == 0 && k < list.n; k++)
			test_expect(c->name, "type", list.items[k].type, want.ptr[k]);
		if (c->err == 0)
			test_expect(c->name, "first inner type", list.sk_first, c->sk_first);
		free(copy);
	}
}

/* n payloads of 4 octets each, of one type. */
static int decode_many(uint8_t type, size_t n, struct payload_list *list)
{
	uint8_t buf[4 * (IKE_MAX_PAYLOADS + 1)];
	struct wr w = wr_init(buf, sizeof(buf));
	struct bytes octets;
	uint8_t critical;
	int err;

	for (size_t i = 1; i <= n; i++)
		wr_u32(&w, (i < n ? (uint32_t)type : 0) << 24 | 4);
	err = wr_finish(&w, &octets);
	return err != 0 ? err : payload_list_decode(type, octets, list, &critical);
}

static void test_number_of_payloads_is_limited(void **state)
{
	struct payload_list list;

	(void)state;
	assert_int_equal(decode_many(PAYLOAD_VENDOR, IKE_MAX_PAYLOADS, &list), 0);
	assert_int_equal(list.n, IKE_MAX_PAYLOADS);
	assert_int_equal(decode_many(PAYLOAD_VENDOR, IKE_MAX_PAYLOADS + 1, &list), ERR_LIMIT);
	assert_int_equal(decode_many(99, IKE_MAX_PAYLOADS, &list), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(decode_many(99, IKE_MAX_PAYLOADS + 1, &list), ERR_LIMIT);
}

static void test_get(void **state)
{
	static const uint8_t octets[] = { 1, 2, 3 };
	const struct payload_list list = {
		.n = 4,
		.items = { { PAYLOAD_NOTIFY, { octets, 1 } },
			   { PAYLOAD_NONCE, { octets, 2 } },
			   { PAYLOAD_VENDOR, { octets, 0 } },
			   { PAYLOAD_NOTIFY, { octets, 3 } },
			   { PAYLOAD_SA, { octets, 3 } } },
	};
	static const struct {
		uint8_t type;
		int err;
		int err_optional;
		size_t len;
	} cases[] = {
		{ PAYLOAD_NONCE, 0, 0, 2 },
		{ PAYLOAD_VENDOR, 0, 0, 0 },
		{ PAYLOAD_SA, ERR_MISSING, 0, 0 }, /* beyond n */
		{ PAYLOAD_KE, ERR_MISSING, 0, 0 },
		{ PAYLOAD_NOTIFY, ERR_DUPLICATE, ERR_DUPLICATE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct bytes before = { octets, 77 };
		struct bytes body = before;

		assert_int_equal(payload_get(&list, cases[i].type, &body), cases[i].err);
		assert_int_equal(body.len, cases[i].err == 0 ? cases[i].len : before.len);
		body = before;
		assert_int_equal(payload_get_optional(&list, cases[i].type, &body),
				 cases[i].err_optional);
		assert_int_equal(body.len, cases[i].err_optional == 0 ? cases[i].len : before.len);
		assert_true((body.ptr == NULL) == (cases[i].err == ERR_MISSING));
	}
}

static void test_message_behind_a_marker(void **state)
{
	const struct ike_header h = {
		.spi_i = 1, .version = IKE_VERSION, .length = 999, .next_payload = 99
	};
	const struct notify n = { .type = NOTIFY_REDIRECT_SUPPORTED };
	uint8_t buf[MAX_LEN], want[MAX_LEN];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer p;
	struct bytes out;

	(void)state;
	wr_u32(&w, 0);
	p = message_open(&w, &h);
	payload_open(&p, PAYLOAD_NOTIFY);
	notify_encode(&w, &n);
	payload_close(&p);
	message_close(&p);
	assert_int_equal(wr_finish(&w, &out), 0);
	test_expect_octets("marker", "message", out,
			   test_unhex("00000000 0000000000000001 0000000000000000 29200000"
				      "00000000 00000024 00000008 00004016",
				      want, sizeof(want)));
}

static void test_chain_without_header(void **state)
{
	uint8_t buf[MAX_LEN], want[MAX_LEN];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer p = chain_open(&w);
	struct bytes out;

	(void)state;
	assert_int_equal(p.first, PAYLOAD_NONE);
	payload_put(&p, PAYLOAD_IDI, (struct bytes){ (const uint8_t *)"ab", 2 });
	payload_put(&p, 200, (struct bytes){ NULL, 0 });
	payload_put(&p, PAYLOAD_AUTH, (struct bytes){ (const uint8_t *)"c", 1 });
	assert_int_equal(p.first, PAYLOAD_IDI);
	assert_int_equal(wr_finish(&w, &out), 0);
	test_expect_octets("chain", "octets", out,
			   test_unhex("c8000006 6162 27000004 00000005 63", want, sizeof(want)));
}

static int put(uint8_t type, size_t n, size_t body_len)
{
	static const uint8_t zeros[UINT16_MAX];
	static uint8_t buf[2 * sizeof(zeros)];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer p = chain_open(&w);
	struct bytes out;

	for (size_t i = 0; i < n; i++)
		payload_put(&p, type, (struct bytes){ zeros, body_len });
	return wr_finish(&w, &out);
}

static void test_what_the_writer_refuses(void **state)
{
	(void)state;
	assert_int_equal(put(PAYLOAD_NONE, 1, 1), ERR_VALUE);
	assert_int_equal(put(PAYLOAD_SK, 1, 1), ERR_VALUE);
	assert_int_equal(put(PAYLOAD_SKF, 1, 1), ERR_VALUE);
	assert_int_equal(put(PAYLOAD_VENDOR, IKE_MAX_PAYLOADS, 1), 0);
	assert_int_equal(put(PAYLOAD_VENDOR, IKE_MAX_PAYLOADS + 1, 1), ERR_LIMIT);
	assert_int_equal(put(PAYLOAD_VENDOR, 1, UINT16_MAX - 4), 0);
	assert_int_equal(put(PAYLOAD_VENDOR, 1, UINT16_MAX - 3), ERR_TOO_LONG);
}

/* Steps: o(pen), c(lose), m(essage close). */
static int run_steps(const char *steps, bool has_header)
{
	const struct ike_header h = { .version = IKE_VERSION };
	uint8_t buf[MAX_LEN];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer p = has_header ? message_open(&w, &h) : chain_open(&w);
	struct bytes out;

	for (; *steps != '\0'; steps++) {
		if (*steps == 'o')
			payload_open(&p, PAYLOAD_VENDOR);
		else if (*steps == 'c')
			payload_close(&p);
		else
			message_close(&p);
	}
	return wr_finish(&w, &out);
}

static void test_order_of_writing(void **state)
{
	(void)state;
	assert_int_equal(run_steps("m", true), 0);
	assert_int_equal(run_steps("ococm", true), 0);
	assert_int_equal(run_steps("ococ", false), 0);
	assert_int_equal(run_steps("oo", true), ERR_BAD_STATE);
	assert_int_equal(run_steps("c", true), ERR_BAD_STATE);
	assert_int_equal(run_steps("occ", true), ERR_BAD_STATE);
	assert_int_equal(run_steps("om", true), ERR_BAD_STATE);
	assert_int_equal(run_steps("ocm", false), ERR_BAD_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_messages),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_number_of_payloads_is_limited),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_message_behind_a_marker),
		cmocka_unit_test(test_chain_without_header),
		cmocka_unit_test(test_what_the_writer_refuses),
		cmocka_unit_test(test_order_of_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
