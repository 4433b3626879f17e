/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/store/store.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOBODY     65534
#define KILLS      25

static char folder[64], path[96];
static char said[4096]; /* all that was logged */

static void remember(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	size_t len = strlen(said);

	(void)ctx;
	(void)level;
	(void)group;
	snprintf(said + len, sizeof(said) - len, "%s\n", line);
}

static const struct logger lg = { LOG_LEVEL_DEBUG, remember, NULL };

static int start(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/waypost-store-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/director.db", folder);
	said[0] = '\0';
	return 0;
}

static int stop(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-journal", "-shm" };
	char file[128];

	(void)state;
	for (size_t i = 0; i < LEN(suffixes); i++) {
		snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(folder);
}

static struct store *open_store(void)
{
	struct store *s = NULL;
	int err = store_open(path, &lg, &s);

	if (err != 0)
		fail_msg("store_open: %s: %s", err_text(err), said);
	return s;
}

static void expect_refused(int want, const char *words)
{
	struct store *s = NULL;

	said[0] = '\0';
	assert_int_equal(store_open(path, &lg, &s), want);
	assert_null(s);
	if (strstr(said, words) == NULL || strstr(said, path) == NULL)
		fail_msg("\"%s\" does not say \"%s\" and which file", said, words);
}

static uint8_t number_of(struct store *s, const char *name)
{
	uint8_t number = 0;

	assert_int_equal(store_member_number(s, name, &number), 0);
	return number;
}

static uint64_t next_epoch(struct store *s, uint64_t at_least)
{
	uint64_t epoch = 0, read = 1;

	assert_int_equal(store_next_epoch(s, at_least, &epoch), 0);
	assert_int_equal(store_epoch(s, &read), 0);
	assert_int_equal(read, epoch);
	return epoch;
}

/* A change behind the store's back. */
static void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* ---- what is kept ---- */

static void test_numbers_stay(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct store *s = open_store();

		assert_int_equal(number_of(s, "m2"), 1);
		assert_int_equal(number_of(s, "m1"), 2);
		assert_int_equal(number_of(s, "o'; DROP TABLE members; --"), 3);
		assert_int_equal(number_of(s, "m1"), 2);
		store_close(s);
	}
	assert_string_equal(said, "");
}

static void test_numbers_run_out(void **state)
{
	struct store *s = open_store();
	char name[32];
	uint8_t number = 77;

	(void)state;
	for (int i = 1; i <= 191; i++) {
		snprintf(name, sizeof(name), "member-%d", i);
		assert_int_equal(number_of(s, name), i);
	}
	assert_int_equal(store_member_number(s, "one-more", &number), ERR_LIMIT);
	assert_int_equal(number, 77);
	assert_non_null(strstr(said, "one-more"));
	assert_int_equal(number_of(s, "member-100"), 100);
	store_close(s);
}

static void test_epochs_rise(void **state)
{
	struct store *s = open_store();
	uint64_t epoch = 99;

	(void)state;
	assert_int_equal(store_epoch(s, &epoch), 0);
	assert_int_equal(epoch, 0);
	assert_int_equal(next_epoch(s, 0), 1);
	assert_int_equal(next_epoch(s, 0), 2);
	assert_int_equal(next_epoch(s, 100), 101);
	assert_int_equal(next_epoch(s, 5), 102);
	store_close(s);
	s = open_store();
	assert_int_equal(next_epoch(s, 0), 103);
	assert_int_equal(store_next_epoch(s, STORE_EPOCH_MAX, &epoch), ERR_LIMIT);
	assert_int_equal(store_next_epoch(s, UINT64_MAX, &epoch), ERR_LIMIT);
	assert_int_equal(next_epoch(s, STORE_EPOCH_MAX - 1), STORE_EPOCH_MAX);
	assert_int_equal(store_next_epoch(s, 0, &epoch), ERR_LIMIT);
	store_close(s);
}

