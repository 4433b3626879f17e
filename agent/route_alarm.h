/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROUTE_ALARM_H
#define AGENT_ROUTE_ALARM_H

#include "agent/keeper/keeper_msg.h"
#include "common/control/message.h"

/*
 * A refused return path as an event of the cluster's history. One in ROUTE_ALARM_MS: what is
 * refused in between is counted, and the next event says how many there were.
 */
#define ROUTE_ALARM_MS 10000

/* All zero at the start. */
struct route_alarm {
	uint64_t next_ms;
	uint32_t n_untold;
};

/*
 * The answer to a request for a route, whose result is not 0. True if there is an event now: its
 * texts, of MSG_TEXT_MAX + 1 octets each, are then filled in.
 */
bool route_alarm_take(struct route_alarm *alarm, uint64_t now_ms,
		      const struct keeper_report *report, char what[MSG_TEXT_MAX + 1],
		      char why[MSG_TEXT_MAX + 1]);

#endif
