/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/track/script.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct script {
	uv_process_t process;
	script_fn on_end; /* NULL: nobody asks any more */
	void *ctx;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
	struct script *s = process->data;
	char why[64] = "";

	if (signal != 0)
		snprintf(why, sizeof(why), "ended by signal %d", signal);
	else if (status != 0)
		snprintf(why, sizeof(why), "ended with status %d", (int)status);
	/* What it has left behind must not pile up. */
	(void)kill(-process->pid, SIGKILL);
	uv_close((uv_handle_t *)process, on_closed);
	if (s->on_end != NULL)
		s->on_end(s->ctx, why);
}

int script_run(uv_loop_t *loop, const char *path, script_fn on_end, void *ctx, struct script **out,
	       char why[64])
{
	static char env_path[] =
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char *env[] = { env_path, NULL };
	struct script *s = calloc(1, sizeof(*s));
	char *args[] = { (char *)(uintptr_t)path, NULL };
	uv_process_options_t options = {
		.exit_cb = on_exit_status,
		.file = path,
		.args = args,
		.env = env,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED, /* so that all of it can be killed */
	};
	int err;

	if (s == NULL)
		return ERR_NO_MEMORY;
	s->process.data = s;
	s->on_end = on_end;
	s->ctx = ctx;
	err = uv_spawn(loop, &s->process, &options);
	if (err != 0) {
		snprintf(why, 64, "cannot be started: %.40s", uv_strerror(err));
		uv_close((uv_handle_t *)&s->process, on_closed);
		return ERR_IO;
	}
	*out = s;
	return 0;
}

void script_kill(struct script *s)
{
	(void)kill(-s->process.pid, SIGKILL);
}

void script_close(struct script *s)
{
	if (s == NULL)
		return;
	s->on_end = NULL;
	script_kill(s);
}
