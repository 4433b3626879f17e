/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/uplink/uplink.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "common/control/frame.h"
#include "common/control/heartbeat.h"
#include "common/io/tls_stream.h"
#include "common/io/udp.h"

#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS   2000
#define BYE_MS         1000
#define REPORT_MS      5000
#define PENDING_MAX    (256 * 1024)
#define UNHEARD_MAX    3  /* heartbeats without ack until they go over TLS too */
#define SILENCE_FACTOR 10 /* without any ack for so many suspect times: connect anew */

enum timers {
	TIMER_RETRY,
	TIMER_HEARTBEAT,
	TIMER_REPORT,
	TIMER_BYE,
	TIMER_COUNT
};

struct uplink {
	uv_loop_t *loop;
	struct uplink_conf conf;
	const struct logger *lg;
	struct uplink_events events;
	bool is_started;
	char member[NAME_TEXT_MAX + 1];
	struct tls_stream *stream; /* NULL: none */
	struct frame_reader *reader;
	bool is_welcome;
	uint64_t retry_ms;
	struct udp *udp;
	uint8_t heartbeat_key[HEARTBEAT_KEY_SIZE];
	struct heartbeat_sent sent;
	bool is_unheard;   /* UDP does not get through */
	uint64_t heard_ms; /* last ack, or welcome */
	uint64_t suspect_ms;
	uint64_t next_id;
	uint64_t bye_id; /* 0: none under way */
	uv_timer_t timers[TIMER_COUNT];
	int open_timers;
	bool is_closing;
	uint8_t out[FRAME_MAX];
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

/* Between half of ms and all of it: agents that lost the same director do not come back at once. */
static uint64_t jitter(uint64_t ms)
{
	const struct rng rng = rng_system();
	uint64_t random;

	if (rng_u64(&rng, &random) != 0)
		return ms;
	return ms / 2 + random % (ms / 2 + 1);
}

static void send_as_it_is(struct uplink *u, const struct message *m)
{
	struct errtext why = { "" };
	struct bytes frame;

	if (message_encode(m, u->out, sizeof(u->out), &frame, &why) != 0) {
		log_error(u->lg, LG_CONTROL, "cannot send %s: %s", message_type_name(m->type),
			  why.text);
		return;
	}
	/* A refusal closes the stream, and its on_close is where that is dealt with. */
	if (tls_stream_write(u->stream, frame) != 0)
		log_debug(u->lg, LG_CONTROL, "%s not sent", message_type_name(m->type));
}

static void send_message(struct uplink *u, struct message *m)
{
	m->id = ++u->next_id;
	send_as_it_is(u, m);
}

void uplink_tell(struct uplink *u, struct message *m)
{
	if (u->is_welcome)
		send_as_it_is(u, m);
}

static void drop_session(struct uplink *u)
{
	u->is_welcome = false;
	wipe(u->heartbeat_key, sizeof(u->heartbeat_key));
	uv_timer_stop(&u->timers[TIMER_HEARTBEAT]);
	uv_timer_stop(&u->timers[TIMER_REPORT]);
	frame_reader_free(u->reader);
	u->reader = NULL;
}

static void end_bye(struct uplink *u)
{
	if (u->bye_id == 0)
		return;
	u->bye_id = 0;
	uv_timer_stop(&u->timers[TIMER_BYE]);
	u->events.bye_done(u->events.ctx);
}

static void send_hello(struct uplink *u)
{
	struct message m = { .type = MESSAGE_HELLO };

	m.hello.proto = (struct msg_proto){ PROTO_MAJOR, PROTO_MINOR };
	m.hello.member = u->member;
	m.hello.boot_id = u->conf.boot_id;
	u->events.fill_hello(u->events.ctx, &m.hello);
	send_message(u, &m);
}

static void send_heartbeat(struct uplink *u)
{
	struct message m = { .type = MESSAGE_HEARTBEAT };
	uint8_t buf[HEARTBEAT_DATAGRAM_MAX];
	struct errtext why = { "" };
	struct bytes datagram;
	bool was_unheard = u->is_unheard;

	m.heartbeat.member = u->member;
	m.heartbeat.boot_id = u->conf.boot_id;
	m.heartbeat.seq = heartbeat_sent_next(&u->sent);
	u->events.fill_heartbeat(u->events.ctx, &m.heartbeat);
	if (heartbeat_encode(&m, (struct bytes){ u->heartbeat_key, sizeof(u->heartbeat_key) }, buf,
			     sizeof(buf), &datagram, &why) != 0) {
		log_error(u->lg, LG_CONTROL, "cannot send a heartbeat: %s", why.text);
		return;
	}
	udp_send(u->udp, NULL, &u->conf.director, datagram);
	u->is_unheard = u->sent.seq - u->sent.acked > UNHEARD_MAX;
	if (u->is_unheard && !was_unheard)
		log_warn(u->lg, LG_CONTROL,
			 "heartbeats over UDP are not answered: sending them over TLS too");
	if (u->is_unheard)
		send_message(u, &m);
}

static void on_heartbeat_timer(uv_timer_t *timer)
{
	struct uplink *u = timer->data;

	if (u->stream != NULL && now_ms() - u->heard_ms > SILENCE_FACTOR * u->suspect_ms) {
		tls_stream_abort(u->stream, "the director does not answer heartbeats");
		return;
	}
	send_heartbeat(u);
}

static void on_report_timer(uv_timer_t *timer)
{
	struct uplink *u = timer->data;
	struct message m = { .type = MESSAGE_REPORT };

	m.report.interval_ms = REPORT_MS;
	u->events.fill_report(u->events.ctx, &m.report);
	send_message(u, &m);
}

static void heard(struct uplink *u)
{
	u->heard_ms = now_ms();
	if (!u->is_unheard)
		return;
	log_info(u->lg, LG_CONTROL, "heartbeats over UDP are answered");
	u->is_unheard = false;
}

static void on_ack(void *ctx, const struct endpoint *remote, const struct endpoint *local,
		   struct bytes data)
{
	struct uplink *u = ctx;
	struct errtext why = { "" };
	struct message m;

