/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/schema.h"

#include <yaml.h>

#include "common/conf/types.h"

/* libyaml's emitter knows when a text needs quotes; the first failure is sticky. */
struct dumper {
	yaml_emitter_t emitter;
	bool has_failed;
};

/* An event that could not be made is passed as 0; emitting takes the event over in any case. */
static void emit(struct dumper *d, int is_made, yaml_event_t *event)
{
	if (is_made == 0)
		d->has_failed = true;
	else if (d->has_failed)
		yaml_event_delete(event);
	else if (yaml_emitter_emit(&d->emitter, event) == 0)
		d->has_failed = true;
}

static void emit_text(struct dumper *d, const char *text)
{
	yaml_event_t event;

	emit(d,
	     yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
					  (int)strlen(text), 1, 1, YAML_ANY_SCALAR_STYLE),
	     &event);
}

static void dump_rows(struct dumper *d, const struct conf_row *rows, const void *base);

static void dump_value(struct dumper *d, const struct conf_row *row, const void *value)
{
	char out[CONF_VALUE_TEXT_MAX];

	if (row->type == &conf_type_map)
		dump_rows(d, row->rows, value);
	else if ((row->flags & CONF_SECRET) != 0)
		emit_text(d, CONF_MASK);
	else
		emit_text(d, row->type->format(row, value, out));
}

static void dump_list(struct dumper *d, const struct conf_row *row, const void *base)
{
	yaml_sequence_style_t style =
	    row->type == &conf_type_map ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
	const uint8_t *array;
	yaml_event_t event;
	size_t n;

	memcpy(&array, (const uint8_t *)base + row->offset, sizeof(array));
	memcpy(&n, (const uint8_t *)base + row->count_offset, sizeof(n));
	emit(d, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style), &event);
	for (size_t i = 0; i < n; i++)
		dump_value(d, row, array + i * row->size);
	emit(d, yaml_sequence_end_event_initialize(&event), &event);
}

static bool is_set(const struct conf_row *row, const void *value)
{
	char out[CONF_VALUE_TEXT_MAX];

	return row->is_list || row->type == &conf_type_map ||
	       row->type->format(row, value, out) != NULL;
}

static void dump_rows(struct dumper *d, const struct conf_row *rows, const void *base)
{
	yaml_event_t event;

	emit(d,
	     yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
	     &event);
	for (; rows->name != NULL; rows++) {
		const void *value = (const uint8_t *)base + rows->offset;

		if (!is_set(rows, value))
			continue;
		emit_text(d, rows->name);
		if (rows->is_list)
			dump_list(d, rows, base);
		else
			dump_value(d, rows, value);
	}
	emit(d, yaml_mapping_end_event_initialize(&event), &event);
}

int conf_dump(const struct conf_schema *schema, const void *conf, FILE *out)
{
	struct dumper d = { .has_failed = false };
	yaml_event_t event;
	bool is_memory;

	if (yaml_emitter_initialize(&d.emitter) == 0)
		return ERR_NO_MEMORY;
	yaml_emitter_set_output_file(&d.emitter, out);
	yaml_emitter_set_unicode(&d.emitter, 1);
	yaml_emitter_set_width(&d.emitter, -1);
	emit(&d, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
	emit(&d, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
	dump_rows(&d, schema->rows, conf);
	emit(&d, yaml_document_end_event_initialize(&event, 1), &event);
	emit(&d, yaml_stream_end_event_initialize(&event), &event);
	is_memory = d.emitter.error == YAML_MEMORY_ERROR;
	yaml_emitter_delete(&d.emitter);
	if (d.has_failed)
		return is_memory ? ERR_NO_MEMORY : ERR_IO;
	return fflush(out) == 0 ? 0 : ERR_IO;
}
