/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "common/base/rng.h"
#include "common/esp/packet.h"
#include "common/esp/set.h"
#include "tests/lib/esp_pair.h"
#include "tests/lib/inner.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CAP      2048
#define NOW      5000

static int open_pair(void **state)
{
	struct esp_pair *p = calloc(1, sizeof(*p));

	esp_pair_open(p);
	*state = p;
	return 0;
}

static int close_pair(void **state)
{
	esp_pair_close(*state);
	free(*state);
	return 0;
}

static void expect(const char *name, const char *what, long got, long want)
{
	if (got != want)
		fail_msg("%s: %s: got %ld, want %ld", name, what, got, want);
}

static void expect_verdict(const char *name, enum esp_verdict got, enum esp_verdict want)
{
	if (got != want)
		fail_msg("%s: got \"%s\", want \"%s\"", name, esp_verdict_name(got),
			 esp_verdict_name(want));
}

/* One packet on the wire between two sets. */
struct wire {
	size_t len;
	uint8_t octets[CAP];
};

static enum esp_verdict send_over(struct esp_set *from, struct bytes inner, struct wire *w)
{
	struct endpoint local, remote;
	struct bytes packet;
	enum esp_verdict v =
	    esp_outbound(from, NOW, inner, w->octets, sizeof(w->octets), &packet, &local, &remote);

	w->len = v == ESP_OK ? packet.len : 0;
	return v;
}

/* From a copy of exactly len octets into a buffer of exactly as many: ASan sees any excess. */
static enum esp_verdict take_copy(struct esp_set *to, const uint8_t *octets, size_t len)
{
	struct endpoint from = endpoint_of("192.0.2.101:4500");
	uint8_t *copy = malloc(len), *out = malloc(len);
	struct bytes inner;
	enum esp_verdict v;
	uint64_t id;
	bool moved;

	if (len > 0)
		memcpy(copy, octets, len);
	v = esp_inbound(to, NOW, &from, (struct bytes){ copy, len }, out, &inner, &id, &moved);
	free(copy);
	free(out);
	return v;
}

static enum esp_verdict take(struct esp_set *to, const struct wire *w)
{
	return take_copy(to, w->octets, w->len);
}

/* A packet of 100 octets from the peer to the web server. */
static struct wire peer_packet(const struct esp_pair *p, uint8_t seed)
{
	uint8_t buf[CAP];
	size_t len = inner_build_udp(PAIR_PEER_V4, PAIR_WEB_V4, 100, seed, buf, sizeof(buf));
	struct wire w;

	expect_verdict("send", send_over(p->peer, (struct bytes){ buf, len }, &w), ESP_OK);
	return w;
}

