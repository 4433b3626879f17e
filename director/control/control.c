/* SPDX-License-Identifier: Apache-2.0 */
#include "director/control/control_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_BURST       20
#define LOG_INTERVAL_MS 1000

/* Lines about peers: enough for every day, and for the first of those that all come at once. */
#define PEER_LOG_BURST       500
#define PEER_LOG_INTERVAL_MS 10
/* Events of one agent that go into the history: likewise. */
#define EVENT_BURST          200
#define EVENT_INTERVAL_MS    200

#define TICKETS_MINOR 2 /* of the version that brought ring, revoke and superseded */

const char *control_counter_name(enum control_counter counter)
{
#define COUNTER_NAME(name, text) text,
	static const char *const names[] = { CONTROL_COUNTERS(COUNTER_NAME) };
#undef COUNTER_NAME

	return counter < CONTROL_COUNTER_COUNT ? names[counter] : "?";
}

uint64_t control_counter(const struct control *c, enum control_counter counter)
{
	return c->counters[counter];
}

const struct member_report *control_report(const struct control *c, size_t member)
{
	return &c->members[member].report;
}

uint64_t control_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/* ---- sending ---- */

const char *session_name(const struct session *s)
{
	return tls_stream_peer(s->stream)->name;
}

int session_send(struct session *s, const struct message *m)
{
	struct control *c = s->control;
	struct errtext why = { "" };
	struct bytes frame;
	int err = message_encode(m, c->out, sizeof(c->out), &frame, &why);

	if (err != 0) {
		log_error(c->lg, LG_CONTROL, "cannot send %s: %s", message_type_name(m->type),
			  why.text);
		return err;
	}
	err = tls_stream_write(s->stream, frame);
	if (m->type == MESSAGE_WELCOME || m->type == MESSAGE_RING)
		wipe(c->out, sizeof(c->out));
	if (err == 0)
		return 0;
	log_debug(c->lg, LG_CONTROL, "%s not sent", message_type_name(m->type));
	return ERR_CLOSED;
}

int control_send(struct control *c, size_t member, const struct message *m)
{
	struct session *s = c->members[member].session;

	return s != NULL && !s->has_left ? session_send(s, m) : ERR_CLOSED;
}

bool session_knows_tickets(const struct session *s)
{
	return s->minor >= TICKETS_MINOR;
}

bool control_knows_tickets(const struct control *c, size_t member)
{
	const struct session *s = c->members[member].session;

	return s != NULL && !s->has_left && session_knows_tickets(s);
}

void session_send_error(struct session *s, const struct message *of, const char *code,
			const char *why)
{
	struct message m = { .type = MESSAGE_ERROR, .id = of != NULL ? of->id : 0 };

	m.error.code = code;
	m.error.why = why;
	if (of != NULL)
		m.error.of =
		    of->type == MESSAGE_UNKNOWN ? of->unknown : message_type_name(of->type);
	(void)session_send(s, &m);
}

void session_refuse(struct session *s, const struct message *of, const char *code, const char *why)
{
	log_warn(s->control->lg, LG_CONTROL, "%s: refused: %s", session_name(s), why);
	session_send_error(s, of, code, why);
	tls_stream_close(s->stream, why);
}

/* ---- the stream ---- */

static void on_data(struct tls_stream *stream, struct bytes data, void *ctx)
{
	struct session *s = ctx;
	struct errtext why = { "" };

	while (!tls_stream_is_closing(stream)) {
		struct message m;
		struct bytes line;
		int err = frame_reader_next(s->reader, &data, &line, &why);

		if (err == 0 && line.ptr == NULL)
			return;
		if (err == 0)
			err = message_decode(line, &m, &why);
		if (err != 0) {
			s->control->counters[CONTROL_BAD_FRAME]++;
			session_refuse(
			    s, NULL, err == ERR_UNSUPPORTED ? MSG_CODE_PROTO : MSG_CODE_BAD_MESSAGE,
			    why.text);
			return;
		}
		session_take_frame(s, &m);
		message_free(&m);
	}
}

