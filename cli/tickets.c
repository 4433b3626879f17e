/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/table.h"
#include "common/conf/cmdline.h"

/* "clusteradm tickets": tickets that were taken back. */

static const char *format_time(json_int_t s, char out[32])
{
	time_t at = (time_t)s;
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		return "-";
	return out;
}

static void add_row(struct table *t, const json_t *r)
{
	char text[256], at[32];

	table_addf(t, "%lld", json_number(r, "id"));
	table_add(t, json_text(r, "what"));
	table_add(t, json_text(r, "name"));
	table_add(t, format_time(json_number(r, "before"), at));
	table_add(t, format_time(json_number(r, "until"), at));
	table_add(t, json_join(json_object_get(r, "in_force"), text, sizeof(text)));
	table_add(t, json_join(json_object_get(r, "missing"), text, sizeof(text)));
}

static int list(const struct command_context *c)
{
	static const char *const titles[] = { "NO",         "REVOKED",  "NAME",    "ISSUED BEFORE",
					      "KEPT UNTIL", "IN FORCE", "MISSING", NULL };
	json_t *json = NULL, *r;
	struct table *t;
	size_t i;
	int code = command_get(c, "/v1/tickets/revocations", &json);

	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json)) {
		t = table_new(titles);
		json_array_foreach(json_object_get(json, "revocations"), i, r) add_row(t, r);
		table_print(t, c->out);
		table_free(t);
	}
	json_decref(json);
	return EXIT_DONE;
}

static int usage(const struct command_context *c)
{
	fprintf(c->err,
		"usage: clusteradm tickets [list]\n"
		"       clusteradm tickets revoke --identity ID | --connection NAME | --all "
		"[--before SECONDS]\n"
		"Takes back the tickets that were issued before now, or before that time (seconds "
		"since 1970).\n");
	return EXIT_USAGE;
}

static void print(const struct command_context *c, const json_t *json)
{
	char in_force[512], missing[512], at[32];

	json_join(json_object_get(json, "in_force"), in_force, sizeof(in_force));
	json_join(json_object_get(json, "missing"), missing, sizeof(missing));
	fprintf(c->out, "revoked    %s%s%s, issued before %s\n", json_text(json, "what"),
		json_text(json, "name") != NULL ? " " : "",
		json_text(json, "name") != NULL ? json_text(json, "name") : "",
		format_time(json_number(json, "before"), at));
	fprintf(c->out, "in force   %s\n", in_force[0] != '\0' ? in_force : "nowhere yet");
	if (missing[0] != '\0')
		fprintf(c->out, "missing    %s: as soon as they are connected\n", missing);
}

static int revoke(const struct command_context *c, json_t *body)
{
	json_t *json = NULL;
	int code = command_post(c, "/v1/tickets/revoke", body, &json);

	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json))
		print(c, json);
	json_decref(json);
	return EXIT_DONE;
}

static bool parse_seconds(const char *text, json_int_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *out > 0;
}

/* The body of the request in *body; false: it is wrong. */
static bool parse(int argc, char **argv, json_t *body)
{
	static const struct option options[] = { { "identity", required_argument, NULL, 'i' },
						 { "connection", required_argument, NULL, 'c' },
						 { "all", no_argument, NULL, 'a' },
						 { "before", required_argument, NULL, 'b' },
						 { NULL, 0, NULL, 0 } };
	int opt, n = 0;
	json_int_t before;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		n += opt == 'b' ? 0 : 1;
		if (opt == 'i')
			json_object_set_new(body, "identity", json_string(optarg));
		else if (opt == 'c')
			json_object_set_new(body, "connection", json_string(optarg));
		else if (opt == 'a')
			json_object_set_new(body, "all", json_true());
		else if (opt == 'b' && parse_seconds(optarg, &before))
			json_object_set_new(body, "before", json_integer(before));
		else
			return false;
	}
	return n == 1 && argc == optind + 1 && strcmp(argv[optind], "revoke") == 0;
}

int command_tickets(const struct command_context *c, int argc, char **argv)
{
	json_t *body;

	if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0))
		return list(c);
	body = json_object();
	if (parse(argc, argv, body))
		return revoke(c, body);
	json_decref(body);
	return usage(c);
}
