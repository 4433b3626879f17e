/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/coordinator_internal.h"

#include <stdio.h>

/* What is heard of members besides hello and answers: signs of life, and of its end. */

void coordinator_heartbeat(struct coordinator *c, uint64_t now_ms, size_t member)
{
	if (coord_begin(c, now_ms) || coord_is_news(c, member))
		coord_review(c);
	else
		c->promised_ms = coordinator_next_expiry(c);
}

/*
 * Orders that were sent on the connection may have arrived: their time runs on, and if the member
 * says hello before, it says what it holds.
 */
void coordinator_disconnected(struct coordinator *c, uint64_t now_ms, size_t member)
{
	(void)member;
	coord_begin(c, now_ms);
	coord_review(c);
}

static bool has_ip(const struct ip *list, size_t n, const struct ip *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_is_equal(&list[i], ip))
			return true;
	}
	return false;
}

/* What it owns and did not release is asked for, as if it were silent. */
void coordinator_bye(struct coordinator *c, uint64_t now_ms, size_t member,
		     const struct ip *released, size_t n)
{
	char why[COORDINATOR_WHY_MAX];

	coord_begin(c, now_ms);
	snprintf(why, sizeof(why), "%s said bye", coord_name(c, member));
	for (size_t k = 0; k < c->n; k++) {
		struct coord_address *a = &c->addresses[k];

		if (a->state == ADDRESS_CLAIMING && a->owner == member)
			coord_orphan(c, a, false, why);
		else if (has_ip(released, n, &a->ip))
			coord_let_go(c, a, member, why);
	}
	coord_review(c);
}

void coordinator_gone(struct coordinator *c, uint64_t now_ms, size_t member)
{
	static const char found[] = "its keeper says that the agent has ended and all is taken out";
	char why[COORDINATOR_WHY_MAX];

	coord_begin(c, now_ms);
	registry_judge(c->registry, now_ms, member, MEMBER_DOWN, found);
	snprintf(why, sizeof(why), "%s is down: %s", coord_name(c, member), found);
	coord_lose_all(c, member, false, why);
	coord_review(c);
}
