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

/* The messages about SAs. */

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

static const char *const local_ts[] = { "10.1.0.0/25", "2001:db8:1::/64" };
static const char *const remote_ts[] = { "10.1.0.201/32" };
static const struct msg_child_sa children[] = {
	{ "7", "installed", "01000001", "c0000001", "aes256gcm16", true,     1, 2,         3, 4, 5,
	  6,   7,           8,          9,          "octets",      local_ts, 2, remote_ts, 1 },
	{ .id = "8", .state = "reserved", .spi_in = "01000002" },
};
static const struct msg_sa sas[] = {
	{ .spi = 0x0100000000000001,
	  .peer_spi = 2,
	  .state = "established",
	  .version = 2,
	  .initiator = true,
	  .local_id = "gw",
	  .remote_id = "p1",
	  .connection = "sites",
	  .local = { V4(192, 0, 2, 21), 4500 },
	  .remote = { V4(192, 0, 2, 101), 4501 },
	  .ike = "aes256gcm16-prfsha256-x25519",
	  .established_ms = 10,
	  .heard_ms = 11,
	  .rekey_ms = 12,
	  .ends_ms = 13,
	  .why = "peer",
	  .rekeyed_ms = 14,
	  .rekeys = 15,
	  .nat_local = true,
	  .nat_remote = true,
	  .nat_forced = true,
	  .from = V4(192, 0, 2, 10),
	  .active = "liveness",
	  .queued = 16,
	  .child_count = 17,
	  .children = children,
	  .n_children = 2 },
	{ .spi = 0x0100000000000002,
	  .state = "half-open",
	  .version = 2,
	  .local = { V4(192, 0, 2, 21), 500 },
	  .remote = { V4(192, 0, 2, 102), 500 } },
};

#define SAS                                                                        \
	"{\"type\":\"sas\",\"id\":3,\"cursor\":\"0100000000000001\",\"limit\":32," \
	"\"peer\":\"p1\"}"
#define SAS_PART                                                                                  \
	"{\"type\":\"sas_part\",\"id\":3,\"entries\":[{\"spi\":\"0100000000000001\","             \
	"\"peer_spi\":\"0000000000000002\",\"state\":\"established\",\"version\":2,"              \
	"\"initiator\":true,\"local_id\":\"gw\",\"remote_id\":\"p1\",\"connection\":\"sites\","   \
	"\"local\":\"192.0.2.21:4500\",\"remote\":\"192.0.2.101:4501\","                          \
	"\"ike\":\"aes256gcm16-prfsha256-x25519\",\"established_ms\":10,\"heard_ms\":11,"         \
	"\"rekey_ms\":12,\"ends_ms\":13,\"why\":\"peer\",\"rekeyed_ms\":14,\"rekeys\":15,"        \
	"\"nat_local\":true,\"nat_remote\":true,\"nat_forced\":true,\"from\":\"192.0.2.10\","     \
	"\"active\":\"liveness\",\"queued\":16,\"child_count\":17,\"children\":[{\"id\":\"7\","   \
	"\"state\":\"installed\",\"spi_in\":\"01000001\",\"spi_out\":\"c0000001\","               \
	"\"esp\":\"aes256gcm16\",\"initiator\":true,\"installed_ms\":1,\"octets_in\":2,"          \
	"\"packets_in\":3,\"octets_out\":4,\"packets_out\":5,\"used_in_ms\":6,\"used_out_ms\":7," \
	"\"rekey_ms\":8,\"ends_ms\":9,\"why\":\"octets\",\"local\":[\"10.1.0.0/25\","             \
	"\"2001:db8:1::/64\"],\"remote\":[\"10.1.0.201/32\"]},{\"id\":\"8\","                     \
	"\"state\":\"reserved\",\"spi_in\":\"01000002\",\"octets_in\":0,\"packets_in\":0,"        \
	"\"octets_out\":0,\"packets_out\":0,\"local\":[],\"remote\":[]}]},"                       \
	"{\"spi\":\"0100000000000002\",\"state\":\"half-open\",\"version\":2,"                    \
	"\"local\":\"192.0.2.21:500\",\"remote\":\"192.0.2.102:500\",\"heard_ms\":0,"             \
	"\"rekeys\":0,\"queued\":0,\"child_count\":0,\"children\":[]}],"                          \
	"\"next\":\"0100000000000002\"}"

