/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/payloads.h"
#include "common/ikev2/sk.h"
#include "tests/lib/ike_pair.h"

/*
 * Tickets at the initiator (RFC 5723): how it gets them, what it does with them, and what becomes
 * of them; against the real responder, and against answers that anybody could send.
 */
static const struct bytes nothing = { NULL, 0 };

static void start(struct ike_pair *p, uint64_t seed)
{
	pair_start(p, seed);
	pair_give_tickets(p);
}

static struct pair_end *peer_of(struct ike_pair *p)
{
	return &p->end[INITIATOR];
}

static uint64_t counter(const struct ike_pair *p, enum ike_counter which)
{
	return initiator_counter(p->i, which);
}

/* ---- to get one ---- */

static void test_asked_in_auth(void **state)
{
	struct ike_pair p;
	const struct resumption *t;

	(void)state;
	start(&p, 1);
	pair_establish(&p);
	t = &peer_of(&p)->ticket;
	assert_int_equal(peer_of(&p)->n_tickets, 1);
	assert_int_equal(responder_counter(p.r, COUNT_TICKET_ISSUED), 1);
	assert_true(t->ticket_len > 0);
	assert_int_equal(t->spi, peer_of(&p)->peer.spi);
	assert_true(t->expires_ms > p.now + PAIR_TICKET_S * 1000 - 2000);
	assert_true(t->expires_ms <= p.now + PAIR_TICKET_S * 1000);
	assert_memory_equal(&t->sk_d, &p.i->core.by_spi->keys.d, sizeof(t->sk_d));
	assert_memory_equal(t->idr, "gw.example", t->idr_len);
	assert_memory_equal(t->idi, "alice.example", t->idi_len);
	assert_int_equal(t->auth_method, AUTH_SHARED_KEY);
	pair_run(&p, 60000);
	assert_int_equal(counter(&p, COUNT_TICKET_TAKEN), 1);
	pair_check(&p);
	pair_stop(&p);
}

static void test_not_asked(void **state)
{
	struct ike_pair p;

	(void)state;
	start(&p, 2);
	p.iconf.want_ticket = false;
	pair_establish(&p);
	pair_do(&p, INITIATOR, OP_REKEY_IKE);
	pair_run(&p, 1000);
	assert_int_equal(responder_counter(p.r, COUNT_TICKET_ISSUED), 0);
	/* But if the caller wants one, it is asked for, once. */
	assert_true(initiator_request_ticket(p.i, p.now, peer_of(&p)->peer.spi));
	assert_false(initiator_request_ticket(p.i, p.now, 12345));
	pair_run(&p, 1);
	pair_run(&p, 1000);
	assert_int_equal(responder_counter(p.r, COUNT_TICKET_ISSUED), 1);
	assert_int_equal(peer_of(&p)->n_tickets, 1);
	assert_true(initiator_request_ticket(p.i, p.now, peer_of(&p)->peer.spi));
	pair_run(&p, 1);
	pair_run(&p, 20000);
	assert_int_equal(peer_of(&p)->n_tickets, 2);
	pair_check(&p);
	pair_stop(&p);
}

/* RFC 5723, 4.1: the old one is void then, another one comes with the rekey or behind it. */
static void test_rekeyed(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct ike_pair p;
		uint64_t spi;

		start(&p, 3);
		pair_establish(&p);
		spi = peer_of(&p)->peer.spi;
		pair_run(&p, 1000);
		assert_true(pair_do(&p, (enum pair_side)side, OP_REKEY_IKE));
		pair_run(&p, 30000);
		assert_int_equal(peer_of(&p)->n_gone, 1);
		assert_int_equal(peer_of(&p)->n_tickets, 2);
		assert_true(peer_of(&p)->ticket.spi != spi);
		assert_int_equal(peer_of(&p)->ticket.spi, peer_of(&p)->peer.spi);
		pair_check(&p);
		assert_int_equal(responder_counter(p.r, COUNT_TICKET_ISSUED), 2);
		pair_replace_gateway(&p);
		pair_resume(&p);
		pair_run(&p, 1000);
		assert_int_equal(counter(&p, COUNT_RESUMED), 1);
		pair_stop(&p);
	}
}

