/* SPDX-License-Identifier: Apache-2.0 */
#include "director/members/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"

#define MAX_EVENTS 1024
/* Placements that nobody has confirmed count this much at most, as a share of the capacity. */
#define BIAS_MAX   0.5

struct registry {
	struct registry_conf conf;
	size_t n;
	struct member members[PLACEMENT_MAX_MEMBERS];
	bool is_served[PLACEMENT_MAX_MEMBERS][PLACEMENT_MAX_HOME];
	size_t first_event, n_events;
	struct registry_event events[MAX_EVENTS];
};

const char *member_state_name(enum member_state state)
{
	static const char *const names[MEMBER_STATE_COUNT] = { "left",    "joining",  "active",
							       "suspect", "isolated", "down" };

	return state < MEMBER_STATE_COUNT ? names[state] : "?";
}

struct registry *registry_new(const struct registry_conf *conf)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->conf = *conf;
	return r;
}

void registry_free(struct registry *r)
{
	free(r);
}

int registry_add(struct registry *r, const struct member *configured)
{
	struct member *m = &r->members[r->n];
	size_t index;

	if (r->n == PLACEMENT_MAX_MEMBERS)
		return ERR_LIMIT;
	if (registry_find(r, configured->name, &index) == 0)
		return ERR_EXISTS;
	*m = (struct member){
		.number = configured->number,
		.n_home = configured->n_home,
		.weight = configured->weight,
		.is_draining = configured->is_draining,
		.state = MEMBER_LEFT,
		.why = "not heard of since the director started",
	};
	memcpy(m->name, configured->name, sizeof(m->name));
	memcpy(m->home, configured->home, sizeof(m->home));
	r->n++;
	return 0;
}

size_t registry_count(const struct registry *r)
{
	return r->n;
}

const struct member *registry_get(const struct registry *r, size_t index)
{
	return &r->members[index];
}

int registry_find(const struct registry *r, const char *name, size_t *index)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->members[i].name, name) == 0) {
			*index = i;
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}

/* Drops the oldest event when nobody drains: the states themselves are always right. */
static struct registry_event *push_event(struct registry *r)
{
	if (r->n_events == MAX_EVENTS) {
		r->first_event = (r->first_event + 1) % MAX_EVENTS;
		r->n_events--;
	}
	return &r->events[(r->first_event + r->n_events++) % MAX_EVENTS];
}

static void change_state(struct registry *r, uint64_t now_ms, struct member *m,
			 enum member_state state, const char *why)
{
	struct registry_event *e;

	/* What was cut in the middle of a character is UTF-8 again: JSON takes nothing else. */
	text_clean((struct bytes){ (const uint8_t *)why, strlen(why) }, m->why, sizeof(m->why));
	if (m->state == state)
		return;
	e = push_event(r);
	*e = (struct registry_event){ (size_t)(m - r->members), m->state, state, { 0 } };
	memcpy(e->why, m->why, sizeof(e->why));
	m->state = state;
	m->state_since_ms = now_ms;
	/* What it said of itself is not true any more. */
	if (state == MEMBER_LEFT || state == MEMBER_DOWN)
		m->load = (struct member_load){ .load = 0 };
}

/* 0 is no connection: nothing may be said in its name. */
static bool is_session(const struct member *m, uint64_t session)
{
	return session != 0 && m->session == session;
}

static void hear(struct member *m, uint64_t now_ms)
{
	m->heard_ms = now_ms;
	m->quiet_since_ms = now_ms;
}

void registry_hello(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
		    const struct registry_hello *hello, bool *is_reboot)
{
	struct member *m = &r->members[index];

	*is_reboot = m->boot_id != hello->boot_id;
	m->boot_id = hello->boot_id;
	snprintf(m->version, sizeof(m->version), "%s", hello->version);
	snprintf(m->dataplane, sizeof(m->dataplane), "%s", hello->dataplane);
	m->capacity = hello->capacity;
	m->session = session;
	hear(m, now_ms);
	change_state(r, now_ms, m, MEMBER_JOINING, *is_reboot ? "hello" : "hello, reconnected");
}

void registry_heartbeat(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
			const struct member_load *load)
{
	struct member *m = &r->members[index];

	if (!is_session(m, session))
		return;
	hear(m, now_ms);
	m->load = *load;
	m->placed_at_report = m->placed;
	if (m->state == MEMBER_ACTIVE)
		snprintf(m->why, sizeof(m->why), "%s",
			 load->takes_new ? "heartbeat" : "heartbeat: asks for no new peers");
	if (m->state == MEMBER_ACTIVE || m->state == MEMBER_LEFT)
		return;
	if (load->takes_new)
		change_state(r, now_ms, m, MEMBER_ACTIVE, "heartbeat");
	else
		change_state(r, now_ms, m, MEMBER_JOINING, "heartbeat: not ready for peers yet");
}

void registry_bye(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
		  const char *reason)
{
	struct member *m = &r->members[index];
	char why[REGISTRY_WHY_MAX];

	if (!is_session(m, session))
		return;
	m->session = 0;
	snprintf(why, sizeof(why), "bye: %s", reason);
	change_state(r, now_ms, m, MEMBER_LEFT, why);
}

