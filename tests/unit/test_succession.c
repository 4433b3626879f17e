/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/sk.h"
#include "tests/lib/ike_pair.h"
#include "tests/lib/ike_world.h"

/*
 * IKE SAs that follow one another, and what has to be known of one so that another member can speak
 * on it when its owner is dead: keys by direction, message IDs, an IV that was never used, who the
 * gateway is; all of it over rekeys by either end, which turn the roles round.
 */
#define SUCCESSOR_IV (1ull << 63) /* the owner's own have the top bit clear */

/* ---- what an owner's successor needs ---- */

static struct ike_sa *only_sa(struct ike_pair *p, enum pair_side side)
{
	struct ike_core *c = pair_core(p, side);

	assert_int_equal(HASH_CNT(hh_spi, c->by_spi), 1);
	return c->by_spi;
}

/* HDR, SK {D} from the gateway's side, made of what an escrowed record would hold. */
static struct bytes speak(struct ike_pair *p, const struct ike_sa *sa, uint8_t *buf, size_t cap)
{
	const struct key *key = sa->is_initiator ? &sa->keys.ei : &sa->keys.er;
	const struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_INFORMATIONAL,
		.flags = sa->is_initiator ? IKE_FLAG_INITIATOR : 0,
		.message_id = sa->tx_next,
	};
	uint8_t octets[64];
	struct wr inner = wr_init(octets, sizeof(octets)), w = wr_init(buf, cap);
	struct payload_writer chain = chain_open(&inner);
	struct bytes plain, message;

	chain_put_delete_ike(&chain);
	assert_int_equal(wr_finish(&inner, &plain), 0);
	sk_seal(&w, p->crypto, sa->suite.encr, key_bytes(key), SUCCESSOR_IV, &h, chain.first,
		plain);
	assert_int_equal(wr_finish(&w, &message), 0);
	return message;
}

/* The member is dead; what it knew of its one SA is used by another one. */
static void check_successor(enum pair_side rekeyed_by, int times)
{
	struct ike_pair p;
	struct ike_sa *sa;
	struct bytes message;
	uint8_t buf[256];
	struct action a;
	int n_down = 0, n_sent = 0;

	pair_start(&p, 11);
	pair_establish(&p);
	for (int k = 0; k < times; k++) {
		assert_true(pair_do(&p, rekeyed_by, OP_REKEY_IKE));
		pair_run(&p, 15000);
	}
	/* Requests of its own, answered: the next message ID is what the peer waits for. */
	assert_true(pair_do(&p, RESPONDER, OP_REKEY_CHILD));
	pair_run(&p, 15000);
	pair_check(&p);
	sa = only_sa(&p, RESPONDER);
	assert_true(sa->is_gateway);
	assert_int_equal(sa->is_initiator, times > 0 && rekeyed_by == RESPONDER);
	assert_true(sa->next_iv > 1 && sa->next_iv < SUCCESSOR_IV);
	assert_int_equal(sa->tx_next, only_sa(&p, INITIATOR)->rx_next);
	message = speak(&p, sa, buf, sizeof(buf));
	initiator_datagram(p.i, p.now, &(struct path){ p.path.local, p.path.remote }, message);
	while (initiator_next_action(p.i, &a)) {
		n_down += a.type == ACTION_PEER_DOWN && a.reason == REASON_DELETED;
		n_sent += a.type == ACTION_SEND;
	}
	assert_int_equal(n_down, 1);
	assert_int_equal(n_sent, 1);
	pair_stop(&p);
}

static void test_successor_speaks(void **state)
{
	(void)state;
	check_successor(RESPONDER, 0);
	for (int times = 1; times < 4; times++) {
		check_successor(RESPONDER, times);
		check_successor(INITIATOR, times);
	}
}

/* An end that is freed in the middle of its own rekey: the heir goes with it, once. */
static void test_stopped_while_rekeying(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct ike_pair p;

		pair_start(&p, 12);
		pair_establish(&p);
		assert_true(pair_do(&p, (enum pair_side)side, OP_REKEY_IKE));
		assert_int_equal(pair_count_sas(&p, (enum pair_side)side), 2);
		pair_stop(&p);
	}
}

/* ---- IVs ---- */

struct last_iv {
	uint64_t spi_i, spi_r;
	uint64_t iv;
};

