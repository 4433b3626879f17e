/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/pki/store.h"

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))
#define NOW_S          1800000000

static struct pki_pair ca, other_ca;
static char dir[] = "/tmp/test_pki_store.XXXXXX";

static struct pki_pair make_ca(void)
{
	struct pki_ca_order order = { "demo", PKI_CA_DAYS, NOW_S };
	struct rng rng = rng_system();
	struct pki_pair pair = { NULL, NULL };

	assert_int_equal(pki_make_ca(&order, &rng, &pair, NULL), 0);
	return pair;
}

static struct pki_pair make_leaf(void)
{
	struct pki_leaf_order order = { .identity = { PKI_MEMBER, "m1" },
					.days = 825,
					.now_s = NOW_S };
	struct rng rng = rng_system();
	struct pki_pair pair = { NULL, NULL };

	assert_int_equal(pki_make_leaf(&ca, &order, &rng, &pair, NULL), 0);
	return pair;
}

static int make_folder(void **state)
{
	(void)state;
	ca = make_ca();
	other_ca = make_ca();
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int empty_folder(void **state)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;

	(void)state;
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		unlinkat(dirfd(folder), entry->d_name, 0);
	return folder != NULL ? closedir(folder) : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	pki_pair_free(&ca);
	pki_pair_free(&other_ca);
	return rmdir(dir);
}

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static unsigned int mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(path_of(name), &st), 0);
	return st.st_mode & 07777;
}

static size_t count_files(void)
{
	DIR *folder = opendir(dir);
	size_t n = 0;

	while (readdir(folder) != NULL)
		n++;
	closedir(folder);
	return n - 2;
}

static void write_text(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_files_and_modes(void **state)
{
	static const mode_t umasks[] = { 0, 022, 077, 0777 };
	struct pki_pair again;
	struct errtext why = { "" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(umasks); i++) {
		mode_t before = umask(umasks[i]);
		int err = pki_write_pair(dir, "ca", &ca, true, &why);

		umask(before);
		assert_int_equal(err, 0);
		assert_int_equal(mode_of("ca.crt"), 0644);
		assert_int_equal(mode_of("ca.key"), 0600);
		assert_int_equal(count_files(), 2);
	}
	assert_int_equal(pki_read_pair(dir, "ca", &again, &why), 0);
	assert_int_equal(X509_cmp(again.cert, ca.cert), 0);
	assert_int_equal(EVP_PKEY_eq(again.key, ca.key), 1);
	pki_pair_free(&again);
	assert_int_equal(pki_read_cert(dir, "ca", &again, &why), 0);
	assert_null(again.key);
	pki_pair_free(&again);
}

static void expect_text(const char *name, const char *want)
{
	char buf[64] = "";
	FILE *file = fopen(path_of(name), "r");

	assert_non_null(file);
	assert_non_null(fgets(buf, sizeof(buf), file));
	assert_string_equal(buf, want);
	fclose(file);
}

static void test_refuses_to_overwrite(void **state)
{
	static const char *const names[] = { "ca.crt", "ca.key" };
	struct pki_pair read;
	struct errtext why;
	char want[128];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		empty_folder(NULL);
		write_text(names[i], "mine");
		assert_int_equal(pki_write_pair(dir, "ca", &ca, false, &why), ERR_EXISTS);
		snprintf(want, sizeof(want), "%s/%s is there already", dir, names[i]);
		assert_string_equal(why.text, want);
		expect_text(names[i], "mine");
		assert_int_equal(count_files(), 1);
	}
	assert_int_equal(pki_write_pair(dir, "ca", &ca, true, &why), 0);
	assert_int_equal(pki_read_pair(dir, "ca", &read, &why), 0);
	pki_pair_free(&read);
	assert_int_equal(count_files(), 2);
}

/* A link that leads nowhere is something too. */
static void test_refuses_dangling_link(void **state)
{
	struct errtext why;

	(void)state;
	assert_int_equal(symlink("elsewhere", path_of("ca.key")), 0);
	assert_int_equal(pki_write_pair(dir, "ca", &ca, false, &why), ERR_EXISTS);
	assert_int_equal(pki_write_pair(dir, "ca", &ca, true, &why), 0);
	assert_int_equal(access(path_of("elsewhere"), F_OK), -1);
	assert_int_equal(mode_of("ca.key"), 0600);
}

/* Several at once: one wins, and what is there belongs together. */
static void test_writers_at_once(void **state)
{
	struct pki_pair read;
	struct errtext why = { "" };
	int n_done = 0, n_refused = 0;
	pid_t pids[6];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(
			    -pki_write_pair(dir, "ca", i % 2 == 0 ? &ca : &other_ca, false, NULL));
	}
	for (size_t i = 0; i < COUNT_OF(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		n_done += WEXITSTATUS(status) == 0;
		n_refused += WEXITSTATUS(status) == -ERR_EXISTS;
	}
	assert_int_equal(n_done, 1);
	assert_int_equal(n_refused, COUNT_OF(pids) - 1);
	assert_int_equal(pki_read_pair(dir, "ca", &read, &why), 0);
	pki_pair_free(&read);
	assert_int_equal(count_files(), 2);
}

