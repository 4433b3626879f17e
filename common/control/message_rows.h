/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_MESSAGE_ROWS_H
#define CONTROL_MESSAGE_ROWS_H

#include "common/control/message_fields.h"

/* What the rows of messages are written with. Private to common/control. */

/* What texts have to look like. */
extern const struct field_text message_name_text, message_line_text, message_version_text,
    message_type_text, message_link_text, message_spi_text;

/* The names of enumerations. */
extern const char *const message_claims[],
    *const message_states[], *const message_events[], *const message_hows[],
							  *const message_seens[],
							      *const message_revokeds[];

/* Elements of lists that are no objects. */
extern const struct field_table message_ip_table, message_endpoint_table, message_name_table;

/* The messages of failover, in message_orders.c. */
extern const struct field_table message_claim_table, message_claimed_table, message_refused_table,
    message_release_table, message_released_table, message_probe_table, message_probe_result_table,
    message_gone_table, message_event_table;

/* Those about SAs, in message_sas.c. */
extern const struct field_table message_sas_table, message_sas_part_table;

/* Those about keys and tickets, in message_tickets.c. */
extern const struct field_table message_key_table, message_ring_table, message_ring_ok_table,
    message_revoke_table, message_superseded_table;

int message_check_probe_result(const struct message *m, const struct field_place *place,
			       struct errtext *why);
int message_check_revoke(const struct message *m, const struct field_place *place,
			 struct errtext *why);
int message_check_revocations(const struct msg_revocation *items, size_t n,
			      const struct field_place *place, struct errtext *why);

/* Each macro names the struct, the member and, in JSON, the field. */
#define AT(type, member)      .offset = offsetof(struct type, member)
#define SIZE_OF(type, member) .size = sizeof(((struct type *)NULL)->member)
#define ROW(k, type, member)  .name = #member, .kind = FIELD_##k, AT(type, member)

#define PLAIN(k, type, member)          ROW(k, type, member)
#define PLAIN_OPTIONAL(k, type, member) ROW(k, type, member), .is_optional = true
#define UINT(type, member, lo, hi) \
	ROW(UINT, type, member), SIZE_OF(type, member), .min = (lo), .max = (hi)
#define COUNT(type, member)                UINT(type, member, 0, MSG_INT_MAX)
#define TEXT(type, member, which)          ROW(TEXT, type, member), .text = &message_##which##_text
#define TEXT_OPTIONAL(type, member, which) TEXT(type, member, which), .is_optional = true

#define ENUM(type, member, texts)    ROW(ENUM, type, member), SIZE_OF(type, member), .names = (texts)
#define OBJECT(type, member, fields) ROW(OBJECT, type, member), .table = &(fields)

#define MANY(type, member, most) .count_offset = offsetof(struct type, n_##member), .max = (most)

#define LIST(type, member, fields, most) \
	ROW(LIST, type, member), MANY(type, member, most), .table = &(fields)
#define COUNTERS(type, member) ROW(COUNTERS, type, member), MANY(type, member, MSG_COUNTERS_MAX)
#define RESERVED(k, field)     .name = (field), .kind = FIELD_##k, .is_optional = true
#define KEY(type, member)      ROW(KEY, type, member), .min = MSG_KEY_MIN, .max = MSG_KEY_MAX
#define TABLE(rows, type)      rows, sizeof(rows) / sizeof((rows)[0]), sizeof(type)

#endif
