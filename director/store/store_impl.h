/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_STORE_IMPL_H
#define DIRECTOR_STORE_IMPL_H

#include <sqlite3.h>

#include "director/store/store.h"

/* What the files of the store share. */
struct store {
	sqlite3 *db;
	const struct logger *lg;
	const char *path; /* borrowed during store_open() */
};

/* Logs what SQLite says; returns ERR_IO. */
int store_fail(const struct store *s, const char *what);

/* The first column of a row, as it is. */
#define STORE_COLUMN_TEXT_MAX 64
struct store_column {
	int64_t integer;
	char text[STORE_COLUMN_TEXT_MAX];
};

/*
 * One statement; text and number are the parameters ?1 and ?2 if it has them. *out gets the first
 * column of the first row. ERR_NOT_FOUND: there is no row; ERR_EXISTS: another process has the
 * file; ERR_IO: all else, which is logged.
 */
MUST_USE int store_query(const struct store *s, const char *sql, const char *text, int64_t number,
			 struct store_column *out);

/* Statements without parameters or rows. */
MUST_USE int store_run(const struct store *s, const char *sql);

/* A prepared statement without rows, then made ready for the next parameters. */
MUST_USE int store_step(const struct store *s, sqlite3_stmt *st, const char *sql);

/*
 * Around several statements that are all done or none. store_end() commits if err is 0, else it
 * takes everything back; on the disk if it returns 0.
 */
MUST_USE int store_begin(const struct store *s);
MUST_USE int store_end(const struct store *s, int err);

#endif
