/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/control/frame.h"
#include "common/control/message.h"

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))
#define A63            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A255           A63 A63 A63 A63 "aaa"

#define V4(a, b, c, d)                     \
	{                                  \
		IP_V4,                     \
		{                          \
			(a), (b), (c), (d) \
		}                          \
	}
#define V6_1                                             \
	{                                                \
		IP_V6,                                   \
		{                                        \
			0x20, 0x01, 0x0d, 0xb8, [15] = 1 \
		}                                        \
	}

static uint8_t big[2 * FRAME_MAX];
static char text[4 * FRAME_MAX];

static struct bytes view(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

/* ---- one sample of each message, as a value and as a line ---- */

static const struct msg_address addresses[] = {
	{ V4(192, 0, 2, 21), "eth0", MSG_CLAIM_L2, true, 7 },
	{ V6_1, NULL, MSG_CLAIM_NONE, false, 0 },
};
static const char *const ring_ids[] = { "t1", "t2" };
static const struct ip home1[] = { V4(192, 0, 2, 21), V6_1 };
static const struct msg_member members[] = {
	{ "m1", home1, 2, { V4(192, 0, 2, 11), 7402 }, { V6_1, 7401 }, 1, true },
	{ "m2", NULL, 0, { .port = 0 }, { .port = 0 }, 0, false },
};
static const uint8_t key1[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t key2[18] = { 0xff, 0xef, 0xfe, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xff,
				  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const struct msg_key ring[] = {
	{ "n1", MSG_KEY_USE_NOTICE, { key1, sizeof(key1) }, 0, 0, false, 0 },
	{ "t1", "later", { key2, sizeof(key2) }, 0, 0, false, 0 },
};
static const struct msg_counter rates[] = { { "ike_auth.full", 12 }, { "resumed", 0 } };
static const struct msg_counter errors[] = { { "no-proposal", MSG_INT_MAX } };
static const struct ip_prefix inner[] = { { V4(10, 1, 0, 201), 32 },
					  { { IP_V6, { 0x20, 0x01, 0x0d, 0xb8 } }, 32 } };
static const struct msg_peer peers[] = {
	{ .event = MSG_PEER_UP,
	  .identity = "p1.peers.example.net",
	  .spi = 0x0100a1b2c3d4e5f6,
	  .address = { V4(192, 0, 2, 101), 4500 },
	  .connection = "sites",
	  .inner = inner,
	  .n_inner = 2,
	  .how = MSG_HOW_REDIRECTED_FROM,
	  .from = V4(192, 0, 2, 10),
	  .since_ms = 250,
	  .lease = V4(10, 9, 0, 1),
	  .supersedes = 0x0200a1b2c3d4e5f6,
	  .initial_contact = true },
	{ .event = MSG_PEER_MOVED,
	  .identity = "\"\xc3\xa4\"",
	  .spi = 0xff,
	  .old_spi = 0x0100a1b2c3d4e5f6,
	  .address = { V6_1, 500 },
	  .connection = "sites",
	  .how = MSG_HOW_RESUMED },
	{ .event = MSG_PEER_DOWN, .identity = "p2", .spi = UINT64_MAX, .how = MSG_HOW_PUSHED },
};
static const struct ip released[] = { V4(192, 0, 2, 21) };

#define HELLO                                                                            \
	"{\"type\":\"hello\",\"proto\":\"1.0\",\"member\":\"m1\","                       \
	"\"boot_id\":\"00112233445566ff\",\"version\":\"0.1.0\",\"dataplane\":\"tun\","  \
	"\"addresses\":[{\"address\":\"192.0.2.21\",\"link\":\"eth0\",\"claim\":\"l2\"," \
	"\"held\":true,\"epoch\":7},{\"address\":\"2001:db8::1\",\"claim\":\"none\","    \
	"\"held\":false,\"epoch\":0}],\"capacity\":10000,\"max_epoch\":9,"               \
	"\"mesh\":\"0.0.0.0:7401\",\"ring_ids\":[\"t1\",\"t2\"]}"
#define WELCOME                                                                                    \
	"{\"type\":\"welcome\",\"proto\":\"1.0\",\"number\":191,\"cluster\":\"demo\","             \
	"\"heartbeat_ms\":100,\"suspect_ms\":300,\"epoch\":3,\"members\":[{\"name\":\"m1\","       \
	"\"home\":[\"192.0.2.21\",\"2001:db8::1\"],\"escrow\":\"192.0.2.11:7402\","                \
	"\"mesh\":\"[2001:db8::1]:7401\",\"number\":1,\"down\":true},{\"name\":\"m2\",\"home\":[]" \
	"}],\"ring\":"                                                                             \
	"[" KEYS "],"                                                                              \
	"\"successors\":{},\"pins\":[]}"
#define KEYS                                                                       \
	"{\"id\":\"n1\",\"use\":\"notice\",\"key\":\"AAECAwQFBgcICQoLDA0ODw==\"}," \
	"{\"id\":\"t1\",\"use\":\"later\",\"key\":\"/+/++///////////////////\"}"
#define ERROR                                                                                     \
	"{\"type\":\"error\",\"id\":9007199254740991,\"code\":\"unknown-type\",\"of\":\"probe\"," \
	"\"why\":\"what is this?\"}"
#define HEARTBEAT                                                                               \
	"{\"type\":\"heartbeat\",\"member\":\"m1\",\"seq\":1,\"boot_id\":\"00112233445566ff\"," \
	"\"load_ppm\":1000000,\"sas\":17,\"half_open\":2,\"cpu_ppm\":30000,"                    \
	"\"state\":\"draining\"}"
#define ACK "{\"type\":\"ack\",\"seq\":1}"
#define REPORT                                                                              \
	"{\"type\":\"report\",\"interval_ms\":5000,\"load\":{\"load_ppm\":1,\"cpu_ppm\":2," \
	"\"sas\":3,\"half_open\":4,\"capacity\":5},\"rates\":{\"ike_auth.full\":12,"        \
	"\"resumed\":0},\"traffic\":{\"octets_in\":6,\"octets_out\":7,\"packets_in\":8,"    \
	"\"packets_out\":9},\"errors\":{\"no-proposal\":9007199254740991}}"
#define PEER                                                                                 \
	"{\"type\":\"peer\",\"reset\":true,\"entries\":[{\"event\":\"up\","                  \
	"\"identity\":\"p1.peers.example.net\",\"spi\":\"0100a1b2c3d4e5f6\","                \
	"\"address\":\"192.0.2.101:4500\",\"connection\":\"sites\","                         \
	"\"inner\":[\"10.1.0.201/32\",\"2001:db8::/32\"],\"how\":\"redirected-from\","       \
	"\"from\":\"192.0.2.10\",\"since_ms\":250,\"lease\":\"10.9.0.1\",\"supersedes\":"    \
	"\"0200a1b2c3d4e5f6\",\"initial_contact\":true},{\"event\":\"moved\","               \
	"\"identity\":\"\\\"\xc3\xa4\\\"\",\"spi\":\"00000000000000ff\","                    \
	"\"old_spi\":\"0100a1b2c3d4e5f6\",\"address\":\"[2001:db8::1]:500\","                \
	"\"connection\":\"sites\",\"inner\":[],\"how\":\"resumed\",\"since_ms\":0},"         \
	"{\"event\":\"down\",\"identity\":\"p2\",\"spi\":\"ffffffffffffffff\",\"inner\":[]," \
	"\"how\":\"pushed\",\"since_ms\":0}]}"
#define BYE "{\"type\":\"bye\",\"id\":1,\"reason\":\"maintenance\",\"released\":[\"192.0.2.21\"]}"
#define OK  "{\"type\":\"ok\",\"id\":1}"

static const struct sample {
	struct message message;
	const char *line;
} samples[] = {
	{ { .type = MESSAGE_HELLO,
	    .hello = { { 1, 0 },
		       "m1",
		       0x00112233445566ff,
		       "0.1.0",
		       "tun",
		       addresses,
		       2,
		       10000,
		       9,
		       { V4(0, 0, 0, 0), 7401 },
		       ring_ids,
		       2 } },
	  HELLO },
	{ { .type = MESSAGE_WELCOME,
	    .welcome = { { 1, 0 }, 191, "demo", 100, 300, 3, members, 2, ring, 2, NULL, 0 } },
	  WELCOME },
	{ { .type = MESSAGE_ERROR,
	    .id = MSG_INT_MAX,
	    .error = { MSG_CODE_UNKNOWN_TYPE, "probe", "what is this?" } },
	  ERROR },
	{ { .type = MESSAGE_HEARTBEAT,
	    .heartbeat = { "m1", 1, 0x00112233445566ff, 1000000, 17, 2, 30000,
			   MSG_STATE_DRAINING } },
	  HEARTBEAT },
	{ { .type = MESSAGE_ACK, .ack = { 1 } }, ACK },
	{ { .type = MESSAGE_REPORT,
	    .report = { 5000, { 1, 2, 3, 4, 5 }, rates, 2, { 6, 7, 8, 9 }, errors, 1 } },
	  REPORT },
	{ { .type = MESSAGE_PEER, .peers = { true, peers, 3 } }, PEER },
	{ { .type = MESSAGE_BYE, .id = 1, .bye = { "maintenance", released, 1 } }, BYE },
	{ { .type = MESSAGE_OK, .id = 1 }, OK },
};

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

/* The samples prove each row against a struct filled by hand, so decoding may rely on encoding. */
static void test_samples_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		const struct message *m = &samples[i].message;
		const char *name = message_type_name(m->type);
		struct message decoded;
		struct bytes line;

		encode_or_fail(m, name, &line);
		assert_int_equal(line.len, strlen(samples[i].line) + 1);
		assert_memory_equal(line.ptr, samples[i].line, line.len - 1);
		assert_int_equal(line.ptr[line.len - 1], '\n');

		decode_or_fail(line, name, &decoded);
		assert_int_equal(decoded.type, m->type);
		assert_int_equal(decoded.id, m->id);
		memset(big, 0, sizeof(big)); /* nothing decoded may point there */
		encode_or_fail(&decoded, name, &line);
		assert_memory_equal(line.ptr, samples[i].line, line.len - 1);
		message_free(&decoded);
		message_free(&decoded);
	}
}

static void test_every_type_has_a_sample(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF(samples), MESSAGE_CLAIM); /* on: test_message_orders.c */
	for (size_t i = 0; i < COUNT_OF(samples); i++)
		assert_int_equal(samples[i].message.type, i);
}

