/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_OPTION_VALUES_H
#define CLI_IKEPEER_OPTION_VALUES_H

#include "cli/ikepeer/options.h"

/*
 * The values of options, from text. Each returns true, or false with the mistake on err; name is
 * the option's.
 */
struct reader {
	struct peer_options *o;
	FILE *err;
	const char *psk_file;
};

/* "up". */
const char *reader_command(enum peer_command command);

/* Says what is wrong, and returns false. */
__attribute__((format(printf, 2, 3))) bool reader_refuse(const struct reader *r, const char *fmt,
							 ...);

bool reader_ip(struct reader *r, const char *name, const char *text, struct ip *out);
bool reader_number(struct reader *r, const char *name, const char *text, uint32_t max,
		   uint32_t *out);
bool reader_seconds(struct reader *r, const char *name, const char *text, uint32_t max_s,
		    uint32_t *out_ms);
bool reader_prefix(struct reader *r, const char *name, const char *text, struct ts_list *out);
bool reader_identity(struct reader *r, const char *name, const char *text, char **out);
bool reader_suite(struct reader *r, bool is_ike, const char *text);
bool reader_form(struct reader *r, const char *text);

/* The file of the key. */
bool reader_key(struct reader *r);

#endif