/* No answer, or no, is no for good: until the next rekey. */
static void test_denied(void **state)
{
	struct ike_pair p;

	(void)state;
	start(&p, 4);
	p.rconf.tickets = NULL;
	pair_establish(&p);
	pair_run(&p, 60000);
	assert_int_equal(peer_of(&p)->n_tickets, 0);
	assert_true(pair_do(&p, RESPONDER, OP_REKEY_IKE));
	pair_run(&p, 60000);
	assert_int_equal(responder_counter(p.r, COUNT_TICKET_DENIED), 2);
	pair_check(&p);
	pair_stop(&p);
}

/* A response of the gateway's, sealed with its keys. */
static void answer(struct ike_pair *p, const struct ike_sa *sa, uint8_t exchange,
		   const struct payload_writer *chain)
{
	static uint64_t iv = 1ull << 62;
	uint8_t buf[1024];
	struct wr w = wr_init(buf, sizeof(buf));
	const struct ike_header h = { .spi_i = sa->spi_i,
				      .spi_r = sa->spi_r,
				      .version = IKE_VERSION,
				      .exchange = exchange,
				      .flags = IKE_FLAG_RESPONSE,
				      .message_id = sa->tx_next - 1 };
	struct path path = sa->path;
	struct bytes inner, message;

	assert_int_equal(wr_finish(chain->w, &inner), 0);
	sk_seal(&w, p->crypto, sa->suite.encr, key_bytes(&sa->keys.er), iv++, &h, chain->first,
		inner);
	assert_int_equal(wr_finish(&w, &message), 0);
	initiator_datagram(p->i, p->now, &path, message);
}

static void answer_auth(struct ike_pair *p, const struct ike_sa *sa, uint16_t with)
{
	const struct attempt *a = attempt_of(sa);
	uint8_t buf[512], id_buf[64], data[PRF_MAX_SIZE];
	struct wr w = wr_init(buf, sizeof(buf)), idw = wr_init(id_buf, sizeof(id_buf));
	struct payload_writer chain = chain_open(&w);
	struct auth_body auth = { AUTH_SHARED_KEY, { data, prf_size(sa->suite.prf->id) } };
	struct bytes id;

	id_encode(&idw, &p->gateway.id);
	assert_int_equal(wr_finish(&idw, &id), 0);
	assert_int_equal(auth_psk_compute(p->crypto, sa->suite.prf->id, p->gateway.psk,
					  (struct bytes){ a->response.ptr, a->response.len },
					  (struct bytes){ a->ni, sizeof(a->ni) },
					  key_bytes(&sa->keys.pr), id, data),
			 0);
	payload_put(&chain, PAYLOAD_IDR, id);
	payload_open(&chain, PAYLOAD_AUTH);
	auth_encode(&w, &auth);
	payload_close(&chain);
	chain_put_notify(&chain, with, nothing);
	answer(p, sa, EXCHANGE_IKE_AUTH, &chain);
}

