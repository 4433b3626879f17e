/* SPDX-License-Identifier: Apache-2.0 */
#include "director/control/control_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* What an agent says after hello. */

/* Who has been up for longer is told again, after the agent connected anew: no news. */
#define PEER_NEWS_MS 10000

static struct member_load load_from(const struct msg_heartbeat *hb)
{
	return (struct member_load){
		.load = (double)hb->load_ppm / MSG_SHARE_MAX,
		.cpu = (double)hb->cpu_ppm / MSG_SHARE_MAX,
		.sas = hb->sas,
		.half_open = hb->half_open,
		.takes_new = hb->state == MSG_STATE_ACTIVE,
		.is_unable = hb->state == MSG_STATE_FAILED,
	};
}

bool session_take_heartbeat(struct session *s, const struct msg_heartbeat *hb)
{
	struct control *c = s->control;
	struct errtext why = { "" };
	struct member_load load;

	if (heartbeat_window_accept(&s->window, hb, &why) != 0) {
		c->counters[CONTROL_HEARTBEAT_REPLAYED]++;
		return false;
	}
	load = load_from(hb);
	registry_heartbeat(c->registry, control_now_ms(), s->member, s->id, &load);
	CONTROL_TELL(c, heartbeat, s->member);
	c->events.changed(c->events.ctx);
	return true;
}

static void take_heartbeat_frame(struct session *s, const struct message *m)
{
	struct message ack = { .type = MESSAGE_ACK, .id = m->id };

	if (strcmp(m->heartbeat.member, session_name(s)) != 0) {
		session_refuse(s, m, MSG_CODE_NOT_ALLOWED, "another member's heartbeat");
		return;
	}
	s->control->counters[CONTROL_HEARTBEATS_TLS]++;
	if (!session_take_heartbeat(s, &m->heartbeat))
		return;
	ack.ack.seq = m->heartbeat.seq;
	(void)session_send(s, &ack);
}

static void log_peer(struct session *s, const struct msg_peer *p)
{
	struct control *c = s->control;
	char address[ENDPOINT_TEXT_MAX];
	uint64_t suppressed;

	if (p->event == MSG_PEER_UP && p->since_ms > PEER_NEWS_MS)
		return;
	if (!log_limit_is_allowed(&c->peer_limit, control_now_ms(), &suppressed))
		return;
	if (suppressed > 0)
		log_info(c->lg, LG_MEMBER, "%" PRIu64 " lines about peers were not written",
			 suppressed);
	log_info(c->lg, LG_MEMBER, "%s: peer %s %s from %s (%s)", session_name(s), p->identity,
		 msg_peer_event_name(p->event), endpoint_format(&p->address, address),
		 msg_peer_how_name(p->how));
}

/* ---- peers that have another IKE SA elsewhere ---- */

/* By the first octet of an SPI of its. */
static size_t find_number(const struct registry *r, uint64_t spi)
{
	for (size_t i = 0; i < registry_count(r); i++) {
		if (registry_get(r, i)->number == spi >> 56)
			return i;
	}
	return PEERS_NOBODY;
}

static void forget_peer(struct control *c, const struct peer *peer)
{
	char identity[MSG_TEXT_MAX + 1];
	const struct msg_peer down = {
		.event = MSG_PEER_DOWN,
		.identity = identity,
		.spi = peer->spi,
	};

	snprintf(identity, sizeof(identity), "%s", peer->identity);
	if (peers_update(c->peers, control_now_ms(), peer->member, &down) != 0)
		log_debug(c->lg, LG_CONTROL, "a peer of a member that is gone stays in the list");
}

/* It drops the SA and says so: then it goes from the table. */
static void tell_superseded(void *ctx, const struct peer *peer)
{
	const struct session *by = ctx;
	struct control *c = by->control;
	struct message m = { .type = MESSAGE_SUPERSEDED };

	/* It cannot be told, and says what it has when it is back: until then that is not true. */
	if (c->members[peer->member].session == NULL ||
	    registry_get(c->registry, peer->member)->state == MEMBER_DOWN) {
		forget_peer(c, peer);
		return;
	}
	if (!control_knows_tickets(c, peer->member))
		return;
	m.superseded = (struct msg_superseded){ peer->spi, peer->identity, session_name(by) };
	if (control_send(c, peer->member, &m) == 0)
		c->counters[CONTROL_SUPERSEDED]++;
}

