/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/route_alarm.h"

#include <stdio.h>

bool route_alarm_take(struct route_alarm *alarm, uint64_t now_ms,
		      const struct keeper_report *report, char what[MSG_TEXT_MAX + 1],
		      char why[MSG_TEXT_MAX + 1])
{
	bool is_add = report->request.type == KEEPER_ROUTE_ADD;
	char prefix[PREFIX_TEXT_MAX], untold[48] = "";

	if (now_ms < alarm->next_ms) {
		alarm->n_untold++;
		return false;
	}
	if (alarm->n_untold > 0)
		snprintf(untold, sizeof(untold), " (%u more were refused before)", alarm->n_untold);
	ip_prefix_format(&report->request.prefix, prefix);
	snprintf(what, MSG_TEXT_MAX + 1, "return path of %s not %s", prefix,
		 is_add ? "set" : "removed");
	snprintf(why, MSG_TEXT_MAX + 1, "%.100s: %s%s", report->text,
		 is_add ? "packets for it may not reach its SA here"
			: "packets for it may still come here, where it has no SA",
		 untold);
	alarm->next_ms = now_ms + ROUTE_ALARM_MS;
	alarm->n_untold = 0;
	return true;
}
