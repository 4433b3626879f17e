/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>

/*
 * Doubt about a member: when others are asked, and what follows from what they found.
 *
 * Rounds of probes begin at doubt_ms of silence, earlier than the member is suspect, so that the
 * verdict is there when it becomes suspect. What "neither" says counts from then on; when the
 * connection has ended, at once.
 */

/* Since when it is silent, as far as this director can say. */
static uint64_t silent_since(const struct coordinator *c, size_t i)
{
	const struct member *m = registry_get(c->registry, i);

	return m->heard_ms == 0 || m->quiet_since_ms < c->start_ms ? c->start_ms
								   : m->quiet_since_ms;
}

/* From when on it is in doubt, if nothing is heard of it; COORD_NEVER: it is not for now. */
static uint64_t doubt_from(const struct coordinator *c, size_t i)
{
	const struct member *m = registry_get(c->registry, i);

	if (c->is_settling)
		return COORD_NEVER;
	switch (m->state) {
	case MEMBER_JOINING:
	case MEMBER_ACTIVE:
		return m->quiet_since_ms + c->conf.doubt_ms;
	case MEMBER_SUSPECT:
	case MEMBER_ISOLATED:
	case MEMBER_LEFT: /* and has addresses that it did not release */
		return 0;
	case MEMBER_DOWN:
	case MEMBER_STATE_COUNT:
		break;
	}
	return COORD_NEVER;
}

/* Whether the registry would believe that it is down or isolated. */
static bool is_judgeable(const struct coordinator *c, size_t i)
{
	const struct member *m = registry_get(c->registry, i);

	return m->state == MEMBER_SUSPECT || m->state == MEMBER_ISOLATED || m->state == MEMBER_LEFT;
}

static void forget(struct coord_member *m)
{
	m->is_asked_for = false;
	m->round_due_ms = 0;
	m->verdict = COORD_NO_ROUND;
	m->told = 0;
	m->link_since_ms = 0;
	m->is_lonely_told = false;
}

void coord_doubt_restart(struct coordinator *c, size_t member)
{
	struct coord_member *m = &c->members[member];

	m->round_due_ms = 0;
	m->verdict = COORD_NO_ROUND;
	m->next_round_ms = c->now_ms;
}

void coord_lose_all(struct coordinator *c, size_t member, bool is_silent, const char *why)
{
	for (size_t k = 0; k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];

		if (a->holder.member == member)
			coord_forget_holder(a);
		if (a->store.ticket != 0 && a->store.member == member)
			a->let_go = member;
		if (coord_owns(a, member))
			coord_orphan(c, a, is_silent, why);
	}
	c->members[member].n_owned = 0;
}

static void down(struct coordinator *c, size_t i, const char *found)
{
	char why[COORDINATOR_WHY_MAX];
	bool has_left = registry_get(c->registry, i)->state == MEMBER_LEFT;

	registry_judge(c->registry, c->now_ms, i, MEMBER_DOWN, found);
	/* Who said bye stays left, whatever it did not release. */
	if (has_left && registry_get(c->registry, i)->state == MEMBER_LEFT)
		coord_event(c, coord_name(c, i), "left for certain", "%s", found);
	snprintf(why, sizeof(why), "%s is down: %s", coord_name(c, i), found);
	forget(&c->members[i]);
	coord_lose_all(c, i, true, why);
}

/* What changes no state in the registry is told once. */
static void tell(struct coordinator *c, size_t i, const char *what, const char *consequence)
{
	struct coord_member *m = &c->members[i];

	if ((m->told & 1u << m->verdict) != 0)
		return;
	m->told |= 1u << m->verdict;
	coord_event(c, coord_name(c, i), what, "%s: %s", m->found, consequence);
}

static void judge_link(struct coordinator *c, size_t i)
{
	struct coord_member *m = &c->members[i];
	char text[COORDINATOR_WHY_MAX];

	if (m->link_since_ms == 0)
		m->link_since_ms = c->now_ms;
	if (!is_judgeable(c, i))
		return;
	if (c->now_ms >= m->link_since_ms + c->conf.fence_ms) {
		snprintf(text, sizeof(text), "%s, for %llu ms", m->found,
			 (unsigned long long)(c->now_ms - m->link_since_ms));
		down(c, i, text);
		return;
	}
	snprintf(text, sizeof(text),
		 "its agent hangs or is dead, its keeper or kernel has to take the address away; "
		 "waiting up to %u ms",
		 (unsigned)c->conf.fence_ms);
	tell(c, i, "hung", text);
}

/* What the last round found, applied as soon as it may be. */
static void judge(struct coordinator *c, size_t i)
{
	struct coord_member *m = &c->members[i];
	const struct member *r = registry_get(c->registry, i);
	bool is_overdue = c->now_ms >= silent_since(c, i) + c->conf.suspect_ms;

	switch (m->verdict) {
	case COORD_NO_ROUND:
		break;
	case COORD_UNKNOWN:
		if (is_judgeable(c, i))
			tell(c, i, "nothing is known",
			     c->conf.n_witnesses == 0
				 ? "nothing is decided; there is no failover.witness"
				 : "nothing is decided");
		break;
	case COORD_NEITHER:
		if (is_judgeable(c, i))
			down(c, i, m->found);
		break;
	case COORD_LINK:
		judge_link(c, i);
		break;
	case COORD_AGENT:
		m->link_since_ms = 0;
		/* A connection that broke is soon made again: no alarm for that. */
		if (is_overdue && is_judgeable(c, i) && r->state != MEMBER_ISOLATED) {
			registry_judge(c->registry, c->now_ms, i, MEMBER_ISOLATED, m->found);
			if (r->state == MEMBER_LEFT)
				tell(c, i, "still there", "it said bye, nothing moves");
		}
		break;
	}
}

