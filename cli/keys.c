/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

#include "cli/table.h"
#include "common/conf/cmdline.h"

/* "clusteradm keys": the cluster's keys, and to change them. */

/* "in 3 h 4 m", "5 m 10 s ago"; "-": there is no such time. */
static void add_time(struct table *t, const json_t *seconds)
{
	char age[AGE_TEXT_MAX];
	json_int_t at = json_integer_value(seconds), now = (json_int_t)time(NULL);

	if (!json_is_integer(seconds))
		table_add(t, NULL);
	else if (at >= now)
		table_addf(t, "in %s", age_format((at - now) * 1000, age));
	else
		table_addf(t, "%s ago", age_format((now - at) * 1000, age));
}

static void add_row(struct table *t, const json_t *key)
{
	const json_t *number = json_object_get(key, "number");
	const json_t *drawn = json_object_get(key, "age_ms");
	char age[AGE_TEXT_MAX], missing[256];

	table_add(t, json_text(key, "id"));
	table_add(t, json_text(key, "use"));
	if (json_is_integer(number))
		table_addf(t, "%lld", (long long)json_integer_value(number));
	else
		table_add(t, NULL);
	table_add(t, json_text(key, "state"));
	if (json_is_integer(drawn))
		table_addf(t, "%s ago", age_format(json_integer_value(drawn), age));
	else
		table_add(t, NULL);
	add_time(t, json_object_get(key, "not_after"));
	json_join(json_object_get(key, "missing"), missing, sizeof(missing));
	table_add(t, missing[0] != '\0' ? missing : NULL);
}

static int print(const struct command_context *c, json_t *json)
{
	static const char *const titles[] = { "KEY",   "USE",  "MEMBER NO", "STATE",
					      "DRAWN", "ENDS", "WAITS FOR", NULL };
	struct table *t;
	json_t *key;
	size_t i;

	if (!command_print_json(c, json)) {
		t = table_new(titles);
		json_array_foreach(json_object_get(json, "keys"), i, key) add_row(t, key);
		table_print(t, c->out);
		table_free(t);
	}
	json_decref(json);
	return EXIT_DONE;
}

static int usage(const struct command_context *c)
{
	fprintf(c->err,
		"usage: clusteradm keys [list]\n"
		"       clusteradm keys rotate [ticket|qcd] [--revoke]\n"
		"       clusteradm keys revoke KEY\n"
		"--revoke deletes the old keys at once: tickets under them are worth nothing "
		"then.\n");
	return EXIT_USAGE;
}

static int post(const struct command_context *c, const char *path, json_t *body)
{
	json_t *json = NULL;
	int code = command_post(c, path, body, &json);

	return code == EXIT_DONE ? print(c, json) : code;
}

static int rotate(const struct command_context *c, const char *use, bool revokes)
{
	return post(c, "/v1/keys/rotate",
		    json_pack("{s:s, s:b}", "use", use, "revoke", revokes ? 1 : 0));
}

int command_keys(const struct command_context *c, int argc, char **argv)
{
	static const struct option options[] = { { "revoke", no_argument, NULL, 'r' },
						 { NULL, 0, NULL, 0 } };
	bool revokes = false;
	json_t *json = NULL;
	const char *what;
	int opt, code;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'r')
			return usage(c);
		revokes = true;
	}
	argc -= optind;
	argv += optind;
	what = argc > 0 ? argv[0] : "list";
	if (strcmp(what, "rotate") == 0 && argc <= 2)
		return rotate(c, argc == 2 ? argv[1] : "ticket", revokes);
	if (strcmp(what, "revoke") == 0 && argc == 2 && !revokes)
		return post(c, "/v1/keys/revoke", json_pack("{s:s}", "id", argv[1]));
	if (strcmp(what, "list") != 0 || argc > 1 || revokes)
		return usage(c);
	code = command_get(c, "/v1/keys", &json);
	return code == EXIT_DONE ? print(c, json) : code;
}
