/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/addresses.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/mesh/neighbours.h"
#include "agent/state/recorder.h"

/*
 * What was lost by accident, say because the host was suspended, may be back soon, and its peers
 * with it. After this time they are given up.
 */
#define LOST_MS 10000

#define NEVER UINT64_MAX

struct addresses {
	uv_loop_t *loop;
	struct addresses_conf conf;
	const struct setup *setup;
	const struct logger *lg;
	struct addresses_events events;
	struct agent_state state; /* what is on the disk, or on its way there */
	struct recorder *recorder;
	struct neighbours *neighbours;
	struct ownership *ownership;  /* NULL before the beginning */
	struct keeper_client *keeper; /* likewise */
	uv_timer_t timer;
	bool is_ordered; /* by a director, who has welcomed us */
	uint64_t epoch;  /* of that welcome */
	bool is_able;
	char why_unable[KEEPER_TEXT_MAX];
	uint64_t ticket, save; /* of the PERSIST under way, and its number; 0: none */
	bool was_held[KEEPER_ADDRESSES_MAX];
	uint64_t lost_ms[KEEPER_ADDRESSES_MAX]; /* NEVER, or when it is lost for good */
	const char *ring_ids[MESH_KEYS_MAX];
	bool is_closing;
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static size_t find(const struct addresses *a, const struct ip *ip)
{
	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		if (ip_is_equal(&a->setup->addresses[i], ip))
			return i;
	}
	return SIZE_MAX;
}

/* ---- what the core decides ---- */

static void persist(struct addresses *a, const struct ownership_action *action)
{
	a->state.ownership = *action->state;
	a->ticket = action->ticket;
	a->save = recorder_save(a->recorder, &a->state);
}

static void ask_keeper(struct addresses *a, const struct ownership_action *action, bool is_add)
{
	int err = is_add ? keeper_client_add_address(a->keeper, action->index, action->epoch,
						     action->force)
			 : keeper_client_remove_address(a->keeper, action->index);

	if (err != 0)
		ownership_keeper_answer(a->ownership, now_ms(), action->index, is_add, err,
					MSG_REFUSED_FAILED, "the keeper takes no more requests");
}

static void notice(struct addresses *a, const struct ownership_action *action)
{
	const struct keeper_address *k = &a->setup->keeper.addresses[action->index];

	neighbours_notice(a->neighbours, &k->ip, action->epoch,
			  k->claim == KEEPER_CLAIM_L2 ? k->link : NULL, &action->to);
}

static void tell(struct addresses *a, const struct ownership_action *action)
{
	struct message m = { .id = action->id };

	switch (action->type) {
	case OWNERSHIP_CLAIMED:
		m.type = MESSAGE_CLAIMED;
		m.claimed = (struct msg_claimed){ action->ip, action->epoch };
		break;
	case OWNERSHIP_REFUSED:
		m.type = MESSAGE_REFUSED;
		m.refused = (struct msg_refused){ action->ip, action->epoch, action->max_epoch,
						  action->code, action->why };
		break;
	case OWNERSHIP_RELEASED:
		m.type = MESSAGE_RELEASED;
		m.released = (struct msg_released){ action->ip, action->epoch, action->why };
		break;
	default:
		m.type = MESSAGE_EVENT;
		m.event = (struct msg_event){ action->what, action->why };
		break;
	}
	a->events.tell(a->events.ctx, &m);
}

/* Given up, on order or because it is another member's: what was set up there goes at once. */
static void lose(struct addresses *a, size_t index)
{
	if (index == SIZE_MAX || a->lost_ms[index] == NEVER)
		return;
	a->lost_ms[index] = NEVER;
	a->events.lost(a->events.ctx, &a->setup->addresses[index]);
}

static void compare(struct addresses *a)
{
	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		bool is_held = ownership_is_held(a->ownership, i);

		if (is_held)
			a->lost_ms[i] = NEVER;
		else if (a->was_held[i])
			a->lost_ms[i] = now_ms() + LOST_MS;
		a->was_held[i] = is_held;
	}
}

