/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_WALK_H
#define CONF_WALK_H

#include "common/conf/schema.h"
#include "common/conf/tree.h"

/* What the parts of the reader share; for this folder only. */

/* Where the value of a field was written, or the mapping in which it could have been. */
struct conf_place {
	const void *field;
	struct conf_pos pos;
};

struct conf_check {
	const struct conf_source *source;
	struct conf_errors *errs;
	struct conf_place *places;
	size_t n_places, cap_places;
	size_t values_left;
	bool is_stopped; /* going on is in vain */
	int err;         /* 0 or the first */
};

/* What a message is about: an option, or one entry of its list. */
struct conf_label {
	const char *name; /* NULL: the file itself */
	size_t entry;     /* from 1; 0: not an entry */
};

#define CONF_LABEL_TEXT_MAX 96
const char *walk_label_format(const struct conf_label *label, char out[CONF_LABEL_TEXT_MAX]);

__attribute__((format(printf, 3, 4))) void walk_fail(struct conf_check *w, struct conf_pos pos,
						     const char *fmt, ...);
void walk_fail_memory(struct conf_check *w);
bool walk_is_over(const struct conf_check *w);

/* Remembers the place of a field for conf_check_fail(). */
void walk_add_place(struct conf_check *w, const void *field, struct conf_pos pos);

/*
 * Gives the list of a row an array of n zeroed entries and returns it; conf_free() finds it
 * through the field. NULL after a mistake.
 */
uint8_t *walk_make_array(struct conf_check *w, const struct conf_row *row, size_t n, void *base);

/* As the parse of struct conf_type, for any text; with the row's own check. */
MUST_USE int walk_parse_text(const struct conf_row *row, const char *text, const char *folder,
			     void *value, struct conf_why *why);

/*
 * For a row that the mapping at pos does not mention: takes the default, also for all rows of a
 * mapping, or reports it missing from what label says.
 */
void walk_take_absent(struct conf_check *w, const struct conf_row *row,
		      const struct conf_label *label, struct conf_pos pos, void *base);

#endif
