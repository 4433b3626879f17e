/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/store_keys.h"

#include <stdio.h>

#include "common/base/rng.h"
#include "common/control/message.h"
#include "director/store/store_impl.h"

#define FIRST_ID "notice-1"

#define COLUMNS "id, use, number, state, not_before_s, not_after_s, created_s, key"

#define STATE_NAME(name, text) text,
static const char *const states[] = { STORE_KEY_STATES(STATE_NAME) };
#undef STATE_NAME

const char *store_key_state_name(enum store_key_state state)
{
	return state < STORE_KEY_STATE_COUNT ? states[state] : "?";
}

/* False: no text of this column has such a form. */
static bool read_state(const char *text, enum store_key_state *out)
{
	for (unsigned int i = 0; i < STORE_KEY_STATE_COUNT; i++) {
		if (text != NULL && strcmp(text, states[i]) == 0) {
			*out = (enum store_key_state)i;
			return true;
		}
	}
	return false;
}

static bool read_time(sqlite3_stmt *st, int column, uint64_t *out)
{
	int64_t value = sqlite3_column_int64(st, column);

	*out = (uint64_t)value;
	return value >= 0 && (uint64_t)value <= MSG_INT_MAX;
}

/* False: not what put() writes. */
static bool read_row(sqlite3_stmt *st, struct store_key *out)
{
	const char *id = (const char *)sqlite3_column_text(st, 0);
	const char *use = (const char *)sqlite3_column_text(st, 1);
	int64_t number = sqlite3_column_int64(st, 2);
	int size = sqlite3_column_bytes(st, 7);

	*out = (struct store_key){ .id = "" };
	if (id == NULL || !text_is_name(id) || use == NULL || !text_is_name(use) ||
	    strlen(use) >= sizeof(out->use) || number < 0 || number > MSG_NUMBER_MAX ||
	    !read_state((const char *)sqlite3_column_text(st, 3), &out->state) ||
	    !read_time(st, 4, &out->not_before_s) || !read_time(st, 5, &out->not_after_s) ||
	    !read_time(st, 6, &out->created_s) || size < MSG_KEY_MIN || size > KEY_MAX)
		return false;
	snprintf(out->id, sizeof(out->id), "%s", id);
	snprintf(out->use, sizeof(out->use), "%s", use);
	out->number = (uint8_t)number;
	out->key.len = (size_t)size;
	memcpy(out->key.data, sqlite3_column_blob(st, 7), out->key.len);
	return true;
}

static int read_all(const struct store *s, sqlite3_stmt *st, const char *sql,
		    void (*visit)(void *ctx, const struct store_key *key), void *ctx)
{
	struct store_key key = { .id = "" };
	int rc, err = 0;

	while (err == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW)
			err = store_fail(s, sql);
		else if (read_row(st, &key))
			visit(ctx, &key);
		else {
			log_error(s->lg, LG_STORE, "a key of the cluster is not as it should be");
			err = ERR_IO;
		}
	}
	wipe(&key, sizeof(key));
	sqlite3_finalize(st);
	return err;
}

int store_keys_read(const struct store *s, void (*visit)(void *ctx, const struct store_key *key),
		    void *ctx)
{
	static const char sql[] = "SELECT " COLUMNS " FROM keys ORDER BY created_s, id";
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	return read_all(s, st, sql, visit, ctx);
}

static int put(const struct store *s, const struct store_key *key)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO keys(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
	sqlite3_stmt *st = NULL;
	int err;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_text(st, 1, key->id, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, key->use, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 3, key->number);
	sqlite3_bind_text(st, 4, store_key_state_name(key->state), -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, (int64_t)key->not_before_s);
	sqlite3_bind_int64(st, 6, (int64_t)key->not_after_s);
	sqlite3_bind_int64(st, 7, (int64_t)key->created_s);
	sqlite3_bind_blob(st, 8, key->key.data, (int)key->key.len, SQLITE_STATIC);
	err = store_step(s, st, sql);
	sqlite3_finalize(st);
	return err;
}

static int drop(const struct store *s, const struct store_key *key)
{
	struct store_column c;
	int err = store_query(s, "DELETE FROM keys WHERE id = ?1 RETURNING number", key->id, 0, &c);

	return err == ERR_NOT_FOUND ? 0 : err;
}

/*
 * The journal still has the pages as they were before: it is written back and cut. If that fails
 * the change counts nevertheless, and the next one tries again.
 */
static void cut_journal(const struct store *s)
{
	struct store_column c;

	if (store_query(s, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, 0, &c) != 0 || c.integer != 0)
		log_warn(s->lg, LG_STORE, "keys that were deleted may still be in the journal");
}

int store_keys_change(struct store *s, const struct store_keys_change *change)
{
	int err = store_begin(s);

	if (err != 0)
		return err;
	for (size_t i = 0; err == 0 && i < change->n_puts; i++)
		err = put(s, &change->puts[i]);
	for (size_t i = 0; err == 0 && i < change->n_drops; i++)
		err = drop(s, &change->drops[i]);
	err = store_end(s, err);
	if (err == 0 && change->n_drops > 0)
		cut_journal(s);
	return err;
}

/* ---- the key of notices ---- */

static void keep(void *ctx, const struct store_key *key)
{
	*(struct store_key *)ctx = *key;
}

/* ERR_NOT_FOUND: there is none. */
static int read_notice_key(const struct store *s, struct store_key *out)
{
	static const char sql[] =
	    "SELECT " COLUMNS " FROM keys WHERE use = '" MSG_KEY_USE_NOTICE "' ORDER BY id LIMIT 1";
	sqlite3_stmt *st = NULL;
	int err;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	out->id[0] = '\0';
	err = read_all(s, st, sql, keep, out);
	return err != 0 || out->id[0] != '\0' ? err : ERR_NOT_FOUND;
}

int store_notice_key(struct store *s, struct store_key *out)
{
	const struct rng rng = rng_system();
	struct store_key fresh = { .id = FIRST_ID,
				   .use = MSG_KEY_USE_NOTICE,
				   .state = STORE_KEY_ISSUING,
				   .key = { .len = STORE_NOTICE_KEY_SIZE } };
	int err = read_notice_key(s, out);

	if (err != ERR_NOT_FOUND)
		return err;
	err = rng_fill(&rng, fresh.key.data, fresh.key.len);
	if (err == 0)
		err = put(s, &fresh);
	if (err == 0)
		*out = fresh;
	key_wipe(&fresh.key);
	return err;
}
