/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "common/base/ip.h"
#include "tests/lib/hex.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct ip ip_of(const char *text)
{
	struct ip ip;

	if (ip_parse(text, &ip) != 0)
		fail_msg("%s: no address", text);
	return ip;
}

static void expect_text(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s: got %s, want %s", name, got, want);
}

/* Text, and how it is written again; NULL: refused. */
struct text_case {
	const char *text;
	const char *again;
};

static const struct text_case ip_cases[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::", "::" },
	{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
	{ "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888" },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
	{ "", NULL },
	{ " 192.0.2.1", NULL },
	{ "192.0.2.1 ", NULL },
	{ "192.0.2", NULL },
	{ "192.0.2.256", NULL },
	{ "192.0.2.01", NULL },
	{ "192.0.2.1.1", NULL },
	{ "0x7f.0.0.1", NULL },
	{ "gw.example", NULL },
	{ "2001:db8::1::", NULL },
	{ "fe80::1%eth0", NULL },
	{ "[::1]", NULL },
};

static const struct text_case endpoint_cases[] = {
	{ "192.0.2.1:500", "192.0.2.1:500" },
	{ "192.0.2.1:0", "192.0.2.1:0" },
	{ "192.0.2.1:65535", "192.0.2.1:65535" },
	{ "[2001:db8::1]:4500", "[2001:db8::1]:4500" },
	{ "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
	  "[1111:2222:3333:4444:5555:6666:7777:8888]:65535" },
	{ "", NULL },
	{ ":", NULL },
	{ ":500", NULL },
	{ "192.0.2.1", NULL },
	{ "192.0.2.1:", NULL },
	{ "192.0.2.1:65536", NULL },
	{ "192.0.2.1:99999999999999999999", NULL },
	{ "192.0.2.1:0500", NULL },
	{ "192.0.2.1:+5", NULL },
	{ "192.0.2.1:5 ", NULL },
	{ "[192.0.2.1]:500", NULL },
	{ "2001:db8::1:500", NULL },
	{ "[2001:db8::1]", NULL },
	{ "[2001:db8::1]500", NULL },
	{ "[2001:db8::1:500", NULL },
	{ "2001:db8::1]:500", NULL },
	{ "[", NULL },
	{ "[:", NULL },
	{ "[]:500", NULL },
	{ "[1111:2222:3333:4444:5555:6666:7777:8888:1111:2222]:1", NULL },
};

static const struct text_case prefix_cases[] = {
	{ "10.0.0.0/8", "10.0.0.0/8" },
	{ "0.0.0.0/0", "0.0.0.0/0" },
	{ "1111:2222:3333:4444:5555:6666:255.255.255.255/128",
	  "1111:2222:3333:4444:5555:6666:ffff:ffff/128" }, /* the longest text there is */
	{ "192.0.2.1", "192.0.2.1/32" },
	{ "192.0.2.1/32", "192.0.2.1/32" },
	{ "192.0.2.254/31", "192.0.2.254/31" },
	{ "2001:db8::/32", "2001:db8::/32" },
	{ "::/0", "::/0" },
	{ "2001:db8::1", "2001:db8::1/128" },
	{ "2001:db8::8000:0/97", "2001:db8::8000:0/97" },
	{ "", NULL },
	{ "/8", NULL },
	{ "10.0.0.0/", NULL },
	{ "10.0.0.0/33", NULL },
	{ "10.0.0.0/08", NULL },
	{ "10.0.0.0/-1", NULL },
	{ "10.0.0.0/8/8", NULL },
	{ "10.0.0.0/4294967304", NULL },
	{ "10.0.0.1/31", NULL },
	{ "10.0.0.1/0", NULL },
	{ "2001:db8::/129", NULL },
	{ "2001:db8::1/127", NULL },
	{ "1111:2222:3333:4444:5555:6666:255.255.255.255x/128", NULL },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000/8", NULL },
};

static void test_ip_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(ip_cases); i++) {
		const struct text_case *c = &ip_cases[i];
		char out[IP_TEXT_MAX];
		struct ip ip = { .family = 77 };
		int err = ip_parse(c->text, &ip);

		test_expect(c->text, "parse", err, c->again != NULL ? 0 : ERR_VALUE);
		if (err == 0)
			expect_text(c->text, ip_format(&ip, out), c->again);
		else
			test_expect(c->text, "output untouched", ip.family, 77);
	}
}

