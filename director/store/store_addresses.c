/* SPDX-License-Identifier: Apache-2.0 */
#include "director/store/store_addresses.h"

#include <stdio.h>

#include "director/store/store_impl.h"

static int put(const struct store *s, const struct store_address *a, uint64_t epoch)
{
	static const char sql[] =
	    "INSERT INTO addresses(address, owner, epoch, manual) VALUES(?1, ?2, ?3, ?4)"
	    " ON CONFLICT(address) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch,"
	    " manual = excluded.manual";
	sqlite3_stmt *st = NULL;
	char text[IP_TEXT_MAX];
	int err;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	sqlite3_bind_text(st, 1, ip_format(&a->ip, text), -1, SQLITE_STATIC);
	if (a->owner[0] != '\0')
		sqlite3_bind_text(st, 2, a->owner, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, (int64_t)epoch);
	sqlite3_bind_int(st, 4, a->is_manual ? 1 : 0);
	err = store_step(s, st, sql);
	sqlite3_finalize(st);
	return err;
}

static int order(struct store *s, struct store_change *c)
{
	uint64_t fresh = 0;
	int err = store_next_epoch(s, c->at_least, &fresh);

	if (err == 0)
		err = put(s, &c->address, fresh);
	c->address.epoch = fresh;
	return err;
}

static int adopt(struct store *s, const struct store_address *a)
{
	struct store_column c;
	int err;

	if (a->epoch > STORE_EPOCH_MAX)
		return ERR_VALUE;
	err = store_query(s,
			  "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name)"
			  " DO UPDATE SET value = max(value, excluded.value) RETURNING value",
			  "epoch", (int64_t)a->epoch, &c);
	return err != 0 ? err : put(s, a, a->epoch);
}

int store_addresses_change(struct store *s, struct store_change *changes, size_t n)
{
	int err = store_begin(s);

	if (err != 0)
		return err;
	for (size_t i = 0; err == 0 && i < n; i++)
		err = changes[i].is_adopted ? adopt(s, &changes[i].address) : order(s, &changes[i]);
	return store_end(s, err);
}

int store_address_order(struct store *s, const struct store_address *a, uint64_t at_least,
			uint64_t *epoch)
{
	struct store_change change = { .address = *a, .at_least = at_least };
	int err = store_addresses_change(s, &change, 1);

	if (err == 0)
		*epoch = change.address.epoch;
	return err;
}

int store_address_adopt(struct store *s, const struct store_address *a)
{
	struct store_change change = { .address = *a, .is_adopted = true };

	return store_addresses_change(s, &change, 1);
}

/* False: not what put() writes. */
static bool read_row(sqlite3_stmt *st, struct store_address *out)
{
	const char *address = (const char *)sqlite3_column_text(st, 0);
	const char *owner = (const char *)sqlite3_column_text(st, 1);
	int64_t epoch = sqlite3_column_int64(st, 2);

	*out = (struct store_address){ .is_manual = sqlite3_column_int(st, 3) != 0 };
	if (address == NULL || ip_parse(address, &out->ip) != 0 || epoch < 0 ||
	    (uint64_t)epoch > STORE_EPOCH_MAX || (owner != NULL && !text_is_name(owner)))
		return false;
	out->epoch = (uint64_t)epoch;
	snprintf(out->owner, sizeof(out->owner), "%s", owner != NULL ? owner : "");
	return true;
}

int store_addresses_read(const struct store *s,
			 void (*visit)(void *ctx, const struct store_address *a), void *ctx)
{
	static const char sql[] =
	    "SELECT address, owner, epoch, manual FROM addresses ORDER BY address";
	sqlite3_stmt *st = NULL;
	struct store_address a;
	int rc, err = 0;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sql);
	while (err == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW)
			err = store_fail(s, sql);
		else if (read_row(st, &a))
			visit(ctx, &a);
		else {
			log_error(s->lg, LG_STORE, "a row of addresses is not as it should be");
			err = ERR_IO;
		}
	}
	sqlite3_finalize(st);
	return err;
}

int store_paused(const struct store *s, bool *out)
{
	struct store_column c = { .integer = 0 };
	int err =
	    store_query(s, "SELECT value FROM meta WHERE name = ?1", "failover-paused", 0, &c);

	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	*out = c.integer != 0;
	return 0;
}

int store_set_paused(struct store *s, bool is_paused)
{
	struct store_column c;

	return store_query(
	    s,
	    "INSERT INTO meta(name, value) VALUES(?1, ?2)"
	    " ON CONFLICT(name) DO UPDATE SET value = excluded.value RETURNING value",
	    "failover-paused", is_paused ? 1 : 0, &c);
}
