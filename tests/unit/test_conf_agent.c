/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "tests/lib/conf_sink.h"

static const char base[] = "member: m1\n"                                          /* 1 */
			   "director: {address: 192.0.2.10:7400, name: d1}\n"      /* 2 */
			   "tls: {ca: a, certificate: b, key: c}\n"                /* 3 */
			   "home:\n"                                               /* 4 */
			   "  - {address: 192.0.2.21, link: eth0}\n"               /* 5 */
			   "dataplane: {type: tun}\n"                              /* 6 */
			   "ike:\n"                                                /* 7 */
			   "  id: gw.example.net\n"                                /* 8 */
			   "connections:\n"                                        /* 9 */
			   "  - name: sites\n"                                     /* 10 */
			   "    remote-id: ['*.peers.example.net', '192.0.2.*']\n" /* 11 */
			   "    local-ts: [10.1.0.0/25]\n"                         /* 12 */
			   "    remote-ts: [10.1.0.128/25, 10.2.0.0/16]\n"         /* 13 */
			   "    inside: {mode: route}\n"                           /* 14 */
			   "  - name: roads\n"                                     /* 15 */
			   "    remote-id: ['*@example.net', '#*']\n"              /* 16 */
			   "    local-ts: [10.1.0.0/25]\n"                         /* 17 */
			   "    remote-ts: [10.3.0.0/24]\n"                        /* 18 */
			   "    inside: {link: eth1}\n"                            /* 19 */
			   "peers-file: peers.yaml\n";                             /* 20 */

static const char base_peers[] =
    "peers:\n"                                                                  /* 1 */
    "  - {id: p2.peers.example.net, psk: 0x0001020304050607}\n"                 /* 2 */
    "  - {id: P1.peers.example.net, psk: 12345678, remote-ts: [10.2.0.0/17]}\n" /* 3 */
    "  - {id: joe@example.net, psk: 'ab\"c d\\e', remote-ts: [10.3.0.7]}\n"     /* 4 */
    "  - {id: 192.0.2.1, psk: 'a long secret with blanks'}\n"                   /* 5 */
    "  - {id: '#c0ffee', psk: 0xDEADBEEFdeadbeef}\n";                           /* 6 */

/* A base with one thing replaced, and all that has to be said about it. */
struct bad_case {
	const char *find;
	const char *replacement;
	const char *errors;
};

/* Before line 6. */
#define DATAPLANE    "dataplane: {type: tun}\n"
#define INSERT(text) DATAPLANE, text DATAPLANE