/* The clock's seconds at a start, which no order may follow before the next. */
static void test_epochs_are_raised(void **state)
{
	struct store *s = open_store();
	uint64_t epoch = 99;

	(void)state;
	assert_int_equal(store_raise_epochs(s, 1000), 0);
	assert_int_equal(store_epoch(s, &epoch), 0);
	assert_int_equal(epoch, 0); /* none was handed out */
	store_close(s);
	s = open_store();
	assert_int_equal(store_raise_epochs(s, 500), 0);
	assert_int_equal(next_epoch(s, 0), 1001);
	assert_int_equal(next_epoch(s, 2000), 2001);
	assert_int_equal(store_raise_epochs(s, 1500), 0);
	assert_int_equal(next_epoch(s, 0), 2002);
	assert_int_equal(store_raise_epochs(s, STORE_EPOCH_MAX), ERR_LIMIT);
	store_close(s);
}

static void test_seed_stays(void **state)
{
	struct store *s = open_store();
	uint64_t first = 0, again = 1;

	(void)state;
	assert_int_equal(store_placement_seed(s, &first), 0);
	store_close(s);
	s = open_store();
	assert_int_equal(store_placement_seed(s, &again), 0);
	assert_int_equal(first, again);
	store_close(s);
	unlink(path);
	s = open_store();
	assert_int_equal(store_placement_seed(s, &again), 0);
	assert_int_not_equal(first, again);
	store_close(s);
}

/* ---- kill -9 ---- */

/* Hands out epochs and numbers, and says each one that it was given, until it is killed. */
static void child(int to_parent)
{
	struct store *s;

	if (store_open(path, &lg, &s) != 0)
		_exit(1);
	for (;;) {
		uint64_t epoch, number = 0;
		uint8_t small;
		char name[32];

		if (store_next_epoch(s, 0, &epoch) != 0)
			_exit(2);
		snprintf(name, sizeof(name), "m%llu", (unsigned long long)epoch);
		if (epoch <= 191) {
			if (store_member_number(s, name, &small) != 0)
				_exit(3);
			number = small;
		}
		uint64_t told[2] = { epoch, number };
		if (write(to_parent, told, sizeof(told)) != (ssize_t)sizeof(told))
			_exit(4);
	}
}

/* Reads what the child says for some milliseconds more than its first word, then kills it. */
static void run_child(unsigned int ms, uint64_t *last, uint8_t numbers[192])
{
	int ends[2], status;
	uint64_t told[2];
	bool is_first = true;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		child(ends[1]);
	}
	close(ends[1]);
	while (read(ends[0], told, sizeof(told)) == (ssize_t)sizeof(told)) {
		assert_true(told[0] > *last);
		*last = told[0];
		if (told[0] <= 191)
			numbers[told[0]] = (uint8_t)told[1];
		if (is_first) {
			const struct timespec wait = { 0, (long)ms * 1000000 };

			is_first = false;
			nanosleep(&wait, NULL);
			kill(pid, SIGKILL);
		}
	}
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_kill(void **state)
{
	uint8_t numbers[192] = { 0 };
	uint64_t last = 0, epoch;

	(void)state;
	for (unsigned int i = 0; i < KILLS; i++) {
		struct store *s;

		run_child(i % 7, &last, numbers);
		s = open_store();
		assert_int_equal(store_epoch(s, &epoch), 0);
		assert_true(epoch >= last);
		for (unsigned int n = 1; n <= 191; n++) {
			char name[32];

			snprintf(name, sizeof(name), "m%u", n);
			if (numbers[n] != 0)
				assert_int_equal(number_of(s, name), numbers[n]);
		}
		store_close(s);
	}
	assert_true(last > KILLS);
}

/* ---- what is refused ---- */

