/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/payloads.h"
#include "common/ikev2/sk.h"
#include "tests/lib/ike_pair.h"

/*
 * What gateways do to an established SA of an initiator: they send it elsewhere (RFC 5685, 5), have
 * lost it (RFC 6290), or go on with it at another member (RFC 6311).
 */
static const struct bytes nothing = { NULL, 0 };

static struct pair_end *peer_of(struct ike_pair *p)
{
	return &p->end[INITIATOR];
}

static uint64_t counter(const struct ike_pair *p, enum ike_counter which)
{
	return initiator_counter(p->i, which);
}

static struct ike_sa *sa_of(struct ike_pair *p)
{
	struct ike_sa *sa = ike_sa_find(&p->i->core, peer_of(p)->peer.spi);

	assert_non_null(sa);
	return sa;
}

static void ask_notify(struct ike_pair *p, uint16_t type, struct bytes data)
{
	uint8_t buf[600];
	struct wr w = wr_init(buf, sizeof(buf));
	struct payload_writer chain = chain_open(&w);
	struct bytes inner;

	chain_put_notify(&chain, type, data);
	assert_int_equal(wr_finish(&w, &inner), 0);
	pair_gateway_asks(p, chain.first, inner);
	pair_run(p, 1);
}

/* ---- redirects ---- */

static void send_away(struct ike_pair *p, const char *where)
{
	uint8_t data[300];
	struct wr w = wr_init(data, sizeof(data));
	struct gateway gw = { GATEWAY_FQDN, { (const uint8_t *)where, strlen(where) } };
	struct bytes written;
	struct ip ip;

	if (ip_parse(where, &ip) == 0)
		gw = (struct gateway){ ip.family == IP_V6 ? GATEWAY_IPV6 : GATEWAY_IPV4,
				       ip_bytes(&ip) };
	redirect_encode(&w, &gw, nothing);
	assert_int_equal(wr_finish(&w, &written), 0);
	ask_notify(p, NOTIFY_REDIRECT, written);
}

static bool is_at(struct ike_pair *p, const char *where)
{
	char text[ENDPOINT_TEXT_MAX];

	endpoint_format(&peer_of(p)->peer.path.remote, text);
	return strncmp(text, where, strlen(where)) == 0;
}

/* With a ticket and without; the new one first, then the old one goes. */
static void test_sent_away(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		struct ike_pair p;
		uint64_t spi;

		pair_start(&p, 1);
		if (k & 1)
			pair_give_tickets(&p);
		p.iconf.initial_contact = true;
		p.rconf.force_encap = (k & 2) != 0;
		p.traffic_ms = 5;
		pair_establish(&p);
		spi = peer_of(&p)->peer.spi;
		pair_run(&p, 1000);
		send_away(&p, "192.0.2.22");
		pair_run(&p, 200);
		assert_true(is_at(&p, "192.0.2.22:"));
		assert_int_equal(peer_of(&p)->n_up, 2);
		assert_int_equal(peer_of(&p)->n_down, 1);
		assert_int_equal(peer_of(&p)->n_failed, 0);
		assert_int_equal(peer_of(&p)->reason, REASON_REDIRECTED);
		assert_int_equal(peer_of(&p)->n_gone, k & 1);
		assert_int_equal(peer_of(&p)->ticket.ticket_len > 0, k & 1);
		assert_int_equal(peer_of(&p)->peer.is_resumed, k & 1);
		assert_int_equal(counter(&p, COUNT_RESUMED), k & 1);
		assert_int_equal(counter(&p, COUNT_HANDOVER), 1);
		assert_true(ip_is_equal(&peer_of(&p)->peer.redirected_from, &p.path.remote.ip));
		assert_true(peer_of(&p)->peer.spi != spi);
		assert_int_equal(initiator_count_established(p.i), 1);
		pair_run(&p, 200000);
		pair_check(&p);
		/* A full one is replaced by Delete, a resumed one was superseded. */
		assert_int_equal(p.end[RESPONDER].n_down, 1);
		assert_int_equal(p.end[RESPONDER].reason, k & 1 ? REASON_RESUMED : REASON_DELETED);
		pair_stop(&p);
	}
}

