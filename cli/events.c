/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <getopt.h>
#include <time.h>

#include "cli/table.h"
#include "common/conf/cmdline.h"

/* "clusteradm events": the history that the director keeps. */

/* UTC, with milliseconds: comparable with the logs. */
static const char *format_time(json_int_t ms, char out[40])
{
	time_t seconds = (time_t)(ms / 1000);
	char stamp[24];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, 40, "%s.%03dZ", stamp, (int)(ms % 1000));
	return out;
}

static void print_events(const struct command_context *c, json_t *json)
{
	static const char *const titles[] = { "ID", "TIME", "SUBJECT", "WHAT", "WHY", NULL };
	struct table *t = table_new(titles);
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(json, "events"), i, e)
	{
		char when[40];

		table_addf(t, "%lld", (long long)json_integer_value(json_object_get(e, "id")));
		table_add(t, format_time(json_integer_value(json_object_get(e, "time_ms")), when));
		table_add(t, json_string_value(json_object_get(e, "subject")));
		table_add(t, json_string_value(json_object_get(e, "what")));
		table_add(t, json_string_value(json_object_get(e, "why")));
	}
	table_print(t, c->out);
	table_free(t);
}

static int usage(const struct command_context *c)
{
	fprintf(c->err, "usage: clusteradm events [--subject NAME] [--limit N] [--after ID]\n"
			"The newest N events (100), or the first N after ID; of one member or "
			"director.\n");
	return EXIT_USAGE;
}

int command_events(const struct command_context *c, int argc, char **argv)
{
	static const struct option options[] = { { "subject", required_argument, NULL, 's' },
						 { "limit", required_argument, NULL, 'l' },
						 { "after", required_argument, NULL, 'a' },
						 { NULL, 0, NULL, 0 } };
	char path[COMMAND_PATH_MAX] = "/v1/events";
	json_t *json = NULL;
	int opt, code;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char *name = opt == 's' ? "subject" : opt == 'l' ? "limit" : "after";

		if (opt == '?' || !command_add_param(path, name, optarg))
			return usage(c);
	}
	if (optind < argc)
		return usage(c);
	code = command_get(c, path, &json);
	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json))
		print_events(c, json);
	json_decref(json);
	return EXIT_DONE;
}
