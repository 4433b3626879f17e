/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/message_rows.h"

/* What an agent tells of its SAs when it is asked. */

/* An age or a term, of at least 1 ms; there is none: 0, and it is not written. */
#define TERM(type, member) UINT(type, member, 1, MSG_INT_MAX), .is_optional = true

static const struct field sas_rows[] = {
	{ PLAIN_OPTIONAL(HEX64, msg_sas, cursor) },
	{ UINT(msg_sas, limit, 1, MSG_SAS_MAX) },
	{ TEXT_OPTIONAL(msg_sas, peer, line) },
};
const struct field_table message_sas_table = { TABLE(sas_rows, struct msg_sas) };

static const struct field selector_row[] = { { .kind = FIELD_TEXT, .text = &message_line_text } };
static const struct field_table selector_table = { TABLE(selector_row, const char *) };

static const struct field child_rows[] = {
	{ TEXT(msg_child_sa, id, line) },
	{ TEXT(msg_child_sa, state, name) },
	{ TEXT(msg_child_sa, spi_in, spi) },
	{ TEXT_OPTIONAL(msg_child_sa, spi_out, spi) },
	{ TEXT_OPTIONAL(msg_child_sa, esp, line) },
	{ PLAIN_OPTIONAL(BOOL, msg_child_sa, initiator) },
	{ TERM(msg_child_sa, installed_ms) },
	{ COUNT(msg_child_sa, octets_in) },
	{ COUNT(msg_child_sa, packets_in) },
	{ COUNT(msg_child_sa, octets_out) },
	{ COUNT(msg_child_sa, packets_out) },
	{ TERM(msg_child_sa, used_in_ms) },
	{ TERM(msg_child_sa, used_out_ms) },
	{ TERM(msg_child_sa, rekey_ms) },
	{ TERM(msg_child_sa, ends_ms) },
	{ TEXT_OPTIONAL(msg_child_sa, why, name) },
	{ LIST(msg_child_sa, local, selector_table, MSG_SELECTORS_MAX) },
	{ LIST(msg_child_sa, remote, selector_table, MSG_SELECTORS_MAX) },
};
static const struct field_table child_table = { TABLE(child_rows, struct msg_child_sa) };

static const struct field sa_rows[] = {
	{ PLAIN(HEX64, msg_sa, spi) },
	{ PLAIN_OPTIONAL(HEX64, msg_sa, peer_spi) },
	{ TEXT(msg_sa, state, name) },
	{ COUNT(msg_sa, version) },
	{ PLAIN_OPTIONAL(BOOL, msg_sa, initiator) },
	{ TEXT_OPTIONAL(msg_sa, local_id, line) },
	{ TEXT_OPTIONAL(msg_sa, remote_id, line) },
	{ TEXT_OPTIONAL(msg_sa, connection, name) },
	{ PLAIN(ENDPOINT, msg_sa, local) },
	{ PLAIN(ENDPOINT, msg_sa, remote) },
	{ TEXT_OPTIONAL(msg_sa, ike, line) },
	{ TERM(msg_sa, established_ms) },
	{ COUNT(msg_sa, heard_ms) },
	{ TERM(msg_sa, rekey_ms) },
	{ TERM(msg_sa, ends_ms) },
	{ TEXT_OPTIONAL(msg_sa, why, name) },
	{ TERM(msg_sa, rekeyed_ms) },
	{ COUNT(msg_sa, rekeys) },
	{ PLAIN_OPTIONAL(BOOL, msg_sa, nat_local) },
	{ PLAIN_OPTIONAL(BOOL, msg_sa, nat_remote) },
	{ PLAIN_OPTIONAL(BOOL, msg_sa, nat_forced) },
	{ PLAIN_OPTIONAL(IP, msg_sa, from) },
	{ TEXT_OPTIONAL(msg_sa, active, name) },
	{ COUNT(msg_sa, queued) },
	{ COUNT(msg_sa, child_count) },
	{ LIST(msg_sa, children, child_table, MSG_CHILDREN_MAX) },
};
const struct field_table message_sa_table = { TABLE(sa_rows, struct msg_sa) };

static const struct field sas_part_rows[] = {
	{ LIST(msg_sas_part, entries, message_sa_table, MSG_SAS_MAX) },
	{ PLAIN_OPTIONAL(HEX64, msg_sas_part, next) },
};
const struct field_table message_sas_part_table = { TABLE(sas_part_rows, struct msg_sas_part) };