static const struct bad_case bad_confs[] = {
	{ "type: tun", "type: kernel",
	  "f:6:19: 'type' is 'kernel', but only 'tun' is available so far" },
	{ "type: tun", "type: auto",
	  "f:6:19: 'type' is 'auto', but only 'tun' is available so far" },
	{ "type: tun", "type: tap", "f:6:19: 'type' must be tun, kernel or auto, not 'tap'" },
	{ "type: tun", "mtu: 575", "f:6:18: 'mtu' must be from 576 to 9000 octets, not 575" },
	{ "type: tun", "device: waypost012345678",
	  "f:6:21: 'device' must be the name of a network interface, not 'waypost012345678'" },
	{ "type: tun", "device: a/b",
	  "f:6:21: 'device' must be the name of a network interface, not 'a/b'" },
	{ "member: m1\n", "member: m1\nrun-as: no body\n",
	  "f:2:9: 'run-as' must be the name of a user, not 'no body'" },
	{ "192.0.2.10:7400", "0.0.0.0:7400",
	  "f:2:21: 'address' must be the address of one host, not '0.0.0.0:7400'" },
	{ ", link: eth0", "", "f:5:5: 'link' is missing: 'claim: l2' needs it" },
	{ ", link: eth0}", ", link: eth0, claim: route}",
	  "f:5:33: 'link' does not go with 'claim: route': the address is put on lo" },
	{ "link: eth0}", "link: eth0}\n  - {address: 192.0.2.21, claim: none}",
	  "f:6:15: 192.0.2.21 is in the list twice" },
	{ "192.0.2.21", "192.0.2.10", "f:5:15: 192.0.2.10 is the director's address" },
	{ "id: gw.example.net", "id: gw example net",
	  "f:8:7: 'id' must be an identity like gw.example.net, not 'gw example net'" },
	{ "id: gw.example.net", "id: '*.example.net'",
	  "f:8:7: 'id' must be one identity, without '*' or '?', not '*.example.net'" },
	{ "id: gw.example.net", "id: '#C0FFEE'",
	  "f:8:7: 'id' must have 0-9 and a-f only after '#', not '#C0FFEE'" },
	{ "id: gw.example.net", "id: g\n  proposals: [aes256gcm16-prfsha256]",
	  "f:9:15: entry 1 of 'proposals' must be an IKE suite like "
	  "aes256gcm16-prfsha256-x25519, not 'aes256gcm16-prfsha256'" },
	{ "id: gw.example.net", "id: g\n  proposals: [aes256gcm16-prfsha1-x25519]",
	  "f:9:15: entry 1 of 'proposals' names the unknown algorithm 'prfsha1' in "
	  "'aes256gcm16-prfsha1-x25519'" },
	{ "id: gw.example.net", "id: g\n  cookie-above: 5001",
	  "f:9:17: 'cookie-above' must be at most 'half-open-max', which is 5000" },
	{ "id: gw.example.net", "id: g\n  half-open-max: 50",
	  "f:8:3: 'cookie-above' must be at most 'half-open-max', which is 50" },
	{ "id: gw.example.net", "id: g\n  dpd-s: 0",
	  "f:9:10: 'dpd-s' must be from 1 to 86400 seconds, not 0" },
	{ "id: gw.example.net", "id: g\n  dpd: 5",
	  "f:9:3: unknown key 'dpd' in 'ike', did you mean 'dpd-s'?" },
	{ "'192.0.2.*'", "'192.0.2.?'",
	  "f:11:40: entry 2 of 'remote-id' must be a pattern like \"*.example.net\" ('*' is the "
	  "only wildcard), not '192.0.2.?'" },
	{ "'192.0.2.*'", "*.example.net", "f:11:40: a text that begins with '*' needs quotes" },
	{ "'192.0.2.*'", "*example",
	  "f:11:40: an alias without its anchor; a text that begins with '*' needs quotes" },
	{ "    local-ts: [10.1.0.0/25]\n",
	  "    local-ts: [10.1.0.0/25]\n    esp-proposals: [aes256cbc]\n",
	  "f:13:21: entry 1 of 'esp-proposals' names the unknown algorithm 'aes256cbc' in "
	  "'aes256cbc'" },
	{ "    local-ts: [10.1.0.0/25]\n",
	  "    local-ts: [10.1.0.0/25]\n    esp-proposals: [aes256gcm16-prfsha256]\n",
	  "f:13:21: entry 1 of 'esp-proposals' must be an ESP suite like aes256gcm16 or "
	  "aes256gcm16-x25519, not 'aes256gcm16-prfsha256'" },
	{ "10.2.0.0/16", "'2001:db8::/64'", "f:13:32: there is no IPv6 in local-ts" },
	{ "[10.1.0.0/25]", "[10.1.0.0/25, '2001:db8::/64']",
	  "f:12:29: there is no IPv6 in remote-ts" },
	{ "    inside: {mode: route}\n", "",
	  "f:10:5: 'inside' is missing from entry 1 of "
	  "'connections'" },
	{ "{mode: route}", "{mode: route, metric: 0}",
	  "f:14:35: 'metric' must be from 1 to 1000000, not 0" },
	{ "{mode: route}", "{mode: snat}",
	  "f:14:20: 'mode' must be proxy-arp or route, not 'snat'" },
	{ "{mode: route}", "{}",
	  "f:14:13: 'link' is missing from 'inside': 'mode: proxy-arp' needs it" },
	{ "name: roads", "name: sites", "f:15:11: there is already a connection 'sites'" },
	{ "peers-file: peers.yaml\n", "", "f:1:1: 'peers-file' is missing" },
	{ ", link: eth0}", ", link: eth0, claim: hook}",
	  "f:5:46: 'claim: hook' needs 'claim-hook', the script" },
	{ INSERT("adopt: [{address: 192.0.2.22, claim: hook}]\n"),
	  "f:6:38: 'claim: hook' needs 'claim-hook', the script" },
	{ INSERT("adopt: [{address: 192.0.2.22}]\n"),
	  "f:6:9: 'link' is missing: 'claim: l2' needs it" },
	{ INSERT("adopt: [{address: 192.0.2.22, link: eth0, claim: route}]\n"),
	  "f:6:37: 'link' does not go with 'claim: route': the address is put on lo" },
	{ INSERT("adopt: [{address: 192.0.2.22, claim: none}]\n"),
	  "f:6:38: 'claim: none' is for home addresses: what you configure yourself cannot be "
	  "taken over" },
	{ INSERT("adopt:\n  - {address: 192.0.2.22, link: eth0}\n"
		 "  - {address: 192.0.2.22, link: eth1}\n"),
	  "f:8:15: 192.0.2.22 is in the list twice" },
	{ INSERT("adopt:\n  - {address: 192.0.2.21}\n  - {address: 192.0.2.21}\n"),
	  "f:8:15: 192.0.2.21 is in the list twice" },
	{ INSERT("adopt: [{address: 192.0.2.10, link: eth0}]\n"),
	  "f:6:19: 192.0.2.10 is the director's address" },
	{ INSERT("next-hops: [192.0.2.1, 192.0.2.21]\n"),
	  "f:6:24: 192.0.2.21 is a service address, not a neighbour's" },
	{ INSERT("next-hops: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, 1.1.1.5, 1.1.1.6, 1.1.1.7, "
		 "1.1.1.8, 1.1.1.9]\n"),
	  "f:6:12: 'next-hops' has 9 entries; at most 8 are allowed" },
	{ INSERT("listen: 0.0.0.0:7402\n"),
	  "f:6:9: the port of 'listen' must be 7401, as on all members" },
	{ INSERT("listen: 192.0.2.21:7401\n"),
	  "f:6:9: 192.0.2.21 is a service address: 'listen' must be one that stays here" },
	{ INSERT("track: [{}]\n"),
	  "f:6:9: one of 'interface', 'ping' and 'script' must be there, and only one" },
	{ INSERT("track: [{interface: eth1, ping: 10.1.0.100}]\n"),
	  "f:6:21: one of 'interface', 'ping' and 'script' must be there, and only one" },
	{ INSERT("track: [{ping: 10.1.0.1, interval-ms: 99}]\n"),
	  "f:6:39: 'interval-ms' must be at least 100" },
	{ INSERT("track: [{ping: 10.1.0.1, interval-s: 9, timeout-s: 1}]\n"),
	  "f:6:38: 'interval-s' is for 'script' only\nf:6:52: 'timeout-s' is for 'script' only" },
	{ INSERT("track: [{interface: eth1, interval-ms: 500, fails: 2}]\n"),
	  "f:6:40: 'interval-ms' is for 'ping' only\n"
	  "f:6:52: 'fails' does not go with 'interface'" },
};

