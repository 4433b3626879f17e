/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>

/*
 * One round of probes for the addresses of a silent member: who is asked, and what the answers mean
 * together.
 */

/* ---- who is asked ---- */

static bool is_reference(const struct coordinator *c, size_t i, size_t silent, size_t prober)
{
	return i != silent && i != prober && c->members[i].mesh.ip.family != IP_NONE &&
	       coord_is_heard(c, i);
}

/* What must be reached, or the prober itself is cut off: third members, starting after it. */
static void add_references(const struct coordinator *c, size_t silent, size_t prober,
			   struct coordinator_action *action)
{
	size_t n = registry_count(c->registry);

	for (size_t k = 1; k < n && action->probe.n_references < MSG_REFERENCES_MAX; k++) {
		size_t i = (prober + k) % n;

		if (is_reference(c, i, silent, prober))
			action->probe.references[action->probe.n_references++] = c->members[i].mesh;
	}
	action->probe.n_witnesses = c->conf.n_witnesses;
	memcpy(action->probe.witnesses, c->conf.witnesses, sizeof(action->probe.witnesses));
}

static void send_probe(struct coordinator *c, struct coord_address *a, size_t silent, size_t prober,
		       struct coord_probe *probe)
{
	struct coordinator_action *action = coord_push(c, COORDINATOR_PROBE);

	*probe = (struct coord_probe){ .id = ++c->last_id, .prober = prober };
	if (action == NULL)
		return; /* a probe that nobody answers */
	action->member = prober;
	action->id = probe->id;
	action->ip = a->ip;
	action->probe.number = registry_get(c->registry, silent)->number;
	add_references(c, silent, prober, action);
}

/*
 * The members to ask about an address, its successors first. anybody: also those that could not
 * take it, and therefore are perhaps not on its link.
 */
static size_t choose_probers(const struct coordinator *c, const struct coord_address *a,
			     size_t silent, bool anybody, size_t probers[COORDINATOR_PROBERS_MAX])
{
	size_t planned[COORDINATOR_SUCCESSORS_MAX], n = 0;
	size_t n_planned = coord_successors(c, a, planned, COORDINATOR_SUCCESSORS_MAX);
	struct coord_set chosen = { { 0 } };

	for (size_t k = 0; k < n_planned && n < COORDINATOR_PROBERS_MAX; k++) {
		if (!coord_is_heard(c, planned[k]))
			continue;
		coord_set_add(&chosen, planned[k]);
		probers[n++] = planned[k];
	}
	for (size_t i = 0; i < registry_count(c->registry) && n < COORDINATOR_PROBERS_MAX; i++) {
		if (i != silent && !coord_set_has(&chosen, i) && coord_is_heard(c, i) &&
		    (anybody || coord_set_has(&a->can, i)))
			probers[n++] = i;
	}
	return n;
}

static void probe_all(struct coordinator *c, size_t silent, bool anybody)
{
	for (size_t k = 0; k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];
		size_t probers[COORDINATOR_PROBERS_MAX], n;

		if (!coord_owns(a, silent))
			continue;
		n = choose_probers(c, a, silent, anybody, probers);
		for (size_t j = 0; j < COORDINATOR_PROBERS_MAX; j++) {
			if (j < n)
				send_probe(c, a, silent, probers[j], &a->probes[j]);
			else
				a->probes[j] = (struct coord_probe){ .id = 0 };
		}
		c->members[silent].n_probes += n;
	}
}

void coord_probe_start(struct coordinator *c, size_t member)
{
	c->members[member].n_probes = 0;
	probe_all(c, member, false);
	if (c->members[member].n_probes == 0)
		probe_all(c, member, true);
}

/* ---- what the answers mean ---- */

struct tally {
	size_t n_waiting;
	size_t n_agent, n_link, n_neither, n_abstaining, n_unanswered;
	const struct coord_address *first; /* that speaks for the verdict */
	size_t n_addresses;
	struct coord_set voices;
};

static enum coord_verdict classify(const struct coordinator *c, const struct coord_address *a,
				   size_t silent, const struct coord_probe *probe)
{
	const struct msg_probe_result *r = &probe->result;
	bool is_other = r->number != registry_get(c->registry, silent)->number;

	/* An authenticated answer is proof, whatever else the prober can reach. */
	if (r->agent == MSG_SEEN_YES && !is_other)
		return COORD_AGENT;
	if (r->reference != MSG_SEEN_YES)
		return COORD_UNKNOWN;
	/* Another member answers there: somebody has the address. */
	if (r->agent == MSG_SEEN_YES || r->link == MSG_SEEN_YES)
		return COORD_LINK;
	/* Who has a link to ask on and could not ask cannot tell a hung agent from a dead host. */
	if (r->link == MSG_SEEN_UNKNOWN && coord_set_has(&a->on_link, probe->prober))
		return COORD_UNKNOWN;
	return r->agent == MSG_SEEN_NO ? COORD_NEITHER : COORD_UNKNOWN;
}