	(void)remote;
	(void)local;
	if (!u->is_welcome ||
	    heartbeat_decode(data, (struct bytes){ u->heartbeat_key, sizeof(u->heartbeat_key) },
			     MESSAGE_ACK, &m, &why) != 0) {
		log_debug(u->lg, LG_CONTROL, "ack dropped: %s", why.text);
		return;
	}
	if (heartbeat_sent_accept(&u->sent, &m.ack, &why) == 0)
		heard(u);
	message_free(&m);
}

/* With the key of this session, which the director keeps for this one message. */
static void hand_over_last_words(struct uplink *u)
{
	struct message m = { .type = MESSAGE_GONE };
	uint8_t buf[HEARTBEAT_DATAGRAM_MAX];
	struct errtext why = { "" };
	struct bytes words;

	m.gone = (struct msg_gone){ u->member, u->conf.boot_id };
	if (heartbeat_encode(&m, (struct bytes){ u->heartbeat_key, sizeof(u->heartbeat_key) }, buf,
			     sizeof(buf), &words, &why) != 0)
		log_error(u->lg, LG_CONTROL, "no last words: %s", why.text);
	else
		u->events.last_words(u->events.ctx, &u->conf.director, words);
}

static void take_welcome(struct uplink *u, const struct msg_welcome *w)
{
	if (tls_stream_export(u->stream, HEARTBEAT_KEY_LABEL, (struct bytes){ NULL, 0 },
			      u->heartbeat_key, sizeof(u->heartbeat_key)) != 0) {
		tls_stream_abort(u->stream, "no key for heartbeats");
		return;
	}
	u->is_welcome = true;
	u->retry_ms = RETRY_FIRST_MS;
	u->sent = (struct heartbeat_sent){ .seq = 0 };
	u->is_unheard = false;
	u->heard_ms = now_ms();
	u->suspect_ms = w->suspect_ms;
	log_info(u->lg, LG_CONTROL, "director of cluster %s: we are number %u", w->cluster,
		 w->number);
	u->events.welcome(u->events.ctx, w);
	if (u->is_closing)
		return; /* the event did that */
	hand_over_last_words(u);
	uv_timer_start(&u->timers[TIMER_HEARTBEAT], on_heartbeat_timer, 0, w->heartbeat_ms);
	uv_timer_start(&u->timers[TIMER_REPORT], on_report_timer, jitter(REPORT_MS), REPORT_MS);
}

static void take_frame(struct uplink *u, const struct message *m)
{
	switch (m->type) {
	case MESSAGE_WELCOME:
		if (!u->is_welcome)
			take_welcome(u, &m->welcome);
		break;
	case MESSAGE_OK:
		if (m->id != 0 && m->id == u->bye_id)
			end_bye(u);
		break;
	case MESSAGE_ACK: {
		struct errtext why;

		if (heartbeat_sent_accept(&u->sent, &m->ack, &why) == 0)
			u->heard_ms = now_ms();
		break;
	}
	case MESSAGE_ERROR:
		log_warn(u->lg, LG_CONTROL, "the director says: %s: %s", m->error.code,
			 m->error.why);
		break;
	case MESSAGE_UNKNOWN: {
		struct message answer = { .type = MESSAGE_ERROR };

		answer.error = (struct msg_error){ MSG_CODE_UNKNOWN_TYPE, m->unknown,
						   "this version does not know it" };
		send_message(u, &answer);
		break;
	}
	case MESSAGE_CLAIM:
	case MESSAGE_RELEASE:
	case MESSAGE_PROBE:
	case MESSAGE_MEMBERS:
	case MESSAGE_SAS:
	case MESSAGE_RING:
	case MESSAGE_REVOKE:
	case MESSAGE_SUPERSEDED:
		if (u->is_welcome)
			u->events.order(u->events.ctx, m);
		break;
	default:
		log_warn(u->lg, LG_CONTROL, "the director sent %s, which is an agent's to send",
			 message_type_name(m->type));
		break;
	}
}

static void on_data(struct tls_stream *stream, struct bytes data, void *ctx)
{
	struct uplink *u = ctx;
	struct errtext why = { "" };

	while (u->stream == stream && u->reader != NULL && !tls_stream_is_closing(stream)) {
		struct message m;
		struct bytes line;
		int err = frame_reader_next(u->reader, &data, &line, &why);

		if (err == 0 && line.ptr == NULL)
			return;
		if (err == 0)
			err = message_decode(line, &m, &why);
		if (err != 0) {
			tls_stream_abort(stream, why.text);
			return;
		}
		take_frame(u, &m);
		message_free(&m);
	}
}

static void on_open(struct tls_stream *stream, void *ctx)
{
	struct uplink *u = ctx;

	(void)stream;
	send_hello(u);
}

static void connect_now(struct uplink *u);

static void on_retry(uv_timer_t *timer)
{
	connect_now(timer->data);
}

static void retry_later(struct uplink *u)
{
	uv_timer_start(&u->timers[TIMER_RETRY], on_retry, jitter(u->retry_ms), 0);
	u->retry_ms = u->retry_ms * 2 < RETRY_MAX_MS ? u->retry_ms * 2 : RETRY_MAX_MS;
}

static void free_if_closed(struct uplink *u)
{
	if (u->open_timers > 0 || u->stream != NULL)
		return;
	wipe(u->heartbeat_key, sizeof(u->heartbeat_key));
	frame_reader_free(u->reader);
	free(u);
}

static void on_close(struct tls_stream *stream, int err, const char *why, void *ctx)
{
	struct uplink *u = ctx;
	char text[ENDPOINT_TEXT_MAX];
	bool was_welcome;

	(void)stream;
	(void)err;
	u->stream = NULL;
	if (u->is_closing) {
		free_if_closed(u);
		return;
	}
	log_warn(u->lg, LG_CONTROL, "no connection to the director at %s: %s",
		 endpoint_format(&u->conf.director, text), why);
	was_welcome = u->is_welcome;
	drop_session(u);
	if (was_welcome)
		u->events.lost(u->events.ctx);
	if (!u->is_closing)
		end_bye(u);
	if (!u->is_closing)
		retry_later(u);
}

static const struct tls_stream_events stream_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_close,
};

