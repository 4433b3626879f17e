/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IKE_SCENE_H
#define TESTS_IKE_SCENE_H

#include "tests/lib/core_check.h"

/*
 * Every situation that two real ends bring each other to, in every pair of wishes and at every
 * point between their messages, with a data plane that answers at once or not at all. Each can be
 * built again and again, and is the same each time. What fails here ends the test: include cmocka.h
 * first.
 */
enum kind {
	CONNECTING,
	REJECTED, /* connecting, with the wrong secret */
	SILENT,   /* nothing was heard for long: it asks whether there is anybody */
	WISHES,
	DEAF, /* wishes, of which this end hears the first message but not the next two */
};

struct situation {
	enum kind kind;
	enum pair_side side; /* the end that is looked at */
	enum pair_op own, others;
	bool is_slow; /* its data plane */
	uint64_t ms;  /* so long after that */
};

/* One situation, again and again. */
struct scene {
	struct situation s;
	struct ike_pair p;
	struct ike_core *c;
	int n_requests, n_responses; /* sent since scene_drain() */
	struct ike_header response;
	struct stored sent; /* the last message */
};

enum form {
	SEALED,
	MALFORMED, /* inside */
	FORGED,
	FRAGMENT, /* the first of two */
	FORM_COUNT,
};

struct message {
	uint8_t exchange;
	uint8_t flags;
	uint32_t mid;
	enum form form;
};

void scene_build(struct scene *sc);
void scene_free(struct scene *sc);

/* The situations of one end, each once: of those that look the same from inside only the first. */
void scene_walk(enum pair_side side, bool is_slow, void (*visit)(struct scene *sc));

/* Actions as the shell takes them; what is sent gets nowhere. */
void scene_drain(struct scene *sc);

/*
 * The other end of this SA sends this message, from another port than ever, a moment later. To one
 * that has no keys yet somebody sends it, with a key of zeros.
 */
void scene_give(struct scene *sc, const struct ike_sa *sa, const struct message *m, uint8_t first,
		struct bytes inner);

#endif