/* RFC 5723, 4.1: TICKET_ACK is "ask later", once; and some give TICKET_OPAQUE. */
static void test_later(void **state)
{
	static const uint8_t octets[] = "a ticket of somebody else's";
	static const struct {
		uint16_t in_auth, then;
		int n_asked, n_tickets;
	} all[] = {
		{ NOTIFY_TICKET_ACK, NOTIFY_TICKET_OPAQUE, 1, 1 },
		{ NOTIFY_TICKET_ACK, NOTIFY_TICKET_ACK, 1, 0 },
		{ NOTIFY_TICKET_NACK, 0, 0, 0 },
		{ NOTIFY_MOBIKE_SUPPORTED, 0, 0, 0 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		struct ike_pair p;
		struct ike_sa *sa;
		int n;

		start(&p, 17);
		pair_open(&p);
		pair_connect(&p);
		pair_run(&p, 25);
		p.link.loss_ppm = 1000000;
		p.link.n = 0;
		sa = p.i->core.by_spi;
		assert_int_equal(sa->state, SA_AUTH_SENT);
		answer_auth(&p, sa, all[k].in_auth);
		n = peer_of(&p)->n_sent;
		pair_run(&p, 1);
		pair_run(&p, 10);
		assert_int_equal(peer_of(&p)->n_up, 1);
		assert_int_equal(peer_of(&p)->n_sent - n, all[k].n_asked);
		if (all[k].then != 0) {
			uint8_t buf[128];
			struct wr w = wr_init(buf, sizeof(buf));
			struct payload_writer chain = chain_open(&w);

			chain_put_notify(&chain, all[k].then,
					 all[k].then == NOTIFY_TICKET_OPAQUE
					     ? (struct bytes){ octets, sizeof(octets) }
					     : nothing);
			answer(&p, sa, EXCHANGE_INFORMATIONAL, &chain);
		}
		pair_run(&p, 1);
		pair_run(&p, 100);
		assert_int_equal(peer_of(&p)->n_sent - n, all[k].n_asked);
		assert_int_equal(peer_of(&p)->n_tickets, all[k].n_tickets);
		if (all[k].n_tickets > 0) {
			assert_int_equal(peer_of(&p)->ticket.ticket_len, sizeof(octets));
			assert_true(peer_of(&p)->ticket.expires_ms > p.now + 3500000);
		}
		pair_stop(&p);
	}
}

/* Deleted by either: its ticket is void, and the shell hears of it before. */
static void test_deleted(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct ike_pair p;

		start(&p, 5);
		pair_establish(&p);
		assert_true(pair_do(&p, (enum pair_side)side, OP_DELETE_IKE));
		pair_run(&p, 1000);
		assert_int_equal(peer_of(&p)->n_down, 1);
		assert_int_equal(peer_of(&p)->n_gone, 1);
		assert_int_equal(peer_of(&p)->ticket.ticket_len, 0);
		pair_stop(&p);
	}
}

/* ---- to use one ---- */

static void test_resumed(void **state)
{
	(void)state;
	for (int k = 0; k < 8; k++) {
		struct ike_pair p;

		start(&p, 6);
		p.iconf.short_auth = (k & 1) != 0;
		p.rconf.allow_short_auth = true;
		p.rconf.cookie_above = k & 2 ? 0 : 100;
		p.rconf.half_open_max = k & 2 ? 1 : 100; /* cookies come with need only */
		p.rconf.force_encap = (k & 4) != 0;
		pair_establish(&p);
		pair_replace_gateway(&p);
		pair_resume(&p);
		pair_run(&p, 1000);
		assert_int_equal(responder_counter(p.r, COUNT_RESUMED), 1);
		assert_int_equal(counter(&p, COUNT_RESUMED), 1);
		assert_int_equal(counter(&p, COUNT_TICKET_SHOWN), 1);
		assert_int_equal(responder_counter(p.r, COUNT_COOKIE) > 0, (k & 2) != 0);
		assert_true(peer_of(&p)->peer.is_resumed);
		assert_int_equal(peer_of(&p)->n_up, 2);
		assert_int_equal(peer_of(&p)->n_tickets, 2);
		assert_int_equal(p.end[RESPONDER].n_children, 1);
		assert_int_equal(p.end[RESPONDER].peer.n_children, 1);
		assert_int_equal(p.end[RESPONDER].children[0].remote.port, k & 4 ? 4500 : 500);
		pair_stop(&p);
	}
}

/* The one that it was given for is alive: its copy is gone, and it goes without a word here too. */
static void test_resumed_alive(void **state)
{
	struct ike_pair p;
	int n;

	(void)state;
	start(&p, 7);
	pair_establish(&p);
	n = peer_of(&p)->n_sent;
	pair_resume(&p);
	assert_null(kept_of(ike_sa_find(&p.i->core, peer_of(&p)->peer.spi))->ticket);
	pair_run(&p, 20000);
	assert_int_equal(p.end[RESPONDER].n_down, 1);
	assert_int_equal(p.end[RESPONDER].reason, REASON_RESUMED);
	assert_int_equal(peer_of(&p)->n_down, 1);
	assert_int_equal(peer_of(&p)->reason, REASON_RESUMED);
	assert_int_equal(peer_of(&p)->n_sent, n + 2);
	assert_true(peer_of(&p)->ticket.ticket_len > 0);
	pair_check(&p);
	pair_stop(&p);
}

