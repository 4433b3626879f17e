/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/payloads.h"
#include "tests/lib/ike_scene.h"

/*
 * Every message in every situation that two real ends bring each other to: of every exchange, set
 * of flags and message ID, sealed rightly, forged, malformed inside, or a fragment. What is not to
 * be taken changes nothing, octet for octet, and is answered by nothing. What is to be taken is
 * answered once, whatever is in it; all fits together after it; and in the end, when nobody answers
 * any more, there is nothing left of anything.
 *
 * What is to be taken is said here once more, apart from the tables of the program.
 */
static const uint8_t exchanges[] = { 0,
				     EXCHANGE_IKE_SA_INIT,
				     EXCHANGE_IKE_AUTH,
				     EXCHANGE_CREATE_CHILD_SA,
				     EXCHANGE_INFORMATIONAL,
				     EXCHANGE_IKE_SESSION_RESUME,
				     43,
				     240 };
#define N_EXCHANGES (sizeof(exchanges) / sizeof(exchanges[0]))

/* What was met on the way, to see that nothing was left out. */
static size_t met[SA_STATE_COUNT][N_EXCHANGES][2];
static size_t n_taken;

static const uint8_t broken[] = { 0, 0, 255, 255 };

/* ---- what is to be taken ---- */

/* Which exchanges a state takes as a request, and which as a response. */
static bool is_listed(const struct ike_sa *sa, uint8_t exchange, bool is_response)
{
	switch (sa->state) {
	case SA_HALF_OPEN:
		return exchange == EXCHANGE_IKE_AUTH && !is_response;
	case SA_AUTH_SENT:
		return exchange == EXCHANGE_IKE_AUTH && is_response;
	case SA_HEIR:
		if (is_response)
			return false;
		return exchange == EXCHANGE_CREATE_CHILD_SA || exchange == EXCHANGE_INFORMATIONAL;
	case SA_ESTABLISHED:
	case SA_REPLACED:
	case SA_CLOSING:
		if (is_response)
			return sa->outstanding.len > 18 && sa->outstanding.ptr[18] == exchange;
		return exchange == EXCHANGE_CREATE_CHILD_SA || exchange == EXCHANGE_INFORMATIONAL;
	default:
		return false;
	}
}

enum verdict {
	TAKEN,
	REPEATED, /* the last response once more */
	STRANGE,  /* no SA of that name and role that has keys */
	FALSE,    /* not from the peer */
	LATE,     /* or early, or never asked for */
	UNLISTED,
	BEGINNING, /* of an SA to be, or the answer to it: another matter */
};

static enum verdict judge_place(const struct ike_sa *sa, const struct message *m)
{
	if (m->flags & IKE_FLAG_RESPONSE)
		return sa->outstanding.len > 0 && m->mid == sa->tx_next - 1 ? TAKEN : LATE;
	if (sa->answer.message.len > 0)
		return LATE;
	if (m->mid == sa->rx_next)
		return TAKEN;
	return m->mid + 1 == sa->rx_next && sa->last_response.len > 0 ? REPEATED : LATE;
}

static bool is_initial(const struct message *m)
{
	return m->exchange == EXCHANGE_IKE_SA_INIT || m->exchange == EXCHANGE_IKE_SESSION_RESUME;
}

static enum verdict judge(const struct ike_sa *sa, const struct message *m)
{
	enum verdict place = judge_place(sa, m);

	/* Exchanges that begin an SA have no business in one that is there. */
	if (is_initial(m))
		return sa->keys.d.len == 0 ? BEGINNING : UNLISTED;
	if (((m->flags & IKE_FLAG_INITIATOR) != 0) == sa->is_initiator || sa->keys.d.len == 0)
		return STRANGE;
	if (m->form == FORGED)
		return FALSE;
	if (place != TAKEN)
		return place;
	return is_listed(sa, m->exchange, m->flags & IKE_FLAG_RESPONSE) ? TAKEN : UNLISTED;
}

