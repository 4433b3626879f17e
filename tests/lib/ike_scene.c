/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/ikev2/session/tasks.h"
#include "common/ikev2/sk.h"
#include "tests/lib/ike_scene.h"

#define STEP_MS   10 /* the delay of the link */
#define POINTS    5  /* after so many of them nothing is under way */
#define SIGN_MAX  512
#define SIGNS_MAX 512

#define MESSAGE_MAX 1200
#define SOME_IV     (1u << 30) /* none of the other end's own */

/* The other end may go on as if all were well, on an IKE SA that this end is not sure of. */
static void wish(struct ike_pair *p, const struct situation *s)
{
	enum pair_side other = s->side == RESPONDER ? INITIATOR : RESPONDER;

	pair_do(p, s->side, s->own);
	pair_do(p, other, s->others);
	if (s->kind != DEAF)
		return;
	pair_run(p, STEP_MS / 2);
	p->link.is_deaf[s->side] = true;
	pair_run(p, 2 * STEP_MS);
	p->link.is_deaf[s->side] = false;
	pair_do(p, other, OP_CREATE_CHILD);
}

void scene_build(struct scene *sc)
{
	const struct situation *s = &sc->s;
	struct ike_pair *p = &sc->p;

	pair_start(p, 1);
	p->rconf.fragment_size = p->iconf.fragment_size = 1280;
	if (s->kind != SILENT || s->side == RESPONDER)
		p->rconf.dpd_ms = 60000;
	if (s->kind != SILENT || s->side == INITIATOR)
		p->iconf.dpd_ms = 60000;
	if (s->kind == CONNECTING || s->kind == REJECTED) {
		pair_open(p);
		p->gateway.psk.len -= s->kind == REJECTED;
		p->end[s->side].is_slow = s->is_slow;
		pair_connect(p);
	} else {
		pair_establish(p);
		p->end[s->side].is_slow = s->is_slow;
	}
	sc->c = pair_core(p, s->side);
	if (s->kind == WISHES || s->kind == DEAF)
		wish(p, s);
	if (s->kind == SILENT) {
		while (sc->c->by_spi->current == NULL)
			pair_run(p, core_next_expiry(sc->c) - p->now);
		pair_do(p, s->side == RESPONDER ? INITIATOR : RESPONDER, s->others);
	}
	pair_run(p, s->ms);
	stored_free(&sc->sent);
}

void scene_free(struct scene *sc)
{
	stored_free(&sc->sent);
	pair_stop(&sc->p);
}

void scene_drain(struct scene *sc)
{
	struct action a;

	sc->n_requests = sc->n_responses = 0;
	sc->p.link.loss_ppm = 1000000;
	while (actions_next(sc->c, &a)) {
		struct ike_header h;

		if (a.type == ACTION_SEND) {
			assert_int_equal(ike_header_decode(a.message, &h), 0);
			assert_int_equal(stored_set(&sc->sent, a.message), 0);
			if (ike_header_is_response(&h))
				sc->response = h;
			sc->n_responses += ike_header_is_response(&h);
			sc->n_requests += !ike_header_is_response(&h);
		}
		pair_take_action(&sc->p, sc->s.side, &a);
	}
}

static void sign_sa(const struct ike_sa *sa, char *sign, size_t *at)
{
	int n = snprintf(
	    sign + *at, SIGN_MAX - *at, "%d%c%d%c%c%d%c:", (int)sa->state,
	    sa->is_initiator ? 'i' : 'r', sa->current != NULL ? (int)sa->current->type : -1,
	    sa->current != NULL && sa->current->has_collided ? 'c' : '-',
	    sa->answer.message.len > 0 ? 'a' : '-', sa->tasks != NULL ? (int)sa->tasks->type : -1,
	    sa->keys.d.len > 0 ? 'k' : '-');

	*at += (size_t)n;
	for (const struct child *child = sa->children; child != NULL; child = child->next)
		*at += (size_t)snprintf(sign + *at, SIGN_MAX - *at, "%d%s%s,", (int)child->state,
					child->is_redundant ? "!" : "",
					child->unconfirmed_until_ms > 0 ? "?" : "");
	assert_true(*at < SIGN_MAX - 100);
}

