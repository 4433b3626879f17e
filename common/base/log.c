/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE_MAX_LEN 1024

const char *log_group_name(enum log_group group)
{
#define GROUP_CASE(name, text) \
	case LG_##name:        \
		return text;
	switch (group) {
		LOG_GROUPS(GROUP_CASE)
	}
#undef GROUP_CASE
	return "?";
}

static const char *const level_names[] = { "error", "warn", "info", "debug" };
#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

const char *log_level_name(enum log_level level)
{
	return (size_t)level < LEVELS ? level_names[level] : "?";
}

bool log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < LEVELS; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static void write_plain(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	const char *program = ctx;
	struct timespec now;
	struct tm tm;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03ldZ %-5s %s%s%s: %s\n", stamp, now.tv_nsec / 1000000,
		log_level_name(level), program != NULL ? program : "", program != NULL ? " " : "",
		log_group_name(group), line);
}

static void write_journal(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	static const int syslog_levels[] = { 3, 4, 6, 7 };

	(void)ctx;
	fprintf(stderr, "<%d>%s: %s\n", syslog_levels[level], log_group_name(group), line);
}

struct logger log_stderr(enum log_level level, const char *program)
{
	bool is_journal = getenv("JOURNAL_STREAM") != NULL;

	return (struct logger){ level, is_journal ? write_journal : write_plain,
				(void *)(uintptr_t)program };
}

void log_write(const struct logger *lg, enum log_level level, enum log_group group, const char *fmt,
	       ...)
{
	char line[LINE_MAX_LEN];
	va_list args;

	if (lg == NULL || level > lg->level)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	/* One event, one line, whatever text it carries: nobody forges entries or colours. */
	for (char *c = line; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	lg->write(lg->ctx, level, group, line);
}

bool log_limit_is_allowed(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed)
{
	uint64_t gained;

	if (limit->last_ms == 0) {
		limit->tokens = limit->burst;
		limit->last_ms = now_ms;
	}
	gained = limit->interval_ms > 0 ? (now_ms - limit->last_ms) / limit->interval_ms : 0;
	if (gained > 0) {
		limit->tokens = gained >= limit->burst - limit->tokens
				    ? limit->burst
				    : limit->tokens + (uint32_t)gained;
		limit->last_ms = now_ms;
	}
	if (limit->tokens == 0) {
		limit->suppressed++;
		return false;
	}
	limit->tokens--;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