static void connect_now(struct uplink *u)
{
	struct pki_identity director = { .kind = PKI_DIRECTOR };

	memcpy(director.name, u->conf.director_name, strlen(u->conf.director_name) + 1);
	u->reader = frame_reader_new();
	if (u->reader == NULL ||
	    tls_stream_connect(u->loop, u->conf.tls, &u->conf.director, &director, NULL,
			       &stream_events, u, &u->stream) != 0) {
		drop_session(u);
		retry_later(u);
	}
}

int uplink_new(uv_loop_t *loop, const struct uplink_conf *conf, const struct logger *lg,
	       const struct uplink_events *events, struct uplink **out, struct errtext *why)
{
	const struct pki_identity *self = tls_ctx_identity(conf->tls);
	const struct endpoint any = { .ip = { .family = conf->director.ip.family } };
	struct uplink *u;
	int err;

	if (strlen(conf->director_name) > NAME_TEXT_MAX) {
		errtext_set(why, "the director's name is too long");
		return ERR_CONFIG;
	}
	u = calloc(1, sizeof(*u));
	if (u == NULL) {
		errtext_set(why, "out of memory");
		return ERR_NO_MEMORY;
	}
	u->loop = loop;
	u->conf = *conf;
	u->lg = lg;
	u->events = *events;
	u->retry_ms = RETRY_FIRST_MS;
	memcpy(u->member, self->name, sizeof(u->member));
	err = udp_open(loop, &any, NULL, on_ack, u, &u->udp, why);
	if (err != 0) {
		free(u);
		return err;
	}
	for (size_t i = 0; i < TIMER_COUNT; i++) {
		uv_timer_init(loop, &u->timers[i]);
		u->timers[i].data = u;
		u->open_timers++;
	}
	*out = u;
	return 0;
}

