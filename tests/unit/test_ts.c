/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/body.h"
#include "tests/lib/hex.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LEN    2048
#define MAX_TEXT   1024

#define NET4  "07000010 0000ffff 0a010000 0a01007f" /* 10.1.0.0/25 */
#define HOST4 "07110010 01f401f4 c0000201 c0000201" /* 192.0.2.1, UDP 500 */
#define NET6                                                                              \
	"08000028 0000ffff 20010db8000000000000000000000000 20010db80000ffffffffffffffff" \
	"ffff"
#define UNKNOWN "09000008 00000000"

/* Bodies that decode, and encode to the same octets. */
static const struct valid_case {
	const char *name;
	const char *octets;
	size_t lengths[3]; /* where 16-bit lengths stand */
	const char *text;
} valid_cases[] = {
	{ "one network", "01000000" NET4, { 6 }, "10.1.0.0/25" },
	{ "one address, protocol and port", "01000000" HOST4, { 6 }, "192.0.2.1/32[17/500]" },
	{ "both families", "02000000" NET4 NET6, { 6, 22 }, "10.1.0.0/25 2001:db8::/48" },
	{ "OPAQUE ports",
	  "01000000 07840010 ffff0000 0a010000 0a01007f",
	  { 6 },
	  "10.1.0.0/25[132/opaque]" },
	{ "a range of ports",
	  "01000000 07060010 04000800 0a010000 0a010002",
	  { 6 },
	  "10.1.0.0-10.1.0.2[6/1024-2048]" },
	{ "all that there is", "01000000 07000010 0000ffff 00000000 ffffffff", { 6 }, "0.0.0.0/0" },
};

static const struct refused_case {
	const char *name;
	int err;
	const char *octets;
} refused_cases[] = {
	{ "head cut", ERR_TRUNCATED, "010000" },
	{ "no selectors", ERR_VALUE, "00000000" },
	{ "no selectors, but octets", ERR_VALUE, "00000000" NET4 },
	{ "one counted, none there", ERR_TRUNCATED, "01000000" },
	{ "two counted, one there", ERR_TRUNCATED, "02000000" NET4 },
	{ "one counted, two there", ERR_TRAILING, "01000000" NET4 NET4 },
	{ "as many as there can be counted", ERR_LIMIT, "ff000000" NET4 },
	{ "length 0", ERR_TRUNCATED, "01000000 07000000 0000ffff 0a010000 0a01007f" },
	{ "length 8 of IPv4", ERR_VALUE, "01000000 07000008 0000ffff" },
	{ "length of IPv6 for IPv4", ERR_VALUE,
	  "01000000 07000028 0000ffff 0a010000 0a01007f 0000000000000000 0000000000000000"
	  "0000000000000000" },
	{ "length of IPv4 for IPv6", ERR_VALUE, "01000000 08000010 0000ffff 0a010000 0a01007f" },
	{ "first address above last", ERR_VALUE, "01000000 07000010 0000ffff 0a010080 0a01007f" },
	{ "first port above last", ERR_VALUE, "01000000 07110010 01f501f4 0a010000 0a01007f" },
	{ "almost OPAQUE", ERR_VALUE, "01000000 07110010 ffff0001 0a010000 0a01007f" },
	{ "almost OPAQUE, too", ERR_VALUE, "01000000 07110010 fffe0000 0a010000 0a01007f" },
	{ "unknown type of length 0", ERR_TRUNCATED, "01000000 09000000" },
	{ "unknown type, too long", ERR_TRUNCATED, "01000000 09000009 00000000" },
	{ "good one, then a bad one", ERR_VALUE,
	  "02000000" NET4 "07000010 0000ffff 0a010080 0a01007f" },
};

static int recode(struct bytes in, struct wr *w)
{
	struct ts_list list;
	int err = ts_decode(in, &list);

	if (err == 0)
		ts_encode(w, &list);
	return err;
}

static const char *format_list(const struct ts_list *list, char out[MAX_TEXT])
{
	char text[TS_TEXT_MAX];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->n; i++)
		len += (size_t)snprintf(out + len, MAX_TEXT - len, "%s%s", i > 0 ? " " : "",
					ts_format(&list->items[i], text));
	return out;
}

static void test_valid_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(valid_cases); i++) {
		const struct valid_case *c = &valid_cases[i];
		uint8_t buf[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		char text[MAX_TEXT];
		struct ts_list list;

		test_roundtrip(c->name, recode, octets);
		test_every_cut(c->name, recode, octets, octets.len);
		test_every_lie(c->name, recode, octets, 0, 1);
		for (size_t k = 0; k < LEN(c->lengths) && c->lengths[k] != 0; k++)
			test_every_lie(c->name, recode, octets, c->lengths[k], 2);
		test_expect(c->name, "decode", ts_decode(octets, &list), 0);
		assert_string_equal(format_list(&list, text), c->text);
	}
}

