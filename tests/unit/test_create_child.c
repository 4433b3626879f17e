/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/responder/internal.h"
#include "common/ikev2/session/payloads.h"
#include "tests/lib/ike_world.h"

/*
 * CREATE_CHILD_SA and Delete as a peer may send them, right and wrong, written by hand; and the
 * answers to the octet. With two real ends they are in test_pair.c and test_collisions.c.
 */
static const struct bytes nothing = { NULL, 0 };
static const uint8_t some_nonce[32] = { 9, 9, 9 };

/* A request in the making. */
struct asked {
	uint8_t buf[IKECLIENT_MESSAGE_MAX];
	struct wr w;
	struct payload_writer chain;
};

/* What came back. */
struct answered {
	struct payload_list list;
	struct ike_header h;
	struct notify n; /* the first; type 0: none */
};

static void ask(struct asked *a)
{
	a->w = wr_init(a->buf, sizeof(a->buf));
	a->chain = chain_open(&a->w);
}

static void put_nonce(struct asked *a)
{
	payload_put(&a->chain, PAYLOAD_NONCE, (struct bytes){ some_nonce, sizeof(some_nonce) });
}

static void put_esp(struct asked *a, const char *suite, uint32_t spi)
{
	struct esp_suite s;
	struct sa_payload offer;
	uint8_t octets[4];

	assert_int_equal(esp_suite_parse(suite, &s), 0);
	sa_offer_esp(&offer, &s, 1, spi32_bytes(spi, octets));
	chain_put_sa(&a->chain, &offer);
}

static void put_selectors(struct asked *a, const char *tsi, const char *tsr)
{
	struct ts_list i = world_prefix(tsi), r = world_prefix(tsr);

	chain_put_ts(&a->chain, PAYLOAD_TSI, &i);
	chain_put_ts(&a->chain, PAYLOAD_TSR, &r);
}

/* SA, Ni, TSi, TSr as they should be. */
static void put_child(struct asked *a, uint32_t spi)
{
	put_esp(a, ESP_SUITE, spi);
	put_nonce(a);
	put_selectors(a, "10.1.0.201/32", "10.1.0.0/25");
}

static void put_rekey(struct asked *a, uint32_t spi)
{
	chain_put_esp_notify(&a->chain, NOTIFY_REKEY_SA, spi);
}

/* One hands it over and gets nothing, or the answer. */
static struct bytes give(struct world *w, struct asked *a, uint8_t exchange)
{
	return world_give(w,
			  ikeclient_seal_chain(&w->c, exchange, false, w->c.next_id++, &a->chain));
}

static void read_answer(struct world *w, struct bytes message, struct answered *out)
{
	memset(out, 0, sizeof(*out));
	assert_int_equal(ikeclient_open(&w->c, message, &out->h, &out->list), 0);
	for (size_t i = 0; i < out->list.n && out->n.type == 0; i++) {
		if (out->list.items[i].type == PAYLOAD_NOTIFY)
			assert_int_equal(notify_decode(out->list.items[i].body, &out->n), 0);
	}
}

static void give_create(struct world *w, struct asked *a, struct answered *out)
{
	read_answer(w, give(w, a, EXCHANGE_CREATE_CHILD_SA), out);
	assert_int_equal(out->h.exchange, EXCHANGE_CREATE_CHILD_SA);
}

static struct ike_sa *sa_of(struct world *w)
{
	return ike_sa_find(&w->r->core, w->c.spi_r);
}

static size_t count_children(struct world *w)
{
	return HASH_COUNT(w->r->core.by_child);
}

/* One notify alone, the IKE SA lives, and nothing is left of what was begun. */
static void check_refused(struct world *w, struct asked *a, uint16_t type, struct answered *out)
{
	size_t children = count_children(w);
	struct answered local;

	give_create(w, a, out != NULL ? out : &local);
	if (out == NULL)
		out = &local;
	assert_int_equal(out->list.n, 1);
	assert_int_equal(out->n.type, type);
	assert_int_equal(w->n_add + w->n_remove + w->n_down, 0);
	assert_int_equal(sa_of(w)->state, SA_ESTABLISHED);
	assert_int_equal(count_children(w), children);
	assert_int_equal(HASH_CNT(hh_spi, w->r->core.by_spi), 1);
}

