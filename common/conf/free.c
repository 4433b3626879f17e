/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/schema.h"

#include <stdlib.h>

#include "common/conf/types.h"

static void free_rows(const struct conf_row *rows, void *base);

static void free_value(const struct conf_row *row, void *value)
{
	if (row->type == &conf_type_map)
		free_rows(row->rows, value);
	else if (row->type->release != NULL)
		row->type->release(value);
}

static void free_list(const struct conf_row *row, void *base)
{
	uint8_t *array;
	size_t n;

	memcpy(&array, (uint8_t *)base + row->offset, sizeof(array));
	memcpy(&n, (uint8_t *)base + row->count_offset, sizeof(n));
	for (size_t i = 0; i < n; i++)
		free_value(row, array + i * row->size);
	free(array);
}

static void free_rows(const struct conf_row *rows, void *base)
{
	for (; rows->name != NULL; rows++) {
		if (rows->is_list)
			free_list(rows, base);
		else
			free_value(rows, (uint8_t *)base + rows->offset);
	}
}

void conf_free(const struct conf_schema *schema, void *conf)
{
	if (conf != NULL)
		free_rows(schema->rows, conf);
	free(conf);
}
