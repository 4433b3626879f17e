/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "cli/conf.h"
#include "common/conf/types.h"
#include "director/conf.h"
#include "tests/lib/conf_sink.h"

/* ---- files, in a folder of their own ---- */

static char folder[] = "/tmp/test_conf_XXXXXX";
static char start_folder[4096];

static int make_folder(void **state)
{
	(void)state;
	if (getcwd(start_folder, sizeof(start_folder)) == NULL || mkdtemp(folder) == NULL)
		return -1;
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "f.yaml", "peers.yaml", "agent.yaml", "pipe", "link" };
	int err = chdir(folder);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	return err == 0 && chdir(start_folder) == 0 ? rmdir(folder) : -1;
}

static char *path_to(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	char *path = path_to(name);
	FILE *file;

	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

/* Loads and expects failure with just this said, after the path. */
static void expect_refused(const char *path, int want, const char *said)
{
	struct clusteradm_conf *conf = NULL;
	struct conf_sink sink;
	struct conf_errors errs = conf_sink_start(&sink);
	int err = clusteradm_conf_load(path, &errs, &conf);

	if (err != want || strncmp(sink.text, path, strlen(path)) != 0 ||
	    strcmp(sink.text + strlen(path), said) != 0)
		fail_msg("%s: got %d, %s", path, err, sink.text);
	assert_null(conf);
}

static void test_what_is_no_file(void **state)
{
	char *pipe_path = path_to("pipe"), *below = path_to("none/f.yaml");

	(void)state;
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	expect_refused("/nonexistent", ERR_IO, ": cannot be read: No such file or directory");
	expect_refused(below, ERR_IO, ": cannot be read: No such file or directory");
	expect_refused("", ERR_IO, ": cannot be read: No such file or directory");
	expect_refused(folder, ERR_IO, ": is a folder, not a file");
	expect_refused(pipe_path, ERR_IO, ": is a device or a pipe, not a file");
	expect_refused("/dev/zero", ERR_IO, ": is a device or a pipe, not a file");
	free(pipe_path);
	free(below);
}

static void test_size_of_file_is_limited(void **state)
{
	size_t size = clusteradm_conf_schema.file.max_size;
	char *text = malloc(size + 1), *path = path_to("f.yaml");

	(void)state;
	memset(text, '#', size + 1);
	write_file("f.yaml", text, size, 0600);
	expect_refused(path, ERR_CONFIG, ":1:1: there is nothing in this file");
	write_file("f.yaml", text, size + 1, 0600);
	expect_refused(path, ERR_IO, ": is bigger than 64 KiB");
	free(path);
	free(text);
}

/* A file that opens but does not read, also for root. */
static void test_unreadable_file(void **state)
{
	(void)state;
	expect_refused("/proc/self/mem", ERR_IO, ": cannot be read: Input/output error");
}

/* Relative names in a file do not depend on where the program was started, or how it was named. */
static void test_relative_paths(void **state)
{
	static const char text[] = "director: {address: '192.0.2.10:7400', name: d1}\n"
				   "tls: {ca: pki/a, certificate: ../b, key: /c}\n";
	struct clusteradm_conf *conf;
	struct conf_sink sink;
	struct conf_errors errs = conf_sink_start(&sink);
	char *want = path_to("pki/a");

	(void)state;
	write_file("f.yaml", text, strlen(text), 0644);
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(clusteradm_conf_load("f.yaml", &errs, &conf), 0);
	assert_int_equal(chdir(start_folder), 0);
	assert_string_equal(conf->tls.ca, want);
	assert_string_equal(conf->tls.key, "/c");
	clusteradm_conf_free(conf);
	free(want);
}

/* ---- the peers file ---- */

static char *read_text(const char *path, size_t *len)
{
	struct conf_sink sink;
	struct conf_errors errs = conf_sink_start(&sink);
	struct conf_file_rules rules = { .max_size = 65536 };
	struct conf_file file;
	char *text;

	if (conf_file_read(path, &rules, &errs, &file) != 0)
		fail_msg("%s", sink.text);
	*len = file.source.text.len;
	text = malloc(*len + 1);
	memcpy(text, file.source.text.ptr, *len);
	conf_file_free(&file);
	return text;
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	size_t len;
	char *text = read_text(from, &len);

	write_file(to, text, len, mode);
	free(text);
}

static void test_mode_of_peers_file(void **state)
{
	static const struct {
		mode_t mode;
		bool is_fine;
	} cases[] = {
		{ 0600, true },  { 0640, true },  { 0400, true },  { 0700, true },
		{ 0650, true },  { 0644, false }, { 0602, false }, { 0601, false },
		{ 0660, false }, { 0620, false }, { 0604, false }, { 0777, false },
	};
	char *agent = path_to("agent.yaml"), *peers = path_to("peers.yaml"), *want;

	(void)state;
	copy_file("etc/agent.yaml", "agent.yaml", 0644);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct agent_conf *conf = NULL;
		struct conf_sink sink;
		struct conf_errors errs = conf_sink_start(&sink);
		int err;

		copy_file("etc/peers.yaml", "peers.yaml", cases[i].mode);
		err = agent_conf_load(agent, &errs, &conf);
		assert_int_equal(err, cases[i].is_fine ? 0 : ERR_CONFIG);
		assert_true(asprintf(&want,
				     "%s: holds secrets, but its mode is %04o: make it 0600, or "
				     "0640 to let its group read it",
				     peers, (unsigned int)cases[i].mode) > 0);
		assert_string_equal(sink.text, cases[i].is_fine ? "" : want);
		agent_conf_free(conf);
		free(want);
	}
	free(agent);
	free(peers);
}

