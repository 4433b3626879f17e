/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <getopt.h>
#include <string.h>

#include "cli/table.h"
#include "common/conf/cmdline.h"

/* "clusteradm addresses" and "clusteradm address move". */

static void add_row(struct table *t, json_t *a)
{
	char age[AGE_TEXT_MAX], successors[256];

	table_add(t, json_text(a, "address"));
	table_add(t, json_text(a, "home"));
	table_addf(t, "%s%s", json_text(a, "owner") != NULL ? json_text(a, "owner") : "nobody",
		   json_flag(a, "manual") ? " (manual)" : "");
	table_addf(t, "%lld", json_number(a, "epoch"));
	table_add(t, json_text(a, "state"));
	table_add(t, age_format(json_number(a, "since_ms"), age));
	table_add(t, json_join(json_object_get(a, "successors"), successors, sizeof(successors)));
	table_add(t, json_text(a, "why"));
}

int command_addresses(const struct command_context *c, int argc, char **argv)
{
	static const char *const titles[] = { "ADDRESS", "HOME",       "OWNER", "EPOCH", "STATE",
					      "SINCE",   "SUCCESSORS", "WHY",   NULL };
	json_t *json = NULL, *a;
	struct table *t;
	size_t i;
	int code = refuse_arguments(c, argc, argv);

	if (code == EXIT_DONE)
		code = command_get(c, "/v1/addresses", &json);
	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json)) {
		t = table_new(titles);
		json_array_foreach(json_object_get(json, "addresses"), i, a) add_row(t, a);
		table_print(t, c->out);
		table_free(t);
	}
	json_decref(json);
	return EXIT_DONE;
}

static int usage(const struct command_context *c)
{
	fprintf(c->err,
		"usage: clusteradm address move ADDRESS MEMBER|home [--force]\n"
		"Has the owner release the address and the member claim it. --force waits for "
		"nobody:\nuse it if you are sure that the owner does not have it any more.\n");
	return EXIT_USAGE;
}

static int move(const struct command_context *c, const char *address, const char *to, bool force)
{
	json_t *json = NULL;
	int code = command_post(
	    c, "/v1/addresses/move",
	    json_pack("{s:s, s:s, s:b}", "address", address, "to", to, "force", force ? 1 : 0),
	    &json);

	if (code != EXIT_DONE)
		return code;
	if (!command_print_json(c, json))
		fprintf(c->out, "%s: %s%s%s: %s\n", json_text(json, "address"),
			json_text(json, "state"), json_text(json, "owner") != NULL ? " by " : "",
			json_text(json, "owner") != NULL ? json_text(json, "owner") : "",
			json_text(json, "why"));
	json_decref(json);
	return EXIT_DONE;
}

int command_address(const struct command_context *c, int argc, char **argv)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' },
						 { NULL, 0, NULL, 0 } };
	bool force = false;
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'f')
			return usage(c);
		force = true;
	}
	if (argc - optind != 3 || strcmp(argv[optind], "move") != 0)
		return usage(c);
	return move(c, argv[optind + 1], argv[optind + 2], force);
}
