/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/pki.h"
#include "common/pki/store.h"

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))
#define WORDS_MAX      64
#define DAY_S          86400

static char base[] = "/tmp/test_pki_command.XXXXXX";
static char *out_text, *err_out;

static int enter_folder(void **state)
{
	(void)state;
	return mkdtemp(base) != NULL && chdir(base) == 0 ? 0 : -1;
}

static int empty_folder(void **state)
{
	DIR *folder = opendir("pki");
	struct dirent *entry;

	(void)state;
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
	rmdir("pki");
	return 0;
}

static int leave_folder(void **state)
{
	(void)state;
	free(out_text);
	free(err_out);
	return chdir("/") == 0 ? rmdir(base) : -1;
}

/* Runs a command line, cut at blanks; what it wrote is in out_text and err_out. */
static int run_as(const char *line, bool json)
{
	char *copy = strdup(line), *words[WORDS_MAX + 1], *save = NULL;
	size_t out_size, err_size;
	FILE *out, *err;
	int argc = 0, status;

	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		assert_true(argc < WORDS_MAX);
		words[argc++] = w;
	}
	words[argc] = NULL;
	free(out_text);
	free(err_out);
	out = open_memstream(&out_text, &out_size);
	err = open_memstream(&err_out, &err_size);
	status = pki_command(argc, words, json, out, err);
	fclose(out);
	fclose(err);
	free(copy);
	return status;
}

static void run(const char *line, int want)
{
	int status = run_as(line, false);

	if (status != want)
		fail_msg("%s: exit code %d: %s", line, status, err_out);
}

static unsigned int mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void expect_begins(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("'%s' does not begin with '%s'", text, start);
}

static void test_from_nothing(void **state)
{
	(void)state;
	run("pki init --cluster demo", 0);
	expect_begins(out_text, "The CA of cluster demo, valid until ");
	assert_string_equal(err_out, "");
	assert_int_equal(mode_of("pki"), 0700);
	assert_int_equal(mode_of("pki/ca.key"), 0600);
	run("pki issue member m1 --host 192.0.2.11 --host m1.example.net", 0);
	expect_begins(out_text, "pki/member-m1.crt and .key: waypost:member:m1, valid until ");
	assert_int_equal(mode_of("pki/member-m1.key"), 0600);
	assert_int_equal(mode_of("pki/member-m1.crt"), 0644);
	run("pki --host issue", 2);
	run("pki issue --dir pki --days 5 admin ops", 0);
	run("pki issue monitor ops --days 4000", 0);
	assert_non_null(strstr(out_text, ", when the CA expires\n"));
	run("pki list", 0);
	assert_string_equal(err_out, "");
}

static void test_never_overwrites(void **state)
{
	struct pki_pair first, second;

	(void)state;
	run("pki init", 0);
	run("pki init", 1);
	assert_string_equal(err_out, "clusteradm pki: pki/ca.crt is there already; with "
				     "--force a new CA replaces it\n");
	run("pki issue director d1", 0);
	assert_int_equal(pki_read_pair("pki", "director-d1", &first, NULL), 0);
	run("pki issue director d1", 1);
	assert_string_equal(err_out, "clusteradm pki: pki/director-d1.crt is there "
				     "already; with --force a new one replaces it\n");
	assert_string_equal(out_text, "");
	assert_int_equal(pki_read_pair("pki", "director-d1", &second, NULL), 0);
	assert_int_equal(X509_cmp(first.cert, second.cert), 0);
	pki_pair_free(&second);
	run("pki issue director d1 --force", 0);
	assert_int_equal(pki_read_pair("pki", "director-d1", &second, NULL), 0);
	assert_int_not_equal(X509_cmp(first.cert, second.cert), 0);
	pki_pair_free(&first);
	pki_pair_free(&second);
}

#define SEE " (see 'clusteradm pki --help')\n"

