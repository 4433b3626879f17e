/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/walk.h"

#include <stdlib.h>

#include "common/conf/near.h"
#include "common/conf/types.h"

/*
 * DOC: from tree to struct. walk_map() goes through the keys of a mapping and sends each value to
 * the row of that name; walk_value() puts it where the row says. A mistake is reported and the walk
 * goes on, so that one run shows many. Recursion follows the schema, never the file, and aliases
 * are charged for what they stand for. The places of all fields are kept until the rules between
 * fields have run.
 */

const struct conf_type conf_type_map = { .what = "a mapping" };

/* ---- one value ---- */

static void refuse_text(struct conf_check *w, const struct conf_row *row,
			const struct conf_label *label, const struct conf_node *node,
			const struct conf_why *why)
{
	char name[CONF_LABEL_TEXT_MAX];

	walk_label_format(label, name);
	if (why->text[0] != '\0')
		walk_fail(w, node->pos, "%s %s", name, why->text);
	else if (node->text[0] == '\0')
		walk_fail(w, node->pos, "%s must be %s, but is empty", name, row->type->what);
	else if ((row->flags & CONF_SECRET) != 0)
		walk_fail(w, node->pos, "%s must be %s", name, row->type->what);
	else
		walk_fail(w, node->pos, "%s must be %s, not '%.80s'", name, row->type->what,
			  node->text);
}

static void walk_text(struct conf_check *w, const struct conf_row *row,
		      const struct conf_label *label, const struct conf_node *node, void *value)
{
	struct conf_why why = { "" };
	char name[CONF_LABEL_TEXT_MAX];
	int err;

	if (node->kind != CONF_KIND_TEXT) {
		walk_fail(w, node->pos, "%s must be %s, not a %s", walk_label_format(label, name),
			  row->type->what, conf_kind_name(node->kind));
		return;
	}
	walk_add_place(w, value, node->pos);
	err = walk_parse_text(row, node->text, w->source->folder, value, &why);
	if (err == ERR_NO_MEMORY)
		walk_fail_memory(w);
	else if (err != 0)
		refuse_text(w, row, label, node, &why);
}

/* True if the node is of the kind that is needed; a key with nothing behind it is an empty text. */
static bool is_kind(struct conf_check *w, const struct conf_label *label,
		    const struct conf_node *node, enum conf_kind kind)
{
	char name[CONF_LABEL_TEXT_MAX];

	if (node->kind == kind)
		return true;
	walk_label_format(label, name);
	if (node->kind == CONF_KIND_TEXT && node->text[0] == '\0')
		walk_fail(w, node->pos, "%s must be a %s, but is empty", name,
			  conf_kind_name(kind));
	else
		walk_fail(w, node->pos, "%s must be a %s, not a %s", name, conf_kind_name(kind),
			  conf_kind_name(node->kind));
	return false;
}

static void walk_map(struct conf_check *w, const struct conf_row *rows,
		     const struct conf_label *label, const struct conf_node *node, void *base);

static void walk_value(struct conf_check *w, const struct conf_row *row,
		       const struct conf_label *label, const struct conf_node *node, void *value)
{
	if (w->values_left == 0) {
		walk_fail(w, node->pos, "too many values, counting what aliases stand for");
		w->is_stopped = true;
		return;
	}
	w->values_left--;
	if (row->type != &conf_type_map)
		walk_text(w, row, label, node, value);
	else if (is_kind(w, label, node, CONF_KIND_MAP))
		walk_map(w, row->rows, label, node, value);
}

/* ---- lists ---- */

static bool is_count_right(struct conf_check *w, const struct conf_row *row,
			   const struct conf_node *node)
{
	if (node->n >= row->min_entries && node->n <= row->max_entries)
		return true;
	if (node->n < row->min_entries)
		walk_fail(w, node->pos, "'%s' must have at least %zu %s", row->name,
			  row->min_entries, row->min_entries == 1 ? "entry" : "entries");
	else
		walk_fail(w, node->pos, "'%s' has %zu entries; at most %zu are allowed", row->name,
			  node->n, row->max_entries);
	return false;
}

static void walk_list(struct conf_check *w, const struct conf_row *row,
		      const struct conf_node *node, void *base)
{
	const struct conf_node *entry = node->down;
	uint8_t *array;

	if (!is_kind(w, &(struct conf_label){ row->name, 0 }, node, CONF_KIND_LIST))
		return;
	walk_add_place(w, (uint8_t *)base + row->offset, node->pos);
	if (!is_count_right(w, row, node))
		return;
	array = walk_make_array(w, row, node->n, base);
	for (size_t i = 0; array != NULL && i < node->n && !walk_is_over(w); i++) {
		walk_value(w, row, &(struct conf_label){ row->name, i + 1 }, conf_node_value(entry),
			   array + i * row->size);
		entry = entry->next;
	}
}

/* ---- mappings ---- */