static void test_encode_into_less(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		size_t need = strlen(samples[i].line) + 1;
		struct bytes out = { NULL, 0 };

		for (size_t cap = 0; cap < need; cap++) {
			uint8_t *buf = malloc(cap);
			int err = message_encode(&samples[i].message, buf, cap, &out, NULL);

			assert_int_equal(err, ERR_NO_SPACE);
			assert_null(out.ptr);
			free(buf);
		}
		assert_int_equal(message_encode(&samples[i].message, big, need, &out, NULL), 0);
	}
}

static void expect_refused(const char *line, const char *name, int err, const char *why)
{
	struct message out = { .id = 77 };
	struct errtext got = { "" };
	int got_err = message_decode(view(line), &out, &got);

	if (got_err != err || strcmp(got.text, why) != 0)
		fail_msg("%s: %s: '%s'", name, err_text(got_err), got.text);
	assert_int_equal(out.id, 77);
	assert_int_equal(message_decode(view(line), &out, NULL), err);
}

static bool is_optional(const char *field)
{
	static const char *const names[] = { "id",   "of",         "reset",       "ring",
					     "pins", "successors", "revocations", "mesh" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(field, names[i]) == 0)
			return true;
	}
	return false;
}

/* Every field of every message left out, and replaced by null. */
static void test_each_field_missing_or_null(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		json_t *whole = json_loads(samples[i].line, 0, NULL), *value;
		const char *name;

		json_object_foreach(whole, name, value)
		{
			json_t *copy = json_copy(whole);
			struct message m;
			struct errtext why = { "" };
			char want[128];
			char *line;

			json_object_del(copy, name);
			line = json_dumps(copy, 0);
			snprintf(want, sizeof(want), "%s.%s: missing",
				 message_type_name(samples[i].message.type), name);
			if (strcmp(name, "type") == 0)
				expect_refused(line, name, ERR_MISSING, "type: missing");
			else if (!is_optional(name))
				expect_refused(line, want, ERR_MISSING, want);
			else
				assert_int_equal(message_decode(view(line), &m, NULL), 0);
			if (is_optional(name))
				message_free(&m);
			free(line);

			json_object_set_new(copy, name, json_null());
			line = json_dumps(copy, 0);
			if (!is_optional(name) && message_decode(view(line), &m, &why) != ERR_VALUE)
				fail_msg("%s: null: %s", name, why.text);
			free(line);
			json_decref(copy);
		}
		json_decref(whole);
	}
}

