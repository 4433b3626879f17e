/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/control/heartbeat.h"

#define BOOT_ID 0x00112233445566ff

static const uint8_t key1_octets[HEARTBEAT_KEY_SIZE] = { 1, 2, 3, [31] = 0xff };
static const uint8_t key2_octets[HEARTBEAT_KEY_SIZE] = { 1, 2, 3, [31] = 0xfe };
static const struct bytes key1 = { key1_octets, sizeof(key1_octets) };
static const struct bytes key2 = { key2_octets, sizeof(key2_octets) };

static const struct message heartbeat = {
	.type = MESSAGE_HEARTBEAT,
	.heartbeat = { "m1", 42, BOOT_ID, 12345, 17, 2, 30000, MSG_STATE_ACTIVE },
};
static const struct message ack = { .type = MESSAGE_ACK, .ack = { 42 } };

static const struct message gone = { .type = MESSAGE_GONE, .gone = { "m1", BOOT_ID } };

static uint8_t buf[HEARTBEAT_DATAGRAM_MAX];

static struct bytes encode(const struct message *m, struct bytes key)
{
	struct errtext why = { "" };
	struct bytes out = { NULL, 0 };

	if (heartbeat_encode(m, key, buf, sizeof(buf), &out, &why) != 0)
		fail_msg("%s", why.text);
	return out;
}

/* A datagram of any text with the right MAC. */
static struct bytes seal(const char *json, struct bytes key, uint8_t *out)
{
	size_t len = strlen(json);
	uint8_t mac[32];

	memcpy(out, json, len);
	assert_non_null(
	    HMAC(EVP_sha256(), key.ptr, (int)key.len, (const uint8_t *)json, len, mac, NULL));
	memcpy(out + len, mac, HEARTBEAT_MAC_SIZE);
	return (struct bytes){ out, len + HEARTBEAT_MAC_SIZE };
}

/* Decodes a copy of exactly the size: ASan then sees any overread. */
static int decode(struct bytes datagram, struct bytes key, enum message_type expected,
		  struct errtext *why)
{
	uint8_t *copy = malloc(datagram.len);
	struct message m = { .id = 77 };
	int err;

	if (datagram.len > 0)
		memcpy(copy, datagram.ptr, datagram.len);
	err = heartbeat_decode((struct bytes){ copy, datagram.len }, key, expected, &m, why);
	if (err == 0)
		message_free(&m);
	else
		assert_int_equal(m.id, 77);
	free(copy);
	return err;
}

static int peek(struct bytes datagram, char member[NAME_TEXT_MAX + 1], struct errtext *why)
{
	uint8_t *copy = malloc(datagram.len);
	int err;

	if (datagram.len > 0)
		memcpy(copy, datagram.ptr, datagram.len);
	err = heartbeat_peek_member((struct bytes){ copy, datagram.len }, member, why);
	free(copy);
	return err;
}

static void test_both_ways(void **state)
{
	char member[NAME_TEXT_MAX + 1];
	struct errtext why = { "" };
	struct bytes datagram = encode(&heartbeat, key1);
	struct message m;

	(void)state;
	assert_int_equal(peek(datagram, member, &why), 0);
	assert_string_equal(member, "m1");
	assert_int_equal(heartbeat_decode(datagram, key1, MESSAGE_HEARTBEAT, &m, &why), 0);
	memset(buf, 0, sizeof(buf)); /* nothing decoded may point there */
	assert_string_equal(m.heartbeat.member, "m1");
	assert_int_equal(m.heartbeat.seq, 42);
	assert_true(m.heartbeat.boot_id == BOOT_ID);
	assert_int_equal(m.heartbeat.load_ppm, 12345);
	assert_int_equal(m.heartbeat.sas, 17);
	assert_int_equal(m.heartbeat.half_open, 2);
	assert_int_equal(m.heartbeat.cpu_ppm, 30000);
	assert_int_equal(m.heartbeat.state, MSG_STATE_ACTIVE);
	message_free(&m);

	datagram = encode(&ack, key1);
	assert_int_equal(heartbeat_decode(datagram, key1, MESSAGE_ACK, &m, &why), 0);
	assert_int_equal(m.ack.seq, 42);
	message_free(&m);
}

