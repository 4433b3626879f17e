/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <getopt.h>
#include <string.h>

#include "cli/table.h"
#include "common/conf/cmdline.h"

/* The commands that show what the director knows. */

static const char *text(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static long long number(json_t *object, const char *name)
{
	return (long long)json_integer_value(json_object_get(object, name));
}

static double share(json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

/* "a, b" in buf. */
static const char *join(json_t *list, char *buf, size_t size)
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

static int refuse_arguments(const struct command_context *c, int argc, char **argv)
{
	if (argc <= 1)
		return EXIT_DONE;
	fprintf(c->err, "clusteradm %s: unexpected argument '%s'\n", argv[0], argv[1]);
	return EXIT_USAGE;
}

/* "name 3, name 1" of the counters that are not 0; "none" if all are. */
static void print_counters(FILE *out, const char *title, json_t *counters)
{
	const char *name;
	json_t *value;
	bool has_any = false;

	fprintf(out, "%s", title);
	json_object_foreach(counters, name, value)
	{
		if (!json_is_integer(value) || json_integer_value(value) == 0)
			continue;
		fprintf(out, "%s %s %lld", has_any ? "," : "", name,
			(long long)json_integer_value(value));
		has_any = true;
	}
	fprintf(out, "%s\n", has_any ? "" : " none");
}

int command_status(const struct command_context *c, int argc, char **argv)
{
	char age[AGE_TEXT_MAX];
	json_t *json = NULL, *front;
	int code = refuse_arguments(c, argc, argv);

	if (code == EXIT_DONE)
		code = command_get(c, "/v1/status", &json);
	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json)) {
		front = json_object_get(json, "front_end");
		fprintf(c->out, "cluster    %s\n", text(json, "cluster"));
		fprintf(c->out, "director   %s, version %s, up %s\n", text(json, "director"),
			text(json, "version"), age_format(number(json, "uptime_ms"), age));
		print_counters(c->out, "members   ", json_object_get(json, "members"));
		fprintf(c->out, "peers      %lld\n", number(json, "peers"));
		fprintf(c->out, "placement  %s\n", text(json, "placement"));
		print_counters(c->out, "front end ", front);
		print_counters(c->out, "dropped   ", json_object_get(front, "dropped"));
	}
	json_decref(json);
	return EXIT_DONE;
}

static void add_member_row(struct table *t, json_t *m)
{
	char home[256], age[AGE_TEXT_MAX];
	json_t *heartbeat = json_object_get(m, "heartbeat_age_ms");

	table_add(t, text(m, "name"));
	table_addf(t, "%lld", number(m, "number"));
	table_add(t, text(m, "state"));
	table_add(t, json_is_true(json_object_get(m, "takes_new")) ? "yes" : "no");
	table_add(t, join(json_object_get(m, "home"), home, sizeof(home)));
	table_addf(t, "%.2f", share(m, "load"));
	table_addf(t, "%lld/%lld", number(m, "sas"), number(m, "capacity"));
	table_addf(t, "%lld", number(m, "half_open"));
	table_addf(t, "%.2f", share(m, "cpu"));
	table_add(t, json_is_integer(heartbeat) ? age_format(json_integer_value(heartbeat), age)
						: "never");
	table_addf(t, "%s (%s ago)", text(m, "why"), age_format(number(m, "since_ms"), age));
}

int command_members(const struct command_context *c, int argc, char **argv)
{
	static const char *const titles[] = { "MEMBER", "NO",    "STATE", "TAKES NEW",
					      "HOME",   "LOAD",  "SAS",   "HALF-OPEN",
					      "CPU",    "HEARD", "WHY",   NULL };
	json_t *json = NULL, *m;
	struct table *t;
	size_t i;
	int code = refuse_arguments(c, argc, argv);

	if (code == EXIT_DONE)
		code = command_get(c, "/v1/members", &json);
	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json)) {
		t = table_new(titles);
		json_array_foreach(json_object_get(json, "members"), i, m) add_member_row(t, m);
		table_print(t, c->out);
		table_free(t);
	}
	json_decref(json);
	return EXIT_DONE;
}

static void add_peer_row(struct table *t, json_t *p)
{
	char inner[512], age[AGE_TEXT_MAX];
	const char *from = text(p, "from"), *state = text(p, "member_state");

	table_add(t, text(p, "identity"));
	table_add(t, text(p, "address"));
	if (strcmp(state != NULL ? state : "", "active") == 0)
		table_add(t, text(p, "member"));
	else
		table_addf(t, "%s (%s)", text(p, "member"), state);
	table_add(t, text(p, "connection"));
	table_add(t, text(p, "spi"));
	table_add(t, age_format(number(p, "since_ms"), age));
	table_addf(t, "%s%s%s", text(p, "how"), from != NULL ? " " : "", from != NULL ? from : "");
	table_add(t, join(json_object_get(p, "inner"), inner, sizeof(inner)));
}

static int show_peers(const struct command_context *c, const char *path)
{
	static const char *const titles[] = { "PEER",  "ADDRESS", "MEMBER", "CONNECTION", "SPI",
					      "SINCE", "HOW",     "INNER",  NULL };
	json_t *json = NULL, *p;
	struct table *t;
	size_t i;
	int code = command_get(c, path, &json);

	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json)) {
		t = table_new(titles);
		json_array_foreach(json_object_get(json, "peers"), i, p) add_peer_row(t, p);
		table_print(t, c->out);
		table_free(t);
	}
	json_decref(json);
	return EXIT_DONE;
}

int command_peers(const struct command_context *c, int argc, char **argv)
{
	static const struct option options[] = { { "member", required_argument, NULL, 'm' },
						 { NULL, 0, NULL, 0 } };
	char path[COMMAND_PATH_MAX] = "/v1/peers";
	const char *member = NULL;
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "m:", options, NULL)) != -1) {
		if (opt != 'm') {
			fprintf(c->err, "usage: clusteradm peers [--member NAME]\n");
			return EXIT_USAGE;
		}
		member = optarg;
	}
	if (refuse_arguments(c, argc - optind + 1, argv + optind - 1) != EXIT_DONE)
		return EXIT_USAGE;
	if (member != NULL && !command_add_param(path, "member", member)) {
		fprintf(c->err, "clusteradm peers: the name of a member is not that long\n");
		return EXIT_USAGE;
	}
	return show_peers(c, path);
}

int command_placement(const struct command_context *c, int argc, char **argv)
{
	char path[COMMAND_PATH_MAX] = "/v1/placement";
	json_t *json = NULL;
	int code;

	if (argc != 2 || !command_add_param(path, "address", argv[1])) {
		fprintf(c->err, "usage: clusteradm placement ADDRESS\n"
				"Says where a peer at that address would be sent now, and why.\n");
		return EXIT_USAGE;
	}
	code = command_get(c, path, &json);
	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json)) {
		if (text(json, "member") != NULL)
			fprintf(c->out, "%s -> %s: %s%s\n", argv[1], text(json, "address"),
				text(json, "why"),
				json_is_true(json_object_get(json, "draws_anew"))
				    ? "; each attempt draws anew"
				    : "");
		else
			fprintf(c->out, "%s -> nobody: %s\n", argv[1], text(json, "why"));
	}
	json_decref(json);
	return EXIT_DONE;
}
