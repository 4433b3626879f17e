/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ikepeer/option_values.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "common/conf/types.h"

#define KEY_FILE_MAX 4096

const char *reader_command(enum peer_command command)
{
	return command == PEER_UP ? "up" : "probe";
}

bool reader_refuse(const struct reader *r, const char *fmt, ...)
{
	va_list args;

	fprintf(r->err, "ikepeer %s: ", reader_command(r->o->command));
	va_start(args, fmt);
	vfprintf(r->err, fmt, args);
	va_end(args);
	fputc('\n', r->err);
	return false;
}

bool reader_ip(struct reader *r, const char *name, const char *text, struct ip *out)
{
	return ip_parse(text, out) == 0 ||
	       reader_refuse(r, "--%s must be an IP address, not '%s'", name, text);
}

bool reader_number(struct reader *r, const char *name, const char *text, uint32_t max,
		   uint32_t *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > max)
		return reader_refuse(r, "--%s must be a whole number from 0 to %u, not '%s'", name,
				     max, text);
	*out = (uint32_t)value;
	return true;
}

bool reader_seconds(struct reader *r, const char *name, const char *text, uint32_t max_s,
		    uint32_t *out_ms)
{
	uint32_t s = 0;

	if (!reader_number(r, name, text, max_s, &s))
		return false;
	*out_ms = s * 1000;
	return true;
}

bool reader_prefix(struct reader *r, const char *name, const char *text, struct ts_list *out)
{
	struct ip_prefix prefix;

	if (out->n == TS_MAX)
		return reader_refuse(r, "--%s: at most %d", name, TS_MAX);
	if (ip_prefix_parse(text, &prefix) != 0)
		return reader_refuse(r, "--%s must be a prefix like 10.0.0.0/8, not '%s'", name,
				     text);
	out->items[out->n++] = ts_from_prefix(&prefix);
	return true;
}

bool reader_identity(struct reader *r, const char *name, const char *text, char **out)
{
	static const struct conf_row row;
	struct conf_why why = { "" };

	free(*out);
	*out = NULL;
	if (text[0] != '\0' && conf_type_identity.parse(&row, text, "/", out, &why) == 0)
		return true;
	return reader_refuse(r, "--%s %s%s", name, why.text[0] != '\0' ? "" : "must be ",
			     why.text[0] != '\0' ? why.text : conf_type_identity.what);
}

bool reader_suite(struct reader *r, bool is_ike, const char *text)
{
	struct peer_options *o = r->o;
	size_t *n = is_ike ? &o->n_ike : &o->n_esp;
	int err;

	if (*n == POLICY_MAX_SUITES)
		return reader_refuse(r, "at most %d proposals", POLICY_MAX_SUITES);
	err = is_ike ? ike_suite_parse(text, &o->ike[*n]) : esp_suite_parse(text, &o->esp[*n]);
	if (err != 0)
		return reader_refuse(r, "'%s' is no suite like %s", text,
				     is_ike ? "aes256gcm16-prfsha256-x25519" : "aes256gcm16");
	(*n)++;
	return true;
}

bool reader_form(struct reader *r, const char *text)
{
	r->o->is_short_auth = strcmp(text, "short") == 0;
	return r->o->is_short_auth || strcmp(text, "rfc") == 0 ||
	       reader_refuse(r, "--auth-form must be rfc or short, not '%s'", text);
}

bool reader_key(struct reader *r)
{
	static const struct conf_file_rules rules = { KEY_FILE_MAX, .is_private = true };
	static const struct conf_row row;
	struct conf_errors errors = conf_errors_to_stream(r->err);
	struct conf_why why = { "" };
	struct conf_file file;
	char text[KEY_FILE_MAX + 1];
	size_t len;
	bool is_good;

	if (conf_file_read(r->psk_file, &rules, &errors, &file) != 0)
		return false;
	len = file.source.text.len;
	memcpy(text, file.source.text.ptr, len);
	text[len] = '\0';
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = '\0';
	is_good = strlen(text) == len && strchr(text, '\n') == NULL &&
		  conf_type_psk.parse(&row, text, "/", &r->o->psk, &why) == 0;
	wipe(text, sizeof(text));
	conf_file_free(&file);
	return is_good ||
	       reader_refuse(r, "%s %s", r->psk_file,
			     why.text[0] != '\0' ? why.text : "must have one line, the secret");
}