static void test_new_child(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;
	struct create_child made;

	(void)state;
	world_start(&w);
	world_establish(&w);
	ask(&a);
	put_child(&a, 0xc0ffee01);
	give_create(&w, &a, &got);
	assert_int_equal(create_child_decode(&got.list, true, &made), 0);
	assert_int_equal(made.sa.n, 1);
	assert_int_equal(w.n_add, 1);
	assert_false(w.child.is_inbound_only);
	assert_int_equal(w.child.spi_out, 0xc0ffee01);
	assert_int_equal(w.n_changed, 1);
	assert_int_equal(w.peer.n_children, 2);
	assert_int_equal(world_counter(&w, COUNT_CHILD_CREATED), 1);
	{
		/* KEYMAT = prf+(SK_d, Ni | Nr), the initiator of the exchange first. */
		struct child_keys want;

		assert_int_equal(
		    child_keys_derive(w.crypto, w.c.suite.prf->id, key_bytes(&w.c.keys.d), &w.c.esp,
				      nothing, (struct bytes){ some_nonce, 32 }, made.nonce, &want),
		    0);
		assert_memory_equal(w.key_in, want.i2r.data, 36);
		assert_memory_equal(w.key_out, want.r2i.data, 36);
	}
	world_stop(&w);
}

/* N(REKEY_SA): receives at once, sends when the peer is heard on it or has deleted the old one. */
static void check_rekeyed(bool by_packet)
{
	struct world w;
	struct asked a;
	struct answered got;
	uint64_t made;

	world_start(&w);
	world_establish(&w);
	ask(&a);
	put_rekey(&a, w.c.child_spi);
	put_child(&a, 0xc0ffee01);
	give_create(&w, &a, &got);
	assert_int_equal(got.n.type, 0);
	assert_int_equal(w.n_add, 1);
	assert_true(w.child.is_inbound_only);
	made = w.child_id;
	assert_int_equal(w.n_outbound + w.n_changed + w.n_remove, 0);
	if (by_packet) {
		responder_child_heard(w.r, w.now, made, NULL);
		world_collect(&w);
		assert_int_equal(w.n_outbound, 1);
		assert_true(w.is_outbound);
		assert_int_equal(w.child_id, made);
	}
	/* The Delete of the old one: answered with ours, which receives a little longer. */
	read_answer(&w, world_give(&w, ikeclient_delete_child(&w.c)), &got);
	assert_int_equal(got.list.n, 1);
	assert_int_equal(got.list.items[0].type, PAYLOAD_DELETE);
	assert_int_equal(w.n_remove, 0);
	assert_int_equal(w.n_outbound, by_packet ? 1 : 2); /* the new one on, the old one off */
	world_expire(&w, 2000);
	assert_int_equal(w.n_remove, 0);
	world_expire(&w, 2000);
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(count_children(&w), 1);
	world_stop(&w);
}

static void test_rekeyed_child(void **state)
{
	(void)state;
	check_rekeyed(true);
	check_rekeyed(false);
}

static void test_refusals(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;

	(void)state;
	world_start(&w);
	world_establish(&w);
	ask(&a);
	put_esp(&a, "aes128gcm16", 0xc0ffee01);
	put_nonce(&a);
	put_selectors(&a, "10.1.0.201/32", "10.1.0.0/25");
	check_refused(&w, &a, NOTIFY_NO_PROPOSAL_CHOSEN, NULL);
	ask(&a);
	put_esp(&a, ESP_SUITE, 0xc0ffee01);
	put_nonce(&a);
	put_selectors(&a, "172.16.0.0/16", "10.1.0.0/25");
	check_refused(&w, &a, NOTIFY_TS_UNACCEPTABLE, NULL);
	/* What we do not know, or what is no ESP: the SPI comes back as it was. */
	ask(&a);
	put_rekey(&a, 0xdeadbeef);
	put_child(&a, 0xc0ffee01);
	check_refused(&w, &a, NOTIFY_CHILD_SA_NOT_FOUND, &got);
	assert_int_equal(got.n.protocol, PROTOCOL_ESP);
	assert_int_equal(got.n.spi.len, 4);
	assert_memory_equal(got.n.spi.ptr, "\xde\xad\xbe\xef", 4);
	w.child_err = ERR_LIMIT;
	ask(&a);
	put_rekey(&a, w.c.child_spi);
	put_child(&a, 0xc0ffee01);
	give_create(&w, &a, &got);
	assert_int_equal(got.n.type, NOTIFY_NO_ADDITIONAL_SAS);
	assert_int_equal(count_children(&w), 1);
	assert_int_equal(sa_of(&w)->children->state, CHILD_INSTALLED);
	assert_int_equal(world_counter(&w, COUNT_CREATE_REFUSED), 4);
	world_stop(&w);
}

