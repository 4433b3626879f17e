/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_FIELD_H
#define CONTROL_FIELD_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"
#include "common/control/arena.h"

/*
 * The fields of JSON objects as tables, one row a field, and the functions that fill a struct from
 * an object and make an object of a struct by the same rows: what one side refuses the other does
 * too. Private to common/control.
 */
enum field_kind {
	FIELD_TEXT,     /* const char * */
	FIELD_UINT,     /* an unsigned integer of any size */
	FIELD_BOOL,     /* bool */
	FIELD_ENUM,     /* an enum, by its name */
	FIELD_HEX64,    /* uint64_t, not 0, as 16 hexadecimal digits */
	FIELD_PROTO,    /* struct msg_proto, "1.0" */
	FIELD_IP,       /* struct ip */
	FIELD_ENDPOINT, /* struct endpoint */
	FIELD_PREFIX,   /* struct ip_prefix */
	FIELD_KEY,      /* struct bytes, base64 */
	FIELD_OBJECT,   /* a struct in place */
	FIELD_LIST,     /* a pointer to structs and a size_t */
	FIELD_COUNTERS, /* an object of integers: a pointer to struct msg_counter and a size_t */
	FIELD_RESERVED, /* an empty list that is written and never read; no place in the struct */
	FIELD_RESERVED_OBJECT,
};

struct field_table;

/* What a text may be, for the check and for the reason. */
struct field_text {
	bool (*is_allowed)(const char *text);
	const char *must_be;
};

struct field {
	const char *name; /* NULL in the one row of a table for plain list elements */
	enum field_kind kind;
	bool is_optional; /* when absent, the struct has zeros there, and zeros are not written */
	size_t offset;
	size_t size;         /* of the value, for integers and enums */
	size_t count_offset; /* lists and counters */
	uint64_t min, max;   /* integers; octets of keys; max: list elements */
	const struct field_text *text;
	const char *const *names;        /* enums, ended by NULL */
	const struct field_table *table; /* objects and list elements */
};

struct field_table {
	const struct field *rows;
	size_t n_rows;
	size_t size; /* of the struct */
};

/* Where a value is, for the reason: the innermost of a chain, written as "hello.addresses[2]". */
struct field_place {
	const struct field_place *outer;
	const char *name; /* NULL: an element of a list */
	size_t index;
};

struct json_t;

/*
 * Fills out, of table->size octets and zeroed, from a JSON object; texts and lists come from the
 * arena, which the caller frees even after an error. Returns 0, ERR_MISSING, ERR_VALUE, ERR_LIMIT,
 * ERR_UNSUPPORTED (FIELD_PROTO only) or ERR_NO_MEMORY.
 */
MUST_USE int field_read(const struct field_table *table, const struct json_t *object,
			const struct field_place *place, struct arena_chunk **arena, void *out,
			struct errtext *why);

/* Adds the fields of in to a JSON object. Errors as above, ERR_DUPLICATE for counters. */
MUST_USE int field_write(const struct field_table *table, const void *in,
			 const struct field_place *place, struct json_t *object,
			 struct errtext *why);

/* Wipes the texts of keys in an object that was written and is no longer needed. */
void field_wipe_keys(const struct field_table *table, const struct json_t *object);

/*
 * What the texts of FIELD_TEXT to FIELD_PREFIX have to look like, for both directions. Writes the
 * value to at, except for FIELD_TEXT, which is only checked. ERR_VALUE, ERR_UNSUPPORTED.
 */
MUST_USE int field_parse_text(const struct field *field, const struct field_place *place,
			      const char *text, void *at, struct errtext *why);

/*
 * The octets of a key from base64: field->min to field->max of them, not more than FIELD_KEY_MAX.
 * ERR_VALUE.
 */
#define FIELD_KEY_MAX 64
MUST_USE int field_parse_key(const struct field *field, const struct field_place *place,
			     const char *text, uint8_t out[FIELD_KEY_MAX], size_t *len,
			     struct errtext *why);

/* A counter's name: 1 to NAME_TEXT_MAX of a-z, 0-9, '-', '_' and '.'. */
bool field_is_counter_name(const char *text);

/* "PLACE: reason" into *why. Returns err, so that a check can end with it. */
__attribute__((format(printf, 4, 5))) int
field_refuse(struct errtext *why, const struct field_place *place, int err, const char *fmt, ...);

#endif
