/* SPDX-License-Identifier: Apache-2.0 */
#include "director/control/control_internal.h"

/* The first frame of a connection, and what members are told about each other. */

/* ---- what the member and the director have to agree on ---- */

static bool has_address(const struct msg_address *list, size_t n, const struct ip *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_is_equal(&list[i].address, ip))
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

static bool is_anybodys_home(const struct registry *r, const struct ip *ip)
{
	for (size_t i = 0; i < registry_count(r); i++) {
		if (is_home(registry_get(r, i), ip))
			return true;
	}
	return false;
}

/* Both files must say the same of its home, or peers would be sent where nobody answers. */
static int check_addresses(const struct member *m, const struct msg_hello *hello,
			   struct errtext *why)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < m->n_home; i++) {
		if (has_address(hello->addresses, hello->n_addresses, &m->home[i]))
			continue;
		errtext_set(why, "%s is a home address of %s in director.yaml, not in agent.yaml",
			    ip_format(&m->home[i], text), m->name);
		return ERR_CONFIG;
	}
	for (size_t i = 0; i < hello->n_addresses; i++) {
		const struct ip *ip = &hello->addresses[i].address;

		ip_format(ip, text);
		if (has_address(hello->addresses, i, ip)) {
			errtext_set(why, "%s is among the addresses twice", text);
			return ERR_CONFIG;
		}
	}
	return 0;
}

/*
 * What is no member's home, as adopt lists go on naming a member that was taken out: nobody is
 * ordered to take it.
 */
static void warn_of_others(struct session *s, const struct msg_hello *hello)
{
	struct control *c = s->control;
	char text[IP_TEXT_MAX];
	struct errtext why;

	for (size_t i = 0; i < hello->n_addresses; i++) {
		const struct ip *ip = &hello->addresses[i].address;

		if (is_anybodys_home(c->registry, ip))
			continue;
		errtext_set(&why,
			    "%s is in agent.yaml of %s, but in director.yaml it is no member's "
			    "home address",
			    ip_format(ip, text), hello->member);
		log_warn(c->lg, LG_MEMBER, "ignored: %s", why.text);
		CONTROL_TELL(c, event, s->member,
			     &(struct msg_event){ .what = "address ignored", .why = why.text });
	}
}

/* A file of the agent that was damaged, or worse. */
static int check_epochs(const struct control *c, const struct msg_hello *hello, struct errtext *why)
{
	uint64_t known = c->events.epoch != NULL ? c->events.epoch(c->events.ctx) : 0;
	bool is_credible = msg_epoch_is_credible(hello->max_epoch, known);

	for (size_t i = 0; i < hello->n_addresses; i++)
		is_credible =
		    is_credible && msg_epoch_is_credible(hello->addresses[i].epoch, known);
	if (is_credible)
		return 0;
	errtext_set(why,
		    "it knows of epochs that cannot be: remove agent.json in its state folder");
	return ERR_VALUE;
}

/* ---- what it is told ---- */

static void fill_members(const struct control *c, struct msg_member members[PLACEMENT_MAX_MEMBERS])
{
	for (size_t i = 0; i < registry_count(c->registry); i++) {
		const struct member *member = registry_get(c->registry, i);

		members[i] = (struct msg_member){
			.name = member->name,
			.home = member->home,
			.n_home = member->n_home,
			.mesh = c->members[i].mesh,
			.number = member->number,
			.down = member->state == MEMBER_DOWN,
		};
	}
}

/* An older version takes keys for notices only, and not so many. */
static size_t count_notice_keys(const struct control *c)
{
	size_t n = 0;

	while (n < c->n_ring && strcmp(c->ring[n].use, MSG_KEY_USE_NOTICE) == 0)
		n++;
	return n;
}

static void send_welcome(struct session *s, uint64_t id)
{
	struct control *c = s->control;
	bool has_tickets = session_knows_tickets(s);
	struct msg_member members[PLACEMENT_MAX_MEMBERS];
	struct message m = { .type = MESSAGE_WELCOME, .id = id };

	fill_members(c, members);
	m.welcome = (struct msg_welcome){
		.proto = { PROTO_MAJOR, PROTO_MINOR },
		.number = registry_get(c->registry, s->member)->number,
		.cluster = c->conf->cluster,
		.heartbeat_ms = director_conf_heartbeat_ms(c->conf),
		.suspect_ms = director_conf_suspect_ms(c->conf),
		.epoch = c->events.epoch != NULL ? c->events.epoch(c->events.ctx) : 0,
		.members = members,
		.n_members = registry_count(c->registry),
		.ring = c->ring,
		.n_ring = has_tickets ? c->n_ring : count_notice_keys(c),
		.revocations = c->revocations,
		.n_revocations = has_tickets ? c->n_revocations : 0,
	};
	(void)session_send(s, &m); /* if it cannot be sent the connection ends */
}