/* With a group in the suite: it must be that one (RFC 7296, 1.3), and its value must be sound. */
static void test_groups(void **state)
{
	static const uint8_t zeros[32];
	struct world w;
	struct asked a;
	struct answered got;
	struct kex *kex;

	(void)state;
	world_start(&w);
	assert_int_equal(esp_suite_parse("aes256gcm16-x25519", &w.connection.suites[0]), 0);
	world_restart(&w);
	world_establish(&w);
	assert_int_equal(kex_generate(w.crypto, KEX_ECP_256, &w.rng, &kex), 0);
	ask(&a);
	put_esp(&a, "aes256gcm16-x25519", 0xc0ffee01);
	put_nonce(&a);
	chain_put_ke(&a.chain, KEX_ECP_256, kex_public(kex));
	put_selectors(&a, "10.1.0.201/32", "10.1.0.0/25");
	kex_free(kex);
	check_refused(&w, &a, NOTIFY_INVALID_KE_PAYLOAD, &got);
	assert_int_equal(got.n.data.len, 2);
	assert_memory_equal(got.n.data.ptr, "\0\x1f", 2);
	ask(&a);
	put_esp(&a, "aes256gcm16-x25519", 0xc0ffee01);
	put_nonce(&a);
	put_selectors(&a, "10.1.0.201/32", "10.1.0.0/25");
	check_refused(&w, &a, NOTIFY_INVALID_KE_PAYLOAD, NULL);
	ask(&a);
	put_esp(&a, ESP_SUITE, 0xc0ffee01);
	put_nonce(&a);
	put_selectors(&a, "10.1.0.201/32", "10.1.0.0/25");
	check_refused(&w, &a, NOTIFY_NO_PROPOSAL_CHOSEN, NULL);
	ask(&a);
	put_esp(&a, "aes256gcm16-x25519", 0xc0ffee01);
	put_nonce(&a);
	chain_put_ke(&a.chain, KEX_CURVE25519, (struct bytes){ zeros, 32 });
	put_selectors(&a, "10.1.0.201/32", "10.1.0.0/25");
	give_create(&w, &a, &got);
	assert_int_equal(got.n.type, NOTIFY_INVALID_SYNTAX);
	assert_int_equal(w.n_down, 1);
	world_stop(&w);
}

/* Well-formed payloads, but not those that there have to be: RFC 7296, 2.21.3. */
static void test_malformed(void **state)
{
	(void)state;
	for (int k = 0; k < 6; k++) {
		struct world w;
		struct asked a;
		struct answered got;
		struct ts_list ts = world_prefix("10.1.0.201/32");

		world_start(&w);
		world_establish(&w);
		ask(&a);
		if (k != 1 && k != 0)
			put_esp(&a, ESP_SUITE, 0xc0ffee01);
		if (k != 2 && k != 0)
			put_nonce(&a);
		if (k == 3)
			chain_put_ts(&a.chain, PAYLOAD_TSI, &ts);
		if (k == 5)
			put_nonce(&a);
		if (k != 3 && k != 4 && k != 0)
			put_selectors(&a, "10.1.0.201/32", "10.1.0.0/25");
		give_create(&w, &a, &got);
		assert_int_equal(got.n.type, NOTIFY_INVALID_SYNTAX);
		assert_int_equal(w.n_down, 1);
		assert_int_equal(w.reason, REASON_SYNTAX);
		assert_int_equal(count_children(&w), 0);
		world_stop(&w);
	}
}