/* ---- bad inputs: a sample with one text in it replaced ---- */

static const struct bad_case {
	const char *line;
	const char *old;
	const char *new;
	int err;
	const char *why;
} bad_cases[] = {
	{ HELLO, "\"1.0\"", "\"2.0\"", ERR_UNSUPPORTED,
	  "hello.proto: is 2.0, but only 1.x is spoken here" },
	{ HELLO, "\"1.0\"", "\"0.9\"", ERR_UNSUPPORTED,
	  "hello.proto: is 0.9, but only 1.x is spoken here" },
	{ HELLO, "\"1.0\"", "\"1\"", ERR_VALUE, "hello.proto: must be a version such as 1.2" },
	{ HELLO, "\"1.0\"", "\"1.00\"", ERR_VALUE, "hello.proto: must be a version such as 1.2" },
	{ HELLO, "\"1.0\"", "\"1.0.0\"", ERR_VALUE, "hello.proto: must be a version such as 1.2" },
	{ HELLO, "\"1.0\"", "\"1.65536\"", ERR_VALUE,
	  "hello.proto: must be a version such as 1.2" },
	{ HELLO, "\"1.0\"", "\"+1.0\"", ERR_VALUE, "hello.proto: must be a version such as 1.2" },
	{ HELLO, "\"1.0\"", "1.0", ERR_VALUE, "hello.proto: must be a text" },
	{ HELLO, "\"m1\"", "\"M1\"", ERR_VALUE,
	  "hello.member: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ HELLO, "\"m1\"", "\"\"", ERR_VALUE,
	  "hello.member: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ HELLO, "\"m1\"", "\"" A63 "a\"", ERR_VALUE,
	  "hello.member: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ HELLO, "\"m1\"", "[\"m1\"]", ERR_VALUE, "hello.member: must be a text" },
	{ HELLO, "00112233445566ff", "0011223344556677f", ERR_VALUE,
	  "hello.boot_id: must be 16 hexadecimal digits, not all 0" },
	{ HELLO, "00112233445566ff", "00112233445566f", ERR_VALUE,
	  "hello.boot_id: must be 16 hexadecimal digits, not all 0" },
	{ HELLO, "00112233445566ff", "0x112233445566ff", ERR_VALUE,
	  "hello.boot_id: must be 16 hexadecimal digits, not all 0" },
	{ HELLO, "00112233445566ff", "0000000000000000", ERR_VALUE,
	  "hello.boot_id: must be 16 hexadecimal digits, not all 0" },
	{ HELLO, "0.1.0", "0.1\\n0", ERR_VALUE,
	  "hello.version: must be 1 to 63 octets of UTF-8 without control characters" },
	{ HELLO, "0.1.0", A63 "a", ERR_VALUE,
	  "hello.version: must be 1 to 63 octets of UTF-8 without control characters" },
	{ HELLO, "\"tun\"", "\"T\"", ERR_VALUE,
	  "hello.dataplane: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ HELLO, "2001:db8::1", "m2", ERR_VALUE,
	  "hello.addresses[1].address: must be an IP address" },
	{ HELLO, "2001:db8::1", "192.0.2.21/32", ERR_VALUE,
	  "hello.addresses[1].address: must be an IP address" },
	{ HELLO, "\"address\":\"2001:db8::1\",", "", ERR_MISSING,
	  "hello.addresses[1].address: missing" },
	{ HELLO, "\"eth0\"", "\"eth0123456789012\"", ERR_VALUE,
	  "hello.addresses[0].link: must be the name of an interface" },
	{ HELLO, "\"eth0\"", "\"a/b\"", ERR_VALUE,
	  "hello.addresses[0].link: must be the name of an interface" },
	{ HELLO, "\"eth0\"", "\"\"", ERR_VALUE,
	  "hello.addresses[0].link: must be the name of an interface" },
	{ HELLO, "\"l2\"", "\"l3\"", ERR_VALUE,
	  "hello.addresses[0].claim: must be one of l2, route, hook, none" },
	{ HELLO, "\"l2\"", "0", ERR_VALUE, "hello.addresses[0].claim: must be a text" },
	{ HELLO, "true", "1", ERR_VALUE, "hello.addresses[0].held: must be true or false" },
	{ HELLO, "\"epoch\":7", "\"epoch\":-1", ERR_VALUE,
	  "hello.addresses[0].epoch: must be from 0 to 9007199254740991" },
	{ HELLO, "\"epoch\":7", "\"epoch\":7.0", ERR_VALUE,
	  "hello.addresses[0].epoch: must be an integer" },
	{ HELLO, "\"epoch\":7", "\"epoch\":\"7\"", ERR_VALUE,
	  "hello.addresses[0].epoch: must be an integer" },
	{ HELLO, "[{\"address\"", "[7,{\"address\"", ERR_VALUE,
	  "hello.addresses[0]: must be an object" },
	{ HELLO, "[\"t1\",\"t2\"]", "{}", ERR_VALUE, "hello.ring_ids: must be a list" },
	{ HELLO, "\"t2\"", "2", ERR_VALUE, "hello.ring_ids[1]: must be a text" },
	{ HELLO, "\"t2\"", "\"t_2\"", ERR_VALUE,
	  "hello.ring_ids[1]: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ HELLO, "10000", "0", ERR_VALUE, "hello.capacity: must be from 1 to 9007199254740991" },
	{ HELLO, "\"max_epoch\":9", "\"max_epoch\":9007199254740992", ERR_VALUE,
	  "hello.max_epoch: must be from 0 to 9007199254740991" },

	{ WELCOME, "\"1.0\"", "\"7.0\"", ERR_UNSUPPORTED,
	  "welcome.proto: is 7.0, but only 1.x is spoken here" },
	{ WELCOME, "191", "192", ERR_VALUE, "welcome.number: must be from 1 to 191" },
	{ WELCOME, "191", "0", ERR_VALUE, "welcome.number: must be from 1 to 191" },
	{ WELCOME, "191", "257", ERR_VALUE, "welcome.number: must be from 1 to 191" },
	{ WELCOME, "\"heartbeat_ms\":100", "\"heartbeat_ms\":9", ERR_VALUE,
	  "welcome.heartbeat_ms: must be from 10 to 60000" },
	{ WELCOME, "300", "600001", ERR_VALUE, "welcome.suspect_ms: must be from 10 to 600000" },
	{ WELCOME, "300", "100", ERR_VALUE, "welcome.suspect_ms: must be more than heartbeat_ms" },
	{ WELCOME, "192.0.2.21", "", ERR_VALUE,
	  "welcome.members[0].home[0]: must be an IP address" },
	{ WELCOME, "\"2001:db8::1\"", "{}", ERR_VALUE,
	  "welcome.members[0].home[1]: must be a text" },
	{ HELLO, "0.0.0.0:7401", "0.0.0.0", ERR_VALUE,
	  "hello.mesh: must be an IP address and port" },
	{ WELCOME, "]:7401", "]", ERR_VALUE,
	  "welcome.members[0].mesh: must be an IP address and port" },
	{ WELCOME, "\"notice\"", "\"\"", ERR_VALUE,
	  "welcome.ring[0].use: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ WELCOME, "\"use\":\"later\",", "", ERR_MISSING, "welcome.ring[1].use: missing" },
	{ WELCOME, "AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0O", ERR_VALUE,
	  "welcome.ring[0].key: must be 16 to 64 octets in base64" },
	{ WELCOME, "ODw==", "ODx==", ERR_VALUE,
	  "welcome.ring[0].key: must be 16 to 64 octets in base64" },
	{ WELCOME, "\"AAECAwQFBgcICQoLDA0ODw==\"", "7", ERR_VALUE,
	  "welcome.ring[0].key: must be a text" },
	{ WELCOME, ":7402", "", ERR_VALUE,
	  "welcome.members[0].escrow: must be an IP address and port" },
	{ WELCOME, ",\"home\":[]", "", ERR_MISSING, "welcome.members[1].home: missing" },

	{ ERROR, "9007199254740991", "0", ERR_VALUE,
	  "error.id: must be from 1 to 9007199254740991" },
	{ ERROR, "9007199254740991", "9007199254740992", ERR_VALUE,
	  "error.id: must be from 1 to 9007199254740991" },
	{ ERROR, "9007199254740991", "\"1\"", ERR_VALUE, "error.id: must be an integer" },
	{ ERROR, "\"probe\"", "\"Probe\"", ERR_VALUE,
	  "error.of: must be a type: 1 to 32 of a-z, 0-9, - and _" },
	{ ERROR, "what is this?", "", ERR_VALUE,
	  "error.why: must be 1 to 255 octets of UTF-8 without control characters" },
	{ ERROR, "what is this?", A255 "a", ERR_VALUE,
	  "error.why: must be 1 to 255 octets of UTF-8 without control characters" },
	{ ERROR, "what is this?", "\\u009b2J", ERR_VALUE,
	  "error.why: must be 1 to 255 octets of UTF-8 without control characters" },

	{ HEARTBEAT, "\"seq\":1", "\"seq\":0", ERR_VALUE,
	  "heartbeat.seq: must be from 1 to 9007199254740991" },
	{ HEARTBEAT, "1000000", "1000001", ERR_VALUE,
	  "heartbeat.load_ppm: must be from 0 to 1000000" },
	{ HEARTBEAT, "1000000", "0.5", ERR_VALUE, "heartbeat.load_ppm: must be an integer" },
	{ HEARTBEAT, "30000", "-1", ERR_VALUE, "heartbeat.cpu_ppm: must be from 0 to 1000000" },
	{ HEARTBEAT, "draining", "dead", ERR_VALUE,
	  "heartbeat.state: must be one of starting, active, draining, failed" },
	{ ACK, "1}", "0}", ERR_VALUE, "ack.seq: must be from 1 to 9007199254740991" },

	{ REPORT, "5000", "0", ERR_VALUE, "report.interval_ms: must be from 1 to 3600000" },
	{ REPORT, "\"cpu_ppm\":2,", "", ERR_MISSING, "report.load.cpu_ppm: missing" },
	{ REPORT, "\"packets_out\":9", "\"packets_out\":-9", ERR_VALUE,
	  "report.traffic.packets_out: must be from 0 to 9007199254740991" },
	{ REPORT, "\"traffic\":{", "\"traffic\":[],\"x\":{", ERR_VALUE,
	  "report.traffic: must be an object" },
	{ REPORT, "\"resumed\":0", "\"resumed\":\"0\"", ERR_VALUE,
	  "report.rates.resumed: must be an integer" },
	{ REPORT, "\"resumed\"", "\"Resumed\"", ERR_VALUE,
	  "report.rates: names must be 1 to 63 of a-z, 0-9, -, _ and ." },
	{ REPORT, "\"resumed\"", "\"\"", ERR_VALUE,
	  "report.rates: names must be 1 to 63 of a-z, 0-9, -, _ and ." },
	{ REPORT, "\"resumed\"", "\"" A63 "a\"", ERR_VALUE,
	  "report.rates: names must be 1 to 63 of a-z, 0-9, -, _ and ." },
	{ REPORT, "9007199254740991", "9007199254740992", ERR_VALUE,
	  "report.errors.no-proposal: must be from 0 to 9007199254740991" },
	{ REPORT, "\"errors\":{\"", "\"errors\":[],\"e\":{\"", ERR_VALUE,
	  "report.errors: must be an object" },

	{ PEER, "true", "\"yes\"", ERR_VALUE, "peer.reset: must be true or false" },
	{ PEER, "\"up\"", "\"gone\"", ERR_VALUE,
	  "peer.entries[0].event: must be one of up, moved, down" },
	{ PEER, "p1.peers.example.net", A255 "a", ERR_VALUE,
	  "peer.entries[0].identity: must be 1 to 255 octets of UTF-8 without control characters" },
	{ PEER, "p1.peers", "p1\\u001bpeers", ERR_VALUE,
	  "peer.entries[0].identity: must be 1 to 255 octets of UTF-8 without control characters" },
	{ PEER, "\"spi\":\"0100a1b2c3d4e5f6\"", "\"spi\":72057594037927937", ERR_VALUE,
	  "peer.entries[0].spi: must be a text" },
	{ PEER, "\"old_spi\":\"0100a1b2c3d4e5f6\"", "\"old_spi\":\"0\"", ERR_VALUE,
	  "peer.entries[1].old_spi: must be 16 hexadecimal digits, not all 0" },
	{ PEER, "\"spi\":\"ffffffffffffffff\",", "", ERR_MISSING, "peer.entries[2].spi: missing" },
	{ PEER, "192.0.2.101:4500", "192.0.2.101:65536", ERR_VALUE,
	  "peer.entries[0].address: must be an IP address and port" },
	{ PEER, "\"address\":\"192.0.2.101:4500\",", "", ERR_MISSING,
	  "peer.entries[0].address: missing" },
	{ PEER, "\"connection\":\"sites\",\"inner\":[],", "\"inner\":[],", ERR_MISSING,
	  "peer.entries[1].connection: missing" },
	{ PEER, "10.1.0.201/32", "10.1.0.201/31", ERR_VALUE,
	  "peer.entries[0].inner[0]: must be an IP prefix" },
	{ PEER, "2001:db8::/32", "2001:db8::/129", ERR_VALUE,
	  "peer.entries[0].inner[1]: must be an IP prefix" },
	{ PEER, "\"redirected-from\"", "\"redirected\"", ERR_VALUE,
	  "peer.entries[0].how: must be one of full, resumed, redirected-from, pushed" },
	{ PEER, "\"192.0.2.10\"", "\"gw.example.net\"", ERR_VALUE,
	  "peer.entries[0].from: must be an IP address" },

	{ BYE, "maintenance", "", ERR_VALUE,
	  "bye.reason: must be 1 to 255 octets of UTF-8 without control characters" },
	{ BYE, "[\"192.0.2.21\"]", "[\"192.0.2.21\",\"\"]", ERR_VALUE,
	  "bye.released[1]: must be an IP address" },
	{ BYE, "[\"192.0.2.21\"]", "[[]]", ERR_VALUE, "bye.released[0]: must be a text" },
	{ OK, "\"id\":1", "\"id\":-1", ERR_VALUE, "ok.id: must be from 1 to 9007199254740991" },
};

static const char *replace(const char *line, const char *old, const char *new)
{
	const char *at = strstr(line, old);

	if (at == NULL)
		fail_msg("no %s in %s", old, line);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - line), line, new, at + strlen(old));
	return text;
}