static void run(struct addresses *a, const struct ownership_action *action)
{
	switch (action->type) {
	case OWNERSHIP_PERSIST:
		persist(a, action);
		break;
	case OWNERSHIP_KEEPER_ADD:
		ask_keeper(a, action, true);
		break;
	case OWNERSHIP_KEEPER_REMOVE:
		ask_keeper(a, action, false);
		break;
	case OWNERSHIP_NOTICE:
		notice(a, action);
		break;
	case OWNERSHIP_CLAIMED:
	case OWNERSHIP_REFUSED:
	case OWNERSHIP_EVENT:
	case OWNERSHIP_RELEASED:
		tell(a, action);
		break;
	case OWNERSHIP_CHANGED:
		compare(a);
		a->events.changed(a->events.ctx);
		break;
	}
}

static void on_timer(uv_timer_t *timer);

static void arm(struct addresses *a)
{
	uint64_t due = ownership_next_expiry(a->ownership), now = now_ms();

	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		if (a->lost_ms[i] < due)
			due = a->lost_ms[i];
	}
	if (due == NEVER) {
		uv_timer_stop(&a->timer);
		return;
	}
	uv_update_time(a->loop);
	uv_timer_start(&a->timer, on_timer, due > now ? due - now : 0, 0);
}

/* After every call into the core. */
static void drain(struct addresses *a)
{
	struct ownership_action action;

	while (!a->is_closing && ownership_next_action(a->ownership, &action))
		run(a, &action);
	if (!a->is_closing)
		arm(a);
}

static void on_timer(uv_timer_t *timer)
{
	struct addresses *a = timer->data;

	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		if (a->lost_ms[i] <= now_ms())
			lose(a, i);
	}
	ownership_expire(a->ownership, now_ms());
	drain(a);
}

static void on_saved(void *ctx, uint64_t save, int err)
{
	struct addresses *a = ctx;
	uint64_t ticket = a->ticket;

	if (a->is_closing || a->save == 0 || save < a->save)
		return;
	a->ticket = a->save = 0;
	ownership_persisted(a->ownership, now_ms(), ticket, err);
	drain(a);
}

/* ---- the mesh ---- */

static void on_notice(void *ctx, const struct mesh_msg *msg, const struct endpoint *from)
{
	struct addresses *a = ctx;

	if (a->ownership == NULL)
		return;
	ownership_notice(a->ownership, now_ms(), msg, from);
	drain(a);
}