static void expect_unreadable(int err, const char *what)
{
	struct pki_pair pair = { NULL, NULL };
	struct errtext why = { "" };
	char want[ERRTEXT_MAX];

	snprintf(want, sizeof(want), "%s/%s", dir, what);
	assert_int_equal(pki_read_pair(dir, "ca", &pair, &why), err);
	assert_string_equal(why.text, want);
	assert_null(pair.cert);
	assert_null(pair.key);
}

static void test_unreadable_files(void **state)
{
	struct pki_pair mixed = { ca.cert, other_ca.key };
	struct errtext why;
	char password[] = "password";
	FILE *file;

	(void)state;
	expect_unreadable(ERR_NOT_FOUND, "ca.crt: No such file or directory");
	assert_int_equal(pki_write_pair(dir, "ca", &ca, false, &why), 0);
	assert_int_equal(unlink(path_of("ca.key")), 0);
	expect_unreadable(ERR_NOT_FOUND, "ca.key: No such file or directory");
	write_text("ca.key", "");
	expect_unreadable(ERR_VALUE, "ca.key is not an unencrypted private key in PEM");
	write_text("ca.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	expect_unreadable(ERR_VALUE, "ca.crt is not a certificate in PEM");
	assert_int_equal(truncate(path_of("ca.crt"), PKI_FILE_MAX), 0);
	expect_unreadable(ERR_VALUE, "ca.crt is not a certificate in PEM");
	assert_int_equal(unlink(path_of("ca.crt")), 0);
	assert_int_equal(mkfifo(path_of("ca.crt"), 0600), 0);
	expect_unreadable(ERR_VALUE, "ca.crt is not a certificate in PEM");

	assert_int_equal(pki_write_pair(dir, "ca", &mixed, true, &why), 0);
	expect_unreadable(ERR_MISMATCH, "ca.key does not belong to ca.crt");
	file = fopen(path_of("ca.key"), "w");
	assert_int_equal(
	    PEM_write_PrivateKey(file, ca.key, EVP_aes_128_cbc(), NULL, 0, NULL, password), 1);
	fclose(file);
	expect_unreadable(ERR_VALUE, "ca.key is not an unencrypted private key in PEM");
}

static void test_unwritable_folder(void **state)
{
	struct errtext why;
	char want[ERRTEXT_MAX + 32];

	(void)state;
	assert_int_equal(pki_write_pair("/nonexistent", "ca", &ca, true, &why), ERR_NOT_FOUND);
	assert_string_equal(why.text, "/nonexistent: No such file or directory");
	write_text("file", "");
	assert_int_equal(pki_make_folder(path_of("file"), &why), ERR_IO);
	snprintf(want, sizeof(want), "%s: File exists", path_of("file"));
	assert_string_equal(why.text, want);
	assert_int_equal(mkdir(path_of("ca.key"), 0700), 0);
	assert_int_equal(pki_write_pair(dir, "ca", &ca, true, &why), ERR_IO);
	snprintf(want, sizeof(want), "%s: Is a directory", path_of("ca.key"));
	assert_string_equal(why.text, want);
	assert_int_equal(count_files(), 2);
	assert_int_equal(rmdir(path_of("ca.key")), 0);
}

/* The tool that operators would use finds the same. */
static void test_openssl_verify(void **state)
{
	struct pki_pair leaf = make_leaf();
	char command[512];
	int status;

	(void)state;
	assert_int_equal(pki_write_pair(dir, "ca", &ca, false, NULL), 0);
	assert_int_equal(pki_write_pair(dir, "m1", &leaf, false, NULL), 0);
	pki_pair_free(&leaf);
	snprintf(command, sizeof(command),
		 "command -v openssl >/dev/null || exit 77; "
		 "openssl verify -x509_strict -purpose sslserver -attime %d -CAfile %s/ca.crt "
		 "%s/m1.crt >/dev/null",
		 NOW_S, dir, dir);
	status = system(command);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_files_and_modes, empty_folder),
		cmocka_unit_test_teardown(test_refuses_to_overwrite, empty_folder),
		cmocka_unit_test_teardown(test_refuses_dangling_link, empty_folder),
		cmocka_unit_test_teardown(test_writers_at_once, empty_folder),
		cmocka_unit_test_teardown(test_unreadable_files, empty_folder),
		cmocka_unit_test_teardown(test_unwritable_folder, empty_folder),
		cmocka_unit_test_teardown(test_openssl_verify, empty_folder),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