static void test_not_followed(void **state)
{
	static const char *const to[] = { "gw2.example", "192.0.2.21", "192.0.2.22" };

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct ike_pair p;

		pair_start(&p, 2);
		p.iconf.follow_redirects = k < 2;
		pair_establish(&p);
		send_away(&p, to[k]);
		pair_run(&p, 1000);
		assert_int_equal(peer_of(&p)->n_up, 1);
		assert_int_equal(counter(&p, COUNT_HANDOVER_FAILED), k < 2);
		assert_int_equal(counter(&p, COUNT_FOLLOWED), 0);
		pair_check(&p);
		pair_stop(&p);
	}
}

/* RFC 5685, 5: so often and no more, but again when time has passed. */
static void test_limit(void **state)
{
	struct ike_pair p;
	char to[32];

	(void)state;
	pair_start(&p, 3);
	pair_give_tickets(&p);
	pair_establish(&p);
	for (int k = 0; k < INITIATOR_REDIRECTS + 1; k++) {
		snprintf(to, sizeof(to), "192.0.2.%d", 30 + k);
		send_away(&p, to);
		pair_run(&p, 1000);
	}
	assert_true(is_at(&p, "192.0.2.34:"));
	assert_int_equal(counter(&p, COUNT_HANDOVER), INITIATOR_REDIRECTS);
	assert_int_equal(counter(&p, COUNT_HANDOVER_FAILED), 1);
	assert_int_equal(initiator_count_established(p.i), 1);
	pair_run(&p, INITIATOR_REDIRECT_PERIOD_MS);
	send_away(&p, "192.0.2.50");
	pair_run(&p, 1000);
	assert_true(is_at(&p, "192.0.2.50:"));
	pair_run(&p, 200000);
	pair_check(&p);
	pair_stop(&p);
}

static void deafen(struct ike_pair *p, const char *where)
{
	assert_int_equal(ip_parse(where, &p->link.deaf), 0);
}

/* Nobody there: all stays as it was, and the shell heard nothing; also if the SA is rekeyed. */
static void test_nobody_there(void **state)
{
	(void)state;
	for (int with_rekey = 0; with_rekey < 2; with_rekey++) {
		const struct ike_sa *attempt;
		struct ike_pair p;

		pair_start(&p, 4);
		pair_give_tickets(&p);
		p.iconf.setup_timeout_ms = 20000;
		pair_establish(&p);
		deafen(&p, "192.0.2.22");
		send_away(&p, "192.0.2.22");
		pair_run(&p, 1000);
		assert_int_equal(initiator_count_half_open(p.i), 1);
		send_away(&p, "192.0.2.23"); /* one at a time */
		if (with_rekey)
			assert_true(pair_do(&p, INITIATOR, OP_REKEY_IKE));
		pair_run(&p, 18000);
		/* As if it had been sent on from there. */
		attempt = ike_sa_find(&p.i->core, kept_of(sa_of(&p))->handover);
		assert_non_null(attempt);
		assert_int_equal(attempt_of(attempt)->trail.n, 1);
		attempt_of(attempt)->trail.redirected_ms[attempt_of(attempt)->trail.n++] = p.now;
		assert_int_equal(counter(&p, COUNT_TICKET_SILENCE), 1);
		assert_int_equal(counter(&p, COUNT_HANDOVER_FAILED), 0);
		assert_true(kept_of(sa_of(&p))->handover != 0);
		pair_run(&p, 2000);
		assert_int_equal(counter(&p, COUNT_FOLLOWED), 1);
		assert_int_equal(counter(&p, COUNT_HANDOVER_FAILED), 1);
		assert_int_equal(initiator_count_half_open(p.i), 0);
		assert_int_equal(peer_of(&p)->n_failed, 0);
		assert_int_equal(peer_of(&p)->n_down, 0);
		assert_int_equal(kept_of(sa_of(&p))->handover, 0);
		assert_int_equal(kept_of(sa_of(&p))->trail.n, 2);
		/* And again, now that somebody is there. */
		deafen(&p, "192.0.2.99");
		send_away(&p, "192.0.2.22");
		pair_run(&p, 1000);
		assert_true(is_at(&p, "192.0.2.22:"));
		pair_run(&p, 100000);
		pair_check(&p);
		pair_stop(&p);
	}
}