static void test_children_are_bounded(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;
	uint32_t spi = 0xc0000100;

	(void)state;
	world_start(&w);
	world_establish(&w);
	for (int k = 1; k < CHILDREN_MAX; k++) {
		ask(&a);
		put_child(&a, ++spi);
		give_create(&w, &a, &got);
		assert_int_equal(got.n.type, 0);
	}
	ask(&a);
	put_child(&a, ++spi);
	check_refused(&w, &a, NOTIFY_NO_ADDITIONAL_SAS, NULL);
	/* There is room to rekey each of them; and for a peer that never deletes, there is an end.
	 */
	for (int k = 0;; k++) {
		uint32_t old = k == 0 ? w.c.child_spi : spi;

		ask(&a);
		put_rekey(&a, old);
		put_child(&a, ++spi);
		give_create(&w, &a, &got);
		if (got.n.type != 0)
			break;
	}
	assert_int_equal(got.n.type, NOTIFY_NO_ADDITIONAL_SAS);
	assert_int_equal(count_children(&w), CHILDREN_ALL_MAX);
	world_stop(&w);
}

/* Nothing is answered before the data plane has it: not the request, nor its repetition. */
static void test_slow_data_plane(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;
	uint8_t request[IKECLIENT_MESSAGE_MAX], first[IKECLIENT_MESSAGE_MAX];
	struct bytes m;
	size_t len;

	(void)state;
	world_start(&w);
	world_establish(&w);
	w.is_slow = true;
	ask(&a);
	put_rekey(&a, w.c.child_spi);
	put_child(&a, 0xc0ffee01);
	m = ikeclient_seal_chain(&w.c, EXCHANGE_CREATE_CHILD_SA, false, w.c.next_id++, &a.chain);
	memcpy(request, m.ptr, m.len);
	m.ptr = request;
	assert_int_equal(world_give(&w, m).len, 0);
	assert_int_equal(world_give(&w, m).len, 0);
	/* Window 1: nor is the next one. */
	assert_int_equal(world_give(&w, ikeclient_liveness(&w.c)).len, 0);
	responder_child_result(w.r, w.now, w.child_id, 0);
	world_collect(&w);
	read_answer(&w, (struct bytes){ w.sent, w.sent_len }, &got);
	assert_int_equal(got.n.type, 0);
	memcpy(first, w.sent, w.sent_len);
	len = w.sent_len;
	m = world_give(&w, m);
	assert_int_equal(m.len, len);
	assert_memory_equal(m.ptr, first, len);
	/* One that never answers. */
	ask(&a);
	put_child(&a, 0xc0ffee02);
	w.c.next_id--;
	assert_int_equal(give(&w, &a, EXCHANGE_CREATE_CHILD_SA).len, 0);
	world_expire(&w, HALF_OPEN_S);
	read_answer(&w, (struct bytes){ w.sent, w.sent_len }, &got);
	assert_int_equal(got.n.type, NOTIFY_NO_ADDITIONAL_SAS);
	assert_int_equal(w.n_remove, 1);
	world_stop(&w);
}

/* What is replaced, or about to go, is not rekeyed once more (RFC 7296, 2.25). */
static void test_temporary_failure(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;

	(void)state;
	world_start(&w);
	world_establish(&w);
	ask(&a);
	put_rekey(&a, w.c.child_spi);
	put_child(&a, 0xc0ffee01);
	give_create(&w, &a, &got);
	ask(&a);
	put_rekey(&a, w.c.child_spi);
	put_child(&a, 0xc0ffee02);
	check_refused(&w, &a, NOTIFY_TEMPORARY_FAILURE, NULL);
	assert_true(responder_delete_child(w.r, w.now, w.child_id));
	world_collect(&w);
	assert_int_equal(w.n_sent, 1);
	ask(&a);
	put_rekey(&a, 0xc0ffee01);
	put_child(&a, 0xc0ffee03);
	check_refused(&w, &a, NOTIFY_TEMPORARY_FAILURE, NULL);
	world_stop(&w);
}

/* ---- the IKE SA ---- */

static void put_ike(struct asked *a, struct world *w, size_t spi_len)
{
	struct sa_payload offer;
	uint8_t spi[8];
	struct bytes octets = spi64_bytes(0x1122334455667788, spi);

	octets.len = spi_len;
	sa_offer_ike(&offer, &w->c.suite, 1, octets);
	chain_put_sa(&a->chain, &offer);
	put_nonce(a);
}

