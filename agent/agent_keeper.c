/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_internal.h"

/*
 * Main and its service addresses: what the ownership core and the keeper process have decided, and
 * the return path of Child SAs, which the keeper sets too.
 */

/* ---- service addresses ---- */

/* A home address of this member that it holds, for those who come to an address of another. */
static struct ip find_target(const struct agent *a, uint8_t family)
{
	for (size_t i = 0; i < a->res.setup->n_homes; i++) {
		const struct ip *home = &a->res.setup->addresses[i];

		if (home->family == family && addresses_is_held(a->addresses, i))
			return *home;
	}
	return (struct ip){ .family = IP_NONE };
}

static void on_addresses_changed(void *ctx)
{
	struct agent *a = ctx;

	/* Addresses that were taken over collect no new SAs: those are to stay when it moves home.
	 */
	for (size_t i = a->res.setup->n_homes; i < a->res.setup->n_addresses; i++) {
		const struct ip *local = &a->res.setup->addresses[i];
		struct ip target = find_target(a, local->family);

		if (!addresses_is_held(a->addresses, i))
			target.family = IP_NONE;
		shard_set_redirect(a->shard, local, &target);
		shard_set_dead(a->shard, local, addresses_dead(a->addresses, i));
	}
	agent_show_status(a);
	agent_bye_if_released(a);
}

static void on_address_lost(void *ctx, const struct ip *ip)
{
	struct agent *a = ctx;

	peer_feed_begin_many(a->peers);
	shard_drop_local(a->shard, ip);
}

static void on_tell(void *ctx, struct message *m)
{
	struct agent *a = ctx;

	uplink_tell(a->uplink, m);
}

/* ---- the keeper ---- */

static void on_route_answer(struct agent *a, const struct keeper_report *report)
{
	char prefix[PREFIX_TEXT_MAX], what[MSG_TEXT_MAX + 1], why[MSG_TEXT_MAX + 1];
	struct message m = { .type = MESSAGE_EVENT, .event = { what, why } };

	ip_prefix_format(&report->request.prefix, prefix);
	if (report->result != 0) {
		log_warn(a->lg, LG_KEEPER, "return path of %s: %s", prefix, report->text);
		if (route_alarm_take(&a->route_alarm, uv_now(a->loop), report, what, why))
			uplink_tell(a->uplink, &m);
	} else if (report->text[0] != '\0') {
		log_info(a->lg, LG_KEEPER, "return path of %s: %s", prefix, report->text);
	}
}

static void on_keeper_answer(void *ctx, const struct keeper_report *report)
{
	struct agent *a = ctx;

	switch (report->request.type) {
	case KEEPER_ADDRESS_ADD:
	case KEEPER_ADDRESS_REMOVE:
	case KEEPER_ASK:
		addresses_keeper_answer(a->addresses, report);
		agent_bye_if_released(a);
		break;
	case KEEPER_ROUTE_ADD:
	case KEEPER_ROUTE_REMOVE:
		on_route_answer(a, report);
		break;
	default:
		break;
	}
}

static void on_keeper_lost(void *ctx, size_t index, const char *why)
{
	struct agent *a = ctx;
	char text[IP_TEXT_MAX];

	if (index >= a->res.setup->n_addresses)
		return;
	log_error(a->lg, LG_KEEPER, "%s lost: %s", ip_format(&a->res.setup->addresses[index], text),
		  why);
	addresses_keeper_lost(a->addresses, index, why);
	agent_bye_if_released(a);
}

static void on_keeper_conflict(void *ctx, size_t index, const char *mac, uint32_t count)
{
	struct agent *a = ctx;

	addresses_keeper_conflict(a->addresses, index, mac, count);
}

/* ---- the return path ---- */

static void route(struct agent *a, bool is_add, const struct inside_entry *entry)
{
	for (size_t i = 0; i < entry->n; i++) {
		int err = is_add ? keeper_client_add_route(a->keeper, entry->connection,
							   &entry->prefixes[i], entry->child_id)
				 : keeper_client_remove_route(a->keeper, entry->connection,
							      &entry->prefixes[i], entry->child_id);

		if (err != 0)
			log_warn(a->lg, LG_KEEPER, "the keeper takes no more requests: %s",
				 err_text(err));
	}
}

static void add_route_again(void *ctx, const struct inside_entry *entry)
{
	route(ctx, true, entry);
}

static void on_keeper_dropped(void *ctx, const char *why)
{
	struct agent *a = ctx;

	log_warn(a->lg, LG_KEEPER, "everything was released: %s", why);
	addresses_keeper_dropped(a->addresses, why);
	inside_each(a->inside, add_route_again, a);
	agent_bye_if_released(a);
}

static void on_keeper_death(void *ctx, const char *why)
{
	struct agent *a = ctx;

	log_error(a->lg, LG_KEEPER, "the keeper is gone: %s", why);
	agent_end(a, ERR_CLOSED);
}

void agent_child_up(void *ctx, uint64_t child_id, const struct policy_connection *connection,
		    const struct ts_list *inner)
{
	struct agent *a = ctx;
	size_t index = (size_t)(connection - a->res.setup->connections);
	const struct inside_entry *entry;

	if (inside_add(a->inside, child_id, index, inner, &entry) != 0) {
		log_error(a->lg, LG_KEEPER, "no memory for a return path");
		return;
	}
	if (entry->is_cut)
		log_warn(a->lg, LG_KEEPER, "selectors of a peer need more than %d prefixes",
			 INSIDE_PREFIXES_MAX);
	route(a, true, entry);
}

void agent_child_down(void *ctx, uint64_t child_id)
{
	struct agent *a = ctx;
	struct inside_entry entry;

	if (inside_take(a->inside, child_id, &entry))
		route(a, false, &entry);
}

/* ---- for agent.c ---- */

struct addresses_events agent_addresses_events(struct agent *a)
{
	return (struct addresses_events){
		.changed = on_addresses_changed,
		.lost = on_address_lost,
		.tell = on_tell,
		.ctx = a,
	};
}

struct keeper_client_events agent_keeper_events(struct agent *a)
{
	return (struct keeper_client_events){
		.on_answer = on_keeper_answer,
		.on_conflict = on_keeper_conflict,
		.on_address_lost = on_keeper_lost,
		.on_dropped = on_keeper_dropped,
		.on_death = on_keeper_death,
		.ctx = a,
	};
}