static const struct sample {
	struct message message;
	const char *line;
} samples[] = {
	{ { .type = MESSAGE_SAS, .id = 3, .sas = { 0x0100000000000001, 32, "p1" } }, SAS },
	{ { .type = MESSAGE_SAS_PART, .id = 3, .sas_part = { sas, 2, 0x0100000000000002 } },
	  SAS_PART },
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

static void test_samples_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		struct errtext why = { "" };
		struct message decoded;

		expect_encoded(&samples[i].message, samples[i].line);
		if (decode(samples[i].line, &decoded, &why) != 0)
			fail_msg("%s", why.text);
		memset(big, 0, sizeof(big)); /* nothing decoded may point there */
		expect_encoded(&decoded, samples[i].line);
		message_free(&decoded);
	}
	assert_int_equal((size_t)MESSAGE_SAS + COUNT_OF(samples), MESSAGE_RING);
}

static const struct bad_case {
	const char *line, *old, *new;
	int err;
	const char *why;
} bad_cases[] = {
	{ SAS, "32", "33", ERR_VALUE, "sas.limit: must be from 1 to 32" },
	{ SAS, "32", "0", ERR_VALUE, "sas.limit: must be from 1 to 32" },
	{ SAS, "\"limit\":32,", "", ERR_MISSING, "sas.limit: missing" },
	{ SAS, "\"p1\"", "\"\"", ERR_VALUE,
	  "sas.peer: must be 1 to 255 octets of UTF-8 without control characters" },
	{ SAS, "0100000000000001", "1", ERR_VALUE,
	  "sas.cursor: must be 16 hexadecimal digits, not all 0" },
	{ SAS_PART, "\"established\"", "\"Up\"", ERR_VALUE,
	  "sas_part.entries[0].state: must be a name: 1 to 63 of a-z, 0-9 and -" },
	{ SAS_PART, "c0000001", "C0000001", ERR_VALUE,
	  "sas_part.entries[0].children[0].spi_out: must be 8 hexadecimal digits" },
	{ SAS_PART, "\"01000002\"", "\"0100002\"", ERR_VALUE,
	  "sas_part.entries[0].children[1].spi_in: must be 8 hexadecimal digits" },
	{ SAS_PART, "\"used_in_ms\":6", "\"used_in_ms\":0", ERR_VALUE,
	  "sas_part.entries[0].children[0].used_in_ms: must be from 1 to 9007199254740991" },
	{ SAS_PART, "\"2001:db8:1::/64\"", "7", ERR_VALUE,
	  "sas_part.entries[0].children[0].local[1]: must be a text" },
	{ SAS_PART, "\"heard_ms\":11,", "", ERR_MISSING, "sas_part.entries[0].heard_ms: missing" },
};

static void test_bad_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
		const struct bad_case *c = &bad_cases[i];
		const char *at = strstr(c->line, c->old);
		struct message out;
		struct errtext why = { "" };
		int err;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - c->line), c->line, c->new,
			 at + strlen(c->old));
		err = decode(text, &out, &why);
		if (err != c->err || strcmp(why.text, c->why) != 0)
			fail_msg("%s: %s: '%s'", c->why, err_text(err), why.text);
	}
}

/* What is said to fit does; of the longest there can be not even one, until it has fewer children.
 */
static void test_fit(void **state)
{
	static struct msg_sa entries[MSG_SAS_MAX];
	static struct msg_child_sa many[MSG_CHILDREN_MAX];
	static const char *selectors[MSG_SELECTORS_MAX];
	struct message m = { .type = MESSAGE_SAS_PART,
			     .id = MSG_INT_MAX,
			     .sas_part = { entries, 0, UINT64_MAX } };
	struct errtext why = { "" };
	struct bytes out;

	(void)state;
	for (size_t i = 0; i < MSG_SELECTORS_MAX; i++)
		selectors[i] = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff[udp/1000-2000]";
	for (size_t i = 0; i < MSG_CHILDREN_MAX; i++) {
		many[i] = children[0];
		many[i].local = many[i].remote = selectors;
		many[i].n_local = many[i].n_remote = MSG_SELECTORS_MAX;
	}
	for (size_t i = 0; i < MSG_SAS_MAX; i++)
		entries[i] = sas[0];
	assert_int_equal(message_fit_sas(entries, 0), 0);
	assert_int_equal(message_fit_sas(entries, MSG_SAS_MAX), MSG_SAS_MAX);
	for (size_t n = 1; n <= MSG_CHILDREN_MAX; n++) {
		for (size_t i = 0; i < MSG_SAS_MAX; i++) {
			entries[i].children = many;
			entries[i].n_children = n;
		}
		m.sas_part.n_entries = message_fit_sas(entries, MSG_SAS_MAX);
		if (message_encode(&m, big, sizeof(big), &out, &why) != 0)
			fail_msg("%zu children: %s", n, why.text);
		if (n == MSG_CHILDREN_MAX)
			assert_int_equal(m.sas_part.n_entries, 0);
		else if (n <= MSG_CHILDREN_MAX / 2)
			assert_in_range(m.sas_part.n_entries, 1, MSG_SAS_MAX - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_both_ways),
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
