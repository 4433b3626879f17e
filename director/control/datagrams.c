/* SPDX-License-Identifier: Apache-2.0 */
#include "director/control/control_internal.h"

/* What comes over UDP: heartbeats, and the last words of keepers. */

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

/* Said three times; the connection of the agent may have ended before or not. */
static void take_gone(struct control *c, size_t member, const struct msg_gone *gone)
{
	struct control_member *m = &c->members[member];

	c->counters[CONTROL_GONE]++;
	if (gone->boot_id != m->boot_id)
		return;
	m->boot_id = 0;
	wipe(m->key, sizeof(m->key));
	peers_forget_member(c->peers, member);
	CONTROL_TELL(c, gone, member);
	c->events.changed(c->events.ctx);
	if (m->session != NULL)
		tls_stream_abort(m->session->stream, "the keeper says that the agent has ended");
}

static void take_verified(struct control *c, size_t member, const struct message *m,
			  const struct endpoint *remote, const struct ip *local)
{
	struct session *s = c->members[member].session;

	if (m->type == MESSAGE_GONE) {
		take_gone(c, member, &m->gone);
		return;
	}
	if (s == NULL) {
		c->counters[CONTROL_HEARTBEAT_UNKNOWN]++;
		return;
	}
	c->counters[CONTROL_HEARTBEATS]++;
	if (session_take_heartbeat(s, &m->heartbeat))
		send_ack(c, s, remote, local, m->heartbeat.seq);
}

void control_take_datagram(void *ctx, const struct endpoint *remote, const struct endpoint *local,
			   struct bytes data)
{
	struct control *c = ctx;
	char name[NAME_TEXT_MAX + 1];
	struct message m;
	size_t member;
	int err;

	if (heartbeat_peek_member(data, name, NULL) != 0) {
		c->counters[CONTROL_HEARTBEAT_MALFORMED]++;
		return;
	}
	if (registry_find(c->registry, name, &member) != 0 || c->members[member].boot_id == 0) {
		c->counters[CONTROL_HEARTBEAT_UNKNOWN]++;
		return;
	}
	err = heartbeat_decode(data, (struct bytes){ c->members[member].key, HEARTBEAT_KEY_SIZE },
			       MESSAGE_HEARTBEAT, &m, NULL);
	if (err != 0) {
		c->counters[err == ERR_AUTH ? CONTROL_HEARTBEAT_FORGED
					    : CONTROL_HEARTBEAT_MALFORMED]++;
		return;
	}
	take_verified(c, member, &m, remote, &local->ip);
	message_free(&m);
}
