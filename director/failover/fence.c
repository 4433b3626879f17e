/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/fence.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/io/script.h"

/* One script at work. */
struct run {
	struct fence *fence;
	struct run *next;
	uint64_t ticket;
	struct script *script;
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

static void forget(struct fence *f, const struct run *r)
{
	struct run **at = &f->runs;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	f->n--;
}

static void on_script_end(void *ctx, const struct script_end *end)
{
	struct run *r = ctx;
	struct fence *f = r->fence;
	uint64_t ticket = r->ticket;
	char why[FENCE_WHY_MAX];
	int err = ERR_IO;

	if (end->is_late) {
		err = ERR_TIMEOUT;
		snprintf(why, sizeof(why), "not done in %llu ms", (unsigned long long)f->limit_ms);
	} else if (end->signal != 0) {
		snprintf(why, sizeof(why), "ended by signal %d", end->signal);
	} else {
		err = end->status == 0 ? 0 : ERR_IO;
		snprintf(why, sizeof(why), "exit status %d", end->status);
	}
	forget(f, r);
	free(r);
	f->events.done(f->events.ctx, ticket, err, why);
}

int fence_run(struct fence *f, uint64_t ticket, const char *member, const struct ip *ip,
	      struct errtext *why)
{
	char address[IP_TEXT_MAX];
	const char *args[] = { f->script, member, ip_format(ip, address), NULL }, *reason = "";
	const struct script_conf conf = {
		.args = args,
		.limit_ms = f->limit_ms,
		.is_heard = true,
	};
	struct run *r;
	int err;

	if (f->n == FENCE_AT_ONCE) {
		errtext_set(why, "%d of them run already", FENCE_AT_ONCE);
		return ERR_LIMIT;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		errtext_set(why, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	*r = (struct run){ .fence = f, .next = f->runs, .ticket = ticket };
	err = script_run(f->loop, &conf, on_script_end, r, &r->script, &reason);
	if (err != 0) {
		errtext_set(why, "%s: %s", f->script, reason);
		free(r);
		return err;
	}
	f->runs = r;
	f->n++;
	return 0;
}

void fence_close(struct fence *f)
{
	if (f == NULL)
		return;
	while (f->runs != NULL) {
		struct run *r = f->runs;

		f->runs = r->next;
		script_close(r->script);
		free(r);
	}
	free(f);
}
