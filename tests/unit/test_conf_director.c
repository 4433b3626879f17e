/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "director/conf.h"
#include "tests/lib/conf_sink.h"

static const char base[] = "cluster: demo\n"                                   /* 1 */
			   "name: d1\n"                                        /* 2 */
			   "listen:\n"                                         /* 3 */
			   "  ike: [192.0.2.10]\n"                             /* 4 */
			   "  control: 192.0.2.10:7400\n"                      /* 5 */
			   "tls: {ca: a, certificate: b, key: /c}\n"           /* 6 */
			   "front-end:\n"                                      /* 7 */
			   "  rate-limit: 100\n"                               /* 8 */
			   "placement:\n"                                      /* 9 */
			   "  bounded-load: 1.25\n"                            /* 10 */
			   "pins:\n"                                           /* 11 */
			   "  - {prefix: 198.51.100.0/24, member: m2}\n"       /* 12 */
			   "members:\n"                                        /* 13 */
			   "  - {name: m1, home: [192.0.2.21], weight: 100}\n" /* 14 */
			   "  - {name: m2, home: [192.0.2.22]}\n"              /* 15 */
			   "log: {level: info}\n";                             /* 16 */

/* The base with one thing replaced, and all that has to be said about it. */
static const struct bad_case {
	const char *find;
	const char *replacement;
	const char *errors;
} bad_cases[] = {
	/* keys */
	{ "cluster: demo", "clutser: demo",
	  "f:1:1: unknown key 'clutser', did you mean 'cluster'?\n"
	  "f:1:1: 'cluster' is missing" },
	{ "name: d1\n", "", "f:1:1: 'name' is missing" },
	{ "  ike: [192.0.2.10]\n", "", "f:4:3: 'ike' is missing from 'listen'" },
	{ "ca: a, ", "", "f:6:6: 'ca' is missing from 'tls'" },
	{ "{name: m2, ", "{", "f:15:5: 'name' is missing from entry 2 of 'members'" },
	{ "rate-limit", "rate_limit",
	  "f:8:3: unknown key 'rate_limit' in 'front-end', did you mean 'rate-limit'?" },
	{ "weight", "wieght",
	  "f:14:36: unknown key 'wieght' in entry 1 of 'members', did you mean 'weight'?" },
	{ "rate-limit", "colour",
	  "f:8:3: unknown key 'colour' in 'front-end', known are workers, no-redirect-support, "
	  "resume, rate-limit, rate-burst" },
	{ "name: d1", "name: d1\nname: d2", "f:3:1: 'name' is given twice, first in line 2" },
	{ "key: /c", "key: /c, ca: d", "f:6:39: 'ca' is given twice, first in line 6" },
	{ "cluster: demo", "[a]: demo\ncluster: demo", "f:1:1: a key must be a word, not a list" },
	/* shapes */
	{ "cluster: demo", "cluster: [demo]",
	  "f:1:10: 'cluster' must be 1 to 63 of a-z, 0-9 and '-', not a list" },
	{ "cluster: demo",
	  "cluster:", "f:1:9: 'cluster' must be 1 to 63 of a-z, 0-9 and '-', but is empty" },
	{ "tls: {ca: a, certificate: b, key: /c}",
	  "tls:", "f:6:5: 'tls' must be a mapping, but is empty" },
	{ "{level: info}", "info", "f:16:6: 'log' must be a mapping, not a text" },
	{ "[192.0.2.10]", "192.0.2.10", "f:4:8: 'ike' must be a list, not a text" },
	{ "[192.0.2.10]", "[]", "f:4:8: 'ike' must have at least 1 entry" },
	{ "  - {name: m2, home: [192.0.2.22]}", "  - m2",
	  "f:15:5: entry 2 of 'members' must be a mapping, not a text" },
	{ "[192.0.2.22]",
	  "[10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8, "
	  "10.0.0.9]",
	  "f:15:22: 'home' has 9 entries; at most 8 are allowed" },
	{ "log: {level: info}", "keys: {rotate-every-s: 59}",
	  "f:16:24: 'rotate-every-s' must be from 60 to 2592000 seconds, not 59" },
	{ "log: {level: info}", "keys: {rotate-every-s: 100, ticket-lifetime-s: 601}",
	  "f:16:48: 'ticket-lifetime-s' must be at most 6 times rotate-every-s, here 600: there is "
	  "room for 8 keys" },
	{ "rate-limit: 100", "resume: maybe",
	  "f:8:11: 'resume' must be auto, redirect or nack, not 'maybe'" },
	/* names and addresses */
	{ "cluster: demo", "cluster: Demo",
	  "f:1:10: 'cluster' must be 1 to 63 of a-z, 0-9 and '-', not 'Demo'" },
	{ "[192.0.2.10]", "[192.0.2.10, here]",
	  "f:4:21: entry 2 of 'ike' must be an IP address, not 'here'" },
	{ "[192.0.2.10]", "[192.0.2.256]",
	  "f:4:9: entry 1 of 'ike' must be an IP address, not '192.0.2.256'" },
	{ "[192.0.2.10]", "[0.0.0.0]",
	  "f:4:9: entry 1 of 'ike' must be the address of one host, not '0.0.0.0'" },
	{ "[192.0.2.21]", "[224.0.0.1]",
	  "f:14:23: entry 1 of 'home' must not be a multicast or broadcast address like "
	  "'224.0.0.1'" },
	{ "[192.0.2.21]", "[fe80::1]",
	  "f:14:23: entry 1 of 'home' must not be a link-local address like 'fe80::1'" },
	{ "[192.0.2.21]", "['::ffff:192.0.2.21']",
	  "f:14:23: entry 1 of 'home' must be written as the IPv4 address that "
	  "'::ffff:192.0.2.21' means" },
	{ "192.0.2.10:7400", "192.0.2.10",
	  "f:5:12: 'control' must be an address and port like 192.0.2.1:7400 or "
	  "[2001:db8::1]:7400, not '192.0.2.10'" },
	{ "192.0.2.10:7400", "192.0.2.10:0",
	  "f:5:12: 'control' must have a port from 1 to 65535, not '192.0.2.10:0'" },
	{ "192.0.2.10:7400", "192.0.2.10:65536",
	  "f:5:12: 'control' must be an address and port like 192.0.2.1:7400 or "
	  "[2001:db8::1]:7400, not '192.0.2.10:65536'" },
	{ "198.51.100.0/24", "198.51.100.7/24",
	  "f:12:14: 'prefix' must have no bits set beyond its length: '198.51.100.7/24' could be "
	  "198.51.100.0/24" },
	{ "198.51.100.0/24", "198.51.100.0/33",
	  "f:12:14: 'prefix' must be a prefix like 10.1.0.0/24 or 2001:db8::/32, not "
	  "'198.51.100.0/33'" },
	/* numbers and words */
	{ "weight: 100", "weight: heavy", "f:14:44: 'weight' must be a whole number, not 'heavy'" },
	{ "weight: 100", "weight: 1001", "f:14:44: 'weight' must be from 0 to 1000, not 1001" },
	{ "weight: 100", "weight: -1", "f:14:44: 'weight' must be a whole number, not '-1'" },
	{ "weight: 100", "weight: 1.5", "f:14:44: 'weight' must be a whole number, not '1.5'" },
	{ "weight: 100", "weight: 010", "f:14:44: 'weight' must be a whole number, not '010'" },
	{ "weight: 100", "weight: 99999999999999999999",
	  "f:14:44: 'weight' must be from 0 to 1000, not 99999999999999999999" },
	{ "rate-limit: 100", "rate-limit: 1000001",
	  "f:8:15: 'rate-limit' must be from 0 to 1000000 answers per second, not 1000001" },
	{ "1.25", "0.99", "f:10:17: 'bounded-load' must be from 1 to 10, not 0.99" },
	{ "1.25", "10.000001", "f:10:17: 'bounded-load' must be from 1 to 10, not 10.000001" },
	{ "1.25", "1.2345678",
	  "f:10:17: 'bounded-load' must be a number with at most six decimals, not '1.2345678'" },
	{ "1.25", "1e1",
	  "f:10:17: 'bounded-load' must be a number with at most six decimals, not '1e1'" },
	{ "1.25", "1.",
	  "f:10:17: 'bounded-load' must be a number with at most six decimals, not '1.'" },
	{ "bounded-load: 1.25", "full-at: 0.0",
	  "f:10:12: 'full-at' must be above 0: at 0 every member is full" },
	{ "bounded-load: 1.25", "policy: random",
	  "f:10:11: 'policy' must be sticky or least-load, not 'random'" },
	{ "level: info", "level: loud",
	  "f:16:14: 'level' must be error, warn, info or debug, not 'loud'" },
	{ "log: {level: info}", "failover: {failback: never}",
	  "f:16:22: 'failback' must be auto or manual, not 'never'" },
	{ "log: {level: info}", "failover: {hold-down-s: 0}",
	  "f:16:25: 'hold-down-s' must be from 1 to 86400 seconds, not 0" },
	{ "log: {level: info}", "failover: {witness: [192.0.2.1, 0.0.0.0]}",
	  "f:16:33: entry 2 of 'witness' must be the address of one host, not '0.0.0.0'" },
	{ "log: {level: info}",
	  "failover: {witness: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, "
	  "10.0.0.5]}",
	  "f:16:21: 'witness' has 5 entries; at most 4 are allowed" },
	/* between fields */
	{ "log: {level: info}", "failover: {witness: [192.0.2.1, 192.0.2.22, 192.0.2.1]}",
	  "f:16:33: 192.0.2.22 is a home address of 'm2', which may move\n"
	  "f:16:45: 192.0.2.1 is in the list twice" },
	{ "member: m2", "member: m9", "f:12:39: there is no member 'm9'" },
	{ "198.51.100.0/24", "2001:db8::/32", "f:12:37: member 'm2' has no IPv6 home address" },
	{ "  - {prefix: 198.51.100.0/24, member: m2}\n",
	  "  - {prefix: 198.51.100.0/24, member: m2}\n"
	  "  - {prefix: 198.51.100.0/24, member: m1}\n",
	  "f:13:14: 198.51.100.0/24 is already pinned to 'm2'" },
	{ "name: m2", "name: m1",
	  "f:15:12: there is already a member 'm1'\n"
	  "f:12:39: there is no member 'm2'" },
	{ "[192.0.2.22]", "[192.0.2.22, 192.0.2.21]",
	  "f:15:35: 192.0.2.21 is already a home address of 'm1'" },
	{ "[192.0.2.22]", "[192.0.2.22, 192.0.2.22]",
	  "f:15:35: 192.0.2.22 is already a home address of 'm2'" },
	{ "[192.0.2.22]", "[192.0.2.10]",
	  "f:15:23: 192.0.2.10 is an address of the director itself" },
	{ "[192.0.2.10]", "[192.0.2.10, '2001:db8::10']",
	  "f:4:21: no member has an IPv6 home address to redirect to" },
	{ "[192.0.2.10]", "[192.0.2.10, 192.0.2.11, 192.0.2.10]",
	  "f:4:33: 192.0.2.10 is in the list twice" },
	/* several at once */
	{ "weight: 100}\n  - {name: m2, home: [192.0.2.22]}\nlog: {level: info}",
	  "weight: x}\n  - {name: M2, home: [y]}\nlog: {level: z}",
	  "f:14:44: 'weight' must be a whole number, not 'x'\n"
	  "f:15:12: 'name' must be 1 to 63 of a-z, 0-9 and '-', not 'M2'\n"
	  "f:15:23: entry 1 of 'home' must be an IP address, not 'y'\n"
	  "f:16:14: 'level' must be error, warn, info or debug, not 'z'" },
};

