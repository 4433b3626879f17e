/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/esp/packet.h"
#include "common/esp/set.h"
#include "tests/lib/esp_wire.h"
#include "tests/lib/inner.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CAP      WIRE_MAX
#define NOW      WIRE_NOW

static void expect(const char *name, const char *what, long got, long want)
{
	if (got != want)
		fail_msg("%s: %s: got %ld, want %ld", name, what, got, want);
}

static void round_trip(struct esp_set *from, struct esp_set *to, struct bytes inner)
{
	struct endpoint local, remote;
	uint8_t sealed[CAP], opened[CAP];
	struct bytes packet, got;
	uint64_t id = 0;
	bool moved = true;

	wire_expect("out",
		    esp_outbound(from, NOW, inner, sealed, inner.len + ESP_OVERHEAD_MAX, &packet,
				 &local, &remote),
		    ESP_OK);
	assert_true(packet.len >= inner.len + ESP_OVERHEAD_MAX - 8 - 3 &&
		    packet.len <= inner.len + ESP_OVERHEAD_MAX - 8 && packet.len % 4 == 0);
	wire_expect("in", esp_inbound(to, NOW + 1, &local, packet, opened, &got, &id, &moved),
		    ESP_OK);
	assert_true(bytes_is_equal(got, inner));
	assert_int_equal(id, PAIR_ID);
	assert_false(moved);
}

static void test_all_sizes(void **state)
{
	struct esp_pair *p = *state;
	uint8_t payload[1500], buf[CAP];
	struct esp_stats stats;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 11);
	for (size_t len = 0; len <= 1480; len++) {
		struct inner in = { PAIR_WEB_V4, PAIR_PEER_V4, 253, 0, { payload, len } };

		round_trip(p->member, p->peer,
			   (struct bytes){ buf, inner_build(&in, buf, sizeof(buf)) });
		in = (struct inner){ PAIR_PEER_V6, PAIR_WEB_V6, 253, 0, { payload, len } };
		round_trip(p->peer, p->member,
			   (struct bytes){ buf, inner_build(&in, buf, sizeof(buf)) });
	}
	assert_int_equal(esp_set_query(p->member, PAIR_ID, &stats), 0);
	assert_int_equal(stats.packets_out, 1481);
	assert_int_equal(stats.packets_in, 1481);
	assert_int_equal(stats.seq_out, 1481);
	assert_int_equal(stats.octets_out, 1481 * 20 + 1480 * 1481 / 2);
	assert_int_equal(stats.octets_in, 1481 * 40 + 1480 * 1481 / 2);
	assert_int_equal(stats.last_out_ms, NOW);
	assert_int_equal(stats.last_in_ms, NOW + 1);
	assert_int_equal(esp_set_verdicts(p->member, ESP_OK), 2 * 1481);
}

static void test_every_cut(void **state)
{
	struct esp_pair *p = *state;
	struct wire w = wire_from_peer(p, 1);

	for (size_t len = 0; len < w.len; len++) {
		enum esp_verdict v = wire_take_octets(p->member, w.octets, len);
		bool is_aligned = len >= ESP_SEALED_START + 4 + 16 && len % 4 == 0;

		wire_expect("cut", v, is_aligned ? ESP_BAD_ICV : ESP_TRUNCATED);
	}
	wire_expect("whole", wire_take(p->member, &w), ESP_OK);
}

static void test_every_flipped_bit(void **state)
{
	struct esp_pair *p = *state;
	struct wire first = wire_from_peer(p, 1), w = wire_from_peer(p, 2);

	wire_expect("first", wire_take(p->member, &first), ESP_OK);
	for (size_t bit = 0; bit < w.len * 8; bit++) {
		struct wire bad = w;
		enum esp_verdict want = ESP_BAD_ICV;

		bad.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		if (bit < 32)
			want = ESP_UNKNOWN_SPI;
		if (bit == 62) /* sequence number 2 becomes 0 */
			want = ESP_REPLAY;
		wire_expect("flipped", wire_take(p->member, &bad), want);
	}
	wire_expect("whole", wire_take(p->member, &w), ESP_OK);
}

