/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/store/store_addresses.h"
#include "director/store/store_keys.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define KILLS      15

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

/* A change behind the store's back. */
static void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static uint64_t epoch_of(struct store *s)
{
	uint64_t epoch = 99;

	assert_int_equal(store_epoch(s, &epoch), 0);
	return epoch;
}

static struct store_address address(const char *ip, const char *owner, uint64_t epoch,
				    bool is_manual)
{
	struct store_address a = { .epoch = epoch, .is_manual = is_manual };

	assert_int_equal(ip_parse(ip, &a.ip), 0);
	snprintf(a.owner, sizeof(a.owner), "%s", owner);
	return a;
}

static void add_line(void *ctx, const struct store_address *a)
{
	char *out = ctx, text[IP_TEXT_MAX];

	snprintf(out + strlen(out), 512 - strlen(out), "%s %s %llu%s\n", ip_format(&a->ip, text),
		 a->owner, (unsigned long long)a->epoch, a->is_manual ? " manual" : "");
}

static void expect_content(struct store *s, const char *want)
{
	char got[512] = "";

	assert_int_equal(store_addresses_read(s, add_line, got), 0);
	assert_string_equal(got, want);
}

/* ---- orders and adoptions ---- */

static void test_orders(void **state)
{
	struct store_address a = address("192.0.2.21", "m2", 7, true);
	struct store_address b = address("2001:db8::21", "", 0, false);
	struct store *s = open_store();
	uint64_t epoch = 0;

	(void)state;
	expect_content(s, "");
	assert_int_equal(store_address_order(s, &a, 0, &epoch), 0);
	assert_int_equal(epoch, 1);
	assert_int_equal(store_address_order(s, &b, 1764072000, &epoch), 0);
	assert_int_equal(epoch, 1764072001);
	a = address("192.0.2.21", "m3", 0, false);
	assert_int_equal(store_address_order(s, &a, 12, &epoch), 0);
	assert_int_equal(epoch, 1764072002);
	for (int i = 0; i < 2; i++) {
		expect_content(s, "192.0.2.21 m3 1764072002\n2001:db8::21  1764072001\n");
		assert_int_equal(epoch_of(s), 1764072002);
		store_close(s);
		s = open_store();
	}
	store_close(s);
}

static void test_adoptions(void **state)
{
	struct store_address a = address("192.0.2.21", "m2", 50, true);
	struct store *s = open_store();
	uint64_t epoch = 0;

	(void)state;
	assert_int_equal(store_address_adopt(s, &a), 0);
	assert_int_equal(epoch_of(s), 50);
	a = address("192.0.2.22", "m1", 20, false);
	assert_int_equal(store_address_adopt(s, &a), 0);
	assert_int_equal(epoch_of(s), 50);
	expect_content(s, "192.0.2.21 m2 50 manual\n192.0.2.22 m1 20\n");
	assert_int_equal(store_address_order(s, &a, 0, &epoch), 0);
	assert_int_equal(epoch, 51);
	a.epoch = STORE_EPOCH_MAX + 1;
	assert_int_equal(store_address_adopt(s, &a), ERR_VALUE);
	a.epoch = STORE_EPOCH_MAX;
	assert_int_equal(store_address_adopt(s, &a), 0);
	epoch = 77;
	assert_int_equal(store_address_order(s, &a, 0, &epoch), ERR_LIMIT);
	assert_int_equal(epoch, 77);
	expect_content(s, "192.0.2.21 m2 50 manual\n192.0.2.22 m1 9007199254740991\n");
	store_close(s);
}

/* The epoch is given out with the record or not at all. */
static void test_all_or_nothing(void **state)
{
	struct store_address a = address("192.0.2.21", "m2", 50, false);
	struct store *s = open_store();
	uint64_t epoch = 77;

	(void)state;
	store_close(s);
	execute("CREATE TRIGGER full BEFORE INSERT ON addresses"
		" BEGIN SELECT RAISE(ABORT, 'disk full'); END");
	s = open_store();
	assert_int_equal(store_address_order(s, &a, 0, &epoch), ERR_IO);
	assert_int_equal(epoch, 77);
	assert_int_equal(store_address_adopt(s, &a), ERR_IO);
	assert_int_equal(epoch_of(s), 0);
	assert_non_null(strstr(said, "disk full"));
	/* And the store can be used on. */
	assert_int_equal(store_next_epoch(s, 0, &epoch), 0);
	assert_int_equal(epoch, 1);
	store_close(s);
}