/* Nothing but a counter; and that the peer is alive, if it was the peer, now. */
static void expect(struct scene *sc, struct core_copy *copy, const struct ike_sa *sa,
		   const struct message *m, enum verdict verdict)
{
	static const enum ike_counter counters[] = {
		[REPEATED] = COUNT_RETRANSMIT, [STRANGE] = COUNT_DROP_UNKNOWN_SPI,
		[FALSE] = COUNT_DROP_ICV,      [LATE] = COUNT_DROP_WINDOW,
		[UNLISTED] = COUNT_DROP_STATE,
	};

	copy->counters[COUNT_RX]++;
	copy->counters[counters[verdict]]++;
	copy->counters[COUNT_TX] += verdict == REPEATED;
	if (verdict == UNLISTED && !is_initial(m) && m->form != FRAGMENT)
		core_copy_of(copy, sa)->heard_ms = sc->p.now;
}

/* What is not to be taken. */
static void check_message(struct scene *sc, const struct ike_sa *sa, const struct message *m,
			  enum verdict verdict)
{
	static struct core_copy copy;
	struct bytes inner = { broken, m->form == MALFORMED ? sizeof(broken) : 0 };

	core_copy(&sc->p, sc->s.side, &copy);
	scene_give(sc, sa, m, inner.len > 0 ? PAYLOAD_NOTIFY : PAYLOAD_NONE, inner);
	expect(sc, &copy, sa, m, verdict);
	core_check_same(&sc->p, sc->s.side, &copy);
	scene_drain(sc);
	assert_int_equal(sc->n_requests, 0);
	assert_int_equal(sc->n_responses, verdict == REPEATED);
	if (verdict == REPEATED) {
		assert_int_equal(sc->sent.len, sa->last_response.len);
		assert_memory_equal(sc->sent.ptr, sa->last_response.ptr, sc->sent.len);
	}
}

/* Calls visit for every message that an SA may be sent, whatever it is to it. */
static void each_message(struct scene *sc, const struct ike_sa *sa,
			 void (*visit)(struct scene *sc, const struct ike_sa *sa,
				       const struct message *m, enum verdict verdict))
{
	const uint32_t mids[] = { sa->rx_next - 1, sa->rx_next,     sa->rx_next + 1, sa->tx_next,
				  sa->tx_next - 1, sa->tx_next - 2, UINT32_MAX };

	for (unsigned int k = 0; k < N_EXCHANGES * 8 * 7 * FORM_COUNT; k++) {
		unsigned int flags = k / N_EXCHANGES % 8, mid = k / N_EXCHANGES / 8 % 7;
		struct message m = {
			.exchange = exchanges[k % N_EXCHANGES],
			.mid = mids[mid],
			.form = (enum form)(k / N_EXCHANGES / 8 / 7),
		};

		m.flags = (uint8_t)((flags & 1 ? IKE_FLAG_INITIATOR : 0) |
				    (flags & 2 ? IKE_FLAG_RESPONSE : 0) |
				    (flags & 4 ? (uint8_t) ~(IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE)
					       : 0));
		met[sa->state][k % N_EXCHANGES][flags & 2 ? 1 : 0]++;
		visit(sc, sa, &m, judge(sa, &m));
	}
}

static void refuse(struct scene *sc, const struct ike_sa *sa, const struct message *m,
		   enum verdict verdict)
{
	if (verdict != TAKEN && verdict != BEGINNING)
		check_message(sc, sa, m, verdict);
}

/* ---- what is to be taken, with any content ---- */

enum content {
	EMPTY,
	BROKEN,
	CRITICAL,
	DELETE_IKE,
	DELETE_CHILD,
	DELETE_UNKNOWN,
	DELETE_MALFORMED,
	MAKE_CHILD,
	MADE_CHILD, /* the same with the selectors as in an answer */
	REKEY_CHILD,
	REKEY_UNKNOWN,
	REKEY_IKE,
	NOTIFY,
};

