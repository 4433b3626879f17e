/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/store/store_keys.h"
#include "director/store/store_revocations.h"

/* The keys of the cluster and the revocations, on disk. */

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

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

/* ---- keys ---- */

/* Octets that are found again on the disk, if they are there. */
static struct store_key make_key(const char *id, enum store_key_state state, uint8_t octet)
{
	struct store_key k = { .use = "ticket",
			       .state = state,
			       .not_before_s = 10,
			       .created_s = octet,
			       .key = { .len = 32 } };

	snprintf(k.id, sizeof(k.id), "%s", id);
	memset(k.key.data, octet, 32);
	return k;
}

static void add_line(void *ctx, const struct store_key *k)
{
	char *out = ctx;

	snprintf(out + strlen(out), 512 - strlen(out), "%s %s %d %s %d-%d %d %zu*%02x\n", k->id,
		 k->use, k->number, store_key_state_name(k->state), (int)k->not_before_s,
		 (int)k->not_after_s, (int)k->created_s, k->key.len, k->key.data[31]);
}

static void expect_keys(struct store *s, const char *want)
{
	char got[512] = "";

	assert_int_equal(store_keys_read(s, add_line, got), 0);
	assert_string_equal(got, want);
}

static int change(struct store *s, const struct store_key *puts, size_t n_puts,
		  const struct store_key *drops, size_t n_drops)
{
	const struct store_keys_change c = { n_puts, puts, n_drops, drops };

	return store_keys_change(s, &c);
}

static void test_keys(void **state)
{
	struct store_key keys[] = { make_key("ticket-1", STORE_KEY_PENDING, 0xa1),
				    make_key("ticket-2", STORE_KEY_ISSUING, 0xa2) };
	struct store *s = open_store();

	(void)state;
	expect_keys(s, "");
	keys[1].number = 191;
	keys[1].not_after_s = 20;
	assert_int_equal(change(s, keys, 2, NULL, 0), 0);
	store_close(s);
	s = open_store();
	expect_keys(s, "ticket-1 ticket 0 pending 10-0 161 32*a1\n"
		       "ticket-2 ticket 191 issuing 10-20 162 32*a2\n");
	keys[0].state = STORE_KEY_OPENING;
	keys[0].not_after_s = 30;
	assert_int_equal(change(s, keys, 1, &keys[1], 1), 0);
	expect_keys(s, "ticket-1 ticket 0 opening 10-30 161 32*a1\n");
	assert_int_equal(change(s, NULL, 0, keys, 2), 0); /* one is gone already */
	expect_keys(s, "");
	store_close(s);
}

static bool is_on_disk(const char *suffix, uint8_t octet)
{
	char file[128];
	uint8_t wanted[32];
	int c;
	size_t n = 0;
	FILE *f;

	snprintf(file, sizeof(file), "%s%s", path, suffix);
	memset(wanted, octet, sizeof(wanted));
	f = fopen(file, "rb");
	if (f == NULL)
		return false;
	while (n < sizeof(wanted) && (c = getc(f)) != EOF)
		n = c == octet ? n + 1 : 0;
	fclose(f);
	return n == sizeof(wanted);
}

/* What is deleted is gone, from the file and from its journal, and others may read neither. */
static void test_nothing_is_left(void **state)
{
	struct store_key keys[] = { make_key("ticket-1", STORE_KEY_ISSUING, 0xa1),
				    make_key("ticket-2", STORE_KEY_ISSUING, 0xa2) };
	struct store *s = open_store();
	struct stat st;
	char wal[128];

	(void)state;
	assert_int_equal(change(s, keys, 2, NULL, 0), 0);
	assert_true(is_on_disk("-wal", 0xa1) || is_on_disk("", 0xa1));
	snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(change(s, NULL, 0, keys, 1), 0);
	assert_false(is_on_disk("-wal", 0xa1));
	assert_false(is_on_disk("", 0xa1));
	assert_true(is_on_disk("-wal", 0xa2) || is_on_disk("", 0xa2));
	assert_string_equal(said, "");
	store_close(s);
}

/* A transaction that cannot be finished changes nothing. */
static void test_all_or_nothing(void **state)
{
	struct store_key keys[] = { make_key("ticket-1", STORE_KEY_ISSUING, 0xa1),
				    make_key("ticket-2", STORE_KEY_PENDING, 0xa2) };
	struct store *s = open_store();

	(void)state;
	assert_int_equal(change(s, keys, 1, NULL, 0), 0);
	store_close(s);
	execute("CREATE TRIGGER t BEFORE DELETE ON keys BEGIN SELECT raise(ABORT, 'no'); END");
	s = open_store();
	assert_int_equal(change(s, &keys[1], 1, keys, 1), ERR_IO);
	expect_keys(s, "ticket-1 ticket 0 issuing 10-0 161 32*a1\n");
	store_close(s);
}

