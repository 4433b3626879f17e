/* SPDX-License-Identifier: Apache-2.0 */
#include "director/failover/executor_internal.h"

#include <stdio.h>

/* What failover cannot do in the cluster as it is configured, said before it is needed. */

void executor_warn_of_limits(const struct executor *e)
{
	const struct director_conf *conf = e->res.conf;

	if (conf->n_members == 2 && conf->n_witness == 0)
		log_warn(e->res.lg, LG_MEMBER,
			 "two members and no failover.witness in director.yaml: nobody can say "
			 "whether a silent member is down, its addresses stay where they are");
}

/* Of two members none can prove that the other is down, if it has no link to ask a witness on. */
void executor_warn_of_no_link(struct executor *e, size_t member, const struct msg_hello *hello)
{
	const char *name = registry_get(e->res.registry, member)->name;
	char ip[IP_TEXT_MAX], why[320];

	if (e->res.conf->n_members != 2 || e->has_warned[member])
		return;
	for (size_t i = 0; i < hello->n_addresses && !e->has_warned[member]; i++) {
		const struct msg_address *a = &hello->addresses[i];

		if (a->link != NULL || a->claim == MSG_CLAIM_NONE)
			continue;
		e->has_warned[member] = true;
		snprintf(
		    why, sizeof(why),
		    "%s has no link at %s to ask a witness on: of two members it does not take "
		    "it over by itself; add a third, or use \"clusteradm address move --force\"",
		    ip_format(&a->address, ip), name);
		log_warn(e->res.lg, LG_MEMBER, "%s", why);
		history_add(e->res.history, name, "no failover", why);
	}
}
