/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/setup/setup.h"
#include "tests/lib/conf_sink.h"

/* From agent.yaml and peers.yaml to what keeper, responder and policy are started with. */

static const char base[] =
    "member: m1\n"
    "director: {address: 192.0.2.10:7400, name: d1}\n"
    "tls: {ca: a, certificate: b, key: c}\n"
    "home:\n"
    "  - {address: 192.0.2.21, link: eth0}\n"
    "  - {address: '2001:db8::21', claim: none}\n"
    "adopt:\n"
    "  - {address: 192.0.2.21, link: eth9}\n"
    "  - {address: 192.0.2.22, link: eth0}\n"
    "  - {address: 192.0.2.23, claim: hook}\n"
    "next-hops: [192.0.2.1]\n"
    "claim-hook: /hook\n"
    "track:\n"
    "  - {interface: eth1}\n"
    "  - {ping: 10.1.0.100, fails: 5}\n"
    "  - {script: /check, hold-s: 3}\n"
    "dataplane: {type: tun, device: wp1}\n"
    "ike:\n"
    "  id: gw.example.net\n"
    "  proposals: [aes128gcm16-prfsha256-modp2048, aes256gcm16-prfsha256-x25519]\n"
    "  half-open-max: 700\n"
    "  cookie-above: 7\n"
    "  half-open-timeout-s: 600\n"
    "  dpd-s: 86400\n"
    "connections:\n"
    "  - name: sites\n"
    "    remote-id: ['*.peers.example.net', '192.0.2.*']\n"
    "    esp-proposals: [aes128gcm16, aes256gcm16]\n"
    "    local-ts: [10.1.0.0/25, 10.9.0.0/16]\n"
    "    remote-ts: [10.1.0.128/25, 10.2.0.0/16]\n"
    "    inside: {mode: route, metric: 7}\n"
    "  - name: roads\n"
    "    remote-id: ['*@example.net', '#*']\n"
    "    local-ts: [10.1.0.0/25]\n"
    "    remote-ts: [10.3.0.0/24]\n"
    "    inside: {link: eth1}\n"
    "peers-file: peers.yaml\n"
    "log: {level: debug}\n";

static const char base_peers[] =
    "peers:\n"
    "  - {id: P1.peers.example.net, psk: 12345678, remote-ts: [10.2.0.0/17]}\n"
    "  - {id: joe@example.net, psk: 0x0001020304050607, remote-ts: [10.3.0.7]}\n"
    "  - {id: 192.0.2.1, psk: 'a long secret'}\n"
    "  - {id: '#c0ffee', psk: 0xdeadbeefdeadbeef}\n";

static struct agent_conf *parse(const char *text, const char *peers_text)
{
	struct conf_source source = conf_sink_source(text), peers = conf_sink_source(peers_text);
	struct conf_sink sink;
	struct conf_errors errs = conf_sink_start(&sink);
	struct agent_conf *conf = NULL;

	if (agent_conf_parse(&source, &peers, &errs, &conf) != 0)
		fail_msg("%s", sink.text);
	return conf;
}

static struct setup *set_up(const struct agent_conf *conf)
{
	struct errtext why = { "" };
	struct setup *s = NULL;

	if (setup_new(conf, &s, &why) != 0)
		fail_msg("%s", why.text);
	return s;
}

