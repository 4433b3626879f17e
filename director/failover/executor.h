/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_EXECUTOR_H
#define DIRECTOR_EXECUTOR_H

#include <uv.h>

#include "director/conf.h"
#include "director/control/control.h"
#include "director/failover/coordinator.h"
#include "director/store/history.h"

/*
 * The shell of the failover coordinator: owns it, tells it what members say and what time it is,
 * and does what it asks for. Records go to the store before it returns, orders and probes to
 * members by the control channel, events to the history.
 *
 *   control --events--> coordinator --actions--> store, control, fence, history
 *
 * It does nothing on its own: after whatever has changed, executor_run().
 */
struct executor;

struct executor_events {
	/* Which home addresses are served has changed, the registry knows: publish it. */
	void (*served)(void *ctx);
	/* Something happened, here or in the control channel: drain the registry, executor_run().
	 */
	void (*changed)(void *ctx);
	void *ctx;
};

struct executor_resources {
	uv_loop_t *loop;
	const struct director_conf *conf; /* borrowed, like all of these */
	struct registry *registry;        /* with all members */
	struct store *store;
	struct history *history;
	const struct logger *lg;
};

/*
 * Reads the store and starts the coordinator. now_s: seconds since 1970 by the wall clock. ERR_IO
 * (the store; it is in the log), ERR_NO_MEMORY, ERR_EXISTS.
 */
MUST_USE int executor_new(const struct executor_resources *res, int64_t now_s,
			  const struct executor_events *events, struct executor **out);

/* What the control channel is to tell; its changed is passed on to executor_events. */
struct control_events executor_control_events(struct executor *e);
/* Where orders go. NULL: to nobody. */
void executor_attach(struct executor *e, struct control *control);

/*
 * Does everything that is to be done. True if there was anything: then the registry may have news.
 */
MUST_USE bool executor_run(struct executor *e);

/* UINT64_MAX: nothing to wait for. Before executor_expire() call registry_expire(). */
uint64_t executor_next_expiry(const struct executor *e);
void executor_expire(struct executor *e);

/*
 * The operator, by is who. As coordinator_move(), or ERR_NOT_FOUND for a member that is not
 * configured; member "home" or a name.
 */
MUST_USE int executor_move(struct executor *e, const struct ip *ip, const char *member, bool force,
			   const char *by, struct errtext *why);
/* Stored before it counts. ERR_IO. */
MUST_USE int executor_pause(struct executor *e, bool is_paused, const char *by);

const struct coordinator *executor_coordinator(const struct executor *e);

/* Ends scripts; nothing is done from now on. */
void executor_stop(struct executor *e);
/* After that. NULL is fine. */
void executor_free(struct executor *e);

#endif