static void test_odd_keys(void **state)
{
	static const char *const oddities[] = {
		"UPDATE keys SET key = x'00'",  "UPDATE keys SET state = 'lost'",
		"UPDATE keys SET id = 'A B'",   "UPDATE keys SET use = 'much-too-long-a-use'",
		"UPDATE keys SET number = 192", "UPDATE keys SET not_before_s = -1",
	};
	struct store_key key = make_key("ticket-1", STORE_KEY_ISSUING, 0xa1);
	char got[512];

	(void)state;
	for (size_t i = 0; i < LEN(oddities); i++) {
		struct store *s = open_store();

		assert_int_equal(change(s, NULL, 0, &key, 1), 0);
		store_close(s);
		execute("DELETE FROM keys");
		s = open_store();
		assert_int_equal(change(s, &key, 1, NULL, 0), 0);
		store_close(s);
		execute(oddities[i]);
		s = open_store();
		assert_int_equal(store_keys_read(s, add_line, got), ERR_IO);
		assert_non_null(strstr(said, "not as it should be"));
		assert_null(strstr(said, "a1a1"));
		store_close(s);
	}
}

/* ---- revocations ---- */

static void add_revocation(void *ctx, const struct store_revocation *r)
{
	char *out = ctx;

	snprintf(out + strlen(out), 512 - strlen(out), "%d %s '%s' %d %d\n", (int)r->id,
		 msg_revoked_name(r->what), r->name, (int)r->before_s, (int)r->until_s);
}

static void expect_revocations(struct store *s, const char *want)
{
	char got[512] = "";

	assert_int_equal(store_revocations_read(s, add_revocation, got), 0);
	assert_string_equal(got, want);
}

static void test_revocations(void **state)
{
	struct store_revocation list[] = { { 0, MSG_REVOKED_IDENTITY, "p1", 10, 20 },
					   { 0, MSG_REVOKED_CONNECTION, "sites", 11, 30 },
					   { 0, MSG_REVOKED_ALL, "", 12, 40 } };
	struct store *s = open_store();

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		assert_int_equal(store_revocation_add(s, &list[i]), 0);
		assert_int_equal(list[i].id, i + 1);
	}
	store_close(s);
	s = open_store();
	expect_revocations(s, "1 identity 'p1' 10 20\n2 connection 'sites' 11 30\n"
			      "3 all '' 12 40\n");
	assert_int_equal(store_revocations_forget(s, 19), 0);
	assert_int_equal(store_revocations_forget(s, 30), 0);
	expect_revocations(s, "3 all '' 12 40\n");
	assert_int_equal(store_revocations_forget(s, 40), 0);
	/* Numbers are not given again. */
	assert_int_equal(store_revocation_add(s, &list[0]), 0);
	assert_int_equal(list[0].id, 4);
	store_close(s);
	execute("UPDATE revocations SET what = 'peer'");
	s = open_store();
	assert_int_equal(store_revocations_read(s, add_revocation, (char[512]){ "" }), ERR_IO);
	store_close(s);
}

/* ---- from format 2 ---- */

static const char format_2[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
    "CREATE TABLE members(name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, "
    "subject TEXT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL) STRICT;"
    "CREATE TABLE addresses(address TEXT PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL, "
    "manual INTEGER NOT NULL) STRICT;"
    "CREATE TABLE keys(id TEXT PRIMARY KEY, use TEXT NOT NULL, key BLOB NOT NULL) STRICT;"
    "INSERT INTO keys VALUES('notice-1', 'notice', "
    "x'a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3');"
    "INSERT INTO members VALUES('m1', 3);"
    "PRAGMA user_version = 2;";

static void test_upgrade(void **state)
{
	struct store_key notice;
	struct store *s;
	uint8_t number;

	(void)state;
	execute(format_2);
	s = open_store();
	assert_non_null(strstr(said, "from format 2 to 3"));
	expect_keys(s, "notice-1 notice 0 issuing 0-0 0 32*a3\n");
	assert_int_equal(store_notice_key(s, &notice), 0);
	assert_string_equal(notice.id, "notice-1");
	assert_int_equal(notice.key.data[0], 0xa3);
	assert_int_equal(store_member_number(s, "m1", &number), 0);
	assert_int_equal(number, 3);
	expect_revocations(s, "");
	store_close(s);
	said[0] = '\0';
	store_close(open_store());
	assert_string_equal(said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keys, start, stop),
		cmocka_unit_test_setup_teardown(test_nothing_is_left, start, stop),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, start, stop),
		cmocka_unit_test_setup_teardown(test_odd_keys, start, stop),
		cmocka_unit_test_setup_teardown(test_revocations, start, stop),
		cmocka_unit_test_setup_teardown(test_upgrade, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
