/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MESH_PROBER_H
#define MESH_PROBER_H

#include "common/base/rng.h"
#include "common/control/message.h"
#include "common/mesh/mesh.h"

/*
 * One probe order of the director, from its start to its result. Pure: no socket, no clock, no
 * allocation; the struct is the caller's, who reads none of its fields.
 *
 *   prober_start() --> the datagrams and the questions to the keeper, all to be sent at once
 *   prober_take_answer(), prober_take_link(), prober_not_sent() as they come
 *   prober_is_done() after each of them, and at prober_due_ms()
 *
 * The PROBE to the service address and those to the references name the same address: that which is
 * asked about. Whoever gets one answers it, if it came to a service address that it holds or to its
 * mesh endpoint, from the address that was asked, with the epoch of its own claim or 0.
 *
 * The result: an answer from the service address says at once agent=yes, and reference=yes with it,
 * because a member was reached. Else the round lasts MESH_PROBE_MS, and what has not answered by
 * then does not. reference is unknown where nothing was given that could have been asked.
 */
#define MESH_PROBE_MS        80
#define PROBER_WITNESSES_MAX 8 /* those after it are not asked; MSG_REFERENCES_MAX likewise */
#define PROBER_DATAGRAMS_MAX (1 + MSG_REFERENCES_MAX)
#define PROBER_QUESTIONS_MAX (1 + PROBER_WITNESSES_MAX)

struct prober {
	struct ip address;
	uint8_t number; /* own */
	uint64_t boot_id;
	uint64_t due_ms;
	uint8_t answered_by; /* number of the agent at the service address; 0: none */
	size_t n_datagrams;  /* the first goes to the service address, the others to references */
	struct {
		struct endpoint to;
		uint8_t nonce[MESH_NONCE_SIZE];
		bool is_answered;
		bool is_lost; /* could not be sent */
	} datagrams[PROBER_DATAGRAMS_MAX];
	size_t n_questions; /* the first is the address itself, the others are witnesses */
	struct {
		struct ip ip;
		enum msg_seen seen;
		bool is_answered;
	} questions[PROBER_QUESTIONS_MAX];
};

/* number and boot_id are this member's own. Copies what it needs. Returns 0 or ERR_CRYPTO. */
MUST_USE int prober_start(struct prober *p, uint64_t now_ms, const struct msg_probe *order,
			  uint8_t number, uint64_t boot_id, const struct rng *rng);

/* The datagrams to be sent; i is less than the count. */
size_t prober_datagrams(const struct prober *p);
void prober_datagram(const struct prober *p, size_t i, struct mesh_msg *out, struct endpoint *to);

/* What the keeper is to ask for on the link of the address; borrowed. */
size_t prober_questions(const struct prober *p);
const struct ip *prober_question(const struct prober *p, size_t i);

/* Datagram i could not be sent. */
void prober_not_sent(struct prober *p, size_t i);

/*
 * A verified MESH_ANSWER and where it came from. True if it answers a datagram of this prober:
 * whoever has several asks one after the other.
 */
bool prober_take_answer(struct prober *p, const struct mesh_msg *answer,
			const struct endpoint *from);

/* What the keeper says of one of the questions; unknown: it could not ask. */
void prober_take_link(struct prober *p, const struct ip *ip, enum msg_seen seen);

/* When it is over at the latest. */
uint64_t prober_due_ms(const struct prober *p);

/* True and the result once there is one; again if asked again. */
bool prober_is_done(const struct prober *p, uint64_t now_ms, struct msg_probe_result *out);

#endif
