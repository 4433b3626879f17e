/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/message_fields.h"

#include "common/control/frame.h"

#define LINK_MAX_SIZE    15 /* IFNAMSIZ without the terminator */
#define VERSION_MAX_SIZE 63

/* ---- texts ---- */

static bool is_plain_up_to(const char *text, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && text_is_plain((struct bytes){ (const uint8_t *)text, len });
}

static bool is_line(const char *text)
{
	return is_plain_up_to(text, MSG_TEXT_MAX);
}

static bool is_version(const char *text)
{
	return is_plain_up_to(text, VERSION_MAX_SIZE);
}

static bool is_link(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		if (text[len] <= ' ' || text[len] > '~' || text[len] == '/' || len == LINK_MAX_SIZE)
			return false;
	}
	return len > 0;
}

static const struct field_text name_text = { text_is_name, "a name: 1 to 63 of a-z, 0-9 and -" };
static const struct field_text line_text = {
	is_line, "1 to 255 octets of UTF-8 without control characters"
};
static const struct field_text version_text = {
	is_version, "1 to 63 octets of UTF-8 without control characters"
};
static const struct field_text type_text = { frame_is_type,
					     "a type: 1 to 32 of a-z, 0-9, - and _" };
static const struct field_text link_text = { is_link, "the name of an interface" };

/* ---- enumerations ---- */

#define TEXT_OF(name, text) text,
static const char *const claims[] = { MSG_CLAIMS(TEXT_OF) NULL };
static const char *const states[] = { MSG_STATES(TEXT_OF) NULL };
static const char *const events[] = { MSG_PEER_EVENTS(TEXT_OF) NULL };
static const char *const hows[] = { MSG_PEER_HOWS(TEXT_OF) NULL };
static const char *const types[] = { MESSAGE_TYPES(TEXT_OF) NULL };
#undef TEXT_OF

static const char *name_of(const char *const *names, unsigned int value)
{
	for (unsigned int i = 0; names[i] != NULL; i++) {
		if (i == value)
			return names[i];
	}
	return "unknown";
}

const char *message_type_name(enum message_type type)
{
	return name_of(types, (unsigned int)type);
}

const char *msg_claim_name(enum msg_claim_kind claim)
{
	return name_of(claims, (unsigned int)claim);
}

const char *msg_state_name(enum msg_state state)
{
	return name_of(states, (unsigned int)state);
}

const char *msg_peer_event_name(enum msg_peer_event event)
{
	return name_of(events, (unsigned int)event);
}

const char *msg_peer_how_name(enum msg_peer_how how)
{
	return name_of(hows, (unsigned int)how);
}

/* ---- rows; each macro names the struct, the member and, in JSON, the field ---- */

#define AT(type, member)      .offset = offsetof(struct type, member)
#define SIZE_OF(type, member) .size = sizeof(((struct type *)NULL)->member)
#define ROW(k, type, member)  .name = #member, .kind = FIELD_##k, AT(type, member)

#define PLAIN(k, type, member)          ROW(k, type, member)
#define PLAIN_OPTIONAL(k, type, member) ROW(k, type, member), .is_optional = true
#define UINT(type, member, lo, hi) \
	ROW(UINT, type, member), SIZE_OF(type, member), .min = (lo), .max = (hi)
#define COUNT(type, member)                UINT(type, member, 0, MSG_INT_MAX)
#define TEXT(type, member, which)          ROW(TEXT, type, member), .text = &which##_text
#define TEXT_OPTIONAL(type, member, which) TEXT(type, member, which), .is_optional = true

#define ENUM(type, member, texts)    ROW(ENUM, type, member), SIZE_OF(type, member), .names = (texts)
#define OBJECT(type, member, fields) ROW(OBJECT, type, member), .table = &(fields)

#define MANY(type, member, most) .count_offset = offsetof(struct type, n_##member), .max = (most)

#define LIST(type, member, fields, most) \
	ROW(LIST, type, member), MANY(type, member, most), .table = &(fields)
#define COUNTERS(type, member) ROW(COUNTERS, type, member), MANY(type, member, MSG_COUNTERS_MAX)
#define RESERVED(k, field)     .name = (field), .kind = FIELD_##k, .is_optional = true
#define TABLE(rows, type)      rows, sizeof(rows) / sizeof((rows)[0]), sizeof(type)

/* Elements of lists that are no objects. */
static const struct field ip_row[] = { { .kind = FIELD_IP } };
static const struct field prefix_row[] = { { .kind = FIELD_PREFIX } };
static const struct field name_row[] = { { .kind = FIELD_TEXT, .text = &name_text } };
static const struct field_table ip_table = { TABLE(ip_row, struct ip) };
static const struct field_table prefix_table = { TABLE(prefix_row, struct ip_prefix) };
static const struct field_table name_table = { TABLE(name_row, const char *) };

