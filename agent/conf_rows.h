/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONF_ROWS_H
#define AGENT_CONF_ROWS_H

#include "common/conf/schema.h"

/* The rows of agent.yaml, by topic; conf.c has those of the top and puts them together. */
extern const struct conf_row conf_address_rows[]; /* of home and adopt */
extern const struct conf_row conf_track_rows[];
extern const struct conf_row conf_ike_rows[];
extern const struct conf_row conf_ticket_rows[];
extern const struct conf_row conf_connection_rows[];

#endif