static void round_trip(struct esp_set *from, struct esp_set *to, struct bytes inner)
{
	struct endpoint local, remote;
	uint8_t sealed[CAP], opened[CAP];
	struct bytes packet, got;
	uint64_t id = 0;
	bool moved = true;

	expect_verdict("out",
		       esp_outbound(from, NOW, inner, sealed, inner.len + ESP_OVERHEAD_MAX, &packet,
				    &local, &remote),
		       ESP_OK);
	assert_true(packet.len >= inner.len + ESP_OVERHEAD_MAX - 8 - 3 &&
		    packet.len <= inner.len + ESP_OVERHEAD_MAX - 8 && packet.len % 4 == 0);
	expect_verdict("in", esp_inbound(to, NOW + 1, &local, packet, opened, &got, &id, &moved),
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
	struct wire w = peer_packet(p, 1);

	for (size_t len = 0; len < w.len; len++) {
		enum esp_verdict v = take_copy(p->member, w.octets, len);
		bool is_aligned = len >= ESP_SEALED_START + 4 + 16 && len % 4 == 0;

		expect_verdict("cut", v, is_aligned ? ESP_BAD_ICV : ESP_TRUNCATED);
	}
	expect_verdict("whole", take(p->member, &w), ESP_OK);
}

static void test_every_flipped_bit(void **state)
{
	struct esp_pair *p = *state;
	struct wire first = peer_packet(p, 1), w = peer_packet(p, 2);

	expect_verdict("first", take(p->member, &first), ESP_OK);
	for (size_t bit = 0; bit < w.len * 8; bit++) {
		struct wire bad = w;
		enum esp_verdict want = ESP_BAD_ICV;

		bad.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		if (bit < 32)
			want = ESP_UNKNOWN_SPI;
		if (bit == 62) /* sequence number 2 becomes 0 */
			want = ESP_REPLAY;
		expect_verdict("flipped", take(p->member, &bad), want);
	}
	expect_verdict("whole", take(p->member, &w), ESP_OK);
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
		sent[i] = peer_packet(p, (uint8_t)i);
	for (size_t i = N - 1984; i < N - 1; i++) { /* shuffle all but the last */
		size_t n = N - 1 - i, k;
		struct wire swap = sent[i];

		assert_int_equal(rng_u64(&rng, &random), 0);
		k = i + (size_t)(random % n);
		sent[i] = sent[k];
		sent[k] = swap;
	}
	expect_verdict("newest", take(p->member, &sent[N - 1]), ESP_OK);
	for (size_t i = 0; i < N - 1; i++)
		expect_verdict("reordered", take(p->member, &sent[i]),
			       i < N - 1984 ? ESP_REPLAY : ESP_OK);
	for (size_t i = 0; i < N; i++)
		expect_verdict("again", take(p->member, &sent[i]), ESP_REPLAY);
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
		expect_verdict(
		    c->name,
		    esp_inbound(p->member, NOW + i, &from, sealed, out, &inner, &id, &moved),
		    c->want);
		expect(c->name, "inner packet", (long)inner.len, (long)c->inner_len);
		expect(c->name, "id", (long)id, c->want == ESP_OK ? PAIR_ID : 4711);
		expect_verdict(c->name, take_copy(p->member, packet, sealed.len), ESP_REPLAY);
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
			expect_verdict("cut", take_copy(p->member, packet, sealed_len),
				       ESP_TRUNCATED);
	}
}

struct path_case {
	const char *name;
	const char *src, *dst;
	enum esp_verdict want;
};

static void test_outbound_selectors(void **state)
{
	static const struct path_case cases[] = {
		{ "web to peer", PAIR_WEB_V4, PAIR_PEER_V4, ESP_OK },
		{ "web to peer, IPv6", PAIR_WEB_V6, PAIR_PEER_V6, ESP_OK },
		{ "last of the network", "10.1.0.127", PAIR_PEER_V4, ESP_OK },
		{ "source outside", "10.1.0.128", PAIR_PEER_V4, ESP_NO_SA },
		{ "destination outside", PAIR_WEB_V4, "10.1.0.202", ESP_NO_SA },
		{ "backwards", PAIR_PEER_V4, PAIR_WEB_V4, ESP_NO_SA },
		{ "destination outside, IPv6", PAIR_WEB_V6, "2001:db8:2::202", ESP_NO_SA },
	};
	struct esp_pair *p = *state;
	uint8_t buf[CAP];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bytes inner = { buf, inner_build_udp(cases[i].src, cases[i].dst, 100, 0, buf,
							    sizeof(buf)) };
		struct wire w;

		expect_verdict(cases[i].name, send_over(p->member, inner, &w), cases[i].want);
	}
	assert_int_equal(esp_set_verdicts(p->member, ESP_NO_SA), 4);
	assert_int_equal(esp_set_verdicts(p->member, ESP_OK), 3);
}

static void test_outbound_refused(void **state)
{
	struct esp_pair *p = *state;
	struct esp_sa *sa = esp_set_find(p->member, PAIR_ID);
	struct endpoint local, remote;
	uint8_t buf[CAP], out[CAP];
	size_t len = inner_build_udp(PAIR_WEB_V4, PAIR_PEER_V4, 99, 0, buf, sizeof(buf));
	size_t need = esp_packet_size(p->child.encr, len);
	struct bytes packet = { NULL, 0 };
	struct wire w;

	assert_int_equal(need, 16 + 99 + 3 + 2 + 16);
	expect_verdict("empty", send_over(p->member, (struct bytes){ buf, 0 }, &w), ESP_MALFORMED);
	expect_verdict("cut", send_over(p->member, (struct bytes){ buf, len - 1 }, &w),
		       ESP_MALFORMED);
	for (size_t cap = 0; cap < need; cap++) {
		out[cap] = 0xee;
		expect_verdict("small buffer",
			       esp_outbound(p->member, NOW, (struct bytes){ buf, len }, out, cap,
					    &packet, &local, &remote),
			       ESP_TOO_LONG);
		assert_int_equal(out[cap], 0xee);
	}
	assert_null(packet.ptr);
	assert_int_equal(sa->stats.seq_out, 0);
	memset(buf + len, 0xee, 4); /* behind the end that the IP header tells */
	expect_verdict("padded",
		       esp_outbound(p->member, NOW, (struct bytes){ buf, len + 4 }, out, need,
				    &packet, &local, &remote),
		       ESP_OK);
	assert_int_equal(packet.len, need);
	assert_int_equal(sa->stats.seq_out, 1);
}

