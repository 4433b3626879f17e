/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IKEPEER_PLAN_H
#define CLI_IKEPEER_PLAN_H

#include "common/ikev2/session/session.h"

/*
 * DOC: what "ikepeer up" does next, as a pure core.
 *
 * The initiator makes and holds IKE SAs, and follows redirects by itself. It tries nothing again:
 * where to go, with a ticket or without, and how long to wait first is decided here.
 *
 *                      up                         down: redirected
 *   plan_begin --> TRYING -----------> UP ---------------------------> TRYING
 *                   |  ^                | down: everything else
 *            failed |  | due            |
 *                   v  |                |   resume at once, or begin anew after a wait
 *                  WAITING <------------+
 *
 * - The gateway is dead: back to the configured one, which knows who lives, with the ticket.
 * - The gateway has lost the SA, and said so with a token (RFC 6290): it is there, so there, with
 *   the ticket.
 * - It has deleted the SA: the ticket is void (RFC 5723, 4.3); anew at the configured one.
 * - A failure anywhere but at the configured gateway: at once there, but once only.
 * - All else waits: twice as long with each failure in a row, up to a bound, with a random part, so
 *   that the peers of a gateway that comes back do not all come at once.
 */

#define PLAN_FIRST_WAIT_MS   1000
#define PLAN_LAST_WAIT_MS    60000
#define PLAN_REFUSED_WAIT_MS 10000 /* at least, after "not you": it will not change by itself */
#define PLAN_SETTLED_MS      10000 /* an SA that lived so long ends a row of failures */

enum plan_state {
	PLAN_IDLE,
	PLAN_TRYING,
	PLAN_UP,
	PLAN_WAITING,
	PLAN_OVER,
};

enum plan_do {
	PLAN_NOTHING,
	PLAN_CONNECT, /* to step.gateway; with the ticket if step.is_resume */
	PLAN_WAIT,    /* call plan_due() at step.due_ms */
	PLAN_GIVE_UP,
};

struct plan_step {
	enum plan_do what;
	struct ip gateway;
	bool is_resume;
	uint64_t due_ms;
};

/* Open, but for the functions below to change. */
struct plan {
	struct ip configured;
	uint32_t tries; /* failures in a row until it gives up; 0: never */

	enum plan_state state;
	unsigned int n_up; /* IKE SAs; two while one takes another's place */
	uint64_t up_since_ms;
	struct ip serving; /* the gateway that was reached last */
	bool has_ticket;
	uint32_t failures; /* in a row */
};

void plan_init(struct plan *p, const struct ip *configured, uint32_t tries);

/* What is known of a ticket changes: got one, or lost it (used, expired, void). */
void plan_ticket(struct plan *p, bool has_ticket);

struct plan_step plan_begin(struct plan *p);

/* The connect came to nothing, at gateway. dice is a random number. */
struct plan_step plan_failed(struct plan *p, uint64_t now_ms, const struct ip *gateway,
			     enum ike_reason reason, uint16_t notify, uint64_t dice);

void plan_up(struct plan *p, uint64_t now_ms, const struct ip *gateway);

struct plan_step plan_down(struct plan *p, uint64_t now_ms, enum ike_reason reason, uint64_t dice);

/* PLAN_WAIT is over. */
struct plan_step plan_due(struct plan *p);

/* Told to end: nothing is begun from now on. */
void plan_stop(struct plan *p);

#endif
