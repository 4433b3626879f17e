/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/field.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/base64.h"
#include "common/base/secret.h"
#include "common/control/message.h"

/* Appends to a terminated text; what does not fit is cut. */
static void append(char *out, size_t cap, const char *text)
{
	size_t len = strlen(out);

	snprintf(out + len, cap - len, "%s", text);
}

static void append_place(char *out, size_t cap, const struct field_place *place)
{
	char index[32];

	if (place == NULL)
		return;
	append_place(out, cap, place->outer);
	if (place->name == NULL) {
		snprintf(index, sizeof(index), "[%zu]", place->index);
		append(out, cap, index);
		return;
	}
	if (out[0] != '\0')
		append(out, cap, ".");
	append(out, cap, place->name);
}

int field_refuse(struct errtext *why, const struct field_place *place, int err, const char *fmt,
		 ...)
{
	char where[ERRTEXT_MAX] = "", what[ERRTEXT_MAX];
	va_list args;

	if (why == NULL)
		return err;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	append_place(where, sizeof(where), place);
	errtext_set(why, "%s: %s", where, what);
	return err;
}

bool field_is_counter_name(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		char c = text[len];

		if (len == NAME_TEXT_MAX)
			return false;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
		    c != '.')
			return false;
	}
	return len > 0;
}

/* ---- the texts of each kind ---- */

/* Decimal up to 65535 without leading zeros; moves *text behind it. */
static int parse_u16(const char **text, uint16_t *out)
{
	const char *p = *text;
	uint32_t value = 0;

	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return ERR_VALUE;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint32_t)(*p - '0');
		if (value > UINT16_MAX)
			return ERR_VALUE;
	}
	*text = p;
	*out = (uint16_t)value;
	return 0;
}

static int parse_proto(const char *text, struct msg_proto *out)
{
	struct msg_proto proto;

	if (parse_u16(&text, &proto.major) != 0 || *text++ != '.' ||
	    parse_u16(&text, &proto.minor) != 0 || *text != '\0')
		return ERR_VALUE;
	*out = proto;
	return proto.major == PROTO_MAJOR ? 0 : ERR_UNSUPPORTED;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int parse_hex64(const char *text, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 16; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return ERR_VALUE;
		value = value << 4 | (uint64_t)digit;
	}
	if (text[16] != '\0' || value == 0)
		return ERR_VALUE;
	*out = value;
	return 0;
}

static int parse_enum(const char *const *names, const char *text, unsigned int *out)
{
	for (unsigned int i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], text) == 0) {
			*out = i;
			return 0;
		}
	}
	return ERR_VALUE;
}

static int refuse_enum(const struct field *field, const struct field_place *place,
		       struct errtext *why)
{
	char list[ERRTEXT_MAX / 2] = "";

	for (size_t i = 0; field->names[i] != NULL; i++) {
		if (i > 0)
			append(list, sizeof(list), ", ");
		append(list, sizeof(list), field->names[i]);
	}
	return field_refuse(why, place, ERR_VALUE, "must be one of %s", list);
}

static int refuse_proto(const struct field_place *place, const struct msg_proto *proto, int err,
			struct errtext *why)
{
	if (err != ERR_UNSUPPORTED)
		return field_refuse(why, place, err, "must be a version such as %d.%d", PROTO_MAJOR,
				    PROTO_MINOR);
	return field_refuse(why, place, err, "is %u.%u, but only %d.x is spoken here",
			    (unsigned int)proto->major, (unsigned int)proto->minor, PROTO_MAJOR);
}

int field_parse_text(const struct field *field, const struct field_place *place, const char *text,
		     void *at, struct errtext *why)
{
	int err;

	switch (field->kind) {
	case FIELD_TEXT:
		if (field->text->is_allowed(text))
			return 0;
		return field_refuse(why, place, ERR_VALUE, "must be %s", field->text->must_be);
	case FIELD_ENUM:
		err = parse_enum(field->names, text, at);
		return err == 0 ? 0 : refuse_enum(field, place, why);
	case FIELD_HEX64:
		if (parse_hex64(text, at) == 0)
			return 0;
		return field_refuse(why, place, ERR_VALUE,
				    "must be 16 hexadecimal digits, not all 0");
	case FIELD_PROTO:
		err = parse_proto(text, at);
		return err == 0 ? 0 : refuse_proto(place, at, err, why);
	case FIELD_IP:
		if (ip_parse(text, at) == 0)
			return 0;
		return field_refuse(why, place, ERR_VALUE, "must be an IP address");
	case FIELD_ENDPOINT:
		if (endpoint_parse(text, at) == 0)
			return 0;
		return field_refuse(why, place, ERR_VALUE, "must be an IP address and port");
	case FIELD_PREFIX:
		if (ip_prefix_parse(text, at) == 0)
			return 0;
		return field_refuse(why, place, ERR_VALUE, "must be an IP prefix");
	default:
		return field_refuse(why, place, ERR_VALUE, "is no text");
	}
}

int field_parse_key(const struct field *field, const struct field_place *place, const char *text,
		    uint8_t out[FIELD_KEY_MAX], size_t *len, struct errtext *why)
{
	size_t n = 0;

	if (base64_decode(text, out, FIELD_KEY_MAX, &n) == 0 && n >= field->min &&
	    n <= field->max) {
		*len = n;
		return 0;
	}
	wipe(out, FIELD_KEY_MAX);
	return field_refuse(why, place, ERR_VALUE, "must be %zu to %zu octets in base64",
			    (size_t)field->min, (size_t)field->max);
}