static void test_sequence_numbers_end(void **state)
{
	struct esp_pair *p = *state;
	struct esp_sa *sa = esp_set_find(p->peer, PAIR_ID);
	struct wire w = peer_packet(p, 0);
	uint8_t buf[CAP];
	size_t len = inner_build_udp(PAIR_PEER_V4, PAIR_WEB_V4, 100, 0, buf, sizeof(buf));

	assert_memory_equal(w.octets + 4, "\0\0\0\1", 4); /* RFC 4303, 3.3.3: the first is 1 */
	sa->stats.seq_out = UINT32_MAX - 1;
	w = peer_packet(p, 1);
	assert_memory_equal(w.octets + 4, "\xff\xff\xff\xff", 4);
	assert_memory_equal(w.octets + 8, "\0\0\0\0\xff\xff\xff\xff", 8);
	expect_verdict("the last number", take(p->member, &w), ESP_OK);
	for (int i = 0; i < 2; i++)
		expect_verdict("no number left", send_over(p->peer, (struct bytes){ buf, len }, &w),
			       ESP_SEQ_EXHAUSTED);
	assert_int_equal(sa->stats.seq_out, UINT32_MAX);
	assert_int_equal(esp_set_verdicts(p->peer, ESP_SEQ_EXHAUSTED), 2);
}

/* A cipher that the crypto layer does not know: both ways end in a verdict, not in a crash. */
static void test_library_refuses(void **state)
{
	struct esp_pair *p = *state;
	struct encr_alg unknown = *p->child.encr;
	struct esp_child child = p->child, mirror;
	struct wire w = peer_packet(p, 0);
	uint8_t buf[CAP];
	size_t len = inner_build_udp(PAIR_PEER_V4, PAIR_WEB_V4, 100, 0, buf, sizeof(buf));

	unknown.key_bits = 7;
	child.encr = &unknown;
	mirror = esp_child_mirror(&child);
	assert_int_equal(esp_set_remove(p->member, PAIR_ID), 0);
	assert_int_equal(esp_set_remove(p->peer, PAIR_ID), 0);
	assert_int_equal(esp_set_add(p->member, &child), 0);
	assert_int_equal(esp_set_add(p->peer, &mirror), 0);
	expect_verdict("in", take(p->member, &w), ESP_CRYPTO);
	expect_verdict("out", send_over(p->peer, (struct bytes){ buf, len }, &w), ESP_CRYPTO);
	assert_int_equal(esp_set_verdicts(p->member, ESP_CRYPTO), 1);
	assert_int_equal(esp_set_verdicts(p->peer, ESP_CRYPTO), 1);
}

static bool arrives_moved(struct esp_set *to, const struct wire *w, const char *from)
{
	struct endpoint remote = endpoint_of(from);
	struct bytes inner, packet = { w->octets, w->len };
	uint8_t out[CAP];
	uint64_t id;
	bool moved;

	expect_verdict(from, esp_inbound(to, NOW, &remote, packet, out, &inner, &id, &moved),
		       ESP_OK);
	return moved;
}

