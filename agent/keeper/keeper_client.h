/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_KEEPER_CLIENT_H
#define AGENT_KEEPER_CLIENT_H

#include <uv.h>

#include "agent/keeper/keeper_msg.h"

/*
 * Main's end of the keeper: sends requests, hands answers on, says every 50 ms that main lives, and
 * notices when the keeper does not. For one thread, that of the loop: since the keeper removes
 * everything after 200 ms of silence, nothing may hold up that loop.
 *
 * Order: keeper_start() while root; then devices, sockets and the drop of privileges; then
 * keeper_client_new() and uv_run().
 */
struct keeper_client;

/* Called from the loop only, never from inside a function below. ctx is handed back as it is. */
struct keeper_client_events {
	/*
	 * An answer: report->request says to what, report->result is 0 or ERR_*, report->text the
	 * reason or a warning. Borrowed until it returns.
	 */
	void (*on_answer)(void *ctx, const struct keeper_report *report);
	/*
	 * Somebody else on the link says that the address, which is held here, is his. It was
	 * announced again at once; nobody yields to it, since it could be forged. At most once a
	 * second per address, count: frames since the last time. May be NULL.
	 */
	void (*on_conflict)(void *ctx, size_t index, const char *mac, uint32_t count);
	/* The keeper could not keep this address and has let go of it. */
	void (*on_address_lost)(void *ctx, size_t index, const char *why);
	/*
	 * The keeper lives but has removed every address and route, since the host was suspended.
	 * Others may have taken them over: ask first, then request them again.
	 */
	void (*on_dropped)(void *ctx, const char *why);
	/*
	 * The keeper is gone or does not answer: called once, last. Without it no address is
	 * renewed: main has to end.
	 */
	void (*on_death)(void *ctx, const char *why);
	void *ctx;
};

/*
 * Takes ownership of fd (keeper_process.fd) when it succeeds, and begins to ping. Returns 0,
 * ERR_NO_MEMORY or ERR_IO.
 */
MUST_USE int keeper_client_new(uv_loop_t *loop, int fd, const struct keeper_client_events *events,
			       struct keeper_client **out);

/*
 * Closes the socket, upon which the keeper removes everything and ends. No event follows; memory is
 * freed by the loop. May be called from an event.
 */
void keeper_client_free(struct keeper_client *client);

/*
 * Requests, answered by on_answer. index: of keeper_conf. For epoch, force and routes see
 * keeper_msg.h; arrival is any number that tells one arrival of the peer from the next. Return 0,
 * ERR_CLOSED after on_death, or ERR_LIMIT when too many requests wait.
 */
MUST_USE int keeper_client_add_address(struct keeper_client *client, size_t index, uint64_t epoch,
				       bool force);
MUST_USE int keeper_client_remove_address(struct keeper_client *client, size_t index);
MUST_USE int keeper_client_add_route(struct keeper_client *client, size_t connection,
				     const struct ip_prefix *prefix, uint64_t arrival);
MUST_USE int keeper_client_remove_route(struct keeper_client *client, size_t connection,
					const struct ip_prefix *prefix, uint64_t arrival);

/*
 * Who has target on the link of that address? Asked with this host's own address as the sender, not
 * with a service address. Answered within KEEPER_PROBE_MS, sooner if somebody answers: see
 * keeper_report.is_there. id (may be NULL) is that of the answer.
 */
MUST_USE int keeper_client_ask(struct keeper_client *client, size_t index, const struct ip *target,
			       uint32_t *id);

/*
 * What the keeper is to send, three times, as UDP, if main dies or falls silent, once every address
 * is removed. Replaces what was set before; without octets nothing is sent: so before an orderly
 * end. Not answered. Returns 0, ERR_TOO_LONG (above KEEPER_LAST_WORDS_MAX) or ERR_CLOSED.
 */
MUST_USE int keeper_client_set_last_words(struct keeper_client *client, const struct endpoint *to,
					  struct bytes words);

#endif
