/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/store_impl.h"

int store_fail(const struct store *s, const char *what)
{
	log_error(s->lg, LG_STORE, "%s: %s", what, sqlite3_errmsg(s->db));
	return ERR_IO;
}

int store_run(const struct store *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_fail(s, sql);
}

static void read_column(sqlite3_stmt *st, struct store_column *out)
{
	const unsigned char *text;

	out->integer = sqlite3_column_int64(st, 0);
	text = sqlite3_column_text(st, 0);
	sqlite3_snprintf(sizeof(out->text), out->text, "%s",
			 text != NULL ? (const char *)text : "");
}

int store_query(const struct store *s, const char *sql, const char *text, int64_t number,
		struct store_column *out)
{
	sqlite3_stmt *st = NULL;
	int err = ERR_NOT_FOUND;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
	int n = sqlite3_bind_parameter_count(st);

	if (rc == SQLITE_OK && n > 0)
		rc = sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && n > 1)
		rc = sqlite3_bind_int64(st, 2, number);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		read_column(st, out);
		err = 0;
		/* A change is complete, and on the disk, when its statement is. */
		do {
			rc = sqlite3_step(st);
		} while (rc == SQLITE_ROW);
	}
	if (rc == SQLITE_BUSY)
		err = ERR_EXISTS;
	else if (rc != SQLITE_DONE)
		err = store_fail(s, sql);
	sqlite3_finalize(st);
	return err;
}

int store_begin(const struct store *s)
{
	return store_run(s, "BEGIN IMMEDIATE");
}

int store_end(const struct store *s, int err)
{
	if (err == 0)
		err = store_run(s, "COMMIT");
	/* A failed COMMIT may have ended the transaction, or not. */
	if (err != 0 && sqlite3_get_autocommit(s->db) == 0)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

int store_step(const struct store *s, sqlite3_stmt *st, const char *sql)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : store_fail(s, sql);
}
