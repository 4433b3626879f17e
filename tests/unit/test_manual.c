/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "cli/conf.h"
#include "director/conf.h"

/*
 * The manual pages of section 5 take their options from the schemas: each page has its mark, and
 * what is put there has every option. Rendered pages are checked by "make check-man".
 */
#define PATH_SIZE 160
#define PAGE_SIZE 65536

static const struct page {
	const char *file;
	const char *mark;
	const struct conf_schema *schema;
} pages[] = {
	{ "docs/man/waypost-director.yaml.5.scd", "\n@OPTIONS director@\n", &director_conf_schema },
	{ "docs/man/waypost-agent.yaml.5.scd", "\n@OPTIONS agent@\n", &agent_conf_schema },
	{ "docs/man/waypost-agent.yaml.5.scd", "\n@OPTIONS peers@\n", &peers_conf_schema },
	{ "docs/man/clusteradm.yaml.5.scd", "\n@OPTIONS clusteradm@\n", &clusteradm_conf_schema },
};

static void test_pages_have_their_mark(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char text[PAGE_SIZE];
		FILE *file = fopen(pages[i].file, "r");
		size_t len;

		assert_non_null(file);
		len = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
		text[len] = '\0';
		if (strstr(text, pages[i].mark) == NULL)
			fail_msg("%s has no line%s", pages[i].file, pages[i].mark);
	}
}

static void check_rows(const char *reference, const struct conf_row *rows, const char *parent)
{
	for (; rows->name != NULL; rows++) {
		char path[PATH_SIZE], line[PATH_SIZE + 8];

		snprintf(path, sizeof(path), "%s%s", parent, rows->name);
		snprintf(line, sizeof(line), "*%s* (", path);
		if (strstr(reference, line) == NULL)
			fail_msg("the reference has no %s", path);
		assert_non_null(rows->help);
		if (rows->rows == NULL)
			continue;
		snprintf(path, sizeof(path), "%s%s%s.", parent, rows->name,
			 rows->is_list ? "[]" : "");
		check_rows(reference, rows->rows, path);
	}
}

static void test_reference_has_every_option(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char *reference = NULL;
		size_t len;
		FILE *out = open_memstream(&reference, &len);

		assert_non_null(out);
		conf_describe(pages[i].schema, out);
		fclose(out);
		check_rows(reference, pages[i].schema->rows, "");
		free(reference);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_have_their_mark),
		cmocka_unit_test(test_reference_has_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
