/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_MESSAGE_FIELDS_H
#define CONTROL_MESSAGE_FIELDS_H

#include "common/control/field.h"
#include "common/control/message.h"

/* The rows of every message. Private to common/control. */
struct message_kind {
	const struct field_table *table;
	size_t offset; /* of the message's struct in struct message */

	/* What no row can say, because it concerns several fields; NULL if there is nothing. */
	int (*check)(const struct message *m, const struct field_place *place, struct errtext *why);
};

/* NULL for MESSAGE_UNKNOWN and numbers that are none. */
const struct message_kind *message_kind_of(enum message_type type);

/* Entries of lists on their own, to see how much room they take. */
extern const struct field_table message_peer_table, message_sa_table, message_revocation_table;

#endif