static void test_second_opener(void **state)
{
	struct store *s = open_store();
	int status;
	pid_t pid;

	(void)state;
	expect_refused(ERR_EXISTS, "in use");
	/* Another process, after a failed attempt of ours, which must not have freed the lock. */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *other;

		_exit(store_open(path, &lg, &other) == ERR_EXISTS ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(next_epoch(s, 0), 1);
	store_close(s);
	store_close(open_store());
}

static void test_newer_format(void **state)
{
	struct store *s = open_store();

	(void)state;
	next_epoch(s, 41);
	store_close(s);
	execute("PRAGMA user_version = 4");
	expect_refused(ERR_UNSUPPORTED, "newer version");
	execute("PRAGMA user_version = 3");
	s = open_store();
	assert_int_equal(next_epoch(s, 0), 43);
	store_close(s);
}

static void test_other_database(void **state)
{
	(void)state;
	execute("CREATE TABLE recipes(name TEXT)");
	expect_refused(ERR_IO, "some other program");
}

static void write_file(const char *content, size_t len, long offset)
{
	FILE *f = fopen(path, offset == 0 ? "w" : "r+");

	assert_non_null(f);
	assert_int_equal(fseek(f, offset, SEEK_SET), 0);
	assert_int_equal(fwrite(content, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void test_damaged_file(void **state)
{
	static char noise[4096];
	struct store *s;

	(void)state;
	memset(noise, 'x', sizeof(noise));
	write_file(noise, sizeof(noise), 0);
	expect_refused(ERR_IO, "not a store");
	unlink(path);
	s = open_store();
	number_of(s, "m1");
	store_close(s);
	write_file(noise, sizeof(noise), 4096); /* the page of a table */
	expect_refused(ERR_IO, "damaged");
	/* Half of it is gone. */
	assert_int_equal(truncate(path, 6000), 0);
	expect_refused(ERR_IO, "damaged");
}

static mode_t mode_of(const char *file)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return st.st_mode & 0777;
}

static void test_mode(void **state)
{
	mode_t mask = umask(0);
	struct store *s = open_store();
	char wal[128];

	(void)state;
	snprintf(wal, sizeof(wal), "%s-wal", path);
	next_epoch(s, 0);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(mode_of(wal), 0600);
	store_close(s);
	assert_int_equal(chmod(path, 0644), 0);
	store_close(open_store());
	assert_int_equal(mode_of(path), 0600);
	umask(mask);
}

/* root may write everywhere: become somebody else first. Returns what a child's store_open said. */
static int open_as_nobody(void)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *s;

		if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
				       setresuid(NOBODY, NOBODY, NOBODY) != 0))
			_exit(77);
		said[0] = '\0';
		_exit(-store_open(path, &lg, &s));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void test_read_only_folder(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(open_as_nobody(), ERR_IO);
	/* The file is there and may be written, but not the journal beside it. */
	assert_int_equal(chmod(folder, 0755), 0);
	store_close(open_store());
	if (geteuid() == 0)
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(open_as_nobody(), ERR_IO);
	/* The file is there and may be read only. */
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(open_as_nobody(), ERR_IO);
	assert_int_equal(chmod(folder, 0755), 0);
}

static void test_no_such_folder(void **state)
{
	char good[sizeof(path)];

	(void)state;
	memcpy(good, path, sizeof(good));
	snprintf(path, sizeof(path), "%s/none/director.db", folder);
	expect_refused(ERR_IO, "No such file");
	/* Neither a folder nor a link is a store, whatever it leads to. */
	memcpy(path, folder, sizeof(folder));
	expect_refused(ERR_IO, "not a regular file");
	memcpy(path, good, sizeof(good));
	assert_int_equal(symlink("/etc/passwd", path), 0);
	expect_refused(ERR_IO, "not a regular file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers_stay, start, stop),
		cmocka_unit_test_setup_teardown(test_numbers_run_out, start, stop),
		cmocka_unit_test_setup_teardown(test_epochs_rise, start, stop),
		cmocka_unit_test_setup_teardown(test_epochs_are_raised, start, stop),
		cmocka_unit_test_setup_teardown(test_seed_stays, start, stop),
		cmocka_unit_test_setup_teardown(test_kill, start, stop),
		cmocka_unit_test_setup_teardown(test_second_opener, start, stop),
		cmocka_unit_test_setup_teardown(test_newer_format, start, stop),
		cmocka_unit_test_setup_teardown(test_other_database, start, stop),
		cmocka_unit_test_setup_teardown(test_damaged_file, start, stop),
		cmocka_unit_test_setup_teardown(test_mode, start, stop),
		cmocka_unit_test_setup_teardown(test_read_only_folder, start, stop),
		cmocka_unit_test_setup_teardown(test_no_such_folder, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
