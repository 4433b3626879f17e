/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/near.h"

#define NAME_MAX_LEN 32

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance; both texts have at most NAME_MAX_LEN octets. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NAME_MAX_LEN + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min_of(min_of(above[j], row[j - 1]) + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_len];
}

/* "dpd" for "dpd-s". */
static bool is_first_words(const char *text, size_t text_len, const char *name)
{
	return text_len > 0 && strncmp(text, name, text_len) == 0 && name[text_len] == '-';
}

const struct conf_row *conf_row_near(const struct conf_row *rows, const char *text)
{
	size_t text_len = strlen(text);
	size_t best = 1 + text_len / 4;
	const struct conf_row *found = NULL;

	if (text_len > NAME_MAX_LEN)
		return NULL;
	for (; rows->name != NULL; rows++) {
		size_t len = strlen(rows->name);
		size_t slips;

		if (len > NAME_MAX_LEN)
			continue;
		slips = distance(text, text_len, rows->name, len);
		if (is_first_words(text, text_len, rows->name))
			slips = 1;
		if (slips < best || (slips == best && found == NULL)) {
			best = slips;
			found = rows;
		}
	}
	return found;
}
