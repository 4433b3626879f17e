/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "common/base/err.h"
#include "common/conf/errors.h"
#include "common/conf/source.h"

/*
 * Configuration by tables. A program writes one row per option; from the same rows come the
 * reader, which fills a struct and reports every mistake with its place, the dump of effective
 * values, and the reference text. The struct is plain data of the program and does not change once
 * it is loaded.
 *
 * Adding an option is adding a field to the struct and a row to the table. Adding a kind of value
 * is adding a struct conf_type (see types.h).
 */
struct conf_row;

/* Why a value was refused: what follows the option's name in the message, or "". */
#define CONF_WHY_MAX 192
struct conf_why {
	char text[CONF_WHY_MAX];
};

/* For parsers and checks: fills why and returns ERR_VALUE. */
__attribute__((format(printf, 2, 3))) MUST_USE int conf_why_set(struct conf_why *why,
								const char *fmt, ...);

#define CONF_VALUE_TEXT_MAX 128

/* A kind of value that is written as one text. */
struct conf_type {
	const char *what; /* completes "must be ...": "a whole number" */
	size_t size;      /* of the C value; all zero is "not set" and needs no release */

	/*
	 * Text (never empty) to value. folder is where relative paths begin. Returns 0, ERR_VALUE
	 * with why set or left empty (then what says it), or ERR_NO_MEMORY.
	 */
	int (*parse)(const struct conf_row *row, const char *text, const char *folder, void *value,
		     struct conf_why *why);

	/* Value to text, in out or borrowed from the value; NULL if it is not set. */
	const char *(*format)(const struct conf_row *row, const void *value,
			      char out[CONF_VALUE_TEXT_MAX]);

	void (*release)(void *value); /* NULL if there is nothing to free */
};

/* A word of a fixed set and the number that stands for it. */
struct conf_choice {
	const char *name; /* NULL ends the list */
	int value;
};

enum conf_flags {
	CONF_REQUIRED = 1, /* must be in the file */
	CONF_SECRET = 2,   /* never quoted in messages, masked in dumps */
	CONF_WILDCARD = 4, /* an address may be 0.0.0.0 or :: */
};

/*
 * One option. A mapping (conf_type_map) has rows of its own. A list has any type of entries; its
 * field is a pointer to an array, with the number of entries in another field. Defaults are
 * written as in the file, those of lists with ", " between entries.
 */
struct conf_row {
	const char *name; /* NULL ends the table */
	const struct conf_type *type;
	const char *help; /* one sentence or more for the reference */
	const char *def;  /* NULL: not set */
	const char *unit; /* plural, as in "100 milliseconds" */
	unsigned int flags;
	uint32_t min; /* of numbers */
	uint32_t max;
	const struct conf_choice *choices; /* of conf_type_choice */
	const struct conf_row *rows;       /* of conf_type_map */

	/* After parse; ERR_VALUE with why set refuses the value. */
	int (*check)(const void *value, struct conf_why *why);

	size_t offset;
	size_t size; /* of the field, or of an entry of the list */
	bool is_list;
	size_t count_offset;
	size_t min_entries;
	size_t max_entries;
};

#define CONF_ROWS_MAX 32 /* in one table */

/* Where a row's value goes: a field, or the two fields of a list. */
#define CONF_AT(type_, field) \
	.offset = offsetof(type_, field), .size = sizeof(((type_ *)NULL)->field)
#define CONF_LIST_AT(type_, field, count)                                                          \
	.is_list = true, .offset = offsetof(type_, field), .count_offset = offsetof(type_, count), \
	.size = sizeof(*((type_ *)NULL)->field)

/* For a mapping whose options are fields of the enclosing struct. */
#define CONF_HERE .offset = 0

struct conf_check;

struct conf_schema {
	const struct conf_row *rows;
	size_t size; /* of the struct */
	struct conf_file_rules file;
	size_t max_values;

	/*
	 * Rules that concern several fields; NULL if there are none. Runs when every field by
	 * itself is right. ctx is the caller's.
	 */
	void (*check)(struct conf_check *check, const void *conf, const void *ctx);
};

/*
 * Reports a mistake at the place where a field was written, or where it could have been. field is
 * the address of a field of the struct (of a list: of the pointer, or of one entry that is not a
 * mapping).
 */
__attribute__((format(printf, 3, 4))) void conf_check_fail(struct conf_check *check,
							   const void *field, const char *fmt, ...);

/*
 * Reads, checks and returns a new struct. Returns 0; or ERR_CONFIG or ERR_NO_MEMORY, and then at
 * least one mistake has been reported and *out is untouched. conf_load_file() reads the file
 * first (ERR_IO).
 */
MUST_USE int conf_load(const struct conf_schema *schema, const struct conf_source *source,
		       const void *ctx, struct conf_errors *errs, void **out);
MUST_USE int conf_load_file(const struct conf_schema *schema, const char *path, const void *ctx,
			    struct conf_errors *errs, void **out);

/* Frees what conf_load() returned; NULL is fine. */
void conf_free(const struct conf_schema *schema, void *conf);

/*
 * Writes all values, defaults too, as YAML that loads to the same values again; but secrets as
 * "***", which does not load. Returns 0, ERR_IO or ERR_NO_MEMORY.
 */
MUST_USE int conf_dump(const struct conf_schema *schema, const void *conf, FILE *out);

/*
 * Writes the reference of all options, one paragraph each: name with its path, kind, limits,
 * default and help, in the notation of scdoc.
 */
void conf_describe(const struct conf_schema *schema, FILE *out);

#endif