static void count_probe(const struct coordinator *c, const struct coord_address *a, size_t silent,
			const struct coord_probe *probe, bool is_over, struct tally *t)
{
	if (!probe->is_answered) {
		/* One that has fallen silent itself is not waited for. */
		if (!is_over && coord_is_heard(c, probe->prober))
			t->n_waiting++;
		else
			t->n_unanswered++;
		return;
	}
	switch (classify(c, a, silent, probe)) {
	case COORD_AGENT:
		t->n_agent++;
		break;
	case COORD_LINK:
		t->n_link++;
		break;
	case COORD_NEITHER:
		t->n_neither++;
		break;
	case COORD_UNKNOWN:
	case COORD_NO_ROUND:
		t->n_abstaining++;
		break;
	}
}

static enum coord_verdict conclude(const struct tally *t)
{
	if (t->n_agent > 0)
		return COORD_AGENT;
	if (t->n_waiting > 0)
		return COORD_NO_ROUND;
	if (t->n_link > 0)
		return COORD_LINK;
	return t->n_neither > 0 ? COORD_NEITHER : COORD_UNKNOWN;
}

enum coord_verdict coord_probe_address(const struct coordinator *c, const struct coord_address *a)
{
	struct tally t = { .first = NULL };

	for (size_t j = 0; j < COORDINATOR_PROBERS_MAX; j++) {
		if (a->probes[j].id != 0)
			count_probe(c, a, a->owner, &a->probes[j], true, &t);
	}
	return conclude(&t);
}

/* Collects who said it, and of which addresses. */
static void find_voices(const struct coordinator *c, size_t silent, enum coord_verdict verdict,
			struct tally *t)
{
	for (size_t k = 0; k < c->n; k++) {
		const struct coord_address *a = &c->addresses[k];
		bool speaks = false;

		if (!coord_owns(a, silent))
			continue;
		for (size_t j = 0; j < COORDINATOR_PROBERS_MAX; j++) {
			const struct coord_probe *p = &a->probes[j];

			if (p->id == 0 ||
			    (verdict != COORD_UNKNOWN &&
			     (!p->is_answered || classify(c, a, silent, p) != verdict)))
				continue;
			coord_set_add(&t->voices, p->prober);
			speaks = true;
		}
		if (!speaks)
			continue;
		t->n_addresses++;
		if (t->first == NULL)
			t->first = a;
	}
}

/* "m2, m3 and m4" */
static void list_names(const struct coordinator *c, const struct coord_set *set, char *out,
		       size_t cap)
{
	size_t left = 0, len = 0;

	for (size_t i = 0; i < registry_count(c->registry); i++)
		left += coord_set_has(set, i) ? 1 : 0;
	out[0] = '\0';
	for (size_t i = 0; i < registry_count(c->registry) && len < cap; i++) {
		const char *separator = len == 0 ? "" : left == 1 ? " and " : ", ";

		if (!coord_set_has(set, i))
			continue;
		len +=
		    (size_t)snprintf(out + len, cap - len, "%s%.24s", separator, coord_name(c, i));
		left--;
	}
}

static const char *finding(enum coord_verdict verdict)
{
	switch (verdict) {
	case COORD_NEITHER:
		return "neither agent nor kernel answers";
	case COORD_LINK:
		return "a kernel answers, but no agent of it";
	case COORD_AGENT:
		return "its agent answers";
	case COORD_UNKNOWN:
	case COORD_NO_ROUND:
		break;
	}
	return "none of them reaches its reference or answered";
}

/* "m2 and m3 asked 192.0.2.21 and 1 more: neither agent nor kernel answers" */
static void describe(struct coordinator *c, size_t silent, enum coord_verdict verdict)
{
	struct coord_member *m = &c->members[silent];
	struct tally t = { .first = NULL };
	char names[3 * 32], more[32] = "";

	find_voices(c, silent, verdict, &t);
	list_names(c, &t.voices, names, sizeof(names));
	if (t.n_addresses > 1)
		snprintf(more, sizeof(more), " and %zu more", t.n_addresses - 1);
	snprintf(m->found, sizeof(m->found), "%.60s asked %s%s: %s", names,
		 t.first != NULL ? t.first->text : "nothing", more, finding(verdict));
}

enum coord_verdict coord_probe_verdict(struct coordinator *c, size_t member, bool is_over)
{
	struct tally t = { .first = NULL };
	enum coord_verdict verdict;

	for (size_t k = 0; k < c->n; k++) {
		const struct coord_address *a = &c->addresses[k];

		for (size_t j = 0; j < COORDINATOR_PROBERS_MAX; j++) {
			if (coord_owns(a, member) && a->probes[j].id != 0)
				count_probe(c, a, member, &a->probes[j], is_over, &t);
		}
	}
	verdict = conclude(&t);
	if (verdict != COORD_NO_ROUND)
		describe(c, member, verdict);
	return verdict;
}

void coordinator_probed(struct coordinator *c, uint64_t now_ms, size_t member, uint64_t id,
			const struct msg_probe_result *m)
{
	struct coord_address *a = coord_find(c, &m->address);

	coord_begin(c, now_ms);
	for (size_t j = 0; a != NULL && id != 0 && j < COORDINATOR_PROBERS_MAX; j++) {
		struct coord_probe *probe = &a->probes[j];

		if (probe->id != id || probe->prober != member || probe->is_answered)
			continue;
		probe->is_answered = true;
		probe->result = *m;
	}
	coord_review(c);
}
