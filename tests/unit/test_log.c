/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LINE   2048

/* The last line that was written, and how many. */
struct sink {
	unsigned int n;
	enum log_level level;
	enum log_group group;
	char line[MAX_LINE];
};

static void keep(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	struct sink *sink = ctx;

	sink->n++;
	sink->level = level;
	sink->group = group;
	snprintf(sink->line, sizeof(sink->line), "%s", line);
}

static void test_levels(void **state)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
						 LOG_LEVEL_DEBUG };

	(void)state;
	for (size_t i = 0; i < LEN(levels); i++) {
		struct sink sink = { .n = 0 };
		const struct logger lg = { levels[i], keep, &sink };

		log_error(&lg, LG_IKE, "%d", 1);
		assert_int_equal(sink.level, LOG_LEVEL_ERROR);
		log_warn(&lg, LG_IKE, "%d", 2);
		log_info(&lg, LG_IKE, "%d", 3);
		log_debug(&lg, LG_IKE, "%d", 4);
		assert_int_equal(sink.n, i + 1);
		assert_int_equal(sink.level, levels[i]);
		assert_int_equal(sink.group, LG_IKE);
		assert_int_equal(sink.line[0], '1' + (int)i);
	}
	log_error(NULL, LG_IKE, "nobody hears");
}

static void test_names(void **state)
{
	enum log_level level;

	(void)state;
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		level = LOG_LEVEL_ERROR;
		assert_true(log_level_parse(log_level_name((enum log_level)i), &level));
		assert_int_equal(level, i);
	}
	level = LOG_LEVEL_WARN;
	assert_false(log_level_parse("", &level));
	assert_false(log_level_parse("Info", &level));
	assert_false(log_level_parse("infos", &level));
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_string_equal(log_level_name((enum log_level)4), "?");
	assert_string_equal(log_group_name(LG_MAIN), "main");
	assert_string_equal(log_group_name(LG_STORE), "store");
	assert_string_equal(log_group_name((enum log_group)99), "?");
}

static void test_a_line_stays_a_line(void **state)
{
	struct sink sink;
	const struct logger lg = { LOG_LEVEL_DEBUG, keep, &sink };
	char long_text[MAX_LINE];

	(void)state;
	log_info(&lg, LG_IKE, "peer %s", "a\nb\r\x1b[31m\x7f\t~ \xc3\xbc\xc2\x9b");
	assert_string_equal(sink.line, "peer a?b??[31m??~ ????");
	log_info(&lg, LG_IKE, "%s", "");
	assert_string_equal(sink.line, "");
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	log_info(&lg, LG_IKE, "%s", long_text);
	assert_int_equal(strlen(sink.line), 1023);
}

/* What log_stderr() writes while standard error is a file and JOURNAL_STREAM names this inode. */
static const char *write_to_file(bool is_journal, const char *program, char out[MAX_LINE])
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char stream[64];
	struct logger lg;
	struct stat st;
	size_t len;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino + (is_journal ? 0 : 1));
	setenv("JOURNAL_STREAM", stream, 1);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	lg = log_stderr(LOG_LEVEL_INFO, program);
	log_warn(&lg, LG_KEEPER, "line %d", 1);
	log_debug(&lg, LG_KEEPER, "not shown");
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	unsetenv("JOURNAL_STREAM");
	rewind(file);
	len = fread(out, 1, MAX_LINE - 1, file);
	out[len] = '\0';
	fclose(file);
	return out;
}