/* The old gateway does not wait: the shell is told that it goes on, and then that it does not. */
static void test_old_one_goes_first(void **state)
{
	struct ike_pair p;

	(void)state;
	pair_start(&p, 5);
	pair_give_tickets(&p);
	p.iconf.setup_timeout_ms = 20000;
	pair_establish(&p);
	send_away(&p, "192.0.2.22");
	pair_run(&p, 10);
	p.link.n = 0;
	assert_true(pair_do(&p, RESPONDER, OP_DELETE_IKE));
	pair_run(&p, 11);
	assert_int_equal(peer_of(&p)->n_down, 1);
	assert_int_equal(peer_of(&p)->reason, REASON_REDIRECTED);
	p.link.loss_ppm = 1000000;
	pair_run(&p, 100000);
	assert_int_equal(peer_of(&p)->n_failed, 1);
	assert_int_equal(peer_of(&p)->reason, REASON_DEAD);
	assert_int_equal(pair_count_sas(&p, INITIATOR), 0);
	pair_stop(&p);
}

/* ---- the token ---- */

static void open_with_tokens(struct ike_pair *p, uint64_t seed)
{
	pair_start(p, seed);
	pair_give_tickets(p);
	pair_establish(p);
	assert_int_equal(kept_of(sa_of(p))->token_len, 32);
}

static void test_crashed(void **state)
{
	(void)state;
	for (int k = 0; k < 3; k++) {
		struct ike_pair p;

		open_with_tokens(&p, 6);
		if (k > 0) {
			assert_true(pair_do(&p, k == 1 ? INITIATOR : RESPONDER, OP_REKEY_IKE));
			pair_run(&p, 20000);
		}
		assert_int_equal(kept_of(sa_of(&p))->token_len, k < 2 ? 32 : 0);
		pair_replace_gateway(&p);
		assert_true(initiator_probe(p.i, p.now, peer_of(&p)->peer.spi));
		pair_run(&p, 1);
		pair_run(&p, 50);
		/* A gateway that rekeys gives the token later, by itself: ours does not. */
		assert_int_equal(counter(&p, COUNT_QCD_TAKEN), k < 2);
		assert_int_equal(counter(&p, COUNT_QCD_WRONG), k == 2);
		if (k < 2) {
			assert_int_equal(peer_of(&p)->n_down, 1);
			assert_int_equal(peer_of(&p)->reason, REASON_CRASHED);
			assert_int_equal(peer_of(&p)->n_gone, k);
			pair_resume(&p);
			pair_run(&p, 20000);
			assert_true(peer_of(&p)->peer.is_resumed);
			pair_check(&p);
		}
		pair_stop(&p);
	}
}

static void test_new_token(void **state)
{
	static const uint8_t token[40] = { 7, 7 };
	struct ike_pair p;

	(void)state;
	open_with_tokens(&p, 7);
	ask_notify(&p, NOTIFY_QUICK_CRASH_DETECTION, (struct bytes){ token, 12 });
	pair_run(&p, 100);
	assert_int_equal(kept_of(sa_of(&p))->token_len, 32);
	ask_notify(&p, NOTIFY_QUICK_CRASH_DETECTION, (struct bytes){ token, 40 });
	pair_run(&p, 100);
	assert_int_equal(kept_of(sa_of(&p))->token_len, 40);
	assert_memory_equal(kept_of(sa_of(&p))->token, token, 40);
	pair_check(&p);
	pair_stop(&p);
}

/* What a response in clear says, as one would forge it. */
struct forgery {
	int64_t mid; /* beside the right one */
	uint8_t exchange;
	bool is_elsewhere, without_spi_notify, is_request;
	size_t n_wrong; /* tokens in front of the right one */
	bool with_right;
	bool is_down; /* what it does */
};