static int parse(const char *text, struct conf_sink *sink, struct director_conf **out)
{
	struct conf_source source = conf_sink_source(text);
	struct conf_errors errs = conf_sink_start(sink);

	return director_conf_parse(&source, &errs, out);
}

static void test_bad_files(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		const struct bad_case *c = &bad_cases[i];
		char *text = conf_sink_replace(base, c->find, c->replacement);
		struct director_conf *conf = NULL;
		struct conf_sink sink;
		int err = parse(text, &sink, &conf);

		if (err != ERR_CONFIG || strcmp(sink.text, c->errors) != 0 || conf != NULL) {
			print_error("\"%s\": got %d\n%s\nwant\n%s\n", c->replacement, err,
				    sink.text, c->errors);
			wrong++;
		}
		free(text);
	}
	assert_int_equal(wrong, 0);
}

static void test_values_and_defaults(void **state)
{
	struct director_conf *conf;
	struct conf_sink sink;
	char text[IP_TEXT_MAX];

	(void)state;
	assert_int_equal(parse(base, &sink, &conf), 0);
	assert_string_equal(sink.text, "");
	assert_string_equal(conf->cluster, "demo");
	assert_string_equal(conf->name, "d1");
	assert_int_equal(conf->n_ike, 1);
	assert_string_equal(ip_format(&conf->ike[0], text), "192.0.2.10");
	assert_int_equal(conf->control.port, 7400);
	assert_string_equal(conf->tls.ca, "/etc/w/a");
	assert_string_equal(conf->tls.certificate, "/etc/w/b");
	assert_string_equal(conf->tls.key, "/c");
	assert_int_equal(conf->workers, 0);
	assert_int_equal(conf->no_redirect, DIRECTOR_NO_REDIRECT_IGNORE);
	assert_int_equal(conf->rate_limit, 100);
	assert_int_equal(conf->rate_burst, 200);
	assert_int_equal(conf->policy, DIRECTOR_POLICY_STICKY);
	assert_true(conf->bounded_load == 1.25);
	assert_true(conf->full_at == 0.95);
	assert_int_equal(conf->n_pins, 1);
	assert_int_equal(conf->pins[0].prefix.bits, 24);
	assert_string_equal(conf->pins[0].member, "m2");
	assert_int_equal(director_conf_heartbeat_ms(conf), 1000);
	assert_int_equal(director_conf_suspect_ms(conf), 3000);
	assert_int_equal(conf->failback, DIRECTOR_FAILBACK_AUTO);
	assert_int_equal(conf->hold_down_s, 60);
	assert_int_equal(conf->n_witness, 0);
	assert_null(conf->fence);
	assert_int_equal(conf->resume, DIRECTOR_RESUME_AUTO);
	assert_int_equal(conf->rotate_every_s, 86400);
	assert_int_equal(conf->ticket_lifetime_s, 28800);
	assert_ptr_equal(director_conf_find_home(conf, &conf->members[1].home[0]),
			 &conf->members[1]);
	assert_null(director_conf_find_home(conf, &conf->ike[0]));
	assert_int_equal(conf->n_members, 2);
	assert_int_equal(conf->members[1].weight, 100);
	assert_int_equal(conf->log.level, LOG_LEVEL_INFO);
	assert_ptr_equal(director_conf_find_member(conf, "m2"), &conf->members[1]);
	assert_null(director_conf_find_member(conf, "m3"));
	director_conf_free(conf);
	director_conf_free(NULL);
}

