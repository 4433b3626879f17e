/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/message_fields.h"

#include "common/control/message_rows.h"

/* Elements of lists that are no objects. */
static const struct field ip_row[] = { { .kind = FIELD_IP } };
static const struct field endpoint_row[] = { { .kind = FIELD_ENDPOINT } };
static const struct field prefix_row[] = { { .kind = FIELD_PREFIX } };
static const struct field name_row[] = { { .kind = FIELD_TEXT, .text = &message_name_text } };
const struct field_table message_ip_table = { TABLE(ip_row, struct ip) };
const struct field_table message_endpoint_table = { TABLE(endpoint_row, struct endpoint) };
static const struct field_table prefix_table = { TABLE(prefix_row, struct ip_prefix) };
const struct field_table message_name_table = { TABLE(name_row, const char *) };

static const struct field address_rows[] = {
	{ PLAIN(IP, msg_address, address) },
	{ TEXT_OPTIONAL(msg_address, link, link) },
	{ ENUM(msg_address, claim, message_claims) },
	{ PLAIN(BOOL, msg_address, held) },
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
	{ PLAIN_OPTIONAL(ENDPOINT, msg_hello, mesh) },
	{ LIST(msg_hello, ring_ids, message_name_table, MSG_RING_IDS_MAX) },
};
static const struct field_table hello_table = { TABLE(hello_rows, struct msg_hello) };

static const struct field member_rows[] = {
	{ TEXT(msg_member, name, name) },
	{ LIST(msg_member, home, message_ip_table, MSG_ADDRESSES_MAX) },
	{ PLAIN_OPTIONAL(ENDPOINT, msg_member, escrow) },
	{ PLAIN_OPTIONAL(ENDPOINT, msg_member, mesh) },
	{ UINT(msg_member, number, 1, MSG_NUMBER_MAX), .is_optional = true },
	{ PLAIN_OPTIONAL(BOOL, msg_member, down) },
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
	{ LIST(msg_welcome, ring, message_key_table, MSG_RING_MAX), .is_optional = true },
	{ RESERVED(RESERVED_OBJECT, "successors") },
	{ RESERVED(RESERVED, "pins") },
	{ LIST(msg_welcome, revocations, message_revocation_table, MSG_REVOCATIONS_MAX),
	  .is_optional = true },
};
static const struct field_table welcome_table = { TABLE(welcome_rows, struct msg_welcome) };

static const struct field members_rows[] = {
	{ LIST(msg_members, members, member_table, MSG_MEMBERS_MAX) },
};
static const struct field_table members_table = { TABLE(members_rows, struct msg_members) };

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
	{ ENUM(msg_heartbeat, state, message_states) },
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
	{ ENUM(msg_peer, event, message_events) },
	{ TEXT(msg_peer, identity, line) },
	{ PLAIN(HEX64, msg_peer, spi) },
	{ PLAIN_OPTIONAL(HEX64, msg_peer, old_spi) },
	{ PLAIN_OPTIONAL(ENDPOINT, msg_peer, address) },
	{ TEXT_OPTIONAL(msg_peer, connection, name) },
	{ LIST(msg_peer, inner, prefix_table, MSG_INNER_MAX) },
	{ ENUM(msg_peer, how, message_hows) },
	{ PLAIN_OPTIONAL(IP, msg_peer, from) },
	{ COUNT(msg_peer, since_ms) },
	{ PLAIN_OPTIONAL(IP, msg_peer, lease) },
	{ PLAIN_OPTIONAL(HEX64, msg_peer, supersedes) },
	{ PLAIN_OPTIONAL(BOOL, msg_peer, initial_contact) },
};
const struct field_table message_peer_table = { TABLE(peer_rows, struct msg_peer) };

static const struct field peers_rows[] = {
	{ PLAIN_OPTIONAL(BOOL, msg_peers, reset) },
	{ LIST(msg_peers, entries, message_peer_table, MSG_PEERS_MAX) },
};
static const struct field_table peers_table = { TABLE(peers_rows, struct msg_peers) };

static const struct field bye_rows[] = {
	{ TEXT(msg_bye, reason, line) },
	{ LIST(msg_bye, released, message_ip_table, MSG_ADDRESSES_MAX) },
};
static const struct field_table bye_table = { TABLE(bye_rows, struct msg_bye) };

static const struct field_table ok_table = { NULL, 0, 0 };

/* ---- what concerns several fields ---- */

static int check_welcome(const struct message *m, const struct field_place *place,
			 struct errtext *why)
{
	struct field_place suspect = { place, "suspect_ms", 0 };

	if (m->welcome.suspect_ms <= m->welcome.heartbeat_ms)
		return field_refuse(why, &suspect, ERR_VALUE, "must be more than heartbeat_ms");
	return message_check_revocations(m->welcome.revocations, m->welcome.n_revocations, place,
					 why);
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
	[MESSAGE_CLAIM] = { KIND(message_claim_table, claim, NULL) },
	[MESSAGE_CLAIMED] = { KIND(message_claimed_table, claimed, NULL) },
	[MESSAGE_REFUSED] = { KIND(message_refused_table, refused, NULL) },
	[MESSAGE_RELEASE] = { KIND(message_release_table, release, NULL) },
	[MESSAGE_RELEASED] = { KIND(message_released_table, released, NULL) },
	[MESSAGE_PROBE] = { KIND(message_probe_table, probe, NULL) },
	[MESSAGE_PROBE_RESULT] = { KIND(message_probe_result_table, probe_result,
					message_check_probe_result) },
	[MESSAGE_GONE] = { KIND(message_gone_table, gone, NULL) },
	[MESSAGE_EVENT] = { KIND(message_event_table, event, NULL) },
	[MESSAGE_MEMBERS] = { KIND(members_table, members, NULL) },
	[MESSAGE_SAS] = { KIND(message_sas_table, sas, NULL) },
	[MESSAGE_SAS_PART] = { KIND(message_sas_part_table, sas_part, NULL) },
	[MESSAGE_RING] = { KIND(message_ring_table, ring, NULL) },
	[MESSAGE_RING_OK] = { KIND(message_ring_ok_table, ring_ok, NULL) },
	[MESSAGE_REVOKE] = { KIND(message_revoke_table, revoke, message_check_revoke) },
	[MESSAGE_SUPERSEDED] = { KIND(message_superseded_table, superseded, NULL) },
};

const struct message_kind *message_kind_of(enum message_type type)
{
	size_t n = sizeof(kinds) / sizeof(kinds[0]);

	return (size_t)type < n ? &kinds[type] : NULL;
}
