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

/* The messages of failover. */

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

#define V4(a, b, c, d)                     \
	{                                  \
		IP_V4,                     \
		{                          \
			(a), (b), (c), (d) \
		}                          \
	}

static uint8_t big[FRAME_MAX];
static char text[FRAME_MAX];

static const struct endpoint references[] = { { V4(192, 0, 2, 13), 7401 },
					      { V4(192, 0, 2, 14), 7401 } };
static const struct ip witnesses[] = { V4(192, 0, 2, 1) };
static const struct ip home1[] = { V4(192, 0, 2, 21) };
static const struct msg_member members[] = {
	{ "m1", home1, 1, { .port = 0 }, { V4(192, 0, 2, 11), 7401 }, 0, false },
	{ "m2", NULL, 0, { .port = 0 }, { .port = 0 }, 191, false },
};

#define CLAIM                                                                  \
	"{\"type\":\"claim\",\"id\":3,\"address\":\"192.0.2.21\",\"epoch\":7," \
	"\"from\":\"m1\",\"force\":true,\"dead\":191}"
#define CLAIMED "{\"type\":\"claimed\",\"id\":3,\"address\":\"192.0.2.21\",\"epoch\":7}"
#define REFUSED                                                                  \
	"{\"type\":\"refused\",\"id\":3,\"address\":\"192.0.2.21\",\"epoch\":7," \
	"\"max_epoch\":9,\"code\":\"stale-epoch\",\"why\":\"epoch 9 was seen before\"}"
#define RELEASE "{\"type\":\"release\",\"id\":4,\"address\":\"192.0.2.21\",\"epoch\":8}"
#define RELEASED                                                                                 \
	"{\"type\":\"released\",\"id\":4,\"address\":\"192.0.2.21\",\"epoch\":0,\"why\":\"told " \
	"to\"}"
#define PROBE                                                                     \
	"{\"type\":\"probe\",\"id\":5,\"address\":\"192.0.2.21\",\"number\":191," \
	"\"references\":[\"192.0.2.13:7401\",\"192.0.2.14:7401\"],\"witnesses\":[\"192.0.2.1\"]}"
#define PROBE_RESULT                                                                        \
	"{\"type\":\"probe_result\",\"id\":5,\"address\":\"192.0.2.21\",\"agent\":\"yes\"," \
	"\"number\":2,\"link\":\"unknown\",\"reference\":\"no\"}"
#define GONE "{\"type\":\"gone\",\"member\":\"m1\",\"boot_id\":\"00112233445566ff\"}"
#define EVENT \
	"{\"type\":\"event\",\"what\":\"alarm\",\"why\":\"somebody else says that it has it\"}"
#define MEMBERS                                                                          \
	"{\"type\":\"members\",\"members\":[{\"name\":\"m1\",\"home\":[\"192.0.2.21\"]," \
	"\"mesh\":\"192.0.2.11:7401\"},{\"name\":\"m2\",\"home\":[],\"number\":191}]}"

static const struct sample {
	struct message message;
	const char *line;
} samples[] = {
	{ { .type = MESSAGE_CLAIM, .id = 3, .claim = { V4(192, 0, 2, 21), 7, "m1", true, 191 } },
	  CLAIM },
	{ { .type = MESSAGE_CLAIMED, .id = 3, .claimed = { V4(192, 0, 2, 21), 7 } }, CLAIMED },
	{ { .type = MESSAGE_REFUSED,
	    .id = 3,
	    .refused = { V4(192, 0, 2, 21), 7, 9, MSG_REFUSED_STALE, "epoch 9 was seen before" } },
	  REFUSED },
	{ { .type = MESSAGE_RELEASE, .id = 4, .release = { V4(192, 0, 2, 21), 8 } }, RELEASE },
	{ { .type = MESSAGE_RELEASED, .id = 4, .released = { V4(192, 0, 2, 21), 0, "told to" } },
	  RELEASED },
	{ { .type = MESSAGE_PROBE,
	    .id = 5,
	    .probe = { V4(192, 0, 2, 21), 191, references, 2, witnesses, 1 } },
	  PROBE },
	{ { .type = MESSAGE_PROBE_RESULT,
	    .id = 5,
	    .probe_result = { V4(192, 0, 2, 21), MSG_SEEN_YES, 2, MSG_SEEN_UNKNOWN, MSG_SEEN_NO } },
	  PROBE_RESULT },
	{ { .type = MESSAGE_GONE, .gone = { "m1", 0x00112233445566ff } }, GONE },
	{ { .type = MESSAGE_EVENT, .event = { "alarm", "somebody else says that it has it" } },
	  EVENT },
	{ { .type = MESSAGE_MEMBERS, .members = { members, 2 } }, MEMBERS },
};