static void test_replay_and_reorder(void **state)
{
	enum {
		N = 1984 + 500, /* what arrives beyond the window */
	};
	struct esp_pair *p = *state;
	struct wire *sent = calloc(N, sizeof(*sent));
	struct rng_seeded seeded = { 1 };
	struct rng rng = rng_seeded(&seeded);
	uint64_t random;

	for (size_t i = 0; i < N; i++)
		sent[i] = wire_from_peer(p, (uint8_t)i);
	for (size_t i = N - 1984; i < N - 1; i++) { /* shuffle all but the last */
		size_t n = N - 1 - i, k;
		struct wire swap = sent[i];

		assert_int_equal(rng_u64(&rng, &random), 0);
		k = i + (size_t)(random % n);
		sent[i] = sent[k];
		sent[k] = swap;
	}
	wire_expect("newest", wire_take(p->member, &sent[N - 1]), ESP_OK);
	for (size_t i = 0; i < N - 1; i++)
		wire_expect("reordered", wire_take(p->member, &sent[i]),
			    i < N - 1984 ? ESP_REPLAY : ESP_OK);
	for (size_t i = 0; i < N; i++)
		wire_expect("again", wire_take(p->member, &sent[i]), ESP_REPLAY);
	assert_int_equal(esp_set_verdicts(p->member, ESP_REPLAY), N + N - 1984);
	free(sent);
}

/* What a peer seals; the 20 octets of a good IPv4 packet from peer to web, then changes. */
#define GOOD      "4500001400000000 40fd0000 0a0100c9 0a010064"
#define GOOD_V6   "6000000000003b40 20010db8000200000000000000000201 20010db8000100000000000000000100"
#define TO_OTHER  "4500001400000000 40fd0000 0a0100c9 0a010080"
#define FROM_ELSE "4500001400000000 40fd0000 0a0100ca 0a010064"
#define BACKWARDS "4500001400000000 40fd0000 0a010064 0a0100c9"

static const struct sealed_case {
	const char *name;
	enum esp_verdict want;
	size_t inner_len; /* if OK */
	const char *plain;
} sealed_cases[] = {
	{ "good", ESP_OK, 20, GOOD "0102 0204" },
	{ "good IPv6", ESP_OK, 40, GOOD_V6 "0102 0229" },
	{ "more padding than needed", ESP_OK, 20, GOOD "010203040506 0604" },
	{ "TFC padding, then padding", ESP_OK, 20, GOOD "deadbeef00 01 0104" },
	{ "TFC padding of zeros", ESP_OK, 20, GOOD "0000000000000000 0000 0004" },
	{ "padding counts from 0", ESP_MALFORMED, 0, GOOD "0001 0204" },
	{ "padding of zeros", ESP_MALFORMED, 0, GOOD "0000 0204" },
	{ "padding is all of it", ESP_MALFORMED, 0, "0102 0204" },
	{ "padding longer than all", ESP_MALFORMED, 0, "0102 0304" },
	{ "pad length 255", ESP_MALFORMED, 0, GOOD "0102 ff04" },
	{ "padding into the packet", ESP_MALFORMED, 0, GOOD "0102 0304" },
	{ "nothing but a trailer", ESP_MALFORMED, 0, "0102 0004" },
	{ "next header TCP", ESP_MALFORMED, 0, GOOD "0102 0206" },
	{ "IPv4 that says IPv6", ESP_MALFORMED, 0, GOOD "0102 0229" },
	{ "IPv6 that says IPv4", ESP_MALFORMED, 0, GOOD_V6 "0102 0204" },
	{ "IPv4 cut short", ESP_MALFORMED, 0, "45000014000000004006 0004" },
	{ "IPv4 longer than there is", ESP_MALFORMED, 0,
	  "4500001500000000 40fd0000 0a0100c9 0a010064 0102 0204" },
	{ "dummy", ESP_DUMMY, 0, "0102 003b" },
	{ "dummy around a packet", ESP_DUMMY, 0, GOOD "0102 023b" },
	{ "dummy with wrong padding", ESP_MALFORMED, 0, "0103 023b" },
	{ "dummy, padding longer than all", ESP_MALFORMED, 0, "0102 033b" },
	{ "to outside the selectors", ESP_SELECTOR, 0, TO_OTHER "0102 0204" },
	{ "from outside the selectors", ESP_SELECTOR, 0, FROM_ELSE "0102 0204" },
	{ "from the protected side", ESP_SELECTOR, 0, BACKWARDS "0102 0204" },
};

