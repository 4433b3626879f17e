/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/walk.h"

#include <stdlib.h>

#include "common/conf/types.h"

static void take_default(struct conf_check *w, const struct conf_row *row, const char *text,
			 struct conf_pos pos, void *value)
{
	struct conf_why why = { "" };
	int err = walk_parse_text(row, text, w->source->folder, value, &why);

	if (err == ERR_NO_MEMORY)
		walk_fail_memory(w);
	else if (err != 0)
		walk_fail(w, pos, "the default of '%s' is wrong, which is a bug", row->name);
}

static void take_default_list(struct conf_check *w, const struct conf_row *row, struct conf_pos pos,
			      void *base)
{
	char *copy = strdup(row->def), *rest = NULL;
	uint8_t *entry;
	size_t n = 1;

	if (copy == NULL) {
		walk_fail_memory(w);
		return;
	}
	for (const char *p = row->def; *p != '\0'; p++)
		n += *p == ',';
	entry = walk_make_array(w, row, n, base);
	for (char *p = strtok_r(copy, ", ", &rest); p != NULL && entry != NULL;
	     p = strtok_r(NULL, ", ", &rest)) {
		take_default(w, row, p, pos, entry);
		entry += row->size;
	}
	free(copy);
}

static void take_row(struct conf_check *w, const struct conf_row *row, struct conf_pos pos,
		     void *base)
{
	void *field = (uint8_t *)base + row->offset;

	if (row->type == &conf_type_map && !row->is_list) {
		for (const struct conf_row *sub = row->rows; sub->name != NULL; sub++)
			take_row(w, sub, pos, field);
		return;
	}
	walk_add_place(w, field, pos);
	if (row->def == NULL)
		return;
	if (row->is_list)
		take_default_list(w, row, pos, base);
	else
		take_default(w, row, row->def, pos, field);
}

void walk_take_absent(struct conf_check *w, const struct conf_row *row,
		      const struct conf_label *label, struct conf_pos pos, void *base)
{
	char name[CONF_LABEL_TEXT_MAX];

	if ((row->flags & CONF_REQUIRED) == 0)
		take_row(w, row, pos, base);
	else if (label->name == NULL)
		walk_fail(w, pos, "'%s' is missing", row->name);
	else
		walk_fail(w, pos, "'%s' is missing from %s", row->name,
			  walk_label_format(label, name));
}