static void encode_or_fail(const struct message *m, const char *name, struct bytes *out)
{
	struct errtext why = { "" };

	if (message_encode(m, big, sizeof(big), out, &why) != 0)
		fail_msg("%s: %s", name, why.text);
}

static void decode_or_fail(const char *line, const char *name, struct message *out)
{
	struct bytes view = { (const uint8_t *)line, strlen(line) };
	struct errtext why = { "" };

	if (message_decode(view, out, &why) != 0)
		fail_msg("%s: %s", name, why.text);
}

static void expect_encoded(const struct message *m, const char *name, const char *want)
{
	struct bytes line;

	encode_or_fail(m, name, &line);
	assert_int_equal(line.len, strlen(want) + 1);
	assert_memory_equal(line.ptr, want, line.len - 1);
}

/* As in test_message.c: a struct filled by hand proves each row, decoding then relies on that. */
static void test_samples_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		const struct message *m = &samples[i].message;
		const char *name = message_type_name(m->type);
		struct message decoded;

		assert_int_equal(m->type, (size_t)MESSAGE_CLAIM + i);
		expect_encoded(m, name, samples[i].line);
		decode_or_fail(samples[i].line, name, &decoded);
		memset(big, 0, sizeof(big)); /* nothing decoded may point there */
		expect_encoded(&decoded, name, samples[i].line);
		message_free(&decoded);
	}
	assert_int_equal((size_t)MESSAGE_CLAIM + COUNT_OF(samples), MESSAGE_SAS);
}

static const struct bad_case {
	const char *line;
	const char *old;
	const char *new;
	int err;
	const char *why;
} bad_cases[] = {
	{ CLAIM, "192.0.2.21", "192.0.2.21/32", ERR_VALUE, "claim.address: must be an IP address" },
	{ CLAIM, "\"epoch\":7,", "", ERR_MISSING, "claim.epoch: missing" },
	{ CLAIM, "\"epoch\":7", "\"epoch\":0", ERR_VALUE,
	  "claim.epoch: must be from 1 to 9007199254740991" },
	{ CLAIM, "\"m1\"", "\"\"", ERR_VALUE,
	  "claim.from: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ CLAIM, "true", "1", ERR_VALUE, "claim.force: must be true or false" },
	{ CLAIM, "\"dead\":191", "\"dead\":192", ERR_VALUE, "claim.dead: must be from 1 to 191" },
	{ CLAIMED, ",\"epoch\":7", "", ERR_MISSING, "claimed.epoch: missing" },
	{ CLAIMED, "7", "9007199254740992", ERR_VALUE,
	  "claimed.epoch: must be from 1 to 9007199254740991" },
	{ REFUSED, "\"max_epoch\":9,", "", ERR_MISSING, "refused.max_epoch: missing" },
	{ REFUSED, "stale-epoch", "Stale", ERR_VALUE,
	  "refused.code: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ REFUSED, "epoch 9", "\\u0007", ERR_VALUE,
	  "refused.why: must be 1 to 255 octets of UTF-8 without control characters" },
	{ RELEASE, "8", "-1", ERR_VALUE, "release.epoch: must be from 1 to 9007199254740991" },
	{ RELEASED, "\"told to\"", "null", ERR_VALUE, "released.why: must be a text" },
	{ PROBE, "191", "192", ERR_VALUE, "probe.number: must be from 1 to 191" },
	{ PROBE, "14:7401", "14", ERR_VALUE,
	  "probe.references[1]: must be an IP address and port" },
	{ PROBE, "\"192.0.2.1\"", "\"gw\"", ERR_VALUE,
	  "probe.witnesses[0]: must be an IP address" },
	{ PROBE, ",\"witnesses\":[\"192.0.2.1\"]", "", ERR_MISSING, "probe.witnesses: missing" },
	{ PROBE_RESULT, "\"yes\"", "\"maybe\"", ERR_VALUE,
	  "probe_result.agent: must be one of no, yes, unknown" },
	{ PROBE_RESULT, "\"number\":2,", "", ERR_MISSING, "probe_result.number: missing" },
	{ PROBE_RESULT, "\"yes\"", "\"no\"", ERR_VALUE,
	  "probe_result.number: given, but no agent answered" },
	{ PROBE_RESULT, "\"number\":2", "\"number\":0", ERR_VALUE,
	  "probe_result.number: must be from 1 to 191" },
	{ PROBE_RESULT, ",\"reference\":\"no\"", "", ERR_MISSING,
	  "probe_result.reference: missing" },
	{ GONE, "\"m1\"", "\"m_1\"", ERR_VALUE,
	  "gone.member: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ GONE, "00112233445566ff", "0000000000000000", ERR_VALUE,
	  "gone.boot_id: must be 16 hexadecimal digits, not all 0" },
	{ EVENT, "alarm", "", ERR_VALUE,
	  "event.what: must be 1 to 255 octets of UTF-8 without control characters" },
	{ EVENT, "\"what\":\"alarm\",", "", ERR_MISSING, "event.what: missing" },
	{ MEMBERS, ":7401", "", ERR_VALUE,
	  "members.members[0].mesh: must be an IP address and port" },
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
		const char *line = replace(c->line, c->old, c->new);
		struct bytes view = { (const uint8_t *)line, strlen(line) };
		struct message out = { .id = 77 };
		struct errtext why = { "" };
		int err = message_decode(view, &out, &why);

		if (err != c->err || strcmp(why.text, c->why) != 0)
			fail_msg("%s: %s: '%s'", c->why, err_text(err), why.text);
		assert_int_equal(out.id, 77);
	}
}

