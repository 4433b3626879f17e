/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/state/recorder.h"

#include <stdlib.h>

struct recorder {
	uv_loop_t *loop;
	const char *dir;
	const struct logger *lg;
	recorder_fn on_done;
	void *ctx;
	uv_work_t work;
	bool is_writing, is_waiting, is_closing;
	bool is_telling; /* on_done() is under way: it may close this */
	uint64_t saves;  /* handed over so far */
	uint64_t writing_save, waiting_save;
	struct agent_state writing; /* the worker's while is_writing */
	struct agent_state waiting;
	int err; /* of the worker */
	struct errtext why;
};

static void write_now(struct recorder *r);

static void run(uv_work_t *work)
{
	struct recorder *r = work->data;

	r->err = state_save(r->dir, &r->writing, &r->why);
}

static void free_recorder(struct recorder *r)
{
	state_wipe(&r->writing);
	state_wipe(&r->waiting);
	free(r);
}

static void on_run(uv_work_t *work, int status)
{
	struct recorder *r = work->data;

	r->is_writing = false;
	state_wipe(&r->writing);
	if (r->is_closing) {
		free_recorder(r);
		return;
	}
	if (status != 0)
		r->err = ERR_IO;
	if (r->err != 0)
		log_error(r->lg, LG_MAIN, "%s", r->why.text);
	r->is_telling = true;
	r->on_done(r->ctx, r->writing_save, r->err);
	r->is_telling = false;
	if (r->is_writing)
		return;
	if (r->is_closing)
		free_recorder(r);
	else if (r->is_waiting)
		write_now(r);
}

static void write_now(struct recorder *r)
{
	r->writing = r->waiting;
	r->writing_save = r->waiting_save;
	state_wipe(&r->waiting);
	r->is_waiting = false;
	r->is_writing = true;
	errtext_set(&r->why, "cannot write the state");
	/* It fails only without a function to run. */
	(void)uv_queue_work(r->loop, &r->work, run, on_run);
}

struct recorder *recorder_new(uv_loop_t *loop, const char *dir, const struct logger *lg,
			      recorder_fn on_done, void *ctx)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->loop = loop;
	r->dir = dir;
	r->lg = lg;
	r->on_done = on_done;
	r->ctx = ctx;
	r->work.data = r;
	return r;
}

uint64_t recorder_save(struct recorder *r, const struct agent_state *state)
{
	r->waiting = *state;
	r->waiting_save = ++r->saves;
	r->is_waiting = true;
	if (!r->is_writing)
		write_now(r);
	return r->waiting_save;
}

void recorder_close(struct recorder *r)
{
	if (r == NULL || r->is_closing)
		return;
	r->is_closing = true;
	if (!r->is_writing && !r->is_telling)
		free_recorder(r);
}