/* Not for one whose place a newer connection has taken. */
static void end_session(struct session *s, const char *why)
{
	struct control *c = s->control;

	if (s->has_left)
		return;
	registry_disconnected(c->registry, control_now_ms(), s->member, s->id, why);
	CONTROL_TELL(c, disconnected, s->member);
	c->events.changed(c->events.ctx);
}

static void on_close(struct tls_stream *stream, int err, const char *why, void *ctx)
{
	struct session *s = ctx;
	struct control *c = s->control;

	(void)err;
	log_info(c->lg, LG_CONTROL, "%s: connection ended: %s", tls_stream_peer(stream)->name, why);
	if (s->has_member && c->members[s->member].session == s) {
		c->members[s->member].session = NULL;
		end_session(s, why);
	}
	frame_reader_free(s->reader);
	wipe(s->key, sizeof(s->key));
	free(s);
}

static const struct tls_stream_events stream_events = { .on_data = on_data, .on_close = on_close };

void control_accept(struct tls_stream *stream, void *ctx)
{
	struct control *c = ctx;
	struct session *s;

	if (tls_stream_peer(stream)->kind != PKI_MEMBER) {
		log_warn(c->lg, LG_CONTROL, "%s is no member: connection refused",
			 tls_stream_peer(stream)->name);
		tls_stream_close(stream, "the certificate is no member's");
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s != NULL)
		s->reader = frame_reader_new();
	if (s == NULL || s->reader == NULL) {
		free(s);
		tls_stream_abort(stream, "out of memory");
		return;
	}
	s->control = c;
	s->stream = stream;
	s->id = ++c->next_session;
	tls_stream_set_events(stream, &stream_events, s);
}

void control_refused(void *ctx, const struct endpoint *remote, const char *why)
{
	struct control *c = ctx;
	char text[ENDPOINT_TEXT_MAX];
	uint64_t suppressed;

	c->counters[CONTROL_TLS_REFUSED]++;
	if (log_limit_is_allowed(&c->limit, control_now_ms(), &suppressed))
		log_warn(c->lg, LG_CONTROL,
			 "connection from %s refused: %s (%" PRIu64 " more since the last line)",
			 endpoint_format(remote, text), why, suppressed);
}

int control_new(uv_loop_t *loop, const struct director_conf *conf, struct registry *registry,
		struct peers *peers, const struct logger *lg, const struct control_events *events,
		struct control **out, struct errtext *why)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	errtext_set(why, "out of memory");
	if (c == NULL)
		return ERR_NO_MEMORY;
	c->conf = conf;
	c->registry = registry;
	c->peers = peers;
	c->lg = lg;
	c->events = *events;
	c->limit = (struct log_limit){ .burst = LOG_BURST, .interval_ms = LOG_INTERVAL_MS };
	c->peer_limit =
	    (struct log_limit){ .burst = PEER_LOG_BURST, .interval_ms = PEER_LOG_INTERVAL_MS };
	for (size_t i = 0; i < PLACEMENT_MAX_MEMBERS; i++)
		c->members[i].event_limit =
		    (struct log_limit){ .burst = EVENT_BURST, .interval_ms = EVENT_INTERVAL_MS };
	err = udp_open(loop, &conf->control, &(struct udp_options){ .pktinfo = true },
		       control_take_datagram, c, &c->udp, why);
	if (err != 0) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void control_free(struct control *c)
{
	if (c == NULL)
		return;
	udp_close(c->udp);
	wipe(c, sizeof(*c));
	free(c);
}

void control_set_ring(struct control *c, const struct msg_key *ring, size_t n)
{
	c->ring = ring;
	c->n_ring = n;
}

void control_set_revocations(struct control *c, const struct msg_revocation *list, size_t n)
{
	c->revocations = list;
	c->n_revocations = n;
}

void control_on_tickets(struct control *c, const struct control_ticket_events *events)
{
	c->tickets = *events;
}

void control_on_sas(struct control *c, control_take_sas *take, void *ctx)
{
	c->take_sas = take;
	c->sas_ctx = ctx;
}