/* Who is down has changed since the list was told. Remembers who is now. */
static bool has_down_changed(struct control *c)
{
	bool has_changed = false;

	for (size_t i = 0; i < registry_count(c->registry); i++) {
		bool is_down = registry_get(c->registry, i)->state == MEMBER_DOWN;

		has_changed |= is_down != c->is_said_down[i];
		c->is_said_down[i] = is_down;
	}
	return has_changed;
}

void control_tell_members(struct control *c)
{
	struct msg_member members[PLACEMENT_MAX_MEMBERS];
	struct message m = { .type = MESSAGE_MEMBERS };

	if (!has_down_changed(c) && !c->is_list_dirty)
		return;
	c->is_list_dirty = false;
	fill_members(c, members);
	m.members = (struct msg_members){ members, registry_count(c->registry) };
	for (size_t i = 0; i < registry_count(c->registry); i++) {
		if (control_send(c, i, &m) != 0)
			continue; /* it will be welcomed with the list */
	}
}

static bool is_unspecified(const struct ip *ip)
{
	static const uint8_t zeros[sizeof(ip->octets)];

	return memcmp(ip->octets, zeros, ip_size(ip)) == 0;
}

/* The endpoint where others reach it; the address may be left for us to see. */
static struct endpoint complete_mesh(const struct session *s, const struct endpoint *said)
{
	struct endpoint mesh = *said;

	if (mesh.ip.family == IP_NONE || !is_unspecified(&mesh.ip))
		return mesh;
	mesh.ip = tls_stream_remote(s->stream).ip;
	return mesh;
}

/* ---- who is taken in ---- */

static void enter(struct session *s, const struct message *m)
{
	struct control *c = s->control;
	struct control_member *member = &c->members[s->member];
	struct session *before = member->session;
	const struct registry_hello hello = {
		.boot_id = m->hello.boot_id,
		.version = m->hello.version,
		.dataplane = m->hello.dataplane,
		.capacity = m->hello.capacity,
	};
	struct endpoint mesh = complete_mesh(s, &m->hello.mesh);
	bool is_reboot;

	s->has_member = true;
	s->minor = m->hello.proto.minor;
	s->window = heartbeat_window_init(m->hello.boot_id);
	member->session = s;
	member->boot_id = m->hello.boot_id;
	memcpy(member->key, s->key, sizeof(member->key));
	registry_hello(c->registry, control_now_ms(), s->member, s->id, &hello, &is_reboot);
	if (is_reboot)
		peers_forget_member(c->peers, s->member);
	/* The registry knows the new session already, so the end of the old one says nothing. */
	if (before != NULL)
		tls_stream_close(before->stream, "the member connected anew");
	if (!endpoint_is_equal(&mesh, &member->mesh)) {
		member->mesh = mesh;
		c->is_list_dirty = true;
	}
	c->counters[CONTROL_SESSIONS]++;
	send_welcome(s, m->id);
	CONTROL_TELL(c, hello, s->member, &m->hello, &mesh);
	if (session_knows_tickets(s) && c->tickets.hello != NULL)
		c->tickets.hello(c->tickets.ctx, s->member, m->hello.ring_ids, m->hello.n_ring_ids);
	warn_of_others(s, &m->hello);
	c->events.changed(c->events.ctx);
}

/* 0, or the reason of a refusal in why and its code. */
static int judge(struct session *s, const struct message *m, const char **code, struct errtext *why)
{
	struct control *c = s->control;

	*code = MSG_CODE_NOT_ALLOWED;
	if (strcmp(m->hello.member, session_name(s)) != 0) {
		errtext_set(why, "the certificate is another member's");
		return ERR_AUTH;
	}
	if (registry_find(c->registry, m->hello.member, &s->member) != 0) {
		errtext_set(why, "not among the members in director.yaml");
		return ERR_NOT_FOUND;
	}
	if (check_addresses(registry_get(c->registry, s->member), &m->hello, why) != 0)
		return ERR_CONFIG;
	if (check_epochs(c, &m->hello, why) != 0)
		return ERR_VALUE;
	*code = MSG_CODE_BAD_STATE;
	errtext_set(why, "no key for heartbeats");
	return tls_stream_export(s->stream, HEARTBEAT_KEY_LABEL, (struct bytes){ NULL, 0 }, s->key,
				 sizeof(s->key));
}

void session_take_hello(struct session *s, const struct message *m)
{
	struct errtext why = { "" };
	const char *code;

	if (s->has_member) {
		session_refuse(s, m, MSG_CODE_BAD_STATE, "a second hello");
		return;
	}
	if (judge(s, m, &code, &why) != 0) {
		s->control->counters[CONTROL_REFUSED_HELLO]++;
		session_refuse(s, m, code, why.text);
		return;
	}
	enter(s, m);
}