static char *dump(const struct agent_conf *conf)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(agent_conf_dump(conf, out), 0);
	fclose(out);
	return text;
}

static void test_examples(void **state)
{
	static const struct {
		const char *path, *member;
	} cases[] = {
		{ "etc/agent.yaml", "m1" },
		{ "etc/demo/agent-m2.yaml", "m2" },
		{ "etc/demo/agent-m3.yaml", "m3" },
	};
	char *agent = path_to("agent.yaml");
	struct conf_sink sink;
	struct conf_errors errs = conf_sink_start(&sink);
	struct director_conf *director;
	struct clusteradm_conf *cli;

	(void)state;
	assert_int_equal(director_conf_load("etc/director.yaml", &errs, &director), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct director_conf_member *m =
		    director_conf_find_member(director, cases[i].member);
		struct agent_conf *conf, *again;
		char *first, *second;

		copy_file(cases[i].path, "agent.yaml", 0644);
		copy_file("etc/peers.yaml", "peers.yaml", 0600);
		if (agent_conf_load(agent, &errs, &conf) != 0)
			fail_msg("%s", sink.text);
		assert_string_equal(conf->member, cases[i].member);
		assert_true(ip_is_equal(&conf->home[0].address, &m->home[0]));
		assert_true(endpoint_is_equal(&conf->director.address, &director->control));
		assert_string_equal(conf->director.name, director->name);
		assert_int_equal(conf->peers->n_peers, 12);
		assert_non_null(peers_conf_find(conf->peers, "p12.peers.example.net"));
		first = dump(conf);
		write_file("agent.yaml", first, strlen(first), 0600);
		assert_int_equal(agent_conf_load(agent, &errs, &again), 0);
		second = dump(again);
		assert_string_equal(first, second);
		free(first);
		free(second);
		agent_conf_free(again);
		agent_conf_free(conf);
	}
	assert_int_equal(clusteradm_conf_load("etc/clusteradm.yaml", &errs, &cli), 0);
	assert_true(endpoint_is_equal(&cli->director.address, &director->control));
	clusteradm_conf_free(cli);
	director_conf_free(director);
	free(agent);
}

/* ---- the tables ---- */

static const struct conf_schema *const schemas[] = {
	&director_conf_schema,
	&agent_conf_schema,
	&peers_conf_schema,
	&clusteradm_conf_schema,
};

static void check_text_row(const struct conf_row *row)
{
	assert_int_equal(row->size, row->type->size);
	assert_non_null(row->type->parse);
	assert_non_null(row->type->format);
	assert_int_equal(row->choices != NULL, row->type == &conf_type_choice);
	if (row->type == &conf_type_uint || row->type == &conf_type_decimal)
		assert_true(row->min < row->max);
	assert_false(row->def != NULL && (row->flags & CONF_REQUIRED) != 0);
}

/* What the reader relies on: types and fields agree, optional mappings need nothing. */
static void check_rows(const struct conf_row *rows, bool is_optional)
{
	size_t n = 0;

	for (const struct conf_row *row = rows; row->name != NULL; row++) {
		assert_non_null(row->help);
		assert_true(strlen(row->name) <= 32);
		assert_false(is_optional && (row->flags & CONF_REQUIRED) != 0);
		if (row->is_list)
			assert_true(row->min_entries <= row->max_entries && row->max_entries > 0);
		if (row->type == &conf_type_map)
			check_rows(row->rows, !row->is_list && (row->flags & CONF_REQUIRED) == 0);
		else
			check_text_row(row);
		n++;
	}
	assert_true(n <= CONF_ROWS_MAX);
}

static void test_tables_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
		check_rows(schemas[i]->rows, false);
}

static void test_reference(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
		conf_describe(schemas[i], out);
	fclose(out);
	assert_non_null(strstr(text, "*front-end.rate-limit* (a whole number from 0 to 1000000, "
				     "answers per second; default: 100)\n\tLimit for each"));
	assert_non_null(strstr(text, "*timers.profile* (normal | fast; default: normal)\n"));
	assert_non_null(strstr(text, "*members[].home* (list, each an IP address; 1 to 8 entries; "
				     "required)\n"));
	assert_non_null(strstr(text, "*peers[].psk* (a secret text, or 0x and hex digits; "
				     "required; secret)\n"));
	assert_non_null(strstr(text, "in which \\* stands for any characters"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_no_file),
		cmocka_unit_test(test_size_of_file_is_limited),
		cmocka_unit_test(test_unreadable_file),
		cmocka_unit_test(test_relative_paths),
		cmocka_unit_test(test_mode_of_peers_file),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_tables_are_sound),
		cmocka_unit_test(test_reference),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