static void test_refused_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(refused_cases); i++) {
		const struct refused_case *c = &refused_cases[i];
		uint8_t buf[MAX_LEN];
		struct bytes octets = test_unhex(c->octets, buf, sizeof(buf));
		uint8_t *copy = test_copy(octets);
		struct ts_list list = { .n = 77 };

		test_expect(c->name, "decode", ts_decode((struct bytes){ copy, octets.len }, &list),
			    c->err);
		test_expect(c->name, "output untouched", (long)list.n, 77);
		free(copy);
	}
}

static void test_unknown_types_are_skipped(void **state)
{
	uint8_t buf[MAX_LEN];
	char text[MAX_TEXT];
	struct ts_list list;
	struct wr w = wr_init(buf, sizeof(buf));

	(void)state;
	assert_int_equal(
	    ts_decode(test_unhex("04000000" UNKNOWN NET4 UNKNOWN HOST4, buf, sizeof(buf)), &list),
	    0);
	assert_string_equal(format_list(&list, text), "10.1.0.0/25 192.0.2.1/32[17/500]");
	assert_int_equal(ts_decode(test_unhex("01000000" UNKNOWN, buf, sizeof(buf)), &list), 0);
	assert_int_equal(list.n, 0);
	ts_encode(&w, &list);
	assert_int_equal(w.err, ERR_VALUE);
}

static int decode_many(uint8_t n, uint32_t head)
{
	uint8_t buf[MAX_LEN];
	struct wr w = wr_init(buf, sizeof(buf));
	struct ts_list list;
	struct bytes out;

	wr_u32(&w, (uint32_t)n << 24);
	for (size_t i = 0; i < n; i++) {
		wr_u32(&w, head);
		wr_u32(&w, 0x0000ffff);
		wr_u64(&w, 0);
	}
	assert_int_equal(wr_finish(&w, &out), 0);
	return ts_decode(out, &list);
}

static void test_limits(void **state)
{
	struct ts_list list = { .n = TS_MAX + 1 };
	uint8_t buf[MAX_LEN];
	struct wr w = wr_init(buf, sizeof(buf));

	(void)state;
	assert_int_equal(decode_many(TS_MAX, 0x07000010), 0);
	assert_int_equal(decode_many(TS_MAX + 1, 0x07000010), ERR_LIMIT);
	assert_int_equal(decode_many(TS_MAX + 1, 0x09000010), ERR_LIMIT);
	ts_encode(&w, &list);
	assert_int_equal(w.err, ERR_VALUE);
	list.n = TS_MAX;
	for (size_t i = 0; i < TS_MAX; i++)
		list.items[i].range.first.family = list.items[i].range.last.family = IP_V4;
	w = wr_init(buf, sizeof(buf));
	ts_encode(&w, &list);
	assert_int_equal(w.err, 0);
}

/* Text of lists: selectors separated by blanks, each RANGE[PROTOCOL/FIRST-LAST]. */
static struct ts parse_ts(char *text)
{
	struct ts ts = { .port_last = UINT16_MAX };
	char *bracket = strchr(text, '['), *dash;
	unsigned int protocol, first, last;
	struct ip_prefix prefix;

	if (bracket != NULL) {
		*bracket++ = '\0';
		assert_int_equal(sscanf(bracket, "%u/%u-%u]", &protocol, &first, &last), 3);
		ts.protocol = (uint8_t)protocol;
		ts.port_first = (uint16_t)first;
		ts.port_last = (uint16_t)last;
	}
	dash = strchr(text, '-');
	if (dash != NULL) {
		*dash = '\0';
		assert_int_equal(ip_parse(text, &ts.range.first), 0);
		assert_int_equal(ip_parse(dash + 1, &ts.range.last), 0);
	} else {
		assert_int_equal(ip_prefix_parse(text, &prefix), 0);
		ts.range = ip_prefix_range(&prefix);
	}
	return ts;
}

static struct ts_list parse_list(const char *text)
{
	struct ts_list list = { .n = 0 };
	char copy[MAX_TEXT], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *item = strtok_r(copy, " ", &save); item != NULL;
	     item = strtok_r(NULL, " ", &save)) {
		assert_true(list.n < TS_MAX);
		list.items[list.n++] = parse_ts(item);
	}
	return list;
}