static const struct refused_case {
	const char *line;
	int status;
	const char *err; /* how it begins */
} refused_cases[] = {
	{ "pki", 2, "usage: clusteradm pki init" },
	{ "pki make", 2, "clusteradm pki: 'make' is not init, issue or list" SEE },
	{ "pki init extra", 2, "clusteradm pki: one argument too many: 'extra'" SEE },
	{ "pki init --cluster Demo", 2,
	  "clusteradm pki: a cluster's name is 1 to 63 of a-z, 0-9 and -, not 'Demo'" SEE },
	{ "pki init --days 0", 2, "clusteradm pki: --days must be from 1 to 36500, not '0'" SEE },
	{ "pki init --days 36501", 2,
	  "clusteradm pki: --days must be from 1 to 36500, not '36501'" },
	{ "pki init --days -1", 2, "clusteradm pki: --days must be from 1 to 36500, not '-1'" SEE },
	{ "pki init --days 1e3", 2,
	  "clusteradm pki: --days must be from 1 to 36500, not '1e3'" SEE },
	{ "pki init --days 99999999999999999999", 2, "clusteradm pki: --days must be from 1 to" },
	{ "pki init --days", 2, "clusteradm pki: --days needs a value" SEE },
	{ "pki init --host a", 2, "clusteradm pki: --host is not for 'pki init'" SEE },
	{ "pki list --force", 2, "clusteradm pki: --force is not for 'pki list'" SEE },
	{ "pki list --color", 2, "clusteradm pki: unknown option --color" SEE },
	{ "pki list -l", 2, "clusteradm pki: unknown option -l" SEE },
	{ "pki list --json=1", 2, "clusteradm pki: unknown option --json=1" SEE },
	{ "pki issue", 2, "clusteradm pki: 'pki issue' needs KIND and NAME" SEE },
	{ "pki issue member", 2, "clusteradm pki: 'pki issue' needs KIND and NAME" SEE },
	{ "pki issue member m1 m2", 2, "clusteradm pki: one argument too many: 'm2'" SEE },
	{ "pki issue router m1", 2,
	  "clusteradm pki: KIND is director, member, admin or monitor, not 'router'" SEE },
	{ "pki issue member m_1", 2,
	  "clusteradm pki: NAME is 1 to 63 of a-z, 0-9 and -, not 'm_1'" SEE },
	{ "pki issue member ../m1", 2, "clusteradm pki: NAME is 1 to 63 of a-z, 0-9 and -, not" },
	{ "pki issue member m1 --host a,b", 2,
	  "clusteradm pki: 'a,b' is neither an IP address nor a host name" SEE },
	{ "pki issue member m1", 1,
	  "clusteradm pki: pki: No such file or directory; is this the folder that 'pki init' "
	  "made?\n" },
	{ "pki list", 1, "clusteradm pki: pki: No such file or directory\n" },
	{ "pki init --dir a/b", 1, "clusteradm pki: a/b: No such file or directory\n" },
};

static void test_refused_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused_cases); i++) {
		const struct refused_case *c = &refused_cases[i];

		run(c->line, c->status);
		expect_begins(err_out, c->err);
		assert_string_equal(out_text, "");
		assert_int_equal(access("pki", F_OK), -1);
	}
}

static void test_too_many_hosts(void **state)
{
	char line[1024] = "pki issue member m1";

	(void)state;
	for (int i = 0; i <= PKI_HOSTS_MAX; i++)
		strcat(line, " --host=a");
	run(line, 2);
	assert_string_equal(err_out, "clusteradm pki: --host may be given 32 times" SEE);
}

static void test_help(void **state)
{
	static const char *const lines[] = { "pki --help", "pki init --help", "pki issue --help",
					     "pki list --help" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		run(lines[i], 0);
		expect_begins(out_text, "usage: clusteradm pki init");
		assert_string_equal(err_out, "");
	}
}

/* ---- list ---- */

static void list_at(int64_t now_s, bool json, int want)
{
	size_t out_size, err_size;
	FILE *out, *err;

	free(out_text);
	free(err_out);
	out = open_memstream(&out_text, &out_size);
	err = open_memstream(&err_out, &err_size);
	assert_int_equal(pki_list("pki", now_s, json, out, err), want);
	fclose(out);
	fclose(err);
}

static void make_cluster(int64_t now_s)
{
	struct pki_ca_order ca_order = { "demo", 100, now_s };
	struct pki_leaf_order order = { .identity = { PKI_MEMBER, "m1" },
					.days = 40,
					.now_s = now_s };
	struct rng rng = rng_system();
	struct pki_pair ca, leaf;

	assert_int_equal(pki_make_ca(&ca_order, &rng, &ca, NULL), 0);
	assert_int_equal(pki_make_leaf(&ca, &order, &rng, &leaf, NULL), 0);
	assert_int_equal(mkdir("pki", 0700), 0);
	assert_int_equal(pki_write_pair("pki", "ca", &ca, false, NULL), 0);
	assert_int_equal(pki_write_pair("pki", "member-m1", &leaf, false, NULL), 0);
	pki_pair_free(&ca);
	pki_pair_free(&leaf);
}

#define NOW_S 1800000000
#define HEAD  "KIND      NAME  EXPIRES                DAYS  NOTE\n"
#define CA    "ca        demo  2027-04-25T08:00:00Z  "
#define M1    "member    m1    2027-02-24T08:00:00Z  "

static const struct list_case {
	int64_t after_s; /* since both were made */
	const char *out;
} list_cases[] = {
	{ 0, HEAD CA "  100  ok\n" M1 "   40  ok\n" },
	{ 1, HEAD CA "   99  ok\n" M1 "   39  ok\n" },
	{ 10 * DAY_S, HEAD CA "   90  ok\n" M1 "   30  ok\n" },
	{ 10 * DAY_S + 1, HEAD CA "   89  ok\n" M1 "   29  expires soon\n" },
	{ 40 * DAY_S - 1, HEAD CA "   60  ok\n" M1 "    0  expires soon\n" },
	{ 40 * DAY_S, HEAD CA "   60  ok\n" M1 "    0  expired\n" },
	{ 40 * DAY_S + 1, HEAD CA "   59  ok\n" M1 "   -1  expired\n" },
	{ 101 * DAY_S, HEAD CA "   -1  expired\n" M1 "  -61  expired\n" },
	{ -301, HEAD CA "  100  not valid yet\n" M1 "   40  not valid yet\n" },
};

