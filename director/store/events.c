/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/events.h"

#include "director/store/store_impl.h"

static int insert(const struct store *s, const struct store_event *events, size_t n)
{
	static const char sql[] =
	    "INSERT INTO events(time_ms, subject, what, why) VALUES(?1, ?2, ?3, ?4)";
	sqlite3_stmt *st = NULL;
	int err = 0;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	for (size_t i = 0; err == 0 && i < n; i++) {
		sqlite3_bind_int64(st, 1, events[i].time_ms);
		sqlite3_bind_text(st, 2, events[i].subject, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, events[i].what, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 4, events[i].why, -1, SQLITE_STATIC);
		err = store_step(s, st, sql);
	}
	sqlite3_finalize(st);
	return err;
}

static int drop_oldest(const struct store *s)
{
	static const char sql[] =
	    "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?1";
	sqlite3_stmt *st = NULL;
	int err;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_int64(st, 1, STORE_EVENTS_MAX);
	err = store_step(s, st, sql);
	sqlite3_finalize(st);
	return err;
}

int store_events_add(struct store *s, const struct store_event *events, size_t n)
{
	int err = store_begin(s);

	if (err != 0)
		return err;
	err = insert(s, events, n);
	if (err == 0)
		err = drop_oldest(s);
	return store_end(s, err);
}

static const char *text_of(sqlite3_stmt *st, int column)
{
	const unsigned char *text = sqlite3_column_text(st, column);

	return text != NULL ? (const char *)text : "";
}

/* sql: parameters after, subject (NULL: any), limit; columns as in struct store_event. */
static int read_events(const struct store *s, const char *sql, uint64_t after, const char *subject,
		       uint32_t limit, void (*visit)(void *ctx, const struct store_event *event),
		       void *ctx)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_int64(st, 1, after < INT64_MAX ? (int64_t)after : INT64_MAX);
	sqlite3_bind_text(st, 2, subject, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, limit);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct store_event event = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.time_ms = sqlite3_column_int64(st, 1),
			.subject = text_of(st, 2),
			.what = text_of(st, 3),
			.why = text_of(st, 4),
		};

		visit(ctx, &event);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : store_fail(s, sql);
}

#define COLUMNS "id, time_ms, subject, what, why"
#define CHOICE  "FROM events WHERE id > ?1 AND (?2 IS NULL OR subject = ?2) ORDER BY id"

int store_events_read(const struct store *s, uint64_t after, const char *subject, uint32_t limit,
		      void (*visit)(void *ctx, const struct store_event *event), void *ctx)
{
	return read_events(s, "SELECT " COLUMNS " " CHOICE " LIMIT ?3", after, subject, limit,
			   visit, ctx);
}

int store_events_read_last(const struct store *s, const char *subject, uint32_t limit,
			   void (*visit)(void *ctx, const struct store_event *event), void *ctx)
{
	return read_events(
	    s, "SELECT * FROM (SELECT " COLUMNS " " CHOICE " DESC LIMIT ?3) ORDER BY id", 0,
	    subject, limit, visit, ctx);
}
