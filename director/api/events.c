/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include <errno.h>
#include <stdlib.h>

#include "director/director.h"
#include "director/store/events.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     10000

/* A whole number without sign; false if it is anything else. An absent parameter leaves *out. */
static bool read_number(const struct http_request *req, const char *name, uint64_t max,
			uint64_t *out)
{
	const char *text = http_target_param(req->target, name);
	unsigned long long value;
	char *end;

	if (text == NULL)
		return true;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > max)
		return false;
	*out = value;
	return true;
}

struct visit {
	json_t *list;
	uint64_t last;
};

static void add_event(void *ctx, const struct store_event *event)
{
	struct visit *v = ctx;
	json_t *object = json_pack("{s:I, s:I, s:s, s:s, s:s}", "id", (json_int_t)event->id,
				   "time_ms", (json_int_t)event->time_ms, "subject", event->subject,
				   "what", event->what, "why", event->why);

	json_array_append_new(v->list, object);
	v->last = event->id;
}

void api_get_events(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	const char *subject = http_target_param(req->target, "subject");
	bool has_after = http_target_param(req->target, "after") != NULL;
	uint64_t after = 0, limit = LIMIT_DEFAULT;
	struct visit visit;
	int err;

	if (!read_number(req, "after", STORE_EPOCH_MAX, &after) ||
	    !read_number(req, "limit", LIMIT_MAX, &limit)) {
		http_response_problem(res, 400,
				      "'after' and 'limit' must be whole numbers, 'limit' up to %d",
				      LIMIT_MAX);
		return;
	}
	visit = (struct visit){ json_array(), after };
	err = has_after
		  ? store_events_read(d.store, after, subject, (uint32_t)limit, add_event, &visit)
		  : store_events_read_last(d.store, subject, (uint32_t)limit, add_event, &visit);
	if (err != 0) {
		json_decref(visit.list);
		http_response_problem(res, 500, "the store cannot be read, see the director's log");
		return;
	}
	http_response_json(
	    res, 200,
	    json_pack("{s:o, s:I}", "events", visit.list, "last", (json_int_t)visit.last));
}
