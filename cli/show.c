/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <getopt.h>
#include <string.h>

#include "cli/table.h"
#include "common/conf/cmdline.h"

/* The commands that show what the director knows. */

static double share(json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
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

/* What nobody must overlook comes first. */
static void print_alarms(FILE *out, json_t *status)
{
	json_t *failover = json_object_get(status, "failover");
	long long isolated = json_number(json_object_get(status, "members"), "isolated");
	long long orphaned = json_number(json_object_get(status, "addresses"), "orphaned");

	if (json_flag(failover, "paused"))
		fprintf(out, "!! FAILOVER IS PAUSED: addresses of members that die are not taken "
			     "over (clusteradm failover resume)\n");
	if (isolated > 0)
		fprintf(out,
			"!! %lld ISOLATED: not heard by the director, but serving their peers "
			"(clusteradm members)\n",
			isolated);
	if (json_flag(failover, "settling"))
		fprintf(out, "!  settling: the director has just started and hears its members "
			     "out\n");
	else if (orphaned > 0)
		fprintf(out, "!! %lld ORPHANED: addresses that nobody has (clusteradm addresses)\n",
			orphaned);
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
		print_alarms(c->out, json);
		fprintf(c->out, "cluster    %s\n", json_text(json, "cluster"));
		fprintf(c->out, "director   %s, version %s, up %s\n", json_text(json, "director"),
			json_text(json, "version"),
			age_format(json_number(json, "uptime_ms"), age));
		print_counters(c->out, "members   ", json_object_get(json, "members"));
		print_counters(c->out, "addresses ", json_object_get(json, "addresses"));
		fprintf(c->out, "peers      %lld\n", json_number(json, "peers"));
		fprintf(c->out, "placement  %s\n", json_text(json, "placement"));
		print_counters(c->out, "front end ", front);
		print_counters(c->out, "dropped   ", json_object_get(front, "dropped"));
		print_counters(c->out, "resuming  ", json_object_get(front, "resume"));
	}
	json_decref(json);
	return EXIT_DONE;
}

static void add_member_row(struct table *t, json_t *m)
{
	char home[256], age[AGE_TEXT_MAX];
	json_t *heartbeat = json_object_get(m, "heartbeat_age_ms");

	table_add(t, json_text(m, "name"));
	table_addf(t, "%lld", json_number(m, "number"));
	table_add(t, json_text(m, "state"));
	table_add(t, json_flag(m, "takes_new") ? "yes" : "no");
	table_add(t, json_join(json_object_get(m, "home"), home, sizeof(home)));
	table_add(t, json_join(json_object_get(m, "addresses"), home, sizeof(home)));
	table_addf(t, "%.2f", share(m, "load"));
	table_addf(t, "%lld/%lld", json_number(m, "sas"), json_number(m, "capacity"));
	table_addf(t, "%lld", json_number(m, "half_open"));
	table_addf(t, "%.2f", share(m, "cpu"));
	table_add(t, json_is_integer(heartbeat) ? age_format(json_integer_value(heartbeat), age)
						: "never");
	table_addf(t, "%s (%s ago)", json_text(m, "why"),
		   age_format(json_number(m, "since_ms"), age));
}

int command_members(const struct command_context *c, int argc, char **argv)
{
	static const char *const titles[] = { "MEMBER",    "NO",   "STATE", "TAKES NEW", "HOME",
					      "ADDRESSES", "LOAD", "SAS",   "HALF-OPEN", "CPU",
					      "HEARD",     "WHY",  NULL };
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
	const char *from = json_text(p, "from"), *state = json_text(p, "member_state");

	table_add(t, json_text(p, "identity"));
	table_add(t, json_text(p, "address"));
	if (strcmp(state != NULL ? state : "", "active") == 0)
		table_add(t, json_text(p, "member"));
	else
		table_addf(t, "%s (%s)", json_text(p, "member"), state);
	table_add(t, json_text(p, "connection"));
	table_add(t, json_text(p, "spi"));
	table_add(t, age_format(json_number(p, "since_ms"), age));
	table_addf(t, "%s%s%s", json_text(p, "how"), from != NULL ? " " : "",
		   from != NULL ? from : "");
	table_add(t, json_join(json_object_get(p, "inner"), inner, sizeof(inner)));
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
		if (json_text(json, "member") != NULL)
			fprintf(c->out, "%s -> %s: %s%s\n", argv[1], json_text(json, "address"),
				json_text(json, "why"),
				json_flag(json, "draws_anew") ? "; each attempt draws anew" : "");
		else
			fprintf(c->out, "%s -> nobody: %s\n", argv[1], json_text(json, "why"));
	}
	json_decref(json);
	return EXIT_DONE;
}
