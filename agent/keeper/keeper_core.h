/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_CORE_H
#define AGENT_KEEPER_CORE_H

#include "agent/keeper/frame.h"
#include "agent/keeper/keeper_msg.h"

/*
 * DOC: what the keeper does, decided without a kernel, a socket or a clock.
 *
 * Events go in with the time; actions are then asked for one by one until there is none, and the
 * result of each is handed back before the next is asked for. Per wake-up of the process:
 *
 *   keeper_core_wake(now)                 first of all: a host that slept drops everything
 *   keeper_core_take_message(...) each    then what main said
 *   keeper_core_take_heard(...), _hook()  what the links and the hooks said
 *   keeper_core_heard_all(until)          if no frame is left that came before that
 *   keeper_core_tick(now)                 last: is main silent?
 *   after each of them:
 *     while (keeper_core_next(now, &action))
 *         keeper_core_take_result(now, &action, execute(&action))
 *
 * A service address:
 *
 *   ABSENT --ADDRESS_ADD--> LOOKING --l2--> PROBING --80 ms, nobody--> ADDING ------> HELD
 *                              |---l2, force; route; hook----------------^ | |         ^ ^
 *                              `---none--> WATCHED                         | `> VERIFYING |
 *                                                                          `--> HOOKING --'
 *   any --ADDRESS_REMOVE, refusal, loss--> REMOVING --> ABSENT
 *                                             `--hook--> RELEASING --> ABSENT
 *
 * VERIFYING (l2, if next hops are configured), HOOKING (the script tells others) and HELD are added
 * and renewed each second; with l2 also announced, at 0, 100, 500 and 2000 ms, and again at once
 * when somebody else claims it. In RELEASING the script runs once more.
 *
 * The end: addresses; then main's last words, if all are gone; routes; release scripts; fences.
 *
 * Times: mono_ms is CLOCK_MONOTONIC, boot_ms is CLOCK_BOOTTIME, which also counts while the host is
 * suspended.
 */
struct keeper_core;

struct keeper_time {
	uint64_t mono_ms;
	uint64_t boot_ms;
};

enum keeper_action_type {
	KEEPER_ACT_REPORT,         /* send .report to main */
	KEEPER_ACT_LOOKUP,         /* where is the address now? result: presence */
	KEEPER_ACT_PROBE,          /* by ARP or ND, listen until PROBE_STOP; result: err */
	KEEPER_ACT_PROBE_STOP,     /* */
	KEEPER_ACT_ADDRESS_SET,    /* add or renew, with l2 listen on; result: err */
	KEEPER_ACT_ADDRESS_DEL,    /* and listen no more; result: err */
	KEEPER_ACT_ANNOUNCE,       /* gratuitous ARP or unsolicited NA of the address */
	KEEPER_ACT_VERIFY,         /* ask next hops from the address, listen until VERIFY_STOP */
	KEEPER_ACT_VERIFY_STOP,    /* */
	KEEPER_ACT_HOOK_START,     /* run the script, .is_claim, .epoch; result: err */
	KEEPER_ACT_HOOK_KILL,      /* the one that runs for the address */
	KEEPER_ACT_ASK,            /* .slot: for .target; until ASK_STOP; result: err, presence */
	KEEPER_ACT_ASK_STOP,       /* .slot */
	KEEPER_ACT_ROUTE_SET,      /* route, and proxy entries where configured; result: err */
	KEEPER_ACT_ROUTE_DEL,      /* both; result: err */
	KEEPER_ACT_ROUTE_ANNOUNCE, /* of the inner addresses, on the inside link */
	KEEPER_ACT_FENCE_KEEP,     /* the kernel's rules are to hold on; result: err */
	KEEPER_ACT_FENCE_REMOVE,   /* .is_main_gone, .is_clean; result: err */
	KEEPER_ACT_LAST_WORDS,     /* send keeper_core_last_words(); result: err */
	KEEPER_ACT_EXIT,           /* end the process; nothing follows */
};

struct keeper_action {
	enum keeper_action_type type;
	size_t index;            /* address, or connection of a route */
	struct ip_prefix prefix; /* of a route */
	bool is_replacing;       /* ROUTE_SET: it is ours already */
	bool is_claim;           /* HOOK_START: claim, else release */
	uint64_t epoch;          /* HOOK_START */
	size_t slot;             /* ASK: below KEEPER_ASKS_MAX */
	struct ip target;        /* ASK */
	bool is_main_gone;       /* FENCE_REMOVE: with main, its sockets are gone */
	bool is_clean;           /* FENCE_REMOVE: every address and route was removed */
	struct keeper_report report;
};

