/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/glob.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool glob_is_match(const char *pattern, const char *text)
{
	const char *after_star = NULL; /* what follows the latest '*' */
	const char *retry = NULL;      /* where in text that has to be tried next */

	while (*text != '\0') {
		if (*pattern == '*') {
			after_star = ++pattern;
			retry = text;
		} else if (lower(*pattern) == lower(*text)) {
			pattern++;
			text++;
		} else if (after_star != NULL) {
			pattern = after_star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
