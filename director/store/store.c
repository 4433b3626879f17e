/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/rng.h"

#define FORMAT     3
#define NUMBER_MAX 191
#define FULL       2 /* of PRAGMA synchronous */

#define FORMAT_1                                                                               \
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"             \
	"CREATE TABLE members(name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE) STRICT;"  \
	"CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, " \
	"subject TEXT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL) STRICT;"

/* What format 2 has in addition: who owns which address, and the keys of the cluster. */
#define FORMAT_2                                                                                \
	"CREATE TABLE addresses(address TEXT PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL, " \
	"manual INTEGER NOT NULL) STRICT;"                                                      \
	"CREATE TABLE keys(id TEXT PRIMARY KEY, use TEXT NOT NULL, key BLOB NOT NULL) STRICT;"  \
	"PRAGMA user_version = 2;"

/* Format 3: keys of several kinds, which come and go; tickets that were taken back. */
#define FORMAT_3                                                               \
	"ALTER TABLE keys ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"       \
	"ALTER TABLE keys ADD COLUMN state TEXT NOT NULL DEFAULT 'issuing';"   \
	"ALTER TABLE keys ADD COLUMN not_before_s INTEGER NOT NULL DEFAULT 0;" \
	"ALTER TABLE keys ADD COLUMN not_after_s INTEGER NOT NULL DEFAULT 0;"  \
	"ALTER TABLE keys ADD COLUMN created_s INTEGER NOT NULL DEFAULT 0;"    \
	"CREATE TABLE revocations(id INTEGER PRIMARY KEY AUTOINCREMENT, "      \
	"what TEXT NOT NULL, name TEXT NOT NULL, before_s INTEGER NOT NULL, "  \
	"until_s INTEGER NOT NULL) STRICT;"                                    \
	"PRAGMA user_version = 3;"

/* From each older format, 0 being an empty file. */
static const char *const upgrades[FORMAT] = { FORMAT_1 FORMAT_2 FORMAT_3, FORMAT_2 FORMAT_3,
					      FORMAT_3 };

/* ---- opening ---- */

/*
 * Made by us before SQLite sees it, so that it is never readable by others, not even briefly. What
 * is there is not opened: closing it would give up locks that this process has on it.
 */
static int make_file(const char *path, const struct logger *lg)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno != EEXIST || lstat(path, &st) != 0) {
		log_error(lg, LG_STORE, "cannot make %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	if (!S_ISREG(st.st_mode)) {
		log_error(lg, LG_STORE, "%s is not a regular file", path);
		return ERR_IO;
	}
	if ((st.st_mode & 077) != 0 && chmod(path, 0600) != 0) {
		log_error(lg, LG_STORE,
			  "%s can be read by others, and cannot be closed to them: %s", path,
			  strerror(errno));
		return ERR_IO;
	}
	return 0;
}

static int refuse(const struct store *s, int err, const char *why)
{
	log_error(s->lg, LG_STORE, "%s: %s", s->path, why);
	return err;
}

/*
 * The first access, and before anything is written. The lock that it takes is kept: one director,
 * one store.
 */
static int read_format(const struct store *s, int64_t *format)
{
	struct store_column c;
	int err;

	if ((err = store_run(s, "PRAGMA locking_mode = EXCLUSIVE")) != 0)
		return err;
	err = store_query(s, "PRAGMA user_version", NULL, 0, &c);
	if (err == ERR_EXISTS)
		return refuse(s, err, "in use: is another director running?");
	if (err != 0)
		return refuse(s, err, "damaged, or not a store of this program");
	if (c.integer < 0 || c.integer > FORMAT) {
		log_error(s->lg, LG_STORE,
			  "%s: made by a newer version of this program (format %lld, not %d)",
			  s->path, (long long)c.integer, FORMAT);
		return ERR_UNSUPPORTED;
	}
	*format = c.integer;
	return 0;
}

/* SQLite falls back silently where it cannot do as it is told: ask what it does. */
static int make_durable(const struct store *s)
{
	struct store_column c;
	int err = store_query(s, "PRAGMA journal_mode = WAL", NULL, 0, &c);

	if (err == ERR_EXISTS)
		return refuse(s, err, "in use: is another director running?");
	if (err != 0)
		return refuse(s, err, "cannot be written");
	if (strcmp(c.text, "wal") != 0 || sqlite3_db_readonly(s->db, "main") != 0)
		return refuse(s, ERR_IO, "cannot be written");
	if ((err = store_run(s, "PRAGMA synchronous = FULL")) != 0 ||
	    (err = store_run(s, "PRAGMA secure_delete = ON")) != 0 ||
	    (err = store_query(s, "PRAGMA synchronous", NULL, 0, &c)) != 0)
		return err;
	return c.integer == FULL ? 0 : refuse(s, ERR_IO, "SQLite does not write through");
}