static void test_list_over_time(void **state)
{
	(void)state;
	make_cluster(NOW_S);
	for (size_t i = 0; i < COUNT_OF(list_cases); i++) {
		list_at(NOW_S + list_cases[i].after_s, false, 0);
		assert_string_equal(out_text, list_cases[i].out);
		assert_string_equal(err_out, "");
	}
}

/* Whatever lies in the folder: each certificate is shown, with what is wrong with it. */
static void test_list_problems(void **state)
{
	FILE *file;

	(void)state;
	make_cluster(NOW_S);
	assert_int_equal(rename("pki/ca.crt", "pki/old.crt"), 0);
	assert_int_equal(rename("pki/ca.key", "pki/old.key"), 0);
	assert_int_equal(chmod("pki/member-m1.key", 0640), 0);
	assert_int_equal(link("pki/member-m1.crt", "pki/copy.crt"), 0);
	assert_int_equal(link("pki/old.key", "pki/copy.key"), 0);
	assert_int_equal(link("pki/member-m1.crt", "pki/.hidden.crt"), 0);
	list_at(NOW_S, false, 0);
	assert_string_equal(out_text,
			    HEAD M1 "   40  the key is not its own (copy.crt)\n" M1
				    "   40  others may read the key\n" CA "  100  ok (old.crt)\n");

	run("pki init --cluster demo", 0);
	list_at(NOW_S, false, 0);
	assert_non_null(strstr(out_text, M1 "   40  not issued by ca.crt, the key is not its own "
					    "(copy.crt)\n"));
	file = fopen("pki/bad.crt", "w");
	fputs("not PEM\n", file);
	fclose(file);
	list_at(NOW_S, false, 1);
	assert_string_equal(err_out, "clusteradm pki: pki/bad.crt is not a certificate in PEM\n");
	assert_non_null(strstr(out_text, "others may read the key"));
}

static void test_list_empty(void **state)
{
	(void)state;
	assert_int_equal(mkdir("pki", 0700), 0);
	list_at(NOW_S, false, 0);
	assert_string_equal(out_text,
			    "No certificates in pki. 'clusteradm pki init' makes a CA.\n");
	list_at(NOW_S, true, 0);
	expect_begins(out_text, "{\n  \"certificates\": []\n}\n");
}

/* ---- JSON ---- */

static void test_json(void **state)
{
	const char *file, *kind, *name, *cluster, *serial, *expires, *cert, *key, *identity;
	json_t *answer, *problems;
	json_int_t days;

	(void)state;
	assert_int_equal(run_as("pki init --cluster demo", true), 0);
	answer = json_loads(out_text, 0, NULL);
	assert_int_equal(json_unpack(answer, "{s:s,s:s,s:s,s:s,s:s!}", "certificate", &cert, "key",
				     &key, "cluster", &cluster, "serial", &serial, "expires",
				     &expires),
			 0);
	assert_string_equal(cert, "pki/ca.crt");
	assert_string_equal(key, "pki/ca.key");
	assert_string_equal(cluster, "demo");
	json_decref(answer);

	run("pki issue director d1 --json --days 20", 0);
	answer = json_loads(out_text, 0, NULL);
	assert_int_equal(json_unpack(answer, "{s:s,s:s,s:s,s:s,s:s,s:s!}", "certificate", &cert,
				     "key", &key, "cluster", &cluster, "serial", &serial, "expires",
				     &expires, "identity", &identity),
			 0);
	assert_string_equal(cert, "pki/director-d1.crt");
	assert_string_equal(identity, "waypost:director:d1");
	json_decref(answer);

	run("pki list --json", 0);
	answer = json_loads(out_text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "certificates")), 2);
	assert_int_equal(json_unpack(json_array_get(json_object_get(answer, "certificates"), 1),
				     "{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:o!}", "file", &file, "kind",
				     &kind, "name", &name, "cluster", &cluster, "serial", &serial,
				     "expires", &expires, "days_left", &days, "problems",
				     &problems),
			 0);
	assert_string_equal(file, "director-d1.crt");
	assert_string_equal(kind, "director");
	assert_string_equal(name, "d1");
	assert_in_range(days, 19, 20);
	assert_int_equal(strlen(expires), 20);
	assert_string_equal(json_string_value(json_array_get(problems, 0)), "expires soon");
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_from_nothing, empty_folder),
		cmocka_unit_test_teardown(test_never_overwrites, empty_folder),
		cmocka_unit_test_teardown(test_refused_commands, empty_folder),
		cmocka_unit_test_teardown(test_too_many_hosts, empty_folder),
		cmocka_unit_test_teardown(test_help, empty_folder),
		cmocka_unit_test_teardown(test_list_over_time, empty_folder),
		cmocka_unit_test_teardown(test_list_problems, empty_folder),
		cmocka_unit_test_teardown(test_list_empty, empty_folder),
		cmocka_unit_test_teardown(test_json, empty_folder),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
