/* SPDX-License-Identifier: Apache-2.0 */
#include "director/control/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/control/frame.h"
#include "common/control/heartbeat.h"
#include "common/io/udp.h"

#define LOG_BURST       20
#define LOG_INTERVAL_MS 1000

/* Lines about peers: enough for every day, and for the first of those that all come at once. */
#define PEER_LOG_BURST       500
#define PEER_LOG_INTERVAL_MS 10
/* Who has been up for longer is told again, after the agent connected anew: no news. */
#define PEER_NEWS_MS         10000

/* One connection of an agent. Freed in its on_close. */
struct session {
	struct control *control;
	struct tls_stream *stream;
	struct frame_reader *reader;
	uint64_t id;
	bool has_member; /* hello was welcomed */
	bool has_left;   /* said bye */
	size_t member;
	struct heartbeat_window window;
	uint8_t key[HEARTBEAT_KEY_SIZE];
};

struct control {
	const struct director_conf *conf;
	struct registry *registry;
	struct peers *peers;
	const struct logger *lg;
	struct control_events events;
	struct udp *udp;
	uint64_t next_session;
	struct session *by_member[PLACEMENT_MAX_MEMBERS];
	struct member_report reports[PLACEMENT_MAX_MEMBERS];
	uint64_t counters[CONTROL_COUNTER_COUNT];
	struct log_limit limit;
	struct log_limit peer_limit;
	uint8_t out[FRAME_MAX];
};

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
	return &c->reports[member];
}

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static const char *name_of(const struct session *s)
{
	return tls_stream_peer(s->stream)->name;
}

static void send_message(struct session *s, const struct message *m)
{
	struct control *c = s->control;
	struct errtext why = { "" };
	struct bytes frame;

	if (message_encode(m, c->out, sizeof(c->out), &frame, &why) != 0) {
		log_error(c->lg, LG_CONTROL, "cannot send %s: %s", message_type_name(m->type),
			  why.text);
		return;
	}
	if (tls_stream_write(s->stream, frame) != 0)
		log_debug(c->lg, LG_CONTROL, "%s not sent", message_type_name(m->type));
}

static void send_error(struct session *s, const struct message *of, const char *code,
		       const char *why)
{
	struct message m = { .type = MESSAGE_ERROR, .id = of != NULL ? of->id : 0 };

	m.error.code = code;
	m.error.why = why;
	if (of != NULL)
		m.error.of =
		    of->type == MESSAGE_UNKNOWN ? of->unknown : message_type_name(of->type);
	send_message(s, &m);
}

/* A last word, then the end of the connection. */
static void refuse(struct session *s, const struct message *of, const char *code, const char *why)
{
	log_warn(s->control->lg, LG_CONTROL, "%s: refused: %s", name_of(s), why);
	send_error(s, of, code, why);
	tls_stream_close(s->stream, why);
}

/* ---- hello ---- */

static bool has_address(const struct msg_hello *hello, const struct ip *ip)
{
	for (size_t i = 0; i < hello->n_addresses; i++) {
		if (ip_is_equal(&hello->addresses[i].address, ip))
			return true;
	}
	return false;
}

static bool is_home(const struct member *m, const struct ip *ip)
{
	for (size_t i = 0; i < m->n_home; i++) {
		if (ip_is_equal(&m->home[i], ip))
			return true;
	}
	return false;
}

/* Both files must say the same, or peers would be sent where nobody answers. */
static int check_addresses(const struct member *m, const struct msg_hello *hello,
			   struct errtext *why)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < m->n_home; i++) {
		if (has_address(hello, &m->home[i]))
			continue;
		errtext_set(why, "%s is a home address of %s in director.yaml, not in agent.yaml",
			    ip_format(&m->home[i], text), m->name);
		return ERR_CONFIG;
	}
	for (size_t i = 0; i < hello->n_addresses; i++) {
		if (is_home(m, &hello->addresses[i].address))
			continue;
		errtext_set(why, "%s is a home address of %s in agent.yaml, not in director.yaml",
			    ip_format(&hello->addresses[i].address, text), m->name);
		return ERR_CONFIG;
	}
	return 0;
}

