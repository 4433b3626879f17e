/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/control/frame.h"
#include "common/control/message.h"

/* How much fits in the lists of a message, and in a frame. */

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))
#define A63            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static uint8_t big[2 * FRAME_MAX];
static char text[4 * FRAME_MAX];

static const struct msg_peer small_peer = {
	.event = MSG_PEER_UP,
	.identity = "p1.peers.example.net",
	.spi = 0x0100a1b2c3d4e5f6,
	.address = { { IP_V4, { 192, 0, 2, 101 } }, 4500 },
	.connection = "sites",
};

static struct bytes view(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

static void encode_or_fail(const struct message *m, const char *name, struct bytes *out)
{
	struct errtext why = { "" };

	if (message_encode(m, big, sizeof(big), out, &why) != 0)
		fail_msg("%s: %s", name, why.text);
}

static void decode_or_fail(struct bytes line, const char *name, struct message *out)
{
	struct errtext why = { "" };

	if (message_decode(line, out, &why) != 0)
		fail_msg("%s: %s", name, why.text);
}

static void expect_unsendable(const struct message *m, int err, const char *why)
{
	struct errtext got = { "" };
	struct bytes out = { NULL, 0 };
	int got_err = message_encode(m, big, sizeof(big), &out, &got);

	if (got_err != err || strcmp(got.text, why) != 0)
		fail_msg("want '%s', got %s: '%s'", why, err_text(got_err), got.text);
	assert_null(out.ptr);
}

static void expect_refused(const char *line, int err, const char *why)
{
	struct message m;
	struct errtext got = { "" };
	int got_err = message_decode(view(line), &m, &got);

	if (got_err != err || strcmp(got.text, why) != 0)
		fail_msg("want '%s', got %s: '%s'", why, err_text(got_err), got.text);
}

static const struct limit_case {
	const char *line;    /* with a list emptied to [] or {} */
	const char *list;    /* the field up to and with its opening bracket */
	const char *element; /* %zu is its index */
	size_t max;
	const char *why; /* for one more than that */
} limit_cases[] = {
	{ "{\"type\":\"hello\",\"proto\":\"1.0\",\"member\":\"m\",\"boot_id\":\"000000000000000a\","
	  "\"version\":\"v\",\"dataplane\":\"d\",\"addresses\":[],\"capacity\":1,\"max_epoch\":0,"
	  "\"ring_ids\":[]}",
	  "\"addresses\":[",
	  "{\"address\":\"10.0.0.%zu\",\"claim\":\"l2\",\"held\":true,\"epoch\":0}", 64,
	  "hello.addresses: has 65 elements, at most 64 are allowed" },
	{ "{\"type\":\"hello\",\"proto\":\"1.0\",\"member\":\"m\",\"boot_id\":\"000000000000000a\","
	  "\"version\":\"v\",\"dataplane\":\"d\",\"addresses\":[],\"capacity\":1,\"max_epoch\":0,"
	  "\"ring_ids\":[]}",
	  "\"ring_ids\":[", "\"t%zu\"", 64,
	  "hello.ring_ids: has 65 elements, at most 64 are allowed" },
	{ "{\"type\":\"welcome\",\"proto\":\"1.0\",\"number\":1,\"cluster\":\"c\","
	  "\"heartbeat_ms\":10,\"suspect_ms\":11,\"epoch\":0,\"members\":[],"
	  "\"successors\":{},\"pins\":[]}",
	  "\"members\":[", "{\"name\":\"m%zu\",\"home\":[\"192.0.2.1\"]}", 191,
	  "welcome.members: has 192 elements, at most 191 are allowed" },
	{ "{\"type\":\"report\",\"interval_ms\":1,\"load\":{\"load_ppm\":0,\"cpu_ppm\":0,\"sas\":0,"
	  "\"half_open\":0,\"capacity\":1},\"rates\":{},\"traffic\":{\"octets_in\":0,"
	  "\"octets_out\":0,\"packets_in\":0,\"packets_out\":0},\"errors\":{}}",
	  "\"errors\":{", "\"e%zu\":1", 128,
	  "report.errors: has 129 elements, at most 128 are allowed" },
	{ "{\"type\":\"peer\",\"entries\":[]}", "\"entries\":[",
	  "{\"event\":\"down\",\"identity\":\"p%zu\",\"spi\":\"000000000000000a\",\"inner\":[],"
	  "\"how\":\"full\",\"since_ms\":0}",
	  256, "peer.entries: has 257 elements, at most 256 are allowed" },
	{ "{\"type\":\"peer\",\"entries\":[{\"event\":\"down\",\"identity\":\"p\","
	  "\"spi\":\"000000000000000a\",\"inner\":[],\"how\":\"full\",\"since_ms\":0}]}",
	  "\"inner\":[", "\"10.0.0.%zu/32\"", 32,
	  "peer.entries[0].inner: has 33 elements, at most 32 are allowed" },
	{ "{\"type\":\"bye\",\"reason\":\"r\",\"released\":[]}", "\"released\":[", "\"10.0.0.%zu\"",
	  64, "bye.released: has 65 elements, at most 64 are allowed" },
};

/* The line with n elements in its list, in text. */
static const char *fill(const struct limit_case *c, size_t n)
{
	const char *at = strstr(c->line, c->list) + strlen(c->list);
	size_t len = (size_t)(at - c->line);

	memcpy(text, c->line, len);
	for (size_t i = 0; i < n; i++) {
		const char *mark = strstr(c->element, "%zu");

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s%zu%s",
					i > 0 ? "," : "", (int)(mark - c->element), c->element, i,
					mark + 3);
	}
	snprintf(text + len, sizeof(text) - len, "%s", at);
	return text;
}

