/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mesh/prober.h"

static int add_datagram(struct prober *p, const struct endpoint *to, const struct rng *rng)
{
	size_t i = p->n_datagrams;

	p->datagrams[i].to = *to;
	p->n_datagrams++;
	return rng_fill(rng, p->datagrams[i].nonce, MESH_NONCE_SIZE);
}

static void add_question(struct prober *p, const struct ip *ip)
{
	p->questions[p->n_questions].ip = *ip;
	p->questions[p->n_questions].seen = MSG_SEEN_UNKNOWN;
	p->n_questions++;
}

int prober_start(struct prober *p, uint64_t now_ms, const struct msg_probe *order, uint8_t number,
		 uint64_t boot_id, const struct rng *rng)
{
	struct endpoint service = { order->address, MESH_PORT };
	int err;

	*p = (struct prober){ .address = order->address,
			      .number = number,
			      .boot_id = boot_id,
			      .due_ms = now_ms + MESH_PROBE_MS };
	err = add_datagram(p, &service, rng);
	for (size_t i = 0; i < order->n_references && err == 0; i++) {
		if (p->n_datagrams < PROBER_DATAGRAMS_MAX)
			err = add_datagram(p, &order->references[i], rng);
	}
	add_question(p, &order->address);
	for (size_t i = 0; i < order->n_witnesses; i++) {
		if (p->n_questions < PROBER_QUESTIONS_MAX)
			add_question(p, &order->witnesses[i]);
	}
	return err;
}

size_t prober_datagrams(const struct prober *p)
{
	return p->n_datagrams;
}

void prober_datagram(const struct prober *p, size_t i, struct mesh_msg *out, struct endpoint *to)
{
	*out = (struct mesh_msg){ .type = MESH_PROBE,
				  .number = p->number,
				  .boot_id = p->boot_id,
				  .address = p->address };
	memcpy(out->nonce, p->datagrams[i].nonce, MESH_NONCE_SIZE);
	*to = p->datagrams[i].to;
}

size_t prober_questions(const struct prober *p)
{
	return p->n_questions;
}

const struct ip *prober_question(const struct prober *p, size_t i)
{
	return &p->questions[i].ip;
}

void prober_not_sent(struct prober *p, size_t i)
{
	p->datagrams[i].is_lost = true;
}

bool prober_take_answer(struct prober *p, const struct mesh_msg *answer,
			const struct endpoint *from)
{
	if (answer->type != MESH_ANSWER || !ip_is_equal(&answer->address, &p->address))
		return false;
	for (size_t i = 0; i < p->n_datagrams; i++) {
		/* The port may be another: an agent behind NAT answers too. */
		if (!ip_is_equal(&p->datagrams[i].to.ip, &from->ip) ||
		    memcmp(p->datagrams[i].nonce, answer->nonce, MESH_NONCE_SIZE) != 0)
			continue;
		p->datagrams[i].is_answered = true;
		if (i == 0)
			p->answered_by = answer->number;
		return true;
	}
	return false;
}

void prober_take_link(struct prober *p, const struct ip *ip, enum msg_seen seen)
{
	for (size_t i = 0; i < p->n_questions; i++) {
		if (!ip_is_equal(&p->questions[i].ip, ip))
			continue;
		/* The first yes stays: two questions may name the same host. */
		if (p->questions[i].seen != MSG_SEEN_YES)
			p->questions[i].seen = seen;
		p->questions[i].is_answered = true;
	}
}

uint64_t prober_due_ms(const struct prober *p)
{
	return p->due_ms;
}

/* A question that the keeper has taken and not answered: nothing answered it either. */
static enum msg_seen seen_of(const struct prober *p, size_t question)
{
	return p->questions[question].is_answered ? p->questions[question].seen : MSG_SEEN_NO;
}

static enum msg_seen reference_of(const struct prober *p)
{
	enum msg_seen seen = MSG_SEEN_UNKNOWN;

	for (size_t i = 0; i < p->n_datagrams; i++) {
		if (p->datagrams[i].is_answered)
			return MSG_SEEN_YES;
		if (i > 0)
			seen = MSG_SEEN_NO;
	}
	for (size_t i = 1; i < p->n_questions; i++) {
		enum msg_seen one = seen_of(p, i);

		if (one == MSG_SEEN_YES)
			return one;
		if (one == MSG_SEEN_NO)
			seen = one;
	}
	return seen;
}

static bool is_all_known(const struct prober *p)
{
	for (size_t i = 0; i < p->n_datagrams; i++) {
		if (!p->datagrams[i].is_answered && !p->datagrams[i].is_lost)
			return false;
	}
	for (size_t i = 0; i < p->n_questions; i++) {
		if (!p->questions[i].is_answered)
			return false;
	}
	return true;
}

bool prober_is_done(const struct prober *p, uint64_t now_ms, struct msg_probe_result *out)
{
	bool has_agent = p->answered_by != 0;

	if (!has_agent && !is_all_known(p) && now_ms < p->due_ms)
		return false;
	*out = (struct msg_probe_result){
		.address = p->address,
		.agent = has_agent ? MSG_SEEN_YES : MSG_SEEN_NO,
		.number = p->answered_by,
		.link = seen_of(p, 0),
		.reference = reference_of(p),
	};
	/* It need not have had the time to answer. */
	if (has_agent && !p->questions[0].is_answered)
		out->link = MSG_SEEN_UNKNOWN;
	return true;
}
