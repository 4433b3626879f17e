/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct table {
	const char *const *titles;
	size_t n_columns;
	size_t n_cells, cap;
	char **cells;
};

struct table *table_new(const char *const *titles)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->titles = titles;
	while (t->n_columns < TABLE_COLUMNS_MAX && titles[t->n_columns] != NULL)
		t->n_columns++;
	return t;
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void table_add(struct table *t, const char *text)
{
	if (t == NULL)
		return;
	if (t->n_cells == t->cap) {
		size_t cap = t->cap > 0 ? t->cap * 2 : 64;
		char **cells = realloc(t->cells, cap * sizeof(*cells));

		if (cells == NULL)
			return;
		t->cells = cells;
		t->cap = cap;
	}
	t->cells[t->n_cells++] = strdup(text != NULL && *text != '\0' ? text : "-");
}

void table_addf(struct table *t, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	table_add(t, text);
}

static const char *cell(const struct table *t, size_t i)
{
	return t->cells[i] != NULL ? t->cells[i] : "?";
}

static void print_cell(FILE *out, const char *text, int width, bool is_last)
{
	if (is_last)
		fprintf(out, "%s\n", text);
	else
		fprintf(out, "%-*s  ", width, text);
}

void table_print(const struct table *t, FILE *out)
{
	int widths[TABLE_COLUMNS_MAX] = { 0 };

	if (t == NULL || t->n_columns == 0)
		return;
	for (size_t c = 0; c < t->n_columns; c++)
		widths[c] = (int)strlen(t->titles[c]);
	for (size_t i = 0; i < t->n_cells; i++) {
		int len = (int)strlen(cell(t, i));

		if (len > widths[i % t->n_columns])
			widths[i % t->n_columns] = len;
	}
	for (size_t c = 0; c < t->n_columns; c++)
		print_cell(out, t->titles[c], widths[c], c + 1 == t->n_columns);
	for (size_t i = 0; i < t->n_cells; i++)
		print_cell(out, cell(t, i), widths[i % t->n_columns], (i + 1) % t->n_columns == 0);
}