/* What a keeper says in the end: made early, read like a heartbeat. */
static void test_gone(void **state)
{
	char member[NAME_TEXT_MAX + 1];
	struct errtext why = { "" };
	struct bytes datagram = encode(&gone, key1);
	struct message m;

	(void)state;
	assert_int_equal(peek(datagram, member, &why), 0);
	assert_string_equal(member, "m1");
	assert_int_equal(heartbeat_decode(datagram, key1, MESSAGE_HEARTBEAT, &m, &why), 0);
	assert_int_equal(m.type, MESSAGE_GONE);
	assert_string_equal(m.gone.member, "m1");
	assert_true(m.gone.boot_id == BOOT_ID);
	message_free(&m);
	assert_int_equal(decode(datagram, key2, MESSAGE_HEARTBEAT, &why), ERR_AUTH);
	assert_int_equal(decode(datagram, key1, MESSAGE_ACK, &why), ERR_MISMATCH);
	assert_string_equal(why.text, "gone instead of ack");
	datagram = encode(&heartbeat, key1);
	assert_int_equal(decode(datagram, key1, MESSAGE_GONE, &why), ERR_MISMATCH);
}

/* Another implementation has to get these octets: the MAC was made with openssl dgst. */
static void test_known_octets(void **state)
{
	static const char json[] = "{\"type\":\"ack\",\"seq\":42}";
	static const uint8_t mac[HEARTBEAT_MAC_SIZE] = { 0x20, 0x25, 0x61, 0xcf, 0x92, 0xf6,
							 0xa3, 0xb5, 0xc8, 0x24, 0x10, 0xca,
							 0x97, 0xb3, 0x8e, 0xf9 };
	struct bytes datagram = encode(&ack, key1);

	(void)state;
	assert_int_equal(datagram.len, sizeof(json) - 1 + sizeof(mac));
	assert_memory_equal(datagram.ptr, json, sizeof(json) - 1);
	assert_memory_equal(datagram.ptr + sizeof(json) - 1, mac, sizeof(mac));
}