static uint64_t read_u64(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

/* Each message of the gateway under a key has a higher IV than those before, or is the same. */
static void check_iv(struct bytes m, struct last_iv *last)
{
	size_t at = IKE_HEADER_SIZE + 4 + (m.ptr[16] == PAYLOAD_SKF ? 4 : 0);
	uint64_t spi_i = read_u64(m.ptr), spi_r = read_u64(m.ptr + 8), iv = read_u64(m.ptr + at);

	if (m.ptr[16] != PAYLOAD_SK && m.ptr[16] != PAYLOAD_SKF)
		return;
	assert_true(iv < SUCCESSOR_IV);
	if (last->spi_i == spi_i && last->spi_r == spi_r)
		assert_true(iv > last->iv);
	*last = (struct last_iv){ spi_i, spi_r, iv };
}

/* Each world has one SA at a time and no repetition: so IVs rise from message to message. */
static void test_ivs_rise(void **state)
{
	struct last_iv last = { 0, 0, 0 };
	struct world w;

	(void)state;
	world_start(&w);
	world_establish(&w);
	check_iv((struct bytes){ w.sent, w.sent_len }, &last);
	for (int k = 0; k < 100; k++) {
		struct bytes m;

		if (k % 3 == 0) {
			world_expire(&w, DPD_MS + 1);
			m = (struct bytes){ w.sent, w.sent_len };
			check_iv(m, &last);
			world_give(&w, ikeclient_answer(&w.c, m));
		} else {
			check_iv(world_give(&w, ikeclient_liveness(&w.c)), &last);
		}
	}
	assert_int_equal(last.iv, 101);
	world_stop(&w);
}

/* ---- a peer that rekeys on and on, and deletes nothing ---- */

static void rekey_ike(struct world *w, uint64_t spi)
{
	static const uint8_t ni[NONCE_SIZE] = { 1, 2, 3 };
	uint8_t buf[IKECLIENT_MESSAGE_MAX], octets[8];
	struct wr wr = wr_init(buf, sizeof(buf));
	struct payload_writer chain = chain_open(&wr);
	struct sa_payload offer;
	struct payload_list list;
	struct create_child made;
	struct ike_header h;
	struct ike_keys keys;
	struct kex *kex;
	AUTO_SECRET g_ir;

	assert_int_equal(kex_generate(w->crypto, KEX_CURVE25519, &w->rng, &kex), 0);
	sa_offer_ike(&offer, &w->c.suite, 1, spi64_bytes(spi, octets));
	chain_put_sa(&chain, &offer);
	payload_put(&chain, PAYLOAD_NONCE, (struct bytes){ ni, sizeof(ni) });
	chain_put_ke(&chain, KEX_CURVE25519, kex_public(kex));
	assert_int_equal(
	    ikeclient_open(&w->c,
			   world_give(w, ikeclient_seal_chain(&w->c, EXCHANGE_CREATE_CHILD_SA,
							      false, w->c.next_id++, &chain)),
			   &h, &list),
	    0);
	assert_int_equal(create_child_decode(&list, true, &made), 0);
	assert_int_equal(made.error, 0);
	assert_int_equal(kex_derive(kex, made.ke.value, &g_ir), 0);
	assert_int_equal(ike_keys_rekey(w->crypto, w->c.suite.prf->id, key_bytes(&w->c.keys.d),
					&w->c.suite, (struct bytes){ ni, sizeof(ni) }, made.nonce,
					secret_bytes(&g_ir), spi, w->peer.spi, &keys),
			 0);
	w->c.keys = keys;
	w->c.spi_i = spi;
	w->c.spi_r = w->peer.spi;
	w->c.next_id = 0;
	w->c.next_iv = 1;
	kex_free(kex);
}

static size_t count_state(const struct world *w, enum sa_state state)
{
	size_t n = 0;

	for (const struct ike_sa *sa = w->r->core.by_spi; sa != NULL; sa = sa->hh_spi.next)
		n += sa->state == state;
	return n;
}

static void test_replaced_are_bounded(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	world_establish(&w);
	for (uint64_t k = 1; k <= 100; k++) {
		rekey_ike(&w, k);
		w.now += 1000;
		world_expire(&w, 0);
		assert_int_equal(count_state(&w, SA_ESTABLISHED), 1);
		assert_in_range(count_state(&w, SA_REPLACED), 1, 4);
		assert_in_range(HASH_CNT(hh_spi, w.r->core.by_spi), 2, 1 + 4 + 11);
	}
	assert_int_equal(w.n_down, 0);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_successor_speaks),
		cmocka_unit_test(test_stopped_while_rekeying),
		cmocka_unit_test(test_ivs_rise),
		cmocka_unit_test(test_replaced_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