static enum mesh_place on_look(void *ctx, const struct ip *ip, uint64_t *epoch)
{
	struct addresses *a = ctx;
	size_t i = find(a, ip);

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

/* ---- the director ---- */

uint8_t addresses_number(const struct addresses *a)
{
	return a->state.number;
}

const char *addresses_cluster(const struct addresses *a)
{
	return a->state.cluster;
}

static void use_keys(struct addresses *a)
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
	if (count > 0)
		state->n_keys = count;
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

static void take_director(struct addresses *a)
{
	if (a->ownership == NULL)
		return;
	if (a->is_ordered)
		ownership_welcome(a->ownership, now_ms(), a->state.number, a->epoch);
	else
		ownership_begin_alone(a->ownership, now_ms(), a->state.number);
	drain(a);
}

/* Version 1.0 had no orders: every member took its home addresses by itself. */
static bool has_orders(const struct msg_proto *proto)
{
	return proto->major > 1 || proto->minor >= 1;
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
		a->state.format = 1; /* its home addresses are its own, for want of orders */
	use_keys(a);
	neighbours_set_members(a->neighbours, a->conf.member, w->members, w->n_members);
	if (!is_same_state(&before, &a->state))
		(void)recorder_save(a->recorder, &a->state);
	state_wipe(&before);
	take_director(a);
}

static void take_probe(struct addresses *a, uint64_t id, const struct msg_probe *probe)
{
	size_t i = find(a, &probe->address);
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

void addresses_take_order(struct addresses *a, const struct message *m)
{
	if (a->ownership == NULL)
		return;
	switch (m->type) {
	case MESSAGE_CLAIM:
		ownership_claim(a->ownership, now_ms(), m->id, &m->claim);
		break;
	case MESSAGE_RELEASE:
		ownership_release(a->ownership, now_ms(), m->id, &m->release);
		break;
	case MESSAGE_PROBE:
		take_probe(a, m->id, &m->probe);
		break;
	case MESSAGE_MEMBERS:
		neighbours_set_members(a->neighbours, a->conf.member, m->members.members,
				       m->members.n_members);
		break;
	default:
		break;
	}
	drain(a);
}

void addresses_disconnected(struct addresses *a)
{
	a->is_ordered = false;
	if (a->ownership == NULL)
		return;
	ownership_disconnected(a->ownership, now_ms());
	drain(a);
}

/* ---- what is tracked, stop ---- */

void addresses_able(struct addresses *a, bool is_able, const char *why)
{
	a->is_able = is_able;
	snprintf(a->why_unable, sizeof(a->why_unable), "%s", why);
	if (a->ownership == NULL)
		return;
	ownership_able(a->ownership, now_ms(), is_able,
		       is_able ? "everything that is tracked works" : why);
	drain(a);
}

void addresses_stop(struct addresses *a, const char *why)
{
	if (a->ownership == NULL)
		return;
	ownership_stop(a->ownership, now_ms(), why);
	drain(a);
}

/* ---- the keeper ---- */

static const char *to_code(int result)
{
	switch (result) {
	case ERR_EXISTS:
		return MSG_REFUSED_IN_USE;
	case ERR_TIMEOUT:
		return MSG_REFUSED_UNREACHED;
	default:
		return MSG_REFUSED_FAILED;
	}
}

static void take_address_answer(struct addresses *a, const struct keeper_report *report)
{
	size_t i = report->request.index;
	bool is_add = report->request.type == KEEPER_ADDRESS_ADD;
	char text[IP_TEXT_MAX];

	if (i >= a->setup->n_addresses)
		return;
	ip_format(&a->setup->addresses[i], text);
	if (report->result != 0)
		log_warn(a->lg, LG_KEEPER, "%s not %s: %s", text, is_add ? "taken" : "released",
			 report->text);
	else
		log_info(a->lg, LG_KEEPER, "%s %s%s%s", text, is_add ? "is ours" : "released",
			 report->text[0] != '\0' ? ": " : "", report->text);
	ownership_keeper_answer(a->ownership, now_ms(), i, is_add, report->result,
				to_code(report->result), report->text);
}

void addresses_keeper_answer(struct addresses *a, const struct keeper_report *report)
{
	switch (report->request.type) {
	case KEEPER_ADDRESS_ADD:
	case KEEPER_ADDRESS_REMOVE:
		take_address_answer(a, report);
		break;
	case KEEPER_ASK:
		neighbours_take_link(a->neighbours, report->request.id,
				     report->result != 0    ? MSG_SEEN_UNKNOWN
				     : report->is_there != 0 ? MSG_SEEN_YES
							     : MSG_SEEN_NO);
		break;
	default:
		break;
	}
	drain(a);
}

/* It could be forged: it is defended and shown, and nobody yields to it. */
void addresses_keeper_conflict(struct addresses *a, size_t index, const char *mac, uint32_t count)
{
	char ip[IP_TEXT_MAX], what[MSG_TEXT_MAX + 1], why[MSG_TEXT_MAX + 1];
	struct message m = { .type = MESSAGE_EVENT, .event = { what, why } };

	if (index >= a->setup->n_addresses)
		return;
	ip_format(&a->setup->addresses[index], ip);
	snprintf(what, sizeof(what), "defended %s", ip);
	snprintf(why, sizeof(why), "%.64s says on the link that the address is its own (%u times)",
		 mac, count);
	log_warn(a->lg, LG_KEEPER, "%s: %s", what, why);
	a->events.tell(a->events.ctx, &m);
}

void addresses_keeper_lost(struct addresses *a, size_t index, const char *why)
{
	ownership_keeper_lost(a->ownership, now_ms(), index, why);
	drain(a);
}

void addresses_keeper_dropped(struct addresses *a, const char *why)
{
	ownership_keeper_dropped(a->ownership, now_ms(), why);
	drain(a);
}

/* ---- views ---- */

bool addresses_is_held(const struct addresses *a, size_t index)
{
	return a->ownership != NULL && ownership_is_held(a->ownership, index);
}

size_t addresses_count_held(const struct addresses *a, bool only_homes)
{
	size_t n = only_homes ? a->setup->n_homes : a->setup->n_addresses, count = 0;

	for (size_t i = 0; i < n; i++)
		count += addresses_is_held(a, i);
	return count;
}

bool addresses_may_hold_any(const struct addresses *a)
{
	return a->ownership != NULL && ownership_may_hold_any(a->ownership);
}

void addresses_fill_hello(struct addresses *a, struct msg_address *addresses,
			  struct msg_hello *hello)
{
	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		addresses[i].held = addresses_is_held(a, i);
		addresses[i].epoch = a->ownership != NULL ? ownership_epoch(a->ownership, i) : 0;
	}
	hello->max_epoch = a->ownership != NULL ? ownership_max_epoch(a->ownership)
						: a->state.ownership.max_epoch;
	hello->mesh = a->setup->mesh.listen;
	for (size_t i = 0; i < a->state.n_keys; i++)
		a->ring_ids[i] = a->state.keys[i].id;
	hello->ring_ids = a->ring_ids;
	hello->n_ring_ids = a->state.n_keys;
}

size_t addresses_counters(const struct addresses *a, struct msg_counter out[MESH_COUNTER_COUNT])
{
	return neighbours_counters(a->neighbours, out);
}

/* ---- life ---- */

int addresses_new(uv_loop_t *loop, const struct addresses_conf *conf,
		  const struct addresses_events *events, struct addresses **out,
		  struct errtext *why)
{
	struct addresses *a = calloc(1, sizeof(*a));
	const struct neighbours_events mesh = { on_notice, on_look, on_ask, on_probed, a };
	int err;

