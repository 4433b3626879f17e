/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/ike_scene.h"

/*
 * What is no message, in every situation that two real ends bring each other to: results and signs
 * of life from the data plane, for each Child SA, late, twice, or of what never was; what an
 * operator wants; time that passes, a little or much; an address that goes. As in
 * test_transitions.c: it changes nothing, or all fits together after it and comes to an end.
 */
static size_t met[SA_STATE_COUNT], met_children[CHILD_DRAINING + 1];

static void check_no_change(struct scene *sc, const struct core_copy *copy)
{
	struct action a;

	core_check_same(&sc->p, sc->s.side, copy);
	assert_false(actions_next(sc->c, &a));
}

static void refuse_wishes(struct scene *sc, const struct core_copy *copy)
{
	uint64_t now = sc->p.now;

	for (size_t k = 0; k <= copy->n_sas; k++) {
		uint64_t spi = k < copy->n_sas ? copy->sas[k].own_spi : 4711;

		if (k < copy->n_sas && copy->sas[k].state == SA_ESTABLISHED)
			continue;
		assert_false(core_create_child(sc->c, now, spi));
		assert_false(core_rekey_ike(sc->c, now, spi));
		assert_false(core_delete_ike(sc->c, now, spi, REASON_STOPPED));
		check_no_change(sc, copy);
	}
	for (size_t k = 0; k <= copy->n_children; k++) {
		const struct child *child = &copy->children[k];
		uint64_t id = k < copy->n_children ? child->id : 4711;

		if (k < copy->n_children && child->state == CHILD_INSTALLED &&
		    child->sa->state == SA_ESTABLISHED)
			continue;
		assert_false(core_rekey_child(sc->c, now, id));
		assert_false(core_delete_child(sc->c, now, id));
		check_no_change(sc, copy);
	}
}

/* Late results, or of what never was: an SPI may have been used before, by another Child SA. */
static void refuse_results(struct scene *sc, const struct core_copy *copy)
{
	static const struct esp_stats much = { .seq_out = UINT32_MAX };
	uint64_t now = sc->p.now;

	for (size_t k = 0; k <= copy->n_children; k++) {
		const struct child *child = &copy->children[k];
		uint64_t other = k < copy->n_children ? child->id + (1ull << 32) : 4711;

		for (int err = 0; err < 2; err++) {
			core_child_result(sc->c, now, other, err * ERR_TIMEOUT);
			if (k < copy->n_children && child->state != CHILD_INSTALLING)
				core_child_result(sc->c, now, child->id, err * ERR_TIMEOUT);
		}
		assert_false(core_child_heard(sc->c, now, other, NULL));
		core_child_usage(sc->c, now, other, &much);
		check_no_change(sc, copy);
	}
}

enum event {
	RESULT,
	RESULT_BAD,
	HEARD,
	HEARD_ELSEWHERE,
	USED_UP,
	WISH_REKEY_CHILD,
	WISH_DELETE_CHILD,
	WISH_CREATE_CHILD,
	WISH_REKEY_IKE,
	WISH_DELETE_IKE,
	WAIT_A_MOMENT,
	WAIT_A_MINUTE,
	WAIT_LONG,
	ADDRESS_GONE,
	END,
	EVENT_COUNT,
};

/* The data plane says it twice: the second time it is nothing new. */
static void give_result(struct scene *sc, uint64_t child_id, int err)
{
	static struct core_copy copy;

	if (err != 0)
		pair_data_plane_lost(&sc->p, sc->s.side, child_id);
	core_child_result(sc->c, sc->p.now, child_id, err);
	scene_drain(sc);
	core_copy(&sc->p, sc->s.side, &copy);
	core_child_result(sc->c, sc->p.now, child_id, 0);
	core_child_result(sc->c, sc->p.now, child_id, ERR_TIMEOUT);
	check_no_change(sc, &copy);
}