static const uint16_t notifies[] = { NOTIFY_INVALID_SYNTAX,     NOTIFY_NO_PROPOSAL_CHOSEN,
				     NOTIFY_INVALID_KE_PAYLOAD, NOTIFY_AUTHENTICATION_FAILED,
				     NOTIFY_TEMPORARY_FAILURE,  NOTIFY_CHILD_SA_NOT_FOUND };
#define N_CONTENTS (NOTIFY + (int)(sizeof(notifies) / sizeof(notifies[0])))

static void put_child(struct scene *sc, struct payload_writer *chain, bool is_answer)
{
	static const uint8_t nonce[32] = { 7 };
	const struct policy_connection *conn = &sc->p.connection[sc->s.side];
	const struct ts_list *alice = &sc->p.connection[INITIATOR].local;
	const struct ts_list *inside = &sc->p.connection[RESPONDER].local;
	bool is_from_alice = (sc->s.side == RESPONDER) != is_answer;
	struct sa_payload offer;
	uint8_t spi[4];

	sa_offer_esp(&offer, conn->suites, 1, spi32_bytes(0xc0ffee01, spi));
	chain_put_sa(chain, &offer);
	payload_put(chain, PAYLOAD_NONCE, (struct bytes){ nonce, sizeof(nonce) });
	chain_put_ts(chain, PAYLOAD_TSI, is_from_alice ? alice : inside);
	chain_put_ts(chain, PAYLOAD_TSR, is_from_alice ? inside : alice);
}

static void put_ike(struct scene *sc, struct payload_writer *chain)
{
	static const uint8_t nonce[32] = { 8 }, point[32] = { 9 }; /* 9 is that of the base */
	struct sa_payload offer;
	uint8_t spi[8];

	sa_offer_ike(&offer, sc->p.rconf.suites, 1, spi64_bytes(0xfeedbeef, spi));
	chain_put_sa(chain, &offer);
	payload_put(chain, PAYLOAD_NONCE, (struct bytes){ nonce, sizeof(nonce) });
	chain_put_ke(chain, 31, (struct bytes){ point, sizeof(point) });
}

static void put_malformed(struct payload_writer *chain, uint8_t type, const uint8_t octets[4])
{
	chain->first = type;
	wr_bytes(chain->w, (struct bytes){ octets, 4 });
}

static void put_content(struct scene *sc, const struct ike_sa *sa, int content,
			struct payload_writer *chain)
{
	static const uint8_t critical[] = { 0, 0x80, 0, 4 }, bad[] = { 3, 5, 0, 1 };
	static const uint8_t group[] = { 0, 31 };
	uint32_t known = sa->children != NULL ? sa->children->spi_out : 1, unknown = 0xdeadbeef;

	switch (content) {
	case EMPTY:
		break;
	case BROKEN:
		put_malformed(chain, PAYLOAD_NOTIFY, broken);
		break;
	case CRITICAL:
		put_malformed(chain, 200, critical);
		break;
	case DELETE_IKE:
		chain_put_delete_ike(chain);
		break;
	case DELETE_CHILD:
	case DELETE_UNKNOWN:
		chain_put_delete_esp(chain, content == DELETE_CHILD ? &known : &unknown, 1);
		break;
	case DELETE_MALFORMED:
		payload_put(chain, PAYLOAD_DELETE, (struct bytes){ bad, sizeof(bad) });
		break;
	case REKEY_CHILD:
	case REKEY_UNKNOWN:
		chain_put_esp_notify(chain, NOTIFY_REKEY_SA,
				     content == REKEY_CHILD ? known : unknown);
		put_child(sc, chain, false);
		break;
	case MAKE_CHILD:
	case MADE_CHILD:
		put_child(sc, chain, content == MADE_CHILD);
		break;
	case REKEY_IKE:
		put_ike(sc, chain);
		break;
	default:
		/* What only one of them has to say the others may have too. */
		chain_put_notify(chain, notifies[content - NOTIFY],
				 (struct bytes){ group, sizeof(group) });
	}
}