static void send_welcome(struct session *s, uint64_t id)
{
	struct control *c = s->control;
	struct msg_member members[PLACEMENT_MAX_MEMBERS];
	struct message m = { .type = MESSAGE_WELCOME, .id = id };

	m.welcome = (struct msg_welcome){
		.proto = { PROTO_MAJOR, PROTO_MINOR },
		.number = registry_get(c->registry, s->member)->number,
		.cluster = c->conf->cluster,
		.heartbeat_ms = director_conf_heartbeat_ms(c->conf),
		.suspect_ms = director_conf_suspect_ms(c->conf),
		.members = members,
		.n_members = registry_count(c->registry),
	};
	for (size_t i = 0; i < m.welcome.n_members; i++) {
		const struct member *member = registry_get(c->registry, i);

		members[i] = (struct msg_member){
			.name = member->name,
			.home = member->home,
			.n_home = member->n_home,
		};
	}
	send_message(s, &m);
}

static void enter(struct session *s, const struct message *m)
{
	struct control *c = s->control;
	struct session *before = c->by_member[s->member];
	const struct registry_hello hello = {
		.boot_id = m->hello.boot_id,
		.version = m->hello.version,
		.dataplane = m->hello.dataplane,
		.capacity = m->hello.capacity,
	};
	bool is_reboot;

	s->has_member = true;
	s->window = heartbeat_window_init(m->hello.boot_id);
	c->by_member[s->member] = s;
	registry_hello(c->registry, now_ms(), s->member, s->id, &hello, &is_reboot);
	if (is_reboot)
		peers_forget_member(c->peers, s->member);
	/* The registry knows the new session already, so the end of the old one says nothing. */
	if (before != NULL)
		tls_stream_close(before->stream, "the member connected anew");
	c->counters[CONTROL_SESSIONS]++;
	send_welcome(s, m->id);
	c->events.changed(c->events.ctx);
}

static void take_hello(struct session *s, const struct message *m)
{
	struct control *c = s->control;
	struct errtext why = { "" };

	if (s->has_member) {
		refuse(s, m, MSG_CODE_BAD_STATE, "a second hello");
		return;
	}
	if (strcmp(m->hello.member, name_of(s)) != 0) {
		c->counters[CONTROL_REFUSED_HELLO]++;
		refuse(s, m, MSG_CODE_NOT_ALLOWED, "the certificate is another member's");
		return;
	}
	if (registry_find(c->registry, m->hello.member, &s->member) != 0) {
		c->counters[CONTROL_REFUSED_HELLO]++;
		refuse(s, m, MSG_CODE_NOT_ALLOWED, "not among the members in director.yaml");
		return;
	}
	if (check_addresses(registry_get(c->registry, s->member), &m->hello, &why) != 0) {
		c->counters[CONTROL_REFUSED_HELLO]++;
		refuse(s, m, MSG_CODE_NOT_ALLOWED, why.text);
		return;
	}
	if (tls_stream_export(s->stream, HEARTBEAT_KEY_LABEL, (struct bytes){ NULL, 0 }, s->key,
			      sizeof(s->key)) != 0) {
		refuse(s, m, MSG_CODE_BAD_STATE, "no key for heartbeats");
		return;
	}
	enter(s, m);
}

/* ---- what else an agent says ---- */

static struct member_load load_from(uint32_t load_ppm, uint32_t cpu_ppm, uint64_t sas,
				    uint64_t half_open, bool takes_new)
{
	return (struct member_load){
		.load = (double)load_ppm / MSG_SHARE_MAX,
		.cpu = (double)cpu_ppm / MSG_SHARE_MAX,
		.sas = sas,
		.half_open = half_open,
		.takes_new = takes_new,
	};
}

