/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/conf.h"
#include "common/conf/glob.h"
#include "common/conf/near.h"
#include "common/conf/tree.h"
#include "director/conf.h"
#include "tests/lib/conf_sink.h"

#define TLS      "tls: {ca: a, certificate: b, key: c}\n"
#define TAGGED   "f:1:6: tags are not supported; a text that begins with '!' needs quotes"
#define DIRECTOR "director: {address: '192.0.2.10:7400', name: d1}\n"

/* Texts that are no good before any option is looked at, or by their shape. */
static const struct bad_case {
	const char *name;
	const char *text;
	size_t len; /* 0: strlen */
	const char *errors;
} bad_cases[] = {
	{ "empty", "", 0, "f:1:1: there is nothing in this file" },
	{ "comment", "# nothing\n", 0, "f:1:1: there is nothing in this file" },
	{ "UTF-8 mark", "\xef\xbb\xbf" TLS, 0,
	  "f:1:1: a byte order mark; save the file as UTF-8 without one" },
	{ "UTF-16 mark", "\xff\xfet\0l\0", 6,
	  "f:1:1: a byte order mark; save the file as UTF-8 without one" },
	{ "UTF-16", "t\0l\0s\0", 6,
	  "f:1:2: this is not plain UTF-8 text: control characters are not allowed" },
	{ "ELF",
	  "\x7f"
	  "ELF",
	  0, "f:1:1: this is not plain UTF-8 text: control characters are not allowed" },
	{ "gzip", "\x1f\x8b\x08", 0,
	  "f:1:1: this is not plain UTF-8 text: control characters are not allowed" },
	{ "Latin-1", TLS "# caf\xe9 \n", 0,
	  "f:2:7: this is not plain UTF-8 text: invalid trailing UTF-8 octet" },
	{ "cut UTF-8", "# \xc3\xa9 \xc3", 0,
	  "f:1:5: this is not plain UTF-8 text: incomplete UTF-8 octet sequence" },
	{ "text", "hello\n", 0, "f:1:1: the file must be a mapping of keys to values" },
	{ "list", "- a\n- b\n", 0, "f:1:1: the file must be a mapping of keys to values" },
	{ "two documents", TLS DIRECTOR "---\n" TLS, 0,
	  "f:3:1: a second YAML document begins here; only one is allowed" },
	{ "open list", TLS "director: [a\n", 0,
	  "f:3:1: did not find expected ',' or ']' while parsing a flow sequence begun in line "
	  "2" },
	{ "open quote", TLS "director: \"a\n", 0,
	  "f:3:1: found unexpected end of stream while scanning a quoted scalar begun in line 2" },
	{ "tab", "tls:\n\tca: a\n", 0,
	  "f:2:1: a tab where blanks are needed, or a text that needs quotes" },
	{ "backquote", "tls: {ca: `a}\n", 0,
	  "f:1:11: a tab where blanks are needed, or a text that needs quotes" },
	{ "indent", "tls:\n  ca: a\n certificate: b\n", 0,
	  "f:3:2: did not find expected key while parsing a block mapping begun in line 1" },
	{ "no colon", "tls\nca: a\n", 0, "f:2:3: mapping values are not allowed in this context" },
	{ "alias inside itself", "tls: &t {ca: *t}\n", 0,
	  "f:1:14: an alias inside of what it stands for" },
	{ "alias of nothing", "tls: *t\n", 0,
	  "f:1:6: an alias without its anchor; a text that begins with '*' needs quotes" },
	{ "tag on a text", "tls: !foo bar\n", 0, TAGGED },
	{ "tag on a map", "tls: !!map {ca: a}\n", 0, TAGGED },
	{ "tag on a list", "tls: !!seq [a]\n", 0, TAGGED },
	{ "merge key", "x: &x {ca: a}\ntls:\n  <<: *x\n  certificate: b\n  key: c\n" DIRECTOR, 0,
	  "f:1:1: unknown key 'x', known are director, tls\n"
	  "f:3:3: unknown key '<<' in 'tls', known are ca, certificate, key\n"
	  "f:3:3: 'ca' is missing from 'tls'" },
	{ "terminal escape", "\"\\e[2J\\u009b\": 1\n" TLS DIRECTOR, 0,
	  "f:1:1: unknown key '?[2J\?\?', known are director, tls" },
	{ "17 levels", "[[[[[[[[[[[[[[[[[", 0,
	  "f:1:17: more than 16 levels of lists and mappings" },
	{ "key with NUL", "\"tl\\0s\": a\n", 0, "f:1:1: a text with a NUL character in it" },
};

static int parse(const char *text, size_t len, struct conf_sink *sink, struct clusteradm_conf **out)
{
	struct conf_source source = conf_sink_source("");
	struct conf_errors errs = conf_sink_start(sink);

	source.text = (struct bytes){ (const uint8_t *)text, len != 0 ? len : strlen(text) };
	return clusteradm_conf_parse(&source, &errs, out);
}

