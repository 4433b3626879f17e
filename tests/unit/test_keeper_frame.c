/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/keeper/frame.h"
#include "tests/lib/octets.h"

static const uint8_t mine[FRAME_MAC_SIZE] = { 0x02, 0, 0, 0, 0, 0x01 };
static const struct ip home = { IP_V4, { 192, 0, 2, 21 } };

static void expect_arp(const struct arp *arp, const char *want)
{
	uint8_t frame[FRAME_ARP_SIZE];

	frame_arp_encode(arp, frame);
	octets_expect("ARP", "octets", (struct bytes){ frame, sizeof(frame) }, want);
}

static void test_arp_that_we_send(void **state)
{
	struct arp probe = frame_arp_probe(&home, mine);
	struct arp request = frame_arp_announcement(&home, mine, ARP_REQUEST);
	struct arp reply = frame_arp_announcement(&home, mine, ARP_REPLY);

	(void)state;
	expect_arp(&probe, "0001 0800 06 04 0001 020000000001 00000000 000000000000 c0000215");
	expect_arp(&request, "0001 0800 06 04 0001 020000000001 c0000215 000000000000 c0000215");
	expect_arp(&reply, "0001 0800 06 04 0002 020000000001 c0000215 ffffffffffff c0000215");
}

static const struct judged_case {
	const char *name;
	const char *frame;
	int err;
	enum frame_conflict conflict;
} judged_cases[] = {
	{ "answer to the probe", "0001 0800 06 04 0002 020000000099 c0000215 020000000001 00000000",
	  0, FRAME_IN_USE },
	{ "announcement", "0001 0800 06 04 0001 020000000099 c0000215 000000000000 c0000215", 0,
	  FRAME_IN_USE },
	{ "holder asks for another",
	  "0001 0800 06 04 0001 020000000099 c0000215 000000000000 c0000201", 0, FRAME_IN_USE },
	{ "with padding",
	  "0001 0800 06 04 0002 020000000099 c0000215 020000000001 00000000"
	  "000000000000000000000000000000000000",
	  0, FRAME_IN_USE },
	{ "another's probe", "0001 0800 06 04 0001 020000000099 00000000 000000000000 c0000215", 0,
	  FRAME_CLAIMED_ALSO },
	{ "another's probe for another",
	  "0001 0800 06 04 0001 020000000099 00000000 000000000000 c0000216", 0,
	  FRAME_NO_CONFLICT },
	{ "our own probe", "0001 0800 06 04 0001 020000000001 00000000 000000000000 c0000215", 0,
	  FRAME_NO_CONFLICT },
	{ "somebody asks for it",
	  "0001 0800 06 04 0001 020000000099 c0000201 000000000000 c0000215", 0,
	  FRAME_NO_CONFLICT },
	{ "reply of nobody", "0001 0800 06 04 0002 020000000099 00000000 020000000001 c0000215", 0,
	  FRAME_NO_CONFLICT },
	{ "reverse ARP", "0001 0800 06 04 0003 020000000099 c0000215 020000000001 00000000",
	  ERR_VALUE, FRAME_NO_CONFLICT },
	{ "not Ethernet", "0006 0800 06 04 0002 020000000099 c0000215 020000000001 00000000",
	  ERR_VALUE, FRAME_NO_CONFLICT },
	{ "not IPv4", "0001 86dd 06 04 0002 020000000099 c0000215 020000000001 00000000", ERR_VALUE,
	  FRAME_NO_CONFLICT },
	{ "other sizes", "0001 0800 08 04 0002 020000000099 c0000215 020000000001 00000000",
	  ERR_VALUE, FRAME_NO_CONFLICT },
};