static const struct field address_rows[] = {
	{ PLAIN(IP, msg_address, address) },  { TEXT_OPTIONAL(msg_address, link, link) },
	{ ENUM(msg_address, claim, claims) }, { PLAIN(BOOL, msg_address, held) },
	{ COUNT(msg_address, epoch) },
};
static const struct field_table address_table = { TABLE(address_rows, struct msg_address) };

/* proto comes first: of another major version no other field may be judged. */
static const struct field hello_rows[] = {
	{ PLAIN(PROTO, msg_hello, proto) },
	{ TEXT(msg_hello, member, name) },
	{ PLAIN(HEX64, msg_hello, boot_id) },
	{ TEXT(msg_hello, version, version) },
	{ TEXT(msg_hello, dataplane, name) },
	{ LIST(msg_hello, addresses, address_table, MSG_ADDRESSES_MAX) },
	{ UINT(msg_hello, capacity, 1, MSG_INT_MAX) },
	{ COUNT(msg_hello, max_epoch) },
	{ LIST(msg_hello, ring_ids, name_table, MSG_RING_IDS_MAX) },
};
static const struct field_table hello_table = { TABLE(hello_rows, struct msg_hello) };

static const struct field member_rows[] = {
	{ TEXT(msg_member, name, name) },
	{ LIST(msg_member, home, ip_table, MSG_ADDRESSES_MAX) },
	{ PLAIN_OPTIONAL(ENDPOINT, msg_member, escrow) },
};
static const struct field_table member_table = { TABLE(member_rows, struct msg_member) };

static const struct field welcome_rows[] = {
	{ PLAIN(PROTO, msg_welcome, proto) },
	{ UINT(msg_welcome, number, 1, MSG_NUMBER_MAX) },
	{ TEXT(msg_welcome, cluster, name) },
	{ UINT(msg_welcome, heartbeat_ms, 10, 60000) },
	{ UINT(msg_welcome, suspect_ms, 10, 600000) },
	{ COUNT(msg_welcome, epoch) },
	{ LIST(msg_welcome, members, member_table, MSG_MEMBERS_MAX) },
	{ RESERVED(RESERVED, "ring") },
	{ RESERVED(RESERVED_OBJECT, "successors") },
	{ RESERVED(RESERVED, "pins") },
	{ RESERVED(RESERVED, "revocations") },
};
static const struct field_table welcome_table = { TABLE(welcome_rows, struct msg_welcome) };

static const struct field error_rows[] = {
	{ TEXT(msg_error, code, name) },
	{ TEXT_OPTIONAL(msg_error, of, type) },
	{ TEXT(msg_error, why, line) },
};
static const struct field_table error_table = { TABLE(error_rows, struct msg_error) };

static const struct field heartbeat_rows[] = {
	{ TEXT(msg_heartbeat, member, name) },
	{ UINT(msg_heartbeat, seq, 1, MSG_INT_MAX) },
	{ PLAIN(HEX64, msg_heartbeat, boot_id) },
	{ UINT(msg_heartbeat, load_ppm, 0, MSG_SHARE_MAX) },
	{ COUNT(msg_heartbeat, sas) },
	{ COUNT(msg_heartbeat, half_open) },
	{ UINT(msg_heartbeat, cpu_ppm, 0, MSG_SHARE_MAX) },
	{ ENUM(msg_heartbeat, state, states) },
};
static const struct field_table heartbeat_table = { TABLE(heartbeat_rows, struct msg_heartbeat) };

static const struct field ack_rows[] = { { UINT(msg_ack, seq, 1, MSG_INT_MAX) } };
static const struct field_table ack_table = { TABLE(ack_rows, struct msg_ack) };

static const struct field load_rows[] = {
	{ UINT(msg_load, load_ppm, 0, MSG_SHARE_MAX) },
	{ UINT(msg_load, cpu_ppm, 0, MSG_SHARE_MAX) },
	{ COUNT(msg_load, sas) },
	{ COUNT(msg_load, half_open) },
	{ UINT(msg_load, capacity, 1, MSG_INT_MAX) },
};
static const struct field_table load_table = { TABLE(load_rows, struct msg_load) };

static const struct field traffic_rows[] = {
	{ COUNT(msg_traffic, octets_in) },
	{ COUNT(msg_traffic, octets_out) },
	{ COUNT(msg_traffic, packets_in) },
	{ COUNT(msg_traffic, packets_out) },
};
static const struct field_table traffic_table = { TABLE(traffic_rows, struct msg_traffic) };

