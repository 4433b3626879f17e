/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_CONTROL_H
#define DIRECTOR_CONTROL_H

#include <uv.h>

#include "common/base/log.h"
#include "common/io/tls_server.h"
#include "director/conf.h"
#include "director/members/peers.h"
#include "director/members/registry.h"

/*
 * The director's end of the control channel: sessions of agents on TLS, their heartbeats on UDP.
 * It judges who speaks and whether the frame is well-formed and in order; what it means goes to the
 * registry and to the table of peers. docs/control-protocol.md is the protocol.
 */
struct control;

/* Every way in which a datagram or frame can be refused, counted. */
#define CONTROL_COUNTERS(X)                                                                   \
	X(SESSIONS, "sessions") /* hellos that were welcomed */                               \
	X(REFUSED_HELLO, "refused-hello")                                                     \
	X(BAD_FRAME, "bad-frame") /* ends the connection */                                   \
	X(HEARTBEATS, "heartbeats")                                                           \
	X(HEARTBEATS_TLS, "heartbeats-tls")                                                   \
	X(HEARTBEAT_MALFORMED, "heartbeat-malformed")                                         \
	X(HEARTBEAT_UNKNOWN, "heartbeat-unknown") /* no session of that member */             \
	X(HEARTBEAT_FORGED, "heartbeat-forged")                                               \
	X(HEARTBEAT_REPLAYED, "heartbeat-replayed")                                           \
	X(GONE, "gone")                   /* said by keepers, repetitions included */         \
	X(EVENT_DROPPED, "event-dropped") /* of agents, for the history */                    \
	X(SUPERSEDED, "superseded")       /* members told that their peer is elsewhere now */ \
	X(TLS_REFUSED, "tls-refused")     /* connections that ended before a protocol began */

#define CONTROL_ENUMERATOR(name, text) CONTROL_##name,
enum control_counter {
	CONTROL_COUNTERS(CONTROL_ENUMERATOR) CONTROL_COUNTER_COUNT
};
#undef CONTROL_ENUMERATOR

const char *control_counter_name(enum control_counter counter);

/*
 * Whoever wants to know what members say. The registry has been told before. All but changed may be
 * NULL; what is handed over is borrowed until the call returns.
 */
struct control_events {
	/* Welcomed. mesh: where other members reach it, or IP_NONE. */
	void (*hello)(void *ctx, size_t member, const struct msg_hello *hello,
		      const struct endpoint *mesh);
	void (*heartbeat)(void *ctx, size_t member);
	void (*disconnected)(void *ctx, size_t member); /* without bye */
	void (*bye)(void *ctx, size_t member, const struct msg_bye *bye);
	void (*gone)(void *ctx, size_t member); /* once, however often it is said */
	/* claimed, refused, released or probe_result. */
	void (*answer)(void *ctx, size_t member, const struct message *m);
	void (*event)(void *ctx, size_t member, const struct msg_event *event);
	/* The cluster's epoch, for welcome. */
	uint64_t (*epoch)(void *ctx);
	/* After each of the others: the registry or the peers have changed: drain, publish. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* Everything is borrowed. ERR_NO_MEMORY, ERR_IO with the reason in why. Opens the UDP socket. */
MUST_USE int control_new(uv_loop_t *loop, const struct director_conf *conf,
			 struct registry *registry, struct peers *peers, const struct logger *lg,
			 const struct control_events *events, struct control **out,
			 struct errtext *why);

/* For tls_server: a stream of protocol waypost/1. ctx is the control. */
void control_accept(struct tls_stream *stream, void *ctx);

/* For tls_server's on_refused. ctx is the control. */
void control_refused(void *ctx, const struct endpoint *remote, const char *why);

/*
 * Keys and revocations that members are told when they are welcomed; borrowed. Keys for notices
 * come first: those are all that an older version is told.
 */
void control_set_ring(struct control *c, const struct msg_key *ring, size_t n);
void control_set_revocations(struct control *c, const struct msg_revocation *list, size_t n);

/* Who wants to know what members hold of these; borrowed until the call returns. */
struct control_ticket_events {
	/* Welcomed, in a version that has them; ids: of the keys that it had before. */
	void (*hello)(void *ctx, size_t member, const char *const *ids, size_t n);
	void (*ring_ok)(void *ctx, size_t member, const struct msg_ring_ok *m);
	void (*ok)(void *ctx, size_t member, uint64_t id);
	void *ctx;
};

void control_on_tickets(struct control *c, const struct control_ticket_events *events);

/*
 * A message to a member. ERR_CLOSED: it is not connected, or about to be no more; or an error of
 * message_encode(), which is logged.
 */
MUST_USE int control_send(struct control *c, size_t member, const struct message *m);

/* It is connected, and its version has the messages of tickets. */
bool control_knows_tickets(const struct control *c, size_t member);

/*
 * Tells all members where the others are, if that has changed. To be called now and then, so that
 * many changes are one message.
 */
void control_tell_members(struct control *c);

/*
 * Who takes sas_part messages, with the id of the sas that they answer; everything is borrowed
 * until the call returns. Whether that member was asked is for the taker to judge.
 */
typedef void control_take_sas(void *ctx, size_t member, uint64_t id,
			      const struct msg_sas_part *part);
void control_on_sas(struct control *c, control_take_sas *take, void *ctx);

uint64_t control_counter(const struct control *c, enum control_counter counter);

/* What a member reported last, as totals since its agent started; empty before. */
struct member_counter {
	char name[NAME_TEXT_MAX + 1];
	uint64_t value;
};

struct member_report {
	struct msg_traffic traffic;
	size_t n_errors; /* drops and failures by reason */
	struct member_counter errors[MSG_COUNTERS_MAX];
};

const struct member_report *control_report(const struct control *c, size_t member);

/* After the server has closed all streams: closes the UDP socket and frees. NULL is fine. */
void control_free(struct control *c);

#endif