static void test_ike_rekey(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;
	struct create_child made;
	struct kex *kex;
	struct ike_sa *old, *heir;
	struct ike_keys want;
	AUTO_SECRET g_ir;

	(void)state;
	world_start(&w);
	world_establish(&w);
	old = sa_of(&w);
	assert_int_equal(kex_generate(w.crypto, KEX_CURVE25519, &w.rng, &kex), 0);
	ask(&a);
	put_ike(&a, &w, 8);
	chain_put_ke(&a.chain, KEX_CURVE25519, kex_public(kex));
	give_create(&w, &a, &got);
	assert_int_equal(create_child_decode(&got.list, true, &made), 0);
	assert_int_equal(w.n_changed, 1);
	assert_int_equal(w.peer.old_spi, w.c.spi_r);
	assert_true(w.peer.is_gateway);
	assert_int_equal(w.peer.peer_spi, 0x1122334455667788);
	assert_int_equal(w.peer.spi >> 48, 0x0701);
	assert_int_equal(w.peer.n_children, 1);
	assert_int_equal(w.n_add + w.n_remove + w.n_down, 0);
	assert_int_equal(responder_count_established(w.r), 1);
	/* Both are there until the old one is deleted. */
	heir = ike_sa_find(&w.r->core, w.peer.spi);
	assert_int_equal(heir->state, SA_ESTABLISHED);
	assert_false(heir->is_initiator);
	assert_int_equal(heir->rx_next + heir->tx_next, 0);
	assert_int_equal(old->state, SA_REPLACED);
	assert_int_equal(kex_derive(kex, made.ke.value, &g_ir), 0);
	assert_int_equal(ike_keys_rekey(w.crypto, w.c.suite.prf->id, key_bytes(&w.c.keys.d),
					&w.c.suite, (struct bytes){ some_nonce, 32 }, made.nonce,
					secret_bytes(&g_ir), 0x1122334455667788, w.peer.spi, &want),
			 0);
	assert_memory_equal(&want, &heir->keys, sizeof(want));
	/* The old one takes its Delete, and nothing new. */
	ask(&a);
	put_child(&a, 0xc0ffee02);
	give_create(&w, &a, &got);
	assert_int_equal(got.n.type, NOTIFY_TEMPORARY_FAILURE);
	read_answer(&w, world_give(&w, ikeclient_delete_ike(&w.c)), &got);
	assert_int_equal(got.list.n, 0);
	assert_int_equal(w.n_down + w.n_remove, 0);
	world_expire(&w, LINGER_MAX);
	assert_int_equal(HASH_CNT(hh_spi, w.r->core.by_spi), 1);
	kex_free(kex);
	world_stop(&w);
}

static void test_ike_rekey_refused(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;
	struct kex *kex;

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_int_equal(kex_generate(w.crypto, KEX_CURVE25519, &w.rng, &kex), 0);
	ask(&a);
	put_ike(&a, &w, 8); /* no KE at all */
	check_refused(&w, &a, NOTIFY_INVALID_KE_PAYLOAD, &got);
	assert_memory_equal(got.n.data.ptr, "\0\x1f", 2);
	ask(&a);
	put_ike(&a, &w, 0); /* no SPI */
	chain_put_ke(&a.chain, KEX_CURVE25519, kex_public(kex));
	check_refused(&w, &a, NOTIFY_NO_PROPOSAL_CHOSEN, NULL);
	assert_int_equal(ike_suite_parse("aes128gcm16-prfsha256-x25519", &w.c.suite), 0);
	ask(&a);
	put_ike(&a, &w, 8);
	chain_put_ke(&a.chain, KEX_CURVE25519, kex_public(kex));
	w.c.suite = w.conf.suites[0];
	check_refused(&w, &a, NOTIFY_NO_PROPOSAL_CHOSEN, NULL);
	/* While we have to do with a Child SA: to be asked again later (2.25.2). */
	assert_true(responder_delete_child(w.r, w.now, w.child_id));
	world_collect(&w);
	ask(&a);
	put_ike(&a, &w, 8);
	chain_put_ke(&a.chain, KEX_CURVE25519, kex_public(kex));
	check_refused(&w, &a, NOTIFY_TEMPORARY_FAILURE, NULL);
	kex_free(kex);
	world_stop(&w);
}

/* ---- Delete ---- */

