/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/field.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "common/base/base64.h"
#include "common/base/secret.h"
#include "common/control/message.h"

/* Room for the text of every kind but FIELD_TEXT. */
#define TEXT_MAX 64

/*
 * The functions below make a new JSON value in *out. They return NULL there only with an error, so
 * that running out of memory in jansson is found in one place, add_value().
 */
static int write_value(const struct field *f, const struct field_place *place, const uint8_t *base,
		       json_t **out, struct errtext *why);

static const char *enum_name(const struct field *f, const uint8_t *at)
{
	unsigned int value;
	unsigned int i = 0;

	memcpy(&value, at, sizeof(value));
	while (i < value && f->names[i] != NULL)
		i++;
	return f->names[i] != NULL ? f->names[i] : "";
}

static const char *format_text(const struct field *f, const void *at, char buf[TEXT_MAX])
{
	const struct msg_proto *proto = at;
	const char *text;

	switch (f->kind) {
	case FIELD_TEXT:
		memcpy(&text, at, sizeof(text));
		return text;
	case FIELD_ENUM:
		return enum_name(f, at);
	case FIELD_IP:
		return ip_format(at, buf);
	case FIELD_ENDPOINT:
		return endpoint_format(at, buf);
	case FIELD_PREFIX:
		return ip_prefix_format(at, buf);
	case FIELD_HEX64:
		snprintf(buf, TEXT_MAX, "%016" PRIx64, *(const uint64_t *)at);
		return buf;
	default:
		snprintf(buf, TEXT_MAX, "%u.%u", (unsigned int)proto->major,
			 (unsigned int)proto->minor);
		return buf;
	}
}

/* The text is checked by reading it back, so that nothing is sent that would be refused. */
static int write_text(const struct field *f, const struct field_place *place, const uint8_t *at,
		      json_t **out, struct errtext *why)
{
	union {
		struct ip ip;
		struct endpoint endpoint;
		struct ip_prefix prefix;
		struct msg_proto proto;
		uint64_t number;
	} value;
	char buf[TEXT_MAX];
	const char *text = format_text(f, at, buf);
	int err;

	if (text == NULL)
		return field_refuse(why, place, ERR_MISSING, "missing");
	err = field_parse_text(f, place, text, &value, why);
	if (err == 0)
		*out = json_string(text);
	return err;
}

static int write_key(const struct field *f, const struct field_place *place, const uint8_t *at,
		     json_t **out, struct errtext *why)
{
	const struct bytes *key = (const void *)at;
	char text[BASE64_SIZE(FIELD_KEY_MAX) + 1] = "";

	if (key->len < f->min || key->len > f->max || base64_encode(*key, text, sizeof(text)) != 0)
		return field_refuse(why, place, ERR_VALUE, "must be %zu to %zu octets in base64",
				    (size_t)f->min, (size_t)f->max);
	*out = json_string(text);
	wipe(text, sizeof(text));
	return 0;
}

static uint64_t load_uint(const uint8_t *at, size_t size)
{
	switch (size) {
	case 1:
		return *at;
	case 2:
		return *(const uint16_t *)(const void *)at;
	case 4:
		return *(const uint32_t *)(const void *)at;
	default:
		return *(const uint64_t *)(const void *)at;
	}
}

static int write_uint(const struct field_place *place, uint64_t min, uint64_t max, uint64_t value,
		      json_t **out, struct errtext *why)
{
	if (value < min || value > max)
		return field_refuse(why, place, ERR_VALUE, "must be from %" PRIu64 " to %" PRIu64,
				    min, max);
	*out = json_integer((json_int_t)value);
	return 0;
}

static int write_object(const struct field_table *table, const struct field_place *place,
			const uint8_t *at, json_t **out, struct errtext *why)
{
	json_t *object;
	int err;

	if (table->rows[0].name == NULL)
		return write_value(&table->rows[0], place, at, out, why);
	object = json_object();
	err = field_write(table, at, place, object, why);
	if (err != 0)
		json_decref(object);
	else
		*out = object;
	return err;
}

static int view_list(const struct field *f, const struct field_place *place, const uint8_t *base,
		     const uint8_t **elements, size_t *n, struct errtext *why)
{
	memcpy(elements, base + f->offset, sizeof(*elements));
	memcpy(n, base + f->count_offset, sizeof(*n));
	if (*n > f->max)
		return field_refuse(why, place, ERR_LIMIT,
				    "has %zu elements, at most %" PRIu64 " are allowed", *n,
				    f->max);
	return 0;
}