static const struct bad_case bad_peers[] = {
	{ "psk: 12345678", "psk: 1234567", "f:3:37: 'psk' must be from 8 to 512 octets long" },
	{ "psk: 12345678", "psk: ''",
	  "f:3:37: 'psk' must be a secret text, or 0x and hex digits, but "
	  "is empty" },
	{ "psk: 12345678", "psk: 0x00010203040506",
	  "f:3:37: 'psk' must be from 8 to 512 octets long" },
	{ "psk: 12345678", "psk: 0x000102030405060",
	  "f:3:37: 'psk' must have pairs of hex digits after '0x', at most 512" },
	{ "psk: 12345678", "psk: 0x000102030405060x",
	  "f:3:37: 'psk' must have pairs of hex digits after '0x', at most 512" },
	{ "psk: 12345678", "psk: '***'",
	  "f:3:37: 'psk' is masked as in a dump: write the secret itself" },
	{ "psk: 12345678", "psk: [secret-in-a-list]",
	  "f:3:37: 'psk' must be a secret text, or 0x and hex digits, not a list" },
	{ "psk: 12345678", "psk: \"secret\\0secret\"",
	  "f:3:37: a text with a NUL character in it" },
	{ "psk: 12345678", "psk: !!binary c2VjcmV0",
	  "f:3:37: tags are not supported; a text that begins with '!' needs quotes" },
	{ "psk: 12345678, ", "", "f:3:5: 'psk' is missing from entry 2 of 'peers'" },
	{ "psk: 12345678", "pks: 12345678",
	  "f:3:32: unknown key in entry 2 of 'peers', did you mean 'psk'?\n"
	  "f:3:5: 'psk' is missing from entry 2 of 'peers'" },
	{ "P1.peers", "P2.peers", "f:3:10: there is already a peer 'P2.peers.example.net'" },
	{ "P1.peers", "p?.peers",
	  "f:3:10: 'id' must be one identity, without '*' or '?', not 'p?.peers.example.net'" },
	{ "id: '#c0ffee'", "id: #c0ffee",
	  "f:7:1: did not find expected node content while parsing a flow node" },
	{ "P1.peers", "p1.others",
	  "f:3:10: peer 'p1.others.example.net' matches no connection's remote-id" },
	{ "10.2.0.0/17", "10.1.0.0/24",
	  "f:3:59: 10.1.0.0/24 is outside of remote-ts of connection 'sites'" },
	{ "10.2.0.0/17", "10.2.0.0/15",
	  "f:3:59: 10.2.0.0/15 is outside of remote-ts of connection 'sites'" },
	{ "10.3.0.7", "10.2.0.7",
	  "f:4:56: 10.2.0.7/32 is outside of remote-ts of connection 'roads'" },
	{ "10.3.0.7", "10.3.0.0/23",
	  "f:4:56: 10.3.0.0/23 is outside of remote-ts of connection 'roads'" },
};