/* What need not be said is not. */
static void test_optional_fields(void **state)
{
	struct message m;

	(void)state;
	decode_or_fail(replace(CLAIM, ",\"from\":\"m1\",\"force\":true,\"dead\":191", ""), "claim",
		       &m);
	assert_null(m.claim.from);
	assert_int_equal(m.claim.dead, 0);
	assert_false(m.claim.force);
	expect_encoded(&m, "claim", text);
	message_free(&m);
	decode_or_fail(replace(CLAIM, ",\"force\":true", ",\"force\":false"), "claim", &m);
	assert_false(m.claim.force);
	message_free(&m);
	decode_or_fail(replace(PROBE_RESULT, "\"yes\",\"number\":2", "\"unknown\""), "result", &m);
	assert_int_equal(m.probe_result.number, 0);
	assert_int_equal(m.probe_result.agent, MSG_SEEN_UNKNOWN);
	expect_encoded(&m, "result", text);
	message_free(&m);
	decode_or_fail(replace(RELEASED, "\"id\":4,", ""), "released", &m);
	assert_int_equal(m.id, 0);
	message_free(&m);
}

static void test_limits(void **state)
{
	struct endpoint many[MSG_REFERENCES_MAX + 1];
	struct message m = samples[MESSAGE_PROBE - MESSAGE_CLAIM].message;
	struct errtext why = { "" };
	struct bytes out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = references[0];
	m.probe.references = many;
	m.probe.n_references = MSG_REFERENCES_MAX;
	encode_or_fail(&m, "probe", &out);
	m.probe.n_references++;
	assert_int_equal(message_encode(&m, big, sizeof(big), &out, &why), ERR_LIMIT);
	assert_string_equal(why.text, "probe.references: has 9 elements, at most 8 are allowed");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(msg_seen_name(MSG_SEEN_NO), "no");
	assert_string_equal(msg_seen_name(MSG_SEEN_UNKNOWN), "unknown");
	assert_string_equal(msg_seen_name((enum msg_seen)3), "unknown");
	assert_string_equal(message_type_name(MESSAGE_PROBE_RESULT), "probe_result");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_both_ways),
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_optional_fields),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