/* What an end is like: states, tasks, answers that wait. True if none like it was seen before. */
static bool is_new(const struct scene *sc)
{
	static char signs[SIGNS_MAX][SIGN_MAX];
	static size_t n;
	size_t at = 1;

	assert_true(n < SIGNS_MAX);
	memset(signs[n], 0, SIGN_MAX);
	signs[n][0] = sc->s.side == RESPONDER ? 'R' : 'I';
	for (const struct ike_sa *sa = sc->c->by_spi; sa != NULL; sa = sa->hh_spi.next)
		sign_sa(sa, signs[n], &at);
	for (size_t k = 0; k < n; k++) {
		if (strcmp(signs[k], signs[n]) == 0)
			return false;
	}
	n++;
	return true;
}

static void walk_points(struct situation s, void (*visit)(struct scene *sc))
{
	for (int k = 0; k <= POINTS; k++) {
		struct scene sc = { .s = s };

		sc.s.ms = k == 0 ? 0 : (uint64_t)k * STEP_MS + STEP_MS / 2;
		scene_build(&sc);
		if (is_new(&sc))
			visit(&sc);
		scene_free(&sc);
	}
}

void scene_walk(enum pair_side side, bool is_slow, void (*visit)(struct scene *sc))
{
	walk_points((struct situation){ CONNECTING, side, .is_slow = is_slow }, visit);
	walk_points((struct situation){ REJECTED, side, .is_slow = is_slow }, visit);
	for (int others = OP_NONE; others < OP_COUNT; others++)
		walk_points(
		    (struct situation){ SILENT, side, OP_NONE, (enum pair_op)others, is_slow, 0 },
		    visit);
	for (int own = OP_NONE; own < OP_COUNT; own++) {
		for (int k = 0; k < 2 * OP_COUNT; k++)
			walk_points((struct situation){ k < OP_COUNT ? WISHES : DEAF, side,
							(enum pair_op)own,
							(enum pair_op)(k % OP_COUNT), is_slow, 0 },
				    visit);
	}
}

/* ---- messages ---- */

static struct bytes seal(struct scene *sc, const struct ike_sa *sa, const struct message *m,
			 uint8_t first, struct bytes inner, uint8_t *buf, size_t cap)
{
	const struct key *own = sa->is_initiator ? &sa->keys.er : &sa->keys.ei,
			 none = { .len = 36 };
	const struct key *key = own->len > 0 ? own : &none;
	const struct encr_alg *alg = sc->p.rconf.suites[0].encr;
	const struct fragment f = { { 1, 2 }, first, inner };
	struct wr w = wr_init(buf, cap);
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = m->exchange,
		.flags = m->flags,
		.message_id = m->mid,
	};
	struct bytes out;

	if (m->form == FRAGMENT)
		skf_seal(&w, sc->p.crypto, alg, key_bytes(key), SOME_IV, &h, &f);
	else
		sk_seal(&w, sc->p.crypto, alg, key_bytes(key), SOME_IV, &h, first, inner);
	assert_int_equal(wr_finish(&w, &out), 0);
	if (m->form == FORGED)
		buf[out.len - 1] ^= 1;
	return out;
}

void scene_give(struct scene *sc, const struct ike_sa *sa, const struct message *m, uint8_t first,
		struct bytes inner)
{
	uint8_t buf[MESSAGE_MAX];
	struct bytes message = seal(sc, sa, m, first, inner, buf, sizeof(buf));
	struct path path = sa->path;

	path.remote.port = 4444;
	sc->p.now++;
	if (sc->s.side == RESPONDER)
		responder_datagram(sc->p.r, sc->p.now, &path, message);
	else
		initiator_datagram(sc->p.i, sc->p.now, &path, message);
}
