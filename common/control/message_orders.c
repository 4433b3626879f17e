/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/message_rows.h"

/* What director and agents say to each other when addresses move. */

#define EPOCH(type, member) UINT(type, member, 1, MSG_INT_MAX)

static const struct field claim_rows[] = {
	{ PLAIN(IP, msg_claim, address) },
	{ EPOCH(msg_claim, epoch) },
	{ TEXT_OPTIONAL(msg_claim, from, name) },
	{ PLAIN_OPTIONAL(BOOL, msg_claim, force) },
	{ UINT(msg_claim, dead, 1, MSG_NUMBER_MAX), .is_optional = true },
};
const struct field_table message_claim_table = { TABLE(claim_rows, struct msg_claim) };

static const struct field claimed_rows[] = {
	{ PLAIN(IP, msg_claimed, address) },
	{ EPOCH(msg_claimed, epoch) },
};
const struct field_table message_claimed_table = { TABLE(claimed_rows, struct msg_claimed) };

static const struct field refused_rows[] = {
	{ PLAIN(IP, msg_refused, address) }, { EPOCH(msg_refused, epoch) },
	{ COUNT(msg_refused, max_epoch) },   { TEXT(msg_refused, code, name) },
	{ TEXT(msg_refused, why, line) },
};
const struct field_table message_refused_table = { TABLE(refused_rows, struct msg_refused) };

static const struct field release_rows[] = {
	{ PLAIN(IP, msg_release, address) },
	{ EPOCH(msg_release, epoch) },
};
const struct field_table message_release_table = { TABLE(release_rows, struct msg_release) };

static const struct field released_rows[] = {
	{ PLAIN(IP, msg_released, address) },
	{ COUNT(msg_released, epoch) },
	{ TEXT(msg_released, why, line) },
};
const struct field_table message_released_table = { TABLE(released_rows, struct msg_released) };

static const struct field probe_rows[] = {
	{ PLAIN(IP, msg_probe, address) },
	{ UINT(msg_probe, number, 1, MSG_NUMBER_MAX) },
	{ LIST(msg_probe, references, message_endpoint_table, MSG_REFERENCES_MAX) },
	{ LIST(msg_probe, witnesses, message_ip_table, MSG_REFERENCES_MAX) },
};
const struct field_table message_probe_table = { TABLE(probe_rows, struct msg_probe) };

static const struct field probe_result_rows[] = {
	{ PLAIN(IP, msg_probe_result, address) },
	{ ENUM(msg_probe_result, agent, message_seens) },
	{ UINT(msg_probe_result, number, 1, MSG_NUMBER_MAX), .is_optional = true },
	{ ENUM(msg_probe_result, link, message_seens) },
	{ ENUM(msg_probe_result, reference, message_seens) },
};
const struct field_table message_probe_result_table = { TABLE(probe_result_rows,
							      struct msg_probe_result) };

static const struct field gone_rows[] = {
	{ TEXT(msg_gone, member, name) },
	{ PLAIN(HEX64, msg_gone, boot_id) },
};
const struct field_table message_gone_table = { TABLE(gone_rows, struct msg_gone) };

static const struct field event_rows[] = {
	{ TEXT(msg_event, what, line) },
	{ TEXT(msg_event, why, line) },
};
const struct field_table message_event_table = { TABLE(event_rows, struct msg_event) };

/* Who answered is said if, and only if, somebody did. */
int message_check_probe_result(const struct message *m, const struct field_place *place,
			       struct errtext *why)
{
	struct field_place number = { place, "number", 0 };
	bool is_answered = m->probe_result.agent == MSG_SEEN_YES;

	if (is_answered == (m->probe_result.number != 0))
		return 0;
	if (is_answered)
		return field_refuse(why, &number, ERR_MISSING, "missing");
	return field_refuse(why, &number, ERR_VALUE, "given, but no agent answered");
}
