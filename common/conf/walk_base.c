/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/walk.h"

#include <stdarg.h>
#include <stdlib.h>

const char *walk_label_format(const struct conf_label *label, char out[CONF_LABEL_TEXT_MAX])
{
	if (label->entry > 0)
		snprintf(out, CONF_LABEL_TEXT_MAX, "entry %zu of '%s'", label->entry, label->name);
	else
		snprintf(out, CONF_LABEL_TEXT_MAX, "'%s'", label->name);
	return out;
}

/* ---- mistakes ---- */

__attribute__((format(printf, 3, 0))) static void
fail_with(struct conf_check *w, struct conf_pos pos, const char *fmt, va_list args)
{
	char text[CONF_ERROR_LINE_MAX];

	vsnprintf(text, sizeof(text), fmt, args);
	conf_errors_add(w->errs, w->source->name, pos, "%s", text);
	if (w->err == 0)
		w->err = ERR_CONFIG;
}

void walk_fail(struct conf_check *w, struct conf_pos pos, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_with(w, pos, fmt, args);
	va_end(args);
}

void walk_fail_memory(struct conf_check *w)
{
	if (!w->is_stopped)
		walk_fail(w, (struct conf_pos){ 0, 0 }, "out of memory");
	w->err = ERR_NO_MEMORY;
	w->is_stopped = true;
}

bool walk_is_over(const struct conf_check *w)
{
	return w->is_stopped || conf_errors_is_full(w->errs);
}

/* ---- places ---- */

void walk_add_place(struct conf_check *w, const void *field, struct conf_pos pos)
{
	if (w->n_places == w->cap_places) {
		size_t cap = w->cap_places > 0 ? w->cap_places * 2 : 64;
		struct conf_place *places = realloc(w->places, cap * sizeof(*places));

		if (places == NULL) {
			walk_fail_memory(w);
			return;
		}
		w->places = places;
		w->cap_places = cap;
	}
	w->places[w->n_places++] = (struct conf_place){ field, pos };
}

/* From the end: a struct shares its address with its first field, which came later. */
static struct conf_pos find_place(const struct conf_check *w, const void *field)
{
	for (size_t i = w->n_places; i > 0; i--) {
		if (w->places[i - 1].field == field)
			return w->places[i - 1].pos;
	}
	return (struct conf_pos){ 0, 0 };
}

void conf_check_fail(struct conf_check *check, const void *field, const char *fmt, ...)
{
	struct conf_pos pos = { 0, 0 };
	va_list args;

	if (!walk_is_over(check)) /* else it is only counted: do not search for each of thousands */
		pos = find_place(check, field);
	va_start(args, fmt);
	fail_with(check, pos, fmt, args);
	va_end(args);
}

/* ---- values ---- */

uint8_t *walk_make_array(struct conf_check *w, const struct conf_row *row, size_t n, void *base)
{
	uint8_t *array = calloc(n > 0 ? n : 1, row->size);

	if (array == NULL) {
		walk_fail_memory(w);
		return NULL;
	}
	memcpy((uint8_t *)base + row->offset, &array, sizeof(array));
	memcpy((uint8_t *)base + row->count_offset, &n, sizeof(n));
	return array;
}

int walk_parse_text(const struct conf_row *row, const char *text, const char *folder, void *value,
		    struct conf_why *why)
{
	int err = text[0] == '\0' ? ERR_VALUE : row->type->parse(row, text, folder, value, why);

	if (err == 0 && row->check != NULL)
		err = row->check(value, why);
	return err;
}
