/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTOR_CONTROL_INTERNAL_H
#define DIRECTOR_CONTROL_INTERNAL_H

#include "common/control/frame.h"
#include "common/control/heartbeat.h"
#include "common/io/udp.h"
#include "director/control/control.h"

/* What the files of the control channel share. */

/* One connection of an agent. Freed in its on_close. */
struct session {
	struct control *control;
	struct tls_stream *stream;
	struct frame_reader *reader;
	uint64_t id;
	bool has_member; /* hello was welcomed */
	bool has_left;   /* said bye */
	uint16_t minor;  /* of its version */
	size_t member;
	struct heartbeat_window window;
	uint8_t key[HEARTBEAT_KEY_SIZE];
};

/* What is known of a member from one connection to the next. */
struct control_member {
	struct session *session; /* NULL: not connected */
	struct endpoint mesh;    /* IP_NONE: it has not said */
	/* Of the last connection: an agent that was killed says gone when that has ended. */
	uint64_t boot_id; /* 0: gone has been said, or it was never here */
	uint8_t key[HEARTBEAT_KEY_SIZE];
	struct member_report report;
	struct log_limit event_limit; /* one that has much to say silences no other */
};

struct control {
	const struct director_conf *conf;
	struct registry *registry;
	struct peers *peers;
	const struct logger *lg;
	struct control_events events;
	control_take_sas *take_sas; /* NULL: nobody asks */
	void *sas_ctx;
	const struct msg_key *ring;
	size_t n_ring;
	const struct msg_revocation *revocations;
	size_t n_revocations;
	struct control_ticket_events tickets; /* none: NULL */
	struct udp *udp;
	uint64_t next_session;
	struct control_member members[PLACEMENT_MAX_MEMBERS];
	bool is_list_dirty;                       /* some have not been told where others are */
	bool is_said_down[PLACEMENT_MAX_MEMBERS]; /* in the list that was told last */
	uint64_t counters[CONTROL_COUNTER_COUNT];
	struct log_limit limit;
	struct log_limit peer_limit;
	uint8_t out[FRAME_MAX];
};

/* Tells the listener if there is one. */
#define CONTROL_TELL(c, event, ...)                                      \
	do {                                                             \
		if ((c)->events.event != NULL)                           \
			(c)->events.event((c)->events.ctx, __VA_ARGS__); \
	} while (0)

uint64_t control_now_ms(void);

/* Of the certificate. */
const char *session_name(const struct session *s);

/* Its version has the messages of tickets. */
bool session_knows_tickets(const struct session *s);

/* ERR_CLOSED, or why it cannot be encoded, which is logged. */
int session_send(struct session *s, const struct message *m);
void session_send_error(struct session *s, const struct message *of, const char *code,
			const char *why);
/* A last word, then the end of the connection. of may be NULL. */
void session_refuse(struct session *s, const struct message *of, const char *code, const char *why);

void session_take_hello(struct session *s, const struct message *m);
void session_take_frame(struct session *s, const struct message *m);

/*
 * Verified and of this session: judged by its sequence, over UDP and TLS alike. False: it was old.
 */
bool session_take_heartbeat(struct session *s, const struct msg_heartbeat *hb);

/* For the UDP socket; ctx is the control. */
void control_take_datagram(void *ctx, const struct endpoint *remote, const struct endpoint *local,
			   struct bytes data);

#endif