static void test_odd_rows(void **state)
{
	static const char *const rows[] = {
		"('192.0.2.256', NULL, 1, 0)",
		"('192.0.2.21', 'M 1', 1, 0)",
		"('192.0.2.21', 'm1', -1, 0)",
		"('192.0.2.21', 'm1', 9007199254740992, 0)",
	};

	(void)state;
	store_close(open_store());
	for (size_t i = 0; i < LEN(rows); i++) {
		char sql[128], got[512] = "";
		struct store *s;

		snprintf(sql, sizeof(sql), "DELETE FROM addresses; INSERT INTO addresses VALUES%s",
			 rows[i]);
		execute(sql);
		s = open_store();
		assert_int_equal(store_addresses_read(s, add_line, got), ERR_IO);
		assert_string_equal(got, "");
		store_close(s);
	}
}

static void test_paused(void **state)
{
	bool is_paused = true;
	struct store *s = open_store();

	(void)state;
	assert_int_equal(store_paused(s, &is_paused), 0);
	assert_false(is_paused);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(store_set_paused(s, i % 2 == 0), 0);
		store_close(s);
		s = open_store();
		assert_int_equal(store_paused(s, &is_paused), 0);
		assert_int_equal(is_paused, i % 2 == 0);
	}
	store_close(s);
}

/* ---- keys ---- */

static void test_notice_key(void **state)
{
	static const uint8_t zeros[STORE_NOTICE_KEY_SIZE];
	struct store_key first = { .id = "" }, again = { .id = "" };
	struct store *s = open_store();

	(void)state;
	assert_int_equal(store_notice_key(s, &first), 0);
	assert_int_equal(first.key.len, STORE_NOTICE_KEY_SIZE);
	assert_memory_not_equal(first.key.data, zeros, sizeof(zeros));
	assert_true(text_is_name(first.id));
	store_close(s);
	s = open_store();
	assert_int_equal(store_notice_key(s, &again), 0);
	assert_string_equal(first.id, again.id);
	assert_memory_equal(&first.key, &again.key, sizeof(first.key));
	store_close(s);
	unlink(path);
	s = open_store();
	assert_int_equal(store_notice_key(s, &again), 0);
	assert_memory_not_equal(first.key.data, again.key.data, STORE_NOTICE_KEY_SIZE);
	store_close(s);
	assert_string_equal(said, "");
	execute("UPDATE keys SET key = x'00'");
	s = open_store();
	assert_int_equal(store_notice_key(s, &again), ERR_IO);
	store_close(s);
}

/* ---- from format 1 ---- */