static void make_child_event(struct scene *sc, enum event event, uint64_t id)
{
	static const struct esp_stats much = { .seq_out = UINT32_MAX };
	struct ike_core *c = sc->c;
	struct endpoint elsewhere = c->by_spi->path.remote;
	const struct child *child = child_find(c, id);

	elsewhere.port = 4444;
	if (event == RESULT || event == RESULT_BAD) {
		if (child->state == CHILD_INSTALLING)
			give_result(sc, id, event == RESULT ? 0 : ERR_TIMEOUT);
	} else if (event == HEARD || event == HEARD_ELSEWHERE) {
		if (child->state != CHILD_RESERVED)
			core_child_heard(c, sc->p.now, id, event == HEARD ? NULL : &elsewhere);
	} else if (event == USED_UP) {
		core_child_usage(c, sc->p.now, id, &much);
	} else if (event == WISH_REKEY_CHILD) {
		core_rekey_child(c, sc->p.now, id);
	} else if (event == WISH_DELETE_CHILD) {
		core_delete_child(c, sc->p.now, id);
	}
}

static void make_event(struct scene *sc, enum event event, uint64_t spi)
{
	struct ike_core *c = sc->c;
	struct ip local = ike_sa_find(c, spi)->path.local.ip;

	sc->p.now += event == WAIT_A_MINUTE ? 60000 : event == WAIT_LONG ? 1ull << 40 : 1;
	if (event == WISH_CREATE_CHILD)
		core_create_child(c, sc->p.now, spi);
	else if (event == WISH_REKEY_IKE)
		core_rekey_ike(c, sc->p.now, spi);
	else if (event == WISH_DELETE_IKE)
		core_delete_ike(c, sc->p.now, spi, REASON_STOPPED);
	else if (event == ADDRESS_GONE)
		core_drop_local(c, sc->p.now, &local);
	else if (event >= WAIT_A_MOMENT && event <= WAIT_LONG)
		core_expire(c, sc->p.now);
}

/* Each Child SA, or each IKE SA, in a situation of its own. */
static void try_event(const struct scene *sc, enum event event, uint64_t name)
{
	struct scene again = { .s = sc->s };

	scene_build(&again);
	if (event <= WISH_DELETE_CHILD)
		make_child_event(&again, event, name);
	else
		make_event(&again, event, name);
	if (event != END) {
		scene_drain(&again);
		core_check_order(&again.p, again.s.side);
		core_check_silence(&again.p, again.s.side);
	}
	scene_free(&again);
}

static void try_events(const struct scene *sc, const struct core_copy *copy)
{
	for (int event = 0; event < EVENT_COUNT; event++) {
		if (event <= WISH_DELETE_CHILD) {
			for (size_t k = 0; k < copy->n_children; k++)
				try_event(sc, (enum event)event, copy->children[k].id);
		} else {
			for (size_t k = 0; k < copy->n_sas; k++)
				try_event(sc, (enum event)event, copy->sas[k].own_spi);
		}
	}
}

/* ---- the walk ---- */

static void walk_situation(struct scene *sc)
{
	static struct core_copy copy;

	core_copy(&sc->p, sc->s.side, &copy);
	for (size_t k = 0; k < copy.n_sas; k++)
		met[copy.sas[k].state]++;
	for (size_t k = 0; k < copy.n_children; k++)
		met_children[copy.children[k].state]++;
	/* Nothing is due: time alone does nothing. */
	core_expire(sc->c, sc->p.now);
	check_no_change(sc, &copy);
	refuse_wishes(sc, &copy);
	refuse_results(sc, &copy);
	try_events(sc, &copy);
}

static void test_every_situation(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		scene_walk((enum pair_side)side, false, walk_situation);
		scene_walk((enum pair_side)side, true, walk_situation);
	}
}

static void test_nothing_is_left_out(void **state)
{
	(void)state;
	for (int s = 0; s < SA_STATE_COUNT; s++)
		assert_true(met[s] > 0);
	for (int s = 0; s <= CHILD_DRAINING; s++)
		assert_true(met_children[s] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_situation),
		cmocka_unit_test(test_nothing_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
