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

/* The messages about keys and tickets. */

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static uint8_t big[FRAME_MAX];
static char text[FRAME_MAX];

static const uint8_t key1[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const struct msg_key keys[] = {
	{ "ticket-00000000000000a1", MSG_KEY_USE_TICKET, { key1, 16 }, 11, 12, true, 0 },
	{ "qcd-191-1", MSG_KEY_USE_QCD, { key1, 16 }, 0, 0, false, 191 },
};
static const char *const ids[] = { "notice-1", "qcd-191-1" };
static const struct msg_revocation revocations[] = {
	{ 1, MSG_REVOKED_IDENTITY, "p1", 13, 14 },
	{ 2, MSG_REVOKED_CONNECTION, "sites", 15, 16 },
	{ 3, MSG_REVOKED_ALL, NULL, 17, MSG_INT_MAX },
};

#define RING                                                                         \
	"{\"type\":\"ring\",\"id\":3,\"keys\":[{\"id\":\"ticket-00000000000000a1\"," \
	"\"use\":\"ticket\",\"key\":\"AAECAwQFBgcICQoLDA0ODw==\",\"not_before\":11," \
	"\"not_after\":12,\"issue\":true},{\"id\":\"qcd-191-1\",\"use\":\"qcd\","    \
	"\"key\":\"AAECAwQFBgcICQoLDA0ODw==\",\"number\":191}]}"
#define RING_OK "{\"type\":\"ring_ok\",\"id\":3,\"ids\":[\"notice-1\",\"qcd-191-1\"]}"
#define REVOCATIONS                                                                  \
	"\"revocations\":[{\"id\":1,\"what\":\"identity\",\"name\":\"p1\","          \
	"\"before\":13,\"until\":14},{\"id\":2,\"what\":\"connection\","             \
	"\"name\":\"sites\",\"before\":15,\"until\":16},{\"id\":3,\"what\":\"all\"," \
	"\"before\":17,\"until\":9007199254740991}]"
#define REVOKE "{\"type\":\"revoke\",\"id\":4," REVOCATIONS "}"
#define SUPERSEDED                                                                          \
	"{\"type\":\"superseded\",\"spi\":\"0100000000000001\",\"identity\":\"p1\",\"by\":" \
	"\"m2\"}"
#define WELCOME                                                                     \
	"{\"type\":\"welcome\",\"proto\":\"1.2\",\"number\":1,\"cluster\":\"c\","   \
	"\"heartbeat_ms\":10,\"suspect_ms\":11,\"epoch\":0,\"members\":[{\"name\":" \
	"\"m1\",\"home\":[],\"number\":191}],\"successors\":{},\"pins\":[]," REVOCATIONS "}"

static const struct sample {
	struct message message;
	const char *line;
} samples[] = {
	{ { .type = MESSAGE_RING, .id = 3, .ring = { keys, 2 } }, RING },
	{ { .type = MESSAGE_RING_OK, .id = 3, .ring_ok = { ids, 2 } }, RING_OK },
	{ { .type = MESSAGE_REVOKE, .id = 4, .revoke = { revocations, 3 } }, REVOKE },
	{ { .type = MESSAGE_SUPERSEDED, .superseded = { 0x0100000000000001, "p1", "m2" } },
	  SUPERSEDED },
};

static void expect_encoded(const struct message *m, const char *want)
{
	struct errtext why = { "" };
	struct bytes line;

	if (message_encode(m, big, sizeof(big), &line, &why) != 0)
		fail_msg("%s", why.text);
	if (line.len != strlen(want) + 1 || memcmp(line.ptr, want, line.len - 1) != 0)
		fail_msg("%.*s%s", (int)line.len, (const char *)line.ptr, want);
}

static int decode(const char *line, struct message *out, struct errtext *why)
{
	return message_decode((struct bytes){ (const uint8_t *)line, strlen(line) }, out, why);
}

static void expect_same_again(const char *line)
{
	struct errtext why = { "" };
	struct message decoded;

	if (decode(line, &decoded, &why) != 0)
		fail_msg("%s", why.text);
	memset(big, 0, sizeof(big)); /* nothing decoded may point there */
	expect_encoded(&decoded, line);
	message_free(&decoded);
}

static void test_samples_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		assert_int_equal(samples[i].message.type, (size_t)MESSAGE_RING + i);
		expect_encoded(&samples[i].message, samples[i].line);
		expect_same_again(samples[i].line);
	}
	assert_int_equal((size_t)MESSAGE_RING + COUNT_OF(samples), MESSAGE_UNKNOWN);
}