static void test_peer_moves(void **state)
{
	struct esp_pair *p = *state;
	struct endpoint moved_to = endpoint_of("192.0.2.7:1024"), local, remote;
	struct wire w[6];
	uint8_t buf[CAP], out[CAP];
	struct bytes packet,
	    inner = { buf, inner_build_udp(PAIR_WEB_V4, PAIR_PEER_V4, 100, 0, buf, sizeof(buf)) };

	for (size_t i = 0; i < COUNT(w); i++)
		w[i] = peer_packet(p, (uint8_t)i);
	assert_false(arrives_moved(p->member, &w[0], "192.0.2.101:4500"));
	assert_true(arrives_moved(p->member, &w[2], "192.0.2.101:4501"));
	assert_true(arrives_moved(p->member, &w[3], "192.0.2.7:1024"));
	assert_int_equal(esp_set_update_remote(p->member, PAIR_ID, &moved_to), 0);
	assert_false(arrives_moved(p->member, &w[4], "192.0.2.7:1024"));
	/* A straggler from the old address is welcome, but does not move the SA back. */
	assert_false(arrives_moved(p->member, &w[1], "192.0.2.101:4500"));
	expect_verdict(
	    "answer",
	    esp_outbound(p->member, NOW, inner, out, sizeof(out), &packet, &local, &remote),
	    ESP_OK);
	assert_true(endpoint_is_equal(&remote, &moved_to));
	assert_true(endpoint_is_equal(&local, &p->child.local));
	assert_int_equal(esp_set_update_remote(p->member, 99, &moved_to), ERR_NOT_FOUND);
}

/* The same packet, put together here with nothing but OpenSSL. */
static size_t seal_by_hand(const struct esp_child *child, uint32_t seq, struct bytes inner,
			   uint8_t *out)
{
	static const uint8_t trailer[3][5] = { { 1, 2, 2, 4 }, { 1, 1, 4 }, { 0, 4 } };
	size_t pad_len = (4 - (inner.len + 2) % 4) % 4, plain_len = inner.len + pad_len + 2;
	const uint8_t *tail =
	    pad_len == 3 ? (const uint8_t[]){ 1, 2, 3, 3, 4 } : trailer[2 - pad_len];
	uint8_t head[16] = { (uint8_t)(child->spi_out >> 24),
			     (uint8_t)(child->spi_out >> 16),
			     (uint8_t)(child->spi_out >> 8),
			     (uint8_t)child->spi_out,
			     (uint8_t)(seq >> 24),
			     (uint8_t)(seq >> 16),
			     (uint8_t)(seq >> 8),
			     (uint8_t)seq };
	uint8_t nonce[12], plain[CAP];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	memcpy(head + 12, head + 4, 4);
	memcpy(nonce, child->key_out.ptr + 32, 4);
	memcpy(nonce + 4, head + 8, 8);
	memcpy(plain, inner.ptr, inner.len);
	memcpy(plain + inner.len, tail, pad_len + 2);
	memcpy(out, head, 16);
	assert_int_equal(
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, child->key_out.ptr, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, head, 8), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, out + 16, &n, plain, (int)plain_len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, out + 16 + plain_len, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + 16 + plain_len),
			 1);
	EVP_CIPHER_CTX_free(ctx);
	return 16 + plain_len + 16;
}

static void test_known_answer(void **state)
{
	struct esp_pair *p = *state;
	uint8_t buf[CAP], want[CAP];

	for (uint32_t seq = 1; seq <= 8; seq++) {
		size_t len = inner_build_udp(PAIR_WEB_V4, PAIR_PEER_V4, 60 + seq, (uint8_t)seq, buf,
					     sizeof(buf));
		size_t want_len = seal_by_hand(&p->child, seq, (struct bytes){ buf, len }, want);
		struct wire w;

		expect_verdict("send", send_over(p->member, (struct bytes){ buf, len }, &w),
			       ESP_OK);
		assert_int_equal(w.len, want_len);
		assert_memory_equal(w.octets, want, want_len);
		expect_verdict("receive", take_copy(p->peer, want, want_len), ESP_OK);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(esp_verdict_name(ESP_OK), "ok");
	assert_string_equal(esp_verdict_name(ESP_SEQ_EXHAUSTED), "seq-exhausted");
	assert_string_equal(esp_verdict_name(ESP_VERDICT_COUNT), "unknown");
}

#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_all_sizes),
		PAIR_TEST(test_every_cut),
		PAIR_TEST(test_every_flipped_bit),
		PAIR_TEST(test_replay_and_reorder),
		PAIR_TEST(test_sealed_by_the_peer),
		PAIR_TEST(test_wrong_alignment),
		PAIR_TEST(test_outbound_selectors),
		PAIR_TEST(test_outbound_refused),
		PAIR_TEST(test_sequence_numbers_end),
		PAIR_TEST(test_library_refuses),
		PAIR_TEST(test_peer_moves),
		PAIR_TEST(test_known_answer),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
