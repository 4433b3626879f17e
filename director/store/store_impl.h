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

#endif