static void take_peer(struct session *s, const struct msg_peer *p)
{
	struct control *c = s->control;

	log_peer(s, p);
	if (p->supersedes != 0 || p->initial_contact)
		peers_superseded(c->peers, control_now_ms(), s->member, p,
				 find_number(c->registry, p->supersedes), tell_superseded, s);
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
		int err = peers_update(c->peers, control_now_ms(), s->member, p);

		if (err == 0) {
			take_peer(s, p);
		} else {
			why = err;
			n_lost++;
		}
	}
	if (n_lost > 0)
		log_error(c->lg, LG_CONTROL, "%s: %zu peers not kept: %s", session_name(s), n_lost,
			  err_text(why));
	c->events.changed(c->events.ctx);
}

static void take_report(struct session *s, const struct msg_report *m)
{
	struct member_report *report = &s->control->members[s->member].report;

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
	registry_bye(c->registry, control_now_ms(), s->member, s->id, m->bye.reason);
	peers_forget_member(c->peers, s->member);
	CONTROL_TELL(c, bye, s->member, &m->bye);
	(void)session_send(s, &ok);
	c->events.changed(c->events.ctx);
}

/* For the history; one that has much to say is cut short. */
static void take_event(struct session *s, const struct msg_event *m)
{
	struct control *c = s->control;
	uint64_t suppressed;

	if (!log_limit_is_allowed(&c->members[s->member].event_limit, control_now_ms(),
				  &suppressed)) {
		c->counters[CONTROL_EVENT_DROPPED]++;
		return;
	}
	CONTROL_TELL(c, event, s->member, m);
	c->events.changed(c->events.ctx);
}

static void take_answer(struct session *s, const struct message *m)
{
	struct control *c = s->control;

	CONTROL_TELL(c, answer, s->member, m);
	c->events.changed(c->events.ctx);
}

static void take_known(struct session *s, const struct message *m)
{
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
	case MESSAGE_CLAIMED:
	case MESSAGE_REFUSED:
	case MESSAGE_RELEASED:
	case MESSAGE_PROBE_RESULT:
		take_answer(s, m);
		break;
	case MESSAGE_SAS_PART:
		if (s->control->take_sas != NULL)
			s->control->take_sas(s->control->sas_ctx, s->member, m->id, &m->sas_part);
		break;
	case MESSAGE_RING_OK:
		if (s->control->tickets.ring_ok != NULL)
			s->control->tickets.ring_ok(s->control->tickets.ctx, s->member,
						    &m->ring_ok);
		break;
	case MESSAGE_OK:
		if (s->control->tickets.ok != NULL)
			s->control->tickets.ok(s->control->tickets.ctx, s->member, m->id);
		break;
	case MESSAGE_EVENT:
		take_event(s, &m->event);
		break;
	case MESSAGE_ERROR:
		log_warn(s->control->lg, LG_CONTROL, "%s says: %s: %s", session_name(s),
			 m->error.code, m->error.why);
		break;
	case MESSAGE_GONE:
		session_refuse(s, m, MSG_CODE_BAD_STATE, "that is for a datagram");
		break;
	default:
		session_refuse(s, m, MSG_CODE_BAD_STATE, "that is the director's to send");
		break;
	}
}

void session_take_frame(struct session *s, const struct message *m)
{
	if (m->type == MESSAGE_HELLO)
		session_take_hello(s, m);
	else if (m->type == MESSAGE_UNKNOWN)
		session_send_error(s, m, MSG_CODE_UNKNOWN_TYPE, "this version does not know it");
	else if (!s->has_member || s->has_left)
		session_refuse(s, m, MSG_CODE_BAD_STATE,
			       s->has_left ? "after bye" : "before hello");
	else
		take_known(s, m);
}