	errtext_set(why, "out of memory");
	if (a == NULL)
		return ERR_NO_MEMORY;
	a->loop = loop;
	a->conf = *conf;
	a->setup = conf->setup;
	a->lg = conf->lg;
	a->events = *events;
	a->is_able = true;
	for (size_t i = 0; i < KEEPER_ADDRESSES_MAX; i++)
		a->lost_ms[i] = NEVER;
	uv_timer_init(loop, &a->timer);
	a->timer.data = a;
	a->recorder = recorder_new(loop, conf->state_dir, conf->lg, on_saved, a);
	err = a->recorder == NULL ? ERR_NO_MEMORY
				  : neighbours_new(loop, &a->setup->mesh, a->lg, &mesh,
						   &a->neighbours, why);
	if (err != 0) {
		addresses_close(a);
		return err;
	}
	*out = a;
	return 0;
}

int addresses_load(struct addresses *a, struct errtext *why)
{
	int err = state_load(a->conf.state_dir, &a->state, why);

	if (err == 0 && a->state.number != 0)
		use_keys(a);
	return err;
}

int addresses_begin(struct addresses *a, struct keeper_client *keeper)
{
	state_take_homes(&a->state, &a->setup->ownership);
	a->ownership =
	    ownership_new(&a->setup->ownership, &a->state.ownership, a->lg, now_ms());
	if (a->ownership == NULL)
		return ERR_NO_MEMORY;
	a->keeper = keeper;
	if (!a->is_able)
		addresses_able(a, false, a->why_unable);
	take_director(a);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct addresses *a = handle->data;

	ownership_free(a->ownership);
	state_wipe(&a->state);
	free(a);
}

void addresses_close(struct addresses *a)
{
	if (a == NULL || a->is_closing)
		return;
	a->is_closing = true;
	recorder_close(a->recorder);
	neighbours_close(a->neighbours);
	uv_close((uv_handle_t *)&a->timer, on_closed);
}