static void test_what_may_be_shown(void **state)
{
	struct ike_pair p;
	struct resumption t, broken;

	(void)state;
	start(&p, 8);
	pair_establish(&p);
	t = peer_of(&p)->ticket;
	broken = (struct resumption){ .ticket_len = 0 };
	assert_int_equal(initiator_resume(p.i, p.now, &p.gateway, &p.path, 1, &broken), ERR_VALUE);
	broken = t;
	broken.idi[0] ^= 1;
	assert_int_equal(initiator_resume(p.i, p.now, &p.gateway, &p.path, 1, &broken),
			 ERR_MISMATCH);
	broken = t;
	broken.idr_len--;
	assert_int_equal(initiator_resume(p.i, p.now, &p.gateway, &p.path, 1, &broken),
			 ERR_MISMATCH);
	assert_int_equal(broken.ticket_len, t.ticket_len);
	broken = t;
	broken.expires_ms = p.now;
	assert_int_equal(initiator_resume(p.i, p.now, &p.gateway, &p.path, 1, &broken),
			 ERR_TIMEOUT);
	assert_int_equal(broken.ticket_len, 0);
	assert_int_equal(initiator_count_half_open(p.i), 0);
	pair_stop(&p);
}

/* Used already: TICKET_NACK, a moment of patience, then all of it; all by itself. */
static void test_refused(void **state)
{
	struct ike_pair p;

	(void)state;
	start(&p, 9);
	pair_establish(&p);
	peer_of(&p)->ticket.ticket[20] ^= 1;
	pair_replace_gateway(&p);
	pair_resume(&p);
	pair_run(&p, 900);
	assert_int_equal(responder_counter(p.r, COUNT_TICKET_NACK), 1);
	assert_int_equal(counter(&p, COUNT_TICKET_REFUSED), 0);
	pair_run(&p, 300);
	assert_int_equal(counter(&p, COUNT_TICKET_REFUSED), 1);
	assert_int_equal(peer_of(&p)->n_up, 2);
	assert_int_equal(peer_of(&p)->n_failed, 0);
	assert_false(peer_of(&p)->peer.is_resumed);
	assert_int_equal(peer_of(&p)->n_tickets, 2);
	pair_stop(&p);
}

/* The gateway knows the ticket, but in IKE_AUTH it is too late for it. */
static void test_refused_in_auth(void **state)
{
	struct ike_pair p;
	struct ike_sa *sa;

	(void)state;
	start(&p, 10);
	p.rconf.allow_short_auth = false;
	p.iconf.short_auth = true;
	pair_establish(&p);
	sa = p.i->core.by_spi;
	pair_replace_gateway(&p);
	pair_resume(&p);
	pair_run(&p, 1000);
	assert_non_null(sa);
	assert_int_equal(counter(&p, COUNT_RESUMED), 0);
	assert_int_equal(peer_of(&p)->n_up, 2);
	assert_int_equal(peer_of(&p)->n_failed, 0);
	assert_false(peer_of(&p)->peer.is_resumed);
	pair_stop(&p);
}

/* ---- what anybody may say ---- */

struct shown {
	struct ike_header h;
	struct path path;
	uint8_t message[PAIR_PACKET_MAX];
	size_t len;
	struct payload_list list;
	struct bytes ni;
};

static bool hear(struct ike_pair *p, struct shown *out)
{
	struct action a;
	uint8_t critical;

	memset(out, 0, sizeof(*out));
	while (initiator_next_action(p->i, &a)) {
		if (a.type != ACTION_SEND)
			continue;
		out->path = a.path;
		memcpy(out->message, a.message.ptr, a.message.len);
		out->len = a.message.len;
	}
	if (out->len == 0)
		return false;
	assert_int_equal(ike_header_decode((struct bytes){ out->message, out->len }, &out->h), 0);
	assert_int_equal(payload_list_decode(out->h.next_payload,
					     (struct bytes){ out->message + 28, out->len - 28 },
					     &out->list, &critical),
			 0);
	if (payload_get(&out->list, PAYLOAD_NONCE, &out->ni) != 0)
		out->ni = nothing;
	return true;
}