static void test_bad_texts(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		const struct bad_case *c = &bad_cases[i];
		struct clusteradm_conf *conf = NULL;
		struct conf_sink sink;
		int err = parse(c->text, c->len, &sink, &conf);

		if (err != ERR_CONFIG || strcmp(sink.text, c->errors) != 0 || conf != NULL) {
			print_error("%s: got %d\n%s\nwant\n%s\n", c->name, err, sink.text,
				    c->errors);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static const char *const good_texts[] = {
	TLS DIRECTOR,
	"---\n" TLS DIRECTOR "...\n",
	"%YAML 1.1\n---\n" TLS DIRECTOR,
	"# caf\xc3\xa9\r\n" TLS DIRECTOR,
	"tls: {ca: &p a, certificate: *p, key: *p}\n" DIRECTOR,
	"{\"tls\": {\"ca\": \"a\", \"certificate\": \"b\", \"key\": \"c\"},\n"
	" \"director\": {\"address\": \"192.0.2.10:7400\", \"name\": \"d1\"}}\n",
};

static void test_good_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_texts) / sizeof(good_texts[0]); i++) {
		struct clusteradm_conf *conf;
		struct conf_sink sink;

		if (parse(good_texts[i], 0, &sink, &conf) != 0)
			fail_msg("%s: %s", good_texts[i], sink.text);
		assert_string_equal(conf->tls.ca, "/etc/w/a");
		assert_string_equal(conf->director.name, "d1");
		clusteradm_conf_free(conf);
	}
}

/* Every prefix of a good text is an error with a message, or good; nothing leaks or crashes. */
static void test_every_cut(void **state)
{
	static const char text[] = "tls: {ca: \"\\x41\", certificate: &x 'b', key: *x}\n" DIRECTOR;

	(void)state;
	for (size_t len = 1; len < sizeof(text); len++) {
		char *copy = malloc(len);
		struct clusteradm_conf *conf = NULL;
		struct conf_sink sink;

		memcpy(copy, text, len);
		if (parse(copy, len, &sink, &conf) == 0)
			assert_string_equal(sink.text, "");
		else
			assert_true(strncmp(sink.text, "f:", 2) == 0);
		clusteradm_conf_free(conf);
		free(copy);
	}
}

static int build_tree(const char *text, size_t max_nodes, struct conf_sink *sink)
{
	struct conf_source source = conf_sink_source(text);
	struct conf_errors errs = conf_sink_start(sink);
	struct conf_tree *tree;
	int err = conf_tree_parse(&source, max_nodes, &errs, &tree);

	if (err == 0)
		conf_tree_free(tree);
	return err;
}

