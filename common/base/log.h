/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include "common/base/bytes.h"

/*
 * Logging through an object that is handed down, never through a global. One line per state change
 * at INFO (who, old -> new, why), packet detail at DEBUG. What an unauthenticated sender can
 * provoke stays at DEBUG, or goes through a log_limit. No key, ticket or PSK octets at any level.
 */
enum log_level {
	LOG_LEVEL_ERROR, /* something that the operator must mend */
	LOG_LEVEL_WARN,  /* works on, but not as it should */
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Where in the program a line comes from; shown, and can be filtered by. */
#define LOG_GROUPS(X)                                                \
	X(MAIN, "main")       /* start, stop, configuration */       \
	X(IKE, "ike")         /* exchanges and SAs */                \
	X(ESP, "esp")         /* data plane */                       \
	X(CONTROL, "control") /* between director and agents */      \
	X(MEMBER, "member")   /* the director's registry */          \
	X(FRONT, "front")     /* redirect front end */               \
	X(KEEPER, "keeper")   /* addresses, routes, announcements */ \
	X(API, "api")         /* HTTP */                             \
	X(STORE, "store")

#define LOG_ENUMERATOR(name, text) LG_##name,
enum log_group {
	LOG_GROUPS(LOG_ENUMERATOR)
};
#undef LOG_ENUMERATOR

struct logger {
	enum log_level level; /* lines above it are dropped before they are formatted */
	void (*write)(void *ctx, enum log_level level, enum log_group group, const char *line);
	void *ctx;
};

const char *log_group_name(enum log_group group);
const char *log_level_name(enum log_level level);

/* Returns false if text names no level. */
bool log_level_parse(const char *text, enum log_level *out);

/*
 * A logger to standard error: "TIME LEVEL group: line", or with the prefixes "<3>" that journald
 * understands and without the time when standard error is the journal (JOURNAL_STREAM is set).
 * program appears in front of each line when not NULL; it is borrowed. Never waits: while whoever
 * reads standard error does not, lines are lost and counted.
 */
struct logger log_stderr(enum log_level level, const char *program);

/*
 * lg may be NULL: then nothing happens. Lines are printable ASCII of at most 1023 octets: other
 * octets become '?', the rest is cut.
 */
__attribute__((format(printf, 4, 5))) void log_write(const struct logger *lg, enum log_level level,
						     enum log_group group, const char *fmt, ...);

#define log_error(lg, group, ...) log_write(lg, LOG_LEVEL_ERROR, group, __VA_ARGS__)
#define log_warn(lg, group, ...)  log_write(lg, LOG_LEVEL_WARN, group, __VA_ARGS__)
#define log_info(lg, group, ...)  log_write(lg, LOG_LEVEL_INFO, group, __VA_ARGS__)
#define log_debug(lg, group, ...) log_write(lg, LOG_LEVEL_DEBUG, group, __VA_ARGS__)

/*
 * A token bucket for lines that strangers can provoke: burst lines at once, then one each
 * interval_ms (0: no more, ever). is_allowed counts what it suppresses; suppressed is reset and
 * reported by the next line that passes. Set the first two fields and leave the others 0.
 */
struct log_limit {
	uint32_t burst;
	uint32_t interval_ms;
	uint32_t spent;   /* lines written and not yet regained */
	uint64_t last_ms; /* when the last one was regained */
	uint64_t suppressed;
};

/* Returns true if a line may be written now; then *suppressed says how many were not since. */
bool log_limit_is_allowed(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed);

#endif
