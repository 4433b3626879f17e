/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/track/track.h"

#include <stdio.h>
#include <stdlib.h>

/* An entry has at most one ASK and one STOP under way, and changes are one. */
#define ACTIONS_MAX (2 * TRACK_MAX + 1)

enum state {
	UNKNOWN,
	UP,
	DOWN,
	RETURNING,
};

struct entry {
	struct track_entry conf;
	enum state state;
	bool has_been_up;
	uint32_t failures;
	uint64_t back_ms; /* RETURNING: it is up from then on */
	uint16_t seq;
	bool is_asked;   /* an answer is to come */
	bool is_stopped; /* SCRIPT: killed, its end is to come */
	uint64_t asked_ms;
	uint64_t due_ms; /* when it is asked next, or has not answered; UINT64_MAX: never */
	char why[TRACK_WHY_MAX];
};

struct track {
	const struct logger *lg;
	size_t n;
	struct entry entries[TRACK_MAX];
	bool was_known, was_able; /* as last told */
	size_t first, count;
	struct track_action actions[ACTIONS_MAX]; /* a ring */
	char why[TRACK_WHY_MAX];
};

static const char *const state_names[] = { "unknown", "up", "down", "returning" };

/* ---- actions ---- */

static void push(struct track *t, enum track_action_type type, size_t index, uint16_t seq)
{
	if (t->count == ACTIONS_MAX)
		return;
	t->actions[(t->first + t->count) % ACTIONS_MAX] = (struct track_action){ type, index, seq };
	t->count++;
}

bool track_next_action(struct track *t, struct track_action *out)
{
	if (t->count == 0)
		return false;
	*out = t->actions[t->first];
	t->first = (t->first + 1) % ACTIONS_MAX;
	t->count--;
	return true;
}

/* ---- what is known ---- */

static const char *describe(const struct entry *e, char out[TRACK_WHY_MAX])
{
	char ip[IP_TEXT_MAX];

	switch (e->conf.kind) {
	case TRACK_INTERFACE:
		snprintf(out, TRACK_WHY_MAX, "interface %s", e->conf.what);
		break;
	case TRACK_PING:
		snprintf(out, TRACK_WHY_MAX, "ping %s", ip_format(&e->conf.ip, ip));
		break;
	case TRACK_SCRIPT:
		snprintf(out, TRACK_WHY_MAX, "script %.100s", e->conf.what);
		break;
	}
	return out;
}

bool track_is_known(const struct track *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i].state == UNKNOWN)
			return false;
	}
	return true;
}

bool track_is_able(const struct track *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i].state != UP)
			return false;
	}
	return true;
}

/* What is down is a better reason than what is not known. */
static void explain(struct track *t)
{
	const struct entry *bad = NULL;
	char what[TRACK_WHY_MAX];

	t->why[0] = '\0';
	for (size_t i = 0; i < t->n; i++) {
		const struct entry *e = &t->entries[i];

		if (e->state != UP && (bad == NULL || (bad->state == UNKNOWN && e->state == DOWN)))
			bad = e;
	}
	if (bad == NULL)
		return;
	describe(bad, what);
	if (bad->state == UNKNOWN)
		snprintf(t->why, sizeof(t->why), "%.120s: not known yet", what);
	else if (bad->state == RETURNING)
		snprintf(t->why, sizeof(t->why), "%.120s: works again, but not for long enough",
			 what);
	else
		snprintf(t->why, sizeof(t->why), "%.120s: %.64s", what, bad->why);
}

const char *track_why(const struct track *t)
{
	return t->why;
}

static void tell_if_changed(struct track *t)
{
	bool is_known = track_is_known(t), is_able = track_is_able(t);

	explain(t);
	if (is_known == t->was_known && is_able == t->was_able)
		return;
	t->was_known = is_known;
	t->was_able = is_able;
	push(t, TRACK_CHANGED, 0, 0);
}

/* ---- judging ---- */

static void change(struct track *t, struct entry *e, enum state state, const char *why)
{
	char what[TRACK_WHY_MAX];
	enum log_level level = state == DOWN ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;

	log_write(t->lg, level, LG_MAIN, "%s: %s -> %s%s%s", describe(e, what),
		  state_names[e->state], state_names[state], why[0] != '\0' ? ": " : "", why);
	e->state = state;
	e->has_been_up = e->has_been_up || state == UP;
	snprintf(e->why, sizeof(e->why), "%s", why);
}