static struct bytes forge(struct ike_pair *p, const struct forgery *f, uint8_t *buf, size_t cap)
{
	const struct ike_sa *sa = sa_of(p);
	static const uint8_t wrong[32] = { 1 };
	struct wr w = wr_init(buf, cap);
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = f->exchange,
		.flags = f->is_request ? 0 : IKE_FLAG_RESPONSE,
		.message_id = (uint32_t)(sa->tx_next - 1 + f->mid),
	};
	struct payload_writer chain = message_open(&w, &h);
	struct bytes message;

	chain_put_notify(&chain,
			 f->without_spi_notify ? NOTIFY_INVALID_SYNTAX : NOTIFY_INVALID_IKE_SPI,
			 nothing);
	for (size_t k = 0; k < f->n_wrong; k++)
		chain_put_notify(&chain, NOTIFY_QUICK_CRASH_DETECTION, (struct bytes){ wrong, 32 });
	if (f->with_right)
		chain_put_notify(&chain, NOTIFY_QUICK_CRASH_DETECTION,
				 (struct bytes){ kept_of(sa)->token, kept_of(sa)->token_len });
	message_close(&chain);
	assert_int_equal(wr_finish(&w, &message), 0);
	return message;
}

static void test_forged_tokens(void **state)
{
	static const struct forgery all[] = {
		{ .exchange = EXCHANGE_INFORMATIONAL },
		{ .exchange = EXCHANGE_INFORMATIONAL, .n_wrong = 4 },
		{ .exchange = EXCHANGE_INFORMATIONAL, .n_wrong = 4, .with_right = true },
		{ .exchange = EXCHANGE_INFORMATIONAL,
		  .n_wrong = 3,
		  .with_right = true,
		  .is_down = true },
		{ .exchange = EXCHANGE_INFORMATIONAL, .with_right = true, .is_down = true },
		{ .exchange = EXCHANGE_INFORMATIONAL, .with_right = true, .mid = 1 },
		{ .exchange = EXCHANGE_INFORMATIONAL, .with_right = true, .mid = -1 },
		{ .exchange = EXCHANGE_INFORMATIONAL, .with_right = true, .is_elsewhere = true },
		{ .exchange = EXCHANGE_INFORMATIONAL, .with_right = true, .is_request = true },
		{ .exchange = EXCHANGE_INFORMATIONAL,
		  .with_right = true,
		  .without_spi_notify = true },
		{ .exchange = EXCHANGE_CREATE_CHILD_SA, .with_right = true },
		{ .exchange = EXCHANGE_IKE_AUTH, .with_right = true },
		{ .exchange = EXCHANGE_IKE_SA_INIT, .with_right = true },
		{ .exchange = EXCHANGE_IKE_SESSION_RESUME, .with_right = true },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		struct ike_pair p;
		uint8_t buf[1024];
		struct path path;
		struct bytes message;

		open_with_tokens(&p, 8);
		path = p.path;
		/* Nothing is outstanding: then nothing is believed. */
		message = forge(&p, &all[k], buf, sizeof(buf));
		initiator_datagram(p.i, p.now, &path, message);
		assert_int_equal(initiator_count_established(p.i), 1);
		assert_true(initiator_probe(p.i, p.now, peer_of(&p)->peer.spi));
		message = forge(&p, &all[k], buf, sizeof(buf));
		if (all[k].is_elsewhere)
			path.remote.ip.octets[3]++;
		initiator_datagram(p.i, p.now, &path, message);
		if (initiator_count_established(p.i) != (all[k].is_down ? 0 : 1))
			fail_msg("forgery %zu", k);
		assert_int_equal(counter(&p, COUNT_QCD_TAKEN), all[k].is_down);
		pair_stop(&p);
	}
}

/* ---- RFC 6311 ---- */

static void open_synced(struct ike_pair *p, uint64_t seed, bool is_negotiated)
{
	pair_start(p, seed);
	p->iconf.message_id_sync = true;
	pair_establish(p);
	/* The responder does not say so yet. */
	assert_false(sa_of(p)->has_mid_sync);
	sa_of(p)->has_mid_sync = is_negotiated;
}

struct synced {
	bool is_answered;
	struct message_id_sync answer;
	size_t n_again; /* other messages: the outstanding one */
	uint32_t again;
	struct payload_list list;
};