static bool has_notify(const struct shown *s, uint16_t type)
{
	struct notify n;

	return notify_find(&s->list, type, &n);
}

static void say(struct ike_pair *p, const struct shown *s, uint16_t type, struct bytes data)
{
	uint8_t buf[512];
	struct wr w = wr_init(buf, sizeof(buf));
	struct ike_header reply = { .spi_i = s->h.spi_i,
				    .version = IKE_VERSION,
				    .exchange = s->h.exchange,
				    .flags = IKE_FLAG_RESPONSE };
	struct payload_writer chain = message_open(&w, &reply);
	struct bytes message;

	chain_put_notify(&chain, type, data);
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &message), 0);
	initiator_datagram(p->i, p->now, &s->path, message);
}

/* Has a ticket, and shows it to a gateway whose answers are ours. */
static void show(struct ike_pair *p, uint64_t seed, struct shown *out)
{
	start(p, seed);
	pair_establish(p);
	assert_int_equal(
	    initiator_resume(p->i, p->now, &p->gateway, &p->path, 1, &peer_of(p)->ticket), 0);
	assert_true(hear(p, out));
	assert_int_equal(out->h.exchange, EXCHANGE_IKE_SESSION_RESUME);
	assert_int_equal(out->ni.len, NONCE_SIZE);
	assert_true(has_notify(out, NOTIFY_TICKET_OPAQUE));
	assert_true(has_notify(out, NOTIFY_REDIRECT_SUPPORTED));
	assert_true(has_notify(out, NOTIFY_NAT_DETECTION_SOURCE_IP));
	for (size_t k = 0; k < out->list.n; k++)
		assert_true(out->list.items[k].type == PAYLOAD_NOTIFY ||
			    out->list.items[k].type == PAYLOAD_NONCE);
}

/* A forged TICKET_NACK, and then the genuine answer: resumed all the same. */
static void test_forged_nack(void **state)
{
	struct ike_pair p;
	struct shown s;
	struct path path;
	struct action a;

	(void)state;
	show(&p, 11, &s);
	say(&p, &s, NOTIFY_TICKET_NACK, nothing);
	say(&p, &s, NOTIFY_TICKET_NACK, nothing);
	path = (struct path){ s.path.remote, s.path.local };
	responder_datagram(p.r, p.now, &path, (struct bytes){ s.message, s.len });
	while (responder_next_action(p.r, &a)) {
		if (a.type == ACTION_SEND)
			initiator_datagram(p.i, p.now, &s.path, a.message);
	}
	pair_run(&p, 1500);
	assert_int_equal(counter(&p, COUNT_RESUMED), 1);
	assert_int_equal(counter(&p, COUNT_TICKET_REFUSED), 0);
	pair_stop(&p);
}

/* An answer to IKE_SA_INIT is none to this, nor the other way round. */
static void test_other_exchange(void **state)
{
	struct ike_pair p;
	struct shown s;

	(void)state;
	show(&p, 12, &s);
	s.h.exchange = EXCHANGE_IKE_SA_INIT;
	say(&p, &s, NOTIFY_TICKET_NACK, nothing);
	assert_int_equal(counter(&p, COUNT_DROP_STATE), 1);
	initiator_expire(p.i, p.now + 1100);
	assert_true(hear(&p, &s));
	assert_int_equal(s.h.exchange, EXCHANGE_IKE_SESSION_RESUME);
	pair_stop(&p);
}

static void test_silence(void **state)
{
	struct ike_pair p;
	struct shown first, s;
	uint64_t begin;
	int n = 1;

	(void)state;
	show(&p, 13, &first);
	begin = p.now;
	do {
		p.now = initiator_next_expiry(p.i);
		initiator_expire(p.i, p.now);
		n++;
		assert_true(hear(&p, &s));
	} while (s.h.exchange == EXCHANGE_IKE_SESSION_RESUME && n < 10);
	assert_int_equal(n, 4);
	assert_int_equal(s.h.exchange, EXCHANGE_IKE_SA_INIT);
	assert_true(s.h.spi_i != first.h.spi_i);
	assert_true(p.now - begin <= 7700);
	assert_memory_equal(&s.path, &first.path, sizeof(s.path));
	assert_false(has_notify(&s, NOTIFY_TICKET_OPAQUE));
	assert_false(has_notify(&s, NOTIFY_REDIRECTED_FROM));
	assert_int_equal(counter(&p, COUNT_TICKET_SILENCE), 1);
	pair_stop(&p);
}