static int parse(const char *text, const char *peers_text, struct conf_sink *sink,
		 struct agent_conf **out)
{
	struct conf_source source = conf_sink_source(text);
	struct conf_source peers = conf_sink_source(peers_text);
	struct conf_errors errs = conf_sink_start(sink);

	return agent_conf_parse(&source, &peers, &errs, out);
}

static size_t count_wrong(const struct bad_case *cases, size_t n, bool is_peers)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++) {
		const struct bad_case *c = &cases[i];
		char *text =
		    conf_sink_replace(is_peers ? base_peers : base, c->find, c->replacement);
		struct agent_conf *conf = NULL;
		struct conf_sink sink;
		int err = parse(is_peers ? base : text, is_peers ? text : base_peers, &sink, &conf);

		if (err != ERR_CONFIG || strcmp(sink.text, c->errors) != 0 || conf != NULL) {
			print_error("\"%s\": got %d\n%s\nwant\n%s\n", c->replacement, err,
				    sink.text, c->errors);
			wrong++;
		}
		free(text);
	}
	return wrong;
}

static void test_bad_files(void **state)
{
	(void)state;
	assert_int_equal(count_wrong(bad_confs, sizeof(bad_confs) / sizeof(bad_confs[0]), false),
			 0);
	assert_int_equal(count_wrong(bad_peers, sizeof(bad_peers) / sizeof(bad_peers[0]), true), 0);
}

