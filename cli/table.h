/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

/*
 * Text in columns for people: every column as wide as its widest cell. Cells are copied. Out of
 * memory leaves cells out, which the caller need not care about.
 */
#define TABLE_COLUMNS_MAX 16

struct table;

/* titles ends with NULL; borrowed until the table is freed. */
struct table *table_new(const char *const *titles);
void table_free(struct table *t);

/* The next cell of the current row; a full row begins the next one. NULL is shown as "-". */
void table_add(struct table *t, const char *text);
__attribute__((format(printf, 2, 3))) void table_addf(struct table *t, const char *fmt, ...);

void table_print(const struct table *t, FILE *out);

#endif