static void test_bad_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
		const struct bad_case *c = &bad_cases[i];

		expect_refused(replace(c->line, c->old, c->new), c->why, c->err, c->why);
	}
}

/* ---- what a later minor version may bring ---- */

static const struct lenient_case {
	const char *line;
	const char *old;
	const char *new;
	const char *again; /* what it is encoded as */
} lenient_cases[] = {
	{ HELLO, "{\"type\"", "{\"more\":[null,{\"a\":1.5}],\"type\"", HELLO },
	{ HELLO, "\"claim\":\"l2\"", "\"claim\":\"l2\",\"metric\":5", HELLO },
	{ WELCOME, "\"use\":\"later\"", "\"use\":\"later\",\"rank\":5", WELCOME },
	{ WELCOME, "\"pins\":[]", "\"pins\":7", WELCOME },
	{ WELCOME, "\"successors\":{}", "\"successors\":[]", WELCOME },
	{ PEER, "00000000000000ff", "00000000000000FF", PEER },
	{ PEER, "2001:db8::1]", "2001:DB8:0::1]", PEER },
	{ PEER, "10.1.0.201/32", "10.1.0.201", PEER },
	{ ACK, "1", "1,\"reset\":true", ACK },
	{ OK, "1}", "1}\\r", OK },
};