static void test_tampered(void **state)
{
	struct bytes datagram = encode(&heartbeat, key1);
	struct errtext why;

	(void)state;
	for (size_t i = 0; i < datagram.len * 8; i++) {
		buf[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(decode(datagram, key1, MESSAGE_HEARTBEAT, &why), ERR_AUTH);
		assert_string_equal(why.text, "the MAC is wrong");
		buf[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(decode(datagram, key1, MESSAGE_HEARTBEAT, &why), 0);
}

static void test_truncated(void **state)
{
	struct bytes datagram = encode(&heartbeat, key1);
	struct errtext why;

	(void)state;
	for (size_t len = 0; len < datagram.len; len++) {
		struct bytes cut = { datagram.ptr, len };
		int want = len <= HEARTBEAT_MAC_SIZE ? ERR_TRUNCATED : ERR_AUTH;

		assert_int_equal(decode(cut, key1, MESSAGE_HEARTBEAT, &why), want);
	}
}

static void test_wrong_key(void **state)
{
	struct bytes datagram = encode(&heartbeat, key1);
	struct bytes short_key = { key1_octets, 31 }, out;
	struct errtext why;

	(void)state;
	/* What member m2 seals with its own key in the name of m1 fails with the key of m1. */
	assert_int_equal(decode(datagram, key2, MESSAGE_HEARTBEAT, &why), ERR_AUTH);
	assert_int_equal(decode(datagram, short_key, MESSAGE_HEARTBEAT, &why), ERR_VALUE);
	assert_string_equal(why.text, "a heartbeat key has 32 octets");
	assert_int_equal(heartbeat_encode(&heartbeat, short_key, buf, sizeof(buf), &out, &why),
			 ERR_VALUE);
}

/* Both directions use one key: neither message may pass for the other. */
static void test_reflected(void **state)
{
	char member[NAME_TEXT_MAX + 1] = "";
	struct errtext why;
	struct bytes datagram = encode(&heartbeat, key1);

	(void)state;
	assert_int_equal(decode(datagram, key1, MESSAGE_ACK, &why), ERR_MISMATCH);
	assert_string_equal(why.text, "heartbeat instead of ack");
	datagram = encode(&ack, key1);
	assert_int_equal(decode(datagram, key1, MESSAGE_HEARTBEAT, &why), ERR_MISMATCH);
	assert_string_equal(why.text, "ack instead of heartbeat");
	assert_int_equal(peek(datagram, member, &why), ERR_MISMATCH);
	assert_string_equal(member, "");
}

static const struct sealed_case {
	const char *json;
	int peek_err;
	const char *peek_why; /* how the reason begins */
	int err;
	const char *why; /* likewise */
} sealed_cases[] = {
	{ "{\"type\":\"heartbeat\",\"member\":\"m1\"}", 0, "", ERR_MISSING,
	  "heartbeat.seq: missing" },
	{ "{\"type\":\"heartbeat\"}", ERR_MISSING, "heartbeat.member: missing", ERR_MISSING,
	  "heartbeat.member: missing" },
	{ "{\"type\":\"heartbeat\",\"member\":[\"m1\"]}", ERR_VALUE,
	  "heartbeat.member: must be a name: 1 to 63 of a-z, 0-9 and -", ERR_VALUE,
	  "heartbeat.member: must be a text" },
	{ "{\"type\":\"heartbeat\",\"member\":\"../m1\"}", ERR_VALUE,
	  "heartbeat.member: must be a name: 1 to 63 of a-z, 0-9 and -", ERR_VALUE,
	  "heartbeat.member: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ "{\"type\":\"heartbeat\",\"member\":\"m1\",\"member\":\"m2\"}", ERR_DUPLICATE,
	  "not JSON at octet 42", ERR_DUPLICATE, "not JSON at octet 42" },
	{ "{\"type\":\"bye\",\"member\":\"m1\",\"reason\":\"r\",\"released\":[]}", ERR_MISMATCH,
	  "bye instead of heartbeat", ERR_MISMATCH, "bye instead of heartbeat" },
	{ "{\"type\":\"gone\",\"member\":\"m1\"}", 0, "", ERR_MISSING, "gone.boot_id: missing" },
	{ "{\"type\":\"gone\"}", ERR_MISSING, "gone.member: missing", ERR_MISSING,
	  "gone.member: missing" },
	{ "{\"type\":\"later\",\"member\":\"m1\"}", ERR_MISMATCH, "later instead of heartbeat",
	  ERR_MISMATCH, "unknown instead of heartbeat" },
	{ "[[[[[[[[[", ERR_LIMIT, "deeper than 8 levels", ERR_LIMIT, "deeper than 8 levels" },
	{ "x", ERR_VALUE, "not JSON at octet 1", ERR_VALUE, "not JSON at octet 1" },
};

static bool is_begun_by(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Rightly sealed, wrong inside. */
static void test_bad_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sealed_cases) / sizeof(sealed_cases[0]); i++) {
		const struct sealed_case *c = &sealed_cases[i];
		struct bytes datagram = seal(c->json, key1, buf);
		char member[NAME_TEXT_MAX + 1] = "";
		struct errtext why = { "" };
		int err = peek(datagram, member, &why);

		if (err != c->peek_err || !is_begun_by(why.text, c->peek_why))
			fail_msg("%s: peek: %s: '%s'", c->json, err_text(err), why.text);
		assert_string_equal(member, err == 0 ? "m1" : "");
		err = decode(datagram, key1, MESSAGE_HEARTBEAT, &why);
		if (err != c->err || !is_begun_by(why.text, c->why))
			fail_msg("%s: %s: '%s'", c->json, err_text(err), why.text);
	}
}

/* An ack of exactly len octets, filled up with blanks. */
static struct bytes seal_padded(size_t len, uint8_t *out)
{
	char *json = malloc(len + 1);
	int head = snprintf(json, len + 1, "{\"type\":\"ack\",\"seq\":1");
	struct bytes datagram;

	memset(json + head, ' ', len - (size_t)head);
	json[len - 1] = '}';
	json[len] = '\0';
	datagram = seal(json, key1, out);
	free(json);
	return datagram;
}

static void test_sizes(void **state)
{
	static uint8_t larger[HEARTBEAT_DATAGRAM_MAX + 1];
	struct message longest = heartbeat;
	char name[NAME_TEXT_MAX + 1], member[NAME_TEXT_MAX + 1];
	struct bytes datagram = seal_padded(HEARTBEAT_JSON_MAX, larger), out;
	struct errtext why;

	(void)state;
	assert_int_equal(decode(datagram, key1, MESSAGE_ACK, &why), 0);
	datagram = seal_padded(HEARTBEAT_JSON_MAX + 1, larger);
	assert_int_equal(decode(datagram, key1, MESSAGE_ACK, &why), ERR_TOO_LONG);
	assert_int_equal(peek(datagram, member, &why), ERR_TOO_LONG);

	memset(name, 'a', NAME_TEXT_MAX);
	name[NAME_TEXT_MAX] = '\0';
	longest.id = MSG_INT_MAX;
	longest.heartbeat = (struct msg_heartbeat){
		name,        MSG_INT_MAX, UINT64_MAX,    MSG_SHARE_MAX,
		MSG_INT_MAX, MSG_INT_MAX, MSG_SHARE_MAX, MSG_STATE_STARTING,
	};
	datagram = encode(&longest, key1);
	assert_int_equal(peek(datagram, member, &why), 0);
	assert_string_equal(member, name);
	assert_int_equal(decode(datagram, key1, MESSAGE_HEARTBEAT, &why), 0);
	for (size_t cap = 0; cap < datagram.len; cap++) {
		uint8_t *small = malloc(cap);

		assert_int_equal(heartbeat_encode(&longest, key1, small, cap, &out, &why),
				 ERR_NO_SPACE);
		free(small);
	}
}

static void test_unsendable(void **state)
{
	struct message m = { .type = MESSAGE_OK };
	struct errtext why;
	struct bytes out;

	(void)state;
	assert_int_equal(heartbeat_encode(&m, key1, buf, sizeof(buf), &out, &why), ERR_VALUE);
	assert_string_equal(why.text, "ok: not for a datagram");
	m = heartbeat;
	m.heartbeat.seq = 0;
	assert_int_equal(heartbeat_encode(&m, key1, buf, sizeof(buf), &out, &why), ERR_VALUE);
	assert_string_equal(why.text, "heartbeat.seq: must be from 1 to 9007199254740991");
}

/* ---- sequences ---- */

static const struct window_case {
	const char *name;
	uint64_t boot_id;
	uint64_t seq;
	int err;
	const char *why;
} window_cases[] = {
	{ "first", BOOT_ID, 1, 0, "" },
	{ "next", BOOT_ID, 2, 0, "" },
	{ "replayed", BOOT_ID, 2, ERR_REPLAY, "seq 2 after 2" },
	{ "after loss", BOOT_ID, 9, 0, "" },
	{ "reordered", BOOT_ID, 8, ERR_REPLAY, "seq 8 after 9" },
	{ "other boot id", BOOT_ID + 1, 10, ERR_MISMATCH,
	  "boot_id 0011223344556700 instead of 00112233445566ff" },
	{ "goes on", BOOT_ID, 10, 0, "" },
	{ "last", BOOT_ID, MSG_INT_MAX, 0, "" },
	{ "after the last", BOOT_ID, 11, ERR_REPLAY, "seq 11 after 9007199254740991" },
};

static void test_window(void **state)
{
	struct heartbeat_window w = heartbeat_window_init(BOOT_ID);

	(void)state;
	for (size_t i = 0; i < sizeof(window_cases) / sizeof(window_cases[0]); i++) {
		const struct window_case *c = &window_cases[i];
		struct msg_heartbeat hb = heartbeat.heartbeat;
		struct errtext why = { "" };
		int err;

		hb.seq = c->seq;
		hb.boot_id = c->boot_id;
		err = heartbeat_window_accept(&w, &hb, &why);
		if (err != c->err || strcmp(why.text, c->why) != 0)
			fail_msg("%s: %s: '%s'", c->name, err_text(err), why.text);
	}
}

static void test_acks(void **state)
{
	struct heartbeat_sent s = { 0 };
	struct errtext why;

	(void)state;
	assert_int_equal(heartbeat_sent_accept(&s, &(struct msg_ack){ 1 }, &why), ERR_VALUE);
	assert_string_equal(why.text, "an ack of 1, sent were 0");
	for (uint64_t seq = 1; seq <= 5; seq++)
		assert_int_equal(heartbeat_sent_next(&s), seq);
	assert_int_equal(heartbeat_sent_accept(&s, &(struct msg_ack){ 3 }, &why), 0);
	assert_int_equal(heartbeat_sent_accept(&s, &(struct msg_ack){ 3 }, &why), ERR_REPLAY);
	assert_int_equal(heartbeat_sent_accept(&s, &(struct msg_ack){ 2 }, &why), ERR_REPLAY);
	assert_string_equal(why.text, "an ack of 2 after 3");
	assert_int_equal(heartbeat_sent_accept(&s, &(struct msg_ack){ 6 }, &why), ERR_VALUE);
	assert_int_equal(heartbeat_sent_accept(&s, &(struct msg_ack){ 5 }, &why), 0);
	assert_int_equal(s.acked, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),    cmocka_unit_test(test_gone),
		cmocka_unit_test(test_known_octets), cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_truncated),    cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_reflected),    cmocka_unit_test(test_bad_content),
		cmocka_unit_test(test_sizes),        cmocka_unit_test(test_unsendable),
		cmocka_unit_test(test_window),       cmocka_unit_test(test_acks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