static const struct narrow_case {
	const char *name;
	const char *offer;
	const char *policy;
	const char *result; /* NULL: nothing in common */
} narrow_cases[] = {
	{ "the same", "10.1.0.0/24", "10.1.0.0/24", "10.1.0.0/24" },
	{ "policy is narrower", "0.0.0.0/0", "10.1.0.0/25", "10.1.0.0/25" },
	{ "offer is narrower", "10.1.0.7/32", "10.1.0.0/24", "10.1.0.7/32" },
	{ "ranges overlap", "10.1.0.0-10.1.0.9", "10.1.0.5-10.1.0.20", "10.1.0.5-10.1.0.9" },
	{ "ranges touch", "10.1.0.0-10.1.0.9", "10.1.0.9-10.1.0.20", "10.1.0.9/32" },
	{ "ranges are neighbours", "10.1.0.0-10.1.0.9", "10.1.0.10-10.1.0.20", NULL },
	{ "nothing in common", "10.1.0.0/24", "10.2.0.0/24", NULL },
	{ "families", "::/0", "0.0.0.0/0", NULL },
	{ "both families, one allowed", "0.0.0.0/0 ::/0", "2001:db8::/32", "2001:db8::/32" },
	{ "both families, both allowed", "::/0 0.0.0.0/0", "10.1.0.0/24 2001:db8::/32",
	  "2001:db8::/32 10.1.0.0/24" },
	{ "offer's order", "10.2.0.0/24 10.1.0.0/24", "10.1.0.0/24 10.2.0.0/24",
	  "10.2.0.0/24 10.1.0.0/24" },
	{ "some are allowed", "10.1.0.0/24 10.2.0.0/24 10.3.0.0/24", "10.3.0.0/24 10.1.0.0/24",
	  "10.1.0.0/24 10.3.0.0/24" },
	{ "duplicates", "10.1.0.0/24 10.1.0.0/24", "10.1.0.0/24 10.1.0.0/24", "10.1.0.0/24" },
	{ "packet in front, covered by the rest", "10.1.0.7/32[6/80-80] 10.1.0.0/24", "10.1.0.0/25",
	  "10.1.0.0/25" },
	{ "packet behind, covered by the rest", "10.1.0.0/24 10.1.0.7/32[6/80-80]", "10.1.0.0/25",
	  "10.1.0.0/25" },
	{ "packet in front, the rest narrowed", "10.1.0.7/32[6/80-80] 10.0.0.0/8",
	  "10.1.0.0/25[6/0-65535]", "10.1.0.0/25[6]" },
	{ "wider one behind", "10.1.0.0/24", "10.1.0.0/24[6/0-65535] 10.1.0.0/24", "10.1.0.0/24" },
	{ "protocol asked for", "10.1.0.0/24[17/0-65535]", "10.1.0.0/24", "10.1.0.0/24[17]" },
	{ "protocol required", "10.1.0.0/24", "10.1.0.0/24[6/0-65535]", "10.1.0.0/24[6]" },
	{ "protocols differ", "10.1.0.0/24[17/0-65535]", "10.1.0.0/24[6/0-65535]", NULL },
	{ "ports narrowed", "10.1.0.0/24[6/80-443]", "10.1.0.0/24[6/443-8080]",
	  "10.1.0.0/24[6/443]" },
	{ "ports differ", "10.1.0.0/24[6/80-80]", "10.1.0.0/24[6/443-443]", NULL },
	{ "OPAQUE within any", "10.1.0.0/24[132/65535-0]", "10.1.0.0/24",
	  "10.1.0.0/24[132/opaque]" },
	{ "any, OPAQUE allowed", "10.1.0.0/24", "10.1.0.0/24[132/65535-0]",
	  "10.1.0.0/24[132/opaque]" },
	{ "OPAQUE on both sides", "10.1.0.0/24[132/65535-0]", "10.1.0.0/24[132/65535-0]",
	  "10.1.0.0/24[132/opaque]" },
	{ "OPAQUE, a port allowed", "10.1.0.0/24[6/65535-0]", "10.1.0.0/24[6/80-80]", NULL },
	{ "a port, OPAQUE allowed", "10.1.0.0/24[6/0-80]", "10.1.0.0/24[6/65535-0]", NULL },
	{ "empty offer", "", "10.1.0.0/24", NULL },
	{ "empty policy", "10.1.0.0/24", "", NULL },
};