static void test_lenient_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lenient_cases); i++) {
		const struct lenient_case *c = &lenient_cases[i];
		const char *line = replace(c->line, c->old, c->new);
		char *cr = strstr(text, "\\r");
		struct message m;
		struct bytes out;

		if (cr != NULL)
			memcpy(cr, "\r\n", 3);
		decode_or_fail(view(line), line, &m);
		encode_or_fail(&m, line, &out);
		assert_int_equal(out.len, strlen(c->again) + 1);
		assert_memory_equal(out.ptr, c->again, out.len - 1);
		message_free(&m);
	}
}

static void test_minor_versions(void **state)
{
	struct message m;

	(void)state;
	decode_or_fail(view(replace(HELLO, "\"1.0\"", "\"1.65535\"")), "minor", &m);
	assert_int_equal(m.hello.proto.major, 1);
	assert_int_equal(m.hello.proto.minor, 65535);
	message_free(&m);
}

/* What version 1.0 did not have may be missing, and its empty ring is one. */
static void test_version_1_0(void **state)
{
	struct message m;

	(void)state;
	decode_or_fail(view(replace(HELLO, "\"mesh\":\"0.0.0.0:7401\",", "")), "hello 1.0", &m);
	assert_int_equal(m.hello.mesh.ip.family, IP_NONE);
	message_free(&m);
	decode_or_fail(view(replace(WELCOME, "\"ring\":[" KEYS "],", "\"ring\":[],")),
		       "welcome 1.0", &m);
	assert_int_equal(m.welcome.n_ring, 0);
	message_free(&m);
}