/* As another member that goes on, with the gateway's keys; takes what the initiator says to it. */
static struct synced sync_ids(struct ike_pair *p, uint32_t send, uint32_t recv, size_t data_len)
{
	struct ike_sa *sa = sa_of(p);
	const struct message_id_sync sync = { 0x01020304, send, recv };
	struct synced out = { .is_answered = false };
	static uint8_t buf[2048], plain[PAIR_PACKET_MAX];
	uint8_t data[16];
	struct wr w = wr_init(data, sizeof(data)), iw = wr_init(buf, sizeof(buf));
	struct payload_writer chain = chain_open(&iw);
	struct ike_header h = { .spi_i = sa->spi_i,
				.spi_r = sa->spi_r,
				.version = IKE_VERSION,
				.exchange = EXCHANGE_INFORMATIONAL };
	uint8_t message[256];
	struct wr mw = wr_init(message, sizeof(message));
	struct bytes written, inner, sealed;
	struct action a;

	message_id_sync_encode(&w, &sync);
	assert_int_equal(wr_finish(&w, &written), 0);
	written.len = data_len;
	chain_put_notify(&chain, NOTIFY_IKEV2_MESSAGE_ID_SYNC, written);
	assert_int_equal(wr_finish(&iw, &inner), 0);
	sk_seal(&mw, p->crypto, sa->suite.encr, key_bytes(&sa->keys.er), 1ull << 63, &h,
		chain.first, inner);
	assert_int_equal(wr_finish(&mw, &sealed), 0);
	initiator_datagram(p->i, p->now, &sa->path, sealed);
	while (initiator_next_action(p->i, &a)) {
		struct notify n;
		uint8_t critical;
		bool is_authentic;
		struct payload_list list;

		if (a.type != ACTION_SEND)
			continue;
		assert_int_equal(ike_header_decode(a.message, &h), 0);
		if (h.next_payload == PAYLOAD_SKF) {
			out.n_again++;
			out.again = h.message_id;
			continue;
		}
		assert_int_equal(sk_open(p->crypto, sa->suite.encr, key_bytes(&sa->keys.ei),
					 a.message, plain, &list, &critical, &is_authentic),
				 0);
		if (!ike_header_is_response(&h)) {
			out.n_again++;
			out.again = h.message_id;
			out.list = list;
			continue;
		}
		assert_int_equal(h.message_id, 0);
		assert_int_equal(list.n, 1);
		assert_true(notify_find(&list, NOTIFY_IKEV2_MESSAGE_ID_SYNC, &n));
		assert_int_equal(message_id_sync_decode(n.data, &out.answer), 0);
		assert_int_equal(out.answer.nonce, 0x01020304);
		out.is_answered = true;
	}
	return out;
}

/* The gateway knows the new numbers. */
static void tell_gateway(struct ike_pair *p, const struct synced *s)
{
	struct ike_sa *sa = pair_core(p, RESPONDER)->by_spi;

	sa->tx_next = s->answer.recv;
	sa->rx_next = s->answer.send;
	stored_free(&sa->last_response);
}

static void test_synced(void **state)
{
	struct ike_pair p;
	struct synced s;
	uint32_t tx;

	(void)state;
	open_synced(&p, 9, true);
	pair_do(&p, RESPONDER, OP_REKEY_CHILD);
	pair_run(&p, 20000); /* two requests: rekey, delete */
	tx = sa_of(&p)->tx_next;
	assert_int_equal(sa_of(&p)->rx_next, 2);
	/* Not above all that was seen. */
	assert_false(sync_ids(&p, 1, 0, 12).is_answered);
	assert_false(sync_ids(&p, 0, 0, 12).is_answered);
	assert_false(sync_ids(&p, 10, 0, 11).is_answered);
	assert_false(sync_ids(&p, UINT32_MAX, 0, 12).is_answered);
	assert_false(sync_ids(&p, 10, UINT32_MAX, 12).is_answered);
	assert_int_equal(counter(&p, COUNT_DROP_SYNC), 5);
	s = sync_ids(&p, 10, 1, 12);
	assert_true(s.is_answered);
	assert_int_equal(s.answer.send, tx);
	assert_int_equal(s.answer.recv, 10);
	assert_int_equal(sa_of(&p)->last_response.len, 0);
	assert_int_equal(s.n_again, 0);
	/* The same again is played back; a higher one is another member. */
	assert_false(sync_ids(&p, 10, 1, 12).is_answered);
	s = sync_ids(&p, 20, tx + 5, 12);
	assert_true(s.is_answered);
	assert_int_equal(s.answer.send, tx + 5);
	assert_int_equal(s.answer.recv, 20);
	tell_gateway(&p, &s);
	assert_int_equal(counter(&p, COUNT_MID_SYNCED), 2);
	/* It goes on from there, both ways. */
	assert_true(pair_do(&p, RESPONDER, OP_REKEY_CHILD));
	pair_run(&p, 20000);
	assert_true(pair_do(&p, INITIATOR, OP_REKEY_CHILD));
	pair_run(&p, 20000);
	assert_int_equal(sa_of(&p)->rx_next, 22);
	assert_int_equal(sa_of(&p)->tx_next, tx + 7);
	pair_check(&p);
	pair_stop(&p);
}