static void test_arp_that_we_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(judged_cases) / sizeof(judged_cases[0]); i++) {
		const struct judged_case *c = &judged_cases[i];
		struct octets frame = octets_from_hex(c->frame);
		uint8_t again[FRAME_ARP_SIZE];
		struct arp arp;

		if (frame_arp_decode(octets_bytes(&frame), &arp) != c->err)
			fail_msg("%s: decoded otherwise", c->name);
		if (c->err != 0)
			continue;
		if (frame_arp_judge(&arp, &home, mine) != c->conflict)
			fail_msg("%s: judged otherwise", c->name);
		frame_arp_encode(&arp, again);
		assert_memory_equal(again, frame.data, sizeof(again));
	}
}

static void test_every_cut_of_arp(void **state)
{
	struct octets frame = octets_from_hex(judged_cases[0].frame);

	(void)state;
	for (size_t len = 0; len < FRAME_ARP_SIZE; len++) {
		uint8_t *copy = malloc(len + 1);
		struct arp arp = { .operation = 77 };

		memcpy(copy, frame.data, len);
		assert_int_equal(frame_arp_decode((struct bytes){ copy, len }, &arp),
				 ERR_TRUNCATED);
		assert_int_equal(arp.operation, 77);
		free(copy);
	}
}

/* RFC 4443, 2.3 as a receiver does it: the sum over everything, checksum included, is all ones. */
static uint32_t sum(const uint8_t *octets, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i < len; i += 2)
		total += (uint32_t)octets[i] << 8 | octets[i + 1];
	return total;
}

static void test_neighbour_advertisement(void **state)
{
	struct ip ip;
	uint8_t na[FRAME_NA_SIZE];
	uint32_t total;

	(void)state;
	assert_int_equal(ip_parse("2001:db8::21", &ip), 0);
	frame_na_encode(&ip, mine, na);
	octets_expect("NA", "octets", (struct bytes){ na, sizeof(na) },
		      "60000000 0020 3a ff 20010db8000000000000000000000021 "
		      "ff020000000000000000000000000001 "
		      "88 00 78ea a0000000 20010db8000000000000000000000021 "
		      "02 01 020000000001");
	total = sum(na + 8, FRAME_NA_SIZE - 8) + 32 + 58;
	assert_int_equal((total & 0xffff) + (total >> 16), 0xffff);
}

/* ---- neighbour discovery: octets that were summed up by another program ------- */

#define SOURCE_NOBODY "00000000000000000000000000000000"
#define SOURCE_LINK   "fe800000000000000000000000000001"
#define TO_NODES      "ff020000000000000000000000000001"
#define TO_GROUP      "ff0200000000000000000001ff000021"
#define TARGET        "20010db8000000000000000000000021"

static void test_probe_that_we_send(void **state)
{
	static const uint8_t nonce[FRAME_NONCE_SIZE] = "abcdef";
	static const uint8_t want[] = { 0x33, 0x33, 0xff, 0, 0, 0x21 };
	uint8_t frame[FRAME_NS_SIZE], group[FRAME_MAC_SIZE];
	struct ip ip;

	(void)state;
	assert_int_equal(ip_parse("2001:db8::21", &ip), 0);
	frame_ns_encode(&ip, nonce, frame);
	octets_expect("NS", "octets", (struct bytes){ frame, sizeof(frame) },
		      "60000000 0020 3a ff" SOURCE_NOBODY TO_GROUP "87 00 1477 00000000" TARGET
		      "0e 01 616263646566");
	frame_ns_group(&ip, group);
	assert_memory_equal(group, want, sizeof(want));
}

static void test_questions_that_we_send(void **state)
{
	struct ip target, sender = { IP_V6, { 0xfe, 0x80, [15] = 1 } };
	struct arp question;
	uint8_t frame[FRAME_NS_SIZE];
	struct nd nd;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.1", &target), 0);
	question = frame_arp_question(&home, mine, &target);
	expect_arp(&question, "0001 0800 06 04 0001 020000000001 c0000215 000000000000 c0000201");
	assert_int_equal(ip_parse("2001:db8::21", &target), 0);
	frame_ns_question(&sender, mine, &target, frame);
	octets_expect("NS", "octets", (struct bytes){ frame, sizeof(frame) },
		      "60000000 0020 3a ff" SOURCE_LINK TO_GROUP "87 00 4b21 00000000" TARGET
		      "01 01 020000000001");
	assert_int_equal(frame_nd_decode((struct bytes){ frame, sizeof(frame) }, &nd), 0);
	assert_true(ip_is_equal(&nd.source, &sender) && ip_is_equal(&nd.target, &target));
	assert_memory_equal(nd.to.octets + 11, "\x01\xff\x00\x00\x21", 5);
}

