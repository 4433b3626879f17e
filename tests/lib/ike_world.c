/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/ike_world.h"

struct ts_list world_prefix(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return (struct ts_list){ 1, { ts_from_prefix(&prefix) } };
}

static void make_policy(struct world *w)
{
	static const struct bytes psk = { (const uint8_t *)ALICE_PSK, sizeof(ALICE_PSK) - 1 };
	struct policy_peer peers[2] = {
		{ .id = { ID_FQDN, { (const uint8_t *)ALICE, sizeof(ALICE) - 1 } } },
		{ .id = { ID_FQDN, { (const uint8_t *)BOB, sizeof(BOB) - 1 } } },
	};

	w->connection = (struct policy_connection){ .name = "sites", .n_suites = 1 };
	assert_int_equal(esp_suite_parse(ESP_SUITE, &w->connection.suites[0]), 0);
	w->connection.local = world_prefix("10.1.0.0/25");
	w->connection.remote = world_prefix("10.1.0.128/25");
	for (size_t i = 0; i < 2; i++) {
		peers[i].psk = psk;
		peers[i].connection = &w->connection;
	}
	w->policy = policy_new(peers, 2);
	assert_non_null(w->policy);
}

void world_start(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->crypto = crypto_new();
	assert_non_null(w->crypto);
	w->seed.state = 1;
	w->rng = rng_seeded(&w->seed);
	w->now = 1000;
	make_policy(w);
	w->conf = (struct responder_conf){
		.member = 7,
		.shard = 1,
		.shards = 4,
		.id = { ID_FQDN, { (const uint8_t *)"gw.example", 10 } },
		.n_suites = 1,
		.half_open_max = 100,
		.cookie_above = 100,
		.half_open_timeout_ms = HALF_OPEN_S,
		.dpd_ms = DPD_MS,
	};
	assert_int_equal(ike_suite_parse(IKE_SUITE, &w->conf.suites[0]), 0);
	assert_int_equal(endpoint_parse("192.0.2.21:500", &w->path.local), 0);
	assert_int_equal(endpoint_parse("192.0.2.101:500", &w->path.remote), 0);
	w->r = responder_new(&w->conf, w->policy, w->crypto, &w->rng, NULL);
	assert_non_null(w->r);
	ikeclient_init(&w->c, w->crypto, &w->rng, IKE_SUITE, ESP_SUITE, ALICE, ALICE_PSK);
}

void world_restart(struct world *w)
{
	responder_free(w->r);
	w->r = responder_new(&w->conf, w->policy, w->crypto, &w->rng, NULL);
	assert_non_null(w->r);
}

void world_new_client(struct world *w, const char *id, const char *psk)
{
	ikeclient_free(&w->c);
	ikeclient_init(&w->c, w->crypto, &w->rng, IKE_SUITE, ESP_SUITE, id, psk);
}

void world_stop(struct world *w)
{
	ikeclient_free(&w->c);
	responder_free(w->r);
	policy_free(w->policy);
	crypto_free(w->crypto);
}

static void take_action(struct world *w, const struct action *a)
{
	switch (a->type) {
	case ACTION_SEND:
		assert_true(a->message.len <= sizeof(w->sent));
		memcpy(w->sent, a->message.ptr, a->message.len);
		w->sent_len = a->message.len;
		w->sent_path = a->path;
		w->n_sent++;
		break;
	case ACTION_KEEPALIVE:
		w->n_keepalive++;
		w->sent_path = a->path;
		break;
	case ACTION_CHILD_ADD:
		w->n_add++;
		w->child_id = a->child_id;
		w->child = a->child;
		memcpy(w->key_in, a->child.key_in.ptr, a->child.key_in.len);
		memcpy(w->key_out, a->child.key_out.ptr, a->child.key_out.len);
		if (!w->is_slow)
			responder_child_result(w->r, w->now, a->child_id, w->child_err);
		break;
	case ACTION_CHILD_REMOVE:
		w->n_remove++;
		break;
	case ACTION_CHILD_MOVE:
		w->n_move++;
		break;
	case ACTION_CHILD_OUTBOUND:
		w->n_outbound++;
		w->child_id = a->child_id;
		w->is_outbound = a->is_outbound;
		break;
	case ACTION_PEER_UP:
		w->n_up++;
		w->peer = a->peer;
		break;
	case ACTION_PEER_CHANGED:
		w->n_changed++;
		w->peer = a->peer;
		break;
	case ACTION_PEER_DOWN:
		w->n_down++;
		w->closed_spi = a->peer.spi;
		w->peer = a->peer;
		w->reason = a->reason;
		break;
	case ACTION_PEER_FAILED:
	case ACTION_TICKET:
	case ACTION_TICKET_GONE:
		fail_msg("a responder connects to nobody");
		break;
	}
}

void world_collect(struct world *w)
{
	struct action a;

	w->sent_len = 0;
	w->n_sent = w->n_add = w->n_remove = w->n_move = w->n_outbound = 0;
	w->n_keepalive = 0;
	w->n_up = w->n_changed = w->n_down = 0;
	while (responder_next_action(w->r, &a))
		take_action(w, &a);
}

struct bytes world_give(struct world *w, struct bytes message)
{
	responder_datagram(w->r, w->now, &w->path, message);
	world_collect(w);
	return (struct bytes){ w->sent, w->sent_len };
}

void world_expire(struct world *w, uint64_t ms)
{
	w->now += ms;
	responder_expire(w->r, w->now);
	world_collect(w);
}

void world_init(struct world *w)
{
	assert_int_equal(ikeclient_take_init(&w->c, world_give(w, ikeclient_init_request(&w->c))),
			 0);
}

void world_establish(struct world *w)
{
	world_init(w);
	assert_int_equal(ikeclient_take_auth(&w->c, world_give(w, ikeclient_auth_request(&w->c))),
			 0);
	assert_int_equal(w->n_up, 1);
}

uint64_t world_counter(const struct world *w, enum ike_counter which)
{
	return responder_counter(w->r, which);
}