/* What version 1.2 added to older messages. */
static void test_welcome(void **state)
{
	struct message m;

	(void)state;
	expect_same_again(WELCOME);
	assert_int_equal(decode(WELCOME, &m, NULL), 0);
	assert_int_equal(m.welcome.members[0].number, 191);
	assert_int_equal(m.welcome.n_revocations, 3);
	assert_string_equal(m.welcome.revocations[1].name, "sites");
	assert_int_equal(m.welcome.revocations[2].until, MSG_INT_MAX);
	message_free(&m);
}

static const struct bad_case {
	const char *line;
	const char *old;
	const char *new;
	int err;
	const char *why;
} bad_cases[] = {
	{ RING, "\"use\":\"ticket\",", "", ERR_MISSING, "ring.keys[0].use: missing" },
	{ RING, "11", "0", ERR_VALUE,
	  "ring.keys[0].not_before: must be from 1 to 9007199254740991" },
	{ RING, "12", "\"12\"", ERR_VALUE, "ring.keys[0].not_after: must be an integer" },
	{ RING, "true", "1", ERR_VALUE, "ring.keys[0].issue: must be true or false" },
	{ RING, "\"number\":191", "\"number\":192", ERR_VALUE,
	  "ring.keys[1].number: must be from 1 to 191" },
	{ RING, "AAEC", "AA*C", ERR_VALUE, "ring.keys[0].key: must be 16 to 64 octets in base64" },
	{ RING_OK, "notice-1", "", ERR_VALUE,
	  "ring_ok.ids[0]: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ RING_OK, ",\"ids\":[\"notice-1\",\"qcd-191-1\"]", "", ERR_MISSING,
	  "ring_ok.ids: missing" },
	{ REVOKE, "\"id\":1", "\"id\":0", ERR_VALUE,
	  "revoke.revocations[0].id: must be from 1 to 9007199254740991" },
	{ REVOKE, "identity", "peer", ERR_VALUE,
	  "revoke.revocations[0].what: must be one of identity, connection, all" },
	{ REVOKE, "\"name\":\"p1\",", "", ERR_MISSING, "revoke.revocations[0].name: missing" },
	{ REVOKE, "\"all\"", "\"all\",\"name\":\"p1\"", ERR_VALUE,
	  "revoke.revocations[2].name: given, but all are meant" },
	{ REVOKE, "\"before\":15,", "", ERR_MISSING, "revoke.revocations[1].before: missing" },
	{ REVOKE, "\"until\":16", "\"until\":-1", ERR_VALUE,
	  "revoke.revocations[1].until: must be from 1 to 9007199254740991" },
	{ WELCOME, "\"all\"", "\"identity\"", ERR_MISSING, "welcome.revocations[2].name: missing" },
	{ WELCOME, "\"number\":191", "\"number\":0", ERR_VALUE,
	  "welcome.members[0].number: must be from 1 to 191" },
	{ SUPERSEDED, "0100000000000001", "1", ERR_VALUE,
	  "superseded.spi: must be 16 hexadecimal digits, not all 0" },
	{ SUPERSEDED, "\"m2\"", "\"M2\"", ERR_VALUE,
	  "superseded.by: must be a name: 1 to 63 of a-z, 0-9 and -" },
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
		struct message out = { .id = 77 };
		struct errtext why = { "" };
		int err = decode(replace(c->line, c->old, c->new), &out, &why);

		if (err != c->err || strcmp(why.text, c->why) != 0)
			fail_msg("%s: %s: '%s'", c->why, err_text(err), why.text);
		assert_int_equal(out.id, 77);
	}
}

/* A ring and revocations of nothing are something to say: all goes. */
static void test_empty_lists(void **state)
{
	(void)state;
	expect_same_again("{\"type\":\"ring\",\"id\":1,\"keys\":[]}");
	expect_same_again("{\"type\":\"ring_ok\",\"id\":1,\"ids\":[]}");
	expect_same_again("{\"type\":\"revoke\",\"id\":1,\"revocations\":[]}");
}