/* It expires between two tries: it is not shown again. */
static void test_expires_meanwhile(void **state)
{
	struct ike_pair p;
	struct shown s;

	(void)state;
	start(&p, 14);
	pair_establish(&p);
	peer_of(&p)->ticket.expires_ms = p.now + 500;
	assert_int_equal(initiator_resume(p.i, p.now, &p.gateway, &p.path, 1, &peer_of(&p)->ticket),
			 0);
	assert_true(hear(&p, &s));
	p.now += 1100;
	initiator_expire(p.i, p.now);
	assert_true(hear(&p, &s));
	assert_int_equal(s.h.exchange, EXCHANGE_IKE_SA_INIT);
	pair_stop(&p);
}

static void test_cookie(void **state)
{
	static const uint8_t cookie[32] = { 9, 9 };
	struct ike_pair p;
	struct shown first, s;
	struct notify n;

	(void)state;
	show(&p, 15, &first);
	say(&p, &first, NOTIFY_COOKIE, (struct bytes){ cookie, 32 });
	assert_true(hear(&p, &s));
	assert_int_equal(s.h.exchange, EXCHANGE_IKE_SESSION_RESUME);
	assert_true(bytes_is_equal(s.ni, first.ni));
	assert_true(notify_find(&s.list, NOTIFY_COOKIE, &n));
	assert_int_equal(s.list.items[0].type, PAYLOAD_NOTIFY);
	assert_memory_equal(n.data.ptr, cookie, 32);
	pair_stop(&p);
}

/* Sent elsewhere, and the nonce is right: the ticket was not used, and goes along. */
static void test_redirected(void **state)
{
	static const uint8_t there[4] = { 192, 0, 2, 22 }, wrong[32] = { 1 };
	const struct gateway gw = { GATEWAY_IPV4, { there, 4 } };
	uint8_t data[64];
	struct ike_pair p;
	struct shown first, s;
	struct wr w;
	struct bytes written;
	struct notify n, before;

	(void)state;
	show(&p, 16, &first);
	w = wr_init(data, sizeof(data));
	redirect_encode(&w, &gw, (struct bytes){ wrong, 32 });
	assert_int_equal(wr_finish(&w, &written), 0);
	say(&p, &first, NOTIFY_REDIRECT, written);
	assert_false(hear(&p, &s));
	w = wr_init(data, sizeof(data));
	redirect_encode(&w, &gw, first.ni);
	assert_int_equal(wr_finish(&w, &written), 0);
	say(&p, &first, NOTIFY_REDIRECT, written);
	assert_true(hear(&p, &s));
	assert_int_equal(s.h.exchange, EXCHANGE_IKE_SESSION_RESUME);
	assert_memory_equal(s.path.remote.ip.octets, there, 4);
	assert_true(has_notify(&s, NOTIFY_REDIRECTED_FROM));
	assert_true(notify_find(&first.list, NOTIFY_TICKET_OPAQUE, &before));
	assert_true(notify_find(&s.list, NOTIFY_TICKET_OPAQUE, &n));
	assert_true(bytes_is_equal(n.data, before.data));
	assert_false(bytes_is_equal(s.ni, first.ni));
	assert_int_equal(counter(&p, COUNT_FOLLOWED), 1);
	assert_int_equal(counter(&p, COUNT_TICKET_SHOWN), 2);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_in_auth),
		cmocka_unit_test(test_not_asked),
		cmocka_unit_test(test_rekeyed),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_resumed_alive),
		cmocka_unit_test(test_what_may_be_shown),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_in_auth),
		cmocka_unit_test(test_forged_nack),
		cmocka_unit_test(test_other_exchange),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_expires_meanwhile),
		cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_redirected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