/* A peer must not have more addresses than a member can answer for one by one. */
static void test_proxy_arp_is_for_few_addresses(void **state)
{
	char *wide = conf_sink_replace(base, "[10.3.0.0/24]", "[10.3.0.0/23]");
	char *narrow = conf_sink_replace(base_peers, "10.3.0.7", "10.3.0.0/23");
	struct agent_conf *conf = NULL;
	struct conf_sink sink;

	(void)state;
	assert_int_equal(parse(wide, narrow, &sink, &conf), ERR_CONFIG);
	assert_string_equal(
	    sink.text,
	    "f:4:56: 10.3.0.0/23 has more than 256 addresses, too many for proxy-arp: connection "
	    "'roads' needs 'mode: route'\n"
	    "f:6:5: peer '#c0ffee' may have all of 10.3.0.0/23, more than 256 addresses and too "
	    "many for proxy-arp: give it a remote-ts, or connection 'roads' 'mode: route'");
	assert_null(conf);
	free(wide);
	free(narrow);
}

/* Whatever is wrong with a secret, and whatever YAML makes of it: no message quotes any of it. */
static void test_no_message_tells_a_secret(void **state)
{
	static const char *const secrets[] = {
		"tellme",
		"\"tellme\"",
		"*tellme",
		"&tellme",
		"!tellme",
		"!!tellme x",
		"[tellme12]",
		"{tellme12: 1}",
		"12345678, tellme",
		"a, tellme: b",
		"0xtellme",
		"0x00 tellme",
		"\"12345678\" tellme",
		"'tellme",
		"|tellme",
		"%tellme12345",
		"@tellme12345",
		"tellme1234: b",
		"\"tellme12345\\q\"",
		"? tellme1234",
		"*tellme.12345",
		"tellme1234}, {tellme: 3",
		"\"\\0tellme12\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		char *text = conf_sink_replace(base_peers, "12345678", secrets[i]);
		struct agent_conf *conf = NULL;
		struct conf_sink sink;

		if (parse(base, text, &sink, &conf) == 0)
			fail_msg("%s is accepted", secrets[i]);
		if (strstr(sink.text, "tellme") != NULL)
			fail_msg("%s: %s", secrets[i], sink.text);
		free(text);
	}
}

static void test_values_and_defaults(void **state)
{
	const struct agent_conf_connection *c;
	struct agent_conf *conf;
	struct conf_sink sink;
	char text[SUITE_TEXT_MAX];

	(void)state;
	assert_int_equal(parse(base, base_peers, &sink, &conf), 0);
	assert_string_equal(sink.text, "");
	assert_string_equal(conf->member, "m1");
	assert_string_equal(conf->run_as, "nobody");
	assert_string_equal(conf->director.name, "d1");
	assert_int_equal(conf->director.address.port, 7400);
	assert_string_equal(conf->home[0].link, "eth0");
	assert_int_equal(conf->home[0].claim, AGENT_CLAIM_L2);
	assert_int_equal(conf->capacity, 10000);
	assert_int_equal(conf->dataplane, AGENT_DATAPLANE_TUN);
	assert_string_equal(conf->tun_device, "waypost0");
	assert_int_equal(conf->tun_mtu, 1400);
	assert_int_equal(conf->ike.n_proposals, 3);
	assert_string_equal(ike_suite_format(&conf->ike.proposals[2], text),
			    "aes128gcm16-prfsha256-modp2048");
	assert_int_equal(conf->ike.half_open_max, 5000);
	assert_int_equal(conf->ike.cookie_above, 100);
	assert_int_equal(conf->ike.half_open_timeout_s, 30);
	assert_int_equal(conf->ike.dpd_s, 60);
	assert_string_equal(conf->peers_file, "/etc/w/peers.yaml");
	assert_int_equal(conf->n_connections, 2);
	c = &conf->connections[0];
	/* Each group of ike.proposals, and none: for peers that rekey with PFS, and without. */
	assert_int_equal(c->n_esp_proposals, 5);
	for (size_t k = 0; k < conf->ike.n_proposals; k++)
		assert_ptr_equal(c->esp_proposals[k].kex, conf->ike.proposals[k].kex);
	assert_string_equal(esp_suite_format(&c->esp_proposals[3], text), "aes256gcm16");
	assert_string_equal(esp_suite_format(&c->esp_proposals[4], text), "aes128gcm16");
	assert_int_equal(c->inside.mode, AGENT_INSIDE_ROUTE);
	assert_null(c->inside.link);
	assert_int_equal(c->inside.metric, 100);
	assert_int_equal(conf->connections[1].inside.mode, AGENT_INSIDE_PROXY_ARP);
	agent_conf_free(conf);
	agent_conf_free(NULL);
}