static void test_list_limits_decoding(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(limit_cases); i++) {
		const struct limit_case *c = &limit_cases[i];
		const size_t sizes[] = { 0, 1, c->max };

		for (size_t j = 0; j < COUNT_OF(sizes); j++) {
			const char *line = fill(c, sizes[j]);
			struct message m;
			struct bytes out;

			decode_or_fail(view(line), c->why, &m);
			encode_or_fail(&m, c->why, &out);
			assert_int_equal(out.len, strlen(line) + 1);
			assert_memory_equal(out.ptr, line, out.len - 1);
			message_free(&m);
		}
		expect_refused(fill(c, c->max + 1), ERR_LIMIT, c->why);
	}
}

static void test_list_limits_encoding(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(limit_cases); i++) {
		const struct limit_case *c = &limit_cases[i];
		struct msg_peer entry;
		struct message m;

		decode_or_fail(view(fill(c, c->max)), c->why, &m);
		/* One more than the list has: refused before it is looked at. */
		if (m.type == MESSAGE_HELLO && m.hello.n_addresses == c->max)
			m.hello.n_addresses++;
		else if (m.type == MESSAGE_HELLO)
			m.hello.n_ring_ids++;
		else if (m.type == MESSAGE_WELCOME)
			m.welcome.n_members++;
		else if (m.type == MESSAGE_REPORT)
			m.report.n_errors++;
		else if (m.type == MESSAGE_BYE)
			m.bye.n_released++;
		else if (m.peers.n_entries == c->max)
			m.peers.n_entries++;
		else {
			entry = m.peers.entries[0];
			entry.n_inner++;
			m.peers.entries = &entry;
		}
		expect_unsendable(&m, ERR_LIMIT, c->why);
		message_free(&m);
	}
}

/* ---- batches of peers ---- */

static void test_fit_small_peers(void **state)
{
	static struct msg_peer entries[300];
	struct message m = { .type = MESSAGE_PEER, .peers = { false, entries, 0 } };
	struct bytes out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(entries); i++)
		entries[i] = small_peer;
	assert_int_equal(message_fit_peers(entries, 0), 0);
	assert_int_equal(message_fit_peers(entries, 1), 1);
	assert_int_equal(message_fit_peers(entries, 300), 256);
	m.peers.n_entries = 256;
	encode_or_fail(&m, "256 peers", &out);
	assert_in_range(out.len, 1, FRAME_MAX);
}

/* However full a frame becomes, octet by octet: what is said to fit does. */
static void test_fit_to_the_octet(void **state)
{
	static struct msg_peer entries[MSG_PEERS_MAX];
	struct message m = { .type = MESSAGE_PEER,
			     .id = MSG_INT_MAX,
			     .peers = { true, entries, 0 } };
	char identity[MSG_TEXT_MAX + 1], first[MSG_TEXT_MAX + 1];
	size_t least = FRAME_MAX;
	struct bytes out;

	(void)state;
	memset(identity, 'a', 160);
	identity[160] = '\0';
	for (size_t i = 0; i < COUNT_OF(entries); i++) {
		entries[i] = small_peer;
		entries[i].identity = identity;
	}
	entries[0].identity = first;
	for (size_t len = 1; len <= MSG_TEXT_MAX; len++) {
		memset(first, 'a', len);
		first[len] = '\0';
		m.peers.n_entries = message_fit_peers(entries, COUNT_OF(entries));
		assert_true(m.peers.n_entries < COUNT_OF(entries));
		encode_or_fail(&m, "what fits", &out);
		if (FRAME_MAX - out.len < least)
			least = FRAME_MAX - out.len;
	}
	assert_in_range(least, 0, 100);
}

/* The largest entries there can be: quotes need two octets each. */
static void test_fit_large_peers(void **state)
{
	static struct msg_peer entries[300];
	struct message m = { .type = MESSAGE_PEER,
			     .id = MSG_INT_MAX,
			     .peers = { true, entries, 0 } };
	char identity[MSG_TEXT_MAX + 1];
	struct ip_prefix wide[MSG_INNER_MAX];
	struct bytes out;
	size_t n;

	(void)state;
	memset(identity, '"', MSG_TEXT_MAX);
	identity[MSG_TEXT_MAX] = '\0';
	for (size_t i = 0; i < MSG_INNER_MAX; i++)
		wide[i] = (struct ip_prefix){ { IP_V6, { 0xff } }, 128 };
	for (size_t i = 0; i < MSG_INNER_MAX; i++)
		memset(wide[i].ip.octets, 0xff, 16);
	for (size_t i = 0; i < COUNT_OF(entries); i++) {
		entries[i] = small_peer;
		entries[i].identity = identity;
		entries[i].connection = A63;
		entries[i].inner = wide;
		entries[i].n_inner = MSG_INNER_MAX;
		entries[i].address.ip = wide[0].ip;
		entries[i].from = wide[0].ip;
		entries[i].lease = wide[0].ip;
		entries[i].old_spi = 1;
		entries[i].since_ms = MSG_INT_MAX;
	}
	n = message_fit_peers(entries, 300);
	assert_in_range(n, 20, 60);
	m.peers.n_entries = n;
	encode_or_fail(&m, "large peers", &out);
	assert_in_range(out.len, FRAME_MAX - 4000, FRAME_MAX);
	m.peers.n_entries = 60;
	expect_unsendable(&m, ERR_TOO_LONG, "peer: the content does not fit its length field");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_limits_decoding),
		cmocka_unit_test(test_list_limits_encoding),
		cmocka_unit_test(test_fit_small_peers),
		cmocka_unit_test(test_fit_to_the_octet),
		cmocka_unit_test(test_fit_large_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
