/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/conf.h"
#include "cli/conf.h"
#include "director/conf.h"

/*
 * confdoc: a manual page in scdoc on standard input, the same with its options on standard output.
 * A line "@OPTIONS director@" (agent, peers, clusteradm) becomes the reference of all options of
 * that schema, so that the pages cannot say anything else than the programs.
 *
 * "confdoc --names SCHEMA" prints the path of each option, one on a line, to check pages with.
 */
#define MARK      "@OPTIONS "
#define LINE_SIZE 1024
#define PATH_SIZE 160

static const struct named_schema {
	const char *name;
	const struct conf_schema *schema;
} schemas[] = {
	{ "director", &director_conf_schema },
	{ "agent", &agent_conf_schema },
	{ "peers", &peers_conf_schema },
	{ "clusteradm", &clusteradm_conf_schema },
};

/* NULL if there is none. The name ends at '@' or at the end of the text. */
static const struct conf_schema *find_schema(const char *name)
{
	size_t len = strcspn(name, "@");

	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		if (strlen(schemas[i].name) == len && memcmp(schemas[i].name, name, len) == 0)
			return schemas[i].schema;
	}
	return NULL;
}

static void print_names(const struct conf_row *rows, const char *parent)
{
	for (; rows->name != NULL; rows++) {
		char path[PATH_SIZE];

		snprintf(path, sizeof(path), "%s%s", parent, rows->name);
		puts(path);
		if (rows->rows == NULL)
			continue;
		snprintf(path, sizeof(path), "%s%s%s.", parent, rows->name,
			 rows->is_list ? "[]" : "");
		print_names(rows->rows, path);
	}
}

static int expand(FILE *in, FILE *out)
{
	char line[LINE_SIZE];

	while (fgets(line, sizeof(line), in) != NULL) {
		const struct conf_schema *schema;

		if (strncmp(line, MARK, strlen(MARK)) != 0) {
			fputs(line, out);
			continue;
		}
		schema = find_schema(line + strlen(MARK));
		if (schema == NULL) {
			fprintf(stderr, "confdoc: no such schema: %s", line);
			return 1;
		}
		conf_describe(schema, out);
	}
	return ferror(in) != 0 || fflush(out) != 0;
}

int main(int argc, char **argv)
{
	const struct conf_schema *schema;

	if (argc == 1)
		return expand(stdin, stdout);
	schema = argc == 3 && strcmp(argv[1], "--names") == 0 ? find_schema(argv[2]) : NULL;
	if (schema == NULL) {
		fputs("usage: confdoc <PAGE.scd | confdoc --names "
		      "director|agent|peers|clusteradm\n",
		      stderr);
		return 2;
	}
	print_names(schema->rows, "");
	return fflush(stdout) != 0;
}