static char *dump(const struct agent_conf *conf)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(agent_conf_dump(conf, out), 0);
	fclose(out);
	return text;
}

/* What is about addresses that move: the member's own in the common list are no mistake. */
static void test_addresses(void **state)
{
	char *text =
	    conf_sink_replace(base, "dataplane: {type: tun}\n",
			      "listen: 192.0.2.11:7401\n"
			      "claim-hook: hooks/claim\n"
			      "next-hops: [192.0.2.1, '2001:db8::1']\n"
			      "adopt:\n"
			      "  - {address: 192.0.2.21, claim: none}\n"
			      "  - {address: 192.0.2.22, link: eth0}\n"
			      "  - {address: 192.0.2.23, claim: hook}\n"
			      "track:\n"
			      "  - {interface: eth1}\n"
			      "  - {ping: 10.1.0.100, interval-ms: 500, hold-s: 0}\n"
			      "  - {script: check, interval-s: 60, timeout-s: 7, fails: 9}\n"
			      "  - {script: /check}\n");
	struct agent_conf *conf;
	struct conf_sink sink;

	(void)state;
	if (parse(text, base_peers, &sink, &conf) != 0)
		fail_msg("%s", sink.text);
	assert_int_equal(conf->listen.port, 7401);
	assert_string_equal(conf->claim_hook, "/etc/w/hooks/claim");
	assert_int_equal(conf->n_next_hops, 2);
	assert_int_equal(conf->n_adopt, 3);
	assert_true(agent_conf_is_home(conf, &conf->adopt[0].address));
	assert_false(agent_conf_is_home(conf, &conf->adopt[1].address));
	assert_int_equal(conf->adopt[2].claim, AGENT_CLAIM_HOOK);
	assert_int_equal(conf->n_track, 4);
	assert_string_equal(conf->track[0].interface, "eth1");
	assert_int_equal(conf->track[0].hold_s, 10);
	assert_int_equal(conf_track_interval_ms(&conf->track[1]), 500);
	assert_int_equal(conf_track_fails(&conf->track[1]), 3);
	assert_int_equal(conf->track[1].hold_s, 0);
	assert_string_equal(conf->track[2].script, "/etc/w/check");
	assert_int_equal(conf_track_interval_ms(&conf->track[2]), 60000);
	assert_int_equal(conf_track_timeout_ms(&conf->track[2]), 7000);
	assert_int_equal(conf_track_fails(&conf->track[2]), 9);
	assert_int_equal(conf_track_interval_ms(&conf->track[3]), 10000);
	assert_int_equal(conf_track_timeout_ms(&conf->track[3]), 5000);
	assert_int_equal(conf_track_fails(&conf->track[3]), 2);
	free(text);
	text = dump(conf);
	agent_conf_free(conf);
	if (parse(text, base_peers, &sink, &conf) != 0)
		fail_msg("%s", sink.text);
	assert_int_equal(conf->n_adopt, 3);
	assert_int_equal(conf->n_track, 4);
	free(text);
	agent_conf_free(conf);
}

