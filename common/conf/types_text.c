/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/types.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/base/ip.h"
#include "common/base/secret.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define NAME_MAX_LEN     63
#define LINK_MAX_LEN     15 /* IFNAMSIZ - 1 */
#define USER_MAX_LEN     32
#define IDENTITY_MAX_LEN 255

int conf_why_set(struct conf_why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return ERR_VALUE;
}

/* ---- what all texts share ---- */

static int set_text(void *value, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return ERR_NO_MEMORY;
	*(char **)value = copy;
	return 0;
}

static const char *format_text(const struct conf_row *row, const void *value,
			       char out[CONF_VALUE_TEXT_MAX])
{
	(void)row;
	(void)out;
	return *(char *const *)value;
}

static void release_text(void *value)
{
	char **text = value;

	free(*text);
	*text = NULL;
}

static bool is_made_of(const char *text, size_t max_len, const char *allowed)
{
	size_t len = strlen(text);

	return len > 0 && len <= max_len && strspn(text, allowed) == len;
}

static bool is_visible_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

/* ---- name, link, user ---- */

static int parse_name(const struct conf_row *row, const char *text, const char *folder, void *value,
		      struct conf_why *why)
{
	(void)row;
	(void)folder;
	(void)why;
	if (!is_made_of(text, NAME_MAX_LEN, LOWER DIGITS "-"))
		return ERR_VALUE;
	return set_text(value, text);
}

const struct conf_type conf_type_name = {
	.what = "1 to 63 of a-z, 0-9 and '-'",
	.size = sizeof(char *),
	.parse = parse_name,
	.format = format_text,
	.release = release_text,
};

static int parse_link(const struct conf_row *row, const char *text, const char *folder, void *value,
		      struct conf_why *why)
{
	(void)row;
	(void)folder;
	(void)why;
	if (strlen(text) > LINK_MAX_LEN || !is_visible_ascii(text) || strpbrk(text, "/:%") != NULL)
		return ERR_VALUE;
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return ERR_VALUE;
	return set_text(value, text);
}

const struct conf_type conf_type_link = {
	.what = "the name of a network interface",
	.size = sizeof(char *),
	.parse = parse_link,
	.format = format_text,
	.release = release_text,
};

static int parse_user(const struct conf_row *row, const char *text, const char *folder, void *value,
		      struct conf_why *why)
{
	(void)row;
	(void)folder;
	(void)why;
	if (!is_made_of(text, USER_MAX_LEN, LOWER UPPER DIGITS "_.-") || text[0] == '-')
		return ERR_VALUE;
	return set_text(value, text);
}

const struct conf_type conf_type_user = {
	.what = "the name of a user",
	.size = sizeof(char *),
	.parse = parse_user,
	.format = format_text,
	.release = release_text,
};

/* ---- path ---- */

static int parse_path(const struct conf_row *row, const char *text, const char *folder, void *value,
		      struct conf_why *why)
{
	char *path;

	(void)row;
	(void)why;
	if (text[0] == '/')
		return set_text(value, text);
	if (asprintf(&path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, text) < 0)
		return ERR_NO_MEMORY;
	*(char **)value = path;
	return 0;
}

const struct conf_type conf_type_path = {
	.what = "the name of a file",
	.size = sizeof(char *),
	.parse = parse_path,
	.format = format_text,
	.release = release_text,
};

/* ---- identity, glob ---- */

static int parse_identity(const struct conf_row *row, const char *text, const char *folder,
			  void *value, struct conf_why *why)
{
	char host[IP_TEXT_MAX];
	struct ip ip;

	(void)row;
	(void)folder;
	if (strlen(text) > IDENTITY_MAX_LEN || !is_visible_ascii(text))
		return ERR_VALUE;
	if (strpbrk(text, "*?") != NULL)
		return conf_why_set(why, "must be one identity, without '*' or '?', not '%.80s'",
				    text);
	if (text[0] == '#' && strspn(text + 1, DIGITS "abcdef") != strlen(text + 1))
		return conf_why_set(why, "must have 0-9 and a-f only after '#', not '%.80s'", text);
	if (ip_parse(text, &ip) == 0)
		return set_text(value, ip_format(&ip, host));
	return set_text(value, text);
}

const struct conf_type conf_type_identity = {
	.what = "an identity like gw.example.net",
	.size = sizeof(char *),
	.parse = parse_identity,
	.format = format_text,
	.release = release_text,
};

static int parse_glob(const struct conf_row *row, const char *text, const char *folder, void *value,
		      struct conf_why *why)
{
	(void)row;
	(void)folder;
	(void)why;
	if (strlen(text) > IDENTITY_MAX_LEN || !is_visible_ascii(text) ||
	    strpbrk(text, "?[]") != NULL)
		return ERR_VALUE;
	return set_text(value, text);
}

const struct conf_type conf_type_glob = {
	.what = "a pattern like \"*.example.net\" ('*' is the only wildcard)",
	.size = sizeof(char *),
	.parse = parse_glob,
	.format = format_text,
	.release = release_text,
};

/* ---- pre-shared key ---- */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

	return found == NULL || c == '\0' ? -1 : (int)(found - digits);
}

static int parse_hex(const char *text, struct secret *out)
{
	for (; text[0] != '\0'; text += 2) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || out->len == sizeof(out->data))
			return ERR_VALUE;
		out->data[out->len++] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int parse_psk(const struct conf_row *row, const char *text, const char *folder, void *value,
		     struct conf_why *why)
{
	AUTO_SECRET psk = { .len = 0 };
	size_t len = strlen(text);

	(void)row;
	(void)folder;
	if (strcmp(text, CONF_MASK) == 0)
		return conf_why_set(why, "is masked as in a dump: write the secret itself");
	if (strncmp(text, "0x", 2) == 0) {
		if (parse_hex(text + 2, &psk) != 0)
			return conf_why_set(why,
					    "must have pairs of hex digits after '0x', at most %d",
					    SECRET_MAX);
	} else if (len <= sizeof(psk.data)) {
		memcpy(psk.data, text, len);
		psk.len = len;
	}
	if (psk.len < CONF_PSK_MIN)
		return conf_why_set(why, "must be from %d to %d octets long", CONF_PSK_MIN,
				    SECRET_MAX);
	memcpy(value, &psk, sizeof(psk));
	return 0;
}

static const char *format_psk(const struct conf_row *row, const void *value,
			      char out[CONF_VALUE_TEXT_MAX])
{
	(void)row;
	(void)value;
	(void)out;
	return CONF_MASK;
}

static void release_psk(void *value)
{
	secret_wipe(value);
}

const struct conf_type conf_type_psk = {
	.what = "a secret text, or 0x and hex digits",
	.size = sizeof(struct secret),
	.parse = parse_psk,
	.format = format_psk,
	.release = release_psk,
};
