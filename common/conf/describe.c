/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/schema.h"

#include "common/conf/types.h"

#define PATH_TEXT_MAX 160

/* scdoc takes these for marks. */
static void put_text(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (strchr("*_\\", *text) != NULL)
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void describe_kind(const struct conf_row *row, FILE *out)
{
	if (row->type == &conf_type_choice) {
		for (const struct conf_choice *c = row->choices; c->name != NULL; c++)
			fprintf(out, "%s%s", c == row->choices ? "" : " | ", c->name);
		return;
	}
	put_text(row->type->what, out);
	if (row->type == &conf_type_uint || row->type == &conf_type_decimal)
		fprintf(out, " from %u to %u", row->min, row->max);
	if (row->unit != NULL)
		fprintf(out, ", %s", row->unit);
}

static void describe_row(const struct conf_row *row, const char *path, FILE *out)
{
	fprintf(out, "*%s*", path);
	if (row->type == &conf_type_map) {
		fprintf(out, " (%s", row->is_list ? "list of mappings" : "mapping");
	} else {
		fprintf(out, " (%s", row->is_list ? "list, each " : "");
		describe_kind(row, out);
	}
	if (row->is_list)
		fprintf(out, "; %zu to %zu entries", row->min_entries, row->max_entries);
	if ((row->flags & CONF_REQUIRED) != 0)
		fputs("; required", out);
	if ((row->flags & CONF_SECRET) != 0)
		fputs("; secret", out);
	if (row->def != NULL)
		fprintf(out, "; default: %s", row->def);
	fputs(")\n\t", out);
	put_text(row->help, out);
	fputs("\n\n", out);
}

static void describe_rows(const struct conf_row *rows, const char *parent, FILE *out)
{
	char path[PATH_TEXT_MAX];

	for (; rows->name != NULL; rows++) {
		snprintf(path, sizeof(path), "%s%s%s", parent, parent[0] != '\0' ? "." : "",
			 rows->name);
		describe_row(rows, path, out);
		if (rows->type == &conf_type_map) {
			if (rows->is_list)
				snprintf(path, sizeof(path), "%s%s%s[]", parent,
					 parent[0] != '\0' ? "." : "", rows->name);
			describe_rows(rows->rows, path, out);
		}
	}
}

void conf_describe(const struct conf_schema *schema, FILE *out)
{
	describe_rows(schema->rows, "", out);
}