static void test_keeper(void **state)
{
	struct agent_conf *conf = parse(base, base_peers);
	struct setup *s = set_up(conf);
	const struct keeper_conf *k = &s->keeper;
	char text[PREFIX_TEXT_MAX];

	(void)state;
	assert_int_equal(k->address_count, 4);
	assert_string_equal(ip_format(&k->addresses[0].ip, text), "192.0.2.21");
	assert_string_equal(k->addresses[0].link, "eth0");
	assert_int_equal(k->addresses[0].claim, KEEPER_CLAIM_L2);
	assert_string_equal(ip_format(&k->addresses[1].ip, text), "2001:db8::21");
	assert_string_equal(k->addresses[1].link, "");
	assert_int_equal(k->addresses[1].claim, KEEPER_CLAIM_NONE);
	assert_int_equal(k->connection_count, 2);
	assert_int_equal(k->connections[0].inside, KEEPER_INSIDE_ROUTE);
	assert_int_equal(k->connections[0].metric, 7);
	assert_int_equal(k->connections[0].remote_ts_count, 2);
	assert_string_equal(ip_prefix_format(&k->connections[0].remote_ts[1], text), "10.2.0.0/16");
	assert_int_equal(k->connections[1].inside, KEEPER_INSIDE_PROXY_ARP);
	assert_string_equal(k->connections[1].link, "eth1");
	assert_string_equal(k->tun, "wp1");
	assert_int_equal(k->log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(ip_format(&k->addresses[2].ip, text), "192.0.2.22");
	assert_string_equal(k->addresses[2].link, "eth0");
	assert_int_equal(k->addresses[3].claim, KEEPER_CLAIM_HOOK);
	assert_string_equal(k->hook, "/hook");
	assert_int_equal(k->next_hop_count, 1);
	assert_string_equal(ip_format(&k->next_hops[0], text), "192.0.2.1");
	setup_free(s);
	agent_conf_free(conf);
}

/* Homes first, then what may be adopted; the own one in that list is not there twice. */
static void test_addresses(void **state)
{
	struct agent_conf *conf = parse(base, base_peers);
	struct setup *s = set_up(conf);

	(void)state;
	assert_int_equal(s->n_homes, 2);
	assert_int_equal(s->n_addresses, 4);
	assert_int_equal(s->ownership.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_true(ip_is_equal(&s->addresses[i], &s->keeper.addresses[i].ip));
		assert_true(ip_is_equal(&s->addresses[i], &s->ownership.addresses[i].ip));
		assert_int_equal(s->ownership.addresses[i].is_home, i < 2);
		assert_int_equal(s->ownership.addresses[i].is_watched, i == 1);
	}
	assert_int_equal(s->mesh.n_links, 1);
	assert_string_equal(s->mesh.links[0], "eth0");
	assert_int_equal(s->mesh.listen.port, 7401);
	setup_free(s);
	agent_conf_free(conf);
}

static void test_track(void **state)
{
	struct agent_conf *conf = parse(base, base_peers);
	struct setup *s = set_up(conf);
	const struct track_conf *t = &s->track;

	(void)state;
	assert_int_equal(t->n, 3);
	assert_int_equal(t->entries[0].kind, TRACK_INTERFACE);
	assert_string_equal(t->entries[0].what, "eth1");
	assert_int_equal(t->entries[0].hold_ms, 10000);
	assert_int_equal(t->entries[1].kind, TRACK_PING);
	assert_int_equal(t->entries[1].ip.family, IP_V4);
	assert_int_equal(t->entries[1].interval_ms, 1000);
	assert_int_equal(t->entries[1].fails, 5);
	assert_int_equal(t->entries[2].kind, TRACK_SCRIPT);
	assert_string_equal(t->entries[2].what, "/check");
	assert_int_equal(t->entries[2].timeout_ms, 5000);
	assert_int_equal(t->entries[2].hold_ms, 3000);
	setup_free(s);
	agent_conf_free(conf);
}

static void test_responder(void **state)
{
	struct agent_conf *conf = parse(base, base_peers);
	struct setup *s = set_up(conf);
	const struct responder_conf *r = &s->responder;
	char text[ID_TEXT_MAX];

	(void)state;
	assert_int_equal(r->member, 0); /* the director says it */
	assert_int_equal(r->shards, 1);
	assert_int_equal(r->n_suites, 2);
	assert_int_equal(r->suites[0].kex->id, KEX_MODP_2048);
	assert_int_equal(r->suites[1].kex->id, KEX_CURVE25519);
	assert_int_equal(r->half_open_max, 700);
	assert_int_equal(r->cookie_above, 7);
	assert_int_equal(r->half_open_timeout_ms, 600000);
	assert_int_equal(r->dpd_ms, 86400000);
	assert_int_equal(r->rekey_ike_ms, 14400000);
	assert_int_equal(r->fragment_size, 1280);
	assert_true(r->force_encap);
	assert_int_equal(r->id.type, ID_FQDN);
	assert_string_equal(id_format(&r->id, text), "gw.example.net");
	setup_free(s);
	agent_conf_free(conf);
}

static const struct policy_peer *find(const struct setup *s, const char *identity)
{
	uint8_t octets[ID_TEXT_MAX];
	struct id_body id;

	assert_int_equal(policy_id_parse(identity, octets, &id), 0);
	return policy_find(s->policy, &id);
}

static void test_policy(void **state)
{
	static const uint8_t joes[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	static const struct {
		const char *identity, *connection, *remote; /* remote: its first selector */
		size_t psk_len;
	} cases[] = {
		{ "p1.PEERS.example.net", "sites", "10.2.0.0/17", 8 },
		{ "joe@example.net", "roads", "10.3.0.7/32", 8 },
		{ "192.0.2.1", "sites", "10.1.0.128/25", 13 },
		{ "#c0ffee", "roads", "10.3.0.0/24", 8 },
	};
	struct agent_conf *conf = parse(base, base_peers);
	struct setup *s = set_up(conf);

	(void)state;
	assert_int_equal(s->n_connections, 2);
	assert_int_equal(s->connections[0].n_suites, 2);
	assert_int_equal(s->connections[0].suites[0].encr->key_bits, 128);
	assert_int_equal(s->connections[0].local.n, 2);
	assert_int_equal(s->connections[0].remote.n, 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct policy_peer *peer = find(s, cases[i].identity);
		char text[TS_TEXT_MAX];

		assert_non_null(peer);
		assert_string_equal(peer->connection->name, cases[i].connection);
		assert_string_equal(ts_format(&policy_peer_remote(peer)->items[0], text),
				    cases[i].remote);
		assert_int_equal(peer->psk.len, cases[i].psk_len);
	}
	assert_memory_equal(find(s, "joe@example.net")->psk.ptr, joes, sizeof(joes));
	assert_null(find(s, "p2.peers.example.net"));
	assert_null(find(s, "#c0ffee00"));
	setup_free(s);
	agent_conf_free(conf);
}

static void test_nobody(void **state)
{
	struct agent_conf *conf = parse(base, "peers: []\n");
	struct setup *s = set_up(conf);

	(void)state;
	assert_null(find(s, "p1.peers.example.net"));
	setup_free(s);
	agent_conf_free(conf);
	setup_free(NULL);
}

static void check_refused(const struct agent_conf *conf, const char *text)
{
	struct errtext why = { "" };
	struct setup *s = NULL;

	assert_int_equal(setup_new(conf, &s, &why), ERR_CONFIG);
	assert_null(s);
	assert_non_null(strstr(why.text, text));
}

/* What the schema lets through and cannot be used is refused with words, not cut. */
static void test_refused(void **state)
{
	static char odd[] = "#abc", stranger[] = "nobody.example.org",
		    long_link[] = "a-link-of-16-chr", long_hook[258] = "/";
	struct agent_conf *conf = parse(base, base_peers);
	struct agent_conf changed = *conf;
	struct agent_conf_address homes[2];
	struct peer_conf peer = conf->peers->peers[0];
	struct peers_conf peers = { .peers = &peer, .n_peers = 1 };

	(void)state;
	changed.ike.id = odd;
	check_refused(&changed, "'#abc' is no identity");
	changed = *conf;
	changed.peers = &peers;
	peer.identity = odd;
	check_refused(&changed, "peer '#abc' cannot be used");
	peer.identity = stranger;
	check_refused(&changed, "peer 'nobody.example.org' cannot be used");
	changed = *conf;
	memcpy(homes, conf->home, sizeof(homes));
	changed.home = homes;
	homes[0].link = long_link;
	check_refused(&changed, "too long");
	changed = *conf;
	changed.n_home = KEEPER_ADDRESSES_MAX + 1;
	changed.home = calloc(changed.n_home, sizeof(*changed.home));
	assert_non_null(changed.home);
	check_refused(&changed, "more than 64 addresses");
	free(changed.home);
	changed = *conf;
	memset(long_hook, 'x', sizeof(long_hook) - 1);
	changed.claim_hook = long_hook;
	check_refused(&changed, "the path of 'claim-hook' is too long: at most 255 octets");
	agent_conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeper),  cmocka_unit_test(test_responder),
		cmocka_unit_test(test_policy),  cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_track),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