/* A request is answered once, now or when the data plane is ready; a response never. */
static void check_taken(struct scene *sc, const struct ike_sa *sa, const struct ike_sa *before,
			const struct message *m)
{
	if (m->flags & IKE_FLAG_RESPONSE) {
		assert_int_equal(sc->n_responses, 0);
		assert_true(sa == NULL || sa->outstanding.len == 0 ||
			    sa->tx_next != before->tx_next);
		return;
	}
	assert_non_null(sa);
	assert_int_equal(sa->rx_next, before->rx_next + 1);
	if (sa->answer.message.len > 0 || sa->state == SA_INSTALLING) {
		assert_int_equal(sc->n_responses, 0);
		return;
	}
	assert_int_equal(sc->n_responses, 1);
	assert_int_equal(sc->response.message_id, m->mid);
	assert_int_equal(sc->response.exchange, m->exchange);
	assert_true(sc->response.spi_i == before->spi_i && sc->response.spi_r == before->spi_r);
}

/* Once for each content, in a situation of its own, on the way to nothing. */
static void take(struct scene *sc, const struct ike_sa *at, const struct message *m,
		 enum verdict verdict)
{
	if (verdict != TAKEN || m->form != SEALED || m->flags & 0x80)
		return;
	for (int content = 0; content < N_CONTENTS; content++) {
		struct scene again = { .s = sc->s };
		uint8_t buf[1024];
		struct wr w = wr_init(buf, sizeof(buf));
		struct payload_writer chain = chain_open(&w);
		struct ike_sa *sa, before;
		struct bytes inner;

		scene_build(&again);
		sa = ike_sa_find(again.c, at->own_spi);
		memcpy(&before, sa, sizeof(before));
		put_content(&again, sa, content, &chain);
		assert_int_equal(wr_finish(&w, &inner), 0);
		scene_give(&again, sa, m, chain.first, inner);
		scene_drain(&again);
		check_taken(&again, ike_sa_find(again.c, before.own_spi), &before, m);
		core_check_order(&again.p, again.s.side);
		core_check_silence(&again.p, again.s.side);
		scene_free(&again);
		n_taken++;
	}
}

/* ---- the walk ---- */

static void walk_situation(struct scene *sc)
{
	static struct core_copy copy;

	core_copy(&sc->p, sc->s.side, &copy);
	core_check_order(&sc->p, sc->s.side);
	for (size_t k = 0; k < copy.n_sas; k++) {
		const struct ike_sa *sa = copy.sas_at[k];

		each_message(sc, sa, refuse);
		each_message(sc, sa, take);
	}
}

static void test_responder(void **state)
{
	(void)state;
	scene_walk(RESPONDER, false, walk_situation);
}

static void test_initiator(void **state)
{
	(void)state;
	scene_walk(INITIATOR, false, walk_situation);
}

static void test_slow_responder(void **state)
{
	(void)state;
	scene_walk(RESPONDER, true, walk_situation);
}

static void test_slow_initiator(void **state)
{
	(void)state;
	scene_walk(INITIATOR, true, walk_situation);
}

/* Every exchange was met in every state, either way. */
static void test_nothing_is_left_out(void **state)
{
	(void)state;
	for (int s = 0; s < SA_STATE_COUNT; s++) {
		for (size_t k = 0; k < N_EXCHANGES; k++)
			assert_true(met[s][k][0] > 0 && met[s][k][1] > 0);
	}
	assert_true(n_taken > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_responder),           cmocka_unit_test(test_initiator),
		cmocka_unit_test(test_slow_responder),      cmocka_unit_test(test_slow_initiator),
		cmocka_unit_test(test_nothing_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
