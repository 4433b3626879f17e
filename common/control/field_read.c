/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/field.h"

#include <inttypes.h>
#include <jansson.h>

#include "common/base/secret.h"
#include "common/control/message.h"

struct reader {
	struct arena_chunk **arena;
	struct errtext *why;
};

static int read_value(const struct reader *r, const struct field *f,
		      const struct field_place *place, const json_t *json, uint8_t *at);

static int refuse_memory(const struct reader *r, const struct field_place *place)
{
	return field_refuse(r->why, place, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
}

static int read_text(const struct reader *r, const struct field *f, const struct field_place *place,
		     const json_t *json, void *at)
{
	const char *text = json_string_value(json);
	char *copy;
	int err;

	if (text == NULL)
		return field_refuse(r->why, place, ERR_VALUE, "must be a text");
	err = field_parse_text(f, place, text, at, r->why);
	if (err != 0 || f->kind != FIELD_TEXT)
		return err;
	copy = arena_copy_text(r->arena, text);
	if (copy == NULL)
		return refuse_memory(r, place);
	memcpy(at, &copy, sizeof(copy));
	return 0;
}

/* The JSON's own copy of the text is wiped: what is read once need not lie around. */
static int read_key(const struct reader *r, const struct field *f, const struct field_place *place,
		    const json_t *json, struct bytes *at)
{
	const char *text = json_string_value(json);
	uint8_t octets[FIELD_KEY_MAX], *copy = NULL;
	size_t len;
	int err;

	if (text == NULL)
		return field_refuse(r->why, place, ERR_VALUE, "must be a text");
	err = field_parse_key(f, place, text, octets, &len, r->why);
	wipe((void *)text, json_string_length(json));
	if (err != 0)
		return err;
	copy = arena_alloc(r->arena, len);
	if (copy != NULL) {
		memcpy(copy, octets, len);
		*at = (struct bytes){ copy, len };
	}
	wipe(octets, sizeof(octets));
	return copy != NULL ? 0 : refuse_memory(r, place);
}

static void store_uint(void *at, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(uint64_t *)at = value;
		break;
	}
}

/*
 * The analyzer does not follow what a refusal returns: it takes the values of a refused field for
 * used.
 */
/* NOLINTBEGIN(clang-analyzer-core.*) */

static int read_uint(const struct reader *r, uint64_t min, uint64_t max,
		     const struct field_place *place, const json_t *json, uint64_t *out)
{
	json_int_t value = json_integer_value(json);

	if (!json_is_integer(json))
		return field_refuse(r->why, place, ERR_VALUE, "must be an integer");
	if (value < 0 || (uint64_t)value < min || (uint64_t)value > max)
		return field_refuse(r->why, place, ERR_VALUE,
				    "must be from %" PRIu64 " to %" PRIu64, min, max);
	*out = (uint64_t)value;
	return 0;
}

static int read_bool(const struct reader *r, const struct field_place *place, const json_t *json,
		     bool *out)
{
	if (!json_is_boolean(json))
		return field_refuse(r->why, place, ERR_VALUE, "must be true or false");
	*out = json_is_true(json);
	return 0;
}

/* Room for the elements of a list, at the pointer and the count of its field. */
static int make_list(const struct reader *r, const struct field *f, const struct field_place *place,
		     size_t n, size_t element_size, uint8_t *base, uint8_t **out)
{
	uint8_t *elements = NULL;

	if (n > f->max)
		return field_refuse(r->why, place, ERR_LIMIT,
				    "has %zu elements, at most %" PRIu64 " are allowed", n, f->max);
	if (n > 0) {
		elements = arena_alloc(r->arena, n * element_size);
		if (elements == NULL)
			return refuse_memory(r, place);
	}
	memcpy(base + f->offset, &elements, sizeof(elements));
	memcpy(base + f->count_offset, &n, sizeof(n));
	*out = elements;
	return 0;
}

