/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include "common/base/err.h"
#include "common/conf/errors.h"

/* The text of a configuration and where it comes from. All of it is borrowed. */
struct conf_source {
	const char *name;   /* in messages */
	const char *folder; /* absolute; relative paths in the text are taken from here */
	struct bytes text;
};

/* A configuration read from a file; owns what its source shows. */
struct conf_file {
	struct conf_source source;
	char *name;
	char *folder;
	uint8_t *text;
};

/* What a file has to be. */
struct conf_file_rules {
	size_t max_size; /* octets */
	bool is_private; /* others must have no access to it and its group may at most read it */
};

/*
 * Reads a regular file of at most max_size octets. Returns 0; or ERR_IO (cannot be read, is no
 * regular file, is too big), ERR_CONFIG (its mode is too open) or ERR_NO_MEMORY, and then one
 * mistake has been reported.
 */
MUST_USE int conf_file_read(const char *path, const struct conf_file_rules *rules,
			    struct conf_errors *errs, struct conf_file *out);

/* Wipes the text. */
void conf_file_free(struct conf_file *file);

#endif