void registry_disconnected(struct registry *r, uint64_t now_ms, size_t index, uint64_t session,
			   const char *why)
{
	struct member *m = &r->members[index];
	char text[REGISTRY_WHY_MAX];

	if (!is_session(m, session))
		return;
	m->session = 0;
	snprintf(text, sizeof(text), "connection lost: %s", why);
	if (m->state == MEMBER_JOINING || m->state == MEMBER_ACTIVE)
		change_state(r, now_ms, m, MEMBER_SUSPECT, text);
}

void registry_drain(struct registry *r, size_t index, bool is_draining)
{
	r->members[index].is_draining = is_draining;
}

/* Whether others may say that of a member in this state. */
static bool is_judgeable(const struct member *m, enum member_state verdict)
{
	switch (m->state) {
	case MEMBER_SUSPECT:
	case MEMBER_ISOLATED:
		return true;
	case MEMBER_LEFT:
		return m->heard_ms == 0;
	case MEMBER_JOINING:
	case MEMBER_ACTIVE:
		return verdict == MEMBER_DOWN;
	case MEMBER_DOWN:
	case MEMBER_STATE_COUNT:
		break;
	}
	return false;
}

void registry_judge(struct registry *r, uint64_t now_ms, size_t index, enum member_state state,
		    const char *why)
{
	struct member *m = &r->members[index];

	if ((state == MEMBER_DOWN || state == MEMBER_ISOLATED) && is_judgeable(m, state))
		change_state(r, now_ms, m, state, why);
}

void registry_serve(struct registry *r, size_t index, size_t home, bool is_served)
{
	if (home < r->members[index].n_home)
		r->is_served[index][home] = is_served;
}

void registry_placed(struct registry *r, size_t index, uint64_t total)
{
	r->members[index].placed = total;
}

/* When silence changes the state of this member next. */
static uint64_t member_expiry(const struct registry *r, const struct member *m)
{
	switch (m->state) {
	case MEMBER_JOINING:
	case MEMBER_ACTIVE:
		return m->quiet_since_ms + r->conf.suspect_ms;
	case MEMBER_LEFT:
	case MEMBER_SUSPECT:
	case MEMBER_ISOLATED:
	case MEMBER_DOWN:
	case MEMBER_STATE_COUNT:
		break;
	}
	return UINT64_MAX;
}

/* Silence that this director was not there to hear is held against nobody. */
static void forgive(struct registry *r, uint64_t late_ms)
{
	for (size_t i = 0; i < r->n; i++)
		r->members[i].quiet_since_ms += late_ms;
}

uint64_t registry_next_expiry(const struct registry *r)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t due = member_expiry(r, &r->members[i]);

		if (due < first)
			first = due;
	}
	return first;
}

void registry_expire(struct registry *r, uint64_t now_ms)
{
	uint64_t due = registry_next_expiry(r);

	if (due < now_ms && now_ms - due > r->conf.suspect_ms / 2) {
		forgive(r, now_ms - due);
		return;
	}
	for (size_t i = 0; i < r->n; i++) {
		struct member *m = &r->members[i];
		char why[REGISTRY_WHY_MAX];

		if (member_expiry(r, m) > now_ms)
			continue;
		snprintf(why, sizeof(why), "no heartbeat for %llu ms",
			 (unsigned long long)(now_ms - m->heard_ms));
		change_state(r, now_ms, m, MEMBER_SUSPECT, why);
	}
}

bool registry_next_event(struct registry *r, struct registry_event *out)
{
	if (r->n_events == 0)
		return false;
	*out = r->events[r->first_event];
	r->first_event = (r->first_event + 1) % MAX_EVENTS;
	r->n_events--;
	return true;
}

static double bias_of(const struct member *m)
{
	double placed, bias;

	/* The total starts over with the front end. */
	if (m->capacity == 0 || m->placed <= m->placed_at_report)
		return 0;
	placed = (double)(m->placed - m->placed_at_report);
	bias = placed / (double)m->capacity;
	return bias < BIAS_MAX ? bias : BIAS_MAX;
}

/* The load where it is not the processors', which is what its SAs and half-open SAs make of it. */
static double fill_of(const struct member *m)
{
	double by_sas = m->capacity > 0 ? (double)m->load.sas / (double)m->capacity : 0;

	return m->load.load > m->load.cpu ? m->load.load : by_sas;
}

void registry_fill_table(const struct registry *r, struct placement_table *table)
{
	table->n_members = r->n;
	for (size_t i = 0; i < r->n; i++) {
		const struct member *m = &r->members[i];
		struct placement_member *p = &table->members[i];

		memcpy(p->name, m->name, sizeof(p->name));
		p->n_home = 0;
		for (size_t k = 0; k < m->n_home; k++) {
			if (r->is_served[i][k])
				p->home[p->n_home++] = m->home[k];
		}
		p->weight = m->weight;
		p->load = m->load.load;
		p->fill = fill_of(m);
		p->bias = bias_of(m);
		p->is_open = m->state == MEMBER_ACTIVE && !m->is_draining && m->load.takes_new &&
			     p->n_home > 0;
	}
}