static int check_content(const struct store *s)
{
	struct store_column c;
	int err = store_query(s, "PRAGMA quick_check(1)", NULL, 0, &c);

	if (err != 0)
		return refuse(s, err, "damaged");
	if (strcmp(c.text, "ok") == 0)
		return 0;
	log_error(s->lg, LG_STORE, "%s: damaged: %s", s->path, c.text);
	return ERR_IO;
}

static int check_empty(const struct store *s)
{
	struct store_column c;
	int err = store_query(s, "SELECT count(*) FROM sqlite_schema", NULL, 0, &c);

	if (err != 0)
		return err;
	if (c.integer != 0)
		return refuse(s, ERR_IO, "a database of some other program");
	return 0;
}

static int upgrade(const struct store *s, int64_t format)
{
	int err;

	if (format == FORMAT)
		return 0;
	if (format > 0)
		log_info(s->lg, LG_STORE,
			 "%s: from format %lld to %d; older programs cannot read it now", s->path,
			 (long long)format, FORMAT);
	err = store_begin(s);
	return err != 0 ? err : store_end(s, store_run(s, upgrades[format]));
}

static int prepare(const struct store *s)
{
	int64_t format;
	int err = read_format(s, &format);

	if (err == 0)
		err = make_durable(s);
	if (err == 0)
		err = format == 0 ? check_empty(s) : check_content(s);
	return err == 0 ? upgrade(s, format) : err;
}

int store_open(const char *path, const struct logger *lg, struct store **out)
{
	struct store *s;
	int err = make_file(path, lg);

	if (err != 0)
		return err;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return ERR_NO_MEMORY;
	s->lg = lg;
	s->path = path;
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL) !=
	    SQLITE_OK)
		err = store_fail(s, path);
	else
		err = prepare(s);
	s->path = NULL;
	if (err != 0) {
		store_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	sqlite3_close(s->db);
	free(s);
}

/* ---- what is stored ---- */

int store_member_number(struct store *s, const char *name, uint8_t *out)
{
	struct store_column c;
	int err = store_query(s, "SELECT number FROM members WHERE name = ?1", name, 0, &c);

	/* Numbers are not given back: old SPIs must never look like another member's. */
	if (err == ERR_NOT_FOUND)
		err = store_query(s,
				  "INSERT INTO members(name, number) SELECT ?1, n FROM"
				  " (SELECT 1 + coalesce(max(number), 0) AS n FROM members)"
				  " WHERE n <= ?2 RETURNING number",
				  name, NUMBER_MAX, &c);
	if (err == ERR_NOT_FOUND) {
		log_error(s->lg, LG_STORE, "no number left for member %s: all %d were given out",
			  name, NUMBER_MAX);
		return ERR_LIMIT;
	}
	if (err == 0)
		*out = (uint8_t)c.integer;
	return err;
}

/* 0 if there is none. */
static int read_meta(const struct store *s, const char *name, uint64_t *out)
{
	struct store_column c = { .integer = 0 };
	int err = store_query(s, "SELECT value FROM meta WHERE name = ?1", name, 0, &c);

	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	*out = (uint64_t)c.integer;
	return 0;
}

int store_epoch(struct store *s, uint64_t *out)
{
	return read_meta(s, "epoch", out);
}

/* Apart from the epoch, by which a store that never handed one out is told from others. */
int store_raise_epochs(struct store *s, uint64_t floor)
{
	struct store_column c;

	if (floor >= STORE_EPOCH_MAX)
		return ERR_LIMIT;
	return store_query(s,
			   "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name)"
			   " DO UPDATE SET value = max(value, excluded.value) RETURNING value",
			   "epoch-floor", (int64_t)floor, &c);
}

int store_next_epoch(struct store *s, uint64_t at_least, uint64_t *out)
{
	struct store_column c;
	uint64_t last, floor = 0;
	int err = store_epoch(s, &last);

	if (err == 0)
		err = read_meta(s, "epoch-floor", &floor);
	if (err != 0)
		return err;
	if (at_least < last)
		at_least = last;
	if (at_least < floor)
		at_least = floor;
	if (at_least >= STORE_EPOCH_MAX)
		return ERR_LIMIT;
	err = store_query(s,
			  "INSERT INTO meta(name, value) VALUES(?1, ?2)"
			  " ON CONFLICT(name) DO UPDATE SET value = excluded.value RETURNING value",
			  "epoch", (int64_t)at_least + 1, &c);
	if (err == 0)
		*out = (uint64_t)c.integer;
	return err;
}

int store_placement_seed(struct store *s, uint64_t *out)
{
	const struct rng rng = rng_system();
	struct store_column c;
	uint64_t fresh;
	int err = rng_u64(&rng, &fresh);

	if (err == 0)
		err = store_query(s,
				  "INSERT INTO meta(name, value) VALUES(?1, ?2)"
				  " ON CONFLICT(name) DO UPDATE SET value = value RETURNING value",
				  "placement-seed", (int64_t)fresh, &c);
	if (err == 0)
		*out = (uint64_t)c.integer;
	return err;
}