static void test_failover(void **state)
{
	char *text = conf_sink_replace(base, "log: {level: info}",
				       "failover: {failback: manual, hold-down-s: 86400, witness: "
				       "[192.0.2.1, '2001:db8::1'], fence: fence.sh}");
	struct director_conf *conf;
	struct conf_sink sink;

	(void)state;
	assert_int_equal(parse(text, &sink, &conf), 0);
	assert_int_equal(conf->failback, DIRECTOR_FAILBACK_MANUAL);
	assert_int_equal(conf->hold_down_s, 86400);
	assert_int_equal(conf->n_witness, 2);
	assert_int_equal(conf->witness[1].family, IP_V6);
	assert_string_equal(conf->fence, "/etc/w/fence.sh");
	director_conf_free(conf);
	free(text);
}

/* A number next to each limit on the right side of it. */
static void test_limits_are_inside(void **state)
{
	static const struct {
		const char *find, *replacement;
	} cases[] = {
		{ "weight: 100", "weight: 0" },
		{ "weight: 100", "weight: 1000" },
		{ "1.25", "1" },
		{ "1.25", "10.000000" },
		{ "bounded-load: 1.25", "full-at: 0.000001" },
		{ "bounded-load: 1.25", "full-at: 1" },
		{ "rate-limit: 100", "rate-limit: 0" },
		{ "rate-limit: 100", "rate-limit: 1000000" },
		{ "192.0.2.10:7400", "0.0.0.0:1" },
		{ "log: {level: info}", "keys: {rotate-every-s: 100, ticket-lifetime-s: 600}" },
		{ "log: {level: info}", "keys: {rotate-every-s: 2592000, ticket-lifetime-s: 60}" },
		{ "rate-limit: 100", "resume: nack" },
		{ "rate-limit: 100", "resume: redirect" },
		{ "192.0.2.10:7400", "'[::]:65535'" },
		{ "pins:\n  - {prefix: 198.51.100.0/24, member: m2}\n", "pins: []\n" },
		{ "pins:\n  - {prefix: 198.51.100.0/24, member: m2}\n", "" },
		{ "198.51.100.0/24", "0.0.0.0/0" },
		{ "name: m1",
		  "name: a23456789-123456789-123456789-123456789-123456789-123456789-123" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = conf_sink_replace(base, cases[i].find, cases[i].replacement);
		struct director_conf *conf;
		struct conf_sink sink;

		if (parse(text, &sink, &conf) != 0)
			fail_msg("\"%s\": %s", cases[i].replacement, sink.text);
		director_conf_free(conf);
		free(text);
	}
}

static char *dump(const struct director_conf *conf)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(director_conf_dump(conf, out), 0);
	fclose(out);
	return text;
}