static void test_standard_error(void **state)
{
	char out[MAX_LINE];
	int year, length;

	(void)state;
	write_to_file(false, "waypost-agent", out);
	assert_int_equal(sscanf(out, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ%n", &year, &length), 1);
	assert_int_equal(length, 24);
	assert_string_equal(out + length, " warn  waypost-agent keeper: line 1\n");
	write_to_file(false, NULL, out);
	assert_string_equal(out + length, " warn  keeper: line 1\n");
	assert_string_equal(write_to_file(true, "waypost-agent", out), "<4>keeper: line 1\n");
}

static void test_no_journal(void **state)
{
	struct logger plain, odd;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	plain = log_stderr(LOG_LEVEL_INFO, NULL);
	setenv("JOURNAL_STREAM", "no numbers", 1);
	odd = log_stderr(LOG_LEVEL_INFO, NULL);
	unsetenv("JOURNAL_STREAM");
	assert_true(plain.write == odd.write);
}

/* Nobody reads the pipe: lines are lost, nothing waits, and it is said afterwards. */
static void test_reader_that_hangs(void **state)
{
	static char out[1 << 20];
	int saved = dup(STDERR_FILENO), fds[2];
	struct logger lg;
	ssize_t len;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fflush(stderr);
	dup2(fds[1], STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	lg = log_stderr(LOG_LEVEL_INFO, NULL);
	alarm(20);
	for (int i = 0; i < 20000; i++)
		log_info(&lg, LG_IKE, "line %d", i);
	alarm(0);
	len = read(fds[0], out, sizeof(out) - 1);
	log_info(&lg, LG_IKE, "the last line");
	dup2(saved, STDERR_FILENO);
	assert_true(len > 0);
	len = read(fds[0], out, sizeof(out) - 1);
	assert_true(len > 0);
	out[len] = '\0';
	assert_non_null(strstr(out, "lines were lost"));
	assert_non_null(strstr(out, "the last line"));
	close(saved);
	close(fds[0]);
	close(fds[1]);
}

struct limit_step {
	uint64_t now_ms;
	bool is_allowed;
	uint64_t suppressed; /* reported if it is allowed */
};

static void run_limit(struct log_limit limit, const struct limit_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t suppressed = 77;
		bool is_allowed = log_limit_is_allowed(&limit, steps[i].now_ms, &suppressed);

		if (is_allowed != steps[i].is_allowed)
			fail_msg("step %zu: allowed %d", i, is_allowed);
		assert_int_equal(suppressed, is_allowed ? steps[i].suppressed : 77);
	}
}

static void test_limit(void **state)
{
	static const struct limit_step steps[] = {
		{ 5000, true, 0 },  { 5000, true, 0 },   { 5000, false, 0 }, { 5999, false, 0 },
		{ 6000, true, 2 },  { 6001, false, 0 },  { 7999, true, 1 }, /* 2000 ms: one more */
		{ 7999, false, 0 }, { 8000, true, 1 },   { 8001, false, 0 }, { 99000, true, 1 },
		{ 99000, true, 0 }, { 99000, false, 0 },
	};

	(void)state;
	run_limit((struct log_limit){ .burst = 2, .interval_ms = 1000 }, steps, LEN(steps));
}

/* A simulation's clock begins at 0; nobody's clock goes back, but nothing may break if it does. */
static void test_limit_of_odd_clocks(void **state)
{
	static const struct limit_step from_zero[] = {
		{ 0, true, 0 },    { 0, false, 0 },   { 0, false, 0 },
		{ 999, false, 0 }, { 1000, true, 3 }, { 1000, false, 0 },
	};
	static const struct limit_step backwards[] = {
		{ 5000, true, 0 },
		{ 4000, false, 0 },
		{ 5999, false, 0 },
		{ 6000, true, 2 },
	};
	/* it was full from 1000 on: what comes at 1999 is regained at 2999 */
	static const struct limit_step full[] = {
		{ 0, true, 0 },
		{ 1999, true, 0 },
		{ 2998, false, 0 },
		{ 2999, true, 1 },
	};
	static const struct limit_step far[] = {
		{ 1, true, 0 },
		{ UINT64_MAX, true, 0 },
		{ UINT64_MAX, false, 0 },
	};

	(void)state;
	run_limit((struct log_limit){ .burst = 1, .interval_ms = 1000 }, from_zero, LEN(from_zero));
	run_limit((struct log_limit){ .burst = 1, .interval_ms = 1000 }, backwards, LEN(backwards));
	run_limit((struct log_limit){ .burst = 1, .interval_ms = 1000 }, full, LEN(full));
	run_limit((struct log_limit){ .burst = 1, .interval_ms = 1 }, far, LEN(far));
}

static void test_limit_of_odd_rates(void **state)
{
	static const struct limit_step burst_only[] = {
		{ 1, true, 0 },
		{ 1000000, false, 0 },
	};
	static const struct limit_step never[] = { { 1, false, 0 }, { 1000000, false, 0 } };

	(void)state;
	run_limit((struct log_limit){ .burst = 1 }, burst_only, LEN(burst_only));
	run_limit((struct log_limit){ .interval_ms = 1 }, never, LEN(never));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_a_line_stays_a_line),
		cmocka_unit_test(test_standard_error),
		cmocka_unit_test(test_no_journal),
		cmocka_unit_test(test_reader_that_hangs),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_of_odd_clocks),
		cmocka_unit_test(test_limit_of_odd_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
