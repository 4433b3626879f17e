/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/store_revocations.h"

#include <stdio.h>

#include "director/store/store_impl.h"

int store_revocation_add(struct store *s, struct store_revocation *r)
{
	static const char sql[] = "INSERT INTO revocations(what, name, before_s, until_s)"
				  " VALUES(?1, ?2, ?3, ?4)";
	sqlite3_stmt *st = NULL;
	int err;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_text(st, 1, msg_revoked_name(r->what), -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, r->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, (int64_t)r->before_s);
	sqlite3_bind_int64(st, 4, (int64_t)r->until_s);
	err = store_step(s, st, sql);
	sqlite3_finalize(st);
	if (err == 0)
		r->id = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return err;
}

static bool is_time(int64_t s)
{
	return s > 0 && (uint64_t)s <= MSG_INT_MAX;
}

/* False: not what store_revocation_add() writes. */
static bool read_row(sqlite3_stmt *st, struct store_revocation *out)
{
	const char *what = (const char *)sqlite3_column_text(st, 1);
	const char *name = (const char *)sqlite3_column_text(st, 2);
	int64_t id = sqlite3_column_int64(st, 0);
	int64_t before = sqlite3_column_int64(st, 3), until = sqlite3_column_int64(st, 4);

	*out = (struct store_revocation){ .what = MSG_REVOKED_IDENTITY };
	if (what == NULL || name == NULL || strlen(name) > MSG_TEXT_MAX || !is_time(id) ||
	    !is_time(before) || !is_time(until))
		return false;
	while (out->what < MSG_REVOKED_ALL && strcmp(what, msg_revoked_name(out->what)) != 0)
		out->what++;
	out->id = (uint64_t)id;
	out->before_s = (uint64_t)before;
	out->until_s = (uint64_t)until;
	snprintf(out->name, sizeof(out->name), "%s", name);
	return strcmp(what, msg_revoked_name(out->what)) == 0 &&
	       (name[0] == '\0') == (out->what == MSG_REVOKED_ALL);
}

int store_revocations_read(const struct store *s,
			   void (*visit)(void *ctx, const struct store_revocation *r), void *ctx)
{
	static const char sql[] =
	    "SELECT id, what, name, before_s, until_s FROM revocations ORDER BY id";
	struct store_revocation r;
	sqlite3_stmt *st = NULL;
	int rc, err = 0;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	while (err == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW)
			err = store_fail(s, sql);
		else if (read_row(st, &r))
			visit(ctx, &r);
		else {
			log_error(s->lg, LG_STORE, "a row of revocations is not as it should be");
			err = ERR_IO;
		}
	}
	sqlite3_finalize(st);
	return err;
}

int store_revocations_forget(struct store *s, uint64_t now_s)
{
	static const char sql[] = "DELETE FROM revocations WHERE until_s <= ?1";
	sqlite3_stmt *st = NULL;
	int err;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_int64(st, 1, (int64_t)now_s);
	err = store_step(s, st, sql);
	sqlite3_finalize(st);
	return err;
}