/* Nine levels of nine aliases each would be 387 million values, were they walked. */
static void test_aliases_cost_one_node(void **state)
{
	char text[2048] = "a0: &a0 [x]\n";
	struct conf_sink sink;

	(void)state;
	for (int i = 1; i <= 9; i++) {
		char line[128];

		snprintf(line, sizeof(line),
			 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,"
			 "*a%d]\n",
			 i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
		strcat(text, line);
	}
	assert_int_equal(build_tree(text, 1000, &sink), 0);
}

static void test_number_of_nodes_is_limited(void **state)
{
	struct conf_sink sink;

	(void)state;
	assert_int_equal(build_tree("a: [1, 2, 3]\n", 6, &sink), 0);
	assert_int_equal(build_tree("a: [1, 2, 3]\n", 5, &sink), ERR_CONFIG);
	assert_string_equal(sink.text, "f:1:11: more than 5 values");
}

static void test_number_of_anchors_is_limited(void **state)
{
	char text[1024] = "a: [";
	struct conf_sink sink;

	(void)state;
	for (int i = 0; i < CONF_ANCHORS_MAX; i++)
		sprintf(text + strlen(text), "&x%d 1,", i);
	assert_int_equal(build_tree(strcat(text, "]"), 1000, &sink), 0);
	text[strlen(text) - 1] = '\0';
	assert_int_equal(build_tree(strcat(text, "&x 1]"), 1000, &sink), ERR_CONFIG);
	assert_string_equal(strchr(sink.text, ' '), " more than 64 anchors");
}

/* What aliases stand for is counted when it is read, so a small file cannot become a big struct. */
static void test_values_behind_aliases_are_limited(void **state)
{
	char *text = malloc(1024 * 1024);
	struct conf_schema schema = director_conf_schema;
	struct conf_sink sink;
	struct conf_source source;
	struct conf_errors errs = conf_sink_start(&sink);
	void *conf = NULL;

	(void)state;
	strcpy(text, "pins:\n- &p {prefix: 10.0.0.0/8, member: m1}\n");
	for (int i = 0; i < 100; i++)
		strcat(text, "- *p\n");
	source = conf_sink_source(text);
	schema.max_values = 120;
	assert_int_equal(conf_load(&schema, &source, NULL, &errs, &conf), ERR_CONFIG);
	assert_string_equal(sink.text, "f:2:3: too many values, counting what aliases stand for");
	assert_null(conf);
	free(text);
}

static void test_number_of_messages_is_limited(void **state)
{
	char text[1024] = "";
	struct clusteradm_conf *conf = NULL;
	struct conf_sink sink;
	size_t lines = 1;

	(void)state;
	for (int i = 0; i < 50; i++)
		sprintf(text + strlen(text), "bad-%d: 1\n", i);
	assert_int_equal(parse(text, 0, &sink, &conf), ERR_CONFIG);
	for (const char *p = sink.text; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, CONF_ERRORS_MAX + 1);
	assert_string_equal(strrchr(sink.text, '\n') + 1, "f: there are more mistakes, not shown");
}

/* A sink that says nothing any more must not let a half-read configuration through. */
static void test_full_sink_refuses_everything(void **state)
{
	struct conf_source source = conf_sink_source(TLS DIRECTOR);
	struct clusteradm_conf *conf = NULL;
	struct conf_sink sink;
	struct conf_errors errs = conf_sink_start(&sink);

	(void)state;
	errs.n = CONF_ERRORS_MAX + 1;
	assert_int_equal(clusteradm_conf_parse(&source, &errs, &conf), ERR_CONFIG);
	assert_null(conf);
	assert_string_equal(sink.text, "");
}

/* Names of files are where texts can hold nearly anything. */
static void test_odd_texts_survive_a_dump(void **state)
{
	static const char *const names[] = {
		"\"/a b\"", "'/it''s: #1'", "\"/caf\\xe9 \\u2028\\x85\\t\\n\\\\\"",
		"'/true'",  "\"/\\e[2J\"",  "'/*x'",
		"'/- x'",   "'/ '",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = conf_sink_replace(TLS DIRECTOR, "ca: a", "ca: @");
		char *odd = conf_sink_replace(text, "@", names[i]), *dumped = NULL;
		struct clusteradm_conf *conf, *again;
		struct conf_sink sink;
		size_t size;
		FILE *out = open_memstream(&dumped, &size);

		assert_int_equal(parse(odd, 0, &sink, &conf), 0);
		assert_int_equal(clusteradm_conf_dump(conf, out), 0);
		fclose(out);
		assert_int_equal(parse(dumped, 0, &sink, &again), 0);
		assert_string_equal(conf->tls.ca, again->tls.ca);
		clusteradm_conf_free(again);
		clusteradm_conf_free(conf);
		free(dumped);
		free(odd);
		free(text);
	}
}

static void test_globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool is_match;
	} cases[] = {
		{ "*", "", true },
		{ "*", "anything", true },
		{ "a", "a", true },
		{ "a", "A", true },
		{ "a", "ab", false },
		{ "ab", "a", false },
		{ "*.peers.example.net", "p1.peers.example.net", true },
		{ "*.peers.example.net", "a.b.PEERS.example.net", true },
		{ "*.peers.example.net", "peers.example.net", false },
		{ "*.peers.example.net", "p1.peers.example.net.evil", false },
		{ "*@example.net", "joe@example.net", true },
		{ "a*b*c", "a-b-b-c", true },
		{ "a*b*c", "a-c-b", false },
		{ "**a", "bca", true },
		{ "a**", "a", true },
		{ "", "", true },
		{ "", "a", false },
		{ "[a]", "a", false },
		{ "a*aaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (glob_is_match(cases[i].pattern, cases[i].text) != cases[i].is_match)
			fail_msg("%s, %s", cases[i].pattern, cases[i].text);
	}
}

static void test_near_names(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "timer", "timers" },
		{ "cluter", "cluster" },
		{ "clutser", "cluster" },
		{ "nmae", "name" },
		{ "front_end", "front-end" },
		{ "front", "front-end" },
		{ "Pins", "pins" },
		{ "member", "members" },
		{ "listenn", "listen" },
		{ "zone", NULL },
		{ "", NULL },
		{ "x", NULL },
		{ "a-very-long-key-that-is-nothing-like-any", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct conf_row *row =
		    conf_row_near(director_conf_schema.rows, cases[i].text);
		const char *name = row != NULL ? row->name : "none";

		if (strcmp(name, cases[i].name != NULL ? cases[i].name : "none") != 0)
			fail_msg("%s: %s", cases[i].text, name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_good_texts),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_aliases_cost_one_node),
		cmocka_unit_test(test_number_of_nodes_is_limited),
		cmocka_unit_test(test_number_of_anchors_is_limited),
		cmocka_unit_test(test_values_behind_aliases_are_limited),
		cmocka_unit_test(test_number_of_messages_is_limited),
		cmocka_unit_test(test_full_sink_refuses_everything),
		cmocka_unit_test(test_odd_texts_survive_a_dump),
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_near_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
