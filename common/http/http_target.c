/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http_target.h"

#include <strings.h>

/* What is left to read, and where the next decoded text goes. */
struct cursor {
	struct bytes in;
	char *out;
	struct errtext *why;
};

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One octet, decoded. ERR_VALUE for a broken %, and for what has no place in a name or a log. */
static int decode_octet(struct cursor *c, bool is_path, char *out)
{
	uint8_t octet = c->in.ptr[0];
	size_t used = 1;

	if (octet == '%') {
		int high = c->in.len >= 3 ? hex_digit(c->in.ptr[1]) : -1;
		int low = c->in.len >= 3 ? hex_digit(c->in.ptr[2]) : -1;

		if (high < 0 || low < 0) {
			errtext_set(c->why, "a %% is not followed by two hexadecimal digits");
			return ERR_VALUE;
		}
		octet = (uint8_t)(high << 4 | low);
		used = 3;
	} else if (octet == '+' && !is_path) {
		octet = ' ';
	}
	if (octet < ' ' || octet == 0x7f || (is_path && octet == '/' && used == 3)) {
		errtext_set(c->why, "an octet is not allowed in the request's target");
		return ERR_VALUE;
	}
	c->in.ptr += used;
	c->in.len -= used;
	*out = (char)octet;
	return 0;
}

static bool is_one_of(uint8_t octet, const char *set)
{
	return octet != '\0' && strchr(set, octet) != NULL;
}

/* Decodes up to one of the octets in ends, or to the end of the input, into a terminated text. */
static int decode_until(struct cursor *c, const char *ends, bool is_path, const char **text)
{
	*text = c->out;
	while (c->in.len > 0 && !is_one_of(c->in.ptr[0], ends)) {
		int err = decode_octet(c, is_path, c->out);

		if (err != 0)
			return err;
		c->out++;
	}
	*c->out++ = '\0';
	return 0;
}

/* Skips the next octet if it is this one. */
static bool skip_octet(struct cursor *c, uint8_t octet)
{
	if (c->in.len == 0 || c->in.ptr[0] != octet)
		return false;
	c->in.ptr++;
	c->in.len--;
	return true;
}

static bool has_dot_segment(const char *path)
{
	for (const char *segment = path; segment != NULL; segment = strchr(segment, '/')) {
		size_t len;

		segment++;
		len = strcspn(segment, "/");
		if ((len == 1 && segment[0] == '.') ||
		    (len == 2 && segment[0] == '.' && segment[1] == '.'))
			return true;
	}
	return false;
}

static int parse_params(struct cursor *c, struct http_target *t)
{
	while (c->in.len > 0) {
		struct http_param param = { "", "" };
		int err;

		if (skip_octet(c, '&'))
			continue;
		err = decode_until(c, "=&", false, &param.name);
		if (err == 0 && skip_octet(c, '='))
			err = decode_until(c, "&", false, &param.value);
		if (err != 0)
			return err;
		if (http_target_param(t, param.name) != NULL) {
			errtext_set(c->why, "the parameter '%.64s' is given twice", param.name);
			return ERR_DUPLICATE;
		}
		if (t->param_count == HTTP_PARAM_MAX) {
			errtext_set(c->why, "there are too many parameters");
			return ERR_LIMIT;
		}
		t->params[t->param_count++] = param;
	}
	return 0;
}

/* RFC 9112, 3.2.2: "A server MUST accept the absolute-form". */
static void skip_authority(struct bytes *target)
{
	static const char *const schemes[] = { "https://", "http://" };

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(schemes[i]);

		if (target->len < len ||
		    strncasecmp((const char *)target->ptr, schemes[i], len) != 0)
			continue;
		while (len < target->len && target->ptr[len] != '/')
			len++;
		target->ptr += len;
		target->len -= len;
		return;
	}
}

int http_target_parse(struct bytes target, struct http_target *out, struct errtext *why)
{
	struct cursor c = { target, out->text, why };
	int err;

	out->param_count = 0;
	/* Each text is no longer than what it was decoded from, but for its terminator, which takes
	 * the place of '?', '=' or '&'. */
	if (target.len > HTTP_LINE_MAX) {
		errtext_set(why, "the request's target is too long");
		return ERR_LIMIT;
	}
	skip_authority(&c.in);
	if (c.in.len == 0 || c.in.ptr[0] != '/') {
		errtext_set(why, "the request's target is not a path");
		return ERR_VALUE;
	}
	err = decode_until(&c, "?", true, &out->path);
	if (err != 0)
		return err;
	if (has_dot_segment(out->path)) {
		errtext_set(why, "the path has a segment '.' or '..'");
		return ERR_VALUE;
	}
	(void)skip_octet(&c, '?');
	return parse_params(&c, out);
}

const char *http_target_param(const struct http_target *t, const char *name)
{
	for (size_t i = 0; i < t->param_count; i++) {
		if (strcmp(t->params[i].name, name) == 0)
			return t->params[i].value;
	}
	return NULL;
}
