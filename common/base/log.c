/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

static void put_plain(void *ctx, enum log_level level, enum log_group group, const char *line)
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

static void put_journal(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	static const int syslog_levels[] = { 3, 4, 6, 7 };

	(void)ctx;
	fprintf(stderr, "<%d>%s: %s\n", syslog_levels[level], log_group_name(group), line);
}

typedef void put_fn(void *ctx, enum log_level level, enum log_group group, const char *line);

static bool has_stderr_room(void)
{
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0;
}

/*
 * A reader of standard error that hangs must not hold up a program whose addresses go when it is
 * silent: then lines are lost, and the next one that is not says how many. Threads share the count.
 */
static void put_unless_blocked(put_fn *put, void *ctx, enum log_level level, enum log_group group,
			       const char *line)
{
	static atomic_uint_fast64_t lost;
	char text[64];
	uint64_t n;

	if (!has_stderr_room()) {
		atomic_fetch_add(&lost, 1);
		return;
	}
	n = atomic_exchange(&lost, 0);
	if (n > 0) {
		snprintf(text, sizeof(text), "%" PRIu64 " lines were lost: nobody read them", n);
		put(ctx, LOG_LEVEL_WARN, LG_MAIN, text);
	}
	if (has_stderr_room())
		put(ctx, level, group, line);
	else
		atomic_fetch_add(&lost, 1);
}

static void write_plain(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	put_unless_blocked(put_plain, ctx, level, group, line);
}

static void write_journal(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	put_unless_blocked(put_journal, ctx, level, group, line);
}

/* The variable alone says nothing: it is inherited by programs whose output goes elsewhere. */
static bool is_stderr_the_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM"); /* "device:inode" */
	unsigned long long device, inode;
	struct stat st;

	/* NOLINTNEXTLINE(cert-err34-c): numbers that do not fit name no file of ours */
	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

struct logger log_stderr(enum log_level level, const char *program)
{
	return (struct logger){ level, is_stderr_the_journal() ? write_journal : write_plain,
				(void *)(uintptr_t)program };
}

void log_write(const struct logger *lg, enum log_level level, enum log_group group, const char *fmt,
	       ...)
{
	char line[LINE_MAX_LEN] = "";
	va_list args;

	if (lg == NULL || level > lg->level)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	/* One event, one line, whatever text it carries: nobody forges entries or colours. */
	for (char *c = line; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	lg->write(lg->ctx, level, group, line);
}

/* Lines are counted from when the bucket was full, so that the zero value is a full one. */
bool log_limit_is_allowed(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed)
{
	uint64_t regained = 0;

	if (limit->interval_ms > 0 && now_ms > limit->last_ms)
		regained = (now_ms - limit->last_ms) / limit->interval_ms;
	if (regained >= limit->spent) {
		limit->spent = 0;
		limit->last_ms = now_ms;
	} else {
		limit->spent -= (uint32_t)regained;
		limit->last_ms += regained * limit->interval_ms;
	}
	if (limit->spent >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->spent++;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
