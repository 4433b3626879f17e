/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/addresses/internal.h"

#include <stdio.h>

/* DOC: what the director says, and what other members do. */

/* ---- the mesh ---- */

static void on_notice(void *ctx, const struct mesh_msg *msg, const struct endpoint *from)
{
	struct addresses *a = ctx;

	ownership_notice(a->ownership, addresses_now(), msg, from);
	addresses_drain(a);
}

static enum mesh_place on_look(void *ctx, const struct ip *ip, uint64_t *epoch)
{
	struct addresses *a = ctx;
	size_t i = addresses_find(a, ip);

	*epoch = 0;
	if (i == SIZE_MAX)
		return MESH_NO_SERVICE;
	if (!addresses_is_held(a, i))
		return MESH_NOT_HELD;
	*epoch = ownership_epoch(a->ownership, i);
	return MESH_HELD;
}

static int on_ask(void *ctx, size_t index, const struct ip *target, uint32_t *id)
{
	struct addresses *a = ctx;

	return a->keeper != NULL ? keeper_client_ask(a->keeper, index, target, id) : ERR_BAD_STATE;
}

static void on_probed(void *ctx, uint64_t order, const struct msg_probe_result *result)
{
	struct addresses *a = ctx;
	struct message m = { .type = MESSAGE_PROBE_RESULT, .id = order, .probe_result = *result };

	a->events.tell(a->events.ctx, &m);
}

const struct neighbours_events addresses_mesh_events = {
	.on_notice = on_notice,
	.look = on_look,
	.ask = on_ask,
	.probed = on_probed,
};

/* ---- the director ---- */

uint8_t addresses_number(const struct addresses *a)
{
	return a->state.number;
}

const char *addresses_cluster(const struct addresses *a)
{
	return a->state.cluster;
}

void addresses_use_keys(struct addresses *a)
{
	struct bytes keys[MESH_KEYS_MAX];

	for (size_t i = 0; i < a->state.n_keys; i++)
		keys[i] = key_bytes(&a->state.keys[i].key);
	neighbours_set_keys(a->neighbours, keys, a->state.n_keys);
	neighbours_identify(a->neighbours, a->state.number, a->conf.boot_id);
}

/* Without any the old ones stay: a director that knows of no keys takes none away. */
static void take_keys(struct agent_state *state, const struct msg_key *ring, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n && count < MESH_KEYS_MAX; i++) {
		struct state_key *k = &state->keys[count];

		if (strcmp(ring[i].use, MSG_KEY_USE_NOTICE) != 0 ||
		    ring[i].key.len < MESH_KEY_MIN || ring[i].key.len > KEY_MAX)
			continue;
		snprintf(k->id, sizeof(k->id), "%s", ring[i].id);
		k->key.len = ring[i].key.len;
		memcpy(k->key.data, ring[i].key.ptr, ring[i].key.len);
		count++;
	}
	if (count == 0)
		return;
	for (state->n_keys = count; count < MESH_KEYS_MAX; count++)
		key_wipe(&state->keys[count].key);
}

static bool is_same_state(const struct agent_state *a, const struct agent_state *b)
{
	if (a->number != b->number || strcmp(a->cluster, b->cluster) != 0 || a->n_keys != b->n_keys)
		return false;
	for (size_t i = 0; i < a->n_keys; i++) {
		if (strcmp(a->keys[i].id, b->keys[i].id) != 0 ||
		    !secret_is_equal(key_bytes(&a->keys[i].key), key_bytes(&b->keys[i].key)))
			return false;
	}
	return true;
}

void addresses_take_director(struct addresses *a)
{
	if (a->is_ordered)
		ownership_welcome(a->ownership, addresses_now(), a->state.number, a->epoch);
	else
		ownership_begin_alone(a->ownership, addresses_now(), a->state.number);
	addresses_drain(a);
}

/* Version 1.0 had no orders: every member took its home addresses by itself. */
static void own_homes(struct addresses *a)
{
	bool is_able = ownership_is_able(a->ownership);

	a->state.format = 1;
	if (a->keeper != NULL)
		return;
	if (addresses_make_core(a) != 0)
		log_error(a->lg, LG_KEEPER, "no memory to begin anew: no address is held");
	else if (!is_able)
		ownership_able(a->ownership, addresses_now(), false, "what is tracked is down");
}

