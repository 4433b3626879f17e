/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/track/tracker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/track/links.h"
#include "agent/track/ping.h"
#include "common/io/script.h"

struct run {
	struct tracker *tracker;
	size_t index;
	uint16_t seq;
	struct script *script; /* NULL: not running */
};

struct tracker {
	uv_loop_t *loop;
	const struct logger *lg;
	uv_timer_t timer;
	struct track_conf conf;
	struct track *track;
	struct links *links;
	size_t link_entries[TRACK_MAX]; /* of links, by their index there */
	struct ping *ping_v4, *ping_v6;
	struct run runs[TRACK_MAX];
	tracker_fn on_change;
	void *ctx;
	bool is_closing;
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/* ---- actions ---- */

static void answer(struct tracker *t, size_t index, uint16_t seq, const char *why)
{
	track_answer(t->track, now_ms(), index, seq, why[0] == '\0', why);
}

static void drain(struct tracker *t);

static void on_script_end(void *ctx, const struct script_end *end)
{
	struct run *r = ctx;
	char why[64] = "";

	if (end->signal != 0)
		snprintf(why, sizeof(why), "ended by signal %d", end->signal);
	else if (end->status != 0)
		snprintf(why, sizeof(why), "ended with status %d", end->status);
	r->script = NULL;
	answer(r->tracker, r->index, r->seq, why);
	drain(r->tracker);
}

static void run_script(struct tracker *t, size_t index, uint16_t seq)
{
	struct run *r = &t->runs[index];
	const char *args[] = { t->conf.entries[index].what, NULL }, *reason = "";
	const struct script_conf conf = { .args = args, .is_swept = true };
	char why[64];

	r->seq = seq;
	if (script_run(t->loop, &conf, on_script_end, r, &r->script, &reason) != 0) {
		snprintf(why, sizeof(why), "cannot be started: %.40s", reason);
		answer(t, index, seq, why);
	}
}

static void ask(struct tracker *t, size_t index, uint16_t seq)
{
	const struct track_entry *e = &t->conf.entries[index];

	if (e->kind == TRACK_SCRIPT) {
		run_script(t, index, seq);
		return;
	}
	/* What cannot be sent is not answered. */
	if (ping_send(e->ip.family == IP_V6 ? t->ping_v6 : t->ping_v4, &e->ip, (uint8_t)index,
		      seq) != 0)
		log_debug(t->lg, LG_MAIN, "ping not sent: %s", strerror(errno));
}

static void on_timer(uv_timer_t *timer);

static void arm(struct tracker *t)
{
	uint64_t due = track_next_expiry(t->track), now = now_ms();

	if (due == UINT64_MAX) {
		uv_timer_stop(&t->timer);
		return;
	}
	uv_update_time(t->loop);
	uv_timer_start(&t->timer, on_timer, due > now ? due - now : 0, 0);
}

static void drain(struct tracker *t)
{
	struct track_action a;

	while (!t->is_closing && track_next_action(t->track, &a)) {
		if (a.type == TRACK_ASK)
			ask(t, a.index, a.seq);
		else if (a.type == TRACK_STOP && t->runs[a.index].script != NULL)
			script_kill(t->runs[a.index].script);
		else if (a.type == TRACK_CHANGED)
			t->on_change(t->ctx, track_is_known(t->track), track_is_able(t->track),
				     track_why(t->track));
	}
	if (!t->is_closing)
		arm(t);
}

static void on_timer(uv_timer_t *timer)
{
	struct tracker *t = timer->data;

	track_expire(t->track, now_ms());
	drain(t);
}

/* ---- what comes in ---- */

static void on_link(void *ctx, size_t index, bool is_up, const char *why)
{
	struct tracker *t = ctx;

	track_link(t->track, now_ms(), t->link_entries[index], is_up, why);
	drain(t);
}

static void on_reply(void *ctx, const struct ip *remote, uint8_t index, uint16_t seq)
{
	struct tracker *t = ctx;

	if (index >= t->conf.n || t->conf.entries[index].kind != TRACK_PING ||
	    !ip_is_equal(&t->conf.entries[index].ip, remote))
		return;
	answer(t, index, seq, "");
	drain(t);
}

/* ---- life ---- */

static int open_pings(struct tracker *t, struct errtext *why)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < t->conf.n; i++) {
		const struct track_entry *e = &t->conf.entries[i];
		struct ping **p = e->ip.family == IP_V6 ? &t->ping_v6 : &t->ping_v4;

		if (e->kind == TRACK_PING && *p == NULL)
			err = ping_open(t->loop, e->ip.family == IP_V6 ? IP_V6 : IP_V4, on_reply, t,
					p, why);
	}
	return err;
}

int tracker_new(uv_loop_t *loop, const struct track_conf *conf, const struct logger *lg,
		tracker_fn on_change, void *ctx, struct tracker **out, struct errtext *why)
{
	struct tracker *t = calloc(1, sizeof(*t));
	int err;

	errtext_set(why, "out of memory");
	if (t == NULL)
		return ERR_NO_MEMORY;
	t->loop = loop;
	t->lg = lg;
	t->conf = *conf;
	t->on_change = on_change;
	t->ctx = ctx;
	for (size_t i = 0; i < TRACK_MAX; i++)
		t->runs[i] = (struct run){ .tracker = t, .index = i };
	t->track = track_new(conf, lg);
	if (t->track == NULL) {
		free(t);
		return ERR_NO_MEMORY;
	}
	uv_timer_init(loop, &t->timer);
	t->timer.data = t;
	err = open_pings(t, why);
	if (err != 0) {
		tracker_close(t);
		return err;
	}
	*out = t;
	return 0;
}

int tracker_start(struct tracker *t, struct errtext *why)
{
	const char *names[TRACK_MAX];
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < t->conf.n; i++) {
		if (t->conf.entries[i].kind != TRACK_INTERFACE)
			continue;
		names[n] = t->conf.entries[i].what;
		t->link_entries[n++] = i;
	}
	if (n > 0)
		err = links_open(t->loop, names, n, on_link, t, &t->links, why);
	if (err != 0)
		return err;
	track_start(t->track, now_ms());
	drain(t);
	return 0;
}

bool tracker_is_able(const struct tracker *t)
{
	return track_is_able(t->track);
}

static void on_closed(uv_handle_t *handle)
{
	struct tracker *t = handle->data;

	track_free(t->track);
	free(t);
}

void tracker_close(struct tracker *t)
{
	if (t == NULL || t->is_closing)
		return;
	t->is_closing = true;
	links_close(t->links);
	ping_close(t->ping_v4);
	ping_close(t->ping_v6);
	for (size_t i = 0; i < TRACK_MAX; i++)
		script_close(t->runs[i].script);
	uv_close((uv_handle_t *)&t->timer, on_closed);
}
