/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/script.h"

#include <signal.h>
#include <stdlib.h>

/* Freed when both handles are closed. */
struct script {
	uv_process_t process;
	uv_timer_t limit;
	script_fn on_end; /* NULL: nobody asks any more */
	void *ctx;
	int n_open;
	bool is_swept, is_late;
};

static void on_closed(uv_handle_t *handle)
{
	struct script *s = handle->data;

	if (--s->n_open == 0)
		free(s);
}

static void close_handles(struct script *s)
{
	uv_close((uv_handle_t *)&s->limit, on_closed);
	uv_close((uv_handle_t *)&s->process, on_closed);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
	struct script *s = process->data;
	const struct script_end end = {
		.is_late = s->is_late,
		.status = (int)status,
		.signal = signal,
	};

	if (s->is_swept)
		script_kill(s);
	close_handles(s);
	if (s->on_end != NULL)
		s->on_end(s->ctx, &end);
}

static void on_limit(uv_timer_t *timer)
{
	struct script *s = timer->data;

	s->is_late = true;
	script_kill(s);
}

static int spawn(uv_loop_t *loop, struct script *s, const struct script_conf *conf)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char *environment[] = { path, NULL };
	uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE } };
	const uv_process_options_t options = {
		.exit_cb = on_exit_status,
		.file = conf->args[0],
		.args = (char **)(uintptr_t)conf->args,
		.env = environment,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED, /* so that all of it can be killed */
		.stdio_count = 3,
		.stdio = stdio,
	};

	for (int fd = 1; fd < 3 && conf->is_heard; fd++) {
		stdio[fd].flags = UV_INHERIT_FD;
		stdio[fd].data.fd = 2;
	}
	return uv_spawn(loop, &s->process, &options);
}

int script_run(uv_loop_t *loop, const struct script_conf *conf, script_fn on_end, void *ctx,
	       struct script **out, const char **why)
{
	struct script *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL) {
		*why = err_text(ERR_NO_MEMORY);
		return ERR_NO_MEMORY;
	}
	s->process.data = s;
	s->limit.data = s;
	s->on_end = on_end;
	s->ctx = ctx;
	s->n_open = 2;
	s->is_swept = conf->is_swept;
	uv_timer_init(loop, &s->limit);
	rc = spawn(loop, s, conf);
	if (rc != 0) {
		*why = uv_strerror(rc);
		close_handles(s);
		return ERR_IO;
	}
	if (conf->limit_ms != 0)
		uv_timer_start(&s->limit, on_limit, conf->limit_ms, 0);
	*out = s;
	return 0;
}

void script_kill(struct script *s)
{
	(void)kill(-uv_process_get_pid(&s->process), SIGKILL);
}

void script_close(struct script *s)
{
	if (s == NULL)
		return;
	s->on_end = NULL;
	script_kill(s);
}