static int read_element(const struct reader *r, const struct field_table *table,
			const struct field_place *place, const json_t *json, uint8_t *at)
{
	if (table->rows[0].name == NULL)
		return read_value(r, &table->rows[0], place, json, at);
	if (!json_is_object(json))
		return field_refuse(r->why, place, ERR_VALUE, "must be an object");
	return field_read(table, json, place, r->arena, at, r->why);
}

static int read_list(const struct reader *r, const struct field *f, const struct field_place *place,
		     const json_t *json, uint8_t *base)
{
	size_t n = json_array_size(json);
	uint8_t *elements;
	int err;

	if (!json_is_array(json))
		return field_refuse(r->why, place, ERR_VALUE, "must be a list");
	err = make_list(r, f, place, n, f->table->size, base, &elements);
	for (size_t i = 0; err == 0 && i < n; i++) {
		struct field_place inner = { place, NULL, i };

		err = read_element(r, f->table, &inner, json_array_get(json, i),
				   elements + i * f->table->size);
	}
	return err;
}

static int read_counter(const struct reader *r, const struct field_place *place, const char *name,
			const json_t *json, struct msg_counter *out)
{
	struct field_place inner = { place, name, 0 };
	int err;

	if (!field_is_counter_name(name))
		return field_refuse(r->why, place, ERR_VALUE,
				    "names must be 1 to %d of a-z, 0-9, -, _ and .", NAME_TEXT_MAX);
	err = read_uint(r, 0, MSG_INT_MAX, &inner, json, &out->value);
	if (err != 0)
		return err;
	out->name = arena_copy_text(r->arena, name);
	return out->name != NULL ? 0 : refuse_memory(r, place);
}

static int read_counters(const struct reader *r, const struct field *f,
			 const struct field_place *place, const json_t *json, uint8_t *base)
{
	json_t *object = (json_t *)json; /* json_object_foreach wants it so, but changes nothing */
	uint8_t *elements;
	const char *name;
	json_t *value;
	size_t i = 0;
	int err;

	if (!json_is_object(json))
		return field_refuse(r->why, place, ERR_VALUE, "must be an object");
	err = make_list(r, f, place, json_object_size(json), sizeof(struct msg_counter), base,
			&elements);
	if (err != 0)
		return err;
	json_object_foreach(object, name, value)
	{
		err = read_counter(r, place, name, value, (struct msg_counter *)elements + i++);
		if (err != 0)
			return err;
	}
	return 0;
}

/* base: the struct that the field belongs to. */
static int read_value(const struct reader *r, const struct field *f,
		      const struct field_place *place, const json_t *json, uint8_t *base)
{
	uint8_t *at = base + f->offset;
	uint64_t value;
	int err;

	switch (f->kind) {
	case FIELD_UINT:
		err = read_uint(r, f->min, f->max, place, json, &value);
		if (err == 0)
			store_uint(at, f->size, value);
		return err;
	case FIELD_BOOL:
		return read_bool(r, place, json, (bool *)at);
	case FIELD_KEY:
		return read_key(r, f, place, json, (struct bytes *)(void *)at);
	case FIELD_OBJECT:
		return read_element(r, f->table, place, json, at);
	case FIELD_LIST:
		return read_list(r, f, place, json, base);
	case FIELD_COUNTERS:
		return read_counters(r, f, place, json, base);
	case FIELD_RESERVED:
	case FIELD_RESERVED_OBJECT:
		return 0;
	default:
		return read_text(r, f, place, json, at);
	}
}

int field_read(const struct field_table *table, const struct json_t *object,
	       const struct field_place *place, struct arena_chunk **arena, void *out,
	       struct errtext *why)
{
	struct reader r = { arena, why };

	for (size_t i = 0; i < table->n_rows; i++) {
		const struct field *f = &table->rows[i];
		const json_t *json = json_object_get(object, f->name);
		struct field_place inner = { place, f->name, 0 };
		int err = 0;

		if (json != NULL)
			err = read_value(&r, f, &inner, json, out);
		else if (!f->is_optional)
			err = field_refuse(why, &inner, ERR_MISSING, "missing");
		if (err != 0)
			return err;
	}
	return 0;
}
/* NOLINTEND(clang-analyzer-core.*) */