static void test_narrowing(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(narrow_cases); i++) {
		const struct narrow_case *c = &narrow_cases[i];
		struct ts_list offer = parse_list(c->offer), policy = parse_list(c->policy);
		struct ts_list result = { .n = 77 };
		char text[MAX_TEXT];

		test_expect(c->name, "narrow", ts_narrow(&offer, &policy, &result),
			    c->result != NULL ? 0 : ERR_NOT_FOUND);
		if (c->result == NULL)
			test_expect(c->name, "output untouched", (long)result.n, 77);
		else if (strcmp(format_list(&result, text), c->result) != 0)
			fail_msg("%s: got %s, want %s", c->name, text, c->result);
	}
}

/* Whatever narrowing gives is within both; and nothing wider is. */
static void test_within(void **state)
{
	struct ts_list wide, narrow, none = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < LEN(narrow_cases); i++) {
		const struct narrow_case *c = &narrow_cases[i];
		struct ts_list offer = parse_list(c->offer), policy = parse_list(c->policy), result;

		if (ts_narrow(&offer, &policy, &result) != 0)
			continue;
		assert_true(ts_is_within(&result, &offer));
		assert_true(ts_is_within(&result, &policy));
	}
	wide = parse_list("10.0.0.0/8");
	narrow = parse_list("10.1.0.0/16");
	assert_true(ts_is_within(&narrow, &wide));
	assert_true(ts_is_within(&wide, &wide));
	assert_false(ts_is_within(&wide, &narrow));
	assert_true(ts_is_within(&none, &narrow));
	assert_false(ts_is_within(&narrow, &none));
	wide.items[0].protocol = 6;
	assert_false(ts_is_within(&narrow, &wide));
}

/* 16 by 16 selectors with 256 different common parts: a bounded list, all of them allowed. */
static void test_narrowing_is_bounded(void **state)
{
	struct ts_list offer = { .n = TS_MAX }, policy = { .n = TS_MAX }, result;

	(void)state;
	for (size_t i = 0; i < TS_MAX; i++) {
		struct ip_prefix all = { { .family = IP_V4 }, 0 };

		offer.items[i] = ts_from_prefix(&all);
		offer.items[i].port_first = offer.items[i].port_last = (uint16_t)i;
		policy.items[i] = ts_from_prefix(&all);
		policy.items[i].protocol = (uint8_t)(i + 1);
	}
	assert_int_equal(ts_narrow(&offer, &policy, &result), 0);
	assert_int_equal(result.n, TS_MAX);
	for (size_t i = 0; i < result.n; i++) {
		assert_int_equal(result.items[i].port_first, 0);
		assert_int_equal(result.items[i].protocol, i + 1);
	}
}

static void test_prefix(void **state)
{
	struct ip_prefix prefix;
	char text[TS_TEXT_MAX];
	struct ts ts;

	(void)state;
	assert_int_equal(ip_prefix_parse("10.1.0.128/25", &prefix), 0);
	ts = ts_from_prefix(&prefix);
	assert_int_equal(ts.protocol, 0);
	assert_int_equal(ts.port_first, 0);
	assert_int_equal(ts.port_last, UINT16_MAX);
	assert_string_equal(ts_format(&ts, text), "10.1.0.128/25");
}

static void test_what_the_encoder_refuses(void **state)
{
	struct ts_list good = parse_list("10.1.0.0/24[6/80-80]"), bad[4];
	uint8_t buf[MAX_LEN];

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++)
		bad[i] = good;
	bad[0].items[0].port_first = 81;
	bad[1].items[0].range.first.octets[3] = 255;
	bad[1].items[0].range.last.octets[3] = 254;
	bad[2].items[0].range.last.family = IP_V6;
	bad[3].items[0].range.first.family = bad[3].items[0].range.last.family = IP_NONE;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct wr w = wr_init(buf, sizeof(buf));

		ts_encode(&w, &bad[i]);
		assert_int_equal(w.err, ERR_VALUE);
	}
}

static void test_longest_text(void **state)
{
	struct ts_list list =
	    parse_list("1111:2222:3333:4444:5555:6666:7777:8881-1111:2222:3333:4444:5555:6666:7777:"
		       "8888[255/10000-65534]");
	char text[TS_TEXT_MAX];

	(void)state;
	assert_string_equal(ts_format(&list.items[0], text),
			    "1111:2222:3333:4444:5555:6666:7777:8881-1111:2222:3333:4444:5555:6666:"
			    "7777:8888[255/10000-65534]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_bodies),
		cmocka_unit_test(test_refused_bodies),
		cmocka_unit_test(test_unknown_types_are_skipped),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_narrowing),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_narrowing_is_bounded),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_what_the_encoder_refuses),
		cmocka_unit_test(test_longest_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