static const struct field report_rows[] = {
	{ UINT(msg_report, interval_ms, 1, 3600000) },
	{ OBJECT(msg_report, load, load_table) },
	{ COUNTERS(msg_report, rates) },
	{ OBJECT(msg_report, traffic, traffic_table) },
	{ COUNTERS(msg_report, errors) },
};
static const struct field_table report_table = { TABLE(report_rows, struct msg_report) };

static const struct field peer_rows[] = {
	{ ENUM(msg_peer, event, events) },
	{ TEXT(msg_peer, identity, line) },
	{ PLAIN(HEX64, msg_peer, spi) },
	{ PLAIN_OPTIONAL(HEX64, msg_peer, old_spi) },
	{ PLAIN_OPTIONAL(ENDPOINT, msg_peer, address) },
	{ TEXT_OPTIONAL(msg_peer, connection, name) },
	{ LIST(msg_peer, inner, prefix_table, MSG_INNER_MAX) },
	{ ENUM(msg_peer, how, hows) },
	{ PLAIN_OPTIONAL(IP, msg_peer, from) },
	{ COUNT(msg_peer, since_ms) },
	{ PLAIN_OPTIONAL(IP, msg_peer, lease) },
};
const struct field_table message_peer_table = { TABLE(peer_rows, struct msg_peer) };

static const struct field peers_rows[] = {
	{ PLAIN_OPTIONAL(BOOL, msg_peers, reset) },
	{ LIST(msg_peers, entries, message_peer_table, MSG_PEERS_MAX) },
};
static const struct field_table peers_table = { TABLE(peers_rows, struct msg_peers) };

static const struct field bye_rows[] = {
	{ TEXT(msg_bye, reason, line) },
	{ LIST(msg_bye, released, ip_table, MSG_ADDRESSES_MAX) },
};
static const struct field_table bye_table = { TABLE(bye_rows, struct msg_bye) };

static const struct field_table ok_table = { NULL, 0, 0 };

/* ---- what concerns several fields ---- */

static int check_welcome(const struct message *m, const struct field_place *place,
			 struct errtext *why)
{
	struct field_place suspect = { place, "suspect_ms", 0 };

	if (m->welcome.suspect_ms > m->welcome.heartbeat_ms)
		return 0;
	return field_refuse(why, &suspect, ERR_VALUE, "must be more than heartbeat_ms");
}

/* Of a peer that is there, address and connection are known. */
static int check_peer(const struct msg_peer *peer, const struct field_place *place,
		      struct errtext *why)
{
	struct field_place address = { place, "address", 0 };
	struct field_place connection = { place, "connection", 0 };

	if (peer->event == MSG_PEER_DOWN)
		return 0;
	if (peer->address.ip.family == IP_NONE)
		return field_refuse(why, &address, ERR_MISSING, "missing");
	if (peer->connection == NULL)
		return field_refuse(why, &connection, ERR_MISSING, "missing");
	return 0;
}

static int check_peers(const struct message *m, const struct field_place *place,
		       struct errtext *why)
{
	struct field_place entries = { place, "entries", 0 };
	int err = 0;

	for (size_t i = 0; err == 0 && i < m->peers.n_entries; i++) {
		struct field_place entry = { &entries, NULL, i };

		err = check_peer(&m->peers.entries[i], &entry, why);
	}
	return err;
}

#define KIND(fields, member, check) &(fields), offsetof(struct message, member), (check)
static const struct message_kind kinds[] = {
	[MESSAGE_HELLO] = { KIND(hello_table, hello, NULL) },
	[MESSAGE_WELCOME] = { KIND(welcome_table, welcome, check_welcome) },
	[MESSAGE_ERROR] = { KIND(error_table, error, NULL) },
	[MESSAGE_HEARTBEAT] = { KIND(heartbeat_table, heartbeat, NULL) },
	[MESSAGE_ACK] = { KIND(ack_table, ack, NULL) },
	[MESSAGE_REPORT] = { KIND(report_table, report, NULL) },
	[MESSAGE_PEER] = { KIND(peers_table, peers, check_peers) },
	[MESSAGE_BYE] = { KIND(bye_table, bye, NULL) },
	[MESSAGE_OK] = { KIND(ok_table, hello, NULL) },
};

const struct message_kind *message_kind_of(enum message_type type)
{
	size_t n = sizeof(kinds) / sizeof(kinds[0]);

	return (size_t)type < n ? &kinds[type] : NULL;
}
