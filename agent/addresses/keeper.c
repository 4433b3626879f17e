/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/addresses/internal.h"

#include <stdio.h>

/* DOC: what the keeper says, and what there is to be seen. */

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
	ownership_keeper_answer(a->ownership, addresses_now(), i, is_add, report->result,
				to_code(report->result),
				report->text[0] != '\0' ? report->text : NULL);
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
				     report->result != 0     ? MSG_SEEN_UNKNOWN
				     : report->is_there != 0 ? MSG_SEEN_YES
							     : MSG_SEEN_NO);
		break;
	default:
		break;
	}
	addresses_drain(a);
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
	ownership_keeper_lost(a->ownership, addresses_now(), index, why);
	addresses_drain(a);
}

void addresses_keeper_dropped(struct addresses *a, const char *why)
{
	ownership_keeper_dropped(a->ownership, addresses_now(), why);
	addresses_drain(a);
}

/* ---- views ---- */

bool addresses_is_held(const struct addresses *a, size_t index)
{
	return ownership_is_held(a->ownership, index);
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
	return ownership_may_hold_any(a->ownership);
}

void addresses_fill_hello(struct addresses *a, struct msg_address *addresses,
			  struct msg_hello *hello)
{
	ownership_hello(a->ownership);
	for (size_t i = 0; i < a->setup->n_addresses; i++) {
		addresses[i].held = addresses_is_held(a, i);
		addresses[i].epoch = ownership_epoch(a->ownership, i);
	}
	hello->max_epoch = ownership_max_epoch(a->ownership);
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
