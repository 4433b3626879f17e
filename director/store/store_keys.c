/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/store_keys.h"

#include <stdio.h>

#include "common/base/rng.h"
#include "common/control/message.h"
#include "director/store/store_impl.h"

#define FIRST_ID "notice-1"

/* ERR_NOT_FOUND: there is none. */
static int read_key(const struct store *s, const char *use, struct store_key *out)
{
	static const char sql[] = "SELECT id, key FROM keys WHERE use = ?1 ORDER BY id LIMIT 1";
	sqlite3_stmt *st = NULL;
	int rc, size, err = ERR_NOT_FOUND;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_text(st, 1, use, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	size = rc == SQLITE_ROW ? sqlite3_column_bytes(st, 1) : 0;
	if (rc == SQLITE_ROW && (size < MSG_KEY_MIN || size > KEY_MAX ||
				 !text_is_name((const char *)sqlite3_column_text(st, 0)))) {
		log_error(s->lg, LG_STORE, "a key of the cluster is not as it should be");
		err = ERR_IO;
	} else if (rc == SQLITE_ROW) {
		snprintf(out->id, sizeof(out->id), "%s", (const char *)sqlite3_column_text(st, 0));
		out->key.len = (size_t)size;
		memcpy(out->key.data, sqlite3_column_blob(st, 1), out->key.len);
		err = 0;
	} else if (rc != SQLITE_DONE) {
		err = store_fail(s, sql);
	}
	sqlite3_finalize(st);
	return err;
}

static int write_key(const struct store *s, const char *use, const struct store_key *key)
{
	static const char sql[] = "INSERT INTO keys(id, use, key) VALUES(?1, ?2, ?3)";
	sqlite3_stmt *st = NULL;
	int err;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_text(st, 1, key->id, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, use, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 3, key->key.data, (int)key->key.len, SQLITE_STATIC);
	err = store_step(s, st, sql);
	sqlite3_finalize(st);
	return err;
}

int store_notice_key(struct store *s, struct store_key *out)
{
	const struct rng rng = rng_system();
	struct store_key fresh = { .id = FIRST_ID, .key = { .len = STORE_NOTICE_KEY_SIZE } };
	int err = read_key(s, MSG_KEY_USE_NOTICE, out);

	if (err != ERR_NOT_FOUND)
		return err;
	err = rng_fill(&rng, fresh.key.data, fresh.key.len);
	if (err == 0)
		err = write_key(s, MSG_KEY_USE_NOTICE, &fresh);
	if (err == 0)
		*out = fresh;
	key_wipe(&fresh.key);
	return err;
}