/* Several at once, unknown ones, one twice: ours of those that we know come back. */
static void test_delete_several(void **state)
{
	struct world w;
	struct asked a;
	struct answered got;
	struct delete_body d;
	struct bytes body;

	(void)state;
	world_start(&w);
	world_establish(&w);
	ask(&a);
	put_child(&a, 0xc0ffee01);
	give_create(&w, &a, &got);
	ask(&a);
	put_child(&a, 0xc0ffee02);
	give_create(&w, &a, &got);
	ask(&a);
	{
		const uint32_t first[] = { 0xc0ffee01, 0x12345678, 0xc0ffee01 };
		const uint32_t second[] = { w.c.child_spi };

		chain_put_delete_esp(&a.chain, first, 3);
		chain_put_delete_esp(&a.chain, second, 1);
	}
	read_answer(&w, give(&w, &a, EXCHANGE_INFORMATIONAL), &got);
	assert_int_equal(got.list.n, 1);
	assert_int_equal(payload_get(&got.list, PAYLOAD_DELETE, &body), 0);
	assert_int_equal(delete_decode(body, &d), 0);
	assert_int_equal(d.count, 2);
	assert_int_equal(w.n_remove, 2);
	assert_int_equal(w.n_changed, 1);
	assert_int_equal(w.peer.n_children, 1);
	world_stop(&w);
}

/* Crossing requests for the same SA are answered without it (RFC 7296, 1.4.1). */
static void test_delete_crosses(void **state)
{
	struct world w;
	struct answered got;
	uint8_t request[IKECLIENT_MESSAGE_MAX];
	struct bytes ours = { request, 0 };

	(void)state;
	world_start(&w);
	world_establish(&w);
	assert_true(responder_delete_child(w.r, w.now, w.child_id));
	world_collect(&w);
	memcpy(request, w.sent, w.sent_len);
	ours.len = w.sent_len;
	assert_int_equal(w.n_outbound, 1); /* nothing is sent to there any more */
	read_answer(&w, ours, &got);
	assert_int_equal(got.list.items[0].type, PAYLOAD_DELETE);
	read_answer(&w, world_give(&w, ikeclient_delete_child(&w.c)), &got);
	assert_int_equal(got.list.n, 0);
	assert_int_equal(w.n_remove, 0);
	world_give(&w, ikeclient_answer(&w.c, ours));
	assert_int_equal(w.n_remove, 1);
	assert_int_equal(w.n_changed, 1);
	assert_int_equal(w.peer.n_children, 0);
	assert_int_equal(count_children(&w), 0);
	world_stop(&w);
}

/* Our Delete of the IKE SA: all is gone at once, and is repeated until it is answered or given up.
 */
static void test_delete_by_us(void **state)
{
	struct world w;
	struct answered got;
	int sent = 1;

	(void)state;
	for (int is_answered = 0; is_answered < 2; is_answered++) {
		world_start(&w);
		world_establish(&w);
		assert_true(responder_delete_ike(w.r, w.now, w.c.spi_r));
		world_collect(&w);
		assert_int_equal(w.n_remove, 1);
		assert_int_equal(w.n_down, 1);
		assert_int_equal(w.reason, REASON_STOPPED);
		read_answer(&w, (struct bytes){ w.sent, w.sent_len }, &got);
		assert_int_equal(got.list.items[0].type, PAYLOAD_DELETE);
		if (is_answered)
			world_give(&w,
				   ikeclient_answer(&w.c, (struct bytes){ w.sent, w.sent_len }));
		for (int k = 0; k < 200; k++) {
			world_expire(&w, 1000);
			sent += w.n_sent;
		}
		assert_int_equal(sent, 6);
		assert_int_equal(w.n_down, 0);
		assert_int_equal(HASH_CNT(hh_spi, w.r->core.by_spi), 0);
		assert_int_equal(responder_next_expiry(w.r), UINT64_MAX);
		world_stop(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_child),       cmocka_unit_test(test_rekeyed_child),
		cmocka_unit_test(test_refusals),        cmocka_unit_test(test_groups),
		cmocka_unit_test(test_malformed),       cmocka_unit_test(test_children_are_bounded),
		cmocka_unit_test(test_slow_data_plane), cmocka_unit_test(test_temporary_failure),
		cmocka_unit_test(test_ike_rekey),       cmocka_unit_test(test_ike_rekey_refused),
		cmocka_unit_test(test_delete_several),  cmocka_unit_test(test_delete_crosses),
		cmocka_unit_test(test_delete_by_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