/* proto is judged before fields that may look quite different in another major version. */
static void test_major_version_first(void **state)
{
	(void)state;
	expect_refused("{\"type\":\"hello\",\"member\":5,\"proto\":\"2.3\"}", "2.3",
		       ERR_UNSUPPORTED, "hello.proto: is 2.3, but only 1.x is spoken here");
}

static void test_unknown_type(void **state)
{
	struct message m;
	struct bytes out;

	(void)state;
	decode_or_fail(view("{\"type\":\"drain\",\"id\":5,\"address\":{}}"), "drain", &m);
	assert_int_equal(m.type, MESSAGE_UNKNOWN);
	assert_string_equal(m.unknown, "drain");
	assert_int_equal(m.id, 5);
	assert_int_equal(message_encode(&m, big, sizeof(big), &out, NULL), ERR_VALUE);
	message_free(&m);
	expect_refused("{\"type\":\"drain\",\"id\":0}", "id", ERR_VALUE,
		       "drain.id: must be from 1 to 9007199254740991");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(message_type_name(MESSAGE_HELLO), "hello");
	assert_string_equal(message_type_name(MESSAGE_OK), "ok");
	assert_string_equal(message_type_name(MESSAGE_UNKNOWN), "unknown");
	assert_string_equal(msg_claim_name(MSG_CLAIM_HOOK), "hook");
	assert_string_equal(msg_state_name(MSG_STATE_FAILED), "failed");
	assert_string_equal(msg_peer_event_name(MSG_PEER_DOWN), "down");
	assert_string_equal(msg_peer_how_name(MSG_HOW_REDIRECTED_FROM), "redirected-from");
	assert_string_equal(msg_peer_how_name((enum msg_peer_how)99), "unknown");
}

