/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TRACK_H
#define AGENT_TRACK_H

#include "common/base/ip.h"
#include "common/base/log.h"

/*
 * DOC: whether a member can do its job: what has to work, by what was found out about it. A pure
 * core; tracker.h is the shell that asks.
 *
 *                first good answer
 *   UNKNOWN --------------------------> UP <------------+
 *      |                                |               | good for hold_ms
 *      |        fails in a row          v               |
 *      +-----------------------------> DOWN ------> RETURNING
 *                                       ^   good answer |
 *                                       +---- any failure
 *
 * What has never been up is so with its first good answer.
 *
 * A member is able when everything is UP. It is not while something is UNKNOWN: a member that has
 * just been started takes no address that it may have to give up at once.
 */
#define TRACK_MAX     16
#define TRACK_WHY_MAX 192

enum track_kind {
	TRACK_INTERFACE,
	TRACK_PING,
	TRACK_SCRIPT,
};

struct track_entry {
	enum track_kind kind;
	const char *what; /* interface or script; borrowed */
	struct ip ip;     /* of PING */
	uint32_t interval_ms;
	uint32_t timeout_ms; /* of SCRIPT; a ping has until the next one */
	uint32_t fails;      /* not of INTERFACE, which is down at once */
	uint32_t hold_ms;
};

struct track_conf {
	size_t n;
	struct track_entry entries[TRACK_MAX];
};

enum track_action_type {
	TRACK_ASK,     /* send a ping, run a script; then track_answer() */
	TRACK_STOP,    /* kill the script; track_answer() once it has ended */
	TRACK_CHANGED, /* track_is_known() or track_is_able() */
};

struct track_action {
	enum track_action_type type;
	size_t index;
	uint16_t seq; /* of ASK, for its answer */
};

struct track;

/* conf is copied, lg is borrowed and may be NULL. NULL when out of memory. */
struct track *track_new(const struct track_conf *conf, const struct logger *lg);
void track_free(struct track *t); /* NULL is fine */

/* From now on it asks. After this and each of the next three drain track_next_action(). */
void track_start(struct track *t, uint64_t now_ms);

/* The state of an INTERFACE; why if it is not up. */
void track_link(struct track *t, uint64_t now_ms, size_t index, bool is_up, const char *why);

/* To an ASK; why if it is no good one. Late and strange ones are ignored. */
void track_answer(struct track *t, uint64_t now_ms, size_t index, uint16_t seq, bool is_good,
		  const char *why);

uint64_t track_next_expiry(const struct track *t); /* UINT64_MAX: nothing to wait for */
void track_expire(struct track *t, uint64_t now_ms);

bool track_next_action(struct track *t, struct track_action *out);

/* True once everything was judged. */
bool track_is_known(const struct track *t);
bool track_is_able(const struct track *t);
/* Why it is not able; "" if it is. Borrowed until the next call. */
const char *track_why(const struct track *t);

#endif