static void test_endpoint_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(endpoint_cases); i++) {
		const struct text_case *c = &endpoint_cases[i];
		char out[ENDPOINT_TEXT_MAX];
		struct endpoint ep = { .port = 77 };
		int err = endpoint_parse(c->text, &ep);

		test_expect(c->text, "parse", err, c->again != NULL ? 0 : ERR_VALUE);
		if (err == 0)
			expect_text(c->text, endpoint_format(&ep, out), c->again);
		else
			test_expect(c->text, "output untouched", ep.port, 77);
	}
}

static void test_prefix_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(prefix_cases); i++) {
		const struct text_case *c = &prefix_cases[i];
		char out[PREFIX_TEXT_MAX];
		struct ip_prefix prefix = { .bits = 77 };
		int err = ip_prefix_parse(c->text, &prefix);

		test_expect(c->text, "parse", err, c->again != NULL ? 0 : ERR_VALUE);
		if (err == 0)
			expect_text(c->text, ip_prefix_format(&prefix, out), c->again);
		else
			test_expect(c->text, "output untouched", prefix.bits, 77);
	}
}

static void test_no_address(void **state)
{
	const struct ip none = { .family = IP_NONE };
	char out[IP_TEXT_MAX];

	(void)state;
	assert_int_equal(ip_size(&none), 0);
	assert_int_equal(ip_bytes(&none).len, 0);
	assert_string_equal(ip_format(&none, out), "none");
	assert_true(ip_is_equal(&none, &none));
}

