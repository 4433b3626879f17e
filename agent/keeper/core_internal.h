/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_CORE_INTERNAL_H
#define AGENT_KEEPER_CORE_INTERNAL_H

#include "agent/keeper/keeper_core.h"
#include "agent/keeper/keeper_routes.h"

/*
 * What the files of the core share: keeper_core.c (time, messages), core_drop.c (removing
 * everything, the end), core_address.c with core_verify.c and core_hook.c, core_ask.c,
 * core_route.c. For them only.
 */

/*
 * Longest row of actions that one event makes: a drop while every address is being probed, or a
 * frame that answers every ask, gives two each, and a few more.
 */
#define KEEPER_QUEUE_MAX (2 * KEEPER_ADDRESSES_MAX + 2 * KEEPER_ASKS_MAX + 16)

enum address_state {
	ABSENT,
	LOOKING,
	PROBING,
	ADDING,
	VERIFYING, /* added; the next hops are asked */
	HOOKING,   /* added; the claim script runs */
	HELD,
	WATCHED,
	DOOMED,    /* to be removed by the drop that is under way */
	REMOVING,  /* the deletion is under way */
	RELEASING, /* removed; the release script runs */
};

struct address {
	enum address_state state;
	struct keeper_request request; /* that waits for its answer; type 0: none */
	uint64_t epoch;
	uint64_t end_ms;     /* of PROBING, VERIFYING, HOOKING and RELEASING */
	uint64_t held_ms;    /* when it was added */
	uint64_t renewed_ms; /* when the kernel last took it */
	uint64_t renew_at_ms;
	size_t announced; /* how many times */
	size_t verified;  /* how many times the next hops were asked */
	/* Conflicts since the last report; the next is due at defend_at_ms, and not before that. */
	uint32_t conflicts;
	uint64_t defend_at_ms;
	uint8_t conflict_mac[FRAME_MAC_SIZE];
	bool is_hooked; /* a claim script was started, and did not fail */
	/* Why it is removed, if it is refused after it was added; err 0 if it is not. */
	int refusal;
	char refusal_text[KEEPER_TEXT_MAX];
};

struct ask {
	struct keeper_request request; /* type 0: the slot is free */
	uint64_t end_ms;
};

struct keeper_core {
	const struct keeper_conf *conf;
	const struct logger *lg;
	struct keeper_time awake;
	uint64_t heard_ms;     /* main */
	uint64_t heard_all_ms; /* the links: all that came until then */
	uint64_t fence_at_ms;  /* when the fences are to be kept up next */
	bool is_watching;      /* main has spoken */
	bool is_dropping;
	bool is_ending;    /* with the drop; nothing is taken any more */
	bool is_main_gone; /* with is_ending */
	bool has_leftover; /* something was not removed by the drop */
	bool has_left_address;
	bool is_told;         /* the last words are said, or there are none to say */
	uint64_t hook_end_ms; /* with is_ending: release scripts are waited for until then */
	char drop_why[KEEPER_TEXT_MAX];
	struct address addresses[KEEPER_ADDRESSES_MAX];
	struct ask asks[KEEPER_ASKS_MAX];
	struct keeper_last_words words;
	struct keeper_routes *routes;
	struct keeper_request route_request; /* under way; type 0: none */
	struct log_limit warnings;           /* that come with every route */
	struct log_limit fence_warnings;
	size_t head, count;
	struct keeper_action queue[KEEPER_QUEUE_MAX];
};

/* keeper_core.c */
void core_push(struct keeper_core *core, const struct keeper_action *action);
bool core_pop(struct keeper_core *core, struct keeper_action *out);
void core_push_report(struct keeper_core *core, const struct keeper_report *report,
		      const char *text);
void core_push_answer(struct keeper_core *core, const struct keeper_request *request, int result,
		      const char *text);

/* core_drop.c. next: true and an action; the drop is over when it says false. */
bool core_is_holding(const struct keeper_core *core);
void core_drop(struct keeper_core *core, const char *why, bool is_ending, bool is_main_gone);
bool core_drop_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out);

/* core_address.c. The index of a request is a valid one; next: true and an action if one is due. */
void core_address_add(struct keeper_core *core, const struct keeper_request *request);
void core_address_remove(struct keeper_core *core, const struct keeper_request *request);
void core_address_take_result(struct keeper_core *core, uint64_t now_ms,
			      const struct keeper_action *done, const struct keeper_result *r);
void core_address_doom(struct keeper_core *core, size_t index, const char *why);
bool core_address_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		       struct keeper_action *out);
uint64_t core_address_next_ms(const struct address *a);
/* True if the kernel has it, by us. */
bool core_address_is_added(const struct address *a);
/* For the files of the address: a change of state with a line in the log, and the rest. */
void core_address_push(struct keeper_core *core, enum keeper_action_type type, size_t index);
void core_address_move(struct keeper_core *core, size_t index, enum address_state to,
		       const char *story);
void core_address_answer(struct keeper_core *core, size_t index, int result, const char *text);
/* Never added, or gone: ABSENT. */
void core_address_refuse(struct keeper_core *core, size_t index, int err, const char *text);
/* Added already: removed first, refused when it is gone. */
void core_address_undo(struct keeper_core *core, size_t index, int err, const char *text);
/* Gone, with its hook: ABSENT, and answered. */
void core_address_finish(struct keeper_core *core, size_t index);

/* core_verify.c: what is heard about an address, from next hops and from others. */
bool core_verify_begin(struct keeper_core *core, uint64_t now_ms, size_t index);
bool core_verify_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		      struct keeper_action *out);
uint64_t core_verify_next_ms(const struct address *a);
void core_verify_take_heard(struct keeper_core *core, uint64_t now_ms, size_t index,
			    const struct keeper_heard *heard);

/* core_hook.c */
void core_hook_start(struct keeper_core *core, uint64_t now_ms, size_t index, bool is_claim);
void core_hook_take_result(struct keeper_core *core, const struct keeper_action *done,
			   const struct keeper_result *r);
bool core_hook_next(struct keeper_core *core, uint64_t now_ms, size_t index,
		    struct keeper_action *out);
bool core_hook_is_running(const struct keeper_core *core);

/* core_ask.c */
void core_ask(struct keeper_core *core, const struct keeper_request *request);
void core_ask_take_result(struct keeper_core *core, uint64_t now_ms,
			  const struct keeper_action *done, const struct keeper_result *r);
void core_ask_take_heard(struct keeper_core *core, const struct keeper_heard *heard);
bool core_ask_next(struct keeper_core *core, struct keeper_action *out);
uint64_t core_ask_next_ms(const struct keeper_core *core);

/* What a frame says about who has ip: as frame_arp_judge() and frame_nd_judge(). */
enum frame_conflict core_heard_judge(const struct keeper_heard *heard, const struct ip *ip);

#define CORE_MAC_TEXT_MAX 18
const char *core_mac_text(const uint8_t mac[FRAME_MAC_SIZE], char out[CORE_MAC_TEXT_MAX]);

/* core_route.c */
void core_route_add(struct keeper_core *core, const struct keeper_request *request);
void core_route_remove(struct keeper_core *core, const struct keeper_request *request);
void core_route_take_result(struct keeper_core *core, uint64_t now_ms,
			    const struct keeper_action *done, const struct keeper_result *r);
bool core_route_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out);

#endif
