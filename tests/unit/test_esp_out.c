/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "common/esp/packet.h"
#include "common/esp/set.h"
#include "tests/lib/esp_wire.h"
#include "tests/lib/inner.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CAP      WIRE_MAX
#define NOW      WIRE_NOW

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

		wire_expect(cases[i].name, wire_send(p->member, inner, &w), cases[i].want);
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
	wire_expect("empty", wire_send(p->member, (struct bytes){ buf, 0 }, &w), ESP_MALFORMED);
	wire_expect("cut", wire_send(p->member, (struct bytes){ buf, len - 1 }, &w), ESP_MALFORMED);
	for (size_t cap = 0; cap < need; cap++) {
		out[cap] = 0xee;
		wire_expect("small buffer",
			    esp_outbound(p->member, NOW, (struct bytes){ buf, len }, out, cap,
					 &packet, &local, &remote),
			    ESP_TOO_LONG);
		assert_int_equal(out[cap], 0xee);
	}
	assert_null(packet.ptr);
	assert_int_equal(sa->stats.seq_out, 0);
	memset(buf + len, 0xee, 4); /* behind the end that the IP header tells */
	wire_expect("padded",
		    esp_outbound(p->member, NOW, (struct bytes){ buf, len + 4 }, out, need, &packet,
				 &local, &remote),
		    ESP_OK);
	assert_int_equal(packet.len, need);
	assert_int_equal(sa->stats.seq_out, 1);
}

static void test_sequence_numbers_end(void **state)
{
	struct esp_pair *p = *state;
	struct esp_sa *sa = esp_set_find(p->peer, PAIR_ID);
	struct wire w = wire_from_peer(p, 0);
	uint8_t buf[CAP];
	size_t len = inner_build_udp(PAIR_PEER_V4, PAIR_WEB_V4, 100, 0, buf, sizeof(buf));

	assert_memory_equal(w.octets + 4, "\0\0\0\1", 4); /* RFC 4303, 3.3.3: the first is 1 */
	sa->stats.seq_out = UINT32_MAX - 1;
	w = wire_from_peer(p, 1);
	assert_memory_equal(w.octets + 4, "\xff\xff\xff\xff", 4);
	assert_memory_equal(w.octets + 8, "\0\0\0\0\xff\xff\xff\xff", 8);
	wire_expect("the last number", wire_take(p->member, &w), ESP_OK);
	for (int i = 0; i < 2; i++)
		wire_expect("no number left", wire_send(p->peer, (struct bytes){ buf, len }, &w),
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
	struct wire w = wire_from_peer(p, 0);
	uint8_t buf[CAP];
	size_t len = inner_build_udp(PAIR_PEER_V4, PAIR_WEB_V4, 100, 0, buf, sizeof(buf));

	unknown.key_bits = 7;
	child.encr = &unknown;
	mirror = esp_child_mirror(&child);
	assert_int_equal(esp_set_remove(p->member, PAIR_ID), 0);
	assert_int_equal(esp_set_remove(p->peer, PAIR_ID), 0);
	assert_int_equal(esp_set_add(p->member, &child), 0);
	assert_int_equal(esp_set_add(p->peer, &mirror), 0);
	wire_expect("in", wire_take(p->member, &w), ESP_CRYPTO);
	wire_expect("out", wire_send(p->peer, (struct bytes){ buf, len }, &w), ESP_CRYPTO);
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

	wire_expect(from, esp_inbound(to, NOW, &remote, packet, out, &inner, &id, &moved), ESP_OK);
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
		w[i] = wire_from_peer(p, (uint8_t)i);
	assert_false(arrives_moved(p->member, &w[0], "192.0.2.101:4500"));
	assert_true(arrives_moved(p->member, &w[2], "192.0.2.101:4501"));
	assert_true(arrives_moved(p->member, &w[3], "192.0.2.7:1024"));
	assert_int_equal(esp_set_update_remote(p->member, PAIR_ID, &moved_to), 0);
	assert_false(arrives_moved(p->member, &w[4], "192.0.2.7:1024"));
	/* A straggler from the old address is welcome, but does not move the SA back. */
	assert_false(arrives_moved(p->member, &w[1], "192.0.2.101:4500"));
	wire_expect("answer",
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

		wire_expect("send", wire_send(p->member, (struct bytes){ buf, len }, &w), ESP_OK);
		assert_int_equal(w.len, want_len);
		assert_memory_equal(w.octets, want, want_len);
		wire_expect("receive", wire_take_octets(p->peer, want, want_len), ESP_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_outbound_selectors),   PAIR_TEST(test_outbound_refused),
		PAIR_TEST(test_sequence_numbers_end), PAIR_TEST(test_library_refuses),
		PAIR_TEST(test_peer_moves),           PAIR_TEST(test_known_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