static void test_bytes(void **state)
{
	uint8_t octets[17] = { 192, 0, 2, 1, 0xff };
	struct ip ip = { .family = 77 };
	char out[IP_TEXT_MAX];

	(void)state;
	for (size_t len = 0; len <= sizeof(octets); len++) {
		if (len != 4 && len != 16)
			assert_int_equal(ip_from_bytes((struct bytes){ octets, len }, &ip),
					 ERR_VALUE);
	}
	assert_int_equal(ip_from_bytes((struct bytes){ NULL, 0 }, &ip), ERR_VALUE);
	assert_int_equal(ip.family, 77);
	assert_int_equal(ip_from_bytes((struct bytes){ octets, 4 }, &ip), 0);
	assert_string_equal(ip_format(&ip, out), "192.0.2.1");
	assert_int_equal(ip.octets[4], 0);
	assert_true(bytes_is_equal(ip_bytes(&ip), (struct bytes){ octets, 4 }));
	assert_int_equal(ip_from_bytes((struct bytes){ octets, 16 }, &ip), 0);
	assert_int_equal(ip.family, IP_V6);
	assert_true(bytes_is_equal(ip_bytes(&ip), (struct bytes){ octets, 16 }));
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void test_compare(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", 0 },     { "192.0.2.1", "192.0.2.2", -1 },
		{ "9.0.0.0", "10.0.0.0", -1 },       { "127.0.0.1", "128.0.0.1", -1 },
		{ "2001:db8::1", "2001:db8::1", 0 }, { "2001:db8::1", "2001:db8::ff00:0:1", -1 },
		{ "255.255.255.255", "::", -1 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct ip a = ip_of(cases[i].a), b = ip_of(cases[i].b);
		struct endpoint ep_a = { a, 500 }, ep_b = { b, 500 };

		assert_int_equal(sign(ip_compare(&a, &b)), cases[i].order);
		assert_int_equal(sign(ip_compare(&b, &a)), -cases[i].order);
		assert_int_equal(ip_is_equal(&a, &b), cases[i].order == 0);
		assert_int_equal(endpoint_is_equal(&ep_a, &ep_b), cases[i].order == 0);
		ep_b.port = 4500;
		assert_false(endpoint_is_equal(&ep_a, &ep_b));
	}
}

static void test_add(void **state)
{
	static const struct {
		const char *ip;
		uint64_t n;
		const char *sum; /* NULL: it wraps */
	} cases[] = {
		{ "192.0.2.1", 0, "192.0.2.1" },
		{ "192.0.2.255", 1, "192.0.3.0" },
		{ "0.0.0.0", UINT32_MAX, "255.255.255.255" },
		{ "0.0.0.1", UINT32_MAX, NULL },
		{ "255.255.255.255", 1, NULL },
		{ "255.255.255.255", 0, "255.255.255.255" },
		{ "0.0.0.0", UINT32_MAX + 1ull, NULL },
		{ "0.0.0.0", UINT64_MAX, NULL },
		{ "0.0.0.1", UINT64_MAX, NULL },
		{ "2001:db8::ffff", 1, "2001:db8::1:0" },
		{ "2001:db8::", UINT64_MAX, "2001:db8::ffff:ffff:ffff:ffff" },
		{ "2001:db8::1", UINT64_MAX, "2001:db8:0:1::" },
		{ "2001:db8::ffff:ffff:ffff:ffff", UINT64_MAX, "2001:db8:0:1:ffff:ffff:ffff:fffe" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, NULL },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", UINT64_MAX, NULL },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct ip ip = ip_of(cases[i].ip), sum = { .family = 77 };
		char out[IP_TEXT_MAX];
		int err = ip_add(&ip, cases[i].n, &sum);

		test_expect(cases[i].ip, "add", err, cases[i].sum != NULL ? 0 : ERR_VALUE);
		if (err == 0)
			expect_text(cases[i].ip, ip_format(&sum, out), cases[i].sum);
		else
			test_expect(cases[i].ip, "output untouched", sum.family, 77);
	}
}

static struct ip_range range_of(const char *first, const char *last)
{
	return (struct ip_range){ ip_of(first), ip_of(last) };
}

static void test_ranges_and_prefixes(void **state)
{
	static const struct {
		const char *first, *last;
		const char *text;
		bool is_prefix;
	} cases[] = {
		{ "10.0.0.0", "10.255.255.255", "10.0.0.0/8", true },
		{ "0.0.0.0", "255.255.255.255", "0.0.0.0/0", true },
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1/32", true },
		{ "192.0.2.2", "192.0.2.3", "192.0.2.2/31", true },
		{ "192.0.2.1", "192.0.2.2", "192.0.2.1-192.0.2.2", false },
		{ "10.0.0.0", "10.255.255.254", "10.0.0.0-10.255.255.254", false },
		{ "10.0.0.1", "10.255.255.255", "10.0.0.1-10.255.255.255", false },
		{ "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0", true },
		{ "2001:db8::", "2001:db8::7fff:ffff", "2001:db8::/97", true },
		{ "2001:db8::1", "2001:db8::1", "2001:db8::1/128", true },
		{ "1111:2222:3333:4444:5555:6666:7777:8881",
		  "1111:2222:3333:4444:5555:6666:7777:8888",
		  "1111:2222:3333:4444:5555:6666:7777:8881-1111:2222:3333:4444:5555:6666:7777:8888",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct ip_range range = range_of(cases[i].first, cases[i].last), again;
		struct ip_prefix prefix;
		char out[RANGE_TEXT_MAX];

		expect_text(cases[i].text, ip_range_format(&range, out), cases[i].text);
		test_expect(cases[i].text, "prefix", ip_range_is_prefix(&range, &prefix),
			    cases[i].is_prefix);
		if (!cases[i].is_prefix)
			continue;
		again = ip_prefix_range(&prefix);
		test_expect(cases[i].text, "first", ip_is_equal(&again.first, &range.first), true);
		test_expect(cases[i].text, "last", ip_is_equal(&again.last, &range.last), true);
	}
}

static void test_membership(void **state)
{
	static const struct {
		const char *prefix;
		const char *ip;
		bool has;
	} cases[] = {
		{ "10.1.0.0/25", "10.1.0.0", true },
		{ "10.1.0.0/25", "10.1.0.127", true },
		{ "10.1.0.0/25", "10.1.0.128", false },
		{ "10.1.0.0/25", "10.0.255.255", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::", false },
		{ "::/0", "0.0.0.0", false },
		{ "192.0.2.1/32", "192.0.2.1", true },
		{ "192.0.2.1/32", "192.0.2.0", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct ip ip = ip_of(cases[i].ip);
		struct ip_prefix prefix;
		struct ip_range range;

		assert_int_equal(ip_prefix_parse(cases[i].prefix, &prefix), 0);
		range = ip_prefix_range(&prefix);
		test_expect(cases[i].prefix, cases[i].ip, ip_prefix_has(&prefix, &ip),
			    cases[i].has);
		test_expect(cases[i].prefix, "as a range", ip_range_has(&range, &ip), cases[i].has);
	}
}

static void test_intersection(void **state)
{
	static const struct {
		const char *a_first, *a_last, *b_first, *b_last;
		const char *text; /* NULL: nothing in common */
	} cases[] = {
		{ "10.0.0.0", "10.0.0.9", "10.0.0.0", "10.0.0.9", "10.0.0.0-10.0.0.9" },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.4", "10.0.0.20", "10.0.0.4-10.0.0.9" },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.4", "10.0.0.6", "10.0.0.4-10.0.0.6" },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.9", "10.0.0.20", "10.0.0.9/32" },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.10", "10.0.0.20", NULL },
		{ "10.0.0.0", "10.0.0.9", "::", "::1", NULL },
		{ "::1", "::5", "::4", "::ffff", "::4/127" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct ip_range a = range_of(cases[i].a_first, cases[i].a_last);
		struct ip_range b = range_of(cases[i].b_first, cases[i].b_last);
		struct ip_range common = { .first = { .family = 77 } }, swapped;
		bool overlap = ip_range_intersect(&a, &b, &common);
		char out[RANGE_TEXT_MAX];

		assert_int_equal(overlap, cases[i].text != NULL);
		assert_int_equal(ip_range_intersect(&b, &a, &swapped), overlap);
		if (!overlap) {
			assert_int_equal(common.first.family, 77);
			continue;
		}
		expect_text("intersection", ip_range_format(&common, out), cases[i].text);
		expect_text("swapped", ip_range_format(&swapped, out), cases[i].text);
	}
}

static void test_sockaddr(void **state)
{
	static const struct {
		const char *text;
		int family;
		socklen_t size;
	} cases[] = {
		{ "192.0.2.1:500", AF_INET, sizeof(struct sockaddr_in) },
		{ "[2001:db8::1]:4500", AF_INET6, sizeof(struct sockaddr_in6) },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct sockaddr_storage sa;
		struct endpoint ep, again;

		assert_int_equal(endpoint_parse(cases[i].text, &ep), 0);
		assert_int_equal(endpoint_to_sockaddr(&ep, &sa), cases[i].size);
		assert_int_equal(sa.ss_family, cases[i].family);
		assert_int_equal(endpoint_from_sockaddr(&sa, &again), 0);
		assert_true(endpoint_is_equal(&ep, &again));
	}
}

static void test_sockaddr_of_other_kinds(void **state)
{
	struct sockaddr_storage sa;
	struct endpoint ep;
	char out[ENDPOINT_TEXT_MAX];

	(void)state;
	assert_int_equal(endpoint_parse("[::ffff:192.0.2.1]:500", &ep), 0);
	endpoint_to_sockaddr(&ep, &sa);
	assert_int_equal(endpoint_from_sockaddr(&sa, &ep), 0);
	assert_string_equal(endpoint_format(&ep, out), "192.0.2.1:500");
	assert_int_equal(ep.ip.octets[4], 0);

	memset(&sa, 0, sizeof(sa));
	sa.ss_family = AF_UNIX;
	ep.port = 77;
	assert_int_equal(endpoint_from_sockaddr(&sa, &ep), ERR_VALUE);
	assert_int_equal(ep.port, 77);
}

static void test_prefixes_of_a_range(void **state)
{
	static const struct {
		const char *first, *last;
		size_t n;
		const char *prefixes[4]; /* the first of them */
	} cases[] = {
		{ "10.1.0.201", "10.1.0.201", 1, { "10.1.0.201/32" } },
		{ "10.1.0.0", "10.1.0.127", 1, { "10.1.0.0/25" } },
		{ "0.0.0.0", "255.255.255.255", 1, { "0.0.0.0/0" } },
		{ "10.0.0.1",
		  "10.0.0.6",
		  4,
		  { "10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32" } },
		{ "255.255.255.254", "255.255.255.255", 1, { "255.255.255.254/31" } },
		{ "2001:db8::", "2001:db8::2", 2, { "2001:db8::/127", "2001:db8::2/128" } },
		{ "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 254, { "::1/128", "::2/127" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_range range;
		struct ip_prefix out[4];
		char text[PREFIX_TEXT_MAX];

		assert_int_equal(ip_parse(cases[i].first, &range.first), 0);
		assert_int_equal(ip_parse(cases[i].last, &range.last), 0);
		assert_int_equal(ip_range_prefixes(&range, out, 4), cases[i].n);
		assert_int_equal(ip_range_prefixes(&range, out, 0), cases[i].n);
		for (size_t k = 0; k < 4 && cases[i].prefixes[k] != NULL; k++)
			assert_string_equal(ip_prefix_format(&out[k], text), cases[i].prefixes[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_text),
		cmocka_unit_test(test_endpoint_text),
		cmocka_unit_test(test_prefix_text),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_ranges_and_prefixes),
		cmocka_unit_test(test_membership),
		cmocka_unit_test(test_intersection),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_sockaddr_of_other_kinds),
		cmocka_unit_test(test_prefixes_of_a_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