/* True for tables where an unknown key may be the rest of a secret that lacks its quotes. */
static bool has_secrets(const struct conf_row *rows)
{
	for (; rows->name != NULL; rows++) {
		if ((rows->flags & CONF_SECRET) != 0)
			return true;
		if (rows->type == &conf_type_map && has_secrets(rows->rows))
			return true;
	}
	return false;
}

#define HINT_MAX 160

/* "did you mean 'weight'?", or all names. */
static void format_hint(const struct conf_row *rows, const char *key, char hint[HINT_MAX])
{
	const struct conf_row *near = conf_row_near(rows, key);
	size_t used = 0;

	if (near != NULL) {
		snprintf(hint, HINT_MAX, "did you mean '%s'?", near->name);
		return;
	}
	for (; rows->name != NULL && used < HINT_MAX; rows++)
		used += (size_t)snprintf(hint + used, HINT_MAX - used, "%s%s",
					 used == 0 ? "known are " : ", ", rows->name);
}

static void refuse_key(struct conf_check *w, const struct conf_row *rows,
		       const struct conf_label *label, const struct conf_node *key)
{
	char name[CONF_LABEL_TEXT_MAX], where[CONF_LABEL_TEXT_MAX + 4] = "", hint[HINT_MAX];

	if (label->name != NULL)
		snprintf(where, sizeof(where), " in %s", walk_label_format(label, name));
	format_hint(rows, key->text, hint);
	if (has_secrets(rows))
		walk_fail(w, key->pos, "unknown key%s, %s", where, hint);
	else
		walk_fail(w, key->pos, "unknown key '%.40s'%s, %s", key->text, where, hint);
}

/* The row of a key; NULL after a mistake. */
static const struct conf_row *find_row(struct conf_check *w, const struct conf_row *rows,
				       const struct conf_label *label, const struct conf_node *key)
{
	if (key->kind != CONF_KIND_TEXT) {
		walk_fail(w, key->pos, "a key must be a word, not a %s", conf_kind_name(key->kind));
		return NULL;
	}
	for (const struct conf_row *row = rows; row->name != NULL; row++) {
		if (strcmp(row->name, key->text) == 0)
			return row;
	}
	refuse_key(w, rows, label, key);
	return NULL;
}

static void walk_map(struct conf_check *w, const struct conf_row *rows,
		     const struct conf_label *label, const struct conf_node *node, void *base)
{
	struct conf_pos seen[CONF_ROWS_MAX] = { { 0, 0 } };

	for (const struct conf_node *k = node->down; k != NULL && !walk_is_over(w);
	     k = k->next->next) {
		const struct conf_node *key = conf_node_value(k), *value = conf_node_value(k->next);
		const struct conf_row *row = find_row(w, rows, label, key);
		struct conf_pos *pos = row != NULL ? &seen[row - rows] : NULL;

		if (row == NULL)
			continue;
		if (pos->line != 0) {
			walk_fail(w, k->pos, "'%s' is given twice, first in line %u", row->name,
				  pos->line);
			continue;
		}
		*pos = k->pos;
		if (row->is_list)
			walk_list(w, row, value, base);
		else
			walk_value(w, row, &(struct conf_label){ row->name, 0 }, value,
				   (uint8_t *)base + row->offset);
	}
	for (const struct conf_row *row = rows; row->name != NULL && !walk_is_over(w); row++) {
		if (seen[row - rows].line == 0)
			walk_take_absent(w, row, label, node->pos, base);
	}
}

/* ---- the whole ---- */

int conf_load(const struct conf_schema *schema, const struct conf_source *source, const void *ctx,
	      struct conf_errors *errs, void **out)
{
	struct conf_check w = { .source = source, .errs = errs, .values_left = schema->max_values };
	struct conf_tree *tree;
	void *conf;
	int err = conf_tree_parse(source, schema->max_values, errs, &tree);

	if (err != 0)
		return err;
	conf = calloc(1, schema->size);
	if (conf == NULL)
		walk_fail_memory(&w);
	else
		walk_map(&w, schema->rows, &(struct conf_label){ NULL, 0 }, conf_tree_root(tree),
			 conf);
	if (w.err == 0 && walk_is_over(&w)) /* the sink was full before */
		w.err = ERR_CONFIG;
	if (w.err == 0 && schema->check != NULL)
		schema->check(&w, conf, ctx);
	conf_tree_free(tree);
	free(w.places);
	if (w.err != 0) {
		conf_free(schema, conf);
		return w.err;
	}
	*out = conf;
	return 0;
}

int conf_load_file(const struct conf_schema *schema, const char *path, const void *ctx,
		   struct conf_errors *errs, void **out)
{
	struct conf_file file;
	int err = conf_file_read(path, &schema->file, errs, &file);

	if (err != 0)
		return err;
	err = conf_load(schema, &file.source, ctx, errs, out);
	conf_file_free(&file);
	return err;
}