static bool has_orders(const struct msg_proto *proto)
{
	return proto->major > 1 || proto->minor >= 1;
}

/* A member that is back has new SAs: what was said of it as a dead one is over. */
static void note_members(struct addresses *a, const struct msg_member *members, size_t n)
{
	memset(a->is_down, 0, sizeof(a->is_down));
	for (size_t i = 0; i < n; i++)
		a->is_down[members[i].number] = members[i].down && members[i].number != 0;
}

void addresses_take_welcome(struct addresses *a, const struct msg_welcome *w)
{
	struct agent_state before = a->state;

	a->state.number = w->number;
	snprintf(a->state.cluster, sizeof(a->state.cluster), "%s", w->cluster);
	take_keys(&a->state, w->ring, w->n_ring);
	a->is_ordered = has_orders(&w->proto);
	a->epoch = w->epoch;
	if (!a->is_ordered && a->state.format == 0)
		own_homes(a);
	addresses_use_keys(a);
	neighbours_set_members(a->neighbours, a->conf.member, w->members, w->n_members);
	note_members(a, w->members, w->n_members);
	if (!is_same_state(&before, &a->state))
		(void)recorder_save(a->recorder, &a->state);
	state_wipe(&before);
	addresses_take_director(a);
}

static void take_probe(struct addresses *a, uint64_t id, const struct msg_probe *probe)
{
	size_t i = addresses_find(a, &probe->address);
	const struct msg_probe_result here = {
		.address = probe->address,
		.agent = MSG_SEEN_YES,
		.number = a->state.number,
		.link = MSG_SEEN_UNKNOWN,
		.reference = MSG_SEEN_YES,
	};

	/* What is here need not be looked for. */
	if (i != SIZE_MAX && ownership_is_held(a->ownership, i))
		on_probed(a, id, &here);
	else
		neighbours_probe(a->neighbours, id, i, probe);
}

void addresses_take_keys(struct addresses *a, const struct msg_key *keys, size_t n)
{
	struct agent_state before = a->state;

	take_keys(&a->state, keys, n);
	addresses_use_keys(a);
	if (!is_same_state(&before, &a->state))
		(void)recorder_save(a->recorder, &a->state);
	state_wipe(&before);
}

/* Whether the address is held by this order is asked in addresses_dead(). */
static void note_dead(struct addresses *a, const struct msg_claim *claim)
{
	size_t i = addresses_find(a, &claim->address);

	if (i == SIZE_MAX)
		return;
	a->dead[i].epoch = claim->epoch;
	a->dead[i].number = claim->dead;
	a->is_down[claim->dead] |= claim->dead != 0;
}

uint8_t addresses_dead(const struct addresses *a, size_t index)
{
	bool is_so = addresses_is_held(a, index) && a->is_down[a->dead[index].number] &&
		     ownership_epoch(a->ownership, index) == a->dead[index].epoch;

	return is_so ? a->dead[index].number : 0;
}

void addresses_take_order(struct addresses *a, const struct message *m)
{
	switch (m->type) {
	case MESSAGE_CLAIM:
		note_dead(a, &m->claim);
		ownership_claim(a->ownership, addresses_now(), m->id, &m->claim);
		break;
	case MESSAGE_RELEASE:
		ownership_release(a->ownership, addresses_now(), m->id, &m->release);
		break;
	case MESSAGE_PROBE:
		take_probe(a, m->id, &m->probe);
		break;
	case MESSAGE_MEMBERS:
		neighbours_set_members(a->neighbours, a->conf.member, m->members.members,
				       m->members.n_members);
		note_members(a, m->members.members, m->members.n_members);
		a->events.changed(a->events.ctx);
		break;
	default:
		break;
	}
	addresses_drain(a);
}

void addresses_disconnected(struct addresses *a)
{
	a->is_ordered = false;
	ownership_disconnected(a->ownership, addresses_now());
	addresses_drain(a);
}