/* Verified and of this session: judged by its sequence, over UDP and TLS alike. */
static bool take_heartbeat(struct session *s, const struct msg_heartbeat *hb)
{
	struct control *c = s->control;
	struct errtext why = { "" };
	struct member_load load;

	if (heartbeat_window_accept(&s->window, hb, &why) != 0) {
		c->counters[CONTROL_HEARTBEAT_REPLAYED]++;
		return false;
	}
	load = load_from(hb->load_ppm, hb->cpu_ppm, hb->sas, hb->half_open,
			 hb->state == MSG_STATE_ACTIVE);
	registry_heartbeat(c->registry, now_ms(), s->member, s->id, &load);
	c->events.changed(c->events.ctx);
	return true;
}

static void take_heartbeat_frame(struct session *s, const struct message *m)
{
	struct message ack = { .type = MESSAGE_ACK, .id = m->id };

	if (strcmp(m->heartbeat.member, name_of(s)) != 0) {
		refuse(s, m, MSG_CODE_NOT_ALLOWED, "another member's heartbeat");
		return;
	}
	s->control->counters[CONTROL_HEARTBEATS_TLS]++;
	if (!take_heartbeat(s, &m->heartbeat))
		return;
	ack.ack.seq = m->heartbeat.seq;
	send_message(s, &ack);
}

static void log_peer(struct session *s, const struct msg_peer *p)
{
	struct control *c = s->control;
	char address[ENDPOINT_TEXT_MAX];
	uint64_t suppressed;

	if (p->event == MSG_PEER_UP && p->since_ms > PEER_NEWS_MS)
		return;
	if (!log_limit_is_allowed(&c->peer_limit, now_ms(), &suppressed))
		return;
	if (suppressed > 0)
		log_info(c->lg, LG_MEMBER, "%" PRIu64 " lines about peers were not written",
			 suppressed);
	log_info(c->lg, LG_MEMBER, "%s: peer %s %s from %s (%s)", name_of(s), p->identity,
		 msg_peer_event_name(p->event), endpoint_format(&p->address, address),
		 msg_peer_how_name(p->how));
}

static void take_peers(struct session *s, const struct message *m)
{
	struct control *c = s->control;
	size_t n_lost = 0;
	int why = 0;

	if (m->peers.reset)
		peers_forget_member(c->peers, s->member);
	for (size_t i = 0; i < m->peers.n_entries; i++) {
		const struct msg_peer *p = &m->peers.entries[i];
		int err = peers_update(c->peers, now_ms(), s->member, p);

		if (err == 0) {
			log_peer(s, p);
		} else {
			why = err;
			n_lost++;
		}
	}
	if (n_lost > 0)
		log_error(c->lg, LG_CONTROL, "%s: %zu peers not kept: %s", name_of(s), n_lost,
			  err_text(why));
	c->events.changed(c->events.ctx);
}

static void take_report(struct session *s, const struct msg_report *m)
{
	struct member_report *report = &s->control->reports[s->member];

	report->traffic = m->traffic;
	report->n_errors = 0;
	for (size_t i = 0; i < m->n_errors && i < MSG_COUNTERS_MAX; i++) {
		struct member_counter *counter = &report->errors[report->n_errors++];

		snprintf(counter->name, sizeof(counter->name), "%s", m->errors[i].name);
		counter->value = m->errors[i].value;
	}
}

static void take_bye(struct session *s, const struct message *m)
{
	struct control *c = s->control;
	struct message ok = { .type = MESSAGE_OK, .id = m->id };

	s->has_left = true;
	registry_bye(c->registry, now_ms(), s->member, s->id, m->bye.reason);
	peers_forget_member(c->peers, s->member);
	send_message(s, &ok);
	c->events.changed(c->events.ctx);
}