static int write_list(const struct field *f, const struct field_place *place, const uint8_t *base,
		      json_t **out, struct errtext *why)
{
	json_t *array = json_array();
	const uint8_t *elements;
	size_t n;
	int err = view_list(f, place, base, &elements, &n, why);

	for (size_t i = 0; err == 0 && i < n; i++) {
		struct field_place inner = { place, NULL, i };
		json_t *value = NULL;

		err = write_object(f->table, &inner, elements + i * f->table->size, &value, why);
		if (err == 0 && json_array_append_new(array, value) != 0)
			err =
			    field_refuse(why, &inner, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
	}
	if (err != 0)
		json_decref(array);
	else
		*out = array;
	return err;
}

/* Takes value over, also when it fails; jansson takes NULL for a failure. */
static int add_value(json_t *object, const char *name, json_t *value,
		     const struct field_place *place, struct errtext *why)
{
	if (json_object_set_new(object, name, value) != 0)
		return field_refuse(why, place, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
	return 0;
}

static int write_counter(json_t *object, const struct field_place *place,
			 const struct msg_counter *counter, struct errtext *why)
{
	struct field_place inner = { place, counter->name, 0 };
	json_t *value = NULL;
	int err;

	if (counter->name == NULL || !field_is_counter_name(counter->name))
		return field_refuse(why, place, ERR_VALUE,
				    "names must be 1 to %d of a-z, 0-9, -, _ and .", NAME_TEXT_MAX);
	if (json_object_get(object, counter->name) != NULL)
		return field_refuse(why, &inner, ERR_DUPLICATE, "given twice");
	err = write_uint(&inner, 0, MSG_INT_MAX, counter->value, &value, why);
	return err != 0 ? err : add_value(object, counter->name, value, &inner, why);
}

static int write_counters(const struct field *f, const struct field_place *place,
			  const uint8_t *base, json_t **out, struct errtext *why)
{
	json_t *object = json_object();
	const uint8_t *elements;
	size_t n;
	int err = view_list(f, place, base, &elements, &n, why);

	for (size_t i = 0; err == 0 && i < n; i++) {
		const struct msg_counter *counters = (const void *)elements;

		err = write_counter(object, place, &counters[i], why);
	}
	if (err != 0)
		json_decref(object);
	else
		*out = object;
	return err;
}

static int write_value(const struct field *f, const struct field_place *place, const uint8_t *base,
		       json_t **out, struct errtext *why)
{
	const uint8_t *at = base + f->offset;

	switch (f->kind) {
	case FIELD_UINT:
		return write_uint(place, f->min, f->max, load_uint(at, f->size), out, why);
	case FIELD_BOOL:
		*out = json_boolean(*(const bool *)at);
		return 0;
	case FIELD_KEY:
		return write_key(f, place, at, out, why);
	case FIELD_OBJECT:
		return write_object(f->table, place, at, out, why);
	case FIELD_LIST:
		return write_list(f, place, base, out, why);
	case FIELD_COUNTERS:
		return write_counters(f, place, base, out, why);
	case FIELD_RESERVED:
		*out = json_array();
		return 0;
	case FIELD_RESERVED_OBJECT:
		*out = json_object();
		return 0;
	default:
		return write_text(f, place, at, out, why);
	}
}

/* What an optional field is when nobody set it. */
static bool is_absent(const struct field *f, const uint8_t *base)
{
	const uint8_t *at = base + f->offset;
	const char *text;
	size_t n;

	switch (f->kind) {
	case FIELD_TEXT:
		memcpy(&text, at, sizeof(text));
		return text == NULL;
	case FIELD_UINT:
		return load_uint(at, f->size) == 0;
	case FIELD_HEX64:
		return load_uint(at, sizeof(uint64_t)) == 0;
	case FIELD_BOOL:
		return !*(const bool *)at;
	case FIELD_IP:
		return ((const struct ip *)(const void *)at)->family == IP_NONE;
	case FIELD_ENDPOINT:
		return ((const struct endpoint *)(const void *)at)->ip.family == IP_NONE;
	case FIELD_LIST:
	case FIELD_COUNTERS:
		memcpy(&n, base + f->count_offset, sizeof(n));
		return n == 0;
	default:
		return false;
	}
}

int field_write(const struct field_table *table, const void *in, const struct field_place *place,
		struct json_t *object, struct errtext *why)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct field *f = &table->rows[i];
		struct field_place inner = { place, f->name, 0 };
		json_t *value = NULL;
		int err;

		if (f->is_optional && is_absent(f, in))
			continue;
		err = write_value(f, &inner, in, &value, why);
		if (err == 0)
			err = add_value(object, f->name, value, &inner, why);
		if (err != 0)
			return err;
	}
	return 0;
}

void field_wipe_keys(const struct field_table *table, const struct json_t *object)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct field *f = &table->rows[i];
		const json_t *json = json_object_get(object, f->name);

		if (f->kind == FIELD_KEY && json_is_string(json))
			wipe((void *)json_string_value(json), json_string_length(json));
		for (size_t k = 0; f->kind == FIELD_LIST && k < json_array_size(json); k++) {
			if (json_is_object(json_array_get(json, k)))
				field_wipe_keys(f->table, json_array_get(json, k));
		}
	}
}
