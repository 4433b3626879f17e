/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/fence.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* One script at work. Freed when both handles are closed. */
struct run {
	struct fence *fence; /* NULL: nobody wants to know any more */
	struct run *next;
	uint64_t ticket;
	uv_process_t process;
	uv_timer_t limit;
	int n_open;
	bool is_late;
};

struct fence {
	uv_loop_t *loop;
	const char *script;
	uint64_t limit_ms;
	struct fence_events events;
	struct run *runs;
	size_t n;
};

struct fence *fence_new(uv_loop_t *loop, const char *script, uint64_t limit_ms,
			const struct fence_events *events)
{
	struct fence *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->loop = loop;
	f->script = script;
	f->limit_ms = limit_ms;
	f->events = *events;
	return f;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct run *r = handle->data;

	if (--r->n_open == 0)
		free(r);
}

static void close_run(struct run *r)
{
	uv_close((uv_handle_t *)&r->limit, on_handle_closed);
	uv_close((uv_handle_t *)&r->process, on_handle_closed);
}

static void forget(struct fence *f, const struct run *r)
{
	struct run **at = &f->runs;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	f->n--;
}

/* The whole group: what a shell script has started goes with it. */
static void kill_group(const struct run *r)
{
	kill(-uv_process_get_pid(&r->process), SIGKILL);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
	struct run *r = process->data;
	struct fence *f = r->fence;
	uint64_t ticket = r->ticket;
	char why[FENCE_WHY_MAX];
	int err = ERR_IO;

	if (r->is_late) {
		err = ERR_TIMEOUT;
		snprintf(why, sizeof(why), "not done in %llu ms",
			 f != NULL ? (unsigned long long)f->limit_ms : 0);
	} else if (signal_number != 0) {
		snprintf(why, sizeof(why), "ended by signal %d", signal_number);
	} else {
		err = status == 0 ? 0 : ERR_IO;
		snprintf(why, sizeof(why), "exit status %d", (int)status);
	}
	close_run(r);
	if (f == NULL)
		return;
	forget(f, r);
	f->events.done(f->events.ctx, ticket, err, why);
}

static void on_limit(uv_timer_t *timer)
{
	struct run *r = timer->data;

	r->is_late = true;
	kill_group(r);
}

static int spawn(struct run *r, const char *script, const char *member, const char *address)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = { path, NULL };
	char *args[] = { (char *)script, (char *)member, (char *)address, NULL };
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data = { .fd = 2 } },
		{ .flags = UV_INHERIT_FD, .data = { .fd = 2 } },
	};
	const uv_process_options_t options = {
		.exit_cb = on_process_exit,
		.file = script,
		.args = args,
		.env = environment,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED, /* a session, and so a group, of its own */
		.stdio_count = 3,
		.stdio = stdio,
	};

	return uv_spawn(r->fence->loop, &r->process, &options);
}

int fence_run(struct fence *f, uint64_t ticket, const char *member, const struct ip *ip,
	      struct errtext *why)
{
	char address[IP_TEXT_MAX];
	struct run *r;
	int rc;

	if (f->n == FENCE_AT_ONCE) {
		errtext_set(why, "%d of them run already", FENCE_AT_ONCE);
		return ERR_LIMIT;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		errtext_set(why, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	*r = (struct run){ .fence = f, .next = f->runs, .ticket = ticket, .n_open = 2 };
	r->process.data = r;
	r->limit.data = r;
	uv_timer_init(f->loop, &r->limit);
	rc = spawn(r, f->script, member, ip_format(ip, address));
	if (rc != 0) {
		errtext_set(why, "%s: %s", f->script, uv_strerror(rc));
		close_run(r);
		return ERR_IO;
	}
	f->runs = r;
	f->n++;
	uv_timer_start(&r->limit, on_limit, f->limit_ms, 0);
	return 0;
}

void fence_close(struct fence *f)
{
	if (f == NULL)
		return;
	for (struct run *r = f->runs; r != NULL; r = r->next) {
		r->fence = NULL;
		kill_group(r);
	}
	free(f);
}