enum keeper_presence {
	KEEPER_PRESENCE_NONE,
	KEEPER_PRESENCE_OURS,      /* on its link, with our protocol number */
	KEEPER_PRESENCE_FOREIGN,   /* on its link, put there by somebody else */
	KEEPER_PRESENCE_ELSEWHERE, /* on another link; text names it */
};

struct keeper_result {
	int err;                       /* 0 or ERR_* */
	enum keeper_presence presence; /* of a LOOKUP or ASK without error; NONE: not here */
	char text[KEEPER_TEXT_MAX];    /* why; with err 0 empty or a warning */
};

/* conf has been checked; conf and lg (may be NULL) are borrowed. Returns 0 or ERR_NO_MEMORY. */
MUST_USE int keeper_core_new(const struct keeper_conf *conf, const struct logger *lg,
			     struct keeper_time now, struct keeper_core **out);
void keeper_core_free(struct keeper_core *core);

/*
 * The process is awake. After an own gap of more than KEEPER_SUSPENDED_MS everything is dropped and
 * main is told. Of a shorter gap, what exceeds two ping intervals does not count as main's silence:
 * main cannot have been heard in it.
 */
void keeper_core_wake(struct keeper_core *core, struct keeper_time now);

/*
 * A datagram from main. One that is no request of this version is a defect or worse: everything is
 * dropped and the process ends.
 */
void keeper_core_take_message(struct keeper_core *core, uint64_t now_ms, struct bytes datagram);

/* main is gone: everything is dropped and the process ends. why goes to the log. */
void keeper_core_take_eof(struct keeper_core *core, const char *why);

/* The same where main may live: its sockets can still send, so one fence stays. */
void keeper_core_give_up(struct keeper_core *core, const char *why);

struct keeper_heard {
	const char *link;
	uint8_t own_mac[FRAME_MAC_SIZE]; /* of the link */
	uint8_t mac[FRAME_MAC_SIZE];     /* whose frame it is */
	bool is_arp;
	struct arp arp;
	struct nd nd; /* unless is_arp */
};

/*
 * A frame from a link. Whoever answers or probes for an address that is being probed gets it (RFC
 * 5227, 2.1.1; RFC 4862, 5.4). Later than that, it is announced again and main is told (RFC 5227,
 * 2.4): such a frame could be forged and makes nobody yield. Answers of next hops, and to asks.
 */
void keeper_core_take_heard(struct keeper_core *core, uint64_t now_ms,
			    const struct keeper_heard *heard);

/*
 * Every frame that came until then was taken. Only this ends a time of waiting for an answer, be it
 * a probe, an ask or the next hops': on a busy host the time can be over while an answer that came
 * in time has not been read yet. Whoever keeps the links too full to be read to the end holds that
 * up; a single answer of his would do the same.
 */
void keeper_core_heard_all(struct keeper_core *core, uint64_t until_ms);

/*
 * The script of that address has ended: status is its exit status, or -signal; line what it said
 * last, or "".
 */
void keeper_core_take_hook(struct keeper_core *core, size_t index, int status, const char *line);

/* All that main has said so far was taken. The watch over main begins with its first message. */
void keeper_core_tick(struct keeper_core *core, uint64_t now_ms);

/* True and the next thing to do now. report is set for REPORT only. */
bool keeper_core_next(struct keeper_core *core, uint64_t now_ms, struct keeper_action *out);

/* For every action but REPORT and EXIT. */
void keeper_core_take_result(struct keeper_core *core, uint64_t now_ms,
			     const struct keeper_action *done, const struct keeper_result *result);

/* When to wake up at the latest. */
uint64_t keeper_core_next_ms(const struct keeper_core *core, uint64_t now_ms);

/* The end has begun: nothing is taken from main any more. */
bool keeper_core_is_ending(const struct keeper_core *core);

/* What to send when everything is gone. */
const struct keeper_last_words *keeper_core_last_words(const struct keeper_core *core);

/* True if another route still needs the proxy entry of this address. */
bool keeper_core_is_proxied(const struct keeper_core *core, const char *link, const struct ip *ip);

#endif