static struct bytes unhex(const char *hex, uint8_t buf[CAP])
{
	size_t len = 0;
	unsigned int octet;
	int used;

	while (sscanf(hex, " %2x%n", &octet, &used) == 1) {
		buf[len++] = (uint8_t)octet;
		hex += used;
	}
	assert_int_equal(*hex, '\0');
	return (struct bytes){ buf, len };
}

static void test_sealed_by_the_peer(void **state)
{
	struct esp_pair *p = *state;
	struct endpoint from = endpoint_of("192.0.2.101:4500");
	uint64_t count[ESP_VERDICT_COUNT] = { 0 };

	for (size_t i = 0; i < COUNT(sealed_cases); i++) {
		const struct sealed_case *c = &sealed_cases[i];
		uint8_t plain[CAP], packet[CAP], out[CAP];
		struct bytes inner = { NULL, 0 }, sealed = { packet, 0 };
		uint32_t seq = (uint32_t)i + 1;
		struct esp_stats stats;
		uint64_t id = 4711;
		bool moved;

		sealed.len = esp_pair_seal(p, seq, unhex(c->plain, plain), packet, sizeof(packet));
		wire_expect(
		    c->name,
		    esp_inbound(p->member, NOW + i, &from, sealed, out, &inner, &id, &moved),
		    c->want);
		expect(c->name, "inner packet", (long)inner.len, (long)c->inner_len);
		expect(c->name, "id", (long)id, c->want == ESP_OK ? PAIR_ID : 4711);
		wire_expect(c->name, wire_take_octets(p->member, packet, sealed.len), ESP_REPLAY);
		assert_int_equal(esp_set_query(p->member, PAIR_ID, &stats), 0);
		expect(c->name, "sign of life", (long)stats.last_in_ms, NOW + (long)i);
		count[c->want]++;
	}
	for (int v = 0; v < ESP_VERDICT_COUNT; v++) {
		if (v != ESP_REPLAY)
			assert_int_equal(esp_set_verdicts(p->member, (enum esp_verdict)v),
					 count[v]);
	}
}

/* Three kinds of packets that are not 4-aligned or have no room for a trailer, sealed properly. */
static void test_wrong_alignment(void **state)
{
	struct esp_pair *p = *state;
	uint8_t plain[CAP], packet[CAP];
	struct bytes text = unhex(GOOD "0102 0204", plain);

	for (size_t len = 0; len < text.len; len++) {
		size_t sealed_len = esp_pair_seal(p, 1, (struct bytes){ plain, len }, packet, CAP);

		if (len % 4 != 0 || len == 0)
			wire_expect("cut", wire_take_octets(p->member, packet, sealed_len),
				    ESP_TRUNCATED);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(esp_verdict_name(ESP_OK), "ok");
	assert_string_equal(esp_verdict_name(ESP_SEQ_EXHAUSTED), "seq-exhausted");
	assert_string_equal(esp_verdict_name(ESP_VERDICT_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_all_sizes),          PAIR_TEST(test_every_cut),
		PAIR_TEST(test_every_flipped_bit),  PAIR_TEST(test_replay_and_reorder),
		PAIR_TEST(test_sealed_by_the_peer), PAIR_TEST(test_wrong_alignment),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
