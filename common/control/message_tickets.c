/* SPDX-License-Identifier: Apache-2.0 */
#include "common/control/message_rows.h"

/* What director and agents say to each other about keys and tickets. */

#define TIME(type, member) UINT(type, member, 1, MSG_INT_MAX)

static const struct field key_rows[] = {
	{ TEXT(msg_key, id, name) },
	{ TEXT(msg_key, use, name) },
	{ KEY(msg_key, key) },
	{ TIME(msg_key, not_before), .is_optional = true },
	{ TIME(msg_key, not_after), .is_optional = true },
	{ PLAIN_OPTIONAL(BOOL, msg_key, issue) },
	{ UINT(msg_key, number, 1, MSG_NUMBER_MAX), .is_optional = true },
};
const struct field_table message_key_table = { TABLE(key_rows, struct msg_key) };

static const struct field ring_rows[] = {
	{ LIST(msg_ring, keys, message_key_table, MSG_RING_MAX) },
};
const struct field_table message_ring_table = { TABLE(ring_rows, struct msg_ring) };

static const struct field ring_ok_rows[] = {
	{ LIST(msg_ring_ok, ids, message_name_table, MSG_RING_MAX) },
};
const struct field_table message_ring_ok_table = { TABLE(ring_ok_rows, struct msg_ring_ok) };

static const struct field revocation_rows[] = {
	{ UINT(msg_revocation, id, 1, MSG_INT_MAX) },
	{ ENUM(msg_revocation, what, message_revokeds) },
	{ TEXT_OPTIONAL(msg_revocation, name, line) },
	{ TIME(msg_revocation, before) },
	{ TIME(msg_revocation, until) },
};
const struct field_table message_revocation_table = { TABLE(revocation_rows,
							    struct msg_revocation) };

static const struct field revoke_rows[] = {
	{ LIST(msg_revoke, revocations, message_revocation_table, MSG_REVOCATIONS_MAX) },
};
const struct field_table message_revoke_table = { TABLE(revoke_rows, struct msg_revoke) };

static const struct field superseded_rows[] = {
	{ PLAIN(HEX64, msg_superseded, spi) },
	{ TEXT(msg_superseded, identity, line) },
	{ TEXT(msg_superseded, by, name) },
};
const struct field_table message_superseded_table = { TABLE(superseded_rows,
							    struct msg_superseded) };

/* Whose tickets is said if, and only if, it is not everybody's. */
int message_check_revocations(const struct msg_revocation *items, size_t n,
			      const struct field_place *place, struct errtext *why)
{
	struct field_place list = { place, "revocations", 0 };

	for (size_t i = 0; i < n; i++) {
		struct field_place item = { &list, NULL, i };
		struct field_place name = { &item, "name", 0 };
		bool is_all = items[i].what == MSG_REVOKED_ALL;

		if (is_all && items[i].name != NULL)
			return field_refuse(why, &name, ERR_VALUE, "given, but all are meant");
		if (!is_all && items[i].name == NULL)
			return field_refuse(why, &name, ERR_MISSING, "missing");
	}
	return 0;
}

int message_check_revoke(const struct message *m, const struct field_place *place,
			 struct errtext *why)
{
	return message_check_revocations(m->revoke.revocations, m->revoke.n_revocations, place,
					 why);
}