/* ---- what may not be sent ---- */

static void expect_unsendable(const struct message *m, int err, const char *why)
{
	struct errtext got = { "" };
	struct bytes out = { NULL, 0 };
	int got_err = message_encode(m, big, sizeof(big), &out, &got);

	if (got_err != err || strcmp(got.text, why) != 0)
		fail_msg("want '%s', got %s: '%s'", why, err_text(got_err), got.text);
	assert_null(out.ptr);
}

static void test_unsendable_hello(void **state)
{
	struct message m = samples[MESSAGE_HELLO].message;
	struct msg_address address = addresses[0];

	(void)state;
	m.hello.proto.major = 2;
	expect_unsendable(&m, ERR_UNSUPPORTED, "hello.proto: is 2.0, but only 1.x is spoken here");
	m = samples[MESSAGE_HELLO].message;
	m.hello.member = NULL;
	expect_unsendable(&m, ERR_MISSING, "hello.member: missing");
	m = samples[MESSAGE_HELLO].message;
	m.hello.boot_id = 0;
	expect_unsendable(&m, ERR_VALUE, "hello.boot_id: must be 16 hexadecimal digits, not all 0");
	m = samples[MESSAGE_WELCOME].message;
	m.welcome.ring = &(struct msg_key){ .id = "n1", .use = "notice", .key = { key1, 15 } };
	m.welcome.n_ring = 1;
	expect_unsendable(&m, ERR_VALUE, "welcome.ring[0].key: must be 16 to 64 octets in base64");
	m = samples[MESSAGE_HELLO].message;
	m.hello.capacity = MSG_INT_MAX + 1;
	expect_unsendable(&m, ERR_VALUE, "hello.capacity: must be from 1 to 9007199254740991");
	m = samples[MESSAGE_HELLO].message;
	m.hello.addresses = &address;
	m.hello.n_addresses = 1;
	address.claim = (enum msg_claim_kind)4;
	expect_unsendable(&m, ERR_VALUE,
			  "hello.addresses[0].claim: must be one of l2, route, hook, none");
	address = addresses[0];
	address.address.family = IP_NONE;
	expect_unsendable(&m, ERR_VALUE, "hello.addresses[0].address: must be an IP address");
}

