/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_json.h"

/* The deepest nesting of brackets outside of strings; of a text that is not JSON, some number. */
static size_t nesting(struct bytes text)
{
	size_t depth = 0, deepest = 0;
	bool is_in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (is_in_string && c == '\\')
			i++;
		else if (c == '"')
			is_in_string = !is_in_string;
		else if (!is_in_string && (c == '[' || c == '{'))
			depth++;
		else if (!is_in_string && (c == ']' || c == '}') && depth > 0)
			depth--;
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest;
}

int http_json_parse(struct bytes text, size_t depth_max, json_t **out, struct errtext *why)
{
	json_error_t error;
	json_t *json;

	if (nesting(text) > depth_max) {
		errtext_set(why, "JSON is nested deeper than %zu levels", depth_max);
		return ERR_LIMIT;
	}
	json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL) {
		errtext_set(why, "not JSON: %s (line %d)", error.text, error.line);
		return ERR_VALUE;
	}
	*out = json;
	return 0;
}