static void take_good(struct track *t, struct entry *e, uint64_t now_ms)
{
	/* At the start it may take a while to come up: that is no sign of flapping. */
	bool is_held = e->has_been_up && e->conf.hold_ms > 0;

	e->failures = 0;
	if (e->state == UNKNOWN || (e->state == DOWN && !is_held)) {
		change(t, e, UP, "");
	} else if (e->state == DOWN) {
		change(t, e, RETURNING, "");
		e->back_ms = now_ms + e->conf.hold_ms;
	} else if (e->state == RETURNING && now_ms >= e->back_ms) {
		change(t, e, UP, "");
	}
}

static void take_bad(struct track *t, struct entry *e, const char *why)
{
	uint32_t limit = e->conf.kind == TRACK_INTERFACE ? 1 : e->conf.fails;
	char text[TRACK_WHY_MAX];

	if (e->failures < limit)
		e->failures++;
	if (e->state == DOWN || (e->state != RETURNING && e->failures < limit))
		return;
	snprintf(text, sizeof(text), "%.100s%s", why, e->failures > 1 ? ", again and again" : "");
	change(t, e, DOWN, text);
}

void track_link(struct track *t, uint64_t now_ms, size_t index, bool is_up, const char *why)
{
	if (index >= t->n || t->entries[index].conf.kind != TRACK_INTERFACE)
		return;
	if (is_up)
		take_good(t, &t->entries[index], now_ms);
	else
		take_bad(t, &t->entries[index], why);
	tell_if_changed(t);
}

/* ---- asking ---- */

static void ask(struct track *t, struct entry *e, uint64_t now_ms)
{
	e->is_asked = true;
	e->asked_ms = now_ms;
	e->due_ms =
	    now_ms + (e->conf.kind == TRACK_SCRIPT ? e->conf.timeout_ms : e->conf.interval_ms);
	push(t, TRACK_ASK, (size_t)(e - t->entries), ++e->seq);
}

/* The answer came, good or bad: a script runs again when its interval is over. */
static void settle(struct entry *e, uint64_t now_ms)
{
	e->is_asked = e->is_stopped = false;
	if (e->conf.kind != TRACK_SCRIPT)
		return;
	e->due_ms = e->asked_ms + e->conf.interval_ms;
	if (e->due_ms < now_ms)
		e->due_ms = now_ms;
}

void track_answer(struct track *t, uint64_t now_ms, size_t index, uint16_t seq, bool is_good,
		  const char *why)
{
	struct entry *e;

	if (index >= t->n || !t->entries[index].is_asked || t->entries[index].seq != seq)
		return;
	e = &t->entries[index];
	if (!e->is_stopped) {
		if (is_good)
			take_good(t, e, now_ms);
		else
			take_bad(t, e, why);
	}
	settle(e, now_ms);
	tell_if_changed(t);
}

static void expire_entry(struct track *t, struct entry *e, uint64_t now_ms)
{
	char why[TRACK_WHY_MAX];

	if (!e->is_asked) {
		ask(t, e, now_ms);
	} else if (e->conf.kind == TRACK_PING) {
		take_bad(t, e, "no answer");
		ask(t, e, now_ms);
	} else {
		snprintf(why, sizeof(why), "took longer than %u s", e->conf.timeout_ms / 1000);
		take_bad(t, e, why);
		e->is_stopped = true;
		e->due_ms = UINT64_MAX;
		push(t, TRACK_STOP, (size_t)(e - t->entries), e->seq);
	}
}

void track_expire(struct track *t, uint64_t now_ms)
{
	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = &t->entries[i];

		if (e->due_ms <= now_ms)
			expire_entry(t, e, now_ms);
		if (e->state == RETURNING && e->conf.kind == TRACK_INTERFACE &&
		    e->back_ms <= now_ms)
			take_good(t, e, now_ms);
	}
	tell_if_changed(t);
}

uint64_t track_next_expiry(const struct track *t)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < t->n; i++) {
		const struct entry *e = &t->entries[i];

		if (e->due_ms < next)
			next = e->due_ms;
		if (e->state == RETURNING && e->conf.kind == TRACK_INTERFACE && e->back_ms < next)
			next = e->back_ms;
	}
	return next;
}

void track_start(struct track *t, uint64_t now_ms)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i].conf.kind != TRACK_INTERFACE)
			ask(t, &t->entries[i], now_ms);
	}
	tell_if_changed(t);
}

struct track *track_new(const struct track_conf *conf, const struct logger *lg)
{
	struct track *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->lg = lg;
	t->n = conf->n < TRACK_MAX ? conf->n : TRACK_MAX;
	for (size_t i = 0; i < t->n; i++) {
		t->entries[i].conf = conf->entries[i];
		t->entries[i].due_ms = UINT64_MAX;
	}
	return t;
}

void track_free(struct track *t)
{
	free(t);
}