/* Together they are as many as the keeper takes; the member's own do not count twice. */
static void test_sixty_four_addresses(void **state)
{
	(void)state;
	for (int n = 64; n <= 65; n++) {
		char insert[8192] = "adopt:\n  - {address: 192.0.2.21, link: eth0}\n";
		struct agent_conf *conf = NULL;
		struct conf_sink sink;
		char *text;

		for (int i = 1; i < n && i < 64; i++)
			snprintf(insert + strlen(insert), sizeof(insert) - strlen(insert),
				 "  - {address: 192.0.3.%d, link: eth0}\n", i);
		if (n > 64)
			snprintf(insert + strlen(insert), sizeof(insert) - strlen(insert),
				 "home:\n  - {address: 192.0.2.21, link: eth0}\n"
				 "  - {address: 192.0.2.31, link: eth0}\n");
		snprintf(insert + strlen(insert), sizeof(insert) - strlen(insert), DATAPLANE);
		text = conf_sink_replace(base, DATAPLANE, insert);
		if (n > 64) {
			char *twice = text;

			text = conf_sink_replace(
			    twice, "home:\n  - {address: 192.0.2.21, link: eth0}\n", "");
			free(twice);
		}
		assert_int_equal(parse(text, base_peers, &sink, &conf), n > 64 ? ERR_CONFIG : 0);
		assert_string_equal(
		    sink.text,
		    n > 64 ? "f:5:3: 65 addresses with 'home'; at most 64 are allowed" : "");
		agent_conf_free(conf);
		free(text);
	}
}

static void test_peers_are_found(void **state)
{
	static const struct {
		const char *identity;
		const char *connection; /* NULL: none matches */
		const char *psk;        /* NULL: no such peer */
		size_t psk_len, n_ts;
	} cases[] = {
		{ "p1.peers.example.net", "sites", "12345678", 8, 1 },
		{ "P2.PEERS.EXAMPLE.NET", "sites", "\0\1\2\3\4\5\6\7", 8, 0 },
		{ "joe@example.net", "roads", "ab\"c d\\e", 8, 1 },
		{ "192.0.2.1", "sites", "a long secret with blanks", 25, 0 },
		{ "#c0ffee", "roads", "\xde\xad\xbe\xef\xde\xad\xbe\xef", 8, 0 },
		{ "p3.peers.example.net", "sites", NULL, 0, 0 },
		{ "peers.example.net", NULL, NULL, 0, 0 },
		{ "p1.peers.example.net.org", NULL, NULL, 0, 0 },
		{ "", NULL, NULL, 0, 0 },
	};
	struct agent_conf *conf;
	struct conf_sink sink;

	(void)state;
	assert_int_equal(parse(base, base_peers, &sink, &conf), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct agent_conf_connection *c =
		    agent_conf_find_connection(conf, cases[i].identity);
		const struct peer_conf *peer = peers_conf_find(conf->peers, cases[i].identity);

		assert_string_equal(c != NULL ? c->name : "none",
				    cases[i].connection != NULL ? cases[i].connection : "none");
		assert_int_equal(peer != NULL, cases[i].psk != NULL);
		if (peer == NULL)
			continue;
		assert_int_equal(peer->psk.len, cases[i].psk_len);
		assert_memory_equal(peer->psk.data, cases[i].psk, cases[i].psk_len);
		assert_int_equal(peer->n_remote_ts, cases[i].n_ts);
	}
	agent_conf_free(conf);
}

static void test_dump_loads_again(void **state)
{
	struct agent_conf *conf, *again;
	struct conf_sink sink;
	char *first, *second;

	(void)state;
	assert_int_equal(parse(base, base_peers, &sink, &conf), 0);
	first = dump(conf);
	assert_int_equal(parse(first, base_peers, &sink, &again), 0);
	second = dump(again);
	assert_string_equal(first, second);
	assert_null(strstr(first, "secret"));
	assert_null(strstr(first, "12345678"));
	assert_non_null(strstr(first, "#   P1.peers.example.net: connection sites, remote-ts "
				      "10.2.0.0/17\n"));
	free(first);
	free(second);
	agent_conf_free(again);
	agent_conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_proxy_arp_is_for_few_addresses),
		cmocka_unit_test(test_no_message_tells_a_secret),
		cmocka_unit_test(test_values_and_defaults),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_sixty_four_addresses),
		cmocka_unit_test(test_peers_are_found),
		cmocka_unit_test(test_dump_loads_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