static void test_unsendable_peer(void **state)
{
	struct msg_peer entries[2] = { peers[0], peers[1] };
	struct message m = { .type = MESSAGE_PEER, .peers = { false, entries, 2 } };
	struct ip_prefix host_bits = { V4(10, 1, 0, 1), 24 };

	(void)state;
	entries[1].identity = "\xff";
	expect_unsendable(&m, ERR_VALUE,
			  "peer.entries[1].identity: must be 1 to 255 octets of UTF-8 without "
			  "control characters");
	entries[1] = peers[1];
	entries[1].address.ip.family = IP_NONE;
	expect_unsendable(&m, ERR_MISSING, "peer.entries[1].address: missing");
	entries[1] = peers[1];
	entries[1].inner = &host_bits;
	entries[1].n_inner = 1;
	expect_unsendable(&m, ERR_VALUE, "peer.entries[1].inner[0]: must be an IP prefix");
	m.id = MSG_INT_MAX + 1;
	expect_unsendable(&m, ERR_VALUE, "peer.id: must be from 1 to 9007199254740991");
}

static void test_unsendable_others(void **state)
{
	struct message welcome = samples[MESSAGE_WELCOME].message;
	struct message report = samples[MESSAGE_REPORT].message;
	struct msg_counter twice[2] = { rates[0], rates[0] };

	(void)state;
	welcome.welcome.suspect_ms = 100;
	expect_unsendable(&welcome, ERR_VALUE,
			  "welcome.suspect_ms: must be more than heartbeat_ms");
	report.report.rates = twice;
	expect_unsendable(&report, ERR_DUPLICATE, "report.rates.ike_auth.full: given twice");
	twice[1].name = NULL;
	expect_unsendable(&report, ERR_VALUE,
			  "report.rates: names must be 1 to 63 of a-z, 0-9, -, _ and .");
	twice[1] = (struct msg_counter){ "x", MSG_INT_MAX + 1 };
	expect_unsendable(&report, ERR_VALUE, "report.rates.x: must be from 0 to 9007199254740991");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_both_ways),
		cmocka_unit_test(test_every_type_has_a_sample),
		cmocka_unit_test(test_encode_into_less),
		cmocka_unit_test(test_each_field_missing_or_null),
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_lenient_fields),
		cmocka_unit_test(test_minor_versions),
		cmocka_unit_test(test_version_1_0),
		cmocka_unit_test(test_major_version_first),
		cmocka_unit_test(test_unknown_type),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unsendable_hello),
		cmocka_unit_test(test_unsendable_peer),
		cmocka_unit_test(test_unsendable_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