#define ANSWER SOURCE_LINK TO_NODES "88 00 47ab 00000000" TARGET "02 01 020000000099"

static const struct judged_case nd_cases[] = {
	{ "answer", "60000000 0020 3a ff" ANSWER, 0, FRAME_IN_USE },
	{ "answer with padding", "60000000 0020 3a ff" ANSWER "0000", 0, FRAME_IN_USE },
	{ "another's probe",
	  "60000000 0020 3a ff" SOURCE_NOBODY TO_GROUP "87 00 1477 00000000" TARGET
	  "0e 01 616263646566",
	  0, FRAME_CLAIMED_ALSO },
	{ "somebody asks",
	  "60000000 0020 3a ff" SOURCE_LINK TO_GROUP "87 00 4a89 00000000" TARGET
	  "01 01 020000000099",
	  0, FRAME_NO_CONFLICT },
	{ "answer for another",
	  "60000000 0020 3a ff" SOURCE_LINK TO_NODES
	  "88 00 47aa 00000000 20010db8000000000000000000000022 02 01 020000000099",
	  0, FRAME_NO_CONFLICT },
	{ "checksum",
	  "60000000 0020 3a ff" SOURCE_LINK TO_NODES "88 00 0000 00000000" TARGET
	  "02 01 020000000099",
	  ERR_VALUE, FRAME_NO_CONFLICT },
	{ "from behind a router", "60000000 0020 3a fe" ANSWER, ERR_VALUE, FRAME_NO_CONFLICT },
	{ "not ICMPv6", "60000000 0020 11 ff" ANSWER, ERR_UNSUPPORTED, FRAME_NO_CONFLICT },
	{ "not IPv6", "40000000 0020 3a ff" ANSWER, ERR_UNSUPPORTED, FRAME_NO_CONFLICT },
	{ "too short", "60000000 0017 3a ff" ANSWER, ERR_TRUNCATED, FRAME_NO_CONFLICT },
	{ "longer than it is", "60000000 0028 3a ff" ANSWER, ERR_TRUNCATED, FRAME_NO_CONFLICT },
};

static void test_nd_that_we_read(void **state)
{
	static const uint8_t other[FRAME_MAC_SIZE] = { 0x02, 0, 0, 0, 0, 0x99 };
	struct ip ip;

	(void)state;
	assert_int_equal(ip_parse("2001:db8::21", &ip), 0);
	for (size_t i = 0; i < sizeof(nd_cases) / sizeof(nd_cases[0]); i++) {
		const struct judged_case *c = &nd_cases[i];
		struct octets frame = octets_from_hex(c->frame);
		struct nd nd;
		int err = frame_nd_decode(octets_bytes(&frame), &nd);

		if (err != c->err ||
		    (err == 0 && frame_nd_judge(&nd, other, &ip, mine) != c->conflict))
			fail_msg("%s: error %d", c->name, err);
		if (err == 0)
			assert_int_equal(frame_nd_judge(&nd, mine, &ip, mine), FRAME_NO_CONFLICT);
		for (size_t len = 0; len < FRAME_ND_MIN; len++)
			assert_int_equal(
			    frame_nd_decode((struct bytes){ octets_bytes(&frame).ptr, len }, &nd),
			    ERR_TRUNCATED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp_that_we_send),
		cmocka_unit_test(test_arp_that_we_read),
		cmocka_unit_test(test_every_cut_of_arp),
		cmocka_unit_test(test_neighbour_advertisement),
		cmocka_unit_test(test_probe_that_we_send),
		cmocka_unit_test(test_nd_that_we_read),
		cmocka_unit_test(test_questions_that_we_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
