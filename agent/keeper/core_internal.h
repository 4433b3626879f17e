/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_CORE_INTERNAL_H
#define AGENT_KEEPER_CORE_INTERNAL_H

#include "agent/keeper/keeper_core.h"
#include "agent/keeper/keeper_routes.h"

/*
 * What the three files of the core share: keeper_core.c (time, messages, dropping),
 * core_address.c and core_route.c. For them only.
 */

/*
 * Longest row of actions that one event makes: a drop while every address is being probed gives two
 * each, and one for the end.
 */
#define KEEPER_QUEUE_MAX (2 * KEEPER_ADDRESSES_MAX + 8)

enum address_state {
	ABSENT,
	LOOKING,
	PROBING,
	ADDING,
	HELD,
	WATCHED,
	DOOMED,   /* to be removed by the drop that is under way */
	REMOVING, /* the deletion is under way */
};

struct address {
	enum address_state state;
	struct keeper_request request; /* that waits for its answer; type 0: none */
	uint64_t probe_end_ms;
	uint64_t held_ms;    /* when it was added */
	uint64_t renewed_ms; /* when the kernel last took it */
	uint64_t renew_at_ms;
	size_t announced; /* how many times */
};

struct keeper_core {
	const struct keeper_conf *conf;
	const struct logger *lg;
	struct keeper_time awake;
	uint64_t heard_ms;
	bool is_watching; /* main has spoken */
	bool is_dropping;
	bool is_ending; /* with the drop; nothing is taken any more */
	char drop_why[KEEPER_TEXT_MAX];
	struct address addresses[KEEPER_ADDRESSES_MAX];
	struct keeper_routes *routes;
	struct keeper_request route_request; /* under way; type 0: none */
	struct log_limit warnings;           /* that come with every route */
	size_t head, count;
	struct keeper_action queue[KEEPER_QUEUE_MAX];
};

/* keeper_core.c */
void core_push(struct keeper_core *core, const struct keeper_action *action);
void core_push_report(struct keeper_core *core, const struct keeper_report *report,
		      const char *text);
void core_push_answer(struct keeper_core *core, const struct keeper_request *request, int result,
		      const char *text);

/* core_address.c. The index of a request is a valid one; next: true and an action if one is due. */
void core_address_add(struct keeper_core *core, const struct keeper_request *request);
void core_address_remove(struct keeper_core *core, const struct keeper_request *request);
void core_address_take_result(struct keeper_core *core, uint64_t now_ms,
			      const struct keeper_action *done, const struct keeper_result *r);
void core_address_doom(struct keeper_core *core, size_t index, const char *why);
bool core_address_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		       struct keeper_action *out);
uint64_t core_address_next_ms(const struct address *a);

/* core_route.c */
void core_route_add(struct keeper_core *core, const struct keeper_request *request);
void core_route_remove(struct keeper_core *core, const struct keeper_request *request);
void core_route_take_result(struct keeper_core *core, uint64_t now_ms,
			    const struct keeper_action *done, const struct keeper_result *r);
bool core_route_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out);

#endif