void uplink_start(struct uplink *u)
{
	if (u->is_started || u->is_closing)
		return;
	u->is_started = true;
	connect_now(u);
}

bool uplink_is_up(const struct uplink *u)
{
	return u->is_welcome;
}

size_t uplink_send_peers(struct uplink *u, bool reset, const struct msg_peer *entries, size_t n)
{
	struct message m = { .type = MESSAGE_PEER };
	size_t fit = message_fit_peers(entries, n);

	if (!u->is_welcome)
		return 0;
	m.peers = (struct msg_peers){ reset, entries, fit };
	send_message(u, &m);
	return fit;
}

bool uplink_is_full(const struct uplink *u)
{
	return u->stream != NULL && tls_stream_pending(u->stream) > PENDING_MAX;
}

static void on_bye_timer(uv_timer_t *timer)
{
	struct uplink *u = timer->data;

	log_warn(u->lg, LG_CONTROL, "the director did not confirm our goodbye");
	end_bye(u);
}

void uplink_bye(struct uplink *u, const struct msg_bye *bye)
{
	struct message m = { .type = MESSAGE_BYE };

	uv_timer_stop(&u->timers[TIMER_HEARTBEAT]);
	uv_timer_stop(&u->timers[TIMER_REPORT]);
	if (!u->is_welcome) {
		u->bye_id = UINT64_MAX;
		end_bye(u);
		return;
	}
	m.bye = *bye;
	send_message(u, &m);
	u->bye_id = m.id;
	uv_timer_start(&u->timers[TIMER_BYE], on_bye_timer, BYE_MS, 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct uplink *u = handle->data;

	u->open_timers--;
	free_if_closed(u);
}

void uplink_close(struct uplink *u)
{
	if (u == NULL || u->is_closing)
		return;
	u->is_closing = true;
	u->bye_id = 0;
	udp_close(u->udp);
	if (u->stream != NULL)
		tls_stream_close(u->stream, "the agent stops");
	for (size_t i = 0; i < TIMER_COUNT; i++)
		uv_close((uv_handle_t *)&u->timers[i], on_timer_closed);
}