static const char format_1[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
    "CREATE TABLE members(name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, "
    "subject TEXT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL) STRICT;"
    "INSERT INTO meta VALUES('epoch', 41);"
    "INSERT INTO members VALUES('m1', 3);"
    "PRAGMA user_version = 1;";

static void test_upgrade(void **state)
{
	struct store_address a = address("192.0.2.21", "m1", 0, false);
	struct store *s;
	uint64_t epoch;
	uint8_t number;

	(void)state;
	execute(format_1);
	s = open_store();
	assert_non_null(strstr(said, "from format 1 to 3"));
	assert_int_equal(store_member_number(s, "m1", &number), 0);
	assert_int_equal(number, 3);
	assert_int_equal(store_address_order(s, &a, 0, &epoch), 0);
	assert_int_equal(epoch, 42);
	store_close(s);
	said[0] = '\0';
	s = open_store();
	assert_string_equal(said, "");
	expect_content(s, "192.0.2.21 m1 42\n");
	store_close(s);
}

/* What cannot be brought up stays as it was. */
static void test_failed_upgrade(void **state)
{
	struct store *s = NULL;

	(void)state;
	execute(format_1);
	execute("CREATE TABLE keys(x)");
	assert_int_equal(store_open(path, &lg, &s), ERR_IO);
	assert_null(s);
	execute("DROP TABLE keys; CREATE TABLE addresses(x); DROP TABLE addresses");
	s = open_store();
	expect_content(s, "");
	store_close(s);
}

/* ---- kill -9 ---- */

static void child(int to_parent)
{
	struct store *s;

	if (store_open(path, &lg, &s) != 0)
		_exit(1);
	for (unsigned int i = 0;; i++) {
		struct store_address a = { .ip = { IP_V4, { 192, 0, 2, (uint8_t)(i % 50) } } };
		uint64_t told[2] = { i % 50, 0 };

		snprintf(a.owner, sizeof(a.owner), "m%u", i % 7);
		if (store_address_order(s, &a, 0, &told[1]) != 0)
			_exit(2);
		if (write(to_parent, told, sizeof(told)) != (ssize_t)sizeof(told))
			_exit(3);
	}
}

/* Reads what the child says for some milliseconds more than its first word, then kills it. */
static void run_child(unsigned int ms, uint64_t epochs[50], uint64_t *last)
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
		assert_true(told[1] > *last);
		*last = told[1];
		epochs[told[0]] = told[1];
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

/* Several at once: one transaction, each with an epoch of its own. */
static void test_several(void **state)
{
	struct store_change c[3] = {
		{ .address = { .ip = { IP_V4, { 192, 0, 2, 21 } }, .owner = "m1" }, .at_least = 9 },
		{ .address = { .ip = { IP_V4, { 192, 0, 2, 22 } }, .owner = "m2", .epoch = 50 },
		  .is_adopted = true },
		{ .address = { .ip = { IP_V4, { 192, 0, 2, 23 } }, .owner = "m3" }, .at_least = 9 },
	};
	struct store *s = open_store();

	(void)state;
	assert_int_equal(store_addresses_change(s, c, 3), 0);
	assert_int_equal(c[0].address.epoch, 10);
	assert_int_equal(c[2].address.epoch, 51);
	assert_int_equal(epoch_of(s), 51);
	c[2].at_least = STORE_EPOCH_MAX; /* the last one fails: the others did not happen */
	assert_int_equal(store_addresses_change(s, c, 3), ERR_LIMIT);
	assert_int_equal(epoch_of(s), 51);
	store_close(s);
}

struct seen {
	const uint64_t *epochs;
	uint64_t highest;
};

static void check_row(void *ctx, const struct store_address *a)
{
	struct seen *seen = ctx;

	assert_true(a->epoch >= seen->epochs[a->ip.octets[3]]);
	if (a->epoch > seen->highest)
		seen->highest = a->epoch;
}

/* What was told is there, and no record is ahead of the counter. */
static void test_kill(void **state)
{
	uint64_t epochs[50] = { 0 }, last = 0;

	(void)state;
	for (unsigned int i = 0; i < KILLS; i++) {
		struct seen seen = { .epochs = epochs };
		struct store *s;

		run_child(i % 7, epochs, &last);
		s = open_store();
		assert_int_equal(store_addresses_read(s, check_row, &seen), 0);
		assert_true(seen.highest >= last);
		assert_int_equal(epoch_of(s), seen.highest);
		last = seen.highest;
		store_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_orders, start, stop),
		cmocka_unit_test_setup_teardown(test_adoptions, start, stop),
		cmocka_unit_test_setup_teardown(test_several, start, stop),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, start, stop),
		cmocka_unit_test_setup_teardown(test_odd_rows, start, stop),
		cmocka_unit_test_setup_teardown(test_paused, start, stop),
		cmocka_unit_test_setup_teardown(test_notice_key, start, stop),
		cmocka_unit_test_setup_teardown(test_upgrade, start, stop),
		cmocka_unit_test_setup_teardown(test_failed_upgrade, start, stop),
		cmocka_unit_test_setup_teardown(test_kill, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