/* The largest ring there can be, with the longest names, has room in a frame. */
static void test_ring_limits(void **state)
{
	static struct msg_key many[MSG_RING_MAX + 1];
	struct message m = { .type = MESSAGE_RING, .id = MSG_INT_MAX, .ring = { many, 0 } };
	static const uint8_t octets[32] = { 1 };
	struct errtext why = { "" };
	struct bytes out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct msg_key){ "ticket-00000000000000a1",
					    MSG_KEY_USE_TICKET,
					    { octets, sizeof(octets) },
					    MSG_INT_MAX,
					    MSG_INT_MAX,
					    true,
					    191 };
	m.ring.n_keys = MSG_RING_MAX;
	assert_int_equal(message_encode(&m, big, sizeof(big), &out, &why), 0);
	m.ring.n_keys++;
	assert_int_equal(message_encode(&m, big, sizeof(big), &out, &why), ERR_LIMIT);
	assert_string_equal(why.text, "ring.keys: has 257 elements, at most 256 are allowed");
}

static void test_revocations_that_fit(void **state)
{
	static struct msg_revocation many[MSG_REVOCATIONS_MAX + 1];
	struct message m = { .type = MESSAGE_REVOKE, .id = MSG_INT_MAX };
	char name[MSG_TEXT_MAX + 1];
	size_t n = 0;
	struct bytes out;

	(void)state;
	memset(name, '"', MSG_TEXT_MAX); /* two octets each in JSON */
	name[MSG_TEXT_MAX] = '\0';
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct msg_revocation){ MSG_INT_MAX, MSG_REVOKED_CONNECTION, name,
						   MSG_INT_MAX, MSG_INT_MAX };
	while (message_fits_revocations(many, n))
		n++;
	assert_in_range(n, 20, 30);
	m.revoke = (struct msg_revoke){ many, n - 1 };
	assert_int_equal(message_encode(&m, big, sizeof(big), &out, NULL), 0);
	assert_true(out.len <= FRAME_MAX / 4 + 128);
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct msg_revocation){ 1, MSG_REVOKED_ALL, NULL, 1, 1 };
	assert_true(message_fits_revocations(many, MSG_REVOCATIONS_MAX));
	assert_false(message_fits_revocations(many, MSG_REVOCATIONS_MAX + 1));
	assert_true(message_fits_revocations(NULL, 0));
}

/* The largest cluster, with all its keys and as many revocations as there may be. */
static void test_large_welcome(void **state)
{
	static struct msg_member members[MSG_MEMBERS_MAX];
	static struct msg_key ring[200];
	static struct msg_revocation many[MSG_REVOCATIONS_MAX];
	static const uint8_t octets[32] = { 1 };
	const struct ip home = { IP_V4, { 192, 0, 2, 254 } };
	struct message m = { .type = MESSAGE_WELCOME, .id = MSG_INT_MAX };
	struct errtext why = { "" };
	size_t n = 0;
	struct bytes out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(members); i++)
		members[i] = (struct msg_member){ .name = "gateway-191",
						  .home = &home,
						  .n_home = 1,
						  .mesh = { home, 65535 },
						  .number = 191 };
	for (size_t i = 0; i < COUNT_OF(ring); i++)
		ring[i] = (struct msg_key){ .id = "qcd-191-999",
					    .use = MSG_KEY_USE_QCD,
					    .key = { octets, sizeof(octets) },
					    .number = 191 };
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct msg_revocation){ 1764072000, MSG_REVOKED_IDENTITY,
						   "peer-1000000.peers.example.net", 1764072000,
						   1764072000 };
	while (n < COUNT_OF(many) && message_fits_revocations(many, n + 1))
		n++;
	assert_true(n > 100);
	m.welcome = (struct msg_welcome){ .proto = { 1, 2 },
					  .number = 191,
					  .cluster = "demo",
					  .heartbeat_ms = 1000,
					  .suspect_ms = 3000,
					  .members = members,
					  .n_members = COUNT_OF(members),
					  .ring = ring,
					  .n_ring = COUNT_OF(ring),
					  .revocations = many,
					  .n_revocations = n };
	if (message_encode(&m, big, sizeof(big), &out, &why) != 0)
		fail_msg("%s", why.text);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(msg_revoked_name(MSG_REVOKED_ALL), "all");
	assert_string_equal(msg_revoked_name((enum msg_revoked)3), "unknown");
	assert_string_equal(message_type_name(MESSAGE_SUPERSEDED), "superseded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_both_ways),
		cmocka_unit_test(test_welcome),
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_empty_lists),
		cmocka_unit_test(test_ring_limits),
		cmocka_unit_test(test_revocations_that_fit),
		cmocka_unit_test(test_large_welcome),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