static void take_frame(struct session *s, const struct message *m)
{
	if (m->type == MESSAGE_HELLO) {
		take_hello(s, m);
		return;
	}
	if (m->type == MESSAGE_UNKNOWN) {
		send_error(s, m, MSG_CODE_UNKNOWN_TYPE, "this version does not know it");
		return;
	}
	if (!s->has_member || s->has_left) {
		refuse(s, m, MSG_CODE_BAD_STATE, s->has_left ? "after bye" : "before hello");
		return;
	}
	switch (m->type) {
	case MESSAGE_HEARTBEAT:
		take_heartbeat_frame(s, m);
		break;
	case MESSAGE_REPORT:
		take_report(s, &m->report);
		break;
	case MESSAGE_PEER:
		take_peers(s, m);
		break;
	case MESSAGE_BYE:
		take_bye(s, m);
		break;
	case MESSAGE_ERROR:
		log_warn(s->control->lg, LG_CONTROL, "%s says: %s: %s", name_of(s), m->error.code,
			 m->error.why);
		break;
	default:
		refuse(s, m, MSG_CODE_BAD_STATE, "that is the director's to send");
		break;
	}
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
			refuse(s, NULL,
			       err == ERR_UNSUPPORTED ? MSG_CODE_PROTO : MSG_CODE_BAD_MESSAGE,
			       why.text);
			return;
		}
		take_frame(s, &m);
		message_free(&m);
	}
}

static void on_close(struct tls_stream *stream, int err, const char *why, void *ctx)
{
	struct session *s = ctx;
	struct control *c = s->control;

	(void)err;
	log_info(c->lg, LG_CONTROL, "%s: connection ended: %s", tls_stream_peer(stream)->name, why);
	if (s->has_member && c->by_member[s->member] == s)
		c->by_member[s->member] = NULL;
	if (s->has_member && !s->has_left) {
		registry_disconnected(c->registry, now_ms(), s->member, s->id, why);
		c->events.changed(c->events.ctx);
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
	if (log_limit_is_allowed(&c->limit, now_ms(), &suppressed))
		log_warn(c->lg, LG_CONTROL,
			 "connection from %s refused: %s (%" PRIu64 " more since the last line)",
			 endpoint_format(remote, text), why, suppressed);
}

/* ---- heartbeats ---- */

static void send_ack(struct control *c, const struct session *s, const struct endpoint *remote,
		     const struct ip *from, uint64_t seq)
{
	struct message ack = { .type = MESSAGE_ACK };
	uint8_t buf[HEARTBEAT_DATAGRAM_MAX];
	struct errtext why = { "" };
	struct bytes datagram;

	ack.ack.seq = seq;
	if (heartbeat_encode(&ack, (struct bytes){ s->key, sizeof(s->key) }, buf, sizeof(buf),
			     &datagram, &why) == 0)
		udp_send(c->udp, from, remote, datagram);
}

static void on_datagram(void *ctx, const struct endpoint *remote, const struct endpoint *local,
			struct bytes data)
{
	struct control *c = ctx;
	char name[NAME_TEXT_MAX + 1];
	struct session *s;
	struct message m;
	size_t member;
	int err;

	if (heartbeat_peek_member(data, name, NULL) != 0) {
		c->counters[CONTROL_HEARTBEAT_MALFORMED]++;
		return;
	}
	if (registry_find(c->registry, name, &member) != 0 || c->by_member[member] == NULL) {
		c->counters[CONTROL_HEARTBEAT_UNKNOWN]++;
		return;
	}
	s = c->by_member[member];
	err = heartbeat_decode(data, (struct bytes){ s->key, sizeof(s->key) }, MESSAGE_HEARTBEAT,
			       &m, NULL);
	if (err != 0) {
		c->counters[err == ERR_AUTH ? CONTROL_HEARTBEAT_FORGED
					    : CONTROL_HEARTBEAT_MALFORMED]++;
		return;
	}
	c->counters[CONTROL_HEARTBEATS]++;
	if (take_heartbeat(s, &m.heartbeat))
		send_ack(c, s, remote, &local->ip, m.heartbeat.seq);
	message_free(&m);
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
	err = udp_open(loop, &conf->control, &(struct udp_options){ .pktinfo = true }, on_datagram,
		       c, &c->udp, why);
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
	free(c);
}
