/* SPDX-License-Identifier: Apache-2.0 */
#include "director/api/handlers.h"

#include "common/base/version.h"
#include "director/api/api_json.h"
#include "director/director.h"

/* The cluster at a glance. */

static json_t *member_counts(const struct registry *r)
{
	size_t counts[MEMBER_STATE_COUNT] = { 0 };
	json_t *object = json_object();

	for (size_t i = 0; i < registry_count(r); i++)
		counts[registry_get(r, i)->state]++;
	for (size_t s = 0; s < MEMBER_STATE_COUNT; s++)
		api_set(object, member_state_name((enum member_state)s), api_integer(counts[s]));
	return object;
}

static json_t *address_counts(const struct executor *e)
{
	static const enum coordinator_state states[] = { ADDRESS_OWNED, ADDRESS_CLAIMING,
							 ADDRESS_RELEASING, ADDRESS_ORPHANED };
	const struct coordinator *c = executor_coordinator(e);
	size_t counts[sizeof(states) / sizeof(states[0])] = { 0 };
	json_t *object = json_object();

	for (size_t i = 0; i < coordinator_count(c); i++)
		counts[coordinator_get(c, i)->state]++;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		api_set(object, coordinator_state_name(states[i]), api_integer(counts[states[i]]));
	return object;
}

static json_t *failover_flags(const struct executor *e)
{
	const struct coordinator *c = executor_coordinator(e);
	json_t *object = json_object();

	api_set(object, "paused", json_boolean(coordinator_is_paused(c)));
	api_set(object, "settling", json_boolean(coordinator_is_settling(c)));
	return object;
}

static json_t *front_end(const struct front *front)
{
	struct front_counters counters;
	json_t *object = json_object(), *dropped = json_object(), *resume = json_object();

	front_read_counters(front, &counters);
	api_set(object, "requests", api_integer(counters.received));
	for (size_t v = 0; v < FRONT_VERDICT_COUNT; v++) {
		enum front_verdict verdict = (enum front_verdict)v;

		api_set(front_verdict_is_answer(verdict) ? object : dropped,
			front_verdict_name(verdict), api_integer(counters.verdicts[v]));
	}
	for (size_t r = FRONT_RESUME_NONE + 1; r < FRONT_RESUME_COUNT; r++)
		api_set(resume, front_resume_name((enum front_resume)r),
			api_integer(counters.resumes[r]));
	api_set(object, "dropped", dropped);
	api_set(object, "resume", resume);
	return object;
}

static json_t *control_counters(const struct control *control)
{
	json_t *object = json_object();

	for (size_t i = 0; i < CONTROL_COUNTER_COUNT; i++) {
		enum control_counter counter = (enum control_counter)i;

		api_set(object, control_counter_name(counter),
			api_integer(control_counter(control, counter)));
	}
	return object;
}

void api_get_status(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);
	json_t *json = json_object();

	(void)req;
	api_set(json, "cluster", json_string(d.conf->cluster));
	api_set(json, "director", json_string(d.conf->name));
	api_set(json, "version", json_string(waypost_version));
	api_set(json, "uptime_ms", api_integer(api_now_ms() - d.started_ms));
	api_set(json, "placement",
		json_string(d.table->policy == PLACEMENT_STICKY ? "sticky" : "least-load"));
	api_set(json, "members", member_counts(d.registry));
	api_set(json, "addresses", address_counts(d.executor));
	api_set(json, "failover", failover_flags(d.executor));
	api_set(json, "peers", api_integer(peers_count_all(d.peers)));
	api_set(json, "front_end", front_end(d.front));
	api_set(json, "control", control_counters(d.control));
	http_response_json(res, 200, json);
}

static void answer_text(struct http_response *res, int status, const char *text)
{
	http_response_text(res, status, "text/plain; charset=utf-8",
			   (struct bytes){ (const uint8_t *)text, strlen(text) });
}

/* The main thread runs: it answers. */
void api_get_healthz(const struct http_request *req, struct http_response *res, void *ctx)
{
	(void)req;
	(void)ctx;
	answer_text(res, 200, "ok\n");
}

/* Ready to serve peers: at least one member takes them. */
void api_get_readyz(const struct http_request *req, struct http_response *res, void *ctx)
{
	struct director_view d = director_view(ctx);

	(void)req;
	for (size_t i = 0; i < d.table->n_members; i++) {
		if (d.table->members[i].is_open && d.table->members[i].fill < d.table->full_at) {
			answer_text(res, 200, "ready\n");
			return;
		}
	}
	answer_text(res, 503, "no member takes peers\n");
}