/*
 * It lives, but has not all of its addresses any more: it may have let go of one and could not tell
 * the director.
 */
static void lose_unheld(struct coordinator *c, size_t i)
{
	char why[COORDINATOR_WHY_MAX];

	for (size_t k = 0; k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];

		if (!coord_owns(a, i) || a->state == ADDRESS_CLAIMING ||
		    coord_probe_address(c, a) != COORD_NEITHER)
			continue;
		snprintf(why, sizeof(why),
			 "%s is isolated, and neither agent nor kernel answers at this address",
			 coord_name(c, i));
		coord_orphan(c, a, true, why);
	}
}

static uint64_t reprobe_ms(const struct coordinator *c, size_t i)
{
	bool is_isolated = registry_get(c->registry, i)->state == MEMBER_ISOLATED;

	return (uint64_t)c->conf.reprobe_ms * (is_isolated ? COORD_ISOLATED_FACTOR : 1);
}

static void start_round(struct coordinator *c, size_t i)
{
	struct coord_member *m = &c->members[i];

	/* All answers to the last round are there by now, not only the one that decided it. */
	if (m->verdict == COORD_AGENT && registry_get(c->registry, i)->state == MEMBER_ISOLATED)
		lose_unheld(c, i);
	coord_probe_start(c, i);
	m->next_round_ms = c->now_ms + reprobe_ms(c, i);
	if (m->n_probes > 0) {
		m->round_due_ms = c->now_ms + c->conf.probe_ms;
		if (m->next_round_ms < m->round_due_ms)
			m->next_round_ms = m->round_due_ms;
		return;
	}
	m->verdict = COORD_NO_ROUND;
	m->next_round_ms = c->now_ms + (uint64_t)c->conf.reprobe_ms * COORD_ISOLATED_FACTOR;
	if (m->is_lonely_told || !is_judgeable(c, i))
		return;
	m->is_lonely_told = true;
	coord_event(c, coord_name(c, i), "nothing is known",
		    "%s, and no other member is there that could be asked about it or take over",
		    registry_get(c->registry, i)->why);
}

static void finish_round(struct coordinator *c, size_t i)
{
	struct coord_member *m = &c->members[i];
	enum coord_verdict verdict;

	if (m->round_due_ms == 0)
		return;
	verdict = coord_probe_verdict(c, i, c->now_ms >= m->round_due_ms);
	if (verdict == COORD_NO_ROUND)
		return;
	m->verdict = verdict;
	m->round_due_ms = 0;
}

/* When a suspect without an address, about which nobody can be asked, is given up. */
static uint64_t idle_due(const struct coordinator *c, size_t i)
{
	enum member_state state = registry_get(c->registry, i)->state;

	if ((state != MEMBER_SUSPECT && state != MEMBER_ISOLATED) || c->is_settling)
		return COORD_NEVER;
	return silent_since(c, i) + (uint64_t)COORD_IDLE_FACTOR * c->conf.suspect_ms;
}

static void review_idle(struct coordinator *c, size_t i)
{
	char why[REGISTRY_WHY_MAX];

	forget(&c->members[i]);
	if (c->now_ms < idle_due(c, i))
		return;
	snprintf(why, sizeof(why), "silent for %llu ms; it has no address that could be asked for",
		 (unsigned long long)(c->now_ms - silent_since(c, i)));
	registry_judge(c->registry, c->now_ms, i, MEMBER_DOWN, why);
}

void coord_doubt_review(struct coordinator *c, size_t member)
{
	struct coord_member *m = &c->members[member];

	if (m->n_owned == 0) {
		review_idle(c, member);
		return;
	}
	if (c->now_ms < doubt_from(c, member)) {
		forget(m);
		return;
	}
	if (!m->is_asked_for) {
		m->is_asked_for = true;
		m->next_round_ms = c->now_ms;
	}
	finish_round(c, member);
	judge(c, member);
	if (m->is_asked_for && m->round_due_ms == 0 && c->now_ms >= m->next_round_ms)
		start_round(c, member);
}

uint64_t coord_doubt_expiry(const struct coordinator *c, size_t member)
{
	const struct coord_member *m = &c->members[member];
	uint64_t due, judged;

	if (m->n_owned == 0)
		return idle_due(c, member);
	if (!m->is_asked_for)
		return doubt_from(c, member);
	due = m->round_due_ms != 0 ? m->round_due_ms : m->next_round_ms;
	judged = COORD_NEVER;
	if (m->verdict == COORD_LINK && is_judgeable(c, member))
		judged = m->link_since_ms + c->conf.fence_ms;
	else if (m->verdict == COORD_NEITHER || m->verdict == COORD_AGENT)
		judged = silent_since(c, member) + c->conf.suspect_ms;
	/* What is over waits for something else. */
	if (judged > c->now_ms && judged < due)
		due = judged;
	return due;
}
