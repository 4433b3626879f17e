/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/frame.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/base/secret.h"

/* A buffer that grew beyond this for one long line is given back after it. */
#define KEEP_CAP 4096

struct frame_reader {
	uint8_t *buf; /* the part of a line that came with earlier input */
	size_t len;
	size_t cap;
	bool is_handed_out; /* the caller may still look at buf */
	int err;
};

struct frame_reader *frame_reader_new(void)
{
	return calloc(1, sizeof(struct frame_reader));
}

/* Keys of the cluster come in lines: nothing of one stays behind. */
static void give_back(struct frame_reader *r)
{
	if (r->buf != NULL)
		wipe(r->buf, r->cap);
	free(r->buf);
	r->buf = NULL;
	r->cap = 0;
}

void frame_reader_free(struct frame_reader *r)
{
	if (r == NULL)
		return;
	give_back(r);
	free(r);
}

bool frame_reader_is_inside(const struct frame_reader *r)
{
	return r->len > 0 && !r->is_handed_out;
}

static void forget_line(struct frame_reader *r)
{
	if (r->cap > KEEP_CAP)
		give_back(r);
	else
		wipe(r->buf, r->len);
	r->is_handed_out = false;
	r->len = 0;
}

static int reserve(struct frame_reader *r, size_t need)
{
	size_t cap = r->cap == 0 ? KEEP_CAP / 4 : r->cap;
	uint8_t *buf;

	while (cap < need)
		cap *= 2;
	if (cap == r->cap)
		return 0;
	buf = malloc(cap);
	if (buf == NULL)
		return ERR_NO_MEMORY;
	if (r->len > 0)
		memcpy(buf, r->buf, r->len);
	give_back(r);
	r->buf = buf;
	r->cap = cap;
	return 0;
}

/* part is the rest of a line without its line feed, or all there is of one that goes on. */
static int take(struct frame_reader *r, struct bytes part, bool is_end, struct bytes *line)
{
	int err;

	if (part.len >= FRAME_MAX - r->len)
		return ERR_TOO_LONG;
	if (is_end && r->len == 0) {
		*line = part;
		return 0;
	}
	if (part.len > 0) {
		err = reserve(r, r->len + part.len);
		if (err != 0)
			return err;
		memcpy(r->buf + r->len, part.ptr, part.len);
		r->len += part.len;
	}
	if (is_end) {
		*line = (struct bytes){ r->buf, r->len };
		r->is_handed_out = true;
	}
	return 0;
}

int frame_reader_next(struct frame_reader *r, struct bytes *input, struct bytes *line,
		      struct errtext *why)
{
	const uint8_t *end = NULL;
	struct bytes part = *input, whole = { NULL, 0 };

	if (r->err == 0) {
		if (r->is_handed_out)
			forget_line(r);
		if (input->len > 0)
			end = memchr(input->ptr, '\n', input->len);
		if (end != NULL)
			part.len = (size_t)(end - part.ptr);
		r->err = take(r, part, end != NULL, &whole);
	}
	if (r->err == ERR_TOO_LONG)
		errtext_set(why, "a line is longer than %d octets", FRAME_MAX);
	else if (r->err != 0)
		errtext_set(why, "%s", err_text(r->err));
	if (r->err != 0)
		return r->err;
	*line = whole;
	if (input->len > 0) {
		input->ptr += part.len + (end != NULL);
		input->len -= part.len + (end != NULL);
	}
	return 0;
}

/* Looks at brackets outside strings only: whether they match is for the parser. */
static bool is_too_deep(struct bytes text)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > FRAME_DEPTH_MAX)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static int parse_object(struct bytes line, json_t **out, struct errtext *why)
{
	json_error_t error;
	json_t *json = json_loadb((const char *)line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);

	if (json == NULL) {
		errtext_set(why, "not JSON at octet %d: %s", error.position, error.text);
		switch (json_error_code(&error)) {
		case json_error_duplicate_key:
			return ERR_DUPLICATE;
		case json_error_out_of_memory:
			return ERR_NO_MEMORY;
		default:
			return ERR_VALUE;
		}
	}
	if (!json_is_object(json)) {
		errtext_set(why, "not a JSON object");
		json_decref(json);
		return ERR_VALUE;
	}
	*out = json;
	return 0;
}

bool frame_is_type(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		char c = text[len];

		if (len == FRAME_TYPE_MAX)
			return false;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return len > 0;
}

static int find_type(const json_t *json, const char **out, struct errtext *why)
{
	const json_t *type = json_object_get(json, "type");

	if (type == NULL) {
		errtext_set(why, "type: missing");
		return ERR_MISSING;
	}
	if (!json_is_string(type) || !frame_is_type(json_string_value(type))) {
		errtext_set(why, "type: must be 1 to %d of a-z, 0-9, - and _", FRAME_TYPE_MAX);
		return ERR_VALUE;
	}
	*out = json_string_value(type);
	return 0;
}

int frame_parse(struct bytes line, struct json_t **out, const char **type, struct errtext *why)
{
	json_t *json = NULL;
	int err;

	if (line.len >= FRAME_MAX) {
		errtext_set(why, "a line is longer than %d octets", FRAME_MAX);
		return ERR_TOO_LONG;
	}
	if (line.len == 0) {
		errtext_set(why, "an empty line");
		return ERR_VALUE;
	}
	if (is_too_deep(line)) {
		errtext_set(why, "deeper than %d levels", FRAME_DEPTH_MAX);
		return ERR_LIMIT;
	}
	err = parse_object(line, &json, why);
	if (err != 0)
		return err;
	err = find_type(json, type, why);
	if (err != 0) {
		json_decref(json);
		return err;
	}
	*out = json;
	return 0;
}

int frame_write(const struct json_t *json, uint8_t *buf, size_t cap, struct bytes *out)
{
	size_t len = json_dumpb(json, (char *)buf, cap, JSON_COMPACT);

	if (len == 0)
		return ERR_NO_MEMORY;
	if (len >= FRAME_MAX)
		return ERR_TOO_LONG;
	if (len >= cap)
		return ERR_NO_SPACE;
	buf[len] = '\n';
	*out = (struct bytes){ buf, len + 1 };
	return 0;
}