static void test_not_negotiated(void **state)
{
	struct ike_pair p;

	(void)state;
	open_synced(&p, 10, false);
	pair_do(&p, RESPONDER, OP_REKEY_CHILD);
	pair_run(&p, 20000);
	assert_false(sync_ids(&p, 10, 1, 12).is_answered);
	assert_int_equal(counter(&p, COUNT_DROP_WINDOW), 1);
	assert_int_equal(sa_of(&p)->rx_next, 2);
	/* Where the responder asks for nothing the like has been used before: just a request. */
	pair_check(&p);
	pair_stop(&p);
}

/* What is outstanding is sent again under a new ID, the same inside, in one message or in many. */
static void test_outstanding(void **state)
{
	(void)state;
	for (int k = 0; k < 3; k++) {
		struct ike_pair p;
		struct synced s;
		const struct stored *out;
		size_t n;

		pair_start(&p, 11);
		if (k == 2) {
			p.rconf.fragment_size = p.iconf.fragment_size = FRAGMENT_SIZE_MIN;
			for (size_t m = 1; m < POLICY_MAX_SUITES; m++)
				p.iconf.suites[m] = p.iconf.suites[0];
			p.iconf.n_suites = POLICY_MAX_SUITES;
		}
		pair_establish(&p);
		sa_of(&p)->has_mid_sync = true;
		pair_run(&p, 100);
		p.link.loss_ppm = 1000000;
		if (k == 0)
			assert_true(initiator_probe(p.i, p.now, peer_of(&p)->peer.spi));
		else
			assert_true(pair_do(&p, INITIATOR, OP_REKEY_IKE));
		pair_run(&p, 100);
		p.link.loss_ppm = 0;
		out = &sa_of(&p)->outstanding;
		assert_int_equal(out->part > 0, k == 2);
		n = out->part > 0 ? (out->len + out->part - 1) / out->part : 1;
		s = sync_ids(&p, 7, 0, 12);
		assert_true(s.is_answered);
		assert_int_equal(s.answer.send, 3);
		assert_int_equal(s.n_again, n);
		assert_int_equal(s.again, 3);
		if (k < 2)
			assert_int_equal(s.list.n, k == 0 ? 0 : 3);
		tell_gateway(&p, &s);
		/* That one was lost too: it is repeated, answered, and does what it was to do. */
		pair_run(&p, 40000);
		pair_check(&p);
		assert_int_equal(counter(&p, COUNT_IKE_REKEYED), k > 0);
		pair_stop(&p);
	}
}

/* A rekeyed one counts from 0: it has seen nothing, but was negotiated. */
static void test_synced_heir(void **state)
{
	struct ike_pair p;
	struct synced s;

	(void)state;
	open_synced(&p, 12, true);
	assert_true(sync_ids(&p, 50, 1, 12).is_answered);
	sa_of(&p)->rx_next = 0;
	assert_true(pair_do(&p, INITIATOR, OP_REKEY_IKE));
	pair_run(&p, 20000);
	assert_true(sa_of(&p)->has_mid_sync);
	s = sync_ids(&p, 3, 0, 12);
	assert_true(s.is_answered);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent_away),
		cmocka_unit_test(test_not_followed),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_old_one_goes_first),
		cmocka_unit_test(test_crashed),
		cmocka_unit_test(test_new_token),
		cmocka_unit_test(test_forged_tokens),
		cmocka_unit_test(test_synced),
		cmocka_unit_test(test_not_negotiated),
		cmocka_unit_test(test_outstanding),
		cmocka_unit_test(test_synced_heir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
