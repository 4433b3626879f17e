/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "common/conf/cmdline.h"
#include "common/http/http_client.h"

#define TIMEOUT_MS 10000

/* body NULL: GET. */
static int ask(const struct command_context *c, const char *path, const json_t *body, json_t **json)
{
	const struct tls_files files = { c->conf->tls.ca, c->conf->tls.certificate,
					 c->conf->tls.key };
	struct http_client client = {
		.director = c->conf->director.address,
		.director_name = c->conf->director.name,
		.timeout_ms = TIMEOUT_MS,
	};
	struct tls_ctx *tls = NULL;
	struct errtext why = { "" };
	int status = 0;
	int err = tls_ctx_new_client(&files, "http/1.1", &tls, &why);

	if (err != 0) {
		fprintf(c->err, "clusteradm: %s\n", why.text);
		return err == ERR_NO_MEMORY ? EXIT_FAILED : EXIT_USAGE;
	}
	client.tls = tls;
	err = body == NULL ? http_client_get_json(&client, path, &status, json, &why)
			   : http_client_post_json(&client, path, body, &status, json, &why);
	tls_ctx_free(tls);
	if (err != 0) {
		fprintf(c->err, "clusteradm: %s\n", why.text);
		return EXIT_FAILED;
	}
	if (status < 200 || status > 299) {
		fprintf(c->err, "clusteradm: %s\n", why.text);
		json_decref(*json);
		*json = NULL;
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

int command_get(const struct command_context *c, const char *path, json_t **json)
{
	return ask(c, path, NULL, json);
}

int command_post(const struct command_context *c, const char *path, json_t *body, json_t **json)
{
	int code;

	if (body == NULL) {
		fprintf(c->err, "clusteradm: %s\n", err_text(ERR_NO_MEMORY));
		return EXIT_FAILED;
	}
	code = ask(c, path, body, json);
	json_decref(body);
	return code;
}

/* ---- the answer for people ---- */

const char *json_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

long long json_number(const json_t *object, const char *name)
{
	return (long long)json_integer_value(json_object_get(object, name));
}

bool json_flag(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

const char *json_join(const json_t *list, char *buf, size_t size)
{
	size_t i, len = 0;
	json_t *item;

	buf[0] = '\0';
	json_array_foreach(list, i, item)
	{
		int n = snprintf(buf + len, size - len, "%s%s", i > 0 ? ", " : "",
				 json_string_value(item) != NULL ? json_string_value(item) : "?");

		if (n < 0 || (size_t)n >= size - len)
			break;
		len += (size_t)n;
	}
	return buf;
}

int refuse_arguments(const struct command_context *c, int argc, char **argv)
{
	if (argc <= 1)
		return EXIT_DONE;
	fprintf(c->err, "clusteradm %s: unexpected argument '%s'\n", argv[0], argv[1]);
	return EXIT_USAGE;
}

bool command_add_param(char path[COMMAND_PATH_MAX], const char *name, const char *value)
{
	size_t len = strlen(path);
	int n = snprintf(path + len, COMMAND_PATH_MAX - len,
			 "%c%s=", strchr(path, '?') != NULL ? '&' : '?', name);

	return n > 0 && (size_t)n < COMMAND_PATH_MAX - len &&
	       http_client_encode(value, path + len + n, COMMAND_PATH_MAX - len - (size_t)n) == 0;
}

bool command_print_json(const struct command_context *c, json_t *json)
{
	if (!c->is_json)
		return false;
	json_dumpf(json, c->out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	fputc('\n', c->out);
	return true;
}

const char *age_format(json_int_t ms, char out[AGE_TEXT_MAX])
{
	long long s = ms / 1000;

	if (ms < 0)
		snprintf(out, AGE_TEXT_MAX, "-");
	else if (ms < 1000)
		snprintf(out, AGE_TEXT_MAX, "%lld ms", (long long)ms);
	else if (s < 60)
		snprintf(out, AGE_TEXT_MAX, "%lld s", s);
	else if (s < 3600)
		snprintf(out, AGE_TEXT_MAX, "%lld m %lld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, AGE_TEXT_MAX, "%lld h %lld m", s / 3600, s / 60 % 60);
	else
		snprintf(out, AGE_TEXT_MAX, "%lld d %lld h", s / 86400, s / 3600 % 24);
	return out;
}
