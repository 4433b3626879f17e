/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ikepeer/options.h"

/* The command lines of ikepeer. %K in them stands for a file with a key. */
#define WORDS_MAX     64
#define LINE_MAX_SIZE 1024
#define UP            "up --gateway 192.0.2.10 --id p1 --psk-file %K --remote 10.0.0.0/8"
#define PROBE         "probe --gateway 192.0.2.10"

static char key_path[] = "/tmp/test_ikepeer_options.XXXXXX";
static char *said, *complained;

static void write_key(const char *text, mode_t mode)
{
	FILE *f = fopen(key_path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(key_path, mode), 0);
}

static int make_key(void **state)
{
	(void)state;
	return close(mkstemp(key_path));
}

static int remove_key(void **state)
{
	(void)state;
	free(said);
	free(complained);
	return unlink(key_path);
}

/* True to go on. */
static bool parse(const char *line, struct peer_options *o, bool *is_good)
{
	char copy[LINE_MAX_SIZE], *words[WORDS_MAX + 1], *save = NULL;
	size_t out_size, err_size;
	FILE *out, *err;
	int n = 0;
	bool goes_on;

	free(said);
	free(complained);
	out = open_memstream(&said, &out_size);
	err = open_memstream(&complained, &err_size);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[n++] = strcmp(w, "%K") == 0 ? key_path : w;
	words[n] = NULL;
	goes_on = peer_options_parse(strcmp(words[0], "up") == 0 ? PEER_UP : PEER_PROBE, n, words,
				     out, err, o, is_good);
	fclose(out);
	fclose(err);
	return goes_on;
}

static void take(const char *line, struct peer_options *o)
{
	bool is_good;

	if (!parse(line, o, &is_good))
		fail_msg("%s: %s", line, complained);
	assert_true(is_good);
	assert_string_equal(complained, "");
}

static void refuse(const char *line, const char *why)
{
	struct peer_options o;
	bool is_good;

	assert_false(parse(line, &o, &is_good));
	assert_false(is_good);
	if (strstr(complained, why) == NULL)
		fail_msg("%s: '%s' is not in: %s", line, why, complained);
	peer_options_free(&o);
}

static void test_defaults(void **state)
{
	struct peer_options o;

	(void)state;
	write_key("0x000102030405060708\n", 0600);
	take(UP, &o);
	assert_int_equal(o.n_ike, 3);
	assert_int_equal(o.n_esp, 2);
	assert_int_equal(o.dpd_ms, 30000);
	assert_int_equal(o.psk.len, 9);
	assert_int_equal(o.psk.data[8], 8);
	assert_int_equal(o.remote.n, 1);
	assert_int_equal(o.local.n, 0);
	assert_string_equal(o.id, "p1");
	assert_string_equal(o.user, "nobody");
	assert_null(o.gateway_id);
	assert_false(o.is_json || o.no_redirect || o.no_tickets || o.is_short_auth);
	peer_options_free(&o);
	take(PROBE, &o);
	assert_int_equal(o.timeout_ms, 10000);
	assert_null(o.id);
	peer_options_free(&o);
}

static void test_everything(void **state)
{
	struct peer_options o;

	(void)state;
	write_key("a long secret", 0640);
	take(UP " --source 192.0.2.101 --gateway-id gw --local 10.1.0.1/32 --local 10.1.1.0/24 "
		"--remote 172.16.0.0/12 --ike aes128gcm16-prfsha256-ecp256 --esp aes128gcm16 "
		"--json --verbose --no-redirect --auth-form short --tun t0 --no-routes --dpd 0 "
		"--rekey 60 --ticket-file /t --tries 3 --user daemon",
	     &o);
	assert_int_equal(o.n_ike, 1);
	assert_int_equal(o.n_esp, 1);
	assert_int_equal(o.local.n, 2);
	assert_int_equal(o.remote.n, 2);
	assert_int_equal(o.dpd_ms, 0);
	assert_int_equal(o.rekey_ms, 60000);
	assert_int_equal(o.tries, 3);
	assert_true(o.is_json && o.is_verbose && o.no_redirect && o.is_short_auth && o.no_routes);
	assert_memory_equal(o.psk.data, "a long secret", 13);
	peer_options_free(&o);
	take(PROBE " --follow --resume-probe --timeout 3 --warning 20 --critical 100", &o);
	assert_true(o.is_following && o.is_resume);
	assert_int_equal(o.warning_ms, 20);
	assert_int_equal(o.critical_ms, 100);
	peer_options_free(&o);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "up", "--gateway is needed" },
		{ "probe", "--gateway is needed" },
		{ "probe --gateway", "a value is missing" },
		{ "probe --gateway gw.example.net", "must be an IP address" },
		{ "probe --gateway 192.0.2.1 more", "'more' is not expected" },
		{ "up --gateway 192.0.2.1 --remote 10.0.0.0/8", "--id and --psk-file are needed" },
		{ "probe --gateway 192.0.2.1 --id p1", "belong together" },
		{ "probe --gateway 192.0.2.1 --psk-file %K", "belong together" },
		{ "up --gateway 192.0.2.1 --id p1 --psk-file %K", "--remote is needed" },
		{ UP " --remote 10.0.0.1/8", "must be a prefix" },
		{ UP " --remote 192.0.2.0/24", "the gateway itself is within --remote" },
		{ UP " --remote fd00::/8", "--local is needed" },
		{ UP " --source fd00::1", "one family" },
		{ UP " --ike aes256gcm16", "is no suite" },
		{ UP " --esp rot13", "is no suite" },
		{ UP " --auth-form long", "must be rfc or short" },
		{ UP " --dpd -1", "must be a whole number" },
		{ UP " --dpd 1x", "must be a whole number" },
		{ UP " --dpd 99999999999999999999", "must be a whole number" },
		{ UP " --follow", "there is no option" },
		{ UP " --no-tickets --ticket-file /t", "exclude each other" },
		{ UP " --gateway-id *", "must be one identity" },
		{ PROBE " --tun t0", "there is no option" },
		{ PROBE " --timeout 0", "must not be 0" },
		{ PROBE " --id p1 --psk-file %K --resume-probe", "needs no --id" },
		{ "probe --gateway 192.0.2.1 --id p1 --psk-file /nonexistent", "/nonexistent" },
	};

	(void)state;
	write_key("a long secret", 0600);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuse(cases[i].line, cases[i].why);
}

static void test_keys(void **state)
{
	static const struct {
		const char *text, *why;
		mode_t mode;
	} cases[] = {
		{ "a long secret", "mode", 0644 },
		{ "short", "from 8 to", 0600 },
		{ "", "from 8 to", 0600 },
		{ "0x00zz", "hex digits", 0600 },
		{ "two lines\nof secrets", "one line", 0600 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_key(cases[i].text, cases[i].mode);
		refuse(UP, cases[i].why);
		assert_null(strstr(complained, "long secret"));
		assert_null(strstr(complained, "of secrets"));
	}
}

static void test_help(void **state)
{
	struct peer_options o;
	bool is_good;

	(void)state;
	assert_false(parse("up --help", &o, &is_good));
	assert_true(is_good);
	assert_non_null(strstr(said, "--ticket-file FILE"));
	assert_null(strstr(said, "--follow"));
	assert_false(parse("probe --help", &o, &is_good));
	assert_non_null(strstr(said, "--follow"));
	assert_null(strstr(said, "--tun"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_everything),
		cmocka_unit_test(test_mistakes), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, make_key, remove_key);
}