static void test_example_loads_and_dumps(void **state)
{
	struct director_conf *conf, *again;
	struct conf_sink sink;
	struct conf_errors errs = conf_sink_start(&sink);
	char *first, *second;

	(void)state;
	assert_int_equal(director_conf_load("etc/director.yaml", &errs, &conf), 0);
	assert_int_equal(director_conf_heartbeat_ms(conf), 100);
	assert_int_equal(director_conf_suspect_ms(conf), 300);
	assert_int_equal(conf->policy, DIRECTOR_POLICY_LEAST_LOAD);
	assert_int_equal(conf->n_members, 3);
	first = dump(conf);
	assert_int_equal(parse(first, &sink, &again), 0);
	second = dump(again);
	assert_string_equal(first, second);
	free(first);
	free(second);
	director_conf_free(again);
	director_conf_free(conf);
}

static void test_dump_to_a_full_device(void **state)
{
	FILE *out = fopen("/dev/full", "w");
	struct director_conf *conf;
	struct conf_sink sink;

	(void)state;
	if (out == NULL)
		skip();
	assert_int_equal(parse(base, &sink, &conf), 0);
	assert_int_equal(director_conf_dump(conf, out), ERR_IO);
	fclose(out);
	director_conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_values_and_defaults),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_limits_are_inside),
		cmocka_unit_test(test_example_loads_and_dumps),
		cmocka_unit_test(test_dump_to_a_full_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
